//! The kernel `pull`: Jᵀμ and (∂f/∂p)ᵀμ in one pass, or those of J v + τ ∂f/∂t.
//!
//! It adds to what stands first in the work buffer: n numbers by the states, and behind them those by parameters and discrete
//! quantities, so that the gradient of a run grows where it stands. Nothing is written to `out`. The direction is μ, n numbers;
//! for J v + τ ∂f/∂t it is v, τ and then μ.

use super::emit::{Nest, Target};
use super::lower::{
    Job, Lowered, ModelLayout, Target64, extension_layout, extension_program, state_definitions, store,
};
use super::program::{Buffer, Program};
use crate::diff::{self, Added, Unsupported};
use crate::expr::{IndexRange, VarId};
use crate::model::Model;

/// Lowers it; `curved` for J v + τ ∂f/∂t.
///
/// # Errors
/// As [`diff::pull`].
pub fn lower_pull(model: &Model, lowered: &Lowered, target: Target64, curved: bool) -> Result<Program, Unsupported> {
    let diff::Pull { mut graph, symbols, definitions, added, sums, adjoints } = diff::pull(model, curved)?;
    let mut targets = Vec::with_capacity(added.len() + 1);
    // Adjoints of computed arrays are 0 at first.
    if adjoints > sums {
        // Any index serves where all are in use: nothing else is read in this loop.
        let var = graph.var("_0").unwrap_or(VarId(0));
        let zero = graph.constant(0.0);
        let to = Target { buffer: Buffer::W, base: 0, terms: vec![(var, 1)] };
        let range = IndexRange { var, lo: sums as i64, hi: adjoints as i64 - 1 };
        targets.push(Nest { ranges: vec![range], stores: vec![(to, zero)] });
    }
    let mut layout = extension_layout(model, &symbols, lowered);
    layout.adjoints = adjoints;
    targets.extend(added.into_iter().map(|added| nest(added, &layout)));
    let definitions = state_definitions(model).into_iter().chain(&definitions).collect();
    let job = Job { name: "pull", definitions, targets, out: 0 };
    let v = if curved { 2 * model.dim() + 1 } else { model.dim() };
    Ok(extension_program(&job, &graph, &layout, model, lowered, target, v))
}

fn nest(Added { ranges, stores }: Added, layout: &ModelLayout) -> Nest {
    let stores = stores.into_iter().map(|((adjoint, subscripts), value)| {
        let symbol = &layout.symbols[adjoint.0 as usize];
        let dims: Vec<(i64, usize)> = symbol.dims.iter().map(|d| (d.lo, d.len())).collect();
        (store(Buffer::W, symbol.offset, &dims, &subscripts), value)
    });
    Nest { ranges, stores: stores.collect() }
}
