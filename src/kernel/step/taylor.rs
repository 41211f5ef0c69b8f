//! A step of the Taylor method: the series at its end, the coefficients there, and what the first series missed.

use super::inline::{Operands, Place, inline};
use super::norm::{root_of_mean, scale};
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Unary, Value};
use crate::kernel::straight::Straight;
use crate::system::{EXTRA, LIMITS};

/// So many components are evaluated side by side, value and derivative of each: none waits for its own last operation.
const SIDE: usize = 4;

/// The kernel `step` for coefficients up to `order` by the kernel `series`; `None` if that cannot be unrolled. Layout of the
/// buffers: [`crate::system::Taylor::step`].
pub fn taylor_step(series: &Kernel, order: usize, target: Target64) -> Option<Kernel> {
    let (n, fma) = (series.lengths.y, target.fma);
    let front = n + EXTRA;
    // In the work buffer: what the series needs, the new state, P'(h), the new coefficients.
    let state = series.lengths.w;
    let (slope, jet) = (state + n, state + 2 * n);
    let mut code = Straight::default();
    for from in (0..n).step_by(SIDE) {
        horner(&mut code, order, n, from..n.min(from + SIDE), (state, slope), fma);
    }
    let t = code.op(Op::Time);
    let place = Operands::at(t, Place::Memory(Buffer::W, state));
    inline(&mut code, series, &Operands { work: Some(0), out: Some((jet, front)), ..place })?;

    let zero = code.op(Op::Const(0.0));
    let one = code.op(Op::Const(1.0));
    let (mut squares, mut before, mut last, mut finite) = (zero, zero, zero, zero);
    for j in 0..n {
        let new = code.kept(state + j);
        let scale = scale(&mut code, j, new, fma);
        let weight = code.op(Op::Binary(Binary::Div, one, scale));
        let (d, f) = (code.kept(slope + j), code.kept(jet + j));
        let missed = code.op(Op::Binary(Binary::Sub, d, f));
        let share = code.op(Op::Binary(Binary::Mul, missed, weight));
        squares = code.multiply_add(share, share, squares, fma);
        for (most, k) in [(&mut before, order - 1), (&mut last, order)] {
            let c = code.kept(jet + (k - 1) * n + j);
            // Coefficients are made of those before: where one is not finite the last are not either, as a rule, and P'(h) of the
            // next step never is. 0·c is 0, or NaN.
            finite = code.multiply_add(zero, c, finite, fma);
            let c = code.op(Op::Unary(Unary::Abs, c));
            let c = code.op(Op::Binary(Binary::Mul, c, weight));
            *most = code.op(Op::Binary(Binary::Max, *most, c));
        }
    }
    let root = root_of_mean(&mut code, squares, n);
    let (h, next) = (code.load(Buffer::V, 0), code.op(Op::Const(1.0 / (order + 1) as f64)));
    let factor = code.op(Op::Binary(Binary::Mul, h, next));
    let error = code.op(Op::Binary(Binary::Mul, factor, root));
    let error = code.op(Op::Unary(Unary::Abs, error));
    let error = code.op(Op::Binary(Binary::Add, error, finite));
    for (place, value) in [error, before, last].into_iter().enumerate() {
        code.store(Buffer::Out, n + place, value);
    }
    let lengths = Lengths {
        y: front + order * n,
        p: series.lengths.p,
        v: LIMITS + n,
        w: jet + order * n,
        out: front + order * n,
    };
    Some(Kernel { name: "step", lengths, pieces: code.finish() })
}

/// P(h), which is the new state, and P'(h) of some components.
fn horner(
    code: &mut Straight,
    order: usize,
    n: usize,
    components: std::ops::Range<usize>,
    (state, slope): (usize, usize),
    fma: bool,
) {
    let h = code.load(Buffer::V, 0);
    let coefficient = |code: &mut Straight, k: usize, j: usize| match k {
        0 => code.load(Buffer::Y, j),
        k => code.load(Buffer::Y, n + EXTRA + (k - 1) * n + j),
    };
    let mut sums: Vec<(Value, Option<Value>)> =
        components.clone().map(|j| (coefficient(code, order, j), None)).collect();
    for k in (0..order).rev() {
        for (j, (p, d)) in components.clone().zip(&mut sums) {
            *d = Some(match *d {
                None => *p,
                Some(d) => code.multiply_add(d, h, *p, fma),
            });
            let c = coefficient(code, k, j);
            *p = code.multiply_add(*p, h, c, fma);
        }
    }
    for (j, (p, d)) in components.zip(sums) {
        code.store(Buffer::Out, j, p);
        code.keep(state + j, p);
        code.keep(slope + j, d.unwrap_or(p));
    }
}
