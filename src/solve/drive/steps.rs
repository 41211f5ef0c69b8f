//! A run that its host pulls: one accepted step at a time, with the solution within it.

use super::{Going, Run};
use crate::solve::options::validate;
use crate::solve::{Dense, ErrorKind, Failure, Options, Precision, Solution, Statistics};
use crate::system::System;

/// The steps of a run that is made while they are asked for. Dropped, the run ends where it stands; after an error or the end
/// there are no more.
pub struct Steps<'a> {
    state: State<'a>,
}

enum State<'a> {
    /// Under way; the first step has not been asked for where the second is missing.
    Going(Box<Run<'a, 'static>>, Option<Going>, Vec<f64>),
    Over(Box<Solution>),
}

/// A step just accepted; an event within it ends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    dense: Dense,
    end: Vec<f64>,
}

impl Step {
    /// Where it began.
    pub fn from(&self) -> f64 {
        self.dense.span().map_or(f64::NAN, |span| span.0)
    }

    /// Where it ended.
    pub fn to(&self) -> f64 {
        self.dense.span().map_or(f64::NAN, |span| span.1)
    }

    /// The state where it ended, before an event there has set anything.
    pub fn end(&self) -> &[f64] {
        &self.end
    }

    /// The state at a time within the step, from the method's dense output.
    pub fn state(&self, t: f64, out: &mut [f64]) {
        self.dense.state(t, out);
    }
}

/// The run that [`super::integrate`] makes, to be made step by step.
///
/// # Errors
/// [`Failure`] if the options make no sense.
pub fn steps<'a>(
    system: &'a dyn System,
    y0: &[f64],
    p: &[f64],
    options: &'a Options<'a>,
) -> Result<Steps<'a>, Failure> {
    let run = Run::new(system, p, options, None);
    let double = match options.precision {
        Precision::Double => Ok(()),
        Precision::Single => {
            Err("in single precision a run is not made step by step; use double precision".to_string())
        }
    };
    match double.and_then(|()| validate(system, y0, p, options)) {
        Ok(()) => Ok(Steps { state: State::Going(Box::new(run), None, y0.to_vec()) }),
        Err(sentence) => Err(run.failed(ErrorKind::Options(sentence))),
    }
}

impl Steps<'_> {
    /// Counts so far.
    pub fn statistics(&self) -> &Statistics {
        match &self.state {
            State::Going(run, ..) => &run.problem.statistics,
            State::Over(solution) => &solution.statistics,
        }
    }

    /// The solution up to where the run stands, at the points it was asked to keep.
    pub fn into_solution(self) -> Solution {
        match self.state {
            State::Going(run, ..) => run.finished(),
            State::Over(solution) => *solution,
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let State::Going(run, going, y0) = &mut self.state else { return None };
        let outcome = run.next_step(going, y0);
        let error = match outcome {
            Ok(Some(step)) => return Some(Ok(step)),
            Ok(None) => None,
            Err(kind) => Some(kind),
        };
        let (time, step) = (run.time, run.step);
        let State::Going(run, ..) = std::mem::replace(&mut self.state, State::Over(Box::default())) else {
            return None;
        };
        let solution = run.finished();
        let failure = error.map(|kind| Failure { kind, time, step, partial: Box::new(solution.clone()) });
        self.state = State::Over(Box::new(solution));
        failure.map(Err)
    }
}

impl Run<'_, '_> {
    fn next_step(&mut self, going: &mut Option<Going>, y0: &[f64]) -> Result<Option<Step>, ErrorKind> {
        let n = self.point.len();
        if self.dense.is_none() {
            self.dense = Some(Dense::new(n));
        }
        let going = match going {
            Some(going) => going,
            None => going.insert(self.set_out(y0)?),
        };
        loop {
            let before = self.dense.as_ref().map_or(0, Dense::len);
            let more = self.go_on(going)?;
            if let Some(dense) = self.dense.as_ref().filter(|dense| dense.len() > before) {
                let dense = dense.last();
                if !self.options.dense {
                    self.dense = Some(Dense::new(n));
                }
                let mut end = vec![0.0; n];
                dense.state(dense.span().map_or(f64::NAN, |span| span.1), &mut end);
                return Ok(Some(Step { dense, end }));
            }
            if !more {
                return Ok(None);
            }
        }
    }

    /// The solution, without what was kept for single steps only.
    fn finished(mut self: Box<Self>) -> Solution {
        self.dense = self.dense.take().filter(|_| self.options.dense);
        self.into_solution()
    }
}
