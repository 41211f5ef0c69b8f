//! The step of explicit Runge–Kutta methods, written once; the methods are tableaus.

use super::ErrorKind;
use super::problem::Problem;
use super::stepper::{Controller, Stepper, clip, first_step};
use super::tableau::{Dense, ErrorEstimate, Explicit};

/// An explicit method in progress.
pub struct ExplicitStepper {
    method: &'static Explicit,
    n: usize,
    t: f64,
    h: f64,
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
    /// Non-zero weights of each row of the tableau.
    rows: Vec<Vec<(usize, f64)>>,
    /// Non-zero weights of the error estimate, or of the two.
    error_rows: [Vec<(usize, f64)>; 2],
    /// Whether the last two stages stand at the same time, so that their difference measures stiffness.
    twins: bool,
    /// Stages the interpolant adds have been evaluated for the last accepted step, or there are none.
    extra_ready: bool,
    controller: Controller,
    stiffness: f64,
}

impl ExplicitStepper {
    /// Memory for n states.
    pub fn new(method: &'static Explicit, n: usize) -> Self {
        let zeros = || vec![0.0; n];
        let row = |a: &[f64]| a.iter().copied().enumerate().filter(|(_, a)| *a != 0.0).collect();
        ExplicitStepper {
            method,
            n,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            t_old: 0.0,
            h_old: 1.0,
            y_old: zeros(),
            y_new: zeros(),
            y_late: zeros(),
            error: zeros(),
            k: vec![0.0; method.a.len() * n],
            k_old: vec![0.0; method.a.len() * n],
            dense: vec![0.0; if matches!(method.dense, Dense::Rows(_)) { 7 * n } else { 0 }],
            dense_ready: false,
            rows: method.a.iter().map(|a| row(a)).collect(),
            error_rows: match &method.error {
                ErrorEstimate::Weights(e) => [row(e), Vec::new()],
                ErrorEstimate::Pair(third, fifth) => [row(third), row(fifth)],
            },
            twins: method.c[method.stages - 2] == 1.0,
            extra_ready: false,
            controller: Controller::new(method.error_order, 0.04),
            stiffness: 0.0,
        }
    }

    /// The largest |hλ| on the negative real axis for which steps are stable.
    pub fn stability_limit(&self) -> f64 {
        self.method.real_stability
    }

    /// Stages of a step h (H&N&W II.1.8) and its error: NaN if f is not finite at the new point, whatever weight the
    /// estimate gives it (none, in DOP853), for behind such a point there is no going back.
    fn attempt(&mut self, problem: &mut Problem, h: f64) -> f64 {
        let (n, stages) = (self.n, self.method.stages);
        for i in 1..stages {
            let (done, rest) = self.k.split_at_mut(i * n);
            let point = if i + 2 == stages { &mut self.y_late } else { &mut self.y_new };
            combine(point, Some(&self.y), h, done, &self.rows[i]);
            problem.rhs(self.t + self.method.c[i] * h, point, &mut rest[..n]);
        }
        if self.k[(stages - 1) * n..stages * n].iter().any(|k| !k.is_finite()) {
            return f64::NAN;
        }
        combine(&mut self.error, None, h, &self.k, &self.error_rows[0]);
        let first = problem.norm(&self.error, &self.y, &self.y_new);
        if self.error_rows[1].is_empty() {
            return first;
        }
        // err = |h| e5² / √((e5² + 0.01 e3²) n)  (H&N&W II.10.17)
        combine(&mut self.error, None, h, &self.k, &self.error_rows[1]);
        let e5 = problem.norm(&self.error, &self.y, &self.y_new);
        let scale = (e5 * e5 + 0.01 * first * first).sqrt();
        if scale == 0.0 { 0.0 } else { e5 * e5 / scale }
    }

    /// |h λ| from the last two stages, which stand at the same time (H&W IV.2.16), over the stability limit.
    fn measure_stiffness(&mut self, h: f64) {
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
        self.stiffness = if down > 0.0 { h.abs() * (up / down).sqrt() / self.method.real_stability } else { 0.0 };
    }

    /// Evaluates the stages that only the interpolant needs.
    fn extra_stages(&mut self, problem: &mut Problem) {
        if self.extra_ready {
            return;
        }
        let (n, h) = (self.n, self.h_old);
        for i in self.method.stages..self.method.a.len() {
            let (done, rest) = self.k_old.split_at_mut(i * n);
            combine(&mut self.y_late, Some(&self.y_old), h, done, &self.rows[i]);
            problem.rhs(self.t_old + self.method.c[i] * h, &self.y_late, &mut rest[..n]);
        }
        self.extra_ready = true;
    }

    /// Evaluates the coefficients of the order-7 interpolant (H&N&W II.6).
    fn prepare_dense(&mut self, problem: &mut Problem, rows: &[[f64; 16]; 4]) {
        self.extra_stages(problem);
        let (n, stages, h) = (self.n, self.method.stages, self.h_old);
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
        self.dense_ready = true;
    }
}

/// `out = y + h Σ a_l k_l`, or without y: four stages at a time, along the states.
fn combine(out: &mut [f64], y: Option<&[f64]>, h: f64, k: &[f64], row: &[(usize, f64)]) {
    let n = out.len();
    let stage = |(l, a): (usize, f64)| (&k[l * n..(l + 1) * n], h * a);
    match y {
        Some(y) => out.copy_from_slice(y),
        None => out.fill(0.0),
    }
    let mut fours = row.chunks_exact(4);
    for four in &mut fours {
        let [(p, a), (q, b), (r, c), (s, d)] = [stage(four[0]), stage(four[1]), stage(four[2]), stage(four[3])];
        for ((((out, p), q), r), s) in out.iter_mut().zip(p).zip(q).zip(r).zip(s) {
            *out += (a * p + b * q) + (c * r + d * s);
        }
    }
    for (p, a) in fours.remainder().iter().map(|entry| stage(*entry)) {
        for (out, p) in out.iter_mut().zip(p) {
            *out += a * p;
        }
    }
}

impl Stepper for ExplicitStepper {
    fn name(&self) -> &'static str {
        self.method.name
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.t = t;
        self.y.copy_from_slice(y);
        self.controller.reset();
        self.stiffness = 0.0;
        self.h = h;
        problem.rhs(t, &self.y, &mut self.k[..self.n]);
        match problem.not_finite(&self.k[..self.n]) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.h == 0.0 {
            let (f0, scratch) = self.k.split_at_mut(n);
            self.h = first_step(problem, self.t, &self.y, f0, self.method.error_order, end - self.t, scratch);
        }
        loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            let error = self.attempt(problem, h);
            if error <= 1.0 {
                self.measure_stiffness(h);
                problem.statistics.steps += 1;
                self.t_old = self.t;
                self.h_old = h;
                self.t = if h == end - self.t { end } else { self.t + h };
                std::mem::swap(&mut self.y_old, &mut self.y);
                std::mem::swap(&mut self.y, &mut self.y_new);
                std::mem::swap(&mut self.k_old, &mut self.k);
                self.dense_ready = false;
                self.extra_ready = self.method.a.len() == self.method.stages;
                // First same as last.
                let last = (self.method.stages - 1) * n;
                self.k[..n].copy_from_slice(&self.k_old[last..last + n]);
                let factor = self.controller.accept(error);
                // A step cut short by `end` says nothing against the step that was wanted.
                self.h = if h.abs() < self.h.abs() && factor * h.abs() < self.h.abs() { self.h } else { factor * h };
                return Ok(());
            }
            problem.statistics.rejected += 1;
            self.h = h * self.controller.reject(error);
            if self.h.abs() < problem.least_step(self.t) {
                let stages = self.k[..self.method.stages * n].chunks_exact(n);
                let bad = stages.into_iter().find(|stage| stage.iter().any(|k| !k.is_finite()));
                return Err(match bad {
                    Some(stage) => ErrorKind::NotFinite(problem.not_finite(stage)),
                    None => ErrorKind::StepTooSmall(problem.worst(&self.error, &self.y)),
                });
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
                out.copy_from_slice(&self.y_old);
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

    fn stiffness(&self) -> f64 {
        self.stiffness
    }

    fn cost(&self, rhs: f64) -> f64 {
        let weights: usize = self.rows[..self.method.stages].iter().map(Vec::len).sum();
        (self.method.stages - 1) as f64 * rhs + (2 * weights * self.n) as f64
    }
}
