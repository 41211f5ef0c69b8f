//! The memory of a run with delays once it is over, for those who go back through it: every step's polynomials, and on which
//! sides of the breaking points the delayed times were during each. Values read are then those of the run, or for a step that read
//! itself those it has settled at; and of each one can ask where it came from.

use std::sync::Arc;

use super::pieces::Pieces;
use super::{Break, CLOSE, Due, Past, Source};
use crate::solve::taken::Echo;
use crate::system::{System, TimeSource};

/// How a run stood during some steps in a row.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The first of them.
    from: usize,
    sides: Vec<usize>,
    /// How many breaking points there were.
    breaks: usize,
}

/// What is left of a run with delays.
#[derive(Clone, Debug)]
pub struct Memory {
    pieces: Arc<Pieces>,
    breaks: Vec<Break>,
    lags: Vec<f64>,
    start: Vec<f64>,
    standings: Vec<Standing>,
}

/// How a run stands, while it stands elsewhere.
pub struct Paused {
    sides: Vec<usize>,
    end: f64,
    y: Vec<f64>,
}

/// Where a value that was read at another time came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Origin {
    /// From what the model says of the past.
    Past,
    /// It is this state at the start.
    Start(usize),
    /// It is this state where the solution stood.
    Here(usize),
    /// It is a state inside a step of this number.
    Step {
        /// Which step.
        number: usize,
        /// The time.
        time: f64,
        /// Which state.
        state: usize,
    },
    /// From nowhere.
    Nowhere,
}

impl<'a> Past<'a> {
    /// Notes how the run stands during the step that is to be kept.
    pub(super) fn note(&mut self) {
        let Some(list) = &mut self.standings else { return };
        let breaks = self.breaks.len();
        if !list.last().is_some_and(|last| last.breaks == breaks && last.sides == self.sides) {
            list.push(Standing { from: self.pieces.next(), sides: self.sides.clone(), breaks });
        }
    }

    /// The jumps of the solution that come back where a segment is about to begin.
    pub fn echoes(&self, t: f64) -> Vec<Echo> {
        let due = self.due.iter().rev().take_while(|due| due.time <= t + CLOSE * t.abs());
        let echo = |due: &Due| match self.table.arguments[due.argument].source {
            TimeSource::Lag(lag) if self.breaks[due.of].level == 0 => Some(Echo { from: self.breaks[due.of].t, lag }),
            _ => None,
        };
        due.filter_map(echo).collect()
    }

    /// What is left when the run is over.
    pub fn into_memory(self) -> Memory {
        let standings = self.standings.unwrap_or_default();
        Memory { pieces: self.pieces, breaks: self.breaks, lags: self.lags, start: self.start, standings }
    }

    /// The same run, to go back through; none if the system has no delays.
    pub fn back(system: &'a dyn System, memory: &Memory) -> Option<Box<Self>> {
        let first = memory.breaks.first()?;
        let past = Past::empty(system.delays()?, memory.lags.clone(), first.t, &memory.start);
        let (pieces, breaks) = (memory.pieces.clone(), memory.breaks.clone());
        let standings = Some(memory.standings.clone());
        Some(Box::new(Past { pieces, breaks, standings, known: Some(0), ..past }))
    }

    /// Stands as the run did during a step, never a later one than before: at its start (t, y), or behind it.
    pub fn stand(&mut self, step: usize, start: Option<(f64, &[f64])>) {
        let list = self.standings.as_deref().unwrap_or_default();
        let at = list.partition_point(|standing| standing.from <= step);
        if let Some(standing) = list.get(at.saturating_sub(1)) {
            self.sides.clone_from(&standing.sides);
            self.breaks.truncate(standing.breaks);
        }
        match start {
            Some((t, y)) => {
                (self.known, self.end) = (Some(step), t);
                self.y.copy_from_slice(y);
            }
            // Nothing lies beyond what is known.
            None => (self.known, self.end) = (Some(step + 1), f64::INFINITY),
        }
    }

    /// Stands where the run began.
    pub fn stand_at_start(&mut self) {
        let (t, y) = (self.breaks[0].t, self.start.clone());
        self.stand(0, Some((t, &y)));
    }

    /// Stands for a while as the run did at (t, y), where the step began that it has just kept.
    pub fn during(&mut self, t: f64, y: &[f64]) -> Paused {
        let paused = Paused { sides: self.sides.clone(), end: self.end, y: self.y.clone() };
        self.stand(self.pieces.next().saturating_sub(1), Some((t, y)));
        paused
    }

    /// And again where it was.
    pub fn resume(&mut self, paused: Paused) {
        (self.sides, self.end, self.y, self.known) = (paused.sides, paused.end, paused.y, None);
    }

    /// Nothing before this time is read from `from` on, as far as that is known.
    pub fn oldest(&self, from: f64) -> Option<f64> {
        self.longest.map(|longest| from - longest * (1.0 + CLOSE))
    }

    /// Where the k-th value came from that was read last.
    pub fn origin(&self, k: usize) -> Origin {
        let delayed = &self.table.values[k];
        match self.sources[delayed.argument] {
            Source::Past if delayed.past => Origin::Past,
            Source::Past => Origin::Start(delayed.state),
            Source::Here => Origin::Here(delayed.state),
            Source::Piece(number, _) => {
                Origin::Step { number, time: self.s[delayed.argument].min(self.asked), state: delayed.state }
            }
            Source::Trial(_) | Source::Nowhere => Origin::Nowhere,
        }
    }

    /// The times at which something was read last.
    pub fn delayed_times(&self) -> &[f64] {
        &self.s
    }
}
