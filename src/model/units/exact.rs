//! What a unit is: its dimension and, exactly, its size in SI base units.
//!
//! A size is a product of primes and π to rational powers, so that units compare without rounding and a conversion is
//! rounded once, when it becomes a number.

use crate::math;
use std::collections::BTreeMap;
use std::f64::consts::PI;

use super::ratio::{Ratio, decimal};

/// The base quantities, in the order of [`Exact::dims`].
pub const DIMENSIONS: [&str; 8] =
    ["length", "mass", "time", "current", "temperature", "amount", "light", "information"];

/// The base units of the same.
pub const BASE_UNITS: [&str; 8] = ["m", "kg", "s", "A", "K", "mol", "cd", "bit"];

/// The exponents of the base quantities.
pub type Dims = [Ratio; 8];

/// Stands for π among the primes.
const PI_KEY: u64 = 0;

/// Prime factors are looked for up to here; what remains of a number counts as prime.
const LARGEST_DIVISOR: u64 = 100_000;

/// A dimension and a size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exact {
    /// Exponents of the base quantities.
    pub dims: Dims,
    /// Exponents of primes.
    size: BTreeMap<u64, Ratio>,
}

impl Default for Ratio {
    fn default() -> Self {
        Ratio::ZERO
    }
}

impl Exact {
    /// The unit of a base quantity.
    pub fn base(dimension: usize) -> Exact {
        let mut exact = Exact::default();
        exact.dims[dimension] = Ratio::ONE;
        exact
    }

    /// π.
    pub fn pi() -> Exact {
        Exact { size: BTreeMap::from([(PI_KEY, Ratio::ONE)]), ..Exact::default() }
    }

    /// A positive number.
    pub fn number(value: f64) -> Exact {
        let mut exact = Exact::default();
        let (mut rest, ten) = decimal(value);
        let mut divisor = 2;
        while divisor * divisor <= rest && divisor <= LARGEST_DIVISOR {
            while rest % divisor == 0 {
                exact.factor(divisor, Ratio::ONE);
                rest /= divisor;
            }
            divisor += 1;
        }
        if rest > 1 {
            exact.factor(rest, Ratio::ONE);
        }
        exact.factor(2, Ratio::new(ten.into(), 1));
        exact.factor(5, Ratio::new(ten.into(), 1));
        exact
    }

    fn factor(&mut self, prime: u64, exponent: Ratio) {
        let entry = self.size.entry(prime).or_default();
        *entry = *entry + exponent;
        if entry.is_zero() {
            self.size.remove(&prime);
        }
    }

    /// `self*other^exponent`.
    pub fn times(mut self, other: &Exact, exponent: Ratio) -> Exact {
        for (own, theirs) in self.dims.iter_mut().zip(other.dims) {
            *own = *own + theirs * exponent;
        }
        for (prime, theirs) in &other.size {
            self.factor(*prime, *theirs * exponent);
        }
        self
    }

    /// Whether it has no dimension.
    pub fn is_number(&self) -> bool {
        self.dims == Dims::default()
    }

    /// Whether its size is 1.
    pub fn is_one(&self) -> bool {
        self.size.is_empty()
    }

    /// Whether an exponent did not fit.
    pub fn is_lost(&self) -> bool {
        self.dims.iter().chain(self.size.values()).any(|r| r.is_lost())
    }

    /// The size as a float: one rounding where it is a decimal number or a fraction with few digits.
    pub fn value(&self) -> f64 {
        let whole = |prime: u64| self.size.get(&prime).and_then(|e| e.whole()).unwrap_or(0);
        // Powers of ten are left to the reading of decimal numbers, which rounds once.
        let (two, five) = (whole(2), whole(5));
        let ten = if two.signum() == five.signum() { two.signum() * two.abs().min(five.abs()) } else { 0 };
        let (mut above, mut below, mut other) = (1u64, 1u64, 1.0);
        for (prime, exponent) in &self.size {
            let base = if *prime == PI_KEY { PI } else { *prime as f64 };
            let left = if *prime == 2 || *prime == 5 { *exponent - Ratio::new(ten, 1) } else { *exponent };
            let Some(power) = left.whole().filter(|_| *prime != PI_KEY) else {
                other *= math::pow(base, left.value());
                continue;
            };
            let place = if power < 0 { &mut below } else { &mut above };
            let product = u32::try_from(power.unsigned_abs()).ok().and_then(|n| prime.checked_pow(n));
            match product.and_then(|p| p.checked_mul(*place)).filter(|p| *p <= 1 << 53) {
                Some(product) => *place = product,
                None => other *= math::pow(base, left.value()),
            }
        }
        let above: f64 = format!("{above}e{ten}").parse().unwrap_or(f64::NAN);
        above / below as f64 * other
    }

    /// 1/self.
    pub fn inverse(&self) -> Exact {
        Exact::default().times(self, -Ratio::ONE)
    }
}

/// A dimension in words, such as `length/time^2`.
pub fn dimension_in_words(dims: &Dims) -> String {
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for (name, exponent) in DIMENSIONS.iter().zip(dims) {
        let size = if exponent.is_negative() { -*exponent } else { *exponent };
        let power = if size == Ratio::ONE { name.to_string() } else { format!("{name}^{size}") };
        match exponent {
            e if e.is_zero() => {}
            e if e.is_negative() => below.push(power),
            _ => above.push(power),
        }
    }
    match (above.is_empty(), below.is_empty()) {
        (true, true) => "a pure number".to_string(),
        (true, false) => format!("1/{}", below.join("/")),
        (false, true) => above.join("*"),
        (false, false) => format!("{}/{}", above.join("*"), below.join("/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_once() {
        for text in ["3600", "1e-3", "1.602176634e-19", "0.45359237", "101325", "149597870700", "1e300", "2.5e-300"] {
            let value: f64 = text.parse().unwrap();
            assert_eq!(Exact::number(value).value(), value, "{text}");
        }
        let minute = Exact::number(60.0);
        assert_eq!(Exact::number(3600.0).times(&minute, -Ratio::ONE).value(), 60.0);
        assert_eq!(minute.inverse().value(), 1.0 / 60.0);
        assert_eq!(Exact::number(1000.0).times(&Exact::number(10.0), Ratio::new(-3, 1)), Exact::default());
        assert_eq!(Exact::pi().times(&Exact::number(180.0), -Ratio::ONE).value(), PI / 180.0);
        let root = Exact::default().times(&Exact::number(2.0), Ratio::new(1, 2));
        assert_eq!(root.value(), 2f64.sqrt());
        assert!(root.times(&Exact::number(2.0), Ratio::new(-1, 2)).is_one());
    }
}
