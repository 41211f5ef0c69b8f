//! Runs of one system made again and again in the same memory: nothing is allocated after the first.
//!
//! For smooth systems, whose runs are steps and points and nothing else. The steps are those of [`super::integrate`], bit for
//! bit, whatever was run before.

use super::drive::Active;
use super::options::validate;
use super::problem::{Problem, Room};
use super::{ErrorKind, Method, Options, Precision, Save};
use crate::system::System;

/// The memory of one run after the other.
#[derive(Default)]
pub struct Repeated {
    /// The method in progress, and what was asked for when it was made.
    active: Option<(Method, f64, Active)>,
    room: Room,
    point: Vec<f64>,
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
        let mut problem = Problem::within(system, p, options, std::mem::take(&mut self.room));
        let outcome = self.go(&mut problem, y0, options, keep);
        self.room = problem.into_room();
        outcome
    }

    fn go(
        &mut self,
        problem: &mut Problem,
        y0: &[f64],
        options: &Options,
        keep: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), ErrorKind> {
        let known = self.active.take().filter(|(method, rtol, _)| (*method, *rtol) == (options.method, options.rtol));
        let known = known.map(|(.., active)| active).and_then(|mut active| active.stepper().renew().then_some(active));
        let mut active = match known {
            Some(active) => active,
            None => Active::new(options.method, problem)?,
        };
        let outcome = self.steps(problem, &mut active, y0, options, keep);
        self.active = Some((options.method, options.rtol, active));
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
        self.point.resize(y0.len(), 0.0);
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
                    stepper.interpolate(problem, *t, &mut self.point);
                    keep(next, &self.point);
                }
                next += 1;
            }
        }
        Ok(())
    }

    /// Whether the last run was by these methods alone.
    pub fn used_only(&self, good: impl Fn(Method) -> bool) -> bool {
        match &self.active {
            Some((.., Active::Auto(auto))) => auto.used().iter().all(|name| Method::find(name).is_some_and(&good)),
            Some((method, ..)) => good(*method),
            None => false,
        }
    }
}
