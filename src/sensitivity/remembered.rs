//! Forward through what was read at other times: every step's S is remembered, in the slots that its interpolant is made of, as
//! long as a delay may reach it. What moves the time read at is in ∂f/∂p and J already, by the rate there.

use std::collections::VecDeque;

use super::echoes::Echoes;
use super::linear::{Changes, Part};
use super::program::{Program, Terms};
use crate::solve::problem::Problem;
use crate::solve::{ErrorKind, Origin, Taken};
use crate::system::{Matrix, System};

/// How far before a step the next may read for a time without delay, in steps: one grows eightfold at most, and RDPK3Sp49 has a
/// node at −0.68.
const FARTHEST: f64 = 8.0;

/// S of a step's slots.
struct Known {
    taken: Taken,
    program: Program,
    tangents: Vec<f64>,
}

/// A step, its list, and S of its slots as far as that is known.
pub type UnderWay<'s> = (&'s Taken, &'s Program, &'s [f64]);

/// S of what was read at other times, for k directions.
pub struct Remembered {
    k: usize,
    by_slopes: Part,
    by_outputs: Option<Part>,
    by_past: Part,
    pub echoes: Echoes,
    /// S at the start.
    pub start: Vec<f64>,
    /// How many steps were forgotten.
    forgotten: usize,
    steps: VecDeque<Known>,
    numbers: usize,
    /// S of the values, k numbers each; of the past; of a state inside a step.
    values: Vec<f64>,
    /// Whether the step under way has read itself, as it was a round before.
    pub reads_itself: bool,
    /// A step was read that has been forgotten.
    lost: bool,
    /// What a point inside a step is made of.
    terms: Terms,
}

impl Remembered {
    /// For a system; none if it reads nothing.
    ///
    /// # Errors
    /// If it has no derivatives.
    pub fn new(system: &dyn System, k: usize) -> Result<Option<Self>, ErrorKind> {
        let Some(table) = system.delays() else { return Ok(None) };
        let outputs = !system.shape().outputs.is_empty();
        Ok(Some(Remembered {
            k,
            by_slopes: Part::new(system, Matrix::Delays)?,
            by_outputs: outputs.then(|| Part::new(system, Matrix::OutputDelays)).transpose()?,
            by_past: Part::new(system, Matrix::Past)?,
            echoes: Echoes::default(),
            start: Vec::new(),
            forgotten: 0,
            steps: VecDeque::new(),
            numbers: 0,
            values: vec![0.0; 2 * table.values.len() * k],
            reads_itself: false,
            lost: false,
            terms: Terms::new(),
        }))
    }

    /// Adds to `out` what f at (t, y) changes by through what it read there, times a factor; `under_way` is the step that reads.
    pub fn add_to_slope(
        &mut self,
        problem: &Problem,
        (t, y): (f64, &[f64]),
        q: &Changes,
        factor: f64,
        under_way: (&[f64], Option<UnderWay>),
        out: &mut [f64],
    ) {
        self.by_slopes.evaluate(problem.inside(t), y, problem.parameters(), &[]);
        self.read(problem, (t, y), q, under_way);
        self.by_slopes.add_product(&self.values, self.k, factor, out);
    }

    /// The same of recorded quantities; S of the state there is `here`.
    pub fn add_to_outputs(
        &mut self,
        problem: &Problem,
        (t, y): (f64, &[f64]),
        q: &Changes,
        here: &[f64],
        out: &mut [f64],
    ) {
        self.read(problem, (t, y), q, (here, None));
        if let Some(by_outputs) = &mut self.by_outputs {
            by_outputs.evaluate(t, y, problem.parameters(), &[]);
            by_outputs.add_product(&self.values, self.k, 1.0, out);
        }
    }

    /// S of all that was read last.
    fn read(&mut self, problem: &Problem, (t, y): (f64, &[f64]), q: &Changes, (here, own): (&[f64], Option<UnderWay>)) {
        let Some(past) = &problem.past else { return };
        let k = self.k;
        self.values.fill(0.0);
        let count = self.values.len() / (2 * k.max(1));
        let mut before = false;
        for value in 0..count {
            let out = &mut self.values[value * k..(value + 1) * k];
            let at = |state: usize| state * k..(state + 1) * k;
            match past.origin(value) {
                Origin::Past => before = true,
                Origin::Start(state) => out.copy_from_slice(&self.start[at(state)]),
                Origin::Here(state) => out.copy_from_slice(&here[at(state)]),
                Origin::Step { number, time, state } => {
                    let known = number.checked_sub(self.forgotten).map(|place| (self.steps.get(place), own));
                    let (taken, program, tangents) = match known {
                        Some((Some(known), _)) => (&known.taken, &known.program, &known.tangents[..]),
                        Some((None, Some(own))) => {
                            self.reads_itself = true;
                            own
                        }
                        _ => {
                            self.lost = true;
                            continue;
                        }
                    };
                    let size = here.len();
                    program.inside(taken, time, &mut self.terms);
                    for (slot, c) in &self.terms {
                        let from = &tangents[slot * size..][at(state)];
                        out.iter_mut().zip(from).for_each(|(out, s)| *out += c * s);
                    }
                }
                Origin::Nowhere => {}
            }
        }
        if before {
            self.by_past.evaluate(t, y, problem.parameters(), past.delayed_times());
            let mut all = vec![0.0; self.values.len()];
            self.by_past.add_changes(q, 1.0, &mut all);
            for value in (0..count).filter(|value| past.origin(*value) == Origin::Past) {
                self.values[value * k..(value + 1) * k].copy_from_slice(&all[value * k..(value + 1) * k]);
            }
        }
    }

    /// The step is over: S of its slots is kept.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`]
    pub fn keep(
        &mut self,
        problem: &Problem,
        taken: &Taken,
        program: &Program,
        tangents: &[f64],
    ) -> Result<(), ErrorKind> {
        if std::mem::take(&mut self.lost) {
            return Err(ErrorKind::Options(
                "a step was read whose sensitivities are not remembered any more".to_string(),
            ));
        }
        // Outputs are asked for within this step too, and stages of the next one may lie before it.
        let oldest = problem.past.as_ref().and_then(|past| past.oldest(taken.t - FARTHEST * taken.h));
        while self.steps.front().zip(oldest).is_some_and(|(step, oldest)| step.taken.t + step.taken.h < oldest) {
            let tangents = self.steps.pop_front().map_or(0, |step| step.tangents.len());
            (self.forgotten, self.numbers) = (self.forgotten + 1, self.numbers - tangents);
        }
        self.numbers += tangents.len();
        self.steps.push_back(Known {
            taken: taken.clone(),
            program: program.without_instructions(),
            tangents: tangents.to_vec(),
        });
        match (8 * self.numbers as u64, problem.max_memory()) {
            (bytes, most) if bytes > most => Err(ErrorKind::Memory(bytes, most)),
            _ => Ok(()),
        }
    }
}
