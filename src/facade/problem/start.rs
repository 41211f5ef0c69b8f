//! What a run starts from: values of parameters and discrete quantities, and the states they lead to.

use super::{Problem, SolveError};
use crate::facade::Model;
use crate::facade::bind::Desk;
use crate::system::Names;

/// What a run starts from: bound parameters, and the states.
#[derive(Clone, Debug, Default)]
pub struct Start {
    pub bound: Vec<f64>,
    pub y: Vec<f64>,
}

impl Problem<'_> {
    /// Bound parameters, and the states at the start.
    pub(in crate::facade) fn start(&self) -> Result<Start, SolveError> {
        let mut start = Start::default();
        self.start_within(&mut Desk::default(), &mut start)?;
        Ok(start)
    }

    /// The same in memory that is there.
    pub(in crate::facade) fn start_within(&self, desk: &mut Desk, start: &mut Start) -> Result<(), SolveError> {
        // What is set to NaN would make f no number somewhere else: here its name is known.
        let names: [fn(&Model) -> Names; 2] = [Model::parameters, Model::discretes];
        for (values, names) in [&self.given.parameters, &self.given.discretes].into_iter().zip(names) {
            if let Some(k) = values.iter().filter(|(_, value)| value.is_nan()).map(|(k, _)| *k).min() {
                return Err(self.refused(format!("`{}` is set to NaN", names(self.compiled.model()).get(k))));
            }
        }
        if self.given.parameters.is_empty() {
            start.bound.clone_from(self.compiled.bound_defaults().map_err(SolveError::Missing)?);
        } else {
            self.compiled.parameter_values_within(desk, &self.given.parameters).map_err(SolveError::Missing)?;
            self.compiled.bind_values(desk, &mut start.bound);
        }
        self.start_from(desk, start, []);
        Ok(())
    }

    /// The same for bound parameters that are known, with some first values of discrete quantities besides.
    pub(in crate::facade) fn start_of(
        &self,
        bound: Vec<f64>,
        discretes: impl IntoIterator<Item = (usize, f64)>,
    ) -> Start {
        let mut start = Start { bound, y: Vec::new() };
        self.start_from(&mut Desk::default(), &mut start, discretes);
        start
    }

    fn start_from(&self, desk: &mut Desk, start: &mut Start, discretes: impl IntoIterator<Item = (usize, f64)>) {
        let Start { bound, y: y0 } = start;
        let discretes_at = self.compiled.system().shape().discretes_at;
        let own = self.given.discretes.iter().map(|(place, value)| (*place, *value));
        own.chain(discretes).for_each(|(place, value)| bound[discretes_at + place] = value);
        self.compiled.initial_within(desk, self.options.t0, bound, y0);
        // Sensitivities of a state stand n places apart behind it; a start that is set depends on no parameter.
        let by = self.compiled.model().sensitivities();
        let n = y0.len() / (by.len() + 1);
        for (place, value) in &self.given.initial {
            y0[*place] = *value;
            for (j, name) in by.iter().enumerate().filter(|_| *place < n) {
                let own = self.compiled.system().shape().states.find(name) == Some(*place);
                y0[n * (j + 1) + place] = if own { 1.0 } else { 0.0 };
            }
        }
    }
}
