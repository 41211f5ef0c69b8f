//! Iterative solution with W for systems too large to factorise: BiCGStab, preconditioned from the right by an
//! incomplete factorisation on W's own pattern. Memory is a few vectors and two copies of the matrix.
//!
//! Sources: H. A. van der Vorst, SIAM J. Sci. Stat. Comput. 13 (1992) 631; ILU(0) as Y. Saad, Iterative Methods for
//! Sparse Linear Systems, algorithm 10.4.

use super::Pattern;

/// Iterations after which a solution is given up.
const ITERATIONS: usize = 300;

/// `W = s·I − J` by rows, its incomplete factors, and room for the iteration.
pub struct Krylov {
    starts: Vec<usize>,
    columns: Vec<u32>,
    /// Place of each Jacobian value among the rows' entries.
    places: Vec<u32>,
    diagonal: Vec<usize>,
    /// Where the shift enters.
    shifted: Vec<usize>,
    w: Vec<f64>,
    /// L without its unit diagonal and U, whose diagonal is stored inverted.
    incomplete: Vec<f64>,
    marks: Vec<usize>,
    vectors: [Vec<f64>; 8],
    /// Residual to reach, relative to the right side.
    accuracy: f64,
    iterations: u64,
}

impl Krylov {
    /// For J of this pattern.
    pub fn new(pattern: &Pattern) -> Self {
        let n = pattern.nrows();
        let mut counts = vec![0usize; n + 1];
        let on_diagonal = |j: usize| pattern.place(j, j).is_some();
        let missing: Vec<bool> = (0..n).map(|j| !on_diagonal(j)).collect();
        pattern.rows().iter().for_each(|i| counts[i + 1] += 1);
        missing.iter().enumerate().for_each(|(i, missing)| counts[i + 1] += usize::from(*missing));
        for i in 0..n {
            counts[i + 1] += counts[i];
        }
        let starts = counts.clone();
        let mut next = counts;
        let entries = starts[n];
        let (mut columns, mut places, mut diagonal) = (vec![0u32; entries], vec![0u32; pattern.nnz()], vec![0; n]);
        // Columns in order, so that within a row they ascend; a diagonal place the pattern lacks is put in on its turn.
        for j in 0..n {
            let mut place = |i: usize| {
                columns[next[i]] = j as u32;
                if i == j {
                    diagonal[j] = next[i];
                }
                next[i] += 1;
                next[i] - 1
            };
            for k in pattern.column(j) {
                places[k] = place(pattern.rows()[k]) as u32;
            }
            if missing[j] {
                place(j);
            }
        }
        let shifted = (0..n).filter(|j| pattern.is_differential(*j)).map(|j| diagonal[j]).collect();
        Krylov {
            shifted,
            starts,
            columns,
            places,
            diagonal,
            w: vec![0.0; entries],
            incomplete: vec![0.0; entries],
            marks: vec![usize::MAX; n],
            vectors: std::array::from_fn(|_| vec![0.0; n]),
            accuracy: 1e-10,
            iterations: 0,
        }
    }

    /// Solutions shall leave a residual of at most this share of the right side.
    pub fn set_accuracy(&mut self, accuracy: f64) {
        self.accuracy = accuracy;
    }

    /// Iterations so far.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Roughly how many operations a factorisation and a solve take.
    pub fn cost(&self) -> (f64, f64) {
        // Some ten iterations of two products and two preconditioner solves each.
        (10.0 * self.w.len() as f64, 10.0 * 8.0 * self.w.len() as f64)
    }

    /// Assembles W and its incomplete factors; false where a pivot is zero or not finite.
    pub fn factor(&mut self, shift: f64, jacobian: &[f64]) -> bool {
        self.w.fill(0.0);
        for (place, value) in self.places.iter().zip(jacobian) {
            self.w[*place as usize] -= value;
        }
        self.shifted.iter().for_each(|place| self.w[*place] += shift);
        self.incomplete.copy_from_slice(&self.w);
        let lu = &mut self.incomplete;
        for i in 0..self.diagonal.len() {
            let row = self.starts[i]..self.starts[i + 1];
            for place in row.clone() {
                self.marks[self.columns[place] as usize] = place;
            }
            for place in row.start..self.diagonal[i] {
                let k = self.columns[place] as usize;
                let l = lu[place] * lu[self.diagonal[k]];
                lu[place] = l;
                for other in self.diagonal[k] + 1..self.starts[k + 1] {
                    let mark = self.marks[self.columns[other] as usize];
                    if mark != usize::MAX {
                        lu[mark] -= l * lu[other];
                    }
                }
            }
            for place in row {
                self.marks[self.columns[place] as usize] = usize::MAX;
            }
            let pivot = lu[self.diagonal[i]];
            if pivot == 0.0 || !pivot.is_finite() {
                return false;
            }
            lu[self.diagonal[i]] = 1.0 / pivot;
        }
        true
    }

    /// Solves `W x = b` in place; NaN where the iteration does not converge.
    pub fn solve(&mut self, b: &mut [f64]) {
        let [r, shadow, p, v, s, t, hat, x] = &mut self.vectors;
        let matrix = Rows {
            starts: &self.starts,
            columns: &self.columns,
            diagonal: &self.diagonal,
            w: &self.w,
            incomplete: &self.incomplete,
        };
        x.fill(0.0);
        r.copy_from_slice(b);
        shadow.copy_from_slice(b);
        p.copy_from_slice(b);
        let wanted = self.accuracy * dot(b, b).sqrt();
        let mut rho = dot(r, shadow);
        for _ in 0..ITERATIONS {
            // `!(>)`: a right side that is not finite leaves at once.
            if !(dot(r, r).sqrt() > wanted) {
                break;
            }
            self.iterations += 1;
            matrix.precondition(p, hat);
            matrix.multiply(hat, v);
            let alpha = rho / dot(shadow, v);
            axpy(x, alpha, hat);
            combine(s, r, -alpha, v);
            matrix.precondition(s, hat);
            matrix.multiply(hat, t);
            let tt = dot(t, t);
            let omega = if tt == 0.0 { 0.0 } else { dot(t, s) / tt };
            axpy(x, omega, hat);
            combine(r, s, -omega, t);
            let before = rho;
            rho = dot(r, shadow);
            let beta = rho / before * (alpha / omega);
            if !beta.is_finite() || rho == 0.0 {
                // Breakdown: start again from here, if this is not good enough yet.
                shadow.copy_from_slice(r);
                p.copy_from_slice(r);
                rho = dot(r, r);
                continue;
            }
            for (p, (r, v)) in p.iter_mut().zip(r.iter().zip(v.iter())) {
                *p = r + beta * (*p - omega * v);
            }
        }
        if dot(r, r).sqrt() <= wanted.max(f64::MIN_POSITIVE) {
            b.copy_from_slice(x);
        } else {
            b.fill(f64::NAN);
        }
    }
}

/// W and its incomplete factors by rows.
struct Rows<'a> {
    starts: &'a [usize],
    columns: &'a [u32],
    diagonal: &'a [usize],
    w: &'a [f64],
    incomplete: &'a [f64],
}

impl Rows<'_> {
    fn dot(&self, values: &[f64], range: std::ops::Range<usize>, x: &[f64]) -> f64 {
        self.columns[range.clone()].iter().zip(&values[range]).map(|(j, a)| a * x[*j as usize]).sum()
    }

    fn multiply(&self, x: &[f64], out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.dot(self.w, self.starts[i]..self.starts[i + 1], x);
        }
    }

    /// `out = (L U)⁻¹ b`
    fn precondition(&self, b: &[f64], out: &mut [f64]) {
        for i in 0..b.len() {
            out[i] = b[i] - self.dot(self.incomplete, self.starts[i]..self.diagonal[i], out);
        }
        for i in (0..b.len()).rev() {
            let sum = self.dot(self.incomplete, self.diagonal[i] + 1..self.starts[i + 1], out);
            out[i] = (out[i] - sum) * self.incomplete[self.diagonal[i]];
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn axpy(y: &mut [f64], a: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

/// `out = x + a·y`
fn combine(out: &mut [f64], x: &[f64], a: f64, y: &[f64]) {
    out.iter_mut().zip(x.iter().zip(y)).for_each(|(out, (x, y))| *out = x + a * y);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diffusion_operator_is_solved() {
        // s·I − the Laplacian of a 20 × 20 grid, without an entry on the diagonal of J in one row.
        let side = 20;
        let at = |i: usize, j: usize| i * side + j;
        let (mut pairs, mut values) = (Vec::new(), Vec::new());
        for i in 0..side {
            for j in 0..side {
                if (i, j) != (3, 3) {
                    pairs.push((at(i, j), at(i, j)));
                    values.push(-400.0);
                }
                for (k, l) in [(i + 1, j), (i, j + 1)] {
                    if k < side && l < side {
                        pairs.extend([(at(i, j), at(k, l)), (at(k, l), at(i, j))]);
                        values.extend([100.0, 100.0]);
                    }
                }
            }
        }
        let n = side * side;
        let (pattern, places) = Pattern::from_pairs(n, n, &pairs);
        let mut jacobian = vec![0.0; pattern.nnz()];
        places.iter().zip(&values).for_each(|(place, value)| jacobian[*place] += value);
        let mut krylov = Krylov::new(&pattern);
        assert!(krylov.factor(0.7, &jacobian));
        let b: Vec<f64> = (0..n).map(|k| ((k * 37) % 19) as f64 - 9.0).collect();
        let mut x = b.clone();
        krylov.solve(&mut x);
        let mut jx = vec![0.0; n];
        pattern.multiply(&jacobian, &x, &mut jx);
        let worst = (0..n).fold(0.0f64, |m, i| m.max((0.7 * x[i] - jx[i] - b[i]).abs()));
        assert!(worst < 1e-7, "{worst}");
        assert!(krylov.iterations() > 2);
        let mut zero = vec![0.0; n];
        krylov.solve(&mut zero);
        assert!(zero.iter().all(|x| *x == 0.0));
        let mut bad = vec![f64::NAN; n];
        krylov.solve(&mut bad);
        assert!(bad.iter().all(|x| x.is_nan()));
    }
}
