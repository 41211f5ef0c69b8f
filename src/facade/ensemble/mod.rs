//! Many runs of one model: parameters and first values of each in columns, everything else shared.
//!
//! Trajectories are run on several threads, each as if it were alone: its numbers depend neither on its neighbours nor on the
//! number of threads. What is kept of it is made on the thread that ran it, and received on the calling thread in the order of
//! the trajectories; what waits for its turn is bounded ([`pool`]), so that millions of them need no more memory than what the
//! receiver keeps. One that fails is told as failed; the others do not notice.

mod gradients;
mod many;
mod pool;
mod quantiles;
mod record;
mod sketch;
mod starts;

pub use gradients::Valued;
pub use quantiles::Quantiles;
pub use record::{Keep, Record};
pub use sketch::Sketch;
pub use starts::Place;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::bind::UnknownName;
use super::problem::{Problem, SolveError};
use super::{Compiled, ObjectiveError};
use crate::solve::{ErrorKind, Failure, Solution};
use pool::{AHEAD, Desk, in_order};
use starts::Starts;

/// Why an ensemble cannot be run.
#[derive(Clone, Debug)]
pub enum EnsembleError {
    /// No parameter or state has the name of a column.
    Name(UnknownName),
    /// No state or output has the name.
    Column(UnknownName),
    /// A column has another length than the first.
    Length {
        /// The column.
        name: String,
        /// Its length.
        found: usize,
        /// The length of the first column.
        expected: usize,
    },
    /// The same name stands above two columns.
    Twice(String),
    /// There are no columns.
    Empty,
    /// [`THREADS`] is set to what is no number of threads.
    Threads(String),
    /// A parameter has no value.
    Start(SolveError),
    /// The objective is a function of something that has no column.
    Objective(ObjectiveError),
}

impl fmt::Display for EnsembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnsembleError::Name(unknown) => unknown.fmt(f),
            EnsembleError::Column(UnknownName { name, suggestion }) => {
                write!(f, "no state or output is called `{name}`")?;
                suggestion.as_ref().map_or(Ok(()), |guess| write!(f, "; did you mean `{guess}`?"))
            }
            EnsembleError::Length { name, found, expected } => {
                write!(f, "the column `{name}` has {found} values, the first has {expected}")
            }
            EnsembleError::Twice(name) => write!(f, "there are two columns `{name}`"),
            EnsembleError::Empty => f.write_str("there is no column of parameters or initial values"),
            EnsembleError::Threads(found) => {
                write!(f, "{THREADS} should be a whole number of at least 1, found `{found}`")
            }
            EnsembleError::Start(error) => error.fmt(f),
            EnsembleError::Objective(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EnsembleError {}

/// The variable of the environment that says on how many threads ensembles run where nothing else does.
pub const THREADS: &str = "RHAPSODE_NUM_THREADS";

/// The values of a trajectory's columns, by its number.
type Rows<'a> = dyn Fn(usize, &mut [f64]) + Sync + 'a;

/// Runs to be. Made by [`Problem::ensemble`]; setters take and return it.
pub struct Ensemble<'a> {
    problem: Problem<'a>,
    names: Vec<String>,
    places: Vec<Place>,
    rows: Box<Rows<'a>>,
    count: usize,
    threads: Option<usize>,
}

impl Compiled {
    /// Runs with the settings of the solve block, one for each row of the columns: a name of a parameter or state, and its
    /// values or initial values.
    ///
    /// # Errors
    /// [`EnsembleError`] where a name is unknown or given twice, or columns are not of one length.
    pub fn ensemble<'a>(&'a self, columns: &[(&str, &'a [f64])]) -> Result<Ensemble<'a>, EnsembleError> {
        self.problem().ensemble(columns)
    }
}

impl<'a> Problem<'a> {
    /// Runs with these settings, one for each row of the columns: a name of a parameter or state, and its values or initial
    /// values.
    ///
    /// ```
    /// # let model = rhapsode::Model::parse("model m\nparam k = 1\ninit x = 1\nx' = -k*x\n")?;
    /// # let compiled = model.compile()?;
    /// let (k, x) = ([0.5, 1.0, 2.0], [1.0, 1.0, 4.0]);
    /// let ensemble = compiled.problem().span(0.0..1.0).rtol(1e-9).ensemble(&[("k", &k), ("x", &x)])?;
    /// let mut ends = Vec::new();
    /// ensemble.records(&rhapsode::Keep::Final, |_, record| {
    ///     ends.push(record.values[0]);
    ///     std::ops::ControlFlow::Continue(())
    /// })?;
    /// assert!((ends[2] - 4.0 * (-2.0f64).exp()).abs() < 1e-7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EnsembleError`] where a name is unknown or given twice, or columns are not of one length.
    pub fn ensemble(self, columns: &[(&str, &'a [f64])]) -> Result<Ensemble<'a>, EnsembleError> {
        let Some((_, first)) = columns.first() else { return Err(EnsembleError::Empty) };
        let count = first.len();
        if let Some((name, values)) = columns.iter().find(|(_, values)| values.len() != count) {
            let (name, found) = ((*name).to_string(), values.len());
            return Err(EnsembleError::Length { name, found, expected: count });
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let columns: Vec<&'a [f64]> = columns.iter().map(|(_, values)| *values).collect();
        let rows = move |k: usize, row: &mut [f64]| {
            row.iter_mut().zip(&columns).for_each(|(value, column)| *value = column[k]);
        };
        self.ensemble_of(&names, count, rows)
    }

    /// The same for columns that are computed: `row` fills in the values of a trajectory, by its number, and gives the same
    /// whenever it is called.
    ///
    /// # Errors
    /// [`EnsembleError`] where a name is unknown or given twice.
    pub fn ensemble_of(
        mut self,
        names: &[&str],
        count: usize,
        row: impl Fn(usize, &mut [f64]) + Sync + 'a,
    ) -> Result<Ensemble<'a>, EnsembleError> {
        let mut places = Vec::with_capacity(names.len());
        for name in names {
            let place = Place::find(&self, name).map_err(EnsembleError::Name)?;
            if places.contains(&place) {
                return Err(EnsembleError::Twice((*name).to_string()));
            }
            places.push(place);
        }
        self.settle_grid();
        let names = names.iter().map(|name| (*name).to_string()).collect();
        Ok(Ensemble { problem: self, names, places, rows: Box::new(row), count, threads: None })
    }
}

impl<'a> Ensemble<'a> {
    /// On so many threads. Default: what [`THREADS`] says, or as many as the machine has processors.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// Number of trajectories.
    pub fn len(&self) -> usize {
        self.count
    }

    /// How many trajectories a thread runs side by side.
    ///
    /// # Errors
    /// A sentence that says why they go one by one.
    pub fn lanes(&self) -> Result<usize, String> {
        self.problem.together().map(|together| together.width())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The values of the columns of trajectory `k`.
    pub fn row(&self, k: usize) -> Vec<f64> {
        let mut row = vec![0.0; self.names.len()];
        (self.rows)(k, &mut row);
        row
    }

    /// Runs all trajectories. `keep` is called with the result of each on the thread that ran it; `sink` receives what it
    /// returns, and the trajectory's number, on the calling thread and in order, and may end it all. Where the problem is
    /// cancelled, `sink` has received the first ones. Gives how many it received.
    ///
    /// # Errors
    /// [`EnsembleError`] where nothing can be run.
    pub fn each<R: Send>(
        &self,
        keep: impl Fn(usize, Result<Solution, SolveError>) -> R + Sync,
        sink: impl FnMut(usize, R) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        self.each_of(&self.problem, AHEAD, keep, sink)
    }

    /// The same with other settings of the same runs, and with so many results that may wait for an earlier one.
    fn each_of<R: Send>(
        &self,
        problem: &Problem,
        ahead: usize,
        keep: impl Fn(usize, Result<Solution, SolveError>) -> R + Sync,
        mut sink: impl FnMut(usize, R) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        let Some(starts) = self.starts(problem)? else { return Ok(0) };
        let work = |desk: &mut Desk<R>| {
            let desk = std::cell::RefCell::new(desk);
            let interrupted = std::cell::Cell::new(false);
            let finish = |k: usize, result: Result<Solution, SolveError>| match result {
                // It did not end, so that there is nothing to be said of it.
                Err(SolveError::Failed(Failure { kind: ErrorKind::Interrupted, .. })) => interrupted.set(true),
                result => desk.borrow_mut().done(k, keep(k, result)),
            };
            let mut next = || loop {
                if interrupted.get() {
                    desk.borrow_mut().close();
                }
                let k = desk.borrow_mut().take()?;
                match starts.start(&self.row(k)) {
                    Ok(start) => return Some((k, start)),
                    Err(error) => finish(k, Err(error)),
                }
            };
            problem.run_many(&mut next, &mut |k, result| finish(k, result));
            if interrupted.get() {
                desk.borrow_mut().close();
            }
        };
        self.on_threads(ahead, &work, &mut sink)
    }

    /// The same with the problem of each trajectory, to be run in whatever way: with derivatives, or until it rests.
    ///
    /// # Errors
    /// [`EnsembleError`] where nothing can be run.
    pub fn each_problem<R: Send>(
        &self,
        run: impl Fn(usize, Problem<'a>) -> R + Sync,
        mut sink: impl FnMut(usize, R) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        let Some(starts) = self.starts(&self.problem)? else { return Ok(0) };
        let work = |desk: &mut Desk<R>| {
            while let Some(k) = desk.take() {
                let result = run(k, starts.problem(&self.row(k)));
                desk.done(k, result);
            }
        };
        self.on_threads(AHEAD, &work, &mut sink)
    }

    /// What trajectories start from; none where there is none.
    fn starts<'p, 'b>(&'p self, problem: &'p Problem<'b>) -> Result<Option<Starts<'p, 'b>>, EnsembleError> {
        if self.count == 0 {
            return Ok(None);
        }
        Starts::new(problem, &self.places, &self.row(0)).map(Some).map_err(EnsembleError::Start)
    }

    fn on_threads<R: Send>(
        &self,
        ahead: usize,
        work: &(dyn Fn(&mut Desk<R>) + Sync),
        sink: &mut dyn FnMut(usize, R) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        let threads = match self.threads {
            Some(threads) => threads,
            None => threads_by_default()?,
        };
        let cancel = self.problem.options().cancel;
        let stop = || cancel.is_some_and(|flag| flag.load(Ordering::Relaxed));
        Ok(in_order(self.count, (threads, ahead), &stop, work, sink))
    }
}

/// How many threads an ensemble runs on where nothing else is said.
///
/// # Errors
/// Where [`THREADS`] is no number of threads.
pub fn threads_by_default() -> Result<usize, EnsembleError> {
    match std::env::var(THREADS) {
        Ok(text) if !text.trim().is_empty() => match text.trim().parse() {
            Ok(threads) if threads >= 1 => Ok(threads),
            _ => Err(EnsembleError::Threads(text)),
        },
        _ => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}
