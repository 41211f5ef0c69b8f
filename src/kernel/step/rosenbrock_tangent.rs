//! Along Rosenbrock–Wanner steps with S = ∂y/∂q: the stages once more, then those of their derivatives with the same factors, all
//! directions side by side, as one function.
//!
//! With x_i and u_i as in [`super::rosenbrock_stages`], their derivatives X_i = S + Σ a_il U_l and U_i in a direction that changes the
//! parameters by q follow from W U_i = J(x_i) X_i + M Σ c_il U_l/h + ∂(J v + τ ∂f/∂t)/∂y S + (∂f/∂p (x_i) + ∂(J v + τ ∂f/∂t)/∂p) q,
//! the derivatives of J and ∂f/∂t being those at y, with v = u_i and τ = h d_i.

use super::adjoint::Entries;
use super::inline::{Operands, Place, inline};
use super::lanes::{Own, over_directions};
use super::rosenbrock_stages::{StageParts, Stages};
use super::sums::{follows, row, weighted};
use crate::kernel::Target64;
use crate::kernel::program::{Binary, Buffer, Kernel, Lengths, Op, Value};
use crate::kernel::straight::Straight;
use crate::system::{LIMITS, RosenbrockFormula};

/// The kernel `tangent` of a formula for k directions, in which the parameters and discrete quantities of the columns `moved` may
/// change; `None` if a part cannot be unrolled. It reads the state before the step as `y` and, behind the limits of a step
/// ([`crate::system::CompiledStep`]), S and then q, by rows of k numbers. It writes the new state, whether the planned pivots were
/// good, and the new S; all U_i, by rows of k, come first in the work buffer.
pub fn rosenbrock_tangent(
    parts: &StageParts,
    formula: &RosenbrockFormula,
    (k, moved): (usize, &[usize]),
    target: Target64,
) -> Option<Kernel> {
    let (n, count) = (parts.rhs.lengths.out, formula.c.len());
    // U_i, and the argument at hand.
    let own = (count + 1) * n;
    let mut stages = Stages::new(parts, formula, own * k, target);
    stages.matrices()?;
    let mut matrices = Vec::new();
    for i in 0..count {
        stages.stage(i)?;
        stages.code.may_cut();
        matrices.push(StageMatrices::new(&mut stages, i, moved)?);
        stages.code.may_cut();
    }
    for j in 0..n {
        let end = stages.state(formula.m, j);
        stages.code.store(Buffer::Out, j, end);
    }
    let good = stages.good();
    stages.code.store(Buffer::Out, n, good);
    let mut along = Along { code: Straight::default(), stages: &stages };
    for (i, matrices) in matrices.iter().enumerate() {
        along.stage(i, matrices)?;
        along.code.may_cut();
    }
    along.finish();
    let own = Own { v: LIMITS..LIMITS + n + moved.len(), w: 0..own, out: n + 1..2 * n + 1 };
    let directions = over_directions(along.code.finish(), k, &own)?;
    let v = LIMITS + (n + moved.len()) * k;
    let lengths = Lengths { y: n, p: parts.bound(), v, w: stages.end, out: n + 1 + n * k };
    let mut pieces = stages.code.finish();
    pieces.extend(directions);
    Some(Kernel { name: "tangent", lengths, pieces })
}

/// A matrix kept in the work buffer: row, column and place of each entry.
type Kept = Vec<(usize, usize, usize)>;

/// What the right side of a stage's derivative is made of.
struct StageMatrices {
    /// J at the argument.
    argument: Kept,
    /// The derivative of J v + τ ∂f/∂t by the state.
    state: Kept,
    /// That and f by the parameters that move, numbered as these are.
    parameters: Kept,
}

impl StageMatrices {
    fn new(stages: &mut Stages, i: usize, moved: &[usize]) -> Option<Self> {
        let parts = stages.parts;
        let every = |column: usize| Some(column);
        let moving = |column: usize| moved.binary_search(&column).ok();
        let (c, argument, state) = (stages.formula.c[i], stages.argument(i), Place::Memory(Buffer::Y, 0));
        let direction = stages.direction(i);
        let mut kept = [Vec::new(), Vec::new(), Vec::new()];
        let [by_argument, by_state, by_parameter] = &mut kept;
        gather(stages, &parts.jacobian, (c, argument, None), &every, by_argument)?;
        gather(stages, &parts.curvature, (0.0, state, Some(direction)), &every, by_state)?;
        gather(stages, &parts.parameters, (c, argument, None), &moving, by_parameter)?;
        gather(stages, &parts.mixed, (0.0, state, Some(direction)), &moving, by_parameter)?;
        let [argument, state, parameters] = kept.map(|sums| {
            let keep = |(row, column, value): (usize, usize, Value)| {
                let place = stages.end;
                stages.end += 1;
                stages.code.keep(place, value);
                (row, column, place)
            };
            sums.into_iter().map(keep).collect()
        });
        Some(StageMatrices { argument, state, parameters })
    }
}

/// Adds a matrix's entries, at a time, a state and in a direction, to sums by row and column. Columns are numbered anew, or left out.
fn gather(
    stages: &mut Stages,
    entries: &Entries,
    (c, state, direction): (f64, Place, Option<Place>),
    column_of: &dyn Fn(usize) -> Option<usize>,
    sums: &mut Vec<(usize, usize, Value)>,
) -> Option<()> {
    let t = stages.time(c);
    let mut operands = Operands::at(t, state);
    if let Some(direction) = direction {
        operands.v = direction;
    }
    let values = inline(&mut stages.code, entries.kernel, &operands)?;
    for (value, (row, column)) in values.into_iter().zip(&entries.places) {
        let Some(column) = column_of(*column) else { continue };
        match sums.iter_mut().find(|(known, of, _)| (*known, *of) == (*row, column)) {
            Some((_, _, sum)) => *sum = stages.code.op(Op::Binary(Binary::Add, *sum, value)),
            None => sums.push((*row, column, value)),
        }
    }
    Some(())
}

/// One direction: U_i in the work buffer, and behind them the argument at hand.
struct Along<'a, 'b> {
    stages: &'a Stages<'b>,
    code: Straight,
}

impl Along<'_, '_> {
    /// S and `Σ weight_l U_l`, where that does not follow from the argument at hand by one more U.
    fn argue(&mut self, before: Option<&[f64]>, weights: &[f64], i: usize) -> Vec<Value> {
        let n = self.stages.n;
        let argument = self.stages.formula.c.len() * n;
        let values: Vec<Value> = if i > 1 && before.is_some_and(|before| follows(weights, before)) {
            let next = |j| {
                let (x, u) = (self.code.kept(argument + j), self.code.kept((i - 1) * n + j));
                self.code.op(Op::Binary(Binary::Add, x, u))
            };
            (0..n).map(next).collect()
        } else {
            weighted(&mut self.code, n, Some((Buffer::V, LIMITS)), &row(0, n, weights), self.stages.fma)
        };
        values.iter().enumerate().for_each(|(j, value)| self.code.keep(argument + j, *value));
        values
    }

    /// U_i
    fn stage(&mut self, i: usize, matrices: &StageMatrices) -> Option<()> {
        let (n, fma) = (self.stages.n, self.stages.fma);
        let (formula, pattern) = (self.stages.formula, self.stages.parts.patterns[0]);
        self.argue((i > 0).then(|| formula.a[i - 1]), formula.a[i], i);
        let weights = row(0, n, formula.cc[i]);
        let mut right = vec![None; n];
        if !weights.is_empty() {
            let sums = weighted(&mut self.code, n, None, &weights, fma);
            let reciprocal = self.code.kept(self.stages.reciprocal());
            for (j, (right, sum)) in right.iter_mut().zip(sums).enumerate() {
                *right = pattern.is_differential(j).then(|| self.code.op(Op::Binary(Binary::Mul, sum, reciprocal)));
            }
        }
        let argument = formula.c.len() * n;
        for (kept, (buffer, at)) in [
            (&matrices.argument, (Buffer::W, argument)),
            (&matrices.state, (Buffer::V, LIMITS)),
            (&matrices.parameters, (Buffer::V, LIMITS + n)),
        ] {
            // Entries come column by column but for arrays: the number at hand stays in a register.
            let mut latest: Option<(usize, Value)> = None;
            for (row, column, place) in kept {
                let x = match (latest, buffer) {
                    (Some((known, x)), _) if known == *column => x,
                    (_, Buffer::W) => self.code.kept(at + column),
                    _ => self.code.load(buffer, at + column),
                };
                latest = Some((*column, x));
                let entry = self.code.load(Buffer::W, *place);
                right[*row] = Some(self.code.add_product(entry, x, right[*row], fma));
            }
        }
        let right: Vec<Value> =
            right.into_iter().map(|sum| sum.unwrap_or_else(|| self.code.op(Op::Const(0.0)))).collect();
        let u = self.stages.solve_in(&mut self.code, &right)?;
        u.into_iter().enumerate().for_each(|(j, u)| self.code.keep(i * n + j, u));
        Some(())
    }

    /// The new S.
    fn finish(&mut self) {
        let (n, formula) = (self.stages.n, self.stages.formula);
        let stages = formula.c.len();
        let new = self.argue(Some(formula.a[stages - 1]), formula.m, stages);
        new.into_iter().enumerate().for_each(|(j, value)| self.code.store(Buffer::Out, n + 1 + j, value));
    }
}
