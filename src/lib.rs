//! Rhapsode: a symbolic-to-compiled ODE compiler.
//!
//! A model is a page of equations. It is parsed, checked, differentiated symbolically, compiled to native code and
//! integrated:
//!
//! ```
//! let model = rhapsode::Model::parse(include_str!("../examples/models/robertson.ode"))?;
//! let compiled = model.compile()?; // native code; Send + Sync, cheap to share
//! let solution = compiled.problem().span(0.0..10.0).set("k1", 0.05)?.rtol(1e-8).solve()?;
//! let b = solution.column("B")?; // &[f64] at solution.times()
//! assert_eq!(b.len(), solution.times().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without the feature `compiler` (`default-features = false`) what remains is the runtime: methods, linear algebra and
//! elementary functions for systems that are functions, hand-written or compiled ahead of time (`rhapsode build`).
//!
//! # A guided tour
//! `Source ─lang::parse→ Ast ─model::check→ Model ─diff::derive→ Derivatives ─kernel::lower→ Program ─backend→ System
//! ─solve::integrate→ Solution`: each arrow is one public function. The compiler column (`source diag lang expr model
//! diff kernel backend`) and the runtime column (`linalg system solve sensitivity`) meet only in [`system::System`]; a hand-written
//! system ([`system::ClosureSystem`]) is integrated like a compiled one:
//!
//! ```
//! use rhapsode::solve::{Options, integrate};
//! use rhapsode::system::ClosureSystem;
//! let decay = ClosureSystem::new(1, 1, |_t, y, p, dy| dy[0] = -p[0] * y[0]);
//! let solution = integrate(&decay, &[1.0], &[2.0], &Options::new(0.0, 1.0))?;
//! assert!((solution.last()[0] - (-2.0f64).exp()).abs() < 1e-5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "compiler")]
pub mod backend;
pub mod curve;
#[cfg(feature = "compiler")]
mod dae;
#[cfg(feature = "compiler")]
pub mod diag;
#[cfg(feature = "compiler")]
pub mod diff;
#[cfg(feature = "compiler")]
pub mod elaborate;
#[cfg(feature = "compiler")]
pub mod expr;
#[cfg(feature = "compiler")]
mod facade;
#[cfg(feature = "compiler")]
pub mod foreign;
#[cfg(feature = "compiler")]
pub mod kernel;
#[cfg(feature = "compiler")]
pub mod lang;
pub mod linalg;
pub mod math;
#[cfg(feature = "compiler")]
pub mod model;
pub mod name;
mod order;
pub mod sensitivity;
pub mod solve;
#[cfg(feature = "compiler")]
pub mod source;
pub mod system;

#[cfg(feature = "ahead")]
pub use facade::{AheadError, AheadOfTime, AheadOptions};
#[cfg(feature = "compiler")]
pub use facade::{
    Backend, CompileError, Compiled, DerivativeError, Ensemble, EnsembleError, Errors, FileLoader, Gradient, HostError,
    Keep, LOG_LIKELIHOOD, MissingParameter, Model, Objective, ObjectiveError, OutsideData, Prediction, Problem,
    Quantiles, Record, Recorded, SensitivityError, Show, Sketch, SolveError, Steady, THREADS, Tangents, UnknownName,
    Valued, Way, derivative_names, threads_by_default,
};

#[cfg(feature = "compiler")]
pub use foreign::HostFunction;

/// This machine as the compiler sees it: target triple, features in use, vector width.
///
/// # Errors
/// A sentence, where no native code can be made.
#[cfg(feature = "compiler")]
pub fn target_description() -> Result<String, String> {
    #[cfg(feature = "jit")]
    return backend::native::target().map(|target| target.to_string());
    #[cfg(not(feature = "jit"))]
    return Ok(format!("target: {}\nnative code: not in this build (feature `jit`)", target_lexicon::HOST));
}
