//! The runs of `solve_ivp`: of a traced function, which is a compiled model, and of one that has to be called.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rhapsode::solve::{Dense, Failure, Go, Observer, Options, Passed, Solution, integrate};
use rhapsode::system::{ClosureSystem, System};

use crate::crossings::{Crossings, Kind};
use crate::errors;
use crate::model::{Model, kind};
use crate::request::{Arguments, numbers};
use crate::solution::states_at;
use crate::{Reduced, reduced};

/// An event function: an output of the traced model, or something to call with (t, y).
#[derive(FromPyObject)]
pub enum Watched {
    Output(usize),
    Call(Py<PyAny>),
}

/// Event functions with direction and the number of the crossing that ends the run (0: none).
pub type Events = Vec<(Watched, f64, u64)>;

/// The first exception of something called, which ends the run.
#[derive(Default)]
struct Trouble {
    error: Mutex<Option<PyErr>>,
    stop: AtomicBool,
}

impl Trouble {
    fn keep(&self, error: PyErr) {
        self.stop.store(true, Ordering::Relaxed);
        if let Ok(mut first) = self.error.lock() {
            first.get_or_insert(error);
        }
    }

    /// The value, or that there is none.
    fn or<T>(&self, result: PyResult<T>) -> Option<T> {
        result.map_err(|error| self.keep(error)).ok()
    }

    fn take(&self) -> Option<PyErr> {
        self.error.lock().ok().and_then(|mut error| error.take())
    }
}

/// A function with the solution between the points, like SciPy's `OdeSolution`.
#[pyclass(module = "rhapsode", frozen)]
pub struct Interpolant {
    dense: Dense,
    n: usize,
}

#[pymethods]
impl Interpolant {
    fn __call__<'py>(&self, py: Python<'py>, t: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        states_at(py, &self.dense, self.n, t)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Reduced<'py> {
        let data = postcard::to_stdvec(&self.dense).map_err(|error| errors::input(py, error.to_string()))?;
        reduced("restore_interpolant", (PyBytes::new(py, &data), self.n).into_pyobject(py)?)
    }

    /// The ends of the steps.
    #[getter]
    fn ts<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_vec(py, self.dense.times())
    }

    #[getter]
    fn n_segments(&self) -> usize {
        self.dense.times().len().saturating_sub(1)
    }

    #[getter]
    fn t_min(&self) -> Option<f64> {
        self.dense.span().map(|(a, b)| a.min(b))
    }

    #[getter]
    fn t_max(&self) -> Option<f64> {
        self.dense.span().map(|(a, b)| a.max(b))
    }
}

/// What `pickle` calls.
#[pyfunction]
pub fn restore_interpolant(py: Python, data: &[u8], n: usize) -> PyResult<Interpolant> {
    let dense = postcard::from_bytes(data);
    let dense = dense.map_err(|error| errors::input(py, format!("the data are no interpolant: {error}")))?;
    Ok(Interpolant { dense, n })
}

/// Integrates a traced function: `p` are the values of the model's parameters.
#[pyfunction]
pub fn solve_traced<'py>(
    py: Python<'py>,
    model: &Bound<'py, Model>,
    y0: Vec<f64>,
    p: Vec<f64>,
    arguments: Arguments,
    events: Events,
) -> PyResult<Bound<'py, PyDict>> {
    let compiled = &model.get().compiled;
    let bound = compiled.bind(&p);
    let options = arguments.options()?;
    let trouble = Trouble::default();
    let system = compiled.system();
    py.detach(|| solve(system, &y0, &bound, options, &events, &trouble)).result(py, None)
}

/// Integrates a function that is called for every evaluation, `fun(t, y)`, with the matrix of its derivatives by y from
/// `jac(t, y)` if there is one.
#[pyfunction]
#[pyo3(signature = (fun, jac, y0, arguments, events))]
pub fn solve_called<'py>(
    py: Python<'py>,
    fun: Py<PyAny>,
    jac: Option<Py<PyAny>>,
    y0: Vec<f64>,
    arguments: Arguments,
    events: Events,
) -> PyResult<Bound<'py, PyDict>> {
    let n = y0.len();
    let options = arguments.options()?;
    let trouble = std::sync::Arc::new(Trouble::default());
    let count = std::sync::Arc::new(AtomicU64::new(0));
    let (of_rhs, calls) = (trouble.clone(), count.clone());
    let mut system = ClosureSystem::new(n, 0, move |t, y, _p, dy| {
        calls.fetch_add(1, Ordering::Relaxed);
        // There may be room for more behind.
        let dy = &mut dy[..n];
        let value = Python::attach(|py| of_rhs.or(call(py, &fun, t, y, dy, "fun")));
        if value.is_none() {
            dy.fill(f64::NAN);
        }
    });
    if let Some(jac) = jac {
        let of_jac = trouble.clone();
        system = system.with_jacobian(move |t, y, _p, values| {
            let mut rows = vec![0.0; n * n];
            let value = Python::attach(|py| of_jac.or(call(py, &jac, t, y, &mut rows, "jac")));
            // Column by column.
            for (k, entry) in values.iter_mut().enumerate() {
                *entry = if value.is_some() { rows[k % n * n + k / n] } else { f64::NAN };
            }
        });
    }
    let ended = solve(&system, &y0, &[], options, &events, &trouble);
    ended.result(py, Some(count.load(Ordering::Relaxed)))
}

/// Calls `fun(t, y)` and copies what it returns.
fn call(py: Python, fun: &Py<PyAny>, t: f64, y: &[f64], out: &mut [f64], name: &str) -> PyResult<()> {
    let value = fun.bind(py).call1((t, PyArray1::from_slice(py, y)))?;
    if let Ok(array) = value.extract::<PyReadonlyArray1<f64>>()
        && let Ok(values) = array.as_slice()
        && values.len() == out.len()
    {
        out.copy_from_slice(values);
        return Ok(());
    }
    let values = numbers(&format!("what `{name}` returns"), &value)?.0;
    if values.len() != out.len() {
        let sentence =
            format!("`{name}` returned {} values for {} states, expected {}", values.len(), y.len(), out.len());
        return Err(errors::input(py, sentence));
    }
    out.copy_from_slice(&values);
    Ok(())
}

/// How a run went.
struct Ended {
    solution: Solution,
    failure: Option<(String, &'static str)>,
    crossings: Crossings,
    trouble: Option<PyErr>,
}

fn solve(
    system: &dyn System,
    y0: &[f64],
    bound: &[f64],
    options: Options<'static>,
    events: &Events,
    trouble: &Trouble,
) -> Ended {
    let kinds = events.iter().map(|(_, direction, terminal)| Kind { direction: *direction, terminal: *terminal });
    let crossings = Mutex::new(Crossings::new(kinds.collect(), y0.len()));
    let outputs = Mutex::new((vec![0.0; system.shape().work], vec![0.0; system.shape().outputs.len()]));
    let value = |k: usize, t: f64, y: &[f64]| match &events[k].0 {
        Watched::Output(place) => match outputs.lock() {
            Ok(mut outputs) => {
                let (work, out) = &mut *outputs;
                system.outputs(t, y, bound, work, out);
                out[*place]
            }
            Err(_) => f64::NAN,
        },
        Watched::Call(event) => {
            let mut g = [f64::NAN];
            Python::attach(|py| trouble.or(call(py, event, t, y, &mut g, "event")));
            g[0]
        }
    };
    let observe: &Observer = &|step: &mut Passed| match crossings.lock() {
        Ok(mut crossings) => crossings.look(step, &mut |k, t, y| value(k, t, y)),
        Err(_) => Go::On,
    };
    let interrupt: &(dyn Fn() -> bool + Sync) = &|| Python::attach(|py| trouble.or(py.check_signals()).is_none());
    let mut options: Options<'_> = Options { interrupt: Some(interrupt), cancel: Some(&trouble.stop), ..options };
    if !events.is_empty() {
        options.observe = Some(observe);
    }
    let (solution, failure) = match integrate(system, y0, bound, &options) {
        Ok(solution) => (solution, None),
        Err(failure) => {
            let Failure { ref partial, .. } = failure;
            ((**partial).clone(), Some((failure.to_string(), kind(&failure))))
        }
    };
    let crossings = crossings.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    Ended { solution, failure, crossings, trouble: trouble.take() }
}

impl Ended {
    /// As the fields of an `OdeResult`; `calls` where they were counted.
    fn result(self, py: Python<'_>, calls: Option<u64>) -> PyResult<Bound<'_, PyDict>> {
        if let Some(error) = self.trouble {
            return Err(error);
        }
        if let Some((message, "options")) = &self.failure {
            return Err(errors::input(py, message));
        }
        let solution = self.solution;
        let n = solution.state_names().len();
        let dict = PyDict::new(py);
        dict.set_item("t", PyArray1::from_slice(py, solution.times()))?;
        let states: Vec<f64> = (0..n).flat_map(|k| solution.state(k)).copied().collect();
        dict.set_item("y", PyArray1::from_vec(py, states).reshape([n, solution.len()])?)?;
        let dense = solution.dense().cloned().map(|dense| Py::new(py, Interpolant { dense, n })).transpose()?;
        dict.set_item("sol", dense)?;
        let (times, rows) = (PyList::empty(py), PyList::empty(py));
        for (t, y) in self.crossings.found {
            let len = t.len();
            times.append(PyArray1::from_vec(py, t))?;
            // As in SciPy: nothing has no second dimension.
            let y = PyArray1::from_vec(py, y);
            rows.append(if len == 0 { y.into_any() } else { y.reshape([len, n])?.into_any() })?;
        }
        dict.set_item("t_events", times)?;
        dict.set_item("y_events", rows)?;
        let statistics = &solution.statistics;
        dict.set_item("nfev", calls.unwrap_or(statistics.rhs))?;
        dict.set_item("njev", statistics.jacobians)?;
        dict.set_item("nlu", statistics.factorizations)?;
        let (status, message) = match (&self.failure, self.crossings.ended) {
            (Some((message, _)), _) => (-1, message.as_str()),
            (None, true) => (1, "A termination event occurred."),
            (None, false) => (0, "The solver successfully reached the end of the integration interval."),
        };
        dict.set_item("status", status)?;
        dict.set_item("message", message)?;
        dict.set_item("success", status >= 0)?;
        Ok(dict)
    }
}
