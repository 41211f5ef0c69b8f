//! Eigenvalues of a dense real matrix, by faer's QR algorithm.

/// The eigenvalues (real and imaginary parts) of an n × n matrix in column-major order, those farthest to the right
/// first. None if the iteration does not converge, an entry is not finite, or the feature `sparse` (faer) is off.
pub fn eigenvalues(n: usize, matrix: &[f64]) -> Option<Vec<(f64, f64)>> {
    if matrix.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut values = of(n, matrix)?;
    values.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    Some(values)
}

#[cfg(feature = "sparse")]
fn of(n: usize, matrix: &[f64]) -> Option<Vec<(f64, f64)>> {
    faer::set_global_parallelism(faer::Par::Seq);
    let values = faer::MatRef::from_column_major_slice(matrix, n, n).eigenvalues().ok()?;
    Some(values.into_iter().map(|z| (z.re, z.im)).collect())
}

#[cfg(not(feature = "sparse"))]
fn of(_n: usize, _matrix: &[f64]) -> Option<Vec<(f64, f64)>> {
    None
}

#[cfg(test)]
mod tests {
    use super::eigenvalues;

    #[test]
    #[cfg(feature = "sparse")]
    fn those_of_a_companion_matrix_are_the_roots() {
        // (x − 2)(x² + 2x + 5) = x³ + x − 10: roots 2, −1 ± 2i
        let companion = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 10.0, -1.0, 0.0];
        let found = eigenvalues(3, &companion).unwrap();
        for (found, wanted) in found.iter().zip([(2.0, 0.0), (-1.0, 2.0), (-1.0, -2.0)]) {
            assert!((found.0 - wanted.0).abs() < 1e-12 && (found.1 - wanted.1).abs() < 1e-12, "{found:?} {wanted:?}");
        }
    }

    #[test]
    fn none_where_an_entry_is_no_number() {
        assert_eq!(eigenvalues(1, &[f64::NAN]), None);
    }
}
