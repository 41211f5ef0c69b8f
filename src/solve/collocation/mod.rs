//! The step of Radau IIA methods, fully implicit collocation at the right Radau nodes, written once for any number of
//! stages, with change of order.
//!
//! Source: H&W IV.8: A⁻¹ = T Λ T⁻¹ splits the system of s·n equations into a real one of size n and (s − 1)/2 complex
//! ones, factorised once for a simplified Newton iteration; starting values from the collocation polynomial of the step
//! before; an error estimate of order s filtered by the real W; Gustafsson's predictive step-size control. Choice of
//! order: E. Hairer, G. Wanner, Stiff differential equations solved by Radau methods, J. Comput. Appl. Math. 111 (1999)
//! 93–111. Tolerances are those asked for to the power (s + 1)/(2s), as in their codes, since the solution is of order
//! 2s − 1 while the estimate is of order s.

mod formula;
mod newton;

use newton::Whole;

pub use formula::{Radau, lagrange};

use super::ErrorKind;
use super::fused::{combine, weigh};
use super::problem::Problem;
use super::stepper::{Stepper, clip, first_step, next_step};
use super::taken::{Formula, Taken};
use crate::linalg::{Shifted, ShiftedComplex};
use crate::math;
pub use formula::MOST;

/// Least and largest factor between steps, and the safety factor (H&W's `radau5`).
const SHRINK: f64 = 0.2;
const GROW: f64 = 8.0;
const SAFETY: f64 = 0.9;
/// A rate of convergence that is good enough to keep J: where a factorisation is dear, and where it is cheap.
const KEEP: (f64, f64) = (0.05, 1e-3);
/// Growth of the step not worth a new factorisation.
const HOLD: f64 = 1.2;
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
    /// Per member what the system offers for it, once in use; and whether the factorisation at hand is of that kind.
    whole: Vec<Option<Whole>>,
    by_code: bool,
    /// The last accepted step was of that kind, and of the method in use.
    follows: bool,
    /// Evaluations of J.
    evaluation: u64,
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
    /// The last accepted step (0: none) and the power 1/(s + 1) of its error, at least that of 0.01.
    h_accepted: f64,
    root_accepted: f64,
    least_root: f64,
    rejected: bool,
    /// Newton has failed since the last accepted step.
    failed: bool,
    /// What may be left of the iteration's error where tests ask for more than usual.
    kappa: f64,
    /// See [`Self::relaxed`].
    share: f64,
    norm: f64,
    stiffness: f64,
    /// What errors of the estimate are divided by.
    relaxation: f64,
}

/// What became of an attempted step.
enum Outcome {
    /// Its error in units of the tolerance.
    Error(f64),
    /// f is not finite at a stage; `f` holds it.
    NotFinite,
    /// W is singular.
    Singular,
    /// The system's own functions have not found good pivots.
    BadPivots,
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
        let zeros = || vec![0.0; n];
        let all = || vec![0.0; stages * n];
        let mut stepper = RadauStepper {
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
            complex: Vec::new(),
            whole: family.iter().map(|_| None).collect(),
            by_code: false,
            follows: false,
            evaluation: 0,
            factored: 0.0,
            cheap: false,
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
            root_accepted: 1.0,
            least_root: 0.0,
            rejected: false,
            failed: false,
            kappa: f64::INFINITY,
            share: 1.0,
            norm: 0.0,
            stiffness: 0.0,
            relaxation: 1.0,
        };
        stepper.ask(problem);
        if stepper.whole[0].is_none() {
            stepper.make_complex(problem)?;
        }
        let rhs = 4.0 * (pattern.nnz() + n) as f64;
        let (factor, solve) = stepper.linear_cost(stages / 2);
        stepper.cheap = factor + rhs < 2.0 * (stages as f64 * rhs + solve);
        Ok(stepper)
    }

    /// Iterates until no more than so much of the tolerance is left: for tests of the formulas themselves.
    pub fn iterate_to(mut self, kappa: f64) -> Self {
        self.kappa = kappa;
        self
    }

    /// Holds the estimate, which is also that of the collocation polynomial between the steps, nearer to the tolerances: to those
    /// asked for themselves with 0, to those of H&W's codes with 1.
    pub fn relaxed(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// Tolerances of 0.1·rtol^((s + 1)/(2s)) instead of rtol (H&W's codes), for the method in use.
    fn relax(&mut self, problem: &Problem) {
        let s = self.family[self.at].stages() as f64;
        self.least_root = math::pow(0.01, 1.0 / (s + 1.0));
        self.relaxation = math::pow(0.1 * math::pow(problem.rtol, 0.5 * (s + 1.0) / s - 1.0), self.share);
    }

    /// Room for the complex factorisations.
    fn make_complex(&mut self, problem: &Problem) -> Result<(), ErrorKind> {
        let pattern = problem.system.jacobian_pattern();
        let stages = self.family.iter().map(|m| m.stages()).max().unwrap_or(1);
        let complex: Result<Vec<_>, _> = (0..stages / 2).map(|_| ShiftedComplex::new(pattern)).collect();
        self.complex = complex.map_err(|e| ErrorKind::Memory(e.0, 48 * 20_000 * 20_000))?;
        Ok(())
    }

    /// Operations of the factorisations of a method with so many pairs, and of the solves of an iteration.
    fn linear_cost(&self, pairs: usize) -> (f64, f64) {
        let (factor, solve) = self.real.cost();
        if self.complex.is_empty() {
            // A complex multiply-add is four real ones.
            let all = 1.0 + 4.0 * pairs as f64;
            return (all * factor, all * solve);
        }
        let costs = |(f, s): (f64, f64), (g, r): (f64, f64)| (f + g, s + r);
        self.complex.iter().take(pairs).map(ShiftedComplex::cost).fold((factor, solve), costs)
    }

    /// The stages of a step h: the solution in `argument`, its error estimate in `error`.
    fn attempt(&mut self, problem: &mut Problem, h: f64) -> Outcome {
        let (n, method) = (self.n, self.family[self.at]);
        let s = method.stages();
        let outcome = match self.newton(problem, h) {
            Outcome::BadPivots if self.factor_otherwise(problem, h) => self.newton(problem, h),
            Outcome::BadPivots => Outcome::Singular,
            outcome => outcome,
        };
        if !matches!(outcome, Outcome::Error(_)) {
            return outcome;
        }
        let relax = self.relaxation;
        if let Some(size) = self.estimate_by_code(problem) {
            return Outcome::Error(size);
        }
        for (z, row) in self.z.chunks_exact_mut(n).zip(method.t) {
            weigh(z, row, &self.w);
        }
        combine(&mut self.argument, &self.y, &[1.0], &self.z[(s - 1) * n..]);
        // (γ/h I − J) err = f(t, y) + Σ e z/h (H&W IV.8.19)
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

    /// The accepted step: its end becomes the present point; the step and order to try next.
    fn accept(&mut self, problem: &mut Problem, h: f64, t_new: f64, error: f64) -> Result<(), ErrorKind> {
        problem.statistics.steps += 1;
        self.stiffness = h.abs() * self.norm;
        let steady = self.past && (STEADY.0..STEADY.1).contains(&(h / self.h_old));
        (self.t_old, self.h_old, self.at_old) = (self.t, h, self.at);
        self.t = t_new;
        std::mem::swap(&mut self.y_old, &mut self.y);
        std::mem::swap(&mut self.y, &mut self.argument);
        self.follows = self.by_code;
        if let Some(whole) = self.whole[self.at].as_mut().filter(|_| self.by_code) {
            self.z_old[..whole.z().len()].copy_from_slice(whole.z());
            whole.accept();
        } else {
            std::mem::swap(&mut self.z_old, &mut self.z);
        }
        (self.past, self.fresh) = (true, false);
        self.stale = self.rate > if self.cheap { KEEP.1 } else { KEEP.0 };
        let error = error.max(1e-10);
        let s = self.family[self.at].stages();
        let power = 1.0 / (s + 1) as f64;
        let root = math::pow(error, power);
        let mut quotient = root / self.safety();
        if self.h_accepted != 0.0 {
            // Gustafsson's prediction (H&W IV.8.29).
            let predicted = h / self.h_accepted;
            quotient = quotient.max(root * root / self.root_accepted / (SAFETY * predicted));
        }
        let mut factor = (1.0 / quotient).clamp(SHRINK, GROW);
        if self.rejected {
            factor = factor.min(1.0);
        }
        (self.h_accepted, self.root_accepted, self.rejected) = (h, root.max(self.least_root), false);
        let held = !self.stale && (1.0..HOLD).contains(&factor);
        self.h = next_step(self.h, h, if held { 1.0 } else { factor });
        self.choose_order(problem, steady);
        problem.rhs(self.t, &self.y, &mut self.f0);
        match self.f0.iter().all(|f| f.is_finite()) {
            true => Ok(()),
            false => Err(ErrorKind::NotFinite(problem.not_finite(&self.f0))),
        }
    }

    /// More stages where Newton's iteration contracts well, fewer where it hardly does (H&W 1999, section 4).
    fn choose_order(&mut self, problem: &Problem, steady: bool) {
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
            self.follows = false;
            self.ask(problem);
            self.relax(problem);
        }
    }

    /// The safety factor, smaller after many iterations (H&W IV.8.27).
    fn safety(&self) -> f64 {
        let most = self.family[self.at].most_iterations();
        SAFETY * f64::from(2 * most + 1) / f64::from(2 * most + self.iterations)
    }

    fn failure(&self, problem: &Problem, outcome: &Outcome) -> ErrorKind {
        let n = self.n;
        let by_code = self.whole[self.at].as_ref().filter(|_| self.by_code);
        let own = (&self.delta[..n], &self.error[..]);
        let (correction, error) = by_code.map_or(own, |whole| (&whole.z()[..n], whole.error()));
        match outcome {
            Outcome::NotFinite => {
                let stages = self.f.chunks_exact(n);
                let bad = stages.into_iter().find(|f| f.iter().any(|f| !f.is_finite()));
                ErrorKind::NotFinite(bad.map_or_else(Vec::new, |f| problem.not_finite(f)))
            }
            Outcome::Singular | Outcome::BadPivots => ErrorKind::Singular,
            Outcome::Error(_) => ErrorKind::StepTooSmall(problem.worst(error, &self.y)),
            Outcome::Diverged(_) => ErrorKind::StepTooSmall(problem.worst(correction, &self.y)),
        }
    }
}

/// In algebraic equations M Σ e_i z_i has no part.
fn only_f(problem: &Problem, error: &mut [f64], f: &[f64]) {
    problem.system.shape().algebraic.iter().for_each(|k| error[*k] = f[*k]);
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
        self.relax(problem);
        self.whole.iter_mut().flatten().for_each(|whole| whole.start(problem));
        problem.rhs(t, &self.y, &mut self.f0);
        match problem.not_finite(&self.f0) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        (self.at, self.at_old, self.t_old, self.h_old) = (0, 0, 0.0, 1.0);
        (self.by_code, self.follows, self.factored, self.root_accepted) = (false, false, 0.0, 1.0);
        (self.rate, self.iterations, self.contraction, self.norm, self.stiffness) = (0.0, 0, 0.0, 0.0, 0.0);
        let trusted = self.whole.iter().flatten().all(Whole::is_as_made);
        trusted && self.real.is_as_made() && self.complex.iter().all(ShiftedComplex::is_as_made)
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
                Outcome::Singular | Outcome::BadPivots => 0.5,
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

    fn taken(&self, points: &mut Vec<f64>) -> Taken {
        let method = self.family[self.at_old];
        for z in self.z_old.chunks_exact(self.n).take(method.stages()) {
            points.extend(self.y_old.iter().zip(z).map(|(y, z)| y + z));
        }
        Taken { formula: Formula::Radau(method), t: self.t_old, h: self.h_old, began: false }
    }

    fn stiffness(&self) -> f64 {
        self.stiffness
    }

    fn shifted(&self) -> Option<&Shifted> {
        Some(&self.real)
    }

    fn cost(&self, rhs: f64) -> f64 {
        let s = self.family[self.at].stages() as f64;
        let (factor, solve) = self.linear_cost(self.family[self.at].pairs.len());
        // Three iterations; J and W anew where that is cheap, else every fourth step.
        let setups = if self.cheap { 1.0 } else { 0.25 };
        3.0 * (s * rhs + solve) + setups * (rhs + factor) + 14.0 * s * s * self.n as f64
    }
}
