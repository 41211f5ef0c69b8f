//! Runs of one system made again and again in the same memory: nothing is allocated after the first.
//!
//! [`Repeated::run`] is for smooth systems, whose runs are steps and points and nothing else; [`Repeated::run_told`] is for
//! all. The steps are those of [`super::integrate`], bit for bit, whatever was run before.

use super::drive::{Active, Memory};
use super::options::validate;
use super::problem::Problem;
use super::{ErrorKind, Failure, Method, Options, Precision, Recorder, Save, Solution};
use crate::system::System;

/// The memory of one run after the other.
#[derive(Default)]
pub struct Repeated {
    memory: Memory,
    solution: Solution,
}

impl Repeated {
    /// Whether a system's runs with these options are steps and points at given times and nothing else.
    pub fn suits(system: &dyn System, options: &Options) -> bool {
        let smooth = system.events().is_none()
            && system.delays().is_none()
            && system.constraints().is_none()
            && system.shape().algebraic.is_empty();
        let watched = options.observe.is_some() || options.dense || options.progress.is_some() || options.explain;
        let plain = options.t1.is_finite() && options.breakpoints.is_empty() && options.precision == Precision::Double;
        smooth && plain && !watched && matches!(options.save, Save::At(_))
    }

    /// Runs from `y0` with the bound parameters `p`; `keep` is handed the place of each time asked for and the state there.
    /// Always of the same system, one that suits.
    ///
    /// # Errors
    /// Why the run does not reach its end.
    pub fn run(
        &mut self,
        system: &dyn System,
        y0: &[f64],
        p: &[f64],
        options: &Options,
        keep: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), ErrorKind> {
        validate(system, y0, p, options).map_err(ErrorKind::Options)?;
        let mut problem = Problem::within(system, p, options, std::mem::take(&mut self.memory.room));
        let outcome = self.go(&mut problem, y0, options, keep);
        (_, self.memory.room) = problem.into_room();
        outcome
    }

    /// Any run, told to a recorder: that of [`super::integrate_told`] in double precision. Always of the same system.
    ///
    /// # Errors
    /// As there.
    pub fn run_told(
        &mut self,
        system: &dyn System,
        (y0, p): (&[f64], &[f64]),
        options: &Options,
        recorder: Option<&mut dyn Recorder>,
    ) -> Result<&Solution, Failure> {
        self.memory.run(system, (y0, p), options, recorder, &mut self.solution)?;
        Ok(&self.solution)
    }

    fn go(
        &mut self,
        problem: &mut Problem,
        y0: &[f64],
        options: &Options,
        keep: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), ErrorKind> {
        let mut active = self.memory.active(options, problem)?;
        let outcome = self.steps(problem, &mut active, y0, options, keep);
        self.memory.keep(options, active);
        outcome
    }

    fn steps(
        &mut self,
        problem: &mut Problem,
        active: &mut Active,
        y0: &[f64],
        options: &Options,
        keep: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), ErrorKind> {
        let Save::At(times) = &options.save else { return Ok(()) };
        let (stepper, end, direction) = (active.stepper(), options.t1, problem.direction);
        let point = &mut self.memory.point;
        point.resize(y0.len(), 0.0);
        let mut next = times.iter().take_while(|t| **t == options.t0).count();
        (0..next).for_each(|place| keep(place, y0));
        stepper.start(problem, options.t0, y0, options.first_step.map_or(0.0, |h| h * direction))?;
        while stepper.t() != end {
            let until = times.get(next).copied().filter(|t| (end - t) * direction > 0.0).unwrap_or(end);
            stepper.advance(problem, until, end)?;
            while let Some(t) = times.get(next).filter(|t| (stepper.t() - **t) * direction >= 0.0) {
                if *t == stepper.t() {
                    keep(next, stepper.y());
                } else {
                    stepper.interpolate(problem, *t, point);
                    keep(next, point);
                }
                next += 1;
            }
        }
        Ok(())
    }

    /// Keeps a solution made elsewhere.
    pub fn take(&mut self, solution: Solution) -> &Solution {
        self.solution = solution;
        &self.solution
    }

    /// Whether the last run was by these methods alone.
    pub fn used_only(&self, good: impl Fn(Method) -> bool) -> bool {
        self.memory.used_only(good)
    }
}
