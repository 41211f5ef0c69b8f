//! eˣ and its kin: x = k·log 2 + r, then a polynomial in r (Cody & Waite, Software Manual for the Elementary Functions,
//! 1980, chapter 6). What rounding takes from r and from the polynomial's sum is carried along.

use super::double::{ROUNDER, fast_two_sum, polynomial, quotient, scale, select, two_sum};
use super::kernel::Kernel;
use super::polynomials::{EXP, LN2, LOG2_E, TANH};

/// x = k·log 2 + r.
struct Reduced {
    /// k, and a number whose low bits are k.
    k: f64,
    bits: u64,
    r: f64,
    /// eʳ − 1 − r, a few hundredths at most.
    tail: f64,
}

/// Reduces `x + low`, |x| ≤ 1100, where `low` is below half a unit in the last place of x.
#[inline(always)]
fn reduce(x: f64, low: f64) -> Reduced {
    let shifted = x * LOG2_E[0] + ROUNDER;
    let k = shifted - ROUNDER;
    // k has 11 bits, the first part of log 2 has 42: the first difference is exact.
    let (r, lost) = fast_two_sum(x - k * LN2[0], low - k * LN2[1]);
    let tail = r * r * polynomial(r, &EXP) + (lost + lost * r);
    Reduced { k, bits: shifted.to_bits(), r, tail }
}

/// e^(x + low) as p + q with p near 1, times 2ᵏ.
#[inline(always)]
fn exp_parts(x: f64, low: f64) -> (f64, f64, f64, u64) {
    let Reduced { k, bits, r, tail } = reduce(x, low);
    let (p, lost) = fast_two_sum(1.0, r);
    (p, lost + tail, k, bits)
}

/// e^(x + low) for −708 ≤ x ≤ 709.
#[inline(always)]
pub fn exp_sum(x: f64, low: f64) -> f64 {
    let (p, q, _, bits) = exp_parts(x, low);
    f64::from_bits((p + q).to_bits().wrapping_add(bits << 52))
}

/// e^(x + low) for any x.
pub fn exp_sum_any(x: f64, low: f64) -> f64 {
    if x.is_nan() {
        x
    } else if x > 709.9 {
        f64::INFINITY
    } else if x < -745.5 {
        0.0
    } else {
        let (p, q, k, _) = exp_parts(x, low);
        scale(p + q, k as i64)
    }
}

/// eˣ
pub struct Exp;

impl Kernel for Exp {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        (x >= -708.0) & (x <= 709.0)
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        exp_sum(x, 0.0)
    }

    fn rare(x: f64) -> f64 {
        exp_sum_any(x, 0.0)
    }
}

/// eˣ − 1 as a sum of two, for −708 ≤ x ≤ 709.
#[inline(always)]
fn expm1_parts(x: f64) -> (f64, f64) {
    let Reduced { bits, r, tail, .. } = reduce(x, 0.0);
    let (s, lost) = fast_two_sum(r, tail);
    // (2ᵏ − 1) + 2ᵏ·(eʳ − 1)
    let power = f64::from_bits(1f64.to_bits().wrapping_add(bits << 52));
    let (first, dropped) = fast_two_sum(power, -1.0);
    let (sum, error) = fast_two_sum(first, power * s);
    (sum, error + (power * lost + select(power >= 1.0, dropped, 0.0)))
}

/// eˣ − 1
pub struct Expm1;

impl Kernel for Expm1 {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        (x >= -708.0) & (x <= 709.0)
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        let (sum, rest) = expm1_parts(x);
        select(x == 0.0, x, sum + rest)
    }

    fn rare(x: f64) -> f64 {
        if x < 0.0 { -1.0 } else { exp_sum_any(x, 0.0) }
    }
}

/// (eˣ − e⁻ˣ)/2
pub struct Sinh;

impl Kernel for Sinh {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        x.abs() <= 709.0
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        // With m = e^|x| − 1: (m + m/(m + 1))/2.
        let (m, low) = expm1_parts(x.abs());
        let (d, dropped) = two_sum(1.0, m);
        let (q, rest) = quotient(m, low, d, dropped + low);
        let (sum, error) = fast_two_sum(m, q);
        let y = 0.5 * (sum + (error + (rest + low)));
        select(x.abs() < 1e-9, x, y.copysign(x))
    }

    fn rare(x: f64) -> f64 {
        // e^|x| would overflow before half of it does.
        if x.is_nan() { x } else { half_exp(x.abs()).copysign(x) }
    }
}

/// (eˣ + e⁻ˣ)/2
pub struct Cosh;

impl Kernel for Cosh {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        x.abs() <= 709.0
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        let (p, q, _, bits) = exp_parts(x.abs(), 0.0);
        let power = f64::from_bits(0.5f64.to_bits().wrapping_add(bits << 52));
        let (half, low) = fast_two_sum(p * power, q * power);
        let inverse = 0.25 / half;
        half + (inverse + (low - low * (inverse / half)))
    }

    fn rare(x: f64) -> f64 {
        if x.is_nan() { x } else { half_exp(x.abs()) }
    }
}

/// eˣ/2 for x > 709: sinh and cosh there.
fn half_exp(x: f64) -> f64 {
    if x > 711.0 {
        return f64::INFINITY;
    }
    let (p, q, k, _) = exp_parts(x, 0.0);
    scale(p + q, k as i64 - 1)
}

/// tanh x
pub struct Tanh;

impl Kernel for Tanh {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        !x.is_nan()
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        let a = x.abs();
        // 1 − 2/(e²ᵃ + 1), which is 1 beyond 20.
        let capped = select(a < 20.0, a, 20.0);
        let (p, q, _, bits) = exp_parts(2.0 * capped, 0.0);
        let power = f64::from_bits(1f64.to_bits().wrapping_add(bits << 52));
        let (e, e_low) = fast_two_sum(p * power, q * power);
        let (d, d_low) = fast_two_sum(e, 1.0);
        let part = 2.0 / d;
        let large = 1.0 - (part - 0.5 * part * part * (d_low + e_low));
        let square = capped * capped;
        let small = capped + capped * (square * polynomial(square, &TANH));
        select(a < 0.55, small, large).copysign(x)
    }

    fn rare(x: f64) -> f64 {
        x
    }
}
