//! Dense LU with partial pivoting, column by column, in place. Nothing is allocated after construction.

/// `P A = L U` of an n × n matrix, stored over it (L's unit diagonal is implied).
#[derive(Clone, Debug)]
pub struct DenseLu {
    n: usize,
    /// Column-major.
    matrix: Vec<f64>,
    pivots: Vec<usize>,
}

impl DenseLu {
    /// Room for an n × n matrix.
    pub fn new(n: usize) -> Self {
        DenseLu { n, matrix: vec![0.0; n * n], pivots: vec![0; n] }
    }

    /// The matrix to factorise, column-major; fill it before [`Self::factor`].
    pub fn matrix_mut(&mut self) -> &mut [f64] {
        &mut self.matrix
    }

    /// Factorises what stands in the matrix; false if a pivot is zero or not finite.
    pub fn factor(&mut self) -> bool {
        let n = self.n;
        for k in 0..n {
            let column = &self.matrix[k * n..(k + 1) * n];
            let mut pivot = k;
            for i in k + 1..n {
                if column[i].abs() > column[pivot].abs() {
                    pivot = i;
                }
            }
            let value = column[pivot];
            if value == 0.0 || !value.is_finite() {
                return false;
            }
            self.pivots[k] = pivot;
            let (left, right) = self.matrix.split_at_mut((k + 1) * n);
            let column = &mut left[k * n..];
            column.swap(k, pivot);
            let inverse = 1.0 / value;
            column[k + 1..].iter_mut().for_each(|l| *l *= inverse);
            let multipliers = &column[k + 1..];
            for other in right.chunks_exact_mut(n) {
                other.swap(k, pivot);
                let u = other[k];
                if u != 0.0 {
                    for (x, l) in other[k + 1..].iter_mut().zip(multipliers) {
                        *x -= l * u;
                    }
                }
            }
        }
        true
    }

    /// Solves `A x = b` in place.
    pub fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        // The multipliers were not swapped with later pivots, so permute and eliminate together.
        for k in 0..n {
            b.swap(k, self.pivots[k]);
            let x = b[k];
            if x != 0.0 {
                for (r, l) in b[k + 1..].iter_mut().zip(&self.matrix[k * n + k + 1..(k + 1) * n]) {
                    *r -= l * x;
                }
            }
        }
        for k in (0..n).rev() {
            let column = &self.matrix[k * n..k * n + k + 1];
            let x = b[k] / column[k];
            b[k] = x;
            for (r, u) in b[..k].iter_mut().zip(column) {
                *r -= u * x;
            }
        }
    }
}

/// The same as [`DenseLu`], over memory of the caller's: n² numbers and n pivots, kept as numbers too.
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

    /// Factorises by blocks of columns; a matrix that is singular or not finite becomes NaN.
    pub fn factor(&self, storage: &mut [f64]) {
        let n = self.n;
        let (matrix, pivots) = storage.split_at_mut(n * n);
        let mut start = 0;
        while start < n {
            let width = BLOCK.min(n - start);
            if !panel(matrix, pivots, n, start, width) {
                matrix.fill(f64::NAN);
                return;
            }
            let (left, right) = matrix.split_at_mut((start + width) * n);
            let panel = &left[start * n..];
            for pair in right.chunks_mut(4 * n) {
                update(pair, panel, &pivots[start..start + width], n, start);
            }
            start += width;
        }
    }

    /// Solves `A x = b` in place.
    pub fn solve(&self, storage: &[f64], b: &mut [f64]) {
        let n = self.n;
        let (matrix, pivots) = storage.split_at(n * n);
        for k in 0..n {
            b.swap(k, pivots[k] as usize);
        }
        for k in 0..n {
            let x = b[k];
            for (r, l) in b[k + 1..].iter_mut().zip(&matrix[k * n + k + 1..(k + 1) * n]) {
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

/// Columns of a block: its part of the matrix stays in the first-level cache.
const BLOCK: usize = 16;

/// Factorises `width` columns from `start` on; whole rows of the columns to the left are exchanged with their pivots.
fn panel(matrix: &mut [f64], pivots: &mut [f64], n: usize, start: usize, width: usize) -> bool {
    for k in start..start + width {
        let column = &matrix[k * n..(k + 1) * n];
        let pivot = (k..n).max_by(|a, b| column[*a].abs().total_cmp(&column[*b].abs())).unwrap_or(k);
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
        for k in 0..width {
            let u = [a[start + k], b[start + k], c[start + k], d[start + k]];
            let l = &panel[k * n + below..(k + 1) * n];
            let lists = a[below..].iter_mut().zip(&mut b[below..]).zip(c[below..].iter_mut().zip(&mut d[below..]));
            for (l, ((a, b), (c, d))) in l.iter().zip(lists) {
                *a -= l * u[0];
                *b -= l * u[1];
                *c -= l * u[2];
                *d -= l * u[3];
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

    #[test]
    fn blocks_give_what_columns_give() {
        for n in [1, 3, 16, 17, 50, 83] {
            let entry = |i: usize, j: usize| ((7 * i + 13 * j + i * j) % 101) as f64 - 50.0;
            let (mut lu, blocked) = (DenseLu::new(n), DenseFactors::new(n));
            let mut storage = vec![0.0; blocked.length()];
            for j in 0..n {
                for i in 0..n {
                    lu.matrix_mut()[j * n + i] = entry(i, j) + if i == j { 0.5 } else { 0.0 };
                }
            }
            blocked.matrix_mut(&mut storage).copy_from_slice(lu.matrix_mut());
            let mut a: Vec<f64> = (0..n).map(|k| k as f64 - 3.0).collect();
            let mut b = a.clone();
            blocked.factor(&mut storage);
            assert!(lu.factor());
            lu.solve(&mut a);
            blocked.solve(&storage, &mut b);
            let size = a.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9 * size), "{n}: {a:?} {b:?}");
        }
        let blocked = DenseFactors::new(2);
        let mut storage = [1.0, 2.0, 2.0, 4.0, 0.0, 0.0];
        blocked.factor(&mut storage);
        assert!(storage[0].is_nan());
    }

    #[test]
    fn singular_matrices_are_reported() {
        let mut lu = DenseLu::new(2);
        lu.matrix_mut().copy_from_slice(&[1.0, 2.0, 2.0, 4.0]);
        assert!(!lu.factor());
    }
}
