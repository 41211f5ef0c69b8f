//! The step of symplectic partitioned methods for x'' = g(t, x), written once; the methods are constants. Steps have one
//! length, without which the energy would drift.
//!
//! Source: E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, 2nd ed., II.4, II.5, VI.3. A step is a
//! composition of kicks `v += b h g(t, x)` and drifts `x += a h v`, t moving with x. Between steps: the quintic with the
//! positions, velocities and accelerations at both ends, and its derivative for the velocities.

use std::sync::Arc;

use super::ErrorKind;
use super::problem::Problem;
use super::stepper::Stepper;
use super::taken::{Formula, Taken};
use crate::system::SecondOrder;

/// A method: kicks b_i and drifts a_i in turn, the kick first.
pub struct Symplectic {
    /// The name on the command line.
    pub name: &'static str,
    /// Order.
    pub order: u32,
    /// Kicks.
    pub b: &'static [f64],
    /// Drifts, as many; the last may be 0.
    pub a: &'static [f64],
}

impl Symplectic {
    /// Checks Σa = Σb = 1; used in `const` position a wrong digit does not compile.
    pub const fn checked(self) -> Self {
        assert!(self.a.len() == self.b.len(), "as many drifts as kicks");
        let (mut a, mut b, mut i) = (0.0, 0.0, 0);
        while i < self.a.len() {
            a += self.a[i];
            b += self.b[i];
            i += 1;
        }
        assert!((a - 1.0f64).abs() < 1e-14 && (b - 1.0f64).abs() < 1e-14, "weights do not sum to 1");
        self
    }
}

/// A symplectic method in progress.
pub struct SymplecticStepper {
    method: &'static Symplectic,
    pairs: Arc<SecondOrder>,
    /// The length of steps as asked for.
    asked: f64,
    t: f64,
    h: f64,
    y: Vec<f64>,
    /// f at (t, y), if it is known.
    f: Vec<f64>,
    fresh: bool,
    t_old: f64,
    h_old: f64,
    y_old: Vec<f64>,
    f_old: Vec<f64>,
}

impl SymplecticStepper {
    /// Memory.
    ///
    /// # Errors
    /// If the system is not of second order, or no length of steps is given.
    pub fn new(method: &'static Symplectic, problem: &Problem) -> Result<Self, ErrorKind> {
        let pairs = problem.second_order(method.name)?;
        let asked = problem.first_step().or(Some(problem.max_step).filter(|h| h.is_finite()));
        let Some(asked) = asked else {
            let name = method.name;
            let sentence = format!("the method {name} takes steps of one length: give it, as in `first_step = 0.01`");
            return Err(ErrorKind::Options(sentence));
        };
        let zeros = || vec![0.0; problem.dim()];
        Ok(SymplecticStepper {
            method,
            pairs,
            asked: asked.min(problem.max_step),
            t: 0.0,
            h: 0.0,
            y: zeros(),
            f: zeros(),
            fresh: false,
            t_old: 0.0,
            h_old: 1.0,
            y_old: zeros(),
            f_old: zeros(),
        })
    }
}

impl Stepper for SymplecticStepper {
    fn name(&self) -> &'static str {
        self.method.name
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], _h: f64) -> Result<(), ErrorKind> {
        self.t = t;
        self.h = 0.0;
        self.y.copy_from_slice(y);
        problem.rhs(t, &self.y, &mut self.f);
        self.fresh = true;
        match problem.not_finite(&self.f) {
            names if names.is_empty() => Ok(()),
            names => Err(ErrorKind::NotFinite(names)),
        }
    }

    fn renew(&mut self) -> bool {
        // A start says all.
        true
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        problem.check()?;
        if self.h == 0.0 {
            // A whole number of equal steps up to the end.
            let span = end - self.t;
            self.h = span / (span.abs() / self.asked * (1.0 - 1e-12)).ceil().max(1.0);
            if self.h.abs() < problem.least_step(self.t) {
                return Err(ErrorKind::StepTooSmall("any state".to_string()));
            }
        }
        let (h, mut t) = (self.h, self.t);
        if !self.fresh {
            problem.rhs(t, &self.y, &mut self.f);
        }
        self.y_old.copy_from_slice(&self.y);
        self.f_old.copy_from_slice(&self.f);
        for (i, (b, a)) in self.method.b.iter().zip(self.method.a).enumerate() {
            if i > 0 && *b != 0.0 {
                problem.rhs(t, &self.y, &mut self.f);
            }
            for &(_, v) in self.pairs.iter() {
                self.y[v] += b * h * self.f[v];
            }
            if *a != 0.0 {
                for &(x, v) in self.pairs.iter() {
                    self.y[x] += a * h * self.y[v];
                }
                t += a * h;
            }
        }
        let names = problem.not_finite(&self.y);
        if !names.is_empty() {
            self.y.copy_from_slice(&self.y_old);
            self.f.copy_from_slice(&self.f_old);
            return Err(ErrorKind::NotFinite(names));
        }
        // Behind a last drift of length 0 the accelerations of the last kick are those of the new point.
        self.fresh = self.method.a.last() == Some(&0.0);
        for &(x, v) in self.pairs.iter() {
            self.f[x] = self.y[v];
        }
        problem.statistics.steps += 1;
        (self.t_old, self.h_old) = (self.t, h);
        let left = end - self.t;
        // The last step arrives but for rounding.
        self.t = if h.abs() * 1.5 > left.abs() { end } else { self.t + h };
        Ok(())
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
        5
    }

    fn interpolate(&mut self, problem: &mut Problem, t: f64, out: &mut [f64]) {
        if !self.fresh {
            problem.rhs(self.t, &self.y, &mut self.f);
            self.fresh = true;
        }
        let (h, s) = (self.h_old, (t - self.t_old) / self.h_old);
        for &(x, v) in self.pairs.iter() {
            let (x0, x1) = (self.y_old[x], self.y[x]);
            let (v0, v1) = (h * self.y_old[v], h * self.y[v]);
            let (a0, a1) = (h * h * self.f_old[v], h * h * self.f[v]);
            // x0 + v0 s + a0/2 s² + c3 s³ + c4 s⁴ + c5 s⁵ with what is missing at s = 1.
            let (p, q, r) = (x1 - x0 - v0 - 0.5 * a0, v1 - v0 - a0, a1 - a0);
            let c = [10.0 * p - 4.0 * q + 0.5 * r, -15.0 * p + 7.0 * q - r, 6.0 * p - 3.0 * q + 0.5 * r];
            out[x] = x0 + s * (v0 + s * (0.5 * a0 + s * (c[0] + s * (c[1] + s * c[2]))));
            out[v] = (v0 + s * (a0 + s * (3.0 * c[0] + s * (4.0 * c[1] + s * 5.0 * c[2])))) / h;
        }
    }

    fn taken(&self, _points: &mut Vec<f64>) -> Taken {
        Taken { formula: Formula::Symplectic(self.method), t: self.t_old, h: self.h_old, began: false }
    }

    fn stiffness(&self) -> f64 {
        0.0
    }

    fn cost(&self, rhs: f64) -> f64 {
        self.method.b.len() as f64 * (rhs + 2.0 * self.y.len() as f64)
    }
}
