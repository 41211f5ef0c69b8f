//! Collocation steps with decoupled stages: factorisations, Newton's iteration, the error. Layout of the buffers:
//! [`crate::system::CompiledCollocation`].

use super::complex::{self, Number, Numbers, inline_complex};
use super::inline::{Operands, Place, inline, reads_time};
use super::jacobian::jacobian;
use super::norm::{root_of_mean, scale};
use super::sums::{row, weighted};
use super::time::stage_time;
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Program, Unary, Value};
use crate::kernel::straight::Straight;
use crate::linalg::Pattern;
use crate::system::{COLLOCATION_PARTS, CollocationFormula, LIMITS};

/// The kernels of a model that a step is made of.
pub struct CollocationParts<'a> {
    /// dy
    pub rhs: &'a Kernel,
    /// ∂f/∂y
    pub jacobian: &'a Kernel,
    /// The pattern of ∂f/∂y, and the place in it of each value of the kernel (if not in order).
    pub pattern: &'a Pattern,
    /// See `pattern`.
    pub places: Option<&'a [usize]>,
    /// `factor`, `solve` and `check` for s·I − J.
    pub elimination: &'a Program,
}

/// The kernels `first`, `again`, `jacobian`, `factor`, `predict`, `estimate` and `damp` of a formula; `None` if a part cannot be unrolled.
pub fn collocation_step(parts: &CollocationParts, formula: &CollocationFormula, target: Target64) -> Option<Program> {
    let make = |name: &'static str, body: &dyn Fn(&mut Step) -> Option<()>| {
        let mut step = Step::new(parts, formula, target)?;
        body(&mut step)?;
        let n = step.n;
        let p = parts.rhs.lengths.p.max(parts.jacobian.lengths.p);
        let work = Lengths { w: step.end, ..Lengths::default() };
        let limits = LIMITS + 2 * n;
        let lengths = match name {
            "predict" => work,
            "factor" => Lengths { v: limits, ..work },
            _ => Lengths { y: n, p, v: limits, out: n + 1, ..work },
        };
        Some(Kernel { name, lengths, pieces: step.code.finish() })
    };
    Some(Program {
        kernels: vec![
            make("first", &|step| step.iterate(true))?,
            make("again", &|step| step.iterate(false))?,
            make("jacobian", &|step| step.jacobian())?,
            make("factor", &|step| step.set_up())?,
            make("predict", &|step| step.predict())?,
            make("estimate", &|step| step.estimate())?,
            make("damp", &|step| step.damp())?,
        ],
    })
}

struct Step<'a> {
    parts: &'a CollocationParts<'a>,
    formula: &'a CollocationFormula<'a>,
    factor: &'a Kernel,
    solve: &'a Kernel,
    check: &'a Kernel,
    fma: bool,
    n: usize,
    code: Straight,
    /// Places in the work buffer; T⁻¹z comes first, then z of the step before.
    before: usize,
    z: usize,
    f: usize,
    error: usize,
    /// The new state; 1 over the scale of an iteration's norm; J.
    new: usize,
    weights: usize,
    jacobian: usize,
    /// Whether pivots were good; 1/h, γ/h, then α/h and −β/h of each pair.
    good: usize,
    scalars: usize,
    /// Factors: the real ones, then those of each pair.
    factors: usize,
    end: usize,
}

impl<'a> Step<'a> {
    fn new(parts: &'a CollocationParts<'a>, formula: &'a CollocationFormula<'a>, target: Target64) -> Option<Self> {
        let find = |name| parts.elimination.kernel(name);
        let (factor, solve, check) = (find("factor")?, find("solve")?, find("check")?);
        let (n, all) = (parts.rhs.lengths.out, formula.c.len() * parts.rhs.lengths.out);
        let error = 4 * all;
        let jacobian = error + COLLOCATION_PARTS * n;
        let good = jacobian + parts.pattern.nnz();
        let scalars = good + 1;
        let factors = scalars + 2 + 2 * formula.pairs.len();
        Some(Step {
            parts,
            formula,
            factor,
            solve,
            check,
            fma: target.fma,
            n,
            code: Straight::default(),
            before: all,
            z: 2 * all,
            f: 3 * all,
            error,
            new: error + n,
            weights: error + 2 * n,
            jacobian,
            good,
            scalars,
            factors,
            end: factors + (1 + 2 * formula.pairs.len()) * factor.lengths.w,
        })
    }

    /// Where the factors of a pair are.
    fn pair(&self, k: usize) -> usize {
        self.factors + (1 + 2 * k) * self.factor.lengths.w
    }

    /// The shift of a pair, (α − iβ)/h.
    fn shift(&mut self, k: usize) -> Number {
        let re = self.code.kept(self.scalars + 2 + 2 * k);
        Number { re, im: Some(self.code.kept(self.scalars + 3 + 2 * k)) }
    }

    /// J, and its norm.
    fn jacobian(&mut self) -> Option<()> {
        let parts = self.parts;
        let t = stage_time(&mut self.code, reads_time(parts.jacobian), 0.0, self.fma);
        let operands = Operands::at(t, Place::Memory(Buffer::Y, 0));
        let kernels = (parts.jacobian, parts.pattern, parts.places);
        let norm = jacobian(&mut self.code, kernels, &operands, self.jacobian)?;
        self.code.store(Buffer::Out, 0, norm);
        Some(())
    }

    /// T⁻¹z with z on the collocation polynomial of the step before, at nodes that are r times as far apart:
    /// z_i = Σ (L_j(1 + r c_i) − L_j(1)) z_j, L of Lagrange on 0 and the nodes. r is passed as the time.
    fn predict(&mut self) -> Option<()> {
        let (n, formula) = (self.n, self.formula);
        let s = formula.c.len();
        let one = self.code.op(Op::Const(1.0));
        let nodes: Vec<Value> = formula.c.iter().map(|c| self.code.op(Op::Const(*c))).collect();
        let mut rows = Vec::with_capacity(s);
        for c in &nodes {
            let r = self.code.op(Op::Time);
            let theta = self.code.multiply_add(r, *c, one, self.fma);
            let behind: Vec<Value> =
                nodes.iter().map(|other| self.code.op(Op::Binary(Binary::Sub, theta, *other))).collect();
            // Π (θ − c_k) over the nodes before one on the way up, over those behind it on the way down.
            let mut row = vec![theta; s];
            for j in 1..s {
                row[j] = self.code.op(Op::Binary(Binary::Mul, row[j - 1], behind[j - 1]));
            }
            let mut product = behind[s - 1];
            for j in (0..s - 1).rev() {
                row[j] = self.code.op(Op::Binary(Binary::Mul, row[j], product));
                product = self.code.op(Op::Binary(Binary::Mul, product, behind[j]));
            }
            for (j, weight) in row.iter_mut().enumerate() {
                let over = self.code.op(Op::Const(formula.lagrange[j]));
                *weight = self.code.op(Op::Binary(Binary::Mul, *weight, over));
            }
            row[s - 1] = self.code.op(Op::Binary(Binary::Sub, row[s - 1], one));
            rows.push(row);
        }
        for (i, inverse) in formula.inverse.iter().enumerate() {
            let mut weights = Vec::with_capacity(s);
            for j in 0..s {
                let mut sum = None;
                for (row, t) in rows.iter().zip(*inverse) {
                    let t = self.code.op(Op::Const(*t));
                    sum = Some(self.code.add_product(t, row[j], sum, self.fma));
                }
                weights.push(sum?);
            }
            for k in 0..n {
                let mut sum = None;
                for (j, weight) in weights.iter().enumerate() {
                    let z = self.code.kept(self.before + j * n + k);
                    sum = Some(self.code.add_product(*weight, z, sum, self.fma));
                }
                self.code.keep(i * n + k, sum?);
            }
        }
        Some(())
    }

    /// The shifts and the factors.
    fn set_up(&mut self) -> Option<()> {
        let (one, h) = (self.code.op(Op::Const(1.0)), self.code.load(Buffer::V, 0));
        let reciprocal = self.code.op(Op::Binary(Binary::Div, one, h));
        self.code.keep(self.scalars, reciprocal);
        let pairs = self.formula.pairs.iter().flat_map(|(alpha, beta)| [*alpha, -beta]);
        for (k, eigenvalue) in [self.formula.gamma].into_iter().chain(pairs).enumerate() {
            let eigenvalue = self.code.op(Op::Const(eigenvalue));
            let shift = self.code.op(Op::Binary(Binary::Mul, eigenvalue, reciprocal));
            self.code.keep(self.scalars + 1 + k, shift);
        }
        let shift = self.code.kept(self.scalars + 1);
        let jacobian = Place::Memory(Buffer::W, self.jacobian);
        let operands = Operands { work: Some(self.factors), ..Operands::at(shift, jacobian) };
        inline(&mut self.code, self.factor, &operands)?;
        self.code.may_cut();
        for k in 0..self.formula.pairs.len() {
            let none = Numbers::These(&[]);
            let (shift, y, work) = (self.shift(k), Numbers::Real(self.jacobian), Some(self.pair(k)));
            let operands = complex::Operands { shift, y, p: none, v: none, work };
            inline_complex(&mut self.code, self.factor, &operands, self.fma)?;
            self.code.may_cut();
        }
        Some(())
    }

    /// `W x = b` with the real shift.
    fn solved(&mut self, b: &[Value]) -> Option<Vec<Value>> {
        let t = self.code.op(Op::Time);
        let factors = Place::Memory(Buffer::W, self.factors);
        inline(&mut self.code, self.solve, &Operands { v: Place::Values(b), ..Operands::at(t, factors) })
    }

    /// (h⁻¹ Λ − J) Δw = T⁻¹ F(T w) − h⁻¹ Λ w (H&W IV.8.4), and w + Δw.
    fn iterate(&mut self, first: bool) -> Option<()> {
        let (n, formula, parts) = (self.n, self.formula, self.parts);
        if first {
            for j in 0..n {
                let y = self.code.load(Buffer::Y, j);
                let scale = scale(&mut self.code, j, y, self.fma);
                let one = self.code.op(Op::Const(1.0));
                let weight = self.code.op(Op::Binary(Binary::Div, one, scale));
                self.code.keep(self.weights + j, weight);
            }
        }
        for (i, t) in formula.t.iter().enumerate() {
            let argument = weighted(&mut self.code, n, Some((Buffer::Y, 0)), &row(0, n, t), self.fma);
            let t = stage_time(&mut self.code, reads_time(parts.rhs), formula.c[i], self.fma);
            let f = inline(&mut self.code, parts.rhs, &Operands::at(t, Place::Values(&argument)))?;
            f.into_iter().enumerate().for_each(|(j, f)| self.code.keep(self.f + i * n + j, f));
            self.code.may_cut();
        }
        let right = self.right(0, None);
        let x = self.solved(&right)?;
        if first {
            let shift = self.code.kept(self.scalars + 1);
            let jacobian = Place::Memory(Buffer::W, self.jacobian);
            let operands = Operands { p: Place::Values(&x), v: Place::Values(&right), ..Operands::at(shift, jacobian) };
            let good = *inline(&mut self.code, self.check, &operands)?.first()?;
            self.code.keep(self.good, good);
        }
        self.keep(0, x);
        self.code.may_cut();
        for k in 0..formula.pairs.len() {
            self.pair_of_corrections(k, first)?;
        }
        let mut squares = self.code.op(Op::Const(0.0));
        for k in 0..formula.c.len() {
            for j in 0..n {
                let (delta, w) = (self.code.kept(self.z + k * n + j), self.code.kept(k * n + j));
                let w = self.code.op(Op::Binary(Binary::Add, w, delta));
                self.code.keep(k * n + j, w);
                let weight = self.code.kept(self.weights + j);
                let share = self.code.op(Op::Binary(Binary::Mul, delta, weight));
                squares = self.code.multiply_add(share, share, squares, self.fma);
            }
        }
        let norm = root_of_mean(&mut self.code, squares, n * formula.c.len());
        self.code.store(Buffer::Out, 0, norm);
        if first {
            let good = self.code.kept(self.good);
            self.code.store(Buffer::Out, 1, good);
        }
        Some(())
    }

    /// Keeps the corrections of row k, where z will be.
    fn keep(&mut self, k: usize, delta: impl IntoIterator<Item = Value>) {
        let at = self.z + k * self.n;
        delta.into_iter().enumerate().for_each(|(j, delta)| self.code.keep(at + j, delta));
    }

    /// The corrections of the rows of a pair.
    fn pair_of_corrections(&mut self, k: usize, first: bool) -> Option<()> {
        let (re, im) = (self.right(1 + 2 * k, Some(false)), self.right(2 + 2 * k, Some(true)));
        let b: Vec<Number> = re.into_iter().zip(im).map(|(re, im)| Number { re, im: Some(im) }).collect();
        let (shift, none) = (self.shift(k), Numbers::These(&[]));
        let y = Numbers::Complex(self.pair(k));
        let operands = complex::Operands { shift, y, p: none, v: Numbers::These(&b), work: None };
        let x = inline_complex(&mut self.code, self.solve, &operands, self.fma)?;
        if first {
            let (y, p) = (Numbers::Real(self.jacobian), Numbers::These(&x));
            let operands = complex::Operands { shift, y, p, v: Numbers::These(&b), work: None };
            let also = inline_complex(&mut self.code, self.check, &operands, self.fma)?.first()?.re;
            let good = self.code.kept(self.good);
            let good = self.code.op(Op::Binary(Binary::Min, good, also));
            self.code.keep(self.good, good);
        }
        let imaginary = x.iter().map(|x| x.im).collect::<Option<Vec<_>>>()?;
        self.keep(1 + 2 * k, x.iter().map(|x| x.re));
        self.keep(2 + 2 * k, imaginary);
        self.code.may_cut();
        Some(())
    }

    /// Row k of T⁻¹ F − h⁻¹ Λ w; of a pair the real or the imaginary part.
    fn right(&mut self, k: usize, imaginary: Option<bool>) -> Vec<Value> {
        let n = self.n;
        let mut sums = weighted(&mut self.code, n, None, &row(self.f, n, self.formula.inverse[k]), self.fma);
        // Of α/h·x + β/h·y and α/h·y − β/h·x: where the factor and the other part are.
        let terms: Vec<(usize, usize, bool)> = match imaginary {
            None => vec![(self.scalars + 1, k, true)],
            Some(false) => vec![(self.scalars + 1 + k, k, true), (self.scalars + 2 + k, k + 1, false)],
            Some(true) => vec![(self.scalars + k, k, true), (self.scalars + 1 + k, k - 1, true)],
        };
        for (j, sum) in sums.iter_mut().enumerate() {
            if !self.parts.pattern.is_differential(j) {
                continue;
            }
            for (rate, part, negative) in &terms {
                let (mut rate, w) = (self.code.kept(*rate), self.code.kept(part * n + j));
                if *negative {
                    rate = self.code.op(Op::Unary(Unary::Neg, rate));
                }
                *sum = self.code.multiply_add(rate, w, *sum, self.fma);
            }
        }
        sums
    }

    /// z = T w, the new state, and the error.
    fn estimate(&mut self) -> Option<()> {
        let (n, formula) = (self.n, self.formula);
        for (i, t) in formula.t.iter().enumerate() {
            let z = weighted(&mut self.code, n, None, &row(0, n, t), self.fma);
            for (j, z) in z.into_iter().enumerate() {
                self.code.keep(self.z + i * n + j, z);
                if i + 1 == formula.c.len() {
                    let y = self.code.load(Buffer::Y, j);
                    let new = self.code.op(Op::Binary(Binary::Add, y, z));
                    self.code.keep(self.new + j, new);
                    self.code.store(Buffer::Out, j, new);
                }
            }
            self.code.may_cut();
        }
        let f = (0..n).map(|j| self.code.load(Buffer::V, LIMITS + n + j)).collect();
        self.filter(f)
    }

    /// The error from f at y + error.
    fn damp(&mut self) -> Option<()> {
        let n = self.n;
        let argument = weighted(&mut self.code, n, Some((Buffer::Y, 0)), &[(self.error, 1.0)], self.fma);
        let t = stage_time(&mut self.code, reads_time(self.parts.rhs), 0.0, self.fma);
        let f = inline(&mut self.code, self.parts.rhs, &Operands::at(t, Place::Values(&argument)))?;
        self.filter(f)
    }

    /// (γ/h I − J) error = f + Σ e z/h, and its norm.
    fn filter(&mut self, f: Vec<Value>) -> Option<()> {
        let n = self.n;
        let sums = weighted(&mut self.code, n, None, &row(self.z, n, self.formula.e), self.fma);
        let mut right = Vec::with_capacity(n);
        for (j, (f, sum)) in f.into_iter().zip(sums).enumerate() {
            // In algebraic equations M Σ e z has no part.
            right.push(if self.parts.pattern.is_differential(j) {
                let reciprocal = self.code.kept(self.scalars);
                self.code.multiply_add(sum, reciprocal, f, self.fma)
            } else {
                f
            });
        }
        let error = self.solved(&right)?;
        let mut squares = self.code.op(Op::Const(0.0));
        for (j, error) in error.into_iter().enumerate() {
            self.code.keep(self.error + j, error);
            let new = self.code.kept(self.new + j);
            let scale = scale(&mut self.code, j, new, self.fma);
            let share = self.code.op(Op::Binary(Binary::Div, error, scale));
            squares = self.code.multiply_add(share, share, squares, self.fma);
        }
        let norm = root_of_mean(&mut self.code, squares, n);
        self.code.store(Buffer::Out, n, norm);
        Some(())
    }
}
