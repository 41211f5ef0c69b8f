//! Rhapsode: a symbolic-to-compiled ODE compiler.

pub mod backend;
pub mod diag;
pub mod kernel;
pub mod lang;
pub mod linalg;
pub mod math;
pub mod solve;
pub mod source;
pub mod system;
