//! What a run is asked to do, as Python says it: read once, kept by the solution so that it can be run again.

use std::time::Duration;

use numpy::{PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rhapsode::diag::closest;
use rhapsode::model::Grid;
use rhapsode::solve::{Method, Options, Precision, Save};
use rhapsode::{Compiled, Objective, Problem};

use crate::errors::{self, Refusal};

/// The names of all methods, `auto` first.
///
/// >>> import rhapsode
/// >>> rhapsode.methods()[:3]
/// ['auto', 'Bosh3', 'Tsit5']
#[pyfunction]
pub fn methods() -> Vec<&'static str> {
    Method::ALL.iter().map(|method| method.name()).collect()
}

/// A parameter or first value: one number, or all elements of an array in row-major order.
#[derive(Clone)]
enum Value {
    One(f64),
    All(Vec<f64>),
}

/// Absolute tolerance.
#[derive(Clone)]
enum Atol {
    All(f64),
    Each(Vec<f64>),
}

/// The points to keep.
#[derive(Clone)]
enum Points {
    Steps,
    Count(u64),
    At(Vec<f64>),
}

/// What is absent comes from the model's solve block.
#[derive(Clone, Default)]
pub struct Request {
    pub span: Option<(f64, f64)>,
    set: Vec<(String, Value)>,
    method: Option<Method>,
    rtol: Option<f64>,
    atol: Option<Atol>,
    save: Option<Points>,
    first_step: Option<f64>,
    max_step: Option<f64>,
    max_steps: Option<u64>,
    max_time: Option<Duration>,
    reduce: Option<bool>,
    precision: Option<Precision>,
    over_switches: bool,
    explain: bool,
    pub dense: bool,
}

/// The options of `Model.solve` by keyword; every other keyword is a parameter or state.
const OPTIONS: &[&str] = &[
    "method",
    "rtol",
    "atol",
    "save",
    "first_step",
    "max_step",
    "max_steps",
    "max_time",
    "reduce",
    "precision",
    "over_switches",
    "explain",
    "dense",
];

/// Those of them that an objective has too.
const OF_OBJECTIVES: &[&str] = &["method", "rtol", "atol"];

/// Whether there is such an option of runs, and not of objectives.
pub fn only_of_runs(name: &str) -> bool {
    OPTIONS.contains(&name) && !OF_OBJECTIVES.contains(&name)
}

/// Span, parameters and options.
pub type Given<'py> = (Option<(f64, f64)>, Bound<'py, PyDict>, Bound<'py, PyDict>);

impl Request {
    /// From the arguments of `Model.solve`.
    pub fn read(
        py: Python,
        span: Option<&Bound<PyAny>>,
        params: Option<&Bound<PyAny>>,
        keywords: Option<&Bound<PyDict>>,
    ) -> PyResult<Self> {
        let mut request = Request { span: span.map(read_span).transpose()?, ..Request::default() };
        for (name, value) in params.map(mapping).transpose()?.into_iter().flatten() {
            request.set.push(named(py, &name, &value)?);
        }
        for (key, value) in keywords.into_iter().flat_map(|keywords| keywords.iter()) {
            let name = key.cast::<PyString>()?;
            let name = name.to_str()?;
            if !OPTIONS.contains(&name) {
                request.set.push((name.to_string(), read_value(py, name, &value)?));
            } else if !value.is_none() {
                request.option(py, name, &value)?;
            }
        }
        Ok(request)
    }

    /// Span, parameters and options that [`Self::read`] reads as this.
    pub fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Given<'py>> {
        let (params, options) = (PyDict::new(py), PyDict::new(py));
        for (name, value) in &self.set {
            match value {
                Value::One(value) => params.set_item(name, value)?,
                Value::All(values) => params.set_item(name, values)?,
            }
        }
        options.set_item("method", self.method.map(Method::name))?;
        options.set_item("rtol", self.rtol)?;
        match &self.atol {
            Some(Atol::All(atol)) => options.set_item("atol", atol)?,
            Some(Atol::Each(list)) => options.set_item("atol", list)?,
            None => {}
        }
        match &self.save {
            Some(Points::Steps) => options.set_item("save", "steps")?,
            Some(Points::Count(n)) => options.set_item("save", n)?,
            Some(Points::At(times)) => options.set_item("save", times)?,
            None => {}
        }
        options.set_item("first_step", self.first_step)?;
        options.set_item("max_step", self.max_step)?;
        options.set_item("max_steps", self.max_steps)?;
        options.set_item("max_time", self.max_time.map(|time| time.as_secs_f64()))?;
        options.set_item("reduce", self.reduce)?;
        options.set_item("precision", self.precision.map(Precision::name))?;
        for (name, value) in [("over_switches", self.over_switches), ("explain", self.explain), ("dense", self.dense)] {
            options.set_item(name, value)?;
        }
        Ok((self.span, params, options))
    }

    fn option(&mut self, py: Python, name: &str, value: &Bound<PyAny>) -> PyResult<()> {
        let refused =
            |cause| errors::input_for(py, cause, format!("{name} = {} is not what is expected there", shown(value)));
        match name {
            "method" => self.method = Some(read_method(value.extract().map_err(refused)?)?),
            "rtol" => self.rtol = Some(value.extract().map_err(refused)?),
            "atol" => {
                self.atol = Some(match value.extract() {
                    Ok(atol) => Atol::All(atol),
                    Err(_) => Atol::Each(numbers(name, value)?.0),
                })
            }
            "save" => {
                let most = Grid::MOST;
                let expected = format!("\"steps\", a number of points from 2 to {most}, or an array of times");
                let sentence = || format!("save = {} must be {expected}", shown(value));
                let read = read_points(value).map_err(|cause| errors::input_for(py, cause, sentence()))?;
                self.save = Some(read.ok_or_else(|| errors::input(py, sentence()))?);
            }
            "first_step" => self.first_step = Some(value.extract().map_err(refused)?),
            "max_step" => self.max_step = Some(value.extract().map_err(refused)?),
            "max_steps" => self.max_steps = Some(value.extract().map_err(refused)?),
            "max_time" => {
                let seconds: f64 = value.extract().map_err(refused)?;
                let time = Duration::try_from_secs_f64(seconds);
                let sentence = || format!("max_time must be a number of seconds, found {seconds}");
                self.max_time = Some(time.map_err(|_| errors::input(py, sentence()))?);
            }
            "reduce" => self.reduce = Some(value.extract().map_err(refused)?),
            "precision" => {
                let precision = Precision::find(&value.extract::<String>().map_err(refused)?);
                let sentence = || format!("precision must be 'f64' or 'f32', found {value}");
                self.precision = Some(precision.ok_or_else(|| errors::input(py, sentence()))?);
            }
            "over_switches" => self.over_switches = value.extract().map_err(refused)?,
            "explain" => self.explain = value.extract().map_err(refused)?,
            _ => self.dense = value.extract().map_err(refused)?,
        }
        Ok(())
    }

    /// The same with these values of parameters and initial values.
    pub fn at(&self, names: &[String], values: &[f64]) -> Self {
        let mut request = self.clone();
        request.set.extend(names.iter().cloned().zip(values.iter().map(|value| Value::One(*value))));
        request
    }

    /// The objective with what was asked for: method, tolerances, span and values.
    pub fn objective(&self, mut objective: Objective) -> Result<Objective, Refusal> {
        if let Some((t0, t1)) = self.span {
            objective = objective.span(t0..t1);
        }
        for (name, value) in &self.set {
            let Value::One(value) = value else {
                return Err(Refusal::Input(format!("{name} is one number each in an objective; name its elements")));
            };
            objective = objective.set(name, *value).map_err(|error| Refusal::Unknown(error.to_string()))?;
        }
        if let Some(method) = self.method {
            objective = objective.method(method);
        }
        if let Some(rtol) = self.rtol {
            objective = objective.rtol(rtol);
        }
        match &self.atol {
            Some(Atol::All(atol)) => objective = objective.atol(*atol),
            Some(Atol::Each(_)) => {
                return Err(Refusal::Input("atol is one number for all states in an objective".to_string()));
            }
            None => {}
        }
        Ok(objective)
    }

    /// The run that was asked for.
    pub fn problem<'a>(&self, compiled: &'a Compiled) -> Result<Problem<'a>, Refusal> {
        let model = compiled.model();
        let mut problem = compiled.problem();
        if let Some(name) = problem.unknown_method() {
            return Err(unknown_method("the solve block names", name));
        }
        match self.span {
            Some((t0, t1)) => problem = problem.span(t0..t1),
            None if model.run().span.is_some() => {}
            None => {
                let t = model.independent();
                let hint = format!("pass a span such as (0, 100), or write `solve {t} = 0..100` in the model");
                return Err(Refusal::Input(format!("the model does not say how far to integrate; {hint}")));
            }
        }
        for (name, value) in &self.set {
            let set = match value {
                Value::One(value) => problem.set(name, *value).map_err(|error| error.to_string()),
                Value::All(values) => problem.set_array(name, values).map_err(|error| error.to_string()),
            };
            problem = set.map_err(Refusal::Unknown)?;
        }
        if let Some(method) = self.method {
            problem = problem.method(method);
        }
        if let Some(rtol) = self.rtol {
            problem = problem.rtol(rtol);
        }
        match &self.atol {
            Some(Atol::All(atol)) => problem = problem.atol(*atol),
            Some(Atol::Each(list)) => problem = problem.atol_per_state(list.clone()),
            None => {}
        }
        match &self.save {
            Some(Points::Steps) => problem = problem.save(Save::Steps),
            Some(Points::Count(n)) => problem = problem.grid(Grid::Count(*n)),
            Some(Points::At(times)) => problem = problem.save(Save::At(times.clone())),
            None => {}
        }
        if let Some(step) = self.first_step {
            problem = problem.first_step(step);
        }
        if let Some(step) = self.max_step {
            problem = problem.max_step(step);
        }
        if let Some(steps) = self.max_steps {
            problem = problem.max_steps(steps);
        }
        if let Some(time) = self.max_time {
            problem = problem.max_time(time);
        }
        if let Some(precision) = self.precision {
            problem = problem.precision(precision);
        }
        if let Some(reduce) = self.reduce {
            problem = problem.reduce(reduce);
        }
        if self.over_switches {
            problem = problem.over_switches();
        }
        if self.explain {
            problem = problem.explain();
        }
        if self.dense {
            problem = problem.dense();
        }
        Ok(problem)
    }
}

/// The method of a name.
pub fn read_method(name: &str) -> Result<Method, Refusal> {
    Method::find(name).ok_or_else(|| unknown_method("there is", name))
}

fn unknown_method(who: &str, name: &str) -> Refusal {
    let known = methods();
    let hint = match closest(name, known.iter().copied()) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("known methods: {}", known.join(", ")),
    };
    let what = if who == "there is" { "no method" } else { "an unknown method" };
    Refusal::Input(format!("{who} {what} `{name}`; {hint}"))
}

/// Parameters by name: a dict, or what can be made one.
pub fn mapping<'py>(params: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = params.py();
    if let Ok(dict) = params.cast::<PyDict>() {
        return Ok(dict.clone());
    }
    let made = py.get_type::<PyDict>().call1((params,)).and_then(|made| Ok(made.cast_into::<PyDict>()?));
    made.map_err(|cause| {
        errors::input_for(py, cause, format!("params must be a dict of values by parameter, found {}", shown(params)))
    })
}

fn named(py: Python, name: &Bound<PyAny>, value: &Bound<PyAny>) -> PyResult<(String, Value)> {
    let name: String = name
        .extract()
        .map_err(|_| errors::input(py, format!("parameters are named by text, found {}", shown(name))))?;
    let value = read_value(py, &name, value)?;
    Ok((name, value))
}

fn read_value(py: Python, name: &str, value: &Bound<PyAny>) -> PyResult<Value> {
    let read = match value.extract::<f64>() {
        Ok(value) => Value::One(value),
        Err(_) => match numbers(name, value) {
            Ok((values, shape)) if shape.is_empty() => Value::One(values[0]),
            Ok((values, _)) => Value::All(values),
            Err(cause) => {
                let sentence = format!("{name} = {} is neither a number nor an array of numbers", shown(value));
                return Err(errors::input_for(py, cause, sentence));
            }
        },
    };
    let nan = match &read {
        Value::One(value) => value.is_nan(),
        Value::All(values) => values.iter().any(|value| value.is_nan()),
    };
    if nan { Err(errors::input(py, format!("{name} is NaN"))) } else { Ok(read) }
}

/// An array-like of real numbers in row-major order, and its shape; `what` says in errors which one.
pub fn numbers(what: &str, value: &Bound<PyAny>) -> PyResult<(Vec<f64>, Vec<usize>)> {
    let py = value.py();
    let read = || -> PyResult<_> {
        let array = py.import("numpy")?.call_method1("asarray", (value,))?;
        let kind: char = array.getattr("dtype")?.getattr("kind")?.extract()?;
        // Truths, integers, floats, and objects that are numbers; NumPy would also read words and drop imaginary parts.
        if !"biufO".contains(kind) || value.is_none() {
            return Ok(None);
        }
        // A new array: the given one may have steps, or be nowhere near a multiple of eight bytes.
        let array = array.call_method1("astype", ("float64", "C"))?;
        let array: PyReadonlyArrayDyn<f64> = array.extract()?;
        Ok(Some((array.to_vec()?, array.shape().to_vec())))
    };
    let sentence = || format!("{what} must be numbers, found {}", shown(value));
    let read = read().map_err(|cause| errors::input_for(py, cause, sentence()))?;
    read.ok_or_else(|| errors::input(py, sentence()))
}

/// An argument, or a `TypeError` that names it: Python before 3.11 has no notes, in which PyO3 says which one it was.
pub fn argument<'py, T: FromPyObjectOwned<'py>>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<T> {
    let py = value.py();
    value.extract().map_err(Into::<PyErr>::into).map_err(|error| {
        if !error.is_instance_of::<PyException>(py) {
            return error;
        }
        PyTypeError::new_err(format!("{name} = {} makes no sense: {}", shown(value), error.value(py)))
    })
}

/// The same where there is one.
pub fn optional<'py, T: FromPyObjectOwned<'py>>(name: &str, value: Option<&Bound<'py, PyAny>>) -> PyResult<Option<T>> {
    value.map(|value| argument(name, value)).transpose()
}

/// What was given, as far as a sentence can hold it.
pub fn shown(value: &Bound<PyAny>) -> String {
    const MOST: usize = 80;
    let text = value.repr().map_or_else(|_| value.get_type().to_string(), |text| text.to_string());
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).chain(['…']).collect() }
}

/// Start and end.
pub fn read_span(span: &Bound<PyAny>) -> PyResult<(f64, f64)> {
    if let Ok(pair) = span.extract() {
        return Ok(pair);
    }
    let sentence = || format!("the span must be a pair such as (0, 100), found {}", shown(span));
    match numbers("span", span) {
        Ok((pair, _)) if pair.len() == 2 => Ok((pair[0], pair[1])),
        Ok(_) => Err(errors::input(span.py(), sentence())),
        Err(cause) => Err(errors::input_for(span.py(), cause, sentence())),
    }
}

/// None where it makes no sense.
fn read_points(save: &Bound<PyAny>) -> PyResult<Option<Points>> {
    if let Ok(word) = save.extract::<String>() {
        return Ok((word == "steps").then_some(Points::Steps));
    }
    match save.extract::<i128>() {
        Ok(count) => Ok((2..=i128::from(Grid::MOST)).contains(&count).then_some(Points::Count(count as u64))),
        Err(_) => Ok(Some(Points::At(numbers("save", save)?.0))),
    }
}

/// Options of a run from the arguments both ways of `solve_ivp` share.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Arguments {
    pub t0: f64,
    pub t1: f64,
    pub method: String,
    pub rtol: f64,
    pub atol: Vec<f64>,
    pub first_step: Option<f64>,
    pub max_step: f64,
    pub t_eval: Option<Vec<f64>>,
    pub dense: bool,
}

impl Arguments {
    /// The options, without observer and interrupt.
    pub fn options(&self) -> Result<Options<'static>, Refusal> {
        let mut options = Options::new(self.t0, self.t1);
        options.method = read_method(&self.method)?;
        options.rtol = self.rtol;
        options.atol = rhapsode::solve::Tolerance::PerState(self.atol.clone());
        options.first_step = self.first_step;
        options.max_step = self.max_step;
        options.max_steps = u64::MAX;
        options.dense = self.dense;
        if let Some(times) = &self.t_eval {
            options.save = Save::At(times.clone());
        }
        Ok(options)
    }
}
