//! Global sensitivities of what is kept by what varies, with 95 % confidence intervals.
//!
//! *Sobol'*: the share of the variance that a parameter explains by itself, S, and with all its interactions, T (Sobol' 2001,
//! Math. Comput. Simul. 55), from base points A and B and from A with one column of B at a time: S after Saltelli et al. (2010,
//! Comput. Phys. Commun. 181, table 2b), T after Jansen (1999, Comput. Phys. Commun. 117). *Morris*: elementary effects, the change of a result
//! by that of one parameter over its whole range, on random paths (Morris 1991): their mean μ, their standard deviation σ
//! and the mean of their magnitudes μ* (Campolongo, Cariboni & Saltelli 2007, Environ. Model. Softw. 22).
//!
//! Intervals are 1.96 standard errors to either side, found by the bootstrap (Archer, Saltelli & Sobol' 1997, J. Stat. Comput. Simul. 58): base points or paths are
//! drawn anew, with replacement. Base points and paths with a run that failed, or a value that is no number, are left out as a whole.

use std::io;

use super::design::{DELTA, Indices, Random};
use super::rows::Small;
use super::source::Source;
use crate::write::rows::Values;

/// Draws of the bootstrap.
const DRAWS: u64 = 200;
/// The normal distribution's 97.5 % quantile.
const QUANTILE: f64 = 1.96;
/// Results held in memory at a time.
const MOST: usize = 1 << 25;

/// An estimate, and how far its confidence interval reaches to either side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub reach: f64,
}

/// The sensitivity of one quantity by one parameter.
#[derive(Clone, Debug)]
pub struct Sensitivity {
    pub column: String,
    /// When, where values are kept by time.
    pub time: Option<f64>,
    pub parameter: String,
    /// S and T; of Morris' method μ* alone.
    pub estimates: Vec<Estimate>,
    /// Of Morris' method μ and σ.
    pub further: Vec<f64>,
    /// Base points or paths that count.
    pub used: usize,
}

/// All sensitivities: by column, time and parameter, the last fastest.
///
/// # Errors
/// What reading the journal reports.
pub fn sensitivities(source: &Source, kind: Indices) -> io::Result<Vec<Sensitivity>> {
    let plan = &source.plan;
    let (k, m) = (plan.varied.len(), plan.columns.len());
    let times = plan.times();
    let series = m * times.len().max(1);
    let runs = match kind {
        Indices::Sobol => k + 2,
        Indices::Morris => k + 1,
    };
    let at_once = (MOST / (plan.count as usize).max(1)).clamp(1, series.max(1));
    let mut found = Vec::new();
    // Rows of values are by time, results by column.
    let places: Vec<usize> = (0..m).flat_map(|column| (0..series / m).map(move |row| row * m + column)).collect();
    for places in places.chunks(at_once) {
        let mut results = vec![Vec::with_capacity(plan.count as usize); places.len()];
        let mut moves = Vec::new();
        let mut before: Vec<f64> = Vec::new();
        for trajectory in source.trajectories()? {
            let (_, (row, record)) = trajectory?;
            for (list, place) in results.iter_mut().zip(places) {
                let good = record.failure.is_none();
                list.push(record.values.get(*place).copied().filter(|_| good).unwrap_or(f64::NAN));
            }
            if kind == Indices::Morris {
                // Which parameter has moved, and whether upwards.
                let changed = (0..k).find(|d| before.get(*d).is_some_and(|x| *x != row[*d])).unwrap_or(0);
                moves.push((changed, before.get(changed).is_none_or(|x| row[changed] > *x)));
                before = row;
            }
        }
        for (list, place) in results.iter().zip(places) {
            let points: Vec<(usize, &[f64])> =
                list.chunks(runs).enumerate().filter(|(_, chunk)| chunk.iter().all(|y| y.is_finite())).collect();
            let estimated: Vec<(Vec<Estimate>, Vec<f64>)> = match kind {
                Indices::Sobol => sobol(&points.iter().map(|(_, chunk)| *chunk).collect::<Vec<_>>(), k),
                Indices::Morris => {
                    let effects: Vec<Vec<f64>> = points
                        .iter()
                        .map(|(path, chunk)| effects(chunk, &moves[path * runs..(path + 1) * runs]))
                        .collect();
                    morris(&effects, k)
                }
            };
            for ((estimates, further), parameter) in estimated.into_iter().zip(&plan.varied) {
                found.push(Sensitivity {
                    column: plan.columns[place % m].clone(),
                    time: times.get(place / m).copied(),
                    parameter: parameter.clone(),
                    estimates,
                    further,
                    used: points.len(),
                });
            }
        }
    }
    Ok(found)
}

/// Estimates from all points, with the spread of those from points drawn anew.
fn with_reach<const N: usize>(
    points: usize,
    estimate: impl Fn(&mut dyn Iterator<Item = usize>) -> Vec<[f64; N]>,
) -> Vec<[Estimate; N]> {
    let all = estimate(&mut (0..points));
    let random = Random::new(0);
    let (mut sums, mut squares) = (vec![[0.0; N]; all.len()], vec![[0.0; N]; all.len()]);
    for draw in 0..DRAWS {
        let mut drawn = (0..points as u64).map(|k| (random.uniform(draw, k) * points as f64) as usize);
        for (k, found) in estimate(&mut drawn).iter().enumerate() {
            for j in 0..N {
                // Around the estimate, so that no digits are lost.
                let change = found[j] - all[k][j];
                sums[k][j] += change;
                squares[k][j] += change * change;
            }
        }
    }
    let n = DRAWS as f64;
    let reach =
        |k: usize, j: usize| QUANTILE * ((squares[k][j] - sums[k][j] * sums[k][j] / n) / (n - 1.0)).max(0.0).sqrt();
    let estimate = |k: usize| std::array::from_fn(|j| Estimate { value: all[k][j], reach: reach(k, j) });
    (0..all.len()).map(estimate).collect()
}

/// S and T of each parameter, from the results at A, B, and A with each column of B.
fn sobol(points: &[&[f64]], k: usize) -> Vec<(Vec<Estimate>, Vec<f64>)> {
    let mean = points.iter().map(|y| y[0] + y[1]).sum::<f64>() / (2 * points.len()) as f64;
    let estimates = with_reach(points.len(), |drawn| {
        let (mut n, mut sum, mut square) = (0.0, 0.0, 0.0);
        let mut own = vec![[0.0; 2]; k];
        for y in drawn.map(|j| points[j]) {
            // Values around the mean have smaller errors (Sobol' 2001, section 5).
            let (a, b) = (y[0] - mean, y[1] - mean);
            n += 1.0;
            sum += a + b;
            square += a * a + b * b;
            for (own, ab) in own.iter_mut().zip(&y[2..]) {
                let ab = ab - mean;
                own[0] += b * (ab - a);
                own[1] += (a - ab) * (a - ab) / 2.0;
            }
        }
        let variance = square / (2.0 * n) - (sum / (2.0 * n)) * (sum / (2.0 * n));
        own.iter().map(|sums| sums.map(|sum| sum / n / variance)).collect()
    });
    estimates.into_iter().map(|estimates| (estimates.to_vec(), Vec::new())).collect()
}

/// The elementary effects of one path, by parameter.
fn effects(results: &[f64], moves: &[(usize, bool)]) -> Vec<f64> {
    let mut effects = vec![f64::NAN; results.len() - 1];
    for (pair, (parameter, up)) in results.windows(2).zip(&moves[1..]) {
        let change = pair[1] - pair[0];
        effects[*parameter] = if *up { change / DELTA } else { -change / DELTA };
    }
    effects
}

/// μ*, then μ and σ, of each parameter.
fn morris(effects: &[Vec<f64>], k: usize) -> Vec<(Vec<Estimate>, Vec<f64>)> {
    let n = effects.len() as f64;
    let estimates = with_reach(effects.len(), |drawn| {
        let mut sums = vec![[0.0]; k];
        for path in drawn.map(|j| &effects[j]) {
            sums.iter_mut().zip(path).for_each(|(sum, effect)| sum[0] += effect.abs());
        }
        sums.iter().map(|sum| [sum[0] / n]).collect()
    });
    let further = |d: usize| {
        let mean = effects.iter().map(|path| path[d]).sum::<f64>() / n;
        let square = effects.iter().map(|path| (path[d] - mean) * (path[d] - mean)).sum::<f64>();
        vec![mean, (square / (n - 1.0)).sqrt()]
    };
    estimates.into_iter().enumerate().map(|(d, estimate)| (estimate.to_vec(), further(d))).collect()
}

/// The sensitivities as a table.
///
/// # Errors
/// What reading the journal reports.
pub fn table(source: &Source, kind: Indices) -> io::Result<Small> {
    let list = sensitivities(source, kind)?;
    let texts = |of: &dyn Fn(&Sensitivity) -> String| Values::Texts(list.iter().map(of).collect());
    let numbers = |of: &dyn Fn(&Sensitivity) -> f64| Values::Numbers(list.iter().map(of).collect());
    let mut table = Small::default().with("quantity", texts(&|s| s.column.clone()));
    if !source.plan.times().is_empty() {
        table = table.with(source.plan.independent.clone(), numbers(&|s| s.time.unwrap_or(f64::NAN)));
    }
    table = table.with("parameter", texts(&|s| s.parameter.clone()));
    let names: &[&str] = match kind {
        Indices::Sobol => &["first", "total"],
        Indices::Morris => &["mu_star"],
    };
    for (j, name) in names.iter().enumerate() {
        table = table
            .with(*name, numbers(&|s| s.estimates[j].value))
            .with(format!("{name}_low"), numbers(&|s| s.estimates[j].value - s.estimates[j].reach))
            .with(format!("{name}_high"), numbers(&|s| s.estimates[j].value + s.estimates[j].reach));
    }
    if kind == Indices::Morris {
        table = table.with("mu", numbers(&|s| s.further[0])).with("sigma", numbers(&|s| s.further[1]));
    }
    Ok(table.with("used", Values::Wholes(list.iter().map(|s| s.used as i64).collect())))
}
