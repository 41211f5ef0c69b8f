//! `auto`: starts right for the problem, measures stiffness along the path, and changes method when the evidence holds.
//!
//! Which explicit and which implicit method is a matter of tolerance, size and sparsity: see [`super::candidates`]. It
//! starts implicit where the spectral radius of J says that stability alone would
//! cost an explicit method thousands of steps, explicit elsewhere. To implicit: the explicit method's steps have sat at
//! its stability limit (its own estimate of |hλ|, H&W IV.2) for several steps, or half-way there for many, or it fails.
//! Back: a bound of |hλ| says that the same steps would be far inside the explicit stability region for many steps, or a
//! trial of the implicit method did not lengthen the steps by what a step of it costs more; each failed trial doubles
//! the evidence asked for the next.

use super::ErrorKind;
use super::candidates;
use super::explicit::ExplicitStepper;
use super::problem::Problem;
use super::stepper::Stepper;
use crate::linalg::Shifted;
use crate::math;

/// Larger systems are not looked at for stiffness before the first step: their pattern alone takes longer than a few steps.
const SMALL: usize = 500;
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
/// A trial has failed if time passes not so many times faster per operation, or the steps are not so many times longer.
const WORTHWHILE: (f64, f64) = (1.25, 1.5);
/// The start is implicit if stability would cost the explicit method more steps than this over the whole span.
const STIFF_FROM_THE_START: f64 = 5000.0;

/// The chooser, itself a stepper.
pub struct Auto {
    explicit: ExplicitStepper,
    implicit: Option<Box<dyn Stepper>>,
    stiff: bool,
    evidence: i32,
    /// Points asked for; doubled by every failed trial.
    enough: i32,
    relaxed: u32,
    /// Mean |h| of the last steps.
    pace: f64,
    /// Steps since the switch to the implicit method, and the pace expected of it.
    since_switch: u32,
    expected: f64,
    used: Vec<&'static str>,
    /// Entries of J beyond which no implicit method is tried, for want of memory.
    max_entries: usize,
    /// There are algebraic equations.
    only_implicit: bool,
}

impl Auto {
    /// Starts explicit.
    pub fn new(problem: &mut Problem) -> Self {
        let method = candidates::explicit(problem);
        let rtol = problem.rtol;
        let only_implicit = !problem.algebraic.is_empty() || problem.system.constraints().is_some();
        problem.explain(|| format!("{} where not stiff, by rtol {rtol:e}", method.name));
        Auto {
            explicit: ExplicitStepper::new(method, problem),
            implicit: None,
            stiff: false,
            evidence: 0,
            enough: ENOUGH,
            relaxed: 0,
            pace: 0.0,
            since_switch: 0,
            expected: 0.0,
            used: if only_implicit { Vec::new() } else { vec![method.name] },
            max_entries: 200_000_000,
            only_implicit,
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
        let implicit = match &mut self.implicit {
            Some(implicit) => implicit,
            slot => {
                if problem.system.jacobian_entries() > self.max_entries {
                    return Err(ErrorKind::Memory(
                        16 * problem.system.jacobian_entries() as u64,
                        16 * self.max_entries as u64,
                    ));
                }
                let method = candidates::stiff(problem);
                let made = candidates::make(method, problem)?;
                let system = problem.system;
                problem.explain(|| format!("W = s·I − J: {}", system.strategy()));
                slot.insert(made)
            }
        };
        implicit.start(problem, self.explicit.t(), self.explicit.y(), h)?;
        if !self.used.contains(&implicit.name()) {
            self.used.push(implicit.name());
        }
        self.stiff = true;
        self.evidence = 0;
        self.relaxed = 0;
        self.since_switch = 0;
        let rhs = rhs_cost(problem);
        let dearer = implicit.cost(rhs) / self.explicit.cost(rhs);
        self.expected = self.pace * (WORTHWHILE.0 * dearer).max(WORTHWHILE.1);
        self.pace = 0.0;
        problem.statistics.switches += 1;
        Ok(())
    }

    /// Counts the step just taken into the mean: the last ten or so weigh.
    fn measure_pace(&mut self, before: f64) {
        let step = (self.t() - before).abs();
        self.pace = if self.pace == 0.0 { step } else { self.pace + 0.1 * (step - self.pace) };
    }

    fn go_explicit(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        if let Some(implicit) = &self.implicit {
            self.explicit.start(problem, implicit.t(), implicit.y(), 0.1 * implicit.h())?;
        }
        self.stiff = false;
        self.evidence = 0;
        self.pace = 0.0;
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
        if self.only_implicit && !self.stiff {
            // No explicit method solves algebraic equations.
            self.explicit.place(t, y);
            return self.go_stiff(problem, h);
        }
        self.current().start(problem, t, y, h)?;
        if !self.stiff && problem.dim() <= SMALL {
            let radius = spectral_radius(problem, t, y);
            let limit = self.explicit.stability_limit();
            // Not a number where J is none: explicit then.
            if radius * problem.time_left(t) > STIFF_FROM_THE_START * limit {
                self.pace = limit / radius;
                // If the implicit method cannot start, the explicit one may.
                if self.go_stiff(problem, h).is_ok() {
                    let (name, steps) = (self.current().name(), radius * problem.time_left(t) / limit);
                    problem.explain(|| {
                        format!("t = {t:e}: starts with {name}, stability would ask {steps:.1e} explicit steps")
                    });
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        if self.stiff {
            let before = self.t();
            match self.current().step(problem, end) {
                Ok(()) => {
                    self.measure_pace(before);
                    let relaxed = self.current().stiffness() < RELAXED;
                    self.relaxed = if relaxed { self.relaxed + 1 } else { 0 };
                    self.since_switch += 1;
                    return Ok(());
                }
                Err(kind @ (ErrorKind::StepTooSmall(_) | ErrorKind::Singular)) if !self.only_implicit => {
                    // Order 1 or a singular W may be what stops it: a last try.
                    return self.go_explicit(problem).and_then(|()| self.explicit.step(problem, end)).map_err(|_| kind);
                }
                Err(kind) => return Err(kind),
            }
        }
        let before = self.explicit.t();
        match self.explicit.step(problem, end) {
            Ok(()) => {
                self.measure_pace(before);
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
                // A Jacobian that is not finite either says less than f itself.
                self.current().step(problem, end).map_err(|e| if e == ErrorKind::Singular { kind } else { e })
            }
            Err(kind) => Err(kind),
        }
    }

    fn correct(&mut self, problem: &mut Problem, y: &[f64]) -> Result<(), ErrorKind> {
        self.current().correct(problem, y)
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

    fn degree(&self) -> usize {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.degree(),
            _ => self.explicit.degree(),
        }
    }

    fn keeps_step(&self) -> bool {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.keeps_step(),
            _ => self.explicit.keeps_step(),
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

    fn shifted(&self) -> Option<&Shifted> {
        self.implicit.as_ref().and_then(|implicit| implicit.shifted())
    }

    fn cost(&self, rhs: f64) -> f64 {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.cost(rhs),
            _ => self.explicit.cost(rhs),
        }
    }
}

impl Auto {
    /// Changes method if the evidence says so; called between steps.
    ///
    /// # Errors
    /// If the other method cannot start and this one cannot go on.
    pub fn reconsider(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        if self.only_implicit {
            return Ok(());
        }
        if !self.stiff && self.evidence >= self.enough {
            let h = self.explicit.h();
            let t = self.explicit.t();
            if self.go_stiff(problem, h).is_ok() {
                let name = self.current().name();
                problem.explain(|| {
                    format!("t = {t:e}: to {name}, the steps sat at the explicit method's stability limit")
                });
            } else {
                // No memory for it: go on as before, and do not ask again at every step.
                self.evidence = 0;
                self.enough = i32::MAX;
            }
        } else if self.stiff && self.relaxed >= RELAXED_STEPS {
            let t = self.t();
            self.go_explicit(problem)?;
            problem.explain(|| {
                format!("t = {t:e}: back, such steps are well inside the explicit method's stability region")
            });
        } else if self.stiff && self.since_switch == RELAXED_STEPS && self.pace < self.expected {
            self.enough = self.enough.saturating_mul(2);
            let t = self.t();
            self.go_explicit(problem)?;
            problem.explain(|| format!("t = {t:e}: back, the trial did not lengthen the steps by what they cost more"));
        }
        Ok(())
    }
}

/// Operations one evaluation of f may take: an entry of J stands for a term of some four operations.
fn rhs_cost(problem: &Problem) -> f64 {
    4.0 * (problem.system.jacobian_entries() + problem.dim()) as f64
}

/// The spectral radius of J at a point, by the power method; the geometric mean of the last growths, since complex pairs
/// make single ones swing. A rough estimate that may fall short.
fn spectral_radius(problem: &mut Problem, t: f64, y: &[f64]) -> f64 {
    let n = problem.dim();
    let system = problem.system;
    let pattern = system.jacobian_pattern();
    let mut values = vec![0.0; pattern.nnz()];
    problem.jacobian(t, y, &mut values);
    // A start with a share in every direction.
    let mut v: Vec<f64> = (0..n).map(|k| 1.0 + ((k * 7 + 3) % 11) as f64 / 11.0).collect();
    let mut image = vec![0.0; n];
    let (mut growth, mut counted) = (0.0, 0u32);
    for iteration in 0..16 {
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm == 0.0 || !norm.is_finite() {
            return if norm == 0.0 { 0.0 } else { f64::NAN };
        }
        if iteration >= 8 {
            growth += math::log(norm);
            counted += 1;
        }
        v.iter_mut().for_each(|x| *x /= norm);
        image.fill(0.0);
        for (j, x) in v.iter().enumerate() {
            for k in pattern.column(j) {
                image[pattern.rows()[k]] += values[k] * x;
            }
        }
        std::mem::swap(&mut v, &mut image);
    }
    math::exp(growth / f64::from(counted))
}
