//! What the ways along steps by stages with S = ∂y/∂q share: per stage the matrices once, and then a loop over the directions.
//!
//! In the work buffer stand, by rows of k directions, the derivatives of all stages, the argument at hand, the right side, and what
//! parameters add to it; then the argument of the stage itself, and matrices. In `v`: the limits of a step, S by rows of k, how
//! much each of the moves does, and the state before the step ([`crate::system::System::rosenbrock_tangent`]).

use super::adjoint::Entries;
use super::inline::Place;
use super::lanes::{Own, over_directions};
use super::moves::Moves;
use super::sums::{follows, row, weighted};
use super::time::stage_time;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Value};
use crate::kernel::straight::Straight;
use crate::system::LIMITS;

/// A matrix's entries: row, column, and the buffer and place where each is kept.
pub type Kept = Vec<(usize, usize, (Buffer, usize))>;

/// The way along under construction.
pub struct Along<'a> {
    pub code: Straight,
    pub n: usize,
    pub k: usize,
    pub fma: bool,
    timed: bool,
    pub moves: Moves<'a>,
    own: Own,
    /// Where the state before the step stands, in `v`.
    state: usize,
    /// Places of one direction in the work buffer.
    pub argument: usize,
    pub right: usize,
    added: usize,
    /// Behind those of all directions: the argument of the stage, and where the buffer is free.
    x: usize,
    end: usize,
    /// Where entries of J stand that are the same at all arguments.
    still: Vec<Option<(Buffer, usize)>>,
}

impl<'a> Along<'a> {
    /// Of n states and so many stages; `entries` are those by parameters, `timed` whether anything reads the time.
    pub fn new(
        (n, stages): (usize, usize),
        (k, moves): (usize, &'a [(usize, usize)]),
        entries: &[&Entries],
        timed: bool,
        fma: bool,
    ) -> Self {
        let [argument, right, added, end] = [0, 1, 2, 3].map(|part| (stages + part) * n);
        let amounts = LIMITS + n * k;
        let moved = Moves::new((k, moves), n, entries, (Buffer::V, amounts), added * k);
        let mut code = Straight::default();
        moved.clear(&mut code);
        Along {
            code,
            n,
            k,
            fma,
            timed,
            moves: moved,
            own: Own { v: LIMITS..LIMITS + n, w: 0..end, out: n..2 * n },
            state: amounts + moves.len(),
            argument,
            right,
            added,
            x: end * k,
            end: end * k + n,
            still: Vec::new(),
        }
    }

    /// The kernel, which reads so many numbers of `y` and of the bound parameters.
    pub fn finish(self, y: usize, p: usize) -> Kernel {
        let (n, size) = (self.n, self.n * self.k);
        let lengths = Lengths { y, p, v: self.state + n, w: self.end, out: n + size };
        Kernel { name: "tangent", lengths, pieces: self.code.finish() }
    }

    /// Runs the code of one direction for all.
    pub fn run(&mut self, each: Straight) -> Option<()> {
        self.code.run(over_directions(each.finish(), self.k, &self.own)?);
        Some(())
    }

    pub fn time(&mut self, c: f64) -> Value {
        stage_time(&mut self.code, self.timed, c, self.fma)
    }

    /// The state before the step, and the argument of the stage.
    pub fn state(&self) -> Place<'static> {
        Place::Memory(Buffer::V, self.state)
    }

    /// See [`Self::state`].
    pub fn x(&self) -> Place<'static> {
        Place::Memory(Buffer::W, self.x)
    }

    /// `y + Σ weight_l v_l`, the vectors standing one after the other in `y`, the weights times h if they shall be; the last vector
    /// more than at the stage before where that is all.
    pub fn argue_itself(&mut self, before: Option<&[f64]>, weights: &[f64], by_h: bool) -> Vec<Value> {
        let n = self.n;
        let load = |code: &mut Straight, l: usize, j: usize| code.load(Buffer::Y, l * n + j);
        if weights.len() > 1 && !by_h && before.is_some_and(|before| follows(weights, before)) {
            let one_more = |j| {
                let (x, v) = (self.code.load(Buffer::W, self.x + j), load(&mut self.code, weights.len() - 1, j));
                self.code.op(Op::Binary(Binary::Add, x, v))
            };
            return (0..n).map(one_more).collect();
        }
        let mut sums: Vec<Value> = (0..n).map(|j| self.code.load(Buffer::V, self.state + j)).collect();
        for (l, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            let mut weight = self.code.op(Op::Const(*weight));
            if by_h {
                let h = self.code.load(Buffer::V, 0);
                weight = self.code.op(Op::Binary(Binary::Mul, weight, h));
            }
            for (j, sum) in sums.iter_mut().enumerate() {
                let v = load(&mut self.code, l, j);
                *sum = self.code.multiply_add(weight, v, *sum, self.fma);
            }
        }
        sums
    }

    /// Puts the argument of the stage to its place.
    pub fn put(&mut self, x: Vec<Value>) {
        x.into_iter().enumerate().for_each(|(j, value)| self.code.store(Buffer::W, self.x + j, value));
    }

    /// Keeps entries behind everything else; those of J that do not change are kept once.
    pub fn keep(&mut self, entries: Vec<(usize, usize, Value)>, of_j: bool) -> Kept {
        let mut kept = Vec::with_capacity(entries.len());
        self.still.resize(self.still.len().max(entries.len()), None);
        for (number, (row, column, value)) in entries.into_iter().enumerate() {
            let known = self.still[number].filter(|_| of_j);
            let place = known.unwrap_or_else(|| {
                self.code.store(Buffer::W, self.end, value);
                self.end += 1;
                (Buffer::W, self.end - 1)
            });
            if of_j && !self.code.varies(value) {
                self.still[number] = Some(place);
            }
            kept.push((row, column, place));
        }
        kept
    }

    /// Of one direction: S and `Σ weight_l` times the derivatives of the stages to the place of the argument, or the last of them more
    /// where that is all.
    pub fn argue(&self, each: &mut Straight, before: Option<&[f64]>, weights: &[f64]) {
        let n = self.n;
        let values = if weights.len() > 1 && before.is_some_and(|before| follows(weights, before)) {
            let one_more = |j| {
                let (x, u) = (each.kept(self.argument + j), each.kept((weights.len() - 1) * n + j));
                each.op(Op::Binary(Binary::Add, x, u))
            };
            (0..n).map(one_more).collect()
        } else {
            weighted(each, n, Some((Buffer::V, LIMITS)), &row(0, n, weights), self.fma)
        };
        values.into_iter().enumerate().for_each(|(j, value)| each.keep(self.argument + j, value));
    }

    /// Of one direction: what parameters add to each row, if anything.
    pub fn added(&self, each: &mut Straight) -> Vec<Option<Value>> {
        (0..self.n).map(|j| self.moves.adds(j).then(|| each.kept(self.added + j))).collect()
    }

    /// Of one direction: adds to rows the product of a matrix with the vector that stands there.
    pub fn add_product(
        &self,
        each: &mut Straight,
        kept: &Kept,
        (buffer, at): (Buffer, usize),
        sums: &mut [Option<Value>],
    ) {
        // Entries come column by column but for arrays: the number at hand stays in a register.
        let mut latest: Option<(usize, Value)> = None;
        for (row, column, (of, place)) in kept {
            let x = match latest {
                Some((known, x)) if known == *column => x,
                _ => each.load(buffer, at + column),
            };
            latest = Some((*column, x));
            let entry = each.load(*of, *place);
            sums[*row] = Some(each.add_product(x, entry, sums[*row], self.fma));
        }
    }

    /// Of one direction: the new S from the argument.
    pub fn end(&self, each: &mut Straight) {
        for j in 0..self.n {
            let value = each.kept(self.argument + j);
            each.store(Buffer::Out, self.n + j, value);
        }
    }
}
