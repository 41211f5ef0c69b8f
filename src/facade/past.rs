//! Which runs of models with delays have derivatives by their steps.

use super::derivatives::DerivativeError;
use super::problem::{Problem, Start};
use crate::expr::{ExprId, Node, Reads};
use crate::model::{Kind, Model};
use crate::solve::Method;
use crate::system::Matrix;

impl Problem<'_> {
    /// Whether derivatives of the steps go through everything that the model has beside delays.
    pub(super) fn reversible_past(&self) -> Result<(), DerivativeError> {
        let (model, system) = (self.compiled().model().checked(), self.compiled().system());
        let Some(table) = system.delays() else { return Ok(()) };
        let refused = |what: &str| {
            let sentence =
                format!("there is no way back, nor forward by the steps, through a run with delays and {what}");
            Err(DerivativeError::Refused(sentence))
        };
        if table.is_neutral() {
            return refused("derivatives at other times");
        }
        let reads = |matrix| system.derivative(matrix).is_ok_and(|matrix| matrix.pattern().nnz() > 0);
        if system.events().is_some() && (reads(Matrix::SurfaceDelays) || reads(Matrix::ResetDelays)) {
            return refused("events or switches that read values at other times");
        }
        if !system.shape().algebraic.is_empty() || system.constraints().is_some() {
            return refused("algebraic equations");
        }
        if matches!(self.options().method, Method::Rosenbrock23 | Method::Rodas4 | Method::Rodas5P) {
            return refused("Rosenbrock methods, whose steps ask for derivatives by time; try RadauIIA5 or BDF");
        }
        if !model.delays.arguments.iter().any(|argument| argument.lag.is_none() && moves(model, argument.value)) {
            return Ok(());
        }
        if system.events().is_some_and(|events| {
            events.groups.iter().any(|group| group.assignments.iter().any(|assignment| assignment.state))
        }) {
            return refused("events that set states, which are read at times that the state decides");
        }
        match self.jump_that_moves(&self.start()?) {
            None => Ok(()),
            Some((state, read)) => Err(DerivativeError::Refused(format!(
                "`{state}` jumps at the start, and `{read}` at a time that the state decides: there is no derivative; let \
                 what is said of the past lead to the value at the start"
            ))),
        }
    }

    /// Of a model with delays: whether sensitivities that are states themselves would not go through it, as they would have to
    /// jump.
    pub(super) fn only_by_steps(&self) -> bool {
        let system = self.compiled().system();
        system.delays().is_some()
            && (system.events().is_some()
                || self.suits_states().is_err()
                || self.start().is_ok_and(|start| self.jump_that_moves(&start).is_some()))
    }

    /// A state that jumps at the start, and what reads it at a time which is not fixed.
    fn jump_that_moves(&self, start: &Start) -> Option<(String, String)> {
        let (model, system) = (self.compiled().model().checked(), self.compiled().system());
        let table = system.delays()?;
        if !model.delays.arguments.iter().any(|argument| moves(model, argument.lag.unwrap_or(argument.value))) {
            return None;
        }
        let (mut values, mut work) = (vec![0.0; 2 * table.values.len()], vec![0.0; system.shape().work]);
        let times = vec![self.options().t0; table.arguments.len()];
        system.past(&times, &start.bound, &mut work, &mut values);
        let jumps =
            |(delayed, value): &(&crate::system::DelayedState, &f64)| delayed.past && **value != start.y[delayed.state];
        let (delayed, _) = table.values.iter().zip(&values).find(jumps)?;
        let read = table.arguments[delayed.argument].name.clone();
        Some((system.shape().states.get(delayed.state).to_string(), read))
    }
}

/// Whether something depends on parameters or states.
fn moves(model: &Model, value: ExprId) -> bool {
    model.graph.facts(value).reads >= Reads::Parameters
        && model.graph.reachable(&[value]).into_iter().any(|id| match model.graph.node(id) {
            Node::Symbol(symbol, _) => model.symbol(symbol).kind != Kind::Argument,
            _ => false,
        })
}
