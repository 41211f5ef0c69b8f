//! Along steps in backward differences with S = ∂y/∂q: J and the factors of W where the step has converged, and then the new
//! differences of S in all directions side by side, as one function.
//!
//! The new point solves M (x − Σ w_k ∇^k y) = g f(x) (Shampine & Reichelt 1997), so its derivative X in a direction that changes the
//! parameters by q follows from W X = M Σ w_k ∇^k S/g + ∂f/∂p q with W = M/g − J, both at x.

use super::adjoint::Entries;
use super::inline::{Operands, Place, inline};
use super::lanes::{Own, over_directions};
use super::moves::Moves;
use super::rosenbrock_stages::keep_by_pattern;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Program, Value};
use crate::kernel::straight::Straight;
use crate::kernel::{Target64, substitute};
use crate::linalg::{Elimination, Pattern};
use crate::system::HISTORY;

/// The kernels of a model that such a function is made of.
pub struct DifferenceParts<'a> {
    /// ∂f/∂y and ∂f/∂p.
    pub jacobian: Entries<'a>,
    /// See `jacobian`.
    pub parameters: Entries<'a>,
    /// The pattern of ∂f/∂y.
    pub pattern: &'a Pattern,
    /// How W is eliminated, with `factor`, `solve` and `check`.
    pub elimination: &'a (Elimination, Program),
}

/// The kernels `tangent` and `change` for k directions, of which `moves` says in ascending order which column of the parameters
/// and discrete quantities changes in which; `None` if a part cannot be unrolled. `weights` are w_0 to w_q of a step of order q.
/// Layout of the buffers: [`crate::system::System::difference_tangent`].
pub fn difference_tangent(
    parts: &DifferenceParts,
    weights: &[f64],
    (k, moves): (usize, &[(usize, usize)]),
    target: Target64,
) -> Option<Vec<Kernel>> {
    let n = parts.pattern.nrows();
    let (plan, elimination) = parts.elimination;
    let factor = elimination.kernel("factor")?;
    // In the work buffer: what parameters add, right sides, and new points, by rows of k; J, and the factors.
    let [added, right, point] = [0, n, 2 * n];
    let jacobian = 3 * n * k;
    let factors = jacobian + parts.pattern.nnz();
    let moved = Moves::new((k, moves), n, &[&parts.parameters], (Buffer::Y, n + 1), added);
    let along = Along { n, weights, fma: target.fma };

    let mut code = Straight::default();
    let t = code.op(Op::Time);
    let at = Operands::at(t, Place::Memory(Buffer::Y, 0));
    let (mut entries, mut by_parameter) = (Vec::new(), Vec::new());
    parts.jacobian.gather(&mut code, &at, &mut entries)?;
    keep_by_pattern(&mut code, &entries, parts.pattern, false, jacobian)?;
    parts.parameters.gather(&mut code, &at, &mut by_parameter)?;
    moved.clear(&mut code);
    moved.add(&mut code, &by_parameter, target.fma);
    code.may_cut();
    let shift = code.load(Buffer::Y, n);
    let values = Operands { work: Some(factors), ..Operands::at(shift, Place::Memory(Buffer::W, jacobian)) };
    inline(&mut code, factor, &values)?;
    code.may_cut();
    let good = along.check(&mut code, elimination, [jacobian, factors])?;
    code.store(Buffer::Out, HISTORY * n * k, good);

    let own = Own { v: 0..HISTORY * n, w: 0..3 * n, out: 0..HISTORY * n };
    let mut each = Straight::by_memory();
    for j in 0..n {
        let mut sum = moved.adds(j).then(|| each.kept(added + j));
        if parts.pattern.is_differential(j) {
            let (base, shift) = (along.base(&mut each, j), each.load(Buffer::Y, n));
            sum = Some(each.add_product(base, shift, sum, target.fma));
        }
        let sum = sum.unwrap_or_else(|| each.op(Op::Const(0.0)));
        each.keep(right + j, sum);
    }
    let places = [(Buffer::W, factors), (Buffer::W, right)];
    substitute(&mut each, plan, places, &|row| point + plan.columns[row], &|_, _, _| {}, target.fma);
    for j in 0..n {
        let x = each.kept(point + j);
        along.differences(&mut each, j, x);
    }
    code.run(over_directions(each.finish(), k, &own)?);
    let p = parts.jacobian.kernel.lengths.p.max(parts.parameters.kernel.lengths.p);
    let (table, w) = (HISTORY * n * k, factors + factor.lengths.w);
    let lengths = Lengths { y: n + 1 + moves.len(), p, v: table, w, out: table + 1 };
    let tangent = Kernel { name: "tangent", lengths, pieces: code.finish() };
    Some(vec![tangent, change(weights.len() - 1, n * k, target)?])
}

/// New differences of `numbers` numbers each where the length of the next step changes: of those of orders 1 to q the weights
/// are given, the others stay.
fn change(q: usize, numbers: usize, target: Target64) -> Option<Kernel> {
    let mut code = Straight::default();
    let old: Vec<Value> = (0..q + 3).map(|i| code.load(Buffer::V, i)).collect();
    for (i, difference) in old.iter().enumerate() {
        let mut value = *difference;
        if (1..=q).contains(&i) {
            let mut sum = None;
            for l in 0..q {
                let weight = code.load(Buffer::Y, (i - 1) * q + l);
                sum = Some(code.add_product(weight, old[l + 1], sum, target.fma));
            }
            value = sum.unwrap_or(value);
        }
        code.store(Buffer::Out, i, value);
    }
    let table = HISTORY * numbers;
    let own = Own { v: 0..HISTORY, w: 0..0, out: 0..HISTORY };
    let lengths = Lengths { y: q * q, v: table, out: table, ..Lengths::default() };
    Some(Kernel { name: "change", lengths, pieces: over_directions(code.finish(), numbers, &own)? })
}

struct Along<'a> {
    n: usize,
    weights: &'a [f64],
    fma: bool,
}

impl Along<'_> {
    /// Whether the planned pivots are good: for a right side of ones.
    fn check(&self, code: &mut Straight, elimination: &Program, [jacobian, factors]: [usize; 2]) -> Option<Value> {
        let right = vec![code.op(Op::Const(1.0)); self.n];
        let (t, v) = (code.op(Op::Time), Place::Values(&right));
        let operands = Operands { v, ..Operands::at(t, Place::Memory(Buffer::W, factors)) };
        let x = inline(code, elimination.kernel("solve")?, &operands)?;
        let shift = code.load(Buffer::Y, self.n);
        let jacobian = Place::Memory(Buffer::W, jacobian);
        let operands = Operands { p: Place::Values(&x), v, ..Operands::at(shift, jacobian) };
        inline(code, elimination.kernel("check")?, &operands)?.first().copied()
    }

    /// Σ w_k ∇^k S of a row.
    fn base(&self, code: &mut Straight, j: usize) -> Value {
        let mut sum = None;
        for (k, weight) in self.weights.iter().enumerate() {
            let (weight, difference) = (code.op(Op::Const(*weight)), code.load(Buffer::V, k * self.n + j));
            sum = Some(code.add_product(weight, difference, sum, self.fma));
        }
        sum.unwrap_or_else(|| code.op(Op::Const(0.0)))
    }

    /// The differences of a row at the new point.
    fn differences(&self, code: &mut Straight, j: usize, x: Value) {
        let (n, q) = (self.n, self.weights.len() - 1);
        let old: Vec<Value> = (0..q + 2).map(|k| code.load(Buffer::V, k * n + j)).collect();
        let subtract = |code: &mut Straight, a: Value, b: Value| code.op(Op::Binary(Binary::Sub, a, b));
        let mut latest = old[..=q].iter().fold(x, |rest, difference| subtract(code, rest, *difference));
        let beyond = subtract(code, latest, old[q + 1]);
        code.store(Buffer::Out, (q + 2) * n + j, beyond);
        code.store(Buffer::Out, (q + 1) * n + j, latest);
        for k in (1..=q).rev() {
            latest = code.op(Op::Binary(Binary::Add, old[k], latest));
            code.store(Buffer::Out, k * n + j, latest);
        }
        code.store(Buffer::Out, j, x);
    }
}
