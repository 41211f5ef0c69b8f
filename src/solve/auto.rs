//! `auto`: starts right for the problem, measures stiffness along the path, and changes method when the evidence holds.
//!
//! Which explicit and which stiff method is a matter of tolerance, size and sparsity: see [`super::candidates`]. It
//! starts implicit where the spectral radius of J says that stability alone would
//! cost an explicit method thousands of steps, explicit elsewhere. To the stiff method: the explicit method's steps have
//! sat at its stability limit (its own estimate of |hλ|, H&W IV.2, or the spectral radius of J now and then) for several
//! steps, or half-way there for many, and what is left of the run is not expected to cost less in such steps; or it fails.
//! Back: a bound of |hλ| says that the same steps would be far inside the explicit stability region for many steps, or a
//! trial of the stiff method did not lengthen the steps by what a step of it costs more; each failed trial doubles
//! the evidence asked for the next. Stiff methods are implicit, or stabilised where the fast modes are those of diffusion.

use super::ErrorKind;
use super::Method;
use super::candidates::{self, Outlook};
use super::lanes::Single;
use super::problem::Problem;
use super::spectrum::Spectrum;
use super::stepper::Stepper;
use super::taken::Taken;
use crate::linalg::Shifted;

/// Larger systems are not looked at for stiffness before the first step: their pattern alone takes longer than a few steps.
const SMALL: usize = 500;
/// Share of the stability limit that counts as sitting at it, and the points of evidence it gives.
const AT_LIMIT: (f64, i32) = (0.8, 40);
/// Share of the stability limit on the imaginary axis, where regions end earlier, and its points.
const NEAR_LIMIT: (f64, i32) = (0.25, 1);
/// After every so many points of steps near the limit the rest of the run is looked at: if it is expected to cost so many
/// times what a stiff method would take for a whole one, that counts for so many points more.
const DOUBT: i32 = 48;
/// See [`DOUBT`].
const URGENT: (f64, i32) = (16.0, 432);
/// Points that make a switch to the implicit method; a step far inside the stability region takes five away.
const ENOUGH: i32 = 480;
/// Bound of |hλ| below which a step speaks for the explicit method.
const RELAXED: f64 = 0.7;
/// So many relaxed steps in a row switch back; so many steps decide a trial.
const RELAXED_STEPS: u32 = 40;
/// A trial at the start of a run lasts longer: first steps are short, whatever the method.
const STARTED: u32 = 80;
/// A trial has failed if time passes not so many times faster per operation, or the steps are not so many times longer.
const WORTHWHILE: (f64, f64) = (1.25, 1.5);
/// Where the explicit method has no estimate of |hλ|, J is asked after so many steps, and after so many at most.
const PROBES: (u32, u32) = (16, 128);
/// So many steps of a stabilised method are looked back on at a time.
const STAGED: u32 = 160;
/// The start is implicit if stability would ask so many steps of Tsit5 per step of an implicit method where the fastest mode
/// decays, or so many at all.
const STIFF_FROM_THE_START: (f64, f64) = (20.0, 5_000.0);
/// Where the rest of the run would take more steps of a series than this, it may be creeping towards the border of the
/// domain of f, which it never touches: f is asked for at stages then.
const CREEPING: f64 = 1e6;
/// The spectral radius times a step of Tsit5 at its stability limit.
const TSIT5_LIMIT: f64 = 3.5;

/// The chooser, itself a stepper.
pub struct Auto {
    explicit: Box<dyn Stepper>,
    /// The largest |hλ| on the negative real axis for which its steps are stable, and whether it estimates |hλ| itself.
    limit: f64,
    sees: bool,
    /// Steps since J was asked last, and those until it is asked again.
    probe: (u32, u32),
    /// The method for stiff stretches, implicit or stabilised.
    implicit: Option<Box<dyn Stepper>>,
    stiff_method: Method,
    stiff: bool,
    evidence: i32,
    /// Points asked for; doubled by every failed trial.
    enough: i32,
    relaxed: u32,
    /// Mean |h| of the last steps.
    pace: f64,
    /// Steps since the switch to the stiff method, and pace and cost of a step of the explicit one before.
    since_switch: u32,
    before: (f64, f64),
    /// Steps that decide the trial at hand.
    trial: u32,
    used: Vec<&'static str>,
    spectrum: Spectrum,
    /// A state on its way from one method to the other.
    point: Vec<f64>,
    /// Entries of J beyond which no implicit method is tried, for want of memory.
    max_entries: usize,
    /// There are algebraic equations.
    only_implicit: bool,
}

impl Auto {
    /// Starts explicit.
    pub fn new(problem: &mut Problem) -> Self {
        let only_implicit = !problem.algebraic.is_empty() || problem.system.constraints().is_some();
        let explicit = candidates::explicit(problem, false);
        let rtol = problem.rtol;
        problem.explain(|| format!("{} where not stiff, by rtol {rtol:e}", explicit.stepper.name()));
        Auto {
            used: if only_implicit { Vec::new() } else { vec![explicit.stepper.name()] },
            explicit: explicit.stepper,
            spectrum: Spectrum::default(),
            point: vec![0.0; problem.dim()],
            limit: explicit.limit,
            sees: explicit.sees,
            probe: (0, PROBES.0),
            implicit: None,
            stiff_method: Method::Auto,
            stiff: false,
            evidence: 0,
            enough: ENOUGH,
            relaxed: 0,
            pace: 0.0,
            since_switch: 0,
            before: (0.0, 0.0),
            trial: RELAXED_STEPS,
            max_entries: 200_000_000,
            only_implicit,
        }
    }

    /// The methods used, in order of first use.
    pub fn used(&self) -> &[&'static str] {
        &self.used
    }

    fn current(&mut self) -> &mut dyn Stepper {
        match (&mut self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.as_mut(),
            _ => self.explicit.as_mut(),
        }
    }

    /// Changes to a method for stiff stretches, at (t, y).
    fn go_stiff(&mut self, problem: &mut Problem, method: Method, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        if self.stiff_method != method {
            // A stabilised method needs no J, implicit ones the memory for it.
            if method != Method::Rkc && problem.system.jacobian_entries() > self.max_entries {
                let entries = |number: usize| 16 * number as u64;
                let (needed, most) = (entries(problem.system.jacobian_entries()), entries(self.max_entries));
                return Err(ErrorKind::Memory(needed, most));
            }
            self.implicit = Some(candidates::make(method, problem)?);
            self.stiff_method = method;
            if method != Method::Rkc {
                let system = problem.system;
                problem.explain(|| format!("W = s·I − J: {}", system.strategy()));
            }
        }
        let Some(implicit) = &mut self.implicit else { return Err(ErrorKind::Singular) };
        implicit.start(problem, t, y, h)?;
        if !self.used.contains(&implicit.name()) {
            self.used.push(implicit.name());
        }
        self.stiff = true;
        self.evidence = 0;
        self.relaxed = 0;
        (self.since_switch, self.trial) = (0, RELAXED_STEPS);
        self.before = (self.pace, self.explicit.cost(candidates::rhs_cost(problem)));
        self.pace = 0.0;
        problem.statistics.switches += 1;
        Ok(())
    }

    /// The same where the explicit method stands.
    fn go_stiff_here(&mut self, problem: &mut Problem, method: Method, h: f64) -> Result<(), ErrorKind> {
        self.point.copy_from_slice(self.explicit.y());
        self.go_stiff_from_point(problem, method, self.explicit.t(), h)
    }

    /// The same at the state in `point`.
    fn go_stiff_from_point(&mut self, problem: &mut Problem, method: Method, t: f64, h: f64) -> Result<(), ErrorKind> {
        let point = std::mem::take(&mut self.point);
        let outcome = self.go_stiff(problem, method, t, &point, h);
        self.point = point;
        outcome
    }

    /// What is to be expected of explicit steps from here on.
    fn outlook(&mut self, problem: &mut Problem) -> Outlook {
        let (t, pace) = (self.explicit.t(), self.pace);
        let dominant = self.spectrum.dominant(problem, t, self.explicit.y(), 0.0);
        Outlook {
            left: problem.time_left(t),
            pace,
            cost: self.explicit.cost(candidates::rhs_cost(problem)),
            radius: dominant.radius,
            decays: dominant.decays,
        }
    }

    /// Whether the rest of the run would take many times what a stiff method is expected to take, where fast modes decay.
    fn is_urgent(&mut self, problem: &mut Problem) -> bool {
        let ahead = self.outlook(problem);
        ahead.decays && ahead.left / ahead.pace * ahead.cost > URGENT.0 * candidates::expected(problem)
    }

    /// The share of the stability limit the last explicit step took, and for how many steps that stands; `None` if it was
    /// not looked at.
    fn share(&mut self, problem: &mut Problem, before: f64) -> Option<(f64, i32)> {
        if self.sees {
            return Some((self.explicit.stiffness(), 1));
        }
        self.probe.0 += 1;
        if self.probe.0 < self.probe.1 {
            return None;
        }
        let (t, steps) = (self.explicit.t(), self.probe.0);
        let h = (t - before).abs();
        let enough = NEAR_LIMIT.0 * self.limit / h;
        let share = h * self.spectrum.dominant(problem, t, self.explicit.y(), enough).radius / self.limit;
        self.probe = (0, if share > AT_LIMIT.0 { PROBES.0 } else { PROBES.1.min(2 * self.probe.1) });
        Some((share, steps as i32))
    }

    /// Counts the step just taken into the mean: the last ten or so weigh.
    fn measure_pace(&mut self, before: f64) {
        let step = (self.t() - before).abs();
        self.pace = if self.pace == 0.0 { step } else { self.pace + 0.1 * (step - self.pace) };
    }

    /// From series to stages, where the steps creep.
    fn leave_series(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        let left = problem.time_left(self.explicit.t());
        let creeps = self.pace > 0.0 && left.is_finite() && left > CREEPING * self.pace;
        if !creeps || self.explicit.name() != Method::Taylor.name() {
            return Ok(());
        }
        let candidates::Chosen { stepper, limit, sees } = candidates::explicit(problem, true);
        let series = std::mem::replace(&mut self.explicit, stepper);
        (self.limit, self.sees, self.pace) = (limit, sees, 0.0);
        let (t, method) = (series.t(), self.explicit.name());
        self.used.push(method);
        problem.explain(|| format!("t = {t:e}: to {method}, for the steps of the series have become too short"));
        self.explicit.start(problem, t, series.y(), series.h())
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
            let method = candidates::stiff(problem, None).unwrap_or(Method::Bdf);
            return self.go_stiff(problem, method, t, y, h);
        }
        self.current().start(problem, t, y, h)?;
        if !self.stiff && problem.dim() <= SMALL {
            let (share, most) = STIFF_FROM_THE_START;
            let steps = most.min(share * candidates::typical_steps(problem.rtol));
            let enough = TSIT5_LIMIT * steps / problem.time_left(t);
            let dominant = self.spectrum.dominant(problem, t, y, enough);
            // Not a number where J is none: explicit then. Modes that turn may be what is to be followed.
            let asked = if dominant.decays { enough } else { TSIT5_LIMIT * most / problem.time_left(t) };
            if dominant.radius > asked {
                self.pace = self.limit / dominant.radius;
                // If the implicit method cannot start, the explicit one may.
                let ahead = Outlook::at_the_start(dominant.radius, dominant.decays);
                let method = candidates::stiff(problem, Some(&ahead)).unwrap_or(Method::Bdf);
                if self.go_stiff(problem, method, t, y, h).is_ok() {
                    self.trial = STARTED;
                    let steps = dominant.radius * problem.time_left(t) / self.limit;
                    problem.explain(|| {
                        format!(
                            "t = {t:e}: starts with {}, stability would ask {steps:.1e} explicit steps",
                            method.name()
                        )
                    });
                }
            }
        }
        Ok(())
    }

    fn renew(&mut self) -> bool {
        // Series that were left are not taken up again.
        let begins_alike = self.only_implicit || self.used.first() == Some(&self.explicit.name());
        self.spectrum.forget();
        self.used.truncate(usize::from(!self.only_implicit));
        (self.stiff, self.evidence, self.enough, self.relaxed, self.probe) = (false, 0, ENOUGH, 0, (0, PROBES.0));
        (self.pace, self.since_switch, self.before, self.trial) = (0.0, 0, (0.0, 0.0), RELAXED_STEPS);
        begins_alike && self.explicit.renew() && self.implicit.as_mut().is_none_or(|implicit| implicit.renew())
    }

    fn step(&mut self, problem: &mut Problem, end: f64) -> Result<(), ErrorKind> {
        let before = self.t();
        let outcome = self.current().step(problem, end);
        self.concluded(problem, (before, end), outcome)
    }

    /// Changes method if the evidence says so.
    fn reconsider(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        if self.only_implicit {
            return Ok(());
        }
        if !self.stiff {
            self.leave_series(problem)?;
            if self.evidence >= self.enough {
                return self.leave_explicit(problem);
            }
        }
        if self.stiff && self.relaxed >= RELAXED_STEPS {
            let t = self.t();
            self.go_explicit(problem)?;
            problem.explain(|| {
                format!("t = {t:e}: back, such steps are well inside the explicit method's stability region")
            });
        } else if self.stiff && self.since_switch == self.trial && self.pace < self.worthwhile(problem) {
            self.enough = self.enough.saturating_mul(2);
            let t = self.t();
            self.go_explicit(problem)?;
            problem.explain(|| format!("t = {t:e}: back, the trial did not lengthen the steps by what they cost more"));
        } else if self.stiff_method == Method::Rkc
            && self.stiff
            && self.since_switch >= STAGED
            && self.since_switch.is_multiple_of(STAGED)
        {
            self.leave_stabilised(problem)?;
        }
        Ok(())
    }

    fn single(&mut self) -> Option<&mut dyn Single> {
        self.current().single()
    }

    fn concluded(
        &mut self,
        problem: &mut Problem,
        (before, end): (f64, f64),
        outcome: Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        if self.stiff {
            match outcome {
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
        match outcome {
            Ok(()) => {
                self.measure_pace(before);
                if let Some((share, steps)) = self.share(problem, before) {
                    let found = [AT_LIMIT, NEAR_LIMIT].iter().find(|(limit, _)| share > *limit);
                    let points = found.map_or(-5, |(_, points)| *points);
                    let known = self.evidence;
                    self.evidence = known.saturating_add(steps * points).max(0);
                    let looks = self.evidence / DOUBT > known / DOUBT;
                    if looks && points == NEAR_LIMIT.1 && self.is_urgent(problem) {
                        self.evidence = self.evidence.saturating_add(URGENT.1);
                    }
                }
                Ok(())
            }
            Err(kind @ (ErrorKind::StepTooSmall(_) | ErrorKind::NotFinite(_))) => {
                // The explicit method cannot go on; perhaps the implicit one can.
                let method = candidates::stiff(problem, None).unwrap_or(Method::Bdf);
                if self.go_stiff_here(problem, method, 0.0).is_err() {
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

    fn rewind(&mut self, problem: &mut Problem, t: f64, y: &[f64], h: f64) -> Result<(), ErrorKind> {
        self.current().rewind(problem, t, y, h)
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

    fn work(&self) -> &[f64] {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.work(),
            _ => self.explicit.work(),
        }
    }

    fn taken(&self, points: &mut Vec<f64>) -> Taken {
        match (&self.implicit, self.stiff) {
            (Some(implicit), true) => implicit.taken(points),
            _ => self.explicit.taken(points),
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
    /// The pace from which on the stiff method gains time.
    fn worthwhile(&self, problem: &Problem) -> f64 {
        let (pace, cost) = self.before;
        let dearer = self.cost(candidates::rhs_cost(problem)) / cost;
        pace * (WORTHWHILE.0 * dearer).max(WORTHWHILE.1)
    }

    /// The evidence says that stability limits the explicit steps.
    fn leave_explicit(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        let t = self.explicit.t();
        let outlook = self.outlook(problem);
        let Some(method) = candidates::stiff(problem, Some(&outlook)) else {
            // As the rest of the run looks now, it costs least as it is.
            self.evidence = 0;
            self.enough = self.enough.saturating_mul(2);
            return Ok(());
        };
        let h = self.explicit.h();
        if self.go_stiff_here(problem, method, h).is_ok() {
            problem.explain(|| {
                format!("t = {t:e}: to {}, the steps sat at the explicit method's stability limit", method.name())
            });
        } else {
            // No memory for it: go on as before, and do not ask again at every step.
            self.evidence = 0;
            self.enough = i32::MAX;
        }
        Ok(())
    }

    /// A stabilised method whose stages have become many may cost more than an implicit one.
    fn leave_stabilised(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        let (t, h) = (self.t(), self.h());
        // Steps may grow yet, and expectations of implicit methods are rough: only what is clearly less.
        let cost = self.cost(candidates::rhs_cost(problem)) / 4.0;
        let outlook = Outlook { left: problem.time_left(t), pace: self.pace, cost, radius: 0.0, decays: false };
        let Some(method) = candidates::stiff(problem, Some(&outlook)) else { return Ok(()) };
        let mut point = std::mem::take(&mut self.point);
        point.copy_from_slice(self.y());
        self.point = point;
        if self.go_stiff_from_point(problem, method, t, h).is_ok() {
            problem.explain(|| format!("t = {t:e}: to {}, which costs less than so many stages", method.name()));
        }
        Ok(())
    }
}
