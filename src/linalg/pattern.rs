//! The places of a sparse matrix that may be non-zero, column by column (CSC). Values travel separately, in this order.
//!
//! Invariant: within a column, rows ascend strictly; `columns[0] == 0`, `columns[n] == rows.len()`.

/// A compressed-column pattern of an `nrows × ncols` matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    nrows: usize,
    columns: Vec<usize>,
    rows: Vec<usize>,
    /// Per row: whether it is of an algebraic equation; empty where none is.
    algebraic: Vec<bool>,
}

impl Pattern {
    /// From (row, column) pairs in any order, repeats allowed. Returns the pattern and, for every pair, the place of
    /// its entry, so that `values[place[k]] += pair_value[k]` assembles the matrix.
    ///
    /// # Panics
    /// If a pair lies outside the matrix.
    pub fn from_pairs(nrows: usize, ncols: usize, pairs: &[(usize, usize)]) -> (Self, Vec<usize>) {
        // Counting sort by row, then by column: linear, and rows ascend within a column.
        let by_row = counting_order(nrows, pairs.len(), |k| pairs[k].0);
        let mut start = vec![0usize; ncols + 1];
        for (_, column) in pairs {
            start[column + 1] += 1;
        }
        for j in 0..ncols {
            start[j + 1] += start[j];
        }
        let mut fill = start.clone();
        let mut sorted = vec![0usize; pairs.len()];
        for k in by_row {
            let column = pairs[k].1;
            sorted[fill[column]] = k;
            fill[column] += 1;
        }
        let mut columns = Vec::with_capacity(ncols + 1);
        let mut rows = Vec::new();
        let mut place = vec![0usize; pairs.len()];
        columns.push(0);
        for j in 0..ncols {
            let first = rows.len();
            for &k in &sorted[start[j]..start[j + 1]] {
                let row = pairs[k].0;
                if rows.len() == first || rows.last() != Some(&row) {
                    rows.push(row);
                }
                place[k] = rows.len() - 1;
            }
            columns.push(rows.len());
        }
        (Pattern { nrows, columns, rows, algebraic: Vec::new() }, place)
    }

    /// Every place of an `n × n` matrix.
    pub fn dense(n: usize) -> Self {
        let columns = (0..=n).map(|j| j * n).collect();
        let rows = (0..n * n).map(|k| k % n).collect();
        Pattern { nrows: n, columns, rows, algebraic: Vec::new() }
    }

    /// The pattern of the transpose; which rows are algebraic says the same of its columns, and so of the diagonal of M.
    /// [`Self::transpose`] brings values along.
    pub fn transposed(&self) -> Self {
        let pairs: Vec<_> = (0..self.ncols()).flat_map(|j| self.column(j).map(move |k| (j, self.rows[k]))).collect();
        let (pattern, _) = Pattern::from_pairs(self.ncols(), self.nrows, &pairs);
        Pattern { algebraic: self.algebraic.clone(), ..pattern }
    }

    /// Puts values in this pattern into the order of [`Self::transposed`]. `next` is scratch of as many numbers as rows.
    pub fn transpose(&self, transposed: &Pattern, values: &[f64], next: &mut Vec<usize>, out: &mut [f64]) {
        next.clear();
        next.extend_from_slice(&transposed.columns[..self.nrows]);
        for (row, value) in self.rows.iter().zip(values) {
            out[next[*row]] = *value;
            next[*row] += 1;
        }
    }

    /// Marks the rows of algebraic equations 0 = f: where M of `W = s·M − J` has no entry.
    pub fn with_algebraic(mut self, rows: &[usize]) -> Self {
        if !rows.is_empty() {
            self.algebraic = vec![false; self.nrows];
            rows.iter().for_each(|row| self.algebraic[*row] = true);
        }
        self
    }

    /// Whether M has an entry, 1, on the diagonal of the row.
    #[inline]
    pub fn is_differential(&self, row: usize) -> bool {
        self.algebraic.is_empty() || !self.algebraic[row]
    }

    /// Whether M has a row without one.
    pub(crate) fn has_algebraic(&self) -> bool {
        self.algebraic.contains(&true)
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.columns.len() - 1
    }

    /// Number of places.
    pub fn nnz(&self) -> usize {
        self.rows.len()
    }

    /// Where each column starts in [`Self::rows`], and one past the end.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Row of each place.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The places of column `j`.
    pub fn column(&self, j: usize) -> std::ops::Range<usize> {
        self.columns[j]..self.columns[j + 1]
    }

    /// Row and column of a place.
    pub fn entry(&self, place: usize) -> (usize, usize) {
        (self.rows[place], self.columns.partition_point(|start| *start <= place) - 1)
    }

    /// `out = A x` for values in this pattern.
    pub fn multiply(&self, values: &[f64], x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (j, x) in x.iter().enumerate() {
            for k in self.column(j) {
                out[self.rows[k]] += values[k] * x;
            }
        }
    }

    /// `out = Aᵀ x` for values in this pattern: each column's dot product with x, the product adjoints need.
    pub fn multiply_transposed(&self, values: &[f64], x: &[f64], out: &mut [f64]) {
        for (j, out) in out.iter_mut().enumerate() {
            *out = self.column(j).map(|k| values[k] * x[self.rows[k]]).sum();
        }
    }

    /// The smaller of the norms by rows and by columns of values in this pattern, an upper bound of |λ|. `rows` is
    /// scratch of as many numbers as there are rows.
    pub fn norm(&self, values: &[f64], rows: &mut [f64]) -> f64 {
        rows.fill(0.0);
        let mut most_column: f64 = 0.0;
        for j in 0..self.ncols() {
            let mut column = 0.0;
            for k in self.column(j) {
                let value = values[k].abs();
                column += value;
                rows[self.rows[k]] += value;
            }
            most_column = most_column.max(column);
        }
        most_column.min(rows.iter().fold(0.0f64, |most, r| most.max(*r)))
    }

    /// The place of entry (row, column), if it is in the pattern.
    pub fn place(&self, row: usize, column: usize) -> Option<usize> {
        let range = self.column(column);
        self.rows[range.clone()].binary_search(&row).ok().map(|k| range.start + k)
    }
}

/// The indices `0..len` ordered by `key`, stable.
fn counting_order(keys: usize, len: usize, key: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut start = vec![0usize; keys + 1];
    for k in 0..len {
        start[key(k) + 1] += 1;
    }
    for i in 0..keys {
        start[i + 1] += start[i];
    }
    let mut order = vec![0usize; len];
    for k in 0..len {
        let slot = &mut start[key(k)];
        order[*slot] = k;
        *slot += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_and_repeats_share_a_place() {
        let (pattern, place) = Pattern::from_pairs(3, 2, &[(2, 1), (0, 0), (2, 1), (1, 1)]);
        assert_eq!(pattern.columns(), &[0, 1, 3]);
        assert_eq!(pattern.rows(), &[0, 1, 2]);
        assert_eq!(place, vec![2, 0, 2, 1]);
        assert_eq!(pattern.place(2, 1), Some(2));
        assert_eq!(pattern.place(2, 0), None);
    }

    #[test]
    fn products_are_those_of_the_matrix() {
        // Rows (1 0 2), (0 3 4).
        let (pattern, _) = Pattern::from_pairs(2, 3, &[(0, 0), (1, 1), (0, 2), (1, 2)]);
        let values = [1.0, 3.0, 2.0, 4.0];
        let (mut ax, mut atx) = ([0.0; 2], [0.0; 3]);
        pattern.multiply(&values, &[1.0, 10.0, 100.0], &mut ax);
        pattern.multiply_transposed(&values, &[1.0, 10.0], &mut atx);
        assert_eq!((ax, atx), ([201.0, 430.0], [1.0, 30.0, 42.0]));
        // Rows sum to 3 and 7, columns to 1, 3 and 6.
        assert_eq!(pattern.norm(&values, &mut [0.0; 2]), 6.0);
    }
}
