//! Back through Rosenbrock–Wanner steps: the stages once more, then up from the last to the first, as one function.
//!
//! With x_i = y + Σ a_il u_l and W u_i = f(x_i) + Σ c_il u_l/h + h d_i ∂f/∂t (H&W IV.7.25), adjoints υ of u, μ = W⁻ᵀ υ of the
//! right sides and ξ of x follow from those of the results by υ_i = m_i λ + Σ_l (a_li ξ_l + c_li μ_l/h), ξ_i = J(x_i)ᵀ μ_i. W
//! depends on y too: (∂(J v + τ ∂f/∂t)/∂y)ᵀ μ_i at v = u_i, τ = h d_i is added to the adjoint of y, and its like to the
//! gradient.

use super::adjoint::Entries;
use super::inline::{Operands, Place, inline, reads_time};
use super::time::stage_time;
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Program, Value};
use crate::kernel::straight::Straight;
use crate::linalg::Pattern;
use crate::system::{LIMITS, RosenbrockFormula};

/// The kernels of a model that such a function is made of.
pub struct BackParts<'a> {
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
    /// The patterns of ∂f/∂y and of its transpose.
    pub patterns: [&'a Pattern; 2],
    /// `factor`, `solve` and `check` for W and for its transpose.
    pub eliminations: [&'a Program; 2],
    /// Number of parameters and discrete quantities.
    pub columns: usize,
}

/// The kernel `adjoint` of a formula; `None` if a part cannot be unrolled. Layout as of
/// [`super::explicit_adjoint`], with u in the place of z; behind the gradient it writes whether the planned pivots were good.
pub fn rosenbrock_adjoint(
    parts: &BackParts,
    formula: &RosenbrockFormula,
    whole: bool,
    target: Target64,
) -> Option<Kernel> {
    let mut back = Back::new(parts, formula, whole, target);
    back.matrices()?;
    let stages = formula.c.len();
    for i in 0..stages {
        back.stage(i)?;
        back.code.may_cut();
    }
    for i in (0..stages).rev() {
        back.up(i)?;
        back.code.may_cut();
    }
    back.finish();
    let n = back.n;
    let bound = [parts.rhs, parts.jacobian.kernel, parts.parameters.kernel, parts.curvature.kernel, parts.mixed.kernel];
    let p = bound.iter().map(|kernel| kernel.lengths.p).max().unwrap_or(0);
    let v = LIMITS + n + if whole { stages * n } else { 0 };
    let lengths = Lengths { y: n, p, v, w: back.end, out: n + parts.columns + 1 };
    let name = if whole { "adjoint_inside" } else { "adjoint" };
    Some(Kernel { name, lengths, pieces: back.code.finish() })
}

struct Back<'a> {
    parts: &'a BackParts<'a>,
    formula: &'a RosenbrockFormula<'a>,
    whole: bool,
    fma: bool,
    timed: bool,
    n: usize,
    code: Straight,
    /// Places in the work buffer: x_i; u_i with h d_i behind each; μ_i; ξ_i; the adjoint of y; the gradient; ∂f/∂t; J and its
    /// transpose; the factors of both; 1/h, the shift, and whether pivots were good.
    u: usize,
    mu: usize,
    xi: usize,
    old: usize,
    gradient: usize,
    slope: usize,
    jacobians: [usize; 2],
    factors: [usize; 2],
    scalars: usize,
    end: usize,
    /// Elements of the adjoint of y, and of the gradient, that have a value.
    touched: Vec<bool>,
}

impl<'a> Back<'a> {
    fn new(parts: &'a BackParts<'a>, formula: &'a RosenbrockFormula<'a>, whole: bool, target: Target64) -> Self {
        let (n, stages) = (parts.rhs.lengths.out, formula.c.len());
        let kernels =
            [parts.rhs, parts.jacobian.kernel, parts.parameters.kernel, parts.curvature.kernel, parts.mixed.kernel];
        let timed = kernels.into_iter().chain(parts.time_derivative).any(reads_time);
        let nnz = parts.patterns[0].nnz();
        let room = |k: usize| parts.eliminations[k].kernel("factor").map_or(0, |factor| factor.lengths.w);
        let u = stages * n;
        let mu = u + stages * (n + 1);
        let xi = mu + stages * n;
        let old = xi + stages * n;
        let gradient = old + n;
        let slope = gradient + parts.columns;
        let jacobians = [slope + n, slope + n + nnz];
        let factors = [jacobians[1] + nnz, jacobians[1] + nnz + room(0)];
        let scalars = factors[1] + room(1);
        Back {
            parts,
            formula,
            whole,
            fma: target.fma,
            timed,
            n,
            code: Straight::default(),
            u,
            mu,
            xi,
            old,
            gradient,
            slope,
            jacobians,
            factors,
            scalars,
            end: scalars + 4,
            touched: vec![false; n + parts.columns],
        }
    }

    fn add_product(&mut self, a: Value, b: Value, sum: Option<Value>) -> Value {
        self.code.add_product(a, b, sum, self.fma)
    }

    fn scaled(&mut self, factor: f64, value: Value, sum: Option<Value>) -> Value {
        let factor = self.code.op(Op::Const(factor));
        self.add_product(factor, value, sum)
    }

    fn or_zero(&mut self, sum: Option<Value>) -> Value {
        sum.unwrap_or_else(|| self.code.op(Op::Const(0.0)))
    }

    /// The time `t + c h`, kept inside the times f may be asked for.
    fn time(&mut self, c: f64) -> Value {
        stage_time(&mut self.code, self.timed, c, self.fma)
    }

    /// J, its transpose, ∂f/∂t, 1/h, the shift, and the factors of both.
    fn matrices(&mut self) -> Option<()> {
        let parts = self.parts;
        let t = self.time(0.0);
        let values = inline(&mut self.code, parts.jacobian.kernel, &Operands::at(t, Place::Memory(Buffer::Y, 0)))?;
        let mut entries: [Vec<Option<Value>>; 2] = [0, 1].map(|_| vec![None; parts.patterns[0].nnz()]);
        for (value, (row, column)) in values.into_iter().zip(&parts.jacobian.places) {
            for (k, place) in [(*row, *column), (*column, *row)].into_iter().enumerate() {
                let entry = entries[k].get_mut(parts.patterns[k].place(place.0, place.1)?)?;
                *entry = Some(match *entry {
                    Some(sum) => self.code.op(Op::Binary(Binary::Add, sum, value)),
                    None => value,
                });
            }
        }
        for (k, entries) in entries.into_iter().enumerate() {
            for (place, value) in entries.into_iter().enumerate() {
                let value = self.or_zero(value);
                self.code.keep(self.jacobians[k] + place, value);
            }
        }
        if let Some(kernel) = parts.time_derivative {
            let t = self.time(0.0);
            let slope = inline(&mut self.code, kernel, &Operands::at(t, Place::Memory(Buffer::Y, 0)))?;
            slope.into_iter().enumerate().for_each(|(j, value)| self.code.keep(self.slope + j, value));
        }
        let (one, h) = (self.code.op(Op::Const(1.0)), self.code.load(Buffer::V, 0));
        let reciprocal = self.code.op(Op::Binary(Binary::Div, one, h));
        self.code.keep(self.scalars, reciprocal);
        let shift = self.scaled(1.0 / self.formula.gamma, reciprocal, None);
        self.code.keep(self.scalars + 1, shift);
        for k in 0..2 {
            let factor = parts.eliminations[k].kernel("factor")?;
            let shift = self.code.kept(self.scalars + 1);
            let jacobian = Place::Memory(Buffer::W, self.jacobians[k]);
            let operands = Operands { work: Some(self.factors[k]), ..Operands::at(shift, jacobian) };
            inline(&mut self.code, factor, &operands)?;
            self.code.may_cut();
        }
        Some(())
    }

    /// Solves with W, or its transpose; the first solution of each is checked.
    fn solve(&mut self, k: usize, right: &[Value], check: bool) -> Option<Vec<Value>> {
        let parts = self.parts;
        let t = self.code.op(Op::Time);
        let factors = Place::Memory(Buffer::W, self.factors[k]);
        let operands = Operands { v: Place::Values(right), ..Operands::at(t, factors) };
        let x = inline(&mut self.code, parts.eliminations[k].kernel("solve")?, &operands)?;
        if check {
            let shift = self.code.kept(self.scalars + 1);
            let jacobian = Place::Memory(Buffer::W, self.jacobians[k]);
            let operands = Operands { p: Place::Values(&x), v: Place::Values(right), ..Operands::at(shift, jacobian) };
            let good = inline(&mut self.code, parts.eliminations[k].kernel("check")?, &operands)?;
            self.code.keep(self.scalars + 2 + k, *good.first()?);
        }
        Some(x)
    }

    /// x_i and u_i.
    fn stage(&mut self, i: usize) -> Option<()> {
        let (n, formula, parts) = (self.n, self.formula, self.parts);
        for j in 0..n {
            let mut x = self.code.load(Buffer::Y, j);
            for (l, a) in formula.a[i].iter().enumerate().filter(|(_, a)| **a != 0.0) {
                let u = self.code.kept(self.u + l * (n + 1) + j);
                x = self.scaled(*a, u, Some(x));
            }
            self.code.keep(i * n + j, x);
        }
        let t = self.time(formula.c[i]);
        let f = inline(&mut self.code, parts.rhs, &Operands::at(t, Place::Memory(Buffer::W, i * n)))?;
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

    /// The way back through stage i.
    fn up(&mut self, i: usize) -> Option<()> {
        let (n, formula, parts) = (self.n, self.formula, self.parts);
        let stages = formula.c.len();
        let mut right = Vec::with_capacity(n);
        for j in 0..n {
            let mut sum = self.whole.then(|| self.code.load(Buffer::V, LIMITS + n + i * n + j));
            if formula.m[i] != 0.0 {
                let lambda = self.code.load(Buffer::V, LIMITS + j);
                sum = Some(self.scaled(formula.m[i], lambda, sum));
            }
            for l in (i + 1..stages).filter(|l| formula.a[*l][i] != 0.0) {
                let xi = self.code.kept(self.xi + l * n + j);
                sum = Some(self.scaled(formula.a[l][i], xi, sum));
            }
            let mut by_h = None;
            if parts.patterns[0].is_differential(j) {
                for l in (i + 1..stages).filter(|l| formula.cc[*l][i] != 0.0) {
                    let mu = self.code.kept(self.mu + l * n + j);
                    by_h = Some(self.scaled(formula.cc[l][i], mu, by_h));
                }
            }
            if let Some(by_h) = by_h {
                let reciprocal = self.code.kept(self.scalars);
                sum = Some(self.add_product(by_h, reciprocal, sum));
            }
            right.push(self.or_zero(sum));
        }
        let mu = self.solve(1, &right, i + 1 == stages)?;
        for (j, mu) in mu.iter().enumerate() {
            self.code.keep(self.mu + i * n + j, *mu);
        }
        self.code.may_cut();
        // ξ_i, through the argument.
        let at = Place::Memory(Buffer::W, i * n);
        let t = self.time(formula.c[i]);
        let values = inline(&mut self.code, parts.jacobian.kernel, &Operands::at(t, at))?;
        let mut xi: Vec<Option<Value>> = vec![None; n];
        for (value, (row, column)) in values.into_iter().zip(&parts.jacobian.places) {
            let mu = self.code.kept(self.mu + i * n + row);
            xi[*column] = Some(self.add_product(value, mu, xi[*column]));
        }
        for (j, xi) in xi.into_iter().enumerate() {
            let xi = self.or_zero(xi);
            self.code.keep(self.xi + i * n + j, xi);
            self.add(j, xi);
        }
        self.code.may_cut();
        let t = self.time(formula.c[i]);
        self.product(&parts.parameters, &Operands::at(t, at), i, n)?;
        // W's own derivative.
        let direction = Place::Memory(Buffer::W, self.u + i * (n + 1));
        for (entries, base) in [(&parts.curvature, 0), (&parts.mixed, n)] {
            let t = self.time(0.0);
            let operands = Operands { v: direction, ..Operands::at(t, Place::Memory(Buffer::Y, 0)) };
            self.product(entries, &operands, i, base)?;
        }
        Some(())
    }

    /// Adds the product of a matrix's transpose with μ_i to the adjoint of y or the gradient.
    fn product(&mut self, entries: &Entries, operands: &Operands, i: usize, base: usize) -> Option<()> {
        let values = inline(&mut self.code, entries.kernel, operands)?;
        // Entries come column by column but for arrays: the sum at hand stays in a register.
        let mut latest: Option<(usize, Value)> = None;
        for (value, (row, column)) in values.into_iter().zip(&entries.places) {
            let mu = self.code.kept(self.mu + i * self.n + row);
            let before = match latest {
                Some((known, sum)) if known == *column => Some(sum),
                _ => {
                    if let Some((known, sum)) = latest {
                        self.add(base + known, sum);
                    }
                    None
                }
            };
            latest = Some((*column, self.add_product(value, mu, before)));
        }
        if let Some((known, sum)) = latest {
            self.add(base + known, sum);
        }
        Some(())
    }

    /// Adds to an element of the adjoint of y, or behind it of the gradient.
    fn add(&mut self, element: usize, term: Value) {
        let sum = if std::mem::replace(&mut self.touched[element], true) {
            let known = self.code.kept(self.old + element);
            self.code.op(Op::Binary(Binary::Add, known, term))
        } else {
            term
        };
        self.code.keep(self.old + element, sum);
    }

    fn finish(&mut self) {
        debug_assert_eq!(self.gradient, self.old + self.n);
        for j in 0..self.n {
            let lambda = self.code.load(Buffer::V, LIMITS + j);
            self.add(j, lambda);
        }
        for element in 0..self.touched.len() {
            let value =
                if self.touched[element] { self.code.kept(self.old + element) } else { self.code.op(Op::Const(0.0)) };
            self.code.store(Buffer::Out, element, value);
        }
        let (first, second) = (self.code.kept(self.scalars + 2), self.code.kept(self.scalars + 3));
        let good = self.code.op(Op::Binary(Binary::Min, first, second));
        self.code.store(Buffer::Out, self.touched.len(), good);
    }
}
