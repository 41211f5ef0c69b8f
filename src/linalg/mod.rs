//! Matrices as the solvers need them: sparsity patterns and factorisations of `W = M/(γh) − J`.

mod band;
mod blocks;
mod dense;
mod eigenvalues;
mod elimination;
mod eliminator;
mod hybrid;
mod krylov;
mod order;
mod pattern;
mod pivoted;
mod refined;
pub mod rows;
mod scalar;
mod shifted;
mod shifted_complex;
#[cfg(feature = "sparse")]
mod sparse;
mod strategy;
mod valued;

pub use band::BandLu;
pub use dense::{DenseFactors, DenseLu};
pub use eigenvalues::eigenvalues;
pub use elimination::{Elimination, Sources};
pub use eliminator::{Eliminator, GOOD, GOOD_IN_SINGLE, TINY, TableEliminator};
pub use hybrid::HybridEliminator;
pub use krylov::Krylov;
pub use order::reverse_cuthill_mckee;
pub use pattern::Pattern;
pub use pivoted::{Pivoted, narrow_band};
pub use refined::Refined;
pub use scalar::{Complex, Scalar};
pub use shifted::{Shifted, TooLarge};
pub use shifted_complex::ShiftedComplex;
#[cfg(feature = "sparse")]
pub use sparse::SparseLu;
pub use strategy::{Choice, Kind, Strategy, choose};
pub use valued::plan_for_values;
