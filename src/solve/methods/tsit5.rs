//! Tsit5: the explicit Runge–Kutta pair 5(4) of Tsitouras, with his interpolant of order 4. The everyday non-stiff
//! method.
//!
//! Source: Ch. Tsitouras, Runge–Kutta pairs of order 5(4) satisfying only the first column simplifying assumption,
//! Computers & Mathematics with Applications 62 (2011) 770–775.

use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Controller, Stepper, clip, first_step};
use crate::solve::tableau::Explicit;

const S: usize = 7;

/// The tableau.
pub const TABLEAU: Explicit<S> = Explicit {
    order: 5,
    embedded: 4,
    c: [0.0, 0.161, 0.327, 0.9, 0.980_025_540_904_509_7, 1.0, 1.0],
    a: [
        [0.0; S],
        [0.161, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [-0.008_480_655_492_356_989, 0.335_480_655_492_357, 0.0, 0.0, 0.0, 0.0, 0.0],
        [2.897_153_057_105_493_5, -6.359_448_489_975_075, 4.362_295_432_869_581_5, 0.0, 0.0, 0.0, 0.0],
        [5.325_864_828_439_257, -11.748_883_564_062_828, 7.495_539_342_889_836_5, -0.092_495_066_361_755_25, 0.0, 0.0, 0.0],
        [5.861_455_442_946_42, -12.920_969_317_847_11, 8.159_367_898_576_159, -0.071_584_973_281_401, -0.028_269_050_394_068_383, 0.0, 0.0],
        [0.096_460_766_818_065_23, 0.01, 0.479_889_650_414_499_6, 1.379_008_574_103_742, -3.290_069_515_436_081, 2.324_710_524_099_774, 0.0],
    ],
    error: [
        -0.001_780_011_052_225_777_14,
        -0.000_816_434_459_656_746_9,
        0.007_880_878_010_261_995,
        -0.144_711_007_173_262_9,
        0.582_357_165_452_555_2,
        -0.458_082_105_929_186_97,
        0.015_151_515_151_515_152,
    ],
    real_stability: 3.5,
}
.checked();

/// The interpolant's weights at θ ∈ [0, 1] (section 5 of the paper).
pub fn dense_weights(theta: f64) -> [f64; S] {
    let s = theta * theta;
    [
        -1.053_088_497_729_021_6 * theta * (theta - 1.329_989_018_975_141_2) * (s - 1.436_402_854_171_635_1 * theta + 0.713_981_691_707_420_9),
        0.1017 * s * (s - 2.196_656_833_824_975_4 * theta + 1.294_985_250_737_463_1),
        2.490_627_285_651_252_793 * s * (s - 2.385_356_454_720_616_57 * theta + 1.578_034_682_080_924_86),
        -16.548_102_889_244_902_72 * (theta - 1.217_129_272_955_332_44) * (theta - 0.616_204_060_378_000_89) * s,
        47.379_521_962_819_281_22 * (theta - 1.203_071_208_372_362_603) * (theta - 0.658_047_292_653_547_382) * s,
        -34.870_657_861_496_609_74 * (theta - 1.2) * (theta - 0.666_666_666_666_666_667) * s,
        2.5 * (theta - 1.0) * (theta - 0.6) * s,
    ]
}

/// The method in progress.
pub struct Tsit5 {
    n: usize,
    t: f64,
    h: f64,
    y: Vec<f64>,
    /// Start of the last step, for the interpolant.
    t_old: f64,
    h_old: f64,
    y_old: Vec<f64>,
    y_new: Vec<f64>,
    /// The point the sixth stage was evaluated at.
    y_six: Vec<f64>,
    error: Vec<f64>,
    /// Stages, one after the other.
    k: Vec<f64>,
    /// Stages of the last accepted step, for the interpolant.
    k_old: Vec<f64>,
    controller: Controller,
    stiffness: f64,
}

impl Tsit5 {
    /// Memory for n states.
    pub fn new(n: usize) -> Self {
        let zeros = || vec![0.0; n];
        Tsit5 {
            n,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            t_old: 0.0,
            h_old: 0.0,
            y_old: zeros(),
            y_new: zeros(),
            y_six: zeros(),
            error: zeros(),
            k: vec![0.0; S * n],
            k_old: vec![0.0; S * n],
            controller: Controller::new(TABLEAU.embedded, 0.04),
            stiffness: 0.0,
        }
    }

    /// Stages 2 to 7 and the error estimate of a step h (H&N&W II.4.1–4.4).
    fn attempt(&mut self, problem: &mut Problem, h: f64) {
        let n = self.n;
        for i in 1..S {
            let (done, rest) = self.k.split_at_mut(i * n);
            let point = if i == S - 2 { &mut self.y_six } else { &mut self.y_new };
            for j in 0..n {
                let mut sum = 0.0;
                for (l, a) in TABLEAU.a[i][..i].iter().enumerate() {
                    sum += a * done[l * n + j];
                }
                point[j] = self.y[j] + h * sum;
            }
            problem.rhs(self.t + TABLEAU.c[i] * h, point, &mut rest[..n]);
        }
        for j in 0..n {
            let sum: f64 = TABLEAU.error.iter().enumerate().map(|(l, e)| e * self.k[l * n + j]).sum();
            self.error[j] = h * sum;
        }
    }

    /// |h λ| from the last two stages, which stand at the same time (H&W IV.2.16), over the stability limit.
    fn measure_stiffness(&mut self, h: f64) {
        let n = self.n;
        let (mut up, mut down) = (0.0, 0.0);
        for j in 0..n {
            let df = self.k[6 * n + j] - self.k[5 * n + j];
            let dy = self.y_new[j] - self.y_six[j];
            up += df * df;
            down += dy * dy;
        }
        self.stiffness = if down > 0.0 { h.abs() * (up / down).sqrt() / TABLEAU.real_stability } else { 0.0 };
    }
}

impl Stepper for Tsit5 {
    fn name(&self) -> &'static str {
        "Tsit5"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.t = t;
        self.y.copy_from_slice(y);
        self.controller.reset();
        self.stiffness = 0.0;
        problem.rhs(t, &self.y, &mut self.k[..self.n]);
        let names = problem.not_finite(&self.k[..self.n]);
        if !names.is_empty() {
            return Err(ErrorKind::NotFinite(names));
        }
        self.h = h;
        Ok(())
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.h == 0.0 {
            let (f0, scratch) = self.k.split_at_mut(n);
            self.h = first_step(problem, self.t, &self.y, f0, TABLEAU.embedded, end - self.t, scratch);
        }
        loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            self.attempt(problem, h);
            let error = problem.norm(&self.error, &self.y, &self.y_new);
            if error <= 1.0 {
                self.measure_stiffness(h);
                problem.statistics.steps += 1;
                self.t_old = self.t;
                self.h_old = h;
                self.t = if h == end - self.t { end } else { self.t + h };
                std::mem::swap(&mut self.y_old, &mut self.y);
                std::mem::swap(&mut self.y, &mut self.y_new);
                std::mem::swap(&mut self.k_old, &mut self.k);
                // First same as last.
                self.k[..n].copy_from_slice(&self.k_old[6 * n..]);
                let factor = self.controller.accept(error);
                // A step cut short by `end` says nothing against the step that was wanted.
                self.h = if h.abs() < self.h.abs() && factor * h.abs() < self.h.abs() { self.h } else { factor * h };
                return Ok(());
            }
            problem.statistics.rejected += 1;
            self.h = h * self.controller.reject(error);
            if self.h.abs() < problem.least_step(self.t) {
                let finite = self.k.chunks_exact(n).find(|stage| stage.iter().any(|k| !k.is_finite()));
                return Err(match finite {
                    Some(stage) => ErrorKind::NotFinite(problem.not_finite(stage)),
                    None => ErrorKind::StepTooSmall(problem.worst(&self.error, &self.y)),
                });
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

    fn interpolate(&mut self, t: f64, out: &mut [f64]) {
        let n = self.n;
        let weights = dense_weights((t - self.t_old) / self.h_old);
        for (j, out) in out.iter_mut().enumerate() {
            let sum: f64 = weights.iter().enumerate().map(|(l, b)| b * self.k_old[l * n + j]).sum();
            *out = self.y_old[j] + self.h_old * sum;
        }
    }

    fn stiffness(&self) -> f64 {
        self.stiffness
    }
}
