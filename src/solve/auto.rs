//! `auto`: starts explicit, measures stiffness along the path, and changes method when the evidence holds.
//!
//! To implicit: the explicit method's steps have sat at its stability limit (its own estimate of |hλ|, H&W IV.2) for
//! several steps, or it fails. Back: a bound of |hλ| says that the same steps would be far inside the explicit
//! stability region for many steps. The second threshold is far below the first, so that there is no flutter.

use super::methods::bdf::Bdf;
use super::methods::rodas5p::Rodas5P;
use super::methods::tsit5::Tsit5;
use super::problem::Problem;
use super::stepper::Stepper;
use super::ErrorKind;

/// Larger stiff systems are given to BDF, smaller ones to Rodas5P.
const SMALL: usize = 500;
/// Share of the stability limit that counts as sitting at it.
const AT_LIMIT: f64 = 0.8;
/// So many points of evidence make a switch to the implicit method; a step inside the limit takes one away.
const EVIDENCE_STIFF: u32 = 12;
/// Bound of |hλ| below which a step speaks for the explicit method.
const RELAXED: f64 = 0.7;
/// So many relaxed steps in a row switch back.
const EVIDENCE_RELAXED: u32 = 40;

/// The chooser, itself a stepper.
pub struct Auto {
    explicit: Tsit5,
    implicit: Option<Box<dyn Stepper>>,
    stiff: bool,
    evidence: u32,
    used: Vec<&'static str>,
    /// Entries of J beyond which no implicit method is tried, for want of memory.
    max_entries: usize,
}

impl Auto {
    /// Starts explicit.
    pub fn new(problem: &Problem) -> Self {
        Auto {
            explicit: Tsit5::new(problem.dim()),
            implicit: None,
            stiff: false,
            evidence: 0,
            used: vec!["Tsit5"],
            max_entries: 200_000_000,
        }
    }

    /// The methods used, in order of first use.
    pub fn used(&self) -> String {
        self.used.join("+")
    }

    fn current(&mut self) -> &mut dyn Stepper {
        match (&mut self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.as_mut(),
            _ => &mut self.explicit,
        }
    }

    fn go_stiff(&mut self, problem: &mut Problem, h: f64) -> Result<(), ErrorKind> {
        let (t, y) = (self.explicit.t(), self.explicit.y().to_vec());
        let implicit = match &mut self.implicit {
            Some(implicit) => implicit,
            slot => {
                if problem.system.jacobian_entries() > self.max_entries {
                    return Err(ErrorKind::Memory(16 * problem.system.jacobian_entries() as u64, 16 * self.max_entries as u64));
                }
                let made: Box<dyn Stepper> = match problem.dim() <= SMALL {
                    true => Box::new(Rodas5P::new(problem)?),
                    false => Box::new(Bdf::new(problem)?),
                };
                slot.insert(made)
            }
        };
        implicit.start(problem, t, &y, h)?;
        if !self.used.contains(&implicit.name()) {
            self.used.push(implicit.name());
        }
        self.stiff = true;
        self.evidence = 0;
        problem.statistics.switches += 1;
        Ok(())
    }

    fn go_explicit(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        let (t, y, h) = {
            let current = self.current();
            (current.t(), current.y().to_vec(), current.h())
        };
        self.explicit.start(problem, t, &y, 0.1 * h)?;
        self.stiff = false;
        self.evidence = 0;
        problem.statistics.switches += 1;
        Ok(())
    }
}

impl Stepper for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.evidence = 0;
        self.current().start(problem, t, y, h)
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        if self.stiff {
            self.current().step(problem, end)?;
            let relaxed = self.current().stiffness() < RELAXED;
            self.evidence = if relaxed { self.evidence + 1 } else { 0 };
            // Switching between steps keeps the interpolant of the step just taken: `current` still answers for it
            // until the next step begins.
            return Ok(());
        }
        match self.explicit.step(problem, end) {
            Ok(()) => {
                let at_limit = self.explicit.stiffness() > AT_LIMIT;
                self.evidence = if at_limit { self.evidence + 1 } else { self.evidence.saturating_sub(1) };
                Ok(())
            }
            Err(kind @ (ErrorKind::StepTooSmall(_) | ErrorKind::NotFinite(_))) => {
                // The explicit method cannot go on; perhaps the implicit one can.
                if self.go_stiff(problem, 0.0).is_err() {
                    return Err(kind);
                }
                self.current().step(problem, end)
            }
            Err(kind) => Err(kind),
        }
    }

    fn t(&self) -> f64 {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.t(),
            _ => self.explicit.t(),
        }
    }

    fn y(&self) -> &[f64] {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.y(),
            _ => self.explicit.y(),
        }
    }

    fn h(&self) -> f64 {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.h(),
            _ => self.explicit.h(),
        }
    }

    fn interpolate(&mut self, t: f64, out: &mut [f64]) {
        self.current().interpolate(t, out);
    }

    fn stiffness(&self) -> f64 {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.stiffness(),
            _ => self.explicit.stiffness(),
        }
    }
}

impl Auto {
    /// Changes method if the evidence says so; called between steps.
    ///
    /// # Errors
    /// If the other method cannot start and this one cannot go on.
    pub fn reconsider(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        if !self.stiff && self.evidence >= EVIDENCE_STIFF {
            let h = self.explicit.h();
            if self.go_stiff(problem, h).is_err() {
                // No memory for it: go on as before, and do not ask again at every step.
                self.evidence = 0;
            }
        } else if self.stiff && self.evidence >= EVIDENCE_RELAXED {
            self.go_explicit(problem)?;
        }
        Ok(())
    }
}
