//! Numbers of two precisions.

/// A floating-point number, and how values are rounded to it.
pub trait Real: Copy + Send + Sync + 'static {
    /// The unit of rounding times two.
    const EPSILON: f64;
    /// The least positive number with all its digits.
    const LEAST: f64;

    /// The nearest of a double.
    fn of(double: f64) -> Self;

    /// The same number as a double.
    fn double(self) -> f64;

    /// `a·b + c` of three such numbers, rounded once.
    fn fma(a: f64, b: f64, c: f64) -> f64;

    /// A double rounded to such a number.
    fn round(double: f64) -> f64 {
        Self::of(double).double()
    }
}

impl Real for f64 {
    const EPSILON: f64 = f64::EPSILON;
    const LEAST: f64 = f64::MIN_POSITIVE;

    #[inline]
    fn of(double: f64) -> Self {
        double
    }

    #[inline]
    fn double(self) -> f64 {
        self
    }

    #[inline]
    fn fma(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    const LEAST: f64 = f32::MIN_POSITIVE as f64;

    #[inline]
    fn of(double: f64) -> Self {
        double as f32
    }

    #[inline]
    fn double(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn fma(a: f64, b: f64, c: f64) -> f64 {
        f64::from((a as f32).mul_add(b as f32, c as f32))
    }
}
