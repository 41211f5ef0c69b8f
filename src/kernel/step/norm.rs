//! What all steps say of their error: the scaled norm, and that f is finite where they end.

use crate::kernel::program::{Binary, Buffer, Op, Unary, Value};
use crate::kernel::straight::Straight;
use crate::system::LIMITS;

/// `max(atol_j + rtol max(|y_j|, |new_j|), least)`: what the error of component j is compared with.
pub fn scale(code: &mut Straight, j: usize, new: Value, fma: bool) -> Value {
    let old = code.load(Buffer::Y, j);
    let (old, new) = (code.op(Op::Unary(Unary::Abs, old)), code.op(Op::Unary(Unary::Abs, new)));
    let most = code.op(Op::Binary(Binary::Max, old, new));
    let (rtol, atol) = (code.load(Buffer::V, 1), code.load(Buffer::V, LIMITS + j));
    let scale = code.multiply_add(rtol, most, atol, fma);
    // Never 0: with atol = 0 a component that is 0 and stays so has no error.
    let least = code.op(Op::Const(f64::MIN_POSITIVE));
    code.op(Op::Binary(Binary::Max, scale, least))
}

/// The root of the mean of so many squares.
pub fn root_of_mean(code: &mut Straight, squares: Value, count: usize) -> Value {
    let share = code.op(Op::Const(1.0 / count as f64));
    let mean = code.op(Op::Binary(Binary::Mul, squares, share));
    code.op(Op::Unary(Unary::Sqrt, mean))
}

/// The error, or NaN where f is not finite: behind such a point there is no going back, whatever weight the estimate
/// gives it. 0·f is 0, or NaN.
pub fn unless_finite(code: &mut Straight, error: Value, f: &[Value], fma: bool) -> Value {
    let zero = code.op(Op::Const(0.0));
    f.iter().fold(error, |error, f| code.multiply_add(zero, *f, error, fma))
}
