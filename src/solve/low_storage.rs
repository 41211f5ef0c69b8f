//! The step of low-storage explicit Runge–Kutta methods of class 3S*+, written once; the methods are constants.
//!
//! Source: D. I. Ketcheson, Runge–Kutta methods with minimum storage implementations, Journal of Computational Physics 229
//! (2010) 1763–1773; with an error estimate and first same as last, Ranocha et al. 2022. Whatever the number of stages, a
//! step keeps the vectors S1, S2, y and the error, besides the slopes at its ends, which give the dense output.

use super::ErrorKind;
use super::problem::Problem;
use super::stepper::{Controller, Stepper, clip, first_step, next_step, too_small};
use super::taken::{Formula, Taken};

/// A method: stage i is `S2 += δ_i S1; S1 = γ1_i S1 + γ2_i S2 + γ3_i y + β_i h f(t + c_i h, S1)`, and S1 = y before.
pub struct LowStorage {
    /// The name on the command line.
    pub name: &'static str,
    /// Order of the solution.
    pub order: u32,
    /// Order of the error estimate.
    pub error_order: u32,
    /// γ1, 0 for the first stage as are the next three.
    pub gamma1: &'static [f64],
    /// γ2
    pub gamma2: &'static [f64],
    /// γ3
    pub gamma3: &'static [f64],
    /// δ
    pub delta: &'static [f64],
    /// β
    pub beta: &'static [f64],
    /// Nodes.
    pub c: &'static [f64],
    /// b − b̂ of the stages, and −b̂ of the slope at the new point.
    pub error: &'static [f64],
}

impl LowStorage {
    /// The same method as a table: rows of weights of every stage's argument and, last, of the solution.
    pub fn expanded(&self) -> Vec<Vec<f64>> {
        let stages = self.beta.len();
        let unit = || vec![0.0; stages];
        // S1 and S2 as multiples of y, then of the slopes.
        let (mut s1, mut s2) = ((1.0, unit()), (1.0, unit()));
        let mut rows = vec![unit()];
        for i in 0..stages {
            let combine = |a: &[(f64, &(f64, Vec<f64>))]| {
                let weights = (0..stages).map(|l| a.iter().map(|(x, s)| x * s.1[l]).sum()).collect();
                (a.iter().map(|(x, s)| x * s.0).sum::<f64>(), weights)
            };
            let y = (1.0, unit());
            if i > 0 {
                s2 = combine(&[(1.0, &s2), (self.delta[i], &s1)]);
                s1 = combine(&[(self.gamma1[i], &s1), (self.gamma2[i], &s2), (self.gamma3[i], &y)]);
            }
            s1.1[i] += self.beta[i];
            rows.push(s1.1.clone());
        }
        rows
    }
}

/// A low-storage method in progress.
pub struct LowStorageStepper {
    method: &'static LowStorage,
    t: f64,
    h: f64,
    y: Vec<f64>,
    f: Vec<f64>,
    s1: Vec<f64>,
    s2: Vec<f64>,
    scratch: Vec<f64>,
    k: Vec<f64>,
    error: Vec<f64>,
    t_old: f64,
    h_old: f64,
    f_old: Vec<f64>,
    controller: Controller,
}

impl LowStorageStepper {
    /// Memory for n states.
    pub fn new(method: &'static LowStorage, n: usize) -> Self {
        let zeros = || vec![0.0; n];
        LowStorageStepper {
            method,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            f: zeros(),
            s1: zeros(),
            s2: zeros(),
            scratch: vec![0.0; 2 * n],
            k: zeros(),
            error: zeros(),
            t_old: 0.0,
            h_old: 1.0,
            f_old: zeros(),
            controller: Controller::new(method.error_order, 0.04),
        }
    }

    /// A step h: the new point in `s1`, its slope in `k`; the error's size.
    fn attempt(&mut self, problem: &mut Problem, h: f64) -> f64 {
        let m = self.method;
        let first = m.error[0] * h;
        for (j, f) in self.f.iter().enumerate() {
            self.s1[j] = self.y[j] + m.beta[0] * h * f;
            self.error[j] = first * f;
        }
        self.s2.copy_from_slice(&self.y);
        for i in 1..m.beta.len() {
            problem.rhs(self.t + m.c[i] * h, &self.s1, &mut self.k);
            let (b, e) = (m.beta[i] * h, m.error[i] * h);
            for j in 0..self.y.len() {
                self.s2[j] += m.delta[i] * self.s1[j];
                self.s1[j] =
                    m.gamma1[i] * self.s1[j] + m.gamma2[i] * self.s2[j] + m.gamma3[i] * self.y[j] + b * self.k[j];
                self.error[j] += e * self.k[j];
            }
        }
        problem.rhs(self.t + h, &self.s1, &mut self.k);
        if self.k.iter().any(|k| !k.is_finite()) {
            return f64::NAN;
        }
        let last = m.error[m.beta.len()] * h;
        self.error.iter_mut().zip(&self.k).for_each(|(error, k)| *error += last * k);
        problem.norm(&self.error, &self.y, &self.s1)
    }
}

/// The cubic through both ends with their slopes (H&N&W II.6.7). Order 3 within a step, so that values between steps are as
/// accurate as those at steps of a method of order 4.
pub fn hermite(theta: f64, h: f64, (y0, f0): (&[f64], &[f64]), (y1, f1): (&[f64], &[f64]), out: &mut [f64]) {
    for (j, out) in out.iter_mut().enumerate() {
        let difference = y1[j] - y0[j];
        let inner = (1.0 - 2.0 * theta) * difference + h * ((theta - 1.0) * f0[j] + theta * f1[j]);
        *out = (1.0 - theta) * y0[j] + theta * y1[j] + theta * (theta - 1.0) * inner;
    }
}

impl Stepper for LowStorageStepper {
    fn name(&self) -> &'static str {
        self.method.name
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        (self.t, self.h) = (t, h);
        self.y.copy_from_slice(y);
        self.controller.reset();
        problem.rhs(t, &self.y, &mut self.f);
        match problem.not_finite(&self.f) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        // A start says all.
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        if self.h == 0.0 {
            let (order, scratch) = (self.method.error_order, &mut self.scratch);
            self.h = first_step(problem, self.t, &self.y, &self.f, order, end - self.t, scratch);
        }
        let mut undefined = Vec::new();
        loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            if h.abs() < problem.least_step(self.t) && h != end - self.t {
                return Err(too_small(problem, undefined, &self.error, &self.y));
            }
            let error = self.attempt(problem, h);
            if error <= 1.0 {
                problem.statistics.steps += 1;
                (self.t_old, self.h_old) = (self.t, h);
                self.t = if h == end - self.t { end } else { self.t + h };
                // S2 is free until the next step: the old point stays there for the dense output.
                self.s2.copy_from_slice(&self.y);
                std::mem::swap(&mut self.y, &mut self.s1);
                std::mem::swap(&mut self.f_old, &mut self.f);
                std::mem::swap(&mut self.f, &mut self.k);
                let factor = self.controller.accept(error);
                self.h = next_step(self.h, h, factor);
                return Ok(());
            }
            problem.statistics.rejected += 1;
            if error.is_nan() && undefined.is_empty() {
                undefined = problem.not_finite(&self.k);
            }
            self.h = h * self.controller.reject(error);
            if self.h.abs() < problem.least_step(self.t) {
                return Err(too_small(problem, undefined, &self.error, &self.y));
            }
        }
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
        3
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let theta = (t - self.t_old) / self.h_old;
        hermite(theta, self.h_old, (&self.s2, &self.f_old), (&self.y, &self.f), out);
    }

    fn taken(&self, _points: &mut Vec<f64>) -> Taken {
        Taken { formula: Formula::LowStorage(self.method), t: self.t_old, h: self.h_old, began: false }
    }

    fn stiffness(&self) -> f64 {
        0.0
    }

    fn cost(&self, rhs: f64) -> f64 {
        let stages = self.method.beta.len() as f64;
        stages * (rhs + 8.0 * self.y.len() as f64)
    }
}
