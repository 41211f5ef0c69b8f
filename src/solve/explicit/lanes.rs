//! What lanes ask of an explicit method's own stepper.

use std::sync::Arc;

use super::ExplicitStepper;
use crate::solve::lanes::{Single, Widths};
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, Stepper};
use crate::solve::{ErrorKind, Statistics};
use crate::system::CompiledStep;

impl Single for ExplicitStepper {
    fn whole(&self, _problem: &Problem, _single: bool) -> Option<Arc<dyn CompiledStep>> {
        self.compiled.clone()
    }

    fn widths(&self) -> Widths {
        Widths { n: self.n, point: self.n, stages: self.method.stages, carries: true }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn count(&self, counts: &mut Statistics, steps: u64) {
        counts.rhs += steps * (self.method.stages - 1) as u64;
    }

    fn begin(&mut self, problem: &mut Problem, y: &[f64], (t, h): (f64, f64), end: f64) -> Result<Pace, ErrorKind> {
        self.start(problem, t, y, h)?;
        self.choose_first(problem, end);
        Ok(self.pace)
    }

    fn here(&self) -> (&[f64], &[f64]) {
        (&self.y[..self.n], &self.k[..self.n])
    }

    fn stand(&mut self, pace: Pace, _fresh: bool) -> (&mut [f64], &mut [f64]) {
        self.pace = pace;
        (&mut self.y[..self.n], &mut self.k[..self.n])
    }

    fn passed(&mut self, (t, h): (f64, f64)) -> [&mut [f64]; 3] {
        (self.t_old, self.h_old) = (t, h);
        self.dense_ready = false;
        self.extra_ready = self.method.a.len() == self.method.stages;
        let stages = &mut self.k_old[..self.method.stages * self.n];
        [&mut self.y_old[..self.n], &mut self.y[..self.n], stages]
    }

    fn refuse(&mut self, problem: &mut Problem, h: f64, _t_new: f64) -> ErrorKind {
        self.failure(problem, h)
    }
}
