//! Sums of vectors that stand in the work buffer, with the weights of a tableau.

use crate::kernel::program::{Binary, Buffer, Op, Value};
use crate::kernel::straight::Straight;

/// So many sums are formed side by side.
const SIDE: usize = 8;

/// `base + Σ weight·v`, n numbers, over rows of (place of v in the work buffer, weight); sums from 0 where there is no base.
pub fn weighted(
    code: &mut Straight,
    n: usize,
    base: Option<(Buffer, usize)>,
    row: &[(usize, f64)],
    fma: bool,
) -> Vec<Value> {
    let mut sums = Vec::with_capacity(n);
    for from in (0..n).step_by(SIDE) {
        let to = n.min(from + SIDE);
        for j in from..to {
            sums.push(match base {
                Some((Buffer::W, at)) => code.kept(at + j),
                Some((buffer, at)) => code.load(buffer, at + j),
                None => code.op(Op::Const(0.0)),
            });
        }
        for (term, (at, weight)) in row.iter().enumerate() {
            let weight = code.op(Op::Const(*weight));
            for (j, sum) in sums.iter_mut().enumerate().take(to).skip(from) {
                let v = code.kept(at + j);
                *sum = match (term, base) {
                    (0, None) => code.op(Op::Binary(Binary::Mul, v, weight)),
                    _ => code.multiply_add(weight, v, *sum, fma),
                };
            }
        }
    }
    sums
}

/// A row of weights for vectors of n numbers that follow each other from `at` on, without those that are 0.
pub fn row(at: usize, n: usize, weights: &[f64]) -> Vec<(usize, f64)> {
    weights.iter().enumerate().filter(|(_, w)| **w != 0.0).map(|(l, w)| (at + l * n, *w)).collect()
}

/// Whether a row of weights is the one before with a 1 behind: what it gives is one vector more.
pub fn follows(weights: &[f64], before: &[f64]) -> bool {
    weights.len() == before.len() + 1 && weights.starts_with(before) && weights.last() == Some(&1.0)
}
