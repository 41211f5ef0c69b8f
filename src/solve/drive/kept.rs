//! The points a run keeps: the ends of its steps, or asked-for times from the dense output.

use super::Run;
use crate::solve::stepper::Stepper;
use crate::solve::taken::Place;
use crate::solve::{ErrorKind, Save};

impl Run<'_, '_> {
    /// Room for the points to keep: all of them where their number is known.
    pub(super) fn reserve(&mut self) -> Result<(), ErrorKind> {
        let width = self.point.len() + self.outputs;
        let points = match &self.options.save {
            Save::At(times) => times.len(),
            Save::Steps => 1024.min((1 << 20) / width.max(1)),
        };
        let needed = 8 * (points as u64).saturating_mul(width as u64 + 1);
        let refused = ErrorKind::Memory(needed, self.options.max_memory);
        if matches!(self.options.save, Save::At(_)) && needed > self.options.max_memory {
            return Err(refused);
        }
        let reserved = self.times.try_reserve_exact(points).and(self.rows.try_reserve_exact(points * width));
        reserved.map_err(|_| refused)
    }

    /// Keeps the start, or the asked-for times that coincide with it.
    pub(super) fn save_start(&mut self, y0: &[f64]) -> Result<(), ErrorKind> {
        self.point.copy_from_slice(y0);
        match &self.options.save {
            Save::Steps => self.record(self.options.t0, Place::Here)?,
            Save::At(times) => {
                while times.get(self.next).is_some_and(|t| *t == self.options.t0) {
                    self.record(self.options.t0, Place::Here)?;
                    self.next += 1;
                }
            }
        }
        Ok(())
    }

    /// Keeps what the last step passed.
    pub(super) fn save(&mut self, stepper: &mut dyn Stepper) -> Result<(), ErrorKind> {
        match &self.options.save {
            Save::Steps => {
                self.point.copy_from_slice(stepper.y());
                self.record(self.time, Place::Here)?;
            }
            Save::At(times) => {
                while let Some(&t) = times.get(self.next)
                    && (self.time - t) * self.problem.direction >= 0.0
                {
                    let place = if t == self.time {
                        self.point.copy_from_slice(stepper.y());
                        Place::Here
                    } else {
                        self.interpolate(stepper, t)?
                    };
                    self.record(t, place)?;
                    self.next += 1;
                }
            }
        }
        Ok(())
    }

    /// The solution at a time within the last step, in `point`.
    pub(super) fn interpolate(&mut self, stepper: &mut dyn Stepper, t: f64) -> Result<Place, ErrorKind> {
        stepper.interpolate(&mut self.problem, t, &mut self.point);
        if let Some(projection) = &mut self.projection {
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
        let Save::At(times) = &self.options.save else { return Ok(()) };
        while let Some(&t) = times.get(self.next).filter(|t| (end - **t) * self.problem.direction > 0.0) {
            let place = self.interpolate(stepper, t)?;
            self.record(t, place)?;
            self.next += 1;
        }
        Ok(())
    }

    pub(super) fn record(&mut self, t: f64, place: Place) -> Result<(), ErrorKind> {
        let needed = 8 * (self.rows.len() + self.times.len() + self.point.len() + self.outputs + 1) as u64;
        if needed > self.options.max_memory {
            return Err(ErrorKind::Memory(needed, self.options.max_memory));
        }
        self.times.push(t);
        self.rows.extend_from_slice(&self.point);
        if self.outputs > 0 {
            let start = self.rows.len();
            self.rows.resize(start + self.outputs, 0.0);
            self.problem.outputs(t, &self.point, &mut self.rows[start..]);
        }
        match &mut self.recorder {
            Some(recorder) => recorder.keep(&mut self.problem, place, t, &self.point),
            None => Ok(()),
        }
    }
}
