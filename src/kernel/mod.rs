//! The lowered form: programs of kernels, their text, their verifier, and the way into it from equations.

pub mod program;
mod text;
mod verify;

pub use verify::{Invalid, verify};
