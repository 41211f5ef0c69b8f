//! The kernel of Taylor coefficients: from [`crate::diff::taylor`]'s arrays to a program.
//!
//! | name | reads | writes |
//! |---|---|---|
//! | `taylor` | `t`, `y`, `p` | `out`: y_1, …, y_N, n numbers each |

use super::emit::{Emitter, Nest};
use super::lower::{Job, Lowered, Target64, definition_nests, extension_layout, state_definitions, store};
use super::program::{Buffer, Kernel, Lengths, Program};
use crate::diff::{self, Derivatives, NoSeries};
use crate::expr::ExprId;
use crate::model::{Model, Symbol};

/// Lowers the Taylor coefficients of orders 1 to `order` of a lowered model's solution, and tells whether they are free of
/// branches.
///
/// # Errors
/// [`NoSeries`]
pub fn lower_taylor(
    model: &Model,
    derivatives: &Derivatives,
    lowered: &Lowered,
    target: Target64,
    order: usize,
) -> Result<(Program, bool), NoSeries> {
    // Quantities hoisted for the other kernels are nodes of the derivatives' graph: its extension can read them.
    let series = diff::taylor(model, derivatives.graph.clone(), derivatives.symbols.clone(), order)?;
    let layout = extension_layout(model, &series.symbols, lowered);
    let n = model.dim();
    let symbol = |id: crate::expr::SymbolId| -> &Symbol { &series.symbols[id.0 as usize] };
    let dims = |symbol: &Symbol| symbol.dims.iter().map(|d| (d.lo, d.len())).collect::<Vec<_>>();
    let mut targets: Vec<Nest> = Vec::new();
    for array in &series.arrays {
        let own = symbol(array.family.symbol);
        for piece in &array.family.pieces {
            let mut stores = Vec::new();
            if array.kept {
                stores.push((store(Buffer::W, own.offset, &dims(own), &piece.subscripts), piece.value));
            }
            if let Some((state, k)) = array.coefficient {
                let state = symbol(state);
                let base = (k - 1) * n + state.offset;
                stores.push((store(Buffer::Out, base, &dims(state), &piece.subscripts), piece.value));
            }
            targets.push(Nest { ranges: piece.ranges.clone(), stores });
        }
    }
    let job = Job { name: "taylor", definitions: state_definitions(model), targets, out: order * n };
    let definitions = job.needed_definitions(&series.graph);
    let mut nests: Vec<Nest> = definitions.iter().flat_map(|f| definition_nests(f, &layout)).collect();
    nests.extend(job.targets);
    let roots: Vec<ExprId> = nests.iter().flat_map(|nest| nest.stores.iter().map(|(_, id)| *id)).collect();
    let mut hoisted = lowered.hoisted.clone();
    let mut emitter =
        Emitter::new(&series.graph, &layout, Some(&mut hoisted), target.fma, &roots, series.work).of_series();
    nests.iter().for_each(|nest| emitter.nest(nest));
    let (pieces, w) = emitter.finish();
    let lengths = Lengths { y: n, p: lowered.bound, v: 0, w, out: job.out };
    Ok((Program { kernels: vec![Kernel { name: "taylor", lengths, pieces }] }, series.smooth))
}
