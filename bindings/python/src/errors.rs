//! Errors of the library as the exceptions of `rhapsode._errors`.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rhapsode::Errors;

/// The exception of that class.
fn exception<'py>(py: Python<'py>, class: &str, message: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("rhapsode._errors")?.getattr(class)?.call1((message,))
}

fn raised(exception: PyResult<Bound<PyAny>>) -> PyErr {
    match exception {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// What was asked for makes no sense: the sentence names the argument.
pub fn input(py: Python, message: impl AsRef<str>) -> PyErr {
    raised(exception(py, "InputError", message.as_ref()))
}

/// As [`input`], in the place of an exception whose words do not say where, and which becomes the cause. Ctrl-C stays what it is.
pub fn input_for(py: Python, cause: PyErr, message: impl AsRef<str>) -> PyErr {
    if !cause.is_instance_of::<PyException>(py) {
        return cause;
    }
    let error = input(py, message);
    error.set_cause(py, Some(cause));
    error
}

/// There is no such name.
pub fn unknown(py: Python, message: impl AsRef<str>) -> PyErr {
    raised(exception(py, "UnknownNameError", message.as_ref()))
}

/// A request that makes no sense; becomes an exception where one is raised.
pub enum Refusal {
    /// As [`input`].
    Input(String),
    /// As [`unknown`].
    Unknown(String),
}

impl Refusal {
    /// What is wrong.
    pub fn sentence(self) -> String {
        match self {
            Refusal::Input(sentence) | Refusal::Unknown(sentence) => sentence,
        }
    }
}

impl From<Refusal> for PyErr {
    fn from(refusal: Refusal) -> PyErr {
        Python::attach(|py| match refusal {
            Refusal::Input(sentence) => input(py, sentence),
            Refusal::Unknown(sentence) => unknown(py, sentence),
        })
    }
}

/// A model's diagnostics, rendered as the command does, and each as a dict.
pub fn model(py: Python, errors: &Errors) -> PyErr {
    let build = || {
        let list = PyList::empty(py);
        for diagnostic in errors.diagnostics() {
            let entry = PyDict::new(py);
            let source = errors.sources().find(diagnostic.span.start);
            let (line, column) = source.line_column(diagnostic.span.start);
            entry.set_item("code", diagnostic.code.to_string())?;
            entry.set_item("message", &diagnostic.message)?;
            entry.set_item("file", source.name())?;
            entry.set_item("line", line)?;
            entry.set_item("column", column)?;
            entry.set_item("help", &diagnostic.help)?;
            list.append(entry)?;
        }
        let value = exception(py, "ModelError", errors.render(false).trim_end())?;
        value.setattr("diagnostics", list)?;
        Ok(value)
    };
    raised(build())
}

/// A run that could not reach its end.
pub fn failed(py: Python, message: &str, kind: &str, time: f64) -> PyErr {
    let build = || {
        let value = exception(py, "SolveError", message)?;
        value.setattr("kind", kind)?;
        value.setattr("time", time)?;
        Ok(value)
    };
    raised(build())
}
