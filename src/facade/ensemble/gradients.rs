//! The value of an objective for each trajectory, and its gradient.

use std::ops::ControlFlow;

use super::pool::{AHEAD, Desk};
use super::{Ensemble, EnsembleError};
use crate::facade::bind::UnknownName;
use crate::facade::{Objective, ObjectiveError};

/// The value of an objective, and its derivatives in the order of [`Objective::by`].
pub type Valued = Result<(f64, Vec<f64>), ObjectiveError>;

impl Ensemble<'_> {
    /// The value of an objective for the values of each trajectory, and its gradient there; `sink` receives them as by
    /// [`Self::each`]. Every name that the objective is a function of is that of a column; settings are the objective's.
    /// Other derivatives are those of [`super::Problem::record`] in [`Self::each_problem`].
    ///
    /// # Errors
    /// [`EnsembleError`] where a name has no column, or a column no name.
    pub fn gradients(
        &self,
        objective: &Objective,
        mut sink: impl FnMut(usize, Valued) -> ControlFlow<()>,
    ) -> Result<usize, EnsembleError> {
        let stranger = |name: &String| {
            EnsembleError::Objective(ObjectiveError::Name(UnknownName { name: name.clone(), suggestion: None }))
        };
        if let Some(name) = self.names.iter().find(|name| !objective.by().contains(name)) {
            return Err(stranger(name));
        }
        let place = |name: &String| self.names.iter().position(|own| own == name).ok_or_else(|| stranger(name));
        let places = objective.by().iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let work = |desk: &mut Desk<Valued>| {
            while let Some(k) = desk.take() {
                let row = self.row(k);
                let at: Vec<f64> = places.iter().map(|place| row[*place]).collect();
                let mut gradient = vec![0.0; at.len()];
                let value = objective.value_and_gradient(&at, &mut gradient);
                desk.done(k, value.map(|value| (value, gradient)));
            }
        };
        self.on_threads(AHEAD, &work, &mut sink)
    }
}
