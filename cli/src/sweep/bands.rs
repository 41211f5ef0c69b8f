//! Quantiles over all trajectories at each time.

use std::io;

use super::plan::Kept;
use super::rows::Small;
use super::source::Source;
use crate::engine::ensemble::Sketch;
use crate::write::rows::Values;

/// Quantiles by time, column and probability, the last fastest.
pub struct Bands {
    pub times: Vec<f64>,
    pub columns: Vec<String>,
    pub probabilities: Vec<f64>,
    values: Vec<f64>,
    /// Trajectories that got to each time.
    counts: Vec<i64>,
    /// The share of the count by which ranks may be wrong.
    pub rank_error: f64,
}

impl Bands {
    /// Of trajectories whose values at some times are kept.
    ///
    /// # Errors
    /// What reading them reports.
    pub fn new(source: &Source, probabilities: &[f64]) -> io::Result<Bands> {
        let (times, columns) = (source.plan.times().to_vec(), source.plan.columns.clone());
        let series = times.len() * columns.len();
        let (mut values, mut counts, mut rank_error) = (Vec::new(), Vec::new(), 0.0_f64);
        for start in (0..series).step_by(AT_ONCE) {
            let mut sketches = vec![Sketch::default(); AT_ONCE.min(series - start)];
            for trajectory in source.trajectories()? {
                let (_, (_, record)) = trajectory?;
                let own = record.values.iter().skip(start);
                sketches.iter_mut().zip(own).for_each(|(sketch, value)| sketch.add(*value));
            }
            values.extend(sketches.iter().flat_map(|sketch| sketch.quantiles(probabilities)));
            counts.extend(sketches.iter().map(|sketch| sketch.count() as i64));
            rank_error = sketches.iter().map(Sketch::rank_error).fold(rank_error, f64::max);
        }
        Ok(Bands {
            values,
            counts: counts.into_iter().step_by(columns.len().max(1)).collect(),
            rank_error,
            times,
            columns,
            probabilities: probabilities.to_vec(),
        })
    }

    /// A quantile of a column over time.
    pub fn curve(&self, column: usize, probability: usize) -> Vec<f64> {
        let (m, q) = (self.columns.len(), self.probabilities.len());
        self.values.iter().skip(column * q + probability).step_by((m * q).max(1)).copied().collect()
    }

    /// A row per time: how many trajectories got there, and `x: 5 %` and so on for each column.
    pub fn table(&self, independent: &str) -> Small {
        let mut table = Small::default()
            .with(independent, Values::Numbers(self.times.clone()))
            .with("count", Values::Wholes(self.counts.clone()));
        for (k, column) in self.columns.iter().enumerate() {
            for (j, probability) in self.probabilities.iter().enumerate() {
                table = table.with(format!("{column}: {} %", percent(*probability)), Values::Numbers(self.curve(k, j)));
            }
        }
        table
    }
}

/// So many quantities are gone through at a time, with less than half a megabyte for each.
const AT_ONCE: usize = 512;

/// A probability in percent: 0.07 · 100 is 7.000000000000001.
pub fn percent(probability: f64) -> f64 {
    (probability * 1e10).round() / 1e8
}

/// Quantiles where none are named: the middle half and nine tenths of the trajectories, and their median.
pub const PROBABILITIES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// The probabilities of a plan.
pub fn probabilities(kept: &Kept) -> &[f64] {
    match kept {
        Kept::Quantiles(_, probabilities) => probabilities,
        _ => &PROBABILITIES,
    }
}
