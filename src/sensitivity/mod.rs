//! Exact derivatives of the numbers a run returns: of the steps that were taken, not of the equations once more.
//!
//! [`Forward`] listens to a run and carries S = ∂y/∂q along with it; [`Tape`] listens and keeps what a sweep back through the
//! run needs ([`Tape::pull`]), whose cost does not depend on the number of parameters. Both read the same lists of
//! instructions ([`program`]), one down, the other up, so that they are transposes of each other but for rounding. The
//! lengths of steps, orders and methods are taken as they were: what the run would do at other parameters near by.
//!
//! At events `moment` says what becomes of S and of its adjoint.
//!
//! Nothing here knows of models: what is differentiated comes from [`crate::system::System::derivative`].

mod forward;
mod happening;
mod linear;
mod moment;
pub mod program;
mod tape;
mod whole;

pub use forward::Forward;
pub use linear::Part;
pub use tape::{Gradient, Tape};
