//! The first step, and the powers that step sizes are made of.

use super::Drive;
use crate::kernel::control::{
    Expr, Local, Number, Whole, Writer, converted, element, select, shifted, truncated, unary, whole,
};
use crate::math::Unary;
use crate::system::LIMITS;

impl Drive {
    /// A first step (H&N&W II.4, algorithm "starting step size").
    pub(super) fn first_step(&self, f: &mut Writer, h: Local, s: &Start, bound: Local) {
        let Start { here, slope, next, work, limits, rtol, atol, max_step, least, direction, t, span, i } = *s;
        let n = self.n as i64;
        let [d0, d1, d2] = ["d0", "d1", "d2"].map(|name| f.real(name, 0.0));
        let scale = f.real("scale", 0.0);
        let share = f.real("share", 0.0);
        let add = |f: &mut Writer, sum: Local, value: Expr| {
            f.set(share, value / scale);
            f.set(sum, sum + share * share);
        };
        let weigh = |f: &mut Writer| {
            let size = atol + rtol * element(here, i).size();
            f.set(scale, size.most(f64::MIN_POSITIVE));
        };
        f.times(i, n, |f| {
            weigh(f);
            add(f, d0, element(here, i));
            add(f, d1, element(slope, i));
        });
        let mean = |f: &mut Writer, d: Local| f.set(d, unary(Unary::Sqrt, d / self.n as f64));
        mean(f, d0);
        mean(f, d1);
        let small = d0.below(1e-5).or(d1.below(1e-5));
        let guess = f.real("guess", select(small, 1e-6, Expr::from(0.01) * d0 / d1));
        let bounded = |guess: Expr| guess.least(span).least(max_step).most(least);
        f.set(guess, bounded(guess.into()));
        // `next` holds the trial point, f there goes behind the limits' own part.
        f.times(i, n, |f| f.store(next, i, element(here, i) + direction * guess * element(slope, i)));
        let trial = shifted(limits, LIMITS + self.n);
        let time = match self.events {
            // Kept inside the times f may be asked for.
            Some(_) => (t + direction * guess).most(element(limits, 2)).least(element(limits, 3)),
            None => t + direction * guess,
        };
        f.kernel("rhs", [time, next.into(), bound.into(), next.into(), work.into(), trial.clone()]);
        f.times(i, n, |f| {
            weigh(f);
            add(f, d2, element(trial.clone(), i) - element(slope, i));
        });
        mean(f, d2);
        f.set(d2, d2 / guess);
        let better = f.real("better", guess * 1e-3);
        f.when(d1.finite().and(d2.finite()), |f| {
            f.set(better, better.most(1e-6));
            let most = f.real("curvature", d1.most(d2));
            f.when(Expr::from(1e-15).below(most), |f| {
                log2(f, better, Expr::from(0.01) / most);
                exp2(f, better, better / f64::from(self.order + 1));
            });
        });
        f.set(h, bounded((guess * 100.0).least(better)) * direction);
    }
}

/// What the first step is chosen from.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub here: Local,
    pub slope: Local,
    pub next: Local,
    pub work: Local,
    pub limits: Local,
    pub rtol: Local,
    pub atol: Local,
    pub max_step: Local,
    pub least: Local,
    pub direction: Local,
    pub t: Local,
    pub span: Local,
    pub i: Local,
}

/// `out` = log₂ x of a positive normal number, as `solve::stepper` computes it.
pub(super) fn log2(f: &mut Writer, out: Local, x: Expr) {
    let bits = f.count("bits", Expr::Bits(Box::new(x)));
    let root = std::f64::consts::FRAC_1_SQRT_2.to_bits() as i64;
    let e = f.count("exponent", whole(Whole::ShiftRight, whole(Whole::Sub, bits, root), 52));
    let mantissa = whole(Whole::Sub, bits, whole(Whole::ShiftLeft, e, 52));
    let m = f.real("mantissa", Expr::FromBits(Box::new(mantissa)));
    let s = f.real("s", (m - 1.0) / (m + 1.0));
    let q = f.real("q", s * s);
    let q = || Expr::from(q);
    let c = |d: f64| Expr::from(1.0 / d);
    let upper = (Expr::from(0.2) + q() * c(7.0)) + q() * q() * (c(9.0) + q() * c(11.0));
    let series = (Expr::from(1.0) + q() * c(3.0)) + q() * q() * upper;
    let whole_part = converted(e);
    f.set(out, whole_part + Expr::from(2.0 * std::f64::consts::LOG2_E) * s * series);
}

/// `out` = 2ˣ for |x| < 1000, as `solve::stepper` computes it.
pub(super) fn exp2(f: &mut Writer, out: Local, x: Expr) {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = f.real("x", x.most(-1000.0).least(1000.0));
    let n = f.real("n", (x + ROUND) - ROUND);
    let r = f.real("r", (x - n) * std::f64::consts::LN_2);
    let r = || Expr::from(r);
    let r2 = f.real("r2", r() * r());
    let r2 = || Expr::from(r2);
    let c = |d: f64| Expr::from(1.0 / d);
    let upper = (c(24.0) + r() * c(120.0)) + r2() * ((c(720.0) + r() * c(5040.0)) + r2() * c(40320.0));
    let series = ((Expr::from(1.0) + r()) + r2() * (Expr::from(0.5) + r() * c(6.0))) + r2() * r2() * upper;
    let power = whole(Whole::ShiftLeft, whole(Whole::Add, truncated(n), 1023), 52);
    f.set(out, series * Expr::FromBits(Box::new(power)));
}
