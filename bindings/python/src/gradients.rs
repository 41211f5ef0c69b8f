//! Derivatives of runs: objectives of a model with their gradients, and the transpose of a whole run.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rhapsode::source::DataFile;
use rhapsode::{DerivativeError, Objective, ObjectiveError, SolveError};

use crate::errors;
use crate::model::{Model, interruptible, kind};
use crate::request::{Request, numbers, read_method, read_span};
use crate::solution::{Solution, rows};

/// An objective of a model, or the logarithm of the likelihood of measured values, as a function of some of its parameters
/// and initial values.
#[pyclass(name = "Objective", module = "rhapsode", frozen)]
pub struct Asked {
    objective: Objective,
}

fn refused(py: Python, error: &ObjectiveError) -> PyErr {
    match error {
        ObjectiveError::Solve(SolveError::Failed(failure)) => {
            errors::failed(py, &failure.to_string(), kind(failure), failure.time, None)
        }
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
    model: &Model,
    by: Vec<String>,
    name: Option<&str>,
    data: Option<(String, String)>,
    span: Option<&Bound<PyAny>>,
    options: &Bound<PyDict>,
) -> PyResult<Asked> {
    let file = data.map(|(name, text)| DataFile::new(name, text));
    let list: Vec<&str> = by.iter().map(String::as_str).collect();
    let made = py.detach(|| model.compiled.objective(name, file.as_ref(), &list));
    let mut objective = made.map_err(|error| refused(py, &error))?;
    if let Some(span) = span {
        let (t0, t1) = read_span(span)?;
        objective = objective.span(t0..t1);
    }
    for (key, value) in options {
        let key: String = key.extract()?;
        let number = || value.extract::<f64>().map_err(|_| errors::input(py, format!("{key} = {value} is no number")));
        objective = match key.as_str() {
            "method" => objective.method(read_method(py, value.extract()?)?),
            "rtol" => objective.rtol(number()?),
            "atol" => objective.atol(number()?),
            name => objective.set(name, number()?).map_err(|error| errors::unknown(py, error.to_string()))?,
        };
    }
    Ok(Asked { objective })
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
        let (at, n) = (numbers(at)?.0, self.objective.by().len());
        if at.len() != n {
            return Err(errors::input(py, format!("expected {n} numbers, found {}", at.len())));
        }
        if let Some(k) = at.iter().position(|value| value.is_nan()) {
            return Err(errors::input(py, format!("{} is NaN", self.objective.by()[k])));
        }
        let mut gradient = vec![0.0; n];
        let (value, signal) = interruptible(py, |_| self.objective.value_and_gradient(&at, &mut gradient));
        if let Some(signal) = signal {
            return Err(signal);
        }
        Ok((value.map_err(|error| refused(py, &error))?, gradient.into_pyarray(py)))
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
    let weights = numbers(weights)?.0;
    let problem = request.problem(py, &model.get().compiled)?;
    let (pulled, signal) =
        interruptible(py, |asked| problem.interrupt(asked).record().and_then(|recorded| recorded.pull(&weights)));
    if let Some(signal) = signal {
        return Err(signal);
    }
    let gradient = pulled.map_err(|error| no_derivative(model, &request, error))?;
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
    let problem = request.problem(py, &model.get().compiled)?;
    let (result, signal) = interruptible(py, |asked| problem.interrupt(asked).tangents(&names));
    if let Some(signal) = signal {
        return Err(signal);
    }
    let tangents = result.map_err(|error| no_derivative(model, &request, error))?;
    let solution = tangents.solution();
    let width = solution.state_names().len() + solution.output_names().len();
    let values = PyArray1::from_slice(py, tangents.values()).reshape([solution.len(), width, by.len()])?;
    Ok((rows(py, solution)?, values.into_any()))
}

fn no_derivative(model: &Bound<Model>, request: &Request, error: DerivativeError) -> PyErr {
    let py = model.py();
    match error {
        DerivativeError::Name(name) => errors::unknown(py, name.to_string()),
        DerivativeError::Solve(SolveError::Failed(failure)) => {
            let partial = (*failure.partial).clone();
            let partial = Solution::of(partial, model.clone().unbind(), model.get().compiled.clone(), request.clone());
            let partial = partial.into_pyobject(py).ok().map(Bound::into_any);
            errors::failed(py, &failure.to_string(), kind(&failure), failure.time, partial)
        }
        error => errors::input(py, error.to_string()),
    }
}
