//! Matrices as the solvers need them: sparsity patterns and factorisations of `W = M/(γh) − J`.

mod band;
mod dense;
mod order;
mod pattern;
mod shifted;
#[cfg(feature = "sparse")]
mod sparse;

pub use band::BandLu;
pub use dense::DenseLu;
pub use order::reverse_cuthill_mckee;
pub use pattern::Pattern;
pub use shifted::{Shifted, TooLarge, narrow_band};
#[cfg(feature = "sparse")]
pub use sparse::SparseLu;
