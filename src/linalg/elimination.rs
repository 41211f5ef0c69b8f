//! Gaussian elimination planned from the pattern alone: a pivot order with little fill-in, and where fill-in arises.
//!
//! Unknowns that only wait for others are split off first: the strong components of the dependence graph make the
//! matrix block triangular (Duff & Reid 1978), and only diagonal blocks are factorised. Within a block pivots stand on
//! the diagonal and are chosen greedily by Markowitz's count (r − 1)(c − 1) (Management Science 3 (1957) 255), which on
//! Jacobians of reaction networks and discretised fields makes as little fill-in as the best orders known. Numbers play
//! no part, so one plan serves every factorisation of a run and can become straight-line code; whether its pivots were
//! good for the numbers at hand is for the caller to check (see [`super::Shifted`]).
//!
//! The factors are those of Crout: `J − s·I = L (I − V)` with pivots in L. Storing −1/pivot and V = −U makes every
//! operation of the factorisation and of the solve a multiply-add without a change of sign:
//! l = a + Σ l v, v = (a + Σ l v)·d, z = (b + Σ a x + Σ l z)·d, x = z + Σ v x, and x = (s·I − J)⁻¹ b; the sum over a x
//! runs over the unknowns of earlier blocks.

use super::Pattern;
use super::blocks::{Active, strong_components};

/// A pivot order and the pattern of the factors, by rows in that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elimination {
    /// The equation (row of the matrix) of each pivot.
    pub rows: Vec<usize>,
    /// The unknown (column of the matrix) of each pivot.
    pub columns: Vec<usize>,
    /// Where each diagonal block starts in the order, and one past the end.
    pub blocks: Vec<usize>,
    /// Per pivot: the places in the order of the unknowns of earlier blocks its equation reads, ascending.
    pub outer: Vec<Vec<usize>>,
    /// Per pivot: the places of the earlier unknowns of its block that its row of L reads, ascending.
    pub lower: Vec<Vec<usize>>,
    /// Per pivot: the places of the later unknowns of its block in its row of V, ascending.
    pub upper: Vec<Vec<usize>>,
    /// Where each row starts in the storage of the factors: entries of earlier blocks, L's entries, −1/pivot, V's.
    pub starts: Vec<usize>,
    /// Multiply-adds of a factorisation.
    pub multiply_adds: usize,
    /// From this place on the rows not yet eliminated are (nearly) full.
    pub full_from: usize,
}

/// Above this dimension no plan is made: choosing pivots would take longer than a general sparse factorisation.
const LARGEST: usize = 4096;
/// Share of entries from which a remainder counts as full.
const FULL: f64 = 0.9;

/// Where a row of the factors gets its first values: (place in the row's storage, place among J's values).
pub type Sources = Vec<(usize, usize)>;

impl Elimination {
    /// The plan for `s·I − J` with J of this (square) pattern; `None` if it is too large or a factorisation would take
    /// more than `most` multiply-adds. Without `blocks` the matrix is one block.
    pub fn plan(pattern: &Pattern, most: usize, blocks: bool) -> Option<Self> {
        let n = pattern.nrows();
        if n > LARGEST {
            return None;
        }
        let components = if blocks { strong_components(pattern) } else { vec![(0..n).collect()] };
        let mut draft = Draft::new(n);
        let (mut local, mut left) = (vec![usize::MAX; n], most);
        for members in &components {
            members.iter().enumerate().for_each(|(k, i)| local[*i] = k);
            let mut active = Active::new(pattern, members, &local);
            for _ in members {
                if draft.full_from.is_none() && active.density() >= FULL {
                    draft.full_from = Some(draft.order.len());
                }
                let pivot = active.cheapest()?;
                let (row, column) = active.eliminate(pivot);
                left = left.checked_sub(row.len() * column.len())?;
                let unknown = |k: usize| members[k];
                draft.order.push(members[pivot]);
                draft.rows.push(row.into_iter().map(unknown).collect());
                draft.columns.push(column.into_iter().map(unknown).collect());
            }
            members.iter().for_each(|i| local[*i] = usize::MAX);
            draft.blocks.push(draft.order.len());
            if draft.order.len() < n {
                draft.full_from = None;
            }
        }
        Some(draft.finish(pattern, most - left))
    }

    /// From pivots chosen by other means, as one block: per pivot its equation and unknown, the unknowns left in its row
    /// and the equations left in its column when it was eliminated.
    pub(super) fn from_pivots(pivots: Vec<(usize, usize)>, rows: &[Vec<usize>], columns: &[Vec<usize>]) -> Self {
        let n = pivots.len();
        let (mut row_place, mut column_place) = (vec![0; n], vec![0; n]);
        for (k, (row, column)) in pivots.iter().enumerate() {
            (row_place[*row], column_place[*column]) = (k, k);
        }
        let upper = rows.iter().map(|list| sorted(list.iter().map(|j| column_place[*j]))).collect();
        let mut lower = vec![Vec::new(); n];
        for (k, column) in columns.iter().enumerate() {
            column.iter().for_each(|i| lower[row_place[*i]].push(k));
        }
        let multiply_adds = rows.iter().zip(columns).map(|(r, c)| r.len() * c.len()).sum();
        let (rows, columns) = pivots.into_iter().unzip();
        Self::assembled(rows, columns, vec![0, n], vec![Vec::new(); n], lower, upper, multiply_adds, n)
    }

    #[allow(clippy::too_many_arguments, reason = "the fields, in order")]
    fn assembled(
        rows: Vec<usize>,
        columns: Vec<usize>,
        blocks: Vec<usize>,
        outer: Vec<Vec<usize>>,
        lower: Vec<Vec<usize>>,
        upper: Vec<Vec<usize>>,
        multiply_adds: usize,
        full_from: usize,
    ) -> Self {
        let mut starts = Vec::with_capacity(rows.len() + 1);
        starts.push(0);
        for k in 0..rows.len() {
            starts.push(starts[k] + outer[k].len() + lower[k].len() + 1 + upper[k].len());
        }
        Elimination { rows, columns, blocks, outer, lower, upper, starts, multiply_adds, full_from }
    }

    /// Number of unknowns.
    pub fn dim(&self) -> usize {
        self.rows.len()
    }

    /// Length of the factors' storage.
    pub fn entries(&self) -> usize {
        self.starts[self.dim()]
    }

    /// Where row k's part of L is stored.
    pub fn left(&self, k: usize) -> usize {
        self.starts[k] + self.outer[k].len()
    }

    /// Where −1/pivot of row k is stored; its part of V follows.
    pub fn pivot(&self, k: usize) -> usize {
        self.left(k) + self.lower[k].len()
    }

    /// Per row of the factors, in order: the entries of J it starts from.
    pub fn sources(&self, pattern: &Pattern) -> Vec<Sources> {
        let (row_place, column_place) = self.places();
        let mut sources = vec![Vec::new(); self.dim()];
        for j in 0..self.dim() {
            for value in pattern.column(j) {
                let (row, column) = (row_place[pattern.rows()[value]], column_place[j]);
                sources[row].push((self.position(row, column), value));
            }
        }
        sources.iter_mut().for_each(|list: &mut Sources| list.sort_unstable());
        sources
    }

    /// Per row of the factors: the place in the row's storage of the matrix's diagonal entry, which the shift enters;
    /// none in algebraic rows.
    pub fn diagonal(&self, pattern: &Pattern) -> Vec<Option<usize>> {
        let (_, column_place) = self.places();
        let place = |row: usize| self.position(row, column_place[self.rows[row]]);
        (0..self.dim()).map(|row| pattern.is_differential(self.rows[row]).then(|| place(row))).collect()
    }

    /// Columns of a row of the factors as stored, by place in the order.
    pub fn row(&self, k: usize) -> impl Iterator<Item = usize> + '_ {
        self.outer[k].iter().chain(&self.lower[k]).copied().chain([k]).chain(self.upper[k].iter().copied())
    }

    /// Place in the order of every equation and of every unknown.
    fn places(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut rows, mut columns) = (vec![0; self.dim()], vec![0; self.dim()]);
        self.rows.iter().enumerate().for_each(|(k, i)| rows[*i] = k);
        self.columns.iter().enumerate().for_each(|(k, j)| columns[*j] = k);
        (rows, columns)
    }

    /// The place of entry (row, column) within the row's storage; the entry must be in the factors' pattern.
    fn position(&self, row: usize, column: usize) -> usize {
        let (outer, lower, upper) = (&self.outer[row], &self.lower[row], &self.upper[row]);
        if outer.last().is_some_and(|last| column <= *last) {
            return outer.partition_point(|k| *k < column);
        }
        outer.len()
            + match column.cmp(&row) {
                std::cmp::Ordering::Less => lower.partition_point(|k| *k < column),
                std::cmp::Ordering::Equal => lower.len(),
                std::cmp::Ordering::Greater => lower.len() + 1 + upper.partition_point(|k| *k < column),
            }
    }
}

/// A plan while pivots are chosen: unknowns by their own numbers.
struct Draft {
    order: Vec<usize>,
    rows: Vec<Vec<usize>>,
    columns: Vec<Vec<usize>>,
    blocks: Vec<usize>,
    full_from: Option<usize>,
}

impl Draft {
    fn new(n: usize) -> Self {
        let list = || Vec::with_capacity(n);
        Draft {
            order: list(),
            rows: Vec::with_capacity(n),
            columns: Vec::with_capacity(n),
            blocks: vec![0],
            full_from: None,
        }
    }

    fn finish(self, pattern: &Pattern, multiply_adds: usize) -> Elimination {
        let n = self.order.len();
        let mut place = vec![0; n];
        self.order.iter().enumerate().for_each(|(k, i)| place[*i] = k);
        let upper: Vec<Vec<usize>> = self.rows.iter().map(|row| sorted(row.iter().map(|i| place[*i]))).collect();
        let mut lower = vec![Vec::new(); n];
        for (k, column) in self.columns.iter().enumerate() {
            column.iter().for_each(|i| lower[place[*i]].push(k));
        }
        let mut block = vec![0; n];
        for (b, range) in self.blocks.windows(2).enumerate() {
            block[range[0]..range[1]].fill(b);
        }
        let mut outer = vec![Vec::new(); n];
        for j in 0..n {
            for value in pattern.column(j) {
                let (row, column) = (place[pattern.rows()[value]], place[j]);
                if block[column] < block[row] {
                    outer[row].push(column);
                }
            }
        }
        outer.iter_mut().for_each(|list| list.sort_unstable());
        let full_from = self.full_from.unwrap_or(n);
        let rows = self.order.clone();
        Elimination::assembled(rows, self.order, self.blocks, outer, lower, upper, multiply_adds, full_from)
    }
}

fn sorted(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut list: Vec<usize> = places.collect();
    list.sort_unstable();
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_is_eliminated_without_fill_in() {
        // Dense first row and column: in the given order everything would fill.
        let n = 100;
        let pairs: Vec<_> = (0..n).flat_map(|k| [(0, k), (k, 0), (k, k)]).collect();
        let (pattern, _) = Pattern::from_pairs(n, n, &pairs);
        let plan = Elimination::plan(&pattern, usize::MAX, true).unwrap();
        assert!(plan.rows[n - 2..].contains(&0), "the hub comes last but one or last");
        assert_eq!((plan.multiply_adds, plan.entries()), (n - 1, 3 * n - 2));
    }

    #[test]
    fn a_tridiagonal_matrix_keeps_its_pattern() {
        let n = 50usize;
        let pairs: Vec<_> = (0..n).flat_map(|k| [(k, k), (k, (k + 1).min(n - 1)), ((k + 1).min(n - 1), k)]).collect();
        let (pattern, _) = Pattern::from_pairs(n, n, &pairs);
        let plan = Elimination::plan(&pattern, usize::MAX, true).unwrap();
        assert_eq!((plan.multiply_adds, plan.entries()), (n - 1, 3 * n - 2));
        assert!(Elimination::plan(&pattern, n - 2, true).is_none());
    }

    #[test]
    fn a_cascade_needs_no_multiply_adds_at_all() {
        // Each unknown waits for all earlier ones: as one block every entry would be multiplied.
        let n = 30;
        let pairs: Vec<_> = (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
        let (pattern, _) = Pattern::from_pairs(n, n, &pairs);
        let plan = Elimination::plan(&pattern, usize::MAX, true).unwrap();
        assert_eq!((plan.multiply_adds, plan.blocks.len()), (0, n + 1));
        assert_eq!(plan.outer.iter().map(Vec::len).sum::<usize>(), n * (n - 1) / 2);
    }
}
