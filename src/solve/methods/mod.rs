//! The integration methods, one file each: what it is, where it comes from, its coefficients, its step.

pub mod adams;
pub mod bdf;
pub mod bosh3;
pub mod dop853;
pub mod dprkn6;
pub mod kencarp4;
pub mod kvaerno5;
pub mod radau;
pub mod rdpk3sp49;
pub mod rkc;
pub mod rodas4;
pub mod rodas5p;
pub mod rosenbrock23;
pub mod symplectic;
pub mod taylor;
pub mod trbdf2;
pub mod tsit5;
pub mod vern7;
pub mod vern9;

use super::collocation::RadauStepper;
use super::esdirk::EsdirkStepper;
use super::problem::Problem;
use super::rosenbrock::{Rosenbrock, RosenbrockStepper};
use super::stepper::Stepper;
use super::symplectic::Symplectic;
use super::tableau::Explicit;
use super::{ErrorKind, Method};

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

/// The constants of a symplectic method; `None` for the others.
pub fn symplectic_method(method: Method) -> Option<&'static Symplectic> {
    match method {
        Method::Verlet => Some(&symplectic::VERLET),
        Method::McLachlan4 => Some(&symplectic::MCLACHLAN4),
        Method::KahanLi6 => Some(&symplectic::KAHAN_LI6),
        Method::KahanLi8 => Some(&symplectic::KAHAN_LI8),
        _ => None,
    }
}

/// The tableau of a Rosenbrock method; `None` for the others.
pub fn rosenbrock(method: Method) -> Option<&'static Rosenbrock> {
    match method {
        Method::Rosenbrock23 => Some(&rosenbrock23::ROSENBROCK23),
        Method::Rodas4 => Some(&rodas4::RODAS4),
        Method::Rodas5P => Some(&rodas5p::RODAS5P),
        _ => None,
    }
}

/// The stepper of a method for stiff systems; `None` for the others.
///
/// # Errors
/// [`ErrorKind::Memory`] if W does not fit.
pub fn implicit(method: Method, problem: &Problem) -> Result<Option<Box<dyn Stepper>>, ErrorKind> {
    if let Some(tableau) = rosenbrock(method) {
        return Ok(Some(Box::new(RosenbrockStepper::new(tableau, problem)?)));
    }
    Ok(Some(match method {
        Method::TrBdf2 => Box::new(EsdirkStepper::new(&trbdf2::TRBDF2, problem)?),
        Method::KenCarp4 => Box::new(EsdirkStepper::new(&kencarp4::KENCARP4, problem)?),
        Method::Kvaerno5 => Box::new(EsdirkStepper::new(&kvaerno5::KVAERNO5, problem)?),
        Method::RadauIIA5 => Box::new(RadauStepper::new(method.name(), radau::FIXED, problem)?),
        Method::Radau => Box::new(RadauStepper::new(method.name(), radau::VARIABLE, problem)?),
        Method::Bdf => Box::new(bdf::Bdf::new(problem)?),
        _ => return Ok(None),
    }))
}
