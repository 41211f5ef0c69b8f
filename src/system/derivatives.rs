//! What exact derivatives of solutions ask of a system: sparse matrices, each made when first asked for.

use crate::linalg::Pattern;

/// A matrix of derivatives. Columns of kind p are the parameters, then the discrete quantities: the first places of the
/// bound parameter vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matrix {
    /// ∂f/∂p, n rows.
    Parameters,
    /// ∂(J v + τ ∂f/∂t)/∂y, n × n; the direction is v, then τ.
    Curvature,
    /// ∂(J v + τ ∂f/∂t)/∂p, n rows; the direction as above.
    MixedCurvature,
    /// ∂o/∂y of the recorded quantities, n columns.
    Outputs,
    /// ∂o/∂p of the recorded quantities.
    OutputParameters,
    /// ∂o/∂t of the recorded quantities, one column.
    OutputTime,
    /// ∂y/∂p of the initial values.
    Initial,
    /// ∂p/∂p of the parameters' defaults, as many rows as columns but for the discrete quantities.
    Defaults,
    /// ∂d/∂p of the values that discrete quantities start from.
    Starts,
    /// ∂g/∂y of the watched functions.
    SurfaceStates,
    /// ∂g/∂p of the watched functions.
    SurfaceParameters,
    /// ∂g/∂t of the watched functions, one column.
    SurfaceTime,
    /// ∂/∂y of the numbers of `resets`.
    ResetStates,
    /// ∂/∂p of the numbers of `resets`.
    ResetParameters,
    /// ∂/∂t of the numbers of `resets`, one column.
    ResetTime,
    /// ∂/∂p of the times of events.
    Schedule,
    /// ∂f/∂x(s) by what is read at other times ([`super::Delays::values`], then their rates).
    Delays,
    /// ∂o/∂x(s) of the recorded quantities.
    OutputDelays,
    /// ∂/∂p of the values before the start, a row for each of [`super::Delays::values`]; the direction is the times.
    Past,
    /// ∂/∂p of the delays that parameters decide.
    Lags,
    /// ∂g/∂x(s) of the watched functions.
    SurfaceDelays,
    /// ∂/∂x(s) of the numbers of `resets`.
    ResetDelays,
    /// ∂G/∂p of the constraints.
    ConstraintParameters,
    /// ∂G/∂t of the constraints, one column.
    ConstraintTime,
    /// ∂(∂G/∂y v + τ ∂G/∂t)/∂y of the constraints, n columns; the direction is v, then τ.
    ConstraintCurvature,
    /// ∂(∂G/∂y v + τ ∂G/∂t)/∂p of the constraints; the direction as above.
    MixedConstraintCurvature,
}

impl Matrix {
    /// All of them.
    pub const ALL: [Matrix; 26] = [
        Matrix::Parameters,
        Matrix::Curvature,
        Matrix::MixedCurvature,
        Matrix::Outputs,
        Matrix::OutputParameters,
        Matrix::OutputTime,
        Matrix::Initial,
        Matrix::Defaults,
        Matrix::Starts,
        Matrix::SurfaceStates,
        Matrix::SurfaceParameters,
        Matrix::SurfaceTime,
        Matrix::ResetStates,
        Matrix::ResetParameters,
        Matrix::ResetTime,
        Matrix::Schedule,
        Matrix::Delays,
        Matrix::OutputDelays,
        Matrix::Past,
        Matrix::Lags,
        Matrix::SurfaceDelays,
        Matrix::ResetDelays,
        Matrix::ConstraintParameters,
        Matrix::ConstraintTime,
        Matrix::ConstraintCurvature,
        Matrix::MixedConstraintCurvature,
    ];
}

/// The values of a [`Matrix`] at a point.
pub trait Derivative: Send + Sync {
    /// Its places.
    fn pattern(&self) -> &Pattern;

    /// Numbers of work that a call needs.
    fn work(&self) -> usize;

    /// The values at (t, y, p) in the order of the pattern; `v` is the direction, n + 1 numbers, where there is one.
    fn values(&self, t: f64, y: &[f64], p: &[f64], v: &[f64], w: &mut [f64], values: &mut [f64]);
}

/// Products of transposed matrices with a vector μ, all in one pass over the equations.
pub trait Pull: Send + Sync {
    /// Numbers of work that a call needs, with the sums.
    fn work(&self) -> usize;

    /// Adds Jᵀμ to the first n numbers of `w`, and (∂f/∂p)ᵀμ to those behind them, one per parameter and discrete quantity. The
    /// direction is μ, n numbers; of J v + τ ∂f/∂t in the place of f it is v, τ and then μ.
    fn add(&self, t: f64, y: &[f64], p: &[f64], direction: &[f64], w: &mut [f64]);
}
