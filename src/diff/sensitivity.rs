//! Forward sensitivities as a model of their own: S = ∂y/∂q obeys S' = (∂f/∂y) S + ∂f/∂q, so the states of a model and
//! their sensitivities are the states of a larger model, which every method integrates and error-controls alike.
//!
//! Method: the variational equations (Hairer, Nørsett & Wanner I.14), built symbolically family by family. The larger
//! model's states are the original n, then n for each q, in the same order: S of state k by the j-th q stands at
//! n(j + 1) + k.

use super::forward::{Direction, declare, tangent, tangent_model, tangent_pieces};
use super::saltation;
use crate::expr::{Node, Reads, Subscript, SymbolId};
use crate::model::{Delayed, Family, History, Kind, Model, Piece, Symbol};

/// What to differentiate by: an element of a parameter, or of a state's initial value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name as it appears in columns: `k1`, `W[1,2]`.
    pub name: String,
    /// The parameter or state.
    pub symbol: SymbolId,
    /// Its element; empty for a scalar.
    pub element: Vec<i64>,
}

/// The model with the sensitivities of all its states and outputs as further states and outputs, named `d[x]/d[q]`. What the
/// discrete quantities `moving` change by are discrete quantities behind the model's own, for each q; others do not change.
/// Behind what is read at other times stands what that changes by at those times.
pub fn with_sensitivities(model: &Model, wanted: &[Wanted], moving: &[SymbolId]) -> Model {
    // Sensitivities obey the equations as a whole.
    let mut larger = Model { marked: None, ..model.clone() };
    for (k, q) in wanted.iter().enumerate() {
        add(model, q, moving, &mut larger);
        // The derivative of an algebraic equation is one for the sensitivities.
        larger.algebraic.extend(model.algebraic.iter().map(|place| place + (k + 1) * model.dim()));
    }
    larger.lay_out();
    larger
}

fn add(model: &Model, q: &Wanted, moving: &[SymbolId], larger: &mut Model) {
    let name = |of: &str| format!("d[{of}]/d[{}]", q.name);
    let mut direction = Direction::default();
    if model.symbol(q.symbol).kind == Kind::Parameter {
        direction.parameter = Some((q.symbol, q.element.clone()));
    }
    for state in &model.states {
        let of = model.symbol(*state);
        let symbol = Symbol { name: name(&of.name), doc: None, ..of.clone() };
        let id = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::State);
        direction.tangents.insert(*state, id);
        larger.states.push(id);
    }
    // At the start only what the initial values say: states are not read there, and the others' tangents are not known.
    let start = Direction { parameter: direction.parameter.clone(), ..Direction::default() };
    for (family, state) in model.initials.iter().zip(&model.states) {
        let mut pieces = tangent_pieces(&mut larger.graph, family, &start);
        if *state == q.symbol {
            for piece in &mut pieces {
                piece.value = is_element(larger, &piece.subscripts, &q.element);
            }
        }
        larger.initials.push(Family { symbol: direction.tangents[state], pieces });
    }
    for id in moving {
        let of = model.symbol(*id);
        let symbol = Symbol { name: name(&of.name), doc: None, ..of.clone() };
        let change = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::Time);
        let zero = larger.graph.constant(0.0);
        let start = model.discretes.iter().position(|known| known == id).map(|place| &model.discrete_starts[place]);
        let pieces = start.into_iter().flat_map(|start| &start.pieces);
        let pieces = pieces.map(|piece| Piece { value: zero, ..piece.clone() }).collect();
        larger.discretes.push(change);
        larger.discrete_starts.push(Family { symbol: change, pieces });
        direction.tangents.insert(*id, change);
    }
    add_past(model, &start, &mut direction, larger, &name);
    let tangents = direction.tangents.clone();
    let (definitions, families, direction) = tangent_model(model, &mut larger.graph, &mut larger.symbols, direction);
    larger.definitions.extend(definitions);
    larger.derivatives.extend(families.into_iter().map(|f| Family { symbol: tangents[&f.symbol], ..f }));
    // Where a time moves, rates are read at it, whose jumps do not fade.
    for (argument, own) in model.delays.arguments.iter().zip(&mut larger.delays.arguments) {
        let change = tangent(&mut larger.graph, argument.value, &direction);
        own.neutral |= larger.graph.as_const(change) != Some(0.0);
    }
    for output in &model.outputs {
        let of = model.symbol(output.symbol);
        let pieces = tangent_pieces(&mut larger.graph, output, &direction);
        let symbol = Symbol { name: name(&of.name), doc: None, ..of.clone() };
        let id = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::Nothing);
        larger.outputs.push(Family { symbol: id, pieces });
    }
}

/// What is read of the sensitivities at other times, and their past: d x(s) = x'(s) ds + S(s).
fn add_past(
    model: &Model,
    start: &Direction,
    direction: &mut Direction,
    larger: &mut Model,
    name: &dyn Fn(&str) -> String,
) {
    for delayed in &model.delays.values {
        let mut like = |id: SymbolId| {
            let of = model.symbol(id);
            let symbol = Symbol { name: name(&of.name), doc: None, ..of.clone() };
            declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::State)
        };
        let (value, rate) = (like(delayed.value), like(delayed.rate));
        let state = direction.tangents[&delayed.state];
        larger.delays.values.push(Delayed { value, rate, state, ..delayed.clone() });
        direction.past.insert(delayed.value, value);
    }
    for history in &model.delays.histories {
        let family = Family { symbol: history.state, pieces: history.pieces.clone() };
        let pieces = tangent_pieces(&mut larger.graph, &family, start);
        let state = direction.tangents[&history.state];
        larger.delays.histories.push(History { state, pieces, ..history.clone() });
    }
}

/// 1 at the element, 0 elsewhere, as a template over the piece's indices.
fn is_element(larger: &mut Model, subscripts: &[crate::expr::Affine], element: &[i64]) -> crate::expr::ExprId {
    let graph = &mut larger.graph;
    let (mut value, zero) = (graph.constant(1.0), graph.constant(0.0));
    for (affine, at) in subscripts.iter().zip(element) {
        let (here, at) = (graph.affine_value(affine), graph.constant(*at as f64));
        let same = graph.compare(crate::math::Compare::Eq, here, at);
        value = graph.select(same, value, zero);
    }
    value
}

/// The model with the derivative of all its states and outputs in one direction as further states and outputs, in the same
/// order, events included where [`saltation::unsuited`] finds nothing. The direction is given by further parameters: what each parameter changes by, `d k`, and behind them what each
/// initial value changes by besides, `d init x`. Behind the discrete quantities stand theirs, which are set with them.
pub fn along(model: &Model) -> Model {
    let mut larger = model.clone();
    let (mut direction, mut changes) = (Direction::default(), Vec::new());
    for id in &model.parameters {
        let of = model.symbol(*id);
        let symbol = Symbol { name: format!("d {}", of.name), doc: None, ..of.clone() };
        let change = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::Parameters);
        larger.parameters.push(change);
        direction.tangents.insert(*id, change);
    }
    // Discrete quantities that nothing sets are what they start from.
    for (id, start) in model.discretes.iter().zip(&model.discrete_starts) {
        let of = model.symbol(*id);
        let pieces = tangent_pieces(&mut larger.graph, start, &direction);
        let symbol = Symbol { name: format!("d {}", of.name), doc: None, ..of.clone() };
        let change = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::Time);
        larger.discretes.push(change);
        larger.discrete_starts.push(Family { symbol: change, pieces });
        changes.push((*id, change));
    }
    direction.tangents.extend(changes);
    let mut starts = Vec::new();
    for id in &model.states {
        let of = model.symbol(*id);
        let symbol = Symbol { name: format!("d init {}", of.name), kind: Kind::Parameter, doc: None, ..of.clone() };
        let change = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::Parameters);
        larger.parameters.push(change);
        starts.push(change);
    }
    // At the start only what the initial values say: states are not read there.
    let (at_start, mut initials) =
        (Direction { tangents: direction.tangents.clone(), ..Direction::default() }, Vec::new());
    for (family, start) in model.initials.iter().zip(starts) {
        let mut pieces = tangent_pieces(&mut larger.graph, family, &at_start);
        for piece in &mut pieces {
            let plain = piece.subscripts.iter().map(|a| Subscript { affine: a.clone(), wrap: false }).collect();
            let subs = larger.graph.subscripts_id(plain);
            let besides = larger.graph.intern(Node::Symbol(start, subs));
            piece.value = larger.graph.add(piece.value, besides);
        }
        initials.push(pieces);
    }
    for (state, pieces) in model.states.iter().zip(initials) {
        let of = model.symbol(*state);
        let symbol = Symbol { name: format!("d {}", of.name), doc: None, ..of.clone() };
        let id = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::State);
        direction.tangents.insert(*state, id);
        larger.states.push(id);
        larger.initials.push(Family { symbol: id, pieces });
    }
    let tangents = direction.tangents.clone();
    let (definitions, families, direction) = tangent_model(model, &mut larger.graph, &mut larger.symbols, direction);
    larger.definitions.extend(definitions);
    larger.derivatives.extend(families.into_iter().map(|f| Family { symbol: tangents[&f.symbol], ..f }));
    let ended = saltation::add(model, &mut larger, &direction);
    for output in &model.outputs {
        let of = model.symbol(output.symbol);
        let mut pieces = tangent_pieces(&mut larger.graph, output, &direction);
        if let Some((tau, times)) = &ended {
            let graph = &mut larger.graph;
            for (piece, own) in pieces.iter_mut().zip(&output.pieces) {
                let rate = tangent(graph, own.value, times);
                let moved = graph.mul(rate, *tau);
                piece.value = graph.add(piece.value, moved);
            }
        }
        let symbol = Symbol { name: format!("d {}", of.name), doc: None, ..of.clone() };
        let id = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::Nothing);
        larger.outputs.push(Family { symbol: id, pieces });
    }
    larger.algebraic.extend(model.algebraic.iter().map(|place| place + model.dim()));
    larger.lay_out();
    larger
}
