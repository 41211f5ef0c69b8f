//! What a run is asked to do: span, tolerances, method, which points to keep, limits.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::Method;

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
    /// Times at which f or a derivative jumps: steps end exactly there and the method starts afresh behind.
    pub breakpoints: Vec<f64>,
    /// Let steps run over the switches of the equations, as if f were smooth: neither their times nor their crossings are
    /// looked for. Default: no.
    pub over_switches: bool,
    /// Keep sentences on what was chosen and why in [`super::Statistics::reasons`]. Default: no.
    pub explain: bool,
    /// Set to true from outside (Ctrl-C) to end the run with [`super::ErrorKind::Interrupted`].
    pub cancel: Option<&'a AtomicBool>,
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
            save: Save::Steps,
            first_step: None,
            max_step: f64::INFINITY,
            max_steps: 10_000_000,
            max_time: None,
            max_memory: 8 << 30,
            breakpoints: Vec::new(),
            over_switches: false,
            explain: false,
            cancel: None,
            progress: None,
        }
    }
}

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
