//! The algebra of backward differences: the coefficients of numerical differentiation formulas, and what the differences
//! become where the step changes.
//!
//! Source: L. F. Shampine, M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci. Comput. 18 (1997) 1–22, section 2.

/// The highest order.
pub const MAX_ORDER: usize = 5;
/// κ of Shampine & Reichelt, table 1: what NDFs add to BDFs.
pub const KAPPA: [f64; MAX_ORDER + 1] = [0.0, -0.1850, -1.0 / 9.0, -0.0823, -0.0415, 0.0];
/// γ_k = Σ 1/j
pub const GAMMA: [f64; MAX_ORDER + 1] = [0.0, 1.0, 1.5, 11.0 / 6.0, 25.0 / 12.0, 137.0 / 60.0];
/// (1 − κ)γ of order q.
pub fn alpha(q: usize) -> f64 {
    GAMMA[q] * (1.0 - KAPPA[q])
}

/// R(r)_ij = Π (m − 1 − r j)/m, m = 1 … i, for i, j ≤ q.
const fn rows(q: usize, factor: f64) -> [[f64; MAX_ORDER + 1]; MAX_ORDER + 1] {
    let mut m = [[1.0; MAX_ORDER + 1]; MAX_ORDER + 1];
    let mut i = 1;
    while i <= q {
        let mut j = 1;
        while j <= q {
            m[i][j] = m[i - 1][j] * (i as f64 - 1.0 - factor * j as f64) / i as f64;
            j += 1;
        }
        i += 1;
    }
    m
}

/// Row i: the weights of ∇^1 y … ∇^q y in the new ∇^i y where the step changes by a factor, (R U)_li: U is upper triangular,
/// column i has entries in rows 1 … i.
pub fn change(q: usize, factor: f64) -> [[f64; MAX_ORDER]; MAX_ORDER + 1] {
    let r = rows(q, factor);
    let mut weights = [[0.0; MAX_ORDER]; MAX_ORDER + 1];
    for i in 1..=q {
        for l in 0..q {
            weights[i][l] = (1..=i).map(|m| r[l + 1][m] * U[m][i]).sum();
        }
    }
    weights
}

/// Weights of ∇^0 y … ∇^q y in the prediction less ψ, and α: the new point solves M (x − that) = h/α f(x).
pub fn implicit_part(q: usize) -> ([f64; MAX_ORDER + 1], f64) {
    let alpha = alpha(q);
    let mut weights = [0.0; MAX_ORDER + 1];
    for (k, weight) in weights[..=q].iter_mut().enumerate() {
        *weight = 1.0 - GAMMA[k] / alpha;
    }
    (weights, alpha)
}

/// U = R(1), its own inverse.
const U: [[f64; MAX_ORDER + 1]; MAX_ORDER + 1] = rows(MAX_ORDER, 1.0);
