//! Derivatives of a run by parameters and initial values, of exactly the numbers it returns: forward, [`Problem::tangents`],
//! and backward, [`Problem::record`].

use std::fmt;

use super::bind::{UnknownName, wanted, zeros};
use super::problem::{Problem, SolveError, Start};
use super::way::Prediction;
use crate::diff::Wanted;
use crate::model::Kind;
use crate::sensitivity::{Again, Errors, Forward, Part, Tape};
use crate::solve::local::Local;
use crate::solve::{ErrorKind, Failure, Solution};
use crate::system::{Matrix, Names};

/// Why there are no derivatives.
#[derive(Clone, Debug)]
pub enum DerivativeError {
    /// No parameter or state has the name.
    Name(UnknownName),
    /// What the model has that derivatives do not go through yet.
    Refused(String),
    /// The run itself failed; what was computed is inside.
    Solve(SolveError),
}

impl fmt::Display for DerivativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DerivativeError::Name(unknown) => unknown.fmt(f),
            DerivativeError::Refused(reason) => f.write_str(reason),
            DerivativeError::Solve(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DerivativeError {}

impl From<SolveError> for DerivativeError {
    fn from(error: SolveError) -> Self {
        DerivativeError::Solve(error)
    }
}

impl From<ErrorKind> for DerivativeError {
    fn from(kind: ErrorKind) -> Self {
        // On the way there and back only these happen.
        DerivativeError::Refused(match kind {
            ErrorKind::Options(sentence) => sentence,
            ErrorKind::NoDerivative { event, time, why } => crate::solve::no_derivative(&event, time, why),
            ErrorKind::Overflow => "the sensitivities are no finite numbers any more".to_string(),
            ErrorKind::Memory(needed, allowed) => format!("{needed} bytes are needed, more than the {allowed} allowed"),
            ErrorKind::Interrupted => "interrupted on the way back".to_string(),
            ErrorKind::TooMuchTime(seconds) => format!("gave up after {seconds} s on the way back"),
            _ => "a matrix on the way back is singular".to_string(),
        })
    }
}

/// A solution and its derivatives by some parameters and initial values.
#[derive(Clone, Debug)]
pub struct Tangents {
    pub(super) solution: Solution,
    pub(super) names: Vec<String>,
    /// What parameters and discrete quantities change by at the start, a row per parameter.
    pub(super) changes: Vec<f64>,
    pub(super) values: Vec<f64>,
}

impl Tangents {
    /// The solution.
    pub fn solution(&self) -> &Solution {
        &self.solution
    }

    /// What it was differentiated by.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All derivatives, times × (states, then outputs) × names, the last index fastest.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The derivatives of the k-th state or, from the number of states on, output at the saved times by the j-th name.
    pub fn column(&self, k: usize, j: usize) -> impl Iterator<Item = f64> + '_ {
        let (by, columns) = (self.names.len(), self.solution.state_names().len() + self.solution.output_names().len());
        (0..self.solution.len()).map(move |row| self.values[(row * columns + k) * by + j])
    }
}

impl Tangents {
    /// The solution with all derivatives as further states and outputs, named `d[x]/d[k]`: those by the first name, then those
    /// by the next.
    pub fn into_solution(self) -> Solution {
        let (len, by) = (self.solution.len(), self.names.len());
        let (states, outputs) = (self.solution.state_names().clone(), self.solution.output_names().clone());
        let (n, columns) = (states.len(), states.len() + outputs.len());
        let further = |of: &Names, from: usize| {
            let mut values = Vec::with_capacity(len * of.len() * by);
            for j in 0..by {
                for k in from..from + of.len() {
                    values.extend((0..len).map(|row| self.values[(row * columns + k) * by + j]));
                }
            }
            (derivative_names(of, &self.names), values)
        };
        let (of_states, of_outputs) = (further(&states, 0), further(&outputs, n));
        self.solution.with_columns(of_states, of_outputs)
    }
}

/// The names of derivatives, `d[x]/d[k]`: of all of `of` by the first name, then by the next.
pub fn derivative_names(of: &Names, by: &[String]) -> Names {
    let mut names = Names::default();
    for name in by {
        for block in of.blocks() {
            names.push(format!("d[{}]/d[{name}]", block.name), block.dims.clone());
        }
    }
    names
}

/// A solution that remembers its steps.
pub struct Recorded<'a> {
    problem: Problem<'a>,
    solution: Solution,
    tape: Tape,
    start: Start,
    /// The way back is by the adjoint equation.
    continuous: bool,
}

/// A gradient by everything at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// By every parameter, in the order of [`crate::Model::parameters`]: through f, outputs, initial values and the defaults
    /// of other parameters.
    pub parameters: Vec<f64>,
    /// By every initial value, in the order of [`crate::Model::states`].
    pub initial: Vec<f64>,
}

impl Recorded<'_> {
    /// The solution.
    pub fn solution(&self) -> &Solution {
        &self.solution
    }

    /// What it is a run of.
    pub(super) fn problem(&self) -> &Problem<'_> {
        &self.problem
    }

    /// What it started from.
    pub(super) fn start(&self) -> &Start {
        &self.start
    }

    /// Bytes that the steps take.
    pub fn bytes(&self) -> u64 {
        self.tape.bytes()
    }

    /// The gradient of Σ weights · values: `weights` are times × (states, then outputs), the last index fastest. Costs the
    /// same however many parameters there are.
    ///
    /// # Errors
    /// If the weights are too few or too many, or a matrix on the way back is singular.
    pub fn pull(&self, weights: &[f64]) -> Result<Gradient, DerivativeError> {
        self.pull_watched(weights, &mut |_, _| {})
    }

    /// The same; `watch` is told the derivative by the state before every step, from the last step on.
    ///
    /// # Errors
    /// As [`Self::pull`].
    pub fn pull_watched(
        &self,
        weights: &[f64],
        watch: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<Gradient, DerivativeError> {
        let back = self.sweep(weights, watch)?;
        self.through_start(back)
    }

    /// [`Self::pull`] of a number that depends on parameters and discrete quantities besides, by these derivatives.
    pub(super) fn pull_with(&self, weights: &[f64], direct: &[f64]) -> Result<Gradient, DerivativeError> {
        let mut back = self.sweep(weights, &mut |_, _| {})?;
        back.parameters.iter_mut().zip(direct).for_each(|(sum, direct)| *sum += direct);
        self.through_start(back)
    }

    fn through_start(&self, back: crate::sensitivity::Gradient) -> Result<Gradient, DerivativeError> {
        let crate::sensitivity::Gradient { start: initial, mut parameters } = back;
        self.problem.through_start(&mut Ends::default(), &self.start, &initial, &mut parameters)?;
        Ok(Gradient { parameters, initial })
    }

    fn sweep(
        &self,
        weights: &[f64],
        watch: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<crate::sensitivity::Gradient, DerivativeError> {
        let system = self.problem.compiled().system();
        let shape = system.shape();
        let expected = self.solution.len() * (shape.dim() + shape.outputs.len());
        if weights.len() != expected {
            let found = weights.len();
            return Err(DerivativeError::Refused(format!("expected {expected} weights, found {found}")));
        }
        if let Some(dense) = self.solution.dense().filter(|_| self.continuous) {
            return Ok(self.tape.pull_continuously(system, self.problem.options(), dense, weights)?);
        }
        let mut repeat = |again: &mut Again| self.problem.repeat(&self.start, again);
        Ok(self.tape.pull(system, self.problem.options(), weights, watch, &mut repeat)?)
    }
}

impl<'a> Problem<'a> {
    /// Runs it and carries derivatives by the named parameters (`k1`, `W[1,2]`) and initial values of states along.
    ///
    /// # Errors
    /// [`DerivativeError`]
    pub fn tangents(&self, names: &[&str]) -> Result<Tangents, DerivativeError> {
        self.differentiable()?;
        if names.is_empty() {
            let solution = self.run_told(self.start()?, None)?;
            return Ok(Tangents { solution, names: Vec::new(), changes: Vec::new(), values: Vec::new() });
        }
        let delays = self.compiled().system().delays().is_some();
        if self.controls_sensitivities() || delays && !(self.only_by_steps() && self.reversible_past().is_ok()) {
            return self.carried_in_states(names);
        }
        let start = self.start()?;
        let model = self.compiled().model().checked();
        let wanted = names.iter().map(|name| wanted(model, name)).collect::<Result<Vec<_>, _>>();
        let (s, q) = self.directions(&start, &wanted.map_err(DerivativeError::Name)?)?;
        let changes = q.clone();
        let mut forward = Forward::new(self.compiled().system(), names.len(), s, q)?;
        let mut solution = self.run_told(start, Some(&mut forward))?;
        if self.options().explain
            && let Some(costs) = Prediction::new(self.compiled().system(), self.options().method, names.len())
        {
            solution
                .statistics
                .reasons
                .push(format!("sensitivities of all numbers at all times: forward; {costs}, for each number"));
        }
        let names = names.iter().map(|name| name.to_string()).collect();
        Ok(Tangents { solution, names, changes, values: forward.into_kept() })
    }

    /// Runs it and estimates how far the solution is from the exact one: what is returned as the only derivative of each state
    /// and output is exact minus computed, to first order. The errors of the steps, each found by following the equations over it more
    /// exactly, are carried along with the run, through events too: the sum of errors of steps weighted with adjoints, for all
    /// numbers at once. Costs five to twenty plain runs.
    ///
    /// # Errors
    /// [`DerivativeError`]
    pub fn global_error(&self) -> Result<Tangents, DerivativeError> {
        if !self.compiled().model().checked().delays.is_empty() {
            let sentence =
                "there is no estimate of the error of a run with delays; compare with a run at a tenth of rtol";
            return Err(DerivativeError::Refused(sentence.to_string()));
        }
        self.differentiable()?;
        let (start, system) = (self.start()?, self.compiled().system());
        let shape = system.shape();
        let changes = vec![0.0; shape.discretes_at + shape.discretes.len()];
        let options = Local::options(self.options());
        let local = Local::new(system, &start.bound, &options);
        let forward = Forward::new(system, 1, vec![0.0; start.y.len()], changes.clone())?;
        let mut errors = Errors::new(forward, local);
        let solution = self.run_told(start, Some(&mut errors))?;
        Ok(Tangents { solution, names: vec!["error".to_string()], changes, values: errors.into_kept() })
    }

    /// Runs it and remembers the steps, for gradients.
    ///
    /// # Errors
    /// [`DerivativeError`]
    pub fn record(&self) -> Result<Recorded<'a>, DerivativeError> {
        self.record_on(Tape::new(self.compiled().system(), self.options().max_tape))
    }

    /// The same of a run of the model with its derivative, for second derivatives: the first `own` states are the model's.
    pub(super) fn record_of_second(&self, own: usize) -> Result<Recorded<'a>, DerivativeError> {
        self.record_on(Tape::new(self.compiled().system(), self.options().max_tape).of_second(own))
    }

    fn record_on(&self, mut tape: Tape) -> Result<Recorded<'a>, DerivativeError> {
        self.reversible()?;
        let start = self.start()?;
        let solution = self.run_told(start.clone(), Some(&mut tape))?;
        Ok(Recorded { problem: self.clone(), solution, tape, start, continuous: false })
    }

    /// The same, for gradients by the adjoint equation, integrated backward along the dense output: those of the exact
    /// solution, to the tolerances, and not of the numbers the run returns. Rosenbrock methods, which ask for derivatives by time,
    /// go back by Radau IIA.
    ///
    /// # Errors
    /// As [`Self::record`]; where there are algebraic equations the gradient is refused.
    pub fn record_continuously(&self) -> Result<Recorded<'a>, DerivativeError> {
        if self.compiled().system().delays().is_some() {
            let sentence = "the adjoint equation of models with delays is not there yet; go back through the steps";
            return Err(DerivativeError::Refused(sentence.to_string()));
        }
        if self.compiled().model().checked().lead_in.is_some() {
            let sentence =
                "the adjoint equation of doses before the start (SS) is not there yet; go back through the steps";
            return Err(DerivativeError::Refused(sentence.to_string()));
        }
        Ok(Recorded { continuous: true, ..self.clone().dense().record()? })
    }

    /// Whether derivatives go through everything the model has.
    pub(super) fn differentiable(&self) -> Result<(), DerivativeError> {
        let model = self.compiled().model().checked();
        let refused = |what: &str| Err(DerivativeError::Refused(what.to_string()));
        if model.lead_in.is_some() && !model.delays.is_empty() {
            return refused("sensitivities are not there yet for doses before the start (SS) beside delays");
        }
        Ok(())
    }

    /// Whether there is a way back through the run.
    pub(super) fn reversible(&self) -> Result<(), DerivativeError> {
        self.differentiable()?;
        self.reversible_past()
    }

    /// What the state at the start and the parameters change by in some directions: n rows, and a row per parameter and
    /// discrete quantity, of one number per direction.
    pub(super) fn directions(&self, start: &Start, wanted: &[Wanted]) -> Result<(Vec<f64>, Vec<f64>), DerivativeError> {
        let (mut s, mut q) = (Vec::new(), Vec::new());
        self.directions_within(&mut Ends::default(), start, wanted, &mut s, &mut q)?;
        Ok((s, q))
    }

    /// The same in memory that is there.
    pub(super) fn directions_within(
        &self,
        ends: &mut Ends,
        start: &Start,
        wanted: &[Wanted],
        s: &mut Vec<f64>,
        q: &mut Vec<f64>,
    ) -> Result<(), DerivativeError> {
        let (system, model) = (self.compiled().system(), self.compiled().model().checked());
        let (shape, k) = (system.shape(), wanted.len());
        let parameters = k * shape.discretes_at;
        let Ends { parts, change, next, .. } = ends;
        let Parts { initial, starts, defaults } = Parts::at(parts, self, start)?;
        zeros(q, parameters + k * shape.discretes.len());
        zeros(s, shape.dim() * k);
        let each = |kind: Kind| {
            wanted.iter().enumerate().filter_map(move |(j, by)| {
                let symbol = model.symbol(by.symbol);
                (symbol.kind == kind).then(|| (symbol.offset + symbol.place(&by.element)) * k + j)
            })
        };
        each(Kind::Parameter).for_each(|at| q[at] = 1.0);
        // Defaults follow the parameters they name, one after the other.
        change.clone_from(q);
        while !defaults.is_empty() && change.iter().any(|x| *x != 0.0) {
            zeros(next, q.len());
            defaults.add_product(change, k, 1.0, next);
            self.given_parameters().for_each(|place| next[place * k..(place + 1) * k].fill(0.0));
            each(Kind::Parameter).for_each(|at| next[at] = 0.0);
            q.iter_mut().zip(&*next).for_each(|(q, next)| *q += next);
            std::mem::swap(change, next);
        }
        // Discrete quantities start from parameters; one that is set depends on none.
        zeros(next, k * shape.discretes.len());
        starts.add_product(q, k, 1.0, next);
        self.given_discretes().for_each(|place| next[place * k..(place + 1) * k].fill(0.0));
        q[parameters..].copy_from_slice(next);
        initial.add_product(q, k, 1.0, s);
        // A start that is set depends on no parameter.
        self.given_states().for_each(|place| s[place * k..(place + 1) * k].fill(0.0));
        each(Kind::State).for_each(|at| s[at] = 1.0);
        Ok(())
    }

    /// The transpose of [`Self::directions`] for all names at once: `direct`, by parameters and discrete quantities, becomes
    /// the gradient by parameters.
    pub(super) fn through_start(
        &self,
        ends: &mut Ends,
        start: &Start,
        by_state: &[f64],
        direct: &mut Vec<f64>,
    ) -> Result<(), DerivativeError> {
        let discretes_at = self.compiled().system().shape().discretes_at;
        let Ends { parts, change, next, .. } = ends;
        let Parts { initial, starts, defaults } = Parts::at(parts, self, start)?;
        let free = &mut *change;
        free.clear();
        free.extend_from_slice(by_state);
        self.given_states().for_each(|place| free[place] = 0.0);
        initial.add_transposed(free, 1.0, direct);
        let discretes = &mut *next;
        discretes.clear();
        discretes.extend_from_slice(&direct[discretes_at..]);
        direct[discretes_at..].fill(0.0);
        self.given_discretes().for_each(|place| discretes[place] = 0.0);
        starts.add_transposed(discretes, 1.0, direct);
        change.clone_from(direct);
        while !defaults.is_empty() && change.iter().any(|x| *x != 0.0) {
            self.given_parameters().for_each(|place| change[place] = 0.0);
            zeros(next, direct.len());
            defaults.add_transposed(change, 1.0, next);
            direct.iter_mut().zip(&*next).for_each(|(g, next)| *g += next);
            std::mem::swap(change, next);
        }
        direct.truncate(discretes_at);
        Ok(())
    }
}

/// The derivatives of what a run starts from, and memory for the ways through it.
#[derive(Default)]
pub(super) struct Ends {
    parts: Option<Parts>,
    change: Vec<f64>,
    next: Vec<f64>,
}

/// Of first values of states and of discrete quantities, and of defaults.
struct Parts {
    initial: Part,
    starts: Part,
    defaults: Part,
}

impl Parts {
    /// Those at a start.
    fn at<'p>(
        known: &'p mut Option<Parts>,
        problem: &Problem,
        start: &Start,
    ) -> Result<&'p mut Parts, DerivativeError> {
        let parts = match known {
            Some(parts) => parts,
            None => {
                let part = |matrix| Part::new(problem.compiled().system(), matrix);
                let (initial, starts) = (part(Matrix::Initial)?, part(Matrix::Starts)?);
                known.insert(Parts { initial, starts, defaults: part(Matrix::Defaults)? })
            }
        };
        let all = [&mut parts.initial, &mut parts.starts, &mut parts.defaults];
        all.into_iter().for_each(|part| part.evaluate(problem.options().t0, &start.y, &start.bound, &[]));
        Ok(parts)
    }
}

impl From<Failure> for DerivativeError {
    fn from(failure: Failure) -> Self {
        DerivativeError::Solve(SolveError::Failed(failure))
    }
}
