//! Newton's iteration of BDF steps: prediction from the backward differences, f, the right side, the solves with the factors
//! at hand, the correction and its norms. Layout of the buffers: [`crate::system::CompiledNewton`].

use super::inline::{Operands, Place, inline, reads_time};
use super::norm::root_of_mean;
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Program, Unary, Value};
use crate::kernel::straight::Straight;
use crate::linalg::Pattern;
use crate::system::{HISTORY, NEWTON_LIMITS, NEWTON_PARTS};

/// The kernels `first` and `again`; `None` if the right-hand side or the solve cannot be unrolled. `elimination`: `factor`,
/// `solve` and `check` for s·I − J, of which only `solve` is run here.
pub fn newton_iterations(
    rhs: &Kernel,
    pattern: &Pattern,
    elimination: &Program,
    target: Target64,
) -> Option<(Program, usize)> {
    let (solve, factors) = (elimination.kernel("solve")?, elimination.kernel("factor")?.lengths.w);
    let n = rhs.lengths.out;
    let make = |name: &'static str, predicts: bool| {
        let mut step = Iteration { rhs, solve, pattern, n, fma: target.fma, code: Straight::default() };
        if predicts {
            step.predict();
        }
        step.iterate(predicts)?;
        let lengths = Lengths {
            y: factors,
            p: rhs.lengths.p,
            v: NEWTON_LIMITS + 2 * n,
            w: (HISTORY + NEWTON_PARTS) * n,
            out: n + 2,
        };
        Some(Kernel { name, lengths, pieces: step.code.finish() })
    };
    Some((Program { kernels: vec![make("first", true)?, make("again", false)?] }, factors))
}

struct Iteration<'a> {
    rhs: &'a Kernel,
    solve: &'a Kernel,
    pattern: &'a Pattern,
    n: usize,
    fma: bool,
    code: Straight,
}

/// Parts of the work buffer behind the differences.
const PREDICTED: usize = HISTORY;
const PSI: usize = HISTORY + 1;
const WEIGHTS: usize = HISTORY + 2;
const CORRECTION: usize = HISTORY + 3;
const RIGHT: usize = HISTORY + 4;
const SOLUTION: usize = HISTORY + 5;

impl Iteration<'_> {
    fn limit(&mut self, k: usize) -> Value {
        self.code.load(Buffer::V, k)
    }

    /// Where the differences lead, ψ, and `1/(atol + rtol·max(|y|, |predicted|))`.
    fn predict(&mut self) {
        let n = self.n;
        for j in 0..n {
            let mut sum = self.code.kept(j);
            for k in 1..=5 {
                let (weight, difference) = (self.limit(4 + k), self.code.kept(k * n + j));
                sum = self.code.multiply_add(weight, difference, sum, self.fma);
            }
            self.code.keep(PREDICTED * n + j, sum);
            let (old, new) =
                (self.code.load(Buffer::V, NEWTON_LIMITS + n + j), self.code.op(Op::Unary(Unary::Abs, sum)));
            let old = self.code.op(Op::Unary(Unary::Abs, old));
            let most = self.code.op(Op::Binary(Binary::Max, old, new));
            let (rtol, atol) = (self.limit(2), self.code.load(Buffer::V, NEWTON_LIMITS + j));
            let scale = self.code.multiply_add(rtol, most, atol, self.fma);
            let least = self.code.op(Op::Const(f64::MIN_POSITIVE));
            let scale = self.code.op(Op::Binary(Binary::Max, scale, least));
            let one = self.code.op(Op::Const(1.0));
            let weight = self.code.op(Op::Binary(Binary::Div, one, scale));
            self.code.keep(WEIGHTS * n + j, weight);
            if self.pattern.is_differential(j) {
                let (weight, difference) = (self.limit(10), self.code.kept(n + j));
                let mut psi = self.code.op(Op::Binary(Binary::Mul, weight, difference));
                for k in 2..=5 {
                    let (weight, difference) = (self.limit(9 + k), self.code.kept(k * n + j));
                    psi = self.code.multiply_add(weight, difference, psi, self.fma);
                }
                self.code.keep(PSI * n + j, psi);
            }
        }
    }

    /// W δ = f − (ψ + d)/c, d += relaxed·δ.
    fn iterate(&mut self, first: bool) -> Option<()> {
        let n = self.n;
        let mut argument = Vec::with_capacity(n);
        for j in 0..n {
            let predicted = self.code.kept(PREDICTED * n + j);
            argument.push(if first {
                predicted
            } else {
                let d = self.code.kept(CORRECTION * n + j);
                self.code.op(Op::Binary(Binary::Add, predicted, d))
            });
        }
        let mut t = self.code.op(Op::Time);
        if reads_time(self.rhs) {
            let (least, most) = (self.limit(3), self.limit(4));
            t = self.code.op(Op::Binary(Binary::Max, t, least));
            t = self.code.op(Op::Binary(Binary::Min, t, most));
        }
        let f = inline(&mut self.code, self.rhs, &Operands::at(t, Place::Values(&argument)))?;
        let mut right = Vec::with_capacity(n);
        for (j, f) in f.into_iter().enumerate() {
            let value = if self.pattern.is_differential(j) {
                let mut sum = self.code.kept(PSI * n + j);
                if !first {
                    let d = self.code.kept(CORRECTION * n + j);
                    sum = self.code.op(Op::Binary(Binary::Add, sum, d));
                }
                let minus_inverse = self.limit(0);
                self.code.multiply_add(minus_inverse, sum, f, self.fma)
            } else {
                f
            };
            if first {
                self.code.keep(RIGHT * n + j, value);
            }
            right.push(value);
        }
        let factors = Place::Memory(Buffer::Y, 0);
        let operands = Operands { v: Place::Values(&right), ..Operands::at(t, factors) };
        let solution = inline(&mut self.code, self.solve, &operands)?;
        let zero = self.code.op(Op::Const(0.0));
        let (mut squares, mut errors) = (zero, zero);
        for (j, x) in solution.into_iter().enumerate() {
            if first {
                self.code.keep(SOLUTION * n + j, x);
            }
            let relaxed = self.limit(1);
            let delta = self.code.op(Op::Binary(Binary::Mul, relaxed, x));
            let d = if first {
                delta
            } else {
                let d = self.code.kept(CORRECTION * n + j);
                self.code.op(Op::Binary(Binary::Add, d, delta))
            };
            self.code.keep(CORRECTION * n + j, d);
            let predicted = self.code.kept(PREDICTED * n + j);
            let iterate = self.code.op(Op::Binary(Binary::Add, predicted, d));
            self.code.store(Buffer::Out, j, iterate);
            let weight = self.code.kept(WEIGHTS * n + j);
            let share = self.code.op(Op::Binary(Binary::Mul, delta, weight));
            squares = self.code.multiply_add(share, share, squares, self.fma);
            let share = self.code.op(Op::Binary(Binary::Mul, d, weight));
            errors = self.code.multiply_add(share, share, errors, self.fma);
        }
        for (k, sum) in [squares, errors].into_iter().enumerate() {
            let root = root_of_mean(&mut self.code, sum, n);
            self.code.store(Buffer::Out, n + k, root);
        }
        Some(())
    }
}
