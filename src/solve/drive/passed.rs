//! Steps as a host sees them while a run is under way: an observer is shown each, and their dense output is kept.

use super::Run;
use crate::solve::stepper::Stepper;
use crate::solve::taken::Place;
use crate::solve::{ErrorKind, Statistics};

/// Called after every accepted step; says whether the run goes on.
pub type Observer<'a> = dyn Fn(&mut Passed) -> Go + Sync + 'a;

/// What an observer says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Go {
    /// The run goes on.
    On,
    /// It ends at this time, which lies in the step just shown.
    StopAt(f64),
}

/// A step just accepted; an event within it ends it.
pub struct Passed<'s, 'a, 'r> {
    run: &'s mut Run<'a, 'r>,
    stepper: &'s mut dyn Stepper,
    /// Where it began.
    from: f64,
    /// Whether an event ended it.
    happens: bool,
    failed: Option<ErrorKind>,
}

impl Passed<'_, '_, '_> {
    /// Where it began.
    pub fn from(&self) -> f64 {
        self.from
    }

    /// Where it ended.
    pub fn to(&self) -> f64 {
        self.run.time
    }

    /// The state where it began.
    pub fn start(&self) -> &[f64] {
        &self.run.start
    }

    /// The state where it ended, before an event there has set anything.
    pub fn end(&self) -> &[f64] {
        match &self.run.events {
            Some(events) if self.happens => &events.y,
            _ => self.stepper.y(),
        }
    }

    /// The state at a time within the step, from the method's dense output.
    pub fn state(&mut self, t: f64, out: &mut [f64]) {
        if t == self.from {
            return out.copy_from_slice(self.start());
        }
        if t == self.run.time {
            return out.copy_from_slice(self.end());
        }
        if let Err(kind) = self.run.interpolate(self.stepper, t) {
            self.failed.get_or_insert(kind);
        }
        out.copy_from_slice(&self.run.point);
    }

    /// Counts so far.
    pub fn statistics(&self) -> &Statistics {
        &self.run.problem.statistics
    }
}

impl Run<'_, '_> {
    /// Whether steps are shown or kept.
    pub(super) fn shows_steps(&self) -> bool {
        self.options.observe.is_some() || self.dense.is_some()
    }

    /// Notes the state where the next step begins.
    pub(super) fn begins(&mut self, y: &[f64]) {
        if self.shows_steps() {
            self.start.clear();
            self.start.extend_from_slice(y);
        }
    }

    /// Shows the step from `from` to where the run stands, and keeps its dense output. Says whether the observer ended the
    /// run; it then stands at the time it said, with the state there in `point`, and what is to be kept up to it has been.
    pub(super) fn show(&mut self, stepper: &mut dyn Stepper, from: f64, happens: bool) -> Result<bool, ErrorKind> {
        if !self.shows_steps() || from == self.time {
            return Ok(false);
        }
        let mut go = Go::On;
        let observer = self.options.observe;
        let mut passed = Passed { run: self, stepper, from, happens, failed: None };
        if let Some(observe) = observer {
            go = observe(&mut passed);
        }
        if let Go::StopAt(t) = go {
            let end = passed.to();
            let inside = (t - from) * (end - t) >= 0.0;
            let t = if inside { t } else { end };
            let mut last = vec![0.0; passed.start().len()];
            passed.state(t, &mut last);
            passed.run.keep_dense(passed.stepper, (from, end), t, happens)?;
            self.save_before(stepper, t)?;
            self.time = t;
            self.point.copy_from_slice(&last);
            self.record(t, if t == end { Place::Here } else { Place::Inside })?;
            (self.stopped, self.halted) = (true, true);
            return Ok(true);
        }
        if let Some(kind) = passed.failed {
            return Err(kind);
        }
        let to = self.time;
        self.keep_dense(stepper, (from, to), to, happens)?;
        Ok(false)
    }

    fn keep_dense(
        &mut self,
        stepper: &mut dyn Stepper,
        span: (f64, f64),
        until: f64,
        happens: bool,
    ) -> Result<(), ErrorKind> {
        let Some(mut dense) = self.dense.take() else { return Ok(()) };
        let (degree, most) = (stepper.degree(), self.options.max_memory);
        let mut passed = Passed { run: self, stepper, from: span.0, happens, failed: None };
        let kept = dense.push(span, until, degree, most, |t, y| {
            passed.state(t, y);
            passed.failed.take().map_or(Ok(()), Err)
        });
        self.dense = Some(dense);
        kept
    }
}
