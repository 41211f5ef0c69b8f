//! The lowered form: programs of kernels, their text, their verifier, and the way into it from equations.

pub mod control;
mod delays;
pub mod drive;
mod elimination;
mod emit;
mod events;
mod lower;
pub mod program;
mod pull;
mod series;
pub mod step;
mod straight;
mod tables;
mod text;
mod verify;

pub use delays::DelayPlan;
pub use elimination::{lower_elimination, lower_elimination_within, substitute};
pub use events::EventPlan;
pub use lower::{Lowered, MatrixPlan, Target64, lower, lower_as, lower_jacobian_product, lower_matrix};
pub use pull::lower_pull;
pub use series::{lower_taylor, lower_taylor_derivatives};
pub use tables::{Form, choose};
pub use verify::{Invalid, bounds, verify};
