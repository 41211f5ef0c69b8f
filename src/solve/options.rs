//! What a run is asked to do: span, tolerances, method, which points to keep, limits.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Method, Observer};
use crate::system::System;
use crate::system::constants::MAX_STEPS;

/// How to integrate. Start from [`Options::new`] and change what matters.
#[derive(Clone)]
pub struct Options<'a> {
    /// Start of the independent variable.
    pub t0: f64,
    /// End; may be below `t0` (integration backwards), must differ from it. Infinite: until nothing changes any more by
    /// more than the tolerances, where the run then ends as if an event had stopped it.
    pub t1: f64,
    /// Of a run that goes on where another ended: when that one began, which is then the start that schedules of events ask
    /// for.
    pub begun: Option<f64>,
    /// Relative tolerance. Default 1e-6.
    pub rtol: f64,
    /// Absolute tolerance. Default 1e-9.
    pub atol: Tolerance,
    /// Which integrator. Default [`Method::Auto`].
    pub method: Method,
    /// In which numbers steps are computed. Default: [`Precision::Double`].
    pub precision: Precision,
    /// Which points to keep. Default: every accepted step.
    pub save: Save,
    /// First step; found automatically when absent.
    pub first_step: Option<f64>,
    /// Upper bound of |h|. Default: none.
    pub max_step: f64,
    /// Steps (accepted and rejected) after which the run gives up. Default 10 million.
    pub max_steps: u64,
    /// Wall-clock time after which the run gives up. Default: none.
    pub max_time: Option<Duration>,
    /// Bytes the kept points may take. Default 8 GiB.
    pub max_memory: u64,
    /// Bytes that the steps of a run may take that is recorded for a way back; of a longer one the run is repeated for steps
    /// that were dropped, with the same bits. Default 256 MiB.
    pub max_tape: u64,
    /// Times at which f or a derivative jumps: steps end exactly there and the method starts afresh behind.
    pub breakpoints: Vec<f64>,
    /// Let steps run over the switches of the equations, as if f were smooth: neither their times nor their crossings are
    /// looked for. Default: no.
    pub over_switches: bool,
    /// Keep sentences on what was chosen and why in [`super::Statistics::reasons`]. Default: no.
    pub explain: bool,
    /// Set to true from outside (Ctrl-C) to end the run with [`super::ErrorKind::Interrupted`].
    pub cancel: Option<&'a AtomicBool>,
    /// Asked now and then whether to end the run with [`super::ErrorKind::Interrupted`], about as often as a person would
    /// want: for hosts whose interrupts have to be looked for.
    pub interrupt: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Shown every accepted step; may end the run within it.
    pub observe: Option<&'a Observer<'a>>,
    /// Keep the solution between the points too ([`super::Solution::dense`]). Default: no.
    pub dense: bool,
    /// Called after accepted steps with the time reached (seldom enough to cost nothing).
    pub progress: Option<&'a (dyn Fn(f64) + Sync)>,
}

impl Options<'_> {
    /// From `t0` to `t1` with the defaults above.
    pub fn new(t0: f64, t1: f64) -> Self {
        Options {
            t0,
            t1,
            begun: None,
            rtol: 1e-6,
            atol: Tolerance::Scalar(1e-9),
            method: Method::Auto,
            precision: Precision::Double,
            save: Save::Steps,
            first_step: None,
            max_step: f64::INFINITY,
            max_steps: MAX_STEPS,
            max_time: None,
            max_memory: 8 << 30,
            max_tape: 256 << 20,
            breakpoints: Vec::new(),
            over_switches: false,
            explain: false,
            cancel: None,
            interrupt: None,
            observe: None,
            dense: false,
            progress: None,
        }
    }
}

/// The numbers in which steps are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f64`.
    #[default]
    Double,
    /// `f32`: states, stages and W; time and step sizes stay double. For what runs in lanes ([`super::Lanes`]).
    Single,
}

impl Precision {
    /// Its name: `f64` or `f32`.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Double => "f64",
            Precision::Single => "f32",
        }
    }

    /// The precision of that name: `f64` or `f32`.
    pub fn find(name: &str) -> Option<Precision> {
        match name {
            "f64" => Some(Precision::Double),
            "f32" => Some(Precision::Single),
            _ => None,
        }
    }
}

/// The least relative tolerance in single precision: 16 units of its rounding.
const LEAST_IN_SINGLE: f64 = 2e-6;

/// An absolute tolerance, for all components or for each.
#[derive(Clone, Debug, PartialEq)]
pub enum Tolerance {
    /// The same for every component.
    Scalar(f64),
    /// One per state.
    PerState(Vec<f64>),
}

/// The points of the solution to keep.
#[derive(Clone, Debug, PartialEq)]
pub enum Save {
    /// Every accepted step (and the start).
    Steps,
    /// Exactly these times, in the direction of integration, from the dense output; they do not influence the steps.
    At(Vec<f64>),
}

/// Says what is wrong with the options, if anything is.
pub(super) fn validate(system: &dyn System, y0: &[f64], p: &[f64], options: &Options) -> Result<(), String> {
    let shape = system.shape();
    let n = shape.dim();
    let check = |good: bool, sentence: &dyn Fn() -> String| if good { Ok(()) } else { Err(sentence()) };
    check(y0.len() == n, &|| format!("expected {n} initial values, found {}", y0.len()))?;
    check(p.len() == shape.parameters, &|| {
        format!("expected {} bound parameters, found {}", shape.parameters, p.len())
    })?;
    let open = options.t1 == f64::INFINITY && matches!(&options.save, Save::At(times) if times.is_empty());
    check(
        options.t0.is_finite() && (options.t1.is_finite() || open || (options.t1 > 0.0 && options.save == Save::Steps)),
        &|| format!("the span {}..{} is not finite", options.t0, options.t1),
    )?;
    check(options.t0 != options.t1, &|| format!("the span {}..{} is empty", options.t0, options.t1))?;
    check(options.rtol >= 1e-14 && options.rtol < 1.0, &|| {
        format!("rtol must lie between 1e-14 and 1, found {:e}", options.rtol)
    })?;
    check(options.precision == Precision::Double || options.rtol >= LEAST_IN_SINGLE, &|| {
        format!(
            "rtol must be at least {LEAST_IN_SINGLE:e} in single precision, found {:e}; ask for 1e-4, or use double precision",
            options.rtol
        )
    })?;
    let good = |atol: f64| atol >= 0.0 && atol.is_finite();
    match &options.atol {
        Tolerance::Scalar(atol) => check(good(*atol), &|| format!("atol must be at least 0, found {atol:e}"))?,
        Tolerance::PerState(list) => {
            check(list.len() == n, &|| format!("expected {n} absolute tolerances, found {}", list.len()))?;
            if let Some(k) = list.iter().position(|atol| !good(*atol)) {
                return Err(format!("the atol of {} must be at least 0, found {:e}", shape.states.get(k), list[k]));
            }
        }
    }
    check(options.max_step > 0.0, &|| format!("max_step must be positive, found {:e}", options.max_step))?;
    if let Some(h) = options.first_step {
        check(h > 0.0 && h.is_finite(), &|| format!("first_step must be positive, found {h:e}"))?;
    }
    if let Some(k) = y0.iter().position(|y| !y.is_finite()) {
        return Err(format!("the initial value of {} is not finite: {}", shape.states.get(k), y0[k]));
    }
    if (!shape.algebraic.is_empty() || system.constraints().is_some())
        && options.method != Method::Auto
        && !options.method.suits_stiff()
    {
        let unknown = shape
            .algebraic
            .first()
            .map_or_else(|| "a constraint".to_string(), |k| format!("that of {}", shape.states.get(*k)));
        return Err(format!(
            "the method {} solves no algebraic equations ({unknown}); try Rodas5P, RadauIIA5 or BDF",
            options.method.name()
        ));
    }
    if let Some(delays) = system.delays() {
        check(options.t1.is_finite(), &|| {
            "a run until nothing changes needs a model without delays; say how far to integrate".to_string()
        })?;
        let method = options.method;
        let rosenbrock = matches!(method, Method::Rosenbrock23 | Method::Rodas4 | Method::Rodas5P);
        check(!method.is_second_order() && method != Method::Taylor, &|| {
            format!("the method {} solves no equations with delays; try DOP853, RadauIIA5 or BDF", method.name())
        })?;
        check(!(rosenbrock && delays.is_neutral()), &|| {
            format!(
                "the method {} needs the derivative of f by time, which derivatives at other times do not have; try RadauIIA5 or BDF",
                method.name()
            )
        })?;
    }
    if let Some(b) = options.breakpoints.iter().find(|b| !b.is_finite()) {
        return Err(format!("the breakpoint {b} is not finite"));
    }
    if let Save::At(times) = &options.save {
        let direction = (options.t1 - options.t0).signum();
        let inside = |t: &f64| (t - options.t0) * direction >= 0.0 && (options.t1 - t) * direction >= 0.0;
        if let Some(t) = times.iter().find(|t| !inside(t)) {
            return Err(format!("the time {t} to save lies outside the span {}..{}", options.t0, options.t1));
        }
        check(times.windows(2).all(|w| (w[1] - w[0]) * direction >= 0.0), &|| {
            "the times to save are not in order".to_string()
        })?;
    }
    Ok(())
}
