//! Quantiles over all trajectories at each of some times.

use std::ops::ControlFlow;

use super::{Ensemble, EnsembleError, Keep, Sketch};

/// Quantiles of states and outputs over trajectories, by time.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiles {
    /// The times.
    pub times: Vec<f64>,
    /// The states and outputs.
    pub columns: Vec<String>,
    /// The probabilities.
    pub probabilities: Vec<f64>,
    /// By time, column and probability, the last fastest; NaN at times no trajectory has reached.
    pub values: Vec<f64>,
    /// Trajectories that ended well; those that did not count where they got to.
    pub succeeded: usize,
    /// Trajectories.
    pub count: usize,
    /// The ranks are wrong by at most this share of the count; 0 up to 4,095 trajectories.
    pub rank_error: f64,
}

impl Quantiles {
    /// The quantile of a probability, by place, of a column over the times.
    pub fn band(&self, column: usize, probability: usize) -> Vec<f64> {
        let (m, q) = (self.columns.len(), self.probabilities.len());
        self.values.iter().skip(column * q + probability).step_by((m * q).max(1)).copied().collect()
    }
}

impl Ensemble<'_> {
    /// Runs all trajectories, and gives quantiles of the chosen states and outputs (all, where none is named) at these times
    /// as [`Sketch`] finds them, in memory that does not depend on their number.
    ///
    /// # Errors
    /// [`EnsembleError`] where nothing can be run, or a name is unknown.
    pub fn quantiles(
        &self,
        columns: &[&str],
        times: &[f64],
        probabilities: &[f64],
    ) -> Result<Quantiles, EnsembleError> {
        let names = self.column_names(columns)?;
        let mut sketches = vec![Sketch::default(); times.len() * names.len()];
        let mut succeeded = 0;
        let count = self.records_of(columns, &Keep::At(times.to_vec()), |_, record| {
            succeeded += usize::from(record.failure.is_none());
            sketches.iter_mut().zip(&record.values).for_each(|(sketch, value)| sketch.add(*value));
            ControlFlow::Continue(())
        })?;
        Ok(Quantiles {
            times: times.to_vec(),
            columns: names,
            probabilities: probabilities.to_vec(),
            values: sketches.iter().flat_map(|sketch| sketch.quantiles(probabilities)).collect(),
            succeeded,
            count,
            rank_error: sketches.iter().map(Sketch::rank_error).fold(0.0, f64::max),
        })
    }
}
