//! Integrators: a [`System`] and [`Options`] in, a [`Solution`] out.

mod failure;
mod options;
mod solution;

pub use failure::{ErrorKind, Failure};
pub use options::{Options, Save, Tolerance};
pub use solution::{Solution, Statistics, UnknownColumn};

use crate::system::System;

/// The integrators. `name()` is what the command line and Python accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Starts right for the problem and switches on evidence measured along the path.
    Auto,
    /// Explicit Runge–Kutta 5(4), Tsitouras 2011.
    Tsit5,
    /// Rosenbrock–Wanner 5(4), Steinebach 2023.
    Rodas5P,
    /// Variable-order backward differentiation, orders 1 to 5.
    Bdf,
}

impl Method {
    /// All of them.
    pub const ALL: &'static [Method] = &[Method::Auto, Method::Tsit5, Method::Rodas5P, Method::Bdf];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Auto => "auto",
            Method::Tsit5 => "Tsit5",
            Method::Rodas5P => "Rodas5P",
            Method::Bdf => "BDF",
        }
    }

    /// The method of that name, upper or lower case.
    pub fn find(name: &str) -> Option<Method> {
        Method::ALL.iter().copied().find(|method| method.name().eq_ignore_ascii_case(name))
    }
}

/// Integrates `y' = f(t, y, p)` from `y0`.
///
/// # Errors
/// [`Failure`], with everything saved up to then, when the run cannot reach its end.
pub fn integrate(_system: &dyn System, _y0: &[f64], _p: &[f64], _options: &Options) -> Result<Solution, Failure> {
    unreachable!("written next")
}
