//! What lanes ask of a Rosenbrock method's own stepper.

use std::sync::Arc;

use super::{Outcome, PATIENCE, RosenbrockStepper};
use crate::solve::lanes::{Single, Widths};
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, first_step};
use crate::solve::{ErrorKind, Statistics};
use crate::system::CompiledStep;

impl Single for RosenbrockStepper {
    fn whole(&self, problem: &Problem, single: bool) -> Option<Arc<dyn CompiledStep>> {
        if single { problem.system.rosenbrock_step(&self.method.formula_in_single()) } else { self.compiled.clone() }
    }

    fn widths(&self) -> Widths {
        Widths {
            n: self.n,
            point: self.here.values.len(),
            stages: self.method.c.len(),
            carries: false,
            aims_at_end: false,
        }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn count(&self, counts: &mut Statistics, steps: u64) {
        self.count_whole(counts, steps);
    }

    fn patience(&self) -> u32 {
        PATIENCE
    }

    fn choose_first(&mut self, problem: &mut Problem, end: f64) {
        if self.pace.h == 0.0 {
            let (t, order, scratch) = (self.pace.t, self.method.error_order, &mut self.u[..2 * self.n]);
            self.pace.h = first_step(problem, t, self.here.y(), self.here.f(), order, end - t, scratch);
        }
    }

    fn limits(&mut self, h: f64) -> &[f64] {
        self.limits[0] = h;
        &self.limits
    }

    fn attempted(&mut self) -> [&mut [f64]; 2] {
        [&mut self.next.values, &mut self.u[..self.method.c.len() * self.n]]
    }

    fn judge(&mut self, problem: &mut Problem, h: f64, end: f64) -> Option<Result<(), ErrorKind>> {
        let t_new = self.pace.behind(h, end);
        let outcome = match self.said(problem, h) {
            Some(error) => Outcome::Error(error),
            None => self.by_stages(problem, h, t_new),
        };
        self.settle(problem, (h, t_new), outcome, end)
    }

    fn here(&self) -> (&[f64], &[f64]) {
        (&self.here.values, &[])
    }

    fn stand(&mut self, pace: Pace, fresh: bool) -> (&mut [f64], &mut [f64]) {
        self.pace = pace;
        self.fresh = fresh;
        (&mut self.here.values, &mut [])
    }

    fn repeat(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> Option<(f64, &[f64], &[f64])> {
        let Outcome::Error(error) = self.by_stages(problem, h, t_new) else { return None };
        Some((error, &self.next.values, &self.u[..self.method.c.len() * self.n]))
    }

    fn passed(&mut self, (t, h): (f64, f64)) -> [&mut [f64]; 3] {
        (self.t_old, self.h_old) = (t, h);
        self.dense_ready = false;
        let stages = &mut self.u_old[..self.method.c.len() * self.n];
        [&mut self.before.values, &mut self.here.values, stages]
    }

    fn refuse(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> ErrorKind {
        self.give_up(problem, h, t_new)
    }
}
