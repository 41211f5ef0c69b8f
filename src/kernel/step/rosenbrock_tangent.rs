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

/// The kernel `tangent` of a formula for k directions, of which `moves` says in ascending order which column of the parameters and
/// discrete quantities changes in which; `None` if a part cannot be unrolled. It reads the state before the step as `y` and, behind
/// the limits of a step ([`crate::system::CompiledStep`]), S by rows of k numbers and then how much each of them changes. It writes
/// the new state, whether the planned pivots were good, and the new S; all U_i, by rows of k, come first in the work buffer.
pub fn rosenbrock_tangent(
    parts: &StageParts,
    formula: &RosenbrockFormula,
    (k, moves): (usize, &[(usize, usize)]),
    target: Target64,
) -> Option<Kernel> {
    let (n, count) = (parts.rhs.lengths.out, formula.c.len());
    let own = Own { v: LIMITS..LIMITS + n, w: 0..(count + PARTS) * n, out: n + 1..2 * n + 1 };
    let stages = Stages::new(parts, formula, own.w.end * k, target);
    let mut along = Along { stages, k, moves, still: Vec::new(), moved: vec![false; n * k] };
    along.stages.matrices()?;
    along.clear();
    for i in 0..count {
        along.stages.stage(i)?;
        along.stages.code.may_cut();
        let matrices = along.matrices(i)?;
        let code = along.stage(i, &matrices);
        along.stages.code.run(over_directions(code.finish(), k, &own)?);
    }
    for j in 0..n {
        let end = along.stages.state(formula.m, j);
        along.stages.code.store(Buffer::Out, j, end);
    }
    let good = along.stages.good();
    along.stages.code.store(Buffer::Out, n, good);
    let code = along.finish();
    along.stages.code.run(over_directions(code.finish(), k, &own)?);
    let lengths =
        Lengths { y: n, p: parts.bound(), v: LIMITS + n * k + moves.len(), w: along.stages.end, out: n + 1 + n * k };
    Some(Kernel { name: "tangent", lengths, pieces: along.stages.code.finish() })
}

/// Behind U_i stand, n numbers of each direction: the argument at hand, the right side, and what parameters add to it.
const PARTS: usize = 3;

/// A matrix kept in the work buffer: row, column and place of each entry.
type Kept = Vec<(usize, usize, usize)>;

struct Along<'a> {
    stages: Stages<'a>,
    k: usize,
    moves: &'a [(usize, usize)],
    /// Where entries of J stand that are the same at all arguments.
    still: Vec<Option<usize>>,
    /// By row and direction: whether parameters add to the right side.
    moved: Vec<bool>,
}

impl Along<'_> {
    /// Places of the argument, the right side and what parameters add, of one direction.
    fn places(&self) -> [usize; PARTS] {
        let first = self.stages.formula.c.len();
        [first, first + 1, first + 2].map(|part| part * self.stages.n)
    }

    /// Where parameters add to a row in a direction.
    fn added(&self, row: usize, direction: usize) -> usize {
        (self.places()[2] + row) * self.k + direction
    }

    /// Finds where parameters add something, and puts zeros elsewhere.
    fn clear(&mut self) {
        let parts = self.stages.parts;
        for (row, column) in parts.parameters.places.iter().chain(&parts.mixed.places) {
            for (_, direction) in self.moves.iter().filter(|(moved, _)| moved == column) {
                self.moved[row * self.k + direction] = true;
            }
        }
        for at in 0..self.moved.len() {
            if !self.moved[at] {
                let (place, zero) = (self.added(at / self.k, at % self.k), self.stages.or_zero(None));
                self.stages.code.store(Buffer::W, place, zero);
            }
        }
    }

    /// J at the argument of stage i and the derivative of J v + τ ∂f/∂t by the state, and what parameters add.
    fn matrices(&mut self, i: usize) -> Option<[Kept; 2]> {
        let parts = self.stages.parts;
        let stages = &mut self.stages;
        let (c, argument, state) = (stages.formula.c[i], stages.argument(i), Place::Memory(Buffer::Y, 0));
        let direction = stages.direction(i);
        let mut jacobian = Vec::new();
        gather(stages, &parts.jacobian, (c, argument, None), &mut jacobian)?;
        self.still.resize(jacobian.len(), None);
        let mut kept = [Vec::new(), Vec::new()];
        for ((row, column, value), still) in jacobian.into_iter().zip(&mut self.still) {
            let place = still.unwrap_or_else(|| stages.keep(value));
            if !stages.code.varies(value) {
                *still = Some(place);
            }
            kept[0].push((row, column, place));
        }
        let mut curvature = Vec::new();
        gather(stages, &parts.curvature, (0.0, state, Some(direction)), &mut curvature)?;
        kept[1].extend(curvature.into_iter().map(|(row, column, value)| (row, column, stages.keep(value))));
        let mut parameters = Vec::new();
        gather(stages, &parts.parameters, (c, argument, None), &mut parameters)?;
        gather(stages, &parts.mixed, (0.0, state, Some(direction)), &mut parameters)?;
        self.add(&parameters);
        Some(kept)
    }

    /// What changes of parameters add to right sides.
    fn add(&mut self, parameters: &[(usize, usize, Value)]) {
        let (n, k) = (self.stages.n, self.k);
        let mut sums: Vec<Option<Value>> = vec![None; n * k];
        for (row, column, value) in parameters {
            let moves = self.moves.iter().enumerate().filter(|(_, (moved, _))| moved == column);
            for (at, (_, direction)) in moves {
                let change = self.stages.code.load(Buffer::V, LIMITS + n * k + at);
                let sum = &mut sums[row * k + direction];
                *sum = Some(self.stages.add_product(*value, change, *sum));
            }
        }
        for (at, sum) in sums.into_iter().enumerate() {
            if let Some(sum) = sum {
                self.stages.code.store(Buffer::W, self.added(at / k, at % k), sum);
            }
        }
    }

    /// S and `Σ weight_l U_l` to the place of the argument, where that does not follow from the one at hand by one more U.
    fn argue(&self, code: &mut Straight, before: Option<&[f64]>, weights: &[f64], i: usize) {
        let (n, [argument, ..]) = (self.stages.n, self.places());
        if i > 1 && before.is_some_and(|before| follows(weights, before)) {
            for j in 0..n {
                let (x, u) = (code.kept(argument + j), code.kept((i - 1) * n + j));
                let next = code.op(Op::Binary(Binary::Add, x, u));
                code.keep(argument + j, next);
            }
        } else {
            let values = weighted(code, n, Some((Buffer::V, LIMITS)), &row(0, n, weights), self.stages.fma);
            values.into_iter().enumerate().for_each(|(j, value)| code.keep(argument + j, value));
        }
    }

    /// U_i of one direction.
    fn stage(&self, i: usize, [by_argument, by_state]: &[Kept; 2]) -> Straight {
        let (n, fma, formula) = (self.stages.n, self.stages.fma, self.stages.formula);
        let [argument, right, added] = self.places();
        let mut code = Straight::by_memory();
        self.argue(&mut code, (i > 0).then(|| formula.a[i - 1]), formula.a[i], i);
        let adds = |j: usize| self.moved[j * self.k..(j + 1) * self.k].iter().any(|moved| *moved);
        let mut sums: Vec<Option<Value>> = (0..n).map(|j| adds(j).then(|| code.kept(added + j))).collect();
        let weights = row(0, n, formula.cc[i]);
        if !weights.is_empty() {
            let reciprocal = code.kept(self.stages.reciprocal());
            let earlier = weighted(&mut code, n, None, &weights, fma);
            for (j, (sum, earlier)) in sums.iter_mut().zip(earlier).enumerate() {
                if self.stages.parts.patterns[0].is_differential(j) {
                    *sum = Some(code.add_product(earlier, reciprocal, *sum, fma));
                }
            }
        }
        for (kept, (buffer, at)) in [(by_argument, (Buffer::W, argument)), (by_state, (Buffer::V, LIMITS))] {
            // Entries come column by column but for arrays: the number at hand stays in a register.
            let mut latest: Option<(usize, Value)> = None;
            for (row, column, place) in kept {
                let x = match latest {
                    Some((known, x)) if known == *column => x,
                    _ => code.load(buffer, at + column),
                };
                latest = Some((*column, x));
                let entry = code.load(Buffer::W, *place);
                sums[*row] = Some(code.add_product(x, entry, sums[*row], fma));
            }
        }
        for (j, sum) in sums.into_iter().enumerate() {
            let sum = sum.unwrap_or_else(|| code.op(Op::Const(0.0)));
            code.keep(right + j, sum);
        }
        self.stages.solve_in(&mut code, right, i * n);
        code
    }

    /// The new S of one direction.
    fn finish(&self) -> Straight {
        let (n, formula) = (self.stages.n, self.stages.formula);
        let (stages, [argument, ..]) = (formula.c.len(), self.places());
        let mut code = Straight::by_memory();
        self.argue(&mut code, Some(formula.a[stages - 1]), formula.m, stages);
        for j in 0..n {
            let value = code.kept(argument + j);
            code.store(Buffer::Out, n + 1 + j, value);
        }
        code
    }
}

/// Adds a matrix's entries, at a time, a state and in a direction, to sums by row and column.
fn gather(
    stages: &mut Stages,
    entries: &Entries,
    (c, state, direction): (f64, Place, Option<Place>),
    sums: &mut Vec<(usize, usize, Value)>,
) -> Option<()> {
    let t = stages.time(c);
    let mut operands = Operands::at(t, state);
    if let Some(direction) = direction {
        operands.v = direction;
    }
    let values = inline(&mut stages.code, entries.kernel, &operands)?;
    for (value, (row, column)) in values.into_iter().zip(&entries.places) {
        match sums.iter_mut().find(|(known, of, _)| (known, of) == (row, column)) {
            Some((_, _, sum)) => *sum = stages.code.op(Op::Binary(Binary::Add, *sum, value)),
            None => sums.push((*row, *column, value)),
        }
    }
    Some(())
}
