//! The points a run keeps: the ends of its steps, or asked-for times from the dense output.

use super::Run;
use crate::solve::ErrorKind;
use crate::solve::stepper::Stepper;
use crate::solve::taken::{Place, Recorder};

impl Run<'_, '_> {
    /// Keeps the start, or the asked-for times that coincide with it.
    pub(super) fn save_start(&mut self, y0: &[f64]) -> Result<(), ErrorKind> {
        self.point.copy_from_slice(y0);
        if self.kept.steps() {
            self.record(self.options.t0, Place::Here)?;
        }
        while self.kept.next_at(self.options.t0) {
            self.record(self.options.t0, Place::Here)?;
            self.kept.advance();
        }
        Ok(())
    }

    /// Keeps what the last step passed.
    pub(super) fn save(&mut self, stepper: &mut dyn Stepper) -> Result<(), ErrorKind> {
        if self.kept.steps() {
            self.point.copy_from_slice(stepper.y());
            self.record(self.time, Place::Here)?;
        }
        while let Some(t) = self.kept.reached(self.time) {
            let place = if t == self.time {
                self.point.copy_from_slice(stepper.y());
                Place::Here
            } else {
                self.interpolate(stepper, t)?
            };
            self.record(t, place)?;
            self.kept.advance();
        }
        Ok(())
    }

    /// The solution at a time within the last step, in `point`.
    pub(super) fn interpolate(&mut self, stepper: &mut dyn Stepper, t: f64) -> Result<Place, ErrorKind> {
        stepper.interpolate(&mut self.problem, t, &mut self.point);
        if let Some(projection) = &mut self.projection {
            self.recorder.iter_mut().for_each(|recorder| recorder.found(&self.point));
            projection.project(&mut self.problem, t, &mut self.point)?;
        }
        if let Some(algebraic) = &mut self.algebraic {
            // Methods interpolate algebraic unknowns less well than they compute them; where that is too far off for
            // Newton's iteration it stands as it is.
            let _ = algebraic.solve(&mut self.problem, t, &mut self.point);
        }
        Ok(Place::Inside)
    }

    /// Keeps the asked-for times that the last step passed before a time at which it is cut short, which has its own.
    pub(super) fn save_before(&mut self, stepper: &mut dyn Stepper, end: f64) -> Result<(), ErrorKind> {
        while let Some(t) = self.kept.before(end) {
            let place = self.interpolate(stepper, t)?;
            self.record(t, place)?;
            self.kept.advance();
        }
        Ok(())
    }

    pub(super) fn record(&mut self, t: f64, place: Place) -> Result<(), ErrorKind> {
        self.kept.push(&mut self.problem, t, &self.point)?;
        match &mut self.recorder {
            Some(recorder) => recorder.keep(&mut self.problem, place, t, &self.point),
            None => Ok(()),
        }
    }
}
