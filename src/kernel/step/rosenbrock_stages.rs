//! The stages of a Rosenbrock–Wanner step with all that the way back ([`super::rosenbrock_adjoint`]) asks for.
//!
//! With x_i = y + Σ a_il u_l, W u_i = f(x_i) + M Σ c_il u_l/h + h d_i ∂f/∂t (H&W IV.7.25).

use super::adjoint::Entries;
use super::inline::{Operands, Place, inline, reads_time};
use super::time::stage_time;
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Op, Program, Value};
use crate::kernel::straight::Straight;
use crate::linalg::{Elimination, Pattern};
use crate::system::{LIMITS, RosenbrockFormula};

/// Keeps a matrix in the order of a pattern, from a place of the work buffer on; its transpose, if the pattern is that of the
/// transpose. What it has no entry for is 0; `None` if it has an entry that the pattern has not.
pub fn keep_by_pattern(
    code: &mut Straight,
    entries: &[(usize, usize, Value)],
    pattern: &Pattern,
    transposed: bool,
    at: usize,
) -> Option<()> {
    let mut values = vec![None; pattern.nnz()];
    for (row, column, value) in entries {
        let (row, column) = if transposed { (*column, *row) } else { (*row, *column) };
        values[pattern.place(row, column)?] = Some(*value);
    }
    for (place, value) in values.into_iter().enumerate() {
        let value = value.unwrap_or_else(|| code.op(Op::Const(0.0)));
        code.keep(at + place, value);
    }
    Some(())
}

/// The kernels of a model that such a function is made of.
pub struct StageParts<'a> {
    /// dy
    pub rhs: &'a Kernel,
    /// ∂f/∂t, if f depends on t.
    pub time_derivative: Option<&'a Kernel>,
    /// ∂f/∂y and ∂f/∂p.
    pub jacobian: Entries<'a>,
    /// See `jacobian`.
    pub parameters: Entries<'a>,
    /// ∂(J v + τ ∂f/∂t)/∂y, and by parameters.
    pub curvature: Entries<'a>,
    /// See `curvature`.
    pub mixed: Entries<'a>,
    /// The pattern of ∂f/∂y, and of its transpose where the way leads back.
    pub patterns: &'a [&'a Pattern],
    /// How W is eliminated, and its transpose, with `factor`, `solve` and `check`.
    pub eliminations: &'a [(Elimination, Program)],
    /// Number of parameters and discrete quantities.
    pub columns: usize,
}

impl StageParts<'_> {
    pub fn kernels(&self) -> [&Kernel; 5] {
        [self.rhs, self.jacobian.kernel, self.parameters.kernel, self.curvature.kernel, self.mixed.kernel]
    }

    /// Numbers that are read of the bound parameters.
    pub fn bound(&self) -> usize {
        self.kernels().iter().map(|kernel| kernel.lengths.p).max().unwrap_or(0)
    }
}

/// The stages under construction.
pub struct Stages<'a> {
    pub parts: &'a StageParts<'a>,
    pub formula: &'a RosenbrockFormula<'a>,
    pub fma: bool,
    pub n: usize,
    pub code: Straight,
    timed: bool,
    /// The first of the matrices there are.
    first: usize,
    /// Places in the work buffer: x_i; u_i with h d_i behind each; ∂f/∂t; J and its transpose; the factors of
    /// both; 1/h, the shift, and whether pivots were good.
    x: usize,
    u: usize,
    slope: usize,
    jacobians: [usize; 2],
    factors: [usize; 2],
    scalars: usize,
    /// Where the work buffer is free.
    pub end: usize,
}

impl<'a> Stages<'a> {
    /// With the work buffer free from `x` on.
    pub fn new(parts: &'a StageParts<'a>, formula: &'a RosenbrockFormula<'a>, x: usize, target: Target64) -> Self {
        let (n, stages) = (parts.rhs.lengths.out, formula.c.len());
        let timed = parts.kernels().into_iter().chain(parts.time_derivative).any(reads_time);
        let nnz = parts.patterns[0].nnz();
        let room = |k: usize| {
            let factor = parts.eliminations.get(k).and_then(|(_, kernels)| kernels.kernel("factor"));
            factor.map_or(0, |factor| factor.lengths.w)
        };
        let u = x + stages * n;
        let slope = u + stages * (n + 1);
        let jacobians = [slope + n, slope + n + nnz];
        let factors = [jacobians[1] + nnz, jacobians[1] + nnz + room(0)];
        let scalars = factors[1] + room(1);
        Stages {
            parts,
            formula,
            fma: target.fma,
            n,
            code: Straight::default(),
            timed,
            first: 0,
            x,
            u,
            slope,
            jacobians,
            factors,
            scalars,
            end: scalars + 4,
        }
    }

    pub fn add_product(&mut self, a: Value, b: Value, sum: Option<Value>) -> Value {
        self.code.add_product(a, b, sum, self.fma)
    }

    pub fn scaled(&mut self, factor: f64, value: Value, sum: Option<Value>) -> Value {
        let factor = self.code.op(Op::Const(factor));
        self.add_product(factor, value, sum)
    }

    pub fn or_zero(&mut self, sum: Option<Value>) -> Value {
        sum.unwrap_or_else(|| self.code.op(Op::Const(0.0)))
    }

    /// The time `t + c h`, kept inside the times f may be asked for.
    pub fn time(&mut self, c: f64) -> Value {
        stage_time(&mut self.code, self.timed, c, self.fma)
    }

    /// J, its transpose, ∂f/∂t, 1/h, the shift, and the factors of both; of the transpose alone, if that is the `first`.
    pub fn matrices(&mut self, first: usize) -> Option<()> {
        self.first = first;
        let parts = self.parts;
        let t = self.time(0.0);
        let mut entries = Vec::new();
        parts.jacobian.gather(&mut self.code, &Operands::at(t, Place::Memory(Buffer::Y, 0)), &mut entries)?;
        for (k, pattern) in parts.patterns.iter().enumerate().skip(first) {
            keep_by_pattern(&mut self.code, &entries, pattern, k == 1, self.jacobians[k])?;
        }
        if let Some(kernel) = parts.time_derivative.filter(|_| first == 0) {
            let t = self.time(0.0);
            let slope = inline(&mut self.code, kernel, &Operands::at(t, Place::Memory(Buffer::Y, 0)))?;
            slope.into_iter().enumerate().for_each(|(j, value)| self.code.keep(self.slope + j, value));
        }
        let (one, h) = (self.code.op(Op::Const(1.0)), self.code.load(Buffer::V, 0));
        let reciprocal = self.code.op(Op::Binary(Binary::Div, one, h));
        self.code.keep(self.scalars, reciprocal);
        let shift = self.scaled(1.0 / self.formula.gamma, reciprocal, None);
        self.code.keep(self.scalars + 1, shift);
        for (k, (_, elimination)) in parts.eliminations.iter().enumerate().skip(first) {
            let factor = elimination.kernel("factor")?;
            let shift = self.code.kept(self.scalars + 1);
            let jacobian = Place::Memory(Buffer::W, self.jacobians[k]);
            let operands = Operands { work: Some(self.factors[k]), ..Operands::at(shift, jacobian) };
            inline(&mut self.code, factor, &operands)?;
            self.code.may_cut();
        }
        Some(())
    }

    /// Solves with W, or its transpose; the first solution of each is checked.
    pub fn solve(&mut self, k: usize, right: &[Value], check: bool) -> Option<Vec<Value>> {
        let parts = self.parts;
        let elimination = &parts.eliminations[k].1;
        let t = self.code.op(Op::Time);
        let factors = Place::Memory(Buffer::W, self.factors[k]);
        let operands = Operands { v: Place::Values(right), ..Operands::at(t, factors) };
        let x = inline(&mut self.code, elimination.kernel("solve")?, &operands)?;
        if check {
            let shift = self.code.kept(self.scalars + 1);
            let jacobian = Place::Memory(Buffer::W, self.jacobians[k]);
            let operands = Operands { p: Place::Values(&x), v: Place::Values(right), ..Operands::at(shift, jacobian) };
            let good = inline(&mut self.code, elimination.kernel("check")?, &operands)?;
            self.code.keep(self.scalars + 2 + k, *good.first()?);
        }
        Some(x)
    }

    /// An element of `y + Σ weight_l u_l`.
    pub fn state(&mut self, weights: &[f64], j: usize) -> Value {
        let mut x = self.code.load(Buffer::Y, j);
        for (l, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            let u = self.code.kept(self.u + l * (self.n + 1) + j);
            x = self.scaled(*weight, u, Some(x));
        }
        x
    }

    /// x_i
    pub fn argument(&self, i: usize) -> Place<'static> {
        Place::Memory(Buffer::W, self.x + i * self.n)
    }

    /// u_i and h d_i behind it: the direction that J v + τ ∂f/∂t is differentiated in.
    pub fn direction(&self, i: usize) -> Place<'static> {
        Place::Memory(Buffer::W, self.u + i * (self.n + 1))
    }

    /// Where 1/h stands in the work buffer.
    pub fn reciprocal(&self) -> usize {
        self.scalars
    }

    /// x_i, of u_i that are given.
    pub fn given(&mut self, i: usize) {
        let (n, u) = (self.n, self.u + i * (self.n + 1));
        for j in 0..n {
            let x = self.state(self.formula.a[i], j);
            self.code.keep(self.x + i * n + j, x);
            let given = self.code.load(Buffer::V, LIMITS + n + i * n + j);
            self.code.keep(u + j, given);
        }
        let h = self.code.load(Buffer::V, 0);
        let tau = self.scaled(self.formula.d[i], h, None);
        self.code.keep(u + n, tau);
    }

    /// x_i and u_i.
    pub fn stage(&mut self, i: usize) -> Option<()> {
        let (n, formula, parts) = (self.n, self.formula, self.parts);
        for j in 0..n {
            let x = self.state(formula.a[i], j);
            self.code.keep(self.x + i * n + j, x);
        }
        let t = self.time(formula.c[i]);
        let argument = self.argument(i);
        let f = inline(&mut self.code, parts.rhs, &Operands::at(t, argument))?;
        let h = self.code.load(Buffer::V, 0);
        let tau = self.scaled(formula.d[i], h, None);
        self.code.keep(self.u + i * (n + 1) + n, tau);
        let mut right = Vec::with_capacity(n);
        for (j, f) in f.into_iter().enumerate() {
            let mut sum = None;
            if parts.patterns[0].is_differential(j) {
                for (l, c) in formula.cc[i].iter().enumerate().filter(|(_, c)| **c != 0.0) {
                    let u = self.code.kept(self.u + l * (n + 1) + j);
                    sum = Some(self.scaled(*c, u, sum));
                }
            }
            let mut value = f;
            if let Some(sum) = sum {
                let reciprocal = self.code.kept(self.scalars);
                value = self.code.multiply_add(sum, reciprocal, f, self.fma);
            }
            if parts.time_derivative.is_some() && formula.d[i] != 0.0 {
                let slope = self.code.kept(self.slope + j);
                value = self.code.multiply_add(tau, slope, value, self.fma);
            }
            right.push(value);
        }
        let u = self.solve(0, &right, i == 0)?;
        u.into_iter().enumerate().for_each(|(j, u)| self.code.keep(self.u + i * (n + 1) + j, u));
        Some(())
    }

    /// Whether the planned pivots were good, of all factorisations.
    pub fn good(&mut self) -> Value {
        let mut good = self.code.kept(self.scalars + 2 + self.first);
        for k in self.first + 1..self.parts.eliminations.len() {
            let next = self.code.kept(self.scalars + 2 + k);
            good = self.code.op(Op::Binary(Binary::Min, good, next));
        }
        good
    }
}
