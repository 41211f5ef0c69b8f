//! Generated reaction networks: from text to callable kernels and to the first solution, and what a call costs, as
//! straight-line code and as loops over index tables.
//!
//! Run: `taskset -c 0 cargo bench --bench networks` (one core: code is compiled on as many threads as there are cores);
//! numbers of reactions after `--` choose the sizes. Each figure is the least of several runs.

#[path = "../tests/common/network.rs"]
mod network;

use std::hint::black_box;
use std::time::Instant;

use rhapsode::Model;
use rhapsode::backend::interpret::Interpreter;
use rhapsode::backend::native::Native;
use rhapsode::backend::{Arguments, Kernels};
use rhapsode::kernel::{Form, Target64, lower_as};
use rhapsode::source::Sources;

const POLLUTION: &str = include_str!("../examples/models/pollution.ode");

/// Least seconds of so many runs.
fn least<T>(runs: usize, mut f: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let start = Instant::now();
        black_box(f());
        start.elapsed().as_secs_f64()
    };
    (0..runs).map(once).fold(f64::INFINITY, f64::min)
}

fn parsed(text: &str) -> Model {
    Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Microseconds per call of a kernel.
fn per_call(native: &Native, name: &str, y: &[f64], p: &[f64]) -> f64 {
    let Some(id) = native.find(name) else { return f64::NAN };
    let lengths = native.lengths(id);
    let (mut w, mut out) = (vec![0.0; lengths.w], vec![0.0; lengths.out]);
    let mut call = || {
        let (w, out) = (w.as_mut_slice(), out.as_mut_slice());
        native.call(id, Arguments { t: 0.0, y: black_box(y), p: black_box(p), v: &[], w, out });
    };
    let once = least(3, &mut call);
    let turns = (5e-3 / once).clamp(1.0, 10_000.0) as usize;
    least(9, || (0..turns).for_each(|_| call())) / turns as f64 * 1e6
}

fn forms(species: usize, reactions: usize) {
    let text = network::network(species, reactions, 7);
    let sources = Sources::new("network", text.as_str());
    let runs = if reactions > 30_000 { 2 } else { 4 };
    let (ast, _) = rhapsode::lang::parse(sources.main());
    let parse = least(runs, || rhapsode::lang::parse(sources.main()));
    let check = least(runs, || rhapsode::model::check(&sources, &ast));
    let model = parsed(&text);
    let derive = least(runs, || rhapsode::diff::derive(model.checked()));
    println!(
        "\n{species} species, {reactions} reactions, {:.2} MB: parse {:.1} ms, check {:.1} ms, derive {:.1} ms",
        text.len() as f64 / 1e6,
        1e3 * parse,
        1e3 * check,
        1e3 * derive
    );
    let target = Target64 { fma: rhapsode::backend::host_has_fma() };
    for form in [Form::Straight, Form::Tables] {
        let lower = || lower_as(model.checked(), model.derivatives(), target, form);
        let lowering = least(runs, lower);
        let lowered = lower();
        let emission = least(runs, || Native::new(&lowered.program));
        let native = Native::new(&lowered.program).unwrap_or_else(|error| panic!("{error}"));
        let interpreter = Interpreter::new(&lowered.program).unwrap_or_else(|error| panic!("{error}"));
        let compiled = model.compile_with(rhapsode::Backend::Interpret).unwrap_or_else(|error| panic!("{error}"));
        let mut p = compiled.problem().parameter_values().unwrap_or_default();
        p.extend(network::call(&interpreter, "bind", &[], &p));
        let y: Vec<f64> =
            network::call(&interpreter, "init", &vec![0.0; model.states().len()], &p).iter().map(|y| y + 0.1).collect();
        println!(
            "{form:?}: lower {:.1} ms, native code {:.1} ms ({} kB); text to kernels {:.1} ms; rhs {:.1} µs, jacobian {:.1} µs",
            1e3 * lowering,
            1e3 * emission,
            native.code_bytes() / 1000,
            1e3 * (parse + check + derive + lowering + emission),
            per_call(&native, "rhs", &y, &p),
            per_call(&native, "jacobian", &y, &p),
        );
    }
}

/// Text to the end of the first run.
fn first_solution(name: &str, text: &str, asked: &str) {
    let seconds = least(3, || {
        let compiled = parsed(text).compile().unwrap_or_else(|error| panic!("{error}"));
        compiled.problem().solve().map(|solution| solution.len()).unwrap_or_else(|error| panic!("{error}"))
    });
    println!("text to first solution, {name}: {:.1} ms (asked: {asked})", 1e3 * seconds);
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 5_000, 24_388, 100_000] } else { sizes };
    for reactions in sizes {
        forms((reactions / 22).max(100), reactions);
    }
    println!();
    first_solution("pollution", POLLUTION, "10 ms");
    first_solution("356 species, 3,749 reactions", &network::network(356, 3_749, 7), "300 ms");
    first_solution("1,122 species, 24,388 reactions", &network::network(1_122, 24_388, 7), "1500 ms");
}
