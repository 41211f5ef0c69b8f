//! Where the lanes stand and the steps they want: the [`Pace`] of every one of them, moved on side by side.
//!
//! The formulas are those of a pace alone, in a loop over lanes without branches, which becomes vector instructions. A lane of
//! whose attempt there is more to say is only named; whatever is rare happens elsewhere.

use crate::math::{Wide, wide};
use crate::solve::options::Options;
use crate::solve::stepper::Pace;
use crate::system::EXTRA;

/// So many lanes at most.
pub const MOST: usize = 8;

/// A number of each lane.
pub type Row = [f64; MOST];

/// The paces of lanes.
pub struct Paces {
    /// The law they follow.
    law: Pace,
    end: f64,
    max_step: f64,
    direction: f64,
    /// Whether an attempt is told the time at its end, and not at its start.
    aims_at_end: bool,
    /// Whether an attempt says in the second place whether its pivots were good.
    pivots: bool,
    most_attempts: f64,
    /// The lanes that have a trajectory, one bit each.
    busy: u32,
    now: Rows,
}

/// Their numbers.
struct Rows {
    /// Where a lane stands, and the step wanted.
    t: Row,
    h: Row,
    memory: [Row; 2],
    /// The step to be tried, and the time that it is told.
    tried: Row,
    told: Row,
    /// The step tried last, and where it began.
    taken: Row,
    before: Row,
    /// The time from which on there is something to be kept, or the run is over.
    look: Row,
    /// Attempts made.
    attempts: Row,
    /// The largest error of an attempt that is a step, if what it says counts: 1, or less than any.
    good: Row,
}

impl Paces {
    /// All at rest, by the law of `pace`. `pivots`: as [`super::Single::patience`] has it.
    pub fn new(pace: Pace, options: &Options, (aims_at_end, pivots): (bool, bool)) -> Self {
        let zero = [0.0; MOST];
        let end = options.t1;
        Paces {
            law: pace,
            end,
            max_step: options.max_step,
            direction: (end - options.t0).signum(),
            aims_at_end,
            pivots,
            most_attempts: options.max_steps as f64,
            busy: 0,
            now: Rows {
                t: [end; MOST],
                h: zero,
                memory: [zero; 2],
                tried: zero,
                told: [end; MOST],
                taken: zero,
                before: zero,
                look: zero,
                attempts: zero,
                good: [f64::NEG_INFINITY; MOST],
            },
        }
    }

    /// How many lanes have a trajectory.
    pub fn busy(&self) -> usize {
        self.busy.count_ones() as usize
    }

    /// A trajectory begins in a lane.
    pub fn begin(&mut self, lane: usize, pace: Pace) {
        self.busy |= 1 << lane;
        self.now.attempts[lane] = 0.0;
        self.now.good[lane] = 1.0;
        self.set(lane, pace);
    }

    /// Nobody is in the lane: it stays where it is.
    pub fn rest(&mut self, lane: usize) {
        self.busy &= !(1 << lane);
        self.now.good[lane] = f64::NEG_INFINITY;
        self.set(lane, self.law.recalled(self.end, 0.0, [0.0; 2]));
    }

    /// What attempts of the lane say of themselves does not count from now on.
    pub fn distrust(&mut self, lane: usize) {
        self.now.good[lane] = f64::NEG_INFINITY;
    }

    /// The pace of a lane.
    pub fn get(&self, lane: usize) -> Pace {
        let now = &self.now;
        self.law.recalled(now.t[lane], now.h[lane], now.memory.map(|row| row[lane]))
    }

    /// Gives a lane another.
    pub fn set(&mut self, lane: usize, pace: Pace) {
        let now = &mut self.now;
        (now.t[lane], now.h[lane]) = (pace.t, pace.h);
        now.memory.iter_mut().zip(pace.memory()).for_each(|(row, number)| row[lane] = number);
        now.aim(lane, &pace, (self.max_step, self.end, self.aims_at_end));
    }

    /// Looks at the lane again when it has come to that time.
    pub fn look_at(&mut self, lane: usize, time: f64) {
        self.now.look[lane] = time;
    }

    /// Whether it has come there.
    pub fn has_come(&self, lane: usize) -> bool {
        (self.now.t[lane] - self.now.look[lane]) * self.direction >= 0.0
    }

    /// Attempts made of the lane's trajectory.
    pub fn attempts(&self, lane: usize) -> u64 {
        self.now.attempts[lane] as u64
    }

    /// Where the lane's last attempt began, and its length.
    pub fn taken(&self, lane: usize) -> (f64, f64) {
        (self.now.before[lane], self.now.taken[lane])
    }

    /// The times and lengths that the next attempts are told.
    pub fn next(&self) -> (&Row, &Row) {
        (&self.now.told, &self.now.tried)
    }

    /// Moves the lanes on whose attempts were steps, by what those say of themselves. One bit each: the lanes of which there is
    /// more to say (the attempt was no step, or they have come to where they are looked at, or it was the last), and those whose
    /// attempts were steps.
    pub fn judge(&mut self, said: &[Row; EXTRA]) -> [u32; 2] {
        match self.law.follows_errors() {
            true => wide(Judge::<true> { paces: self, said }),
            false => wide(Judge::<false> { paces: self, said }),
        }
    }
}

impl Rows {
    /// The next attempt of a lane.
    #[inline(always)]
    fn aim(&mut self, lane: usize, pace: &Pace, (max_step, end, aims_at_end): (f64, f64, bool)) {
        let h = pace.attempt(max_step, end);
        self.tried[lane] = h;
        self.told[lane] = if aims_at_end { pace.behind(h, end) } else { pace.t };
    }
}

/// The work of [`Paces::judge`], for one kind of law.
struct Judge<'a, const BY_ERRORS: bool> {
    paces: &'a mut Paces,
    said: &'a [Row; EXTRA],
}

impl<const BY_ERRORS: bool> Wide for Judge<'_, BY_ERRORS> {
    type Value = [u32; 2];

    #[inline(always)]
    fn run(self) -> [u32; 2] {
        let Judge { paces, said: &[error, second, third] } = self;
        let Paces { law, end, max_step, direction, aims_at_end, pivots, most_attempts, busy, ref mut now } = *paces;
        if law.follows_errors() != BY_ERRORS {
            // It was asked before, and is known from here on.
            return [0; 2];
        }
        let [mut named, mut steps] = [0, 0];
        for lane in 0..MOST {
            let (t, h, before) = (now.t[lane], now.tried[lane], [now.memory[0][lane], now.memory[1][lane]]);
            let mut pace = law.recalled(t, now.h[lane], before);
            pace.accept(h, [error[lane], second[lane], third[lane]], end);
            let good = (error[lane] <= now.good[lane]) & !(pivots & (second[lane] == 0.0));
            now.before[lane] = t;
            now.taken[lane] = h;
            now.t[lane] = if good { pace.t } else { t };
            now.h[lane] = if good { pace.h } else { now.h[lane] };
            let after = pace.memory();
            now.memory[0][lane] = if good { after[0] } else { before[0] };
            now.memory[1][lane] = if good { after[1] } else { before[1] };
            let attempts = now.attempts[lane] + 1.0;
            now.attempts[lane] = attempts;
            let looked = (pace.t - now.look[lane]) * direction >= 0.0;
            named |= u64::from(!good | looked | (attempts >= most_attempts)) << lane;
            steps |= u64::from(good) << lane;
            now.aim(lane, &pace, (max_step, end, aims_at_end));
        }
        [named, steps].map(|bits| bits as u32 & busy)
    }
}
