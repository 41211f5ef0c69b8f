//! What lanes ask of an explicit method's own stepper.

use std::sync::Arc;

use super::ExplicitStepper;
use crate::solve::lanes::{Block, Single, Widths};
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, Stepper};
use crate::solve::{ErrorKind, Statistics};
use crate::system::CompiledStep;

impl Single for ExplicitStepper {
    fn whole(&self) -> Option<&Arc<dyn CompiledStep>> {
        self.compiled.as_ref()
    }

    fn widths(&self) -> Widths {
        Widths { n: self.n, point: self.n, stages: self.method.stages, carries: true }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn count(&self, counts: &mut Statistics) {
        counts.rhs += (self.method.stages - 1) as u64;
    }

    fn begin(&mut self, problem: &mut Problem, y: &[f64], (t, h): (f64, f64), end: f64) -> Result<Pace, ErrorKind> {
        self.start(problem, t, y, h)?;
        self.choose_first(problem, end);
        Ok(self.pace)
    }

    fn give(&self, block: &mut Block, lane: usize) {
        block.set_point(lane, &self.y[..self.n], &self.k[..self.n]);
    }

    fn stand(&mut self, block: &Block, lane: usize, pace: Pace, _fresh: bool) {
        self.pace = pace;
        block.point(lane, &mut self.y[..self.n]);
        block.stages(lane, &mut self.k[..self.n]);
    }

    fn passed(&mut self, block: &Block, lane: usize, (t, h): (f64, f64)) {
        (self.t_old, self.h_old) = (t, h);
        block.point(lane, &mut self.y_old[..self.n]);
        block.new_point(lane, &mut self.y[..self.n]);
        block.stages(lane, &mut self.k_old[..self.method.stages * self.n]);
        self.dense_ready = false;
        self.extra_ready = self.method.a.len() == self.method.stages;
    }

    fn refuse(&mut self, problem: &mut Problem, h: f64, _t_new: f64) -> ErrorKind {
        self.failure(problem, h)
    }
}
