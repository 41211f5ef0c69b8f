//! The way back through explicit and Rosenbrock steps as one function, where the system has it
//! ([`System::explicit_adjoint`], [`System::rosenbrock_adjoint`]).

use std::sync::Arc;

use super::program::{Program, Terms};
use super::steps::same;
use crate::solve::problem::Problem;
use crate::solve::{Formula, Taken};
use crate::system::{CompiledStep, LIMITS, System};

/// A function for the steps of one method.
pub struct Whole {
    formula: Formula,
    step: Option<Arc<dyn CompiledStep>>,
    /// The list of such a step, for weights inside it.
    program: Program,
    terms: Terms,
    n: usize,
    /// The limits of a step, the adjoint of the new state, and the stages or their adjoints.
    seeds: Vec<f64>,
    /// Adjoint of the old state by points inside.
    old: Vec<f64>,
    inside: bool,
    work: Vec<f64>,
    out: Vec<f64>,
}

impl Whole {
    /// For the method of a step, if that is explicit or of Rosenbrock's kind.
    pub fn new(system: &dyn System, taken: &Taken, columns: usize) -> Option<Self> {
        // Behind a step there is more to go back through than the step.
        if system.constraints().is_some() {
            return None;
        }
        let n = system.shape().dim();
        let (step, stages) = match taken.formula {
            Formula::Explicit(method) => (system.explicit_adjoint(&method.formula()), method.a.len()),
            Formula::Rosenbrock(method) => (system.rosenbrock_adjoint(&method.formula()), method.c.len()),
            _ => return None,
        };
        let mut program = Program::default();
        program.of(taken);
        let work = step.as_ref().map_or(0, |step| step.work());
        Some(Whole {
            formula: taken.formula.clone(),
            step,
            program,
            terms: Terms::new(),
            n,
            seeds: vec![0.0; LIMITS + n + stages * n],
            old: vec![0.0; n],
            inside: false,
            work: vec![0.0; work],
            out: vec![1.0; n + columns + 1],
        })
    }

    /// Whether it is for the method of this step.
    pub fn is_for(&self, taken: &Taken) -> bool {
        same(&taken.formula, &self.formula)
    }

    /// Whether the system has the function.
    pub fn is_there(&self) -> bool {
        self.step.is_some()
    }

    /// Begins with the adjoint of the new state.
    pub fn begin(&mut self, lambda: &[f64]) {
        self.seeds[LIMITS..LIMITS + self.n].copy_from_slice(lambda);
        self.inside = false;
    }

    /// Adds the weights of a point inside the step.
    pub fn seed(&mut self, taken: &Taken, time: f64, weights: &[f64]) {
        let n = self.n;
        if !std::mem::replace(&mut self.inside, true) {
            self.seeds[LIMITS + n..].fill(0.0);
            self.old.fill(0.0);
        }
        self.program.inside(taken, time, &mut self.terms);
        for &(slot, c) in &self.terms {
            let to = match slot {
                0 => &mut self.old[..],
                // z_i and u_i stand in slot 1 + 2i, the new state of both in an even one or behind all of them.
                slot if slot == self.program.leaves[0] => &mut self.seeds[LIMITS..LIMITS + n],
                slot => &mut self.seeds[LIMITS + n + (slot / 2) * n..][..n],
            };
            to.iter_mut().zip(weights).for_each(|(to, w)| *to += c * w);
        }
    }

    /// Back through the step from the state that comes first in `points`, with the stages behind it if they are known: the adjoint of
    /// that state in `lambda`; false if pivots were bad, and nothing has been done.
    pub fn back(
        &mut self,
        problem: &Problem,
        taken: &Taken,
        points: &[f64],
        lambda: &mut [f64],
        gradient: &mut [f64],
    ) -> bool {
        let Some(step) = &self.step else { return false };
        let (least, most) = problem.interval();
        self.seeds[..LIMITS].copy_from_slice(&[taken.h, 0.0, least, most]);
        let (y, stages) = points.split_at(self.n);
        let p = problem.parameters();
        if self.inside || stages.is_empty() {
            if !self.inside {
                self.seeds[LIMITS + self.n..].fill(0.0);
            }
            step.interpolant(taken.t, y, p, &self.seeds, &mut self.work, &mut self.out);
        } else {
            self.seeds[LIMITS + self.n..][..stages.len()].copy_from_slice(stages);
            step.attempt(taken.t, y, p, &self.seeds, &mut self.work, &mut self.out);
        }
        let (state, rest) = self.out.split_at(self.n);
        let (by_parameter, good) = rest.split_at(gradient.len());
        if good[0] == 0.0 {
            return false;
        }
        lambda.copy_from_slice(state);
        if self.inside {
            lambda.iter_mut().zip(&self.old).for_each(|(l, old)| *l += old);
        }
        gradient.iter_mut().zip(by_parameter).for_each(|(g, more)| *g += more);
        true
    }

    /// The adjoint of the new state, of the old one by points inside the step, and of all stages; the last two are empty where
    /// no points are. What a step that went wrong begins with again.
    pub fn seeds(&self) -> [&[f64]; 3] {
        let (new, stages) = self.seeds[LIMITS..].split_at(self.n);
        if self.inside { [new, &self.old, stages] } else { [new, &[], &[]] }
    }
}
