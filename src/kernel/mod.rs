//! The lowered form: programs of kernels, their text, their verifier, and the way into it from equations.

pub mod program;
