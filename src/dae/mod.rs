//! From implicit equations to ones a solver takes: which quantities have a derivative, which stay algebraic unknowns,
//! which follow from the others.
//!
//! The equations 0 = F(t, x, x', …) of a model are written out by then. In this order: rows of derivatives that cancel are
//! freed of them ([`cancel`]); every equation is matched with an unknown, or those that cannot be are told
//! ([`matching`]); equations are differentiated until they determine all highest derivatives ([`pantelides`]); what can be
//! solved for by hand is ([`tear`]); the rest becomes algebraic states, and the equations that were differentiated become
//! constraints ([`assemble`]).
//!
//! It comes before differentiation and knows nothing of numerics.

mod assemble;
mod cancel;
mod events;
mod linear;
mod matching;
mod pantelides;
mod scalars;
mod tear;

use crate::diag::{Diagnostic, codes};
use crate::expr::{ExprId, Node, SymbolId};
use crate::model::{Kind, Model};
use crate::source::Span;
use scalars::Scalars;

/// One element of an unknown, and an order of derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Variable {
    /// The element, counted through all unknowns.
    pub element: usize,
    /// How often it is differentiated.
    pub order: usize,
}

/// 0 = value, with the place of its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Equation {
    pub value: ExprId,
    pub span: Span,
}

/// More than this many differentiations of one equation are not tried: a model that needs them is written wrongly.
const MOST_DIFFERENTIATIONS: usize = 8;

/// Makes a model with implicit equations one of states, algebraic equations and constraints. Others stay as they are.
///
/// # Errors
/// Diagnostics that name the equations and unknowns at fault.
pub fn solve_structure(model: Model) -> Result<Model, Vec<Diagnostic>> {
    if model.implicit.equations.is_empty() && model.implicit.unknowns.is_empty() {
        return Ok(model);
    }
    let mut model = model;
    let implicit = std::mem::take(&mut model.implicit);
    // Equations that are solved for derivatives have no terms of their own any more.
    model.marked = None;
    let mut scalars = Scalars::new(model, &implicit);
    let mut equations: Vec<Equation> = Vec::with_capacity(implicit.equations.len());
    for (value, span) in &implicit.equations {
        equations.push(Equation { value: scalars.plain(*value), span: *span });
    }
    cancel::free_of_derivatives(&mut scalars, &mut equations);
    matching::determined(&mut scalars, &equations)?;
    let index = pantelides::reduce(&mut scalars, equations)?;
    let solved = tear::solve(&mut scalars, &index);
    let model = assemble::assemble(scalars, index, solved, &implicit)?;
    match delays(&model) {
        Some(error) => Err(vec![error]),
        None => Ok(model),
    }
}

/// What stands in the way of delays: an equation that had to be differentiated, whose delays would have to be as well, and
/// quantities that are no states any more.
fn delays(model: &Model) -> Option<Diagnostic> {
    let first = model.delays.arguments.first()?;
    if !model.constraints.is_empty() {
        let message =
            format!("`{}` beside equations that have to be differentiated to determine all unknowns", first.text);
        let error = Diagnostic::new(codes::model::DELAY, first.span, message);
        return Some(error.help("write the differentiated equations themselves, with the delays in them"));
    }
    let kept = |symbol: SymbolId| model.symbol(symbol).kind != Kind::State || model.states.contains(&symbol);
    let known = |symbol: SymbolId| kept(symbol) && !model.symbol(symbol).name.starts_with('(');
    let missing = model.delays.values.iter().find_map(|delayed| {
        let argument = &model.delays.arguments[delayed.argument];
        let reads = model.graph.reachable(&[argument.value]).into_iter().any(|id| match model.graph.node(id) {
            Node::Symbol(symbol, _) => !known(symbol),
            _ => false,
        });
        (reads || !model.states.contains(&delayed.state)).then_some(argument)
    })?;
    let message = format!("`{}` reads a quantity that its equations give at once, and that is no state", missing.text);
    let error = Diagnostic::new(codes::model::DELAY, missing.span, message);
    Some(error.help("write what it is equal to in its place"))
}

/// The message of a system whose structure is at fault.
pub(crate) fn fault(span: Span, message: String) -> Diagnostic {
    Diagnostic::new(codes::model::IMPLICIT, span, message)
}
