//! The way back through what was read at other times. A value read at s is a linear function of the slots of the step that s lies
//! in ([`super::program::Program::inside`]): its adjoint waits for that step, and joins those of its slots when the sweep has come
//! there. What moves s itself, a delay or the state, is in ∂f/∂p and J already, by the rate at s.
//!
//! A step that has read itself is the solution of a linear equation in its own adjoints, found as the step was: by going through it
//! again with what it has read of itself, until nothing is left of that.

use std::collections::BTreeMap;

use super::linear::Part;
use super::sweep::{Sweep, add};
use crate::solve::problem::Problem;
use crate::solve::{ErrorKind, Formula, Origin, Taken};
use crate::system::{Matrix, System};

/// Rounds through a step that reads itself; the run itself took steps that settle by a fifth each time or more.
const MOST: usize = 200;
/// What may be left of them.
const LEFT: f64 = 1e-17;

/// Derivatives of steps of BDF that read themselves, with their lengths as given, grow from step to step without bound.
///
/// # Errors
/// For those.
pub fn no_long_bdf(taken: &Taken) -> Result<(), ErrorKind> {
    match taken.formula {
        Formula::Bdf(_) => Err(ErrorKind::Options(format!(
            "steps of BDF that are longer than a delay, as at t = {}, have no derivatives; give a `max_step`, or try RadauIIA5",
            taken.t
        ))),
        _ => Ok(()),
    }
}

/// An adjoint of a state at a time inside a step.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    time: f64,
    state: usize,
    weight: f64,
}

/// Adjoints of what was read at other times.
pub struct Reads {
    by_slopes: Part,
    by_outputs: Option<Part>,
    by_past: Part,
    /// The step under way, and the adjoints that wait, by step.
    step: usize,
    waiting: BTreeMap<usize, Vec<Seed>>,
    /// What the step has read of itself.
    own: Vec<Seed>,
    /// Of the state where the solution stood, and at the start.
    here: Vec<f64>,
    pub start: Vec<f64>,
    weights: Vec<f64>,
    before: Vec<f64>,
}

impl Reads {
    /// For a system; none if it reads nothing.
    ///
    /// # Errors
    /// If it has no derivatives.
    pub fn new(system: &dyn System) -> Result<Option<Self>, ErrorKind> {
        let Some(table) = system.delays() else { return Ok(None) };
        let (n, count) = (system.shape().dim(), 2 * table.values.len());
        let outputs = !system.shape().outputs.is_empty();
        Ok(Some(Reads {
            by_slopes: Part::new(system, Matrix::Delays)?,
            by_outputs: outputs.then(|| Part::new(system, Matrix::OutputDelays)).transpose()?,
            by_past: Part::new(system, Matrix::Past)?,
            step: 0,
            waiting: BTreeMap::new(),
            own: Vec::new(),
            here: vec![0.0; n],
            start: vec![0.0; n],
            weights: vec![0.0; count],
            before: vec![0.0; count],
        }))
    }

    /// What f at (t, y) read there, by the adjoint of its value.
    pub fn of_slope(&mut self, problem: &Problem, t: f64, y: &[f64], mu: &[f64], gradient: &mut [f64]) {
        self.by_slopes.evaluate(problem.inside(t), y, problem.parameters(), &[]);
        self.weights.fill(0.0);
        self.by_slopes.add_transposed(mu, 1.0, &mut self.weights);
        self.spread(problem, (t, y), gradient);
    }

    /// What the recorded quantities at (t, y) read there; adds to `own`, the adjoint of the state.
    pub fn of_outputs(
        &mut self,
        problem: &Problem,
        (t, y): (f64, &[f64]),
        mu: &[f64],
        own: &mut [f64],
        gradient: &mut [f64],
    ) {
        let Some(by_outputs) = &mut self.by_outputs else { return };
        by_outputs.evaluate(t, y, problem.parameters(), &[]);
        self.weights.fill(0.0);
        by_outputs.add_transposed(mu, 1.0, &mut self.weights);
        self.spread(problem, (t, y), gradient);
        self.take_here(own);
        // A point inside the step, or at its end, is no part of it.
        self.waiting.entry(self.step).or_default().append(&mut self.own);
    }

    /// Puts the adjoints of values read to where these came from.
    fn spread(&mut self, problem: &Problem, (t, y): (f64, &[f64]), gradient: &mut [f64]) {
        let Some(past) = &problem.past else { return };
        self.before.fill(0.0);
        let mut before = false;
        for (k, weight) in self.weights.iter().copied().enumerate().filter(|(_, weight)| *weight != 0.0) {
            match past.origin(k) {
                Origin::Past => {
                    self.before[k] = weight;
                    before = true;
                }
                Origin::Start(state) => self.start[state] += weight,
                Origin::Here(state) => self.here[state] += weight,
                Origin::Step { number, time, state } => {
                    let seed = Seed { time, state, weight };
                    if number == self.step { &mut self.own } else { self.waiting.entry(number).or_default() }
                        .push(seed);
                }
                Origin::Nowhere => {}
            }
        }
        if before {
            self.by_past.evaluate(t, y, problem.parameters(), past.delayed_times());
            self.by_past.add_transposed(&self.before, 1.0, gradient);
        }
    }

    fn take_here(&mut self, lambda: &mut [f64]) {
        add(lambda, 1.0, &self.here);
        self.here.fill(0.0);
    }
}

impl Sweep {
    /// Stands as the run did during a step: at its start (t, y), or behind it.
    pub(super) fn stand(&mut self, problem: &mut Problem, step: usize, start: Option<(f64, &[f64])>) {
        if let (Some(reads), Some(past)) = (&mut self.reads, &mut problem.past) {
            reads.step = step;
            past.stand(step, start);
        }
    }

    /// Stands where the run began.
    pub(super) fn stand_at_start(&mut self, problem: &mut Problem) {
        if let (Some(reads), Some(past)) = (&mut self.reads, &mut problem.past) {
            reads.step = 0;
            past.stand_at_start();
        }
    }

    /// Takes up what later steps have read of this one.
    pub(super) fn take_waiting(&mut self, problem: &mut Problem, taken: &Taken) -> Result<(), ErrorKind> {
        let waiting = self.reads.as_mut().and_then(|reads| reads.waiting.remove(&reads.step));
        match waiting {
            Some(seeds) => self.take_seeds(problem, taken, &seeds),
            None => Ok(()),
        }
    }

    fn take_seeds(&mut self, problem: &mut Problem, taken: &Taken, seeds: &[Seed]) -> Result<(), ErrorKind> {
        self.values_to(problem, self.program.ops.len())?;
        for Seed { time, state, weight } in seeds {
            self.program.inside(taken, *time, &mut self.terms);
            for (slot, c) in &self.terms {
                self.adjoints[slot * self.n + state] += c * weight;
            }
        }
        Ok(())
    }

    /// Goes up the list again with what the step has read of itself, until nothing is left of that.
    pub(super) fn settle(&mut self, problem: &mut Problem, taken: &Taken) -> Result<(), ErrorKind> {
        let mut first = None;
        for _ in 0..MOST {
            let Some(reads) = &mut self.reads else { return Ok(()) };
            reads.take_here(&mut self.lambda[..self.n]);
            let own = std::mem::take(&mut reads.own);
            let size = own.iter().fold(0.0f64, |most, seed| most.max(seed.weight.abs()));
            if size > 0.0 {
                no_long_bdf(taken)?;
            }
            if size <= LEFT * *first.get_or_insert(size) {
                return Ok(());
            }
            self.adjoints.fill(0.0);
            self.take_seeds(problem, taken, &own)?;
            self.up(problem)?;
            add(&mut self.lambda, 1.0, &self.adjoints);
        }
        Err(ErrorKind::Options(format!(
            "the way back through the step at t = {} does not settle, as it reads itself; take steps no longer than the delays \
             with `max_step`",
            taken.t
        )))
    }
}
