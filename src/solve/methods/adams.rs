//! Adams: the predictor–corrector method of Adams–Bashforth–Moulton of variable order 1 to 12 and variable step, in the form
//! of modified divided differences. For right-hand sides that are dear to evaluate: two evaluations a step at any order.
//!
//! Source: L. F. Shampine, M. K. Gordon, Computer Solution of Ordinary Differential Equations: the Initial Value Problem,
//! Freeman 1975, chapters 5–7, 10 (coefficients and prediction, order selection, step selection, interpolation); the same
//! formulas are in H&N&W III.5. The names below are theirs: φ modified divided differences, ψ sums of steps, α = h/ψ,
//! β factors that turn φ into φ*, σ for error estimates at other orders, g the coefficients of the formula.

use crate::math;
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Stepper, clip, first_step, too_small};
use crate::solve::taken::{Formula, Taken};

/// The highest order.
pub const HIGHEST: usize = 12;
/// |γ*_k|: error constants of the corrector at constant steps.
const GAMMA: [f64; 13] =
    [0.5, 0.0833, 0.0417, 0.0264, 0.0188, 0.0143, 0.0114, 0.00936, 0.00789, 0.00679, 0.00592, 0.00524, 0.00468];
/// Room for subscripts from 1 to HIGHEST + 2.
/// Room for coefficients, counted from 1.
pub const ROOM: usize = HIGHEST + 3;

/// Coefficients of the formula for the steps taken so far (chapter 5).
#[derive(Clone, Debug)]
pub struct Coefficients {
    psi: [f64; ROOM],
    alpha: [f64; ROOM],
    beta: [f64; ROOM],
    sigma: [f64; ROOM],
    /// The coefficients: `p = y + h Σ g_i φ_i`.
    pub g: [f64; ROOM],
    v: [f64; ROOM],
    w: [f64; ROOM],
    /// Steps taken with the present length.
    equal: usize,
    last_step: f64,
    last_order: usize,
}

impl Coefficients {
    /// Before the first step.
    pub fn new() -> Self {
        let mut g = [0.0; ROOM];
        (g[1], g[2]) = (1.0, 0.5);
        let mut sigma = [0.0; ROOM];
        sigma[1] = 1.0;
        let zeros = [0.0; ROOM];
        Coefficients {
            psi: zeros,
            alpha: zeros,
            beta: zeros,
            sigma,
            g,
            v: zeros,
            w: zeros,
            equal: 0,
            last_step: 0.0,
            last_order: 0,
        }
    }

    /// Notes that a step h of order k was accepted.
    pub fn accepted(&mut self, h: f64, k: usize) {
        (self.last_order, self.last_step) = (k, h);
    }

    /// For a step h of order k.
    pub fn update(&mut self, h: f64, k: usize) {
        if h != self.last_step {
            self.equal = 0;
        }
        if self.equal <= self.last_order {
            self.equal += 1;
        }
        let ns = self.equal;
        if k < ns {
            return;
        }
        self.beta[ns] = 1.0;
        self.alpha[ns] = 1.0 / ns as f64;
        let mut sum = h * ns as f64;
        self.sigma[ns + 1] = 1.0;
        for i in ns + 1..=k {
            let before = self.psi[i - 1];
            self.psi[i - 1] = sum;
            self.beta[i] = self.beta[i - 1] * self.psi[i - 1] / before;
            sum = before + h;
            self.alpha[i] = h / sum;
            self.sigma[i + 1] = i as f64 * self.alpha[i] * self.sigma[i];
        }
        self.psi[k] = sum;
        if ns == 1 {
            for i in 1..=k {
                self.v[i] = 1.0 / (i * (i + 1)) as f64;
                self.w[i] = self.v[i];
            }
        } else {
            if k > self.last_order {
                // The order was raised: the diagonal of v.
                self.v[k] = 1.0 / (k * (k + 1)) as f64;
                for j in 1..=ns.saturating_sub(2) {
                    let i = k - j;
                    self.v[i] -= self.alpha[j + 1] * self.v[i + 1];
                }
            }
            for i in 1..=k + 1 - ns {
                self.v[i] -= self.alpha[ns] * self.v[i + 1];
                self.w[i] = self.v[i];
            }
            self.g[ns + 1] = self.w[1];
        }
        for i in ns + 2..=k + 1 {
            for q in 1..=k + 2 - i {
                self.w[q] -= self.alpha[i - 1] * self.w[q + 1];
            }
            self.g[i] = self.w[1];
        }
    }
}

impl Default for Coefficients {
    fn default() -> Self {
        Coefficients::new()
    }
}

/// What a derivative of a step has to know: the coefficients it was taken with.
#[derive(Clone)]
pub struct AdamsStep {
    /// The order.
    pub k: usize,
    /// Steps of this length.
    pub equal: usize,
    /// What φ_i with i > `equal` are multiplied by.
    pub beta: [f64; ROOM],
    /// `p = y + h Σ g_i φ_i`
    pub g: [f64; ROOM],
    /// Sums of the last steps.
    pub psi: [f64; ROOM],
}

/// Weights of φ_1 … φ_last over `hi`, the distance from the new point, in the polynomial of degree `last` through it
/// (chapter 10).
pub fn dense_weights(hi: f64, last: usize, psi: &[f64; ROOM]) -> [f64; ROOM] {
    let (mut w, mut g) = ([0.0; ROOM], [0.0; ROOM]);
    for i in 1..=last {
        w[i] = 1.0 / i as f64;
    }
    g[1] = 1.0;
    let mut term = 0.0;
    for j in 2..=last {
        let (gamma, eta) = ((hi + term) / psi[j - 1], hi / psi[j - 1]);
        for i in 1..=last + 1 - j {
            w[i] = gamma * w[i] - eta * w[i + 1];
        }
        g[j] = w[1];
        term = psi[j - 1];
    }
    g
}

/// The method in progress.
#[derive(Clone)]
pub struct Adams {
    n: usize,
    t: f64,
    h: f64,
    y: Vec<f64>,
    /// φ_1 … φ_14, n numbers each; the place of φ_i is (i − 1) n.
    phi: Vec<f64>,
    /// The prediction.
    p: Vec<f64>,
    /// f at the prediction, then at the new point.
    f: Vec<f64>,
    error: Vec<f64>,
    coefficients: Coefficients,
    /// Order of the next step.
    k: usize,
    /// Orders and steps still grow unchecked.
    starting: bool,
    /// The last step was the first.
    began: bool,
    /// As it was before the last step, of systems with delays.
    before: Option<Box<Adams>>,
}

impl Adams {
    /// Memory for n states.
    pub fn new(n: usize) -> Self {
        let zeros = || vec![0.0; n];
        Adams {
            n,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            phi: vec![0.0; (HIGHEST + 2) * n],
            p: zeros(),
            f: zeros(),
            error: zeros(),
            coefficients: Coefficients::new(),
            k: 1,
            starting: true,
            began: false,
            before: None,
        }
    }

    /// φ_i
    fn phi(&self, i: usize) -> &[f64] {
        &self.phi[(i - 1) * self.n..i * self.n]
    }

    /// φ_i to be changed, and φ_{i+1}.
    fn neighbours(&mut self, i: usize) -> (&mut [f64], &[f64]) {
        let (a, b) = self.phi[(i - 1) * self.n..(i + 1) * self.n].split_at_mut(self.n);
        (a, b)
    }

    /// p = y + h Σ g_i φ*_i, φ moved on to the new point as if f were its prediction there.
    fn predict(&mut self, h: f64) {
        let (k, n, ns) = (self.k, self.n, self.coefficients.equal);
        for i in ns + 1..=k {
            let beta = self.coefficients.beta[i];
            self.phi[(i - 1) * n..i * n].iter_mut().for_each(|phi| *phi *= beta);
        }
        self.phi.copy_within(k * n..(k + 1) * n, (k + 1) * n);
        self.phi[k * n..(k + 1) * n].fill(0.0);
        self.p.fill(0.0);
        for i in (1..=k).rev() {
            let g = self.coefficients.g[i];
            let (phi, next) = self.phi[(i - 1) * n..(i + 1) * n].split_at_mut(n);
            for ((p, phi), next) in self.p.iter_mut().zip(phi).zip(&*next) {
                *p += g * *phi;
                *phi += next;
            }
        }
        for (p, y) in self.p.iter_mut().zip(&self.y) {
            *p = y + h * *p;
        }
    }

    /// Back to before the prediction.
    fn restore(&mut self, h: f64) {
        for i in 1..=self.k {
            let inverse = 1.0 / self.coefficients.beta[i];
            let (phi, next) = self.neighbours(i);
            phi.iter_mut().zip(next).for_each(|(phi, next)| *phi = inverse * (*phi - next));
        }
        for i in 2..=self.k {
            self.coefficients.psi[i - 1] = self.coefficients.psi[i] - h;
        }
    }

    /// |h| σ γ ‖φ_i + (f − φ_1)‖: the error if the order were i − 1.
    fn error_at(&mut self, problem: &Problem, h: f64, i: usize) -> f64 {
        let n = self.n;
        for (j, error) in self.error.iter_mut().enumerate() {
            *error = self.phi[(i - 1) * n + j] + (self.f[j] - self.phi[j]);
        }
        let factor = h.abs() * self.coefficients.sigma[i] * GAMMA[i - 1];
        factor * problem.norm(&self.error, &self.y, &self.p)
    }
}

impl Stepper for Adams {
    fn name(&self) -> &'static str {
        "Adams"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        (self.t, self.h, self.k, self.starting) = (t, h, 1, true);
        self.coefficients = Coefficients::new();
        self.y.copy_from_slice(y);
        self.phi.fill(0.0);
        problem.rhs(t, &self.y, &mut self.phi[..n]);
        match problem.not_finite(&self.phi[..n]) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        // A start says all.
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if problem.past.is_some() {
            self.before = None;
            self.before = Some(Box::new(self.clone()));
        }
        if self.h == 0.0 {
            let (f0, scratch) = self.phi.split_at_mut(n);
            self.h = first_step(problem, self.t, &self.y, f0, 1, end - self.t, scratch);
            scratch.fill(0.0);
        }
        let mut failures = 0;
        let (h, lower, mut error, below) = loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            let k = self.k;
            self.coefficients.update(h, k);
            self.predict(h);
            problem.rhs(self.t + h, &self.p, &mut self.f);
            // Errors at orders k − 2, k − 1 and k (chapter 7).
            let second = if k > 2 { self.error_at(problem, h, k - 1) } else { 0.0 };
            let first = if k > 1 { self.error_at(problem, h, k) } else { 0.0 };
            for (error, (f, phi)) in self.error.iter_mut().zip(self.f.iter().zip(&self.phi)) {
                *error = f - phi;
            }
            let size = h.abs() * problem.norm(&self.error, &self.y, &self.p);
            let g = &self.coefficients.g;
            let local = size * (g[k] - g[k + 1]);
            let own = size * self.coefficients.sigma[k + 1] * GAMMA[k];
            let lower = (k == 2 && first <= 0.5 * own) || (k > 2 && first.max(second) <= own);
            if local <= 1.0 {
                break (h, lower, own, first);
            }
            problem.statistics.rejected += 1;
            failures += 1;
            self.starting = false;
            self.restore(h);
            let shrink = if failures > 3 && own > 2.0 && own.is_finite() { (0.5 / own).sqrt() } else { 0.5 };
            self.k = if failures >= 3 { 1 } else { k - usize::from(lower) };
            self.h = h * shrink.max(0.05);
            if self.h.abs() < problem.least_step(self.t) {
                return Err(too_small(problem, problem.not_finite(&self.f), &self.error, &self.y));
            }
        };
        // Correct, evaluate, and bring the differences up to date (chapter 5).
        let k = self.k;
        let factor = h * self.coefficients.g[k + 1];
        for (j, y) in self.y.iter_mut().enumerate() {
            *y = self.p[j] + factor * (self.f[j] - self.phi[j]);
        }
        self.t = if h == end - self.t { end } else { self.t + h };
        problem.rhs(self.t, &self.y, &mut self.f);
        let names = problem.not_finite(&self.f);
        if !names.is_empty() {
            return Err(ErrorKind::NotFinite(names));
        }
        for j in 0..n {
            let difference = self.f[j] - self.phi[j];
            self.phi[k * n + j] = difference;
            self.phi[(k + 1) * n + j] = difference - self.phi[(k + 1) * n + j];
            for i in 0..k {
                self.phi[i * n + j] += difference;
            }
        }
        problem.statistics.steps += 1;
        self.began = self.coefficients.last_step == 0.0;
        self.coefficients.accepted(h, k);
        // The next order and step (chapter 7).
        if lower || k == HIGHEST {
            self.starting = false;
        }
        if self.starting {
            self.k = k + 1;
            self.h = 2.0 * h;
            return Ok(());
        }
        if lower {
            (self.k, error) = (k - 1, below);
        } else if k < HIGHEST && k < self.coefficients.equal {
            self.error.copy_from_slice(&self.phi[(k + 1) * n..(k + 2) * n]);
            let above = h.abs() * GAMMA[k + 1] * problem.norm(&self.error, &self.p, &self.y);
            if k == 1 {
                if above < 0.5 * error {
                    (self.k, error) = (2, above);
                }
            } else if below <= error.min(above) {
                (self.k, error) = (k - 1, below);
            } else if above < error {
                (self.k, error) = (k + 1, above);
            }
        }
        let order = (self.k + 1) as f64;
        self.h = if 0.5 >= error * math::pow(2.0, order) {
            2.0 * h
        } else if 0.5 >= error {
            h
        } else {
            h * math::pow(0.5 / error, 1.0 / order).clamp(0.5, 0.9)
        };
        Ok(())
    }

    fn rewind(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        match self.before.take() {
            Some(before) if before.t == t && before.h != 0.0 => {
                *self = *before;
                // Shorter, not longer, than it would have been.
                self.h = h.min(self.h);
                Ok(())
            }
            _ => self.start(problem, t, y, h),
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
        self.coefficients.last_order + 1
    }

    fn keeps_step(&self) -> bool {
        false
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let last = self.coefficients.last_order + 1;
        let hi = t - self.t;
        let g = dense_weights(hi, last, &self.coefficients.psi);
        out.fill(0.0);
        for i in (1..=last).rev() {
            for (out, phi) in out.iter_mut().zip(self.phi(i)) {
                *out += g[i] * phi;
            }
        }
        for (out, y) in out.iter_mut().zip(&self.y) {
            *out = y + hi * *out;
        }
    }

    fn taken(&self, points: &mut Vec<f64>) -> Taken {
        points.extend_from_slice(&self.p);
        points.extend_from_slice(&self.y);
        let Coefficients { psi, beta, g, equal, last_order, last_step, .. } = self.coefficients;
        let step = AdamsStep { k: last_order, equal, beta, g, psi };
        let t = self.t - last_step;
        Taken { formula: Formula::Adams(Box::new(step)), t, h: last_step, began: self.began }
    }

    fn stiffness(&self) -> f64 {
        0.0
    }

    fn cost(&self, rhs: f64) -> f64 {
        2.0 * rhs + 6.0 * (self.k * self.n) as f64
    }
}
