//! What the calls of an objective keep for each other. A call takes the memory of one that is over, where there is one, and
//! allocates nothing then; several may go on at once.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::SolveError;
use super::asked::Sums;
use super::bind::Desk;
use super::derivatives::Ends;
use super::objective::{Objective, derivatives};
use super::objective_error::ObjectiveError;
use super::problem::{Given, Problem, Start};
use super::way::Way;
use crate::sensitivity::{Again, Forward, Sweep, Tape};
use crate::solve::{ErrorKind, Options, Repeated, Save};

/// Memory of calls that are over: as much as calls have ever been under way at once.
pub struct Rooms<T>(Mutex<Vec<Box<T>>>);

impl<T> Default for Rooms<T> {
    fn default() -> Self {
        Rooms(Mutex::default())
    }
}

impl<T: Default> Rooms<T> {
    /// Makes a call in such memory.
    pub fn within<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        // A thread that panicked has only taken a room out.
        let rooms = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rooms().pop();
        let mut room = known.unwrap_or_default();
        let outcome = call(&mut room);
        rooms().push(room);
        outcome
    }
}

/// What calls have in common until something is set.
#[derive(Default)]
pub(super) struct Common {
    /// What small smooth models are run with; none where they cannot be.
    pub ready: OnceLock<Option<(Vec<f64>, Options<'static>)>>,
    /// The points to keep.
    save: OnceLock<Save>,
    /// The way that costs less, where it does not depend on values.
    way: OnceLock<Way>,
    rooms: Rooms<Room>,
}

/// Memory of a call.
#[derive(Default)]
struct Room {
    settings: Option<(Given, Save)>,
    desk: Desk,
    start: Start,
    run: Repeated,
    ends: Ends,
    sums: Sums,
    /// Of ways back: what is recorded, and the sweep.
    tape: Option<Tape>,
    sweep: Option<Sweep>,
    /// Of ways forward, what changes at the start, and by what.
    forward: Option<Forward>,
    s: Vec<f64>,
    q: Vec<f64>,
}

impl Objective {
    /// The value of a run at `at`.
    pub(super) fn run_for_value(&self, at: &[f64]) -> Result<f64, ObjectiveError> {
        self.in_room(at, |problem, room| {
            problem.start_within(&mut room.desk, &mut room.start).map_err(ObjectiveError::Solve)?;
            let solution = problem.run_within(&mut room.run, &room.start, None).map_err(ObjectiveError::Solve)?;
            problem.no_jump(Some(solution)).map_err(ObjectiveError::Solve)?;
            self.of(problem.compiled(), solution, &room.start, &mut room.sums)
        })
    }

    /// The same with its derivatives.
    pub(super) fn run_for_gradient(&self, at: &[f64], gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        self.in_room(at, |problem, room| match self.way_of(problem) {
            Way::Forward => self.forward(problem, room, gradient),
            Way::Adjoint => self.back(problem, room, gradient),
            Way::Continuous => {
                let recorded = problem.record_continuously().map_err(derivatives)?;
                let (value, all) = self.pulled(&recorded, false)?;
                self.take(&all.parameters, &all.initial, gradient);
                Ok(value)
            }
        })
    }

    /// Forward or back.
    fn way_of(&self, problem: &Problem) -> Way {
        match self.asked_way() {
            Some(way) => way,
            // Whether there is a way back depends on values there.
            None if problem.compiled().system().delays().is_some() => self.cheaper(problem),
            None => *self.common.way.get_or_init(|| self.cheaper(problem)),
        }
    }

    /// With the derivatives of the state carried along.
    fn forward(&self, problem: &Problem, room: &mut Room, gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        let compiled = problem.compiled();
        if compiled.system().delays().is_some() {
            // Sensitivities may have to be states of a larger model.
            let names: Vec<&str> = self.by().iter().map(String::as_str).collect();
            let tangents = problem.tangents(&names).map_err(derivatives)?;
            let start = problem.start().map_err(ObjectiveError::Solve)?;
            let values = (tangents.solution(), tangents.values());
            return self.along(compiled, values, &tangents.changes, &start, &mut room.sums, gradient);
        }
        let Room { desk, start, run, ends, sums, forward, s, q, .. } = room;
        problem.differentiable().map_err(derivatives)?;
        problem.start_within(desk, start).map_err(ObjectiveError::Solve)?;
        problem.directions_within(ends, start, self.wanted(), s, q).map_err(derivatives)?;
        let forward = match forward {
            Some(forward) => {
                forward.begin_anew(s, q);
                forward
            }
            None => {
                let new = Forward::new(compiled.system(), gradient.len(), s.clone(), q.clone());
                forward.insert(new.map_err(|kind| derivatives(kind.into()))?)
            }
        };
        let solution = problem.run_within(run, start, Some(forward)).map_err(ObjectiveError::Solve)?;
        self.along(compiled, (solution, forward.kept()), q, start, sums, gradient)
    }

    /// By a sweep back through the steps of a run.
    fn back(&self, problem: &Problem, room: &mut Room, gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        problem.reversible().map_err(derivatives)?;
        let (compiled, options) = (problem.compiled(), problem.options());
        let system = compiled.system();
        let Room { desk, start, run, ends, sums, tape, sweep, .. } = room;
        problem.start_within(desk, start).map_err(ObjectiveError::Solve)?;
        let tape = tape.get_or_insert_with(|| Tape::new(system, options.max_tape));
        tape.clear();
        let solution = problem.run_within(run, start, Some(tape)).map_err(ObjectiveError::Solve)?;
        let value = self.weigh(compiled, 1, solution, start, sums)?;
        let sweep = match sweep {
            Some(sweep) => sweep,
            None => sweep.insert(Sweep::new(system).map_err(|kind| derivatives(kind.into()))?),
        };
        let mut repeat = |again: &mut Again| problem.repeat(start, again);
        tape.pull_by(sweep, system, options, &sums.weights, &mut |_, _| {}, &mut repeat)
            .map_err(|kind| derivatives(kind.into()))?;
        let direct = &mut sums.direct;
        direct.iter_mut().zip(&sweep.gradient).for_each(|(direct, sum)| *direct += sum);
        problem.through_start(ends, start, &sweep.lambda, direct).map_err(derivatives)?;
        self.take(direct, &sweep.lambda, gradient);
        Ok(value)
    }

    /// Makes a call in the memory of one that is over.
    fn in_room<R>(
        &self,
        at: &[f64],
        call: impl FnOnce(&Problem, &mut Room) -> Result<R, ObjectiveError>,
    ) -> Result<R, ObjectiveError> {
        let save = match self.common.save.get() {
            Some(save) => save,
            None => {
                let save = self.save()?;
                self.common.save.get_or_init(|| save)
            }
        };
        self.common.rooms.within(|room| {
            let mut problem = self.bare();
            problem.settle(room.settings.take().unwrap_or_else(|| (self.given(), save.clone())));
            self.by_place().iter().zip(at).for_each(|(place, x)| problem.put(*place, *x));
            let outcome = call(&problem, room);
            room.settings = Some(problem.into_settings());
            outcome
        })
    }
}

impl Problem<'_> {
    /// The same run once more, for steps that were dropped.
    pub(super) fn repeat(&self, start: &Start, again: &mut Again) -> Result<(), ErrorKind> {
        match self.unwatched().run_told(start.clone(), Some(again)) {
            // What was sought is found.
            Err(SolveError::Failed(_)) if again.is_done() => Ok(()),
            Err(SolveError::Failed(failure)) => Err(failure.kind),
            _ => Err(ErrorKind::Options("the run cannot be repeated".to_string())),
        }
    }
}
