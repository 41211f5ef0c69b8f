//! The memory of a run that is over, for the next one of the same system: runs made again and again allocate nothing.

use std::sync::Arc;

use super::{Active, Run};
use crate::solve::consistent::{Algebraic, Projection};
use crate::solve::events::Happenings;
use crate::solve::options::validate;
use crate::solve::points::{Points, Rows};
use crate::solve::problem::{Problem, Room};
use crate::solve::stepper::zeros;
use crate::solve::taken::Aside;
use crate::solve::{Cause, Dense, ErrorKind, Failure, Method, Options, Recorder, Solution};
use crate::system::System;

/// What a run has made and another one can take up. Whatever was run before, the next run is, bit for bit, one in new memory.
#[derive(Default)]
pub struct Memory {
    /// The method in progress, and what was asked for when it was made: of runs whose steps are told to nobody, and of others.
    active: [Option<(Method, f64, Active)>; 2],
    told: bool,
    pub room: Room,
    pub rows: Rows,
    pub projection: Option<Projection>,
    pub algebraic: Option<Algebraic>,
    pub events: Option<Happenings<'static>>,
    pub causes: Vec<Cause>,
    pub points: Vec<f64>,
    pub point: Vec<f64>,
    pub y: Vec<f64>,
    pub breaks: Vec<f64>,
    /// There will be another run, and nobody reads words on this one.
    pub is_kept: bool,
}

impl Memory {
    /// The method of the options, at rest: that of the run before, where it can forget that run.
    ///
    /// # Errors
    /// If it cannot solve the system.
    pub fn active(&mut self, options: &Options, problem: &mut Problem) -> Result<Active, ErrorKind> {
        let asked = (options.method, options.rtol);
        self.told = problem.told;
        let known = self.active[usize::from(self.told)].take().filter(|(method, rtol, _)| (*method, *rtol) == asked);
        match known.map(|(.., active)| active).and_then(|mut active| active.stepper().renew().then_some(active)) {
            Some(active) => Ok(active),
            None => Active::new(options.method, problem),
        }
    }

    /// Keeps the method of a run that is over.
    pub fn keep(&mut self, options: &Options, active: Active) {
        self.active[usize::from(self.told)] = Some((options.method, options.rtol, active));
    }

    /// The run that [`crate::solve::integrate_told`] makes, in double precision; `solution` becomes its solution.
    ///
    /// # Errors
    /// As there.
    pub fn run(
        &mut self,
        system: &dyn System,
        (y0, p): (&[f64], &[f64]),
        options: &Options,
        recorder: Option<&mut dyn Recorder>,
        solution: &mut Solution,
    ) -> Result<(), Failure> {
        self.is_kept = true;
        let mut run = Run::within(system, p, options, recorder, std::mem::take(self));
        match validate(system, y0, p, options).map_err(ErrorKind::Options).and_then(|()| run.all(y0)) {
            Ok(y) => {
                let stopped = run.stopped && !run.halted;
                *self = run.memory;
                (self.y, self.points, self.point, self.rows) = (y, run.points, run.point, run.kept.into_rows());
                (self.projection, self.algebraic) = (run.projection, run.algebraic);
                self.events = run.events.map(Happenings::into_memory);
                let (statistics, room) = run.problem.into_room();
                self.room = room;
                if solution.shape.dim() == 0 {
                    solution.shape = Arc::new(system.shape().clone());
                }
                solution.become_of(&self.rows, statistics, stopped);
                Ok(())
            }
            Err(kind) => Err(run.failed(kind)),
        }
    }

    /// Whether the last run was by these methods alone.
    pub fn used_only(&self, good: impl Fn(Method) -> bool) -> bool {
        match &self.active[usize::from(self.told)] {
            Some((.., Active::Auto(auto))) => auto.used().iter().all(|name| Method::find(name).is_some_and(&good)),
            Some((method, ..)) => good(*method),
            None => false,
        }
    }
}

impl<'a, 'r> Run<'a, 'r> {
    /// The same in the memory of a run of the same system that is over.
    pub(super) fn within(
        system: &'a dyn System,
        p: &[f64],
        options: &'a Options<'a>,
        recorder: Option<&'r mut dyn Recorder>,
        mut memory: Memory,
    ) -> Self {
        let shape = system.shape();
        let n = shape.dim();
        let mut problem = Problem::within(system, p, options, std::mem::take(&mut memory.room));
        problem.told = recorder.is_some();
        let mut point = std::mem::take(&mut memory.point);
        if point.len() != n {
            point = zeros(n);
        }
        Run {
            projection: memory.projection.take().or_else(|| Projection::new(&problem)),
            algebraic: None,
            problem,
            recorder: recorder.map(Aside),
            points: std::mem::take(&mut memory.points),
            options,
            kept: Points::within(options, shape, std::mem::take(&mut memory.rows)),
            point,
            time: options.t0,
            step: 0.0,
            seldom: 256 / (1 + n as u64 / 40).min(256),
            events: None,
            stopped: false,
            settled: None,
            rests: false,
            start: Vec::new(),
            dense: options.dense.then(|| Dense::new(n)),
            halted: false,
            memory,
        }
    }
}
