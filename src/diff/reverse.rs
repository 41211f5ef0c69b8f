//! Reverse accumulation: all derivatives of one template by everything it reads, in one pass from the root down.
//!
//! Method: Griewank & Walther, Evaluating Derivatives, ch. 3. Adjoints are expressions of the graph, so the derivatives
//! share their subexpressions with f. Where a leaf is a computed array, the chain rule goes on into that array's
//! template.

use rustc_hash::FxHashMap;

use super::delays::past;
use super::forward::{
    Direction, declare, direction_in_time, placed, product_in_time, tangent, tangent_model, tangent_pieces,
};
use super::{Entry, Unsupported};
use crate::expr::{Affine, ExprId, Graph, IndexRange, Node, Reads, Reduction, Subscript, SymbolId, VarId, builtin};
use crate::math::{Binary, Compare, Unary};
use crate::model::{Dim, Family, Kind, Model, Piece, Symbol};

/// A derivative by one leaf: `value`, for all values of the `extra` indices (those of reductions the leaf stands in).
pub struct LeafDerivative {
    pub leaf: ExprId,
    pub extra: Vec<IndexRange>,
    pub value: ExprId,
}

/// ∂f/∂y.
pub fn state_jacobian(model: &Model, graph: &mut Graph) -> Result<Vec<Entry>, Unsupported> {
    let mut walk = Walk::new(model, &model.symbols, graph, &[], Reads::State, &[Kind::State]);
    walk.families(&model.derivatives)?;
    Ok(walk.entries)
}

/// ∂f/∂p by parameters and discrete quantities, in a graph that extends the model's.
///
/// # Errors
/// As [`super::derive`].
pub fn parameter_jacobian(model: &Model, graph: &mut Graph) -> Result<Vec<Entry>, Unsupported> {
    let kinds = [Kind::Parameter, Kind::Discrete];
    let mut walk = Walk::new(model, &model.symbols, graph, &[], Reads::Parameters, &kinds);
    walk.families(&model.derivatives)?;
    Ok(walk.entries)
}

/// ∂G/∂y of the constraints.
///
/// # Errors
/// As [`super::derive`].
pub fn constraint_jacobian(
    model: &Model,
    graph: &mut Graph,
    symbols: &mut Vec<Symbol>,
) -> Result<Vec<Entry>, Unsupported> {
    let count = model.constraints.len() as i64;
    if count == 0 {
        return Ok(Vec::new());
    }
    let dims = vec![Dim { lo: 1, hi: count, periodic: false }];
    let symbol = Symbol {
        name: "constraints".to_string(),
        kind: Kind::Output,
        dims,
        offset: 0,
        doc: None,
        ..model.symbols[0].clone()
    };
    let rows = declare(graph, symbols, symbol, Reads::Nothing);
    let mut walk = Walk::new(model, symbols, graph, &[], Reads::State, &[Kind::State]);
    for (k, value) in model.constraints.iter().enumerate() {
        let seed = walk.graph.constant(1.0);
        walk.piece(rows, &[Affine::constant(k as i64 + 1)], Vec::new(), *value, seed)?;
    }
    Ok(walk.entries)
}

/// What is differentiated.
#[derive(Clone, Debug, PartialEq)]
pub enum Of {
    /// The equations' right sides f.
    Slopes,
    /// J v + τ ∂f/∂t, with v and then τ as symbols of kind [`Kind::Direction`].
    Products,
    /// What is recorded.
    Outputs,
    /// The initial values.
    Initials,
    /// The defaults of parameters.
    Defaults,
    /// The values that discrete quantities start from.
    Starts,
    /// The values before the start of what is read there, at given times.
    Past,
    /// The constraints G.
    Constraints,
    /// ∂G/∂y v + τ ∂G/∂t, with v and then τ as symbols of kind [`Kind::Direction`].
    ConstraintProducts,
    /// Numbers over boxes of index values: the ranges, the template, and the row of the first.
    Numbers(Vec<(Vec<IndexRange>, ExprId, usize)>),
}

/// What it is differentiated by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The states.
    States,
    /// The parameters, then the discrete quantities.
    Parameters,
    /// What is read at other times, then its rates.
    Delays,
    /// Time.
    Time,
}

/// A matrix of derivatives, over a graph that extends the model's.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The model's graph and the derivatives' nodes.
    pub graph: Graph,
    /// The model's symbols, then those brought in.
    pub symbols: Vec<Symbol>,
    /// Arrays to compute first besides the model's own, in order.
    pub definitions: Vec<Family>,
    /// The entries; rows in the order of what is differentiated.
    pub entries: Vec<Entry>,
}

/// The derivatives of something by something.
///
/// # Errors
/// As [`super::derive`].
pub fn matrix(model: &Model, of: &Of, by: By) -> Result<Matrix, Unsupported> {
    let (mut graph, mut symbols) = (model.graph.clone(), model.symbols.clone());
    let (mut definitions, mut own) = (Vec::new(), Vec::new());
    let families = match of {
        Of::Slopes => &model.derivatives,
        Of::Products => {
            (definitions, own) = product_in_time(model, &mut graph, &mut symbols);
            &own
        }
        Of::Outputs => &model.outputs,
        Of::Initials => &model.initials,
        Of::Defaults => &model.defaults,
        Of::Starts => &model.discrete_starts,
        Of::Past => {
            own = past(model, &mut graph);
            own.truncate(own.len() / 2);
            &own
        }
        Of::Constraints => {
            for (row, value) in model.constraints.iter().enumerate() {
                own.push(rows(model, &mut graph, &mut symbols, &[], *value, row));
            }
            &own
        }
        Of::ConstraintProducts => {
            let direction = direction_in_time(model, &mut graph, &mut symbols);
            let (arrays, _, direction) = tangent_model(model, &mut graph, &mut symbols, direction);
            definitions = arrays;
            for (row, value) in model.constraints.iter().enumerate() {
                let value = tangent(&mut graph, *value, &direction);
                own.push(rows(model, &mut graph, &mut symbols, &[], value, row));
            }
            &own
        }
        Of::Numbers(list) => {
            own.extend(
                list.iter().map(|(ranges, value, first)| rows(model, &mut graph, &mut symbols, ranges, *value, *first)),
            );
            &own
        }
    };
    let (kinds, least): (&[Kind], _) = match by {
        By::States => (&[Kind::State], Reads::State),
        By::Parameters => (&[Kind::Parameter, Kind::Discrete], Reads::Parameters),
        By::Delays => (&[Kind::Delayed], Reads::State),
        By::Time => {
            let (definitions, entries) = by_time(model, &mut graph, &mut symbols, families);
            return Ok(Matrix { graph, symbols, definitions, entries });
        }
    };
    let mut walk = Walk::new(model, &symbols, &mut graph, &definitions, least, kinds);
    walk.families(families)?;
    let entries = walk.entries;
    Ok(Matrix { graph, symbols, definitions, entries })
}

/// Numbers over a box of index values as the elements of a symbol of their own.
fn rows(
    model: &Model,
    graph: &mut Graph,
    symbols: &mut Vec<Symbol>,
    ranges: &[IndexRange],
    value: ExprId,
    first: usize,
) -> Family {
    let dims = ranges.iter().map(|r| Dim { lo: r.lo, hi: r.hi, periodic: false }).collect();
    let symbol = declare_number(model, graph, symbols, dims, first);
    let subscripts = ranges.iter().map(|range| Affine::var(range.var)).collect();
    Family { symbol, pieces: vec![Piece { ranges: ranges.to_vec(), subscripts, value }] }
}

fn declare_number(
    model: &Model,
    graph: &mut Graph,
    symbols: &mut Vec<Symbol>,
    dims: Vec<Dim>,
    offset: usize,
) -> SymbolId {
    let like = model.symbol(model.states[0]);
    let symbol = Symbol { name: "number".to_string(), kind: Kind::Output, dims, offset, doc: None, ..like.clone() };
    declare(graph, symbols, symbol, Reads::Nothing)
}

/// Derivatives by time, in one column.
fn by_time(
    model: &Model,
    graph: &mut Graph,
    symbols: &mut Vec<Symbol>,
    families: &[Family],
) -> (Vec<Family>, Vec<Entry>) {
    let time = declare_number(model, graph, symbols, Vec::new(), 0);
    let direction = Direction { time: Some(graph.constant(1.0)), ..Direction::default() };
    let (definitions, _, direction) = tangent_model(model, graph, symbols, direction);
    let mut entries = Vec::new();
    for family in families {
        for piece in tangent_pieces(graph, family, &direction) {
            if graph.as_const(piece.value) != Some(0.0) {
                let (row, column) = ((family.symbol, piece.subscripts), (time, Vec::new()));
                entries.push(Entry { ranges: piece.ranges, row, column, value: piece.value });
            }
        }
    }
    (definitions, entries)
}

struct Walk<'a> {
    model: &'a Model,
    /// The model's, and those of an extension.
    symbols: &'a [Symbol],
    graph: &'a mut Graph,
    definitions: FxHashMap<SymbolId, &'a Family>,
    least: Reads,
    by: &'a [Kind],
    entries: Vec<Entry>,
}

impl<'a> Walk<'a> {
    /// `further` are computed arrays that the extension brought in.
    fn new(
        model: &'a Model,
        symbols: &'a [Symbol],
        graph: &'a mut Graph,
        further: &'a [Family],
        least: Reads,
        by: &'a [Kind],
    ) -> Self {
        let definitions = model.definitions.iter().chain(further).map(|family| (family.symbol, family)).collect();
        Walk { model, symbols, graph, definitions, least, by, entries: Vec::new() }
    }

    /// Adds the entries of all pieces.
    fn families(&mut self, families: &[Family]) -> Result<(), Unsupported> {
        for family in families {
            for piece in &family.pieces {
                let seed = self.graph.constant(1.0);
                self.piece(family.symbol, &piece.subscripts, piece.ranges.clone(), piece.value, seed)?;
            }
        }
        Ok(())
    }

    fn symbol(&self, id: SymbolId) -> &'a Symbol {
        &self.symbols[id.0 as usize]
    }

    /// Adds the entries of `seed * template` over the ranges.
    fn piece(
        &mut self,
        row: SymbolId,
        subscripts: &[Affine],
        ranges: Vec<IndexRange>,
        value: ExprId,
        seed: ExprId,
    ) -> Result<(), Unsupported> {
        let taken = ranges.iter().fold(0u64, |bits, range| bits | 1 << range.var.0);
        for found in accumulate(self.graph, &[(value, seed)], self.least, taken) {
            let Node::Symbol(symbol, subs) = self.graph.node(found.leaf) else { continue };
            let list = self.graph.subscripts(subs).to_vec();
            let mut all = ranges.clone();
            all.extend(&found.extra);
            match self.symbol(symbol).kind {
                kind if self.by.contains(&kind) => self.entries.push(Entry {
                    ranges: all,
                    row: (row, subscripts.to_vec()),
                    column: (symbol, list),
                    value: found.value,
                }),
                Kind::Definition => self.through(row, subscripts, all, symbol, list, found.value)?,
                Kind::Delayed => {
                    // d x(s) = x'(s) ds
                    let Some(delayed) = self.model.delays.values.iter().find(|d| d.value == symbol) else { continue };
                    let time = self.model.delays.arguments[delayed.argument].value;
                    let vars: Vec<VarId> = delayed.ranges.iter().map(|r| r.var).collect();
                    let with = placed(self.graph, &vars, subs);
                    let time = self.graph.substitute(time, &with);
                    let rate = self.graph.intern(Node::Symbol(delayed.rate, subs));
                    let seed = self.graph.mul(found.value, rate);
                    self.piece(row, subscripts, all, time, seed)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The chain rule through an element of a computed array: into each of its pieces, where the subscripts meet it.
    fn through(
        &mut self,
        row: SymbolId,
        subscripts: &[Affine],
        ranges: Vec<IndexRange>,
        symbol: SymbolId,
        list: Vec<Subscript>,
        seed: ExprId,
    ) -> Result<(), Unsupported> {
        let Some(family) = self.definitions.get(&symbol).copied() else { return Ok(()) };
        let dims = &self.symbol(symbol).dims;
        for (ranges, list) in unwrapped(self.symbol(symbol), ranges, list)? {
            for piece in &family.pieces {
                let mut meeting = ranges.clone();
                let mut with: FxHashMap<VarId, Affine> = FxHashMap::default();
                let mut meets = true;
                for ((target, subscript), dim) in piece.subscripts.iter().zip(&list).zip(dims) {
                    let (lo, hi) = match target.terms.first() {
                        None => (target.offset, target.offset),
                        Some((var, _)) => {
                            let mut affine = subscript.clone();
                            affine.offset -= target.offset;
                            with.insert(*var, affine);
                            let range = piece.ranges.iter().find(|range| range.var == *var);
                            range.map_or((dim.lo, dim.hi), |r| (r.lo + target.offset, r.hi + target.offset))
                        }
                    };
                    match clip(subscript, &mut meeting, lo, hi) {
                        Some(true) => {}
                        Some(false) => {
                            meets = false;
                            break;
                        }
                        None => return Err(unsupported(self.symbol(symbol))),
                    }
                }
                if meets {
                    let value = self.graph.substitute(piece.value, &with);
                    self.piece(row, subscripts, meeting, value, seed)?;
                }
            }
        }
        Ok(())
    }
}

/// Where an element of a symbol with such subscripts stands for all values of the indices: the ranges are cut so that no
/// subscript wraps.
///
/// # Errors
/// [`Unsupported`] where a subscript of several indices does.
#[allow(clippy::type_complexity)]
pub fn unwrapped(
    symbol: &Symbol,
    ranges: Vec<IndexRange>,
    list: Vec<Subscript>,
) -> Result<Vec<(Vec<IndexRange>, Vec<Affine>)>, Unsupported> {
    let mut waiting = vec![(ranges, list.into_iter().map(|s| s.affine).collect::<Vec<_>>())];
    for (k, dim) in symbol.dims.iter().enumerate() {
        let extent = dim.len() as i64;
        let mut done = Vec::new();
        while let Some((ranges, mut list)) = waiting.pop() {
            let turn = |value: i64| (value - dim.lo).div_euclid(extent);
            let (lo, hi) = list[k].bounds(&ranges);
            if turn(lo) == turn(hi) {
                list[k].offset -= turn(lo) * extent;
                done.push((ranges, list));
                continue;
            }
            let [(var, factor)] = list[k].terms[..] else { return Err(unsupported(symbol)) };
            let Some(at) = ranges.iter().position(|r| r.var == var) else { return Err(unsupported(symbol)) };
            let range = ranges[at];
            let value = |v: i64| turn(list[k].offset + factor * v);
            let Some(cut) = (range.lo + 1..=range.hi).find(|v| value(*v) != value(*v - 1)) else {
                return Err(unsupported(symbol));
            };
            let (mut left, mut right) = (ranges.clone(), ranges);
            left[at].hi = cut - 1;
            right[at].lo = cut;
            waiting.push((left, list.clone()));
            waiting.push((right, list));
        }
        waiting = done;
    }
    Ok(waiting)
}

fn unsupported(symbol: &Symbol) -> Unsupported {
    Unsupported { symbol: symbol.name.clone() }
}

/// Narrows the ranges to where `lo <= affine <= hi`. False if that is nowhere, `None` if it is not a box.
fn clip(affine: &Affine, ranges: &mut [IndexRange], lo: i64, hi: i64) -> Option<bool> {
    let (least, most) = affine.bounds(ranges);
    if lo <= least && most <= hi {
        return Some(true);
    }
    if most < lo || hi < least {
        return Some(false);
    }
    let [(var, k)] = affine.terms[..] else { return None };
    let range = ranges.iter_mut().find(|r| r.var == var)?;
    // lo <= offset + k*v <= hi
    let (a, b) = (lo - affine.offset, hi - affine.offset);
    let (first, last) = if k > 0 {
        (a.div_euclid(k) + i64::from(a.rem_euclid(k) != 0), b.div_euclid(k))
    } else {
        let (a, b, k) = (-b, -a, -k);
        (a.div_euclid(k) + i64::from(a.rem_euclid(k) != 0), b.div_euclid(k))
    };
    range.lo = range.lo.max(first);
    range.hi = range.hi.min(last);
    Some(range.lo <= range.hi)
}

/// Derivatives of Σ seed * root, for `roots` (root, seed), by the leaves that read at least `least`. Indices of reductions become
/// indices of the derivative, so those that are `taken` (bit per variable) outside are renamed first.
pub fn accumulate(graph: &mut Graph, roots: &[(ExprId, ExprId)], least: Reads, taken: u64) -> Vec<LeafDerivative> {
    let mut adjoints: FxHashMap<ExprId, ExprId> = FxHashMap::default();
    for (root, seed) in roots {
        let sum = adjoints.get(root).copied().map_or(*seed, |known| joined(graph, known, *seed));
        adjoints.insert(*root, sum);
    }
    let mut found = Vec::new();
    let roots: Vec<ExprId> = roots.iter().map(|(root, _)| *root).collect();
    for id in graph.reachable_outside_reductions(&roots).into_iter().rev() {
        let Some(adjoint) = adjoints.get(&id).copied() else { continue };
        if graph.facts(id).reads < least {
            continue;
        }
        let mut add = |graph: &mut Graph, operand: ExprId, value: ExprId| {
            let sum = match adjoints.get(&operand) {
                None => value,
                Some(known) => joined(graph, *known, value),
            };
            adjoints.insert(operand, sum);
        };
        let reads = |graph: &Graph, operand: ExprId| graph.facts(operand).reads >= least;
        match graph.node(id) {
            Node::Symbol(..) => found.push(LeafDerivative { leaf: id, extra: Vec::new(), value: adjoint }),
            Node::Const(_) | Node::Bool(_) | Node::Time | Node::Index(_) => {}
            // Truth values are constant but for jumps.
            Node::Compare(..) | Node::And(..) | Node::Or(..) | Node::Not(_) => {}
            Node::Select(c, a, b) => {
                let zero = graph.constant(0.0);
                for (operand, value) in [(a, graph.select(c, adjoint, zero)), (b, graph.select(c, zero, adjoint))] {
                    if reads(graph, operand) {
                        add(graph, operand, value);
                    }
                }
            }
            Node::Unary(op, a) => {
                if let Some(slope) = unary_slope(graph, op, a, id) {
                    let value = times(graph, adjoint, slope);
                    add(graph, a, value);
                }
            }
            Node::Binary(op, a, b) => {
                for (k, operand) in [a, b].into_iter().enumerate() {
                    if reads(graph, operand) {
                        let value =
                            within(graph, adjoint, &|graph, adjoint| binary_adjoint(graph, op, k, a, b, id, adjoint));
                        add(graph, operand, value);
                    }
                }
            }
            Node::Call1(f, a) => {
                let slope = builtin::derivative(f, 0, graph, a, a, id);
                let value = times(graph, adjoint, slope);
                add(graph, a, value);
            }
            Node::Curve(curve, order, a) => {
                let slope = graph.apply(curve, order + 1, a);
                let value = times(graph, adjoint, slope);
                add(graph, a, value);
            }
            Node::Foreign(foreign, part, arguments) => {
                for (k, operand) in graph.arguments(arguments).to_vec().into_iter().enumerate() {
                    if reads(graph, operand) {
                        let slope = graph.foreign_slope((foreign, part, arguments), k);
                        let value = times(graph, adjoint, slope);
                        add(graph, operand, value);
                    }
                }
            }
            Node::Call2(f, a, b) => {
                for (k, operand) in [a, b].into_iter().enumerate() {
                    if reads(graph, operand) {
                        let slope = builtin::derivative(f, k, graph, a, b, id);
                        let value = times(graph, adjoint, slope);
                        add(graph, operand, value);
                    }
                }
            }
            Node::Reduce(kind, var, lo, hi, body) => {
                let taken = taken | graph.facts(adjoint).free;
                let (var, body) = renamed(graph, var, body, taken);
                let range = IndexRange { var, lo: lo.into(), hi: hi.into() };
                let inner = reduction_weight(graph, kind, range, body, id);
                for mut leaf in accumulate(graph, &[(body, inner)], least, taken | 1 << var.0) {
                    // A leaf that is the same in every turn collects the sum of its turns.
                    if graph.facts(leaf.leaf).free >> var.0 & 1 == 1 {
                        leaf.extra.insert(0, range);
                    } else {
                        leaf.value = graph.reduce(Reduction::Sum, range, leaf.value);
                    }
                    leaf.value = times(graph, adjoint, leaf.value);
                    found.push(leaf);
                }
            }
        }
    }
    found
}

/// `change(adjoint)`, done within the branches of what is 0 where a condition does not hold, so that it stays 0 there: the
/// slope of `sqrt(x)` in `if x > 0 then sqrt(x) else 0` is no number below 0, and 0 times it neither.
fn within(graph: &mut Graph, adjoint: ExprId, change: &dyn Fn(&mut Graph, ExprId) -> ExprId) -> ExprId {
    let zero = graph.constant(0.0);
    match graph.node(adjoint) {
        Node::Select(c, a, b) if b == zero => {
            let a = within(graph, a, change);
            graph.select(c, a, zero)
        }
        Node::Select(c, a, b) if a == zero => {
            let b = within(graph, b, change);
            graph.select(c, zero, b)
        }
        _ => change(graph, adjoint),
    }
}

/// `adjoint * slope`
fn times(graph: &mut Graph, adjoint: ExprId, slope: ExprId) -> ExprId {
    within(graph, adjoint, &|graph, adjoint| graph.mul(adjoint, slope))
}

/// `a + b`, in the same branches.
fn joined(graph: &mut Graph, a: ExprId, b: ExprId) -> ExprId {
    let zero = graph.constant(0.0);
    match (graph.node(a), graph.node(b)) {
        (Node::Select(c, a1, a2), Node::Select(d, b1, b2)) if c == d && (a1, b1) == (zero, zero) => {
            let sum = joined(graph, a2, b2);
            graph.select(c, zero, sum)
        }
        (Node::Select(c, a1, a2), Node::Select(d, b1, b2)) if c == d && (a2, b2) == (zero, zero) => {
            let sum = joined(graph, a1, b1);
            graph.select(c, sum, zero)
        }
        _ => graph.add(a, b),
    }
}

/// A reduction's index and body, renamed if the index is taken.
fn renamed(graph: &mut Graph, var: VarId, body: ExprId, taken: u64) -> (VarId, ExprId) {
    if taken >> var.0 & 1 == 0 {
        return (var, body);
    }
    match graph.fresh_var(var, taken | graph.facts(body).free) {
        Some(fresh) => (fresh, graph.substitute(body, &[(var, Affine::var(fresh))].into_iter().collect())),
        // All names are in use: no derivative, rather than a wrong one.
        None => (var, graph.constant(f64::NAN)),
    }
}

/// d op(a) / d a; `None` where it is zero but for jumps.
pub fn unary_slope(graph: &mut Graph, op: Unary, a: ExprId, f: ExprId) -> Option<ExprId> {
    match op {
        Unary::Neg => Some(graph.constant(-1.0)),
        Unary::Abs => Some(builtin::sign(graph, a)),
        // d sqrt(a) = 1/(2*sqrt(a))
        Unary::Sqrt => {
            let half = graph.constant(0.5);
            Some(graph.div(half, f))
        }
        Unary::Floor | Unary::Ceil => None,
    }
}

/// `adjoint * ∂op(a, b)/∂(operand k)`, with f the node itself.
pub fn binary_adjoint(
    graph: &mut Graph,
    op: Binary,
    k: usize,
    a: ExprId,
    b: ExprId,
    f: ExprId,
    adjoint: ExprId,
) -> ExprId {
    match (op, k) {
        (Binary::Add, _) | (Binary::Sub, 0) => adjoint,
        (Binary::Sub, _) => graph.neg(adjoint),
        (Binary::Mul, 0) => graph.mul(adjoint, b),
        (Binary::Mul, _) => graph.mul(adjoint, a),
        (Binary::Div, 0) => graph.div(adjoint, b),
        // d(a/b)/db = -f/b
        (Binary::Div, _) => {
            let product = graph.mul(adjoint, f);
            let quotient = graph.div(product, b);
            graph.neg(quotient)
        }
        (Binary::Min | Binary::Max, k) => {
            // As the operation itself decides: min is a where a < b, max is a where a > b.
            let first =
                if op == Binary::Min { graph.compare(Compare::Lt, a, b) } else { graph.compare(Compare::Lt, b, a) };
            let zero = graph.constant(0.0);
            if k == 0 { graph.select(first, adjoint, zero) } else { graph.select(first, zero, adjoint) }
        }
    }
}

/// ∂(reduction)/∂(body at one index value), as a template over that index.
pub fn reduction_weight(graph: &mut Graph, kind: Reduction, range: IndexRange, body: ExprId, f: ExprId) -> ExprId {
    let one = graph.constant(1.0);
    match kind {
        Reduction::Sum => one,
        // The product of all others: right even where one of them is 0.
        Reduction::Prod => {
            let taken = graph.facts(body).free | 1 << range.var.0;
            let Some(other) = graph.fresh_var(range.var, taken) else { return graph.constant(f64::NAN) };
            let with = [(range.var, Affine::var(other))].into_iter().collect();
            let others = graph.substitute(body, &with);
            let (here, there) = (graph.intern(Node::Index(range.var)), graph.intern(Node::Index(other)));
            let same = graph.compare(Compare::Eq, here, there);
            let factor = graph.select(same, one, others);
            graph.reduce(Reduction::Prod, IndexRange { var: other, ..range }, factor)
        }
        // Those that attain the extremum share it: right where they are the same quantity, between the slopes at a kink.
        Reduction::Min | Reduction::Max => {
            let zero = graph.constant(0.0);
            let attained = graph.compare(Compare::Eq, body, f);
            let attained = graph.select(attained, one, zero);
            let taken = graph.facts(body).free | 1 << range.var.0;
            let (other, others) = renamed(graph, range.var, attained, taken);
            let count = graph.reduce(Reduction::Sum, IndexRange { var: other, ..range }, others);
            graph.div(attained, count)
        }
    }
}
