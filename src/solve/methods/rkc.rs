//! RKC: the stabilised explicit Runge–Kutta–Chebyshev method of order 2 for parabolic problems: the stability interval on
//! the negative real axis grows with the square of the number of stages, which is chosen at every step.
//!
//! Source: B. P. Sommeijer, L. F. Shampine, J. G. Verwer, RKC: an explicit solver for parabolic PDEs, Journal of
//! Computational and Applied Mathematics 88 (1998) 315–326. The spectral radius comes from their nonlinear power method.
//! Between steps: the cubic with the slopes at both ends.

use crate::math::{Wide, wide};
use crate::solve::ErrorKind;
use crate::solve::low_storage::hermite;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Controller, Stepper, clip, first_step, next_step, too_small};
use crate::solve::taken::{Formula, Taken};

/// Damping (§2.1).
const EPSILON: f64 = 2.0 / 13.0;
/// Accepted steps after which the spectral radius is estimated again (§3.2).
const REFRESH: u32 = 25;
/// Iterations of the power method, and the relative change that ends it.
const POWER: (u32, f64) = (50, 0.01);
/// Its result times this is taken as a bound.
const SAFE: f64 = 1.2;

/// The number of stages for which h ρ is inside the stability interval, (s² − 1)·0.653 long (2.7).
pub fn stages(h_rho: f64) -> usize {
    2.max(1 + (1.0 + 1.54 * h_rho).sqrt() as usize)
}

/// The coefficients of a step of s stages, (2.2) and (2.4), stage by stage from the second on.
pub struct Recurrence {
    /// The first stage's: y + h `first` f(t, y).
    pub first: f64,
    w: (f64, f64),
    t: [f64; 2],
    d: [f64; 2],
    dd: [f64; 2],
    b: [f64; 2],
    c: [f64; 2],
    left: usize,
}

/// A stage is μ last + ν before + (1 − μ − ν) y + h (slope f(last) + γ f(t, y)), at t + c h.
pub struct Stage {
    pub mu: f64,
    pub nu: f64,
    pub slope: f64,
    pub gamma: f64,
    pub c: f64,
}

impl Recurrence {
    /// For s stages.
    pub fn new(s: usize) -> Self {
        let m = s as f64;
        let w0 = 1.0 + EPSILON / (m * m);
        // T_s and its derivatives at w0 by their recurrence.
        let (mut t, mut d, mut dd) = ([1.0, w0], [0.0, 1.0], [0.0, 0.0]);
        for _ in 2..=s {
            (t, d, dd) = next_polynomial(w0, t, d, dd);
        }
        let w1 = d[1] / dd[1];
        let b0 = 1.0 / (4.0 * w0 * w0);
        let first = w1 * b0;
        Recurrence {
            first,
            w: (w0, w1),
            t: [1.0, w0],
            d: [0.0, 1.0],
            dd: [0.0, 0.0],
            b: [b0, b0],
            c: [0.0, first],
            left: s - 1,
        }
    }
}

type Pair = [f64; 2];

fn next_polynomial(w0: f64, t: Pair, d: Pair, dd: Pair) -> (Pair, Pair, Pair) {
    let next = 2.0 * w0 * t[1] - t[0];
    let slope = 2.0 * w0 * d[1] - d[0] + 2.0 * t[1];
    let curve = 2.0 * w0 * dd[1] - dd[0] + 4.0 * d[1];
    ([t[1], next], [d[1], slope], [dd[1], curve])
}

impl Iterator for Recurrence {
    type Item = Stage;

    fn next(&mut self) -> Option<Stage> {
        self.left = self.left.checked_sub(1)?;
        let (w0, w1) = self.w;
        let before = self.t[1];
        (self.t, self.d, self.dd) = next_polynomial(w0, self.t, self.d, self.dd);
        let b = self.dd[1] / (self.d[1] * self.d[1]);
        let a = 1.0 - before * self.b[1];
        let (mu, nu) = (2.0 * w0 * b / self.b[1], -b / self.b[0]);
        let slope = mu * w1 / w0;
        let gamma = -a * slope;
        let c = mu * self.c[1] + nu * self.c[0] + slope + gamma;
        (self.b, self.c) = ([self.b[1], b], [self.c[1], c]);
        Some(Stage { mu, nu, slope, gamma, c })
    }
}

/// The method in progress.
pub struct Rkc {
    t: f64,
    h: f64,
    y: Vec<f64>,
    f: Vec<f64>,
    y_old: Vec<f64>,
    f_old: Vec<f64>,
    t_old: f64,
    h_old: f64,
    before: Vec<f64>,
    last: Vec<f64>,
    next: Vec<f64>,
    scratch: Vec<f64>,
    k: Vec<f64>,
    error: Vec<f64>,
    /// The direction of the dominant eigenvector, kept from one estimate to the next.
    direction: Vec<f64>,
    rho: f64,
    age: u32,
    controller: Controller,
    /// Stages of the last step.
    used: usize,
}

impl Rkc {
    /// Memory for n states.
    pub fn new(n: usize) -> Self {
        let zeros = || vec![0.0; n];
        Rkc {
            t: 0.0,
            h: 0.0,
            y: zeros(),
            f: zeros(),
            y_old: zeros(),
            f_old: zeros(),
            t_old: 0.0,
            h_old: 1.0,
            before: zeros(),
            last: zeros(),
            next: zeros(),
            scratch: vec![0.0; 2 * n],
            k: zeros(),
            error: zeros(),
            direction: zeros(),
            rho: 0.0,
            age: REFRESH,
            controller: Controller::new(2, 0.04),
            used: 2,
        }
    }

    /// An upper estimate of the spectral radius of ∂f/∂y at (t, y) by the nonlinear power method (§3.2).
    fn spectral_radius(&mut self, problem: &mut Problem) -> f64 {
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let size = length(&self.y);
        let mut scale = length(&self.direction);
        if scale == 0.0 {
            // The slope is as good a start as any other; where there is none, whatever is not smooth.
            self.direction.copy_from_slice(&self.f);
            scale = length(&self.direction);
            if scale == 0.0 || !scale.is_finite() {
                for (j, v) in self.direction.iter_mut().enumerate() {
                    *v = if j.is_multiple_of(2) { 1.0 } else { -0.5 };
                }
                scale = length(&self.direction);
            }
        }
        let distance = if size > 0.0 { size * f64::EPSILON.sqrt() } else { f64::EPSILON };
        let mut radius = 0.0f64;
        for turn in 0..POWER.0 {
            for (j, v) in self.next.iter_mut().enumerate() {
                *v = self.y[j] + self.direction[j] * (distance / scale);
            }
            problem.rhs(self.t, &self.next, &mut self.k);
            for (j, v) in self.direction.iter_mut().enumerate() {
                *v = self.k[j] - self.f[j];
            }
            scale = length(&self.direction);
            let found = scale / distance;
            if !found.is_finite() || scale == 0.0 {
                self.direction.fill(0.0);
                return if found.is_finite() { SAFE * radius.max(found) } else { self.rho };
            }
            let settled = turn >= 2 && (found - radius).abs() <= POWER.1 * found;
            radius = found;
            if settled {
                break;
            }
        }
        SAFE * radius
    }

    /// A step h of s stages: the new point in `next`, its slope in `k`; the error's size (2.2), (2.4), (3.1).
    fn attempt(&mut self, problem: &mut Problem, h: f64, s: usize) -> f64 {
        let n = self.y.len();
        let mut recurrence = Recurrence::new(s);
        let mu = recurrence.first;
        self.before.copy_from_slice(&self.y);
        for j in 0..n {
            self.last[j] = self.y[j] + h * mu * self.f[j];
        }
        let mut c1 = mu;
        for Stage { mu, nu, slope, gamma, c } in recurrence.by_ref() {
            problem.rhs(self.t + c1 * h, &self.last, &mut self.k);
            let weights = [mu, nu, 1.0 - mu - nu, slope, gamma, h];
            let vectors = [&self.last[..], &self.before, &self.y, &self.k, &self.f];
            wide(Blend { out: &mut self.next, weights, vectors });
            std::mem::swap(&mut self.before, &mut self.last);
            std::mem::swap(&mut self.last, &mut self.next);
            c1 = c;
        }
        std::mem::swap(&mut self.last, &mut self.next);
        problem.rhs(self.t + h, &self.next, &mut self.k);
        if self.k.iter().any(|k| !k.is_finite()) {
            return f64::NAN;
        }
        for j in 0..n {
            // Twice the paper's estimate: errors of order 2 pile up over a run, at this tolerance by the factor it gains.
            self.error[j] = 1.6 * (self.y[j] - self.next[j]) + 0.8 * h * (self.f[j] + self.k[j]);
        }
        problem.norm(&self.error, &self.y, &self.next)
    }
}

/// A stage of the recurrence (2.3): `μ Y₋₁ + ν Y₋₂ + (1 − μ − ν) y + h (μ̃ f₋₁ + γ̃ f₀)`.
struct Blend<'a> {
    out: &'a mut [f64],
    weights: [f64; 6],
    vectors: [&'a [f64]; 5],
}

impl Wide for Blend<'_> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        let n = self.out.len();
        let ([mu, nu, rest, slope, first, h], [last, before, y, k, f]) = (self.weights, self.vectors.map(|v| &v[..n]));
        for (j, out) in self.out.iter_mut().enumerate() {
            *out = mu * last[j] + nu * before[j] + rest * y[j] + h * (slope * k[j] + first * f[j]);
        }
    }
}

impl Stepper for Rkc {
    fn name(&self) -> &'static str {
        "RKC"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        (self.t, self.h, self.age) = (t, h, REFRESH);
        self.y.copy_from_slice(y);
        self.controller.reset();
        problem.rhs(t, &self.y, &mut self.f);
        match problem.not_finite(&self.f) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        (self.t_old, self.h_old, self.rho, self.used) = (0.0, 1.0, 0.0, 2);
        self.direction.fill(0.0);
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        if self.age >= REFRESH {
            self.rho = self.spectral_radius(problem);
            self.age = 0;
        }
        if self.h == 0.0 {
            self.h = first_step(problem, self.t, &self.y, &self.f, 2, end - self.t, &mut self.scratch);
        }
        // So many stages that rounding inside a step stays below the tolerance (§3.3).
        let most = 2.max((problem.rtol / (10.0 * f64::EPSILON)).sqrt() as usize);
        let mut undefined = Vec::new();
        loop {
            problem.check()?;
            let reach = ((most * most - 1) as f64 * 0.653) / self.rho.max(f64::MIN_POSITIVE);
            let limit = problem.max_step.min(reach);
            let h = clip(self.t, self.h.clamp(-limit, limit), end);
            if h.abs() < problem.least_step(self.t) && h != end - self.t {
                return Err(too_small(problem, undefined, &self.error, &self.y));
            }
            let s = stages(h.abs() * self.rho);
            let error = self.attempt(problem, h, s);
            if error <= 1.0 {
                problem.statistics.steps += 1;
                self.age += 1;
                self.used = s;
                (self.t_old, self.h_old) = (self.t, h);
                self.t = if h == end - self.t { end } else { self.t + h };
                std::mem::swap(&mut self.y_old, &mut self.y);
                std::mem::swap(&mut self.y, &mut self.next);
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
            // The radius may have grown.
            if self.age > 0 {
                self.rho = self.spectral_radius(problem);
                self.age = 0;
            }
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
        hermite(theta, self.h_old, (&self.y_old, &self.f_old), (&self.y, &self.f), out);
    }

    fn taken(&self, _points: &mut Vec<f64>) -> Taken {
        Taken { formula: Formula::Rkc(self.used), t: self.t_old, h: self.h_old, began: false }
    }

    fn stiffness(&self) -> f64 {
        self.h_old.abs() * self.rho
    }

    fn cost(&self, rhs: f64) -> f64 {
        self.used as f64 * (rhs + 8.0 * self.y.len() as f64)
    }
}
