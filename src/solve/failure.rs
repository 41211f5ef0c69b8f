//! Why a run could not reach its end: the kind, the time, the step and the names involved, and what was computed.

use std::fmt;

use super::Solution;

/// A run that ended early; `partial` holds everything saved up to then.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The independent variable reached.
    pub time: f64,
    /// The last step size tried.
    pub step: f64,
    /// The solution so far.
    pub partial: Box<Solution>,
}

/// What went wrong in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum ErrorKind {
    /// The options make no sense (tolerances, span, lengths); the sentence names which.
    Options(String),
    /// f is NaN or infinite at the start, or stays so however small the step; names of the states whose derivative it is.
    NotFinite(Vec<String>),
    /// The step fell below what the time's precision can resolve; the state with the largest error and its share.
    StepTooSmall(String),
    /// More steps than allowed.
    TooManySteps(u64),
    /// More wall-clock time than allowed (seconds).
    TooMuchTime(f64),
    /// The derivative of the first state's equation by the second state is NaN or infinite, and the method needs it.
    Derivative(String, String),
    /// The matrix W is singular however small the step.
    Singular,
    /// The algebraic equations have no solution near the values given, or not one only.
    Inconsistent {
        /// The unknown whose equation is farthest from being satisfied.
        state: String,
        /// What that equation leaves.
        left: f64,
        /// The equations do not determine their unknowns there.
        singular: bool,
    },
    /// What is read at another time lies ahead of the solution: how that is written, and the time asked for.
    Ahead(String, f64),
    /// What is read at another time within the step does not settle, however short the step.
    Unsettled(String),
    /// The same behind an event that has set states; its name.
    InconsistentAfter {
        /// The event.
        event: String,
        /// The unknown whose equation is farthest from being satisfied.
        state: String,
        /// What that equation leaves.
        left: f64,
        /// The equations do not determine their unknowns there.
        singular: bool,
    },
    /// Asked to stop from outside.
    Interrupted,
    /// Events at one time cause each other without end; the name of the last.
    EventsForEver(String),
    /// Events follow each other ever faster, so that time stands still (Zeno's paradox); the name of the last.
    Zeno(String),
    /// No steady state was found, or none was reached; the state that changes most.
    NotSteady(String),
    /// The solution slides along a switch of the equations, both of whose sides lead back to it; its name.
    Slides(String),
    /// There is no derivative at something that happens.
    NoDerivative {
        /// The event.
        event: String,
        /// When.
        time: f64,
        /// Why.
        why: &'static str,
    },
    /// The sensitivities are no finite numbers any more, though the solution is.
    Overflow,
    /// The method needs more memory than allowed; bytes needed and allowed.
    Memory(u64, u64),
}

impl ErrorKind {
    /// Whether the derivatives have failed and not the run.
    pub fn is_of_derivatives(&self) -> bool {
        matches!(self, ErrorKind::NoDerivative { .. } | ErrorKind::Overflow)
    }
}

/// The sentence of [`ErrorKind::NoDerivative`].
pub fn no_derivative(event: &str, time: f64, why: &str) -> String {
    format!("there is no derivative through `{event}` at t = {}: {why}", Time(time))
}

/// A time as it is written: with an exponent where there would be long rows of zeros.
struct Time(f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Time(t) = self;
        if *t == 0.0 || (1e-4..1e15).contains(&t.abs()) { write!(f, "{t}") } else { write!(f, "{t:e}") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (t, h) = (Time(self.time), self.step);
        match &self.kind {
            ErrorKind::Options(sentence) => f.write_str(sentence),
            ErrorKind::NotFinite(names) => {
                write!(f, "the derivative of {} is not finite at t = {t} (step {h:e})", list(names))
            }
            ErrorKind::StepTooSmall(name) => {
                write!(f, "the step size fell to {h:e} at t = {t}; the error of {name} asks for smaller steps still")
            }
            ErrorKind::TooManySteps(limit) => {
                write!(f, "gave up at t = {t} after {limit} steps (step {h:e})")
            }
            ErrorKind::TooMuchTime(seconds) => {
                write!(f, "gave up at t = {t} after {seconds} s (step {h:e})")
            }
            ErrorKind::Derivative(of, by) => write!(
                f,
                "the derivative of {of}' by {by} is not finite at t = {t}, and the method needs it; an explicit method (Tsit5) does not"
            ),
            ErrorKind::NoDerivative { event, time, why } => f.write_str(&no_derivative(event, *time, why)),
            ErrorKind::Overflow => {
                write!(f, "the sensitivities are no finite numbers any more at t = {t} (step {h:e})")
            }
            ErrorKind::Singular => write!(f, "the iteration matrix stays singular at t = {t} (step {h:e})"),
            ErrorKind::Inconsistent { state, left, singular: false } => write!(
                f,
                "no solution of the algebraic equations was found at t = {t}: that of {state} leaves {left:e}; give a better guess with `init {state} = …`"
            ),
            ErrorKind::Inconsistent { state, left, singular: true } => write!(
                f,
                "the algebraic equations do not determine their unknowns at t = {t}: that of {state} leaves {left:e}; start from other values, e.g. `init {state} = …`"
            ),
            ErrorKind::InconsistentAfter { event, state, left, singular } => {
                let what =
                    if *singular { "do not determine their unknowns" } else { "have no solution near the values" };
                write!(
                    f,
                    "behind `{event}` at t = {t} the algebraic equations {what}: that of {state} leaves {left:e}; set values that they allow"
                )
            }
            ErrorKind::EventsForEver(name) => {
                write!(f, "events cause each other for ever at t = {t}; the last was `{name}`")
            }
            ErrorKind::Zeno(name) => write!(
                f,
                "time stands still at t = {t}: `{name}` fires again and again within rounding of it; let the model come to rest, as with `stop` or a discrete quantity"
            ),
            ErrorKind::NotSteady(name) if h == 0.0 => write!(
                f,
                "no steady state was found from these initial values, where {name} changes most; look at what the solution does with `rhapsode run`, or start elsewhere"
            ),
            ErrorKind::NotSteady(name) => write!(
                f,
                "the solution does not come to rest: at t = {t} {name} still changes, for ever if it oscillates or grows; say how far to integrate"
            ),
            ErrorKind::Slides(name) => write!(
                f,
                "gave up at t = {t}: the solution slides along the switch `{name}`, for both of its sides lead back to it; make it smooth (`tanh(x/width)` for `sign(x)`) or give it two thresholds with `when` and a discrete quantity"
            ),
            ErrorKind::Ahead(name, s) => write!(
                f,
                "`{name}` asks for the future at t = {t}: the time in it is {}; let it stay at or below t, as with `min`",
                Time(*s)
            ),
            ErrorKind::Unsettled(name) => write!(
                f,
                "the delay in `{name}` vanishes at t = {t}, and its value does not settle (step {h:e}); write the state itself where the delay is 0"
            ),
            ErrorKind::Interrupted => write!(f, "interrupted at t = {t}"),
            ErrorKind::Memory(needed, allowed) => {
                write!(f, "the run needs {needed} bytes of memory, more than the {allowed} allowed")
            }
        }
    }
}

impl std::error::Error for Failure {}

fn list(names: &[String]) -> String {
    match names {
        [] => "a state".to_string(),
        [one] => one.clone(),
        [first, .., last] if names.len() == 2 => format!("{first} and {last}"),
        [first, second, ..] => format!("{first}, {second} and {} more", names.len() - 2),
    }
}
