//! The integration methods, one file each: what it is, where it comes from, its coefficients, its step.

pub mod bdf;
pub mod dop853;
pub mod rodas4;
pub mod rodas5p;
pub mod rosenbrock23;
pub mod tsit5;
