//! `Solution`: what a run gives, as arrays.

use std::sync::{Arc, OnceLock};

use numpy::{PyArray1, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::{PyAttributeError, PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use rhapsode::name::plain;
use rhapsode::solve::Dense;
use rhapsode::system::Names;
use rhapsode::{Compiled, SolveError};

use crate::errors;
use crate::model::{Model, kind, plain_names, run};
use crate::request::{Request, numbers, shown};
use crate::{Reduced, reduced};

/// The result of a run: times, states and outputs at the points kept, and how it went.
///
/// Names are items and attributes; `solution(t)` are the states at any time; `to_pandas`, `to_xarray`, `plot`. Solutions pickle.
///
/// >>> import rhapsode
/// >>> model = rhapsode.compile("model ball\ninit h = 1, v = 0\nh' = v\nv' = -9.81\nwhen h < 0 { stop }\n")
/// >>> solution = model.solve((0, 5))
/// >>> solution.stopped_by
/// (0.45152364098573..., 'when h < 0')
/// >>> solution.y.shape == (2, len(solution.t)), solution["v"][-1].round(4), solution(0.25)[1].round(4)
/// (True, np.float64(-4.4294), np.float64(-2.4525))
#[pyclass(module = "rhapsode", frozen)]
pub struct Solution {
    inner: Arc<rhapsode::solve::Solution>,
    compiled: Compiled,
    model: Py<Model>,
    request: Request,
    /// Made by a second run when first asked for, unless the first one kept it.
    dense: OnceLock<Dense>,
    t: PyOnceLock<Py<PyArray1<f64>>>,
    y: PyOnceLock<Py<PyArrayDyn<f64>>>,
}

impl Solution {
    /// Runs what is asked for.
    pub fn solve(py: Python, model: Py<Model>, compiled: Compiled, request: Request) -> PyResult<Self> {
        let (result, signal) = run(py, request.problem(&compiled)?);
        match result {
            Ok(solution) => signal.map_or(Ok(Solution::of(solution, model, compiled, request)), Err),
            Err(error) => Err(Solution::failed(py, error, signal, model, compiled, request)),
        }
    }

    /// What is raised for a run that did not reach its end, or for what ended it; with what was computed.
    pub fn failed(
        py: Python,
        error: SolveError,
        signal: Option<PyErr>,
        model: Py<Model>,
        compiled: Compiled,
        request: Request,
    ) -> PyErr {
        match error {
            SolveError::Failed(failure) if signal.is_some() || kind(&failure) != "options" => {
                let partial = Solution::of((*failure.partial).clone(), model, compiled, request);
                let raised =
                    signal.unwrap_or_else(|| errors::failed(py, &failure.to_string(), kind(&failure), failure.time));
                match raised.value(py).setattr("partial", partial) {
                    Ok(()) => raised,
                    Err(error) => error,
                }
            }
            SolveError::Missing(missing) => {
                let hint = format!("pass {}=VALUE, or give it a default in the model", missing.0);
                errors::input(py, format!("{missing}; {hint}"))
            }
            error => signal.unwrap_or_else(|| errors::input(py, error.to_string())),
        }
    }

    /// A solution that was computed before.
    pub fn of(inner: rhapsode::solve::Solution, model: Py<Model>, compiled: Compiled, request: Request) -> Self {
        Solution {
            inner: Arc::new(inner),
            compiled,
            model,
            request,
            dense: OnceLock::new(),
            t: PyOnceLock::new(),
            y: PyOnceLock::new(),
        }
    }

    fn columns(&self) -> [&Names; 2] {
        [self.inner.state_names(), self.inner.output_names()]
    }

    fn column(&self, which: usize, k: usize) -> &[f64] {
        if which == 0 { self.inner.state(k) } else { self.inner.output(k) }
    }

    /// The values of a state or output, of an array with its dimensions first and time last.
    fn values<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        for (which, names) in self.columns().into_iter().enumerate() {
            if let Some(k) = names.find(name) {
                return Ok(Some(PyArray1::from_slice(py, self.column(which, k)).into_any()));
            }
            let block = names.blocks().iter().find(|block| block.name == name || plain(&block.name) == name);
            if let Some(block) = block {
                let all: Vec<f64> =
                    (block.offset..block.offset + block.len()).flat_map(|k| self.column(which, k)).copied().collect();
                let shape: Vec<usize> = block.dims.iter().map(|(_, n)| *n).chain([self.inner.len()]).collect();
                return Ok(Some(PyArray1::from_vec(py, all).reshape(shape)?.into_any()));
            }
        }
        Ok(None)
    }

    fn unknown(&self, name: &str) -> String {
        let names = self.columns();
        let known: Vec<String> = names.into_iter().flat_map(plain_names).collect();
        match rhapsode::diag::closest(name, known.iter().map(String::as_str)) {
            Some(guess) => format!("no state or output is called `{name}`; did you mean `{guess}`?"),
            None => format!("no state or output is called `{name}`"),
        }
    }

    /// The solution between the points, from a second run if the first did not keep it.
    fn dense(&self, py: Python) -> PyResult<&Dense> {
        if let Some(dense) = self.inner.dense().or_else(|| self.dense.get()) {
            return Ok(dense);
        }
        let mut request = self.request.clone();
        request.dense = true;
        let (result, signal) = run(py, request.problem(&self.compiled)?);
        if let Some(signal) = signal {
            return Err(signal);
        }
        let solution = match result {
            Ok(solution) => solution,
            Err(SolveError::Failed(failure)) => *failure.partial,
            Err(error) => return Err(errors::input(py, error.to_string())),
        };
        let dense = solution.dense().cloned().unwrap_or_default();
        Ok(self.dense.get_or_init(|| dense))
    }

    fn display<'py>(slf: &Bound<'py, Self>, module: &str, function: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import(module)?.call_method1(function, (slf,))
    }
}

/// What `pickle` calls: a solution from its data, and from what was asked for.
#[pyfunction]
#[pyo3(signature = (model, data, span, params, options, sensitivities))]
pub fn restore(
    model: &Bound<Model>,
    data: &[u8],
    span: Option<&Bound<PyAny>>,
    params: &Bound<PyDict>,
    options: &Bound<PyDict>,
    sensitivities: Vec<String>,
) -> PyResult<Solution> {
    let py = model.py();
    let inner = postcard::from_bytes(data);
    let inner = inner.map_err(|error| errors::input(py, format!("the data are no solution: {error}")))?;
    let request = Request::read(py, span, Some(params.as_any()), Some(options))?;
    let own = model.get();
    let compiled =
        if sensitivities.is_empty() { own.compiled.clone() } else { own.with_sensitivities(py, sensitivities)? };
    Ok(Solution::of(inner, model.clone().unbind(), compiled, request))
}

/// States and outputs, shape (len, states + outputs).
pub fn rows<'py>(py: Python<'py>, solution: &rhapsode::solve::Solution) -> PyResult<Bound<'py, PyAny>> {
    let (n, m) = (solution.state_names().len(), solution.output_names().len());
    let columns: Vec<&[f64]> = (0..n).map(|k| solution.state(k)).chain((0..m).map(|k| solution.output(k))).collect();
    let rows: Vec<f64> = (0..solution.len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    Ok(PyArray1::from_vec(py, rows).reshape([solution.len(), n + m])?.into_any())
}

/// States at times from dense output, `(n, len(t))` or `(n,)` for one time.
pub fn states_at<'py>(py: Python<'py>, dense: &Dense, n: usize, t: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (times, shape) = numbers("t", t)?;
    let mut states = vec![0.0; n * times.len()];
    let mut y = vec![0.0; n];
    for (row, t) in times.iter().enumerate() {
        dense.state(*t, &mut y);
        for (k, y) in y.iter().enumerate() {
            states[k * times.len() + row] = *y;
        }
    }
    let array = PyArray1::from_vec(py, states);
    Ok(if shape.is_empty() { array.into_any() } else { array.reshape([n, times.len()])?.into_any() })
}

#[pymethods]
impl Solution {
    /// The points kept, shape (len,).
    #[getter]
    fn t<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.t.get_or_init(py, || PyArray1::from_slice(py, self.inner.times()).unbind()).bind(py).clone()
    }

    /// The states, shape (n, len).
    #[getter]
    fn y<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let make = || {
            let n = self.inner.state_names().len();
            let all: Vec<f64> = (0..n).flat_map(|k| self.inner.state(k)).copied().collect();
            Ok::<_, PyErr>(PyArray1::from_vec(py, all).reshape(vec![n, self.inner.len()])?.unbind())
        };
        Ok(self.y.get_or_try_init(py, make)?.bind(py).clone())
    }

    /// The model it is a solution of.
    #[getter]
    fn model(&self, py: Python) -> Py<Model> {
        self.model.clone_ref(py)
    }

    /// Names of states and outputs, element by element.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.columns().into_iter().flat_map(|names| names.iter()).collect()
    }

    /// (name, dimensions, first subscripts, kind) of every state and output, arrays as a whole.
    #[getter]
    fn quantities(&self) -> Vec<(String, Vec<usize>, Vec<i64>, &'static str)> {
        let mut list = Vec::new();
        for (kind, names) in ["state", "output"].into_iter().zip(self.columns()) {
            for block in names.blocks() {
                let (first, extent) = block.dims.iter().copied().unzip();
                list.push((plain(&block.name), extent, first, kind));
            }
        }
        list
    }

    /// The events that happened: (time, name), in order.
    #[getter]
    fn events(&self) -> Vec<(f64, String)> {
        self.inner.events().map(|(time, name)| (time, name.to_string())).collect()
    }

    /// The event that ended the run before its end, if one did: (time, name).
    #[getter]
    fn stopped_by(&self) -> Option<(f64, String)> {
        self.inner.stopped_by().map(|(time, name)| (time, name.to_string()))
    }

    /// How the run went, by the names of the command's `--stats`.
    #[getter]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let s = &self.inner.statistics;
        let dict = PyDict::new(py);
        dict.set_item("method", &s.method)?;
        for (name, count) in [
            ("steps", s.steps),
            ("rejected", s.rejected),
            ("rhs", s.rhs),
            ("jacobians", s.jacobians),
            ("factorizations", s.factorizations),
            ("fallbacks", s.fallbacks),
            ("solves", s.solves),
            ("events", s.events),
            ("located", s.located),
            ("switches", s.switches),
        ] {
            dict.set_item(name, count)?;
        }
        dict.set_item("linear", &s.linear)?;
        dict.set_item("reasons", PyList::new(py, &s.reasons)?)?;
        dict.set_item("compile_seconds", self.compiled.compile_seconds())?;
        dict.set_item("solve_seconds", s.solve_seconds)?;
        Ok(dict)
    }

    /// The states at any time of the run, from the method's dense output: shape (n,) for a number, (n, len(t)) for an array.
    fn __call__<'py>(&self, py: Python<'py>, t: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let n = self.inner.state_names().len();
        states_at(py, self.dense(py)?, n, t)
    }

    /// A state or output by name: `sol["A"]`, `sol["u[3,4]"]`, or all of an array, `sol["u"]`.
    fn __getitem__<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Ok(name) = name.extract::<&str>() else {
            let sentence =
                "a solution's items are named like its states and outputs; points are those of its arrays, found";
            return Err(PyTypeError::new_err(format!("{sentence} {}", shown(name))));
        };
        self.values(py, name)?.ok_or_else(|| errors::unknown(py, self.unknown(name)))
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let found = if name.starts_with("__") { None } else { self.values(py, name)? };
        found.ok_or_else(|| PyAttributeError::new_err(self.unknown(name)))
    }

    fn __dir__(slf: &Bound<Self>) -> PyResult<Vec<String>> {
        let own: Vec<String> = slf.get_type().dir()?.extract()?;
        Ok(own.into_iter().chain(slf.get().columns().into_iter().flat_map(plain_names)).collect())
    }

    fn __contains__(&self, py: Python, name: &Bound<PyAny>) -> PyResult<bool> {
        Ok(match name.extract::<&str>() {
            Ok(name) => self.values(py, name)?.is_some(),
            Err(_) => false,
        })
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }

    /// States and outputs, shape (len, states + outputs): a row per point kept, in the order of `names`.
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        rows(py, &self.inner)
    }

    /// States and outputs at the last point kept, by name.
    #[getter]
    fn last<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        if self.inner.is_empty() {
            return Err(PyIndexError::new_err("no point was kept"));
        }
        let dict = PyDict::new(py);
        for (which, names) in self.columns().into_iter().enumerate() {
            for (k, name) in names.iter().enumerate() {
                dict.set_item(name, self.column(which, k)[self.inner.len() - 1])?;
            }
        }
        Ok(dict)
    }

    /// A pandas DataFrame: a column per state and output, indexed by time.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::display(slf, "rhapsode._tables", "to_pandas")
    }

    /// An xarray Dataset: a variable per state and output, arrays with their dimensions.
    fn to_xarray<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::display(slf, "rhapsode._tables", "to_xarray")
    }

    /// Draws states and outputs over time; returns the matplotlib axes.
    #[pyo3(signature = (*names, ax=None, **style))]
    fn plot<'py>(
        slf: &Bound<'py, Self>,
        names: &Bound<'py, PyTuple>,
        ax: Option<Bound<'py, PyAny>>,
        style: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("rhapsode._display")?.call_method1("plot", (slf, names, ax, style))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Reduced<'py> {
        let data = postcard::to_stdvec(&*self.inner).map_err(|error| errors::input(py, error.to_string()))?;
        let (span, params, options) = self.request.arguments(py)?;
        let sensitivities = self.compiled.model().sensitivities().to_vec();
        let model = self.model.clone_ref(py);
        let arguments = (model, PyBytes::new(py, &data), span, params, options, sensitivities).into_pyobject(py)?;
        reduced("restore", arguments)
    }

    fn __repr__(&self) -> String {
        let name = self.compiled.model().name();
        let (len, statistics) = (self.inner.len(), &self.inner.statistics);
        let span = match self.inner.times() {
            [first, .., last] => format!(", {} = {first} to {last}", self.compiled.model().independent()),
            _ => String::new(),
        };
        format!(
            "<rhapsode.Solution of {name}: {len} points{span}, {} in {} steps>",
            statistics.method, statistics.steps
        )
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::display(slf, "rhapsode._display", "solution_html")
    }
}
