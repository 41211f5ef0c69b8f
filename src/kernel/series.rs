//! The kernels of Taylor coefficients: from [`crate::diff::taylor`]'s arrays to a program.
//!
//! | name | reads | writes |
//! |---|---|---|
//! | `taylor` | `t`, `y`, `p` | `out`: y_1, …, y_N, n numbers each; as asked, behind them the coefficients of orders 0 to N − 1 of ∂f/∂y along the solution, then those of ∂f/∂p |

use super::emit::{Emitter, Nest};
use super::lower::{
    Job, Lowered, MatrixPlan, ModelLayout, Target64, definition_nests, extension_layout, matrix, state_definitions,
    store,
};
use super::program::{Buffer, Kernel, Lengths, Program};
use crate::diff::{self, Derivatives, Entry, NoSeries, Series};
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
    let series = diff::taylor(model, derivatives.graph.clone(), derivatives.symbols.clone(), &[], order)?;
    let layout = extension_layout(model, &series.symbols, lowered);
    let program = program(model, lowered, target, &series, &layout, (Vec::new(), order * model.dim()));
    Ok((program, series.smooth))
}

/// The same, with the coefficients of ∂f/∂y and ∂f/∂p along the solution; both matrices' plans, of which each order writes all
/// values.
///
/// # Errors
/// A sentence that says why there are none.
pub fn lower_taylor_derivatives(
    model: &Model,
    derivatives: &Derivatives,
    lowered: &Lowered,
    target: Target64,
    order: usize,
) -> Result<(Program, [MatrixPlan; 2]), String> {
    let mut graph = derivatives.graph.clone();
    let by_parameter = diff::parameter_jacobian(model, &mut graph).map_err(|e| e.to_string())?;
    let both = [&derivatives.jacobian, &by_parameter];
    let further: Vec<&Entry> = both.into_iter().flatten().collect();
    let series = diff::taylor(model, graph, derivatives.symbols.clone(), &further, order).map_err(|e| e.to_string())?;
    let layout = extension_layout(model, &series.symbols, lowered);
    let n = model.dim();
    let (mut targets, mut out, mut first) = (Vec::new(), order * n, 0);
    let columns = [n, lowered.parameters + lowered.discretes];
    let plans = [0, 1].map(|which| {
        let mut plan = MatrixPlan::default();
        let mut entries = both[which].clone();
        for coefficients in &series.further {
            for (entry, value) in entries.iter_mut().zip(&coefficients[first..]) {
                entry.value = *value;
            }
            let (own, mut nests) = matrix(&entries, n, columns[which], &layout);
            for (target, _) in nests.iter_mut().flat_map(|nest| &mut nest.stores) {
                target.base += out as i64;
            }
            targets.append(&mut nests);
            out += own.values;
            plan = own;
        }
        first += entries.len();
        plan
    });
    Ok((program(model, lowered, target, &series, &layout, (targets, out)), plans))
}

/// The kernel `taylor` of a series, of what is computed from it besides, and of all it writes.
fn program(
    model: &Model,
    lowered: &Lowered,
    target: Target64,
    series: &Series,
    layout: &ModelLayout,
    (mut further, out): (Vec<Nest>, usize),
) -> Program {
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
    targets.append(&mut further);
    let job = Job { name: "taylor", definitions: state_definitions(model), targets, out };
    let definitions = job.needed_definitions(&series.graph);
    let mut nests: Vec<Nest> = definitions.iter().flat_map(|f| definition_nests(f, layout)).collect();
    nests.extend(job.targets);
    let roots: Vec<ExprId> = nests.iter().flat_map(|nest| nest.stores.iter().map(|(_, id)| *id)).collect();
    let mut hoisted = lowered.hoisted.clone();
    let mut emitter =
        Emitter::new(&series.graph, layout, Some(&mut hoisted), target.fma, &roots, series.work).of_series();
    nests.iter().for_each(|nest| emitter.nest(nest));
    let (pieces, w) = emitter.finish();
    let lengths = Lengths { y: n, p: lowered.bound, v: 0, w, out: job.out };
    Program { kernels: vec![Kernel { name: "taylor", lengths, pieces }] }
}
