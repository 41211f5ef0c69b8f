//! The step of Rosenbrock–Wanner methods, written once; the methods are tableaus. One factorisation of W = I/(γh) − J and
//! one solve per stage, no iteration: the methods for small and medium stiff systems.
//!
//! The form with u = Γk, which needs no products with J: H&W IV.7.24–25. The coefficients in the theory's form are
//! Γ⁻¹ = I/γ − C, α = A Γ, b = m Γ.

mod lanes;

use std::sync::Arc;

use super::fused::{combine, stage, weigh};
use super::lanes::Single;
use super::problem::Problem;
use super::stepper::{Controller, Pace, Stepper, zeros};
use super::taken::{Formula, Taken};
use super::{ErrorKind, Statistics};
use crate::linalg::{GOOD, GOOD_IN_SINGLE, Shifted};
use crate::system::{CompiledStep, EXTRA, LIMITS, RosenbrockFormula};

/// A Rosenbrock–Wanner method of s stages.
pub struct Rosenbrock {
    /// The name on the command line.
    pub name: &'static str,
    /// What its step in single precision is known by.
    pub name_in_single: &'static str,
    /// Order of the solution.
    pub order: u32,
    /// Order of the embedded solution where the solution itself advances; the error estimate falls as h^(order + 1).
    pub error_order: u32,
    /// Order of the interpolant.
    pub dense_order: u32,
    /// γ: the diagonal of Γ.
    pub gamma: f64,
    /// Nodes of the stages, s.
    pub c: &'static [f64],
    /// Weights of h ∂f/∂t, s: the row sums of Γ.
    pub d: &'static [f64],
    /// Row i holds the i weights of earlier u in a stage's argument.
    pub a: &'static [&'static [f64]],
    /// Row i holds the i weights of earlier u/h on a stage's right side.
    pub cc: &'static [&'static [f64]],
    /// The solution: y1 = y0 + Σ m_i u_i.
    pub m: &'static [f64],
    /// The error estimate: Σ e_i u_i.
    pub e: &'static [f64],
    /// The interpolant: (1 − θ) y0 + θ (y1 + (1 − θ)(H1 + θ (H2 + …))) with H_r = Σ h_ri u_i.
    pub dense: &'static [&'static [f64]],
    /// β of the step-size controller.
    pub beta: f64,
}

impl Rosenbrock {
    /// Checks lengths, nodes, row sums of Γ, Σb = 1 and Σ(b − b̂) = 0; used in `const` position a wrong digit does not
    /// compile.
    pub const fn checked(self) -> Self {
        let s = self.c.len();
        assert!(self.d.len() == s && self.a.len() == s && self.cc.len() == s && self.m.len() == s && self.e.len() == s);
        let mut i = 0;
        while i < s {
            assert!(self.a[i].len() == i && self.cc[i].len() == i, "a row has the wrong length");
            // Γ⁻¹ d = 1, and c = A d because d = Γ 1.
            assert!(near(self.d[i] / self.gamma - dot(self.cc[i], self.d), 1.0), "Γ⁻¹ d is not 1");
            assert!(near(dot(self.a[i], self.d), self.c[i]), "a row does not sum to its node");
            i += 1;
        }
        assert!(near(dot(self.m, self.d), 1.0), "the weights do not sum to 1");
        assert!(near(dot(self.e, self.d), 0.0), "the error weights do not sum to 0");
        let mut r = 0;
        while r < self.dense.len() {
            assert!(self.dense[r].len() == s, "a row of the interpolant has the wrong length");
            r += 1;
        }
        self
    }

    /// The step as a system is asked for it.
    pub fn formula(&self) -> RosenbrockFormula<'static> {
        let Rosenbrock { name, gamma, c, d, a, cc, m, e, .. } = *self;
        RosenbrockFormula { name, gamma, c, d, a, cc, m, e, good: GOOD }
    }

    /// The same in single precision.
    pub fn formula_in_single(&self) -> RosenbrockFormula<'static> {
        RosenbrockFormula { name: self.name_in_single, good: GOOD_IN_SINGLE, ..self.formula() }
    }

    /// Whether the argument of stage i is that of the stage before and the u of that.
    pub const fn adds_one(&self, i: usize) -> bool {
        i >= 2 && follows(self.a[i], self.a[i - 1])
    }

    /// Whether the solution is the argument of the last stage and its u (stiffly accurate methods).
    pub const fn stiffly_accurate(&self) -> bool {
        follows(self.m, self.a[self.c.len() - 1])
    }

    /// Whether the last stage is evaluated at the solution, whose f the next step begins with.
    pub const fn first_same_as_last(&self) -> bool {
        let s = self.c.len();
        let mut i = 0;
        while i + 1 < s {
            if self.m[i] != self.a[s - 1][i] {
                return false;
            }
            i += 1;
        }
        self.m[s - 1] == 0.0 && self.c[s - 1] == 1.0
    }

    /// Whether the error estimate is the last u.
    const fn error_is_last(&self) -> bool {
        let mut i = 0;
        while i + 1 < self.e.len() {
            if self.e[i] != 0.0 {
                return false;
            }
            i += 1;
        }
        self.e[i] == 1.0
    }
}

const fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut sum, mut i) = (0.0, 0);
    while i < a.len() {
        sum += a[i] * b[i];
        i += 1;
    }
    sum
}

const fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

/// Whether `row` is `before` with a 1 behind.
const fn follows(row: &[f64], before: &[f64]) -> bool {
    let mut i = 0;
    while i < before.len() {
        if row[i] != before[i] {
            return false;
        }
        i += 1;
    }
    row.len() == i + 1 && row[i] == 1.0
}

/// A Rosenbrock–Wanner method in progress.
pub struct RosenbrockStepper {
    method: &'static Rosenbrock,
    n: usize,
    /// The whole step as one function, where the system has one.
    compiled: Option<Arc<dyn CompiledStep>>,
    /// What that function is told besides the state.
    limits: Vec<f64>,
    /// Steps whose planned pivots were bad.
    bad: u32,
    pace: Pace,
    here: Point,
    t_old: f64,
    h_old: f64,
    before: Point,
    /// The argument of the stage at hand and f there; in the end the new point.
    next: Point,
    ft: Vec<f64>,
    jacobian: Vec<f64>,
    w: Shifted,
    /// The u of the step being tried, one after the other.
    u: Box<[f64]>,
    /// Those of the last accepted step, for the interpolant.
    u_old: Box<[f64]>,
    /// Whether the last attempt was one function.
    whole: bool,
    /// The error estimate, or the interpolant's rows, one after the other.
    dense: Vec<f64>,
    dense_ready: bool,
    error: Vec<f64>,
    stiffness: f64,
    /// [`Rosenbrock::adds_one`] of each stage, and the other properties of the tableau.
    adds_one: Vec<bool>,
    stiffly_accurate: bool,
    first_same_as_last: bool,
    error_is_last: bool,
    /// f0, ft and J belong to the present point.
    fresh: bool,
}

/// A state and f there, as a compiled step leaves them ([`CompiledStep::attempt`]): whole points change places, none is
/// copied.
struct Point {
    n: usize,
    /// n numbers y, [`EXTRA`] that the step says of itself, n numbers f.
    values: Box<[f64]>,
}

impl Point {
    fn new(n: usize) -> Self {
        Point { n, values: zeros(2 * n + EXTRA).into() }
    }

    #[inline]
    fn y(&self) -> &[f64] {
        &self.values[..self.n]
    }

    #[inline]
    fn y_mut(&mut self) -> &mut [f64] {
        &mut self.values[..self.n]
    }

    #[inline]
    fn f(&self) -> &[f64] {
        &self.values[self.n + EXTRA..]
    }

    #[inline]
    fn f_mut(&mut self) -> &mut [f64] {
        &mut self.values[self.n + EXTRA..]
    }

    /// What the step says of itself.
    #[inline]
    fn said(&self) -> Option<[f64; EXTRA]> {
        self.values[self.n..].first_chunk().copied()
    }

    /// f at the state.
    fn evaluate(&mut self, problem: &mut Problem, t: f64) {
        let (y, rest) = self.values.split_at_mut(self.n);
        problem.rhs(t, y, &mut rest[EXTRA..]);
    }

    /// Whether f is finite.
    fn is_finite(&self) -> bool {
        self.f().iter().all(|f| f.is_finite())
    }
}

/// After so many bad pivots whole steps are given up.
const PATIENCE: u32 = 5;

/// What became of an attempted step.
enum Outcome {
    /// Its error in units of the tolerance.
    Error(f64),
    /// f is not finite at a stage; `next` holds it.
    NotFinite,
    /// W cannot be factorised.
    Singular,
}

impl RosenbrockStepper {
    /// Memory for a problem.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if W does not fit.
    pub fn new(method: &'static Rosenbrock, problem: &Problem) -> Result<Self, ErrorKind> {
        let n = problem.dim();
        let pattern = problem.system.jacobian_pattern();
        let w = problem.shifted()?;
        let empty = || zeros(n);
        let compiled = problem.system.rosenbrock_step(&method.formula());
        let work = compiled.as_ref().map_or(0, |step| step.work());
        let stages = || zeros(work.max(method.c.len() * n)).into_boxed_slice();
        Ok(RosenbrockStepper {
            method,
            n,
            compiled,
            limits: zeros(LIMITS + n),
            bad: 0,
            pace: Pace::new(Controller::new(method.error_order, method.beta)),
            here: Point::new(n),
            t_old: 0.0,
            h_old: 1.0,
            before: Point::new(n),
            next: Point::new(n),
            ft: empty(),
            jacobian: zeros(pattern.nnz()),
            w,
            u: stages(),
            u_old: stages(),
            whole: false,
            dense: zeros(method.dense.len() * n),
            dense_ready: false,
            error: empty(),
            stiffness: 0.0,
            adds_one: (0..method.c.len()).map(|i| method.adds_one(i)).collect(),
            stiffly_accurate: method.stiffly_accurate(),
            first_same_as_last: method.first_same_as_last(),
            error_is_last: method.error_is_last(),
            fresh: false,
        })
    }

    /// The step as the system's own function; `None` if it has none, or its pivots were bad.
    #[inline]
    fn attempt_whole(&mut self, problem: &mut Problem, h: f64) -> Option<f64> {
        let step = self.compiled.as_ref().filter(|_| self.bad < PATIENCE)?;
        self.limits[0] = h;
        let (here, next) = (&self.here.values, &mut self.next.values);
        step.attempt(self.pace.t, here, problem.parameters(), &self.limits, &mut self.u, next);
        self.said(problem, h)
    }

    /// The error of a compiled attempt, counted; `None` if its pivots were bad.
    #[inline]
    fn said(&mut self, problem: &mut Problem, h: f64) -> Option<f64> {
        self.count_whole(&mut problem.statistics, 1);
        let [error, good, norm] = self.next.said()?;
        if good == 0.0 {
            self.bad += 1;
            return None;
        }
        self.stiffness = h.abs() * norm;
        Some(error)
    }

    /// Counts what so many whole steps take.
    #[inline]
    fn count_whole(&self, counts: &mut Statistics, steps: u64) {
        let stages = self.method.c.len() as u64;
        counts.rhs += steps * (stages - u64::from(self.first_same_as_last));
        counts.jacobians += steps;
        counts.factorizations += steps;
        counts.solves += steps * stages;
    }

    /// A step h, whole or by stages.
    #[inline]
    fn attempt(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> Outcome {
        let error = self.attempt_whole(problem, h);
        self.whole = error.is_some();
        match error {
            Some(error) => Outcome::Error(error),
            None => self.by_stages(problem, h, t_new),
        }
    }

    fn by_stages(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> Outcome {
        if !self.fresh {
            problem.jacobian(self.pace.t, self.here.y(), &mut self.jacobian);
            problem.time_derivative(self.pace.t, self.here.y(), &mut self.ft);
            self.fresh = true;
        }
        let outcome = self.stages(problem, h, t_new);
        if matches!(outcome, Outcome::Error(error) if error <= 1.0) {
            self.measure_stiffness(problem, h);
        }
        outcome
    }

    /// The stages (H&W IV.7.25) of a step h to `t_new`, the solution and f there in `next`; ends early where f is not
    /// finite.
    fn stages(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> Outcome {
        let (n, method) = (self.n, self.method);
        let s = method.c.len();
        problem.statistics.factorizations += 1;
        if !self.w.factor(1.0 / (method.gamma * h), &self.jacobian) {
            return Outcome::Singular;
        }
        let time_dependent = problem.system.shape().time_dependent;
        for i in 0..s {
            let (done, rest) = self.u.split_at_mut(i * n);
            if i == 0 {
                self.next.f_mut().copy_from_slice(self.here.f());
            } else {
                if self.adds_one[i] {
                    add(self.next.y_mut(), &done[(i - 1) * n..]);
                } else {
                    combine(self.next.y_mut(), self.here.y(), method.a[i], done);
                }
                self.next.evaluate(problem, self.pace.t + method.c[i] * h);
                if !self.next.is_finite() {
                    return Outcome::NotFinite;
                }
            }
            let u = &mut rest[..n];
            let slope = (time_dependent && method.d[i] != 0.0).then_some((h * method.d[i], self.ft.as_slice()));
            stage(u, self.next.f(), method.cc[i], done, 1.0 / h, slope);
            // M Σ c_il u_l has no entry for them (H&W VI.4.5).
            for k in &problem.system.shape().algebraic {
                u[*k] = self.next.f()[*k] + slope.map_or(0.0, |(rate, slope)| rate * slope[*k]);
            }
            self.w.solve(u);
            problem.statistics.solves += 1;
        }
        if self.stiffly_accurate {
            add(self.next.y_mut(), &self.u[(s - 1) * n..s * n]);
        } else if !self.first_same_as_last {
            combine(self.next.y_mut(), self.here.y(), method.m, &self.u);
        }
        let error = if self.error_is_last {
            &self.u[(s - 1) * n..s * n]
        } else {
            weigh(&mut self.error, method.e, &self.u);
            &self.error
        };
        let error = problem.norm(error, self.here.y(), self.next.y());
        if error <= 1.0 && !self.first_same_as_last {
            self.next.evaluate(problem, t_new);
            if !self.next.is_finite() {
                return Outcome::NotFinite;
            }
        }
        Outcome::Error(error)
    }

    /// An upper bound of |h λ|: a norm of J.
    fn measure_stiffness(&mut self, problem: &Problem, h: f64) {
        // Scratch: the state before the step before is done with.
        let norm = problem.system.jacobian_pattern().norm(&self.jacobian, self.before.y_mut());
        self.stiffness = h.abs() * norm;
    }

    /// The end of the step, if an attempt h to `t_new` is one.
    #[inline]
    fn settle(
        &mut self,
        problem: &mut Problem,
        (h, t_new): (f64, f64),
        outcome: Outcome,
        end: f64,
    ) -> Option<Result<(), ErrorKind>> {
        let error = if let Outcome::Error(error) = outcome { error } else { f64::NAN };
        if error <= 1.0 {
            problem.statistics.steps += 1;
            self.t_old = self.pace.t;
            self.h_old = h;
            self.pace.accept(h, [error, 0.0, 0.0], end);
            // Pointers change places, not the numbers.
            std::mem::swap(&mut self.before.values, &mut self.here.values);
            std::mem::swap(&mut self.here.values, &mut self.next.values);
            std::mem::swap(&mut self.u_old, &mut self.u);
            self.dense_ready = false;
            self.fresh = false;
            return Some(Ok(()));
        }
        problem.statistics.rejected += 1;
        self.pace.reject(h, error);
        let small = self.pace.h.abs() < problem.least_step(self.pace.t);
        small.then(|| Err(self.give_up(problem, h, t_new)))
    }

    /// Why no step is small enough: the last was `h`, to `t_new`.
    fn give_up(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> ErrorKind {
        // By stages, for what each component has to say.
        let outcome = self.by_stages(problem, h, t_new);
        self.failure(problem, &outcome)
    }

    fn failure(&mut self, problem: &Problem, outcome: &Outcome) -> ErrorKind {
        match outcome {
            Outcome::NotFinite => ErrorKind::NotFinite(problem.not_finite(self.next.f())),
            Outcome::Singular => ErrorKind::Singular,
            Outcome::Error(_) => {
                weigh(&mut self.error, self.method.e, &self.u);
                ErrorKind::StepTooSmall(problem.worst(&self.error, self.here.y()))
            }
        }
    }
}

/// `x += u`
fn add(x: &mut [f64], u: &[f64]) {
    x.iter_mut().zip(u).for_each(|(x, u)| *x += u);
}

impl Stepper for RosenbrockStepper {
    fn name(&self) -> &'static str {
        self.method.name
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.pace.start(t, h);
        self.here.y_mut().copy_from_slice(y);
        self.fresh = false;
        problem.limits(&mut self.limits);
        self.here.evaluate(problem, t);
        match problem.not_finite(self.here.f()) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        self.bad == 0 && self.w.is_as_made()
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        loop {
            let h = self.propose(problem, end)?;
            let t_new = self.pace.behind(h, end);
            let outcome = self.attempt(problem, h, t_new);
            if let Some(outcome) = self.settle(problem, (h, t_new), outcome, end) {
                return outcome;
            }
        }
    }

    fn single(&mut self) -> Option<&mut dyn Single> {
        if self.compiled.is_some() && self.bad < PATIENCE { Some(self) } else { None }
    }

    fn correct(&mut self, problem: &mut Problem, y: &[f64]) -> Result<(), ErrorKind> {
        // The interpolant of the last step goes to the new point, which is where its error lies anyway.
        self.here.y_mut().copy_from_slice(y);
        self.here.evaluate(problem, self.pace.t);
        Ok(())
    }

    fn t(&self) -> f64 {
        self.pace.t
    }

    fn y(&self) -> &[f64] {
        self.here.y()
    }

    fn h(&self) -> f64 {
        self.pace.h
    }

    fn degree(&self) -> usize {
        self.method.dense.len() + 1
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let n = self.n;
        if !self.dense_ready {
            for (row, weights) in self.dense.chunks_exact_mut(n).zip(self.method.dense) {
                weigh(row, weights, &self.u_old);
            }
            self.dense_ready = true;
        }
        let theta = (t - self.t_old) / self.h_old;
        let (rest, before, here) = (1.0 - theta, self.before.y(), self.here.y());
        for (j, out) in out.iter_mut().enumerate() {
            let inner = self.dense.chunks_exact(n).rev().fold(0.0, |sum, row| row[j] + theta * sum);
            *out = rest * before[j] + theta * (here[j] + rest * inner);
        }
    }

    fn work(&self) -> &[f64] {
        if self.whole { &self.u_old } else { &[] }
    }

    fn taken(&self, points: &mut Vec<f64>) -> Taken {
        points.extend_from_slice(&self.u_old[..self.method.c.len() * self.n]);
        Taken { formula: Formula::Rosenbrock(self.method), t: self.t_old, h: self.h_old, began: false }
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
        let evaluations = s + f64::from(u8::from(!self.first_same_as_last));
        // J costs about as much as f; two triangles of weights and some passes.
        evaluations * rhs + factor + s * solve + (2.0 * s * (s + 2.0)) * self.n as f64
    }
}
