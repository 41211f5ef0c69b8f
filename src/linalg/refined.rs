//! Solves with `W = s·M − J` that are good to the last digits, for derivatives: whoever carries them forward and whoever pulls
//! adjoints back solve with a matrix and with its transpose, and what rounding makes of the two differs by as much as the matrix is
//! badly conditioned (Robertson's equations with a sum in place of the third: 10⁸ roundings).
//!
//! A solution is improved by the solution for its residual, which is found to twice the digits: so the error falls to a rounding
//! whatever the conditioning, short of 10¹⁶ (C. B. Moler, J. ACM 14 (1967) 316; N. J. Higham, Accuracy and Stability of Numerical
//! Algorithms, chapter 12). Most matrices do not need it, and their neighbours along a run neither: of good ones every
//! sixteenth is looked at, of others each.

use super::{Pattern, Shifted};
use crate::math::{two_product, two_sum};

/// A correction of more than that, of a component: the matrix is badly conditioned.
const BAD: f64 = 1e-12;
/// What is less than that of the largest component of a vector is compared with that.
const NOISE: f64 = 1e-8;
/// Factorisations between two that are looked at, where all is well.
const PAUSE: u32 = 15;
/// Corrections of a solution.
const ROUNDS: usize = 4;

/// W, factorised, with what its solutions are improved by.
pub struct Refined {
    w: Shifted,
    pattern: Pattern,
    /// Factorisations until one is looked at, and how many there were to be.
    rest: u32,
    pause: u32,
    longest: u32,
    looks: bool,
    shift: f64,
    values: Vec<f64>,
    given: Vec<f64>,
    left: Vec<f64>,
    low: Vec<f64>,
}

impl Refined {
    /// Of a matrix with this pattern.
    pub fn new(w: Shifted, pattern: &Pattern) -> Self {
        // Planned pivots leave up to 1e-11 of algebraic equations, now and then, which is much where these hardly determine their unknowns.
        Refined {
            w,
            longest: if pattern.has_algebraic() { 0 } else { PAUSE },
            pattern: pattern.clone(),
            rest: 0,
            pause: 0,
            looks: false,
            shift: 0.0,
            values: Vec::new(),
            given: Vec::new(),
            left: Vec::new(),
            low: Vec::new(),
        }
    }

    /// Begins anew, with all its memory, as if it had seen no matrix yet; false where it has learnt too much of them.
    pub fn renew(&mut self) -> bool {
        (self.rest, self.pause) = (0, 0);
        self.w.is_as_made()
    }

    /// The next factorisation is looked at.
    pub fn look(&mut self) {
        self.rest = 0;
    }

    /// Assembles `shift·M − J` and factorises it; false if it is found singular.
    pub fn factor(&mut self, shift: f64, jacobian: &[f64]) -> bool {
        // What is iterated for is as good as was asked for.
        self.looks = self.rest == 0 && self.w.is_factorised();
        if self.looks {
            self.shift = shift;
            self.values.clear();
            self.values.extend_from_slice(jacobian);
            self.pause = (2 * self.pause + 1).min(self.longest);
            self.rest = self.pause;
        } else {
            self.rest = self.rest.saturating_sub(1);
        }
        self.w.factor(shift, jacobian)
    }

    /// Solves `W x = b` in place.
    pub fn solve(&mut self, b: &mut [f64]) {
        if !self.looks {
            return self.w.solve(b);
        }
        self.solve_rows(b, 1, &mut Vec::new());
    }

    /// The same, and the solution is not improved.
    pub fn solve_once(&mut self, b: &mut [f64]) {
        self.w.solve(b);
    }

    /// Solves `W x = b` in place for k vectors side by side: b is by rows of k numbers. `room` becomes as long as is needed.
    pub fn solve_rows(&mut self, b: &mut [f64], k: usize, room: &mut Vec<f64>) {
        if !self.looks {
            return self.w.solve_rows(b, k, room);
        }
        self.given.clear();
        self.given.extend_from_slice(b);
        self.w.solve_rows(b, k, room);
        let (mut first, mut last) = (None, f64::INFINITY);
        for _ in 0..ROUNDS {
            self.residual(b, k);
            self.w.solve_rows(&mut self.left, k, room);
            let change = self.change(b, k);
            // Corrections that do not shrink, or are no numbers, improve nothing.
            if !(change < 0.5 * last) || !self.left.iter().all(|d| d.is_finite()) {
                return;
            }
            b.iter_mut().zip(&self.left).for_each(|(x, d)| *x += d);
            // Each correction is as good as the first was large.
            let first = *first.get_or_insert(change);
            if first > BAD {
                (self.pause, self.rest) = (0, 0);
            }
            if change * first <= f64::EPSILON {
                return;
            }
            last = change;
        }
    }

    /// The largest correction in `left` of a component, as a share of it; what is next to nothing of its vector may be noise.
    fn change(&mut self, x: &[f64], k: usize) -> f64 {
        self.low.clear();
        self.low.resize(k, 0.0);
        for row in x.chunks_exact(k) {
            self.low.iter_mut().zip(row).for_each(|(least, x)| *least = least.max(NOISE * x.abs()));
        }
        let mut most = 0.0f64;
        for (row, change) in x.chunks_exact(k).zip(self.left.chunks_exact(k)) {
            for ((x, change), least) in row.iter().zip(change).zip(&self.low).filter(|((_, change), _)| **change != 0.0)
            {
                most = most.max(change.abs() / x.abs().max(*least));
            }
        }
        most
    }

    /// b − W x into `left`.
    fn residual(&mut self, x: &[f64], k: usize) {
        self.left.clone_from(&self.given);
        self.low.clear();
        self.low.resize(x.len(), 0.0);
        let (left, low) = (&mut self.left, &mut self.low);
        let mut add = |row: usize, factor: f64, x: &[f64]| {
            let own = row * k..(row + 1) * k;
            for ((left, low), x) in left[own.clone()].iter_mut().zip(&mut low[own]).zip(x) {
                let (product, rest) = two_product(factor, *x);
                let (sum, lost) = two_sum(*left, product);
                *left = sum;
                *low += lost + rest;
            }
        };
        for (j, x) in x.chunks_exact(k).enumerate() {
            if self.pattern.is_differential(j) {
                add(j, -self.shift, x);
            }
            for place in self.pattern.column(j) {
                add(self.pattern.rows()[place], self.values[place], x);
            }
        }
        self.left.iter_mut().zip(&self.low).for_each(|(left, low)| *left += low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hilbert's matrix of six rows, whose condition is 1.5e7, by its negative as J; x of ones from sums that are exact to
    /// rounding leaves errors of 1e-10 without corrections.
    #[test]
    fn badly_conditioned_matrices_lose_no_digits() {
        let n = 6;
        let pattern = Pattern::dense(n).with_algebraic(&(0..n).collect::<Vec<_>>());
        // Multiples of the entries are whole numbers, so that sums of them are exact.
        let values: Vec<f64> = (0..n * n).map(|at| -27720.0 / ((at % n + at / n + 1) as f64)).collect();
        let b: Vec<f64> = (0..n).map(|i| -(0..n).map(|j| values[j * n + i]).sum::<f64>()).collect();
        let far = |x: &[f64]| x.iter().map(|x| (x - 1.0).abs()).fold(0.0, f64::max);
        let mut plain = Shifted::new(&pattern).unwrap();
        let mut x = b.clone();
        assert!(plain.factor(0.0, &values));
        plain.solve(&mut x);
        assert!(far(&x) > 1e-12, "{:e}", far(&x));
        let mut refined = Refined::new(Shifted::new(&pattern).unwrap(), &pattern);
        // Each is looked at, since all need it.
        for _ in 0..3 {
            assert!(refined.factor(0.0, &values));
            let mut x: Vec<f64> = b.iter().flat_map(|b| [*b, 2.0 * b]).collect();
            refined.solve_rows(&mut x, 2, &mut Vec::new());
            let (first, second): (Vec<f64>, Vec<f64>) = x.chunks_exact(2).map(|x| (x[0], 0.5 * x[1])).unzip();
            assert!(far(&first) <= 4e-16 && far(&second) <= 4e-16, "{:e} {:e}", far(&first), far(&second));
        }
    }
}
