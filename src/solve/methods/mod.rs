//! The integration methods, one file each: what it is, where it comes from, its coefficients, its step.

pub mod bdf;
pub mod dop853;
pub mod rodas5p;
pub mod tsit5;
