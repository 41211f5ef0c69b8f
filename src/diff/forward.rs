//! Forward accumulation: the derivative of every template in one direction, e.g. time, or a vector of states.
//!
//! Method: Griewank & Walther, Evaluating Derivatives, ch. 3. Computed arrays get a tangent array each, so templates
//! never meet across arrays and cost stays proportional to that of f.

use rustc_hash::FxHashMap;

use super::reverse::{binary_adjoint, reduction_weight, unary_slope};
use crate::expr::{Affine, ExprId, Graph, IndexRange, Node, Reads, Reduction, SubsId, SymbolId, VarId, builtin};
use crate::math::Compare;
use crate::model::{Family, Kind, Model, Piece, Symbol};

/// What leaves change by; what is not mentioned does not change.
#[derive(Default)]
pub struct Direction {
    /// d t; none means 0.
    pub time: Option<ExprId>,
    /// An element of a parameter that changes by 1.
    pub parameter: Option<(SymbolId, Vec<i64>)>,
    /// d of states and computed arrays: the symbol that holds it; none means 0.
    pub tangents: FxHashMap<SymbolId, SymbolId>,
    /// Of values at other times: their rate, the time, and the indices of both.
    pub delayed: FxHashMap<SymbolId, (SymbolId, ExprId, Vec<VarId>)>,
    /// d of values at other times, where they change at a given time too: the symbol that holds it.
    pub past: FxHashMap<SymbolId, SymbolId>,
}

/// ∂f/∂t: tangent arrays and the derivative of each equation; empty if f does not depend on t.
pub fn time_derivative(model: &Model, graph: &mut Graph, symbols: &mut Vec<Symbol>) -> (Vec<Family>, Vec<Family>) {
    let direction = Direction { time: Some(graph.constant(1.0)), ..Direction::default() };
    let (definitions, families, _) = tangent_model(model, graph, symbols, direction);
    let all_zero = families.iter().flat_map(|f| &f.pieces).all(|p| graph.as_const(p.value) == Some(0.0));
    if all_zero { (Vec::new(), Vec::new()) } else { (definitions, families) }
}

/// `J v`: tangent arrays and the product by state; `v` is read through symbols of kind [`Kind::Direction`], laid out
/// as the states are.
pub fn jacobian_product(model: &Model, graph: &mut Graph, symbols: &mut Vec<Symbol>) -> (Vec<Family>, Vec<Family>) {
    let direction = along_states(model, graph, symbols);
    let (definitions, families, _) = tangent_model(model, graph, symbols, direction);
    (definitions, families)
}

/// `J v + τ ∂f/∂t`, in the direction of [`direction_in_time`].
pub fn product_in_time(model: &Model, graph: &mut Graph, symbols: &mut Vec<Symbol>) -> (Vec<Family>, Vec<Family>) {
    let direction = direction_in_time(model, graph, symbols);
    let (definitions, families, _) = tangent_model(model, graph, symbols, direction);
    (definitions, families)
}

/// v for the states and τ for time, τ being read as one more element of the direction, behind v.
pub fn direction_in_time(model: &Model, graph: &mut Graph, symbols: &mut Vec<Symbol>) -> Direction {
    let mut direction = along_states(model, graph, symbols);
    let symbol = Symbol {
        name: "d t".to_string(),
        kind: Kind::Direction,
        dims: Vec::new(),
        offset: model.dim(),
        doc: None,
        ..model.symbol(model.states[0]).clone()
    };
    let id = declare(graph, symbols, symbol, Reads::State);
    let subs = graph.subscripts_id(Vec::new());
    direction.time = Some(graph.intern(Node::Symbol(id, subs)));
    direction
}

fn along_states(model: &Model, graph: &mut Graph, symbols: &mut Vec<Symbol>) -> Direction {
    let mut direction = Direction::default();
    for state in &model.states {
        let symbol = Symbol { kind: Kind::Direction, ..model.symbol(*state).clone() };
        let id = declare(graph, symbols, symbol, Reads::State);
        direction.tangents.insert(*state, id);
    }
    direction
}

/// A new symbol in graph and table.
pub fn declare(graph: &mut Graph, symbols: &mut Vec<Symbol>, symbol: Symbol, reads: Reads) -> SymbolId {
    symbols.push(symbol);
    graph.declare(reads)
}

/// A new array like another one, to hold these values; none if they are all 0.
pub fn array(
    graph: &mut Graph,
    symbols: &mut Vec<Symbol>,
    like: &Symbol,
    what: &str,
    pieces: &[Piece],
) -> Option<SymbolId> {
    if pieces.iter().all(|piece| graph.as_const(piece.value) == Some(0.0)) {
        return None;
    }
    let computed = symbols.iter().filter(|s| s.kind == Kind::Definition);
    let offset = computed.map(|s| s.offset + s.len()).max().unwrap_or(0);
    let symbol = Symbol { name: format!("{what} {}", like.name), offset, ..like.clone() };
    // Never less than time: what only parameters decide would be looked for among the quantities bound with the model.
    let reads = pieces.iter().map(|piece| graph.facts(piece.value).reads).max().unwrap_or_default().max(Reads::Time);
    Some(declare(graph, symbols, symbol, reads))
}

/// Tangent arrays of the model's computed arrays, the tangents of its equations, and the direction with those arrays
/// in it. Arrays that do not change get none.
pub fn tangent_model(
    model: &Model,
    graph: &mut Graph,
    symbols: &mut Vec<Symbol>,
    mut direction: Direction,
) -> (Vec<Family>, Vec<Family>, Direction) {
    for delayed in &model.delays.values {
        let time = model.delays.arguments[delayed.argument].value;
        let vars = delayed.ranges.iter().map(|r| r.var).collect();
        direction.delayed.insert(delayed.value, (delayed.rate, time, vars));
    }
    let mut definitions = Vec::new();
    for family in &model.definitions {
        let pieces = tangent_pieces(graph, family, &direction);
        let Some(id) = array(graph, symbols, model.symbol(family.symbol), "d", &pieces) else { continue };
        direction.tangents.insert(family.symbol, id);
        definitions.push(Family { symbol: id, pieces });
    }
    let families =
        model.derivatives.iter().map(|f| Family { symbol: f.symbol, pieces: tangent_pieces(graph, f, &direction) });
    let families = families.collect();
    (definitions, families, direction)
}

/// The tangent of each piece of a family.
pub fn tangent_pieces(graph: &mut Graph, family: &Family, direction: &Direction) -> Vec<Piece> {
    let pieces = family.pieces.iter();
    pieces.map(|piece| Piece { value: tangent(graph, piece.value, direction), ..piece.clone() }).collect()
}

/// 1 where the subscripts are those of the element, else 0.
fn unit(graph: &mut Graph, subs: SubsId, element: &[i64]) -> ExprId {
    let (one, zero) = (graph.constant(1.0), graph.constant(0.0));
    let mut value = one;
    for (subscript, at) in graph.subscripts(subs).to_vec().iter().zip(element) {
        let here = graph.affine_value(&subscript.affine);
        let at = graph.constant(*at as f64);
        let same = graph.compare(Compare::Eq, here, at);
        value = graph.select(same, value, zero);
    }
    value
}

/// What the indices of a value at another time are where it is read with these subscripts.
pub fn placed(graph: &Graph, vars: &[VarId], subs: SubsId) -> FxHashMap<VarId, Affine> {
    vars.iter().copied().zip(graph.subscripts(subs).iter().map(|s| s.affine.clone())).collect()
}

/// The derivative of a template in the direction.
pub fn tangent(graph: &mut Graph, root: ExprId, direction: &Direction) -> ExprId {
    let zero = graph.constant(0.0);
    let mut tangents: FxHashMap<ExprId, ExprId> = FxHashMap::default();
    for id in graph.reachable_outside_reductions(&[root]) {
        let d = |x: ExprId| tangents.get(&x).copied().unwrap_or(zero);
        let value = match graph.node(id) {
            Node::Time => direction.time.unwrap_or(zero),
            Node::Symbol(symbol, subs) => match direction.tangents.get(&symbol) {
                Some(tangent) => graph.intern(Node::Symbol(*tangent, subs)),
                None => match (&direction.parameter, direction.delayed.get(&symbol)) {
                    (_, Some((rate, time, vars))) => {
                        // d x(s) = x'(s) ds + (d x)(s)
                        let change = tangent(graph, *time, direction);
                        let change = graph.substitute(change, &placed(graph, vars, subs));
                        let rate = graph.intern(Node::Symbol(*rate, subs));
                        let change = graph.mul(rate, change);
                        match direction.past.get(&symbol) {
                            Some(own) => {
                                let own = graph.intern(Node::Symbol(*own, subs));
                                graph.add(change, own)
                            }
                            None => change,
                        }
                    }
                    (Some((parameter, element)), _) if *parameter == symbol => unit(graph, subs, element),
                    _ => zero,
                },
            },
            Node::Const(_) | Node::Bool(_) | Node::Index(_) => zero,
            Node::Compare(..) | Node::And(..) | Node::Or(..) | Node::Not(_) => zero,
            Node::Select(c, a, b) => graph.select(c, d(a), d(b)),
            Node::Unary(op, a) if d(a) != zero => match unary_slope(graph, op, a, id) {
                Some(slope) => graph.mul(slope, tangents[&a]),
                None => zero,
            },
            Node::Call1(f, a) if d(a) != zero => {
                let slope = builtin::derivative(f, 0, graph, a, a, id);
                graph.mul(slope, tangents[&a])
            }
            Node::Curve(curve, order, a) if d(a) != zero => {
                let slope = graph.apply(curve, order + 1, a);
                graph.mul(slope, tangents[&a])
            }
            Node::Foreign(foreign, part, arguments) => {
                let mut sum = zero;
                for (k, argument) in graph.arguments(arguments).to_vec().into_iter().enumerate() {
                    if d(argument) != zero {
                        let slope = graph.foreign_slope((foreign, part, arguments), k);
                        let term = graph.mul(slope, tangents[&argument]);
                        sum = graph.add(sum, term);
                    }
                }
                sum
            }
            Node::Unary(..) | Node::Call1(..) | Node::Curve(..) => zero,
            Node::Binary(op, a, b) => {
                let (da, db) = (d(a), d(b));
                let left = if da == zero { zero } else { binary_adjoint(graph, op, 0, a, b, id, da) };
                let right = if db == zero { zero } else { binary_adjoint(graph, op, 1, a, b, id, db) };
                graph.add(left, right)
            }
            Node::Call2(f, a, b) => {
                let mut sum = zero;
                for (k, operand) in [a, b].into_iter().enumerate() {
                    let change = tangents.get(&operand).copied().unwrap_or(zero);
                    if change != zero {
                        let slope = builtin::derivative(f, k, graph, a, b, id);
                        let term = graph.mul(slope, change);
                        sum = graph.add(sum, term);
                    }
                }
                sum
            }
            Node::Reduce(kind, var, lo, hi, body) => {
                let range = IndexRange { var, lo: lo.into(), hi: hi.into() };
                let change = tangent(graph, body, direction);
                if change == zero {
                    zero
                } else {
                    let weight = reduction_weight(graph, kind, range, body, id);
                    let term = graph.mul(weight, change);
                    graph.reduce(Reduction::Sum, range, term)
                }
            }
        };
        tangents.insert(id, value);
    }
    tangents[&root]
}
