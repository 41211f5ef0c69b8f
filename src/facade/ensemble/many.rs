//! The runs of one thread: starts go in, solutions come out.

use super::super::problem::{Problem, SolveError, Start};
use crate::solve::Solution;

impl Problem<'_> {
    /// Runs what `next` gives until it gives nothing; `done` is called once for each number, in any order. What this problem
    /// itself says of parameters and first values does not count.
    pub(super) fn run_many(
        &self,
        next: &mut dyn FnMut() -> Option<(usize, Start)>,
        done: &mut dyn FnMut(usize, Result<Solution, SolveError>),
    ) {
        while let Some((k, start)) = next() {
            done(k, self.run_told(start, None));
        }
    }
}
