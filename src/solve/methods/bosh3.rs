//! Bosh3: the explicit Runge–Kutta pair 3(2) of Bogacki and Shampine, with the cubic Hermite interpolant. For rough
//! tolerances and right-hand sides of little smoothness.
//!
//! Source: P. Bogacki, L. F. Shampine, A 3(2) pair of Runge–Kutta formulas, Applied Mathematics Letters 2 (1989) 321–325.

use crate::solve::tableau::{Dense, ErrorEstimate, Explicit};

/// The method.
pub const BOSH3: Explicit = Explicit {
    name: "Bosh3",
    order: 3,
    error_order: 2,
    c: &[0.0, 0.5, 0.75, 1.0],
    a: &[&[], &[0.5], &[0.0, 0.75], &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0]],
    stages: 4,
    error: ErrorEstimate::Weights(&[2.0 / 9.0 - 7.0 / 24.0, 1.0 / 3.0 - 0.25, 4.0 / 9.0 - 1.0 / 3.0, -0.125]),
    // y0 + θh k1 + θ²(3 − 2θ)(y1 − y0 − h k1) + …, the cubic with the slopes k1 and k4 (H&N&W II.6.7).
    dense: Dense::Polynomials(&[
        &[1.0, -4.0 / 3.0, 5.0 / 9.0],
        &[0.0, 1.0, -2.0 / 3.0],
        &[0.0, 4.0 / 3.0, -8.0 / 9.0],
        &[0.0, -1.0, 1.0],
    ]),
    real_stability: 2.5,
}
.checked();
