//! The step of explicit Runge–Kutta methods, written once; the methods are tableaus. Where the system offers the whole
//! step as one function, that is called in the place of `attempt`: the same formula, rounded differently in the last
//! bits.

mod lanes;

use std::cell::OnceCell;
use std::sync::Arc;

use super::ErrorKind;
use super::fused::add_stages;
use super::lanes::Single;
use super::problem::Problem;
use super::stepper::{Controller, Pace, Stepper, too_small, zeros};
use super::tableau::{Dense, ErrorEstimate, Explicit};
use super::taken::{Formula, Taken};
use crate::system::{CompiledStep, EXTRA, LIMITS};

/// An explicit method in progress.
pub struct ExplicitStepper {
    method: &'static Explicit,
    n: usize,
    /// The whole step as one function, where the system has one.
    compiled: Option<Arc<dyn CompiledStep>>,
    /// What that function is told besides the state.
    limits: Vec<f64>,
    pace: Pace,
    y: Vec<f64>,
    t_old: f64,
    h_old: f64,
    y_old: Vec<f64>,
    y_new: Vec<f64>,
    /// The argument of the last stage but one, which stands at the new time too.
    y_late: Vec<f64>,
    error: Vec<f64>,
    /// Stages of the step being tried, one after the other.
    k: Vec<f64>,
    /// Stages of the last accepted step, for the interpolant.
    k_old: Vec<f64>,
    /// Coefficients of the interpolant of the last accepted step, if its extra stages have been evaluated.
    dense: Vec<f64>,
    dense_ready: bool,
    /// What the step stage by stage needs; a compiled one does not ask for it.
    weights: OnceCell<Weights>,
    /// Whether the last two stages stand at the same time, so that their difference measures stiffness.
    twins: bool,
    /// Stages the interpolant adds have been evaluated for the last accepted step, or there are none.
    extra_ready: bool,
    /// Squared differences of the last two stages and of their arguments; zeros where they tell nothing.
    differences: (f64, f64),
}

/// The weights of a method that are not zero, with their stages.
struct Weights {
    /// Those of each row of the tableau.
    rows: Vec<Vec<(usize, f64)>>,
    /// Those of the error estimate, or of the two.
    error: [Vec<(usize, f64)>; 2],
}

impl Weights {
    fn of(method: &Explicit) -> Self {
        let row = |a: &[f64]| a.iter().copied().enumerate().filter(|(_, a)| *a != 0.0).collect();
        Weights {
            rows: method.a.iter().map(|a| row(a)).collect(),
            error: match &method.error {
                ErrorEstimate::Weights(e) => [row(e), Vec::new()],
                ErrorEstimate::Pair(third, fifth) => [row(third), row(fifth)],
            },
        }
    }
}

impl ExplicitStepper {
    /// Memory for a problem.
    pub fn new(method: &'static Explicit, problem: &Problem) -> Self {
        let n = problem.dim();
        let compiled = problem.system.explicit_step(&method.formula());
        let stages = (method.a.len() * n).max(compiled.as_ref().map_or(0, |step| step.work()));
        let empty = || zeros(n);
        // Behind a new state stands what a compiled step says of it.
        let state = || zeros(n + EXTRA);
        ExplicitStepper {
            method,
            n,
            compiled,
            limits: zeros(LIMITS + 2 * n),
            pace: Pace::new(Controller::new(method.error_order, 0.04)),
            y: state(),
            t_old: 0.0,
            h_old: 1.0,
            y_old: state(),
            y_new: state(),
            y_late: empty(),
            error: empty(),
            k: zeros(stages),
            k_old: zeros(stages),
            dense: zeros(if matches!(method.dense, Dense::Rows(_)) { 7 * n } else { 0 }),
            dense_ready: false,
            weights: OnceCell::new(),
            twins: method.twins(),
            extra_ready: false,
            differences: (0.0, 0.0),
        }
    }

    /// The largest |hλ| on the negative real axis for which steps are stable.
    pub fn stability_limit(&self) -> f64 {
        self.method.real_stability
    }

    /// The step as the system's own function, or stage by stage.
    #[inline]
    fn try_step(&mut self, problem: &mut Problem, h: f64) -> f64 {
        let Some(step) = &self.compiled else {
            let error = self.attempt(problem, h);
            self.measure_differences();
            return error;
        };
        let n = self.n;
        self.limits[0] = h;
        let (y, limits) = (&self.y[..n], &self.limits[..LIMITS + n]);
        step.attempt(self.pace.t, y, problem.parameters(), limits, &mut self.k, &mut self.y_new);
        self.said(problem)
    }

    /// What a compiled attempt says of itself, counted.
    #[inline]
    fn said(&mut self, problem: &mut Problem) -> f64 {
        let n = self.n;
        problem.statistics.rhs += (self.method.stages - 1) as u64;
        self.differences = (self.y_new[n + 1], self.y_new[n + 2]);
        self.y_new[n]
    }

    /// Stages of a step h (H&N&W II.1.8) and its error: NaN if f is not finite at the new point, whatever weight the
    /// estimate gives it (none, in DOP853), for behind such a point there is no going back.
    fn attempt(&mut self, problem: &mut Problem, h: f64) -> f64 {
        let (n, stages) = (self.n, self.method.stages);
        let weights = self.weights.get_or_init(|| Weights::of(self.method));
        for i in 1..stages {
            let (done, rest) = self.k.split_at_mut(i * n);
            let point = if i + 2 == stages { &mut self.y_late } else { &mut self.y_new[..n] };
            add_stages(point, Some(&self.y[..n]), h, done, &weights.rows[i]);
            problem.rhs(self.pace.t + self.method.c[i] * h, point, &mut rest[..n]);
        }
        if self.k[(stages - 1) * n..stages * n].iter().any(|k| !k.is_finite()) {
            return f64::NAN;
        }
        add_stages(&mut self.error, None, h, &self.k, &weights.error[0]);
        let first = problem.norm(&self.error, &self.y[..n], &self.y_new[..n]);
        if weights.error[1].is_empty() {
            return first;
        }
        // err = |h| e5² / √((e5² + 0.01 e3²) n)  (H&N&W II.10.17)
        add_stages(&mut self.error, None, h, &self.k, &weights.error[1]);
        let e5 = problem.norm(&self.error, &self.y[..n], &self.y_new[..n]);
        let scale = (e5 * e5 + 0.01 * first * first).sqrt();
        if scale == 0.0 { 0.0 } else { e5 * e5 / scale }
    }

    /// How the last two stages and their arguments differ, where both stand at the same time (H&W IV.2.16).
    fn measure_differences(&mut self) {
        if !self.twins {
            return;
        }
        let (n, last) = (self.n, (self.method.stages - 1) * self.n);
        let (mut up, mut down) = (0.0, 0.0);
        for j in 0..n {
            let df = self.k[last + j] - self.k[last - n + j];
            let dy = self.y_new[j] - self.y_late[j];
            up += df * df;
            down += dy * dy;
        }
        self.differences = (up, down);
    }

    /// Evaluates the stages that only the interpolant needs.
    fn extra_stages(&mut self, problem: &mut Problem) {
        if self.extra_ready {
            return;
        }
        let (n, h) = (self.n, self.h_old);
        let weights = self.weights.get_or_init(|| Weights::of(self.method));
        for i in self.method.stages..self.method.a.len() {
            let (done, rest) = self.k_old.split_at_mut(i * n);
            add_stages(&mut self.y_late, Some(&self.y_old[..n]), h, done, &weights.rows[i]);
            problem.rhs(self.t_old + self.method.c[i] * h, &self.y_late, &mut rest[..n]);
        }
        self.extra_ready = true;
    }

    /// Evaluates the coefficients of the order-7 interpolant (H&N&W II.6).
    fn prepare_dense(&mut self, problem: &mut Problem, rows: &[[f64; 16]; 4]) {
        self.dense_ready = true;
        let (n, stages, h) = (self.n, self.method.stages, self.h_old);
        if let Some(step) = &self.compiled {
            self.limits[0] = h;
            self.limits[LIMITS + n..].copy_from_slice(&self.y[..n]);
            let (y, p) = (&self.y_old[..n], problem.parameters());
            step.interpolant(self.t_old, y, p, &self.limits, &mut self.k_old, &mut self.dense);
            problem.statistics.rhs += (self.method.a.len() - stages) as u64;
            return;
        }
        self.extra_stages(problem);
        for j in 0..n {
            let dy = self.y[j] - self.y_old[j];
            let (f0, f1) = (self.k_old[j], self.k_old[(stages - 1) * n + j]);
            self.dense[j] = dy;
            self.dense[n + j] = h * f0 - dy;
            self.dense[2 * n + j] = 2.0 * dy - h * (f1 + f0);
            for (r, row) in rows.iter().enumerate() {
                self.dense[(3 + r) * n + j] =
                    h * row.iter().enumerate().map(|(l, d)| d * self.k_old[l * n + j]).sum::<f64>();
            }
        }
    }
}

impl ExplicitStepper {
    /// The end of the step, if an attempt with this error is one.
    #[inline]
    fn settle(&mut self, problem: &mut Problem, h: f64, error: f64, end: f64) -> Option<Result<(), ErrorKind>> {
        if error <= 1.0 {
            problem.statistics.steps += 1;
            self.t_old = self.pace.t;
            self.h_old = h;
            self.pace.accept(h, [error, 0.0, 0.0], end);
            std::mem::swap(&mut self.y_old, &mut self.y);
            std::mem::swap(&mut self.y, &mut self.y_new);
            std::mem::swap(&mut self.k_old, &mut self.k);
            self.dense_ready = false;
            self.extra_ready = self.method.a.len() == self.method.stages;
            // First same as last.
            let (n, last) = (self.n, (self.method.stages - 1) * self.n);
            self.k[..n].copy_from_slice(&self.k_old[last..last + n]);
            return Some(Ok(()));
        }
        problem.statistics.rejected += 1;
        self.pace.reject(h, error);
        let small = self.pace.h.abs() < problem.least_step(self.pace.t);
        small.then(|| Err(self.failure(problem, h)))
    }

    /// Why no step is small enough: the last was `h`.
    fn failure(&mut self, problem: &mut Problem, h: f64) -> ErrorKind {
        // Stage by stage, for what each component has to say.
        self.attempt(problem, h);
        let undefined = problem.first_not_finite(&self.k[..self.method.stages * self.n]);
        too_small(problem, undefined, &self.error, &self.y[..self.n])
    }

    /// Puts it at a point without asking for f there: for another method to start from.
    pub fn place(&mut self, t: f64, y: &[f64]) {
        self.pace.t = t;
        self.y[..y.len()].copy_from_slice(y);
    }
}

impl Stepper for ExplicitStepper {
    fn name(&self) -> &'static str {
        self.method.name
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.pace.start(t, h);
        let n = self.n;
        self.y[..n].copy_from_slice(y);
        self.differences = (0.0, 0.0);
        problem.limits(&mut self.limits);
        problem.rhs(t, &self.y[..n], &mut self.k[..n]);
        match problem.not_finite(&self.k[..n]) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        // A start says all.
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        loop {
            let h = self.propose(problem, end)?;
            let error = self.try_step(problem, h);
            if let Some(outcome) = self.settle(problem, h, error, end) {
                return outcome;
            }
        }
    }

    fn single(&mut self) -> Option<&mut dyn Single> {
        if self.compiled.is_some() { Some(self) } else { None }
    }

    fn t(&self) -> f64 {
        self.pace.t
    }

    fn y(&self) -> &[f64] {
        &self.y[..self.n]
    }

    fn h(&self) -> f64 {
        self.pace.h
    }

    fn degree(&self) -> usize {
        match self.method.dense {
            Dense::Weights(_) => 4,
            Dense::Polynomials(rows) => rows.iter().map(|row| row.len()).max().unwrap_or(1),
            Dense::Rows(_) => 7,
        }
    }

    fn interpolate(&mut self, problem: &mut Problem, t: f64, out: &mut [f64]) {
        let n = self.n;
        let theta = (t - self.t_old) / self.h_old;
        match self.method.dense {
            Dense::Weights(weights) => {
                let weights = weights(theta);
                for (j, out) in out.iter_mut().enumerate() {
                    let sum: f64 = weights.iter().enumerate().map(|(l, b)| b * self.k_old[l * n + j]).sum();
                    *out = self.y_old[j] + self.h_old * sum;
                }
            }
            Dense::Polynomials(rows) => {
                self.extra_stages(problem);
                out.copy_from_slice(&self.y_old[..n]);
                for (l, row) in rows.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
                    let b = self.h_old * theta * row.iter().rev().fold(0.0, |sum, c| sum * theta + c);
                    for (out, k) in out.iter_mut().zip(&self.k_old[l * n..(l + 1) * n]) {
                        *out += b * k;
                    }
                }
            }
            Dense::Rows(rows) => {
                if !self.dense_ready {
                    self.prepare_dense(problem, rows);
                }
                let rest = 1.0 - theta;
                for (j, out) in out.iter_mut().enumerate() {
                    let f = |r: usize| self.dense[r * n + j];
                    let inner = f(3) + theta * (f(4) + rest * (f(5) + theta * f(6)));
                    *out = self.y_old[j] + theta * (f(0) + rest * (f(1) + theta * (f(2) + rest * inner)));
                }
            }
        }
    }

    fn work(&self) -> &[f64] {
        &self.k_old
    }

    fn taken(&self, points: &mut Vec<f64>) -> Taken {
        // The slope at the new point belongs to the next step.
        let stages = &self.k_old[..(self.method.stages - 1) * self.n];
        points.extend(stages.iter().map(|k| self.h_old * k));
        Taken { formula: Formula::Explicit(self.method), t: self.t_old, h: self.h_old, began: false }
    }

    /// |h λ| over the stability limit.
    fn stiffness(&self) -> f64 {
        let (up, down) = self.differences;
        if down > 0.0 { self.h_old.abs() * (up / down).sqrt() / self.method.real_stability } else { 0.0 }
    }

    fn cost(&self, rhs: f64) -> f64 {
        let weights = self.method.a[..self.method.stages].iter().copied().flatten().filter(|a| **a != 0.0).count();
        (self.method.stages - 1) as f64 * rhs + (2 * weights * self.n) as f64
    }
}
