//! What lanes ask of a method's stepper for one trajectory.

use std::sync::Arc;

use super::{Block, Widths};
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, Stepper};
use crate::solve::{ErrorKind, Statistics};
use crate::system::CompiledStep;

/// The stepper of a method whose whole step runs in lanes. It starts trajectories, looks at points inside a step, takes steps
/// that those of several cannot, and knows why none is small enough: by its own means, so that nothing is written twice.
pub trait Single: Stepper {
    /// The whole step for one trajectory, where the system has one.
    fn whole(&self) -> Option<&Arc<dyn CompiledStep>>;

    /// How long the parts of a lane are.
    fn widths(&self) -> Widths;

    /// Where it stands, and its controller.
    fn pace(&self) -> Pace;

    /// Counts what a whole step takes.
    fn count(&self, counts: &mut Statistics);

    /// Starts at (t, y) with a step h to try, or one of its own if h is 0, on the way to `end`; says where it stands.
    ///
    /// # Errors
    /// If f is not finite there.
    fn begin(&mut self, problem: &mut Problem, y: &[f64], at: (f64, f64), end: f64) -> Result<Pace, ErrorKind>;

    /// Gives a lane the point it stands at.
    fn give(&self, block: &mut Block, lane: usize);

    /// Stands at the point of a lane; `fresh`: J has been evaluated there.
    fn stand(&mut self, block: &Block, lane: usize, pace: Pace, fresh: bool);

    /// Has taken the lane's step from t of length h: for points inside.
    fn passed(&mut self, block: &Block, lane: usize, from: (f64, f64));

    /// Why no step is small enough, where it stands: the last was h, to `t_new`.
    fn refuse(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> ErrorKind;

    /// After so many steps with bad pivots a trajectory's whole steps are given up; 0 if there are no pivots.
    fn patience(&self) -> u32 {
        0
    }

    /// Takes a step h to `t_new` from where it stands, by stages and with pivoting, for the lane. Its error in units of the
    /// tolerance, NaN if it cannot be taken.
    fn repeat(&mut self, _problem: &mut Problem, _block: &mut Block, _lane: usize, _h: f64, _t_new: f64) -> f64 {
        f64::NAN
    }
}
