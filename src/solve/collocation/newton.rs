//! Newton's iteration of a collocation step (H&W IV.8): starting values, the decoupled systems, convergence. By the
//! system's own functions where it has them and their planned pivots are good.

use std::sync::Arc;

use super::formula::MOST;
use super::{Outcome, RadauStepper};
use crate::linalg::Complex;
use crate::math;
use crate::solve::fused::{combine, weigh};
use crate::solve::problem::Problem;
use crate::system::{COLLOCATION_PARTS, CollocationFormula, CompiledCollocation, LIMITS};

/// Beyond this ratio of steps the last step says nothing about this one.
const FARTHEST: f64 = 4.0;
/// After so many factorisations whose planned pivots were bad the system's own functions are given up.
const PATIENCE: u32 = 5;

/// A method of the family as the system's own functions, and their memory.
pub(super) struct Whole {
    code: Arc<dyn CompiledCollocation>,
    limits: Vec<f64>,
    w: Vec<f64>,
    out: Vec<f64>,
    bad: u32,
    /// Which evaluation of J is in `w`.
    evaluation: u64,
    /// n, and n for all stages.
    n: usize,
    all: usize,
}

impl Whole {
    /// What the system offers for a method.
    pub fn new(problem: &Problem, method: &CollocationFormula) -> Option<Self> {
        let code = problem.system.collocation(method)?;
        let n = problem.dim();
        let w = vec![0.0; code.work()];
        let mut limits = vec![0.0; LIMITS + 2 * n];
        problem.limits(&mut limits);
        let all = n * method.stages();
        Some(Whole { code, limits, w, out: vec![0.0; n + 2], bad: 0, evaluation: 0, n, all })
    }

    /// Room for a run that begins.
    pub fn start(&mut self, problem: &Problem) {
        problem.limits(&mut self.limits);
    }

    /// z of the stages, which until Newton's iteration has converged are its corrections.
    pub fn z(&self) -> &[f64] {
        &self.w[2 * self.all..3 * self.all]
    }

    /// f at the stages.
    fn slopes(&self) -> &[f64] {
        &self.w[3 * self.all..4 * self.all]
    }

    /// The error estimate.
    pub fn error(&self) -> &[f64] {
        &self.w[4 * self.all..][..self.n]
    }

    fn jacobian_mut(&mut self, entries: usize) -> &mut [f64] {
        &mut self.w[4 * self.all + COLLOCATION_PARTS * self.n..][..entries]
    }

    /// z of the accepted step is what the next prediction goes on from.
    pub fn accept(&mut self) {
        self.w.copy_within(2 * self.all..3 * self.all, self.all);
    }

    /// Whether planned pivots have always been good.
    pub fn is_as_made(&self) -> bool {
        self.bad == 0
    }

    /// Whether the functions are still worth trying.
    fn trusted(&self) -> bool {
        self.bad < PATIENCE
    }
}

impl RadauStepper {
    /// Asks the system for its functions of the method that comes into use.
    pub(super) fn ask(&mut self, problem: &Problem) {
        if self.whole[self.at].is_none() {
            self.whole[self.at] = Whole::new(problem, self.family[self.at]);
        }
    }

    /// J at the present point.
    pub(super) fn update_jacobian(&mut self, problem: &mut Problem) {
        self.evaluation += 1;
        (self.fresh, self.stale, self.factored) = (true, false, 0.0);
        if let Some(whole) = self.whole[self.at].as_mut().filter(|whole| whole.trusted()) {
            problem.statistics.jacobians += 1;
            whole.evaluation = self.evaluation;
            let Whole { code, limits, w, out, .. } = whole;
            code.jacobian(self.t, &self.y, problem.parameters(), limits, w, out);
            self.norm = out[0];
            let values = whole.jacobian_mut(self.jacobian.len());
            self.jacobian.copy_from_slice(values);
            return;
        }
        problem.jacobian(self.t, &self.y, &mut self.jacobian);
        // Scratch: the error of the step before is done with.
        self.norm = problem.system.jacobian_pattern().norm(&self.jacobian, &mut self.error);
    }

    /// Factorises γ/h I − J and (α − iβ)/h I − J; false if one is singular.
    pub(super) fn factor(&mut self, problem: &mut Problem, h: f64) -> bool {
        if let Some(whole) = self.whole[self.at].as_mut().filter(|whole| whole.trusted()) {
            if whole.evaluation != self.evaluation {
                whole.evaluation = self.evaluation;
                whole.jacobian_mut(self.jacobian.len()).copy_from_slice(&self.jacobian);
            }
            problem.statistics.factorizations += 1 + self.family[self.at].pairs.len() as u64;
            whole.limits[0] = h;
            whole.code.factor(&whole.limits, &mut whole.w);
            (self.by_code, self.factored) = (true, h);
            return true;
        }
        self.factor_otherwise(problem, h)
    }

    /// The same not by the system's functions.
    pub(super) fn factor_otherwise(&mut self, problem: &mut Problem, h: f64) -> bool {
        (self.by_code, self.factored) = (false, 0.0);
        let method = self.family[self.at];
        if self.complex.is_empty() && self.make_complex(problem).is_err() {
            return false;
        }
        problem.statistics.factorizations += 1 + method.pairs.len() as u64;
        let pairs = method.pairs.iter().zip(&mut self.complex);
        let mut good = self.real.factor(method.gamma / h, &self.jacobian);
        for ((alpha, beta), w) in pairs {
            good = good && w.factor(Complex { re: alpha / h, im: -beta / h }, &self.jacobian);
        }
        self.factored = if good { h } else { 0.0 };
        good
    }

    /// Starting values w = T⁻¹ z, with z on the collocation polynomial of the last step, or 0 where that says nothing: then
    /// how fast the iteration converged before does not tell how far it has come after its first turn.
    fn predict(&mut self, h: f64) {
        let (n, method) = (self.n, self.family[self.at]);
        let s = method.stages();
        let ratio = h / self.h_old;
        let known = self.past && ratio <= FARTHEST;
        let w = match &mut self.whole[self.at] {
            Some(whole) if self.by_code => {
                if known && self.follows {
                    return whole.code.predict(ratio, &mut whole.w);
                }
                &mut whole.w
            }
            _ => &mut self.w,
        };
        let w = &mut w[..s * n];
        if !known {
            self.eta = 1.0;
            return w.fill(0.0);
        }
        let old = self.family[self.at_old];
        let s_old = old.stages();
        // z_i = Σ (L_j(1 + r c_i) − L_j(1)) z_old_j
        let mut lagrange = [[0.0; MOST]; MOST];
        for (row, c) in lagrange.iter_mut().zip(method.c) {
            old.dense_weights(1.0 + ratio * c, &mut row[..s_old]);
            row[s_old - 1] -= 1.0;
        }
        for (w, inverse) in w.chunks_exact_mut(n).zip(method.inverse) {
            let mut weights = [0.0; MOST];
            for (row, t) in lagrange.iter().zip(*inverse) {
                weights[..s_old].iter_mut().zip(row).for_each(|(w, l)| *w += t * l);
            }
            weigh(w, &weights[..s_old], &self.z_old);
        }
    }

    /// Solves for the stages of a step.
    pub(super) fn newton(&mut self, problem: &mut Problem, h: f64) -> Outcome {
        let method = self.family[self.at];
        let most = method.most_iterations();
        let relax = self.relaxation;
        let tolerance = problem.rtol * relax;
        let enough = (10.0 * f64::EPSILON / tolerance).max(0.03f64.min(tolerance.sqrt())).min(self.kappa);
        self.predict(h);
        let mut eta = math::pow(self.eta.max(f64::EPSILON), 0.8);
        let (mut last, mut rate_last) = (0.0, 0.0);
        self.rate = 0.0;
        for iteration in 0..most {
            self.iterations = iteration + 1;
            let size = match self.iterate(problem, h, iteration == 0) {
                Some(size) => size / relax,
                None => return Outcome::BadPivots,
            };
            if !size.is_finite() {
                // If f is finite, the solutions overflowed or W is nearly singular: a smaller step is better for both.
                return if self.slopes_are_finite() { Outcome::Diverged(0.5) } else { Outcome::NotFinite };
            }
            if iteration > 0 {
                let rate = size / last;
                self.rate = if iteration == 1 { rate } else { (rate * rate_last).sqrt() };
                rate_last = rate;
                if !(self.rate < 0.99) {
                    return Outcome::Diverged(0.5);
                }
                eta = self.rate / (1.0 - self.rate);
                let left = most - 1 - iteration;
                let expected = eta * size * self.rate.powi(left) / enough;
                if expected >= 1.0 {
                    // H&W IV.8.11: the step that would have converged.
                    let excess = expected.clamp(1e-4, 20.0);
                    return Outcome::Diverged(0.8 * math::pow(excess, -1.0 / f64::from(4 + left)));
                }
            }
            if eta * size <= enough || size == 0.0 {
                self.eta = eta;
                return Outcome::Error(0.0);
            }
            last = size.max(f64::MIN_POSITIVE);
        }
        Outcome::Diverged(0.5)
    }

    /// (h⁻¹ Λ − J) Δw = T⁻¹ F(T w) − h⁻¹ Λ w (H&W IV.8.4), and w + Δw. The size of the correction in units of the tolerance;
    /// `None` if it is not good.
    fn iterate(&mut self, problem: &mut Problem, h: f64, first: bool) -> Option<f64> {
        let (n, method) = (self.n, self.family[self.at]);
        if let Some(whole) = self.whole[self.at].as_mut().filter(|_| self.by_code) {
            if first {
                whole.limits[LIMITS + n..].copy_from_slice(&self.f0);
            }
            problem.statistics.rhs += method.stages() as u64;
            problem.statistics.solves += 1 + method.pairs.len() as u64;
            let Whole { code, limits, w, out, .. } = whole;
            let p = problem.parameters();
            match first {
                true => code.first(self.t, &self.y, p, limits, w, out),
                false => code.again(self.t, &self.y, p, limits, w, out),
            }
            let (size, good) = (out[0], !first || out[1] == 1.0);
            // Where f is not finite that is not the pivots' fault.
            if !good && whole.slopes().iter().all(|f| f.is_finite()) {
                whole.bad += 1;
                return None;
            }
            return Some(size);
        }
        for ((f, row), c) in self.f.chunks_exact_mut(n).zip(method.t).zip(method.c) {
            combine(&mut self.argument, &self.y, row, &self.w);
            problem.rhs(self.t + c * h, &self.argument, f);
        }
        for (delta, row) in self.delta.chunks_exact_mut(n).zip(method.inverse) {
            weigh(delta, row, &self.f);
        }
        let size = self.solve(problem, h);
        let all = method.stages() * n;
        self.w[..all].iter_mut().zip(&self.delta).for_each(|(w, d)| *w += d);
        Some(size)
    }

    /// Whether f at the stages is; it is in `f` then.
    fn slopes_are_finite(&mut self) -> bool {
        let all = self.family[self.at].stages() * self.n;
        if let Some(whole) = self.whole[self.at].as_ref().filter(|_| self.by_code) {
            self.f[..all].copy_from_slice(whole.slopes());
        }
        self.f[..all].iter().all(|f| f.is_finite())
    }

    /// Takes h⁻¹ Λ w from `delta` and solves; the size of the correction.
    fn solve(&mut self, problem: &mut Problem, h: f64) -> f64 {
        let (n, method) = (self.n, self.family[self.at]);
        problem.statistics.solves += 1 + method.pairs.len() as u64;
        let (delta, rest) = self.delta.split_at_mut(n);
        let (w, mut w_rest) = self.w.split_at(n);
        let rate = method.gamma / h;
        problem.subtract(delta, rate, w);
        self.real.solve(delta);
        let mut sum = problem.norm(delta, &self.y, &self.y).powi(2);
        for (((alpha, beta), matrix), delta) in
            method.pairs.iter().zip(&mut self.complex).zip(rest.chunks_exact_mut(2 * n))
        {
            let (re, im) = delta.split_at_mut(n);
            let (w, behind) = w_rest.split_at(2 * n);
            w_rest = behind;
            let (a, b) = (alpha / h, beta / h);
            for (j, (((re, im), x), y)) in re.iter_mut().zip(im.iter_mut()).zip(&w[..n]).zip(&w[n..]).enumerate() {
                if problem.algebraic.is_empty() || !problem.algebraic[j] {
                    *re -= a * x + b * y;
                    *im -= a * y - b * x;
                }
            }
            matrix.solve(re, im);
            sum += problem.norm(re, &self.y, &self.y).powi(2) + problem.norm(im, &self.y, &self.y).powi(2);
        }
        (sum / method.stages() as f64).sqrt()
    }

    /// The solution in `argument`, and the size of its error by the system's functions.
    pub(super) fn estimate_by_code(&mut self, problem: &mut Problem) -> Option<f64> {
        let (n, cautious) = (self.n, self.h_accepted == 0.0 || self.rejected);
        let whole = self.whole[self.at].as_mut().filter(|_| self.by_code)?;
        let Whole { code, limits, w, out, .. } = whole;
        let (p, relax) = (problem.parameters(), self.relaxation);
        code.estimate(self.t, &self.y, p, limits, w, out);
        let damped = out[n] / relax >= 1.0 && cautious;
        if damped {
            code.damp(self.t, &self.y, p, limits, w, out);
        }
        problem.statistics.solves += 1 + u64::from(damped);
        problem.statistics.rhs += u64::from(damped);
        self.argument.copy_from_slice(&out[..n]);
        Some(out[n] / relax)
    }
}
