//! What elimination is planned with: the strong components of a pattern, and the part of a block that is left while
//! pivots are chosen.

use super::Pattern;

/// Groups of unknowns that depend on each other in a circle, each after those it depends on: the diagonal blocks of a
/// lower block triangular form.
pub fn strong_components(pattern: &Pattern) -> Vec<Vec<usize>> {
    crate::order::strong_components(&rows_of(pattern))
}

/// Per row: the columns of its entries, with the row itself first, so that no list is empty.
fn rows_of(pattern: &Pattern) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = (0..pattern.nrows()).map(|i| vec![i]).collect();
    for j in 0..pattern.ncols() {
        for k in pattern.column(j) {
            if pattern.rows()[k] != j {
                rows[pattern.rows()[k]].push(j);
            }
        }
    }
    rows
}

/// The part of a block that is left while pivots are chosen: rows and columns as bit sets.
pub struct Active {
    words: usize,
    rows: Vec<u64>,
    columns: Vec<u64>,
    row_counts: Vec<usize>,
    column_counts: Vec<usize>,
    left: Vec<usize>,
    entries: usize,
}

impl Active {
    /// The block of `members`, whose numbers within it are `local`.
    pub fn new(pattern: &Pattern, members: &[usize], local: &[usize]) -> Self {
        let n = members.len();
        let words = n.div_ceil(64).max(1);
        let mut active = Active {
            words,
            rows: vec![0; n * words],
            columns: vec![0; n * words],
            row_counts: vec![0; n],
            column_counts: vec![0; n],
            left: (0..n).collect(),
            entries: 0,
        };
        for (j, member) in members.iter().enumerate() {
            // The diagonal is there through the shift, but for algebraic equations.
            if pattern.is_differential(*member) {
                active.set(j, j);
            }
            for k in pattern.column(*member) {
                let i = local[pattern.rows()[k]];
                if i != usize::MAX {
                    active.set(i, j);
                }
            }
        }
        for i in 0..n {
            active.row_counts[i] = count(&active.rows[i * words..(i + 1) * words]);
            active.column_counts[i] = count(&active.columns[i * words..(i + 1) * words]);
        }
        active.entries = active.row_counts.iter().sum();
        active
    }

    fn set(&mut self, row: usize, column: usize) {
        self.rows[row * self.words + column / 64] |= 1 << (column % 64);
        self.columns[column * self.words + row / 64] |= 1 << (row % 64);
    }

    /// Share of the places left that hold an entry.
    pub fn density(&self) -> f64 {
        let side = self.left.len().max(1) as f64;
        self.entries as f64 / (side * side)
    }

    /// The diagonal place of least Markowitz count, the first of them; none where all that are left are empty.
    pub fn cheapest(&mut self) -> Option<usize> {
        let cost = |i: usize| (self.row_counts[i] - 1) * (self.column_counts[i] - 1);
        let filled = |i: usize| self.rows[i * self.words + i / 64] >> (i % 64) & 1 == 1;
        let candidates = (0..self.left.len()).filter(|at| filled(self.left[*at]));
        let at = candidates.min_by_key(|at| (cost(self.left[*at]), self.left[*at]))?;
        Some(self.left.swap_remove(at))
    }

    /// Takes a pivot out; returns the other unknowns in its row and in its column.
    pub fn eliminate(&mut self, pivot: usize) -> (Vec<usize>, Vec<usize>) {
        let words = self.words;
        let pivot_row: Vec<u64> = self.rows[pivot * words..(pivot + 1) * words].to_vec();
        let pivot_column: Vec<u64> = self.columns[pivot * words..(pivot + 1) * words].to_vec();
        let (row, column) = (members(&pivot_row, pivot), members(&pivot_column, pivot));
        self.entries -= row.len() + 1;
        for i in &column {
            let set = &mut self.rows[i * words..(i + 1) * words];
            set.iter_mut().zip(&pivot_row).for_each(|(word, more)| *word |= more);
            set[pivot / 64] &= !(1 << (pivot % 64));
            let now = count(set);
            self.entries = self.entries + now - self.row_counts[*i];
            self.row_counts[*i] = now;
        }
        for j in &row {
            let set = &mut self.columns[j * words..(j + 1) * words];
            set.iter_mut().zip(&pivot_column).for_each(|(word, more)| *word |= more);
            set[pivot / 64] &= !(1 << (pivot % 64));
            self.column_counts[*j] = count(set);
        }
        (row, column)
    }
}

fn members(set: &[u64], but: usize) -> Vec<usize> {
    let mut list = Vec::new();
    for (k, word) in set.iter().enumerate() {
        let mut word = *word;
        while word != 0 {
            list.push(64 * k + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
    list.retain(|i| *i != but);
    list
}

fn count(set: &[u64]) -> usize {
    set.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_and_come_after_what_they_read() {
        // 0 ⇄ 1 read 2; 3 reads 0; 4 stands alone.
        let (pattern, _) = Pattern::from_pairs(5, 5, &[(0, 1), (1, 0), (0, 2), (3, 0)]);
        let components = strong_components(&pattern);
        assert_eq!(components.len(), 4);
        let at = |i: usize| components.iter().position(|c| c.contains(&i)).unwrap();
        assert_eq!(at(0), at(1));
        assert!(at(2) < at(0) && at(0) < at(3));
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let n = 200_000;
        let pairs: Vec<_> = (0..n - 1).map(|i| (i, i + 1)).collect();
        let (pattern, _) = Pattern::from_pairs(n, n, &pairs);
        assert_eq!(strong_components(&pattern).len(), n);
    }
}
