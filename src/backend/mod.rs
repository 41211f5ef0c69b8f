//! Backends: ways to run a verified [`Program`].
//!
//! A backend is a type with the trait [`Kernels`]: immutable, shared between threads, all mutable memory the
//! caller's. [`interpret::Interpreter`] defines the meaning; `native::Native` (feature `jit`) agrees with it bit for
//! bit. It knows nothing of models or expressions.

pub mod ahead;
pub mod c;
mod eliminator;
pub mod header;
pub mod interpret;
#[cfg(feature = "jit")]
pub mod native;
mod series;
mod step;
mod system;

pub use eliminator::CompiledEliminator;
pub use system::{CompiledSystem, MatrixMaker, PullMaker, SeriesDerivativesMaker, SeriesMaker};

use crate::kernel::program::{Lengths, Program};
use std::sync::Arc;

/// The position of a kernel in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelId(pub usize);

/// The arguments all kernels share, in the precision of their numbers. Each slice must be at least as long as [`Kernels::lengths`] says.
#[derive(Debug)]
pub struct Arguments<'a, T = f64> {
    /// Independent variable.
    pub t: f64,
    /// State.
    pub y: &'a [T],
    /// Bound parameters.
    pub p: &'a [T],
    /// Direction (products only).
    pub v: &'a [T],
    /// Work space; contents need not survive between calls.
    pub w: &'a mut [T],
    /// Result.
    pub out: &'a mut [T],
}

/// The kernels of one program, ready to run.
pub trait Kernels: Send + Sync {
    /// The kernel of that name.
    fn find(&self, name: &str) -> Option<KernelId>;

    /// How long the buffers of a call must be at least; `w` includes what the backend needs for itself.
    fn lengths(&self, kernel: KernelId) -> Lengths;

    /// Runs a kernel.
    ///
    /// # Panics
    /// If a slice is shorter than [`Kernels::lengths`] says.
    fn call(&self, kernel: KernelId, arguments: Arguments<'_>);

    /// Another program made ready in the same way; `None` if that fails.
    fn another(&self, program: &Program) -> Option<Self>
    where
        Self: Sized;

    /// A program made ready in single precision: every number of it, and the value of every operation, rounded to that;
    /// elementary functions are those of doubles. `None` if that fails.
    fn single(&self, program: &Program) -> Option<Arc<dyn SingleKernels>>;

    /// Bytes of machine code; 0 where there is none.
    fn code_bytes(&self) -> usize {
        0
    }
}

/// The kernels of one program in single precision.
pub trait SingleKernels: Send + Sync {
    /// How long the buffers of a call must be at least.
    fn lengths(&self, kernel: KernelId) -> Lengths;

    /// Runs a kernel.
    ///
    /// # Panics
    /// If a slice is shorter than [`SingleKernels::lengths`] says.
    fn call(&self, kernel: KernelId, arguments: Arguments<'_, f32>);
}

/// Whether this machine fuses multiply-adds in one instruction.
pub fn host_has_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_arch = "aarch64");
}

/// A kernel's name and the lengths of its buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    pub name: &'static str,
    pub lengths: Lengths,
}

impl<T> Arguments<'_, T> {
    /// Panics unless every slice is long enough.
    #[inline]
    pub(crate) fn check(&self, lengths: &Lengths) {
        assert!(
            self.y.len() >= lengths.y
                && self.p.len() >= lengths.p
                && self.v.len() >= lengths.v
                && self.w.len() >= lengths.w
                && self.out.len() >= lengths.out,
            "a buffer is shorter than its kernel needs"
        );
    }
}
