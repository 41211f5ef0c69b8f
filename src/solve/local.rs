//! What a step is off by: the solution of the equations through the point it started from, by a method of high order and a
//! hundredth of the tolerances.

use super::explicit::ExplicitStepper;
use super::methods::{implicit, vern9::VERN9};
use super::problem::Problem;
use super::stepper::Stepper;
use super::{ErrorKind, Formula, Method, Options, Save, Tolerance};
use crate::system::System;

/// The share of the tolerances.
const CLOSER: f64 = 0.01;
/// No closer than rounding allows.
const CLOSEST: f64 = 2e-14;

/// Follows the equations from points of a run.
pub struct Local<'a> {
    problem: Problem<'a>,
    steppers: [Option<Box<dyn Stepper>>; 2],
}

impl<'a> Local<'a> {
    /// The options to follow a run with.
    pub fn options(run: &Options<'a>) -> Options<'a> {
        let atol = match &run.atol {
            Tolerance::Scalar(atol) => Tolerance::Scalar(CLOSER * atol),
            Tolerance::PerState(list) => Tolerance::PerState(list.iter().map(|atol| CLOSER * atol).collect()),
        };
        Options {
            rtol: (CLOSER * run.rtol).max(CLOSEST),
            atol,
            max_steps: u64::MAX,
            max_step: f64::INFINITY,
            save: Save::At(Vec::new()),
            explain: false,
            observe: None,
            progress: None,
            dense: false,
            ..run.clone()
        }
    }

    /// For the runs of a system, with options as [`Self::options`] makes them.
    pub fn new(system: &'a dyn System, p: &[f64], options: &'a Options<'a>) -> Self {
        Local { problem: Problem::new(system, p, options), steppers: [None, None] }
    }

    /// The solution at `to` of the equations of `run` through (t, y); the formula of the run's own step says whether they may
    /// be stiff. What the run's step was cut into is of no concern.
    ///
    /// # Errors
    /// If it cannot be followed.
    pub fn reach(
        &mut self,
        run: &Problem,
        (t, y): (f64, &[f64]),
        to: f64,
        formula: &Formula,
    ) -> Result<&[f64], ErrorKind> {
        self.problem.place(run.parameters(), run.interval());
        let stiff = matches!(
            formula,
            Formula::Rosenbrock(_) | Formula::Esdirk(_) | Formula::Radau(_) | Formula::Bdf(_) | Formula::Rkc(_)
        );
        let slot = &mut self.steppers[usize::from(stiff)];
        if slot.is_none() {
            *slot = match implicit(Method::Radau, &self.problem)? {
                Some(radau) if stiff => Some(radau),
                _ => Some(Box::new(ExplicitStepper::new(&VERN9, &self.problem))),
            };
        }
        let Some(stepper) = slot else { return Err(ErrorKind::Singular) };
        stepper.start(&mut self.problem, t, y, to - t)?;
        // Near rounding of time there is nothing between.
        if (to - t).abs() > 4.0 * f64::EPSILON * t.abs().max(to.abs()) {
            stepper.advance(&mut self.problem, to, to)?;
        }
        Ok(stepper.y())
    }
}
