//! The derivatives of log Γ.

use super::kernel::one;
use super::logarithm::Log;
use super::trigonometric::{Sin, Tan};

/// ψ(x): reflection below zero, recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18).
pub fn digamma(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x <= 0.0 {
        return if x == x.floor() { f64::NAN } else { digamma(1.0 - x) - PI / one::<Tan>(PI * x) };
    }
    let mut shift = 0.0;
    let mut x = x;
    while x < 10.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 12.0
            - r * (1.0 / 120.0
                - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * (691.0 / 32760.0 - r / 12.0))))));
    shift + one::<Log>(x) - 0.5 / x - series
}

/// ψ′(x): reflection, recurrence and asymptotic series (Abramowitz & Stegun 6.4.7, 6.4.6, 6.4.12).
pub fn trigamma(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x <= 0.0 {
        let s = one::<Sin>(PI * x);
        return if x == x.floor() { f64::NAN } else { PI * PI / (s * s) - trigamma(1.0 - x) };
    }
    let mut shift = 0.0;
    let mut x = x;
    while x < 12.0 {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r * (1.0 / 30.0 - r * (5.0 / 66.0 - r * 691.0 / 2730.0)))));
    shift + 1.0 / x + 0.5 * r + series / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_agrees_with_known_values() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + EULER).abs() < 1e-15);
        assert!((digamma(0.5) + EULER + 2.0 * 2f64.ln()).abs() < 1e-14);
        assert!((digamma(-0.5) - 0.036_489_973_978_576_52).abs() < 1e-13);
    }

    #[test]
    fn trigamma_agrees_with_known_values() {
        use std::f64::consts::PI;
        assert!((trigamma(1.0) - PI * PI / 6.0).abs() < 1e-14);
        assert!((trigamma(0.5) - PI * PI / 2.0).abs() < 1e-13);
        assert!((trigamma(-0.5) - (PI * PI / 2.0 + 4.0)).abs() < 1e-12);
    }
}
