//! What lanes ask of a method's stepper for one trajectory.

use std::sync::Arc;

use super::Widths;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, Stepper};
use crate::solve::{ErrorKind, Statistics};
use crate::system::CompiledStep;

/// The stepper of a method whose whole step runs in lanes. It starts trajectories, looks at points inside a step, takes steps
/// that those of several cannot, and knows why none is small enough: by its own means, so that nothing is written twice.
pub trait Single: Stepper {
    /// The whole step for one trajectory, where the system has one; `single`: one to be made for single precision.
    fn whole(&self, problem: &Problem, single: bool) -> Option<Arc<dyn CompiledStep>>;

    /// How long the parts of a lane are.
    fn widths(&self) -> Widths;

    /// Where it stands, and its controller.
    fn pace(&self) -> Pace;

    /// Counts what so many whole steps take.
    fn count(&self, counts: &mut Statistics, steps: u64);

    /// The first step on the way to `end`, if none is wanted yet.
    fn choose_first(&mut self, problem: &mut Problem, end: f64);

    /// Starts at (t, y) with a step h to try, or one of its own if h is 0, on the way to `end`; says where it stands.
    ///
    /// # Errors
    /// If f is not finite there.
    fn begin(&mut self, problem: &mut Problem, y: &[f64], (t, h): (f64, f64), end: f64) -> Result<Pace, ErrorKind> {
        self.start(problem, t, y, h)?;
        self.choose_first(problem, end);
        Ok(self.pace())
    }

    /// The length of the next attempt of a step on the way to `end`.
    ///
    /// # Errors
    /// When a limit of the run is reached.
    #[inline]
    fn propose(&mut self, problem: &mut Problem, end: f64) -> Result<f64, ErrorKind> {
        self.choose_first(problem, end);
        problem.check()?;
        Ok(self.pace().attempt(problem.max_step, end))
    }

    /// What a compiled attempt of length h must know ([`CompiledStep::attempt`]).
    fn limits(&mut self, h: f64) -> &[f64];

    /// Where the new point and the stages of a compiled attempt are to be written.
    fn attempted(&mut self) -> [&mut [f64]; 2];

    /// What becomes of an attempt of length h that was written there: the end of the step, or `None`, and another is needed.
    fn judge(&mut self, problem: &mut Problem, h: f64, end: f64) -> Option<Result<(), ErrorKind>>;

    /// The point it stands at, and the first stage.
    fn here(&self) -> (&[f64], &[f64]);

    /// Where a point and a first stage are to be written, to stand there; `fresh`: J has been evaluated there.
    fn stand(&mut self, pace: Pace, fresh: bool) -> (&mut [f64], &mut [f64]);

    /// Where two points and the stages between them are to be written, to have taken that step from t of length h.
    fn passed(&mut self, from: (f64, f64)) -> [&mut [f64]; 3];

    /// Why no step is small enough, where it stands: the last was h, to `t_new`.
    fn refuse(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> ErrorKind;

    /// After so many steps with bad pivots a trajectory's whole steps are given up; 0 if there are no pivots.
    fn patience(&self) -> u32 {
        0
    }

    /// Takes a step h to `t_new` from where it stands, by stages and with pivoting: its error in units of the tolerance, the
    /// new point and the stages. `None` if it cannot be taken.
    fn repeat(&mut self, _problem: &mut Problem, _h: f64, _t_new: f64) -> Option<(f64, &[f64], &[f64])> {
        None
    }
}
