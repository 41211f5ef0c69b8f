//! Newton's iteration of a BDF step: the prediction, J and its age, the use of a factorisation, convergence (Brown, Byrne &
//! Hindmarsh 1989, sections 3–4).

use super::{Bdf, error_constant};
use crate::solve::differences::{GAMMA, MAX_ORDER, alpha};
use crate::solve::fused::weigh;
use crate::solve::problem::Problem;
use crate::system::{CompiledNewton, HISTORY, NEWTON_LIMITS};

const NEWTON_ITERATIONS: usize = 4;
/// What Newton's iteration may leave of the error test's unit.
const NEWTON_SHARE: f64 = 0.01;
/// A rate of convergence slower than this asks for a new Jacobian at the next step; where W is dear, the second.
const SLOW: (f64, f64) = (0.1, 0.4);
/// A Jacobian older than so many steps is renewed.
const OLD: u32 = 50;
/// Where a factorisation is dear, one made for a c not farther away than this share serves.
const NEAR: f64 = 0.25;
/// After f was no number somewhere, so many solutions are tried for it.
const CAUTIOUS: u32 = 200;
/// The rate presumed of a new Jacobian.
const NEW_RATE: f64 = 0.3;

/// What becomes of the iteration.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Newton {
    /// As far as asked.
    Converged,
    /// Not.
    Diverged,
    /// Not decided.
    GoesOn,
}

impl Bdf {
    /// Where the differences lead, ψ = Σ γ_k ∇^k y / α, and the weights of this step's norms.
    pub(super) fn predict(&mut self, problem: &Problem) {
        if std::mem::replace(&mut self.ready, true) {
            return;
        }
        let (n, q) = (self.n, self.order);
        let alpha = alpha(q);
        weigh(&mut self.predicted, &[1.0; MAX_ORDER + 1][..=q], &self.differences);
        let mut weights = GAMMA;
        weights.iter_mut().for_each(|g| *g /= alpha);
        weigh(&mut self.psi, &weights[1..=q], &self.differences[n..]);
        problem.weights(&self.y, &self.predicted, &mut self.weights);
    }

    /// J, where the step being tried leads.
    pub(super) fn update_jacobian(&mut self, problem: &mut Problem, t: f64) {
        self.predict(problem);
        problem.jacobian(t, &self.predicted, &mut self.jacobian);
        self.fresh = true;
        self.age = 0;
        self.factored = 0.0;
        self.rate = NEW_RATE;
        let pattern = problem.system.jacobian_pattern();
        let column = |j: usize| pattern.column(j).map(|k| self.jacobian[k].abs()).sum::<f64>();
        self.jacobian_norm = (0..self.n).map(column).fold(0.0, f64::max);
    }

    /// A factorisation of W that serves for c, if there can be one.
    fn factorise(&mut self, problem: &mut Problem, c: f64) -> bool {
        let off = (c / self.factored - 1.0).abs();
        if off == 0.0 || (self.dear && off < NEAR) {
            return true;
        }
        problem.statistics.factorizations += 1;
        self.factored = if self.w.factor(1.0 / c, &self.jacobian) { c } else { 0.0 };
        self.factored != 0.0
    }

    /// Solves `d` from `(1 − κ)γ d + ψ = h f(t, y⁰ + d)` by simplified Newton iteration.
    fn newton(&mut self, problem: &mut Problem, t: f64, c: f64, tolerance: f64) -> Newton {
        self.size = None;
        if let Some(code) = self.compiled.take() {
            let outcome = self.newton_compiled(problem, &*code, t, c, tolerance);
            self.compiled = Some(code);
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
        self.predict(problem);
        let n = self.n;
        self.d.fill(0.0);
        self.iterate.copy_from_slice(&self.predicted);
        // For a factorisation made for another c (Brown, Byrne & Hindmarsh, section 4.1).
        let relaxed = 2.0 * c / (c + self.factored);
        let inverse = 1.0 / c;
        let mut last = 0.0;
        for iteration in 0..NEWTON_ITERATIONS {
            problem.rhs(t, &self.iterate, &mut self.correction);
            // W·δ = f − (ψ + d)/c with W = 1/c − J
            if problem.algebraic.is_empty() {
                for ((r, psi), d) in self.correction.iter_mut().zip(&self.psi).zip(&self.d) {
                    *r -= (psi + d) * inverse;
                }
            } else {
                for (j, r) in self.correction.iter_mut().enumerate().filter(|(j, _)| !problem.algebraic[*j]) {
                    *r -= (self.psi[j] + self.d[j]) * inverse;
                }
            }
            self.w.solve(&mut self.correction);
            problem.statistics.solves += 1;
            let mut sum = 0.0;
            for j in 0..n {
                let delta = relaxed * self.correction[j];
                self.d[j] += delta;
                self.iterate[j] = self.predicted[j] + self.d[j];
                let share = delta * self.weights[j];
                sum += share * share;
            }
            let size = (sum / n as f64).sqrt();
            match self.judge(problem, t, iteration, size, last, tolerance) {
                Newton::GoesOn => last = size,
                outcome => return outcome,
            }
        }
        Newton::Diverged
    }

    /// The same by the system's own functions; `None` if the factors at hand are not of the planned pivots, or not good.
    fn newton_compiled(
        &mut self,
        problem: &mut Problem,
        code: &dyn CompiledNewton,
        t: f64,
        c: f64,
        tolerance: f64,
    ) -> Option<Newton> {
        let (n, q) = (self.n, self.order);
        self.limits[0] = -1.0 / c;
        self.limits[1] = 2.0 * c / (c + self.factored);
        if std::mem::replace(&mut self.told, q) != q {
            for k in 1..=MAX_ORDER {
                let (predicted, psi) = if k <= q { (1.0, GAMMA[k] / alpha(q)) } else { (0.0, 0.0) };
                (self.limits[4 + k], self.limits[9 + k]) = (predicted, psi);
            }
        }
        self.limits[NEWTON_LIMITS + n..].copy_from_slice(&self.y);
        let mut last = 0.0;
        let mut outcome = Newton::Diverged;
        for iteration in 0..NEWTON_ITERATIONS {
            let factors = self.w.planned_factors().filter(|factors| factors.len() >= code.factors())?;
            let (p, w, out) = (problem.parameters(), &mut self.differences, &mut self.said);
            if iteration == 0 {
                code.first(t, factors, p, &self.limits, w, out);
            } else {
                code.again(t, factors, p, &self.limits, w, out);
            }
            problem.statistics.rhs += 1;
            problem.statistics.solves += 1;
            if iteration == 0 {
                let part = |k: usize| &self.differences[(HISTORY + k) * n..(HISTORY + k + 1) * n];
                if !self.w.accepts(part(5), part(4)) {
                    return None;
                }
                self.predicted.copy_from_slice(part(0));
                self.psi.copy_from_slice(part(1));
                self.weights.copy_from_slice(part(2));
                self.ready = true;
            }
            self.iterate.copy_from_slice(&self.said[..n]);
            let size = self.said[n];
            outcome = self.judge(problem, t, iteration, size, last, tolerance);
            if outcome != Newton::GoesOn {
                break;
            }
            last = size;
        }
        self.d.copy_from_slice(&self.differences[(HISTORY + 3) * n..(HISTORY + 4) * n]);
        self.size = Some(self.said[n + 1]);
        Some(if outcome == Newton::GoesOn { Newton::Diverged } else { outcome })
    }

    /// What becomes of Newton's iteration after a correction of that size, the one before having been `last`.
    fn judge(
        &mut self,
        problem: &mut Problem,
        t: f64,
        iteration: usize,
        size: f64,
        last: f64,
        tolerance: f64,
    ) -> Newton {
        if iteration > 0 {
            let rate = size / last;
            let left = (NEWTON_ITERATIONS - 1 - iteration) as i32;
            if !(rate < 1.0) || rate.powi(left) / (1.0 - rate) * rate * size > tolerance {
                self.rate = 1.0;
                return Newton::Diverged;
            }
            // What was learnt before fades.
            self.rate = rate.max(0.3 * self.rate);
        }
        // Algebraic equations are not scaled by h: shorter steps would not mend what a rate that no longer holds lets pass.
        let presumed = if iteration == 0 && !problem.algebraic.is_empty() { NEW_RATE } else { 0.0 };
        let rate = self.rate.max(presumed);
        if size * (rate / (1.0 - rate).max(1e-3)).min(1.0) <= tolerance {
            return if self.outside(problem, t) { Newton::Diverged } else { Newton::Converged };
        }
        if !size.is_finite() {
            self.cautious = CAUTIOUS;
            return Newton::Diverged;
        }
        Newton::GoesOn
    }

    /// Whether f is no number at a solution near the border of its domain: there would be no way on from there.
    fn outside(&mut self, problem: &mut Problem, t: f64) -> bool {
        if self.cautious == 0 {
            return false;
        }
        self.cautious -= 1;
        problem.rhs(t, &self.iterate, &mut self.correction);
        self.correction.iter().any(|f| !f.is_finite())
    }

    /// Newton's iteration with J as it is, else with a new one.
    pub(super) fn solve(&mut self, problem: &mut Problem, t: f64, c: f64) -> Newton {
        // Rounding of f sets a limit at very small tolerances.
        let tolerance = (NEWTON_SHARE / error_constant(self.order)).max(10.0 * f64::EPSILON / problem.rtol);
        let slow = if self.dear { SLOW.1 } else { SLOW.0 };
        if self.age >= OLD || (self.age > 0 && self.rate > slow) {
            self.update_jacobian(problem, t);
        }
        loop {
            if self.factorise(problem, c) && self.newton(problem, t, c, tolerance) == Newton::Converged {
                return Newton::Converged;
            }
            if self.fresh && self.factored == c {
                return Newton::Diverged;
            }
            if self.fresh {
                // The factorisation was made for another c, or J has no regular W here.
                if self.factored == 0.0 {
                    return Newton::Diverged;
                }
                self.factored = 0.0;
            } else {
                self.update_jacobian(problem, t);
            }
        }
    }
}
