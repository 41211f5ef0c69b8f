//! What a system reads at other times: the solution so far, the past before the start, and where either is not smooth.
//!
//! Method: steps along the dense output of the method itself (Bellen & Zennaro, Numerical Methods for Delay Differential
//! Equations, Oxford 2003, ch. 3–4). A jump at a time b, of the k-th derivative, comes back where a delayed time passes b,
//! one derivative higher (for neutral equations the same): breaking points. Steps end on them. Between two of them a
//! delayed time stays on its side: during a step it reads that side's polynomials beyond their ends, so that f is smooth
//! within each step (Guglielmi & Hairer, Computing 67, 2001; Adv. Comput. Math. 29, 2008), and the values at a jump are those
//! of the right side.
//!
//! `pieces` keeps the polynomials, `steps` takes a step whose delays may be shorter than itself, `back` is the memory of a run for
//! those who go back through it.

mod back;
mod pieces;
mod steps;

pub use back::{Memory, Origin};
pub use steps::step;

use std::sync::Arc;

use back::Standing;
use pieces::{Piece, Pieces, Sampler};

use super::ErrorKind;
use super::problem::Problem;
use crate::system::{Delays, System, TimeSource};

/// Breaking points that lie ahead, after which further ones are not followed.
const MOST_AHEAD: usize = 20_000;
/// Times so close, relative to their size, are one.
const CLOSE: f64 = 16.0 * f64::EPSILON;

/// A time at which the solution is not smooth.
#[derive(Clone, Copy, Debug)]
struct Break {
    t: f64,
    /// The lowest derivative that may jump; 0 is the solution itself.
    level: u32,
    /// The number of the first piece behind it.
    first: usize,
}

/// A breaking point that lies ahead: a delayed time passes an earlier one.
#[derive(Clone, Copy, Debug)]
struct Due {
    time: f64,
    argument: usize,
    /// Which earlier one.
    of: usize,
}

/// Where a delayed time finds its values.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// Before the start.
    Past,
    /// In the piece of that number, at that place.
    Piece(usize, f64),
    /// In the step being taken, as it was tried before.
    Trial(f64),
    /// Nowhere yet: the solution as it stands.
    Here,
    /// It is no number.
    Nowhere,
}

/// The memory of a run.
pub struct Past<'a> {
    table: &'a Delays,
    lags: Vec<f64>,
    times: Vec<f64>,
    /// The delayed times, and where they find their values.
    s: Vec<f64>,
    sources: Vec<Source>,
    /// Per delayed time the side it is on: 0 before the start, k between breaks k − 1 and k.
    sides: Vec<usize>,
    breaks: Vec<Break>,
    /// The latest first.
    due: Vec<Due>,
    /// Derivatives of higher order may jump unnoticed.
    order: u32,
    start: Vec<f64>,
    /// The states that are read, and the place among them by value.
    watched: Vec<usize>,
    watched_of: Vec<usize>,
    pieces: Arc<Pieces>,
    sampler: Sampler,
    trial: Option<Piece>,
    /// Where the solution stands.
    end: f64,
    y: Vec<f64>,
    /// The longest delay, where all are known.
    longest: Option<f64>,
    /// Values before the start, and their rates.
    before: Vec<f64>,
    /// The pieces do not reach far enough for what was asked.
    beyond: bool,
    /// What is known of the break the run stands at.
    here: Option<u32>,
    first: bool,
    /// The longest step for which values within it are known to settle.
    reach: f64,
    scratch: Vec<f64>,
    /// Of a run somebody will go back through: how it stood, from step to step.
    standings: Option<Vec<Standing>>,
    /// Going back: the pieces before this one are known.
    known: Option<usize>,
    /// The time of the last call.
    asked: f64,
}

impl<'a> Past<'a> {
    /// The memory of a run from (t0, y0), for a method whose order is no greater than `order`; none if the system has no
    /// delays.
    ///
    /// # Errors
    /// If a delay is negative or no number, or the run goes backwards.
    pub fn new(problem: &mut Problem<'a>, t0: f64, y0: &[f64], order: u32) -> Result<Option<Box<Self>>, ErrorKind> {
        let Some(table) = problem.system.delays() else { return Ok(None) };
        if problem.direction < 0.0 {
            return Err(ErrorKind::Options("a model with delays can only be run forwards in time".to_string()));
        }
        let mut lags = vec![0.0; table.lags];
        problem.lags(&mut lags);
        let lag = |source: TimeSource| if let TimeSource::Lag(k) = source { Some(lags[k]) } else { None };
        for argument in &table.arguments {
            if let Some(lag) = lag(argument.source)
                && !(lag >= 0.0 && lag.is_finite())
            {
                let name = &argument.name;
                return Err(ErrorKind::Options(format!("the delay of `{name}` is {lag}; expected 0 or more")));
            }
        }
        let longest = table.arguments.iter().try_fold(0.0f64, |most, a| Some(most.max(lag(a.source)?)));
        let sides = table.arguments.iter().map(|a| usize::from(lag(a.source) == Some(0.0))).collect();
        let mut past = Past { sides, order, ..Past::empty(table, lags, t0, y0) };
        past.longest = longest;
        past.standings = problem.told.then(Vec::new);
        past.find_sides(problem, t0, y0, true);
        Ok(Some(Box::new(past)))
    }

    /// Nothing remembered yet.
    fn empty(table: &'a Delays, lags: Vec<f64>, t0: f64, y0: &[f64]) -> Self {
        let mut watched: Vec<usize> = table.values.iter().map(|v| v.state).collect();
        watched.sort_unstable();
        watched.dedup();
        let watched_of = table.values.iter().map(|v| watched.partition_point(|k| *k < v.state)).collect();
        let count = table.arguments.len();
        Past {
            sides: vec![0; count],
            times: vec![0.0; table.times],
            s: vec![t0; count],
            sources: vec![Source::Past; count],
            breaks: vec![Break { t: t0, level: 1, first: 0 }],
            due: Vec::new(),
            order: 0,
            start: y0.to_vec(),
            watched,
            watched_of,
            pieces: Arc::default(),
            sampler: Sampler::default(),
            trial: None,
            end: t0,
            y: y0.to_vec(),
            longest: None,
            before: vec![0.0; 2 * table.values.len()],
            beyond: false,
            here: None,
            first: true,
            reach: f64::INFINITY,
            scratch: vec![0.0; y0.len()],
            standings: None,
            known: None,
            asked: t0,
            lags,
            table,
        }
    }

    /// The delayed times at (t, y).
    fn update_times(&mut self, system: &dyn System, t: f64, y: &[f64], p: &[f64], w: &mut [f64]) {
        if !self.times.is_empty() {
            system.times(t, y, p, w, &mut self.times);
        }
        for (s, argument) in self.s.iter_mut().zip(&self.table.arguments) {
            *s = match argument.source {
                TimeSource::Lag(k) => t - self.lags[k],
                TimeSource::Computed(k) => self.times[k],
            };
        }
    }

    /// Puts the delayed values for (t, y) into the bound parameters, their rates too if asked for.
    pub fn fill(&mut self, system: &dyn System, t: f64, y: &[f64], p: &mut [f64], w: &mut [f64], rates: bool) {
        self.update_times(system, t, y, p, w);
        self.asked = t;
        let mut past = false;
        for k in 0..self.s.len() {
            self.sources[k] = self.source(self.s[k].min(t), k, rates);
            past |= matches!(self.sources[k], Source::Past);
        }
        if past {
            self.look_before(system, p, w);
        }
        let places = self.table.places;
        let count = self.table.values.len();
        let rates = rates || self.table.is_neutral();
        for (k, delayed) in self.table.values.iter().enumerate() {
            let watched = self.watched_of[k];
            let (value, rate) = match self.sources[delayed.argument] {
                Source::Past if delayed.past => (self.before[k], self.before[count + k]),
                Source::Past => (self.start[delayed.state], 0.0),
                Source::Here => (self.y[delayed.state], 0.0),
                Source::Nowhere => (f64::NAN, f64::NAN),
                Source::Piece(number, x) => match self.pieces.get(number) {
                    Some(piece) => (piece.value(watched, x), if rates { piece.rate(watched, x) } else { 0.0 }),
                    None => (f64::NAN, f64::NAN),
                },
                Source::Trial(x) => match &self.trial {
                    Some(piece) => (piece.value(watched, x), if rates { piece.rate(watched, x) } else { 0.0 }),
                    None => (f64::NAN, f64::NAN),
                },
            };
            p[places + k] = value;
            if rates {
                p[places + count + k] = rate;
            }
        }
    }

    /// Where the k-th delayed time, which is s, finds its values. Rates for a derivative of f come from the step itself if
    /// most of it reads itself: what the step reads has that slope.
    fn source(&mut self, s: f64, k: usize, rates: bool) -> Source {
        if s.is_nan() {
            return Source::Nowhere;
        }
        let side = self.sides[k];
        let Some(before) = side.checked_sub(1) else { return Source::Past };
        let open = side >= self.breaks.len();
        let next = self.known.unwrap_or(self.pieces.next());
        let end = self.breaks.get(side).map_or(next, |b| b.first);
        let beyond = open && s > self.end;
        let piece =
            |number: usize| Source::Piece(number, self.pieces.get(number).map_or(f64::NAN, |piece| piece.place(s)));
        if self.known.is_some() && beyond {
            // What the step read of itself is what it has become.
            return piece(next);
        }
        self.beyond |= beyond;
        match (&self.trial, self.pieces.at(s, self.breaks[before].first, end)) {
            (Some(trial), _) if beyond || (rates && open && trial.place(s) > -2.0) => Source::Trial(trial.place(s)),
            (_, Some(number)) => piece(number),
            _ => Source::Here,
        }
    }

    /// The values before the start. A little behind the start their formula goes on, where that is a number.
    fn look_before(&mut self, system: &dyn System, p: &[f64], w: &mut [f64]) {
        if !self.table.values.iter().any(|v| v.past) {
            return;
        }
        system.past(&self.s, p, w, &mut self.before);
        let t0 = self.breaks[0].t;
        let count = self.table.values.len();
        let lost = |(k, v): (usize, &crate::system::DelayedState)| {
            v.past && !self.before[k].is_finite() && self.sides[v.argument] == 0 && self.s[v.argument] > t0
        };
        if self.table.values.iter().enumerate().any(lost) {
            let s: Vec<f64> = self.s.iter().map(|s| s.min(t0)).collect();
            system.past(&s, p, w, &mut self.before);
            self.before[count..].iter_mut().filter(|rate| !rate.is_finite()).for_each(|rate| *rate = 0.0);
        }
    }

    /// The start has been made consistent.
    pub fn set_start(&mut self, y: &[f64]) {
        self.start.copy_from_slice(y);
        self.y.copy_from_slice(y);
    }

    /// Whether what is said of the past leads to the values at the start.
    fn joins(&mut self, problem: &mut Problem<'a>, y: &[f64]) -> bool {
        let t0 = self.breaks[0].t;
        let at_start = vec![t0; self.s.len()];
        let mut values = vec![0.0; 2 * self.table.values.len()];
        problem.past_values(&at_start, &mut values);
        let same = |(k, v): (usize, &crate::system::DelayedState)| !v.past || values[k] == y[v.state];
        let unmoved = self.watched.iter().all(|k| self.start[*k] == y[*k]);
        self.table.values.iter().enumerate().all(same) && unmoved
    }

    /// Begins a segment at (t, y), where the solution may not be smooth: it, or its k-th derivative if `level` says so.
    pub fn begin(&mut self, problem: &mut Problem<'a>, t: f64, y: &[f64], level: u32) {
        let mut level = self.here.take().unwrap_or(u32::MAX).min(level);
        while let Some(due) = self.due.last().copied().filter(|due| due.time <= t + CLOSE * t.abs()) {
            self.due.pop();
            self.sides[due.argument] = due.of + 1;
            level = level.min(self.child(due.of, due.argument));
        }
        if level == u32::MAX {
            // Only a switch of f can have ended the segment before.
            level = 1;
        }
        Arc::make_mut(&mut self.pieces).cut(t);
        (self.end, self.trial) = (t, None);
        self.y.copy_from_slice(y);
        if std::mem::take(&mut self.first) {
            self.breaks[0].level = if self.joins(problem, y) { 1 } else { 0 };
            self.follow(0);
        } else if level + u32::from(!self.table.is_neutral()) <= self.order
            && self.due.len() + self.lags.len() <= MOST_AHEAD
        {
            self.breaks.push(Break { t, level, first: self.pieces.next() });
            self.follow(self.breaks.len() - 1);
        }
        self.find_sides(problem, t, y, false);
    }

    /// The derivative that jumps where a delayed time passes a break.
    fn child(&self, of: usize, argument: usize) -> u32 {
        self.breaks[of].level + u32::from(!self.table.arguments[argument].neutral)
    }

    /// The breaking points that a break brings about, as far as they are known beforehand.
    fn follow(&mut self, of: usize) {
        let t = self.breaks[of].t;
        for (k, argument) in self.table.arguments.iter().enumerate() {
            let TimeSource::Lag(lag) = argument.source else { continue };
            if self.lags[lag] == 0.0 {
                self.sides[k] = of + 1;
                continue;
            }
            let due = Due { time: t + self.lags[lag], argument: k, of };
            let place =
                self.due.partition_point(|other| other.time > due.time || (other.time == due.time && other.of > of));
            self.due.insert(place, due);
        }
    }

    /// The next time after `t` at which a step must end.
    pub fn next_end(&self, t: f64) -> Option<f64> {
        self.due.iter().rev().map(|due| due.time).find(|time| *time > t)
    }

    /// The sides of computed times: all, or those that are not where they were (an event may have moved them).
    fn find_sides(&mut self, problem: &mut Problem<'a>, t: f64, y: &[f64], all: bool) {
        if self.times.is_empty() {
            return;
        }
        problem.delayed_times(t, y, &mut self.times);
        for (k, argument) in self.table.arguments.iter().enumerate() {
            let TimeSource::Computed(place) = argument.source else { continue };
            let s = self.times[place].min(t);
            let near = 1e-6 * (t - self.breaks[0].t).abs();
            let (lo, hi) = self.bounds(self.sides[k]);
            if all || s < lo - near || s > hi + near {
                self.sides[k] = self.breaks.partition_point(|b| b.t <= s);
            }
        }
    }

    /// The breaks on either side.
    fn bounds(&self, side: usize) -> (f64, f64) {
        let lo = side.checked_sub(1).map_or(f64::NEG_INFINITY, |k| self.breaks[k].t);
        (lo, self.breaks.get(side).map_or(f64::INFINITY, |b| b.t))
    }
}
