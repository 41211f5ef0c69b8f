//! BDF: variable-order numerical differentiation formulas, orders 1 to 5, in backward differences with quasi-constant
//! steps. One Jacobian serves many steps: the method for large stiff systems.
//!
//! Sources: L. F. Shampine, M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci. Comput. 18 (1997) 1–22, section 2: the
//! formulas, the change of step size by the matrices R(r) U after their equation (8), and the preference for the order at
//! hand. P. N. Brown, G. D. Byrne, A. C. Hindmarsh, VODE, SIAM J. Sci. Stat. Comput. 10 (1989) 1038, sections 3–4: the
//! convergence rate of Newton's iteration remembered from step to step, its tolerance as a share of the error test, the
//! age of a Jacobian, and the use of a factorisation made for another step size.

mod newton;

use std::sync::Arc;

use crate::linalg::Shifted;
use crate::solve::ErrorKind;
use crate::solve::differences::{GAMMA, KAPPA, MAX_ORDER, alpha, change};
use crate::solve::fused::weigh;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Stepper, clip, first_step, step_power};
use crate::solve::taken::{BdfStep, Formula, Taken};
use crate::system::{CompiledNewton, HISTORY, NEWTON_LIMITS, NEWTON_PARTS};
use newton::Newton;

/// How much shorter than the estimate a step is taken when the order falls, stays, rises.
const CAUTION: [f64; 3] = [1.3, 1.2, 1.4];
/// Steps are not changed for less than this.
const LEAST_GROWTH: f64 = 1.1;

/// C_k of the error estimate ≈ C_k ∇^(k+1) y.
const fn error_constant(k: usize) -> f64 {
    KAPPA[k] * GAMMA[k] + 1.0 / (k as f64 + 1.0)
}

/// The method in progress.
pub struct Bdf {
    n: usize,
    t: f64,
    h: f64,
    order: usize,
    /// Steps since the last change of order or step.
    equal_steps: usize,
    /// Newton's iteration as the system's own functions, where it has them, what they are told, and what they say.
    compiled: Option<Arc<dyn CompiledNewton>>,
    limits: Vec<f64>,
    said: Vec<f64>,
    /// The order the limits are for.
    told: usize,
    /// The norm of d, where such a function said it.
    size: Option<f64>,
    /// Backward differences ∇^k y, k = 0 … MAX_ORDER + 2, one after the other; behind them what those functions need.
    differences: Vec<f64>,
    jacobian: Vec<f64>,
    /// J belongs to the step being tried (else to an earlier one).
    fresh: bool,
    /// Steps since J was evaluated.
    age: u32,
    /// A norm of J, which bounds |λ|.
    jacobian_norm: f64,
    /// The c = h/((1 − κ)γ) the factorisation was made for; 0: none.
    factored: f64,
    /// A factorisation costs many times what an iteration does.
    dear: bool,
    /// So many solutions yet are tried for being inside the domain of f, since its border was met.
    cautious: u32,
    /// The rate at which Newton's iteration has converged with this J.
    rate: f64,
    w: Shifted,
    y: Vec<f64>,
    predicted: Vec<f64>,
    /// The prediction, ψ and the weights belong to the step being tried.
    ready: bool,
    iterate: Vec<f64>,
    psi: Vec<f64>,
    d: Vec<f64>,
    correction: Vec<f64>,
    /// 1/(atol + rtol |y|), for all norms of a step.
    weights: Vec<f64>,
    scratch: Vec<f64>,
    f0: Vec<f64>,
    /// Dense output of the last step: its end, step, order, differences.
    t_dense: f64,
    h_dense: f64,
    order_dense: usize,
    dense: Vec<f64>,
    /// The interpolant reads `dense`, since the differences have been rescaled.
    dense_kept: bool,
    /// Before the last step, of systems with delays: its point, step, order, steps since the last change, differences.
    before: (f64, f64, usize, usize),
    differences_before: Vec<f64>,
    /// What a derivative of the last step has to know, and of the one to come.
    last: BdfStep,
    coming: BdfStep,
    /// An order to hold on to and the past to start it from.
    held: Option<(usize, History)>,
}

/// The solution before the start, by time.
type History = fn(f64) -> Vec<f64>;

impl Bdf {
    /// Memory for a problem.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if W does not fit.
    pub fn new(problem: &Problem) -> Result<Self, ErrorKind> {
        let n = problem.dim();
        let pattern = problem.system.jacobian_pattern();
        let mut w = problem.shifted()?;
        // Newton's iteration corrects what an iterative solver leaves.
        w.set_accuracy(1e-3);
        let (factor, solve) = w.cost();
        let dear = factor > 6.0 * (solve + (4 * pattern.nnz()) as f64);
        let compiled = problem.system.newton();
        let work = compiled.as_ref().map_or(0, |code| code.work().max((HISTORY + NEWTON_PARTS) * n));
        let zeros = || vec![0.0; n];
        Ok(Bdf {
            n,
            t: 0.0,
            h: 0.0,
            order: 1,
            equal_steps: 0,
            compiled,
            limits: vec![0.0; NEWTON_LIMITS + 2 * n],
            said: vec![0.0; n + 2],
            told: 0,
            size: None,
            differences: vec![0.0; work.max(HISTORY * n)],
            jacobian: vec![0.0; pattern.nnz()],
            fresh: false,
            age: 0,
            jacobian_norm: 0.0,
            factored: 0.0,
            dear,
            cautious: 0,
            rate: 1.0,
            w,
            y: zeros(),
            predicted: zeros(),
            ready: false,
            iterate: zeros(),
            psi: zeros(),
            d: zeros(),
            correction: zeros(),
            weights: zeros(),
            scratch: vec![0.0; (MAX_ORDER + 1).max(2) * n],
            f0: zeros(),
            t_dense: 0.0,
            h_dense: 1.0,
            order_dense: 1,
            dense: vec![0.0; (MAX_ORDER + 1) * n],
            dense_kept: false,
            before: (0.0, 0.0, 0, 0),
            differences_before: Vec::new(),
            last: BdfStep::with_room(),
            coming: BdfStep::with_room(),
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
        self.coming.changes.push((q, factor));
        // ∇^0 y = y keeps its value: rows and columns 1 … q.
        let weights = change(q, factor);
        for i in 1..=q {
            let column = &weights[i];
            weigh(&mut self.scratch[i * n..(i + 1) * n], &column[..q], &self.differences[n..]);
        }
        self.differences[n..(q + 1) * n].copy_from_slice(&self.scratch[n..(q + 1) * n]);
        self.equal_steps = 0;
    }

    /// The step `factor·h` from now on.
    fn change_step(&mut self, factor: f64) {
        self.rescale(factor);
        self.h *= factor;
    }

    /// Error in units of the tolerance of order k, whose estimate is a multiple of `v`.
    fn error(&self, k: usize, v: &[f64]) -> f64 {
        let sum: f64 = v.iter().zip(&self.weights).map(|(v, w)| (v * w) * (v * w)).sum();
        error_constant(k) * (sum / self.n as f64).sqrt()
    }

    /// After a failed error test: a shorter step, and a lower order where that allows a longer one.
    fn shorten(&mut self, error: f64, repeated: bool) {
        let (n, q) = (self.n, self.order);
        let mut factor = power(error, q) / CAUTION[1];
        if q > 1 {
            // ∇^q y as it would be at the new point.
            for j in 0..n {
                self.correction[j] = self.differences[q * n + j] + self.d[j];
            }
            let below = power(self.error(q - 1, &self.correction), q - 1) / CAUTION[0];
            if (below > factor || repeated) && self.held.is_none() {
                factor = below;
                self.order = q - 1;
            }
        }
        let factor = if factor.is_nan() { 0.1 } else { factor };
        self.change_step(factor.clamp(0.1, if repeated { 0.5 } else { 0.9 }));
    }

    /// Takes the solved step's differences over.
    fn take_over(&mut self) {
        let (n, q) = (self.n, self.order);
        for j in 0..n {
            let d = self.d[j];
            self.differences[(q + 2) * n + j] = d - self.differences[(q + 1) * n + j];
            self.differences[(q + 1) * n + j] = d;
        }
        for k in (0..=q).rev() {
            let (low, high) = self.differences.split_at_mut((k + 1) * n);
            low[k * n..].iter_mut().zip(&high[..n]).for_each(|(low, high)| *low += high);
        }
    }

    /// Order and step for what follows: the order whose error allows the longest step, the one at hand preferred.
    fn reconsider(&mut self, problem: &Problem, error: f64) {
        let (n, q) = (self.n, self.order);
        let part = |k: usize| &self.differences[k * n..(k + 1) * n];
        let mut best = (power(error, q) / CAUTION[1], q);
        if q > 1 {
            let below = power(self.error(q - 1, part(q)), q - 1) / CAUTION[0];
            if below > best.0 {
                // Not a reason to lengthen steps.
                best = (below.min(1.0).max(best.0), q - 1);
            }
        }
        if q < MAX_ORDER {
            let above = power(self.error(q + 1, part(q + 2)), q + 1) / CAUTION[2];
            if above > best.0 {
                best = (above, q + 1);
            }
        }
        // Not beyond the longest step allowed: growth taken back at once would cost a factorisation and the order's rise.
        let grow = best.0.min(10.0).min(problem.max_step / self.h.abs());
        if grow < LEAST_GROWTH && best.1 >= q {
            return;
        }
        // The interpolant of this step still needs its own differences: keep them before they are rescaled.
        self.dense[..(q + 1) * n].copy_from_slice(&self.differences[..(q + 1) * n]);
        self.dense_kept = true;
        self.order = best.1;
        self.change_step(grow.max(1.0).min(problem.max_step / self.h.abs()));
    }

    fn too_small(&mut self, problem: &mut Problem, t: f64) -> ErrorKind {
        // Where f stops being a number just behind the step, that is the cause, although no step reached it.
        let behind = t + (10.0 * problem.least_step(t)).copysign(self.h);
        for t in [t, behind] {
            problem.rhs(t, &self.predicted, &mut self.correction);
            let names = problem.not_finite(&self.correction);
            if !names.is_empty() {
                return ErrorKind::NotFinite(names);
            }
        }
        ErrorKind::StepTooSmall(problem.worst(&self.d, &self.predicted))
    }
}

/// How many times longer a step of order k may be whose error is this.
fn power(error: f64, k: usize) -> f64 {
    step_power(error.max(1e-10), -1.0 / (k as f64 + 1.0))
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
        self.differences.fill(0.0);
        self.differences[..self.n].copy_from_slice(y);
        problem.rhs(t, y, &mut self.f0);
        let names = problem.not_finite(&self.f0);
        if !names.is_empty() {
            return Err(ErrorKind::NotFinite(names));
        }
        problem.clear_algebraic(&mut self.f0);
        self.predicted.copy_from_slice(y);
        self.ready = true;
        problem.newton_limits(&mut self.limits);
        self.update_jacobian(problem, t);
        for j in 0..self.n {
            self.differences[self.n + j] = self.f0[j] * h;
        }
        self.coming.begin();
        self.coming.first = h;
        if let Some((order, history)) = self.held {
            self.remember(t, h, order, history);
        }
        Ok(())
    }

    fn renew(&mut self) -> bool {
        (self.told, self.size, self.cautious, self.rate, self.factored) = (0, None, 0, 1.0, 0.0);
        (self.t_dense, self.h_dense, self.order_dense, self.dense_kept) = (0.0, 1.0, 1, false);
        self.before = (0.0, 0.0, 0, 0);
        self.last.begin();
        self.w.is_as_made()
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if problem.past.is_some() {
            self.before = (self.t, self.h, self.order, self.equal_steps);
            self.differences_before.clone_from(&self.differences);
        }
        if self.h == 0.0 {
            // Order 1 starts with a step an order-1 formula can take.
            self.h = first_step(problem, self.t, &self.y, &self.f0, 1, end - self.t, &mut self.scratch[..2 * n]);
            for j in 0..n {
                self.differences[n + j] = self.f0[j] * self.h;
            }
            self.coming.first = self.h;
        }
        let wanted = self.h.clamp(-problem.max_step, problem.max_step);
        let clipped = clip(self.t, wanted, end);
        if clipped != self.h {
            self.rescale(clipped / self.h);
            self.h = clipped;
        }
        let mut failures = 0;
        loop {
            problem.check()?;
            let (h, q) = (self.h, self.order);
            // The rest of the span may be shorter than a step that moves t by itself.
            if h.abs() < problem.least_step(self.t) && h != end - self.t {
                return Err(self.too_small(problem, self.t + h));
            }
            let t_new = if h == end - self.t { end } else { self.t + h };
            self.ready = false;
            if self.solve(problem, t_new, h / alpha(q)) == Newton::Diverged {
                problem.statistics.rejected += 1;
                // J stands at a point the step will not reach now, perhaps one where it is no number.
                self.fresh = false;
                self.change_step(if failures > 1 { 0.25 } else { 0.5 });
                failures += 1;
                continue;
            }
            let error = match self.size.take() {
                Some(size) => error_constant(q) * size,
                None => self.error(q, &self.d),
            };
            if !(error <= 1.0) {
                problem.statistics.rejected += 1;
                self.fresh = false;
                self.shorten(error, failures > 0);
                failures += 1;
                continue;
            }
            problem.statistics.steps += 1;
            self.t = t_new;
            self.y.copy_from_slice(&self.iterate);
            self.equal_steps += 1;
            self.fresh = false;
            self.age += 1;
            self.take_over();
            self.t_dense = self.t;
            self.h_dense = h;
            self.order_dense = q;
            self.dense_kept = false;
            self.coming.order = q;
            std::mem::swap(&mut self.last, &mut self.coming);
            self.coming.begin();
            if self.equal_steps > q && self.held.is_none() {
                self.reconsider(problem, error);
            }
            return Ok(());
        }
    }

    fn rewind(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        let (before, step, order, equal_steps) = self.before;
        if before != t || step == 0.0 {
            return self.start(problem, t, y, h);
        }
        (self.t, self.h, self.order, self.equal_steps) = (t, step, order, equal_steps);
        self.differences.copy_from_slice(&self.differences_before);
        self.y.copy_from_slice(y);
        self.fresh = false;
        Ok(())
    }

    fn correct(&mut self, _problem: &mut Problem, y: &[f64]) -> Result<(), ErrorKind> {
        self.y.copy_from_slice(y);
        self.differences[..self.n].copy_from_slice(y);
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
        self.order_dense
    }

    fn keeps_step(&self) -> bool {
        false
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

    fn taken(&self, points: &mut Vec<f64>) -> Taken {
        points.extend_from_slice(&self.y);
        let formula = Formula::Bdf(self.last.clone());
        Taken { formula, t: self.t_dense - self.h_dense, h: self.h_dense, began: self.last.first != 0.0 }
    }

    fn stiffness(&self) -> f64 {
        self.h.abs() * self.jacobian_norm
    }

    fn shifted(&self) -> Option<&Shifted> {
        Some(&self.w)
    }

    fn cost(&self, rhs: f64) -> f64 {
        let (factor, solve) = self.w.cost();
        // One and a half iterations a step, a factorisation every fourth (where it is dear, every tenth); some twenty
        // passes over the differences.
        1.5 * (rhs + solve) + factor / if self.dear { 10.0 } else { 4.0 } + (20 * self.n) as f64
    }
}
