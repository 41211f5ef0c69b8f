//! Rosenbrock–Wanner steps: J, ∂f/∂t, the factorisation of W, all stages and solves, the error and f at the new point.
//! Layout of the buffers: [`crate::system::CompiledStep`].
//!
//! J, the factors and the stages pass through the work buffer, where each use finds them as a memory operand.

use super::inline::{Operands, Place, inline, reads_time};
use super::jacobian::jacobian;
use super::norm::{root_of_mean, scale, unless_finite};
use super::sums::{follows, row, weighted};
use super::time::stage_time;
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Program, Value};
use crate::kernel::straight::Straight;
use crate::linalg::Pattern;
use crate::system::{EXTRA, LIMITS, RosenbrockFormula};

/// The kernels of a model that a step is made of.
pub struct Parts<'a> {
    /// dy
    pub rhs: &'a Kernel,
    /// ∂f/∂y
    pub jacobian: &'a Kernel,
    /// ∂f/∂t, if f depends on t.
    pub time_derivative: Option<&'a Kernel>,
    /// The pattern of ∂f/∂y, and the place in it of each value of the kernel (if not in order).
    pub pattern: &'a Pattern,
    /// See `pattern`.
    pub places: Option<&'a [usize]>,
    /// `factor`, `solve` and `check` for s·I − J.
    pub elimination: &'a Program,
}

/// The kernel `step` of a formula; `None` if a part cannot be unrolled.
pub fn rosenbrock_step(parts: &Parts, formula: &RosenbrockFormula, target: Target64) -> Option<Kernel> {
    let mut step = Step::new(parts, formula, target)?;
    step.matrix()?;
    let stages = formula.c.len();
    for i in 0..stages {
        step.stage(i)?;
        step.code.may_cut();
    }
    step.finish()?;
    let n = step.n;
    let lengths = Lengths { y: 2 * n + EXTRA, p: step.bound, v: LIMITS + n, w: step.end, out: 2 * n + EXTRA };
    Some(Kernel { name: "step", lengths, pieces: step.code.finish() })
}

/// Places in the work buffer, behind all u_i: the argument at hand, in the end the new state; ∂f/∂t; J; the factors; 1/h and the
/// shift behind it.
#[derive(Clone, Copy)]
pub struct Layout {
    pub argument: usize,
    pub slope: usize,
    pub jacobian: usize,
    pub factors: usize,
    pub scalars: usize,
}

impl Layout {
    /// Of a step with n states and so many stages, entries of J, and numbers of its factors.
    pub fn new(n: usize, stages: usize, entries: usize, factors: usize) -> Self {
        let argument = stages * n;
        let jacobian = argument + 2 * n;
        let (slope, of_factors) = (argument + n, jacobian + entries);
        Layout { argument, slope, jacobian, factors: of_factors, scalars: of_factors + factors }
    }
}

struct Step<'a> {
    parts: &'a Parts<'a>,
    formula: &'a RosenbrockFormula<'a>,
    factor: &'a Kernel,
    solve: &'a Kernel,
    check: &'a Kernel,
    fma: bool,
    n: usize,
    bound: usize,
    code: Straight,
    at: Layout,
    /// f at the last stage, where that stands at the solution.
    last: usize,
    end: usize,
}

impl<'a> Step<'a> {
    fn new(parts: &'a Parts<'a>, formula: &'a RosenbrockFormula<'a>, target: Target64) -> Option<Self> {
        let find = |name| parts.elimination.kernel(name);
        let (factor, solve, check) = (find("factor")?, find("solve")?, find("check")?);
        let n = parts.rhs.lengths.out;
        let at = Layout::new(n, formula.c.len(), parts.pattern.nnz(), factor.lengths.w);
        let bound = parts.rhs.lengths.p.max(parts.jacobian.lengths.p);
        Some(Step {
            parts,
            formula,
            factor,
            solve,
            check,
            fma: target.fma,
            n,
            bound,
            code: Straight::default(),
            at,
            last: at.scalars + 2,
            end: at.scalars + 2 + n,
        })
    }

    fn h(&mut self) -> Value {
        self.code.load(Buffer::V, 0)
    }

    /// The time `t + c h` for a kernel, kept inside the times f may be asked for.
    fn time(&mut self, c: f64, kernel: &Kernel) -> Value {
        stage_time(&mut self.code, reads_time(kernel), c, self.fma)
    }

    /// J, ∂f/∂t, 1/h, the shift 1/(γh), the factors, and the norm of J.
    fn matrix(&mut self) -> Option<()> {
        let parts = self.parts;
        let t = self.time(0.0, parts.jacobian);
        let operands = Operands::at(t, Place::Memory(Buffer::Y, 0));
        let kernels = (parts.jacobian, parts.pattern, parts.places);
        let norm = jacobian(&mut self.code, kernels, &operands, self.at.jacobian)?;
        self.code.store(Buffer::Out, self.n + 2, norm);
        if let Some(kernel) = parts.time_derivative {
            let t = self.time(0.0, kernel);
            let ft = inline(&mut self.code, kernel, &Operands::at(t, Place::Memory(Buffer::Y, 0)))?;
            for (j, value) in ft.into_iter().enumerate() {
                self.code.keep(self.at.slope + j, value);
            }
        }
        let (one, h) = (self.code.op(Op::Const(1.0)), self.h());
        let reciprocal = self.code.op(Op::Binary(Binary::Div, one, h));
        self.code.keep(self.at.scalars, reciprocal);
        let gamma = self.code.op(Op::Const(1.0 / self.formula.gamma));
        let shift = self.code.op(Op::Binary(Binary::Mul, reciprocal, gamma));
        self.code.keep(self.at.scalars + 1, shift);
        let jacobian = Place::Memory(Buffer::W, self.at.jacobian);
        inline(
            &mut self.code,
            self.factor,
            &Operands { work: Some(self.at.factors), ..Operands::at(shift, jacobian) },
        )?;
        Some(())
    }

    /// `base + Σ weight_l u_l`; sums from 0 where there is no base.
    fn weighted(&mut self, base: Option<(Buffer, usize)>, weights: &[f64]) -> Vec<Value> {
        weighted(&mut self.code, self.n, base, &row(0, self.n, weights), self.fma)
    }

    /// The argument of stage i, or the solution with the weights m.
    fn argue(&mut self, before: Option<&[f64]>, weights: &[f64], i: usize) -> Vec<Value> {
        let values = if i > 1 && before.is_some_and(|before| follows(weights, before)) {
            (0..self.n)
                .map(|j| {
                    let (x, u) = (self.code.kept(self.at.argument + j), self.code.kept((i - 1) * self.n + j));
                    self.code.op(Op::Binary(Binary::Add, x, u))
                })
                .collect()
        } else {
            self.weighted(Some((Buffer::Y, 0)), weights)
        };
        for (j, value) in values.iter().enumerate() {
            self.code.keep(self.at.argument + j, *value);
        }
        values
    }

    /// Stage i (H&W IV.7.25): `W u_i = f(argument) + (Σ c_il u_l)/h + h d_i ∂f/∂t`.
    fn stage(&mut self, i: usize) -> Option<()> {
        let (n, formula, parts) = (self.n, self.formula, self.parts);
        let f = if i == 0 {
            (0..n).map(|j| self.code.load(Buffer::Y, n + EXTRA + j)).collect()
        } else {
            let argument = self.argue((i > 1).then(|| formula.a[i - 1]), formula.a[i], i);
            let t = self.time(formula.c[i], parts.rhs);
            inline(&mut self.code, parts.rhs, &Operands::at(t, Place::Values(&argument)))?
        };
        if i + 1 == formula.c.len() && formula.first_same_as_last() {
            for (j, f) in f.iter().enumerate() {
                self.code.keep(self.last + j, *f);
            }
        }
        let sums = self.weighted(None, formula.cc[i]);
        let mut right = Vec::with_capacity(n);
        for (j, (f, sum)) in f.into_iter().zip(sums).enumerate() {
            // M has no entry for algebraic equations.
            right.push(if i == 0 || !parts.pattern.is_differential(j) {
                f
            } else {
                let reciprocal = self.code.kept(self.at.scalars);
                self.code.multiply_add(sum, reciprocal, f, self.fma)
            });
        }
        if parts.time_derivative.is_some() && formula.d[i] != 0.0 {
            let (h, d) = (self.h(), self.code.op(Op::Const(formula.d[i])));
            let rate = self.code.op(Op::Binary(Binary::Mul, h, d));
            for (j, right) in right.iter_mut().enumerate() {
                let slope = self.code.kept(self.at.slope + j);
                *right = self.code.multiply_add(rate, slope, *right, self.fma);
            }
        }
        let zero = self.code.op(Op::Time);
        let factors = Place::Memory(Buffer::W, self.at.factors);
        let operands = Operands { v: Place::Values(&right), ..Operands::at(zero, factors) };
        let u = inline(&mut self.code, self.solve, &operands)?;
        for (j, value) in u.iter().enumerate() {
            self.code.keep(i * n + j, *value);
        }
        if i == 0 {
            // Whether the planned pivots were good for these numbers.
            let shift = self.code.kept(self.at.scalars + 1);
            let jacobian = Place::Memory(Buffer::W, self.at.jacobian);
            let operands = Operands { p: Place::Values(&u), v: Place::Values(&right), ..Operands::at(shift, jacobian) };
            let good = inline(&mut self.code, self.check, &operands)?;
            self.code.store(Buffer::Out, n + 1, *good.first()?);
        }
        Some(())
    }

    /// The new state, f there, and the error.
    fn finish(&mut self) -> Option<()> {
        let (n, formula) = (self.n, self.formula);
        let stages = formula.c.len();
        let new: Vec<Value> = if formula.first_same_as_last() {
            (0..n).map(|j| self.code.kept(self.at.argument + j)).collect()
        } else {
            self.argue(Some(formula.a[stages - 1]), formula.m, stages)
        };
        let errors = self.weighted(None, formula.e);
        let mut squares = self.code.op(Op::Const(0.0));
        for (j, error) in errors.iter().enumerate() {
            let scale = scale(&mut self.code, j, new[j], self.fma);
            let share = self.code.op(Op::Binary(Binary::Div, *error, scale));
            squares = self.code.multiply_add(share, share, squares, self.fma);
        }
        let error = root_of_mean(&mut self.code, squares, n);
        let f = if formula.first_same_as_last() {
            (0..n).map(|j| self.code.kept(self.last + j)).collect()
        } else {
            let t = self.time(1.0, self.parts.rhs);
            inline(&mut self.code, self.parts.rhs, &Operands::at(t, Place::Values(&new)))?
        };
        let error = unless_finite(&mut self.code, error, &f, self.fma);
        self.code.store(Buffer::Out, n, error);
        for (j, (new, f)) in new.iter().zip(&f).enumerate() {
            self.code.store(Buffer::Out, j, *new);
            self.code.store(Buffer::Out, n + EXTRA + j, *f);
        }
        Some(())
    }
}
