//! Exact derivatives of the numbers a run returns: of the steps that were taken, not of the equations once more.
//!
//! [`Forward`] listens to a run and carries S = ∂y/∂q along with it; [`Tape`] listens and keeps what a sweep back through the
//! run needs ([`Tape::pull`]), whose cost does not depend on the number of parameters. Both read the same lists of
//! instructions ([`program`]), one down, the other up, so that they are transposes of each other but for rounding. The
//! lengths of steps, orders and methods are taken as they were: what the run would do at other parameters near by.
//!
//! [`Errors`] carries along what the steps themselves are off by: how far the run is from the exact solution.
//!
//! Of a run with more steps than fit into memory the last are remembered; the others are found again by running once more
//! (`steps`).
//!
//! Where there are constraints `onto` differentiates the projection onto them.
//!
//! At events `moment` says what becomes of S and of its adjoint.
//!
//! [`Tape::pull_continuously`] goes back by the adjoint equation instead, along the solution between its points.
//!
//! Nothing here knows of models: what is differentiated comes from [`crate::system::System::derivative`].

mod along;
mod continuous;
mod coupled;
mod echoes;
mod errors;
mod forward;
mod happening;
mod linear;
mod moment;
mod onto;
mod products;
pub mod program;
mod reads;
mod remembered;
mod reused;
mod series;
mod spare;
mod steps;
mod sweep;
mod tape;
mod whole;

pub use errors::Errors;
pub use forward::Forward;
pub use linear::Part;
pub use steps::Again;
pub use sweep::Sweep;
pub use tape::{Gradient, Tape};
