//! Runs in both backends, for tests of what models do.
// Each test uses a part of it.
#![allow(dead_code)]

use rhapsode::solve::{ErrorKind, Solution};
use rhapsode::{Backend, Model, Problem, SolveError};

/// Runs a model in both backends, which must agree to the bit.
pub fn run(text: &str, set: impl Fn(Problem<'_>) -> Problem<'_>) -> Solution {
    let model = Model::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let solve = |backend| {
        let compiled = model.compile_with(backend).unwrap();
        set(compiled.problem()).solve().unwrap_or_else(|e| panic!("{text}\n{e}"))
    };
    let (native, interpreted) = (solve(Backend::Jit), solve(Backend::Interpret));
    assert_eq!(native.times(), interpreted.times());
    assert_eq!(native.occurrences(), interpreted.occurrences());
    for name in native.state_names().iter().chain(native.output_names().iter()) {
        assert_eq!(native.column(&name).unwrap(), interpreted.column(&name).unwrap(), "{name}");
    }
    native
}

/// Why a run of a model fails.
pub fn failure(text: &str) -> ErrorKind {
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    match compiled.problem().solve() {
        Err(SolveError::Failed(failure)) => failure.kind,
        other => panic!("{other:?}"),
    }
}
