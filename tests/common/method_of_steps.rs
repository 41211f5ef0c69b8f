//! The solution of y' = −k y(t − τ) by the method of steps.

/// Σ over the pieces that have begun of `(−k)^j (t − (j + first) τ)^j / j!`, and its derivatives by k and τ.
pub fn steps(t: f64, k: f64, tau: f64, first: f64) -> [f64; 3] {
    let (mut sums, mut factorial) = ([0.0; 3], 1.0);
    for j in 0..20 {
        let (order, since) = (f64::from(j), t - (f64::from(j) + first) * tau);
        if j > 0 {
            factorial *= order;
        }
        if since < 0.0 {
            break;
        }
        sums[0] += (-k).powi(j) * since.powi(j) / factorial;
        if j > 0 {
            sums[1] -= order * (-k).powi(j - 1) * since.powi(j) / factorial;
            sums[2] -= (-k).powi(j) * order * (order + first) * since.powi(j - 1) / factorial;
        }
    }
    sums
}
