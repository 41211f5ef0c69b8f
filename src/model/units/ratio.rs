//! Rational numbers for exponents of units. They stay small; what does not fit becomes [`Ratio::LOST`], which like NaN
//! stays what it is and equals nothing but itself, so that an overflow can be told and never passes for an answer.

use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

/// A fraction in lowest terms with a positive denominator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio {
    n: i64,
    d: i64,
}

impl Ratio {
    /// 0.
    pub const ZERO: Ratio = Ratio { n: 0, d: 1 };
    /// 1.
    pub const ONE: Ratio = Ratio { n: 1, d: 1 };
    /// A value that did not fit.
    pub const LOST: Ratio = Ratio { n: 0, d: 0 };

    /// `n/d`.
    pub fn new(n: i64, d: i64) -> Ratio {
        Ratio::of(i128::from(n), i128::from(d))
    }

    fn of(n: i128, d: i128) -> Ratio {
        if d == 0 {
            return Ratio::LOST;
        }
        let (mut a, mut b) = (n.unsigned_abs(), d.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = a.max(1) as i128 * d.signum();
        match (i64::try_from(n / divisor), i64::try_from(d / divisor)) {
            (Ok(n), Ok(d)) => Ratio { n, d },
            _ => Ratio::LOST,
        }
    }

    /// The fraction that a decimal number such as 0.25 is written as; none if it does not fit.
    pub fn decimal(value: f64) -> Option<Ratio> {
        let (mantissa, exponent) = decimal(value);
        let scale = 10i128.checked_pow(exponent.unsigned_abs())?;
        let mantissa = i128::from(mantissa) * if value < 0.0 { -1 } else { 1 };
        let ratio = if exponent < 0 { Ratio::of(mantissa, scale) } else { Ratio::of(mantissa.checked_mul(scale)?, 1) };
        (!ratio.is_lost()).then_some(ratio)
    }

    /// Whether it is 0.
    pub fn is_zero(self) -> bool {
        self == Ratio::ZERO
    }

    /// Whether it did not fit.
    pub fn is_lost(self) -> bool {
        self.d == 0
    }

    /// The whole number it is.
    pub fn whole(self) -> Option<i64> {
        (self.d == 1).then_some(self.n)
    }

    /// The nearest float.
    pub fn value(self) -> f64 {
        self.n as f64 / self.d as f64
    }

    /// 1/self.
    pub fn inverse(self) -> Ratio {
        Ratio::new(self.d, self.n)
    }

    /// Whether it is below 0.
    pub fn is_negative(self) -> bool {
        self.n < 0
    }
}

/// The digits of a float's shortest decimal form and the power of ten behind them: 0.25 is (25, -2).
pub fn decimal(value: f64) -> (u64, i32) {
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
    let mantissa = digits.replace('.', "").parse().unwrap_or(0);
    (mantissa, exponent.parse::<i32>().unwrap_or(0) - places)
}

impl Add for Ratio {
    type Output = Ratio;
    fn add(self, other: Ratio) -> Ratio {
        let (a, b, c, d) = (i128::from(self.n), i128::from(self.d), i128::from(other.n), i128::from(other.d));
        Ratio::of(a * d + c * b, b * d)
    }
}

impl Neg for Ratio {
    type Output = Ratio;
    fn neg(self) -> Ratio {
        Ratio::of(-i128::from(self.n), i128::from(self.d))
    }
}

impl Sub for Ratio {
    type Output = Ratio;
    fn sub(self, other: Ratio) -> Ratio {
        self + -other
    }
}

impl Mul for Ratio {
    type Output = Ratio;
    fn mul(self, other: Ratio) -> Ratio {
        Ratio::of(i128::from(self.n) * i128::from(other.n), i128::from(self.d) * i128::from(other.d))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.d == 1 { write!(f, "{}", self.n) } else { write!(f, "({}/{})", self.n, self.d) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_reduced_and_overflow_is_lost() {
        let half = Ratio::new(-3, -6);
        assert_eq!((half + half, half - half, half * half), (Ratio::ONE, Ratio::ZERO, Ratio::new(1, 4)));
        assert_eq!(
            (half.inverse(), Ratio::decimal(0.5), Ratio::decimal(-1.25)),
            (Ratio::new(2, 1), Some(half), Some(Ratio::new(-5, 4)))
        );
        assert_eq!((Ratio::decimal(1e300), Ratio::decimal(1e-300)), (None, None));
        let large = Ratio::new(i64::MAX - 1, 1);
        assert!(
            (large * large).is_lost() && (large * large * Ratio::ZERO).is_lost() && Ratio::ZERO.inverse().is_lost()
        );
        assert!((large + large).is_lost() && !large.is_lost());
        assert_eq!(format!("{half} {}", Ratio::new(-4, 2)), "(1/2) -2");
    }
}
