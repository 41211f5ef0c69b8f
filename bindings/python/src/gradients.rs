//! Derivatives of runs: objectives of a model with their gradients, and the transpose of a whole run.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rhapsode::source::DataFile;
use rhapsode::{DerivativeError, Objective, ObjectiveError, SolveError};

use crate::errors;
use crate::host;
use crate::model::{Model, interruptible};
use crate::request::{Request, numbers, only_of_runs};
use crate::solution::{Solution, rows};
use crate::{Reduced, reduced};

/// An objective of a model, or the logarithm of the likelihood of measured values, as a function of some of its parameters
/// and initial values.
///
/// >>> import rhapsode
/// >>> model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\nobjective end = final(x^2)\n")
/// >>> objective = model.objective(["k"], "end", span=(0, 1), rtol=1e-8)
/// >>> value, gradient = objective.value_and_grad([1.0])
/// >>> round(value, 6), gradient.round(6), round(objective(objective.point), 6)
/// (0.135335, array([-0.270671]), 0.018316)
#[pyclass(name = "Objective", module = "rhapsode", frozen)]
pub struct Asked {
    objective: Objective,
    model: Py<Model>,
    /// Its name as asked for, and the name and text of the file of data.
    named: (Option<String>, Option<(String, String)>),
    /// What was asked for, but for the point.
    request: Request,
}

impl Asked {
    /// What is raised for a run that did not reach its end. The run of an objective keeps what the objective asks for: that of the
    /// model at that point, made for it, shows how far it came.
    fn failed(&self, py: Python, error: SolveError, at: &[f64]) -> PyErr {
        let request = self.request.at(self.objective.by(), at);
        let compiled = self.model.get().compiled.clone();
        let failed = Solution::failed(py, error, None, self.model.clone_ref(py), compiled.clone(), request.clone());
        let partial = match Solution::solve(py, self.model.clone_ref(py), compiled, request) {
            Ok(solution) => Py::new(py, solution).map(Py::into_any),
            Err(again) => again.value(py).getattr("partial").map(Bound::unbind),
        };
        let Ok(partial) = partial else { return failed };
        match failed.value(py).setattr("partial", partial) {
            Ok(()) => failed,
            Err(error) => error,
        }
    }
}

fn refused(py: Python, error: &ObjectiveError) -> PyErr {
    match error {
        ObjectiveError::Name(name) => errors::unknown(py, name.to_string()),
        error => match error.help() {
            // What the command would have one type is no help here.
            Some(help) if !help.contains("--") && !help.contains("rhapsode ") => {
                errors::input(py, format!("{error}; {help}"))
            }
            _ => errors::input(py, error.to_string()),
        },
    }
}

/// The objective of a model; `data` are the name and the text of a file.
#[pyfunction]
#[pyo3(signature = (model, by, name, data, span, options))]
pub fn objective(
    py: Python,
    model: &Bound<Model>,
    by: Vec<String>,
    name: Option<String>,
    data: Option<(String, String)>,
    span: Option<&Bound<PyAny>>,
    options: &Bound<PyDict>,
) -> PyResult<Asked> {
    let file = data.clone().map(|(name, text)| DataFile::new(name, text));
    let list: Vec<&str> = by.iter().map(String::as_str).collect();
    for name in options.keys().extract::<Vec<String>>()? {
        if only_of_runs(&name) {
            return Err(errors::input(py, format!("{name} is no option of an objective")));
        }
    }
    let request = Request::read(py, span, None, Some(options))?;
    let compiled = &model.get().compiled;
    let made = py.detach(|| compiled.objective(name.as_deref(), file.as_ref(), &list));
    let objective = request.objective(made.map_err(|error| refused(py, &error))?)?;
    let objective = objective.interrupt(&host::interrupted);
    Ok(Asked { objective, model: model.clone().unbind(), named: (name, data), request })
}

#[pymethods]
impl Asked {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.objective.name()
    }

    /// The names of what it is a function of.
    #[getter]
    fn by(&self) -> Vec<String> {
        self.objective.by().to_vec()
    }

    /// The values of what it is a function of as the model has them.
    #[getter]
    fn point<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        Ok(self.objective.point().map_err(|error| refused(py, &error))?.into_pyarray(py))
    }

    /// The value and the gradient at a point.
    fn value_and_grad<'py>(
        &self,
        py: Python<'py>,
        at: &Bound<'py, PyAny>,
    ) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
        let (at, n) = (numbers("at", at)?.0, self.objective.by().len());
        if at.len() != n {
            return Err(errors::input(py, format!("expected {n} numbers, found {}", at.len())));
        }
        if let Some(k) = at.iter().position(|value| value.is_nan()) {
            return Err(errors::input(py, format!("{} is NaN", self.objective.by()[k])));
        }
        let mut gradient = vec![0.0; n];
        let (value, signal) = interruptible(py, || self.objective.value_and_gradient(&at, &mut gradient));
        match (value, signal) {
            (Ok(value), None) => Ok((value, gradient.into_pyarray(py))),
            (_, Some(signal)) => Err(signal),
            (Err(ObjectiveError::Solve(error)), None) => Err(self.failed(py, error, &at)),
            (Err(error), None) => Err(refused(py, &error)),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Reduced<'py> {
        let (span, given, options) = self.request.arguments(py)?;
        for (name, value) in options.iter().filter(|(_, value)| !value.is_none()) {
            if !only_of_runs(&name.extract::<String>()?) {
                given.set_item(name, value)?;
            }
        }
        let (name, data) = self.named.clone();
        let model = self.model.clone_ref(py);
        let arguments = (model, self.objective.by(), name, data, span, given).into_pyobject(py)?;
        reduced("objective", arguments)
    }

    /// The value at a point.
    fn __call__<'py>(&self, py: Python<'py>, at: &Bound<'py, PyAny>) -> PyResult<f64> {
        Ok(self.value_and_grad(py, at)?.0)
    }
}

/// By every parameter, and by every initial value.
pub type Pulled<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// The gradient of Σ weights · values of a run, weights of shape (len(t), states + outputs).
pub fn pull<'py>(
    py: Python<'py>,
    model: &Bound<'py, Model>,
    weights: &Bound<'py, PyAny>,
    request: Request,
) -> PyResult<Pulled<'py>> {
    let weights = numbers("weights", weights)?.0;
    let problem = request.problem(&model.get().compiled)?;
    let record = || problem.interrupt(&host::interrupted).record().and_then(|recorded| recorded.pull(&weights));
    let gradient = or_refused(interruptible(py, record), model, &request)?;
    Ok((gradient.parameters.into_pyarray(py), gradient.initial.into_pyarray(py)))
}

/// Values of a run, shape (len(t), states + outputs), and their derivatives by the named parameters and initial values, with one
/// more dimension.
pub fn tangents<'py>(
    py: Python<'py>,
    model: &Bound<'py, Model>,
    by: &[String],
    request: Request,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let names: Vec<&str> = by.iter().map(String::as_str).collect();
    let problem = request.problem(&model.get().compiled)?;
    let run = || problem.interrupt(&host::interrupted).tangents(&names);
    let tangents = or_refused(interruptible(py, run), model, &request)?;
    let solution = tangents.solution();
    let width = solution.state_names().len() + solution.output_names().len();
    let values = PyArray1::from_slice(py, tangents.values()).reshape([solution.len(), width, by.len()])?;
    Ok((rows(py, solution)?, values.into_any()))
}

/// What a run with derivatives gives, or what is raised for it.
fn or_refused<T>(
    (result, signal): (Result<T, DerivativeError>, Option<PyErr>),
    model: &Bound<Model>,
    request: &Request,
) -> PyResult<T> {
    let py = model.py();
    match (result, signal) {
        (Ok(value), None) => Ok(value),
        (Err(DerivativeError::Solve(error)), signal) => {
            let compiled = model.get().compiled.clone();
            Err(Solution::failed(py, error, signal, model.clone().unbind(), compiled, request.clone()))
        }
        (_, Some(signal)) => Err(signal),
        (Err(DerivativeError::Name(name)), None) => Err(errors::unknown(py, name.to_string())),
        (Err(error), None) => Err(errors::input(py, error.to_string())),
    }
}
