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

mod lanes;

use std::sync::Arc;

use crate::math;
use crate::solve::ErrorKind;
use crate::solve::lanes::Single;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Pace, Stepper, Terms, too_small, zeros};
use crate::solve::taken::{Formula, Taken};
use crate::system::{self, EXTRA, LIMITS};

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

/// Where inside a step the defect is measured too if the equations have branches.
const INSIDE: [f64; 3] = [0.21, 0.5, 0.79];

/// The method in progress.
pub struct Taylor {
    series: Arc<dyn system::Taylor>,
    n: usize,
    order: usize,
    terms: Terms,
    pace: Pace,
    /// The state, what a compiled step says of itself, and the coefficients y_1 … y_N, n numbers each: where it stands, and
    /// where the last step began.
    here: Vec<f64>,
    before: Vec<f64>,
    t_old: f64,
    h_old: f64,
    /// Whole steps, where the system has them.
    compiled: Option<Arc<dyn system::CompiledStep>>,
    limits: Vec<f64>,
    /// What P'(h) misses, times h/(N + 1).
    error: Vec<f64>,
    work: Vec<f64>,
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
        let point = || zeros(n + EXTRA + n * order);
        let terms = Terms::new(order);
        Ok(Taylor {
            compiled: series.step(),
            n,
            order,
            terms,
            pace: Pace::of_series(terms),
            here: point(),
            before: point(),
            t_old: 0.0,
            h_old: 0.0,
            limits: zeros(LIMITS + n),
            error: zeros(n),
            work: zeros(series.work()),
            series,
        })
    }

    /// The largest coefficients of the last two orders where it stands, in units of the tolerance.
    fn last_terms(&self, problem: &Problem) -> (f64, f64) {
        let (y, jet) = parts(&self.here, self.n);
        let mut largest = (0.0f64, 0.0f64);
        let (first, last) = jet[(self.order - 2) * self.n..].split_at(self.n);
        for (j, ((y, a), b)) in y.iter().zip(first).zip(last).enumerate() {
            let scale = 1.0 / (problem.atol(j) + problem.rtol * y.abs()).max(f64::MIN_POSITIVE);
            largest = (largest.0.max(a.abs() * scale), largest.1.max(b.abs() * scale));
        }
        largest
    }

    /// Tries a step to t: `before` becomes the new point. What the step says of itself, its error first.
    #[inline]
    fn attempt(&mut self, problem: &mut Problem, t: f64, h: f64) -> [f64; EXTRA] {
        let Some(step) = &self.compiled else {
            return [self.attempt_by_parts(problem, t, h), 0.0, 0.0];
        };
        self.limits[0] = h;
        problem.taylor_step(step.as_ref(), t, &self.here, &self.limits, &mut self.work, &mut self.before);
        self.said()
    }

    /// What a compiled attempt says of itself.
    #[inline]
    fn said(&self) -> [f64; EXTRA] {
        std::array::from_fn(|place| self.before[self.n + place])
    }

    /// The end of the step, if an attempt that says this of itself is one.
    #[inline]
    fn settle(
        &mut self,
        problem: &mut Problem,
        h: f64,
        mut said: [f64; EXTRA],
        end: f64,
    ) -> Option<Result<(), ErrorKind>> {
        if said[0] <= 1.0 {
            problem.statistics.steps += 1;
            (self.t_old, self.h_old) = (self.pace.t, h);
            std::mem::swap(&mut self.here, &mut self.before);
            if self.compiled.is_none() {
                (said[1], said[2]) = self.last_terms(problem);
            }
            self.pace.accept(h, said, end);
            return Some(Ok(()));
        }
        problem.statistics.rejected += 1;
        self.pace.reject(h, said[0]);
        let small = self.pace.h.abs() < problem.least_step(self.pace.t);
        small.then(|| Err(self.failure(problem, h, self.pace.behind(h, end))))
    }

    /// The same without a compiled step; its error in units of the tolerance.
    fn attempt_by_parts(&mut self, problem: &mut Problem, t: f64, h: f64) -> f64 {
        let n = self.n;
        let factor = h / (self.order + 1) as f64;
        let mut error = 0.0f64;
        if !self.series.smooth() {
            // A step must not pass over a branch unseen.
            for theta in INSIDE {
                self.evaluate(theta * h, factor);
                let (new, f) = parts_mut(&mut self.before, n);
                problem.rhs(self.pace.t + theta * h, new, &mut f[..n]);
                self.error.iter_mut().zip(&*f).for_each(|(error, f)| *error -= factor * f);
                let defect = problem.norm(&self.error, &self.here[..n], new);
                error = if defect > error || defect.is_nan() { defect } else { error };
            }
        }
        self.evaluate(h, factor);
        let (new, jet) = parts_mut(&mut self.before, n);
        problem.taylor(self.series.as_ref(), t, new, &mut self.work, jet);
        for (error, f) in self.error.iter_mut().zip(&*jet) {
            *error -= factor * f;
        }
        // A point with coefficients that are not finite is one there is no going on from; the first are part of the error.
        let next = jet[(self.order - 2) * n..].iter().all(|c| c.is_finite());
        let last = if next { problem.norm(&self.error, &self.here[..n], new) } else { f64::NAN };
        if last > error || last.is_nan() { last } else { error }
    }

    /// The new state `P(h)`, and `error = factor P'(h)`
    fn evaluate(&mut self, h: f64, factor: f64) {
        let mut place = 0;
        while place + 4 <= self.n {
            let (p, d) = horner::<4>(&self.here, place, self.n, h);
            for (k, (p, d)) in p.into_iter().zip(d).enumerate() {
                self.before[place + k] = p;
                self.error[place + k] = factor * d;
            }
            place += 4;
        }
        while place < self.n {
            let ([p], [d]) = horner::<1>(&self.here, place, self.n, h);
            self.before[place] = p;
            self.error[place] = factor * d;
            place += 1;
        }
    }

    /// Why no step is small enough: the last was `h`, to t.
    fn failure(&mut self, problem: &mut Problem, h: f64, t: f64) -> ErrorKind {
        // Which coefficients, or whose error it was, is seen in the parts.
        self.attempt_by_parts(problem, t, h);
        let undefined = problem.first_not_finite(parts(&self.before, self.n).1);
        too_small(problem, undefined, &self.error, &self.here[..self.n])
    }
}

/// The state and the coefficients of a point.
fn parts(point: &[f64], n: usize) -> (&[f64], &[f64]) {
    (&point[..n], &point[n + EXTRA..])
}

/// The same, to be written.
fn parts_mut(point: &mut [f64], n: usize) -> (&mut [f64], &mut [f64]) {
    let (y, rest) = point.split_at_mut(n);
    (y, &mut rest[EXTRA..])
}

/// P(h) and P'(h) of the components from `place` on.
#[inline]
fn horner<const M: usize>(point: &[f64], place: usize, n: usize, h: f64) -> ([f64; M], [f64; M]) {
    let (y, jet) = parts(point, n);
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
        problem.limits(&mut self.limits);
        let (state, jet) = parts_mut(&mut self.here, self.n);
        state.copy_from_slice(y);
        problem.taylor(self.series.as_ref(), t, state, &mut self.work, jet);
        let names = problem.first_not_finite(jet);
        if !names.is_empty() {
            return Err(ErrorKind::NotFinite(names));
        }
        let (before, last) = self.last_terms(problem);
        let length = self.terms.length(before, last);
        self.pace.start(t, if h != 0.0 && length > h.abs() { h } else { length * problem.direction });
        Ok(())
    }

    fn renew(&mut self) -> bool {
        // A start says all.
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        loop {
            let h = self.propose(problem, end)?;
            let said = self.attempt(problem, self.pace.behind(h, end), h);
            if let Some(outcome) = self.settle(problem, h, said, end) {
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
        &self.here[..self.n]
    }

    fn h(&self) -> f64 {
        self.pace.h
    }

    fn degree(&self) -> usize {
        self.order
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let h = t - self.t_old;
        for (place, out) in out.iter_mut().enumerate() {
            let ([p], _) = horner::<1>(&self.before, place, self.n, h);
            *out = p;
        }
    }

    fn taken(&self, _points: &mut Vec<f64>) -> Taken {
        Taken { formula: Formula::Taylor(self.order), t: self.t_old, h: self.h_old, began: false }
    }

    fn stiffness(&self) -> f64 {
        0.0
    }

    fn cost(&self, rhs: f64) -> f64 {
        // A product of two series of N terms takes N²/2 operations for the one of their values.
        rhs * (self.order * self.order) as f64 / 2.0
    }
}
