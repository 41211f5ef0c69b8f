//! What lanes ask of the Taylor method's own stepper.

use std::sync::Arc;

use super::{Taylor, parts};
use crate::solve::lanes::{Single, Widths};
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, first_step};
use crate::solve::{ErrorKind, Statistics};
use crate::system::CompiledStep;

impl Single for Taylor {
    fn whole(&self, _problem: &Problem, _single: bool) -> Option<Arc<dyn CompiledStep>> {
        self.compiled.clone()
    }

    fn widths(&self) -> Widths {
        Widths { n: self.n, point: self.here.len(), stages: 0, carries: false, aims_at_end: true }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn count(&self, counts: &mut Statistics, steps: u64) {
        counts.rhs += steps;
    }

    fn choose_first(&mut self, problem: &mut Problem, end: f64) {
        // The series had none to say: the right-hand side is a polynomial, or flat here and not elsewhere.
        if self.pace.h.is_infinite() {
            let (n, order) = (self.n, self.order as u32);
            let (y, jet) = parts(&self.here, n);
            self.pace.h = first_step(problem, self.pace.t, y, &jet[..n], order, end - self.pace.t, &mut self.before);
        }
    }

    fn limits(&mut self, h: f64) -> &[f64] {
        self.limits[0] = h;
        &self.limits
    }

    fn attempted(&mut self) -> [&mut [f64]; 2] {
        [&mut self.before, &mut []]
    }

    fn judge(&mut self, problem: &mut Problem, h: f64, end: f64) -> Option<Result<(), ErrorKind>> {
        problem.statistics.rhs += 1;
        let said = self.said();
        self.settle(problem, h, said, end)
    }

    fn here(&self) -> (&[f64], &[f64]) {
        (&self.here, &[])
    }

    fn stand(&mut self, pace: Pace, _fresh: bool) -> (&mut [f64], &mut [f64]) {
        self.pace = pace;
        (&mut self.here, &mut [])
    }

    fn passed(&mut self, (t, _h): (f64, f64)) -> [&mut [f64]; 3] {
        self.t_old = t;
        // The series at the start of the step is all it takes.
        [&mut self.before, &mut [], &mut []]
    }

    fn refuse(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> ErrorKind {
        self.failure(problem, h, t_new)
    }
}
