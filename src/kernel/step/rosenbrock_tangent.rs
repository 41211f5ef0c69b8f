//! Along Rosenbrock–Wanner steps with S = ∂y/∂q: the derivatives of the stages with the factors of the step, all directions side by
//! side, as one function.
//!
//! With x_i = y + Σ a_il u_l and W u_i = f(x_i) + M Σ c_il u_l/h + h d_i ∂f/∂t (H&W IV.7.25), their derivatives X_i = S + Σ a_il U_l and
//! U_i in a direction that changes the parameters by q follow from W U_i = J(x_i) X_i + M Σ c_il U_l/h + ∂(J v + τ ∂f/∂t)/∂y S +
//! (∂f/∂p (x_i) + ∂(J v + τ ∂f/∂t)/∂p) q, the derivatives of J and ∂f/∂t being those at y, with v = u_i and τ = h d_i. The step has left
//! u, J, the factors and 1/h in its work buffer.

use super::along::{Along, Kept};
use super::inline::{Operands, Place, reads_time};
use super::rosenbrock::Layout;
use super::rosenbrock_stages::StageParts;
use super::sums::{row, weighted};
use crate::kernel::program::{Binary, Buffer, Kernel, Op, Value};
use crate::kernel::straight::Straight;
use crate::kernel::{Target64, substitute};
use crate::system::{LIMITS, RosenbrockFormula};

/// The kernel `tangent` of a formula for k directions, of which `moves` says in ascending order which column of the parameters and
/// discrete quantities changes in which; `None` if a part cannot be unrolled. Layout of the buffers:
/// [`crate::system::System::rosenbrock_tangent`].
pub fn rosenbrock_tangent(
    parts: &StageParts,
    formula: &RosenbrockFormula,
    directions: (usize, &[(usize, usize)]),
    target: Target64,
) -> Option<Kernel> {
    let (n, count) = (parts.rhs.lengths.out, formula.c.len());
    let factors = parts.eliminations[0].1.kernel("factor")?.lengths.w;
    let timed = parts.kernels().into_iter().any(reads_time);
    let mut along = Along::new((n, count), directions, &[&parts.parameters, &parts.mixed], timed, target.fma);
    let left = Layout::new(n, count, parts.patterns[0].nnz(), factors);
    for i in 0..count {
        let matrices = matrices(&mut along, parts, formula, &left, i)?;
        let each = stage(&along, parts, formula, &left, (i, &matrices));
        along.run(each)?;
    }
    for j in 0..n {
        let end = along.code.load(Buffer::Y, left.argument + j);
        along.code.store(Buffer::Out, j, end);
    }
    let mut each = Straight::by_memory();
    along.argue(&mut each, formula.a.last().copied(), formula.m);
    along.end(&mut each);
    along.run(each)?;
    Some(along.finish(left.scalars + 1, parts.bound()))
}

/// J at the argument of stage i and the derivative of J v + τ ∂f/∂t by the state, and what parameters add.
fn matrices(
    along: &mut Along,
    parts: &StageParts,
    formula: &RosenbrockFormula,
    left: &Layout,
    i: usize,
) -> Option<[Kept; 2]> {
    let before = (i > 0).then(|| formula.a[i - 1]);
    let x = along.argue_itself(before, formula.a[i], false);
    along.put(x);
    let at = Operands::at(along.time(formula.c[i]), along.x());
    let jacobian = if i == 0 {
        // That of the step itself.
        let entries = (0..parts.patterns[0].nnz()).map(|place| (parts.patterns[0].entry(place), left.jacobian + place));
        entries.map(|((row, column), place)| (row, column, (Buffer::Y, place))).collect()
    } else {
        let mut entries = Vec::new();
        parts.jacobian.gather(&mut along.code, &at, &mut entries)?;
        along.keep(entries, true)
    };
    let (d, h) = (along.code.op(Op::Const(formula.d[i])), along.code.load(Buffer::V, 0));
    let mut direction: Vec<Value> = (0..along.n).map(|j| along.code.load(Buffer::Y, i * along.n + j)).collect();
    direction.push(along.code.op(Op::Binary(Binary::Mul, d, h)));
    let directed = Operands { v: Place::Values(&direction), ..Operands::at(along.time(0.0), along.state()) };
    let (mut curvature, mut parameters) = (Vec::new(), Vec::new());
    parts.curvature.gather(&mut along.code, &directed, &mut curvature)?;
    let curvature = along.keep(curvature, false);
    parts.parameters.gather(&mut along.code, &at, &mut parameters)?;
    parts.mixed.gather(&mut along.code, &directed, &mut parameters)?;
    along.moves.add(&mut along.code, &parameters, along.fma);
    Some([jacobian, curvature])
}

/// U_i of one direction.
fn stage(
    along: &Along,
    parts: &StageParts,
    formula: &RosenbrockFormula,
    left: &Layout,
    (i, [by_argument, by_state]): (usize, &[Kept; 2]),
) -> Straight {
    let (n, fma) = (along.n, along.fma);
    let mut each = Straight::by_memory();
    along.argue(&mut each, (i > 0).then(|| formula.a[i - 1]), formula.a[i]);
    let mut sums = along.added(&mut each);
    let weights = row(0, n, formula.cc[i]);
    if !weights.is_empty() {
        let reciprocal = each.load(Buffer::Y, left.scalars);
        let earlier = weighted(&mut each, n, None, &weights, fma);
        for (j, (sum, earlier)) in sums.iter_mut().zip(earlier).enumerate() {
            if parts.patterns[0].is_differential(j) {
                *sum = Some(each.add_product(earlier, reciprocal, *sum, fma));
            }
        }
    }
    along.add_product(&mut each, by_argument, (Buffer::W, along.argument), &mut sums);
    along.add_product(&mut each, by_state, (Buffer::V, LIMITS), &mut sums);
    for (j, sum) in sums.into_iter().enumerate() {
        let sum = sum.unwrap_or_else(|| each.op(Op::Const(0.0)));
        each.keep(along.right + j, sum);
    }
    let plan = &parts.eliminations[0].0;
    let places = [(Buffer::Y, left.factors), (Buffer::W, along.right)];
    substitute(&mut each, plan, places, &|row| i * n + plan.columns[row], &|_, _, _| {}, fma);
    each
}
