//! The solution inside a step as kernels: `prepare` makes the interpolant's numbers once per step, `dense` evaluates it at θ.
//!
//! The same operations in the same order as in `solve`, which fuses none: the same bits.

use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Value};
use crate::kernel::straight::Straight;

/// The kernel `prepare` of a Rosenbrock method: `out` gets H_r = Σ h_ri u_i, n each, from the u in `w`.
pub fn rosenbrock_prepare(n: usize, rows: &[&[f64]]) -> Kernel {
    let mut code = Straight::default();
    let mut stages = 0;
    for (r, row) in rows.iter().enumerate() {
        stages = stages.max(row.len());
        for j in 0..n {
            let mut sum = code.op(Op::Const(0.0));
            for (l, weight) in row.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
                let (u, weight) = (code.load(Buffer::W, l * n + j), code.op(Op::Const(*weight)));
                sum = code.multiply_add(weight, u, sum, false);
            }
            code.store(Buffer::Out, r * n + j, sum);
        }
        code.may_cut();
    }
    let lengths = Lengths { w: stages * n, out: rows.len() * n, ..Lengths::default() };
    Kernel { name: "prepare", lengths, pieces: code.finish() }
}

/// The kernel `dense` of a Rosenbrock method: (1 − θ) y0 + θ (y1 + (1 − θ)(H_1 + θ (H_2 + …))), with θ as the time, y0 in
/// `y`, the H in `p`, y1 in `v`.
pub fn rosenbrock_dense(n: usize, rows: usize) -> Kernel {
    let inner = |code: &mut Straight, j: usize| {
        let theta = code.op(Op::Time);
        let rest = rest(code);
        let mut sum = None;
        for r in (0..rows).rev() {
            let row = code.load(Buffer::P, r * n + j);
            sum = Some(match sum {
                None => row,
                Some(sum) => code.multiply_add(theta, sum, row, false),
            });
        }
        let (old, new) = (code.load(Buffer::Y, j), code.load(Buffer::V, j));
        let end = match sum {
            None => new,
            Some(sum) => code.multiply_add(rest, sum, new, false),
        };
        let start = code.op(Op::Binary(Binary::Mul, rest, old));
        code.multiply_add(theta, end, start, false)
    };
    evaluated(n, rows, inner)
}

/// The kernel `dense` of an explicit method with the interpolant of H&N&W II.6, whose seven rows are in `p`; θ as the
/// time, y0 in `y`.
pub fn explicit_dense(n: usize) -> Kernel {
    evaluated(n, 7, |code, j| {
        let theta = code.op(Op::Time);
        let rest = rest(code);
        let mut sum = code.load(Buffer::P, 6 * n + j);
        for (r, factor) in [(5, theta), (4, rest), (3, theta), (2, rest), (1, theta), (0, rest)] {
            let row = code.load(Buffer::P, r * n + j);
            sum = code.multiply_add(factor, sum, row, false);
        }
        let old = code.load(Buffer::Y, j);
        code.multiply_add(theta, sum, old, false)
    })
}

/// 1 − θ
fn rest(code: &mut Straight) -> Value {
    let (one, theta) = (code.op(Op::Const(1.0)), code.op(Op::Time));
    code.op(Op::Binary(Binary::Sub, one, theta))
}

fn evaluated(n: usize, rows: usize, each: impl Fn(&mut Straight, usize) -> Value) -> Kernel {
    let mut code = Straight::default();
    for j in 0..n {
        let value = each(&mut code, j);
        code.store(Buffer::Out, j, value);
        code.may_cut();
    }
    let lengths = Lengths { y: n, p: rows * n, v: n, out: n, ..Lengths::default() };
    Kernel { name: "dense", lengths, pieces: code.finish() }
}
