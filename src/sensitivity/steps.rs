//! The steps that a tape remembers: all of a run or, where those would take more memory than is allowed, the last ones.
//! What was dropped comes back by running once more: a run takes the same steps every time, bit for bit.

use std::collections::VecDeque;

use crate::solve::problem::Problem;
use crate::solve::{ErrorKind, Formula, Place, Recorder, Taken, Turn};

/// Stages that could be calculated once more are remembered of as many steps as this is numbers.
const STAGES: usize = 1 << 20;

/// Numbers of a block.
const BLOCK: usize = 1 << 13;

/// Steps in order. Of a step there are its time and length, its formula where that is not the one of the step before, the
/// state before it, and the points its formula keeps: for long runs of explicit methods 16 bytes and the state.
pub struct Steps {
    /// Those before this one have been dropped.
    first: usize,
    count: usize,
    /// Bytes they may take while all are there, and when some have been dropped.
    most: u64,
    window: u64,
    formulas: VecDeque<Known>,
    numbers: Blocks,
}

/// The formula of some steps in a row.
struct Known {
    /// The first of them.
    from: usize,
    formula: Formula,
    began: bool,
    /// Where their numbers begin, and how many each has.
    at: usize,
    size: usize,
}

/// Numbers in blocks, so that growing moves none.
#[derive(Default)]
struct Blocks {
    blocks: VecDeque<Vec<f64>>,
    /// Those of a run before.
    spare: Vec<Vec<f64>>,
    /// How many numbers have been dropped in front, and how many there have ever been.
    dropped: usize,
    len: usize,
}

impl Blocks {
    fn extend(&mut self, mut values: &[f64]) {
        while !values.is_empty() {
            let room = BLOCK - self.len % BLOCK;
            if room == BLOCK {
                // The first grows with what there is, for short runs.
                let new = || Vec::with_capacity(if self.len == 0 { 0 } else { BLOCK });
                self.blocks.push_back(self.spare.pop().unwrap_or_else(new));
            }
            let (now, later) = values.split_at(room.min(values.len()));
            if let Some(block) = self.blocks.back_mut() {
                block.extend_from_slice(now);
            }
            self.len += now.len();
            values = later;
        }
    }

    fn clear(&mut self) {
        // The first one, which may be shorter, is the first again.
        self.spare.extend(self.blocks.drain(..).rev());
        self.spare.iter_mut().for_each(Vec::clear);
        (self.dropped, self.len) = (0, 0);
    }

    fn copy(&self, at: usize, out: &mut [f64]) {
        let (mut at, mut done) = (at - self.dropped, 0);
        while done < out.len() {
            let block = &self.blocks[at / BLOCK][at % BLOCK..];
            let now = block.len().min(out.len() - done);
            out[done..done + now].copy_from_slice(&block[..now]);
            (at, done) = (at + now, done + now);
        }
    }

    fn bytes(&self) -> usize {
        // All but the first are as long as a block.
        8 * self.blocks.front().map_or(0, |first| first.capacity() + (self.blocks.len() - 1) * BLOCK)
    }
}

impl Steps {
    /// None yet; they may take `most` bytes, and `window` once some are dropped.
    pub fn new(most: u64, window: u64) -> Self {
        let (formulas, numbers) = (VecDeque::new(), Blocks::default());
        Steps { first: 0, count: 0, most, window, formulas, numbers }
    }

    /// None any more; their memory serves others.
    pub fn clear(&mut self) {
        self.formulas.clear();
        self.numbers.clear();
        (self.first, self.count) = (0, 0);
    }

    /// How many there have been.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first that is still there.
    pub fn first(&self) -> usize {
        self.first
    }

    /// Bytes they take.
    pub fn bytes(&self) -> u64 {
        (self.numbers.bytes() + self.formulas.len() * size_of::<Known>()) as u64
    }

    /// One more.
    pub fn push(&mut self, taken: Taken, y: &[f64], points: &[f64]) {
        // Where they stand in the run decides, so that it is the same however often it is run.
        let short = self.count * (y.len() + points.len()) <= STAGES;
        let points = if short || !taken.formula.repeats() { points } else { &[] };
        let size = 2 + y.len() + points.len();
        // Formulas that are the same for every step are noted once.
        let as_before =
            |known: &Known| known.size == size && known.began == taken.began && same(&known.formula, &taken.formula);
        let last = self.numbers.len;
        if !self.formulas.back().is_some_and(as_before) {
            let (formula, began) = (taken.formula, taken.began);
            self.formulas.push_back(Known { from: self.count, formula, began, at: last, size });
        }
        self.numbers.extend(&[taken.t, taken.h]);
        self.numbers.extend(y);
        self.numbers.extend(points);
        self.count += 1;
        if self.bytes() > if self.first == 0 { self.most } else { self.window } {
            while self.bytes() > self.window && self.numbers.dropped + BLOCK <= last {
                self.drop_block();
            }
        }
    }

    fn drop_block(&mut self) {
        self.numbers.blocks.pop_front();
        self.numbers.dropped += BLOCK;
        while self.place(self.first) < self.numbers.dropped {
            self.first += 1;
            if self.formulas.get(1).is_some_and(|next| next.from <= self.first) {
                self.formulas.pop_front();
            }
        }
    }

    fn known(&self, index: usize) -> &Known {
        &self.formulas[self.formulas.partition_point(|known| known.from <= index) - 1]
    }

    /// Where the numbers of a step begin.
    fn place(&self, index: usize) -> usize {
        let known = self.known(index);
        known.at + (index - known.from) * known.size
    }

    /// A step that is still there; its state and points go into `points`.
    pub fn get(&self, index: usize, points: &mut Vec<f64>) -> Taken {
        let (known, place) = (self.known(index), self.place(index));
        let mut times = [0.0; 2];
        self.numbers.copy(place, &mut times);
        points.resize(known.size - 2, 0.0);
        self.numbers.copy(place + 2, points);
        Taken { formula: known.formula.clone(), t: times[0], h: times[1], began: known.began }
    }

    /// How long the last one was.
    pub fn last_length(&self) -> f64 {
        let mut times = [0.0; 2];
        if self.count > 0 {
            self.numbers.copy(self.place(self.count - 1), &mut times);
        }
        times[1]
    }
}

/// Whether two formulas are one and carry nothing of their steps.
pub fn same(a: &Formula, b: &Formula) -> bool {
    match (a, b) {
        (Formula::Explicit(a), Formula::Explicit(b)) => std::ptr::eq(*a, *b),
        (Formula::Rosenbrock(a), Formula::Rosenbrock(b)) => std::ptr::eq(*a, *b),
        (Formula::Esdirk(a), Formula::Esdirk(b)) => std::ptr::eq(*a, *b),
        (Formula::Radau(a), Formula::Radau(b)) => std::ptr::eq(*a, *b),
        (Formula::LowStorage(a), Formula::LowStorage(b)) => std::ptr::eq(*a, *b),
        (Formula::Rkc(a), Formula::Rkc(b)) | (Formula::Taylor(a), Formula::Taylor(b)) => a == b,
        (Formula::Symplectic(a), Formula::Symplectic(b)) => std::ptr::eq(*a, *b),
        (Formula::Nystrom, Formula::Nystrom) => true,
        _ => false,
    }
}

/// Listens to the same run once more, for steps that were dropped; ends it behind the last of them as if it had been
/// interrupted.
pub struct Again {
    steps: Steps,
    until: usize,
}

impl Again {
    /// For the steps before this one, as many as `window` bytes hold.
    pub fn new(until: usize, window: u64) -> Self {
        Again { steps: Steps::new(window, window), until }
    }

    /// Whether it has heard of all.
    pub fn is_done(&self) -> bool {
        self.steps.count == self.until
    }

    /// What it has heard.
    pub fn into_steps(self) -> Steps {
        self.steps
    }
}

impl Recorder for Again {
    fn start(&mut self, _problem: &mut Problem, _t: f64, _given: &[f64], _y: &[f64]) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn step(&mut self, _problem: &mut Problem, taken: Taken, y: &[f64], points: &[f64]) -> Result<(), ErrorKind> {
        self.steps.push(taken, y, points);
        if self.is_done() { Err(ErrorKind::Interrupted) } else { Ok(()) }
    }

    fn cut(&mut self, _problem: &mut Problem, _t: f64, _y: &[f64]) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn turn(&mut self, _problem: &mut Problem, _t: f64, _y: &[f64], _turn: Turn) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn keep(&mut self, _problem: &mut Problem, _place: Place, _t: f64, _y: &[f64]) -> Result<(), ErrorKind> {
        Ok(())
    }
}
