//! TR-BDF2: the trapezoidal rule and the second-order backward formula behind one another as one ESDIRK step of order 2,
//! L-stable, with cubic Hermite interpolation. For loose tolerances and rough problems.
//!
//! Source: R. E. Bank et al., Transient simulation of silicon devices and circuits, IEEE Transactions on Computer-Aided
//! Design 4 (1985) 436–451; as a Runge–Kutta pair 2(3) with its filtered error estimate M. E. Hosea, L. F. Shampine,
//! Analysis and implementation of TR-BDF2, Applied Numerical Mathematics 20 (1996) 21–37.

use crate::solve::esdirk::Esdirk;

/// d = γ/2 with γ = 2 − √2, w = √2/4
const D: f64 = 1.0 - std::f64::consts::FRAC_1_SQRT_2;
const W: f64 = 0.5 * std::f64::consts::FRAC_1_SQRT_2;

/// The tableau; the embedded solution is of order 3.
pub const TRBDF2: Esdirk = Esdirk {
    name: "TRBDF2",
    order: 2,
    error_order: 2,
    dense_order: 2,
    gamma: D,
    c: &[0.0, 2.0 * D, 1.0],
    a: &[&[], &[D], &[W, W]],
    explicit: &[],
    e: &[W - (1.0 - W) / 3.0, W - (3.0 * W + 1.0) / 3.0, D - D / 3.0],
    filtered: true,
    // b_i (3θ² − 2θ³), and θ − 2θ² + θ³ for f0, θ³ − θ² for f1
    dense: &[&[1.0, 3.0 * W - 2.0, 1.0 - 2.0 * W], &[0.0, 3.0 * W, -2.0 * W], &[0.0, 3.0 * D - 1.0, 1.0 - 2.0 * D]],
    beta: 0.04,
}
.checked();
