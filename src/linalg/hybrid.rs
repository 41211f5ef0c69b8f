//! Elimination of large patterns whose remainder fills in: sparse rows by loops over tables first, then what is left as
//! one dense matrix with partial pivoting, where the machine's vectors are at home.

use super::dense::DenseFactors;
use super::eliminator::{Tables, nearby};
use super::{Elimination, Eliminator, Pattern};

/// Sparse prefix, dense remainder.
pub struct HybridEliminator {
    pattern: Pattern,
    rows: Tables,
    /// The place in the order from which on rows are dense.
    full_from: usize,
    /// Length of the sparse part's storage.
    sparse: usize,
    dense: DenseFactors,
    cost: (f64, f64),
}

impl HybridEliminator {
    /// With a plan of one block made for this pattern.
    pub fn new(plan: &Elimination, pattern: &Pattern) -> Self {
        let rows = Tables::new(plan, pattern);
        let (n, from) = (plan.dim(), plan.full_from);
        // Of the dense rows only L's part before the remainder is stored among the sparse factors.
        let side = n - from;
        let dense = DenseFactors::new(side);
        let full = (side * side) as f64;
        let tail: f64 = full * side as f64 / 3.0;
        let cost = (
            2.0 * (plan.multiply_adds as f64 - tail).max(0.0) + 0.5 * tail,
            2.0 * (plan.entries() as f64 - full).max(0.0) + full,
        );
        HybridEliminator { pattern: pattern.clone(), rows, full_from: from, sparse: plan.entries(), dense, cost }
    }

    /// The part of a dense row that stands left of the remainder.
    fn before(&self, i: usize) -> std::ops::Range<usize> {
        let (start, end) = (self.rows.starts[i], self.rows.pivot[i]);
        let count = self.rows.columns(start..end).partition_point(|k| (*k as usize) < self.full_from);
        start..start + count
    }
}

impl Eliminator for HybridEliminator {
    fn lengths(&self) -> (usize, usize) {
        let n = self.rows.dim();
        (self.sparse + self.dense.length() + n, 2 * n)
    }

    fn factor(&self, shift: f64, jacobian: &[f64], factors: &mut [f64]) {
        let (n, from) = (self.rows.dim(), self.full_from);
        let (factors, rest) = factors.split_at_mut(self.sparse);
        let (dense, row) = rest.split_at_mut(self.dense.length());
        row.fill(0.0);
        for i in 0..from {
            self.rows.eliminate(i, i, shift, jacobian, factors, row);
            self.rows.finish(i, factors, row);
        }
        let matrix = self.dense.matrix_mut(dense);
        let side = n - from;
        for i in from..n {
            self.rows.eliminate(i, from, shift, jacobian, factors, row);
            for (j, entry) in row[from..].iter_mut().enumerate() {
                matrix[j * side + i - from] = std::mem::take(entry);
            }
        }
        // A singular remainder leaves NaN behind, which the check of the first solution finds.
        self.dense.factor(dense);
    }

    fn solve(&self, factors: &[f64], b: &[f64], scratch: &mut [f64], x: &mut [f64]) {
        let (rows, n, from) = (&self.rows, self.rows.dim(), self.full_from);
        let (factors, rest) = factors.split_at(self.sparse);
        let dense = &rest[..self.dense.length()];
        for i in 0..from {
            let sum = rows.dot(rows.starts[i]..rows.pivot[i], factors, scratch, b[rows.equations[i]]);
            scratch[i] = sum * factors[rows.pivot[i]];
        }
        for i in from..n {
            scratch[i] = -rows.dot(self.before(i), factors, scratch, b[rows.equations[i]]);
        }
        self.dense.solve(dense, &mut scratch[from..n]);
        for i in from..n {
            x[rows.unknowns[i]] = scratch[i];
        }
        for i in (0..from).rev() {
            let sum = rows.dot(rows.pivot[i] + 1..rows.starts[i + 1], factors, scratch, scratch[i]);
            scratch[i] = sum;
            x[rows.unknowns[i]] = sum;
        }
    }

    fn check(&self, shift: f64, jacobian: &[f64], x: &[f64], b: &[f64], scratch: &mut [f64]) -> bool {
        nearby(&self.pattern, shift, jacobian, x, b, scratch)
    }

    fn cost(&self) -> (f64, f64) {
        self.cost
    }
}
