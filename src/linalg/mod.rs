//! Matrices as the solvers need them: sparsity patterns and factorisations of `W = M/(γh) − J`.

mod band;
mod dense;
mod pattern;
mod shifted;
#[cfg(feature = "sparse")]
mod sparse;

pub use band::{BandLu, bandwidth};
pub use dense::DenseLu;
pub use pattern::Pattern;
pub use shifted::{Shifted, TooLarge};
#[cfg(feature = "sparse")]
pub use sparse::SparseLu;
