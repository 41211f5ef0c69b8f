//! Newton's iteration for algebraic unknowns, the others held, as two kernels: the matrix and its factors, and a
//! correction.

use super::inline::{Operands, Place, inline};
use super::jacobian::jacobian;
use super::rosenbrock::Parts;
use crate::kernel::program::{Buffer, Kernel, Lengths, Op, Value};
use crate::kernel::straight::Straight;
use crate::system::constants::HELD;

/// The kernels `settle_matrix` and `settle_correction`; `None` if a part cannot be unrolled.
///
/// `settle_matrix`: J at (t, y) and the factors of W = s·M − J, with an s that holds all differential states, in `w`.
/// `settle_correction`: from those in `w` and f in `v`, n corrections in `out`, 0 for differential states; then 1 if the
/// planned pivots were good for these numbers, else 0.
pub fn settle(parts: &Parts) -> Option<[Kernel; 2]> {
    let find = |name| parts.elimination.kernel(name);
    let (factor, solve, check) = (find("factor")?, find("solve")?, find("check")?);
    let (n, factors) = (parts.rhs.lengths.out, parts.pattern.nnz());
    let w = factors + factor.lengths.w;
    let mut code = Straight::default();
    let t = code.op(Op::Time);
    let operands = Operands::at(t, Place::Memory(Buffer::Y, 0));
    jacobian(&mut code, (parts.jacobian, parts.pattern, parts.places), &operands, 0)?;
    let matrix = Place::Memory(Buffer::W, 0);
    let shift = code.op(Op::Const(HELD));
    inline(&mut code, factor, &Operands { work: Some(factors), ..Operands::at(shift, matrix) })?;
    let lengths = Lengths { y: n, p: parts.jacobian.lengths.p, w, ..Lengths::default() };
    let first = Kernel { name: "settle_matrix", lengths, pieces: code.finish() };

    let mut code = Straight::default();
    let zero = code.op(Op::Const(0.0));
    let free = |j: usize| !parts.pattern.is_differential(j);
    let right: Vec<Value> = (0..n).map(|j| if free(j) { code.load(Buffer::V, j) } else { zero }).collect();
    let operands = Operands { v: Place::Values(&right), ..Operands::at(zero, Place::Memory(Buffer::W, factors)) };
    let x = inline(&mut code, solve, &operands)?;
    for (j, value) in x.iter().enumerate() {
        code.store(Buffer::Out, j, if free(j) { *value } else { zero });
    }
    let shift = code.op(Op::Const(HELD));
    let operands = Operands { p: Place::Values(&x), v: Place::Values(&right), ..Operands::at(shift, matrix) };
    let good = inline(&mut code, check, &operands)?;
    code.store(Buffer::Out, n, *good.first()?);
    let lengths = Lengths { v: n, w, out: n + 1, ..Lengths::default() };
    Some([first, Kernel { name: "settle_correction", lengths, pieces: code.finish() }])
}
