//! Banded LU with partial pivoting (as LAPACK's `gbtrf`, unblocked): pivoting widens the upper band by the lower. Real or
//! complex.

use super::Scalar;

/// LU of a matrix with `lower` sub- and `upper` super-diagonals.
#[derive(Clone, Debug)]
pub struct BandLu<T = f64> {
    n: usize,
    lower: usize,
    upper: usize,
    /// Rows of storage per column: `2*lower + upper + 1`.
    height: usize,
    /// Entry (i, j) stands at `j*height + lower + upper + i - j`.
    values: Vec<T>,
    pivots: Vec<usize>,
}

impl<T: Scalar> BandLu<T> {
    /// Room for an n × n band matrix.
    pub fn new(n: usize, lower: usize, upper: usize) -> Self {
        let height = 2 * lower + upper + 1;
        BandLu { n, lower, upper, height, values: vec![T::default(); height * n], pivots: vec![0; n] }
    }

    /// Operations of a factorisation and of a solve.
    pub(super) fn cost(&self) -> (f64, f64) {
        let (n, lower, upper) = (self.n as f64, self.lower as f64, self.upper as f64);
        (2.0 * n * lower * (lower + upper + 1.0), 2.0 * n * (2.0 * lower + upper + 1.0))
    }

    /// The place of entry (i, j), which must lie in the band.
    pub fn place(&self, i: usize, j: usize) -> usize {
        j * self.height + self.lower + self.upper + i - j
    }

    /// The entries, by [`Self::place`].
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Factorises; false if a pivot is zero or not finite.
    pub fn factor(&mut self) -> bool {
        let (n, kl, height) = (self.n, self.lower, self.height);
        let diagonal = self.lower + self.upper;
        for j in 0..n {
            let below = kl.min(n - 1 - j);
            let column = j * height + diagonal;
            let mut pivot = 0;
            for i in 1..=below {
                if self.values[column + i].size() > self.values[column + pivot].size() {
                    pivot = i;
                }
            }
            let value = self.values[column + pivot];
            if value.size() == 0.0 || !value.size().is_finite() {
                return false;
            }
            self.pivots[j] = j + pivot;
            self.values.swap(column, column + pivot);
            let inverse = T::from(1.0) / value;
            self.values[column + 1..=column + below].iter_mut().for_each(|l| *l *= inverse);
            let last = (j + self.upper + kl).min(n - 1);
            let (left, right) = self.values.split_at_mut((j + 1) * height);
            let multipliers = &left[column + 1..column + 1 + below];
            for c in j + 1..=last {
                // Row j of column c.
                let at = (c - j - 1) * height + diagonal - (c - j);
                if pivot != 0 {
                    right.swap(at, at + pivot);
                }
                let u = right[at];
                if u != T::default() {
                    for (x, l) in right[at + 1..at + 1 + below].iter_mut().zip(multipliers) {
                        *x -= *l * u;
                    }
                }
            }
        }
        true
    }

    /// Solves `A x = b` in place.
    pub fn solve(&self, b: &mut [T]) {
        let (n, kl, height) = (self.n, self.lower, self.height);
        let diagonal = self.lower + self.upper;
        for j in 0..n {
            b.swap(j, self.pivots[j]);
            let x = b[j];
            let below = kl.min(n - 1 - j);
            let column = j * height + diagonal;
            for (r, l) in b[j + 1..j + 1 + below].iter_mut().zip(&self.values[column + 1..]) {
                *r -= *l * x;
            }
        }
        for j in (0..n).rev() {
            let column = j * height + diagonal;
            let x = b[j] / self.values[column];
            b[j] = x;
            let above = diagonal.min(j);
            for (r, u) in b[j - above..j].iter_mut().zip(&self.values[column - above..column]) {
                *r -= *u * x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::DenseLu;

    #[test]
    fn agrees_with_dense() {
        let (n, kl, ku) = (13, 2, 3);
        let mut band = BandLu::<f64>::new(n, kl, ku);
        let mut dense = DenseLu::new(n);
        for j in 0..n {
            for i in j.saturating_sub(ku)..(j + kl + 1).min(n) {
                let value = ((7 * i + 13 * j) % 11) as f64 - 5.0 + if i == j { 0.25 } else { 0.0 };
                let place = band.place(i, j);
                band.values_mut()[place] = value;
                dense.matrix_mut()[j * n + i] = value;
            }
        }
        assert!(band.factor() && dense.factor());
        let b: Vec<f64> = (0..n).map(|k| k as f64 - 4.0).collect();
        let (mut x, mut y) = (b.clone(), b);
        band.solve(&mut x);
        dense.solve(&mut y);
        for (a, b) in x.iter().zip(&y) {
            assert!((a - b).abs() < 1e-11 * (1.0 + b.abs()), "{a} {b}");
        }
    }
}
