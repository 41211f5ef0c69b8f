//! Along explicit Runge–Kutta steps with S = ∂y/∂q: the derivatives of the stages, all directions side by side, as one function.
//!
//! With k_i = f(x_i) and x_i = y + h Σ a_il k_l, the derivatives X_i = S + Σ a_il Z_l of the arguments and Z_i of h k_i in a direction
//! that changes the parameters by q are Z_i = h (J(x_i) X_i + ∂f/∂p (x_i) q). The step has left all k_i in its work buffer.

use super::adjoint::Entries;
use super::along::Along;
use super::inline::{Operands, reads_time};
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Op};
use crate::kernel::straight::Straight;
use crate::system::ExplicitFormula;

/// The kernel `tangent` of a formula for k directions, of which `moves` says in ascending order which column of the parameters and
/// discrete quantities changes in which; `None` if a part cannot be unrolled. Layout of the buffers:
/// [`crate::system::System::explicit_tangent`].
pub fn explicit_tangent(
    (jacobian, parameters): (&Entries, &Entries),
    formula: &ExplicitFormula,
    n: usize,
    directions: (usize, &[(usize, usize)]),
    target: Target64,
) -> Option<Kernel> {
    // That of the new point serves the next step.
    let count = formula.stages - 1;
    let timed = [jacobian.kernel, parameters.kernel].into_iter().any(reads_time);
    let mut along = Along::new((n, count), directions, &[parameters], timed, target.fma);
    for i in 0..count {
        let x = along.argue_itself(None, formula.a[i], true);
        along.put(x);
        let at = Operands::at(along.time(formula.c[i]), along.x());
        let (mut by_state, mut by_parameter) = (Vec::new(), Vec::new());
        jacobian.gather(&mut along.code, &at, &mut by_state)?;
        let kept = along.keep(by_state, true);
        parameters.gather(&mut along.code, &at, &mut by_parameter)?;
        along.moves.add(&mut along.code, &by_parameter, along.fma);

        let mut each = Straight::by_memory();
        along.argue(&mut each, None, formula.a[i]);
        let mut sums = along.added(&mut each);
        along.add_product(&mut each, &kept, (Buffer::W, along.argument), &mut sums);
        for (j, sum) in sums.into_iter().enumerate() {
            let z = match sum {
                Some(sum) => {
                    let h = each.load(Buffer::V, 0);
                    each.op(Op::Binary(Binary::Mul, h, sum))
                }
                None => each.op(Op::Const(0.0)),
            };
            each.keep(i * n + j, z);
        }
        along.run(each)?;
    }
    let end = along.argue_itself(None, formula.a[count], true);
    end.into_iter().enumerate().for_each(|(j, value)| along.code.store(Buffer::Out, j, value));
    let mut each = Straight::by_memory();
    along.argue(&mut each, None, formula.a[count]);
    along.end(&mut each);
    along.run(each)?;
    Some(along.finish(count * n, jacobian.kernel.lengths.p.max(parameters.kernel.lengths.p)))
}
