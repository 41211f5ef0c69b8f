//! One run: a compiled model, what is changed from its defaults, and how to integrate it.

mod start;

pub use start::Start;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Compiled;
use super::bind::{MissingParameter, UnknownName};
use super::ensemble::Place;
use super::foreign::{HostError, callable};
use super::reach::{OutsideData, outside_data};
use super::steady::Steady;
use crate::diag::closest;
use crate::model::{Grid, LOOK_BACK, LeadIn};
use crate::solve::{
    Approach, End, ErrorKind, Failure, Method, Observer, Options, Precision, Recorder, Repeated, Save, Solution,
    SteadyState, Steps, Tolerance, integrate, integrate_to, integrate_told, steady, steps,
};
use crate::system::{Eliminated, Reduced};

/// A solution that has not come to rest after so many steps is given up, if nothing else is said.
const MOST_UNTIL_REST: u64 = 1_000_000;

/// What is set instead of a model's defaults, by place.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    parameters: FxHashMap<usize, f64>,
    initial: FxHashMap<usize, f64>,
    discretes: FxHashMap<usize, f64>,
}

/// A run to be. Every setter takes and returns it; [`Problem::solve`] runs it.
#[derive(Clone)]
pub struct Problem<'a> {
    compiled: &'a Compiled,
    given: Given,
    options: Options<'a>,
    grid: Option<Grid>,
    method_error: Option<String>,
    reduce: bool,
    controlled: bool,
}

/// Why a run did not reach its end.
#[derive(Clone, Debug)]
pub enum SolveError {
    /// A parameter has no value.
    Missing(MissingParameter),
    /// The run would ask an input for more than its data.
    OutsideData(OutsideData),
    /// The model calls what the host has not given.
    Host(HostError),
    /// The integration failed; what was computed is inside.
    Failed(Failure),
}

impl fmt::Display for SolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SolveError::Missing(missing) => missing.fmt(f),
            SolveError::OutsideData(outside) => outside.fmt(f),
            SolveError::Host(error) => error.fmt(f),
            SolveError::Failed(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for SolveError {}

impl<'a> Problem<'a> {
    pub(super) fn new(compiled: &'a Compiled) -> Self {
        let run = compiled.model().run();
        let (t0, t1) = run.span.unwrap_or((0.0, 1.0));
        let mut options = Options::new(t0, t1);
        options.rtol = run.rtol.unwrap_or(options.rtol);
        options.atol = run.atol.map_or(options.atol, Tolerance::Scalar);
        options.first_step = run.first_step;
        options.max_step = run.max_step.unwrap_or(options.max_step);
        options.max_steps = run.max_steps.unwrap_or(options.max_steps);
        let mut method_error = None;
        if let Some((name, _)) = &run.method {
            match Method::find(name) {
                Some(method) => options.method = method,
                None => method_error = Some(name.clone()),
            }
        }
        Problem {
            compiled,
            given: Given::default(),
            options,
            grid: run.save,
            method_error,
            reduce: run.reduce,
            controlled: false,
        }
    }

    /// Start and end of the independent variable. With an infinite end the run goes on until nothing changes any more by
    /// more than the tolerances.
    pub fn span(mut self, span: Range<f64>) -> Self {
        (self.options.t0, self.options.t1) = (span.start, span.end);
        self
    }

    /// Sets a parameter, or the first value of a state or discrete quantity: `k1`, `W[1,2]`, `A`.
    ///
    /// # Errors
    /// [`UnknownName`] with the closest known name.
    pub fn set(mut self, name: &str, value: f64) -> Result<Self, UnknownName> {
        let place = Place::find(&self, name)?;
        self.put(place, value);
        Ok(self)
    }

    /// Sets all elements of an array of parameters, states or discrete quantities, in row-major order.
    ///
    /// # Errors
    /// A sentence, if there is no such array or it has another number of elements.
    pub fn set_array(mut self, name: &str, values: &[f64]) -> Result<Self, String> {
        let model = self.compiled.model();
        let kinds = [model.parameters(), model.states(), model.discretes()];
        let found = kinds.iter().enumerate().find_map(|(kind, names)| names.block(name).map(|block| (kind, block)));
        let Some((kind, block)) = found else { return Err(self.unknown(name).to_string()) };
        if block.len() != values.len() {
            return Err(format!("`{name}` has {} elements, found {}", block.len(), values.len()));
        }
        let target = match kind {
            0 => &mut self.given.parameters,
            1 => &mut self.given.initial,
            _ => &mut self.given.discretes,
        };
        target.extend(values.iter().enumerate().map(|(k, value)| (block.offset + k, *value)));
        Ok(self)
    }

    /// Sets what stands at a place.
    pub(super) fn put(&mut self, place: Place, value: f64) {
        match place {
            Place::Parameter(k) => self.given.parameters.insert(k, value),
            Place::State(k) => self.given.initial.insert(k, value),
            Place::Discrete(k) => self.given.discretes.insert(k, value),
        };
    }

    pub(super) fn unknown(&self, name: &str) -> UnknownName {
        let known: Vec<String> = self.compiled.model().checked().symbols.iter().map(|s| s.name.clone()).collect();
        let suggestion = closest(name, known.iter().map(String::as_str)).map(str::to_string);
        UnknownName { name: name.to_string(), suggestion }
    }

    /// Sets the first values of all states, in the order of [`crate::Model::states`].
    ///
    /// # Errors
    /// A sentence, if there are more or fewer states.
    pub fn initial(mut self, values: &[f64]) -> Result<Self, String> {
        let n = self.compiled.model().checked().dim();
        if values.len() != n {
            return Err(format!("expected {n} initial values, found {}", values.len()));
        }
        self.given.initial = values.iter().copied().enumerate().collect();
        Ok(self)
    }

    /// Relative tolerance.
    pub fn rtol(mut self, rtol: f64) -> Self {
        self.options.rtol = rtol;
        self
    }

    /// Absolute tolerance of all states.
    pub fn atol(mut self, atol: f64) -> Self {
        self.options.atol = Tolerance::Scalar(atol);
        self
    }

    /// Absolute tolerances, one per state.
    pub fn atol_per_state(mut self, atol: Vec<f64>) -> Self {
        self.options.atol = Tolerance::PerState(atol);
        self
    }

    /// No step is longer than this.
    pub fn max_step(mut self, step: f64) -> Self {
        self.options.max_step = step;
        self
    }

    /// The first step to try; the step of methods with steps of one length.
    pub fn first_step(mut self, step: f64) -> Self {
        self.options.first_step = Some(step);
        self
    }

    /// The integrator.
    pub fn method(mut self, method: Method) -> Self {
        self.options.method = method;
        self.method_error = None;
        self
    }

    /// The numbers in which steps are computed. Single precision is for explicit Runge–Kutta and Rosenbrock methods, asked for
    /// by name, and models that run in lanes; a run says why where it cannot have it.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.options.precision = precision;
        self
    }

    /// The points to keep: every step, or the given times.
    pub fn save(mut self, save: Save) -> Self {
        self.options.save = save;
        self.grid = None;
        self
    }

    /// The points to keep, as a grid over the span.
    pub fn grid(mut self, grid: Grid) -> Self {
        self.grid = Some(grid);
        self
    }

    /// Whether states that conserved sums determine are left out of the integration. All states are in the solution
    /// either way, and their sums hold exactly when they are. Sums of states that events set are not used, and none where
    /// equations had to be differentiated.
    pub fn reduce(mut self, reduce: bool) -> Self {
        self.reduce = reduce;
        self
    }

    /// Keeps sentences on what was chosen and why, in the solution's statistics.
    pub fn explain(mut self) -> Self {
        self.options.explain = true;
        self
    }

    /// Lets the error test of [`Self::tangents`] include the sensitivities, each by the tolerances of its state over |q|, so that
    /// they are as good as the states are; else the steps are those of the plain run. For smooth models.
    pub fn control_sensitivities(mut self) -> Self {
        self.controlled = true;
        self
    }

    /// Lets steps run over the switches of the equations (`if`, `max`, `floor`, …) as if there were none.
    pub fn over_switches(mut self) -> Self {
        self.options.over_switches = true;
        self
    }

    /// So many bytes may the steps of [`Self::record`] take: 256 MiB unless said otherwise, six million steps of three states.
    /// Of a longer run the last ones are kept, and the run is repeated on the way back, as often as it takes; gradients are the
    /// same, bit for bit.
    pub fn max_tape(mut self, bytes: u64) -> Self {
        self.options.max_tape = bytes;
        self
    }

    /// Gives up after so many steps.
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.options.max_steps = steps;
        self
    }

    /// Gives up after so much wall-clock time.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.options.max_time = Some(time);
        self
    }

    /// Stops when the flag becomes true.
    pub fn cancel(mut self, flag: &'a AtomicBool) -> Self {
        self.options.cancel = Some(flag);
        self
    }

    /// Asked now and then whether to stop, as by Ctrl-C in a host that has to look for it.
    pub fn interrupt(mut self, asked: &'a (dyn Fn() -> bool + Sync)) -> Self {
        self.options.interrupt = Some(asked);
        self
    }

    /// Shows every accepted step to an observer, which may end the run. Conserved sums are not used then.
    pub fn observe(mut self, observer: &'a Observer<'a>) -> Self {
        self.options.observe = Some(observer);
        self
    }

    /// Keeps the solution between the points too: [`Solution::dense`].
    pub fn dense(mut self) -> Self {
        self.options.dense = true;
        self
    }

    /// Reports the time reached now and then.
    pub fn progress(mut self, report: &'a (dyn Fn(f64) + Sync)) -> Self {
        self.options.progress = Some(report);
        self
    }

    /// The options as they stand.
    pub fn options(&self) -> &Options<'a> {
        &self.options
    }

    /// The values of all parameters as they stand, in the order of [`crate::Model::parameters`].
    ///
    /// # Errors
    /// [`MissingParameter`] if one has neither a default nor a value.
    pub fn parameter_values(&self) -> Result<Vec<f64>, MissingParameter> {
        self.compiled.parameter_values(&self.given.parameters)
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`SolveError`]; a failed integration carries what was computed.
    pub fn solve(&self) -> Result<Solution, SolveError> {
        let mut result = self.run();
        if self.options.explain {
            let solution = match &mut result {
                Ok(solution) => Some(solution),
                Err(SolveError::Failed(failure)) => Some(failure.partial.as_mut()),
                Err(_) => None,
            };
            if let Some(solution) = solution {
                solution.statistics.reasons.splice(0..0, self.compiled.forms().iter().cloned());
            }
        }
        result
    }

    /// Makes the grid of points to keep a list of them, where the end is known and they are not too many, of which each run tells.
    pub(super) fn settle_grid(&mut self) {
        let (t0, t1) = (self.options.t0, self.options.t1);
        let grid = self.grid.filter(|_| t1.is_finite());
        if let Some(points) = grid.and_then(|grid| grid.points(t0, t1).ok().flatten()) {
            (self.grid, self.options.save) = (None, Save::At(points));
        }
    }

    /// Whether conserved sums are used.
    pub(super) fn reduces(&self) -> bool {
        self.reduce
    }

    /// Whether the points to keep are known, or those of the steps.
    pub(super) fn points_are_settled(&self) -> bool {
        matches!(self.grid, None | Some(Grid::Steps))
    }

    /// Whether the points kept are those of the steps.
    pub(super) fn keeps_steps(&self) -> bool {
        self.options.save == Save::Steps && self.points_are_settled()
    }

    /// The same run with nobody who looks on.
    pub(super) fn unwatched(&self) -> Self {
        let mut problem = self.clone();
        (problem.options.observe, problem.options.progress, problem.options.dense) = (None, None, false);
        problem
    }

    /// Whether sensitivities count in the error test.
    pub(super) fn controls_sensitivities(&self) -> bool {
        self.controlled
    }

    /// The same run of the model with sensitivities, from these values of theirs, with these absolute tolerances.
    pub(super) fn of_larger<'b>(
        &self,
        larger: &'b Compiled,
        starts: impl IntoIterator<Item = (usize, f64)>,
        atol: Tolerance,
    ) -> Problem<'b>
    where
        'a: 'b,
    {
        let mut problem = Problem { compiled: larger, ..self.unwatched() };
        problem.given.initial.extend(starts);
        problem.options.atol = atol;
        problem
    }

    /// What it is a run of.
    pub(super) fn compiled(&self) -> &'a Compiled {
        self.compiled
    }

    /// The same run of the model with its derivative in one direction: `changes` are values of the further parameters, and the
    /// derivatives of initial values that are set are `starts`.
    pub(super) fn along<'b>(
        &self,
        larger: &'b Compiled,
        changes: impl IntoIterator<Item = (usize, f64)>,
        starts: impl IntoIterator<Item = (usize, f64)>,
    ) -> Problem<'b>
    where
        'a: 'b,
    {
        let mut problem = Problem { compiled: larger, ..self.clone() };
        problem.given.parameters.extend(changes);
        problem.given.initial.extend(starts);
        // A discrete quantity that is set depends on nothing.
        let behind = self.compiled.system().shape().discretes.len();
        problem.given.discretes.extend(self.given.discretes.keys().map(|place| (behind + place, 0.0)));
        if let Tolerance::PerState(list) = &mut problem.options.atol {
            list.extend_from_within(..);
        }
        problem
    }

    /// Places of the parameters that are set.
    pub(super) fn given_parameters(&self) -> impl Iterator<Item = usize> + '_ {
        self.given.parameters.keys().copied()
    }

    /// Places of the states whose first values are set.
    pub(super) fn given_discretes(&self) -> impl Iterator<Item = usize> + '_ {
        self.given.discretes.keys().copied()
    }

    /// Places of states whose start is set.
    pub(super) fn given_states(&self) -> impl Iterator<Item = usize> + '_ {
        self.given.initial.keys().copied()
    }

    /// Takes over what another one had set, and its points to keep.
    pub(super) fn settle(&mut self, (given, save): (Given, Save)) {
        (self.given, self.options.save, self.grid) = (given, save, None);
    }

    /// What is set, and the points to keep.
    pub(super) fn into_settings(self) -> (Given, Save) {
        (self.given, self.options.save)
    }

    /// The span's end; of a run until rest, found by a run that keeps nothing where points are asked for.
    fn end(&self) -> Result<f64, SolveError> {
        if self.options.t1.is_finite() || self.keeps_steps() {
            return Ok(self.options.t1);
        }
        let mut scout = self.clone();
        (scout.options.observe, scout.options.dense) = (None, false);
        (scout.grid, scout.options.save) = (Some(Grid::Steps), Save::Steps);
        // The points are not looked at; with reactions the way to the end is that of the run to come.
        let solution = scout.run()?;
        Ok(solution.times().last().copied().unwrap_or(self.options.t0))
    }

    /// When the doses begin, and the start of a run before which doses have been given for ever: a run through so many of their intervals that twice
    /// as many make no difference. Whoever differentiates the run hears of that one first.
    fn led_in(
        &self,
        lead_in: LeadIn,
        bound: Vec<f64>,
        y0: Vec<f64>,
        recorder: Option<&mut dyn Recorder>,
    ) -> Result<(f64, Vec<f64>, Vec<f64>), SolveError> {
        let LeadIn { since, interval } = lead_in;
        let (t0, system) = (self.options.t0, self.compiled.system());
        if t0 < since {
            let sentence =
                format!("the doses are in a steady state from {since} on, and the run starts at {t0}, before it");
            return Err(self.refused(sentence));
        }
        let mut before: Option<End> = None;
        let mut intervals = 8;
        while intervals <= LOOK_BACK {
            let mut options = self.options.clone();
            (options.t0, options.t1) = (since - f64::from(intervals) * interval, t0.next_down());
            (options.save, options.explain, options.progress) = (Save::At(Vec::new()), false, None);
            (options.observe, options.dense) = (None, false);
            let mut end = None;
            integrate_to(system, &y0, &bound, &options, &mut end).map_err(SolveError::Failed)?;
            let Some(end) = end else { break };
            let atol = |k: usize| match &options.atol {
                Tolerance::Scalar(atol) => *atol,
                Tolerance::PerState(list) => list[k],
            };
            let close = |known: &End| {
                let pairs = end.y.iter().zip(&known.y).enumerate();
                pairs.into_iter().all(|(k, (a, b))| (a - b).abs() <= atol(k) + options.rtol * a.abs().max(b.abs()))
            };
            if before.as_ref().is_some_and(close) {
                let end = match recorder {
                    None => end,
                    Some(_) => {
                        let mut told = None;
                        integrate_told(system, &y0, &bound, &options, &mut told, recorder)
                            .map_err(SolveError::Failed)?;
                        told.unwrap_or(end)
                    }
                };
                // Counts of infusions under way go on; switches are looked at anew.
                let shape = system.shape();
                let discretes = shape.discretes_at..shape.discretes_at + shape.discretes.len();
                let mut bound = bound;
                bound[discretes.clone()].copy_from_slice(&end.p[discretes]);
                return Ok((options.t0, bound, end.y));
            }
            before = Some(end);
            intervals *= 2;
        }
        Err(self.refused(format!(
            "the doses before the start lead to no steady state within {} intervals of {interval}",
            intervals / 2
        )))
    }

    /// A run that does not begin, and why.
    pub(super) fn refused(&self, sentence: String) -> SolveError {
        let shape = Arc::new(self.compiled.system().shape().clone());
        let partial = Box::new(Solution::from_rows(Vec::new(), &[], shape, Default::default()));
        SolveError::Failed(Failure { kind: ErrorKind::Options(sentence), time: self.options.t0, step: 0.0, partial })
    }

    fn run(&self) -> Result<Solution, SolveError> {
        let solution = self.run_told(self.start()?, None)?;
        self.no_jump(Some(&solution))?;
        Ok(solution)
    }

    /// The run step by step, each made when it is asked for: an iterator of [`crate::solve::Step`]s, which know the solution
    /// within them. Conserved sums are not used. What depends on the whole run (the end of one until rest, points
    /// as a grid) is settled here, once.
    ///
    /// # Errors
    /// [`SolveError`], if the run cannot begin.
    pub fn steps(&mut self) -> Result<Steps<'_>, SolveError> {
        let (start, options) = self.prepared(self.start()?, None)?;
        (self.options, self.grid) = (options.into_owned(), None);
        steps(self.compiled.system(), &start.y, &start.bound, &self.options).map_err(SolveError::Failed)
    }

    /// Where the run really starts, and what depends on its whole span.
    fn prepared(
        &self,
        start: Start,
        recorder: Option<&mut dyn Recorder>,
    ) -> Result<(Start, Cow<'_, Options<'a>>), SolveError> {
        callable(self.compiled, self.options.method, recorder.is_some()).map_err(SolveError::Host)?;
        self.no_moving_jump(&start)?;
        let Start { mut bound, y: mut y0 } = start;
        let mut options = Cow::Borrowed(&self.options);
        if let Some(lead_in) = self.compiled.model().checked().lead_in {
            if options.precision == Precision::Single {
                return Err(self.refused("doses before the start ask for double precision".to_string()));
            }
            let begun;
            (begun, bound, y0) = self.led_in(lead_in, bound, y0, recorder)?;
            options.to_mut().begun = Some(begun);
        }
        if self.options.t1.is_infinite() {
            options.to_mut().t1 = self.end()?;
        }
        if options.t1.is_infinite() && options.max_steps == Options::new(0.0, 1.0).max_steps {
            options.to_mut().max_steps = MOST_UNTIL_REST;
        }
        let checked = self.compiled.model().checked();
        if let Some(outside) = outside_data(checked, &bound, options.t0, options.t1) {
            return Err(SolveError::OutsideData(outside));
        }
        if let Some(grid) = self.grid {
            let points = grid.points(options.t0, options.t1).map_err(|sentence| self.refused(sentence))?;
            if let Some(points) = points {
                options.to_mut().save = Save::At(points);
            }
        }
        Ok((Start { bound, y: y0 }, options))
    }

    /// The same from a start made before, with somebody who hears of every step.
    pub(super) fn run_told(
        &self,
        start: Start,
        mut recorder: Option<&mut dyn Recorder>,
    ) -> Result<Solution, SolveError> {
        let listener = recorder.as_mut().map(|recorder| &mut **recorder as &mut dyn Recorder);
        let (Start { bound, y: y0 }, mut options) = self.prepared(start, listener)?;
        let system = self.compiled.system();
        // Of delays the past of all states is kept, and constraints are on all states together.
        let apart = self.compiled.model().checked().delays.is_empty() && system.constraints().is_none();
        let eliminated = if self.reduce && apart && recorder.is_none() && self.options.observe.is_none() {
            Eliminated::undisturbed(self.compiled.eliminated(&y0), system.events())
        } else {
            Vec::new()
        };
        if eliminated.is_empty() {
            return integrate_told(system, &y0, &bound, &options, &mut None, recorder).map_err(SolveError::Failed);
        }
        let reduced = Reduced::new(system, eliminated, &y0);
        if let Tolerance::PerState(list) = &options.atol {
            let kept = reduced.keep(list);
            options.to_mut().atol = Tolerance::PerState(kept);
        }
        let shape = Arc::new(system.shape().clone());
        let all = |solution: Solution| solution.expanded(shape.clone(), |few, all| reduced.expand(few, all));
        match integrate(&reduced, &reduced.keep(&y0), &bound, &options) {
            Ok(solution) => Ok(all(solution)),
            Err(failure) => Err(SolveError::Failed(Failure { partial: Box::new(all(*failure.partial)), ..failure })),
        }
    }

    /// The same run, in the memory of others of the same model; where the run itself depends on more than that, in memory of its
    /// own.
    pub(super) fn run_within<'r>(
        &self,
        run: &'r mut Repeated,
        start: &Start,
        recorder: Option<&mut dyn Recorder>,
    ) -> Result<&'r Solution, SolveError> {
        let (system, options, model) = (self.compiled.system(), &self.options, self.compiled.model().checked());
        let alone = self.reduce && recorder.is_none()
            || model.lead_in.is_some()
            || options.t1.is_infinite()
            || self.grid.is_some()
            || options.precision == Precision::Single;
        if alone {
            return Ok(run.take(self.run_told(start.clone(), recorder)?));
        }
        callable(self.compiled, options.method, recorder.is_some()).map_err(SolveError::Host)?;
        self.no_moving_jump(start)?;
        match outside_data(model, &start.bound, options.t0, options.t1) {
            Some(outside) => Err(SolveError::OutsideData(outside)),
            None => run.run_told(system, (&start.y, &start.bound), options, recorder).map_err(SolveError::Failed),
        }
    }

    /// The steady state that belongs to the initial values, by `approach`: y with f(t0, y) = 0, with delays that of
    /// [`Compiled::at_rest`]. Conserved sums of reactions keep the values they have at the start. Of the settings, parameters, initial values, tolerances and limits count.
    ///
    /// # Errors
    /// [`SolveError`]; its failure is [`crate::solve::ErrorKind::NotSteady`] where none was found.
    pub fn steady(&self, approach: Approach) -> Result<Steady, SolveError> {
        callable(self.compiled, Method::Rodas5P, false).map_err(SolveError::Host)?;
        let Start { bound, y: y0 } = self.start()?;
        if self.compiled.system().delays().is_some() {
            let rest = self.compiled.at_rest().map_err(|error| self.refused(error.to_string()))?;
            let found = Problem { compiled: &rest, ..self.clone() }.steady(approach)?;
            let state = found.state.with_delays(self.compiled.system(), self.options.t0, &bound);
            return Ok(Steady { state, ..found });
        }
        let mut options = self.options.clone();
        (options.observe, options.dense, options.t1) = (None, false, f64::INFINITY);
        options.max_steps = options.max_steps.min(MOST_UNTIL_REST);
        let system = self.compiled.system();
        let eliminated = if system.constraints().is_none() { self.compiled.eliminated(&y0) } else { Vec::new() };
        let own = y0.len() / (self.compiled.model().sensitivities().len() + 1);
        let mut state = if eliminated.is_empty() {
            steady(system, own, &y0, &bound, &options, approach).map_err(SolveError::Failed)?
        } else {
            let reduced = Reduced::new(system, eliminated, &y0);
            if let Tolerance::PerState(list) = &options.atol {
                options.atol = Tolerance::PerState(reduced.keep(list));
            }
            let own = own - reduced.eliminated();
            let found =
                steady(&reduced, own, &reduced.keep(&y0), &bound, &options, approach).map_err(SolveError::Failed)?;
            let mut y = vec![0.0; y0.len()];
            reduced.expand(&found.y, &mut y);
            SteadyState { y, ..found }
        };
        let shape = system.shape();
        let mut work = vec![0.0; shape.work];
        let mut outputs = vec![0.0; shape.outputs.len()];
        system.outputs(options.t0, &state.y, &bound, &mut work, &mut outputs);
        if state.left.len() < y0.len() {
            // What the sums determine has a derivative too.
            state.left.resize(y0.len(), 0.0);
            system.rhs(options.t0, &state.y, &bound, &mut work, &mut state.left);
        }
        let names = (shape.states.clone(), shape.outputs.clone());
        Ok(Steady { state, states: names.0, outputs: names.1, values: outputs })
    }

    /// The method name of the solve block, if there is no such method.
    pub fn unknown_method(&self) -> Option<&str> {
        self.method_error.as_deref()
    }
}
