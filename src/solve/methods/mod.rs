//! The integration methods, one file each: what it is, where it comes from, its coefficients, its step.

pub mod bdf;
pub mod bosh3;
pub mod dop853;
pub mod kencarp4;
pub mod kvaerno5;
pub mod radau;
pub mod rodas4;
pub mod rodas5p;
pub mod rosenbrock23;
pub mod trbdf2;
pub mod tsit5;
pub mod vern7;
pub mod vern9;

use super::Method;
use super::tableau::Explicit;

/// The tableau of an explicit Runge–Kutta method; `None` for the others.
pub fn tableau(method: Method) -> Option<&'static Explicit> {
    match method {
        Method::Bosh3 => Some(&bosh3::BOSH3),
        Method::Tsit5 => Some(&tsit5::TSIT5),
        Method::Vern7 => Some(&vern7::VERN7),
        Method::Dop853 => Some(&dop853::DOP853),
        Method::Vern9 => Some(&vern9::VERN9),
        _ => None,
    }
}
