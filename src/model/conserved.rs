//! Conservation laws of a network: weighted sums of species that no reaction changes.
//!
//! The laws are the left null space of the stoichiometric matrix N (species by reactions): all w with wᵀN = 0. It is
//! found in exact integers: the reactions are brought to reduced echelon form one at a time (each touches few species,
//! so the rows stay sparse), and every species without a pivot gives a law. Laws without negative weights mean something
//! to a person (a total), so the extreme rays of the cone w ≥ 0 are made from them by the double description method
//! (Motzkin, Raiffa, Thompson & Thrall 1953) and preferred, smallest first.
//!
//! It knows nothing of rates: a law holds whatever the rates are.

use std::collections::BTreeMap;

use super::{Model, SpeciesId};

/// A conserved sum: species and whole weights, the first of them positive, without a common factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Law {
    /// The species that count, ascending, and how much.
    pub weights: Vec<(SpeciesId, i128)>,
}

/// A row or law while it is worked on: no zeros.
type Row = BTreeMap<usize, i128>;

/// With more rays than this the search for positive laws gives up and keeps the laws it has.
const MOST_RAYS: usize = 1000;

impl Model {
    /// A basis of the conserved sums, as few negative weights as possible, ordered by first species; none if the numbers
    /// do not fit 128 bits or the reactions are too many. Species with a term added by `+=` take part in no law.
    pub fn conserved(&self) -> Option<Vec<Law>> {
        let mut reactions = Vec::new();
        for contribution in self.reactions.as_ref()? {
            reactions.push(whole(contribution.net.iter().map(|(species, amount)| (species.0, *amount)))?);
        }
        laws(self.species.len(), &reactions)
    }
}

/// A species that follows from others: its weight in a conserved sum, and theirs. None of them is one that follows.
pub type Dependent = (SpeciesId, i128, Vec<(SpeciesId, i128)>);

/// One species per law that the others determine; of those in a law the one that `prefer` puts first (larger is better).
/// None if the numbers grow too large.
pub fn dependents(laws: &[Law], prefer: impl Fn(SpeciesId) -> f64) -> Option<Vec<Dependent>> {
    let mut done: Vec<(usize, Row)> = Vec::new();
    for law in laws {
        let mut row: Row = law.weights.iter().map(|(species, weight)| (species.0, *weight)).collect();
        for (pivot, other) in &done {
            row = eliminated(row, other, *pivot)?;
        }
        let best =
            row.keys().copied().max_by(|a, b| prefer(SpeciesId(*a)).total_cmp(&prefer(SpeciesId(*b))).then(b.cmp(a)));
        let Some(pivot) = best else { continue };
        let row = primitive(row, pivot);
        for (place, other) in &mut done {
            *other = primitive(eliminated(std::mem::take(other), &row, pivot)?, *place);
        }
        done.push((pivot, row));
    }
    let split = |(pivot, row): (usize, Row)| {
        let others = row.iter().filter(|(s, _)| **s != pivot).map(|(s, weight)| (SpeciesId(*s), *weight)).collect();
        (SpeciesId(pivot), row[&pivot], others)
    };
    Some(done.into_iter().map(split).collect())
}

/// The laws of a network of `n` species.
fn laws(n: usize, reactions: &[Row]) -> Option<Vec<Law>> {
    let mut echelon = Echelon::default();
    for reaction in reactions {
        echelon.insert(reaction.clone())?;
    }
    let free: Vec<usize> = (0..n).filter(|species| !echelon.rows.contains_key(species)).collect();
    let mut basis = Vec::new();
    for species in &free {
        basis.push(echelon.law(*species)?);
    }
    // Positive laws first, small ones before large ones; then what they leave out.
    let mut candidates = positive(&basis, echelon.rows.keys().copied()).unwrap_or_default();
    candidates.sort_by_key(|row| (row.len(), row.values().sum::<i128>(), row.keys().copied().collect::<Vec<_>>()));
    candidates.extend(basis);
    let mut chosen = Echelon::default();
    let mut laws = Vec::new();
    for row in candidates {
        if laws.len() < free.len() && chosen.insert(row.clone())? {
            let sign = row.values().next().map_or(1, |weight| weight.signum());
            laws.push(Law { weights: row.into_iter().map(|(s, weight)| (SpeciesId(s), sign * weight)).collect() });
        }
    }
    laws.sort_by(|a, b| a.weights.cmp(&b.weights));
    Some(laws)
}

/// Rows in reduced echelon form: a row's pivot is positive and stands in no other row.
#[derive(Default)]
struct Echelon {
    rows: BTreeMap<usize, Row>,
}

impl Echelon {
    /// Adds a row; whether it was independent. None where numbers grow too large.
    fn insert(&mut self, mut row: Row) -> Option<bool> {
        let pivots: Vec<usize> = row.keys().copied().filter(|column| self.rows.contains_key(column)).collect();
        for pivot in pivots {
            row = eliminated(row, &self.rows[&pivot], pivot)?;
        }
        let Some(pivot) = row.keys().next().copied() else { return Some(false) };
        let row = primitive(row, pivot);
        for other in self.rows.iter_mut().filter(|(_, other)| other.contains_key(&pivot)) {
            let kept = primitive(eliminated(std::mem::take(other.1), &row, pivot)?, *other.0);
            *other.1 = kept;
        }
        self.rows.insert(pivot, row);
        Some(true)
    }

    /// The vector orthogonal to all rows that is positive at one free column and zero at the others.
    fn law(&self, free: usize) -> Option<Row> {
        let mut law = Row::from([(free, 1)]);
        for (pivot, row) in &self.rows {
            let Some(entry) = row.get(&free) else { continue };
            // pivot weight · p + entry · w_free = 0: scale the law so that p divides.
            let p = row[pivot];
            let need = p / gcd(p, entry.checked_mul(law[&free])?);
            if need != 1 {
                for weight in law.values_mut() {
                    *weight = weight.checked_mul(need)?;
                }
            }
            let weight = entry.checked_mul(law[&free])? / p;
            law.insert(*pivot, weight.checked_neg()?);
        }
        Some(primitive(law, free))
    }
}

/// The extreme rays of the cone of laws without negative weights: starts from laws whose free weights are not, and cuts
/// with one species after the other. None if there are too many rays or the numbers grow too large.
fn positive(basis: &[Row], pivots: impl Iterator<Item = usize>) -> Option<Vec<Row>> {
    let mut rays: Vec<Row> = basis.to_vec();
    let mut cut: Vec<usize> =
        basis.iter().filter_map(|law| law.iter().find(|(_, w)| **w > 0).map(|(s, _)| *s)).collect();
    for species in pivots {
        let (negative, kept): (Vec<Row>, Vec<Row>) =
            rays.into_iter().partition(|ray| ray.get(&species).is_some_and(|weight| *weight < 0));
        cut.push(species);
        if negative.is_empty() {
            rays = kept;
            continue;
        }
        let mut made: Vec<Row> = Vec::new();
        for (a, b) in negative.iter().flat_map(|a| kept.iter().map(move |b| (a, b))) {
            if b.contains_key(&species) {
                made.push(divided(eliminated(a.clone(), b, species)?));
                if made.len() > MOST_RAYS * MOST_RAYS {
                    return None;
                }
            }
        }
        rays = kept;
        rays.extend(made);
        rays = minimal(rays);
        if rays.len() > MOST_RAYS {
            return None;
        }
    }
    rays.retain(|ray| ray.values().all(|weight| *weight > 0));
    Some(rays)
}

/// Without rays whose species include all of another ray's: those are sums of smaller ones.
fn minimal(mut rays: Vec<Row>) -> Vec<Row> {
    rays.sort_by_key(Row::len);
    let mut kept: Vec<Row> = Vec::new();
    for ray in rays {
        if !kept.iter().any(|other| other.keys().all(|species| ray.contains_key(species))) {
            kept.push(ray);
        }
    }
    kept
}

/// `row` times something positive, plus a multiple of `by`, so that the column vanishes.
fn eliminated(mut row: Row, by: &Row, column: usize) -> Option<Row> {
    let (Some(a), Some(b)) = (row.get(&column).copied(), by.get(&column).copied()) else { return Some(row) };
    let common = gcd(a, b);
    let (mine, theirs) = (b.abs() / common, a.checked_mul(b.signum())? / common);
    if mine != 1 {
        for value in row.values_mut() {
            *value = value.checked_mul(mine)?;
        }
    }
    for (column, value) in by {
        let change = value.checked_mul(theirs)?;
        let entry = row.entry(*column).or_insert(0);
        *entry = entry.checked_sub(change)?;
        if *entry == 0 {
            row.remove(column);
        }
    }
    Some(row)
}

/// The row divided by its common factor.
fn divided(mut row: Row) -> Row {
    let common = row.values().fold(0, |common, value| gcd(common, *value));
    if common > 1 {
        row.values_mut().for_each(|value| *value /= common);
    }
    row
}

/// The same, positive at `column`.
fn primitive(row: Row, column: usize) -> Row {
    let mut row = divided(row);
    if row.get(&column).is_some_and(|value| *value < 0) {
        row.values_mut().for_each(|value| *value = -*value);
    }
    row
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i128::try_from(a).unwrap_or(1)
}

/// Amounts such as 0.25 times the power of ten that makes all of them whole.
fn whole(amounts: impl Iterator<Item = (usize, f64)> + Clone) -> Option<Row> {
    // The shortest decimal that reads back as the number is what was written.
    let decimals = |amount: f64| format!("{amount}").split_once('.').map_or(0, |(_, digits)| digits.len());
    let most = amounts.clone().map(|(_, amount)| decimals(amount)).max().unwrap_or(0);
    let mut row = Row::new();
    for (species, amount) in amounts {
        let text = format!("{amount:.most$}").replace('.', "");
        row.insert(species, text.parse().ok()?);
    }
    Some(divided(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(entries: &[(usize, i128)]) -> Row {
        entries.iter().copied().collect()
    }

    fn weights(n: usize, reactions: &[&[(usize, i128)]]) -> Vec<Vec<(usize, i128)>> {
        let reactions: Vec<Row> = reactions.iter().map(|r| row(r)).collect();
        let laws = laws(n, &reactions).unwrap();
        for law in &laws {
            for reaction in &reactions {
                let change: i128 = law.weights.iter().map(|(s, w)| w * reaction.get(&s.0).unwrap_or(&0)).sum();
                assert_eq!(change, 0, "{law:?} {reaction:?}");
            }
        }
        laws.into_iter().map(|law| law.weights.into_iter().map(|(s, w)| (s.0, w)).collect()).collect()
    }

    #[test]
    fn enzyme_and_substrate_are_two_totals() {
        // E S ES P: binding, catalysis.
        let found = weights(4, &[&[(0, -1), (1, -1), (2, 1)], &[(0, 1), (2, -1), (3, 1)]]);
        assert_eq!(found, [vec![(0, 1), (2, 1)], vec![(1, 1), (2, 1), (3, 1)]]);
    }

    #[test]
    fn dimers_count_twice_and_open_systems_have_no_law() {
        assert_eq!(weights(2, &[&[(0, -2), (1, 1)]]), [[(0, 1), (1, 2)]]);
        assert_eq!(weights(2, &[&[(0, -2), (1, 1)], &[(0, 1)]]), [[]; 0]);
        assert_eq!(weights(2, &[&[(0, -2), (1, 3)]]), [[(0, 3), (1, 2)]]);
    }

    #[test]
    fn a_difference_is_a_law_where_there_is_no_total() {
        // 0 -> A + B
        assert_eq!(weights(2, &[&[(0, 1), (1, 1)]]), [[(0, 1), (1, -1)]]);
    }

    #[test]
    fn catalysts_are_laws_by_themselves() {
        assert_eq!(weights(2, &[&[], &[(1, -1)]]), [[(0, 1)]]);
    }

    #[test]
    fn fractions_become_whole() {
        assert_eq!(whole([(0, -1.0), (1, 0.25)].into_iter()), Some(row(&[(0, -4), (1, 1)])));
        assert_eq!(whole([(0, 1e300)].into_iter()), None);
    }

    /// Random networks: as many laws as n minus the rank, found here by elimination in floating point.
    #[test]
    fn the_number_of_laws_is_n_minus_the_rank() {
        let mut seed = 12345u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..200 {
            let n = 2 + next(9) as usize;
            let reactions: Vec<Vec<(usize, i128)>> = (0..next(10))
                .map(|_| {
                    let mut net = Row::new();
                    for _ in 0..3 {
                        net.insert(next(n as u64) as usize, next(5) as i128 - 2);
                    }
                    net.into_iter().filter(|(_, v)| *v != 0).collect()
                })
                .collect();
            let slices: Vec<&[(usize, i128)]> = reactions.iter().map(Vec::as_slice).collect();
            assert_eq!(weights(n, &slices).len(), n - rank(n, &reactions), "{reactions:?}");
        }
    }

    fn rank(n: usize, reactions: &[Vec<(usize, i128)>]) -> usize {
        let mut matrix: Vec<Vec<f64>> = reactions
            .iter()
            .map(|reaction| {
                let mut dense = vec![0.0; n];
                reaction.iter().for_each(|(s, v)| dense[*s] = *v as f64);
                dense
            })
            .collect();
        let mut rank = 0;
        for column in 0..n {
            let best =
                (rank..matrix.len()).max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()));
            let Some(best) = best.filter(|row| matrix[*row][column].abs() > 1e-9) else { continue };
            matrix.swap(rank, best);
            for row in rank + 1..matrix.len() {
                let factor = matrix[row][column] / matrix[rank][column];
                for k in 0..n {
                    matrix[row][k] -= factor * matrix[rank][k];
                }
            }
            rank += 1;
        }
        rank
    }
}
