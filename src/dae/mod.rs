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
mod linear;
mod matching;
mod pantelides;
mod scalars;
mod tear;

use crate::diag::{Diagnostic, codes};
use crate::expr::ExprId;
use crate::model::Model;
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
    let mut scalars = Scalars::new(model, &implicit);
    let mut equations: Vec<Equation> = Vec::with_capacity(implicit.equations.len());
    for (value, span) in &implicit.equations {
        equations.push(Equation { value: scalars.plain(*value), span: *span });
    }
    cancel::free_of_derivatives(&mut scalars, &mut equations);
    matching::determined(&mut scalars, &equations)?;
    let index = pantelides::reduce(&mut scalars, equations)?;
    let solved = tear::solve(&mut scalars, &index);
    Ok(assemble::assemble(scalars, index, solved, &implicit))
}

/// The message of a system whose structure is at fault.
pub(crate) fn fault(span: Span, message: String) -> Diagnostic {
    Diagnostic::new(codes::model::IMPLICIT, span, message)
}
