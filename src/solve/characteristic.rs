//! The roots λ of the characteristic equation of a steady state with delays, det(λ − A − Σ B_k e^(−λ τ_k)) = 0.
//!
//! They are the eigenvalues of the operator that carries what the solution has been over the longest delay forwards in
//! time; it is discretised on Chebyshev points (D. Breda, S. Maset, R. Vermiglio, Pseudospectral differencing methods for
//! characteristic roots of delay differential equations, SIAM J. Sci. Comput. 27 (2005) 482–495). Roots near 0 come out to
//! rounding; those that turn too often over the longest delay to be resolved are left out. A delay that the state decides
//! counts as what it is at rest (K. L. Cooke, W. Huang, Proc. AMS 124 (1996) 1417–1426).

use crate::linalg::eigenvalues;
use crate::math::{self, Function};
use crate::system::{System, TimeSource};

/// Chebyshev intervals over the longest delay, and the fewest that say anything.
const MOST: usize = 32;
const FEWEST: usize = 8;

/// The roots farthest to the right first, at a steady state y of a system with delays, for matrices of at most so many
/// rows. None for algebraic equations, for derivatives at other times, and for systems that are too large.
pub fn characteristic_roots(
    system: &dyn System,
    t: f64,
    y: &[f64],
    p: &[f64],
    largest: usize,
) -> Option<Vec<(f64, f64)>> {
    let delays = system.delays()?;
    let shape = system.shape();
    let n = shape.dim();
    if delays.is_neutral() || !shape.algebraic.is_empty() || system.constraints().is_some() || n == 0 {
        return None;
    }
    let intervals = MOST.min((largest / n).saturating_sub(1));
    let (mut p, mut work) = (p.to_vec(), vec![0.0; shape.work]);
    let slots = delays.places..delays.places + delays.values.len();
    for (slot, value) in slots.clone().zip(&delays.values) {
        // At rest the derivatives behind the values are 0.
        (p[slot], p[slot + delays.values.len()]) = (y[value.state], 0.0);
    }
    let (mut lags, mut times) = (vec![0.0; delays.lags], vec![0.0; delays.times]);
    system.lags(&p, &mut work, &mut lags);
    system.times(t, y, &p, &mut work, &mut times);
    let lag = |argument: usize| match delays.arguments[argument].source {
        TimeSource::Lag(place) => lags[place],
        TimeSource::Computed(place) => t - times[place],
    };
    let longest = delays.values.iter().map(|value| lag(value.argument)).fold(0.0, f64::max);
    if intervals < FEWEST || !longest.is_finite() || delays.values.iter().any(|value| !(lag(value.argument) >= 0.0)) {
        return None;
    }
    let points = if longest > 0.0 { intervals + 1 } else { 1 };
    let rows = points * n;
    let mut matrix = vec![0.0; rows * rows];
    let pattern = system.jacobian_pattern();
    let mut values = vec![0.0; pattern.nnz()];
    system.jacobian(t, y, &p, &mut work, &mut values);
    for j in 0..n {
        for place in pattern.columns()[j]..pattern.columns()[j + 1] {
            matrix[j * rows + pattern.rows()[place]] += values[place];
        }
    }
    // What f gains by each value at another time, by central differences: f is smooth, and B need not be exact to the end.
    let (mut above, mut below) = (vec![0.0; n], vec![0.0; n]);
    for (slot, value) in slots.zip(&delays.values) {
        let at = p[slot];
        let h = math::pow(f64::EPSILON, 1.0 / 3.0) * at.abs().max(1e-3);
        p[slot] = at + h;
        system.rhs(t, y, &p, &mut work, &mut above);
        p[slot] = at - h;
        system.rhs(t, y, &p, &mut work, &mut below);
        p[slot] = at;
        let weights = interpolation(points, lag(value.argument), longest);
        for (i, weight) in weights.iter().enumerate() {
            let column = &mut matrix[(i * n + value.state) * rows..];
            for (m, (a, b)) in column.iter_mut().zip(above.iter().zip(&below)) {
                *m += weight * (a - b) / (2.0 * h);
            }
        }
    }
    for i in 1..points {
        for (j, weight) in differentiation(points, i, longest).into_iter().enumerate() {
            (0..n).for_each(|k| matrix[(j * n + k) * rows + i * n + k] = weight);
        }
    }
    let mut roots = eigenvalues(rows, &matrix)?;
    if longest > 0.0 {
        let resolved = 0.5 * intervals as f64 / longest;
        roots.retain(|(re, im)| Function::Hypot.eval(*re, *im) <= resolved);
    }
    Some(roots)
}

/// The Chebyshev point i on −1..1, from the right.
fn point(points: usize, i: usize) -> f64 {
    Function::Cos.eval(i as f64 * std::f64::consts::PI / (points - 1) as f64, 0.0)
}

/// Weights of the barycentric formula.
fn weight(points: usize, i: usize) -> f64 {
    let end = if i == 0 || i == points - 1 { 0.5 } else { 1.0 };
    if i.is_multiple_of(2) { end } else { -end }
}

/// How a value a lag ago follows from those at the points, the first of which is now and the last the longest lag ago.
fn interpolation(points: usize, lag: f64, longest: f64) -> Vec<f64> {
    let mut weights = vec![0.0; points];
    if points == 1 {
        return vec![1.0];
    }
    let x = 1.0 - 2.0 * lag / longest;
    if let Some(i) = (0..points).find(|i| (x - point(points, *i)).abs() < 1e-14) {
        weights[i] = 1.0;
        return weights;
    }
    weights.iter_mut().enumerate().for_each(|(i, w)| *w = weight(points, i) / (x - point(points, i)));
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

/// The derivative at point i by the values at all points.
fn differentiation(points: usize, i: usize, longest: f64) -> Vec<f64> {
    let x = |j: usize| point(points, j);
    let mut row: Vec<f64> = (0..points)
        .map(|j| if i == j { 0.0 } else { weight(points, j) / weight(points, i) / (x(i) - x(j)) * 2.0 / longest })
        .collect();
    row[i] = -row.iter().sum::<f64>();
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_differentiate_and_interpolate_polynomials() {
        let (points, longest) = (9, 3.0);
        let theta: Vec<f64> = (0..points).map(|i| 0.5 * longest * (point(points, i) - 1.0)).collect();
        let cubic = |x: f64| 1.0 + x - 2.0 * x * x + 0.5 * x * x * x;
        let slope = |x: f64| 1.0 - 4.0 * x + 1.5 * x * x;
        let sum = |weights: Vec<f64>| weights.iter().zip(&theta).map(|(w, x)| w * cubic(*x)).sum::<f64>();
        for i in 0..points {
            assert!((sum(differentiation(points, i, longest)) - slope(theta[i])).abs() < 1e-11);
        }
        for lag in [0.0, 0.4, 1.5, 3.0] {
            assert!((sum(interpolation(points, lag, longest)) - cubic(-lag)).abs() < 1e-12);
        }
    }
}
