//! BDF: variable-order numerical differentiation formulas, orders 1 to 5, in backward differences with quasi-constant
//! steps. One factorisation serves many steps: the method for large stiff systems.
//!
//! Source: L. F. Shampine, M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci. Comput. 18 (1997) 1–22, section 2; the
//! change of step size by the matrices R(r) U is their equation after (8). Newton's convergence test: H&W IV.8.

use crate::linalg::Shifted;
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Stepper, clip, first_step};

const MAX_ORDER: usize = 5;
const NEWTON_ITERATIONS: usize = 4;
/// κ of Shampine & Reichelt, table 1: what NDFs add to BDFs.
const KAPPA: [f64; MAX_ORDER + 1] = [0.0, -0.1850, -1.0 / 9.0, -0.0823, -0.0415, 0.0];

/// γ_k = Σ 1/j
fn gamma(k: usize) -> f64 {
    (1..=k).map(|j| 1.0 / j as f64).sum()
}

/// The method in progress.
pub struct Bdf {
    n: usize,
    t: f64,
    h: f64,
    order: usize,
    /// Steps since the last change of order or step.
    equal_steps: usize,
    /// Backward differences ∇^k y, k = 0 … MAX_ORDER + 2, one after the other.
    differences: Vec<f64>,
    jacobian: Vec<f64>,
    /// J belongs to the present point (else to an earlier one).
    fresh: bool,
    /// γ_k(1 − κ_k)/h the factorisation was made for; 0: none.
    factored: f64,
    w: Shifted,
    y: Vec<f64>,
    predicted: Vec<f64>,
    iterate: Vec<f64>,
    psi: Vec<f64>,
    f: Vec<f64>,
    d: Vec<f64>,
    correction: Vec<f64>,
    scratch: Vec<f64>,
    f0: Vec<f64>,
    /// Dense output of the last step: its end, step, order, differences.
    t_dense: f64,
    h_dense: f64,
    order_dense: usize,
    dense: Vec<f64>,
    /// The interpolant reads `dense`, since the differences have been rescaled.
    dense_kept: bool,
    stiffness: f64,
    /// An order to hold on to and the past to start it from.
    held: Option<(usize, History)>,
}

/// The solution before the start, by time.
type History = fn(f64) -> Vec<f64>;

enum Newton {
    Converged,
    Diverged,
}

impl Bdf {
    /// Memory for a problem.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if W does not fit.
    pub fn new(problem: &Problem) -> Result<Self, ErrorKind> {
        let n = problem.dim();
        let pattern = problem.system.jacobian_pattern();
        let w = problem.shifted()?;
        let zeros = || vec![0.0; n];
        Ok(Bdf {
            n,
            t: 0.0,
            h: 0.0,
            order: 1,
            equal_steps: 0,
            differences: vec![0.0; (MAX_ORDER + 3) * n],
            jacobian: vec![0.0; pattern.nnz()],
            fresh: false,
            factored: 0.0,
            w,
            y: zeros(),
            predicted: zeros(),
            iterate: zeros(),
            psi: zeros(),
            f: zeros(),
            d: zeros(),
            correction: zeros(),
            scratch: vec![0.0; (MAX_ORDER + 1).max(2) * n],
            f0: zeros(),
            t_dense: 0.0,
            h_dense: 1.0,
            order_dense: 1,
            dense: vec![0.0; (MAX_ORDER + 1) * n],
            dense_kept: false,
            stiffness: 0.0,
            held: None,
        })
    }

    /// Keeps to one order from the start on, beginning from known values of the past: for tests of the formulas
    /// themselves. Needs a first step.
    pub fn hold(&mut self, order: usize, history: fn(f64) -> Vec<f64>) {
        self.held = Some((order.clamp(1, MAX_ORDER), history));
    }

    /// Fills the differences from the past: ∇^k y of values h apart.
    fn remember(&mut self, t: f64, h: f64, order: usize, history: History) {
        let mut past: Vec<Vec<f64>> = (0..=order).map(|k| history(t - k as f64 * h)).collect();
        for k in 0..=order {
            self.differences[k * self.n..(k + 1) * self.n].copy_from_slice(&past[0]);
            for i in 0..order - k {
                for j in 0..self.n {
                    past[i][j] -= past[i + 1][j];
                }
            }
        }
        self.order = order;
    }

    /// Rescales the differences to the step `factor·h` (Shampine & Reichelt, R(r) and U).
    fn rescale(&mut self, factor: f64) {
        let (n, q) = (self.n, self.order);
        let r = |factor: f64| {
            let mut m = [[0.0; MAX_ORDER + 1]; MAX_ORDER + 1];
            m[0] = [1.0; MAX_ORDER + 1];
            for i in 1..=q {
                for j in 1..=q {
                    m[i][j] = m[i - 1][j] * (i as f64 - 1.0 - factor * j as f64) / i as f64;
                }
            }
            m
        };
        let (rf, u) = (r(factor), r(1.0));
        let mut ru = [[0.0; MAX_ORDER + 1]; MAX_ORDER + 1];
        for i in 0..=q {
            for j in 0..=q {
                ru[i][j] = (0..=q).map(|l| rf[i][l] * u[l][j]).sum();
            }
        }
        for i in 0..=q {
            for j in 0..n {
                self.scratch[i * n + j] = (0..=q).map(|l| ru[l][i] * self.differences[l * n + j]).sum();
            }
        }
        self.differences[..(q + 1) * n].copy_from_slice(&self.scratch[..(q + 1) * n]);
        self.equal_steps = 0;
    }

    /// Solves `d` from `(1 − κ)γ d + ψ = h f(t, y⁰ + d)` by simplified Newton iteration.
    fn newton(&mut self, problem: &mut Problem, t: f64, c: f64, tolerance: f64) -> Newton {
        self.d.fill(0.0);
        self.iterate.copy_from_slice(&self.predicted);
        let mut last: Option<f64> = None;
        for iteration in 0..NEWTON_ITERATIONS {
            problem.rhs(t, &self.iterate, &mut self.f);
            // W·δ = f − (ψ + d)/c with W = 1/c − J
            for j in 0..self.n {
                self.correction[j] = self.f[j] - (self.psi[j] + self.d[j]) / c;
            }
            if self.correction.iter().any(|x| !x.is_finite()) {
                return Newton::Diverged;
            }
            self.w.solve(&mut self.correction);
            problem.statistics.solves += 1;
            let size = problem.norm(&self.correction, &self.predicted, &self.predicted);
            let rate = last.map(|last| size / last);
            if let Some(rate) = rate {
                let left = (NEWTON_ITERATIONS - iteration) as i32;
                if rate >= 1.0 || rate.powi(left) / (1.0 - rate) * size > tolerance {
                    return Newton::Diverged;
                }
            }
            for j in 0..self.n {
                self.d[j] += self.correction[j];
                self.iterate[j] = self.predicted[j] + self.d[j];
            }
            if size == 0.0
                || rate.is_some_and(|rate| rate / (1.0 - rate) * size < tolerance)
                || (rate.is_none() && size < 1e-2 * tolerance)
            {
                return Newton::Converged;
            }
            last = Some(size);
        }
        Newton::Diverged
    }

    fn update_jacobian(&mut self, problem: &mut Problem, t: f64) {
        problem.jacobian(t, &self.predicted, &mut self.jacobian);
        self.fresh = true;
        self.factored = 0.0;
    }

    /// A norm of J bounds |λ|.
    fn measure_stiffness(&mut self, problem: &Problem, h: f64) {
        let pattern = problem.system.jacobian_pattern();
        let mut most: f64 = 0.0;
        for j in 0..self.n {
            most = most.max(pattern.column(j).map(|k| self.jacobian[k].abs()).sum());
        }
        self.stiffness = h.abs() * most;
    }

    fn too_small(&self, problem: &Problem) -> ErrorKind {
        match problem.not_finite(&self.f) {
            names if names.is_empty() => ErrorKind::StepTooSmall(problem.worst(&self.d, &self.predicted)),
            names => ErrorKind::NotFinite(names),
        }
    }
}

impl Stepper for Bdf {
    fn name(&self) -> &'static str {
        "BDF"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.t = t;
        self.y.copy_from_slice(y);
        self.h = h;
        self.order = 1;
        self.equal_steps = 0;
        self.factored = 0.0;
        self.differences.fill(0.0);
        self.differences[..self.n].copy_from_slice(y);
        problem.rhs(t, y, &mut self.f0);
        let names = problem.not_finite(&self.f0);
        if !names.is_empty() {
            return Err(ErrorKind::NotFinite(names));
        }
        self.predicted.copy_from_slice(y);
        self.update_jacobian(problem, t);
        for j in 0..self.n {
            self.differences[self.n + j] = self.f0[j] * h;
        }
        if let Some((order, history)) = self.held {
            self.remember(t, h, order, history);
        }
        Ok(())
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.h == 0.0 {
            // Order 1 starts with a step an order-1 formula can take.
            self.h = first_step(problem, self.t, &self.y, &self.f0, 1, end - self.t, &mut self.scratch[..2 * n]);
            for j in 0..n {
                self.differences[n + j] = self.f0[j] * self.h;
            }
        }
        let wanted = self.h.clamp(-problem.max_step, problem.max_step);
        let clipped = clip(self.t, wanted, end);
        if clipped != self.h {
            self.rescale(clipped / self.h);
            self.h = clipped;
        }
        let tolerance = (10.0 * f64::EPSILON / problem.rtol).max(0.03f64.min(problem.rtol.sqrt()));
        loop {
            problem.check()?;
            let (h, q) = (self.h, self.order);
            // The rest of the span may be shorter than a step that moves t by itself.
            if h.abs() < problem.least_step(self.t) && h != end - self.t {
                return Err(self.too_small(problem));
            }
            let t_new = if h == end - self.t { end } else { self.t + h };
            let alpha = gamma(q) * (1.0 - KAPPA[q]);
            let c = h / alpha;
            for j in 0..n {
                self.predicted[j] = (0..=q).map(|k| self.differences[k * n + j]).sum();
                self.psi[j] = (1..=q).map(|k| gamma(k) * self.differences[k * n + j]).sum::<f64>() / alpha;
            }
            let converged = loop {
                if self.factored != 1.0 / c {
                    problem.statistics.factorizations += 1;
                    if !self.w.factor(1.0 / c, &self.jacobian) {
                        self.factored = 0.0;
                        if self.fresh {
                            break false;
                        }
                        self.update_jacobian(problem, t_new);
                        continue;
                    }
                    self.factored = 1.0 / c;
                }
                match self.newton(problem, t_new, c, tolerance) {
                    Newton::Converged => break true,
                    Newton::Diverged if self.fresh => break false,
                    Newton::Diverged => self.update_jacobian(problem, t_new),
                }
            };
            if !converged {
                problem.statistics.rejected += 1;
                // J stands at a point the step will not reach now, perhaps one where it is no number.
                self.fresh = false;
                self.rescale(0.5);
                self.h = 0.5 * h;
                continue;
            }
            let error_constant = |k: usize| KAPPA[k] * gamma(k) + 1.0 / (k as f64 + 1.0);
            for j in 0..n {
                self.correction[j] = error_constant(q) * self.d[j];
            }
            let error = problem.norm(&self.correction, &self.predicted, &self.iterate);
            if !(error <= 1.0) {
                problem.statistics.rejected += 1;
                let factor = (0.9 * error.powf(-1.0 / (q as f64 + 1.0))).clamp(0.2, 0.9);
                let factor = if factor.is_nan() { 0.2 } else { factor };
                self.rescale(factor);
                self.h = factor * h;
                continue;
            }
            // Accepted.
            problem.statistics.steps += 1;
            self.measure_stiffness(problem, h);
            self.t = t_new;
            self.y.copy_from_slice(&self.iterate);
            self.equal_steps += 1;
            self.fresh = false;
            for j in 0..n {
                let d = self.d[j];
                self.differences[(q + 2) * n + j] = d - self.differences[(q + 1) * n + j];
                self.differences[(q + 1) * n + j] = d;
            }
            for k in (0..=q).rev() {
                for j in 0..n {
                    self.differences[k * n + j] += self.differences[(k + 1) * n + j];
                }
            }
            self.t_dense = self.t;
            self.h_dense = h;
            self.order_dense = q;
            self.dense_kept = false;
            if self.equal_steps < q + 1 || self.held.is_some() {
                return Ok(());
            }
            // Order and step for what follows: the order whose error allows the largest step.
            let size = |s: &mut Self, k: usize, at: usize| {
                for j in 0..n {
                    s.correction[j] = error_constant(k) * s.differences[at * n + j];
                }
                problem.norm(&s.correction, &s.y, &s.y)
            };
            let below = if q > 1 { size(self, q - 1, q) } else { f64::INFINITY };
            let above = if q < MAX_ORDER { size(self, q + 1, q + 2) } else { f64::INFINITY };
            let factor = |error: f64, k: usize| error.max(1e-10).powf(-1.0 / (k as f64 + 1.0));
            let candidates = [
                (factor(below, q - 1 + usize::from(q == 1)), q - 1),
                (factor(error, q), q),
                (factor(above, q + 1), q + 1),
            ];
            let mut best = candidates[1];
            for (candidate, allowed) in [(candidates[0], q > 1), (candidates[2], q < MAX_ORDER)] {
                if allowed && candidate.0 > best.0 {
                    best = candidate;
                }
            }
            // Not beyond the longest step allowed: growth taken back at once would cost a factorisation and the order's rise.
            let grow = (0.9 * best.0).min(10.0).min(problem.max_step / h.abs());
            // The interpolant of this step still needs its own differences: keep them before they are rescaled.
            if !(0.9..1.2).contains(&grow) || best.1 != q {
                self.keep_dense(q);
                self.order = best.1;
                self.rescale(grow);
                self.h = grow * h;
                self.dense_kept = true;
            }
            return Ok(());
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

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        // Newton's backward interpolation: Σ ∇^k y Π (t − t_n + i h)/((i + 1) h).
        let n = self.n;
        let table = if self.dense_kept { &self.dense } else { &self.differences };
        out.copy_from_slice(&table[..n]);
        let mut product = 1.0;
        for k in 0..self.order_dense {
            product *= (t - self.t_dense + k as f64 * self.h_dense) / ((k + 1) as f64 * self.h_dense);
            for (out, d) in out.iter_mut().zip(&table[(k + 1) * n..(k + 2) * n]) {
                *out += product * d;
            }
        }
    }

    fn stiffness(&self) -> f64 {
        self.stiffness
    }

    fn shifted(&self) -> Option<&Shifted> {
        Some(&self.w)
    }

    fn cost(&self, rhs: f64) -> f64 {
        let (factor, solve) = self.w.cost();
        // Two iterations a step, a factorisation every eighth; some thirty passes over the differences.
        2.0 * (rhs + solve) + factor / 8.0 + (30 * self.n) as f64
    }
}

impl Bdf {
    /// Sets the differences of an accepted step of order q aside for its interpolant.
    fn keep_dense(&mut self, q: usize) {
        self.dense[..(q + 1) * self.n].copy_from_slice(&self.differences[..(q + 1) * self.n]);
    }
}
