//! Forward or back: what costs less, predicted from sizes before anything is run.

use std::fmt;

use crate::solve::Method;
use crate::system::{Matrix, System};

/// How derivatives are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Those of the state by each name are carried along with the run.
    Forward,
    /// A sweep back through the run, whose cost does not depend on the number of names.
    Adjoint,
    /// Back by the adjoint equation, integrated along the solution: the gradient of the exact solution, to the tolerances, and
    /// not of the numbers the run returns.
    Continuous,
}

/// Operations that calling a kernel and reading an instruction take.
const CALL: f64 = 40.0;
/// Systems with more states are not stepped through by functions for whole steps.
const WHOLE: usize = 40;
/// The methods whose steps have functions along them.
const ALONG: [Method; 10] = [
    Method::Auto,
    Method::Bosh3,
    Method::Tsit5,
    Method::Vern7,
    Method::Dop853,
    Method::Vern9,
    Method::Rosenbrock23,
    Method::Rodas4,
    Method::Rodas5P,
    Method::Bdf,
];
/// What an operation takes on k numbers side by side, in units of k operations: instruction by instruction, and in functions for
/// whole steps.
const SIDE_BY_SIDE: f64 = 0.5;
const IN_A_STEP: f64 = 0.2;
/// What an entry of J or ∂f/∂p takes in a product with the transpose in which no entry is formed.
const PULLED: f64 = 0.5;

/// What both ways are expected to cost, in plain runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    directions: usize,
    forward: f64,
    adjoint: f64,
}

impl Prediction {
    /// For so many directions of a system's runs by a method: operations of a stage, from the entries of J and ∂f/∂p and what a
    /// factorisation and a solve take. None if there are no derivatives.
    pub fn new(system: &dyn System, method: Method, directions: usize) -> Option<Self> {
        let (n, k) = (system.shape().dim() as f64, directions as f64);
        let jacobian = system.jacobian_pattern().nnz() as f64;
        let parameters = system.derivative(Matrix::Parameters).ok()?.pattern().nnz() as f64;
        let stiff = method.suits_stiff() || method == Method::Auto;
        // A factorisation serves several stages.
        let (factor, solve) = if stiff { system.strategy().cost } else { (0.0, 0.0) };
        let (entries, solves) = (jacobian + parameters, solve + factor / 6.0);
        let own = jacobian + n + 6.0 * n + solves;
        let direction = 2.0 * entries + solve + 6.0 * n;
        let prompt = system.delays().is_none();
        let small = system.shape().dim() <= WHOLE && prompt;
        let plain = if small { own } else { own + CALL };
        // The stages once more, J and ∂f/∂p there.
        let again = own + entries + 5.0 * CALL;
        let forward = if small && ALONG.contains(&method) {
            // The step has left its stages.
            entries + IN_A_STEP * k * direction
        } else {
            again + SIDE_BY_SIDE * k * direction
        };
        let adjoint = if small {
            entries + direction
        } else if prompt {
            PULLED * entries + 6.0 * n + solves + CALL
        } else {
            again + direction + factor / 6.0
        };
        let [forward, adjoint] = [forward, adjoint].map(|more| 1.0 + more / plain);
        Some(Prediction { directions, forward, adjoint })
    }

    /// What costs less.
    pub fn way(&self) -> Way {
        if self.forward <= self.adjoint { Way::Forward } else { Way::Adjoint }
    }

    /// What carrying the derivatives along costs, in plain runs.
    pub fn forward(&self) -> f64 {
        self.forward
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prediction { directions, forward, adjoint } = self;
        let derivatives = if *directions == 1 { "derivative" } else { "derivatives" };
        write!(
            f,
            "expected to take {forward:.1} plain runs to carry {directions} {derivatives} along, {adjoint:.1} to run and go back"
        )
    }
}
