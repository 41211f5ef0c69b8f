//! The solver's input: a system of equations `M y' = f(t, y, p)` as numbers in, numbers out; M is the unit matrix, without
//! its entries for algebraic equations.
//!
//! This is where the two columns meet: the compiler produces [`System`]s, the solvers consume them, and neither knows
//! the other. Interpreted, JIT-compiled and hand-written systems implement the same trait and a solver cannot tell
//! them apart. Mutable memory belongs to the caller: every call takes a work slice `w` of [`Shape::work`] numbers
//! whose contents need not survive between calls.

mod abilities;
mod closure;
pub(crate) mod constants;
mod delays;
mod derivatives;
mod events;
mod names;
mod reduced;
mod step;

pub use abilities::{Constraints, SecondOrder, Split, Taylor, TaylorDerivatives};
pub use closure::ClosureSystem;
pub use delays::{DelayArgument, DelayedState, Delays, TimeSource};
pub use derivatives::{Derivative, Matrix, Pull};
pub use events::{Assignment, EventGroup, Events, Logic, ModeGroup, Stop, Surface, Trigger, Watch};
pub use names::{Block, Names};
pub use reduced::{Eliminated, Reduced};
pub use step::{COLLOCATION_PARTS, EXTRA, HISTORY, LIMITS, NEWTON_LIMITS, NEWTON_PARTS};
pub use step::{CollocationFormula, DifferenceFormula, ErrorFormula, ExplicitFormula, RosenbrockFormula};
pub use step::{CompiledCollocation, CompiledLanes, CompiledNewton, CompiledStep};

use std::sync::Arc;

use crate::linalg::{Pattern, Strategy};

/// Sizes and names of a system: fixed at construction.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Names of the states; their number is the dimension n.
    pub states: Names,
    /// Names of the recorded quantities.
    pub outputs: Names,
    /// Length of the bound parameter vector `p` the calls expect.
    pub parameters: usize,
    /// Names of the discrete quantities, which only events change.
    pub discretes: Names,
    /// Where their values begin in the bound parameter vector.
    pub discretes_at: usize,
    /// Length of the work slice.
    pub work: usize,
    /// States whose entry of f is not their derivative but what an algebraic equation leaves, 0 = f; ascending.
    pub algebraic: Vec<usize>,
    /// Whether f depends on t explicitly; if not, `time_derivative` is zero and need not be called.
    pub time_dependent: bool,
}

impl Shape {
    /// The number of states, n.
    pub fn dim(&self) -> usize {
        self.states.len()
    }
}

/// A system of differential equations. All calls are pure functions of their inputs and may run in several threads
/// at once, each with its own `w`.
pub trait System: Send + Sync {
    /// Sizes and names.
    fn shape(&self) -> &Shape;

    /// Where ∂f/∂y may be non-zero (n × n). Made when first asked for: explicit methods never ask.
    fn jacobian_pattern(&self) -> &Pattern;

    /// An upper bound on the number of non-zeros, known without making the pattern.
    fn jacobian_entries(&self) -> usize {
        self.jacobian_pattern().nnz()
    }

    /// How W is factorised, with what all runs share (plans, code). Made when an implicit method first asks; systems
    /// that are solved many times keep it.
    fn strategy(&self) -> Arc<Strategy> {
        Arc::new(Strategy::new(self.jacobian_pattern(), |_, _| None))
    }

    /// `dy = f(t, y, p)`; `dy` has n elements.
    fn rhs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], dy: &mut [f64]);

    /// The values of ∂f/∂y in the order of [`Self::jacobian_pattern`].
    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]);

    /// `ft = ∂f/∂t`; n elements.
    fn time_derivative(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], ft: &mut [f64]);

    /// The recorded quantities at (t, y).
    fn outputs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]);

    /// A whole step of an explicit method as one function, where the system has one to offer.
    fn explicit_step(&self, _formula: &ExplicitFormula) -> Option<Arc<dyn CompiledStep>> {
        None
    }

    /// The way back through a step of an explicit method as one function, where the system has one to offer. `y` is the state
    /// before the step; behind the [`LIMITS`] stands the adjoint of the new state, and then the stages z_i = h k_i of the step; written
    /// are the adjoint of the old state, and the gradient by parameters and discrete quantities. [`CompiledStep::interpolant`] is the
    /// same for steps with points inside, and where the stages are not known: in the place of the stages stand the adjoints of all, those of
    /// the interpolant too.
    fn explicit_adjoint(&self, _formula: &ExplicitFormula) -> Option<Arc<dyn CompiledStep>> {
        None
    }

    /// The same through a step of a Rosenbrock method, with all u_i in the place of z_i; behind the gradient stands whether the
    /// planned pivots were good.
    fn rosenbrock_adjoint(&self, _formula: &RosenbrockFormula) -> Option<Arc<dyn CompiledStep>> {
        None
    }

    /// Along a step of a Rosenbrock method with k directions as one function, where the system has one to offer: S = ∂y/∂q goes
    /// with the state. `moves` says in ascending order which parameter or discrete quantity changes in which direction. `y`: what the
    /// step itself has left in `w` ([`Self::rosenbrock_step`]). Behind the [`LIMITS`] stand S, k numbers a row, then by how much each
    /// of `moves` does, and the state before the step; written are the new state and the new S. The derivatives of all u_i, by rows
    /// of k, come first in `w`.
    fn rosenbrock_tangent(
        &self,
        _formula: &RosenbrockFormula,
        (_k, _moves): (usize, &[(usize, usize)]),
    ) -> Option<Arc<dyn CompiledStep>> {
        None
    }

    /// The same along a step of an explicit method, with all h k_i in the place of u_i.
    fn explicit_tangent(
        &self,
        _formula: &ExplicitFormula,
        (_k, _moves): (usize, &[(usize, usize)]),
    ) -> Option<Arc<dyn CompiledStep>> {
        None
    }

    /// Along a step in backward differences with k directions as one function, where the system has one to offer: it takes the
    /// differences of S = ∂y/∂q from before the step to the new point. `y`: the new point, 1/g where the step solves
    /// M (y − …) = g f(t, y), and then how much each of `moves` changes (see [`Self::rosenbrock_tangent`]); t is the time there. Where
    /// a step's limits stand, and in `out`, are [`HISTORY`] differences of S, each by rows of k numbers, of which a step of order q
    /// reads those up to q + 1 and writes one more; behind those written stands whether the planned pivots were good.
    /// [`CompiledStep::interpolant`] is the change of a step's length: `y` holds, by rows of q, the weights of ∇ to ∇^q in the new ones.
    fn difference_tangent(
        &self,
        _formula: &DifferenceFormula,
        (_k, _moves): (usize, &[(usize, usize)]),
    ) -> Option<Arc<dyn CompiledStep>> {
        None
    }

    /// Products of the transposed Jacobians by states and by parameters, where the system has them; with `curved` those of
    /// J v + τ ∂f/∂t. Made when first asked for.
    fn pull(&self, _curved: bool) -> Option<Arc<dyn Pull>> {
        None
    }

    /// The solution's Taylor coefficients up to an order; made when first asked for.
    ///
    /// # Errors
    /// A sentence that says why there are none.
    fn taylor(&self, order: usize) -> Result<Arc<dyn Taylor>, String> {
        let _ = order;
        Err("a system given as a function has no Taylor coefficients".to_string())
    }

    /// The same with what derivatives of the coefficients need.
    ///
    /// # Errors
    /// A sentence that says why there are none.
    fn taylor_derivatives(&self, order: usize) -> Result<Arc<dyn TaylorDerivatives>, String> {
        let _ = order;
        Err("a system given as a function has no Taylor coefficients".to_string())
    }

    /// A matrix of derivatives; made when first asked for.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    fn derivative(&self, matrix: Matrix) -> Result<Arc<dyn Derivative>, String> {
        let _ = matrix;
        Err("a system given as a function has no derivatives by parameters".to_string())
    }

    /// How the transpose of W is factorised: the pattern of Jᵀ, and the strategy. Made when an adjoint first asks.
    fn transposed(&self) -> Arc<(Pattern, Arc<Strategy>)> {
        let pattern = self.jacobian_pattern().transposed();
        let strategy = Strategy::new(&pattern, |_, _| None);
        Arc::new((pattern, Arc::new(strategy)))
    }

    /// The structure of equations x'' = g(t, x) written as x' = v, v' = g(t, x).
    ///
    /// # Errors
    /// A sentence that says which equation is of another kind.
    fn second_order(&self) -> Result<Arc<SecondOrder>, String> {
        Err("it does not say which states are velocities".to_string())
    }

    /// What the solution satisfies besides the equations, where index reduction left such constraints.
    fn constraints(&self) -> Option<Arc<dyn Constraints>> {
        None
    }

    /// f taken apart, where it says which terms are stiff.
    fn split(&self) -> Option<&Split> {
        None
    }

    /// What happens at events; nothing if the system has none.
    fn events(&self) -> Option<&Events> {
        None
    }

    /// The watched functions, in the order of [`Events::surfaces`]; `g` has one number per element of each.
    fn surfaces(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], _g: &mut [f64]) {}

    /// The right sides of all events, their delays and priorities, at (t, y): [`Events::values`] numbers.
    fn resets(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], _values: &mut [f64]) {}

    /// The times and periods of events, which depend on parameters alone: [`Events::times`] numbers. `t` is the start.
    fn schedule(&self, _t: f64, _p: &[f64], _w: &mut [f64], _times: &mut [f64]) {}

    /// The iterations of BDF steps as functions, where the system has them to offer.
    fn newton(&self) -> Option<Arc<dyn CompiledNewton>> {
        None
    }

    /// What f and the other functions read at other times; nothing if the system has no delays.
    fn delays(&self) -> Option<&Delays> {
        None
    }

    /// The delays that parameters alone decide: [`Delays::lags`] numbers.
    fn lags(&self, _p: &[f64], _w: &mut [f64], _lags: &mut [f64]) {}

    /// The other times at which something is read, at (t, y): [`Delays::times`] numbers.
    fn times(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], _times: &mut [f64]) {}

    /// The values before the start at the times `s`, one per [`Delays::arguments`], and as many derivatives behind them;
    /// what belongs to times after the start or to states whose past is not given is arbitrary.
    fn past(&self, _s: &[f64], _p: &[f64], _w: &mut [f64], _values: &mut [f64]) {}

    /// A collocation step in parts, where the system has them to offer.
    fn collocation(&self, _formula: &CollocationFormula) -> Option<Arc<dyn CompiledCollocation>> {
        None
    }

    /// A whole step of a Rosenbrock method as one function, where the system has one to offer.
    fn rosenbrock_step(&self, _formula: &RosenbrockFormula) -> Option<Arc<dyn CompiledStep>> {
        None
    }
}
