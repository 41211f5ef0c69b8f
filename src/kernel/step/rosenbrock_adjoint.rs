//! Back through Rosenbrock–Wanner steps: up from the last stage to the first, as one function.
//!
//! With x_i = y + Σ a_il u_l and W u_i = f(x_i) + Σ c_il u_l/h + h d_i ∂f/∂t (H&W IV.7.25), adjoints υ of u, μ = W⁻ᵀ υ of the
//! right sides and ξ of x follow from those of the results by υ_i = m_i λ + Σ_l (a_li ξ_l + c_li μ_l/h), ξ_i = J(x_i)ᵀ μ_i. W
//! depends on y too: (∂(J v + τ ∂f/∂t)/∂y)ᵀ μ_i at v = u_i, τ = h d_i is added to the adjoint of y, and its like to the
//! gradient.

use super::adjoint::{Begin, Entries};
use super::inline::{Operands, Place, inline};
use super::rosenbrock_stages::{StageParts, Stages};
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Value};
use crate::system::{LIMITS, RosenbrockFormula};

/// The kernel `adjoint` of a formula; `None` if a part cannot be unrolled. Layout as of
/// [`super::explicit_adjoint`], with u in the place of z; behind the gradient it writes whether the planned pivots were good.
pub fn rosenbrock_adjoint(
    parts: &StageParts,
    formula: &RosenbrockFormula,
    begin: Begin,
    target: Target64,
) -> Option<Kernel> {
    let whole = begin == Begin::Adjoints;
    let mut back = Back::new(Stages::new(parts, formula, 0, target), whole);
    // W itself serves stages that are calculated.
    back.stages.matrices(if whole { 0 } else { 1 })?;
    let stages = formula.c.len();
    for i in 0..stages {
        match begin {
            Begin::Stages => back.stages.given(i),
            Begin::Adjoints => back.stages.stage(i)?,
        }
        back.stages.code.may_cut();
    }
    for i in (0..stages).rev() {
        back.up(i)?;
        back.stages.code.may_cut();
    }
    back.finish();
    let n = back.stages.n;
    let v = LIMITS + n + stages * n;
    let lengths = Lengths { y: n, p: parts.bound(), v, w: back.end, out: n + parts.columns + 1 };
    Some(Kernel { name: begin.name(), lengths, pieces: back.stages.code.finish() })
}

struct Back<'a> {
    stages: Stages<'a>,
    whole: bool,
    /// Places in the work buffer, behind the stages: μ_i; ξ_i; the adjoint of y; the gradient.
    mu: usize,
    xi: usize,
    old: usize,
    gradient: usize,
    end: usize,
    /// Elements of the adjoint of y, and of the gradient, that have a value.
    touched: Vec<bool>,
}

impl<'a> Back<'a> {
    fn new(stages: Stages<'a>, whole: bool) -> Self {
        let (n, columns) = (stages.n, stages.parts.columns);
        let room = stages.formula.c.len() * n;
        let mu = stages.end;
        let xi = mu + room;
        let old = xi + room;
        let gradient = old + n;
        Back { stages, whole, mu, xi, old, gradient, end: gradient + columns, touched: vec![false; n + columns] }
    }

    /// The way back through stage i.
    fn up(&mut self, i: usize) -> Option<()> {
        let (n, formula, parts) = (self.stages.n, self.stages.formula, self.stages.parts);
        let stages = formula.c.len();
        let mut right = Vec::with_capacity(n);
        for j in 0..n {
            let mut sum = self.whole.then(|| self.stages.code.load(Buffer::V, LIMITS + n + i * n + j));
            if formula.m[i] != 0.0 {
                let lambda = self.stages.code.load(Buffer::V, LIMITS + j);
                sum = Some(self.stages.scaled(formula.m[i], lambda, sum));
            }
            for l in (i + 1..stages).filter(|l| formula.a[*l][i] != 0.0) {
                let xi = self.stages.code.kept(self.xi + l * n + j);
                sum = Some(self.stages.scaled(formula.a[l][i], xi, sum));
            }
            let mut by_h = None;
            if parts.patterns[0].is_differential(j) {
                for l in (i + 1..stages).filter(|l| formula.cc[*l][i] != 0.0) {
                    let mu = self.stages.code.kept(self.mu + l * n + j);
                    by_h = Some(self.stages.scaled(formula.cc[l][i], mu, by_h));
                }
            }
            if let Some(by_h) = by_h {
                let reciprocal = self.stages.code.kept(self.stages.reciprocal());
                sum = Some(self.stages.add_product(by_h, reciprocal, sum));
            }
            right.push(self.stages.or_zero(sum));
        }
        let mu = self.stages.solve(1, &right, i + 1 == stages)?;
        for (j, mu) in mu.iter().enumerate() {
            self.stages.code.keep(self.mu + i * n + j, *mu);
        }
        self.stages.code.may_cut();
        // ξ_i, through the argument.
        let at = self.stages.argument(i);
        let t = self.stages.time(formula.c[i]);
        let values = inline(&mut self.stages.code, parts.jacobian.kernel, &Operands::at(t, at))?;
        let mut xi: Vec<Option<Value>> = vec![None; n];
        for (value, (row, column)) in values.into_iter().zip(&parts.jacobian.places) {
            let mu = self.stages.code.kept(self.mu + i * n + row);
            xi[*column] = Some(self.stages.add_product(value, mu, xi[*column]));
        }
        for (j, xi) in xi.into_iter().enumerate() {
            let xi = self.stages.or_zero(xi);
            self.stages.code.keep(self.xi + i * n + j, xi);
            self.add(j, xi);
        }
        self.stages.code.may_cut();
        let t = self.stages.time(formula.c[i]);
        self.product(&parts.parameters, &Operands::at(t, at), i, n)?;
        // W's own derivative.
        let direction = self.stages.direction(i);
        for (entries, base) in [(&parts.curvature, 0), (&parts.mixed, n)] {
            let t = self.stages.time(0.0);
            let operands = Operands { v: direction, ..Operands::at(t, Place::Memory(Buffer::Y, 0)) };
            self.product(entries, &operands, i, base)?;
        }
        Some(())
    }

    /// Adds the product of a matrix's transpose with μ_i to the adjoint of y or the gradient.
    fn product(&mut self, entries: &Entries, operands: &Operands, i: usize, base: usize) -> Option<()> {
        let values = inline(&mut self.stages.code, entries.kernel, operands)?;
        // Entries come column by column but for arrays: the sum at hand stays in a register.
        let mut latest: Option<(usize, Value)> = None;
        for (value, (row, column)) in values.into_iter().zip(&entries.places) {
            let mu = self.stages.code.kept(self.mu + i * self.stages.n + row);
            let before = match latest {
                Some((known, sum)) if known == *column => Some(sum),
                _ => {
                    if let Some((known, sum)) = latest {
                        self.add(base + known, sum);
                    }
                    None
                }
            };
            latest = Some((*column, self.stages.add_product(value, mu, before)));
        }
        if let Some((known, sum)) = latest {
            self.add(base + known, sum);
        }
        Some(())
    }

    /// Adds to an element of the adjoint of y, or behind it of the gradient.
    fn add(&mut self, element: usize, term: Value) {
        let sum = if std::mem::replace(&mut self.touched[element], true) {
            let known = self.stages.code.kept(self.old + element);
            self.stages.code.op(Op::Binary(Binary::Add, known, term))
        } else {
            term
        };
        self.stages.code.keep(self.old + element, sum);
    }

    fn finish(&mut self) {
        debug_assert_eq!(self.gradient, self.old + self.stages.n);
        for j in 0..self.stages.n {
            let lambda = self.stages.code.load(Buffer::V, LIMITS + j);
            self.add(j, lambda);
        }
        for element in 0..self.touched.len() {
            let value = if self.touched[element] {
                self.stages.code.kept(self.old + element)
            } else {
                self.stages.code.op(Op::Const(0.0))
            };
            self.stages.code.store(Buffer::Out, element, value);
        }
        let good = self.stages.good();
        self.stages.code.store(Buffer::Out, self.touched.len(), good);
    }
}
