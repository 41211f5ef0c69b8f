//! The step of ESDIRK methods, written once; the methods are tableaus: singly diagonally implicit Runge–Kutta with an
//! explicit first stage, stiffly accurate. Every stage is a system of size n with the same W = I/(γh) − J, solved by
//! simplified Newton iteration whose rate of convergence decides about stopping, about giving up and about a new J.
//!
//! A method may have a companion, an explicit tableau with the same nodes and weights: where a system says which terms are
//! stiff, f = f_E + f_I, stage i is y + h Σ_{j<i} â_ij f_E(Y_j) + h Σ_{j≤i} a_ij f_I(Y_j) and only f_I is iterated for.
//!
//! Source of the form: C. A. Kennedy, M. H. Carpenter, Diagonally implicit Runge–Kutta methods for ordinary differential
//! equations, a review, NASA/TM-2016-219173; Newton's tests: H&W IV.8.

use super::ErrorKind;
use super::fused::{combine, weigh};
use super::problem::Problem;
use super::stepper::{Controller, Stepper, clip, first_step, next_step};
use super::taken::{Formula, Taken};
use crate::linalg::Shifted;
use crate::math;
use crate::system::System;

/// An ESDIRK method of s stages; the solution is the last stage's argument.
pub struct Esdirk {
    /// The name on the command line.
    pub name: &'static str,
    /// Order of the solution.
    pub order: u32,
    /// The error estimate falls as h^(order + 1).
    pub error_order: u32,
    /// Order of the interpolant.
    pub dense_order: u32,
    /// γ: the diagonal of A, but for the first stage's 0.
    pub gamma: f64,
    /// Nodes, s.
    pub c: &'static [f64],
    /// Row i holds the i weights of earlier stages; the last row, with γ behind, is b.
    pub a: &'static [&'static [f64]],
    /// The explicit companion: row i holds the i weights of earlier stages; the weights of the solution are b. No rows: none.
    pub explicit: &'static [&'static [f64]],
    /// The error estimate: h Σ e_i k_i, e = b − b̂.
    pub e: &'static [f64],
    /// The error estimate is solved with W once more, since that of the tableau grows without bound for stiff components
    /// (Hosea & Shampine 1996).
    pub filtered: bool,
    /// The interpolant y0 + h Σ b_i(θ) k_i: row i holds the coefficients of θ, θ², … in b_i.
    pub dense: &'static [&'static [f64]],
    /// β of the step-size controller.
    pub beta: f64,
}

impl Esdirk {
    /// Checks lengths, row sums and that error weights sum to 0; used in `const` position a wrong digit does not compile.
    pub const fn checked(self) -> Self {
        let s = self.c.len();
        assert!(self.a.len() == s && self.e.len() == s && self.dense.len() == s);
        assert!(s <= MOST_STAGES && self.c[0] == 0.0 && near(self.c[s - 1], 1.0));
        let mut i = 1;
        while i < s {
            assert!(self.a[i].len() == i, "a row of a has the wrong length");
            assert!(near(sum(self.a[i]) + self.gamma, self.c[i]), "a row does not sum to its node");
            i += 1;
        }
        assert!(self.explicit.is_empty() || self.explicit.len() == s);
        i = 0;
        while i < self.explicit.len() {
            assert!(self.explicit[i].len() == i, "a row of the companion has the wrong length");
            assert!(near(sum(self.explicit[i]), self.c[i]), "a row of the companion does not sum to its node");
            i += 1;
        }
        assert!(near(sum(self.e), 0.0), "the error weights do not sum to 0");
        i = 0;
        while i < s {
            // At θ = 1 the interpolant is the solution.
            let b = if i + 1 == s { self.gamma } else { self.a[s - 1][i] };
            assert!(near(sum(self.dense[i]), b), "the interpolant does not end at the solution");
            i += 1;
        }
        self
    }

    /// Weight of stage i in the solution.
    pub fn b(&self, i: usize) -> f64 {
        let s = self.c.len();
        if i + 1 == s { self.gamma } else { self.a[s - 1][i] }
    }

    /// b_i(θ) of every stage, into `weights`.
    pub fn dense_weights(&self, theta: f64, weights: &mut [f64]) {
        for (w, row) in weights.iter_mut().zip(self.dense) {
            *w = theta * row.iter().rev().fold(0.0, |sum, b| b + theta * sum);
        }
    }

    /// b_i'(θ) of every stage, into `weights`.
    fn dense_slopes(&self, theta: f64, weights: &mut [f64]) {
        for (w, row) in weights.iter_mut().zip(self.dense) {
            let terms = row.iter().enumerate().rev();
            *w = terms.fold(0.0, |sum, (k, b)| (k + 1) as f64 * b + theta * sum);
        }
    }
}

const fn sum(a: &[f64]) -> f64 {
    let (mut sum, mut i) = (0.0, 0);
    while i < a.len() {
        sum += a[i];
        i += 1;
    }
    sum
}

const fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-13
}

/// Newton iterations after which a stage is given up.
const ITERATIONS: i32 = 7;
/// What may be left of the iteration's error, in units of the tolerance.
const KAPPA: f64 = 0.01;
/// A rate of convergence that is good enough to keep J: where a factorisation is dear, and where it is cheap.
const KEEP: (f64, f64) = (0.2, 1e-3);
/// Growth of the step not worth a new factorisation where that is dear.
const HOLD: f64 = 1.2;
/// Stages of the largest tableau.
pub const MOST_STAGES: usize = 8;
/// Beyond this ratio of steps the last step says nothing about the stages of this one.
const FARTHEST: f64 = 4.0;

/// An ESDIRK method in progress.
pub struct EsdirkStepper {
    method: &'static Esdirk,
    n: usize,
    t: f64,
    h: f64,
    y: Vec<f64>,
    t_old: f64,
    h_old: f64,
    y_old: Vec<f64>,
    /// f at (t, y), f_I if f is taken apart: the last stage's where that is at (t, y), since it satisfies the stage equation
    /// where an evaluation would magnify its error.
    f0: Vec<f64>,
    /// The explicit terms, if f is taken apart.
    rest: Option<Rest>,
    jacobian: Vec<f64>,
    /// J belongs to the present point.
    fresh: bool,
    /// J has to be evaluated before the next step.
    stale: bool,
    w: Shifted,
    /// The step W is factorised for; 0: none.
    factored: f64,
    /// A factorisation costs less than a sweep through the stages.
    cheap: bool,
    /// z_i = h k_i of the step being tried, one after the other.
    z: Vec<f64>,
    /// Those of the last accepted step; they count if `past`.
    z_old: Vec<f64>,
    past: bool,
    /// The last step was the first from where the method started.
    began: bool,
    /// Row i: weights of earlier stages that predict stage i.
    predictor: Vec<Vec<f64>>,
    argument: Vec<f64>,
    f: Vec<f64>,
    delta: Vec<f64>,
    /// Newton's η of the stage before, and the slowest rate in this step.
    eta: f64,
    slowest: f64,
    /// What may be left of the iteration's error, in units of the tolerance.
    kappa: f64,
    controller: Controller,
    /// A norm of J, and the last step in units of it.
    norm: f64,
    stiffness: f64,
}

/// The terms that are not iterated for.
struct Rest {
    /// f_E at (t, y).
    f0: Vec<f64>,
    /// h f_E of every stage, one after the other, of the step being tried and of the last accepted one.
    x: Vec<f64>,
    x_old: Vec<f64>,
    /// b − â of the last stage: what makes the solution of the last stage's argument.
    last: Vec<f64>,
}

/// What became of an attempted step.
enum Outcome {
    /// Its error in units of the tolerance.
    Error(f64),
    /// f is not finite at a stage; `f` holds it.
    NotFinite,
    /// Newton's iteration does not converge.
    Diverged,
}

impl EsdirkStepper {
    /// Memory for a problem.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if W does not fit.
    pub fn new(method: &'static Esdirk, problem: &Problem) -> Result<Self, ErrorKind> {
        let n = problem.dim();
        let s = method.c.len();
        // Algebraic unknowns belong to the last stage, which is not the solution where f is taken apart.
        let possible = !method.explicit.is_empty() && problem.algebraic.is_empty();
        // Steps of two parts have no derivatives.
        let splits = possible && !problem.told && problem.system.split().is_some();
        let rest = splits.then(|| Rest {
            f0: vec![0.0; n],
            x: vec![0.0; s * n],
            x_old: vec![0.0; s * n],
            last: (0..s).map(|i| method.b(i) - method.explicit[s - 1].get(i).copied().unwrap_or(0.0)).collect(),
        });
        let part = iterated(problem, splits);
        let pattern = part.jacobian_pattern();
        let w = problem.shifted_of(part)?;
        let (factor, solve) = w.cost();
        let rhs = 4.0 * (pattern.nnz() + n) as f64;
        let zeros = || vec![0.0; n];
        Ok(EsdirkStepper {
            method,
            n,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            t_old: 0.0,
            h_old: 1.0,
            y_old: zeros(),
            f0: zeros(),
            rest,
            jacobian: vec![0.0; pattern.nnz()],
            fresh: false,
            stale: true,
            w,
            factored: 0.0,
            cheap: factor + rhs < s as f64 * (rhs + solve),
            z: vec![0.0; s * n],
            z_old: vec![0.0; s * n],
            past: false,
            began: false,
            predictor: (0..s).map(|i| line(&method.c[..i], method.c[i])).collect(),
            argument: zeros(),
            f: zeros(),
            delta: zeros(),
            eta: 1.0,
            slowest: 0.0,
            kappa: KAPPA,
            controller: Controller::new(method.error_order, method.beta),
            norm: 0.0,
            stiffness: 0.0,
        })
    }

    /// Iterates until no more than so much of the tolerance is left: for tests of the formulas themselves.
    pub fn iterate_to(mut self, kappa: f64) -> Self {
        self.kappa = kappa;
        self
    }

    /// What the stages are solved for.
    fn part<'a>(&self, problem: &Problem<'a>) -> &'a dyn System {
        iterated(problem, self.rest.is_some())
    }

    /// f at (t, y), in its parts.
    fn evaluate(&mut self, problem: &mut Problem) {
        let part = self.part(problem);
        problem.rhs_of(part, self.t, &self.y, &mut self.f0);
        if let (Some(rest), Some(split)) = (&mut self.rest, problem.system.split()) {
            problem.rhs_of(split.explicit.as_ref(), self.t, &self.y, &mut rest.f0);
        }
    }

    fn update_jacobian(&mut self, problem: &mut Problem) {
        let part = self.part(problem);
        problem.jacobian_of(part, self.t, &self.y, &mut self.jacobian);
        // Scratch: Newton's correction is done with.
        self.norm = part.jacobian_pattern().norm(&self.jacobian, &mut self.delta);
        (self.fresh, self.stale, self.factored) = (true, false, 0.0);
    }

    /// The stages of a step h; the solution is then in `argument`.
    fn attempt(&mut self, problem: &mut Problem, h: f64) -> Outcome {
        let (n, method) = (self.n, self.method);
        let s = method.c.len();
        self.slowest = 0.0;
        for (z, f) in self.z.iter_mut().zip(&self.f0) {
            *z = h * f;
        }
        if let Some(rest) = &mut self.rest {
            rest.x.iter_mut().zip(&rest.f0).for_each(|(x, f)| *x = h * f);
        }
        let ratio = h / self.h_old;
        let extrapolate = self.past && ratio < FARTHEST;
        let mut weights = [0.0; MOST_STAGES];
        for i in 1..s {
            let (done, rest) = self.z.split_at_mut(i * n);
            let z = &mut rest[..n];
            if extrapolate {
                // z = h y'(t + c h) of the last step's interpolant.
                let weights = &mut weights[..s];
                method.dense_slopes(1.0 + ratio * method.c[i], weights);
                weights.iter_mut().for_each(|w| *w *= ratio);
                weigh(z, weights, &self.z_old);
            } else {
                weigh(z, &self.predictor[i], done);
            }
            combine(&mut self.argument, &self.y, method.a[i], done);
            if let Some(rest) = &self.rest {
                weigh(&mut self.delta, method.explicit[i], &rest.x);
                self.argument.iter_mut().zip(&self.delta).for_each(|(x, d)| *x += d);
            }
            self.argument.iter_mut().zip(&*z).for_each(|(x, z)| *x += method.gamma * z);
            match self.newton(problem, i, h) {
                Outcome::Error(_) => {}
                other => return other,
            }
            if let (Some(rest), Some(split)) = (&mut self.rest, problem.system.split()) {
                problem.rhs_of(split.explicit.as_ref(), self.t + method.c[i] * h, &self.argument, &mut self.f);
                if self.f.iter().any(|f| !f.is_finite()) {
                    return Outcome::NotFinite;
                }
                rest.x[i * n..].iter_mut().zip(&self.f).for_each(|(x, f)| *x = h * f);
            }
        }
        weigh(&mut self.delta, method.e, &self.z);
        if let Some(rest) = &self.rest {
            weigh(&mut self.f, method.e, &rest.x);
            self.delta.iter_mut().zip(&self.f).for_each(|(d, x)| *d += x);
            weigh(&mut self.f, &rest.last, &rest.x);
            self.argument.iter_mut().zip(&self.f).for_each(|(y, x)| *y += x);
        }
        if method.filtered {
            // (M − hγJ)⁻¹ M = W⁻¹ M/(hγ)
            problem.clear_algebraic(&mut self.delta);
            let inverse = 1.0 / (h * method.gamma);
            self.delta.iter_mut().for_each(|d| *d *= inverse);
            self.w.solve(&mut self.delta);
            problem.statistics.solves += 1;
        }
        Outcome::Error(problem.norm(&self.delta, &self.y, &self.argument))
    }

    /// Solves z = h f(φ + γ z) for stage i: with x = φ + γ z, W δ = f(x) − z/h, x += δ, z += δ/γ.
    fn newton(&mut self, problem: &mut Problem, i: usize, h: f64) -> Outcome {
        let (n, part) = (self.n, self.part(problem));
        let z = &mut self.z[i * n..(i + 1) * n];
        let t = self.t + self.method.c[i] * h;
        let (per_h, per_gamma) = (1.0 / h, 1.0 / self.method.gamma);
        // What was learnt of the rate in the stage before holds here, a little less (H&W IV.8.10).
        let mut eta = math::pow(self.eta.max(f64::EPSILON), 0.8);
        let mut last = 0.0;
        for iteration in 0..ITERATIONS {
            problem.rhs_of(part, t, &self.argument, &mut self.f);
            let mut finite = true;
            if problem.algebraic.is_empty() {
                for ((delta, f), z) in self.delta.iter_mut().zip(&self.f).zip(&*z) {
                    *delta = f - z * per_h;
                    finite &= delta.is_finite();
                }
            } else {
                self.delta.copy_from_slice(&self.f);
                problem.subtract(&mut self.delta, per_h, z);
                finite = self.delta.iter().all(|delta| delta.is_finite());
            }
            if !finite {
                return Outcome::NotFinite;
            }
            self.w.solve(&mut self.delta);
            problem.statistics.solves += 1;
            let size = problem.norm(&self.delta, &self.y, &self.argument);
            if iteration > 0 {
                let rate = size / last;
                self.slowest = self.slowest.max(rate);
                let left = ITERATIONS - 1 - iteration;
                if !(rate < 1.0) || rate.powi(left) / (1.0 - rate) * size > self.kappa {
                    return Outcome::Diverged;
                }
                eta = rate / (1.0 - rate);
            }
            if !size.is_finite() {
                return Outcome::Diverged;
            }
            for (((x, z), delta), _) in self.argument.iter_mut().zip(z.iter_mut()).zip(&self.delta).zip(0..n) {
                *x += delta;
                *z += delta * per_gamma;
            }
            if eta * size <= self.kappa || size == 0.0 {
                self.eta = eta;
                return Outcome::Error(0.0);
            }
            last = size;
        }
        Outcome::Diverged
    }

    /// The accepted step: its end becomes the present point.
    fn accept(&mut self, problem: &mut Problem, h: f64, t_new: f64, error: f64) {
        problem.statistics.steps += 1;
        self.stiffness = h.abs() * self.norm;
        self.t_old = self.t;
        self.h_old = h;
        self.t = t_new;
        std::mem::swap(&mut self.y_old, &mut self.y);
        std::mem::swap(&mut self.y, &mut self.argument);
        std::mem::swap(&mut self.z_old, &mut self.z);
        (self.began, self.past) = (!self.past, true);
        if let Some(rest) = &mut self.rest {
            std::mem::swap(&mut rest.x_old, &mut rest.x);
            self.evaluate(problem);
        } else {
            let last = &self.z_old[(self.method.c.len() - 1) * self.n..];
            self.f0.iter_mut().zip(last).for_each(|(f, z)| *f = z / h);
        }
        self.fresh = false;
        self.stale = self.slowest > if self.cheap { KEEP.1 } else { KEEP.0 };
        let factor = self.controller.accept(error);
        let held = !self.cheap && !self.stale && (1.0..HOLD).contains(&factor);
        self.h = next_step(self.h, h, if held { 1.0 } else { factor });
    }

    fn failure(&self, problem: &Problem, outcome: &Outcome) -> ErrorKind {
        match outcome {
            Outcome::NotFinite => ErrorKind::NotFinite(problem.not_finite(&self.f)),
            _ => ErrorKind::StepTooSmall(problem.worst(&self.delta, &self.y)),
        }
    }
}

/// What the stages of a method are solved for: the stiff terms if f is taken apart.
fn iterated<'a>(problem: &Problem<'a>, splits: bool) -> &'a dyn System {
    let whole = problem.system;
    whole.split().filter(|_| splits).map_or(whole, |split| split.implicit.as_ref())
}

/// Weights that carry values at the nodes `c` to `x` along the line of least squares.
fn line(c: &[f64], x: f64) -> Vec<f64> {
    let count = c.len() as f64;
    let mean = c.iter().sum::<f64>() / count;
    let spread: f64 = c.iter().map(|c| (c - mean) * (c - mean)).sum();
    c.iter().map(|c| 1.0 / count + if spread > 0.0 { (c - mean) * (x - mean) / spread } else { 0.0 }).collect()
}

impl Stepper for EsdirkStepper {
    fn name(&self) -> &'static str {
        self.method.name
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        (self.t, self.h) = (t, h);
        self.y.copy_from_slice(y);
        (self.fresh, self.stale, self.past, self.eta) = (false, true, false, 1.0);
        self.controller.reset();
        self.evaluate(problem);
        let mut names = problem.not_finite(&self.f0);
        if let Some(rest) = &self.rest {
            names.extend(problem.not_finite(&rest.f0));
        }
        match names {
            names if names.is_empty() => {
                // There is no derivative to start from.
                problem.clear_algebraic(&mut self.f0);
                Ok(())
            }
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        (self.t_old, self.h_old, self.factored, self.began) = (0.0, 1.0, 0.0, false);
        (self.slowest, self.norm, self.stiffness) = (0.0, 0.0, 0.0);
        self.w.is_as_made()
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.h == 0.0 {
            let (order, left) = (self.method.error_order, end - self.t);
            // The slope in all: `f` is free between steps.
            self.f.copy_from_slice(&self.f0);
            if let Some(rest) = &self.rest {
                self.f.iter_mut().zip(&rest.f0).for_each(|(f, x)| *f += x);
            }
            self.h = first_step(problem, self.t, &self.y, &self.f, order, left, &mut self.z[..2 * n]);
        }
        if self.stale {
            self.update_jacobian(problem);
        }
        loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            let t_new = if h == end - self.t { end } else { self.t + h };
            if self.factored != h {
                problem.statistics.factorizations += 1;
                if !self.w.factor(1.0 / (self.method.gamma * h), &self.jacobian) {
                    self.factored = 0.0;
                    if !self.fresh {
                        self.update_jacobian(problem);
                        continue;
                    }
                    problem.statistics.rejected += 1;
                    self.h = 0.5 * h;
                    if self.h.abs() < problem.least_step(self.t) {
                        return Err(ErrorKind::Singular);
                    }
                    continue;
                }
                self.factored = h;
            }
            let outcome = self.attempt(problem, h);
            let factor = match outcome {
                Outcome::Error(error) if error <= 1.0 => {
                    self.accept(problem, h, t_new, error);
                    return Ok(());
                }
                Outcome::Error(error) => self.controller.reject(error),
                _ if !self.fresh => {
                    // A J of the present point may mend it.
                    self.update_jacobian(problem);
                    self.eta = 1.0;
                    continue;
                }
                Outcome::NotFinite => 0.1,
                Outcome::Diverged => 0.25,
            };
            self.eta = 1.0;
            problem.statistics.rejected += 1;
            self.h = factor * h;
            if self.h.abs() < problem.least_step(self.t) {
                return Err(self.failure(problem, &outcome));
            }
        }
    }

    fn correct(&mut self, _problem: &mut Problem, y: &[f64]) -> Result<(), ErrorKind> {
        self.y.copy_from_slice(y);
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
        self.method.dense.iter().map(|row| row.len()).max().unwrap_or(1)
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let mut weights = [0.0; MOST_STAGES];
        let weights = &mut weights[..self.method.c.len()];
        self.method.dense_weights((t - self.t_old) / self.h_old, weights);
        match &self.rest {
            None => combine(out, &self.y_old, weights, &self.z_old),
            Some(rest) => {
                weigh(out, weights, &rest.x_old);
                out.iter_mut().zip(&self.y_old).for_each(|(out, y)| *out += y);
                for (w, z) in weights.iter().zip(self.z_old.chunks(self.n.max(1))) {
                    out.iter_mut().zip(z).for_each(|(out, z)| *out += w * z);
                }
            }
        }
    }

    fn splits(&self) -> bool {
        self.rest.is_some()
    }

    fn taken(&self, points: &mut Vec<f64>) -> Taken {
        let (method, n) = (self.method, self.n);
        for i in 1..method.c.len() {
            let (done, rest) = self.z_old.split_at(i * n);
            let start = points.len();
            points.resize(start + n, 0.0);
            let point = &mut points[start..];
            combine(point, &self.y_old, method.a[i], done);
            point.iter_mut().zip(rest).for_each(|(x, z)| *x += method.gamma * z);
        }
        Taken { formula: Formula::Esdirk(method), t: self.t_old, h: self.h_old, began: self.began }
    }

    fn stiffness(&self) -> f64 {
        self.stiffness
    }

    fn shifted(&self) -> Option<&Shifted> {
        Some(&self.w)
    }

    fn cost(&self, rhs: f64) -> f64 {
        let (factor, solve) = self.w.cost();
        let s = self.method.c.len() as f64;
        // Two iterations a stage; J and W anew where that is cheap, else every eighth step.
        let setups = if self.cheap { 1.0 } else { 0.125 };
        2.0 * (s - 1.0) * (rhs + solve) + setups * (rhs + factor) + (2.0 * s * (s + 6.0)) * self.n as f64
    }
}
