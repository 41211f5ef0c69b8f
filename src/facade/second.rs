//! Second derivatives: gradients of the model with its derivative in one direction.

use super::bind::wanted;
use super::derivatives::{DerivativeError, Gradient, Recorded};
use super::objective::{Objective, derivatives};
use super::objective_error::ObjectiveError;
use super::problem::Problem;
use crate::diff::saltation::unsuited;
use crate::model::Kind;

impl<'a> Problem<'a> {
    /// The Hessian of Σ weights · values times a direction: how [`Recorded::pull`]'s gradient changes where each named
    /// parameter or initial value changes at the given rate. `weights` are as there; the run has to keep points at given times,
    /// since the model with its derivative takes steps of its own. Costs the same however many parameters there are.
    ///
    /// # Errors
    /// [`DerivativeError`]
    pub fn hessian_product(&self, weights: &[f64], direction: &[(&str, f64)]) -> Result<Gradient, DerivativeError> {
        let recorded = self.record_along(direction)?;
        let model = self.compiled().model().checked();
        let (n, m) = (model.dim(), self.compiled().system().shape().outputs.len());
        if weights.len() != recorded.solution().len() * (n + m) {
            let (expected, found) = (recorded.solution().len() * (n + m), weights.len());
            return Err(DerivativeError::Refused(format!("expected {expected} weights, found {found}")));
        }
        let mut larger_weights = vec![0.0; 2 * weights.len()];
        for (own, larger) in weights.chunks_exact(n + m).zip(larger_weights.chunks_exact_mut(2 * (n + m))) {
            larger[n..2 * n].copy_from_slice(&own[..n]);
            larger[2 * n + m..].copy_from_slice(&own[n..]);
        }
        let mut gradient = recorded.pull(&larger_weights)?;
        gradient.parameters.truncate(model.parameter_count());
        gradient.initial.truncate(n);
        Ok(gradient)
    }

    /// All second derivatives of Σ weights · values by the named parameters and initial values, by rows: the products of
    /// [`Self::hessian_product`] with single names, one run and sweep each.
    ///
    /// # Errors
    /// [`DerivativeError`]
    pub fn hessian(&self, weights: &[f64], names: &[&str]) -> Result<Vec<f64>, DerivativeError> {
        let mut rows = Vec::with_capacity(names.len() * names.len());
        for name in names {
            let row = self.hessian_product(weights, &[(name, 1.0)])?;
            rows.extend(names.iter().map(|name| self.of_name(&row, name)));
        }
        Ok(rows)
    }

    /// The element of a gradient by that name.
    pub(super) fn of_name(&self, gradient: &Gradient, name: &str) -> f64 {
        let model = self.compiled().model();
        let parameter = model.parameters().find(name).map(|place| gradient.parameters[place]);
        parameter.or_else(|| model.states().find(name).map(|place| gradient.initial[place])).unwrap_or(0.0)
    }

    /// Records the run of the model with its derivative in a direction.
    pub(super) fn record_along(&self, direction: &[(&str, f64)]) -> Result<Recorded<'a>, DerivativeError> {
        self.differentiable()?;
        let (start, model) = (self.start()?, self.compiled().model().checked());
        if !model.constraints.is_empty() {
            let sentence = "second derivatives do not go through equations that had to be differentiated yet";
            return Err(DerivativeError::Refused(sentence.to_string()));
        }
        if let Some(sentence) = unsuited(model) {
            return Err(DerivativeError::Refused(sentence));
        }
        if !model.delays.is_empty() {
            return Err(DerivativeError::Refused("second derivatives do not go through delays yet".to_string()));
        }
        if self.keeps_steps() {
            let sentence = "second derivatives are of values at given times; give them, as in `save = 10`";
            return Err(DerivativeError::Refused(sentence.to_string()));
        }
        let wanted = direction.iter().map(|(name, _)| wanted(model, name)).collect::<Result<Vec<_>, _>>();
        let wanted = wanted.map_err(DerivativeError::Name)?;
        let (_, q) = self.directions(&start, &wanted)?;
        let k = wanted.len();
        // Behind the parameters stand their changes, then those of the initial values.
        let parameters = model.parameter_count();
        let rate = |place: usize| (0..k).map(|j| q[place * k + j] * direction[j].1).sum::<f64>();
        let mut changes: Vec<f64> = (0..parameters).map(rate).collect();
        changes.resize(parameters + model.dim(), 0.0);
        for (by, (_, rate)) in wanted.iter().zip(direction) {
            let symbol = model.symbol(by.symbol);
            if symbol.kind == Kind::State {
                changes[parameters + symbol.offset + symbol.place(&by.element)] += rate;
            }
        }
        let n = model.dim();
        let starts: Vec<(usize, f64)> =
            self.given_states().map(|place| (n + place, changes[parameters + place])).collect();
        let larger = self.compiled().along().map_err(DerivativeError::Refused)?;
        let changes = changes.into_iter().enumerate().map(|(place, change)| (parameters + place, change));
        self.along(larger, changes, starts).record_of_second(n)
    }
}

impl Objective {
    /// All second derivatives at `at`, by rows, one number per pair of names of [`Self::by`]: for each name one run of the model
    /// with its derivative, and a sweep back. For small problems.
    ///
    /// # Errors
    /// As [`Self::value_and_gradient`], and where second derivatives do not go through what happens.
    pub fn hessian(&self, at: &[f64]) -> Result<Vec<f64>, ObjectiveError> {
        let problem = self.problem(at).save(self.save()?);
        let mut rows = Vec::with_capacity(at.len() * at.len());
        for name in self.by() {
            let recorded = problem.record_along(&[(name, 1.0)]).map_err(derivatives)?;
            if recorded.solution().stopped_by().is_some() {
                let sentence = "second derivatives of objectives do not go through `stop` yet".to_string();
                return Err(derivatives(DerivativeError::Refused(sentence)));
            }
            let (_, row) = self.pulled(&recorded, true)?;
            rows.extend(self.by().iter().map(|name| problem.of_name(&row, name)));
        }
        match rows.iter().position(|d| !d.is_finite()) {
            Some(k) => Err(ObjectiveError::Derivative { value: rows[k], name: self.by()[k % at.len()].clone() }),
            None => Ok(rows),
        }
    }
}
