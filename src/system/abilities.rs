//! What a system may be able to give besides f and its derivatives: Taylor coefficients of the solution, the structure of
//! second-order equations, f in two parts.

use std::sync::Arc;

#[cfg(doc)]
use super::EXTRA;
use super::{CompiledStep, System};

/// Taylor coefficients of a system's solution up to one order.
pub trait Taylor: Send + Sync {
    /// The highest order, N.
    fn order(&self) -> usize;

    /// Whether the coefficients are free of branches; where they are not, those of the branch taken at t are given.
    fn smooth(&self) -> bool;

    /// Length of the work slice.
    fn work(&self) -> usize;

    /// `out[(k − 1) n + j]` is the coefficient of h^k of component j of the solution through (t, y), k from 1 to N.
    fn coefficients(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]);

    /// A whole step as one function, where there is one; `work` is long enough for it. `attempt` gets
    ///
    /// - `t`, the end of the step;
    /// - `y`: the state at its start, and the coefficients there, as a step leaves both in `out`;
    /// - `out`: the new state, n numbers; the error in units of the tolerance, `|h/(N + 1)|` times the norm of
    ///   P'(h) − f(P(h)), NaN if a new coefficient is not finite; the largest new coefficients of orders N − 1 and N in units
    ///   of the tolerance; and from n + [`EXTRA`] on the new coefficients, N n numbers.
    fn step(&self) -> Option<Arc<dyn CompiledStep>> {
        None
    }
}

/// Taylor coefficients of a system's solution up to one order, and those of ∂f/∂y and ∂f/∂p along it: what the derivatives of
/// the former are made of.
pub trait TaylorDerivatives: Send + Sync {
    /// Where ∂f/∂y may be non-zero (n × n).
    fn states(&self) -> &crate::linalg::Pattern;

    /// Where ∂f/∂p may be: n rows, by parameters, then discrete quantities.
    fn parameters(&self) -> &crate::linalg::Pattern;

    /// Length of the work slice.
    fn work(&self) -> usize;

    /// The solution through (t, y): `out[0]` as [`Taylor::coefficients`]; `out[1]` and `out[2]`, of orders 0 to N − 1, the values of
    /// the matrices in the order of their patterns.
    fn values(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: [&mut [f64]; 3]);
}

/// Position and velocity of every degree of freedom: their places among the states. `x' = v` holds exactly, and no
/// derivative of a velocity depends on a velocity.
pub type SecondOrder = [(usize, usize)];

/// f = f_E + f_I: a part to be taken explicitly, and a stiff one to be taken implicitly. Both have the shape of the whole
/// system; of the first only the right-hand side is asked for, of the second the Jacobian too, with a pattern of its own.
pub struct Split {
    /// f_E
    pub explicit: Box<dyn System>,
    /// f_I
    pub implicit: Box<dyn System>,
}

/// Constraints G(t, y, p) = 0 on the differential states.
pub trait Constraints: Send + Sync {
    /// Where ∂G/∂y may be non-zero (m × n).
    fn pattern(&self) -> &crate::linalg::Pattern;

    /// Length of the work slice.
    fn work(&self) -> usize;

    /// G; m numbers.
    fn values(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]);

    /// ∂G/∂y in the order of the pattern.
    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]);
}
