//! What is asked of a solution as a function of parameters: its value, and its gradient.

use std::fmt;

use super::measured::Measured;
use super::{CompileError, Compiled, SensitivityError, SolveError, UnknownName, bind};
use crate::diag::closest;
use crate::model::{Kind, Question, TermKind};
use crate::solve::{Method, Save, Solution};
use crate::source::DataFile;

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
    /// The derivatives could not be formed.
    Sensitivity(SensitivityError),
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
            ObjectiveError::Sensitivity(error) => error.fmt(f),
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

/// What observations come to, by name.
pub const LOG_LIKELIHOOD: &str = "log_likelihood";

/// An objective of a compiled model, or the logarithm of the likelihood of measured values, as a function of some of its
/// parameters and initial values. Immutable once made; call it from as many threads as you like.
#[derive(Clone)]
pub struct Objective {
    /// The model that is run for it, with sensitivities.
    compiled: Compiled,
    name: String,
    question: Question,
    measured: Measured,
    file: String,
    by: Vec<String>,
    set: Vec<(String, f64)>,
    span: (f64, f64),
    rtol: Option<f64>,
    atol: Option<f64>,
    method: Option<Method>,
}

impl Compiled {
    /// The objective of that name, or the only one there is, as a function of the parameters and initial values `by`:
    /// `k1`, `W[1,2]`, `A`; an array's name stands for all of its elements. Observations are the objective
    /// [`LOG_LIKELIHOOD`], the sum of the logarithms of the densities of all rows of `data`.
    ///
    /// # Errors
    /// [`ObjectiveError`] where there is no such objective, the data do not fit, or a name is none of a parameter or state.
    pub fn objective(
        &self,
        name: Option<&str>,
        data: Option<&DataFile>,
        by: &[&str],
    ) -> Result<Objective, ObjectiveError> {
        let model = self.model();
        let checked = model.checked();
        let asked = &checked.asked;
        let mut names: Vec<String> = asked.objectives.iter().map(|objective| objective.name.clone()).collect();
        if !asked.observations.is_empty() {
            names.push(LOG_LIKELIHOOD.to_string());
        }
        if data.is_some() && asked.observations.is_empty() {
            return Err(ObjectiveError::NothingObserved);
        }
        // Data are there to be compared with.
        let wanted = name.or_else(|| data.map(|_| LOG_LIKELIHOOD));
        let place = match (wanted, names.len()) {
            (_, 0) => return Err(ObjectiveError::Nothing),
            (None, 1) => 0,
            (None, _) => return Err(ObjectiveError::Several(names)),
            (Some(name), _) => names.iter().position(|known| known == name).ok_or_else(|| ObjectiveError::Unknown {
                name: name.to_string(),
                suggestion: closest(name, names.iter().map(String::as_str)).map(str::to_string),
            })?,
        };
        let question = if place < asked.objectives.len() { Question::Objective(place) } else { Question::Likelihood };
        let measured = match (question, data) {
            (Question::Likelihood, Some(file)) => Measured::read(checked, file)?,
            (Question::Likelihood, None) => return Err(ObjectiveError::NoData),
            (Question::Objective(_), _) => Measured::default(),
        };
        let by = by.iter().map(|name| elements(checked, name)).collect::<Result<Vec<_>, _>>()?.concat();
        let list: Vec<&str> = by.iter().map(String::as_str).collect();
        let asking = model.asking(question, &list).map_err(ObjectiveError::Sensitivity)?;
        Ok(Objective {
            compiled: asking.compile().map_err(ObjectiveError::Compile)?,
            name: names.swap_remove(place),
            question,
            measured,
            file: data.map_or_else(String::new, |file| file.name().to_string()),
            by,
            set: Vec::new(),
            span: model.run().span.unwrap_or((0.0, 1.0)),
            rtol: None,
            atol: None,
            method: None,
        })
    }
}

/// The elements that a name stands for, by name.
fn elements(model: &crate::model::Model, name: &str) -> Result<Vec<String>, ObjectiveError> {
    let symbols = model.parameters.iter().chain(&model.states).map(|id| model.symbol(*id));
    if let Some(array) = symbols.into_iter().find(|symbol| symbol.name == name && !symbol.dims.is_empty()) {
        let mut names = crate::system::Names::default();
        names.push(array.name.clone(), array.dims.iter().map(|d| (d.lo, d.len())).collect());
        return Ok((0..names.len()).map(|k| names.get(k)).collect());
    }
    let unknown = match bind::wanted(model, name) {
        Ok(_) => return Ok(vec![name.to_string()]),
        Err(unknown) => unknown,
    };
    let no = |what, help| Err(ObjectiveError::NoDerivative { name: name.to_string(), what, help });
    if model.fixed.iter().any(|known| known == name) {
        return no("a number known when compiling", "declare it with `param`, if no array's size depends on it");
    }
    if model.time == name {
        return no("the independent variable", "the derivatives by time are the equations");
    }
    match model.symbols.iter().find(|symbol| symbol.name == name).map(|symbol| symbol.kind) {
        Some(Kind::Discrete) if model.discretes.iter().any(|id| model.symbol(*id).name == name) => {
            no("a discrete quantity, which events set", "let it start from a parameter, and name that")
        }
        Some(Kind::Definition | Kind::Output) => no("computed from others", "name the parameters it is computed from"),
        _ => Err(ObjectiveError::Name(unknown)),
    }
}

impl Objective {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of what it is a function of: the order of [`Self::value_and_gradient`].
    pub fn by(&self) -> &[String] {
        &self.by
    }

    /// Sets a parameter or an initial value that it is not a function of.
    ///
    /// # Errors
    /// [`UnknownName`] with the closest known name.
    pub fn set(mut self, name: &str, value: f64) -> Result<Self, UnknownName> {
        self.compiled.problem().set(name, value)?;
        self.set.push((name.to_string(), value));
        Ok(self)
    }

    /// Start and end of the independent variable.
    pub fn span(mut self, span: std::ops::Range<f64>) -> Self {
        self.span = (span.start, span.end);
        self
    }

    /// Relative tolerance.
    pub fn rtol(mut self, rtol: f64) -> Self {
        self.rtol = Some(rtol);
        self
    }

    /// Absolute tolerance.
    pub fn atol(mut self, atol: f64) -> Self {
        self.atol = Some(atol);
        self
    }

    /// The integrator.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// The values of what it is a function of as they stand: defaults, and what was set.
    ///
    /// # Errors
    /// [`ObjectiveError::Solve`] where a parameter has no value.
    pub fn point(&self) -> Result<Vec<f64>, ObjectiveError> {
        let problem = self.problem(&[])?;
        let parameters =
            problem.parameter_values().map_err(|error| ObjectiveError::Solve(SolveError::Missing(error)))?;
        let model = self.compiled.model();
        let (names, states) = (model.parameters(), model.states());
        let y0 = problem.first_state().map_err(ObjectiveError::Solve)?;
        let value =
            |name: &String| names.find(name).map(|k| parameters[k]).or_else(|| states.find(name).map(|k| y0[k]));
        Ok(self.by.iter().filter_map(value).collect())
    }

    fn problem(&self, at: &[f64]) -> Result<super::Problem<'_>, ObjectiveError> {
        let mut problem = self.compiled.problem().span(self.span.0..self.span.1);
        let own = self.set.iter().map(|(name, value)| (name, *value));
        for (name, value) in own.chain(self.by.iter().zip(at.iter().copied())) {
            problem = problem.set(name, value).map_err(ObjectiveError::Name)?;
        }
        if let Some(rtol) = self.rtol {
            problem = problem.rtol(rtol);
        }
        if let Some(atol) = self.atol {
            problem = problem.atol(atol);
        }
        if let Some(method) = self.method {
            problem = problem.method(method);
        }
        Ok(problem)
    }

    /// The value at `at`, one number per name of [`Self::by`].
    ///
    /// # Errors
    /// [`ObjectiveError`] where the run fails, or what is asked for lies outside it.
    pub fn value(&self, at: &[f64]) -> Result<f64, ObjectiveError> {
        self.value_and_gradient(at, &mut vec![0.0; self.by.len()])
    }

    /// The value at `at` and, in `gradient`, its derivatives, one per name of [`Self::by`].
    ///
    /// # Errors
    /// As [`Self::value`], and where a derivative is no number.
    pub fn value_and_gradient(&self, at: &[f64], gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        assert_eq!((at.len(), gradient.len()), (self.by.len(), self.by.len()), "one number per name");
        let times = self.times()?;
        let problem = self.problem(at)?.save(Save::At(times.clone()));
        let solution = problem.solve().map_err(ObjectiveError::Solve)?;
        let parameters =
            problem.parameter_values().map_err(|error| ObjectiveError::Solve(SolveError::Missing(error)))?;
        let value = self.sum(&solution, &parameters, gradient)?;
        match gradient.iter().position(|d| !d.is_finite()) {
            Some(k) => Err(ObjectiveError::Derivative { value, name: self.by[k].clone() }),
            None => Ok(value),
        }
    }

    /// The times at which something is asked for, ascending; the end is the last of an objective's.
    fn times(&self) -> Result<Vec<f64>, ObjectiveError> {
        let (t0, t1) = self.span;
        let outside = |what: String, time: f64| ObjectiveError::Window { what, time, span: (t0, t1) };
        let mut times = match self.question {
            Question::Likelihood => {
                if let Some(k) = self.measured.times.iter().position(|t| !(t0..=t1).contains(t)) {
                    let what = format!("row {} of `{}`", self.measured.rows[k], self.file);
                    return Err(outside(what, self.measured.times[k]));
                }
                self.measured.times.clone()
            }
            Question::Objective(k) => {
                let mut times = vec![t1];
                for term in &self.compiled.model().checked().asked.objectives[k].terms {
                    if let TermKind::At(time) = term.kind {
                        if !(t0..=t1).contains(&time) {
                            return Err(outside(format!("`{}`", term.text), time));
                        }
                        times.push(time);
                    }
                }
                times
            }
        };
        times.sort_by(f64::total_cmp);
        times.dedup();
        Ok(times)
    }

    /// The value and gradient from the run's states at [`Self::times`].
    fn sum(&self, solution: &Solution, parameters: &[f64], gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        let system = self.compiled.system();
        let shape = system.shape();
        let mut bound = self.compiled.bind(parameters);
        let slots = shape.discretes_at + shape.discretes.len() - self.slots() * (self.by.len() + 1);
        let (mut work, mut y) = (vec![0.0; shape.work], vec![0.0; shape.dim()]);
        let mut out = vec![0.0; shape.outputs.len()];
        let mut outputs = |bound: &[f64], time: f64, out: &mut Vec<f64>| {
            let row = solution.times().partition_point(|t| *t < time).min(solution.len() - 1);
            y.iter_mut().enumerate().for_each(|(k, y)| *y = solution.state(k)[row]);
            system.outputs(time, &y, bound, &mut work, out);
        };
        let own = shape.outputs.len() / (self.by.len() + 1);
        gradient.fill(0.0);
        let mut value = 0.0;
        match self.question {
            Question::Likelihood => {
                for k in 0..self.measured.times.len() {
                    bound[slots..slots + self.measured.width].copy_from_slice(self.measured.row(k));
                    outputs(&bound, self.measured.times[k], &mut out);
                    let sum: f64 = out[..own].iter().sum();
                    if !sum.is_finite() {
                        let what = format!("row {} of `{}`", self.measured.rows[k], self.file);
                        return Err(ObjectiveError::Value { value: sum, what });
                    }
                    value += sum;
                    for (j, d) in gradient.iter_mut().enumerate() {
                        *d += out[own * (j + 1)..own * (j + 2)].iter().sum::<f64>();
                    }
                }
            }
            Question::Objective(k) => {
                let objective = &self.compiled.model().checked().asked.objectives[k];
                let count = objective.terms.len();
                for (j, term) in objective.terms.iter().enumerate() {
                    let time = if let TermKind::At(time) = term.kind { time } else { self.span.1 };
                    outputs(&bound, time, &mut out);
                    // Its slot, and those of its derivatives.
                    (0..=self.by.len()).for_each(|q| bound[slots + q * count + j] = out[own * q + j]);
                }
                outputs(&bound, self.span.1, &mut out);
                value = out[own - 1];
                if !value.is_finite() {
                    return Err(ObjectiveError::Value { value, what: format!("`{}`", objective.name) });
                }
                gradient.iter_mut().enumerate().for_each(|(q, d)| *d = out[own * (q + 2) - 1]);
            }
        }
        Ok(value)
    }

    /// How many slots of the question stand behind the model's own discrete quantities.
    fn slots(&self) -> usize {
        match self.question {
            Question::Likelihood => self.measured.width,
            Question::Objective(k) => self.compiled.model().checked().asked.objectives[k].terms.len(),
        }
    }
}
