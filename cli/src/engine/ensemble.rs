//! What a sweep asks of the library: the texts of a model, names and bounds, and its runs.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rhapsode::solve::Precision;
use rhapsode::source::{DataFile, Loader};
use rhapsode::{Compiled, Ensemble, EnsembleError, FileLoader, Model, SolveError, threads_by_default};

pub use rhapsode::{Keep, Record, Sketch};

use super::{Request, beyond, missing, problem, rendered, unknown};
use crate::exit::Stop;

/// Loads files, and remembers what was in them.
#[derive(Default)]
struct Witness(RefCell<Vec<u8>>);

impl Witness {
    fn saw(&self, name: &str, text: &str) {
        let mut bytes = self.0.borrow_mut();
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
}

impl Loader for Witness {
    fn load(&self, name: &str) -> Result<String, String> {
        let text = FileLoader.load(name)?;
        self.saw(name, &text);
        Ok(text)
    }

    fn load_data(&self, name: &str) -> Result<Arc<DataFile>, String> {
        let data = FileLoader.load_data(name)?;
        self.saw(name, data.text());
        Ok(data)
    }
}

/// Reads a model as [`super::load`] does; also gives all the bytes it was made of.
///
/// # Errors
/// All diagnostics, rendered.
pub fn load(path: &str) -> Result<(Model, Vec<u8>), Stop> {
    let witness = Witness::default();
    let name = if path == "-" { "<stdin>" } else { path };
    let text = super::read(path)?;
    // Where the file lies does not matter.
    witness.saw("", &text);
    let model = Model::parse_with(&witness, name, &text).map_err(|errors| rendered(&errors))?;
    Ok((model, witness.0.into_inner()))
}

/// What may vary of a model: `first x` for the first value of a state, under which results have it.
///
/// # Errors
/// A sentence with the likely name.
pub fn varied(model: &Model, flag: &str, name: &str) -> Result<(String, String), Stop> {
    let (parameters, states, discretes) = (model.parameters(), model.states(), model.discretes());
    if parameters.find(name).is_some() {
        return Ok((name.to_string(), name.to_string()));
    }
    let plain = name.strip_prefix(FIRST).unwrap_or(name);
    if states.find(plain).is_some() || discretes.find(plain).is_some() {
        return Ok((plain.to_string(), format!("{FIRST}{plain}")));
    }
    Err(unknown(flag, "parameter or state", plain, &[&parameters, &states, &discretes]))
}

/// Before the name of a state whose first value varies.
pub const FIRST: &str = "first ";

/// The interval that the model allows a parameter, `in (LO, HI)`.
pub fn bounds(model: &Model, name: &str) -> Option<(f64, f64)> {
    let place = model.parameters().find(name)?;
    let checked = model.checked();
    let after = checked.parameters.partition_point(|id| checked.symbol(*id).offset <= place);
    *checked.bounds.get(after.checked_sub(1)?)?
}

/// The parameters with such an interval.
pub fn bounded(model: &Model) -> Vec<String> {
    model.parameters().iter().filter(|name| bounds(model, name).is_some()).collect()
}

/// On how many threads to run.
///
/// # Errors
/// A sentence, where the environment says what is no number.
pub fn threads(asked: Option<usize>) -> Result<usize, Stop> {
    asked.map_or_else(|| threads_by_default().map_err(|error| Stop::input(format!("error: {error}"))), Ok)
}

/// The runs to be: names, how many, and their values.
pub struct Runs<'a> {
    pub names: Vec<&'a str>,
    pub count: usize,
    pub row: &'a (dyn Fn(usize, &mut [f64]) + Sync),
    pub columns: Vec<&'a str>,
    pub keep: &'a Keep,
    pub threads: usize,
}

/// The names of the columns that are kept.
///
/// # Errors
/// A sentence, where a name is unknown.
pub fn column_names(model: &Model, columns: &[String]) -> Result<Vec<String>, Stop> {
    super::validate_columns(model, &[], columns)?;
    let (states, outputs) = (model.states(), model.outputs());
    if columns.is_empty() {
        return Ok(states.iter().chain(outputs.iter()).collect());
    }
    let mut names = Vec::new();
    for name in columns {
        let known = [&states, &outputs].into_iter().find_map(|known| Some((known, known.range(name)?)));
        names.extend(known.into_iter().flat_map(|(known, range)| range.map(|k| known.get(k))));
    }
    Ok(names)
}

/// How many a thread runs side by side, or why they go one by one.
///
/// # Errors
/// A sentence, where nothing can be run: in single precision also where they do not go side by side.
pub fn side_by_side(
    compiled: &Compiled,
    request: &Request,
    cancel: &AtomicBool,
    runs: &Runs,
) -> Result<Result<usize, String>, Stop> {
    match (request.precision, ensemble(compiled, request, cancel, runs)?.lanes()) {
        (Some(Precision::Single), Err(reason)) => {
            let help = if reason.contains("double precision") { "" } else { "\nhelp: use double precision" };
            Err(Stop::input(format!("error: --precision: there is no run in single precision: {reason}{help}")))
        }
        (_, lanes) => Ok(lanes),
    }
}

/// Runs them; `sink` receives what is kept of each, in order, until it says that it is enough. Gives how many it received.
///
/// # Errors
/// A sentence, where nothing can be run.
pub fn run(
    compiled: &Compiled,
    request: &Request,
    cancel: &AtomicBool,
    runs: &Runs,
    sink: &mut dyn FnMut(usize, Record) -> ControlFlow<()>,
) -> Result<usize, Stop> {
    let ensemble = ensemble(compiled, request, cancel, runs)?;
    ensemble.records_of(&runs.columns, runs.keep, sink).map_err(|error| refused(&error))
}

fn ensemble<'a>(
    compiled: &'a Compiled,
    request: &Request,
    cancel: &'a AtomicBool,
    runs: &Runs<'a>,
) -> Result<Ensemble<'a>, Stop> {
    let ensemble = problem(compiled, request, cancel)?.ensemble_of(&runs.names, runs.count, runs.row);
    Ok(ensemble.map_err(|error| refused(&error))?.threads(runs.threads))
}

fn refused(error: &EnsembleError) -> Stop {
    match error {
        EnsembleError::Start(SolveError::Missing(name)) => missing(name),
        EnsembleError::Start(SolveError::OutsideData(outside)) => beyond(outside),
        error => Stop::input(format!("error: {error}")),
    }
}
