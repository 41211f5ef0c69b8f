//! What a stepper works on: the system with its parameters, tolerances, limits and counts.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::fused::sum_of_squares;
use super::past::Past;
use super::stepper::Stepper;
use super::{ErrorKind, Options, Statistics, Tolerance};
use crate::linalg::Shifted;
use crate::system::constants::MARGIN;
use crate::system::{CompiledStep, LIMITS, NEWTON_LIMITS, SecondOrder, System, Taylor};

/// The system being integrated, and the book-keeping every call to it goes through.
pub struct Problem<'a> {
    /// The system.
    pub system: &'a dyn System,
    /// The bound parameters, of which events change the discrete quantities.
    p: Vec<f64>,
    /// Per state whether its equation is algebraic; empty where none is.
    pub algebraic: Vec<bool>,
    work: Vec<f64>,
    /// Relative tolerance.
    pub rtol: f64,
    atol: &'a Tolerance,
    /// In the place of `atol` and `rtol` while the error does not count, and those.
    loose: Option<(Tolerance, f64)>,
    /// +1 forwards, −1 backwards.
    pub direction: f64,
    /// Upper bound of |h|.
    pub max_step: f64,
    /// f is asked for times between these only: just inside the breakpoints on either side, so that its value at a
    /// jump is the one-sided limit, whichever side f itself gives there.
    inside: (f64, f64),
    max_steps: u64,
    /// Somebody may cancel the run, or its time is limited.
    watched: bool,
    /// Steps are told to somebody who differentiates them.
    pub told: bool,
    /// When the host was last asked whether to go on.
    asked: Cell<Instant>,
    /// What the system reads at other times, if it does.
    pub past: Option<Box<Past<'a>>>,
    options: &'a Options<'a>,
    started: Instant,
    /// Counts so far.
    pub statistics: Statistics,
    /// How often the watched functions were computed.
    pub looks: u64,
    /// Evaluations of f that were a listener's.
    pub aside: u64,
    /// How often bound parameters or the interval have been set.
    changes: u64,
}

/// The memory of a problem that is over, for the next one.
#[derive(Default)]
pub struct Room {
    p: Vec<f64>,
    work: Vec<f64>,
    algebraic: Vec<bool>,
}

/// How often the host is asked whether to go on, at most.
const ASKED_EVERY: Duration = Duration::from_millis(30);

impl<'a> Problem<'a> {
    /// The problem of an (already validated) set of options.
    pub fn new(system: &'a dyn System, p: &[f64], options: &'a Options<'a>) -> Self {
        Problem::within(system, p, options, Room::default())
    }

    /// The same in the memory of another one.
    pub fn within(system: &'a dyn System, p: &[f64], options: &'a Options<'a>, room: Room) -> Self {
        let started = Instant::now();
        let Room { p: mut own, mut work, mut algebraic } = room;
        own.clear();
        own.extend_from_slice(p);
        work.clear();
        work.resize(system.shape().work, 0.0);
        mark(system, &mut algebraic);
        Problem {
            system,
            p: own,
            algebraic,
            work,
            rtol: options.rtol,
            atol: &options.atol,
            loose: None,
            direction: (options.t1 - options.t0).signum(),
            max_step: options.max_step,
            inside: (f64::NEG_INFINITY, f64::INFINITY),
            max_steps: options.max_steps,
            watched: options.cancel.is_some() || options.max_time.is_some() || options.interrupt.is_some(),
            told: false,
            asked: Cell::new(started),
            past: None,
            options,
            started,
            statistics: Statistics::default(),
            looks: 0,
            aside: 0,
            changes: 0,
        }
    }

    /// What it has counted, and its memory for the next one.
    pub fn into_room(self) -> (Statistics, Room) {
        (self.statistics, Room { p: self.p, work: self.work, algebraic: self.algebraic })
    }

    /// The bound parameters.
    #[inline]
    pub fn parameters(&self) -> &[f64] {
        &self.p
    }

    /// Fills in what a compiled step must know besides h ([`crate::system::CompiledStep::attempt`]).
    pub fn limits(&self, limits: &mut [f64]) {
        limits[1..LIMITS].copy_from_slice(&[self.rtol, self.inside.0, self.inside.1]);
        let atol = limits[LIMITS..].iter_mut().take(self.dim()).enumerate();
        atol.for_each(|(k, atol)| *atol = self.atol(k));
    }

    /// The same for the iterations of a multistep method ([`crate::system::CompiledNewton`]).
    pub fn newton_limits(&self, limits: &mut [f64]) {
        limits[2..5].copy_from_slice(&[self.rtol, self.inside.0, self.inside.1]);
        let atol = limits[NEWTON_LIMITS..].iter_mut().take(self.dim()).enumerate();
        atol.for_each(|(k, atol)| *atol = self.atol(k));
    }

    /// Sets the entries of algebraic equations to 0.
    pub fn clear_algebraic(&self, x: &mut [f64]) {
        self.system.shape().algebraic.iter().for_each(|k| x[*k] = 0.0);
    }

    /// `r −= c x` but for algebraic equations.
    #[inline]
    pub fn subtract(&self, r: &mut [f64], c: f64, x: &[f64]) {
        if self.algebraic.is_empty() {
            r.iter_mut().zip(x).for_each(|(r, x)| *r -= c * x);
        } else {
            let rows = r.iter_mut().zip(x).zip(&self.algebraic).filter(|(_, algebraic)| !**algebraic);
            rows.for_each(|((r, x), _)| *r -= c * x);
        }
    }

    /// Number of states.
    pub fn dim(&self) -> usize {
        self.system.shape().dim()
    }

    /// Room for W and its factorisation, as the system's pattern asks for.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if it does not fit.
    pub fn shifted(&self) -> Result<Shifted, ErrorKind> {
        self.shifted_of(self.system)
    }

    /// The same for a part of the system.
    ///
    /// # Errors
    /// As [`Self::shifted`].
    pub fn shifted_of(&self, part: &dyn System) -> Result<Shifted, ErrorKind> {
        Shifted::with(part.jacobian_pattern(), &part.strategy())
            .map_err(|e| ErrorKind::Memory(e.0, 8 * 20_000 * 20_000))
    }

    /// Whether sentences on what was chosen are asked for.
    pub fn explains(&self) -> bool {
        self.options.explain
    }

    /// Keeps a sentence on what was chosen and why, if that was asked for; of many, the first.
    pub fn explain(&mut self, sentence: impl FnOnce() -> String) {
        if !self.options.explain {
            return;
        }
        const MOST: usize = 40;
        match self.statistics.reasons.len() {
            MOST => self.statistics.reasons.push("… and so on".to_string()),
            n if n < MOST => self.statistics.reasons.push(sentence()),
            _ => {}
        }
    }

    /// Begins the segment between two breakpoints (infinite: none on that side), in either order.
    ///
    /// "Just inside" leaves room for the rounding of what is compared with the breakpoint, as of `t - lag`.
    pub fn between(&mut self, a: f64, b: f64) {
        let (lo, hi) = (a.min(b), a.max(b));
        let length = if lo.is_finite() && hi.is_finite() { hi - lo } else { 0.0 };
        let margin = |t: f64| {
            let room = 4.0 * (t.abs().next_up() - t.abs()) + MARGIN * length;
            if length > 0.0 { room.min(0.25 * length) } else { room }
        };
        let inner = |t: f64, sign: f64| if t.is_finite() { t + sign * margin(t) } else { t };
        self.inside = (inner(lo, 1.0), inner(hi, -1.0));
        self.changes += 1;
    }

    /// `dy = f(t, y)`
    #[inline]
    pub fn rhs(&mut self, t: f64, y: &[f64], dy: &mut [f64]) {
        self.rhs_of(self.system, t, y, dy);
    }

    /// The same for a part of the system.
    #[inline]
    pub fn rhs_of(&mut self, part: &dyn System, t: f64, y: &[f64], dy: &mut [f64]) {
        self.statistics.rhs += 1;
        let t = self.inside(t);
        self.recall(t, y, false);
        part.rhs(t, y, &self.p, &mut self.work, dy);
    }

    /// Taylor coefficients at (t, y), counted as one evaluation of f. `w` is as long as they say.
    pub fn taylor(&mut self, series: &dyn Taylor, t: f64, y: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.statistics.rhs += 1;
        series.coefficients(self.inside(t), y, &self.p, w, out);
    }

    /// Tries a compiled Taylor step that ends at t, counted as one evaluation of f.
    #[inline]
    pub fn taylor_step(
        &mut self,
        step: &dyn CompiledStep,
        t: f64,
        y: &[f64],
        limits: &[f64],
        w: &mut [f64],
        out: &mut [f64],
    ) {
        self.statistics.rhs += 1;
        step.attempt(self.inside(t), y, &self.p, limits, w, out);
    }

    /// ∂f/∂y in the order of the pattern.
    pub fn jacobian(&mut self, t: f64, y: &[f64], values: &mut [f64]) {
        self.jacobian_of(self.system, t, y, values);
    }

    /// The same for a part of the system.
    pub fn jacobian_of(&mut self, part: &dyn System, t: f64, y: &[f64], values: &mut [f64]) {
        self.statistics.jacobians += 1;
        let t = self.inside(t);
        self.recall(t, y, true);
        part.jacobian(t, y, &self.p, &mut self.work, values);
    }

    /// ∂f/∂t
    pub fn time_derivative(&mut self, t: f64, y: &[f64], ft: &mut [f64]) {
        if self.system.shape().time_dependent {
            let t = self.inside(t);
            self.recall(t, y, true);
            self.system.time_derivative(t, y, &self.p, &mut self.work, ft);
        } else {
            ft.fill(0.0);
        }
    }

    /// The watched functions of the system's events.
    pub fn surfaces(&mut self, t: f64, y: &[f64], g: &mut [f64]) {
        self.recall(t, y, false);
        self.looks += 1;
        self.system.surfaces(t, y, &self.p, &mut self.work, g);
    }

    /// The right sides of all events, their delays and priorities.
    pub fn resets(&mut self, t: f64, y: &[f64], values: &mut [f64]) {
        self.recall(t, y, false);
        self.system.resets(t, y, &self.p, &mut self.work, values);
    }

    /// The times of events.
    pub fn schedule(&mut self, t: f64, times: &mut [f64]) {
        self.system.schedule(t, &self.p, &mut self.work, times);
    }

    /// Puts what is read at other times into the parameters, and how fast it changes.
    pub fn recall_rates(&mut self, t: f64, y: &[f64]) {
        self.recall(t, y, true);
    }

    /// Puts what is read at other times into the parameters, and how fast it changes if asked for.
    #[inline]
    fn recall(&mut self, t: f64, y: &[f64], rates: bool) {
        if let Some(past) = &mut self.past {
            past.fill(self.system, t, y, &mut self.p, &mut self.work, rates);
        }
    }

    /// The delays that parameters decide.
    pub fn lags(&mut self, lags: &mut [f64]) {
        self.system.lags(&self.p, &mut self.work, lags);
    }

    /// The other times at which something is read.
    pub fn delayed_times(&mut self, t: f64, y: &[f64], times: &mut [f64]) {
        self.system.times(t, y, &self.p, &mut self.work, times);
    }

    /// Values before the start, and their rates.
    pub fn past_values(&mut self, s: &[f64], values: &mut [f64]) {
        self.system.past(s, &self.p, &mut self.work, values);
    }

    /// Bytes of memory a run may take for what it keeps.
    pub fn max_memory(&self) -> u64 {
        self.options.max_memory
    }

    /// The time for which the schedule of events was asked.
    pub fn scheduled_at(&self) -> f64 {
        self.begun().unwrap_or(self.options.t0)
    }

    /// Gives a discrete quantity another value.
    pub fn set_discrete(&mut self, place: usize, value: f64) {
        self.p[self.system.shape().discretes_at + place] = value;
        self.changes += 1;
    }

    /// Gives it other bound parameters.
    pub fn set_parameters(&mut self, p: &[f64]) {
        self.p.copy_from_slice(p);
        self.changes += 1;
    }

    /// Puts it where a run was: bound parameters, and the interval that f is asked for.
    pub fn place(&mut self, p: &[f64], inside: (f64, f64)) {
        self.p.copy_from_slice(p);
        self.inside = inside;
        self.changes += 1;
    }

    /// How often bound parameters, but for what is read at other times, or the interval for f have been set.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The interval that f is asked for.
    pub fn interval(&self) -> (f64, f64) {
        self.inside
    }

    /// The nearest time within it.
    #[inline]
    pub fn inside(&self, t: f64) -> f64 {
        t.max(self.inside.0).min(self.inside.1)
    }

    /// The recorded quantities.
    pub fn outputs(&mut self, t: f64, y: &[f64], out: &mut [f64]) {
        self.recall(t, y, false);
        self.system.outputs(t, y, &self.p, &mut self.work, out);
    }

    #[inline]
    fn tolerance(&self) -> &Tolerance {
        self.loose.as_ref().map_or(self.atol, |(atol, _)| atol)
    }

    /// Multiplies all tolerances by a factor.
    pub fn loosen(&mut self, factor: f64) {
        let atol = match self.atol {
            Tolerance::Scalar(atol) => Tolerance::Scalar(atol.max(f64::MIN_POSITIVE) * factor),
            Tolerance::PerState(list) => Tolerance::PerState(list.iter().map(|atol| atol * factor).collect()),
        };
        self.loose = Some((atol, self.rtol));
        self.rtol *= factor;
    }

    /// Tolerances are as asked for again.
    pub fn tighten(&mut self) {
        if let Some((_, rtol)) = self.loose.take() {
            self.rtol = rtol;
        }
    }

    /// The absolute tolerance of component k.
    #[inline]
    pub fn atol(&self, k: usize) -> f64 {
        match self.tolerance() {
            Tolerance::Scalar(value) => *value,
            Tolerance::PerState(values) => values[k],
        }
    }

    /// `1 / (atol + rtol·max(|y0|, |y1|))` per component, for a method's own norms.
    pub fn weights(&self, y0: &[f64], y1: &[f64], out: &mut [f64]) {
        match self.tolerance() {
            Tolerance::Scalar(atol) => {
                for ((out, a), b) in out.iter_mut().zip(y0).zip(y1) {
                    *out = 1.0 / scale(*atol, self.rtol, *a, *b);
                }
            }
            Tolerance::PerState(atol) => {
                for (((out, a), b), atol) in out.iter_mut().zip(y0).zip(y1).zip(atol) {
                    *out = 1.0 / scale(*atol, self.rtol, *a, *b);
                }
            }
        }
    }

    /// Root mean square of `error / (atol + rtol·max(|y0|, |y1|))` (H&N&W II.4.11).
    pub fn norm(&self, error: &[f64], y0: &[f64], y1: &[f64]) -> f64 {
        let rtol = self.rtol;
        let sum = match self.tolerance() {
            Tolerance::Scalar(atol) => sum_of_squares(error, y0, y1, |_, a, b| scale(*atol, rtol, a, b)),
            Tolerance::PerState(atol) => sum_of_squares(error, y0, y1, |k, a, b| scale(atol[k], rtol, a, b)),
        };
        (sum / error.len().max(1) as f64).sqrt()
    }

    /// The largest share of its tolerance that an entry of x is; infinite where one is not a number.
    pub fn largest(&self, x: &[f64], y0: &[f64], y1: &[f64]) -> f64 {
        let share = |k: usize| (x[k] / scale(self.atol(k), self.rtol, y0[k], y1[k])).abs();
        (0..x.len()).map(share).fold(0.0, |most, share| if share.is_nan() { f64::INFINITY } else { most.max(share) })
    }

    /// The state with the largest share in an error.
    pub fn worst(&self, error: &[f64], y: &[f64]) -> String {
        let share = |k: usize| {
            let r = (error[k] / scale(self.atol(k), self.rtol, y[k], y[k])).abs();
            if r.is_nan() { f64::INFINITY } else { r }
        };
        let worst = (0..error.len()).max_by(|a, b| share(*a).total_cmp(&share(*b)));
        worst.map_or_else(|| "the state".to_string(), |k| self.system.shape().states.get(k))
    }

    /// The states whose entry in `dy` is not finite (a few of them).
    pub fn not_finite(&self, dy: &[f64]) -> Vec<String> {
        let names = &self.system.shape().states;
        dy.iter().enumerate().filter(|(_, d)| !d.is_finite()).take(100).map(|(k, _)| names.get(k)).collect()
    }

    /// The same for the first of several vectors, one after the other, that has such entries.
    pub fn first_not_finite(&self, vectors: &[f64]) -> Vec<String> {
        let mut vectors = vectors.chunks_exact(self.dim().max(1));
        let bad = vectors.find(|vector| vector.iter().any(|x| !x.is_finite()));
        bad.map_or_else(Vec::new, |vector| self.not_finite(vector))
    }

    /// The smallest step that moves t.
    pub fn least_step(&self, t: f64) -> f64 {
        2.0 * f64::EPSILON * t.abs().max(f64::MIN_POSITIVE / f64::EPSILON)
    }

    /// What stopped a method that solves with J, if it is J: the first entry that is no number.
    pub fn diagnose(&mut self, kind: ErrorKind, stepper: &dyn Stepper) -> ErrorKind {
        if !matches!(kind, ErrorKind::StepTooSmall(_) | ErrorKind::Singular) || stepper.shifted().is_none() {
            return kind;
        }
        let pattern = self.system.jacobian_pattern();
        let mut values = vec![0.0; pattern.nnz()];
        self.jacobian(stepper.t(), stepper.y(), &mut values);
        let Some(place) = values.iter().position(|value| !value.is_finite()) else { return kind };
        let names = &self.system.shape().states;
        let (row, column) = pattern.entry(place);
        ErrorKind::Derivative(names.get(row), names.get(column))
    }

    /// To be called once per attempted step: limits and cancellation.
    #[inline]
    pub fn check(&self) -> Result<(), ErrorKind> {
        let attempts = self.statistics.steps + self.statistics.rejected;
        if self.watched || attempts >= self.max_steps {
            return self.limits_reached(attempts, self.started);
        }
        Ok(())
    }

    /// Whether somebody may end the run between two steps, or the clock.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.watched
    }

    #[cold]
    fn limits_reached(&self, attempts: u64, started: Instant) -> Result<(), ErrorKind> {
        if attempts >= self.max_steps {
            return Err(ErrorKind::TooManySteps(self.max_steps));
        }
        self.allows(attempts, started)
    }

    /// Whether a run that has been watched for so many attempts may go on.
    ///
    /// # Errors
    /// When it was cancelled or has taken too long.
    pub fn allows(&self, attempts: u64, started: Instant) -> Result<(), ErrorKind> {
        if self.options.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(ErrorKind::Interrupted);
        }
        // Looking at the clock costs as much as a small step.
        if self.dim() > 1000 || attempts.is_multiple_of(64) {
            let now = Instant::now();
            if let Some(limit) = self.options.max_time.filter(|limit| now - started > *limit) {
                return Err(ErrorKind::TooMuchTime(limit.as_secs_f64()));
            }
            if let Some(interrupt) = self.options.interrupt.filter(|_| now > self.asked.get() + ASKED_EVERY) {
                self.asked.set(now);
                if interrupt() {
                    return Err(ErrorKind::Interrupted);
                }
            }
        }
        Ok(())
    }

    /// How far the end is.
    pub fn time_left(&self, t: f64) -> f64 {
        (self.options.t1 - t).abs()
    }

    /// Whether steps run over the switches of the equations.
    pub fn over_switches(&self) -> bool {
        self.options.over_switches
    }

    /// When the run that this one goes on from began.
    pub fn begun(&self) -> Option<f64> {
        self.options.begun
    }

    /// The first step asked for.
    pub fn first_step(&self) -> Option<f64> {
        self.options.first_step
    }

    /// Positions and velocities of a second-order system, for the method of that name.
    ///
    /// # Errors
    /// If the system is of another kind: which equation, and what would work.
    pub fn second_order(&self, method: &str) -> Result<Arc<SecondOrder>, ErrorKind> {
        self.system.second_order().map_err(|reason| {
            ErrorKind::Options(format!(
                "the method {method} solves equations x'' = g(t, x) only: {reason}; write them so, or try DOP853 or Vern9"
            ))
        })
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// Per state whether its equation is algebraic; empty where none is.
fn mark(system: &dyn System, marks: &mut Vec<bool>) {
    let shape = system.shape();
    marks.clear();
    marks.resize(if shape.algebraic.is_empty() { 0 } else { shape.dim() }, false);
    shape.algebraic.iter().for_each(|k| marks[*k] = true);
}

/// What an error of 1 is compared with. Never 0: with atol = 0 a component that is 0 and stays so has no error.
#[inline]
fn scale(atol: f64, rtol: f64, a: f64, b: f64) -> f64 {
    (atol + rtol * a.abs().max(b.abs())).max(f64::MIN_POSITIVE)
}
