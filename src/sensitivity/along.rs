//! The way along Rosenbrock steps with S as one function, where the system has it ([`System::rosenbrock_tangent`]).

use std::sync::Arc;

use super::program::Program;
use super::steps::same;
use crate::solve::problem::Problem;
use crate::solve::{Formula, Taken};
use crate::system::{CompiledStep, LIMITS, System};

/// A function for the steps of one method with k directions.
pub struct Along {
    formula: Formula,
    step: Option<Arc<dyn CompiledStep>>,
    n: usize,
    k: usize,
    /// Which parameter changes in which direction.
    moves: Vec<(usize, usize)>,
    discretes: usize,
    /// The limits of a step, S, and what moves.
    given: Vec<f64>,
    work: Vec<f64>,
    /// The new state, whether the pivots were good, the new S.
    out: Vec<f64>,
}

impl Along {
    /// For the method of a step, if that is of Rosenbrock's kind, and changes of parameters and discrete quantities `q`, a row of k
    /// numbers each.
    pub fn new(system: &dyn System, taken: &Taken, q: &[f64], k: usize) -> Option<Self> {
        let Formula::Rosenbrock(method) = taken.formula else { return None };
        if k == 0 {
            return None;
        }
        let (n, discretes) = (system.shape().dim(), system.shape().discretes_at);
        let moves: Vec<(usize, usize)> = moving(q, k, discretes).collect();
        let step = system.rosenbrock_tangent(&method.formula(), (k, &moves));
        let work = step.as_ref().map_or(0, |step| step.work());
        let mut along = Along {
            formula: taken.formula.clone(),
            step,
            n,
            k,
            given: vec![0.0; LIMITS + n * k + moves.len()],
            moves,
            discretes,
            work: vec![0.0; work],
            out: vec![0.0; n + 1 + n * k],
        };
        along.turn(q);
        Some(along)
    }

    /// Whether it is for the method of this step.
    pub fn is_for(&self, taken: &Taken) -> bool {
        same(&taken.formula, &self.formula)
    }

    /// Whether it is for such changes of parameters and discrete quantities.
    pub fn moves_as(&self, q: &[f64]) -> bool {
        moving(q, self.k, self.discretes).eq(self.moves.iter().copied())
    }

    /// Takes what parameters and discrete quantities change by from here on.
    pub fn turn(&mut self, q: &[f64]) {
        let given = self.given[LIMITS + self.n * self.k..].iter_mut();
        given.zip(&self.moves).for_each(|(given, (row, direction))| *given = q[row * self.k + direction]);
    }

    /// Along the step from the state `y` with `s`; false if pivots were bad, and nothing has been done.
    pub fn step(&mut self, problem: &Problem, taken: &Taken, y: &[f64], s: &mut [f64]) -> bool {
        let Some(step) = &self.step else { return false };
        let (least, most) = problem.interval();
        self.given[..LIMITS].copy_from_slice(&[taken.h, 0.0, least, most]);
        self.given[LIMITS..LIMITS + s.len()].copy_from_slice(s);
        step.attempt(taken.t, y, problem.parameters(), &self.given, &mut self.work, &mut self.out);
        let good = self.out[self.n] != 0.0;
        if good {
            s.copy_from_slice(&self.out[self.n + 1..]);
        }
        good
    }

    /// The new state.
    pub fn end(&self) -> &[f64] {
        &self.out[..self.n]
    }

    /// Puts S at both ends and the derivatives of the stages where the list of the step has them.
    pub fn tell(&self, program: &Program, slots: &mut [f64]) {
        let size = self.n * self.k;
        slots[..size].copy_from_slice(&self.given[LIMITS..LIMITS + size]);
        slots[program.leaves[0] * size..][..size].copy_from_slice(&self.out[self.n + 1..]);
        // u_i stands in slot 1 + 2i.
        let stages = program.leaves[0] / 2;
        for (i, u) in self.work.chunks_exact(size).take(stages).enumerate() {
            slots[(1 + 2 * i) * size..(2 + 2 * i) * size].copy_from_slice(u);
        }
    }
}

/// What changes in which direction; discrete quantities from that place on may be set at any time.
fn moving(q: &[f64], k: usize, discretes: usize) -> impl Iterator<Item = (usize, usize)> {
    let places = (0..q.len()).map(move |at| (at / k, at % k));
    places.filter(move |(row, direction)| *row >= discretes || q[row * k + direction] != 0.0)
}
