//! Whole steps as kernels: a method's formula and a model's right-hand side become one straight line of operations.
//!
//! The lowered right-hand side is executed symbolically once per stage (`inline`): loops unroll, the work buffer and the
//! result disappear into values. What remains has no branch and no loop, and every operation acts on one number of one
//! trajectory: the same lines may run on one lane or on several, in any precision. Stages go to the work buffer as they
//! are made and are read back where they are used, so that few values are alive at a time.

mod adjoint;
mod along;
mod collocation;
mod complex;
mod dense;
mod difference_tangent;
mod explicit;
mod explicit_tangent;
mod inline;
mod jacobian;
mod lanes;
mod moves;
mod newton;
mod norm;
mod rosenbrock;
mod rosenbrock_adjoint;
mod rosenbrock_stages;
mod rosenbrock_tangent;
mod settle;
mod sums;
mod taylor;
mod time;

pub use adjoint::{Begin, Entries, explicit_adjoint};
pub use collocation::{CollocationParts, collocation_step};
pub use dense::{explicit_dense, rosenbrock_dense, rosenbrock_prepare};
pub use difference_tangent::{DifferenceParts, difference_tangent};
pub use explicit::{explicit_interpolant, explicit_step};
pub use explicit_tangent::explicit_tangent;
pub use inline::{operations, statements};
pub use lanes::{for_single, side_by_side};
pub use newton::newton_iterations;
pub use rosenbrock::{Parts, rosenbrock_step};
pub use rosenbrock_adjoint::rosenbrock_adjoint;
pub use rosenbrock_stages::StageParts;
pub use rosenbrock_tangent::rosenbrock_tangent;
pub use settle::settle;
pub use taylor::taylor_step;
