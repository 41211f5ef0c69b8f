//! Inverse hyperbolic functions: logarithms of sums of two numbers.

use super::double::{quotient, root, two_product, two_sum};
use super::logarithm::{log_twice, log1p_sum};

/// Beyond this, 1 is nothing beside x².
const LARGE: f64 = 268_435_456.0;
/// Below this, x³ is nothing beside x.
const SMALL: f64 = 1e-9;

/// Inverse hyperbolic sine: log(x + √(x² + 1)).
pub fn asinh(x: f64) -> f64 {
    let a = x.abs();
    if a < SMALL || !x.is_finite() {
        return x;
    }
    let y = if a > LARGE {
        log_twice(a)
    } else {
        // log(1 + a + a²/(1 + √(1 + a²)))
        let (z, z_low) = two_product(a, a);
        let (d, d_low) = two_sum(1.0, z);
        let (r, r_low) = root(d, d_low + z_low);
        let (e, e_low) = two_sum(1.0, r);
        let (q, q_low) = quotient(z, z_low, e, e_low + r_low);
        let (sum, low) = two_sum(a, q);
        log1p_sum(sum, low + q_low)
    };
    y.copysign(x)
}

/// Inverse hyperbolic cosine: log(x + √(x² − 1)).
pub fn acosh(x: f64) -> f64 {
    if x == 1.0 {
        return 0.0;
    }
    if !(x > 1.0) {
        return f64::NAN;
    }
    if x > LARGE {
        return if x.is_finite() { log_twice(x) } else { x };
    }
    // With t = x − 1, exact: log(1 + t + √(2t + t²)).
    let (t, t_low) = two_sum(x, -1.0);
    let (z, z_low) = two_product(t, t);
    let (d, d_low) = two_sum(2.0 * t, z);
    let (r, r_low) = root(d, d_low + (z_low + 2.0 * t_low));
    let (sum, low) = two_sum(t, r);
    log1p_sum(sum, low + (r_low + t_low))
}

/// Inverse hyperbolic tangent: log((1 + x)/(1 − x))/2.
pub fn atanh(x: f64) -> f64 {
    let a = x.abs();
    if a < SMALL {
        return x;
    }
    if !(a < 1.0) {
        return if a == 1.0 { f64::INFINITY.copysign(x) } else { f64::NAN };
    }
    // log(1 + 2a/(1 − a))/2
    let (d, d_low) = two_sum(1.0, -a);
    let (q, q_low) = quotient(2.0 * a, 0.0, d, d_low);
    (0.5 * log1p_sum(q, q_low)).copysign(x)
}
