//! What changes of parameters and discrete quantities add to right sides, direction by direction.

use super::adjoint::Entries;
use crate::kernel::program::{Buffer, Op, Value};
use crate::kernel::straight::Straight;

/// Sums of ∂f/∂p q, by rows of k directions in the work buffer.
pub struct Moves<'a> {
    k: usize,
    /// In ascending order which column changes in which direction.
    moves: &'a [(usize, usize)],
    /// Where it stands by how much each of them does.
    amounts: (Buffer, usize),
    /// Where the sums stand.
    at: usize,
    /// By row and direction: whether anything is added.
    moved: Vec<bool>,
}

impl<'a> Moves<'a> {
    /// Of n rows, by matrices with these entries.
    pub fn new(
        (k, moves): (usize, &'a [(usize, usize)]),
        n: usize,
        entries: &[&Entries],
        amounts: (Buffer, usize),
        at: usize,
    ) -> Self {
        let mut moved = vec![false; n * k];
        for (row, column) in entries.iter().flat_map(|entries| &entries.places) {
            for (_, direction) in moves.iter().filter(|(moved, _)| moved == column) {
                moved[row * k + direction] = true;
            }
        }
        Moves { k, moves, amounts, at, moved }
    }

    /// Whether anything is added to a row in some direction.
    pub fn adds(&self, row: usize) -> bool {
        self.moved[row * self.k..(row + 1) * self.k].contains(&true)
    }

    /// Zeros where nothing is added in one direction, but in another.
    pub fn clear(&self, code: &mut Straight) {
        for at in (0..self.moved.len()).filter(|at| !self.moved[*at] && self.adds(at / self.k)) {
            let zero = code.op(Op::Const(0.0));
            code.store(Buffer::W, self.at + at, zero);
        }
    }

    /// The sums, of a matrix's entries by row and column.
    pub fn add(&self, code: &mut Straight, entries: &[(usize, usize, Value)], fma: bool) {
        let mut sums: Vec<Option<Value>> = vec![None; self.moved.len()];
        for (row, column, value) in entries {
            let moves = self.moves.iter().enumerate().filter(|(_, (moved, _))| moved == column);
            for (number, (_, direction)) in moves {
                let change = code.load(self.amounts.0, self.amounts.1 + number);
                let sum = &mut sums[row * self.k + direction];
                *sum = Some(code.add_product(*value, change, *sum, fma));
            }
        }
        for (at, sum) in sums.into_iter().enumerate() {
            if let Some(sum) = sum {
                code.store(Buffer::W, self.at + at, sum);
            }
        }
    }
}
