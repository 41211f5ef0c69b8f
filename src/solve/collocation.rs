//! The step of Radau IIA methods, fully implicit collocation at the right Radau nodes, written once for any number of
//! stages, with change of order.
//!
//! Source: H&W IV.8: A⁻¹ = T Λ T⁻¹ splits the system of s·n equations into a real one of size n and (s − 1)/2 complex
//! ones, factorised once for a simplified Newton iteration; starting values from the collocation polynomial of the step
//! before; an error estimate of order s filtered by the real W; Gustafsson's predictive step-size control. Choice of
//! order: E. Hairer, G. Wanner, Stiff differential equations solved by Radau methods, J. Comput. Appl. Math. 111 (1999)
//! 93–111. Tolerances are those asked for to the power (s + 1)/(2s), as in their codes, since the solution is of order
//! 2s − 1 while the estimate is of order s.

use super::ErrorKind;
use super::fused::{combine, weigh};
use super::problem::Problem;
use super::stepper::{Stepper, clip, first_step, next_step};
use super::taken::{Formula, Taken};
use crate::linalg::{Complex, Shifted, ShiftedComplex};
use crate::math;

/// Stages of the largest method.
const MOST: usize = 7;

/// A Radau IIA method of s stages and order 2s − 1.
pub struct Radau {
    /// Nodes, s of them, the last 1.
    pub c: &'static [f64],
    /// The real eigenvalue of A⁻¹.
    pub gamma: f64,
    /// The pairs α ± iβ.
    pub pairs: &'static [(f64, f64)],
    /// T, by rows: the real eigenvector, then real and imaginary part of each pair's for α + iβ; the last row is 1, 1, 0, …
    pub t: &'static [&'static [f64]],
    /// T⁻¹, by rows.
    pub inverse: &'static [&'static [f64]],
    /// The error estimate: (γ/h I − J)⁻¹ (f(t, y) + Σ e_i z_i/h).
    pub e: &'static [f64],
}

impl Radau {
    /// Number of stages.
    pub const fn stages(&self) -> usize {
        self.c.len()
    }

    /// A⁻¹ = T Λ T⁻¹, by rows.
    pub fn inverse_matrix(&self) -> Vec<f64> {
        let s = self.stages();
        let mut a = vec![0.0; s * s];
        for i in 0..s {
            for j in 0..s {
                let (t, inverse) = (self.t[i], |k: usize| self.inverse[k][j]);
                let mut sum = self.gamma * t[0] * inverse(0);
                for (k, (alpha, beta)) in self.pairs.iter().enumerate() {
                    let (x, y) = (1 + 2 * k, 2 + 2 * k);
                    sum += t[x] * (alpha * inverse(x) + beta * inverse(y));
                    sum += t[y] * (alpha * inverse(y) - beta * inverse(x));
                }
                a[i * s + j] = sum;
            }
        }
        a
    }

    /// Weights of the z in the collocation polynomial's difference from y at `theta` (Lagrange on 0 and the nodes).
    pub fn dense_weights(&self, theta: f64, weights: &mut [f64]) {
        for (j, w) in weights.iter_mut().enumerate() {
            let cj = self.c[j];
            let others = self.c.iter().enumerate().filter(|(k, _)| *k != j);
            *w = others.fold(theta / cj, |product, (_, ck)| product * (theta - ck) / (cj - ck));
        }
    }
}

/// Least and largest factor between steps, and the safety factor (H&W's `radau5`).
const SHRINK: f64 = 0.2;
const GROW: f64 = 8.0;
const SAFETY: f64 = 0.9;
/// A rate of convergence that is good enough to keep J: where a factorisation is dear, and where it is cheap.
const KEEP: (f64, f64) = (0.05, 1e-3);
/// Growth of the step not worth a new factorisation.
const HOLD: f64 = 1.2;
/// Beyond this ratio of steps the last step says nothing about this one.
const FARTHEST: f64 = 4.0;
/// Rates of convergence that raise and lower the order, the ratios of steps between which it may rise, and steps between
/// rises (H&W 1999).
const RISE: f64 = 0.002;
const FALL: f64 = 0.8;
const STEADY: (f64, f64) = (0.8, 1.2);
const PATIENCE: u32 = 10;

/// A Radau IIA method, or a family of them, in progress.
pub struct RadauStepper {
    name: &'static str,
    family: &'static [&'static Radau],
    /// The member in use, and that of the last step.
    at: usize,
    at_old: usize,
    n: usize,
    t: f64,
    h: f64,
    y: Vec<f64>,
    t_old: f64,
    h_old: f64,
    y_old: Vec<f64>,
    f0: Vec<f64>,
    jacobian: Vec<f64>,
    /// J belongs to the present point.
    fresh: bool,
    /// J has to be evaluated before the next step.
    stale: bool,
    real: Shifted,
    complex: Vec<ShiftedComplex>,
    /// The step the matrices are factorised for; 0: none.
    factored: f64,
    /// Setting up costs less than an iteration or two.
    cheap: bool,
    /// z_i = Y_i − y of the last accepted step, one after the other; they count if `past`.
    z_old: Vec<f64>,
    past: bool,
    z: Vec<f64>,
    /// T⁻¹ z, and Newton's correction of it.
    w: Vec<f64>,
    delta: Vec<f64>,
    f: Vec<f64>,
    argument: Vec<f64>,
    error: Vec<f64>,
    /// Newton's η of the step before, its rate in this one, and iterations taken.
    eta: f64,
    rate: f64,
    iterations: i32,
    /// The rate for the choice of order, and steps since its last change.
    contraction: f64,
    since: u32,
    /// The last accepted step and its error; 0: none.
    h_accepted: f64,
    error_accepted: f64,
    rejected: bool,
    /// Newton has failed since the last accepted step.
    failed: bool,
    /// What may be left of the iteration's error where tests ask for more than usual.
    kappa: f64,
    /// The estimate is held to the tolerances themselves.
    strict: bool,
    norm: f64,
    stiffness: f64,
}

/// What became of an attempted step.
enum Outcome {
    /// Its error in units of the tolerance.
    Error(f64),
    /// f is not finite at a stage; `f` holds it.
    NotFinite,
    /// W is singular.
    Singular,
    /// Newton's iteration does not converge; what the step should be multiplied by.
    Diverged(f64),
}

impl RadauStepper {
    /// Memory for a problem. The family is in order of stages; one member means a fixed order.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if the matrices do not fit.
    pub fn new(name: &'static str, family: &'static [&'static Radau], problem: &Problem) -> Result<Self, ErrorKind> {
        let n = problem.dim();
        let pattern = problem.system.jacobian_pattern();
        let real = problem.shifted()?;
        let stages = family.iter().map(|m| m.stages()).max().unwrap_or(1).min(MOST);
        let complex: Result<Vec<_>, _> = (0..stages / 2).map(|_| ShiftedComplex::new(pattern)).collect();
        let complex = complex.map_err(|e| ErrorKind::Memory(e.0, 48 * 20_000 * 20_000))?;
        let zeros = || vec![0.0; n];
        let all = || vec![0.0; stages * n];
        let rhs = 4.0 * (pattern.nnz() + n) as f64;
        let costs = |(f, s): (f64, f64), (g, r): (f64, f64)| (f + g, s + r);
        let (factor, solve) = complex.iter().map(ShiftedComplex::cost).fold(real.cost(), costs);
        Ok(RadauStepper {
            name,
            family,
            at: 0,
            at_old: 0,
            n,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            t_old: 0.0,
            h_old: 1.0,
            y_old: zeros(),
            f0: zeros(),
            jacobian: vec![0.0; pattern.nnz()],
            fresh: false,
            stale: true,
            real,
            complex,
            factored: 0.0,
            cheap: factor + rhs < 2.0 * (stages as f64 * rhs + solve),
            z_old: all(),
            past: false,
            z: all(),
            w: all(),
            delta: all(),
            f: all(),
            argument: zeros(),
            error: zeros(),
            eta: 1.0,
            rate: 0.0,
            iterations: 0,
            contraction: 0.0,
            since: 0,
            h_accepted: 0.0,
            error_accepted: 1.0,
            rejected: false,
            failed: false,
            kappa: f64::INFINITY,
            strict: false,
            norm: 0.0,
            stiffness: 0.0,
        })
    }

    /// Iterates until no more than so much of the tolerance is left: for tests of the formulas themselves.
    pub fn iterate_to(mut self, kappa: f64) -> Self {
        self.kappa = kappa;
        self
    }

    /// Holds the estimate, which is also that of the collocation polynomial between the steps, to the tolerances themselves.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// What errors of the estimate are divided by: tolerances of 0.1·rtol^((s + 1)/(2s)) instead of rtol (H&W's codes).
    fn relaxation(&self, problem: &Problem, stages: usize) -> f64 {
        let s = stages as f64;
        if self.strict { 1.0 } else { 0.1 * math::pow(problem.rtol, 0.5 * (s + 1.0) / s - 1.0) }
    }

    fn update_jacobian(&mut self, problem: &mut Problem) {
        problem.jacobian(self.t, &self.y, &mut self.jacobian);
        // Scratch: the error of the step before is done with.
        self.norm = problem.system.jacobian_pattern().norm(&self.jacobian, &mut self.error);
        (self.fresh, self.stale, self.factored) = (true, false, 0.0);
    }

    /// Factorises γ/h I − J and (α − iβ)/h I − J; false if one is singular.
    fn factor(&mut self, problem: &mut Problem, h: f64) -> bool {
        let method = self.family[self.at];
        problem.statistics.factorizations += 1 + method.pairs.len() as u64;
        let pairs = method.pairs.iter().zip(&mut self.complex);
        let mut good = self.real.factor(method.gamma / h, &self.jacobian);
        for ((alpha, beta), w) in pairs {
            good = good && w.factor(Complex { re: alpha / h, im: -beta / h }, &self.jacobian);
        }
        self.factored = if good { h } else { 0.0 };
        good
    }

    /// The stages of a step h: the solution in `argument`, its error estimate in `error`.
    fn attempt(&mut self, problem: &mut Problem, h: f64) -> Outcome {
        let (n, method) = (self.n, self.family[self.at]);
        let s = method.stages();
        self.predict(h);
        match self.newton(problem, h) {
            Outcome::Error(_) => {}
            other => return other,
        }
        for (z, row) in self.z.chunks_exact_mut(n).zip(method.t) {
            weigh(z, row, &self.w);
        }
        combine(&mut self.argument, &self.y, &[1.0], &self.z[(s - 1) * n..]);
        // (γ/h I − J) err = f(t, y) + Σ e z/h (H&W IV.8.19)
        let relax = self.relaxation(problem, s);
        let mut weights = [0.0; MOST];
        weights.iter_mut().zip(method.e).for_each(|(w, e)| *w = e / h);
        combine(&mut self.error, &self.f0, &weights[..s], &self.z);
        only_f(problem, &mut self.error, &self.f0);
        self.real.solve(&mut self.error);
        problem.statistics.solves += 1;
        let mut size = problem.norm(&self.error, &self.y, &self.argument) / relax;
        if size >= 1.0 && (self.h_accepted == 0.0 || self.rejected) {
            // Stiff components are damped once more by evaluating at y + err (H&W IV.8.20).
            let (f, point) = self.delta.split_at_mut(n);
            combine(&mut point[..n], &self.y, &[1.0], &self.error);
            problem.rhs(self.t, &point[..n], &mut f[..n]);
            combine(&mut self.error, &f[..n], &weights[..s], &self.z);
            only_f(problem, &mut self.error, f);
            self.real.solve(&mut self.error);
            problem.statistics.solves += 1;
            size = problem.norm(&self.error, &self.y, &self.argument) / relax;
        }
        Outcome::Error(size)
    }

    /// Starting values w = T⁻¹ z, with z on the collocation polynomial of the last step, or 0 where that says nothing: then
    /// how fast the iteration converged before does not tell how far it has come after its first turn.
    fn predict(&mut self, h: f64) {
        let (n, method) = (self.n, self.family[self.at]);
        let s = method.stages();
        let ratio = h / self.h_old;
        if !self.past || ratio > FARTHEST {
            self.eta = 1.0;
            return self.w[..s * n].fill(0.0);
        }
        let old = self.family[self.at_old];
        let s_old = old.stages();
        // z_i = Σ (L_j(1 + r c_i) − L_j(1)) z_old_j
        let mut lagrange = [[0.0; MOST]; MOST];
        for (row, c) in lagrange.iter_mut().zip(method.c) {
            old.dense_weights(1.0 + ratio * c, &mut row[..s_old]);
            row[s_old - 1] -= 1.0;
        }
        for (w, inverse) in self.w.chunks_exact_mut(n).zip(method.inverse) {
            let mut weights = [0.0; MOST];
            for (row, t) in lagrange.iter().zip(*inverse) {
                weights.iter_mut().zip(row).for_each(|(w, l)| *w += t * l);
            }
            weigh(w, &weights[..s_old], &self.z_old);
        }
    }

    /// (h⁻¹ Λ − J) Δw = T⁻¹ F(T w) − h⁻¹ Λ w (H&W IV.8.4).
    fn newton(&mut self, problem: &mut Problem, h: f64) -> Outcome {
        let (n, method) = (self.n, self.family[self.at]);
        let s = method.stages();
        let most = most_iterations(s);
        let relax = self.relaxation(problem, s);
        let tolerance = problem.rtol * relax;
        let enough = (10.0 * f64::EPSILON / tolerance).max(0.03f64.min(tolerance.sqrt())).min(self.kappa);
        let mut eta = math::pow(self.eta.max(f64::EPSILON), 0.8);
        let (mut last, mut rate_last) = (0.0, 0.0);
        self.rate = 0.0;
        for iteration in 0..most {
            self.iterations = iteration + 1;
            for ((f, row), c) in self.f.chunks_exact_mut(n).zip(method.t).zip(method.c) {
                combine(&mut self.argument, &self.y, row, &self.w);
                problem.rhs(self.t + c * h, &self.argument, f);
            }
            for (delta, row) in self.delta.chunks_exact_mut(n).zip(method.inverse) {
                weigh(delta, row, &self.f);
            }
            let size = self.solve(problem, h) / relax;
            if !size.is_finite() {
                let finite = self.f[..s * n].iter().all(|f| f.is_finite());
                // f is finite, so the solutions overflowed or W is nearly singular: a smaller step is better for both.
                return if finite { Outcome::Diverged(0.5) } else { Outcome::NotFinite };
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
            self.w[..s * n].iter_mut().zip(&self.delta).for_each(|(w, d)| *w += d);
            if eta * size <= enough || size == 0.0 {
                self.eta = eta;
                return Outcome::Error(0.0);
            }
            last = size.max(f64::MIN_POSITIVE);
        }
        Outcome::Diverged(0.5)
    }

    /// Takes h⁻¹ Λ w from `delta` and solves; the size of the correction in units of the tolerance.
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

    /// The accepted step: its end becomes the present point; the step and order to try next.
    fn accept(&mut self, problem: &mut Problem, h: f64, t_new: f64, error: f64) -> Result<(), ErrorKind> {
        problem.statistics.steps += 1;
        self.stiffness = h.abs() * self.norm;
        let steady = self.past && (STEADY.0..STEADY.1).contains(&(h / self.h_old));
        (self.t_old, self.h_old, self.at_old) = (self.t, h, self.at);
        self.t = t_new;
        std::mem::swap(&mut self.y_old, &mut self.y);
        std::mem::swap(&mut self.y, &mut self.argument);
        std::mem::swap(&mut self.z_old, &mut self.z);
        (self.past, self.fresh) = (true, false);
        self.stale = self.rate > if self.cheap { KEEP.1 } else { KEEP.0 };
        let error = error.max(1e-10);
        let s = self.family[self.at].stages();
        let power = 1.0 / (s + 1) as f64;
        let mut quotient = math::pow(error, power) / self.safety();
        if self.h_accepted != 0.0 {
            // Gustafsson's prediction (H&W IV.8.29).
            let predicted = h / self.h_accepted;
            quotient = quotient.max(math::pow(error * error / self.error_accepted, power) / (SAFETY * predicted));
        }
        let mut factor = (1.0 / quotient).clamp(SHRINK, GROW);
        if self.rejected {
            factor = factor.min(1.0);
        }
        (self.h_accepted, self.error_accepted, self.rejected) = (h, error.max(0.01), false);
        let held = !self.stale && (1.0..HOLD).contains(&factor);
        self.h = next_step(self.h, h, if held { 1.0 } else { factor });
        self.choose_order(steady);
        problem.rhs(self.t, &self.y, &mut self.f0);
        match self.f0.iter().all(|f| f.is_finite()) {
            true => Ok(()),
            false => Err(ErrorKind::NotFinite(problem.not_finite(&self.f0))),
        }
    }

    /// More stages where Newton's iteration contracts well, fewer where it hardly does (H&W 1999, section 4).
    fn choose_order(&mut self, steady: bool) {
        self.since += 1;
        self.contraction = self.rate.max(0.5 * self.contraction).min(10.0);
        let before = self.at;
        if self.contraction >= FALL || self.failed {
            self.at = self.at.saturating_sub(1);
        } else if self.iterations > 1 && self.contraction <= RISE && steady && self.since > PATIENCE {
            self.at = (self.at + 1).min(self.family.len() - 1);
        }
        self.failed = false;
        if self.at != before {
            (self.since, self.factored, self.h_accepted, self.eta) = (0, 0.0, 0.0, 1.0);
        }
    }

    /// The safety factor, smaller after many iterations (H&W IV.8.27).
    fn safety(&self) -> f64 {
        let most = most_iterations(self.family[self.at].stages());
        SAFETY * f64::from(2 * most + 1) / f64::from(2 * most + self.iterations)
    }

    fn failure(&self, problem: &Problem, outcome: &Outcome) -> ErrorKind {
        let n = self.n;
        match outcome {
            Outcome::NotFinite => {
                let stages = self.f.chunks_exact(n);
                let bad = stages.into_iter().find(|f| f.iter().any(|f| !f.is_finite()));
                ErrorKind::NotFinite(bad.map_or_else(Vec::new, |f| problem.not_finite(f)))
            }
            Outcome::Singular => ErrorKind::Singular,
            Outcome::Error(_) => ErrorKind::StepTooSmall(problem.worst(&self.error, &self.y)),
            Outcome::Diverged(_) => ErrorKind::StepTooSmall(problem.worst(&self.delta[..n], &self.y)),
        }
    }
}

/// In algebraic equations M Σ e_i z_i has no part.
fn only_f(problem: &Problem, error: &mut [f64], f: &[f64]) {
    problem.system.shape().algebraic.iter().for_each(|k| error[*k] = f[*k]);
}

/// Newton iterations after which a step is given up.
fn most_iterations(stages: usize) -> i32 {
    7 + 5 * (stages as i32 - 3) / 2
}

impl Stepper for RadauStepper {
    fn name(&self) -> &'static str {
        self.name
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        (self.t, self.h) = (t, h);
        self.y.copy_from_slice(y);
        (self.fresh, self.stale, self.past, self.eta) = (false, true, false, 1.0);
        (self.h_accepted, self.rejected, self.failed, self.since) = (0.0, false, false, 0);
        problem.rhs(t, &self.y, &mut self.f0);
        match problem.not_finite(&self.f0) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.h == 0.0 {
            let order = self.family[self.at].stages() as u32;
            self.h = first_step(problem, self.t, &self.y, &self.f0, order, end - self.t, &mut self.z[..2 * n]);
        }
        if self.stale {
            self.update_jacobian(problem);
        }
        loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            let t_new = if h == end - self.t { end } else { self.t + h };
            let outcome = if self.factored == h || self.factor(problem, h) {
                self.attempt(problem, h)
            } else {
                Outcome::Singular
            };
            let factor = match outcome {
                Outcome::Error(error) if error < 1.0 => return self.accept(problem, h, t_new, error),
                Outcome::Error(error) => {
                    let power = 1.0 / (self.family[self.at].stages() + 1) as f64;
                    let factor = (self.safety() * math::pow(error, -power)).clamp(SHRINK, 0.9);
                    if factor.is_nan() || self.h_accepted == 0.0 { 0.1 } else { factor }
                }
                _ if !self.fresh => {
                    // A J of the present point may mend it.
                    self.update_jacobian(problem);
                    self.eta = 1.0;
                    continue;
                }
                Outcome::NotFinite => 0.1,
                Outcome::Singular => 0.5,
                Outcome::Diverged(factor) => factor.min(0.9),
            };
            if !matches!(outcome, Outcome::Error(_)) {
                (self.failed, self.eta) = (true, 1.0);
            }
            problem.statistics.rejected += 1;
            self.rejected = true;
            self.h = factor * h;
            if self.h.abs() < problem.least_step(self.t) {
                return Err(self.failure(problem, &outcome));
            }
        }
    }

    fn correct(&mut self, problem: &mut Problem, y: &[f64]) -> Result<(), ErrorKind> {
        self.y.copy_from_slice(y);
        problem.rhs(self.t, &self.y, &mut self.f0);
        Ok(())
    }

    fn t(&self) -> f64 {
        self.t
    }

    fn y(&self) -> &[f64] {
        &self.y
    }

    fn h(&self) -> f64 {
        self.h
    }

    fn degree(&self) -> usize {
        self.family[self.at_old].stages()
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let method = self.family[self.at_old];
        let mut weights = [0.0; MOST];
        let weights = &mut weights[..method.stages()];
        method.dense_weights((t - self.t_old) / self.h_old, weights);
        combine(out, &self.y_old, weights, &self.z_old);
    }

    fn taken(&self, points: &mut Vec<f64>) -> Option<Taken> {
        let method = self.family[self.at_old];
        for z in self.z_old.chunks_exact(self.n).take(method.stages()) {
            points.extend(self.y_old.iter().zip(z).map(|(y, z)| y + z));
        }
        Some(Taken { formula: Formula::Radau(method), t: self.t_old, h: self.h_old, began: false })
    }

    fn stiffness(&self) -> f64 {
        self.stiffness
    }

    fn shifted(&self) -> Option<&Shifted> {
        Some(&self.real)
    }

    fn cost(&self, rhs: f64) -> f64 {
        let s = self.family[self.at].stages() as f64;
        let pairs = self.complex.iter().take(self.family[self.at].pairs.len());
        let costs = |(f, s): (f64, f64), (g, r): (f64, f64)| (f + g, s + r);
        let (factor, solve) = pairs.map(ShiftedComplex::cost).fold(self.real.cost(), costs);
        // Three iterations; J and W anew where that is cheap, else every fourth step.
        let setups = if self.cheap { 1.0 } else { 0.25 };
        3.0 * (s * rhs + solve) + setups * (rhs + factor) + 14.0 * s * s * self.n as f64
    }
}
