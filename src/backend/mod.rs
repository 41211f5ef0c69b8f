//! Backends: a verified program becomes something that can be called.
//!
//! [`Kernels`] is the slot: the interpreter and native code fill it alike, and nothing above can tell them apart. What a
//! backend makes is immutable and shared; all mutable memory is the caller's.

mod interpret;
#[cfg(feature = "jit")]
mod native;
mod system;

pub use interpret::Interpreter;
#[cfg(feature = "jit")]
pub use native::{Listing, Native, NativeError, host_description, listing};
pub use system::CompiledSystem;

use crate::kernel::program::Lengths;

/// Callable kernels of one program, by their place in it.
pub trait Kernels: Send + Sync {
    /// The lengths each buffer must have; `w` includes what the backend itself needs.
    fn lengths(&self, kernel: usize) -> Lengths;

    /// Calls a kernel. Contents of `w` need not survive between calls.
    ///
    /// # Panics
    /// If a buffer is shorter than [`Self::lengths`] says.
    #[allow(clippy::too_many_arguments)]
    fn call(&self, kernel: usize, t: f64, y: &[f64], p: &[f64], v: &[f64], w: &mut [f64], out: &mut [f64]);

    /// Bytes of machine code; 0 for an interpreter.
    fn code_bytes(&self) -> usize {
        0
    }
}

/// Whether this machine fuses multiply-adds in one instruction.
pub fn host_has_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_arch = "aarch64");
}

/// Fails loudly when a caller hands over too short a buffer.
fn check_lengths(need: Lengths, y: &[f64], p: &[f64], v: &[f64], w: &[f64], out: &[f64]) {
    let have = Lengths { y: y.len(), p: p.len(), v: v.len(), w: w.len(), out: out.len() };
    let enough = have.y >= need.y && have.p >= need.p && have.v >= need.v && have.w >= need.w && have.out >= need.out;
    assert!(enough, "buffers of a kernel are too short: have {have:?}, need {need:?}");
}
