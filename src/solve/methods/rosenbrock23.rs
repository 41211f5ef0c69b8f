//! Rosenbrock23: the pair 2(3) of Shampine & Reichelt, MATLAB's `ode23s`; L-stable, two solves and a third for the error,
//! whose f begins the next step. For loose tolerances and rough problems.
//!
//! Source: L. F. Shampine, M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci. Comput. 18 (1997) 1–22, section 3. Their
//! form W k = … is turned into the one with u = Γk: with d = 1/(2 + √2) and e32 = 6 + √2, Γ has the rows d·(1),
//! d·(−1, 1) and d·(e32 − 2, −e32, 1), so that Γ⁻¹ has the rows (1)/d, (1, 1)/d and (2, e32, 1)/d.

use crate::solve::rosenbrock::Rosenbrock;

/// d = 1/(2 + √2)
const D: f64 = 1.0 - std::f64::consts::FRAC_1_SQRT_2;
const E32: f64 = 6.0 + std::f64::consts::SQRT_2;

/// The tableau; the third stage stands at the solution.
pub const ROSENBROCK23: Rosenbrock = Rosenbrock {
    name: "Rosenbrock23",
    name_in_single: "Rosenbrock23, single",
    order: 2,
    error_order: 2,
    dense_order: 2,
    gamma: D,
    c: &[0.0, 0.5, 1.0],
    d: &[D, 0.0, -D],
    a: &[&[], &[0.5 / D], &[1.0 / D, 1.0 / D]],
    cc: &[&[], &[-1.0 / D], &[-2.0 / D, -E32 / D]],
    m: &[1.0 / D, 1.0 / D, 0.0],
    // (1, −2, 1)/6 of the k
    e: &[1.0 / (6.0 * D), (E32 - 2.0) / (6.0 * D), 1.0 / (6.0 * D)],
    // y0 + θ(1 − θ)/(1 − 2d) h k1 + θ(θ − 2d)/(1 − 2d) h k2
    dense: &[&[0.0, -1.0 / (D * (1.0 - 2.0 * D)), 0.0]],
    beta: 0.02,
}
.checked();
