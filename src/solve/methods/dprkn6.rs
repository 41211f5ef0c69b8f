//! DPRKN6: the explicit Runge–Kutta–Nyström pair 6(4) of Dormand and Prince for x'' = g(t, x), six stages of which the last is
//! the first of the next step, with its interpolant. It evaluates g half as often as methods for first-order systems do.
//!
//! Source: J. R. Dormand, P. J. Prince, Runge–Kutta–Nyström triples, Computers & Mathematics with Applications 13 (1987)
//! 937–949 (RKN6(4)6FD). The interpolant's weights are the only ones of these stages that meet the order conditions:
//! order 6 in x, and its derivative, order 5 in v.

use std::sync::Arc;

use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Controller, Stepper, clip, first_step, next_step, too_small};
use crate::solve::taken::{Formula, Taken};
use crate::system::SecondOrder;

/// Number of stages.
pub const STAGES: usize = 6;
/// Nodes.
pub const C: [f64; STAGES] = [0.0, 0.129_295_903_136_704_42, 0.258_591_806_273_408_83, 0.670_297_082_615_48, 0.9, 1.0];
/// Weights of the stages' positions, h² A; the last row gives x at the new point.
pub const A: [&[f64]; STAGES] = [
    &[],
    &[0.008_358_715_283_968_025],
    &[0.011_144_953_711_957_367, 0.022_289_907_423_914_734],
    &[0.145_474_742_801_091_8, -0.229_860_640_522_647_49, 0.309_034_987_202_967_5],
    &[-0.207_668_262_950_789_97, 0.686_366_784_292_514_3, -0.199_549_277_872_349_25, 0.125_850_756_530_624_89],
    &[0.078_110_161_443_494_78, 0.0, 0.288_291_741_189_766_8, 0.122_425_537_174_570_41, 0.011_172_560_192_168_035],
];
/// Weights of the velocity.
pub const B: [f64; STAGES] =
    [0.078_110_161_443_494_78, 0.0, 0.388_843_478_705_982_6, 0.371_320_757_928_842_3, 0.111_725_601_921_680_35, 0.05];
/// Error weights of x: order 4 less.
pub const ERROR_X: [f64; STAGES] = [
    -0.980_749_098_926_923_5,
    2.406_751_371_924_452,
    -1.559_600_370_364_267,
    0.122_425_537_174_570_41,
    0.011_172_560_192_168_035,
    0.0,
];
/// Error weights of v.
pub const ERROR_V: [f64; STAGES] = [
    0.023_504_273_504_273_504,
    0.0,
    -0.072_423_307_197_644_24,
    0.175_439_898_449_529_62,
    -0.276_520_864_756_158_9,
    0.15,
];
/// Weights of x inside a step: `x0 + θ h v0 + h² Σ_i k_i Σ_j DENSE[i][j] θ^(j+2)`.
pub const DENSE: [[f64; 5]; STAGES] = [
    [0.5, -1.245_014_245_014_245, 1.516_144_349_477_682_7, -0.906_695_156_695_156_7, 0.213_675_213_675_213_67],
    [0.0; 5],
    [0.0, 1.985_937_198_870_503_2, -3.577_652_872_294_921, 2.538_401_116_410_950_6, -0.658_393_701_796_765_8],
    [0.0, -1.855_935_827_692_661_4, 5.547_586_751_052_329, -5.164_133_553_908_094, 1.594_908_167_722_996_4],
    [0.0, 2.178_649_237_472_767, -6.926_987_319_144_182, 7.273_336_685_101_391, -2.513_826_043_237_808],
    [0.0, -1.063_636_363_636_363_7, 3.440_909_090_909_091, -3.740_909_090_909_090_7, 1.363_636_363_636_363_5],
];

/// The method in progress.
pub struct Dprkn6 {
    pairs: Arc<SecondOrder>,
    t: f64,
    h: f64,
    y: Vec<f64>,
    y_new: Vec<f64>,
    /// Stages, n numbers each, of which the accelerations count.
    k: Vec<f64>,
    error: Vec<f64>,
    t_old: f64,
    h_old: f64,
    y_old: Vec<f64>,
    k_old: Vec<f64>,
    controller: Controller,
}

impl Dprkn6 {
    /// Memory.
    ///
    /// # Errors
    /// If the system is not of second order.
    pub fn new(problem: &Problem) -> Result<Self, ErrorKind> {
        let pairs = problem.second_order("DPRKN6")?;
        let n = problem.dim();
        let zeros = || vec![0.0; n];
        Ok(Dprkn6 {
            pairs,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            y_new: zeros(),
            k: vec![0.0; STAGES * n],
            error: zeros(),
            t_old: 0.0,
            h_old: 1.0,
            y_old: zeros(),
            k_old: vec![0.0; STAGES * n],
            controller: Controller::new(4, 0.04),
        })
    }

    /// Stages of a step h (H&N&W II.14.13) and the error's size.
    fn attempt(&mut self, problem: &mut Problem, h: f64) -> f64 {
        let n = self.y.len();
        let sum = |weights: &[f64], k: &[f64], v: usize| -> f64 {
            weights.iter().enumerate().map(|(l, a)| a * k[l * n + v]).sum()
        };
        self.y_new.copy_from_slice(&self.y);
        for i in 1..STAGES {
            let (done, rest) = self.k.split_at_mut(i * n);
            for &(x, v) in self.pairs.iter() {
                self.y_new[x] = self.y[x] + h * (C[i] * self.y[v] + h * sum(A[i], done, v));
            }
            problem.rhs(self.t + C[i] * h, &self.y_new, &mut rest[..n]);
        }
        for &(x, v) in self.pairs.iter() {
            self.y_new[v] = self.y[v] + h * sum(&B, &self.k, v);
            self.error[x] = h * h * sum(&ERROR_X, &self.k, v);
            self.error[v] = h * sum(&ERROR_V, &self.k, v);
        }
        let last = &self.k[(STAGES - 1) * n..];
        if self.pairs.iter().all(|(_, v)| last[*v].is_finite()) {
            problem.norm(&self.error, &self.y, &self.y_new)
        } else {
            f64::NAN
        }
    }
}

impl Stepper for Dprkn6 {
    fn name(&self) -> &'static str {
        "DPRKN6"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        let n = y.len();
        (self.t, self.h) = (t, h);
        self.y.copy_from_slice(y);
        self.controller.reset();
        problem.rhs(t, &self.y, &mut self.k[..n]);
        match problem.not_finite(&self.k[..n]) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        // A start says all.
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.y.len();
        if self.h == 0.0 {
            let (f0, scratch) = self.k.split_at_mut(n);
            self.h = first_step(problem, self.t, &self.y, f0, 4, end - self.t, scratch);
        }
        loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            if h.abs() < problem.least_step(self.t) && h != end - self.t {
                return Err(too_small(problem, problem.first_not_finite(&self.k), &self.error, &self.y));
            }
            let error = self.attempt(problem, h);
            if error <= 1.0 {
                problem.statistics.steps += 1;
                (self.t_old, self.h_old) = (self.t, h);
                self.t = if h == end - self.t { end } else { self.t + h };
                std::mem::swap(&mut self.y_old, &mut self.y);
                std::mem::swap(&mut self.y, &mut self.y_new);
                std::mem::swap(&mut self.k_old, &mut self.k);
                self.k[..n].copy_from_slice(&self.k_old[(STAGES - 1) * n..]);
                let factor = self.controller.accept(error);
                self.h = next_step(self.h, h, factor);
                return Ok(());
            }
            problem.statistics.rejected += 1;
            self.h = h * self.controller.reject(error);
            if self.h.abs() < problem.least_step(self.t) {
                return Err(too_small(problem, problem.first_not_finite(&self.k), &self.error, &self.y));
            }
        }
    }

    fn t(&self) -> f64 {
        self.t
    }

    fn y(&self) -> &[f64] {
        &self.y
    }

    fn h(&self) -> f64 {
        self.h
    }

    fn degree(&self) -> usize {
        DENSE[0].len() + 1
    }

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let (n, h) = (self.y.len(), self.h_old);
        let s = (t - self.t_old) / h;
        let weights = DENSE.map(|row| s * s * row.iter().rev().fold(0.0, |sum, c| sum * s + c));
        let slopes = DENSE.map(|row| s * (0..5).rev().fold(0.0, |sum, j| sum * s + (j + 2) as f64 * row[j]));
        for &(x, v) in self.pairs.iter() {
            let sum = |weights: &[f64; STAGES]| -> f64 {
                weights.iter().enumerate().map(|(l, b)| b * self.k_old[l * n + v]).sum()
            };
            out[x] = self.y_old[x] + h * (s * self.y_old[v] + h * sum(&weights));
            out[v] = self.y_old[v] + h * sum(&slopes);
        }
    }

    fn taken(&self, _points: &mut Vec<f64>) -> Taken {
        Taken { formula: Formula::Nystrom, t: self.t_old, h: self.h_old, began: false }
    }

    fn stiffness(&self) -> f64 {
        0.0
    }

    fn cost(&self, rhs: f64) -> f64 {
        (STAGES - 1) as f64 * (rhs + 6.0 * self.y.len() as f64)
    }
}
