//! What is asked of a solution as a function of parameters: its value, and its gradient.

use std::sync::{Arc, OnceLock};

use super::asked::Sums;
use super::ensemble::Place;
use super::measured::Measured;
use super::objective_error::ObjectiveError;
use super::problem::Given;
use super::room::Common;
use super::together::{Asked, Together};
use super::way::{Prediction, Way};
use super::{Compiled, DerivativeError, UnknownName, bind};
use crate::diag::closest;
use crate::diff::Wanted;
use crate::expr::Node;
use crate::model::{Family, Kind, Question, Term, TermKind};
use crate::solve::{Method, Options, Save};
use crate::source::DataFile;

/// What observations come to, by name.
pub const LOG_LIKELIHOOD: &str = "log_likelihood";

/// An objective of a compiled model, or the logarithm of the likelihood of measured values, as a function of some of its
/// parameters and initial values. Immutable once made; call it from as many threads as you like.
#[derive(Clone)]
pub struct Objective {
    /// The model that is run for it.
    pub(super) compiled: Compiled,
    name: String,
    pub(super) question: Question,
    pub(super) measured: Measured,
    pub(super) file: String,
    /// What it is a function of, by name and by place.
    by: Vec<String>,
    wanted: Vec<Wanted>,
    places: Vec<Place>,
    set: Vec<(Place, f64)>,
    pub(super) span: (f64, f64),
    rtol: Option<f64>,
    atol: Option<f64>,
    method: Option<Method>,
    way: Option<Way>,
    interrupt: Option<&'static (dyn Fn() -> bool + Sync)>,
    /// The models that are run for its value and for its gradient where that can be done together, made when first asked for.
    together: Arc<[OnceLock<Option<Together>>; 2]>,
    /// What calls have in common, until something is set.
    pub(super) common: Arc<Common>,
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
        let asking = model.asking(question).map_err(ObjectiveError::Unsupported)?;
        if let Some(k) = elsewhere(asking.checked()) {
            let what = match question {
                Question::Objective(place) => asked.objectives[place].terms.get(k).map(|term| term.text.clone()),
                Question::Likelihood => asked.observations.get(k).map(|observation| observation.text.clone()),
            };
            return Err(ObjectiveError::Delayed(what.unwrap_or_else(|| names.swap_remove(place))));
        }
        let compiled = asking.compile().map_err(ObjectiveError::Compile)?;
        let wanted = by.iter().map(|name| bind::wanted(compiled.model().checked(), name));
        let wanted = wanted.collect::<Result<_, _>>().map_err(ObjectiveError::Name)?;
        let places = Place::of_all(&compiled.problem(), &by).map_err(ObjectiveError::Name)?;
        Ok(Objective {
            compiled,
            name: names.swap_remove(place),
            question,
            measured,
            file: data.map_or_else(String::new, |file| file.name().to_string()),
            by,
            wanted,
            places,
            set: Vec::new(),
            span: model.run().span.unwrap_or((0.0, 1.0)),
            rtol: None,
            atol: None,
            method: None,
            way: None,
            interrupt: None,
            together: Arc::default(),
            common: Arc::default(),
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
    match no_derivative_by(model, name) {
        Some((what, help)) => Err(ObjectiveError::NoDerivative { name: name.to_string(), what, help }),
        None => Err(ObjectiveError::Name(unknown)),
    }
}

/// The first output that reads values at other times, by its place. Integrals are states: they have read them within the run.
fn elsewhere(model: &crate::model::Model) -> Option<usize> {
    fn reads(model: &crate::model::Model, family: &Family) -> bool {
        let roots: Vec<_> = family.pieces.iter().map(|piece| piece.value).collect();
        model.graph.reachable(&roots).iter().any(|id| match model.graph.node(*id) {
            Node::Symbol(symbol, _) if model.symbol(symbol).kind == Kind::Delayed => true,
            Node::Symbol(symbol, _) => {
                let definition = model.definitions.iter().find(|family| family.symbol == symbol);
                definition.is_some_and(|family| reads(model, family))
            }
            _ => false,
        })
    }
    if model.delays.is_empty() { None } else { model.outputs.iter().position(|output| reads(model, output)) }
}

/// What a name stands for that there is no derivative by, and what to do; none of others.
pub(super) fn no_derivative_by(model: &crate::model::Model, name: &str) -> Option<(&'static str, &'static str)> {
    if model.fixed.iter().any(|known| known == name) {
        return Some(("a number known when compiling", "declare it with `param`, if no array's size depends on it"));
    }
    if model.time == name {
        return Some(("the independent variable", "the derivatives by time are the equations"));
    }
    match model.symbols.iter().find(|symbol| symbol.name == name)?.kind {
        Kind::Discrete if model.discretes.iter().any(|id| model.symbol(*id).name == name) => {
            Some(("a discrete quantity, which events set", "let it start from a parameter, and name that"))
        }
        Kind::Definition | Kind::Output => Some(("computed from others", "name the parameters it is computed from")),
        _ => None,
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
        self.set.push((Place::find(&self.compiled.problem(), name)?, value));
        self.common = Arc::default();
        Ok(self)
    }

    /// Start and end of the independent variable.
    pub fn span(mut self, span: std::ops::Range<f64>) -> Self {
        self.span = (span.start, span.end);
        self.common = Arc::default();
        self
    }

    /// Relative tolerance.
    pub fn rtol(mut self, rtol: f64) -> Self {
        self.rtol = Some(rtol);
        self.common = Arc::default();
        self
    }

    /// Absolute tolerance.
    pub fn atol(mut self, atol: f64) -> Self {
        self.atol = Some(atol);
        self.common = Arc::default();
        self
    }

    /// The integrator.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self.common = Arc::default();
        self
    }

    /// How derivatives are computed; what costs less, if nothing is said.
    pub fn way(mut self, way: Way) -> Self {
        self.way = Some(way);
        self.common = Arc::default();
        self
    }

    /// Asks now and then during its runs whether to give up, as [`super::Problem::interrupt`].
    pub fn interrupt(mut self, asked: &'static (dyn Fn() -> bool + Sync)) -> Self {
        self.interrupt = Some(asked);
        self.common = Arc::default();
        self
    }

    /// The values of what it is a function of as they stand: defaults, and what was set.
    ///
    /// # Errors
    /// [`ObjectiveError::Solve`] where a parameter has no value.
    pub fn point(&self) -> Result<Vec<f64>, ObjectiveError> {
        let start = self.problem(&[]).start().map_err(ObjectiveError::Solve)?;
        let value = |place: &Place| match place {
            Place::State(k) => start.y[*k],
            Place::Parameter(k) | Place::Discrete(k) => start.bound[*k],
        };
        Ok(self.places.iter().map(value).collect())
    }

    /// The run it asks for at `at`; with no values there those of what it is a function of are as they stand.
    pub(super) fn problem(&self, at: &[f64]) -> super::Problem<'_> {
        let mut problem = self.bare();
        let set = self.set.iter().copied().chain(self.places.iter().copied().zip(at.iter().copied()));
        set.for_each(|(place, value)| problem.put(place, value));
        problem
    }

    /// The same with all settings but values.
    pub(super) fn bare(&self) -> super::Problem<'_> {
        let mut problem = self.compiled.problem().span(self.span.0..self.span.1);
        if let Some(rtol) = self.rtol {
            problem = problem.rtol(rtol);
        }
        if let Some(atol) = self.atol {
            problem = problem.atol(atol);
        }
        if let Some(method) = self.method {
            problem = problem.method(method);
        }
        if let Some(asked) = self.interrupt {
            problem = problem.interrupt(asked);
        }
        problem
    }

    /// What is set in its runs: what was set, and what it is a function of.
    pub(super) fn given(&self) -> Given {
        self.problem(&vec![0.0; self.places.len()]).into_settings().0
    }

    /// Where what it is a function of stands.
    pub(super) fn by_place(&self) -> &[Place] {
        &self.places
    }

    /// The same as symbols of the model.
    pub(super) fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// How derivatives are to be computed, if that was said.
    pub(super) fn asked_way(&self) -> Option<Way> {
        self.way
    }

    /// Takes its own from derivatives by all parameters and initial values.
    pub(super) fn take(&self, parameters: &[f64], initial: &[f64], gradient: &mut [f64]) {
        for (d, place) in gradient.iter_mut().zip(&self.places) {
            *d = match place {
                Place::Parameter(k) | Place::Discrete(k) => parameters[*k],
                Place::State(k) => initial[*k],
            };
        }
    }

    /// The value at `at`, one number per name of [`Self::by`].
    ///
    /// # Errors
    /// [`ObjectiveError`] where the run fails, or what is asked for lies outside it.
    pub fn value(&self, at: &[f64]) -> Result<f64, ObjectiveError> {
        if let Some(value) = self.at_once(at, &mut []) {
            return Ok(value);
        }
        self.run_for_value(at)
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
        let value = self.run_for_gradient(at, gradient)?;
        match gradient.iter().position(|d| !d.is_finite()) {
            Some(k) => Err(ObjectiveError::Derivative { value, name: self.by[k].clone() }),
            None => Ok(value),
        }
    }

    /// The way that is there, and costs less.
    pub(super) fn cheaper(&self, problem: &super::Problem) -> Way {
        match self.prediction(problem) {
            _ if problem.reversible().is_err() => Way::Forward,
            Some(costs) => costs.way(),
            None => Way::Adjoint,
        }
    }

    /// What both ways are expected to cost.
    fn prediction(&self, problem: &super::Problem) -> Option<Prediction> {
        Prediction::new(self.compiled.system(), problem.options().method, self.by.len())
    }

    /// Which way [`Self::value_and_gradient`] takes, and why.
    ///
    /// # Errors
    /// As [`Self::point`].
    pub fn explain(&self) -> Result<String, ObjectiveError> {
        let problem = self.problem(&[]);
        let costs = self.prediction(&problem).map_or(String::new(), |costs| format!("; {costs}"));
        let at = self.point()?;
        Ok(match self.way {
            Some(Way::Forward) => format!("forward: as asked{costs}"),
            Some(Way::Adjoint) => format!("adjoint: as asked{costs}"),
            Some(Way::Continuous) => "adjoint: by the adjoint equation, as asked".to_string(),
            None if self.at_once(&at, &mut vec![0.0; at.len()]).is_some() => {
                "together: states and derivatives are few, and stepped in compiled functions".to_string()
            }
            None => match (problem.reversible(), self.cheaper(&problem)) {
                (Err(reason), _) => format!("forward: {reason}"),
                (_, Way::Forward) => format!("forward{costs}"),
                _ => format!("adjoint{costs}"),
            },
        })
    }

    /// Exact minus computed value at `at`, to first order: the error of the run that [`Self::value`] makes, from those of its
    /// steps ([`super::Problem::global_error`]).
    ///
    /// # Errors
    /// As [`Self::value_and_gradient`].
    pub fn error_estimate(&self, at: &[f64]) -> Result<f64, ObjectiveError> {
        let problem = self.problem(at).save(self.save()?);
        let (start, mut error) = (problem.start().map_err(ObjectiveError::Solve)?, [0.0]);
        let found = problem.global_error().map_err(derivatives)?;
        let values = (found.solution(), found.values());
        self.along(problem.compiled(), values, &found.changes, &start, &mut Sums::default(), &mut error)?;
        Ok(error[0])
    }

    /// By steps of states and sensitivities together, where the model and the method allow it.
    fn at_once(&self, at: &[f64], gradient: &mut [f64]) -> Option<f64> {
        let derivatives = !gradient.is_empty();
        let make = || Together::new(self.compiled.model(), self.question, &self.by, derivatives);
        let together = self.together[usize::from(derivatives)].get_or_init(make).as_ref()?;
        let (base, options) = self.common.ready.get_or_init(|| self.ready()).as_ref()?;
        let asked = match self.question {
            Question::Likelihood => Asked::Measured(&self.measured),
            Question::Objective(_) => Asked::Terms(self.terms()),
        };
        together.value_and_gradient(base, at, options, asked, gradient)
    }

    /// Parameters and options for that; none where other things are set, or nothing was measured within the run.
    fn ready(&self) -> Option<(Vec<f64>, Options<'static>)> {
        if self.set.iter().any(|(place, _)| !matches!(place, Place::Parameter(_))) {
            return None;
        }
        let problem = self.problem(&self.point().ok()?);
        let (of, times) = (problem.options(), self.times().ok()?);
        let suits = of.method == Method::Auto || Together::suits(of.method);
        let mut options = Options::new(of.t0, times.last().copied()?);
        (options.rtol, options.atol, options.method) = (of.rtol, of.atol.clone(), of.method);
        (options.first_step, options.max_step, options.max_steps) = (of.first_step, of.max_step, of.max_steps);
        options.save = Save::At(times);
        options.interrupt = self.interrupt;
        (suits && options.t1 > options.t0).then_some((problem.parameter_values().ok()?, options))
    }

    /// The points to keep; of a run until rest, whose end is not known, those of all steps.
    pub(super) fn save(&self) -> Result<Save, ObjectiveError> {
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

    /// The terms of an objective.
    pub(super) fn terms(&self) -> &[Term] {
        match self.question {
            Question::Likelihood => &[],
            Question::Objective(k) => &self.compiled.model().checked().asked.objectives[k].terms,
        }
    }

    /// How many slots of the question stand behind the model's own discrete quantities.
    pub(super) fn slots(&self) -> usize {
        match self.question {
            Question::Likelihood => self.measured.width,
            Question::Objective(_) => self.terms().len(),
        }
    }
}

pub(super) fn derivatives(error: DerivativeError) -> ObjectiveError {
    match error {
        DerivativeError::Solve(error) => ObjectiveError::Solve(error),
        other => ObjectiveError::Derivatives(other),
    }
}
