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
    fn singular_matrices_are_reported() {
        let mut lu = DenseLu::new(2);
        lu.matrix_mut().copy_from_slice(&[1.0, 2.0, 2.0, 4.0]);
        assert!(!lu.factor());
    }
}
