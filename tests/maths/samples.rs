//! Arguments that find errors: the whole range of numbers, ordinary ones, and the neighbourhoods where functions are hard.

use rhapsode::math::{Function, pow};

/// Marsaglia's xorshift.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 0 ≤ u < 1
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.unit() * n as f64) as u64
    }

    fn between(&mut self, a: f64, b: f64) -> f64 {
        a + (b - a) * self.unit()
    }

    fn sign(&mut self) -> f64 {
        if self.bits() >> 40 & 1 == 0 { 1.0 } else { -1.0 }
    }

    /// A few units in the last place away.
    fn beside(&mut self, x: f64) -> f64 {
        f64::from_bits(x.to_bits().wrapping_add(self.below(9)).wrapping_sub(4))
    }

    /// Any finite number.
    fn any(&mut self) -> f64 {
        loop {
            let x = f64::from_bits(self.bits());
            if x.is_finite() {
                return x;
            }
        }
    }
}

/// A sample of the domain.
pub fn argument(function: Function, number: usize, random: &mut Random) -> f64 {
    use Function::*;
    let hard = match function {
        // The ends of the reduction, and where results are subnormal or overflow.
        Exp | Expm1 => match number / 8 % 3 {
            0 => {
                let half = (random.below(2_000) as f64 - 1_000.0 + 0.5) * std::f64::consts::LN_2;
                random.beside(half)
            }
            1 => random.between(-746.0, -707.0),
            _ => random.between(708.0, 711.0),
        },
        Sinh | Cosh => random.between(707.0, 712.0) * random.sign(),
        Log | Log2 | Log10 | Acosh => {
            let size = pow(1e-15, random.unit());
            1.0 + random.sign() * size
        }
        Log1p | Atanh => -1.0 + pow(1e-15, random.unit()),
        Sin | Cos | Tan => {
            let multiple = random.below(32_000) as f64 * std::f64::consts::FRAC_PI_2;
            random.beside(multiple) * random.sign()
        }
        Asin | Acos => (1.0 - pow(1e-15, random.unit())) * random.sign(),
        _ => random.between(0.4, 0.7),
    };
    let x = match number % 8 {
        0 => random.any(),
        1 | 2 => random.between(-1.0, 1.0),
        3 => random.between(-20.0, 20.0),
        4 => random.between(-745.0, 709.0),
        5 => 1e-9 * pow(1e12, random.unit()) * random.sign(),
        6 => 1.0 + random.between(-0.3, 0.5),
        _ => hard,
    };
    // Into the domain.
    match function {
        Log | Log2 | Log10 | Pow if x == 0.0 => 0.5,
        Log | Log2 | Log10 | Pow => x.abs(),
        Log1p if x <= -1.0 => -x - 0.5,
        Asin | Acos | Atanh if x.abs() > 1.0 => random.between(-1.0, 1.0),
        Atanh if x.abs() == 1.0 => 0.5,
        Acosh if x.abs() <= 1.0 => 1.0 + x.abs(),
        Acosh => x.abs(),
        Exp | Expm1 | Sinh | Cosh if x.abs() > 1e4 => random.between(-1.0, 1.0),
        // The reference of these is in another test.
        Sin | Cos | Tan if x.abs() >= 1e5 => random.between(-1e5, 1e5),
        _ => x,
    }
}

/// An exponent for a base: small, whole, or so large that the power comes near the ends of the range.
pub fn second(x: f64, number: usize, random: &mut Random) -> f64 {
    match number % 3 {
        0 => random.between(-4.0, 4.0),
        1 => random.below(41) as f64 - 20.0,
        _ => {
            let y = random.between(-1074.0, 1024.0) / Function::Log2.eval(x.abs(), 0.0);
            if y.abs() < 1e18 { y } else { 1.0 }
        }
    }
}
