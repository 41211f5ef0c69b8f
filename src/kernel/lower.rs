//! From equations to kernels: which buffers hold what, which loops run, which values go where.
//!
//! The kernels, all with the shared signature of [`super::program`]:
//!
//! | name | reads | writes |
//! |---|---|---|
//! | `bind` | `p`: the parameters | `out`: the quantities hoisted behind them |
//! | `init` | `t`, `p` | `out`: y at the start, n |
//! | `rhs` | `t`, `y`, `p` | `out`: dy, n |
//! | `jacobian` | `t`, `y`, `p` | `out`: values of ∂f/∂y, by [`MatrixPlan`] |
//! | `time_derivative` | `t`, `y`, `p` | `out`: ∂f/∂t, n (absent if f does not depend on t) |
//! | `explicit`, `implicit` | `t`, `y`, `p` | `out`: f_E, f_I, n each (absent where no term is marked stiff) |
//! | `implicit_jacobian` | `t`, `y`, `p` | `out`: values of ∂f_I/∂y, by its plan |
//! | `constraints` | `t`, `y`, `p` | `out`: what index reduction left, 0 = G (absent if it left none) |
//! | `constraint_jacobian` | `t`, `y`, `p` | `out`: values of ∂G/∂y, by its plan |
//! | `discretes` | `p` | `out`: the discrete quantities at the start (absent if there are none) |
//! | `surfaces` | `t`, `y`, `p` | `out`: functions whose signs make conditions (absent if there are none) |
//! | `resets` | `t`, `y`, `p` | `out`: right sides, delays and priorities of events (absent if there are none) |
//! | `schedule` | `t`, `p` | `out`: times and periods of events and switches (absent if there are none) |
//! | `lags` | `p` | `out`: delays that parameters decide (absent if there are none) |
//! | `times` | `t`, `y`, `p` | `out`: the other times at which something is read (absent if there are none) |
//! | `past` | `p`, `v`: all such times | `out`: values before the start, then their derivatives (absent if none are given) |
//! | `outputs` | `t`, `y`, `p` | `out`: the recorded quantities (absent if there are none) |
//! | `jacobian_product` | `t`, `y`, `p`, `v` | `out`: J v, n (on request) |
//! | `matrix` | `t`, `y`, `p`, `v` | `out`: values of a [`Matrix`] of derivatives, by its plan (on request) |
//! | `pull` | `t`, `y`, `p`, `v` | adds to `w`: products of transposed Jacobians (on request, `pull`) |

use rustc_hash::FxHashMap;

use super::delays::DelayPlan;
use super::emit::{Emitter, Hoisted, Layout, Nest, Target};
use super::events::{EventNumbers, EventPlan, Numbers};
use super::program::{Buffer, Kernel, Lengths, Piece, Program};
use super::tables::{self, Form, choose};
use crate::diff::{self, By, Derivatives, Entry, Of, Unsupported};
use crate::expr::{Affine, ExprId, Graph, IndexRange, Node, Reads, Subscript, SymbolId, VarId, for_each_turn};
use crate::linalg::Pattern;
use crate::model::{Family, Kind, Model, Symbol};
use crate::system::Matrix;

/// A program and what its kernels' buffers mean.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The kernels.
    pub program: Program,
    /// Length of `p`: parameters, then discrete quantities, then modes, then values at other times and their derivatives,
    /// then hoisted quantities.
    pub bound: usize,
    /// Number of parameters.
    pub parameters: usize,
    /// Places of the states whose equations are algebraic.
    pub algebraic: Vec<usize>,
    /// Number of discrete quantities.
    pub discretes: usize,
    /// Number of modes.
    pub modes: usize,
    /// Number of values at other times, derivatives included.
    pub delayed: usize,
    /// What is read at other times.
    pub delays: DelayPlan,
    /// What happens at events.
    pub events: EventPlan,
    /// Where the values of ∂f/∂y go.
    pub jacobian: MatrixPlan,
    /// Where the values of ∂f_I/∂y go.
    pub implicit: MatrixPlan,
    /// Where the values of the constraints' derivatives go.
    pub constraints: MatrixPlan,
    /// What it was lowered for.
    pub target: Target64,
    /// For kernels of many operations, the form they have and why.
    pub forms: Vec<String>,
    pub(super) hoisted: Hoisted,
}

/// How a kernel's values make up a sparse matrix: value k of the kernel belongs to the k-th (row, column) pair; pairs
/// that meet add up. The pairs are counted but not listed until asked for, since arrays make many.
#[derive(Clone, Debug, Default)]
pub struct MatrixPlan {
    rows: usize,
    columns: usize,
    entries: Vec<Diagonal>,
    /// Number of values the kernel writes.
    pub values: usize,
}

/// The places of one family of entries: row and column as affine functions of the indices, columns wrapped.
#[derive(Clone, Debug)]
struct Diagonal {
    ranges: Vec<IndexRange>,
    row: FlatPlace,
    column: FlatPlace,
}

/// A place in a vector: `base + Σ stride·((subscript - lo) mod extent)`.
#[derive(Clone, Debug)]
pub(super) struct FlatPlace {
    base: usize,
    /// (stride, subscript, lo, extent)
    dims: Vec<(usize, Affine, i64, i64)>,
}

/// Options of lowering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target64 {
    /// Contract products and sums into fused multiply-adds (only sensible where the machine has them).
    pub fma: bool,
}

pub(super) struct ModelLayout<'a> {
    pub(super) symbols: &'a [Symbol],
    /// Where discrete quantities begin.
    discretes: usize,
    /// Where modes begin.
    modes: usize,
    /// Where values at other times begin.
    delayed: usize,
    /// Where hoisted quantities begin.
    behind: usize,
    /// Places of the definitions that only parameters decide, behind the parameters.
    hoisted_arrays: FxHashMap<SymbolId, usize>,
    /// In the `bind` kernel everything computed is in the work buffer.
    binding: bool,
    /// How many adjoints stand in front of what is computed in the work buffer.
    pub(super) adjoints: usize,
}

impl Layout for ModelLayout<'_> {
    fn place(&self, id: SymbolId) -> (Buffer, usize, Vec<(i64, usize)>) {
        let symbol = &self.symbols[id.0 as usize];
        let dims = symbol.dims.iter().map(|d| (d.lo, d.len())).collect();
        let (buffer, base) = match symbol.kind {
            Kind::State => (Buffer::Y, symbol.offset),
            Kind::Parameter => (Buffer::P, symbol.offset),
            Kind::Discrete => (Buffer::P, self.discretes + symbol.offset),
            Kind::Mode => (Buffer::P, self.modes + symbol.offset),
            Kind::Delayed => (Buffer::P, self.delayed + symbol.offset),
            Kind::Direction | Kind::Argument => (Buffer::V, symbol.offset),
            Kind::Definition | Kind::Output => match self.hoisted_arrays.get(&id) {
                Some(at) if !self.binding => (Buffer::P, self.behind + at),
                Some(at) => (Buffer::W, *at),
                None => (Buffer::W, self.adjoints + symbol.offset),
            },
            Kind::Adjoint => (Buffer::W, symbol.offset),
        };
        (buffer, base, dims)
    }
}

/// Lowers a model and its derivatives.
pub fn lower(model: &Model, derivatives: &Derivatives, target: Target64) -> Lowered {
    lower_as(model, derivatives, target, Form::Chosen)
}

/// The same, with the form of large networks as asked.
pub fn lower_as(model: &Model, derivatives: &Derivatives, target: Target64, form: Form) -> Lowered {
    let (graph, symbols) = (&derivatives.graph, &derivatives.symbols);
    let parameters = model.parameter_count();
    let (hoisted_families, families): (Vec<&Family>, Vec<&Family>) =
        model.definitions.iter().partition(|f| graph.symbol_reads(f.symbol) <= Reads::Parameters);
    let mut hoisted_arrays = FxHashMap::default();
    let mut hoisted_len = 0;
    for family in &hoisted_families {
        hoisted_arrays.insert(family.symbol, hoisted_len);
        hoisted_len += model.symbol(family.symbol).len();
    }
    let discretes = model.discretes.iter().map(|id| model.symbol(*id).len()).sum::<usize>();
    let modes = model.modes.iter().map(|mode| model.symbol(mode.symbol).len()).sum::<usize>();
    let modes_at = parameters + discretes;
    let delayed_at = modes_at + modes;
    let (delays, delay_numbers) = DelayPlan::new(model, symbols, delayed_at);
    let delayed = 2 * delays.counts.1;
    let behind = delayed_at + delayed;
    let mut layout = ModelLayout {
        symbols,
        discretes: parameters,
        modes: modes_at,
        delayed: delayed_at,
        behind,
        hoisted_arrays,
        binding: false,
        adjoints: 0,
    };
    let mut hoisted = Hoisted::new(behind + hoisted_len);
    let n = model.dim();
    let mut jobs: Vec<Job> = vec![
        Job { name: "init", definitions: Vec::new(), targets: family_targets(&model.initials, &layout), out: n },
        Job {
            name: "rhs",
            definitions: families.clone(),
            targets: family_targets(&model.derivatives, &layout),
            out: n,
        },
    ];
    let (jacobian, jacobian_nests) = matrix(&derivatives.jacobian, n, n, &layout);
    jobs.push(Job { name: "jacobian", definitions: families.clone(), targets: jacobian_nests, out: jacobian.values });
    if !derivatives.time.is_empty() {
        let definitions = families.iter().copied().chain(&derivatives.time_definitions).collect();
        jobs.push(Job {
            name: "time_derivative",
            definitions,
            targets: family_targets(&derivatives.time, &layout),
            out: n,
        });
    }
    let mut implicit = MatrixPlan::default();
    if let Some(split) = &derivatives.split {
        let nests;
        (implicit, nests) = matrix(&split.jacobian, n, n, &layout);
        for (name, own, targets, out) in [
            ("explicit", &split.explicit_definitions, family_targets(&split.explicit, &layout), n),
            ("implicit", &split.implicit_definitions, family_targets(&split.implicit, &layout), n),
            ("implicit_jacobian", &split.implicit_definitions, nests, implicit.values),
        ] {
            jobs.push(Job { name, definitions: families.iter().copied().chain(own).collect(), targets, out });
        }
    }
    let count = model.constraints.len();
    let (constraints, constraint_nests) = matrix(&derivatives.constraints, count, n, &layout);
    if count > 0 {
        let mut nest = Nest { ranges: Vec::new(), stores: Vec::new() };
        for (k, value) in model.constraints.iter().enumerate() {
            nest.stores.push((Target { buffer: Buffer::Out, base: k as i64, terms: Vec::new() }, *value));
        }
        jobs.push(Job { name: "constraints", definitions: families.clone(), targets: vec![nest], out: count });
        jobs.push(Job {
            name: "constraint_jacobian",
            definitions: families.clone(),
            targets: constraint_nests,
            out: constraints.values,
        });
    }
    if !model.outputs.is_empty() {
        let out = model.outputs.iter().map(|f| symbols[f.symbol.0 as usize].len()).sum();
        jobs.push(Job {
            name: "outputs",
            definitions: families.clone(),
            targets: family_targets(&model.outputs, &layout),
            out,
        });
    }
    if discretes > 0 {
        let targets = family_targets(&model.discrete_starts, &layout);
        jobs.push(Job { name: "discretes", definitions: Vec::new(), targets, out: discretes });
    }
    let (events, numbers) = EventPlan::new(model, symbols);
    for (name, numbers) in [("surfaces", numbers.surfaces), ("resets", numbers.resets), ("schedule", numbers.schedule)]
    {
        if numbers.len > 0 {
            jobs.push(Job { name, definitions: families.clone(), targets: numbers.nests, out: numbers.len });
        }
    }
    for (name, numbers) in [("lags", delay_numbers.lags), ("times", delay_numbers.times)] {
        if numbers.len > 0 {
            jobs.push(Job { name, definitions: families.clone(), targets: numbers.nests, out: numbers.len });
        }
    }
    if !derivatives.past.is_empty() {
        let targets = family_targets(&derivatives.past, &layout);
        jobs.push(Job { name: "past", definitions: Vec::new(), targets, out: delayed });
    }
    let mut forms = Vec::new();
    let mut kernels: Vec<Kernel> = jobs
        .iter()
        .map(|job| {
            let v = if job.name == "past" { delays.counts.0 } else { 0 };
            let (kernel, reason) = job.kernel(graph, &layout, Some(&mut hoisted), (target.fma, form), n, v);
            forms.extend(reason.map(|reason| format!("{}: {reason}", job.name)));
            kernel
        })
        .collect();
    layout.binding = true;
    let bound = hoisted.base + hoisted.nodes.len();
    let bind = bind_kernel(graph, &layout, &hoisted_families, &hoisted, target.fma);
    kernels.insert(0, bind);
    for kernel in &mut kernels {
        kernel.lengths.p = if kernel.name == "bind" { parameters } else { bound };
    }
    hoisted.frozen = true;
    let algebraic = model.algebraic.clone();
    Lowered {
        program: Program { kernels },
        bound,
        parameters,
        discretes,
        modes,
        delayed,
        delays,
        events,
        algebraic,
        jacobian,
        implicit,
        constraints,
        target,
        forms,
        hoisted,
    }
}

/// Lowers a matrix of derivatives: the kernel `matrix` and its plan.
///
/// # Errors
/// As [`diff::derive`].
pub fn lower_matrix(
    model: &Model,
    lowered: &Lowered,
    target: Target64,
    which: Matrix,
) -> Result<(Program, MatrixPlan), Unsupported> {
    let (n, discretes) = (model.dim(), lowered.discretes);
    let numbers = |which: fn(EventNumbers) -> Numbers| {
        let numbers = which(EventPlan::new(model, &model.symbols).1);
        (numbers.len, Of::Numbers(numbers.list()))
    };
    let recorded = || model.outputs.iter().map(|f| model.symbol(f.symbol).len()).sum();
    let ((rows, of), by) = match which {
        Matrix::Parameters => ((n, Of::Slopes), By::Parameters),
        Matrix::Curvature => ((n, Of::Products), By::States),
        Matrix::MixedCurvature => ((n, Of::Products), By::Parameters),
        Matrix::Outputs => ((recorded(), Of::Outputs), By::States),
        Matrix::OutputParameters => ((recorded(), Of::Outputs), By::Parameters),
        Matrix::OutputTime => ((recorded(), Of::Outputs), By::Time),
        Matrix::Initial => ((n, Of::Initials), By::Parameters),
        Matrix::Defaults => ((lowered.parameters, Of::Defaults), By::Parameters),
        Matrix::Starts => ((discretes, Of::Starts), By::Parameters),
        Matrix::SurfaceStates => (numbers(|n| n.surfaces), By::States),
        Matrix::SurfaceParameters => (numbers(|n| n.surfaces), By::Parameters),
        Matrix::SurfaceTime => (numbers(|n| n.surfaces), By::Time),
        Matrix::ResetStates => (numbers(|n| n.resets), By::States),
        Matrix::ResetParameters => (numbers(|n| n.resets), By::Parameters),
        Matrix::ResetTime => (numbers(|n| n.resets), By::Time),
        Matrix::Schedule => (numbers(|n| n.schedule), By::Parameters),
        Matrix::Delays => ((n, Of::Slopes), By::Delays),
        Matrix::OutputDelays => ((recorded(), Of::Outputs), By::Delays),
        Matrix::Past => ((lowered.delayed, Of::Past), By::Parameters),
        Matrix::Lags => {
            let lags = DelayPlan::new(model, &model.symbols, 0).1.lags;
            ((lags.len, Of::Numbers(lags.list())), By::Parameters)
        }
        Matrix::SurfaceDelays => (numbers(|n| n.surfaces), By::Delays),
        Matrix::ResetDelays => (numbers(|n| n.resets), By::Delays),
        Matrix::ConstraintParameters => ((model.constraints.len(), Of::Constraints), By::Parameters),
        Matrix::ConstraintTime => ((model.constraints.len(), Of::Constraints), By::Time),
        Matrix::ConstraintCurvature => ((model.constraints.len(), Of::ConstraintProducts), By::States),
        Matrix::MixedConstraintCurvature => ((model.constraints.len(), Of::ConstraintProducts), By::Parameters),
    };
    let diff::Matrix { graph, symbols, definitions, entries } = diff::matrix(model, &of, by)?;
    let layout = extension_layout(model, &symbols, lowered);
    let columns = match by {
        By::States => n,
        By::Parameters => lowered.parameters + discretes,
        By::Delays => lowered.delayed,
        By::Time => 1,
    };
    let (plan, targets) = matrix(&entries, rows, columns, &layout);
    let definitions = state_definitions(model).into_iter().chain(&definitions).collect();
    let job = Job { name: "matrix", definitions, targets, out: plan.values };
    let v = match of {
        Of::Products | Of::ConstraintProducts => n + 1,
        Of::Past => {
            let count = |ranges: &[IndexRange]| ranges.iter().map(|range| range.len()).product::<usize>();
            model.delays.arguments.iter().map(|argument| count(&argument.ranges)).sum()
        }
        _ => 0,
    };
    Ok((extension_program(&job, &graph, &layout, model, lowered, target, v), plan))
}

/// Lowers J v.
pub fn lower_jacobian_product(model: &Model, lowered: &Lowered, target: Target64) -> Program {
    let (mut graph, mut symbols) = (model.graph.clone(), model.symbols.clone());
    let (tangents, families) = diff::jacobian_product(model, &mut graph, &mut symbols);
    let layout = extension_layout(model, &symbols, lowered);
    let definitions = state_definitions(model).into_iter().chain(&tangents).collect();
    let job =
        Job { name: "jacobian_product", definitions, targets: family_targets(&families, &layout), out: model.dim() };
    extension_program(&job, &graph, &layout, model, lowered, target, model.dim())
}

pub(super) fn state_definitions(model: &Model) -> Vec<&Family> {
    model.definitions.iter().filter(|f| model.graph.symbol_reads(f.symbol) > Reads::Parameters).collect()
}

pub(super) fn extension_layout<'a>(model: &Model, symbols: &'a [Symbol], lowered: &Lowered) -> ModelLayout<'a> {
    let mut hoisted_arrays = FxHashMap::default();
    let mut at = 0;
    for family in &model.definitions {
        if model.graph.symbol_reads(family.symbol) <= Reads::Parameters {
            hoisted_arrays.insert(family.symbol, at);
            at += model.symbol(family.symbol).len();
        }
    }
    let (discretes, modes) = (lowered.parameters, lowered.parameters + lowered.discretes);
    let delayed = modes + lowered.modes;
    let behind = delayed + lowered.delayed;
    ModelLayout { symbols, discretes, modes, delayed, behind, hoisted_arrays, binding: false, adjoints: 0 }
}

pub(super) fn extension_program(
    job: &Job,
    graph: &Graph,
    layout: &ModelLayout,
    model: &Model,
    lowered: &Lowered,
    target: Target64,
    v: usize,
) -> Program {
    // Nodes of the model's own graph keep their ids in its extensions, so what is hoisted of them can be read; later
    // ids mean other things in other extensions.
    let mut hoisted = lowered.hoisted.among_first(model.graph.len());
    let (mut kernel, _) = job.kernel(graph, layout, Some(&mut hoisted), (target.fma, Form::Chosen), model.dim(), v);
    kernel.lengths.p = lowered.bound;
    Program { kernels: vec![kernel] }
}

/// One kernel to be.
pub(super) struct Job<'a> {
    pub name: &'static str,
    /// Arrays to compute first, in order.
    pub definitions: Vec<&'a Family>,
    pub targets: Vec<Nest>,
    pub out: usize,
}

impl<'a> Job<'a> {
    fn kernel(
        &self,
        graph: &Graph,
        layout: &ModelLayout,
        hoisted: Option<&mut Hoisted>,
        (fma, form): (bool, Form),
        n: usize,
        v: usize,
    ) -> (Kernel, Option<String>) {
        let definitions = self.needed_definitions(graph);
        let work = definitions
            .iter()
            .map(|f| layout.symbols[f.symbol.0 as usize].offset + layout.symbols[f.symbol.0 as usize].len())
            .max();
        let work = layout.adjoints + work.unwrap_or(0);
        let mut nests: Vec<Nest> = definitions.iter().flat_map(|f| definition_nests(f, layout)).collect();
        nests.extend(self.targets.iter().cloned());
        let roots: Vec<ExprId> = nests.iter().flat_map(|nest| nest.stores.iter().map(|(_, id)| *id)).collect();
        let mut emitter = Emitter::new(graph, layout, hoisted, fma, &roots, work);
        let mut reason = None;
        for nest in &nests {
            let straight = nest.ranges.is_empty() && nest.stores.len() > 1;
            let tables = match form {
                Form::Straight => false,
                Form::Tables => straight,
                Form::Chosen if straight && emitter.is_large() => {
                    let roots: Vec<ExprId> = nest.stores.iter().map(|(_, id)| *id).collect();
                    let nodes = graph.reachable(&roots);
                    let leaf = |id: &&ExprId| matches!(graph.node(**id), Node::Const(_) | Node::Symbol(..));
                    let (form, why) = choose(nodes.len() - nodes.iter().filter(leaf).count());
                    reason = Some(why);
                    form == Form::Tables
                }
                Form::Chosen => false,
            };
            if tables {
                tables::emit(&mut emitter, &nest.stores);
            } else {
                emitter.nest(nest);
            }
        }
        let (pieces, w) = emitter.finish();
        (Kernel { name: self.name, lengths: Lengths { y: n, p: 0, v, w, out: self.out }, pieces }, reason)
    }

    /// The definitions the targets read, through others too.
    pub fn needed_definitions(&self, graph: &Graph) -> Vec<&'a Family> {
        let mut roots: Vec<ExprId> =
            self.targets.iter().flat_map(|nest| nest.stores.iter().map(|(_, id)| *id)).collect();
        let mut needed = Vec::new();
        for family in self.definitions.iter().rev() {
            let read = graph
                .reachable(&roots)
                .iter()
                .any(|id| matches!(graph.node(*id), Node::Symbol(symbol, _) if symbol == family.symbol));
            if read {
                roots.extend(family.pieces.iter().map(|p| p.value));
                needed.push(*family);
            }
        }
        needed.reverse();
        needed
    }
}

/// `bind`: hoisted arrays in order, then hoisted scalars. Arrays are computed in the work buffer, where later ones read
/// them, and copied out.
fn bind_kernel(graph: &Graph, layout: &ModelLayout, families: &[&Family], hoisted: &Hoisted, fma: bool) -> Kernel {
    let len = hoisted.base - layout.behind;
    let mut nests: Vec<Nest> = families.iter().flat_map(|f| definition_nests(f, layout)).collect();
    let mut graph = graph.clone();
    let mut offset = 0;
    for family in families {
        let symbol = &layout.symbols[family.symbol.0 as usize];
        nests.extend(copy_nest(&mut graph, family.symbol, symbol, offset));
        offset += symbol.len();
    }
    for (slot, id) in hoisted.nodes.iter().enumerate() {
        let target = Target { buffer: Buffer::Out, base: (len + slot) as i64, terms: Vec::new() };
        nests.push(Nest { ranges: Vec::new(), stores: vec![(target, *id)] });
    }
    let roots: Vec<ExprId> = nests.iter().flat_map(|nest| nest.stores.iter().map(|(_, id)| *id)).collect();
    let mut emitter = Emitter::new(&graph, layout, None, fma, &roots, len);
    nests.iter().for_each(|nest| emitter.nest(nest));
    let (pieces, w) = emitter.finish();
    let out = len + hoisted.nodes.len();
    Kernel { name: "bind", lengths: Lengths { y: 0, p: 0, v: 0, w, out }, pieces }
}

/// Copies an array from the work buffer to `out`.
fn copy_nest(graph: &mut Graph, id: SymbolId, symbol: &Symbol, offset: usize) -> Option<Nest> {
    let mut ranges = Vec::new();
    let mut list = Vec::new();
    let mut terms = Vec::new();
    let mut stride = symbol.len() as i64;
    let mut base = offset as i64;
    for (k, dim) in symbol.dims.iter().enumerate() {
        stride /= dim.len() as i64;
        let var = graph.var(&format!("_{k}"))?;
        if dim.lo == dim.hi {
            list.push(Subscript { affine: Affine::constant(dim.lo), wrap: false });
            continue;
        }
        ranges.push(IndexRange { var, lo: dim.lo, hi: dim.hi });
        list.push(Subscript { affine: Affine::var(var), wrap: false });
        terms.push((var, stride));
        base -= stride * dim.lo;
    }
    let subs = graph.subscripts_id(list);
    let value = graph.intern(Node::Symbol(id, subs));
    Some(Nest { ranges, stores: vec![(Target { buffer: Buffer::Out, base, terms }, value)] })
}

/// Nests that compute an array into its place in the work buffer.
pub(super) fn definition_nests(family: &Family, layout: &ModelLayout) -> Vec<Nest> {
    let (_, base, dims) = layout.place(family.symbol);
    let nest = |piece: &crate::model::Piece| Nest {
        ranges: piece.ranges.clone(),
        stores: vec![(store(Buffer::W, base, &dims, &piece.subscripts), piece.value)],
    };
    family.pieces.iter().map(nest).collect()
}

/// Nests that store families to `out` at their symbols' offsets; pieces over the same ranges share a nest.
fn family_targets(families: &[Family], layout: &ModelLayout) -> Vec<Nest> {
    let mut nests: Vec<Nest> = Vec::new();
    let mut by_ranges: FxHashMap<Vec<IndexRange>, usize> = FxHashMap::default();
    for family in families {
        let symbol = &layout.symbols[family.symbol.0 as usize];
        let dims: Vec<(i64, usize)> = symbol.dims.iter().map(|d| (d.lo, d.len())).collect();
        for piece in &family.pieces {
            let target = store(Buffer::Out, symbol.offset, &dims, &piece.subscripts);
            push_store(&mut nests, &mut by_ranges, &piece.ranges, target, piece.value);
        }
    }
    nests
}

fn push_store(
    nests: &mut Vec<Nest>,
    by_ranges: &mut FxHashMap<Vec<IndexRange>, usize>,
    ranges: &[IndexRange],
    target: Target,
    value: ExprId,
) {
    let at = *by_ranges.entry(ranges.to_vec()).or_insert_with(|| {
        nests.push(Nest { ranges: ranges.to_vec(), stores: Vec::new() });
        nests.len() - 1
    });
    nests[at].stores.push((target, value));
}

pub(super) fn store(buffer: Buffer, base: usize, dims: &[(i64, usize)], subscripts: &[Affine]) -> Target {
    let mut target = Target { buffer, base: base as i64, terms: Vec::new() };
    let mut stride: i64 = dims.iter().map(|(_, n)| *n as i64).product();
    for (affine, (lo, extent)) in subscripts.iter().zip(dims) {
        stride /= (*extent).max(1) as i64;
        target.base += stride * (affine.offset - lo);
        for (var, k) in &affine.terms {
            target.terms.push((*var, stride * k));
        }
    }
    target
}

/// The plan of a matrix and the nests that compute its values. Without arrays the values come in column order, each
/// place once, so that they are the matrix as they stand.
pub(super) fn matrix(entries: &[Entry], rows: usize, columns: usize, layout: &ModelLayout) -> (MatrixPlan, Vec<Nest>) {
    let mut entries: Vec<(&Entry, Diagonal)> = entries
        .iter()
        .map(|entry| {
            let plain: Vec<Subscript> =
                entry.row.1.iter().map(|a| Subscript { affine: a.clone(), wrap: false }).collect();
            let row = FlatPlace::new(layout.symbols, entry.row.0, &plain);
            let mut column = FlatPlace::new(layout.symbols, entry.column.0, &entry.column.1);
            if layout.symbols[entry.column.0.0 as usize].kind == Kind::Discrete {
                column.base += layout.discretes;
            }
            (entry, Diagonal { ranges: entry.ranges.clone(), row, column })
        })
        .collect();
    if entries.iter().all(|(entry, _)| entry.ranges.is_empty()) {
        entries.sort_by_key(|(_, diagonal)| (diagonal.column.at(&[]), diagonal.row.at(&[])));
    }
    let mut plan = MatrixPlan { rows, columns, entries: Vec::with_capacity(entries.len()), values: 0 };
    let (mut nests, mut by_ranges) = (Vec::new(), FxHashMap::default());
    for (entry, diagonal) in entries {
        let mut target = Target { buffer: Buffer::Out, base: plan.values as i64, terms: Vec::new() };
        let mut stride = 1i64;
        for range in entry.ranges.iter().rev() {
            target.terms.push((range.var, stride));
            target.base -= stride * range.lo;
            stride *= range.len() as i64;
        }
        plan.values += stride as usize;
        push_store(&mut nests, &mut by_ranges, &entry.ranges, target, entry.value);
        plan.entries.push(diagonal);
    }
    (plan, nests)
}

impl FlatPlace {
    /// An element of a symbol.
    pub(super) fn new(symbols: &[Symbol], symbol: SymbolId, list: &[Subscript]) -> Self {
        let symbol = &symbols[symbol.0 as usize];
        let mut stride = symbol.len();
        let mut dims = Vec::with_capacity(list.len());
        for (subscript, dim) in list.iter().zip(&symbol.dims) {
            stride /= dim.len().max(1);
            dims.push((stride, subscript.affine.clone(), dim.lo, dim.len() as i64));
        }
        FlatPlace { base: symbol.offset, dims }
    }

    pub(super) fn at(&self, indices: &[(VarId, i64)]) -> usize {
        let value = |var: VarId| indices.iter().rev().find(|(known, _)| *known == var).map_or(0, |(_, v)| *v);
        self.dims.iter().fold(self.base, |place, (stride, affine, lo, extent)| {
            place + stride * (affine.eval(&value) - lo).rem_euclid(*extent) as usize
        })
    }
}

impl MatrixPlan {
    /// The pattern, and the place of each value in it (`None` if the values are in place as they stand).
    pub fn pattern(&self) -> (Pattern, Option<Vec<usize>>) {
        let mut pairs = Vec::with_capacity(self.values);
        for diagonal in &self.entries {
            for_each_turn(&diagonal.ranges, |indices| {
                pairs.push((diagonal.row.at(indices), diagonal.column.at(indices)));
            });
        }
        let (pattern, places) = Pattern::from_pairs(self.rows, self.columns, &pairs);
        let in_place = pattern.nnz() == places.len() && places.iter().enumerate().all(|(k, place)| k == *place);
        (pattern, (!in_place).then_some(places))
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.rows
    }
}

impl Lowered {
    /// All but the program: what further kernels of the same model need.
    pub fn without_program(&self) -> Lowered {
        Lowered {
            program: Program::default(),
            hoisted: self.hoisted.clone(),
            jacobian: MatrixPlan::default(),
            implicit: MatrixPlan::default(),
            constraints: MatrixPlan::default(),
            algebraic: self.algebraic.clone(),
            events: EventPlan::default(),
            delays: DelayPlan::default(),
            forms: Vec::new(),
            ..*self
        }
    }

    /// The pieces of a kernel, for inspection.
    pub fn pieces(&self, kernel: &str) -> &[Piece] {
        self.program.kernel(kernel).map_or(&[], |k| &k.pieces)
    }
}
