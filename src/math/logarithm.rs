//! Logarithms: x = 2ᵏ·m with m near 1, then a series for log m.
//!
//! `log` takes s = f/(2 + f), f = m − 1, and the series of 2·atanh s (the form of fdlibm's `e_log.c`, with the first sum
//! kept in two numbers). `log2`, `log10`, `log1p` and powers need more digits than a number has: [`log_parts`] takes c
//! near 1/z from a table (Tang, ACM TOMS 16 (1990) 378), so that r = z·c − 1 is small and, c being short, exact.

use super::double::{fast_two_sum, head, polynomial, select, two_product, two_sum};
use super::kernel::Kernel;
use super::polynomials::{LN2, LOG, LOG_TAIL, LOG2_E, LOG10_E, LOGS, LOGS_OFFSET};

const TWO_52: f64 = 4_503_599_627_370_496.0;

/// Positive, finite, not subnormal.
#[inline(always)]
fn normal(x: f64) -> bool {
    (x >= f64::MIN_POSITIVE) & (x < f64::INFINITY)
}

/// What a logarithm is where its argument is not normal: `log` is told subnormal arguments as x·2⁵⁴ and −54.
fn unusual(x: f64, log: impl Fn(f64, f64) -> f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        x
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else if x < 0.0 {
        f64::NAN
    } else {
        log(x * 18_014_398_509_481_984.0, -54.0)
    }
}

/// A positive normal number as 2ᵏ·z, z and its interval counted from `offset` (bits of a number below 1).
#[inline(always)]
fn decompose(x: f64, offset: u64) -> (f64, f64, u64) {
    let above = x.to_bits().wrapping_sub(offset);
    // The exponent's difference is made positive, then the last bits of 2⁵² + (k + 1,024).
    let k = above.wrapping_add(1024 << 52) >> 52;
    let k = f64::from_bits(TWO_52.to_bits() | k) - (TWO_52 + 1024.0);
    let z = f64::from_bits(x.to_bits().wrapping_sub(above & (0xfff << 52)));
    (k, z, above >> 45 & 127)
}

/// log x + k·log 2
#[inline(always)]
fn log_scaled(x: f64, more: f64) -> f64 {
    let (k, m, _) = decompose(x, std::f64::consts::FRAC_1_SQRT_2.to_bits());
    let k = k + more;
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    // log(1 + f) = f − (f²/2 − s·(f²/2 + z·(…)))
    let half = 0.5 * f * f;
    let series = z * polynomial(z, &LOG);
    let (sum, lost) = fast_two_sum(k * LN2[0], f);
    sum - (half - (s * (half + series) + (lost + k * LN2[1])))
}

/// Natural logarithm.
pub struct Log;

impl Kernel for Log {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        normal(x)
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        log_scaled(x, 0.0)
    }

    fn rare(x: f64) -> f64 {
        unusual(x, log_scaled)
    }
}

/// log x + k·log 2 as a sum of two, to about 2⁻⁶⁸ of it; x positive and normal.
#[inline(always)]
pub fn log_parts(x: f64, more: f64) -> (f64, f64) {
    let (k, z, interval) = decompose(x, LOGS_OFFSET);
    let k = k + more;
    let [c, log_c, log_c_low] = LOGS[interval as usize];
    // z in two pieces of 21 and 32 bits: their products with c, which has 9, are exact.
    let front = f64::from_bits(z.to_bits() & !0xffff_ffff);
    let (r, r_low) = fast_two_sum(front * c - 1.0, (z - front) * c);
    // The first part of log c is a multiple of 2⁻⁴², as that of log 2 is: this sum is exact.
    let (sum, lost) = fast_two_sum(k * LN2[0] + log_c, r);
    let low = (k * LN2[1] + log_c_low) + (lost + (r_low - r * r_low));
    // −r²/2 as a sum of two.
    let r_head = head(r);
    let square = -0.5 * r_head * r_head;
    let square_low = -0.5 * (r - r_head) * (r + r_head);
    let (sum, lost) = fast_two_sum(sum, square);
    let tail = r * r * r * polynomial(r, &LOG_TAIL);
    fast_two_sum(sum, tail + (square_low + (lost + low)))
}

/// `(a + al)·(b + bl)` rounded.
#[inline(always)]
fn times((a, al): (f64, f64), [b, bl]: [f64; 2]) -> f64 {
    let (p, e) = two_product(a, b);
    p + (e + (a * bl + al * b))
}

/// Binary logarithm.
pub struct Log2;

impl Kernel for Log2 {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        normal(x)
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        times(log_parts(x, 0.0), LOG2_E)
    }

    fn rare(x: f64) -> f64 {
        unusual(x, |x, k| times(log_parts(x, k), LOG2_E))
    }
}

/// Decimal logarithm.
pub struct Log10;

impl Kernel for Log10 {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        normal(x)
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        times(log_parts(x, 0.0), LOG10_E)
    }

    fn rare(x: f64) -> f64 {
        unusual(x, |x, k| times(log_parts(x, k), LOG10_E))
    }
}

/// log(1 + x + low), where x + low > −1 and its digits are not below the range of numbers.
#[inline(always)]
pub fn log1p_sum(x: f64, low: f64) -> f64 {
    let (u, lost) = two_sum(1.0, x);
    let (sum, rest) = log_parts(u, 0.0);
    // log(u + lost) = log u + lost/u − (lost/u)²/2 + …
    let ratio = (lost + low) / u;
    let ratio = ratio - 0.5 * ratio * ratio;
    select(sum == 0.0, ratio, sum + (rest + ratio))
}

/// log 2x for a positive normal number.
pub fn log_twice(x: f64) -> f64 {
    let (sum, low) = log_parts(x, 1.0);
    sum + low
}

/// log(1 + x)
pub struct Log1p;

impl Kernel for Log1p {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        (x > -1.0) & (x < f64::INFINITY) & (x.abs() >= 1e-300)
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        log1p_sum(x, 0.0)
    }

    fn rare(x: f64) -> f64 {
        if x == -1.0 {
            f64::NEG_INFINITY
        } else if x < -1.0 {
            f64::NAN
        } else {
            x
        }
    }
}
