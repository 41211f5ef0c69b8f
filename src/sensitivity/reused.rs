//! Implicit stages of the way back where a factorisation costs many times what a solve does: one serves several steps.
//!
//! Wᵀ x = b is solved with the factors of another step's W, and what is left over with them again (iterative refinement: N. Higham,
//! Accuracy and Stability of Numerical Algorithms, ch. 12). Each correction δ is multiplied with Jᵀ and (∂f/∂p)ᵀ in one pass, so that
//! the products of the corrections add up to those of x and nothing else is asked of J. Where corrections shrink slowly, what is left over
//! is solved for with factors of its own.

use super::linear::Linear;
use super::products::Products;
use crate::solve::problem::Problem;

/// Corrections at most.
const MOST: usize = 12;
/// How much smaller each has to be than the one before.
const SHRINKS: f64 = 0.15;
/// They have come to an end where they are no more than this share of the solution.
const ENOUGH: f64 = 1e-15;
/// Where they no longer shrink, this is the share that rounding leaves.
const ROUNDING: f64 = 1e-14;

/// Room for solutions.
#[derive(Default)]
pub struct Reused {
    x: Vec<f64>,
    correction: Vec<f64>,
    sum: Vec<f64>,
}

impl Reused {
    /// Replaces `mu` by the solution of Wᵀ x = mu at (t, y), W = `shift` M − J, and adds (∂f/∂p)ᵀ x to the gradient, sooner or later. False if
    /// that has not been possible with the factors at hand: then `mu` is what is left over, and [`Self::finish`] adds what has been found.
    pub fn solve(
        &mut self,
        problem: &Problem,
        (products, linear): (&mut Products, &mut Linear),
        (t, y): (f64, &[f64]),
        shift: f64,
        mu: &mut [f64],
    ) -> bool {
        let Reused { x, correction, sum } = self;
        x.clear();
        if !linear.keeps_factors() {
            return false;
        }
        for list in [&mut *x, &mut *correction, &mut *sum] {
            list.resize(mu.len(), 0.0);
        }
        let mut before = f64::INFINITY;
        for _ in 0..MOST {
            correction.copy_from_slice(mu);
            linear.solve_nearly(correction);
            let size = largest(correction);
            // No number is not smaller either.
            if !(size <= SHRINKS * before) {
                let done = size <= ROUNDING * largest(x);
                if done {
                    mu.copy_from_slice(x);
                }
                return done;
            }
            before = size;
            sum.fill(0.0);
            if !products.add(problem, t, y, correction, sum) {
                return false;
            }
            // What is left over: b − Wᵀ δ.
            for (k, (left, (d, sum))) in mu.iter_mut().zip(correction.iter().zip(&*sum)).enumerate() {
                let own = if problem.algebraic.get(k) == Some(&true) { 0.0 } else { shift * d };
                *left -= own - sum;
            }
            x.iter_mut().zip(&*correction).for_each(|(x, d)| *x += d);
            if x.iter().zip(&*correction).all(|(x, d)| d.abs() <= ENOUGH * x.abs()) {
                mu.copy_from_slice(x);
                return true;
            }
        }
        false
    }

    /// Adds to `mu` what has been found before.
    pub fn finish(&self, mu: &mut [f64]) {
        mu.iter_mut().zip(&self.x).for_each(|(mu, x)| *mu += x);
    }
}

fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |most, x| f64::max(most, x.abs()))
}
