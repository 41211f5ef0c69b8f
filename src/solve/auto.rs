//! `auto`: starts explicit, measures stiffness along the path, and changes method when the evidence holds.
//!
//! Explicit means DOP853 where the tolerance is tight and Tsit5 where it is loose; implicit means Rodas5P for small
//! systems and BDF for large ones. To implicit: the explicit method's steps have sat at its stability limit (its own
//! estimate of |hλ|, H&W IV.2) for several steps, or half-way there for many, or it fails. Back: a bound of |hλ| says
//! that the same steps would be far inside the explicit stability region for many steps, or a trial of the implicit
//! method did not lengthen the steps; each failed trial doubles the evidence asked for the next.

use super::ErrorKind;
use super::explicit::ExplicitStepper;
use super::methods::bdf::Bdf;
use super::methods::dop853::DOP853;
use super::methods::rodas5p::Rodas5P;
use super::methods::tsit5::TSIT5;
use super::problem::Problem;
use super::stepper::Stepper;

/// Larger stiff systems are given to BDF, smaller ones to Rodas5P.
const SMALL: usize = 500;
/// Below this relative tolerance order 8 is cheaper than order 5.
const TIGHT: f64 = 1e-5;
/// Beyond this size systems without a narrow band stay explicit as long as that goes on at all: a sparse factorisation of
/// a two- or three-dimensional grid fills in so much that one costs as much as thousands of explicit steps.
const LARGEST: usize = 20_000;
/// Share of the stability limit that counts as sitting at it, and the points of evidence it gives.
const AT_LIMIT: (f64, i32) = (0.8, 40);
/// Share of the stability limit on the imaginary axis, where regions end earlier, and its points.
const NEAR_LIMIT: (f64, i32) = (0.25, 1);
/// Points that make a switch to the implicit method; a step far inside the stability region takes five away.
const ENOUGH: i32 = 480;
/// Bound of |hλ| below which a step speaks for the explicit method.
const RELAXED: f64 = 0.7;
/// So many relaxed steps in a row switch back; so many steps decide a trial.
const RELAXED_STEPS: u32 = 40;
/// A trial has failed if the implicit steps are not so many times longer.
const WORTHWHILE: f64 = 6.0;

/// Whether factorising W would cost more than it can save.
fn too_costly(problem: &Problem) -> bool {
    problem.dim() > LARGEST && crate::linalg::narrow_band(problem.system.jacobian_pattern()).is_none()
}

/// The chooser, itself a stepper.
pub struct Auto {
    explicit: ExplicitStepper,
    implicit: Option<Box<dyn Stepper>>,
    stiff: bool,
    evidence: i32,
    /// Points asked for; doubled by every failed trial.
    enough: i32,
    relaxed: u32,
    /// Steps since the switch to the implicit method, and the explicit step before it.
    since_switch: u32,
    explicit_step: f64,
    /// The longest implicit step of the trial.
    longest: f64,
    used: Vec<&'static str>,
    /// Entries of J beyond which no implicit method is tried, for want of memory.
    max_entries: usize,
}

impl Auto {
    /// Starts explicit.
    pub fn new(problem: &Problem) -> Self {
        let method = if problem.rtol < TIGHT { &DOP853 } else { &TSIT5 };
        Auto {
            explicit: ExplicitStepper::new(method, problem.dim()),
            implicit: None,
            stiff: false,
            evidence: 0,
            enough: ENOUGH,
            relaxed: 0,
            since_switch: 0,
            explicit_step: 0.0,
            longest: 0.0,
            used: vec![method.name],
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
                    return Err(ErrorKind::Memory(
                        16 * problem.system.jacobian_entries() as u64,
                        16 * self.max_entries as u64,
                    ));
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
        self.relaxed = 0;
        self.since_switch = 0;
        self.longest = 0.0;
        self.explicit_step = h.abs();
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
            self.relaxed = if relaxed { self.relaxed + 1 } else { 0 };
            self.since_switch += 1;
            self.longest = self.longest.max(self.current().h().abs());
            return Ok(());
        }
        match self.explicit.step(problem, end) {
            Ok(()) => {
                let share = self.explicit.stiffness();
                let points =
                    [AT_LIMIT, NEAR_LIMIT].iter().find(|(limit, _)| share > *limit).map_or(-5, |(_, points)| *points);
                self.evidence = (self.evidence + points).max(0);
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

    fn interpolate(&mut self, problem: &mut Problem, t: f64, out: &mut [f64]) {
        // `reconsider` comes before the next step, so this is still the method that took the last one.
        self.current().interpolate(problem, t, out);
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
        if !self.stiff && self.evidence >= self.enough {
            let h = self.explicit.h();
            if too_costly(problem) || self.go_stiff(problem, h).is_err() {
                // No memory or no use for it: go on as before, and do not ask again at every step.
                self.evidence = 0;
                self.enough = i32::MAX;
            }
        } else if self.stiff && self.relaxed >= RELAXED_STEPS {
            self.go_explicit(problem)?;
        } else if self.stiff && self.since_switch == RELAXED_STEPS && self.longest < WORTHWHILE * self.explicit_step {
            self.enough = self.enough.saturating_mul(2);
            self.go_explicit(problem)?;
        }
        Ok(())
    }
}
