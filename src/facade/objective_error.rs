//! Why an objective has no value, or no gradient, and what could be done.

use std::fmt;

use super::{CompileError, DerivativeError, SolveError, UnknownName};

/// Why an objective, or its gradient, cannot be computed.
#[derive(Clone, Debug)]
pub enum ObjectiveError {
    /// The model asks nothing of its solution.
    Nothing,
    /// No objective has the name.
    Unknown {
        /// The name.
        name: String,
        /// The closest known name.
        suggestion: Option<String>,
    },
    /// The model has several objectives, and none was chosen.
    Several(Vec<String>),
    /// Observations need a file of data.
    NoData,
    /// A file of data was given to a model without observations.
    NothingObserved,
    /// There is something wrong with the file of data.
    Data {
        /// The file.
        file: String,
        /// A clause.
        message: String,
        /// What could be done.
        help: Option<String>,
    },
    /// Something is asked for at a time that the run does not reach.
    Window {
        /// What: `row 3 of data.csv`, `value(x, 20)`.
        what: String,
        /// The time.
        time: f64,
        /// The run's start and end.
        span: (f64, f64),
    },
    /// No parameter or state has the name.
    Name(UnknownName),
    /// There is no derivative by what has the name.
    NoDerivative {
        /// The name.
        name: String,
        /// What it is instead of a parameter or a state.
        what: &'static str,
        /// What could be done.
        help: &'static str,
    },
    /// What is asked reads a value at another time, which is known only within the run.
    Delayed(String),
    /// There are no derivatives.
    Derivatives(DerivativeError),
    /// The equations cannot be differentiated.
    Unsupported(crate::diff::Unsupported),
    /// Native code could not be made.
    Compile(CompileError),
    /// The run failed.
    Solve(SolveError),
    /// The value is no finite number.
    Value {
        /// What came out.
        value: f64,
        /// Where it came from.
        what: String,
    },
    /// The value is a number, and a derivative of it is not.
    Derivative {
        /// The value.
        value: f64,
        /// By what.
        name: String,
    },
}

impl ObjectiveError {
    /// What could be done, if that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            ObjectiveError::Nothing => Some(
                "add for example `objective cost = final(x)`, or `observe y ~ Normal(x, sigma)` and a file of data"
                    .into(),
            ),
            ObjectiveError::Unknown { suggestion, .. } => {
                suggestion.as_ref().map(|name| format!("did you mean `{name}`?"))
            }
            ObjectiveError::Several(names) => names.first().map(|name| format!("choose one: `--objective {name}`")),
            ObjectiveError::NoData => {
                Some("name the file behind the model: `rhapsode gradient MODEL.ode DATA.csv`".into())
            }
            ObjectiveError::NothingObserved => {
                Some("say what is compared with what: `observe y ~ Normal(x, sigma)`".into())
            }
            ObjectiveError::Data { help, .. } => help.clone(),
            ObjectiveError::Window { time, span, .. } => {
                let (from, to) = (time.min(span.0), time.max(span.1));
                Some(format!("run through it: `--span {from}..{to}`"))
            }
            ObjectiveError::NoDerivative { help, .. } => Some((*help).to_string()),
            ObjectiveError::Delayed(_) => {
                Some("ask for the state as it is, at that time: `value(x, 2)`, or a row of data earlier".to_string())
            }
            _ => None,
        }
    }
}

impl fmt::Display for ObjectiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectiveError::Nothing => {
                f.write_str("the model asks nothing of its solution: it has no objective and observes nothing")
            }
            ObjectiveError::Unknown { name, .. } => write!(f, "no objective is called `{name}`"),
            ObjectiveError::Several(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                write!(f, "the model has several objectives: {}", names.join(", "))
            }
            ObjectiveError::NoData => {
                f.write_str("the model compares its solution with measured values, and no file of data is given")
            }
            ObjectiveError::NothingObserved => f.write_str("a file of data is given, and the model observes nothing"),
            ObjectiveError::Data { file, message, .. } => write!(f, "`{file}`: {message}"),
            ObjectiveError::Window { what, time, span } => {
                write!(f, "{what} is at {time}, outside the run from {} to {}", span.0, span.1)
            }
            ObjectiveError::Name(unknown) => unknown.fmt(f),
            ObjectiveError::NoDerivative { name, what, .. } => {
                write!(f, "there is no derivative by `{name}`: it is {what}")
            }
            ObjectiveError::Delayed(what) => {
                write!(f, "`{what}` asks for a value at another time, which is known within the run only")
            }
            ObjectiveError::Derivatives(error) => error.fmt(f),
            ObjectiveError::Unsupported(error) => error.fmt(f),
            ObjectiveError::Compile(error) => error.fmt(f),
            ObjectiveError::Solve(error) => error.fmt(f),
            ObjectiveError::Value { value, what } => {
                write!(f, "{what} comes to {value}, which is no number to differentiate")
            }
            ObjectiveError::Derivative { value, name } => {
                write!(f, "the value is {value}, and its derivative by `{name}` is not finite")
            }
        }
    }
}

impl std::error::Error for ObjectiveError {}
