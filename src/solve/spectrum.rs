//! The dominant eigenvalue of J at a point, roughly: what stability asks of explicit methods, and whether its mode decays
//! without turning.

use super::problem::Problem;
use crate::math;

/// What is known of the largest eigenvalue λ of J.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dominant {
    /// |λ|, or an upper bound where that was small enough. Not a number where J is none.
    pub radius: f64,
    /// λ is real and negative, as far as a few iterations can tell: J is the Jacobian of something like diffusion.
    pub decays: bool,
}

/// Iterations of the power method, and how many of the first do not count.
const ITERATIONS: (u32, u32) = (16, 8);
/// The same where they go on from the vector of the last look.
const FURTHER: (u32, u32) = (6, 2);
/// The share of the vector of a first look that is added then, for what has become dominant since.
const FRESH: f64 = 0.01;
/// A Rayleigh quotient of at least this share of |λ| is that of a real eigenvalue.
const REAL: f64 = 0.9;

/// Memory for looking at J: made when first needed.
#[derive(Debug, Default)]
pub struct Spectrum {
    values: Vec<f64>,
    /// Where the last look ended; empty at first.
    v: Vec<f64>,
    image: Vec<f64>,
}

impl Spectrum {
    /// Forgets where the last look ended.
    pub fn forget(&mut self) {
        self.v.clear();
    }

    /// The spectral radius of J at (t, y) by the power method: the geometric mean of the last growths, since complex pairs
    /// make single ones swing. An estimate that may fall short. Where a norm of J, which is an upper bound, does not exceed
    /// `enough`, that norm.
    pub fn dominant(&mut self, problem: &mut Problem, t: f64, y: &[f64], enough: f64) -> Dominant {
        let n = problem.dim();
        let system = problem.system;
        let pattern = system.jacobian_pattern();
        self.values.resize(pattern.nnz(), 0.0);
        self.image.resize(n, 0.0);
        let Spectrum { values, v, image } = self;
        problem.jacobian(t, y, values);
        let bound = pattern.norm(values, image);
        if bound <= enough {
            return Dominant { radius: bound, decays: false };
        }
        // A start with a share in every direction.
        let start = |k: usize| 1.0 + ((k * 7 + 3) % 11) as f64 / 11.0;
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let (most, settling) = if v.len() == n && length.is_finite() {
            let share = FRESH * length / (n as f64).sqrt();
            v.iter_mut().enumerate().for_each(|(k, x)| *x += share * start(k));
            FURTHER
        } else {
            v.clear();
            v.extend((0..n).map(start));
            ITERATIONS
        };
        let (mut growth, mut counted, mut rayleigh) = (0.0, 0u32, 0.0);
        for iteration in 0..most {
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            if norm == 0.0 || !norm.is_finite() {
                v.clear();
                return Dominant { radius: if norm == 0.0 { 0.0 } else { f64::NAN }, decays: false };
            }
            if iteration >= settling {
                growth += math::log(norm);
                counted += 1;
            }
            v.iter_mut().for_each(|x| *x /= norm);
            pattern.multiply(values, v, image);
            rayleigh = v.iter().zip(&*image).map(|(v, image)| v * image).sum();
            std::mem::swap(v, image);
        }
        let radius = math::exp(growth / f64::from(counted));
        Dominant { radius, decays: rayleigh < -REAL * radius }
    }
}
