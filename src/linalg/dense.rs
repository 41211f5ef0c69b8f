//! Dense LU with partial pivoting by blocks of columns, in place, with the processor's widest instructions. Nothing is
//! allocated after construction.

use crate::math::{Wide, wide};

/// `P A = L U` of an n × n matrix, stored over it (L's unit diagonal is implied).
#[derive(Clone, Debug)]
pub struct DenseLu {
    factors: DenseFactors,
    /// Column-major, then the pivots.
    storage: Vec<f64>,
}

impl DenseLu {
    /// Room for an n × n matrix.
    pub fn new(n: usize) -> Self {
        let factors = DenseFactors::new(n);
        DenseLu { storage: vec![0.0; factors.length()], factors }
    }

    /// The matrix to factorise, column-major; fill it before [`Self::factor`].
    pub fn matrix_mut(&mut self) -> &mut [f64] {
        self.factors.matrix_mut(&mut self.storage)
    }

    /// Factorises what stands in the matrix; false if a pivot is zero or not finite.
    pub fn factor(&mut self) -> bool {
        self.factors.factor(&mut self.storage)
    }

    /// Solves `A x = b` in place.
    pub fn solve(&self, b: &mut [f64]) {
        self.factors.solve(&self.storage, b);
    }
}

/// The same over memory of the caller's: n² numbers and n pivots, kept as numbers too.
#[derive(Clone, Debug)]
pub struct DenseFactors {
    n: usize,
}

impl DenseFactors {
    /// For n × n matrices.
    pub fn new(n: usize) -> Self {
        DenseFactors { n }
    }

    /// Length of the storage.
    pub fn length(&self) -> usize {
        self.n * (self.n + 1)
    }

    /// The matrix to factorise, column-major.
    pub fn matrix_mut<'a>(&self, storage: &'a mut [f64]) -> &'a mut [f64] {
        &mut storage[..self.n * self.n]
    }

    /// Factorises by blocks of columns; false if the matrix is singular or not finite, which then becomes NaN.
    pub fn factor(&self, storage: &mut [f64]) -> bool {
        wide(Factorisation { n: self.n, storage })
    }

    /// Solves `A x = b` in place.
    pub fn solve(&self, storage: &[f64], b: &mut [f64]) {
        wide(Solution { n: self.n, storage, b });
    }
}

/// Columns of a block: its part of the matrix stays in the first-level cache.
const BLOCK: usize = 16;

struct Factorisation<'a> {
    n: usize,
    storage: &'a mut [f64],
}

impl Wide for Factorisation<'_> {
    type Value = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let n = self.n;
        let (matrix, pivots) = self.storage.split_at_mut(n * n);
        let mut start = 0;
        while start < n {
            let width = BLOCK.min(n - start);
            if !panel(matrix, pivots, n, start, width) {
                matrix.fill(f64::NAN);
                return false;
            }
            let (left, right) = matrix.split_at_mut((start + width) * n);
            let panel = &left[start * n..];
            for columns in right.chunks_mut(4 * n) {
                update(columns, panel, &pivots[start..start + width], n, start);
            }
            start += width;
        }
        true
    }
}

struct Solution<'a> {
    n: usize,
    storage: &'a [f64],
    b: &'a mut [f64],
}

impl Wide for Solution<'_> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        let Solution { n, storage, b } = self;
        let (matrix, pivots) = storage.split_at(n * n);
        for k in 0..n {
            b.swap(k, pivots[k] as usize);
        }
        for k in 0..n {
            let x = b[k];
            for (r, l) in b[k + 1..n].iter_mut().zip(&matrix[k * n + k + 1..(k + 1) * n]) {
                *r -= l * x;
            }
        }
        for k in (0..n).rev() {
            let column = &matrix[k * n..k * n + k + 1];
            let x = b[k] / column[k];
            b[k] = x;
            for (r, u) in b[..k].iter_mut().zip(column) {
                *r -= u * x;
            }
        }
    }
}

/// Factorises `width` columns from `start` on; whole rows of the columns to the left are exchanged with their pivots.
#[inline(always)]
fn panel(matrix: &mut [f64], pivots: &mut [f64], n: usize, start: usize, width: usize) -> bool {
    for k in start..start + width {
        let column = &matrix[k * n..(k + 1) * n];
        let size = |i: &usize| column[*i].abs();
        let pivot = (k..n).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(k);
        let value = column[pivot];
        if value == 0.0 || !value.is_finite() {
            return false;
        }
        pivots[k] = pivot as f64;
        if pivot != k {
            for j in 0..start + width {
                matrix.swap(j * n + k, j * n + pivot);
            }
        }
        let (left, right) = matrix.split_at_mut((k + 1) * n);
        let column = &mut left[k * n..];
        let inverse = 1.0 / value;
        column[k + 1..].iter_mut().for_each(|l| *l *= inverse);
        for other in right[..(start + width - k - 1) * n].chunks_exact_mut(n) {
            let u = other[k];
            for (x, l) in other[k + 1..].iter_mut().zip(&column[k + 1..]) {
                *x -= l * u;
            }
        }
    }
    true
}

/// Applies a block's exchanges and multipliers to (up to four) columns on its right.
#[inline(always)]
fn update(columns: &mut [f64], panel: &[f64], pivots: &[f64], n: usize, start: usize) {
    let width = pivots.len();
    for column in columns.chunks_exact_mut(n) {
        for (k, pivot) in pivots.iter().enumerate() {
            column.swap(start + k, *pivot as usize);
        }
        for k in 0..width {
            let u = column[start + k];
            let l = &panel[k * n + start + k + 1..k * n + start + width];
            column[start + k + 1..start + width].iter_mut().zip(l).for_each(|(x, l)| *x -= l * u);
        }
    }
    let below = start + width;
    let mut each = columns.chunks_exact_mut(n);
    if let (Some(a), Some(b), Some(c), Some(d)) = (each.next(), each.next(), each.next(), each.next()) {
        let mut from = 0;
        // Four by four: what is loaded is used four times.
        while from + 4 <= width {
            four_by_four([&mut *a, &mut *b, &mut *c, &mut *d], panel, n, start + from, from, below);
            from += 4;
        }
        for k in from..width {
            let l = &panel[k * n + below..(k + 1) * n];
            for column in [&mut *a, &mut *b, &mut *c, &mut *d] {
                let u = column[start + k];
                column[below..].iter_mut().zip(l).for_each(|(x, l)| *x -= l * u);
            }
        }
        return;
    }
    for column in columns.chunks_exact_mut(n) {
        let (done, rest) = column.split_at_mut(below);
        for k in 0..width {
            let l = &panel[k * n + below..(k + 1) * n];
            rest.iter_mut().zip(l).for_each(|(x, l)| *x -= l * done[start + k]);
        }
    }
}

/// Below `below`, four columns less their multiples of the panel's columns `from`, …, `from + 3`, whose pivots are in row `row`
/// and the next three.
#[inline(always)]
fn four_by_four(columns: [&mut [f64]; 4], panel: &[f64], n: usize, row: usize, from: usize, below: usize) {
    let length = n - below;
    let l: [&[f64]; 4] = std::array::from_fn(|k| &panel[(from + k) * n + below..][..length]);
    let u: [[f64; 4]; 4] = std::array::from_fn(|c| std::array::from_fn(|k| columns[c][row + k]));
    let [a, b, c, d] = columns.map(|column| &mut column[below..][..length]);
    for i in 0..length {
        let l = [l[0][i], l[1][i], l[2][i], l[3][i]];
        let less = |x: f64, u: &[f64; 4]| x - l[0] * u[0] - l[1] * u[1] - l[2] * u[2] - l[3] * u[3];
        a[i] = less(a[i], &u[0]);
        b[i] = less(b[i], &u[1]);
        c[i] = less(c[i], &u[2]);
        d[i] = less(d[i], &u[3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_with_pivoting() {
        let mut lu = DenseLu::new(3);
        // Rows: (0 2 1), (1 1 0), (4 0 3)
        lu.matrix_mut().copy_from_slice(&[0.0, 1.0, 4.0, 2.0, 1.0, 0.0, 1.0, 0.0, 3.0]);
        assert!(lu.factor());
        let mut b = [2.0 * 2.0 + 3.0, 1.0 + 2.0, 4.0 + 9.0];
        lu.solve(&mut b);
        for (x, expected) in b.iter().zip([1.0, 2.0, 3.0]) {
            assert!((x - expected).abs() < 1e-14);
        }
    }

    /// The largest residual of a solution of a made-up system, in units of its largest right side.
    fn residual(n: usize) -> f64 {
        let entry =
            |i: usize, j: usize| ((7 * i + 13 * j + i * j) % 101) as f64 - 50.0 + if i == j { 0.5 } else { 0.0 };
        let factors = DenseFactors::new(n);
        let mut storage = vec![0.0; factors.length()];
        for (k, x) in factors.matrix_mut(&mut storage).iter_mut().enumerate() {
            *x = entry(k % n, k / n);
        }
        assert!(factors.factor(&mut storage));
        let b: Vec<f64> = (0..n).map(|k| (k * k % 17) as f64 - 3.0).collect();
        let mut x = b.clone();
        factors.solve(&storage, &mut x);
        let row = |i: usize| (0..n).map(|j| entry(i, j) * x[j]).sum::<f64>();
        (0..n).map(|i| (row(i) - b[i]).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn blocks_of_any_width_solve() {
        for n in [1, 3, 4, 16, 17, 18, 19, 21, 50, 83] {
            let residual = residual(n);
            assert!(residual < 1e-10, "{n}: {residual:e}");
        }
    }

    #[test]
    fn singular_matrices_are_reported() {
        let mut lu = DenseLu::new(2);
        lu.matrix_mut().copy_from_slice(&[1.0, 2.0, 2.0, 4.0]);
        assert!(!lu.factor());
        assert!(lu.matrix_mut().iter().all(|x| x.is_nan()));
    }
}
