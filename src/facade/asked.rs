//! What is asked of a solution, summed up from its points: the value, what it changes by with what was carried along, and its
//! gradient by a sweep back; the same of the derivative of what is asked, where the model is run with its own.

use std::ops::Range;

use super::Compiled;
use super::bind::zeros;
use super::derivatives::{Gradient, Recorded};
use super::objective::{Objective, derivatives};
use super::objective_error::ObjectiveError;
use super::problem::Start;
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

/// Memory for what is looked at along a run.
#[derive(Default)]
pub(super) struct Sums {
    look: Look,
    /// Of [`Objective::along`].
    q: Vec<f64>,
    out: Vec<f64>,
    /// Of [`Objective::weigh`]: the weights of the solution's values, and derivatives by parameters and slots besides.
    pub weights: Vec<f64>,
    pub direct: Vec<f64>,
    one: Vec<f64>,
    /// How sums of outputs depend on the state and on what is recorded at a point, and on parameters and slots, one after the
    /// other; the rows and slots of those that wait.
    pulled: Vec<f64>,
    waiting: Vec<(usize, usize)>,
}

/// Memory for a look at a point.
#[derive(Default)]
struct Look {
    parts: Option<Parts>,
    bound: Vec<f64>,
    work: Vec<f64>,
    y: Vec<f64>,
    out: Vec<f64>,
}

impl Objective {
    /// The value of a run from a start.
    pub(super) fn of(
        &self,
        compiled: &Compiled,
        solution: &Solution,
        start: &Start,
        sums: &mut Sums,
    ) -> Result<f64, ObjectiveError> {
        self.sum(compiled, self.places(compiled, 1), solution, start, &mut sums.look, &mut |_, _, _| {})
    }

    /// The value of a run, and what it changes by in the directions in which `values` were carried along, as
    /// [`super::Tangents::values`]; parameters and discrete quantities change by `changes` at the start.
    pub(super) fn along(
        &self,
        compiled: &Compiled,
        (solution, values): (&Solution, &[f64]),
        changes: &[f64],
        start: &Start,
        sums: &mut Sums,
        gradient: &mut [f64],
    ) -> Result<f64, ObjectiveError> {
        let (k, places) = (gradient.len(), self.places(compiled, 1));
        let Places { n, m, own, at, slots, .. } = places;
        let Sums { look, q, out, .. } = sums;
        q.clear();
        q.extend_from_slice(changes);
        q[slots * k..].fill(0.0);
        gradient.fill(0.0);
        zeros(out, m * k);
        self.sum(compiled, places, solution, start, look, &mut |row, what, parts| {
            let here = &values[row * (n + m) * k..(row + 1) * (n + m) * k];
            let (s, recorded) = here.split_at(n * k);
            // The model's own discrete quantities, and time, are recorded.
            q[at * k..slots * k].copy_from_slice(&recorded[own * k..(m - 1) * k]);
            out.fill(0.0);
            parts.by_state.add_product(s, k, 1.0, out);
            parts.by_parameter.add_product(q, k, 1.0, out);
            parts.by_time.add_product(&recorded[(m - 1) * k..], k, 1.0, out);
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
        let mut sums = Sums::default();
        let (compiled, start, blocks) =
            (recorded.problem().compiled(), recorded.start(), if derivative { 2 } else { 1 });
        let value = self.weigh(compiled, blocks, recorded.solution(), start, &mut sums)?;
        Ok((value, recorded.pull_with(&sums.weights, &sums.direct).map_err(derivatives)?))
    }

    /// The value of a run, and the weights of the solution's values in it, in `sums`; or those in its derivative, where there are
    /// two blocks, the second being that of the derivative.
    pub(super) fn weigh(
        &self,
        compiled: &Compiled,
        blocks: usize,
        solution: &Solution,
        start: &Start,
        sums: &mut Sums,
    ) -> Result<f64, ObjectiveError> {
        let places = self.places(compiled, blocks);
        let Places { n, m, own, at, discretes, .. } = places;
        let (columns, bound) = (places.columns(), at + blocks * discretes);
        let Sums { look, weights, direct, one, pulled, waiting, .. } = sums;
        zeros(weights, solution.len() * columns);
        zeros(direct, bound);
        zeros(one, blocks * m);
        pulled.clear();
        waiting.clear();
        let mut add = |row: usize, weight: f64, pulled: &[f64]| {
            let (here, by_parameter) = pulled.split_at(columns);
            let row = &mut weights[row * columns..(row + 1) * columns];
            row.iter_mut().zip(here).for_each(|(w, x)| *w += weight * x);
            direct[..at].iter_mut().zip(by_parameter).for_each(|(sum, x)| *sum += weight * x);
        };
        self.sum(compiled, places, solution, start, look, &mut |row, what, parts| {
            let from = pulled.len();
            pulled.resize(from + columns + bound, 0.0);
            let (here, by_parameter) = pulled[from..].split_at_mut(columns);
            one.fill(0.0);
            match &what {
                What::Term { output, .. } => one[*output] = 1.0,
                What::Sum(rows) => one[rows.clone()].fill(1.0),
            }
            let mut time = [0.0];
            parts.by_state.add_transposed(one, 1.0, &mut here[..n]);
            parts.by_parameter.add_transposed(one, 1.0, by_parameter);
            parts.by_time.add_transposed(one, 1.0, &mut time);
            for (outputs, from) in places.blocks() {
                let known = places.recorded(from);
                here[n + outputs + own..][..known.len()].copy_from_slice(&by_parameter[known]);
            }
            here[n + m - 1] = time[0];
            // What the terms of an objective count for is known when all are: they wait for it.
            match what {
                What::Term { slot, .. } => waiting.push((row, slot)),
                What::Sum(_) => {
                    let (terms, sum) = pulled.split_at(from);
                    add(row, 1.0, sum);
                    let terms = waiting.drain(..).zip(terms.chunks_exact(columns + bound));
                    terms.for_each(|((row, slot), term)| add(row, sum[columns + slot], term));
                    pulled.clear();
                }
            }
        })
    }

    /// The value, from the solution at [`Self::times`]. `each` hears, for every point that counts, of its row in the
    /// solution, what it gives, and the derivatives there; of the second block, where there is one.
    fn sum(
        &self,
        compiled: &Compiled,
        places: Places,
        solution: &Solution,
        start: &Start,
        memory: &mut Look,
        each: &mut dyn FnMut(usize, What, &Parts),
    ) -> Result<f64, ObjectiveError> {
        let system = compiled.system();
        let Places { n, m, blocks, own, at, slots, .. } = places;
        let Look { parts, bound, work, y, out } = memory;
        bound.clone_from(&start.bound);
        zeros(work, system.shape().work);
        zeros(y, n);
        zeros(out, blocks * m);
        let parts = match parts {
            Some(parts) => parts,
            None => parts.insert(Parts::new(system).map_err(|kind| derivatives(kind.into()))?),
        };
        let mut look = |row: usize, bound: &mut [f64], out: &mut [f64], parts: &mut Parts| {
            let time = solution.times()[row];
            y.iter_mut().enumerate().for_each(|(k, y)| *y = solution.state(k)[row]);
            for (outputs, from) in places.blocks() {
                for (k, place) in places.recorded(from).enumerate() {
                    bound[place] = solution.output(outputs + own + k)[row];
                }
            }
            system.outputs(time, y, bound, work, out);
            let all = [&mut parts.by_state, &mut parts.by_parameter, &mut parts.by_time];
            all.into_iter().for_each(|part| part.evaluate(time, y, bound, &[]));
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
                    look(row, bound, out, parts);
                    let sum: f64 = out[..own].iter().sum();
                    if !sum.is_finite() {
                        return Err(ObjectiveError::Value { value: sum, what: named() });
                    }
                    value += sum;
                    each(row, What::Sum(asked..asked + own), parts);
                }
            }
            Question::Objective(_) => {
                for (j, term) in self.terms().iter().enumerate() {
                    let row = match term.kind {
                        TermKind::At(time) => row_at(&|| format!("`{}`", term.text), time)?,
                        TermKind::Integral | TermKind::Final => last,
                    };
                    look(row, bound, out, parts);
                    for (outputs, from) in places.blocks() {
                        let (output, slot) = (outputs + j, from + slots - at + j);
                        bound[slot] = out[output];
                        each(row, What::Term { output, slot }, parts);
                    }
                }
                look(last, bound, out, parts);
                value = out[own - 1];
                if !value.is_finite() {
                    return Err(ObjectiveError::Value { value, what: format!("`{}`", self.name()) });
                }
                each(last, What::Sum(asked + own - 1..asked + own), parts);
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
