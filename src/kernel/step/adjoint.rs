//! Back through explicit Runge–Kutta steps: the stages once more, then up from the last to the first, as one function.
//!
//! With z_i = h f(x_i) and x_i = y + Σ a_ij z_j, adjoints ζ of z and ξ of x follow from those of the results by
//! ζ_i += Σ_j a_ji ξ_j, ξ_i += h Jᵀ ζ_i, and the gradient by parameters is Σ h (∂f/∂p)ᵀ ζ_i (A. Griewank, A. Walther,
//! Evaluating Derivatives, ch. 3). J and ∂f/∂p are their kernels, executed symbolically at every stage's argument.

use super::inline::{Operands, Place, inline, reads_time};
use super::time::stage_time;
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Value};
use crate::kernel::straight::Straight;
use crate::linalg::Pattern;
use crate::system::{ExplicitFormula, LIMITS};

/// A matrix that a kernel writes: the row and column of each of its values.
pub struct Entries<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) places: Vec<(usize, usize)>,
}

impl<'a> Entries<'a> {
    /// `places` says where in the pattern each value of the kernel stands, if not in order.
    pub fn new(kernel: &'a Kernel, pattern: &Pattern, places: Option<&[usize]>) -> Self {
        let places = match places {
            Some(places) => places.iter().map(|place| pattern.entry(*place)).collect(),
            None => (0..pattern.nnz()).map(|place| pattern.entry(place)).collect(),
        };
        Entries { kernel, places }
    }

    /// Adds the entries on these operands to sums by row and column; `None` if the kernel cannot be unrolled.
    pub(super) fn gather(
        &self,
        code: &mut Straight,
        operands: &Operands,
        sums: &mut Vec<(usize, usize, Value)>,
    ) -> Option<()> {
        let values = inline(code, self.kernel, operands)?;
        for (value, (row, column)) in values.into_iter().zip(&self.places) {
            match sums.iter_mut().find(|(known, of, _)| (known, of) == (row, column)) {
                Some((_, _, sum)) => *sum = code.op(Op::Binary(Binary::Add, *sum, value)),
                None => sums.push((*row, *column, value)),
            }
        }
        Some(())
    }
}

/// The kernel `adjoint` of a formula; `None` if a part cannot be unrolled. It reads the state before the step as `y` and,
/// behind the limits of a step ([`crate::system::CompiledStep`]), the adjoint of the new state; of all stages z too if
/// the step is `whole`, with those of the interpolant. It writes what is to be added to the adjoint of the old state, and to the
/// gradient by `columns` parameters.
pub fn explicit_adjoint(
    rhs: &Kernel,
    (jacobian, parameters): (&Entries, &Entries),
    formula: &ExplicitFormula,
    whole: bool,
    columns: usize,
    target: Target64,
) -> Option<Kernel> {
    let n = rhs.lengths.out;
    let last = formula.stages - 1;
    // f at the new point serves the interpolant only.
    let count = if whole { formula.a.len() } else { last };
    let timed = [rhs, jacobian.kernel, parameters.kernel].iter().any(|kernel| reads_time(kernel));
    let mut back = Back { n, formula, fma: target.fma, timed, code: Straight::default(), count };
    for i in 0..count {
        back.argument(i);
        if i + 1 < count {
            back.slope(i, rhs)?;
        }
        back.code.may_cut();
    }
    let gradient = back.gradient();
    let mut touched = vec![false; columns];
    for i in (0..count).rev() {
        let zeta = back.zeta(i, whole);
        let at = Place::Memory(Buffer::W, i * n);
        let t = back.time(i);
        let values = inline(&mut back.code, jacobian.kernel, &Operands::at(t, at))?;
        let mut xi: Vec<Option<Value>> = vec![None; n];
        if whole && i == last {
            for (j, xi) in xi.iter_mut().enumerate() {
                *xi = Some(back.code.load(Buffer::V, LIMITS + j));
            }
        }
        for (value, (row, column)) in values.into_iter().zip(&jacobian.places) {
            xi[*column] = Some(back.add_product(value, zeta[*row], xi[*column]));
        }
        for (j, xi) in xi.into_iter().enumerate() {
            let xi = xi.unwrap_or_else(|| back.code.op(Op::Const(0.0)));
            back.code.keep(back.xi(i) + j, xi);
        }
        let t = back.time(i);
        let values = inline(&mut back.code, parameters.kernel, &Operands::at(t, at))?;
        let mut sums: Vec<(usize, Value)> = Vec::new();
        for (value, (row, column)) in values.into_iter().zip(&parameters.places) {
            let known = sums.iter().position(|(known, _)| known == column);
            let before = match known {
                Some(known) => Some(sums[known].1),
                None => touched[*column].then(|| back.code.kept(gradient + column)),
            };
            let sum = back.add_product(value, zeta[*row], before);
            match known {
                Some(known) => sums[known].1 = sum,
                None => sums.push((*column, sum)),
            }
        }
        for (column, sum) in sums {
            back.code.keep(gradient + column, sum);
            touched[column] = true;
        }
        back.code.may_cut();
    }
    back.finish(whole, &touched);
    let v = LIMITS + n + if whole { count * n } else { 0 };
    let p = [rhs, jacobian.kernel, parameters.kernel].iter().map(|kernel| kernel.lengths.p).max().unwrap_or(0);
    let lengths = Lengths { y: n, p, v, w: gradient + columns, out: n + columns };
    let name = if whole { "adjoint_inside" } else { "adjoint" };
    Some(Kernel { name, lengths, pieces: back.code.finish() })
}

/// Places in the work buffer: arguments x_i, slopes f(x_i), adjoints ξ_i, n numbers each; then the gradient.
struct Back<'a> {
    n: usize,
    formula: &'a ExplicitFormula<'a>,
    fma: bool,
    timed: bool,
    code: Straight,
    /// Stages that are gone through.
    count: usize,
}

impl Back<'_> {
    fn k(&self, i: usize) -> usize {
        (self.count + i) * self.n
    }

    fn xi(&self, i: usize) -> usize {
        (2 * self.count + i) * self.n
    }

    fn gradient(&self) -> usize {
        3 * self.count * self.n
    }

    /// `sum + a b`
    fn add_product(&mut self, a: Value, b: Value, sum: Option<Value>) -> Value {
        self.code.add_product(a, b, sum, self.fma)
    }

    /// The time of stage i, kept inside the times f may be asked for.
    fn time(&mut self, i: usize) -> Value {
        stage_time(&mut self.code, self.timed, self.formula.c[i], self.fma)
    }

    /// `x_i = y + h Σ a_il f_l`
    fn argument(&mut self, i: usize) {
        for j in 0..self.n {
            let mut sum: Option<Value> = None;
            for (l, a) in self.formula.a[i].iter().enumerate().filter(|(_, a)| **a != 0.0) {
                let (a, k) = (self.code.op(Op::Const(*a)), self.code.kept(self.k(l) + j));
                sum = Some(self.add_product(a, k, sum));
            }
            let y = self.code.load(Buffer::Y, j);
            let x = match sum {
                Some(sum) => {
                    let h = self.code.load(Buffer::V, 0);
                    self.code.multiply_add(h, sum, y, self.fma)
                }
                None => y,
            };
            self.code.keep(i * self.n + j, x);
        }
    }

    fn slope(&mut self, i: usize, rhs: &Kernel) -> Option<()> {
        let t = self.time(i);
        let f = inline(&mut self.code, rhs, &Operands::at(t, Place::Memory(Buffer::W, i * self.n)))?;
        for (j, f) in f.into_iter().enumerate() {
            self.code.keep(self.k(i) + j, f);
        }
        Some(())
    }

    /// `h ζ_i`: what the later arguments and, inside the step, the interpolant make of z_i.
    fn zeta(&mut self, i: usize, whole: bool) -> Vec<Value> {
        let (n, last) = (self.n, self.formula.stages - 1);
        let mut zeta = Vec::with_capacity(n);
        for j in 0..n {
            let mut sum = whole.then(|| self.code.load(Buffer::V, LIMITS + n + i * n + j));
            let later = i + 1..self.count.max(last + 1);
            for l in later.filter(|l| self.formula.a[*l][i] != 0.0) {
                let xi = if l == last && !whole {
                    self.code.load(Buffer::V, LIMITS + j)
                } else {
                    self.code.kept(self.xi(l) + j)
                };
                let a = self.code.op(Op::Const(self.formula.a[l][i]));
                sum = Some(self.add_product(a, xi, sum));
            }
            let h = self.code.load(Buffer::V, 0);
            let sum = sum.unwrap_or_else(|| self.code.op(Op::Const(0.0)));
            zeta.push(self.code.op(Op::Binary(Binary::Mul, h, sum)));
        }
        zeta
    }

    /// The sum of all ξ, and the gradient.
    fn finish(&mut self, whole: bool, touched: &[bool]) {
        for j in 0..self.n {
            let mut sum = (!whole).then(|| self.code.load(Buffer::V, LIMITS + j));
            for i in (0..self.count).rev() {
                let xi = self.code.kept(self.xi(i) + j);
                sum = Some(match sum {
                    Some(sum) => self.code.op(Op::Binary(Binary::Add, sum, xi)),
                    None => xi,
                });
            }
            let sum = sum.unwrap_or_else(|| self.code.op(Op::Const(0.0)));
            self.code.store(Buffer::Out, j, sum);
        }
        for (column, touched) in touched.iter().enumerate() {
            let value = if *touched { self.code.kept(self.gradient() + column) } else { self.code.op(Op::Const(0.0)) };
            self.code.store(Buffer::Out, self.n + column, value);
        }
    }
}
