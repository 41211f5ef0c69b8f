//! xʸ = e^(y·log x), with log x and the product as sums of two numbers.

use super::double::two_product;
use super::exponential::{exp_sum, exp_sum_any};
use super::kernel::Kernel2;
use super::logarithm::log_parts;

/// xʸ, with the special values of IEEE 754-2019, 9.2.1.
pub struct Pow;

/// y·log x as a sum of two.
#[inline(always)]
fn exponent(x: f64, more: f64, y: f64) -> (f64, f64) {
    let (log, low) = log_parts(x, more);
    let (p, e) = two_product(y, log);
    (p, e + y * low)
}

impl Kernel2 for Pow {
    #[inline(always)]
    fn usual(x: f64, y: f64) -> bool {
        // |log₂ x| is at most the difference of exponents and one: y·log x is between −708 and 709.
        let exponent = ((x.to_bits() >> 52) as i64 - 1023) as i32;
        let reach = f64::from((exponent ^ exponent >> 31) + 1);
        (x >= f64::MIN_POSITIVE) & (x < f64::INFINITY) & (y.abs() * reach <= 1021.0)
    }

    #[inline(always)]
    fn fast(x: f64, y: f64) -> f64 {
        let (p, e) = exponent(x, 0.0, y);
        exp_sum(p, e)
    }

    fn rare(x: f64, y: f64) -> f64 {
        if y == 0.0 || x == 1.0 {
            return 1.0;
        }
        if x.is_nan() || y.is_nan() {
            return f64::NAN;
        }
        let a = x.abs();
        if y.is_infinite() {
            return match a == 1.0 {
                true => 1.0,
                false if (a > 1.0) == (y > 0.0) => f64::INFINITY,
                false => 0.0,
            };
        }
        let odd = y.abs() < 9_007_199_254_740_992.0 && y == y.trunc() && (y as i64) & 1 == 1;
        let sign = if odd { 1f64.copysign(x) } else { 1.0 };
        if a == 0.0 || a == f64::INFINITY {
            return sign * if (a == 0.0) == (y > 0.0) { 0.0 } else { f64::INFINITY };
        }
        if x < 0.0 && y != y.trunc() {
            return f64::NAN;
        }
        // Beyond this the result over- or underflows, or is 1 when a is.
        let y = y.clamp(-1e19, 1e19);
        let (p, e) =
            if a < f64::MIN_POSITIVE { exponent(a * 18_014_398_509_481_984.0, -54.0, y) } else { exponent(a, 0.0, y) };
        sign * exp_sum_any(p, e)
    }
}
