//! What a system may be able to give besides f and its derivatives: Taylor coefficients of the solution, and the structure
//! of second-order equations.

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
}

/// Position and velocity of every degree of freedom: their places among the states. `x' = v` holds exactly, and no
/// derivative of a velocity depends on a velocity.
pub type SecondOrder = [(usize, usize)];

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
