//! ∂f/∂y within a step: its values in the order of the pattern, in the work buffer, and their norm.

use super::inline::{Operands, inline};
use crate::kernel::program::{Binary, Kernel, Op, Unary, Value};
use crate::kernel::straight::Straight;
use crate::linalg::Pattern;

/// J on these operands, kept from `at` on, and the smaller of its norms by rows and by columns, an upper bound of |λ|.
/// `places` says where in the pattern each value of the kernel stands, if not in order. `None` if that cannot be unrolled.
pub fn jacobian(
    code: &mut Straight,
    (kernel, pattern, places): (&Kernel, &Pattern, Option<&[usize]>),
    operands: &Operands,
    at: usize,
) -> Option<Value> {
    let values = inline(code, kernel, operands)?;
    let mut entries: Vec<Option<Value>> = vec![None; pattern.nnz()];
    for (k, value) in values.into_iter().enumerate() {
        let entry = entries.get_mut(places.map_or(k, |places| places[k]))?;
        *entry = Some(match *entry {
            Some(sum) => code.op(Op::Binary(Binary::Add, sum, value)),
            None => value,
        });
    }
    let entries = entries.into_iter().collect::<Option<Vec<_>>>()?;
    entries.iter().enumerate().for_each(|(k, value)| code.keep(at + k, *value));
    let n = pattern.ncols();
    let (mut columns, mut rows) = (vec![None; n], vec![None; n]);
    for j in 0..n {
        for k in pattern.column(j) {
            let value = code.op(Op::Unary(Unary::Abs, entries[k]));
            for sum in [&mut columns[j], &mut rows[pattern.rows()[k]]] {
                *sum = Some(match *sum {
                    Some(sum) => code.op(Op::Binary(Binary::Add, sum, value)),
                    None => value,
                });
            }
        }
    }
    let most = [columns, rows].map(|sums: Vec<Option<Value>>| {
        let zero = code.op(Op::Const(0.0));
        sums.into_iter().flatten().fold(zero, |most, sum| code.op(Op::Binary(Binary::Max, sum, most)))
    });
    Some(code.op(Op::Binary(Binary::Min, most[0], most[1])))
}
