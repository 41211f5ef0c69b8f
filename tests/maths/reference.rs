//! Elementary functions to about a hundred bits, for comparison: sums of two numbers, Taylor series and Newton steps.
//!
//! Nothing of the library is used; `reference_agrees_with_arbitrary_precision` holds it to another implementation.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// h + l with |l| at most half a unit in the last place of h.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Double {
    pub h: f64,
    pub l: f64,
}

fn sum(a: f64, b: f64) -> Double {
    let h = a + b;
    let part = h - a;
    Double { h, l: (a - (h - part)) + (b - part) }
}

fn product(a: f64, b: f64) -> Double {
    let h = a * b;
    Double { h, l: a.mul_add(b, -h) }
}

pub fn double(h: f64) -> Double {
    Double { h, l: 0.0 }
}

impl Add for Double {
    type Output = Double;
    fn add(self, b: Double) -> Double {
        let (s, t) = (sum(self.h, b.h), sum(self.l, b.l));
        let u = sum(s.h, s.l + t.h);
        sum(u.h, u.l + t.l)
    }
}

impl Neg for Double {
    type Output = Double;
    fn neg(self) -> Double {
        Double { h: -self.h, l: -self.l }
    }
}

impl Sub for Double {
    type Output = Double;
    fn sub(self, b: Double) -> Double {
        self + -b
    }
}

impl Mul for Double {
    type Output = Double;
    fn mul(self, b: Double) -> Double {
        let p = product(self.h, b.h);
        sum(p.h, p.l + (self.h * b.l + self.l * b.h))
    }
}

impl Div for Double {
    type Output = Double;
    fn div(self, b: Double) -> Double {
        let first = double(self.h / b.h);
        let rest = self - first * b;
        let second = double(rest.h / b.h);
        let rest = rest - second * b;
        first + second + double(rest.h / b.h)
    }
}

impl Double {
    pub fn times(self, power_of_two: f64) -> Double {
        Double { h: self.h * power_of_two, l: self.l * power_of_two }
    }

    pub fn abs(self) -> Double {
        if self.h < 0.0 { -self } else { self }
    }

    pub fn sqrt(self) -> Double {
        if self.h == 0.0 {
            return self;
        }
        let y = double(self.h.sqrt());
        y + (self - y * y) / y.times(2.0)
    }

    /// Σ cₖ·self·z^k, z = self², with cₖ from the last to the first.
    fn odd_series(self, terms: usize, c: impl Fn(usize) -> Double) -> Double {
        let z = self * self;
        (0..terms).rev().fold(double(0.0), |s, k| s * z + c(k)) * self
    }
}

const LN2: [f64; 3] = [std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17, 5.707_708_438_416_212e-34];
const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];

/// x − k·(the constant), without loss to cancellation.
fn reduce(x: Double, k: f64, constant: [f64; 3]) -> Double {
    let mut r = x;
    for part in constant {
        let p = product(k, part);
        r = r - double(p.h);
        r = r - double(p.l);
    }
    r
}

fn one() -> Double {
    double(1.0)
}

fn factorial(n: usize) -> Double {
    (1..=n).fold(one(), |f, k| f * double(k as f64))
}

thread_local! {
    /// 1/n!
    static INVERSE: Vec<Double> = (0..32).map(|n| one() / factorial(n)).collect();
}

/// A value as m·2ᵏ, so that nothing over- or underflows.
pub type Scaled = (Double, i32);

/// e^x − 1 = (1 + s)·2ᵏ − 1: s and k.
fn exp_parts(x: Double) -> (Double, i32) {
    let k = (x.h / LN2[0]).round();
    let r = reduce(x, k, LN2).times(1.0 / 256.0);
    // e^r − 1 by its series, then squared eight times.
    let mut s = INVERSE.with(|inverse| (1..14).rev().fold(double(0.0), |s, n| (s + inverse[n]) * r));
    for _ in 0..8 {
        s = s.times(2.0) + s * s;
    }
    (s, k as i32)
}

pub fn exp(x: Double) -> Scaled {
    let (s, k) = exp_parts(x);
    (one() + s, k)
}

pub fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}

pub fn expm1(x: Double) -> Scaled {
    let (s, k) = exp_parts(x);
    match k {
        0 => (s, 0),
        k if k > 200 => (one() + s, k),
        k if k < -200 => (-one(), 0),
        k => ((one() + s).times(power_of_two(k)) - one(), 0),
    }
}

/// log(1 + x)
pub fn log1p(x: Double) -> Double {
    if x.abs().h < 0.1 {
        let s = x / (double(2.0) + x);
        return s.odd_series(24, |k| double(2.0) / double((2 * k + 1) as f64));
    }
    log(one() + x)
}

/// log x, for numbers whose squares neither over- nor underflow.
pub fn log(x: Double) -> Double {
    if (x.h - 1.0).abs() < 0.1 {
        return log1p(x - one());
    }
    let y = double(x.h.ln());
    let (e, k) = exp(-y);
    let d = x.times(power_of_two(k)) * e - one();
    y + (d - (d * d).times(0.5) + d * d * d / double(3.0))
}

pub fn log_scaled((m, k): Scaled) -> Double {
    // Near 1 the two parts would cancel.
    let (m, k) = if m.h > 1.5 { (m.times(0.5), f64::from(k + 1)) } else { (m, f64::from(k)) };
    log(m) + reduce(double(0.0), -k, LN2)
}

/// (sin x, cos x), |x| < 10⁵
pub fn sin_cos(x: Double) -> (Double, Double) {
    let k = (x.h / HALF_PI[0]).round();
    sin_cos_reduced(reduce(x, k, HALF_PI), k as i64)
}

/// The same of r + k·π/2, |r| < 1.
pub fn sin_cos_reduced(r: Double, k: i64) -> (Double, Double) {
    let z = r * r;
    let (sin, cos) = INVERSE.with(|inverse| {
        let series = |first: usize| {
            (0..14).rev().fold(double(0.0), |s, n| {
                let c = inverse[first + 2 * n];
                s * z + if n % 2 == 0 { c } else { -c }
            })
        };
        (series(1) * r, series(0))
    });
    match k.rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

pub fn atan(x: Double) -> Double {
    // tan(a − b) = (tan a − tan b)/(1 + tan a·tan b)
    let y = double(x.h.atan());
    let (sin, cos) = sin_cos(y);
    let d = (x * cos - sin) / (cos + x * sin);
    y + (d - d * d * d / double(3.0))
}

pub fn half_pi() -> Double {
    Double { h: HALF_PI[0], l: HALF_PI[1] }
}

pub fn sinh(x: Double) -> Scaled {
    let a = x.abs();
    let sign = if x.h < 0.0 { -0.5 } else { 0.5 };
    if a.h > 60.0 {
        let (m, k) = exp(a);
        return (m.times(sign), k);
    }
    let (m, _) = expm1(a);
    ((m + m / (m + one())).times(sign), 0)
}

pub fn cosh(x: Double) -> Scaled {
    let (m, k) = exp(x.abs());
    if k > 60 {
        return (m.times(0.5), k);
    }
    let e = m.times(power_of_two(k));
    ((e + one() / e).times(0.5), 0)
}

pub fn tanh(x: Double) -> Double {
    let (m, _) = expm1(double(x.abs().h.min(60.0)).times(2.0));
    let t = m / (m + double(2.0));
    if x.h < 0.0 { -t } else { t }
}

pub fn asinh(x: Double) -> Double {
    let a = x.abs();
    let z = a * a;
    let y = log1p(a + z / (one() + (one() + z).sqrt()));
    if x.h < 0.0 { -y } else { y }
}

pub fn acosh(x: Double) -> Double {
    let t = x - one();
    log1p(t + (t.times(2.0) + t * t).sqrt())
}

pub fn atanh(x: Double) -> Double {
    let a = x.abs();
    let y = log1p(a.times(2.0) / (one() - a)).times(0.5);
    if x.h < 0.0 { -y } else { y }
}

pub fn asin(x: Double) -> Double {
    if x.abs().h == 1.0 {
        return half_pi().times(x.h);
    }
    atan(x / ((one() - x) * (one() + x)).sqrt())
}

pub fn acos(x: Double) -> Double {
    if x.h == -1.0 {
        return half_pi().times(2.0);
    }
    atan(((one() - x) / (one() + x)).sqrt()).times(2.0)
}

pub fn cbrt(x: Double) -> Double {
    let y = double(x.h.cbrt());
    y - (y * y * y - x) / (y * y * double(3.0))
}

pub fn pow(x: Scaled, y: f64) -> Scaled {
    exp(log_scaled(x) * double(y))
}
