//! Where things stand in the memory of an integration's caller.

use super::Drive;
use crate::system::{EXTRA, LIMITS};

/// Places, in numbers from the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places {
    pub bound: usize,
    pub points: [usize; 3],
    pub limits: usize,
    pub stages: [usize; 2],
    pub dense: usize,
    pub work: usize,
    /// Of models with algebraic equations only.
    pub settle: Settle,
    /// Of models with constraints only.
    pub project: Project,
    /// Of models with events only; the others have none of these.
    pub watch: Watch,
    pub clock: Clock,
    pub end: usize,
}

/// Newton's iteration for algebraic unknowns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settle {
    /// The matrix and its factors.
    pub w: usize,
    /// f, the point at hand, its correction, and the one at the point tried; behind corrections stands whether they are
    /// good.
    pub slope: usize,
    pub trial: usize,
    pub step: usize,
    pub next: usize,
}

/// The projection onto constraints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Project {
    /// The constraints' derivatives, as the kernel writes them and in their pattern; the constraints.
    pub raw: usize,
    pub values: usize,
    pub g: usize,
    /// Per state: its squared size, the share of it that it may move behind an event, itself, its change.
    pub sizes: usize,
    pub shares: usize,
    pub given: usize,
    pub step: usize,
    /// G D² Gᵀ, column by column.
    pub matrix: usize,
}

/// What is known of watched functions and of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// Single numbers: [`Cell`].
    pub cells: usize,
    /// A state inside the last step.
    pub y: usize,
    /// The watched functions where the run stands, at the step's end, somewhere else, and at the ends of a part of it.
    pub g: usize,
    pub g_end: usize,
    pub g_at: usize,
    pub ends: [usize; 2],
    /// Per watched function: its largest size so far; whether it could not be told from zero where a step ended.
    pub largest: usize,
    pub close: usize,
    /// Of all functions at each point, of one.
    pub samples: usize,
    pub column: usize,
    /// Series: on a part of the step, on a part of that, and that one's derivative.
    pub series: usize,
    pub local: usize,
    pub slope: usize,
    /// Stacks of parts still to be looked at: (a, b, depth), (a, b, sign, sign).
    pub panels: usize,
    pub intervals: usize,
    /// Parts that are told apart: (a, b, undecided).
    pub pieces: usize,
    /// What was found: (t, place, before, after).
    pub crossings: usize,
    /// The numbers of `resets`.
    pub values: usize,
    /// Per element of an event: whether its condition holds, how often it waits to be executed, how often though it held
    /// for a moment only; whether its right sides are kept, and they.
    pub truths: usize,
    pub waiting: usize,
    pub momentary: usize,
    pub has_kept: usize,
    pub kept: usize,
}

/// What is known of times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// The numbers of `schedule`.
    pub times: usize,
    /// Times at which steps end, ascending.
    pub stops: usize,
    /// Periodic ones, and periodic events: [`PERIODIC`] numbers each.
    pub periodic_stops: usize,
    pub periodic: usize,
    /// The next time of each entry of an event, infinite if there is none.
    pub due: usize,
}

/// Numbers of a periodic time: from, period, last, how many are over, the next.
pub const PERIODIC: usize = 5;
/// Depths of the stacks, and how much is found in one step at most.
pub const PANELS: usize = 8;
pub const INTERVALS: usize = 64;
pub const PIECES: usize = 64;

/// Single numbers.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    /// The last step: its beginning, its length, its end.
    Before,
    Length,
    Here,
    /// Of the series at hand.
    Noise,
    Tail,
    /// Whether more was found than there is room for.
    Overflow,
    /// Executed events; when the last was, and how many before it were as close.
    Executed,
    LastTime,
    CloseCount,
    /// How many stops there are, and how many are over.
    Stops,
    Passed,
    Count,
}

impl Drive {
    /// The places of a model and its method.
    pub(super) fn places(&self) -> Places {
        let mut end = 0;
        let mut take = |count: usize| {
            end += count;
            end - count
        };
        let point = 2 * self.n + EXTRA;
        let mut places = Places {
            bound: take(self.bound),
            points: std::array::from_fn(|_| take(point)),
            limits: take(LIMITS + 2 * self.n),
            stages: std::array::from_fn(|_| take(self.stages)),
            dense: take(self.dense),
            work: take(self.work),
            ..Places::default()
        };
        if let Some(w) = self.settle {
            places.settle = Settle {
                w: take(w),
                slope: take(self.n),
                trial: take(self.n),
                step: take(self.n + 1),
                next: take(self.n + 1),
            };
        }
        if let Some(own) = &self.constraints {
            places.project = Project {
                raw: take(own.values),
                values: take(own.entries),
                g: take(own.count),
                sizes: take(self.n),
                shares: take(self.n),
                given: take(self.n),
                step: take(self.n),
                matrix: take(own.count * own.count),
            };
        }
        if let Some(table) = &self.events {
            let (m, terms, slots) = (table.watched, table.terms, table.slots);
            places.watch = Watch {
                cells: take(Cell::Count as usize),
                y: take(self.n),
                g: take(m),
                g_end: take(m),
                g_at: take(m),
                ends: std::array::from_fn(|_| take(m)),
                largest: take(m),
                close: take(m),
                samples: take(m * terms),
                column: take(terms),
                series: take(terms),
                local: take(terms),
                slope: take(terms),
                panels: take(3 * PANELS),
                intervals: take(4 * INTERVALS),
                pieces: take(3 * PIECES),
                crossings: take(4 * table.most_crossings()),
                values: take(table.events.values),
                truths: take(slots),
                waiting: take(slots),
                momentary: take(slots),
                has_kept: take(slots),
                kept: take(table.kept),
            };
            places.clock = Clock {
                times: take(table.events.times),
                stops: take(table.stops),
                periodic_stops: take(PERIODIC * table.periodic_stops),
                periodic: take(PERIODIC * table.periodic),
                due: take(table.due),
            };
        }
        places.end = end;
        places
    }

    /// Numbers of memory a run needs.
    pub fn memory(&self) -> usize {
        self.places().end
    }
}
