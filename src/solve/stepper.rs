//! The slot for integration methods, and what one-step methods share: the first step and the step-size controller.

use super::ErrorKind;
use super::lanes::Single;
use super::problem::Problem;
use super::taken::Taken;
use crate::linalg::Shifted;
use crate::math;
use crate::system::EXTRA;
use crate::system::constants::{GROW, LEAST, SAFETY, SHRINK};

/// One integration method in progress. A stepper owns its state vector and memory; it allocates when made, never later.
pub trait Stepper: Send {
    /// The method's name.
    fn name(&self) -> &'static str;

    /// Starts (afresh) at (t, y). `h` is a first step to try; 0 lets the method choose.
    ///
    /// # Errors
    /// If f is not finite there.
    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind>;

    /// Forgets the run before, keeping its memory; whether the next one will then be, bit for bit, that of a stepper just made.
    fn renew(&mut self) -> bool {
        false
    }

    /// Takes one accepted step, not beyond `end`.
    ///
    /// # Errors
    /// When no step is small enough, or a limit is reached; (t, y) is then the last accepted point.
    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind>;

    /// Takes accepted steps, at least one and none beyond `end`, until t has reached `until`: for stretches in which nobody
    /// looks at the single step.
    ///
    /// # Errors
    /// As [`Self::step`].
    fn advance(&mut self, problem: &mut Problem, until: f64, end: f64) -> Result<(), ErrorKind> {
        loop {
            self.reconsider(problem)?;
            self.step(problem, end)?;
            if (self.t() - until) * problem.direction >= 0.0 {
                return Ok(());
            }
        }
    }

    /// What there is to be decided before a step; nothing but of `auto`.
    ///
    /// # Errors
    /// If it cannot go on as it has decided.
    fn reconsider(&mut self, _problem: &mut Problem) -> Result<(), ErrorKind> {
        Ok(())
    }

    /// Itself, where the attempts of its next step are calls of one compiled function, which others may make.
    fn single(&mut self) -> Option<&mut dyn Single> {
        None
    }

    /// What becomes of a step from `before` towards `end` whose attempts others have made.
    ///
    /// # Errors
    /// As [`Self::step`].
    fn concluded(
        &mut self,
        _problem: &mut Problem,
        _span: (f64, f64),
        outcome: Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        outcome
    }

    /// Puts the last accepted point onto the constraints: y moves by no more than the error of the step.
    ///
    /// # Errors
    /// If f is not finite there.
    fn correct(&mut self, problem: &mut Problem, y: &[f64]) -> Result<(), ErrorKind> {
        let (t, h) = (self.t(), self.h());
        self.start(problem, t, y, h)
    }

    /// Goes back to the point (t, y) before the last step, to try a step `h` instead: of systems with delays only.
    ///
    /// # Errors
    /// If f is not finite there.
    fn rewind(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.start(problem, t, y, h)
    }

    /// The independent variable reached.
    fn t(&self) -> f64;

    /// The solution there.
    fn y(&self) -> &[f64];

    /// The step to be tried next (signed).
    fn h(&self) -> f64;

    /// The solution at a time inside the last step, from the method's dense output.
    fn interpolate(&mut self, problem: &mut Problem, t: f64, out: &mut [f64]);

    /// The degree in t of the polynomial that [`Self::interpolate`] evaluates on the last step.
    fn degree(&self) -> usize;

    /// Whether the step that was wanted last is a good first step behind an event too; methods that begin anew at order 1
    /// choose another.
    fn keeps_step(&self) -> bool {
        true
    }

    /// What the last step says of stiffness: for explicit methods |h λ| of the dominant eigenvalue over the stability
    /// limit; for implicit ones an upper bound of |h λ|.
    fn stiffness(&self) -> f64;

    /// Whether it takes terms that are marked stiff implicitly and the others explicitly.
    fn splits(&self) -> bool {
        false
    }

    /// What the last step has left in its work buffer, if it was one function whose derivatives make use of it.
    fn work(&self) -> &[f64] {
        &[]
    }

    /// How the last step was taken, for its derivatives. Appends to `points` what the formula keeps.
    fn taken(&self, points: &mut Vec<f64>) -> Taken;

    /// The method's W, if it has one.
    fn shifted(&self) -> Option<&Shifted> {
        None
    }

    /// Roughly how many operations an accepted step takes where one evaluation of f takes `rhs`.
    fn cost(&self, rhs: f64) -> f64;
}

/// Proportional–integral step-size control (H&N&W II.4, Gustafsson 1991).
#[derive(Clone, Copy, Debug)]
pub struct Controller {
    /// Exponent of the present error.
    alpha: f64,
    /// Exponent of the error before.
    beta: f64,
    /// log₂ of the error before.
    last: f64,
    /// The most a step grows: not at all directly after a rejection.
    most: f64,
}

/// Where a one-step method stands and the step it wants next, and what the error of an attempt makes of them.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The independent variable reached.
    pub t: f64,
    /// The step wanted (signed).
    pub h: f64,
    control: Control,
}

/// What the next step follows from.
#[derive(Clone, Copy, Debug)]
enum Control {
    /// The error of the last ones.
    Error(Controller),
    /// The last terms of the series behind it.
    Terms(Terms),
}

impl Pace {
    /// At rest, with a controller that knows nothing yet.
    pub fn new(controller: Controller) -> Self {
        Pace { t: 0.0, h: 0.0, control: Control::Error(controller) }
    }

    /// At rest, for steps of a series.
    pub fn of_series(terms: Terms) -> Self {
        Pace { t: 0.0, h: 0.0, control: Control::Terms(terms) }
    }

    /// Starts (afresh) at t.
    pub fn start(&mut self, t: f64, h: f64) {
        (self.t, self.h) = (t, h);
        if let Control::Error(controller) = &mut self.control {
            controller.reset();
        }
    }

    /// What its controller remembers, for [`Self::recalled`].
    #[inline(always)]
    pub fn memory(&self) -> [f64; 2] {
        match self.control {
            Control::Error(Controller { last, most, .. }) => [last, most],
            Control::Terms(_) => [0.0; 2],
        }
    }

    /// One of the same law that stands at t, wants h, and remembers this.
    #[inline(always)]
    pub fn recalled(&self, t: f64, h: f64, [last, most]: [f64; 2]) -> Self {
        let control = match self.control {
            Control::Error(controller) => Control::Error(Controller { last, most, ..controller }),
            terms @ Control::Terms(_) => terms,
        };
        Pace { t, h, control }
    }

    /// Whether steps follow from the errors of the last ones, and not from terms of a series.
    pub fn follows_errors(&self) -> bool {
        matches!(self.control, Control::Error(_))
    }

    /// The step to try.
    #[inline(always)]
    pub fn attempt(&self, max_step: f64, end: f64) -> f64 {
        clip(self.t, self.h.max(-max_step).min(max_step), end)
    }

    /// Where a step h leads.
    #[inline(always)]
    pub fn behind(&self, h: f64, end: f64) -> f64 {
        if h == end - self.t { end } else { self.t + h }
    }

    /// A step h was accepted that said of itself what a compiled one says: its error first.
    #[inline(always)]
    pub fn accept(&mut self, h: f64, [error, before, last]: [f64; EXTRA], end: f64) {
        self.t = self.behind(h, end);
        self.h = match &mut self.control {
            Control::Error(controller) => {
                let factor = controller.accept(error);
                next_step(self.h, h, factor)
            }
            Control::Terms(terms) => terms.next(h, before, last),
        };
    }

    /// A step h with this error was rejected.
    #[inline]
    pub fn reject(&mut self, h: f64, error: f64) {
        self.h = h * match &mut self.control {
            Control::Error(controller) => controller.reject(error),
            Control::Terms(terms) => terms.reject(error),
        };
    }
}

impl Controller {
    /// For an error estimate of order `order` (error ~ h^(order+1)).
    pub fn new(order: u32, beta: f64) -> Self {
        Controller { alpha: 1.0 / f64::from(order + 1) - 0.75 * beta, beta, last: LEAST.1, most: GROW }
    }

    /// Forgets the past.
    pub fn reset(&mut self) {
        self.last = LEAST.1;
        self.most = GROW;
    }

    /// The factor for the next step after an accepted one.
    #[inline(always)]
    pub fn accept(&mut self, error: f64) -> f64 {
        let log = log2(error.max(1e-10));
        let factor = SAFETY * exp2(self.beta * self.last - self.alpha * log);
        let most = std::mem::replace(&mut self.most, GROW);
        self.last = if error > LEAST.0 { log } else { LEAST.1 };
        factor.max(SHRINK).min(most)
    }

    /// The factor for the repetition of a rejected step.
    pub fn reject(&mut self, error: f64) -> f64 {
        self.most = 1.0;
        if !error.is_finite() {
            return 0.1;
        }
        (SAFETY * exp2(-self.alpha * log2(error))).clamp(SHRINK, 0.9)
    }
}

/// The step that makes the last two terms of a Taylor series as small as the tolerance (Jorba & Zou §3.2).
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    order: usize,
    /// One over the last order but one, and over the last.
    shares: (f64, f64),
}

/// Longest growth of a step where the last terms vanish and say nothing.
const GROW_BLINDLY: f64 = 8.0;

impl Terms {
    /// Of a series that ends with this order.
    pub fn new(order: usize) -> Self {
        Terms { order, shares: (1.0 / (order - 1) as f64, 1.0 / order as f64) }
    }

    /// h = min over the last two orders m of a_m^(−1/m), by the largest coefficients in units of the tolerance; infinite
    /// where both are 0.
    #[inline(always)]
    pub fn length(&self, before: f64, last: f64) -> f64 {
        let log = |x: f64| if x < f64::MIN_POSITIVE { f64::NEG_INFINITY } else { log2(x) };
        let slowness = (log(before) * self.shares.0).max(log(last) * self.shares.1);
        if slowness == f64::NEG_INFINITY { f64::INFINITY } else { exp2(-slowness) }
    }

    /// The step behind an accepted step h.
    #[inline(always)]
    fn next(&self, h: f64, before: f64, last: f64) -> f64 {
        let length = self.length(before, last);
        if length == f64::INFINITY { GROW_BLINDLY * h } else { length.copysign(h) }
    }

    /// The factor for the repetition of a rejected step.
    fn reject(&self, error: f64) -> f64 {
        let shrink = if error.is_finite() { 0.9 * math::pow(error, -1.0 / (self.order + 1) as f64) } else { 0.1 };
        shrink.clamp(0.1, 0.5)
    }
}

/// x^p for a positive normal x, to 10⁻⁹: good enough for step sizes.
pub fn step_power(x: f64, p: f64) -> f64 {
    exp2(p * log2(x))
}

/// log₂ of a positive normal number, to 10⁻¹⁰: a step size needs no more, and a power by the library would take as long
/// as the whole step of a small system.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    // x = 2ᵉ m with √½ < m < √2.
    let bits = x.to_bits();
    let e = (bits.wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits()) as i64) >> 52;
    let m = f64::from_bits(bits.wrapping_sub((e << 52) as u64));
    // log m = 2 artanh s with s = (m − 1)/(m + 1), its series in pairs: no operation waits for more than three others.
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = (1.0 + q * (1.0 / 3.0)) + q * q * ((0.2 + q * (1.0 / 7.0)) + q * q * (1.0 / 9.0 + q * (1.0 / 11.0)));
    e as f64 + 2.0 * std::f64::consts::LOG2_E * s * series
}

/// 2ˣ to 10⁻⁹, for |x| < 1000.
#[inline(always)]
pub fn exp2(x: f64) -> f64 {
    // Adding 1.5·2⁵² rounds to an integer.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let rounded = x.clamp(-1000.0, 1000.0) + ROUND;
    let n = rounded - ROUND;
    let r = (x - n) * std::f64::consts::LN_2;
    let r2 = r * r;
    let upper = (1.0 / 24.0 + r * (1.0 / 120.0)) + r2 * ((1.0 / 720.0 + r * (1.0 / 5040.0)) + r2 * (1.0 / 40320.0));
    let series = ((1.0 + r) + r2 * (0.5 + r * (1.0 / 6.0))) + r2 * r2 * upper;
    // Its last bits are those of n.
    series * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

/// A first step (H&N&W II.4, algorithm "starting step size"). `scratch` holds 2n numbers.
pub fn first_step(
    problem: &mut Problem,
    t: f64,
    y: &[f64],
    f0: &[f64],
    order: u32,
    span: f64,
    scratch: &mut [f64],
) -> f64 {
    let n = y.len();
    let (y1, f1) = scratch.split_at_mut(n);
    let d0 = problem.norm(y, y, y);
    let d1 = problem.norm(f0, y, y);
    let direction = problem.direction;
    let guess = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { 0.01 * d0 / d1 };
    let guess = guess.min(span.abs()).min(problem.max_step).max(problem.least_step(t));
    for (out, (y, f)) in y1.iter_mut().zip(y.iter().zip(f0)) {
        *out = y + direction * guess * f;
    }
    problem.rhs(t + direction * guess, y1, f1);
    for (f1, f0) in f1.iter_mut().zip(f0) {
        *f1 -= f0;
    }
    let d2 = problem.norm(&f1[..n], y, y) / guess;
    let most = d1.max(d2);
    // `max` passes over a NaN: the trial step left the domain of f.
    let better = if !d1.is_finite() || !d2.is_finite() {
        guess * 1e-3
    } else if most <= 1e-15 {
        (guess * 1e-3).max(1e-6)
    } else {
        math::pow(0.01 / most, 1.0 / f64::from(order + 1))
    };
    direction * (100.0 * guess).min(better).min(span.abs()).min(problem.max_step).max(problem.least_step(t))
}

/// So many zeros. What is asked for as zeros comes from the allocator's slower side, which short runs of small systems feel.
pub fn zeros(count: usize) -> Vec<f64> {
    const SHORT: usize = 512;
    if count > SHORT {
        return vec![0.0; count];
    }
    let mut zeros = Vec::with_capacity(count);
    zeros.resize(count, 0.0);
    zeros
}

/// Why no step is small enough: `undefined` had derivatives that were not finite behind a longer one, or else the state with
/// the largest share in `error`.
pub fn too_small(problem: &Problem, undefined: Vec<String>, error: &[f64], y: &[f64]) -> ErrorKind {
    match undefined {
        names if names.is_empty() => ErrorKind::StepTooSmall(problem.worst(error, y)),
        names => ErrorKind::NotFinite(names),
    }
}

/// The step to try after an accepted step `h` where `wanted` was meant to be taken: a step cut short by the end of the
/// run says nothing against the one that was wanted.
#[inline(always)]
pub fn next_step(wanted: f64, h: f64, factor: f64) -> f64 {
    if (h.abs() < wanted.abs()) & (factor * h.abs() < wanted.abs()) { wanted } else { factor * h }
}

/// The step `h` shortened (or stretched by a hair) so that it ends at `end` instead of just before or beyond it.
#[inline(always)]
pub fn clip(t: f64, h: f64, end: f64) -> f64 {
    let left = end - t;
    if h.abs() * 1.01 >= left.abs() { left } else { h }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_good_enough_for_step_sizes() {
        for k in -4000..4000 {
            let x = 1.07f64.powi(k / 10) * (1.0 + f64::from(k) * 1e-5);
            assert!((log2(x) - x.log2()).abs() < 1e-10 * (1.0 + x.log2().abs()), "log2({x})");
            let y = f64::from(k) * 0.0371;
            assert!((exp2(y) / y.exp2() - 1.0).abs() < 1e-9, "exp2({y})");
        }
        assert_eq!(log2(1.0), 0.0);
        assert_eq!(exp2(0.0), 1.0);
        assert!((log2(1e-4) - LEAST.1).abs() < 1e-9);
    }

    #[test]
    fn factors_are_those_of_the_formula() {
        let (alpha, beta) = (1.0 / 8.0 - 0.75 * 0.04, 0.04);
        let mut controller = Controller::new(7, 0.04);
        for (error, last) in [(0.5f64, 1e-4f64), (0.03, 0.5), (2e-7, 0.03), (0.9, 1e-4)] {
            let wanted = (0.9 * error.powf(-alpha) * last.powf(beta)).clamp(0.2, 8.0);
            let found = controller.accept(error);
            assert!((found / wanted - 1.0).abs() < 1e-8, "{found} {wanted}");
        }
        assert!((controller.reject(30.0) / (0.9 * 30f64.powf(-alpha)) - 1.0).abs() < 1e-8);
        assert_eq!((controller.reject(f64::NAN), controller.reject(f64::INFINITY)), (0.1, 0.1));
        assert_eq!(controller.reject(1e30), 0.2);
        assert_eq!(controller.accept(1e-9), 1.0, "no growth after a rejection");
    }
}
