//! A steady state with the names of its values.

use crate::solve::{Stability, Statistics, SteadyState};
use crate::system::Names;

/// A steady state: values by name, and what is known of it.
#[derive(Clone, Debug)]
pub struct Steady {
    pub(super) state: SteadyState,
    pub(super) states: Names,
    pub(super) outputs: Names,
    pub(super) values: Vec<f64>,
}

impl Steady {
    /// The states, in the order of [`Self::state_names`].
    pub fn states(&self) -> &[f64] {
        &self.state.y
    }

    /// Their derivatives there, 0 but for rounding (for an algebraic unknown, what its equation leaves).
    pub fn derivatives(&self) -> &[f64] {
        &self.state.left
    }

    /// The outputs, in the order of [`Self::output_names`].
    pub fn outputs(&self) -> &[f64] {
        &self.values
    }

    /// Names of the states.
    pub fn state_names(&self) -> &Names {
        &self.states
    }

    /// Names of the outputs.
    pub fn output_names(&self) -> &Names {
        &self.outputs
    }

    /// A state or output by name.
    pub fn value(&self, name: &str) -> Option<f64> {
        let state = self.states.find(name).map(|place| self.state.y[place]);
        state.or_else(|| self.outputs.find(name).map(|place| self.values[place]))
    }

    /// Whether a small disturbance dies away.
    pub fn stability(&self) -> Stability {
        self.state.stability
    }

    /// The eigenvalues of ∂f/∂y, real and imaginary parts, those farthest to the right first; without states that conserved
    /// sums of reactions determine, and without algebraic unknowns. None for more than 1,000 states.
    pub fn eigenvalues(&self) -> Option<&[(f64, f64)]> {
        self.state.eigenvalues.as_deref()
    }

    /// How it was found: `newton`, `transient` or `time`.
    pub fn found_by(&self) -> &'static str {
        self.state.approach.name()
    }

    /// Iterations of what found it, steps in time included.
    pub fn iterations(&self) -> u64 {
        self.state.iterations
    }

    /// Whether all approaches were tried and none led to a state that the solution would stay in.
    pub fn last_resort(&self) -> bool {
        self.state.last_resort
    }

    /// Counts, of all that was tried.
    pub fn statistics(&self) -> &Statistics {
        &self.state.statistics
    }
}
