//! Where the right-hand side may jump at a time that moves with the state or with what is differentiated by: sensitivities that
//! are states themselves would have to jump there, and nobody tells them to.

use super::problem::{Problem, SolveError};
use crate::diff::Wanted;
use crate::expr::{ExprId, Node, Reads};
use crate::math::Unary;
use crate::model::Model;
use crate::solve::Solution;

/// A place in the equations where the right-hand side may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// What it is, in words.
    pub what: &'static str,
    /// The state decides when: it may never be met. Else its time moves.
    pub of_state: bool,
}

/// Where the right-hand side may jump: best one whose time moves; none where it is continuous, or jumps at fixed times only.
pub fn jump(model: &Model, wanted: &[Wanted]) -> Option<Jump> {
    let graph = &model.graph;
    let families = model.definitions.iter().chain(&model.derivatives);
    let roots: Vec<ExprId> = families.flat_map(|family| family.pieces.iter().map(|piece| piece.value)).collect();
    let by = |id: &ExprId| match graph.node(*id) {
        Node::Symbol(symbol, _) => wanted.iter().any(|wanted| wanted.symbol == symbol),
        _ => false,
    };
    let found = |what: &'static str, of: ExprId| match graph.facts(of).reads {
        Reads::State => Some(Jump { what, of_state: true }),
        Reads::Time if graph.reachable(&[of]).iter().any(by) => Some(Jump { what, of_state: false }),
        _ => None,
    };
    let jumps = graph.reachable(&roots).into_iter().filter_map(|id| match graph.node(id) {
        Node::Select(condition, ..) => found("a condition of `if`", condition),
        Node::Unary(Unary::Floor | Unary::Ceil, of) => found("a number that is rounded", of),
        Node::Curve(curve, order, of) if order >= graph.curve(curve).shape().degree() => {
            found("a step of the data", of)
        }
        _ => None,
    });
    jumps.min_by_key(|jump| jump.of_state)
}

impl Problem<'_> {
    /// Of a model with sensitivities: whether its equations may jump at a time that moves, or have done so in a run.
    pub(super) fn no_jump(&self, run: Option<&Solution>) -> Result<(), SolveError> {
        let Some(Jump { what, of_state }) = self.compiled().model().jump else { return Ok(()) };
        let met = match run {
            Some(solution) => of_state && solution.statistics.located > 0,
            None => !of_state,
        };
        if !met {
            return Ok(());
        }
        Err(self.refused(format!(
            "the equations jump, by {what}, at a time that moves: sensitivities as states, which count in the error test, do not \
             go through that; `Problem::tangents` without `control_sensitivities`, as in `run --sensitivities`, does, unless \
             the model has delays"
        )))
    }
}
