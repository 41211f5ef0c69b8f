//! Matrices as the solvers need them: sparsity patterns and factorisations of `W = M/(γh) − J`.

mod pattern;

pub use pattern::Pattern;
