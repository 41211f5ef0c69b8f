//! The one module that touches the library's facade: models in, tables out.

pub mod ensemble;

use std::io::{IsTerminal, Read};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rhapsode::curve::Outside;
use rhapsode::diag::{closest, render};
use rhapsode::lang::format::{self, Refusal};
use rhapsode::model::Grid;
use rhapsode::name::{plain, split, with_subscripts};
use rhapsode::solve::{Approach, ErrorKind, Failure, Method, Precision, Save, Solution};
use rhapsode::source::{Loader, Source, Sources};
use rhapsode::system::Names;
use rhapsode::{
    Backend, Compiled, DerivativeError, Errors, FileLoader, HostError, MissingParameter, Model, Objective,
    ObjectiveError, OutsideData, Problem, SensitivityError, SolveError, Steady, Tangents, derivative_names,
};

use crate::exit::Stop;
use crate::table::{Series, Table};

/// What a run is asked to do; what is absent comes from the model's solve block.
#[derive(Default)]
pub struct Request {
    /// Parameters and initial values by name.
    pub set: Vec<(String, f64)>,
    /// Start and end.
    pub span: Option<(f64, f64)>,
    /// The method.
    pub method: Option<Method>,
    /// Relative tolerance.
    pub rtol: Option<f64>,
    /// Absolute tolerance.
    pub atol: Option<f64>,
    /// The numbers of the steps.
    pub precision: Option<Precision>,
    /// Which points to keep.
    pub points: Option<Points>,
    /// Limit on steps.
    pub max_steps: Option<u64>,
    /// Let steps run over the switches of the equations.
    pub over_switches: bool,
    /// Say what was chosen and why.
    pub explain: bool,
    /// Limit on wall-clock time.
    pub max_time: Option<Duration>,
    /// Say how far the solution is from the exact one.
    pub error_estimate: bool,
    /// Sensitivities count in the error test.
    pub control_sensitivities: bool,
}

/// Points to keep.
pub enum Points {
    /// So many, evenly spaced.
    Count(usize),
    /// Exactly these.
    At(Vec<f64>),
    /// One every so much.
    Every(f64),
}

/// A run that has ended, well or early.
pub struct Outcome {
    /// What was computed.
    pub solution: Solution,
    /// Why it ended early.
    pub failure: Option<Failure>,
    /// How far it is from the exact one, where that was asked for.
    pub errors: Vec<Estimate>,
}

/// How far a quantity is from the exact one.
pub struct Estimate {
    /// Its name, with brackets for all elements of an array.
    pub name: String,
    /// The largest error at the points kept, and the largest value.
    pub error: f64,
    /// See `error`.
    pub size: f64,
}

/// Reads a model from a path, or from standard input for `-`.
///
/// # Errors
/// All diagnostics, rendered.
pub fn load(path: &str) -> Result<Model, Stop> {
    let model = if path == "-" { Model::parse_with(&FileLoader, "<stdin>", &read_stdin()?) } else { Model::load(path) };
    model.map_err(|errors| rendered(&errors))
}

/// The model with sensitivities by the given names; the model itself if there are none.
///
/// # Errors
/// A sentence with the likely name.
pub fn with_sensitivities(model: Model, by: &[String]) -> Result<Model, Stop> {
    if by.is_empty() {
        return Ok(model);
    }
    let names: Vec<&str> = by.iter().map(String::as_str).collect();
    model.with_sensitivities(&names).map_err(|error| match &error {
        SensitivityError::Name(name) => {
            unknown("--sensitivities", "parameter or state", &name.name, &[&model.parameters(), &model.states()])
        }
        SensitivityError::Constrained
        | SensitivityError::Events
        | SensitivityError::Delays
        | SensitivityError::Follows(_) => Stop::input(format!("error: --sensitivities: {error}")),
        SensitivityError::Unsupported(reason) => Stop::input(format!("error: --sensitivities: {reason}")),
    })
}

/// Reads a text from a path, or from standard input for `-`.
///
/// # Errors
/// A sentence that names the file.
pub fn read(path: &str) -> Result<String, Stop> {
    if path == "-" {
        return read_stdin();
    }
    let refused = |reason: String| Stop::input(format!("error: cannot read `{path}`: {reason}"));
    let file = std::fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    let mut bytes = Vec::new();
    let read = file.take(Source::MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| refused(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| refused(format!("it is not UTF-8 text: {error}")))
}

/// The text of a model, formatted.
///
/// # Errors
/// The diagnostics of its syntax errors, rendered.
pub fn format(path: &str, text: &str) -> Result<String, Stop> {
    let sources = Sources::new(if path == "-" { "<stdin>" } else { path }, text);
    format::format(sources.main()).map_err(|refusal| match refusal {
        Refusal::Errors(diagnostics) => Stop::input(render(&sources, &diagnostics, colour()).trim_end()),
        Refusal::Meaning => Stop::input(format!("error: {path}: {refusal}")),
    })
}

fn read_stdin() -> Result<String, Stop> {
    // One byte more than allowed is enough to be refused by the parser, however much more there is.
    let mut bytes = Vec::new();
    let limit = Source::MAX_BYTES as u64 + 1;
    let read = std::io::stdin().lock().take(limit).read_to_end(&mut bytes);
    read.map_err(|error| Stop::input(format!("error: cannot read standard input: {error}")))?;
    String::from_utf8(bytes).map_err(|error| Stop::input(format!("error: standard input is not UTF-8 text: {error}")))
}

fn rendered(errors: &Errors) -> Stop {
    Stop::input(errors.render(colour()).trim_end())
}

/// Whether standard error shows colours.
fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Compiles the model.
///
/// # Errors
/// A sentence, if no code can be made.
pub fn compile(model: &Model, backend: Backend) -> Result<Compiled, Stop> {
    model.compile_with(backend).map_err(|error| Stop::input(format!("error: cannot compile the model: {error}")))
}

/// Start and end of the run that is asked for.
///
/// # Errors
/// A sentence, when neither the model nor the flags state a span.
pub fn span(model: &Model, request: &Request) -> Result<(f64, f64), Stop> {
    request.span.or(model.run().span).ok_or_else(|| {
        let name = model.independent();
        Stop::input(format!(
            "error: the model does not say how far to integrate\nhelp: use `--span 0..100`, or write \
             `solve {name} = 0..100` in the model"
        ))
    })
}

/// Where the logarithmic grid of points to keep begins, if there is one.
pub fn decades_from(model: &Model, request: &Request) -> Option<f64> {
    match (&request.points, model.run().save) {
        (None, Some(Grid::Log(first, ..))) => Some(first),
        _ => None,
    }
}

/// Refuses what the model cannot do before anything is compiled: unknown names, points outside the span, a method that
/// does not exist.
///
/// # Errors
/// A sentence that names the flag.
pub fn validate(model: &Model, request: &Request) -> Result<(), Stop> {
    let (parameters, states, discretes) = (model.parameters(), model.states(), model.discretes());
    for (name, _) in &request.set {
        if [&parameters, &states, &discretes].iter().all(|names| names.find(name).is_none()) {
            return Err(unknown("--set", "parameter or state", name, &[&parameters, &states, &discretes]));
        }
    }
    let (t0, t1) = span(model, request)?;
    match &request.points {
        Some(Points::At(_)) if t1.is_infinite() => {
            return Err(Stop::input("error: --save-at needs a known end: it does not go with a run until steady"));
        }
        Some(Points::At(times)) => {
            if let Some(t) = times.iter().find(|t| !(t0..=t1).contains(t)) {
                return Err(Stop::input(format!("error: --save-at: {t} is outside the span {t0}..{t1}")));
            }
        }
        Some(Points::Every(dt)) if t1.is_finite() && (t1 - t0) / dt > 1e8 => {
            let points = (t1 - t0) / dt;
            return Err(Stop::input(format!("error: --save-every: {dt} gives {points:e} points, more than 1e8")));
        }
        _ => {}
    }
    match &model.run().method {
        Some((name, _)) if request.method.is_none() && Method::find(name).is_none() => {
            let known: Vec<&str> = Method::ALL.iter().map(|m| m.name()).collect();
            let hint = match closest(name, known.iter().copied()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("known methods: {}", known.join(", ")),
            };
            Err(Stop::input(format!("error: the solve block names an unknown method `{name}`\nhelp: {hint}")))
        }
        _ => Ok(()),
    }
}

/// The error for a name that is neither a component nor an array of any of `known`.
fn unknown(flag: &str, what: &str, name: &str, known: &[&Names]) -> Stop {
    let blocks: Vec<_> = known.iter().flat_map(|names| names.blocks()).collect();
    let (base, _) = split(name).unwrap_or_else(|| (name.to_string(), Vec::new()));
    let base = base.as_str();
    if let Some(block) = blocks.iter().find(|block| block.name == base || plain(&block.name) == base) {
        let ranges: Vec<String> = block.dims.iter().map(|(lo, n)| format!("{lo}..{}", lo + *n as i64 - 1)).collect();
        let hint = match block.dims.as_slice() {
            [] => format!("`{base}` is a single number and takes no subscript"),
            _ => format!("`{base}` is an array; its elements are `{}`", with_subscripts(&block.name, &ranges)),
        };
        return Stop::input(format!("error: {flag}: no {what} is called `{name}`\nhelp: {hint}"));
    }
    let hint = match closest(base, blocks.iter().map(|block| block.name.as_str())) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => {
            let mut list: Vec<&str> = blocks.iter().take(20).map(|block| block.name.as_str()).collect();
            if blocks.len() > list.len() {
                list.push("…");
            }
            format!("known names: {}", list.join(", "))
        }
    };
    Stop::input(format!("error: {flag}: no {what} is called `{name}`\nhelp: {hint}"))
}

/// Refuses to differentiate by what is neither a parameter nor a state.
///
/// # Errors
/// A sentence with the likely name.
pub fn validate_sensitivities(model: &Model, by: &[String]) -> Result<(), Stop> {
    let known = [&model.parameters(), &model.states()];
    let Some(name) = by.iter().find(|name| known.iter().all(|names| names.find(name).is_none())) else { return Ok(()) };
    Err(match model.no_derivative_by(name) {
        Some((what, help)) => Stop::input(format!(
            "error: --sensitivities: there is no derivative by `{name}`: it is {what}\nhelp: {help}"
        )),
        None => unknown("--sensitivities", "parameter or state", name, &known),
    })
}

/// Refuses columns that the result will not have.
///
/// # Errors
/// A sentence with the likely name.
pub fn validate_columns(model: &Model, by: &[String], columns: &[String]) -> Result<(), Stop> {
    let (states, outputs) = (model.states(), model.outputs());
    let further = [derivative_names(&states, by), derivative_names(&outputs, by)];
    let all = || [&states, &outputs].into_iter().chain(&further);
    match columns.iter().find(|name| !all().any(|names| names.range(name).is_some())) {
        Some(name) => Err(unknown("--columns", "state or output", name, &[&states, &outputs])),
        None => Ok(()),
    }
}

/// A problem with what was asked for, but for the points to keep.
fn problem<'a>(compiled: &'a Compiled, request: &Request, cancel: &'a AtomicBool) -> Result<Problem<'a>, Stop> {
    let (t0, t1) = span(compiled.model(), request)?;
    let mut problem = compiled.problem().span(t0..t1).cancel(cancel);
    for (name, value) in &request.set {
        problem = problem.set(name, *value).map_err(|error| Stop::input(format!("error: --set: {error}")))?;
    }
    if let Some(method) = request.method {
        problem = problem.method(method);
    }
    if let Some(rtol) = request.rtol {
        problem = problem.rtol(rtol);
    }
    if let Some(atol) = request.atol {
        problem = problem.atol(atol);
    }
    if let Some(precision) = request.precision {
        problem = problem.precision(precision);
    }
    if let Some(steps) = request.max_steps {
        problem = problem.max_steps(steps);
    }
    if let Some(time) = request.max_time {
        problem = problem.max_time(time);
    }
    if request.over_switches {
        problem = problem.over_switches();
    }
    if request.explain {
        problem = problem.explain();
    }
    Ok(problem)
}

/// A run that met what is no number may have asked an input beyond its data, where that could not be seen beforehand.
pub fn beyond_data(model: &Model, failure: &Failure) -> Option<String> {
    if !matches!(failure.kind, ErrorKind::NotFinite(_) | ErrorKind::StepTooSmall(_)) {
        return None;
    }
    let checked = model.checked();
    let input = checked.inputs.iter().find(|input| {
        let foreseen = checked.reaches.iter().any(|reach| reach.curve == input.curve);
        !foreseen && checked.graph.curve(input.curve).outside() == Outside::Error
    })?;
    let (first, last) = checked.graph.curve(input.curve).range();
    let (name, file) = (&input.name, &input.file);
    Some(format!(
        "the data of input `{name}` ({file}) go from {first} to {last}, and beyond it is no number; `extrapolate hold`, \
         `linear` or `periodic` say what it is there"
    ))
}

/// A run that asks for more than its data.
fn beyond(outside: &OutsideData) -> Stop {
    let hint = format!(
        "run within the data (`--span`), or say in the model what `{}` is beyond them: `extrapolate hold`, `linear` or \
         `periodic`",
        outside.input
    );
    Stop::input(format!("error: {outside}\nhelp: {hint}"))
}

/// The error of a parameter without a value.
fn missing(missing: &MissingParameter) -> Stop {
    let hint = format!("use `--set {}=VALUE`, or give it a default in the model", missing.0);
    Stop::input(format!("error: {missing}\nhelp: {hint}"))
}

/// The error of a model that calls functions of a host: the command is none.
fn hostless(error: &HostError) -> Stop {
    let sentence = match error {
        HostError::Unbound(name) => {
            format!("`{name}` is a function of a host program (`extern fn`), and this command has none")
        }
        error => error.to_string(),
    };
    Stop::input(format!(
        "error: {sentence}\nhelp: run the model from Rust or Python, or write `fn` and what it computes"
    ))
}

/// Looks for a steady state of the compiled model.
///
/// # Errors
/// A sentence, where none is found.
pub fn steady(compiled: &Compiled, request: &Request, approach: Approach, cancel: &AtomicBool) -> Result<Steady, Stop> {
    match problem(compiled, request, cancel)?.steady(approach) {
        Ok(found) => Ok(found),
        Err(SolveError::Missing(name)) => Err(missing(&name)),
        Err(SolveError::OutsideData(outside)) => Err(beyond(&outside)),
        Err(SolveError::Host(error)) => Err(hostless(&error)),
        Err(SolveError::Failed(Failure { kind: ErrorKind::Options(sentence), .. })) => {
            Err(Stop::input(format!("error: {sentence}")))
        }
        Err(SolveError::Failed(failure)) => Err(Stop::Early(format!("error: {failure}"))),
    }
}

/// What is asked of a solution.
pub struct Asked<'a> {
    /// The objective, if there are several.
    pub objective: Option<&'a str>,
    /// The file of measured values.
    pub data: Option<&'a str>,
    /// What to differentiate by.
    pub by: Vec<&'a str>,
}

/// Makes ready what is asked.
///
/// # Errors
/// A sentence, where the model, the data and the names do not go together.
pub fn objective(model: &Model, request: &Request, asked: &Asked) -> Result<Objective, Stop> {
    let (t0, t1) = span(model, request)?;
    let file = match asked.data {
        Some(path) => Some(
            FileLoader
                .load_data(path)
                .map_err(|reason| Stop::input(format!("error: cannot read `{path}`: {reason}")))?,
        ),
        None => None,
    };
    let compiled = compile(model, Backend::Jit)?;
    let objective = compiled.objective(asked.objective, file.as_deref(), &asked.by);
    let mut objective = objective.map_err(|error| match error {
        ObjectiveError::Name(name) => {
            unknown("--wrt", "parameter or state", &name.name, &[&model.parameters(), &model.states()])
        }
        error => refused(&error),
    })?;
    objective = objective.span(t0..t1);
    for (name, value) in &request.set {
        objective = objective.set(name, *value).map_err(|error| Stop::input(format!("error: --set: {error}")))?;
    }
    if let Some(method) = request.method {
        objective = objective.method(method);
    }
    if let Some(rtol) = request.rtol {
        objective = objective.rtol(rtol);
    }
    if let Some(atol) = request.atol {
        objective = objective.atol(atol);
    }
    Ok(objective)
}

/// An objective at a point.
pub struct Found {
    /// Where.
    pub at: Vec<f64>,
    /// Its value.
    pub value: f64,
    /// Its derivatives, or why there are none.
    pub gradient: Result<Vec<f64>, Stop>,
    /// Exact minus computed value, estimated, if asked for.
    pub error: Option<f64>,
}

/// Where an objective is looked at, its value there and its gradient; how far the value is from the exact one, if asked.
///
/// # Errors
/// A sentence, where there is no value.
pub fn gradient(objective: &Objective, error: bool) -> Result<Found, Stop> {
    let at = objective.point().map_err(|error| refused(&error))?;
    let mut gradient = vec![0.0; at.len()];
    let error = if error { Some(objective.error_estimate(&at).map_err(|error| refused(&error))?) } else { None };
    match objective.value_and_gradient(&at, &mut gradient) {
        Ok(value) => Ok(Found { at, value, gradient: Ok(gradient), error }),
        // The value may be there all the same.
        Err(other) => match objective.value(&at) {
            Ok(value) => Ok(Found { at, value, gradient: Err(refused(&other)), error }),
            Err(_) => Err(refused(&other)),
        },
    }
}

/// The second derivatives of an objective at a point, by rows.
///
/// # Errors
/// A sentence, where there are none.
pub fn hessian(objective: &Objective, at: &[f64]) -> Result<Vec<f64>, Stop> {
    objective.hessian(at).map_err(|error| refused(&error))
}

/// Which way derivatives are computed, and why.
///
/// # Errors
/// A sentence, where a parameter has no value.
pub fn explain(objective: &Objective) -> Result<String, Stop> {
    objective.explain().map_err(|error| refused(&error))
}

fn refused(error: &ObjectiveError) -> Stop {
    let help = error.help().map_or(String::new(), |help| format!("\nhelp: {help}"));
    match error {
        ObjectiveError::Solve(SolveError::Missing(name)) => missing(name),
        ObjectiveError::Solve(SolveError::OutsideData(outside)) => beyond(outside),
        ObjectiveError::Solve(SolveError::Failed(Failure { kind, .. })) if !matches!(kind, ErrorKind::Options(_)) => {
            Stop::Early(format!("error: {error}"))
        }
        ObjectiveError::Value { .. } | ObjectiveError::Derivative { .. } | ObjectiveError::Derivatives(_) => {
            Stop::Early(format!("error: {error}{help}"))
        }
        _ => Stop::input(format!("error: {error}{help}")),
    }
}

/// Runs the compiled model.
///
/// # Errors
/// What keeps the run from beginning. A run that ends early is an [`Outcome`] with a failure.
pub fn solve<'a>(
    compiled: &'a Compiled,
    request: &Request,
    cancel: &'a AtomicBool,
    progress: &'a (dyn Fn(f64) + Sync),
    by: &[String],
) -> Result<Outcome, Stop> {
    let mut problem = problem(compiled, request, cancel)?;
    // In single precision nothing looks at the steps of a run; it is over soon.
    if request.precision != Some(Precision::Single) {
        problem = problem.progress(progress);
    }
    problem = match &request.points {
        Some(Points::Count(n)) => problem.grid(Grid::Count(*n as u64)),
        Some(Points::Every(dt)) => problem.grid(Grid::Every(*dt)),
        Some(Points::At(times)) => problem.save(Save::At(times.clone())),
        None => problem,
    };
    if request.control_sensitivities {
        problem = problem.control_sensitivities();
    }
    let mut errors = Vec::new();
    let estimated = if request.error_estimate { Some(told("--error-estimate", problem.global_error())?) } else { None };
    if let Some(Ok(found)) = &estimated {
        errors = estimates(found);
    }
    let result = match estimated {
        Some(Err(error)) => Err(error),
        Some(Ok(found)) if by.is_empty() => Ok(found.solution().clone()),
        None if by.is_empty() => problem.solve(),
        _ => match with_tangents(&problem, by)? {
            // Where only the derivatives fail the solution is there all the same.
            Err(SolveError::Failed(failure)) if failure.kind.is_of_derivatives() => match problem.solve() {
                Ok(solution) => return Ok(Outcome { solution, failure: Some(failure), errors }),
                Err(error) => Err(error),
            },
            result => result,
        },
    };
    match result {
        Ok(solution) => Ok(Outcome { solution, failure: None, errors }),
        Err(SolveError::Missing(name)) => Err(missing(&name)),
        Err(SolveError::OutsideData(outside)) => Err(beyond(&outside)),
        Err(SolveError::Host(error)) => Err(hostless(&error)),
        Err(SolveError::Failed(Failure { kind: ErrorKind::Options(sentence), .. })) => {
            Err(Stop::input(format!("error: {sentence}")))
        }
        Err(SolveError::Failed(failure)) => {
            Ok(Outcome { solution: (*failure.partial).clone(), failure: Some(failure), errors })
        }
    }
}

/// The run with its derivatives as further columns.
fn with_tangents(problem: &Problem, by: &[String]) -> Result<Result<Solution, SolveError>, Stop> {
    let names: Vec<&str> = by.iter().map(String::as_str).collect();
    Ok(told("--sensitivities", problem.tangents(&names))?.map(Tangents::into_solution))
}

/// Failures of the run itself are for the caller.
fn told(flag: &str, found: Result<Tangents, DerivativeError>) -> Result<Result<Tangents, SolveError>, Stop> {
    match found {
        Ok(tangents) => Ok(Ok(tangents)),
        Err(DerivativeError::Solve(error)) => Ok(Err(error)),
        Err(error) => Err(Stop::input(format!("error: {flag}: {error}"))),
    }
}

/// The largest error of each state and output, arrays as a whole.
fn estimates(found: &Tangents) -> Vec<Estimate> {
    let solution = found.solution();
    let largest = |column: &mut dyn Iterator<Item = f64>| column.fold(0.0, |most, x| x.abs().max(most));
    let states = solution.state_names().len();
    let of = |names: &Names, first: usize, value: &dyn Fn(usize) -> Vec<f64>| {
        let estimate = |block: &rhapsode::system::Block| {
            let places = block.offset..block.offset + block.len();
            let error = largest(&mut places.clone().flat_map(|k| found.column(first + k, 0)));
            let size = largest(&mut places.flat_map(value));
            let name = if block.dims.is_empty() { block.name.clone() } else { format!("{}[…]", block.name) };
            Estimate { name, error, size }
        };
        names.blocks().iter().map(estimate).collect::<Vec<_>>()
    };
    let mut list = of(solution.state_names(), 0, &|k| solution.state(k).to_vec());
    list.extend(of(solution.output_names(), states, &|k| solution.output(k).to_vec()));
    list
}

/// The result as a table: states, then outputs.
pub fn table<'a>(model: &Model, solution: &'a Solution) -> Table<'a> {
    let quantities = model.checked().units.as_ref().map_or(&[][..], |units| &units.quantities);
    // Pure numbers have the unit 1, which nobody writes.
    let unit =
        |name: &str| quantities.iter().find(|q| q.name == name).and_then(|q| q.unit.clone()).filter(|unit| unit != "1");
    let mut series = Vec::new();
    for block in solution.state_names().blocks() {
        let columns = (block.offset..block.offset + block.len()).map(|k| solution.state(k)).collect();
        series.push(Series { name: block.name.clone(), dims: block.dims.clone(), unit: unit(&block.name), columns });
    }
    for block in solution.output_names().blocks() {
        let columns = (block.offset..block.offset + block.len()).map(|k| solution.output(k)).collect();
        series.push(Series { name: block.name.clone(), dims: block.dims.clone(), unit: unit(&block.name), columns });
    }
    let independent = model.independent();
    Table {
        model: model.name().into(),
        independent: independent.into(),
        unit: unit(independent),
        axis: solution.times(),
        series,
    }
}
