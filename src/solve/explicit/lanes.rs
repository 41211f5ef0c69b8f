//! What lanes ask of an explicit method's own stepper.

use std::sync::Arc;

use super::ExplicitStepper;
use crate::solve::lanes::{Single, Widths};
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, first_step};
use crate::solve::{ErrorKind, Statistics};
use crate::system::{CompiledStep, LIMITS};

impl Single for ExplicitStepper {
    fn whole(&self, _problem: &Problem, _single: bool) -> Option<Arc<dyn CompiledStep>> {
        self.compiled.clone()
    }

    fn widths(&self) -> Widths {
        Widths { n: self.n, point: self.n, stages: self.method.stages, carries: true, aims_at_end: false }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn count(&self, counts: &mut Statistics, steps: u64) {
        counts.rhs += steps * (self.method.stages - 1) as u64;
    }

    fn choose_first(&mut self, problem: &mut Problem, end: f64) {
        if self.pace.h == 0.0 {
            let (t, order) = (self.pace.t, self.method.error_order);
            let (f0, scratch) = self.k.split_at_mut(self.n);
            self.pace.h = first_step(problem, t, &self.y[..self.n], f0, order, end - t, scratch);
        }
    }

    fn limits(&mut self, h: f64) -> &[f64] {
        self.limits[0] = h;
        &self.limits[..LIMITS + self.n]
    }

    fn attempted(&mut self) -> [&mut [f64]; 2] {
        [&mut self.y_new, &mut self.k[..self.method.stages * self.n]]
    }

    fn judge(&mut self, problem: &mut Problem, h: f64, end: f64) -> Option<Result<(), ErrorKind>> {
        let error = self.said(problem);
        self.settle(problem, h, error, end)
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
