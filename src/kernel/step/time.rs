//! The time of a stage.

use crate::kernel::program::{Binary, Buffer, Op, Value};
use crate::kernel::straight::Straight;

/// `t + c h`, kept inside the times f may be asked for; `t` where nobody reads it. The limits of a step are in `v`
/// ([`crate::system::CompiledStep`]).
pub fn stage_time(code: &mut Straight, timed: bool, c: f64, fma: bool) -> Value {
    let t = code.op(Op::Time);
    if !timed {
        return t;
    }
    let (h, c) = (code.load(Buffer::V, 0), code.op(Op::Const(c)));
    let t = code.multiply_add(h, c, t, fma);
    let least = code.load(Buffer::V, 2);
    let t = code.op(Op::Binary(Binary::Max, t, least));
    let most = code.load(Buffer::V, 3);
    code.op(Op::Binary(Binary::Min, t, most))
}
