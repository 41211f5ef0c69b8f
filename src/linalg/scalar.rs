//! The numbers factorisations calculate with: real ones, and complex ones for the transformed systems of fully implicit
//! Runge–Kutta methods.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// What an elimination needs of a number.
pub trait Scalar:
    Copy
    + Debug
    + Default
    + PartialEq
    + From<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    /// A size to compare pivots by: |x|, or |Re x| + |Im x|.
    fn size(self) -> f64;
}

impl Scalar for f64 {
    #[inline]
    fn size(self) -> f64 {
        self.abs()
    }
}

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

impl Scalar for Complex {
    #[inline]
    fn size(self) -> f64 {
        self.re.abs() + self.im.abs()
    }
}

impl From<f64> for Complex {
    #[inline]
    fn from(re: f64) -> Self {
        Complex { re, im: 0.0 }
    }
}

impl Add for Complex {
    type Output = Self;
    #[inline]
    fn add(self, o: Self) -> Self {
        Complex { re: self.re + o.re, im: self.im + o.im }
    }
}

impl Sub for Complex {
    type Output = Self;
    #[inline]
    fn sub(self, o: Self) -> Self {
        Complex { re: self.re - o.re, im: self.im - o.im }
    }
}

impl Mul for Complex {
    type Output = Self;
    #[inline]
    fn mul(self, o: Self) -> Self {
        Complex { re: self.re * o.re - self.im * o.im, im: self.re * o.im + self.im * o.re }
    }
}

impl Div for Complex {
    type Output = Self;
    /// Smith's algorithm: no overflow on the way (Communications of the ACM 5 (1962) 435).
    #[inline]
    fn div(self, o: Self) -> Self {
        if o.re.abs() >= o.im.abs() {
            let ratio = o.im / o.re;
            let size = o.re + o.im * ratio;
            Complex { re: (self.re + self.im * ratio) / size, im: (self.im - self.re * ratio) / size }
        } else {
            let ratio = o.re / o.im;
            let size = o.re * ratio + o.im;
            Complex { re: (self.re * ratio + self.im) / size, im: (self.im * ratio - self.re) / size }
        }
    }
}

impl Neg for Complex {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Complex { re: -self.re, im: -self.im }
    }
}

impl AddAssign for Complex {
    #[inline]
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl SubAssign for Complex {
    #[inline]
    fn sub_assign(&mut self, o: Self) {
        *self = *self - o;
    }
}

impl MulAssign for Complex {
    #[inline]
    fn mul_assign(&mut self, o: Self) {
        *self = *self * o;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_undo_products() {
        for (a, b) in [((3.0, -4.0), (0.5, 2.0)), ((1.0, 1.0), (2.0, -0.25)), ((1e200, 1e200), (1e200, 2e200))] {
            let (a, b) = (Complex { re: a.0, im: a.1 }, Complex { re: b.0, im: b.1 });
            let back = a / b * b;
            assert!((back - a).size() < 1e-15 * a.size(), "{back:?}");
        }
    }
}
