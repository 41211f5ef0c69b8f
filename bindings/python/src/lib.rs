//! The native part of the Python package `rhapsode`: a thin layer over the crate's facade.
//!
//! What belongs to Python's world (tracing, tables, figures, display) is written in Python, in `python/rhapsode`; here is
//! what must be fast or must not hold the interpreter's lock.

mod crossings;
mod ensemble;
mod errors;
mod gradients;
mod host;
mod ivp;
mod model;
mod request;
mod solution;
mod xla;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What `pickle` asks for: a function of this module, and its arguments.
type Reduced<'py> = PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>;

fn reduced<'py>(function: &str, arguments: Bound<'py, PyTuple>) -> Reduced<'py> {
    Ok((arguments.py().import("rhapsode._core")?.getattr(function)?, arguments))
}

#[pymodule]
fn _core(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_class::<model::Model>()?;
    m.add_class::<solution::Solution>()?;
    m.add_class::<ivp::Interpolant>()?;
    m.add_class::<gradients::Asked>()?;
    m.add_function(wrap_pyfunction!(ensemble::ensemble_runs, m)?)?;
    m.add_function(wrap_pyfunction!(gradients::objective, m)?)?;
    m.add_function(wrap_pyfunction!(model::compile, m)?)?;
    m.add_function(wrap_pyfunction!(model::load, m)?)?;
    m.add_function(wrap_pyfunction!(model::rebuild, m)?)?;
    m.add_function(wrap_pyfunction!(solution::restore, m)?)?;
    m.add_function(wrap_pyfunction!(ivp::restore_interpolant, m)?)?;
    m.add_function(wrap_pyfunction!(ivp::solve_traced, m)?)?;
    m.add_function(wrap_pyfunction!(ivp::solve_called, m)?)?;
    m.add_function(wrap_pyfunction!(request::methods, m)?)?;
    m.add_function(wrap_pyfunction!(xla::keep_curves, m)?)?;
    m.add_function(wrap_pyfunction!(xla::drop_curves, m)?)?;
    m.add_function(wrap_pyfunction!(xla::xla_handlers, m)?)?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))
}
