//! Which values the trajectories have: a [`Design`] gives the row of any trajectory by its number, so that threads, shards and
//! a sweep that goes on where it was stopped need not agree on anything else.

mod directions;
mod morris;
mod random;
mod sobol;

use std::sync::Arc;

use clap::ValueEnum;

use super::values::{Values, Varied, between};
pub use morris::DELTA;
pub use random::Random;

/// More trajectories are refused.
pub const MOST: u64 = 1_000_000_000;

/// `--design`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sampling {
    /// Latin hypercube: every parameter takes a value in each of N equal parts of its range
    #[default]
    Latin,
    /// Sobol's sequence, shifted at random: even coverage, also of several parameters together
    Sobol,
    /// Independent random values
    Random,
}

/// `--indices`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Indices {
    /// Shares of the variance: first order and total, after Saltelli and Jansen
    Sobol,
    /// Elementary effects after Morris: μ* and σ, at far fewer runs
    Morris,
}

/// The names of what varies, and the rows of the trajectories.
#[derive(Clone, Debug)]
pub struct Design {
    /// Parameters, and states whose first value varies.
    pub names: Vec<String>,
    /// Number of trajectories.
    pub count: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Grid(Vec<Values>),
    /// Ranges, logarithmic or not, and where in them.
    Sample(Vec<(f64, f64, bool)>, Points),
    /// Columns of values.
    Table(Arc<Vec<Vec<f64>>>),
}

/// Points of the unit cube.
#[derive(Clone, Debug)]
enum Points {
    Latin(Random, u64),
    Sobol(sobol::Sequence),
    Random(Random),
    /// Of a sequence of twice the dimension: A, B, and A with one column of B at a time (Saltelli 2002, Comput. Phys. Commun. 145).
    Saltelli(sobol::Sequence),
    Morris(Random),
}

impl Design {
    /// All combinations, the last parameter fastest.
    ///
    /// # Errors
    /// A sentence with the count, where there are too many.
    pub fn grid(varied: &[Varied]) -> Result<Design, String> {
        let counts: Vec<u64> = varied.iter().filter_map(|v| v.values.count()).collect();
        let total: f64 = counts.iter().map(|n| *n as f64).product();
        if total > MOST as f64 {
            let list: Vec<String> = counts.iter().map(u64::to_string).collect();
            return Err(format!("the grid has {} = {total:e} points, more than {MOST:e}", list.join(" × ")));
        }
        let names = varied.iter().map(|v| v.name.clone()).collect();
        let values = varied.iter().map(|v| v.values.clone()).collect();
        Ok(Design { names, count: counts.iter().product(), kind: Kind::Grid(values) })
    }

    /// So many points within ranges; with indices, as many base points as the count says.
    ///
    /// # Errors
    /// A sentence, where there are too many parameters or points.
    pub fn sample(
        names: Vec<String>,
        ranges: Vec<(f64, f64, bool)>,
        count: u64,
        seed: u64,
        sampling: Sampling,
        indices: Option<Indices>,
    ) -> Result<Design, String> {
        let k = names.len();
        let (points, runs) = match (indices, sampling) {
            (Some(Indices::Sobol), _) => (Points::Saltelli(sobol::Sequence::new(2 * k, seed)?), k as u64 + 2),
            (Some(Indices::Morris), _) => (Points::Morris(Random::new(seed)), k as u64 + 1),
            (None, Sampling::Latin) => (Points::Latin(Random::new(seed), count), 1),
            (None, Sampling::Sobol) => (Points::Sobol(sobol::Sequence::new(k, seed)?), 1),
            (None, Sampling::Random) => (Points::Random(Random::new(seed)), 1),
        };
        let total = count as f64 * runs as f64;
        if total > MOST as f64 {
            return Err(format!("{total:e} trajectories are more than {MOST:e}"));
        }
        Ok(Design { names, count: count * runs, kind: Kind::Sample(ranges, points) })
    }

    /// The rows of a table.
    pub fn table(names: Vec<String>, columns: Vec<Vec<f64>>) -> Design {
        let count = columns.first().map_or(0, |column| column.len() as u64);
        Design { names, count, kind: Kind::Table(Arc::new(columns)) }
    }

    /// The values of trajectory `k`.
    pub fn row(&self, k: u64, row: &mut [f64]) {
        match &self.kind {
            Kind::Grid(values) => {
                let mut rest = k;
                for (value, axis) in row.iter_mut().zip(values).rev() {
                    let n = axis.count().unwrap_or(1);
                    *value = axis.get(rest % n);
                    rest /= n;
                }
            }
            Kind::Sample(ranges, points) => {
                points.fill(k, row);
                for (value, (lo, hi, log)) in row.iter_mut().zip(ranges) {
                    *value = between(*lo, *hi, *value, *log);
                }
            }
            Kind::Table(columns) => row.iter_mut().zip(columns.iter()).for_each(|(x, column)| *x = column[k as usize]),
        }
    }

    /// The axes of a grid.
    pub fn axes(&self) -> Option<&[Values]> {
        match &self.kind {
            Kind::Grid(values) => Some(values),
            _ => None,
        }
    }

    /// What tells it from another, but for the numbers of a table.
    pub fn description(&self) -> String {
        let kind = match &self.kind {
            Kind::Table(columns) => {
                let bits = columns.iter().flatten().flat_map(|x| x.to_bits().to_le_bytes());
                format!("table {:016x}", super::journal::checksum(bits))
            }
            kind => format!("{kind:?}"),
        };
        format!("{:?} {} {kind}", self.names, self.count)
    }
}

impl Points {
    fn fill(&self, k: u64, row: &mut [f64]) {
        match self {
            Points::Latin(random, n) => {
                for (d, x) in row.iter_mut().enumerate() {
                    let stratum = random.permuted(d as u64, k, *n);
                    *x = (stratum as f64 + random.uniform(d as u64, k)) / *n as f64;
                }
            }
            Points::Sobol(sequence) => (0..row.len()).for_each(|d| row[d] = sequence.get(k, d)),
            Points::Random(random) => (0..row.len()).for_each(|d| row[d] = random.uniform(d as u64, k)),
            Points::Saltelli(sequence) => {
                let runs = row.len() as u64 + 2;
                let (base, which) = (k / runs, (k % runs) as usize);
                for d in 0..row.len() {
                    let second = which == 1 || which == d + 2;
                    row[d] = sequence.get(base, d + if second { row.len() } else { 0 });
                }
            }
            Points::Morris(random) => morris::fill(random, k, row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(design: &Design) -> Vec<Vec<f64>> {
        let mut row = vec![0.0; design.names.len()];
        let mut get = |k| {
            design.row(k, &mut row);
            row.clone()
        };
        (0..design.count).map(&mut get).collect()
    }

    fn unit(n: u64, k: usize, sampling: Sampling, indices: Option<Indices>) -> Design {
        let names = (0..k).map(|j| format!("p{j}")).collect();
        Design::sample(names, vec![(0.0, 1.0, false); k], n, 7, sampling, indices).unwrap()
    }

    #[test]
    fn grids_have_all_combinations() {
        let varied = [("a", Values::List(vec![1.0, 2.0])), ("b", Values::Linear(0.0, 1.0, 3))];
        let varied = varied.map(|(name, values)| Varied { name: name.into(), values });
        let design = Design::grid(&varied).unwrap();
        assert_eq!(rows(&design), [[1.0, 0.0], [1.0, 0.5], [1.0, 1.0], [2.0, 0.0], [2.0, 0.5], [2.0, 1.0]]);
        let huge = ["a", "b"].map(|name| Varied { name: name.into(), values: Values::Linear(0.0, 1.0, 1_000_000) });
        assert!(Design::grid(&huge).is_err_and(|e| e.contains("1000000 × 1000000 = 1e12 points")));
    }

    #[test]
    fn each_sampling_covers_its_cube() {
        for sampling in [Sampling::Latin, Sampling::Sobol, Sampling::Random] {
            let design = unit(4096, 3, sampling, None);
            let all = rows(&design);
            assert_eq!(all, rows(&design));
            for d in 0..3 {
                let mean = all.iter().map(|row| row[d]).sum::<f64>() / 4096.0;
                let tolerance = if sampling == Sampling::Random { 0.02 } else { 1e-3 };
                assert!((mean - 0.5).abs() < tolerance, "{sampling:?} {d}: {mean}");
                assert!(all.iter().all(|row| (0.0..1.0).contains(&row[d])));
                if sampling != Sampling::Random {
                    // Each of 4,096 equal parts has one.
                    let mut parts: Vec<u64> = all.iter().map(|row| (row[d] * 4096.0) as u64).collect();
                    parts.sort_unstable();
                    assert!(parts.iter().enumerate().all(|(k, part)| k as u64 == *part), "{sampling:?} {d}");
                }
            }
            let product = all.iter().map(|row| row[0] * row[1]).sum::<f64>() / 4096.0;
            assert!((product - 0.25).abs() < 0.01, "{sampling:?}: {product}");
        }
    }

    #[test]
    fn saltelli_changes_one_column_at_a_time() {
        let all = rows(&unit(8, 3, Sampling::Latin, Some(Indices::Sobol)));
        assert_eq!(all.len(), 40);
        for base in all.chunks(5) {
            for d in 0..3 {
                let mut expected = base[0].clone();
                expected[d] = base[1][d];
                assert_eq!(base[d + 2], expected);
            }
        }
    }

    #[test]
    fn morris_moves_one_parameter_a_time() {
        let all = rows(&unit(20, 4, Sampling::Latin, Some(Indices::Morris)));
        assert_eq!(all.len(), 100);
        let mut first_moved = std::collections::BTreeSet::new();
        for path in all.chunks(5) {
            let mut moved: Vec<usize> = Vec::new();
            for pair in path.windows(2) {
                let changed: Vec<usize> = (0..4).filter(|d| pair[0][*d] != pair[1][*d]).collect();
                assert!(
                    changed.len() == 1 && ((pair[0][changed[0]] - pair[1][changed[0]]).abs() - 2.0 / 3.0).abs() < 1e-15
                );
                moved.extend(changed);
            }
            first_moved.insert(moved[0]);
            moved.sort_unstable();
            assert_eq!(moved, [0, 1, 2, 3]);
            assert!(path.iter().flatten().all(|x| (0.0..=1.0).contains(x)));
        }
        assert_eq!(first_moved.len(), 4);
    }
}
