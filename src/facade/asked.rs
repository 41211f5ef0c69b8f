//! What is asked of a solution, summed up from its points: the value, what it changes by with what was carried along, and its
//! gradient by a sweep back; the same of the derivative of what is asked, where the model is run with its own.

use std::ops::Range;

use super::derivatives::{Gradient, Recorded};
use super::objective::{Objective, derivatives};
use super::objective_error::ObjectiveError;
use super::{Compiled, SolveError, Tangents};
use crate::model::{Question, TermKind};
use crate::sensitivity::Part;
use crate::solve::{ErrorKind, Solution};
use crate::system::{Matrix, System};

/// Which of the numbers of the model that is run are what.
#[derive(Clone, Copy)]
struct Places {
    /// Number of states.
    n: usize,
    /// Number of outputs of a block: what is asked, the model's own discrete quantities, time. Where the model is run with its
    /// derivative a second block has those of the first.
    m: usize,
    blocks: usize,
    /// How many outputs of a block are what is asked.
    own: usize,
    /// Where discrete quantities begin among the parameters, and the slots behind the model's own; how many both are.
    at: usize,
    slots: usize,
    discretes: usize,
}

impl Places {
    fn columns(&self) -> usize {
        self.n + self.blocks * self.m
    }

    /// Per block, where its outputs and its discrete quantities begin.
    fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.blocks).map(move |block| (block * self.m, self.at + block * self.discretes))
    }

    /// The model's own discrete quantities of a block that begin there.
    fn recorded(&self, from: usize) -> Range<usize> {
        from..from + self.slots - self.at
    }
}

/// What a point gives.
enum What {
    /// A term of the objective, and the slot that waits for it.
    Term { output: usize, slot: usize },
    /// Outputs whose sum is added to the value.
    Sum(Range<usize>),
}

/// The derivatives of outputs at a point.
struct Parts {
    by_state: Part,
    by_parameter: Part,
    by_time: Part,
}

impl Parts {
    fn new(system: &dyn System) -> Result<Self, ErrorKind> {
        Ok(Parts {
            by_state: Part::new(system, Matrix::Outputs)?,
            by_parameter: Part::new(system, Matrix::OutputParameters)?,
            by_time: Part::new(system, Matrix::OutputTime)?,
        })
    }
}

fn parameters(problem: &super::Problem) -> Result<Vec<f64>, ObjectiveError> {
    problem.parameter_values().map_err(|error| ObjectiveError::Solve(SolveError::Missing(error)))
}

impl Objective {
    /// The value of a run.
    pub(super) fn of(&self, problem: &super::Problem, solution: &Solution) -> Result<f64, ObjectiveError> {
        let places = self.places(problem.compiled(), 1);
        self.sum(problem.compiled(), places, solution, &parameters(problem)?, &mut |_, _, _| {})
    }

    /// The value of a run, and what it changes by in the directions that were carried along.
    pub(super) fn along(
        &self,
        problem: &super::Problem,
        tangents: &Tangents,
        gradient: &mut [f64],
    ) -> Result<f64, ObjectiveError> {
        let (k, places) = (gradient.len(), self.places(problem.compiled(), 1));
        let Places { n, m, own, at, slots, .. } = places;
        let mut q = tangents.changes.clone();
        q[slots * k..].fill(0.0);
        gradient.fill(0.0);
        let mut out = vec![0.0; m * k];
        self.sum(problem.compiled(), places, tangents.solution(), &parameters(problem)?, &mut |row, what, parts| {
            let here = &tangents.values()[row * (n + m) * k..(row + 1) * (n + m) * k];
            let (s, recorded) = here.split_at(n * k);
            // The model's own discrete quantities, and time, are recorded.
            q[at * k..slots * k].copy_from_slice(&recorded[own * k..(m - 1) * k]);
            out.fill(0.0);
            parts.by_state.add_product(s, k, 1.0, &mut out);
            parts.by_parameter.add_product(&q, k, 1.0, &mut out);
            parts.by_time.add_product(&recorded[(m - 1) * k..], k, 1.0, &mut out);
            match what {
                What::Term { output, slot } => {
                    q[slot * k..(slot + 1) * k].copy_from_slice(&out[output * k..(output + 1) * k]);
                }
                What::Sum(rows) => {
                    for out in out[rows.start * k..rows.end * k].chunks_exact(k) {
                        gradient.iter_mut().zip(out).for_each(|(sum, d)| *sum += d);
                    }
                }
            }
        })
    }

    /// The value of a recorded run and its gradient, by a sweep back; or the gradient of its derivative, where the run is one
    /// of the model with its derivative.
    pub(super) fn pulled(&self, recorded: &Recorded, derivative: bool) -> Result<(f64, Gradient), ObjectiveError> {
        let (solution, problem) = (recorded.solution(), recorded.problem());
        let places = self.places(problem.compiled(), if derivative { 2 } else { 1 });
        let Places { n, m, blocks, own, at, discretes, .. } = places;
        let (columns, bound) = (places.columns(), at + blocks * discretes);
        let mut weights = vec![0.0; solution.len() * columns];
        let mut direct = vec![0.0; bound];
        let mut one = vec![0.0; blocks * m];
        // How a sum of outputs depends on the point's state and what is recorded of it, and on parameters and slots.
        let mut pull = |rows: Range<usize>, parts: &Parts| {
            one.fill(0.0);
            one[rows].fill(1.0);
            let (mut here, mut by_parameter, mut time) = (vec![0.0; columns], vec![0.0; bound], [0.0]);
            parts.by_state.add_transposed(&one, 1.0, &mut here[..n]);
            parts.by_parameter.add_transposed(&one, 1.0, &mut by_parameter);
            parts.by_time.add_transposed(&one, 1.0, &mut time);
            for (outputs, from) in places.blocks() {
                let known = places.recorded(from);
                here[n + outputs + own..][..known.len()].copy_from_slice(&by_parameter[known]);
            }
            here[n + m - 1] = time[0];
            (here, by_parameter)
        };
        let mut add = |row: usize, weight: f64, (here, by_parameter): &(Vec<f64>, Vec<f64>)| {
            let row = &mut weights[row * columns..(row + 1) * columns];
            row.iter_mut().zip(here).for_each(|(w, x)| *w += weight * x);
            direct[..at].iter_mut().zip(by_parameter).for_each(|(sum, x)| *sum += weight * x);
        };
        // What the terms of an objective count for is known when all are: they wait for it.
        let mut waiting = Vec::new();
        let value = self.sum(
            problem.compiled(),
            places,
            solution,
            &parameters(problem)?,
            &mut |row, what, parts| match what {
                What::Term { output, slot } => waiting.push((row, slot, pull(output..output + 1, parts))),
                What::Sum(rows) => {
                    let pulled = pull(rows, parts);
                    add(row, 1.0, &pulled);
                    waiting.drain(..).for_each(|(row, slot, term)| add(row, pulled.1[slot], &term));
                }
            },
        )?;
        Ok((value, recorded.pull_with(&weights, &direct).map_err(derivatives)?))
    }

    /// The value, from the solution at [`Self::times`]. `each` hears, for every point that counts, of its row in the
    /// solution, what it gives, and the derivatives there; of the second block, where there is one.
    fn sum(
        &self,
        compiled: &Compiled,
        places: Places,
        solution: &Solution,
        parameters: &[f64],
        each: &mut dyn FnMut(usize, What, &Parts),
    ) -> Result<f64, ObjectiveError> {
        let system = compiled.system();
        let mut bound = compiled.bind(parameters);
        let Places { n, m, blocks, own, at, slots, .. } = places;
        let (mut work, mut y, mut out) = (vec![0.0; system.shape().work], vec![0.0; n], vec![0.0; blocks * m]);
        let mut parts = Parts::new(system).map_err(|kind| derivatives(kind.into()))?;
        let mut look = |row: usize, bound: &mut [f64], out: &mut [f64], parts: &mut Parts| {
            let time = solution.times()[row];
            y.iter_mut().enumerate().for_each(|(k, y)| *y = solution.state(k)[row]);
            for (outputs, from) in places.blocks() {
                for (k, place) in places.recorded(from).enumerate() {
                    bound[place] = solution.output(outputs + own + k)[row];
                }
            }
            system.outputs(time, &y, bound, &mut work, out);
            let all = [&mut parts.by_state, &mut parts.by_parameter, &mut parts.by_time];
            all.into_iter().for_each(|part| part.evaluate(time, &y, bound, &[]));
        };
        let last = solution.len().saturating_sub(1);
        let row_at = |what: &dyn Fn() -> String, time: f64| {
            let row = solution.times().partition_point(|t| *t < time);
            match solution.times().get(row) {
                Some(found) if *found == time => Ok(row),
                // An event has ended the run.
                _ => Err(ObjectiveError::Window { what: what(), time, span: (self.span.0, solution.times()[last]) }),
            }
        };
        // The derivatives stand in the last block.
        let asked = (blocks - 1) * m;
        let mut value = 0.0;
        match self.question {
            Question::Likelihood => {
                for k in 0..self.measured.times.len() {
                    let named = || format!("row {} of `{}`", self.measured.rows[k], self.file);
                    let row = row_at(&named, self.measured.times[k])?;
                    bound[slots..slots + self.measured.width].copy_from_slice(self.measured.row(k));
                    look(row, &mut bound, &mut out, &mut parts);
                    let sum: f64 = out[..own].iter().sum();
                    if !sum.is_finite() {
                        return Err(ObjectiveError::Value { value: sum, what: named() });
                    }
                    value += sum;
                    each(row, What::Sum(asked..asked + own), &parts);
                }
            }
            Question::Objective(_) => {
                for (j, term) in self.terms().iter().enumerate() {
                    let row = match term.kind {
                        TermKind::At(time) => row_at(&|| format!("`{}`", term.text), time)?,
                        TermKind::Integral | TermKind::Final => last,
                    };
                    look(row, &mut bound, &mut out, &mut parts);
                    for (outputs, from) in places.blocks() {
                        let (output, slot) = (outputs + j, from + slots - at + j);
                        bound[slot] = out[output];
                        each(row, What::Term { output, slot }, &parts);
                    }
                }
                look(last, &mut bound, &mut out, &mut parts);
                value = out[own - 1];
                if !value.is_finite() {
                    return Err(ObjectiveError::Value { value, what: format!("`{}`", self.name()) });
                }
                each(last, What::Sum(asked + own - 1..asked + own), &parts);
            }
        }
        Ok(value)
    }

    fn places(&self, compiled: &Compiled, blocks: usize) -> Places {
        let shape = compiled.system().shape();
        let own = match self.question {
            Question::Likelihood => self.compiled.model().checked().asked.observations.len(),
            Question::Objective(_) => self.terms().len() + 1,
        };
        // Behind those of the blocks the model with its derivative has some of its own.
        let (at, discretes) = (shape.discretes_at, self.compiled.system().shape().discretes.len());
        let slots = at + discretes - self.slots();
        Places { n: shape.dim(), m: shape.outputs.len() / blocks, blocks, own, at, slots, discretes }
    }
}
