//! Taylor: the Taylor series of the solution, its coefficients computed by kernels made from the model's equations; order
//! from the tolerance, step from the last two coefficients, dense output by the series itself. The non-stiff method for
//! smooth right-hand sides and tight tolerances.
//!
//! Source: À. Jorba, M. Zou, A software package for the numerical integration of ODEs by means of high-order Taylor
//! methods, Experimental Mathematics 14 (2005) 99–117: order §3.1, step §3.2. Their step makes the last terms of the series
//! as small as the tolerance; here that is asked of every component by its own tolerance, and what the series misses is
//! measured: P'(h) − f(P(h)), for which the coefficients of the next step are there already, is (N + 1) h^N times the
//! first term left out. Where f jumps, that rejects the step; where it has
//! branches, the defect is measured inside the step too.

use std::sync::Arc;

use crate::math;
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Stepper, clip, exp2, first_step, log2, too_small, zeros};
use crate::system::{self, LIMITS};

/// Orders the method uses.
const ORDERS: (usize, usize) = (4, 30);

/// Systems of so few equations take a step in about the same time whatever its order.
const FEW: usize = 3;
/// So much higher is the order for them.
const MORE: usize = 3;

/// N = ⌈1 − ½ log ε⌉ (§3.1), which makes N² ε^(−1/N) least, the operations of the coefficients for a unit of time. Of a few
/// equations what a step takes besides (its end, its error, its length) weighs as much, and higher orders are cheaper:
/// the least value of (c + N²) ε^(−1/N) lies at 2N³ = −log ε (c + N²), for c = 100 three orders higher at any ε in use.
pub fn order(rtol: f64, states: usize) -> usize {
    let order = (1.0 - 0.5 * math::log(rtol)).ceil();
    let more = if states <= FEW { MORE } else { 0 };
    (order as usize + more).clamp(ORDERS.0, ORDERS.1)
}

/// Longest growth of a step where the last coefficients vanish and say nothing.
const GROW: f64 = 8.0;

/// Where inside a step the defect is measured too if the equations have branches.
const INSIDE: [f64; 3] = [0.21, 0.5, 0.79];

/// The method in progress.
pub struct Taylor {
    series: Arc<dyn system::Taylor>,
    n: usize,
    order: usize,
    t: f64,
    h: f64,
    y: Vec<f64>,
    t_old: f64,
    y_old: Vec<f64>,
    /// Whole steps, where the system has them.
    compiled: Option<Arc<dyn system::CompiledStep>>,
    /// y_1 … y_N at t, n numbers each; in front of them `front` numbers, with which they are what a compiled step reads and
    /// writes.
    jet: Vec<f64>,
    jet_old: Vec<f64>,
    front: usize,
    /// What a compiled step is told besides the state: the front of what it reads.
    limits: Vec<f64>,
    /// What P'(h) misses, times h/(N + 1).
    error: Vec<f64>,
    work: Vec<f64>,
    /// The step before, or the first to try.
    last: f64,
}

impl Taylor {
    /// Memory, and the kernel of the order that the tolerance asks for.
    ///
    /// # Errors
    /// If the system has no Taylor coefficients.
    pub fn new(problem: &Problem) -> Result<Self, ErrorKind> {
        Taylor::with_order(problem, order(problem.rtol, problem.dim()))
    }

    /// The same with an order of one's own.
    ///
    /// # Errors
    /// If the system has no Taylor coefficients.
    pub fn with_order(problem: &Problem, order: usize) -> Result<Self, ErrorKind> {
        let series = problem.system.taylor(order).map_err(|reason| {
            ErrorKind::Options(format!("the method Taylor cannot solve this system: {reason}; try DOP853 or Vern9"))
        })?;
        let n = problem.dim();
        let empty = || zeros(n);
        let front = LIMITS + n;
        Ok(Taylor {
            compiled: series.step(),
            limits: zeros(front),
            front,
            n,
            order,
            t: 0.0,
            h: 0.0,
            y: empty(),
            t_old: 0.0,
            y_old: empty(),
            jet: zeros(front + n * order),
            jet_old: zeros(front + n * order),
            error: empty(),
            work: zeros(series.work()),
            last: 0.0,
            series,
        })
    }

    /// The step that makes the last two terms as small as the tolerance; infinite where both are 0, NaN where one is not
    /// a number.
    fn length(&self, problem: &Problem) -> f64 {
        let (n, order) = (self.n, self.order);
        let (mut before, mut last) = (0.0f64, 0.0f64);
        let jet = &self.jet[self.front..];
        let (a, b) = (&jet[(order - 2) * n..(order - 1) * n], &jet[(order - 1) * n..]);
        for (j, ((y, a), b)) in self.y.iter().zip(a).zip(b).enumerate() {
            let scale = 1.0 / (problem.atol(j) + problem.rtol * y.abs()).max(f64::MIN_POSITIVE);
            // `max` would pass over a NaN.
            let (a, b) = (a.abs() * scale, b.abs() * scale);
            before = if a > before || a.is_nan() { a } else { before };
            last = if b > last || b.is_nan() { b } else { last };
        }
        self.length_by(before, last)
    }

    /// The same by the largest of each, in units of the tolerance.
    fn length_by(&self, before: f64, last: f64) -> f64 {
        if !before.is_finite() || !last.is_finite() {
            return f64::NAN;
        }
        // h = min over m of a_m^(−1/m)
        let log = |x: f64| if x < f64::MIN_POSITIVE { f64::NEG_INFINITY } else { log2(x) };
        let slowness = (log(before) / (self.order - 1) as f64).max(log(last) / self.order as f64);
        if slowness == f64::NEG_INFINITY { f64::INFINITY } else { exp2(-slowness) }
    }

    /// Tries a step to t by the compiled function: `jet_old` begins with the new state and holds the new coefficients. Its
    /// error in units of the tolerance.
    #[inline]
    fn attempt(&mut self, step: &dyn system::CompiledStep, problem: &mut Problem, t: f64, h: f64) -> f64 {
        self.limits[0] = h;
        self.jet[..self.front].copy_from_slice(&self.limits);
        problem.taylor_step(step, t, &self.y_old, &self.jet, &mut self.work, &mut self.jet_old);
        self.jet_old[self.n]
    }

    /// Tries a step to t: `y` is the new state, `jet_old` the new coefficients. Its error in units of the tolerance.
    fn attempt_by_parts(&mut self, problem: &mut Problem, t: f64, h: f64) -> f64 {
        let n = self.n;
        let factor = h / (self.order + 1) as f64;
        let mut error = 0.0f64;
        if !self.series.smooth() {
            // A step must not pass over a branch unseen.
            for theta in INSIDE {
                self.evaluate(theta * h, factor);
                let f = &mut self.jet_old[..n];
                problem.rhs(self.t + theta * h, &self.y, f);
                self.error.iter_mut().zip(&*f).for_each(|(error, f)| *error -= factor * f);
                let defect = problem.norm(&self.error, &self.y_old, &self.y);
                error = if defect > error || defect.is_nan() { defect } else { error };
            }
        }
        self.evaluate(h, factor);
        problem.taylor(self.series.as_ref(), t, &self.y, &mut self.work, &mut self.jet_old[self.front..]);
        for (error, f) in self.error.iter_mut().zip(&self.jet_old[self.front..]) {
            *error -= factor * f;
        }
        // A point with coefficients that are not finite is one there is no going on from.
        let next = self.jet_old.iter().all(|c| c.is_finite());
        let last = if next { problem.norm(&self.error, &self.y_old, &self.y) } else { f64::NAN };
        if last > error || last.is_nan() { last } else { error }
    }

    /// `y = P(h)`, `error = factor P'(h)`
    fn evaluate(&mut self, h: f64, factor: f64) {
        let mut place = 0;
        while place + 4 <= self.n {
            let (p, d) = horner::<4>(&self.jet[self.front..], &self.y_old, place, self.n, h);
            for (k, (p, d)) in p.into_iter().zip(d).enumerate() {
                self.y[place + k] = p;
                self.error[place + k] = factor * d;
            }
            place += 4;
        }
        while place < self.n {
            let ([p], [d]) = horner::<1>(&self.jet[self.front..], &self.y_old, place, self.n, h);
            self.y[place] = p;
            self.error[place] = factor * d;
            place += 1;
        }
    }
}

/// P(h) and P'(h) of the components from `place` on.
#[inline]
fn horner<const M: usize>(jet: &[f64], y: &[f64], place: usize, n: usize, h: f64) -> ([f64; M], [f64; M]) {
    let (mut p, mut d) = ([0.0; M], [0.0; M]);
    for row in jet.chunks_exact(n).rev() {
        for ((p, d), c) in p.iter_mut().zip(&mut d).zip(&row[place..place + M]) {
            *d = *d * h + *p;
            *p = *p * h + c;
        }
    }
    for ((p, d), y) in p.iter_mut().zip(&mut d).zip(&y[place..place + M]) {
        *d = *d * h + *p;
        *p = *p * h + y;
    }
    (p, d)
}

impl Stepper for Taylor {
    fn name(&self) -> &'static str {
        "Taylor"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.t = t;
        self.y.copy_from_slice(y);
        problem.limits(&mut self.limits);
        problem.taylor(self.series.as_ref(), t, &self.y, &mut self.work, &mut self.jet[self.front..]);
        for dy in self.jet[self.front..].chunks_exact(self.n) {
            let names = problem.not_finite(dy);
            if !names.is_empty() {
                return Err(ErrorKind::NotFinite(names));
            }
        }
        self.last = h;
        self.h = self.length(problem) * problem.direction;
        if h != 0.0 && self.h.abs() > h.abs() {
            self.h = h;
        }
        Ok(())
    }

    fn renew(&mut self) -> bool {
        // A start says all.
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.h.is_infinite() {
            // The last coefficients say nothing: the right-hand side is a polynomial, or flat here and not elsewhere.
            self.h = if self.last != 0.0 {
                GROW * self.last
            } else {
                let (f0, scratch) = self.jet_old.split_at_mut(n);
                f0.copy_from_slice(&self.jet[self.front..self.front + n]);
                first_step(problem, self.t, &self.y, f0, self.order as u32, end - self.t, scratch)
            };
        }
        std::mem::swap(&mut self.y, &mut self.y_old);
        let compiled = self.compiled.take();
        let outcome = loop {
            if let Err(kind) = problem.check() {
                break Err(kind);
            }
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            let t = if h == end - self.t { end } else { self.t + h };
            let error = match compiled.as_deref() {
                Some(step) => self.attempt(step, problem, t, h),
                None => self.attempt_by_parts(problem, t, h),
            };
            if error <= 1.0 {
                break Ok((t, h));
            }
            problem.statistics.rejected += 1;
            let shrink = if error.is_finite() { 0.9 * math::pow(error, -1.0 / (self.order + 1) as f64) } else { 0.1 };
            self.h = h * shrink.clamp(0.1, 0.5);
            if self.h.abs() < problem.least_step(self.t) {
                // Which coefficients, or whose error it was, is seen in the parts.
                self.attempt_by_parts(problem, t, h);
                let undefined = problem.first_not_finite(&self.jet_old[self.front..]);
                break Err(too_small(problem, undefined, &self.error, &self.y_old));
            }
        };
        self.compiled = compiled;
        match outcome {
            Ok((t, h)) => {
                problem.statistics.steps += 1;
                std::mem::swap(&mut self.jet, &mut self.jet_old);
                (self.t_old, self.t, self.last) = (self.t, t, h);
                let length = if self.compiled.is_some() {
                    self.y.copy_from_slice(&self.jet[..n]);
                    self.length_by(self.jet[n + 1], self.jet[n + 2])
                } else {
                    self.length(problem)
                };
                self.h = length * problem.direction;
                Ok(())
            }
            Err(kind) => {
                std::mem::swap(&mut self.y, &mut self.y_old);
                Err(kind)
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
        self.order
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let h = t - self.t_old;
        for (place, out) in out.iter_mut().enumerate() {
            let ([p], _) = horner::<1>(&self.jet_old[self.front..], &self.y_old, place, self.n, h);
            *out = p;
        }
    }

    fn stiffness(&self) -> f64 {
        0.0
    }

    fn cost(&self, rhs: f64) -> f64 {
        // A product of two series of N terms takes N²/2 operations for the one of their values.
        rhs * (self.order * self.order) as f64 / 2.0
    }
}
