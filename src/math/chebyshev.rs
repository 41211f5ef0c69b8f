//! Chebyshev points, and the transform from values there to coefficients of a series.

use super::Function;

/// The n Chebyshev points of the first kind on [−1, 1], from the right to the left, and the values of T_k at point j, row
/// k: the coefficients of the polynomial with values v are `Σ_j T_k(x_j) v_j · 2/n` (half of that for k = 0).
pub fn chebyshev(n: usize) -> (Vec<f64>, Vec<f64>) {
    let angle = |j: usize| std::f64::consts::PI * (j as f64 + 0.5) / n as f64;
    let cos = |x: f64| Function::Cos.eval(x, 0.0);
    let points = (0..n).map(|j| cos(angle(j))).collect();
    let table = (0..n).flat_map(|k| (0..n).map(move |j| cos(k as f64 * angle(j)))).collect();
    (points, table)
}
