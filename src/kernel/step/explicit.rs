//! Explicit Runge–Kutta steps. Layout of the buffers: [`crate::system::CompiledStep`].

use super::inline::{Operands, Place, inline, reads_time};
use super::norm::{root_of_mean, scale, unless_finite};
use super::time::stage_time;
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Unary, Value};
use crate::kernel::straight::Straight;
use crate::system::{EXTRA, ErrorFormula, ExplicitFormula, LIMITS};

/// So many sums are formed side by side: they, the factor they share and the state fit the registers.
const SIDE: usize = 8;
/// Systems up to this size hand the stage just made to the next in registers.
const NARROW: usize = 6;

/// The kernel `step` of a formula for the system whose right-hand side is `rhs`; `None` if that cannot be unrolled.
pub fn explicit_step(rhs: &Kernel, formula: &ExplicitFormula, target: Target64) -> Option<Kernel> {
    let (n, stages) = (rhs.lengths.out, formula.stages);
    let mut step = Step::new(rhs, formula, target);
    let mut arguments = [Vec::new(), Vec::new()];
    for i in 1..stages {
        arguments.swap(0, 1);
        arguments[1] = if i + 1 == stages { step.solution() } else { step.argument(i, Buffer::Y) };
        if i + 2 == stages && n > NARROW {
            step.put_aside(&arguments[1]);
        }
        step.stage(i, &arguments[1])?;
    }
    let [late, new] = arguments;
    for (j, value) in new.iter().enumerate() {
        step.code.store(Buffer::Out, j, *value);
    }
    step.error(&new);
    step.stiffness(&late, &new);
    let lengths = Lengths { y: n, p: rhs.lengths.p, v: LIMITS + n, w: step.sums + 2 * n, out: n + EXTRA };
    Some(Kernel { name: "step", lengths, pieces: step.code.finish() })
}

/// The kernel `interpolant`: the extra stages and the coefficients of H&N&W II.6.
pub fn explicit_interpolant(rhs: &Kernel, formula: &ExplicitFormula, target: Target64) -> Option<Kernel> {
    let (n, stages) = (rhs.lengths.out, formula.stages);
    let mut step = Step::new(rhs, formula, target);
    for i in stages..formula.a.len() {
        let argument = step.argument(i, Buffer::Y);
        step.stage(i, &argument)?;
    }
    for j in 0..n {
        let (new, old) = (step.code.load(Buffer::V, LIMITS + n + j), step.code.load(Buffer::Y, j));
        let dy = step.code.op(Op::Binary(Binary::Sub, new, old));
        step.code.store(Buffer::Out, j, dy);
        // h f0 − Δy, and 2 Δy − h (f1 + f0)
        let h = step.h();
        let (f0, f1) = (step.code.load(Buffer::W, j), step.code.load(Buffer::W, (stages - 1) * n + j));
        let minus = step.code.op(Op::Unary(Unary::Neg, dy));
        let first = step.code.multiply_add(h, f0, minus, target.fma);
        step.code.store(Buffer::Out, n + j, first);
        let (both, twice) =
            (step.code.op(Op::Binary(Binary::Add, f1, f0)), step.code.op(Op::Binary(Binary::Add, dy, dy)));
        let negative = step.code.op(Op::Unary(Unary::Neg, both));
        let second = step.code.multiply_add(h, negative, twice, target.fma);
        step.code.store(Buffer::Out, 2 * n + j, second);
    }
    for (r, row) in formula.interpolant.iter().enumerate() {
        let sums = step.weighted(row, None);
        for (j, sum) in sums.into_iter().enumerate() {
            let h = step.h();
            let value = step.code.op(Op::Binary(Binary::Mul, h, sum));
            step.code.store(Buffer::Out, (3 + r) * n + j, value);
        }
        step.code.may_cut();
    }
    let lengths = Lengths { y: n, p: rhs.lengths.p, v: LIMITS + 2 * n, w: step.sums, out: 7 * n };
    Some(Kernel { name: "interpolant", lengths, pieces: step.code.finish() })
}

struct Step<'a> {
    rhs: &'a Kernel,
    formula: &'a ExplicitFormula<'a>,
    fma: bool,
    n: usize,
    /// Whether f reads the time.
    timed: bool,
    code: Straight,
    /// Where Σ b k stands in the work buffer, behind all stages.
    sums: usize,
    /// The stage just made, while systems are small.
    latest: Option<(usize, Vec<Value>)>,
}

impl<'a> Step<'a> {
    fn new(rhs: &'a Kernel, formula: &'a ExplicitFormula<'a>, target: Target64) -> Self {
        let n = rhs.lengths.out;
        let sums = formula.a.len() * n;
        let timed = reads_time(rhs);
        Step { rhs, formula, fma: target.fma, n, timed, code: Straight::default(), sums, latest: None }
    }

    fn h(&mut self) -> Value {
        self.code.load(Buffer::V, 0)
    }

    /// Component j of stage l.
    fn k(&mut self, l: usize, j: usize) -> Value {
        match &self.latest {
            Some((stage, values)) if *stage == l => values[j],
            _ => self.code.kept(l * self.n + j),
        }
    }

    /// `y + Σ (h a_il) k_l`, the latest stage last: all else is done before it is there.
    fn argument(&mut self, i: usize, start: Buffer) -> Vec<Value> {
        let n = self.n;
        let row = non_zero(self.formula.a[i]);
        let mut sums: Vec<Value> = Vec::with_capacity(n);
        for from in (0..n).step_by(SIDE) {
            let to = n.min(from + SIDE);
            for (term, (l, a)) in row.iter().enumerate() {
                let (h, a) = (self.h(), self.code.op(Op::Const(*a)));
                let ha = self.code.op(Op::Binary(Binary::Mul, a, h));
                for j in from..to {
                    let sum = if term == 0 { self.code.load(start, j) } else { sums[j] };
                    let k = self.k(*l, j);
                    let sum = self.code.multiply_add(ha, k, sum, self.fma);
                    if term == 0 { sums.push(sum) } else { sums[j] = sum }
                }
            }
            if row.is_empty() {
                sums.extend((from..to).map(|j| self.code.load(start, j)));
            }
        }
        sums
    }

    /// `Σ weight_l k_l`, on top of earlier sums if there are some.
    fn weighted(&mut self, weights: &[f64], onto: Option<usize>) -> Vec<Value> {
        let n = self.n;
        let row = non_zero(weights);
        let mut sums: Vec<Value> = Vec::with_capacity(n);
        for from in (0..n).step_by(SIDE) {
            let to = n.min(from + SIDE);
            for j in from..to {
                let start = match onto {
                    Some(at) => self.code.kept(at + j),
                    None => self.code.op(Op::Const(0.0)),
                };
                sums.push(start);
            }
            for (term, (l, weight)) in row.iter().enumerate() {
                let weight = self.code.op(Op::Const(*weight));
                for j in from..to {
                    let k = self.k(*l, j);
                    sums[j] = if term == 0 && onto.is_none() {
                        self.code.op(Op::Binary(Binary::Mul, k, weight))
                    } else {
                        self.code.multiply_add(weight, k, sums[j], self.fma)
                    };
                }
            }
        }
        sums
    }

    /// `y + h Σ b_l k_l`: the small sum first, so that the new state is rounded once.
    fn solution(&mut self) -> Vec<Value> {
        let sums = self.weighted(self.formula.a[self.formula.stages - 1], None);
        let mut new = Vec::with_capacity(self.n);
        for (j, sum) in sums.into_iter().enumerate() {
            self.code.keep(self.sums + j, sum);
            let (h, y) = (self.h(), self.code.load(Buffer::Y, j));
            new.push(self.code.multiply_add(h, sum, y, self.fma));
        }
        new
    }

    /// Keeps the argument of the last stage but one where `stiffness` finds it: functions are cut in between.
    fn put_aside(&mut self, argument: &[Value]) {
        for (j, value) in argument.iter().enumerate() {
            self.code.store(Buffer::W, self.sums + self.n + j, *value);
        }
    }

    /// The time of stage i: `t + c_i h`, kept inside the times f may be asked for.
    fn time(&mut self, i: usize) -> Value {
        stage_time(&mut self.code, self.timed, self.formula.c[i], self.fma)
    }

    /// Stage i: f at its argument.
    fn stage(&mut self, i: usize, argument: &[Value]) -> Option<()> {
        let t = self.time(i);
        let k = inline(&mut self.code, self.rhs, &Operands::at(t, Place::Values(argument)))?;
        for (j, value) in k.iter().enumerate() {
            self.code.keep(i * self.n + j, *value);
        }
        self.latest = (self.n <= NARROW).then_some((i, k));
        if self.n > NARROW && i + 1 < self.formula.stages {
            self.code.may_cut();
        }
        Some(())
    }

    /// The scaled root mean square of the error (H&N&W II.4.11), NaN if f is not finite at the new point.
    fn error(&mut self, new: &[Value]) {
        let error = match self.formula.error {
            ErrorFormula::Weights(weights) => {
                let sums = self.error_sums(weights);
                let [squares] = self.squares([sums], new);
                root_of_mean(&mut self.code, squares, self.n)
            }
            ErrorFormula::Pair(third, fifth) => {
                // e5² / √((e5² + 0.01 e3²) n)  (H&N&W II.10.17)
                let (third, fifth) = (self.error_sums(third), self.error_sums(fifth));
                let [third, fifth] = self.squares([third, fifth], new);
                let hundredth = self.code.op(Op::Const(0.01));
                let both = self.code.multiply_add(hundredth, third, fifth, self.fma);
                let n = self.code.op(Op::Const(self.n as f64));
                let scaled = self.code.op(Op::Binary(Binary::Mul, both, n));
                let root = self.code.op(Op::Unary(Unary::Sqrt, scaled));
                let quotient = self.code.op(Op::Binary(Binary::Div, fifth, root));
                let zero = self.code.op(Op::Const(0.0));
                let nothing = self.code.op(Op::Compare(crate::math::Compare::Eq, root, zero));
                self.code.op(Op::Select(nothing, zero, quotient))
            }
        };
        let last: Vec<Value> = (0..self.n).map(|j| self.k(self.formula.stages - 1, j)).collect();
        let check = unless_finite(&mut self.code, error, &last, self.fma);
        self.code.store(Buffer::Out, self.n, check);
    }

    /// `Σ e_l k_l`, from the sum of the solution where that takes fewer terms.
    fn error_sums(&mut self, weights: &[f64]) -> Vec<Value> {
        let b = self.formula.a[self.formula.stages - 1];
        let rest: Vec<f64> = weights.iter().enumerate().map(|(l, e)| e - b.get(l).copied().unwrap_or(0.0)).collect();
        if non_zero(&rest).len() < non_zero(weights).len() {
            self.weighted(&rest, Some(self.sums))
        } else {
            self.weighted(weights, None)
        }
    }

    /// `Σ (h e_j / (atol_j + rtol max(|y_j|, |new_j|)))²` of each estimate.
    fn squares<const E: usize>(&mut self, estimates: [Vec<Value>; E], new: &[Value]) -> [Value; E] {
        let zero = self.code.op(Op::Const(0.0));
        let mut totals = [zero; E];
        for (j, new) in new.iter().enumerate() {
            let scale = scale(&mut self.code, j, *new, self.fma);
            let h = self.h();
            let factor = self.code.op(Op::Binary(Binary::Div, h, scale));
            for (total, estimate) in totals.iter_mut().zip(&estimates) {
                let share = self.code.op(Op::Binary(Binary::Mul, estimate[j], factor));
                *total = self.code.multiply_add(share, share, *total, self.fma);
            }
        }
        totals
    }

    /// The squared differences of the last two stages and of their arguments, if both stand at the same time
    /// (H&W IV.2.16).
    fn stiffness(&mut self, late: &[Value], new: &[Value]) {
        let last = self.formula.stages - 1;
        let zero = self.code.op(Op::Const(0.0));
        let (mut up, mut down) = (zero, zero);
        let twins = self.formula.c[last - 1] == self.formula.c[last];
        let n = if twins { self.n } else { 0 };
        for (j, (late, new)) in late.iter().zip(new).enumerate().take(n) {
            let (k, before) = (self.k(last, j), self.k(last - 1, j));
            let df = self.code.op(Op::Binary(Binary::Sub, k, before));
            up = self.code.multiply_add(df, df, up, self.fma);
            let late = if self.n > NARROW { self.code.load(Buffer::W, self.sums + self.n + j) } else { *late };
            let dy = self.code.op(Op::Binary(Binary::Sub, *new, late));
            down = self.code.multiply_add(dy, dy, down, self.fma);
        }
        self.code.store(Buffer::Out, self.n + 1, up);
        self.code.store(Buffer::Out, self.n + 2, down);
    }
}

fn non_zero(weights: &[f64]) -> Vec<(usize, f64)> {
    weights.iter().copied().enumerate().filter(|(_, weight)| *weight != 0.0).collect()
}
