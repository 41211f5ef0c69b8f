//! Along explicit and Rosenbrock steps.

use std::sync::Arc;

use super::Directions;
use crate::sensitivity::program::Program;
use crate::solve::Taken;
use crate::solve::problem::Problem;
use crate::system::{CompiledStep, LIMITS};

/// A function for the steps of one method.
pub struct Stages {
    pub directions: Directions,
    step: Option<Arc<dyn CompiledStep>>,
    /// Whether the derivatives of its stages are all that its interpolant needs.
    tells: bool,
    /// The limits of a step, S, what moves, and the state.
    given: Vec<f64>,
    work: Vec<f64>,
    /// The new state and the new S.
    out: Vec<f64>,
}

impl Stages {
    pub fn new(step: Option<Arc<dyn CompiledStep>>, tells: bool, directions: Directions) -> Self {
        let (n, size) = (directions.n, directions.size());
        let work = vec![0.0; step.as_ref().map_or(0, |step| step.work())];
        let given = vec![0.0; LIMITS + size + directions.moves.len() + n];
        Stages { step, tells, given, work, out: vec![0.0; n + size], directions }
    }

    /// `left`: what the step has left in its work buffer; nothing if it was taken by stages.
    pub fn step(
        &mut self,
        problem: &Problem,
        taken: &Taken,
        (y, left): (&[f64], &[f64]),
        carried: &mut [f64],
    ) -> Option<usize> {
        let (step, size) = (self.step.as_ref().filter(|_| !left.is_empty())?, self.directions.size());
        let (s, (least, most)) = (&mut carried[..size], problem.interval());
        let (limits, rest) = self.given.split_at_mut(LIMITS);
        limits.copy_from_slice(&[taken.h, 0.0, least, most]);
        let (old, rest) = rest.split_at_mut(size);
        old.copy_from_slice(s);
        let (amounts, state) = rest.split_at_mut(self.directions.amounts.len());
        amounts.copy_from_slice(&self.directions.amounts);
        state.copy_from_slice(y);
        step.attempt(taken.t, left, problem.parameters(), &self.given, &mut self.work, &mut self.out);
        s.copy_from_slice(&self.out[self.directions.n..]);
        Some(size)
    }

    pub fn end(&self) -> &[f64] {
        &self.out[..self.directions.n]
    }

    /// S at both ends and the derivatives of the stages; S where the step began, if that is not enough.
    pub fn tell(&self, program: &Program, slots: &mut [f64]) -> usize {
        let size = self.directions.size();
        slots[..size].copy_from_slice(&self.given[LIMITS..LIMITS + size]);
        if !self.tells {
            return 0;
        }
        slots[program.leaves[0] * size..][..size].copy_from_slice(&self.out[self.directions.n..]);
        // u_i stands in slot 1 + 2i.
        let stages = program.leaves[0] / 2;
        for (i, u) in self.work.chunks_exact(size).take(stages).enumerate() {
            slots[(1 + 2 * i) * size..(2 + 2 * i) * size].copy_from_slice(u);
        }
        program.ops.len()
    }
}
