//! Rodas5P: the Rosenbrock–Wanner pair 5(4) of Steinebach, stiffly accurate, with an interpolant of order 4. One
//! factorisation of W = I/(γh) − J and eight solves a step, no iteration: the method for small and medium stiff systems.
//!
//! Source: G. Steinebach, Construction of Rosenbrock–Wanner method Rodas5P and numerical benchmarks within the Julia
//! Differential Equations package, BIT Numerical Mathematics 63 (2023) 27. The form with u = Γk is H&W IV.7.24–25.

use crate::linalg::Shifted;
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::stepper::{Controller, Stepper, clip, first_step};

const S: usize = 8;

/// γ
pub const GAMMA: f64 = 0.211_937_563_194_290_14;

/// Nodes of the stages.
pub const C: [f64; S] = [
    0.0,
    0.635_812_689_582_870_4,
    0.409_579_839_339_753_5,
    0.976_930_672_506_071_6,
    0.428_840_360_955_866_4,
    1.0,
    1.0,
    1.0,
];

/// Weights of ∂f/∂t.
pub const D: [f64; S] = [
    0.211_937_563_194_290_14,
    -0.423_875_126_388_580_27,
    -0.338_462_712_623_592_4,
    1.804_645_287_288_273_4,
    2.325_825_639_765_069,
    0.0,
    0.0,
    0.0,
];

/// Weights of earlier u in a stage's argument. The solution is the argument of a ninth stage: y1 = argument of the
/// eighth + u8; u8 is the error estimate.
pub const A: [[f64; S]; S] = [
    [0.0; S],
    [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [2.849_394_379_747_939, 0.458_422_422_044_639_23, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [-6.954_028_509_809_101, 2.489_845_061_869_568, -10.358_996_098_473_584, 0.0, 0.0, 0.0, 0.0, 0.0],
    [
        2.802_998_627_562_896_4,
        0.507_246_473_622_820_6,
        -0.398_831_254_177_052_4,
        -0.047_211_872_304_046_41,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        -7.502_846_399_306_121,
        2.561_846_144_803_919,
        -11.627_539_656_261_098,
        -0.182_687_676_599_422_56,
        0.030_198_172_008_377_946,
        0.0,
        0.0,
        0.0,
    ],
    [
        -7.502_846_399_306_121,
        2.561_846_144_803_919,
        -11.627_539_656_261_098,
        -0.182_687_676_599_422_56,
        0.030_198_172_008_377_946,
        1.0,
        0.0,
        0.0,
    ],
    [
        -7.502_846_399_306_121,
        2.561_846_144_803_919,
        -11.627_539_656_261_098,
        -0.182_687_676_599_422_56,
        0.030_198_172_008_377_946,
        1.0,
        1.0,
        0.0,
    ],
];

/// Weights of earlier u/h on a stage's right side.
pub const CC: [[f64; S]; S] = [
    [0.0; S],
    [-14.155_112_264_123_755, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [-17.972_960_358_859_52, -2.859_693_295_451_294, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [147.121_502_757_117_16, -1.412_214_027_182_13, 71.689_402_513_023_58, 0.0, 0.0, 0.0, 0.0, 0.0],
    [
        165.435_170_248_716_76,
        -0.459_282_345_649_112_6,
        42.909_383_369_586_03,
        -5.961_986_721_573_306,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    [
        24.854_864_614_690_072,
        -3.000_922_700_283_218_6,
        47.493_111_002_076_8,
        5.581_419_782_155_812_5,
        -0.661_069_182_524_947_1,
        0.0,
        0.0,
        0.0,
    ],
    [
        30.912_732_140_285_99,
        -3.120_824_334_993_797_4,
        77.799_546_460_708_92,
        34.286_460_282_947_83,
        -19.097_331_116_725_623,
        -28.087_943_162_872_662,
        0.0,
        0.0,
    ],
    [
        37.802_771_233_905_63,
        -3.257_196_902_907_227_6,
        112.269_188_494_963_27,
        66.934_723_124_404_7,
        -40.066_189_370_910_02,
        -54.667_802_628_779_68,
        -9.488_616_523_096_27,
        0.0,
    ],
];

/// Weights of the interpolant.
pub const H: [[f64; S]; 3] = [
    [
        25.948_786_856_663_858,
        -2.557_972_484_584_623_5,
        10.433_815_404_888_879,
        -2.367_925_102_268_520_4,
        0.524_948_541_321_073,
        1.124_108_831_045_040_4,
        0.427_287_619_443_187_4,
        -0.172_022_210_701_554_93,
    ],
    [
        -9.915_688_506_951_71,
        -0.968_994_459_411_515_4,
        3.043_803_724_297_845_3,
        -24.495_224_566_215_796,
        20.176_138_334_709_044,
        15.980_663_614_246_51,
        -6.789_040_303_419_874,
        -6.710_236_069_923_372,
    ],
    [
        11.419_903_575_922_262,
        2.887_964_514_613_699_4,
        72.921_379_959_960_29,
        80.125_118_346_226_43,
        -52.072_871_366_152_654,
        -59.789_936_252_667_29,
        -0.155_826_842_827_519_13,
        4.883_087_185_713_722,
    ],
];

/// The method in progress.
pub struct Rodas5P {
    n: usize,
    t: f64,
    h: f64,
    y: Vec<f64>,
    t_old: f64,
    h_old: f64,
    y_old: Vec<f64>,
    f0: Vec<f64>,
    ft: Vec<f64>,
    jacobian: Vec<f64>,
    w: Shifted,
    /// The eight u, one after the other.
    u: Vec<f64>,
    argument: Vec<f64>,
    right: Vec<f64>,
    /// The interpolant's three coefficients.
    dense: Vec<f64>,
    controller: Controller,
    stiffness: f64,
    /// f0, ft and J belong to the present point.
    fresh: bool,
}

/// What became of an attempted step.
enum Outcome {
    /// Its error in units of the tolerance.
    Error(f64),
    /// f is not finite at a stage; `right` holds it.
    NotFinite,
    /// W cannot be factorised.
    Singular,
}

impl Rodas5P {
    /// Memory for a problem.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if W does not fit.
    pub fn new(problem: &Problem) -> Result<Self, ErrorKind> {
        let n = problem.dim();
        let pattern = problem.system.jacobian_pattern();
        let w = Shifted::new(pattern).map_err(|e| ErrorKind::Memory(e.0, 8 * 20_000 * 20_000))?;
        let zeros = || vec![0.0; n];
        Ok(Rodas5P {
            n,
            t: 0.0,
            h: 0.0,
            y: zeros(),
            t_old: 0.0,
            h_old: 1.0,
            y_old: zeros(),
            f0: zeros(),
            ft: zeros(),
            jacobian: vec![0.0; pattern.nnz()],
            w,
            u: vec![0.0; S * n],
            argument: zeros(),
            right: zeros(),
            dense: vec![0.0; 3 * n],
            controller: Controller::new(4, 0.02),
            stiffness: 0.0,
            fresh: false,
        })
    }

    /// The eight stages (H&W IV.7.25) of a step h to `t_new` and f there, which `right` then holds; ends early where f is
    /// not finite.
    fn attempt(&mut self, problem: &mut Problem, h: f64, t_new: f64) -> Outcome {
        let n = self.n;
        problem.statistics.factorizations += 1;
        if !self.w.factor(1.0 / (GAMMA * h), &self.jacobian) {
            return Outcome::Singular;
        }
        for i in 0..S {
            let (done, rest) = self.u.split_at_mut(i * n);
            if i == 0 {
                self.right.copy_from_slice(&self.f0);
            } else {
                if i < 6 {
                    for j in 0..n {
                        let sum: f64 = A[i][..i].iter().enumerate().map(|(l, a)| a * done[l * n + j]).sum();
                        self.argument[j] = self.y[j] + sum;
                    }
                } else {
                    // The last two arguments add one u each.
                    for (x, u) in self.argument.iter_mut().zip(&done[(i - 1) * n..]) {
                        *x += u;
                    }
                }
                problem.rhs(self.t + C[i] * h, &self.argument, &mut self.right);
                if self.right.iter().any(|f| !f.is_finite()) {
                    return Outcome::NotFinite;
                }
            }
            let u = &mut rest[..n];
            for j in 0..n {
                let sum: f64 = CC[i][..i].iter().enumerate().map(|(l, c)| c * done[l * n + j]).sum();
                u[j] = self.right[j] + sum / h + h * D[i] * self.ft[j];
            }
            self.w.solve(u);
            problem.statistics.solves += 1;
        }
        for (x, u) in self.argument.iter_mut().zip(&self.u[7 * n..]) {
            *x += u;
        }
        let error = problem.norm(&self.u[7 * n..], &self.y, &self.argument);
        if error <= 1.0 {
            problem.rhs(t_new, &self.argument, &mut self.right);
            if self.right.iter().any(|f| !f.is_finite()) {
                return Outcome::NotFinite;
            }
        }
        Outcome::Error(error)
    }

    /// An upper bound of |h λ|: the smaller of the row and column norms of J.
    fn measure_stiffness(&mut self, problem: &Problem, h: f64) {
        let pattern = problem.system.jacobian_pattern();
        // Scratch: the interpolant of the step before is done with.
        let rows = &mut self.y_old;
        rows.fill(0.0);
        let mut most_column: f64 = 0.0;
        for j in 0..self.n {
            let mut column = 0.0;
            for k in pattern.column(j) {
                let value = self.jacobian[k].abs();
                column += value;
                rows[pattern.rows()[k]] += value;
            }
            most_column = most_column.max(column);
        }
        let most_row = rows.iter().fold(0.0f64, |most, r| most.max(*r));
        self.stiffness = h.abs() * most_row.min(most_column);
    }
}

impl Stepper for Rodas5P {
    fn name(&self) -> &'static str {
        "Rodas5P"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.t = t;
        self.y.copy_from_slice(y);
        self.h = h;
        self.fresh = false;
        self.controller.reset();
        problem.rhs(t, &self.y, &mut self.f0);
        match problem.not_finite(&self.f0) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.h == 0.0 {
            self.h = first_step(problem, self.t, &self.y, &self.f0, 4, end - self.t, &mut self.u[..2 * n]);
        }
        if !self.fresh {
            problem.jacobian(self.t, &self.y, &mut self.jacobian);
            problem.time_derivative(self.t, &self.y, &mut self.ft);
            self.fresh = true;
        }
        loop {
            problem.check()?;
            let h = clip(self.t, self.h.clamp(-problem.max_step, problem.max_step), end);
            let t_new = if h == end - self.t { end } else { self.t + h };
            let outcome = self.attempt(problem, h, t_new);
            let error = if let Outcome::Error(error) = outcome { error } else { f64::NAN };
            if error <= 1.0 {
                self.measure_stiffness(problem, h);
                problem.statistics.steps += 1;
                self.t_old = self.t;
                self.h_old = h;
                self.t = t_new;
                std::mem::swap(&mut self.y_old, &mut self.y);
                self.y.copy_from_slice(&self.argument);
                for (row, weights) in H.iter().enumerate() {
                    for j in 0..n {
                        self.dense[row * n + j] = weights.iter().enumerate().map(|(l, w)| w * self.u[l * n + j]).sum();
                    }
                }
                std::mem::swap(&mut self.f0, &mut self.right);
                self.fresh = false;
                let factor = self.controller.accept(error);
                self.h = if h.abs() < self.h.abs() && factor * h.abs() < self.h.abs() { self.h } else { factor * h };
                return Ok(());
            }
            problem.statistics.rejected += 1;
            self.h = h * self.controller.reject(error);
            if self.h.abs() < problem.least_step(self.t) {
                return Err(match outcome {
                    Outcome::NotFinite => ErrorKind::NotFinite(problem.not_finite(&self.right)),
                    Outcome::Singular => ErrorKind::Singular,
                    Outcome::Error(_) => ErrorKind::StepTooSmall(problem.worst(&self.u[7 * n..], &self.y)),
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

    fn interpolate(&mut self, _problem: &mut Problem, t: f64, out: &mut [f64]) {
        let n = self.n;
        let theta = (t - self.t_old) / self.h_old;
        let rest = 1.0 - theta;
        for (j, out) in out.iter_mut().enumerate() {
            let [k1, k2, k3] = [self.dense[j], self.dense[n + j], self.dense[2 * n + j]];
            *out = rest * self.y_old[j] + theta * (self.y[j] + rest * (k1 + theta * (k2 + theta * k3)));
        }
    }

    fn stiffness(&self) -> f64 {
        self.stiffness
    }

    fn cost(&self, rhs: f64) -> f64 {
        let (factor, solve) = self.w.cost();
        // J costs about as much as f; three triangles of eight: a, c and the interpolant.
        (S + 1) as f64 * rhs + factor + S as f64 * solve + (2 * 80 * self.n) as f64
    }
}
