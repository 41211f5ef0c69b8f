//! The result of a run: a table of times, states and outputs, and how it was made.

use std::sync::Arc;

use super::Dense;
use super::events::Occurrence;
use super::points::Rows;
use crate::system::{Names, Shape};

/// Values at the saved times. Columns are contiguous: `states[k*len .. (k+1)*len]` is state `k` over time.
#[derive(Clone, Debug, Default)]
pub struct Solution {
    pub(super) times: Vec<f64>,
    pub(super) states: Vec<f64>,
    pub(super) outputs: Vec<f64>,
    pub(super) shape: Arc<Shape>,
    pub(super) events: Vec<Occurrence>,
    pub(super) event_names: Vec<String>,
    pub(super) stopped: bool,
    pub(super) dense: Option<Dense>,
    /// How the run went.
    pub statistics: Statistics,
}

/// Counts of one run.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Statistics {
    /// The method used; for `auto`, those it switched between, in order of first use, joined by `+`.
    pub method: String,
    /// Accepted steps.
    pub steps: u64,
    /// Steps repeated with a smaller h because of the error estimate or a failed iteration.
    pub rejected: u64,
    /// Evaluations of f.
    pub rhs: u64,
    /// Evaluations of ∂f/∂y.
    pub jacobians: u64,
    /// Factorisations of W.
    pub factorizations: u64,
    /// Factorisations whose planned pivots were bad for the values at hand and were replaced.
    pub fallbacks: u64,
    /// Solves with W.
    pub solves: u64,
    /// Events that fired.
    pub events: u64,
    /// Steps that ended where the state switches a branch of the equations.
    pub located: u64,
    /// How W was factorised, in a word or two; empty where no method needed it.
    pub linear: String,
    /// What was chosen (methods, factorisation of W) and why, a sentence each, in order; only if
    /// [`super::Options::explain`] asks for them.
    pub reasons: Vec<String>,
    /// Initial values that were changed to satisfy the algebraic equations: the state, the value given, the value used.
    pub adjusted: Vec<(String, f64, f64)>,
    /// Changes of method by `auto`.
    pub switches: u64,
    /// Wall-clock seconds of the integration; of one of several side by side, from when it took its lane to its end, with what
    /// its neighbours took and what was done meanwhile with those that had ended.
    pub solve_seconds: f64,
}

impl Solution {
    /// From row-major records: `rows` holds n states then m outputs per saved time.
    pub fn from_rows(times: Vec<f64>, rows: &[f64], shape: Arc<Shape>, statistics: Statistics) -> Self {
        let mut solution = Solution { times, shape, statistics, ..Solution::default() };
        solution.fill(rows);
        solution
    }

    /// Takes values at its times from row-major records.
    fn fill(&mut self, rows: &[f64]) {
        let (n, m, len) = (self.shape.dim(), self.shape.outputs.len(), self.times.len());
        let column = |k: usize| rows.iter().skip(k).step_by((n + m).max(1)).copied();
        for (list, columns) in [(&mut self.states, 0..n), (&mut self.outputs, n..n + m)] {
            list.clear();
            list.reserve_exact(columns.len() * len);
            columns.for_each(|k| list.extend(column(k)));
        }
    }

    /// Becomes that of another run of the same system, in the memory of the one before. No words are kept of how it went.
    pub(super) fn become_of(&mut self, rows: &Rows, statistics: Statistics, stopped: bool) {
        self.times.clone_from(&rows.times);
        self.fill(&rows.values);
        (self.statistics, self.stopped) = (statistics, stopped);
    }

    /// The same run with more states: `expand` makes the row of all states from the row of those that were integrated.
    pub fn expanded(self, shape: Arc<Shape>, expand: impl Fn(&[f64], &mut [f64])) -> Self {
        let (len, n, m) = (self.len(), self.shape.dim(), shape.dim());
        let mut states = vec![0.0; len * m];
        let (mut few, mut all) = (vec![0.0; n], vec![0.0; m]);
        for row in 0..len {
            (0..n).for_each(|k| few[k] = self.states[k * len + row]);
            expand(&few, &mut all);
            (0..m).for_each(|k| states[k * len + row] = all[k]);
        }
        let dense = self.dense.map(|dense| dense.expanded(m, expand));
        Solution { states, shape, dense, ..self }
    }

    /// With further states and outputs: their names, and their columns one after the other.
    pub fn with_columns(mut self, states: (Names, Vec<f64>), outputs: (Names, Vec<f64>)) -> Self {
        let mut shape = (*self.shape).clone();
        for (names, (more, _)) in [(&mut shape.states, &states), (&mut shape.outputs, &outputs)] {
            for block in more.blocks() {
                names.push(block.name.clone(), block.dims.clone());
            }
        }
        self.states.extend(states.1);
        self.outputs.extend(outputs.1);
        Solution { shape: Arc::new(shape), ..self }
    }

    /// With the events that were executed, the names of those there are, and whether the last one ended the run.
    pub fn with_events(self, events: Vec<Occurrence>, event_names: Vec<String>, stopped: bool) -> Self {
        Solution { events, event_names, stopped, ..self }
    }

    /// With the solution between the points.
    pub(super) fn with_dense(self, dense: Option<Dense>) -> Self {
        Solution { dense, ..self }
    }

    /// The solution between the points, of a run that was asked to keep it ([`super::Options::dense`]).
    pub fn dense(&self) -> Option<&Dense> {
        self.dense.as_ref()
    }

    /// The events that were executed, in order: when, and which.
    pub fn events(&self) -> impl Iterator<Item = (f64, &str)> {
        self.events.iter().map(|event| (event.time, self.event_names.get(event.group).map_or("", String::as_str)))
    }

    /// The same with the element of events over an index set, counted from 0.
    pub fn occurrences(&self) -> &[Occurrence] {
        &self.events
    }

    /// The event that ended the run before its end, if one did.
    pub fn stopped_by(&self) -> Option<(f64, &str)> {
        if self.stopped { self.events().last() } else { None }
    }

    /// The saved times.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Number of saved times.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether nothing was saved.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// State `k` at the saved times.
    pub fn state(&self, k: usize) -> &[f64] {
        &self.states[k * self.len()..(k + 1) * self.len()]
    }

    /// Output `k` at the saved times.
    pub fn output(&self, k: usize) -> &[f64] {
        &self.outputs[k * self.len()..(k + 1) * self.len()]
    }

    /// The state or output of that name (`A`, `u[3,4]`) at the saved times.
    ///
    /// # Errors
    /// [`UnknownColumn`] with the closest known name.
    pub fn column(&self, name: &str) -> Result<&[f64], UnknownColumn> {
        if let Some(k) = self.shape.states.find(name) {
            return Ok(self.state(k));
        }
        if let Some(k) = self.shape.outputs.find(name) {
            return Ok(self.output(k));
        }
        Err(UnknownColumn { name: name.to_string() })
    }

    /// Names of the states.
    pub fn state_names(&self) -> &Names {
        &self.shape.states
    }

    /// Names of the outputs.
    pub fn output_names(&self) -> &Names {
        &self.shape.outputs
    }

    /// The last saved state vector.
    pub fn last(&self) -> Vec<f64> {
        (0..self.shape.dim()).filter_map(|k| self.state(k).last().copied()).collect()
    }
}

/// No state or output has that name.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownColumn {
    /// The name asked for.
    pub name: String,
}

impl std::fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no state or output is called `{}`", self.name)
    }
}

impl std::error::Error for UnknownColumn {}
