//! Rhapsode for C: opaque handles, status codes, messages by handle.
//!
//! `border` is the one place that touches what C hands in: pointers become slices and texts there, and panics become statuses.
//! A handle is a number in a pointer's clothes, looked up in a `table`: it is never followed, so that one that was freed is an
//! error and not a crash. The header in `include/` is made from the signatures and comments of these files.
// The names are those of the header.
#![allow(non_camel_case_types)]

mod border;
mod function;
mod model;
mod problem;
mod solution;
mod status;
mod table;
mod workspace;

pub use function::*;
pub use model::*;
pub use problem::*;
pub use solution::*;
pub use status::{rhapsode_last_error, rhapsode_status};
pub use workspace::*;
