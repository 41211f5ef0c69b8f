//! Back through explicit Runge–Kutta steps: up from the last stage to the first, as one function.
//!
//! With z_i = h f(x_i) and x_i = y + Σ a_ij z_j, adjoints ζ of z and ξ of x follow from those of the results by
//! ζ_i += Σ_j a_ji ξ_j, ξ_i += h Jᵀ ζ_i, and the gradient by parameters is Σ h (∂f/∂p)ᵀ ζ_i (A. Griewank, A. Walther,
//! Evaluating Derivatives, ch. 3). J and ∂f/∂p are their kernels, executed symbolically at every stage's argument.

use super::inline::{Operands, Place, inline, reads_time};
use super::time::stage_time;
use crate::kernel::Target64;
use crate::kernel::program::{Address, Affine, Binary, Buffer, Kernel, Lengths, Op, Value};
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

/// What the way back through a step begins with besides the adjoint of the new state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// The stages as the run has found them.
    Stages,
    /// The adjoints of all stages, those of the interpolant too; the stages are calculated once more.
    Adjoints,
}

impl Begin {
    /// What the kernel is called.
    pub fn name(self) -> &'static str {
        match self {
            Begin::Stages => "adjoint",
            Begin::Adjoints => "adjoint_inside",
        }
    }
}

/// The kernel `adjoint` of a formula; `None` if a part cannot be unrolled. It reads the state before the step as `y` and,
/// behind the limits of a step ([`crate::system::CompiledStep`]), the adjoint of the new state, and then the stages z or
/// their adjoints. It writes the adjoint of the old state, and what is to be added to the gradient by `columns` parameters.
pub fn explicit_adjoint(
    rhs: &Kernel,
    (jacobian, parameters): (&Entries, &Entries),
    formula: &ExplicitFormula,
    begin: Begin,
    columns: usize,
    target: Target64,
) -> Option<Kernel> {
    let n = rhs.lengths.out;
    let last = formula.stages - 1;
    // f at the new point serves the interpolant only.
    let whole = begin == Begin::Adjoints;
    let count = if whole { formula.a.len() } else { last };
    let timed = [rhs, jacobian.kernel, parameters.kernel].iter().any(|kernel| reads_time(kernel));
    let (fma, code, end) = (target.fma, Straight::default(), 3 * count * n);
    let mut back = Back { n, formula, fma, timed, code, count, begin, end };
    for i in 0..count {
        back.argument(i);
        if whole && i + 1 < count {
            back.slope(i, rhs)?;
        }
        back.code.may_cut();
    }
    let mut entries = vec![Vec::new(); count];
    for i in (0..count).rev() {
        let zeta = back.zeta(i, whole);
        for (j, zeta) in zeta.iter().enumerate() {
            // Slopes have served.
            back.code.keep(back.k(i) + j, *zeta);
        }
        let (t, x) = (back.time(i), back.x(i));
        let values = inline(&mut back.code, jacobian.kernel, &Operands::at(t, Place::Values(&x)))?;
        let mut xi: Vec<Option<Value>> = vec![None; n];
        if whole && i == last {
            for (j, xi) in xi.iter_mut().enumerate() {
                *xi = Some(back.code.load(Buffer::V, LIMITS + j));
            }
        }
        let mut near: Option<(usize, Value)> = None;
        for (value, (row, column)) in values.into_iter().zip(&jacobian.places) {
            let zeta = match near {
                _ if n <= NARROW => zeta[*row],
                Some((known, zeta)) if known == *row => zeta,
                // All ζ beside all sums are too many for the registers.
                _ => back.code.load(Buffer::W, back.k(i) + row),
            };
            near = Some((*row, zeta));
            xi[*column] = Some(back.add_product(value, zeta, xi[*column]));
        }
        for (j, xi) in xi.into_iter().enumerate() {
            let xi = xi.unwrap_or_else(|| back.code.op(Op::Const(0.0)));
            back.code.keep(back.xi(i) + j, xi);
        }
        let (t, x) = (back.time(i), back.x(i));
        let values = inline(&mut back.code, parameters.kernel, &Operands::at(t, Place::Values(&x)))?;
        entries[i] = values.into_iter().map(|value| back.again(value)).collect();
        back.code.may_cut();
    }
    back.state(whole);
    back.gradient(&entries, &parameters.places, columns);
    let v = LIMITS + n + count * n;
    let p = [rhs, jacobian.kernel, parameters.kernel].iter().map(|kernel| kernel.lengths.p).max().unwrap_or(0);
    let lengths = Lengths { y: n, p, v, w: back.end, out: n + columns };
    Some(Kernel { name: begin.name(), lengths, pieces: back.code.finish() })
}

/// So many sums are formed side by side.
const SIDE: usize = 8;
/// The ζ of systems up to this size stay in registers.
const NARROW: usize = 6;

/// A weight, and where the vector stands.
type Term = (f64, Buffer, usize);

/// Places in the work buffer: arguments x_i, slopes f(x_i) and later h ζ_i, adjoints ξ_i, n numbers each; then entries of ∂f/∂p.
struct Back<'a> {
    n: usize,
    formula: &'a ExplicitFormula<'a>,
    fma: bool,
    timed: bool,
    code: Straight,
    /// Stages that are gone through.
    count: usize,
    begin: Begin,
    /// Where the work buffer is free.
    end: usize,
}

impl Back<'_> {
    fn k(&self, i: usize) -> usize {
        (self.count + i) * self.n
    }

    fn xi(&self, i: usize) -> usize {
        (2 * self.count + i) * self.n
    }

    /// `sum + a b`
    fn add_product(&mut self, a: Value, b: Value, sum: Option<Value>) -> Value {
        self.code.add_product(a, b, sum, self.fma)
    }

    /// The time of stage i, kept inside the times f may be asked for.
    fn time(&mut self, i: usize) -> Value {
        stage_time(&mut self.code, self.timed, self.formula.c[i], self.fma)
    }

    /// What reads a value once more: as it was read, or from where it is kept now.
    fn again(&mut self, value: Value) -> Op {
        if let Some(op) = self.code.leaf(value) {
            return op.clone();
        }
        let place = self.end;
        self.end += 1;
        self.code.keep(place, value);
        Op::Load(Address { buffer: Buffer::W, element: Affine::constant(place as i64) })
    }

    /// `x_i = y + h Σ a_il f_l`, or with z in the place of h f.
    fn argument(&mut self, i: usize) {
        let stages = match self.begin {
            Begin::Stages => (Buffer::V, LIMITS + self.n),
            Begin::Adjoints => (Buffer::W, self.k(0)),
        };
        let row = self.formula.a[i].iter().enumerate().filter(|(_, a)| **a != 0.0);
        let terms: Vec<Term> = row.map(|(l, a)| (*a, stages.0, stages.1 + l * self.n)).collect();
        let sums = self.weighted(vec![None; self.n], &terms);
        for (j, sum) in sums.into_iter().enumerate() {
            let y = self.code.load(Buffer::Y, j);
            let x = match sum {
                Some(sum) if self.begin == Begin::Stages => self.code.op(Op::Binary(Binary::Add, y, sum)),
                Some(sum) => {
                    let h = self.code.load(Buffer::V, 0);
                    self.code.multiply_add(h, sum, y, self.fma)
                }
                None => y,
            };
            self.code.keep(i * self.n + j, x);
        }
    }

    /// x_i, each element read where it is used.
    fn x(&mut self, i: usize) -> Vec<Value> {
        (0..self.n).map(|j| self.code.load(Buffer::W, i * self.n + j)).collect()
    }

    /// Weighted sums of vectors on top of others, some elements side by side: a weight serves them all.
    fn weighted(&mut self, mut sums: Vec<Option<Value>>, terms: &[Term]) -> Vec<Option<Value>> {
        for from in (0..self.n).step_by(SIDE) {
            for (weight, buffer, place) in terms {
                let weight = self.code.op(Op::Const(*weight));
                for (j, sum) in sums.iter_mut().enumerate().skip(from).take(SIDE) {
                    let value = match buffer {
                        Buffer::W => self.code.kept(place + j),
                        _ => self.code.load(*buffer, place + j),
                    };
                    *sum = Some(self.add_product(weight, value, *sum));
                }
            }
        }
        sums
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
        let seed = |j| whole.then(|| self.code.load(Buffer::V, LIMITS + n + i * n + j));
        let seeds = (0..n).map(seed).collect();
        let later = (i + 1..self.count.max(last + 1)).filter(|l| self.formula.a[*l][i] != 0.0);
        let terms: Vec<Term> = later
            .map(|l| {
                let (buffer, place) = if l == last && !whole { (Buffer::V, LIMITS) } else { (Buffer::W, self.xi(l)) };
                (self.formula.a[l][i], buffer, place)
            })
            .collect();
        let h = self.code.load(Buffer::V, 0);
        let mut zeta = Vec::with_capacity(n);
        for sum in self.weighted(seeds, &terms) {
            let sum = sum.unwrap_or_else(|| self.code.op(Op::Const(0.0)));
            zeta.push(self.code.op(Op::Binary(Binary::Mul, h, sum)));
        }
        zeta
    }

    /// The sum of all ξ.
    fn state(&mut self, whole: bool) {
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
    }

    /// Σ h (∂f/∂p)ᵀ ζ_i, a column after the other: a sum over all stages passes through memory once.
    fn gradient(&mut self, entries: &[Vec<Op>], places: &[(usize, usize)], columns: usize) {
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|k| places[*k].1);
        let mut order = order.into_iter().peekable();
        let mut zeta: Option<(usize, Vec<Value>)> = None;
        for column in 0..columns {
            let mut sum = None;
            while let Some(k) = order.next_if(|k| places[*k].1 == column) {
                let row = places[k].0;
                let known = zeta.take_if(|(known, _)| *known == row);
                let (_, stages) = zeta.insert(known.unwrap_or_else(|| {
                    let places = (0..self.count).map(|i| self.k(i) + row).collect::<Vec<_>>();
                    (row, places.into_iter().map(|place| self.code.load(Buffer::W, place)).collect())
                }));
                for (entries, zeta) in entries.iter().zip(stages) {
                    let entry = self.code.op(entries[k].clone());
                    sum = Some(self.code.add_product(entry, *zeta, sum, self.fma));
                }
            }
            let sum = sum.unwrap_or_else(|| self.code.op(Op::Const(0.0)));
            self.code.store(Buffer::Out, self.n + column, sum);
            if self.code.may_cut() {
                zeta = None;
            }
        }
    }
}
