//! A pivot order chosen from the numbers of W, for patterns whose planned pivots turned out bad: Markowitz's count among
//! entries that are not small in their row (threshold pivoting; Duff, Erisman & Reid, Direct Methods for Sparse Matrices,
//! section 5.4). Pivots need not stand on the diagonal.

use super::{Elimination, Pattern};

/// An entry may be a pivot if it is at least this share of the largest of its row.
const THRESHOLD: f64 = 0.1;
/// Choosing looks at every entry for every pivot: not for larger systems.
const LARGEST: usize = 1_500;

/// A plan for `s·I − J` of these values; `None` if the matrix is singular, not finite, too large, or takes more than
/// `most` multiply-adds.
pub fn plan_for_values(pattern: &Pattern, shift: f64, jacobian: &[f64], most: usize) -> Option<Elimination> {
    let n = pattern.nrows();
    if n > LARGEST {
        return None;
    }
    // Rows of (column, value), ascending; entries of the pattern stay though their value be zero.
    let mut rows: Vec<Vec<(usize, f64)>> = vec![Vec::new(); n];
    for j in 0..n {
        let mut diagonal = false;
        for k in pattern.column(j) {
            let i = pattern.rows()[k];
            let shifted = i == j && pattern.is_differential(i);
            let value = if shifted { shift - jacobian[k] } else { -jacobian[k] };
            diagonal |= i == j;
            rows[i].push((j, value));
        }
        if !diagonal && pattern.is_differential(j) {
            rows[j].push((j, shift));
        }
    }
    if rows.iter().flatten().any(|(_, value)| !value.is_finite()) {
        return None;
    }
    rows.iter_mut().for_each(|row| row.sort_by_key(|(j, _)| *j));
    let mut columns: Vec<usize> = vec![0; n];
    rows.iter().flatten().for_each(|(j, _)| columns[*j] += 1);
    let mut left: Vec<usize> = (0..n).collect();
    let (mut pivots, mut upper, mut lower) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
    let mut multiply_adds = 0;
    for _ in 0..n {
        let (_, i, j) = left.iter().filter_map(|i| cheapest(*i, &rows[*i], &columns)).min()?;
        left.retain(|row| *row != i);
        let pivot_row = std::mem::take(&mut rows[i]);
        let pivot = pivot_row.iter().find(|(column, _)| *column == j)?.1;
        pivot_row.iter().for_each(|(column, _)| columns[*column] -= 1);
        let mut eliminated = Vec::new();
        for row in &left {
            let Ok(at) = rows[*row].binary_search_by_key(&j, |(column, _)| *column) else { continue };
            let (_, value) = rows[*row].remove(at);
            eliminated.push(*row);
            subtract(&mut rows[*row], &pivot_row, value / pivot, j, &mut columns);
        }
        multiply_adds += eliminated.len() * (pivot_row.len() - 1);
        if multiply_adds > most {
            return None;
        }
        pivots.push((i, j));
        upper.push(pivot_row.iter().map(|(column, _)| *column).filter(|column| *column != j).collect());
        lower.push(eliminated);
    }
    Some(Elimination::from_pivots(pivots, &upper, &lower))
}

/// The entry of least Markowitz count among the large ones of a row: (count, row, column).
fn cheapest(i: usize, row: &[(usize, f64)], columns: &[usize]) -> Option<(usize, usize, usize)> {
    let largest = row.iter().fold(0.0f64, |most, (_, value)| most.max(value.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    let large = row.iter().filter(|(_, value)| value.abs() >= THRESHOLD * largest);
    large.map(|(j, _)| ((row.len() - 1) * (columns[*j] - 1), i, *j)).min()
}

/// `row −= factor · pivot_row` but for the pivot's column, with fill-in.
fn subtract(row: &mut Vec<(usize, f64)>, pivot_row: &[(usize, f64)], factor: f64, but: usize, columns: &mut [usize]) {
    for (column, value) in pivot_row.iter().filter(|(column, _)| *column != but) {
        match row.binary_search_by_key(column, |(c, _)| *c) {
            Ok(at) => row[at].1 -= factor * value,
            Err(at) => {
                row.insert(at, (*column, -factor * value));
                columns[*column] += 1;
            }
        }
    }
}
