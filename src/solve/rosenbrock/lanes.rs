//! What lanes ask of a Rosenbrock method's own stepper.

use std::sync::Arc;

use super::{Outcome, PATIENCE, RosenbrockStepper};
use crate::solve::lanes::{Block, Single, Widths};
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, Stepper};
use crate::solve::{ErrorKind, Statistics};
use crate::system::CompiledStep;

impl Single for RosenbrockStepper {
    fn whole(&self) -> Option<&Arc<dyn CompiledStep>> {
        self.compiled.as_ref()
    }

    fn widths(&self) -> Widths {
        Widths { n: self.n, point: self.here.values.len(), stages: self.method.c.len(), carries: false }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn count(&self, counts: &mut Statistics) {
        self.count_whole(counts);
    }

    fn patience(&self) -> u32 {
        PATIENCE
    }

    fn begin(&mut self, problem: &mut Problem, y: &[f64], (t, h): (f64, f64), end: f64) -> Result<Pace, ErrorKind> {
        self.start(problem, t, y, h)?;
        self.choose_first(problem, end);
        Ok(self.pace)
    }

    fn give(&self, block: &mut Block, lane: usize) {
        block.set_point(lane, &self.here.values, &[]);
    }

    fn stand(&mut self, block: &Block, lane: usize, pace: Pace, fresh: bool) {
        self.pace = pace;
        self.fresh = fresh;
        block.point(lane, &mut self.here.values);
    }

    fn repeat(&mut self, problem: &mut Problem, block: &mut Block, lane: usize, h: f64, t_new: f64) -> f64 {
        let Outcome::Error(error) = self.by_stages(problem, h, t_new) else { return f64::NAN };
        block.set_new(lane, &self.next.values, &self.u[..self.method.c.len() * self.n]);
        error
    }

    fn passed(&mut self, block: &Block, lane: usize, (t, h): (f64, f64)) {
        (self.t_old, self.h_old) = (t, h);
        block.point(lane, &mut self.before.values);
        block.new_point(lane, &mut self.here.values);
        block.stages(lane, &mut self.u_old[..self.method.c.len() * self.n]);
        self.dense_ready = false;
    }

    fn refuse(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> ErrorKind {
        self.give_up(problem, h, t_new)
    }
}
