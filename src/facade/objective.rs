//! What is asked of a solution as a function of parameters: its value, and its gradient.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::measured::Measured;
use super::together::Together;
use super::{CompileError, Compiled, DerivativeError, SolveError, UnknownName, bind};
use crate::diag::closest;
use crate::model::{Kind, Question, Term, TermKind};
use crate::sensitivity::Part;
use crate::solve::{ErrorKind, Method, Options, Save, Solution};
use crate::source::DataFile;
use crate::system::{Matrix, System};

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

/// What observations come to, by name.
pub const LOG_LIKELIHOOD: &str = "log_likelihood";

/// An objective of a compiled model, or the logarithm of the likelihood of measured values, as a function of some of its
/// parameters and initial values. Immutable once made; call it from as many threads as you like.
#[derive(Clone)]
pub struct Objective {
    /// The model that is run for it.
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
    way: Option<Way>,
    /// Of a likelihood, the models that are run for its value and for its gradient where that can be done together, made when
    /// first asked for.
    together: Arc<[OnceLock<Option<Together>>; 2]>,
    /// What they are run with, until something is set.
    ready: OnceLock<Option<(Vec<f64>, Options<'static>)>>,
}

/// How derivatives are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Those of the state by each name are carried along with the run.
    Forward,
    /// A sweep back through the run, whose cost does not depend on the number of names.
    Adjoint,
}

/// So many names are carried along; with more it costs less to go back.
const MOST_FORWARD: usize = 8;

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
        let asking = model.asking(question).map_err(ObjectiveError::Unsupported)?;
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
            way: None,
            together: Arc::default(),
            ready: OnceLock::new(),
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
        self.ready = OnceLock::new();
        Ok(self)
    }

    /// Start and end of the independent variable.
    pub fn span(mut self, span: std::ops::Range<f64>) -> Self {
        self.span = (span.start, span.end);
        self.ready = OnceLock::new();
        self
    }

    /// Relative tolerance.
    pub fn rtol(mut self, rtol: f64) -> Self {
        self.rtol = Some(rtol);
        self.ready = OnceLock::new();
        self
    }

    /// Absolute tolerance.
    pub fn atol(mut self, atol: f64) -> Self {
        self.atol = Some(atol);
        self.ready = OnceLock::new();
        self
    }

    /// The integrator.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self.ready = OnceLock::new();
        self
    }

    /// How derivatives are computed; what costs less, if nothing is said.
    pub fn way(mut self, way: Way) -> Self {
        self.way = Some(way);
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
        if let Some(value) = self.at_once(at, &mut []) {
            return Ok(value);
        }
        let problem = self.problem(at)?.save(self.save()?);
        let solution = problem.solve().map_err(ObjectiveError::Solve)?;
        self.sum(&solution, &parameters(&problem)?, &mut |_, _, _| {})
    }

    /// The value at `at` and, in `gradient`, its derivatives, one per name of [`Self::by`]: those of exactly that value.
    ///
    /// # Errors
    /// As [`Self::value`], and where a derivative does not exist or is no number.
    pub fn value_and_gradient(&self, at: &[f64], gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        assert_eq!((at.len(), gradient.len()), (self.by.len(), self.by.len()), "one number per name");
        if self.way.is_none()
            && let Some(value) = self.at_once(at, gradient)
        {
            return Ok(value);
        }
        let problem = self.problem(at)?.save(self.save()?);
        let way = self.way.unwrap_or(if self.by.len() > MOST_FORWARD { Way::Adjoint } else { Way::Forward });
        let value = match way {
            Way::Forward => self.forward(&problem, gradient)?,
            Way::Adjoint => self.adjoint(&problem, gradient)?,
        };
        match gradient.iter().position(|d| !d.is_finite()) {
            Some(k) => Err(ObjectiveError::Derivative { value, name: self.by[k].clone() }),
            None => Ok(value),
        }
    }

    /// By steps of states and sensitivities together, where the model and the method allow it.
    fn at_once(&self, at: &[f64], gradient: &mut [f64]) -> Option<f64> {
        if self.question != Question::Likelihood {
            return None;
        }
        let derivatives = !gradient.is_empty();
        let make = || Together::new(self.compiled.model(), &self.by, derivatives);
        let together = self.together[usize::from(derivatives)].get_or_init(make).as_ref()?;
        let (base, options) = self.ready.get_or_init(|| self.ready()).as_ref()?;
        together.value_and_gradient(base, at, options, &self.measured, gradient)
    }

    /// Parameters and options for that; none where other things are set, or nothing was measured within the run.
    fn ready(&self) -> Option<(Vec<f64>, Options<'static>)> {
        let model = self.compiled.model();
        if self.set.iter().any(|(name, _)| model.parameters().find(name).is_none()) {
            return None;
        }
        let problem = self.problem(&self.point().ok()?).ok()?;
        let (of, times) = (problem.options(), self.times().ok()?);
        let suits = of.method == Method::Auto || Together::suits(of.method);
        let mut options = Options::new(of.t0, times.last().copied()?);
        (options.rtol, options.atol, options.method) = (of.rtol, of.atol.clone(), of.method);
        (options.first_step, options.max_step, options.max_steps) = (of.first_step, of.max_step, of.max_steps);
        options.save = Save::At(times);
        (suits && options.t1 > options.t0).then_some((problem.parameter_values().ok()?, options))
    }

    /// With the derivatives of the state carried along.
    fn forward(&self, problem: &super::Problem, gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        let names: Vec<&str> = self.by.iter().map(String::as_str).collect();
        let tangents = problem.tangents(&names).map_err(derivatives)?;
        let k = names.len();
        let Places { n, m, own, at, slots } = self.places();
        let mut q = tangents.changes.clone();
        q[slots * k..].fill(0.0);
        gradient.fill(0.0);
        let mut out = vec![0.0; m * k];
        self.sum(tangents.solution(), &parameters(problem)?, &mut |row, what, parts| {
            let here = &tangents.values()[row * (n + m) * k..(row + 1) * (n + m) * k];
            let (s, recorded) = here.split_at(n * k);
            // The model's own discrete quantities, and time, are recorded.
            q[at * k..slots * k].copy_from_slice(&recorded[own * k..(m - 1) * k]);
            out.fill(0.0);
            parts.by_state.add_product(s, k, 1.0, &mut out);
            parts.by_parameter.add_product(&q, k, 1.0, &mut out);
            parts.by_time.add_product(&recorded[(m - 1) * k..], k, 1.0, &mut out);
            match what {
                What::Term(j) => q[(slots + j) * k..(slots + j + 1) * k].copy_from_slice(&out[j * k..(j + 1) * k]),
                What::Sum(rows) => {
                    for out in out[rows.start * k..rows.end * k].chunks_exact(k) {
                        gradient.iter_mut().zip(out).for_each(|(sum, d)| *sum += d);
                    }
                }
            }
        })
    }

    /// With a sweep back through the run.
    fn adjoint(&self, problem: &super::Problem, gradient: &mut [f64]) -> Result<f64, ObjectiveError> {
        let recorded = problem.record().map_err(derivatives)?;
        let solution = recorded.solution();
        let Places { n, m, own, at, slots } = self.places();
        let mut weights = vec![0.0; solution.len() * (n + m)];
        let mut direct = vec![0.0; slots + self.slots()];
        let mut one = vec![0.0; m];
        // How a sum of outputs depends on the point's state and what is recorded of it, and on parameters and slots.
        let mut pull = |rows: Range<usize>, parts: &Parts| {
            one.fill(0.0);
            one[rows].fill(1.0);
            let (mut here, mut by_parameter, mut time) = (vec![0.0; n + m], vec![0.0; slots + self.slots()], [0.0]);
            parts.by_state.add_transposed(&one, 1.0, &mut here[..n]);
            parts.by_parameter.add_transposed(&one, 1.0, &mut by_parameter);
            parts.by_time.add_transposed(&one, 1.0, &mut time);
            here[n + own..n + m - 1].copy_from_slice(&by_parameter[at..slots]);
            here[n + m - 1] = time[0];
            (here, by_parameter)
        };
        let mut add = |row: usize, weight: f64, (here, by_parameter): &(Vec<f64>, Vec<f64>)| {
            let place = row * (n + m);
            weights[place..place + n + m].iter_mut().zip(here).for_each(|(w, x)| *w += weight * x);
            direct[..at].iter_mut().zip(by_parameter).for_each(|(sum, x)| *sum += weight * x);
        };
        // What the terms of an objective count for is known when all are: they wait for it.
        let mut waiting = Vec::new();
        let value = self.sum(solution, &parameters(problem)?, &mut |row, what, parts| match what {
            What::Term(j) => waiting.push((row, pull(j..j + 1, parts))),
            What::Sum(rows) => {
                let pulled = pull(rows, parts);
                add(row, 1.0, &pulled);
                for ((row, term), weight) in waiting.drain(..).zip(&pulled.1[slots..]) {
                    add(row, *weight, &term);
                }
            }
        })?;
        let all = recorded.pull_with(&weights, &direct).map_err(derivatives)?;
        let model = self.compiled.model();
        let (names, states) = (model.parameters(), model.states());
        for (name, d) in self.by.iter().zip(gradient) {
            let parameter = names.find(name).map(|place| all.parameters[place]);
            *d = parameter.or_else(|| states.find(name).map(|place| all.initial[place])).unwrap_or(0.0);
        }
        Ok(value)
    }

    /// The points to keep; of a run until rest, whose end is not known, those of all steps.
    fn save(&self) -> Result<Save, ObjectiveError> {
        let times = self.times()?;
        Ok(if self.span.1.is_infinite() && self.question != Question::Likelihood {
            Save::Steps
        } else {
            Save::At(times)
        })
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
            Question::Objective(_) => {
                let mut times = vec![t1];
                for term in self.terms() {
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

    /// The value, from the solution at [`Self::times`]. `each` hears, for every point that counts, of its row in the
    /// solution, what it gives, and the derivatives there.
    fn sum(
        &self,
        solution: &Solution,
        parameters: &[f64],
        each: &mut dyn FnMut(usize, What, &Parts),
    ) -> Result<f64, ObjectiveError> {
        let system = self.compiled.system();
        let mut bound = self.compiled.bind(parameters);
        let Places { n, m, own, at, slots } = self.places();
        let (mut work, mut y, mut out) = (vec![0.0; system.shape().work], vec![0.0; n], vec![0.0; m]);
        let mut parts = Parts::new(system).map_err(|kind| derivatives(kind.into()))?;
        let mut look = |row: usize, bound: &mut [f64], out: &mut [f64], parts: &mut Parts| {
            let time = solution.times()[row];
            y.iter_mut().enumerate().for_each(|(k, y)| *y = solution.state(k)[row]);
            (at..slots).for_each(|place| bound[place] = solution.output(own + place - at)[row]);
            system.outputs(time, &y, bound, &mut work, out);
            let all = [&mut parts.by_state, &mut parts.by_parameter, &mut parts.by_time];
            all.into_iter().for_each(|part| part.evaluate(time, &y, bound, &[]));
        };
        let last = solution.len().saturating_sub(1);
        let row_at = |what: &dyn Fn() -> String, time: f64| {
            let row = solution.times().partition_point(|t| *t < time);
            match solution.times().get(row) {
                Some(found) if *found == time => Ok(row),
                // An event has ended the run.
                _ => Err(ObjectiveError::Window { what: what(), time, span: (self.span.0, solution.times()[last]) }),
            }
        };
        let mut value = 0.0;
        match self.question {
            Question::Likelihood => {
                for k in 0..self.measured.times.len() {
                    let named = || format!("row {} of `{}`", self.measured.rows[k], self.file);
                    let row = row_at(&named, self.measured.times[k])?;
                    bound[slots..slots + self.measured.width].copy_from_slice(self.measured.row(k));
                    look(row, &mut bound, &mut out, &mut parts);
                    let sum: f64 = out[..own].iter().sum();
                    if !sum.is_finite() {
                        return Err(ObjectiveError::Value { value: sum, what: named() });
                    }
                    value += sum;
                    each(row, What::Sum(0..own), &parts);
                }
            }
            Question::Objective(_) => {
                for (j, term) in self.terms().iter().enumerate() {
                    let row = match term.kind {
                        TermKind::At(time) => row_at(&|| format!("`{}`", term.text), time)?,
                        TermKind::Integral | TermKind::Final => last,
                    };
                    look(row, &mut bound, &mut out, &mut parts);
                    bound[slots + j] = out[j];
                    each(row, What::Term(j), &parts);
                }
                look(last, &mut bound, &mut out, &mut parts);
                value = out[own - 1];
                if !value.is_finite() {
                    return Err(ObjectiveError::Value { value, what: format!("`{}`", self.name) });
                }
                each(last, What::Sum(own - 1..own), &parts);
            }
        }
        Ok(value)
    }

    /// The terms of an objective.
    fn terms(&self) -> &[Term] {
        match self.question {
            Question::Likelihood => &[],
            Question::Objective(k) => &self.compiled.model().checked().asked.objectives[k].terms,
        }
    }

    /// How many slots of the question stand behind the model's own discrete quantities.
    fn slots(&self) -> usize {
        match self.question {
            Question::Likelihood => self.measured.width,
            Question::Objective(_) => self.terms().len(),
        }
    }

    fn places(&self) -> Places {
        let shape = self.compiled.system().shape();
        let own = match self.question {
            Question::Likelihood => self.compiled.model().checked().asked.observations.len(),
            Question::Objective(_) => self.terms().len() + 1,
        };
        let at = shape.discretes_at;
        let slots = at + shape.discretes.len() - self.slots();
        Places { n: shape.dim(), m: shape.outputs.len(), own, at, slots }
    }
}

/// Which of the numbers of the model that is run are what.
#[derive(Clone, Copy)]
struct Places {
    /// Number of states.
    n: usize,
    /// Number of outputs: what is asked, the model's own discrete quantities, time.
    m: usize,
    /// How many of them are what is asked.
    own: usize,
    /// Where discrete quantities begin among the parameters, and the slots behind the model's own.
    at: usize,
    slots: usize,
}

/// What a point gives.
enum What {
    /// A term of the objective.
    Term(usize),
    /// Outputs whose sum is added to the value.
    Sum(Range<usize>),
}

/// The derivatives of outputs at a point.
struct Parts {
    by_state: Part,
    by_parameter: Part,
    by_time: Part,
}

impl Parts {
    fn new(system: &dyn System) -> Result<Self, ErrorKind> {
        Ok(Parts {
            by_state: Part::new(system, Matrix::Outputs)?,
            by_parameter: Part::new(system, Matrix::OutputParameters)?,
            by_time: Part::new(system, Matrix::OutputTime)?,
        })
    }
}

fn derivatives(error: DerivativeError) -> ObjectiveError {
    match error {
        DerivativeError::Solve(error) => ObjectiveError::Solve(error),
        other => ObjectiveError::Derivatives(other),
    }
}

fn parameters(problem: &super::Problem) -> Result<Vec<f64>, ObjectiveError> {
    problem.parameter_values().map_err(|error| ObjectiveError::Solve(SolveError::Missing(error)))
}
