//! One step of a system with delays.
//!
//! Where a delay is shorter than the step, the step reads itself: it is repeated with its own dense output in the place of
//! what was presumed, until that settles (Bellen & Zennaro, ch. 4; Shampine, Applied Numerical Mathematics 52, 2005), or
//! shortened. What it presumes at first is no reason to reject it: until then its error does not count. Where a computed time passes a breaking point within the step, the step is repeated up to there.

use std::sync::Arc;

use super::pieces::Piece;
use super::{CLOSE, Past};
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::stepper::Stepper;
use crate::system::{DelayArgument, TimeSource};

/// Repetitions after which a step is shortened instead.
const MOST: u32 = 12;
/// What may be left of the iteration's change, in units of the tolerance.
const KAPPA: f64 = 0.01;
/// A change that shrinks by less than this does not settle.
const SLOW: f64 = 0.8;
/// The same where the step's own error begins to count.
const NEAR: f64 = 0.05;
/// What tolerances are multiplied by until then: of explicit methods, and of those whose iterations they end.
const FORGIVING: (f64, f64) = (1e200, 1e3);
/// How often sides are corrected within one step.
const CORRECTIONS: u32 = 8;
/// Parts of a step at whose ends computed times are looked at.
const PARTS: u32 = 4;

/// A computed time leaves its side.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    t: f64,
    argument: usize,
    /// The side it goes to, and the break between.
    to: usize,
    of: usize,
}

/// Takes one accepted step, not beyond `end`, and keeps its dense output. Says whether it ends on a breaking point that was
/// found on the way.
///
/// # Errors
/// As the method's own; or if a time that is read lies ahead, or values within a step do not settle.
pub fn step(problem: &mut Problem, stepper: &mut dyn Stepper, end: f64) -> Result<bool, ErrorKind> {
    let t = stepper.t();
    let Some(past) = problem.past.as_mut() else { return stepper.advance(problem, t, end).map(|()| false) };
    past.end = t;
    past.y.copy_from_slice(stepper.y());
    let mut goal = if end - t > past.reach { t + past.reach } else { end };
    let (mut tries, mut last, mut corrections) = (0, f64::INFINITY, 0);
    let mut shortened = false;
    let mut lenient = reads_itself(problem, t, stepper.h());
    let mut found: Option<Crossing> = None;
    loop {
        if let Some(past) = problem.past.as_mut() {
            past.beyond = false;
        }
        if lenient {
            problem.loosen(if stepper.shifted().is_some() { FORGIVING.1 } else { FORGIVING.0 });
        }
        let outcome = stepper.advance(problem, t, goal);
        problem.tighten();
        outcome?;
        let reached = stepper.t();
        let beyond = problem.past.as_ref().is_some_and(|past| past.beyond);
        let piece = record(problem, stepper, t);
        if beyond {
            let change = change(problem, &piece, reached);
            let rate = change / last;
            // Of the first change no rate is known.
            let fading = last.is_finite() && rate < SLOW;
            let left = if fading { change * rate / (1.0 - rate) } else { change };
            if left > KAPPA || lenient {
                if left <= NEAR {
                    lenient = false;
                }
                tries += 1;
                let hopeless = tries > MOST || (tries > 2 && !fading);
                last = change;
                if hopeless {
                    goal = t + 0.5 * (reached - t);
                    (tries, last, shortened) = (0, f64::INFINITY, true);
                    if goal - t < problem.least_step(t) {
                        return Err(unsettled(problem));
                    }
                } else {
                    goal = reached;
                }
                if let Some(past) = problem.past.as_mut() {
                    if hopeless {
                        past.sampler.give_back(piece);
                        past.reach = goal - t;
                        past.trial = None;
                    } else if let Some(old) = past.trial.replace(piece) {
                        past.sampler.give_back(old);
                    }
                }
                again(problem, stepper, t, goal)?;
                continue;
            }
        }
        if lenient {
            // It does not read itself after all.
            lenient = false;
            if let Some(past) = problem.past.as_mut() {
                past.sampler.give_back(piece);
            }
            again(problem, stepper, t, goal)?;
            continue;
        }
        match look(problem, stepper, (t, reached))? {
            Some(crossing) if corrections < CORRECTIONS => {
                corrections += 1;
                let at_once = crossing.t - t <= 8.0 * problem.least_step(t);
                if let Some(past) = problem.past.as_mut() {
                    past.sampler.give_back(piece);
                    if at_once {
                        // It was on the wrong side from the start.
                        past.sides[crossing.argument] = crossing.to;
                    }
                    past.trial = None;
                }
                (tries, last) = (0, f64::INFINITY);
                if !at_once {
                    goal = crossing.t;
                    found = Some(crossing);
                }
                again(problem, stepper, t, goal)?;
                continue;
            }
            _ => {}
        }
        let found = found.filter(|crossing| crossing.t == reached);
        keep(problem, piece, reached, found)?;
        if let Some(past) = problem.past.as_mut() {
            past.reach = if shortened { past.reach } else { 2.0 * past.reach.max(reached - t) };
        }
        return Ok(found.is_some());
    }
}

/// Whether a step h will read itself, as far as delays are known.
fn reads_itself(problem: &mut Problem, t: f64, h: f64) -> bool {
    let Some(mut past) = problem.past.take() else { return false };
    if !past.times.is_empty() {
        problem.delayed_times(t, &past.y, &mut past.times);
    }
    let open = past.breaks.len();
    let short = |(argument, side): (&DelayArgument, &usize)| {
        let lag = match argument.source {
            TimeSource::Lag(k) => past.lags[k],
            TimeSource::Computed(k) => t - past.times[k],
        };
        *side >= open && lag < h
    };
    let reads = past.table.arguments.iter().zip(&past.sides).any(short);
    problem.past = Some(past);
    reads
}

/// The step just taken as polynomials.
fn record(problem: &mut Problem, stepper: &mut dyn Stepper, t: f64) -> Piece {
    let Some(past) = problem.past.as_mut() else { return Piece::default() };
    let (mut sampler, watched) = (std::mem::take(&mut past.sampler), std::mem::take(&mut past.watched));
    let y = std::mem::take(&mut past.y);
    // The dense output may evaluate f, which reads what the step read.
    let kept = std::mem::take(&mut past.beyond);
    past.y.clone_from(&y);
    let piece = sampler.of_step(problem, stepper, (t, &y), &watched);
    if let Some(past) = problem.past.as_mut() {
        (past.sampler, past.watched, past.y, past.beyond) = (sampler, watched, y, kept);
    }
    piece
}

/// How far a step's dense output is from what the step presumed of itself, in units of the tolerance.
fn change(problem: &mut Problem, piece: &Piece, reached: f64) -> f64 {
    let rtol = problem.rtol;
    let Some(past) = problem.past.as_ref() else { return 0.0 };
    let mut most = 0.0f64;
    for x in [-0.5, 0.0, 0.5, 1.0] {
        let t = piece.from + 0.5 * (1.0 + x) * (reached - piece.from);
        for (w, k) in past.watched.iter().enumerate() {
            let (new, old) = (piece.value(w, x), past.presumed(w, *k, t));
            let scale = problem.atol(*k) + rtol * new.abs().max(past.y[*k].abs());
            let share = (new - old).abs() / scale.max(f64::MIN_POSITIVE);
            most = if share.is_nan() { f64::INFINITY } else { most.max(share) };
        }
    }
    most
}

/// Goes back to `t`, to try a step up to `goal`.
fn again(problem: &mut Problem, stepper: &mut dyn Stepper, t: f64, goal: f64) -> Result<(), ErrorKind> {
    problem.statistics.steps -= 1;
    problem.statistics.rejected += 1;
    let Some(past) = problem.past.as_mut() else { return Ok(()) };
    let y = std::mem::take(&mut past.y);
    past.y.clone_from(&y);
    stepper.rewind(problem, t, &y, goal - t)
}

/// Looks along a step where a computed time leaves its side, or asks for what lies ahead.
fn look(
    problem: &mut Problem,
    stepper: &mut dyn Stepper,
    (from, to): (f64, f64),
) -> Result<Option<Crossing>, ErrorKind> {
    if problem.past.as_ref().is_none_or(|past| past.times.is_empty()) {
        return Ok(None);
    }
    let Some(mut past) = problem.past.take() else { return Ok(None) };
    let mut first: Option<Crossing> = None;
    let mut before = from;
    for part in 1..=PARTS {
        let t = if part == PARTS { to } else { from + (to - from) * f64::from(part) / f64::from(PARTS) };
        past.times_at(problem, stepper, t, to);
        for k in 0..past.s.len() {
            let s = past.s[k];
            let TimeSource::Computed(_) = past.table.arguments[k].source else { continue };
            // What the error of the state may do to a delay that vanishes is no future.
            let slack = 10.0 * problem.rtol * t.abs().max(to - from) + CLOSE * t.abs();
            if part == PARTS && s > t + slack {
                let name = past.table.arguments[k].name.clone();
                problem.past = Some(past);
                return Err(ErrorKind::Ahead(name, s));
            }
            let (lo, hi) = past.bounds(past.sides[k]);
            let (bound, of, to_side) = if s > hi + CLOSE * hi.abs() {
                (hi, past.sides[k], past.sides[k] + 1)
            } else if s < lo - CLOSE * lo.abs() {
                (lo, past.sides[k] - 1, past.sides[k] - 1)
            } else {
                continue;
            };
            let time = past.refine(problem, stepper, k, bound, (before, t), to);
            if first.is_none_or(|first| time < first.t) {
                first = Some(Crossing { t: time, argument: k, to: to_side, of });
            }
            past.times_at(problem, stepper, t, to);
        }
        if first.is_some() {
            break;
        }
        before = t;
    }
    problem.past = Some(past);
    Ok(first)
}

/// The step is taken: its dense output is kept, and what no delay reaches any more is dropped.
fn keep(problem: &mut Problem, piece: Piece, reached: f64, found: Option<Crossing>) -> Result<(), ErrorKind> {
    let allowed = problem.max_memory();
    let Some(past) = problem.past.as_mut() else { return Ok(()) };
    past.note();
    if let Some(crossing) = found {
        past.here = Some(past.child(crossing.of, crossing.argument));
        past.sides[crossing.argument] = crossing.to;
    }
    if let Some(trial) = past.trial.take() {
        past.sampler.give_back(trial);
    }
    // Outputs and events are looked at within this step.
    let from = piece.from;
    let pieces = Arc::make_mut(&mut past.pieces);
    pieces.push(piece);
    past.end = reached;
    // Who goes back asks for all.
    if let (Some(longest), None) = (past.longest, &past.standings) {
        let sampler = &mut past.sampler;
        pieces.drop_before(from - longest * (1.0 + CLOSE), |piece| sampler.give_back(piece));
    }
    match past.pieces.bytes() {
        bytes if bytes > allowed => Err(ErrorKind::Memory(bytes, allowed)),
        _ => Ok(()),
    }
}

fn unsettled(problem: &Problem) -> ErrorKind {
    let name = problem.past.as_ref().and_then(|past| {
        let close = past.s.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        close.map(|(k, _)| past.table.arguments[k].name.clone())
    });
    ErrorKind::Unsettled(name.unwrap_or_default())
}

impl Past<'_> {
    /// What a step presumes of a watched state (the w-th, state k) at a time within itself.
    fn presumed(&self, w: usize, k: usize, t: f64) -> f64 {
        if let Some(trial) = &self.trial {
            return trial.value(w, trial.place(t));
        }
        let first = self.breaks.last().map_or(0, |b| b.first);
        let next = self.pieces.next();
        match self.pieces.get(next.wrapping_sub(1)).filter(|_| next > first) {
            Some(piece) => piece.value(w, piece.place(t)),
            None => self.y[k],
        }
    }

    /// The delayed times at a time of the step that ends at `to`, into `s`.
    fn times_at(&mut self, problem: &mut Problem, stepper: &mut dyn Stepper, t: f64, to: f64) {
        if t == to {
            self.scratch.copy_from_slice(stepper.y());
        } else {
            stepper.interpolate(problem, t, &mut self.scratch);
        }
        problem.delayed_times(t, &self.scratch, &mut self.times);
        for (s, argument) in self.s.iter_mut().zip(&self.table.arguments) {
            *s = match argument.source {
                TimeSource::Lag(k) => t - self.lags[k],
                TimeSource::Computed(k) => self.times[k],
            };
        }
    }

    /// Where the k-th time is `bound` between two times of the step, behind the second of which it is on the other side: by
    /// bisection.
    fn refine(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        k: usize,
        bound: f64,
        (mut a, mut b): (f64, f64),
        to: f64,
    ) -> f64 {
        self.times_at(problem, stepper, b, to);
        let above = self.s[k] > bound;
        for _ in 0..100 {
            let middle = 0.5 * (a + b);
            if !(a < middle && middle < b) {
                break;
            }
            self.times_at(problem, stepper, middle, to);
            if (self.s[k] > bound) == above && self.s[k] != bound {
                b = middle;
            } else {
                a = middle;
            }
        }
        b
    }
}
