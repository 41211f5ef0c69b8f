//! The slot for factorisations with planned pivots, and the implementation by loops over the plan's tables. A compiled
//! system brings its own, as machine code.

use super::rows::add_scaled;
use super::{Elimination, Pattern, Scalar};
use crate::math::{Wide, wide};

/// Factorises `J − s·I` by an [`Elimination`] and solves with the factors. Immutable; all memory is the caller's.
pub trait Eliminator: Send + Sync {
    /// Length of the factors' storage, and of the scratch of a solve or check.
    fn lengths(&self) -> (usize, usize);

    /// Computes the factors from a shift and the Jacobian's values. Pivots are not looked at; what was in the storage
    /// does not matter.
    fn factor(&self, shift: f64, jacobian: &[f64], factors: &mut [f64]);

    /// `x = (s·I − J)⁻¹ b`
    fn solve(&self, factors: &[f64], b: &[f64], scratch: &mut [f64], x: &mut [f64]);

    /// The same for k vectors side by side, in place: b is by rows of k numbers, the scratch k times as long. False, and
    /// nothing done, where solving them one by one is as good.
    fn solve_rows(&self, factors: &[f64], k: usize, b: &mut [f64], scratch: &mut [f64]) -> bool {
        let _ = (factors, k, b, scratch);
        false
    }

    /// Whether x solves a system within 1e-11 of `(s·I − J) x = b`, row by row: |b − W x| ≤ 1e-11·(|W|·|x| + |b|) + 1e-250
    /// (Oettli & Prager, Numer. Math. 6 (1964) 405).
    fn check(&self, shift: f64, jacobian: &[f64], x: &[f64], b: &[f64], scratch: &mut [f64]) -> bool;

    /// Roughly how many operations a factorisation and a solve take.
    fn cost(&self) -> (f64, f64);
}

/// The backward error up to which the solution of a factorisation with planned pivots is taken.
pub const GOOD: f64 = 1e-11;
/// The same in single precision, whose rounding is as much as 6e-8.
pub const GOOD_IN_SINGLE: f64 = 1e-4;
/// A residual as small as this is what underflow leaves.
pub const TINY: f64 = 1e-250;

/// Elimination by loops over tables.
pub struct TableEliminator {
    pattern: Pattern,
    rows: Tables,
    cost: (f64, f64),
}

/// The plan, flattened: per row a range of each list.
pub(super) struct Tables {
    /// (place in the order, place among the Jacobian's values) of a row's first values.
    sources: Vec<(u32, u32)>,
    source_starts: Vec<usize>,
    /// Columns of the factors' entries, by place in the order.
    columns: Vec<u32>,
    pub starts: Vec<usize>,
    pub left: Vec<usize>,
    pub pivot: Vec<usize>,
    /// Place in the order where the shift enters, if it does.
    diagonal: Vec<Option<usize>>,
    pub equations: Vec<usize>,
    pub unknowns: Vec<usize>,
    blocks: Vec<usize>,
}

impl Tables {
    pub fn new(plan: &Elimination, pattern: &Pattern) -> Self {
        let n = plan.dim();
        let columns: Vec<u32> = (0..n).flat_map(|k| plan.row(k)).map(|c| c as u32).collect();
        let (mut sources, mut source_starts) = (Vec::with_capacity(pattern.nnz()), vec![0]);
        for (row, list) in plan.sources(pattern).iter().enumerate() {
            sources.extend(list.iter().map(|(place, value)| (columns[plan.starts[row] + place], *value as u32)));
            source_starts.push(sources.len());
        }
        let diagonal = plan.diagonal(pattern).into_iter().enumerate();
        let diagonal = diagonal.map(|(row, place)| place.map(|place| columns[plan.starts[row] + place] as usize));
        Tables {
            sources,
            source_starts,
            diagonal: diagonal.collect(),
            columns,
            starts: plan.starts.clone(),
            left: (0..n).map(|k| plan.left(k)).collect(),
            pivot: (0..n).map(|k| plan.pivot(k)).collect(),
            equations: plan.rows.clone(),
            unknowns: plan.columns.clone(),
            blocks: plan.blocks.clone(),
        }
    }

    pub fn dim(&self) -> usize {
        self.pivot.len()
    }

    pub fn columns(&self, range: std::ops::Range<usize>) -> &[u32] {
        &self.columns[range]
    }

    /// Row i of J − s·I, spread out, less what the pivots before `upto` eliminate. L's entries are put in their places.
    #[inline]
    pub fn eliminate<T: Scalar>(
        &self,
        i: usize,
        upto: usize,
        shift: T,
        jacobian: &[f64],
        factors: &mut [T],
        row: &mut [T],
    ) {
        for (column, value) in &self.sources[self.source_starts[i]..self.source_starts[i + 1]] {
            row[*column as usize] = T::from(jacobian[*value as usize]);
        }
        if let Some(place) = self.diagonal[i] {
            row[place] -= shift;
        }
        let (done, rest) = factors.split_at_mut(self.starts[i]);
        let mut at = 0;
        for place in self.starts[i]..self.left[i] {
            rest[at] = std::mem::take(&mut row[self.columns[place] as usize]);
            at += 1;
        }
        for place in self.left[i]..self.pivot[i] {
            let k = self.columns[place] as usize;
            if k >= upto {
                break;
            }
            let l = std::mem::take(&mut row[k]);
            rest[at] = l;
            at += 1;
            let range = self.pivot[k] + 1..self.starts[k + 1];
            for (column, v) in self.columns[range.clone()].iter().zip(&done[range]) {
                row[*column as usize] += l * *v;
            }
        }
    }

    /// Puts −1/pivot and the row of V in their places.
    #[inline]
    pub fn finish<T: Scalar>(&self, i: usize, factors: &mut [T], row: &mut [T]) {
        let d = T::from(-1.0) / std::mem::take(&mut row[i]);
        let pivot = self.pivot[i];
        factors[pivot] = d;
        let range = pivot + 1..self.starts[i + 1];
        for (column, v) in self.columns[range.clone()].iter().zip(&mut factors[range]) {
            *v = std::mem::take(&mut row[*column as usize]) * d;
        }
    }

    /// Σ factors·z over a range of the storage, added to `sum`.
    #[inline]
    pub fn dot<T: Scalar>(&self, range: std::ops::Range<usize>, factors: &[T], z: &[T], mut sum: T) -> T {
        for (k, l) in self.columns[range.clone()].iter().zip(&factors[range]) {
            sum += *l * z[*k as usize];
        }
        sum
    }

    /// All rows, one after the other; `row` holds n numbers and is all 0 before and behind.
    pub fn factor<T: Scalar>(&self, shift: T, jacobian: &[f64], factors: &mut [T], row: &mut [T]) {
        for i in 0..self.dim() {
            self.eliminate(i, i, shift, jacobian, factors, row);
            self.finish(i, factors, row);
        }
    }

    /// `x = (s·I − J)⁻¹ b`; `z` is scratch of n numbers.
    pub fn solve<T: Scalar>(&self, factors: &[T], b: &[T], z: &mut [T], x: &mut [T]) {
        for block in self.blocks.windows(2) {
            for i in block[0]..block[1] {
                let sum = self.dot(self.starts[i]..self.pivot[i], factors, z, b[self.equations[i]]);
                z[i] = sum * factors[self.pivot[i]];
            }
            for i in (block[0]..block[1]).rev() {
                let sum = self.dot(self.pivot[i] + 1..self.starts[i + 1], factors, z, z[i]);
                z[i] = sum;
                x[self.unknowns[i]] = sum;
            }
        }
    }
}

/// [`Tables::solve`] for k vectors side by side, in place: b and z are by rows of k numbers.
struct SolveRows<'a> {
    tables: &'a Tables,
    factors: &'a [f64],
    k: usize,
    b: &'a mut [f64],
    z: &'a mut [f64],
}

impl SolveRows<'_> {
    /// For K vectors, a number that is known when compiled: a row stays in registers. The same bits.
    #[inline(always)]
    fn of<const K: usize>(self) {
        let SolveRows { tables, factors, b, z, .. } = self;
        let (b, z) = (b.as_chunks_mut::<K>().0, z.as_chunks_mut::<K>().0);
        for block in tables.blocks.windows(2) {
            for i in block[0]..block[1] {
                let mut sum = b[tables.equations[i]];
                for place in tables.starts[i]..tables.pivot[i] {
                    let (c, z) = (factors[place], &z[tables.columns[place] as usize]);
                    for l in 0..K {
                        sum[l] += c * z[l];
                    }
                }
                let d = factors[tables.pivot[i]];
                for l in 0..K {
                    z[i][l] = sum[l] * d;
                }
            }
            for i in (block[0]..block[1]).rev() {
                let mut sum = z[i];
                for place in tables.pivot[i] + 1..tables.starts[i + 1] {
                    let (c, z) = (factors[place], &z[tables.columns[place] as usize]);
                    for l in 0..K {
                        sum[l] += c * z[l];
                    }
                }
                z[i] = sum;
            }
        }
        for (unknown, z) in tables.unknowns.iter().zip(&*z) {
            b[*unknown] = *z;
        }
    }

    #[inline(always)]
    fn of_any(self) {
        let SolveRows { tables, factors, k, b, z } = self;
        for block in tables.blocks.windows(2) {
            for i in block[0]..block[1] {
                let (done, rest) = z.split_at_mut(i * k);
                let sum = &mut rest[..k];
                let equation = tables.equations[i] * k;
                sum.copy_from_slice(&b[equation..equation + k]);
                for place in tables.starts[i]..tables.pivot[i] {
                    let from = tables.columns[place] as usize * k;
                    add_scaled(sum, factors[place], &done[from..from + k]);
                }
                let d = factors[tables.pivot[i]];
                sum.iter_mut().for_each(|sum| *sum *= d);
            }
            for i in (block[0]..block[1]).rev() {
                let (before, later) = z.split_at_mut((i + 1) * k);
                for place in tables.pivot[i] + 1..tables.starts[i + 1] {
                    let from = (tables.columns[place] as usize - i - 1) * k;
                    add_scaled(&mut before[i * k..], factors[place], &later[from..from + k]);
                }
            }
        }
        for (unknown, z) in tables.unknowns.iter().zip(z.chunks_exact(k)) {
            b[unknown * k..(unknown + 1) * k].copy_from_slice(z);
        }
    }
}

impl Wide for SolveRows<'_> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        match self.k {
            4 => self.of::<4>(),
            8 => self.of::<8>(),
            12 => self.of::<12>(),
            16 => self.of::<16>(),
            _ => self.of_any(),
        }
    }
}

impl TableEliminator {
    /// With a plan made for this pattern.
    pub fn new(plan: &Elimination, pattern: &Pattern) -> Self {
        let cost = (2.0 * plan.multiply_adds as f64 + 10.0 * plan.dim() as f64, 2.0 * plan.entries() as f64);
        TableEliminator { pattern: pattern.clone(), rows: Tables::new(plan, pattern), cost }
    }
}

impl Eliminator for TableEliminator {
    fn lengths(&self) -> (usize, usize) {
        // Behind the factors: one row spread out. A check sums two vectors.
        (self.rows.starts[self.rows.dim()] + self.rows.dim(), 2 * self.rows.dim())
    }

    fn factor(&self, shift: f64, jacobian: &[f64], factors: &mut [f64]) {
        let n = self.rows.dim();
        let (factors, row) = factors.split_at_mut(self.rows.starts[n]);
        row.fill(0.0);
        self.rows.factor(shift, jacobian, factors, row);
    }

    fn solve(&self, factors: &[f64], b: &[f64], scratch: &mut [f64], x: &mut [f64]) {
        self.rows.solve(factors, b, scratch, x);
    }

    fn solve_rows(&self, factors: &[f64], k: usize, b: &mut [f64], scratch: &mut [f64]) -> bool {
        let room = b.len();
        wide(SolveRows { tables: &self.rows, factors, k, b, z: &mut scratch[..room] });
        true
    }

    fn check(&self, shift: f64, jacobian: &[f64], x: &[f64], b: &[f64], scratch: &mut [f64]) -> bool {
        nearby(&self.pattern, shift, jacobian, x, b, scratch)
    }

    fn cost(&self) -> (f64, f64) {
        self.cost
    }
}

/// [`Eliminator::check`] by a loop; `scratch` holds 2n numbers.
pub(super) fn nearby(
    pattern: &Pattern,
    shift: f64,
    jacobian: &[f64],
    x: &[f64],
    b: &[f64],
    scratch: &mut [f64],
) -> bool {
    let n = b.len();
    let (residual, size) = scratch[..2 * n].split_at_mut(n);
    for i in 0..n {
        let term = if pattern.is_differential(i) { shift * x[i] } else { 0.0 };
        residual[i] = b[i] - term;
        size[i] = b[i].abs() + term.abs();
    }
    for j in 0..n {
        for k in pattern.column(j) {
            let i = pattern.rows()[k];
            let term = jacobian[k] * x[j];
            residual[i] += term;
            size[i] += term.abs();
        }
    }
    residual.iter().zip(size.iter()).all(|(r, size)| r.abs() <= GOOD * size + TINY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::rows::add_product;

    /// Two strong components, one read by the other, and numbers without pattern.
    fn case() -> (Pattern, Vec<f64>) {
        let of = |from: usize, to: usize| {
            (from..to).flat_map(move |i| [(i, i), (i, from + (i + 2 - from) % (to - from)), (i, from)])
        };
        let pairs: Vec<_> = of(0, 5).chain(of(5, 11)).chain([(7, 1), (5, 4), (10, 0)]).collect();
        let (pattern, _) = Pattern::from_pairs(11, 11, &pairs);
        let values = numbers(pattern.nnz());
        (pattern, values)
    }

    fn numbers(count: usize) -> Vec<f64> {
        (0..count).map(|k| ((k * 37 + 11) % 101) as f64 / 50.0 - 1.0).collect()
    }

    #[test]
    fn vectors_side_by_side_are_what_each_is_alone() {
        let (pattern, values) = case();
        let n = pattern.nrows();
        let plan = Elimination::plan(&pattern, usize::MAX, true).unwrap();
        assert!(plan.blocks.len() > 2);
        let eliminator = TableEliminator::new(&plan, &pattern);
        let (factors, scratch) = eliminator.lengths();
        let (mut factors, mut scratch) = (vec![0.0; factors], vec![0.0; scratch]);
        eliminator.factor(7.0, &values, &mut factors);
        for k in [1, 2, 4, 5, 8, 12, 15, 16, 20] {
            let start = numbers(n * k);
            let column = |list: &[f64], j: usize| (0..n).map(|i| list[i * k + j]).collect::<Vec<f64>>();
            let (mut solved, mut room) = (start.clone(), vec![0.0; n * k]);
            assert!(eliminator.solve_rows(&factors, k, &mut solved, &mut room));
            let mut product = start.clone();
            add_product(&pattern, &values, &solved, k, 0.3, &mut product);
            for j in 0..k {
                let mut alone = vec![0.0; n];
                eliminator.solve(&factors, &column(&start, j), &mut scratch, &mut alone);
                assert_eq!(column(&solved, j), alone, "{k} {j}");
                let mut times = column(&start, j);
                for (c, x) in alone.iter().enumerate() {
                    pattern.column(c).for_each(|place| times[pattern.rows()[place]] += 0.3 * values[place] * x);
                }
                assert_eq!(column(&product, j), times, "{k} {j}");
            }
        }
    }
}
