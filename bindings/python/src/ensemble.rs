//! Many runs of one model, by the library's own ensembles: on threads, several side by side in lanes where they can.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rhapsode::solve::{ErrorKind, Solution, Statistics};
use rhapsode::system::Shape;
use rhapsode::{Ensemble, EnsembleError, SolveError};

use crate::host::raised;
use crate::model::Model;
use crate::request::{Request, numbers};
use crate::{errors, solution};

/// How often it is asked whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(50);

/// A run: its times, a row of states and outputs for each, and why it failed.
type Run<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyAny>, Option<String>);

/// Runs the model once for every row of `params`, whose columns are parameters and first values by name.
#[pyfunction]
pub fn ensemble_runs<'py>(
    model: &Bound<'py, Model>,
    params: &Bound<'py, PyDict>,
    span: Option<&Bound<'py, PyAny>>,
    threads: Option<usize>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Vec<Run<'py>>> {
    let py = model.py();
    let request = Request::read(py, span, None, Some(options))?;
    let column = |(name, values): (Bound<PyAny>, Bound<PyAny>)| {
        let name: String = name.extract()?;
        let values = numbers(&name, &values)?.0;
        Ok((name, values))
    };
    let columns: Vec<(String, Vec<f64>)> = params.iter().map(column).collect::<PyResult<_>>()?;
    let columns: Vec<(&str, &[f64])> = columns.iter().map(|(name, values)| (name.as_str(), &values[..])).collect();
    let compiled = &model.get().compiled;
    let cancelled = AtomicBool::new(false);
    let problem = request.problem(compiled)?.cancel(&cancelled);
    let refused = |error: EnsembleError| match error {
        EnsembleError::Name(error) => errors::unknown(py, error.to_string()),
        error => errors::input(py, error.to_string()),
    };
    let mut ensemble = problem.ensemble(&columns).map_err(refused)?;
    if let Some(threads) = threads {
        ensemble = ensemble.threads(threads);
    }
    let shape = Arc::new(compiled.system().shape().clone());
    let (gathered, signal) = py.detach(|| watched(&ensemble, &shape, &cancelled));
    if let Some(signal) = signal {
        return Err(signal);
    }
    let Gathered { runs, raised } = gathered.map_err(refused)?;
    if let Some(raised) = raised {
        return Err(raised);
    }
    // What is wrong with one run's values is its own affair, what is wrong with all of them was asked for.
    let asked = |(_, failure): &Ended| failure.as_ref().is_some_and(|(_, by_options)| *by_options);
    if let Some((_, Some((message, _)))) = runs.first()
        && runs.iter().all(asked)
    {
        return Err(errors::input(py, message));
    }
    let run = |(solution, failure): Ended| {
        let times = PyArray1::from_slice(py, solution.times());
        Ok((times, solution::rows(py, &solution)?, failure.map(|(message, _)| message)))
    };
    runs.into_iter().map(run).collect()
}

/// What was computed, and why it is not all: a sentence, and whether the run could not even begin as it was asked for.
type Ended = (Solution, Option<(String, bool)>);

struct Gathered {
    runs: Vec<Ended>,
    /// The first exception of a function of Python that the model calls.
    raised: Option<PyErr>,
}

/// Runs them all on other threads, while this one, which alone hears of it, waits for Ctrl-C.
fn watched(
    ensemble: &Ensemble,
    shape: &Arc<Shape>,
    cancelled: &AtomicBool,
) -> (Result<Gathered, EnsembleError>, Option<PyErr>) {
    std::thread::scope(|scope| {
        let (working, ended) = mpsc::channel::<()>();
        let work = scope.spawn(move || {
            let gathered = gather(ensemble, shape);
            drop(working);
            gathered
        });
        let mut signal = None;
        while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            if signal.is_none() {
                signal = Python::attach(|py| py.check_signals().err());
                cancelled.store(signal.is_some(), Ordering::Relaxed);
            }
        }
        match work.join() {
            Ok(gathered) => (gathered, signal),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn gather(ensemble: &Ensemble, shape: &Arc<Shape>) -> Result<Gathered, EnsembleError> {
    let mut gathered = Gathered { runs: Vec::with_capacity(ensemble.len()), raised: None };
    let end = |result| match result {
        Ok(solution) => (solution, None),
        Err(SolveError::Failed(failure)) => {
            let (message, by_options) = (failure.to_string(), matches!(failure.kind, ErrorKind::Options(_)));
            (*failure.partial, Some((message, by_options)))
        }
        Err(error) => {
            let nothing = Solution::from_rows(Vec::new(), &[], shape.clone(), Statistics::default());
            (nothing, Some((error.to_string(), true)))
        }
    };
    ensemble.each(
        |_, result| (end(result), raised()),
        |_, (ended, raised)| {
            gathered.runs.push(ended);
            gathered.raised = raised;
            if gathered.raised.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    )?;
    Ok(gathered)
}
