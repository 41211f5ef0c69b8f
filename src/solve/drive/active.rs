//! The method of a run.

use crate::solve::auto::Auto;
use crate::solve::explicit::ExplicitStepper;
use crate::solve::low_storage::LowStorageStepper;
use crate::solve::methods::{self, adams::Adams, dprkn6::Dprkn6, rdpk3sp49::RDPK3SP49, rkc::Rkc, taylor::Taylor};
use crate::solve::problem::Problem;
use crate::solve::stepper::Stepper;
use crate::solve::symplectic::SymplecticStepper;
use crate::solve::{ErrorKind, Method};

/// The active method: `auto` is told apart because it may change method between steps.
pub enum Active {
    /// `auto`
    Auto(Box<Auto>),
    /// Any other.
    Fixed(Box<dyn Stepper>),
}

impl Active {
    /// That of the options.
    ///
    /// # Errors
    /// If it cannot solve the system.
    pub fn new(method: Method, problem: &mut Problem) -> Result<Self, ErrorKind> {
        if let Some(tableau) = methods::tableau(method) {
            return Ok(Active::Fixed(Box::new(ExplicitStepper::new(tableau, problem))));
        }
        if let Some(constants) = methods::symplectic_method(method) {
            return Ok(Active::Fixed(Box::new(SymplecticStepper::new(constants, problem)?)));
        }
        if let Some(stepper) = methods::implicit(method, problem)? {
            return Ok(Active::Fixed(stepper));
        }
        Ok(match method {
            Method::Adams => Active::Fixed(Box::new(Adams::new(problem.dim()))),
            Method::Rdpk3Sp49 => Active::Fixed(Box::new(LowStorageStepper::new(&RDPK3SP49, problem.dim()))),
            Method::Rkc => Active::Fixed(Box::new(Rkc::new(problem.dim()))),
            Method::Dprkn6 => Active::Fixed(Box::new(Dprkn6::new(problem)?)),
            Method::Taylor => Active::Fixed(Box::new(Taylor::new(problem)?)),
            // `auto`; the others were above.
            _ => Active::Auto(Box::new(Auto::new(problem))),
        })
    }

    /// Its stepper.
    pub fn stepper(&mut self) -> &mut dyn Stepper {
        match self {
            Active::Auto(auto) => auto.as_mut(),
            Active::Fixed(stepper) => stepper.as_mut(),
        }
    }
}
