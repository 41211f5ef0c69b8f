//! Native code through Cranelift.
//!
//! Settings follow measurements: no mid-end optimisation (sharing, folding and scheduling are done in the lowered
//! form), the backtracking register allocator (the single-pass one for very large programs), no verifier in release
//! builds. One function per piece; kernels of several pieces get a driver that calls them in order.
//!
//! Invariant: code is immutable and lives exactly as long as the [`Native`] that owns it.

mod code;
mod loops;
mod piece;

pub use code::{Listing, Native, NativeError, host_description, listing};
