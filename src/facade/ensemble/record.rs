//! What is kept of a trajectory, as plain numbers: its end, points, extremes or events.

use std::ops::ControlFlow;

use super::pool::AHEAD;
use super::{Ensemble, EnsembleError};
use crate::diag::closest;
use crate::facade::bind::UnknownName;
use crate::facade::problem::{Problem, SolveError};
use crate::solve::{Save, Solution, Statistics};

/// Bytes of records that may wait for an earlier one.
const MOST_WAITING: usize = 64 << 20;

/// What is kept of each trajectory.
#[derive(Clone, Debug, PartialEq)]
pub enum Keep {
    /// One row: the values at its end, or where an event ended it.
    Final,
    /// A row for each of these times, NaN where it did not get there.
    At(Vec<f64>),
    /// Two rows: the smallest and the largest values at the points of the solve block, or at all steps.
    Extremes,
    /// The events that were executed.
    Events,
}

/// A trajectory that has ended, well or early.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Why it did not reach its end.
    pub failure: Option<String>,
    /// The time of each row; the time reached for extremes.
    pub times: Vec<f64>,
    /// Row-major: the chosen states and outputs at each time.
    pub values: Vec<f64>,
    /// When which events were executed; only of [`Keep::Events`].
    pub events: Vec<(f64, String)>,
    /// Accepted steps.
    pub steps: u64,
    /// Repeated steps.
    pub rejected: u64,
    /// Evaluations of f.
    pub rhs: u64,
}

/// Which columns of a solution are kept: states, then outputs, by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns(Vec<(bool, usize)>);

impl Columns {
    fn all(problem: &Problem) -> Columns {
        let shape = problem.compiled().system().shape();
        let places = |state: bool, n: usize| (0..n).map(move |k| (state, k));
        Columns(places(true, shape.dim()).chain(places(false, shape.outputs.len())).collect())
    }

    fn named(problem: &Problem, names: &[&str]) -> Result<Columns, UnknownName> {
        let shape = problem.compiled().system().shape();
        let mut places = Vec::new();
        for name in names {
            let kinds = [(true, &shape.states), (false, &shape.outputs)];
            let found = kinds.iter().find_map(|(state, known)| {
                known.range(name).map(|range| range.map(|k| (*state, k)).collect::<Vec<_>>())
            });
            let known = kinds.iter().flat_map(|(_, known)| known.blocks()).map(|block| block.name.as_str());
            let unknown =
                || UnknownName { name: (*name).to_string(), suggestion: closest(name, known).map(str::to_string) };
            places.extend(found.ok_or_else(unknown)?);
        }
        Ok(Columns(places))
    }

    fn names(&self, problem: &Problem) -> Vec<String> {
        let shape = problem.compiled().system().shape();
        let name = |(state, k): &(bool, usize)| if *state { shape.states.get(*k) } else { shape.outputs.get(*k) };
        self.0.iter().map(name).collect()
    }

    /// The values of a column.
    fn column<'s>(&self, solution: &'s Solution, k: usize) -> &'s [f64] {
        let (state, place) = self.0[k];
        if state { solution.state(place) } else { solution.output(place) }
    }
}

impl Ensemble<'_> {
    /// Runs all trajectories; `sink` receives what is kept of each in order, as by [`Self::each`], of all states and outputs.
    /// Gives how many it received.
    ///
    /// # Errors
    /// [`EnsembleError`] where nothing can be run.
    pub fn records(
        &self,
        keep: &Keep,
        sink: impl FnMut(usize, Record) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        self.records_in(keep, &Columns::all(&self.problem), sink)
    }

    /// The same of some states and outputs only, in the order asked for: `A`, `u[3]`, `u` for all of an array.
    ///
    /// # Errors
    /// [`EnsembleError`] where nothing can be run, or a name is unknown.
    pub fn records_of(
        &self,
        columns: &[&str],
        keep: &Keep,
        sink: impl FnMut(usize, Record) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        self.records_in(keep, &self.columns(columns)?, sink)
    }

    /// The names of the values in each row of a record of these columns.
    ///
    /// # Errors
    /// [`EnsembleError`] where a name is unknown.
    pub fn column_names(&self, columns: &[&str]) -> Result<Vec<String>, EnsembleError> {
        Ok(self.columns(columns)?.names(&self.problem))
    }

    fn columns(&self, names: &[&str]) -> Result<Columns, EnsembleError> {
        if names.is_empty() {
            return Ok(Columns::all(&self.problem));
        }
        Columns::named(&self.problem, names).map_err(EnsembleError::Column)
    }

    pub(super) fn records_in(
        &self,
        keep: &Keep,
        columns: &Columns,
        sink: impl FnMut(usize, Record) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        let problem = self.problem.clone();
        let end = problem.options().t1;
        let problem = match keep {
            Keep::Final if end.is_finite() => problem.save(Save::At(vec![end])),
            Keep::Final => problem.save(Save::Steps),
            Keep::At(times) => problem.save(Save::At(times.clone())),
            Keep::Events => problem.save(Save::At(Vec::new())),
            Keep::Extremes => problem,
        };
        let rows = if let Keep::At(times) = keep { times.len() } else { 2 };
        let bytes = 8 * rows * (columns.0.len() + 1);
        self.each_of(&problem, (MOST_WAITING / bytes).clamp(16, AHEAD), |_, result| record(keep, columns, result), sink)
    }
}

/// What is kept of a result.
fn record(keep: &Keep, columns: &Columns, result: Result<Solution, SolveError>) -> Record {
    let (solution, failure, reached) = match result {
        Ok(solution) => (Some(solution), None, f64::NAN),
        Err(SolveError::Failed(failure)) => {
            let (sentence, time) = (failure.to_string(), failure.time);
            (Some(*failure.partial), Some(sentence), time)
        }
        Err(error) => (None, Some(error.to_string()), f64::NAN),
    };
    let width = columns.0.len();
    let Statistics { steps, rejected, rhs, .. } =
        solution.as_ref().map_or_else(Statistics::default, |solution| solution.statistics.clone());
    let mut record =
        Record { failure, times: Vec::new(), values: Vec::new(), events: Vec::new(), steps, rejected, rhs };
    let rows = solution.as_ref().map_or(&[][..], Solution::times);
    let value = |k: usize, row: usize| solution.as_ref().map_or(f64::NAN, |s| columns.column(s, k)[row]);
    match keep {
        Keep::Final => {
            let last = rows.len().checked_sub(1);
            record.times.push(last.map_or(reached, |row| rows[row]));
            record.values.extend((0..width).map(|k| last.map_or(f64::NAN, |row| value(k, row))));
        }
        Keep::At(times) => {
            record.times.extend(times);
            for (row, time) in times.iter().enumerate() {
                // A run that an event ended has a point more, at another time.
                let there = rows.get(row) == Some(time);
                record.values.extend((0..width).map(|k| if there { value(k, row) } else { f64::NAN }));
            }
        }
        Keep::Extremes => {
            record.times = vec![rows.last().copied().unwrap_or(reached); 2];
            let all = |k: usize| (0..rows.len()).map(move |row| value(k, row));
            record.values.extend((0..width).map(|k| all(k).fold(f64::NAN, f64::min)));
            record.values.extend((0..width).map(|k| all(k).fold(f64::NAN, f64::max)));
        }
        Keep::Events => {
            let events = solution.iter().flat_map(Solution::events);
            record.events = events.map(|(time, name)| (time, name.to_string())).collect();
        }
    }
    record
}
