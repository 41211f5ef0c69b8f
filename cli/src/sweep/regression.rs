//! First-order sensitivities of samples: standardised regression coefficients, the change of a result in its standard
//! deviations by one standard deviation of a parameter, the others held (Saltelli et al. 2008, *Global Sensitivity Analysis*, 1.2.5).

use std::io;

use super::source::Source;

/// The straight line through a result.
pub struct Fit {
    /// Of each parameter.
    pub coefficients: Vec<f64>,
    /// R², the share of the variance that it explains.
    pub explained: f64,
}

/// The lines through all columns at the end of the trajectories that ended well.
///
/// # Errors
/// What reading the journal reports.
pub fn coefficients(source: &Source) -> io::Result<Vec<Fit>> {
    let (k, m) = (source.plan.varied.len(), source.plan.columns.len());
    // Means first, then moments around them.
    let mut mean = vec![0.0; k + m];
    let (mut moments, mut squares) = (vec![0.0; (k + m) * k], vec![0.0; k + m]);
    for pass in 0..2 {
        let mut n = 0.0;
        for trajectory in source.trajectories()? {
            let (_, (row, record)) = trajectory?;
            let all: Vec<f64> = row.iter().chain(&record.values).copied().collect();
            if record.failure.is_some() || all.len() != k + m || all.iter().any(|x| !x.is_finite()) {
                continue;
            }
            n += 1.0;
            if pass == 0 {
                mean.iter_mut().zip(&all).for_each(|(mean, x)| *mean += (x - *mean) / n);
                continue;
            }
            for i in 0..k + m {
                let own = all[i] - mean[i];
                for j in 0..k {
                    moments[i * k + j] += own * (all[j] - mean[j]);
                }
                squares[i] += own * own;
            }
        }
    }
    let fit = |column: usize| {
        let y = k + column;
        let correlation = |i: usize, j: usize| moments[i * k + j] / (squares[i] * squares[j]).sqrt();
        let matrix: Vec<Vec<f64>> = (0..k).map(|i| (0..k).map(|j| correlation(i, j)).collect()).collect();
        let right: Vec<f64> = (0..k).map(|i| correlation(y, i)).collect();
        let coefficients = solve(matrix, right.clone());
        let explained = coefficients.iter().zip(&right).map(|(b, r)| b * r).sum();
        Fit { coefficients, explained }
    };
    Ok((0..m).map(fit).collect())
}

/// Gauss's elimination with pivots; NaN where the matrix is singular.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[*i][column].abs().total_cmp(&a[*j][column].abs())).unwrap_or(column);
        a.swap(column, pivot);
        b.swap(column, pivot);
        let pivot = a[column].clone();
        for row in column + 1..n {
            let factor = a[row][column] / pivot[column];
            a[row].iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
            b[row] -= factor * b[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|j| a[row][j] * b[j]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}

#[cfg(test)]
mod tests {
    #[test]
    fn solves() {
        let x = super::solve(vec![vec![0.0, 2.0], vec![4.0, 1.0]], vec![2.0, 9.0]);
        assert_eq!(x, [2.0, 1.0]);
    }
}
