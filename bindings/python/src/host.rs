//! Functions of Python that a model calls (`extern fn`).
//!
//! An exception in one cannot pass through compiled code: it is kept, the function is no number, and the exception is raised when the
//! run has ended. Each thread keeps its own: a run calls in the thread that asked for it, or in one of its ensemble's.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyTuple};
use rhapsode::HostFunction;

use crate::errors;
use crate::request::numbers;

thread_local! {
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Works, and gives the first exception of a function that was called meanwhile.
pub fn watched<T>(work: impl FnOnce() -> T) -> (T, Option<PyErr>) {
    // What was raised before is of no interest any more.
    raised();
    let result = work();
    (result, raised())
}

/// Whether a function that was called in this thread has raised an exception, which [`raised`] gives.
fn has_raised() -> bool {
    RAISED.with_borrow(Option::is_some)
}

/// The first exception of a function that was called in this thread, since this was asked last.
pub fn raised() -> Option<PyErr> {
    RAISED.take()
}

/// Whether to give up: a function has raised an exception, or Ctrl-C was pressed, which is kept as one.
pub fn interrupted() -> bool {
    has_raised() || Python::attach(|py| py.check_signals().map_err(|error| RAISED.set(Some(error))).is_err())
}

/// From a callable, or a tuple of a callable and those of its first and second derivatives.
pub fn function(py: Python, name: &str, given: &Bound<PyAny>) -> PyResult<HostFunction> {
    let parts: Vec<Bound<PyAny>> = match given.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().collect(),
        Err(_) => vec![given.clone()],
    };
    if parts.is_empty() || parts.len() > 3 || !parts.iter().all(|part| part.is_callable()) {
        let sentence = "a function, or a tuple of a function, its gradient and its hessian";
        return Err(errors::input(py, format!("functions[{name:?}] must be {sentence}, found {given}")));
    }
    let mut parts = parts.into_iter().map(Bound::unbind);
    let Some(value) = parts.next() else { return Err(errors::input(py, format!("functions[{name:?}] is empty"))) };
    let what = format!("what `{name}` returns");
    let mut host =
        HostFunction::new(move |x| called(x, |py, x| one(&what, value.call1(py, x)?.bind(py))).unwrap_or(f64::NAN));
    let filled = |derivative: Py<PyAny>, what: String| {
        move |x: &[f64], out: &mut [f64]| {
            let wanted = out.len();
            let read = called(x, |py, x| {
                let read = numbers(&what, derivative.call1(py, x)?.bind(py))?.0;
                let found = read.len();
                let sentence = || format!("{what} has {wanted} numbers, found {found}");
                if found == wanted { Ok(read) } else { Err(errors::input(py, sentence())) }
            });
            match read {
                Some(read) => out.copy_from_slice(&read),
                None => out.fill(f64::NAN),
            }
        }
    };
    if let Some(gradient) = parts.next() {
        host = host.gradient(filled(gradient, format!("the gradient of {name}")));
    }
    if let Some(hessian) = parts.next() {
        host = host.hessian(filled(hessian, format!("the hessian of {name}")));
    }
    Ok(host)
}

/// A number, or an array of one.
fn one(what: &str, value: &Bound<PyAny>) -> PyResult<f64> {
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(number.value());
    }
    match numbers(what, value)?.0.as_slice() {
        [number] => Ok(*number),
        more => Err(errors::input(value.py(), format!("{what} must be one number, found {}", more.len()))),
    }
}

/// What a call with these arguments gives; nothing where it raises, now or before.
fn called<T>(x: &[f64], call: impl FnOnce(Python, Bound<PyTuple>) -> PyResult<T>) -> Option<T> {
    if has_raised() {
        return None;
    }
    Python::attach(|py| {
        let result = PyTuple::new(py, x).and_then(|x| call(py, x));
        result.map_err(|error| RAISED.set(Some(error))).ok()
    })
}
