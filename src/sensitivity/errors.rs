//! How far a run is from the exact solution: what its steps are off by, each carried along with the run as a change of the
//! state at its end.
//!
//! The error of any number made of the solution is Σ λᵀ d over the steps, d being the error of a step and λ the adjoint of the
//! state behind it (the dual-weighted residual of Becker & Rannacher, Acta Numerica 10 (2001) 1, for a solution in steps). Carried
//! forward the same sums come out for all states, all outputs and all times at once, since the forward way is the transpose of
//! the backward one; events and algebraic unknowns are passed like by any other change. Multistep methods carry
//! d as if the points before had moved with the state.

use super::forward::Forward;
use crate::solve::local::Local;
use crate::solve::problem::Problem;
use crate::solve::{ErrorKind, Formula, Place, Recorder, Taken, Turn};

/// Carries the error along with a run: exact minus computed, to first order.
pub struct Errors<'a> {
    forward: Forward,
    local: Local<'a>,
    /// The last step: how and from where.
    formula: Option<Formula>,
    t: f64,
    y: Vec<f64>,
}

impl<'a> Errors<'a> {
    /// From a change of the start, as a rule none, in the one direction of `forward`.
    pub fn new(forward: Forward, local: Local<'a>) -> Self {
        Errors { forward, local, formula: None, t: 0.0, y: Vec::new() }
    }

    /// The error at the points kept: for each, n states and then the outputs.
    pub fn into_kept(self) -> Vec<f64> {
        self.forward.into_kept()
    }

    /// The last step's own error at a time inside it or at its end, where the run has `found`.
    fn own(&mut self, problem: &Problem, to: f64, found: &[f64], own: &mut Vec<f64>) -> Result<(), ErrorKind> {
        own.clear();
        if let Some(formula) = &self.formula {
            let exact = self.local.reach(problem, (self.t, &self.y), to, formula)?;
            own.extend(exact.iter().zip(found).map(|(exact, found)| exact - found));
        }
        Ok(())
    }

    /// The same, to be added wherever the run looks inside the step.
    fn inside(&mut self, problem: &Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        let mut own = std::mem::take(&mut self.forward.inside);
        let outcome = self.own(problem, t, y, &mut own);
        self.forward.inside = own;
        outcome
    }
}

impl Recorder for Errors<'_> {
    fn start(&mut self, problem: &mut Problem, t: f64, given: &[f64], y: &[f64]) -> Result<(), ErrorKind> {
        self.forward.start(problem, t, given, y)
    }

    fn found(&mut self, y: &[f64]) {
        self.forward.found(y);
    }

    fn reads_work(&self) -> bool {
        self.forward.reads_work()
    }

    fn step(&mut self, problem: &mut Problem, taken: Taken, y: &[f64], points: &[f64]) -> Result<(), ErrorKind> {
        let (formula, t, end) = (taken.formula.clone(), taken.t, taken.t + taken.h);
        self.forward.step(problem, taken, y, points)?;
        (self.formula, self.t) = (Some(formula), t);
        self.y.clear();
        self.y.extend_from_slice(y);
        let (found, mut own) = (self.forward.end().to_vec(), Vec::new());
        self.own(problem, end, &found, &mut own)?;
        self.forward.change(&own);
        Ok(())
    }

    fn cut(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.inside(problem, t, y)?;
        self.forward.cut(problem, t, y)
    }

    fn turn(&mut self, problem: &mut Problem, t: f64, y: &[f64], turn: Turn) -> Result<(), ErrorKind> {
        self.forward.turn(problem, t, y, turn)
    }

    fn keep(&mut self, problem: &mut Problem, place: Place, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        if place == Place::Inside {
            self.inside(problem, t, y)?;
        }
        self.forward.keep(problem, place, t, y)
    }
}
