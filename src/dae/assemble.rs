//! The model that comes of it: states in their order, each with its derivative or with the equation that takes its row;
//! constraints; and every other part of the model with what was solved for put in place.

use rustc_hash::{FxHashMap, FxHashSet};

use super::pantelides::Reduced;
use super::scalars::Scalars;
use super::tear::Solved;
use super::{Variable, events};
use crate::diag::Diagnostic;
use crate::expr::{Affine, ExprId, Node, SubsId, SymbolId};
use crate::model::{Family, Implicit, Kind, Model, Piece, Symbol};

/// Where the elements of unknowns' derivatives have gone.
pub(super) struct Places {
    /// By element: what stands for it.
    pub(super) values: FxHashMap<(SymbolId, SubsId), ExprId>,
    /// The symbols of those elements.
    pub(super) touched: FxHashSet<SymbolId>,
}

/// Puts the model together.
///
/// # Errors
/// Diagnostics for events that set what is no state any more.
pub fn assemble(
    mut scalars: Scalars,
    system: Reduced,
    solved: Solved,
    implicit: &Implicit,
) -> Result<Model, Vec<Diagnostic>> {
    let residuals: FxHashMap<Variable, ExprId> = solved.residuals.iter().map(|(value, v)| (*v, *value)).collect();
    let mut places = Places { values: FxHashMap::default(), touched: FxHashSet::default() };
    let mut states = Vec::new();
    for unknown in 0..implicit.unknowns.len() {
        declare(&mut scalars, &system, &residuals, unknown, &mut places, &mut states);
    }
    for variable in &solved.order {
        let node = scalars.node(*variable);
        let Node::Symbol(symbol, subs) = scalars.model.graph.node(node) else { continue };
        let value = places.put(&mut scalars, solved.given[&(symbol, subs)]);
        places.values.insert((symbol, subs), value);
        places.touched.insert(symbol);
    }
    rewrite(&mut scalars, &places);
    let mut algebraic: Vec<(SymbolId, usize)> = Vec::new();
    let mut families: Vec<(Family, Family)> = Vec::new();
    for state in &states {
        let mut pieces = Vec::new();
        for (place, subscripts, variable) in &state.elements {
            let value = match residuals.get(variable) {
                Some(value) => {
                    algebraic.push((state.symbol, *place));
                    *value
                }
                None => scalars.node(Variable { order: variable.order + 1, ..*variable }),
            };
            let value = places.put(&mut scalars, value);
            pieces.push(piece(subscripts, value));
        }
        let initial = initial(&mut scalars, state, implicit);
        families.push((Family { symbol: state.symbol, pieces }, initial));
    }
    let constraints = system.constraints.iter().map(|value| places.put(&mut scalars, *value)).collect();
    let events = events::rewrite(&mut scalars, &places, &algebraic.iter().copied().collect())?;
    let given: Vec<Family> = reported(&mut scalars, &system, &places);
    let mut model = scalars.model;
    for (derivative, initial) in families {
        model.states.push(derivative.symbol);
        model.derivatives.push(derivative);
        model.initials.push(initial);
    }
    model.outputs.splice(0..0, given);
    model.constraints = constraints;
    model.events = events;
    // What is no state any more is nothing the layout knows of.
    let known: FxHashSet<SymbolId> = model.states.iter().copied().collect();
    for (k, symbol) in model.symbols.iter_mut().enumerate() {
        if symbol.kind == Kind::State && !known.contains(&SymbolId(k as u32)) {
            symbol.kind = Kind::Definition;
            symbol.name = format!("({})", symbol.name);
        }
    }
    model.lay_out();
    model.algebraic = algebraic.iter().map(|(symbol, place)| model.symbol(*symbol).offset + place).collect();
    model.algebraic.sort_unstable();
    Ok(model)
}

/// A state made of an unknown: per element its place, its subscripts and what it is.
struct State {
    symbol: SymbolId,
    unknown: usize,
    order: usize,
    elements: Vec<(usize, Vec<i64>, Variable)>,
}

/// The states an unknown and its derivatives need. Derivatives that only some elements have, and highest ones that the
/// solver has to find, are scalars of their own.
fn declare(
    scalars: &mut Scalars,
    system: &Reduced,
    residuals: &FxHashMap<Variable, ExprId>,
    unknown: usize,
    places: &mut Places,
    states: &mut Vec<State>,
) {
    let elements: Vec<usize> = scalars.elements_of(unknown).collect();
    let most = elements.iter().map(|e| system.highest[*e]).max().unwrap_or(0);
    for order in 0..=most {
        let variable = |element: usize| Variable { element, order };
        let needed: Vec<usize> = elements
            .iter()
            .copied()
            .filter(|e| order < system.highest[*e] || residuals.contains_key(&variable(*e)))
            .collect();
        if needed.len() == elements.len() && (order == 0 || elements.iter().all(|e| order < system.highest[*e])) {
            let first = scalars.node(variable(elements[0]));
            let Node::Symbol(symbol, _) = scalars.model.graph.node(first) else { continue };
            let all = elements.iter().enumerate();
            let elements = all.map(|(place, e)| (place, scalars.subscripts(*e), variable(*e))).collect();
            states.push(State { symbol, unknown, order, elements });
            continue;
        }
        for element in needed {
            let node = scalars.node(variable(element));
            let Node::Symbol(symbol, subs) = scalars.model.graph.node(node) else { continue };
            if scalars.is_scalar(element) {
                let elements = vec![(0, Vec::new(), variable(element))];
                states.push(State { symbol, unknown, order, elements });
                continue;
            }
            let of = scalars.model.symbol(symbol).clone();
            let name = scalars.name(variable(element));
            let own = scalars.declare(Symbol { name, dims: Vec::new(), doc: None, ..of });
            let none = scalars.subscripts_id(&[]);
            let own_node = scalars.model.graph.intern(Node::Symbol(own, none));
            places.values.insert((symbol, subs), own_node);
            places.touched.insert(symbol);
            states.push(State { symbol: own, unknown, order, elements: vec![(0, Vec::new(), variable(element))] });
        }
    }
}

impl Places {
    /// A plain expression with what was solved for put in place.
    pub(super) fn put(&self, scalars: &mut Scalars, value: ExprId) -> ExprId {
        scalars.replace(value, &|symbol, subs| self.values.get(&(symbol, subs)).copied())
    }

    pub(super) fn touches(&self, scalars: &Scalars, value: ExprId) -> bool {
        let graph = &scalars.model.graph;
        graph.reachable(&[value]).iter().any(|id| match graph.node(*id) {
            Node::Symbol(symbol, _) => self.touched.contains(&symbol),
            _ => false,
        })
    }
}

/// Puts what was solved for into everything else the model says; templates that read it are written out.
fn rewrite(scalars: &mut Scalars, places: &Places) {
    let mut lists = [
        std::mem::take(&mut scalars.model.definitions),
        std::mem::take(&mut scalars.model.derivatives),
        std::mem::take(&mut scalars.model.outputs),
        std::mem::take(&mut scalars.model.asked.values),
    ];
    // Computed arrays are put in place from the definitions as they were.
    scalars.model.definitions = lists[0].clone();
    scalars.model.derivatives = lists[1].clone();
    for family in lists.iter_mut().flatten() {
        family.pieces = rewritten(scalars, places, std::mem::take(&mut family.pieces));
    }
    let mut written = std::mem::take(&mut scalars.model.written);
    for reaction in &mut written {
        reaction.flux = rewritten(scalars, places, std::mem::take(&mut reaction.flux));
    }
    let [definitions, derivatives, outputs, asked] = lists;
    let model = &mut scalars.model;
    model.asked.values = asked;
    (model.definitions, model.derivatives, model.outputs, model.written) = (definitions, derivatives, outputs, written);
}

fn rewritten(scalars: &mut Scalars, places: &Places, pieces: Vec<Piece>) -> Vec<Piece> {
    let mut result = Vec::with_capacity(pieces.len());
    for piece in pieces {
        if !places.touches(scalars, piece.value) {
            result.push(piece);
            continue;
        }
        for turn in Scalars::turns(&piece.ranges) {
            let value = scalars.model.graph.substitute(piece.value, &turn);
            let value = scalars.plain(value);
            let value = places.put(scalars, value);
            let subscripts = piece.subscripts.iter().map(|a| a.substitute(&|v| turn.get(&v).cloned())).collect();
            result.push(Piece { ranges: Vec::new(), subscripts, value });
        }
    }
    result
}

fn piece(subscripts: &[i64], value: ExprId) -> Piece {
    Piece { ranges: Vec::new(), subscripts: subscripts.iter().map(|s| Affine::constant(*s)).collect(), value }
}

/// What is known of a state at the start; 0 is the guess where nothing is.
fn initial(scalars: &mut Scalars, state: &State, implicit: &Implicit) -> Family {
    let given = implicit.unknowns[state.unknown].initials.get(state.order).cloned().flatten();
    let zero = scalars.model.graph.constant(0.0);
    let mut pieces = Vec::new();
    for (_, subscripts, variable) in &state.elements {
        let at = scalars.subscripts(variable.element);
        let value = given.as_ref().and_then(|family| scalars.value_at(family, &at)).unwrap_or(zero);
        pieces.push(piece(subscripts, value));
    }
    Family { symbol: state.symbol, pieces }
}

/// Unknowns that follow from others are reported like outputs.
fn reported(scalars: &mut Scalars, system: &Reduced, places: &Places) -> Vec<Family> {
    let mut families = Vec::new();
    for element in 0..scalars.elements() {
        if system.highest[element] > 0 || !scalars.is_scalar(element) {
            continue;
        }
        let node = scalars.node(Variable { element, order: 0 });
        let Node::Symbol(symbol, subs) = scalars.model.graph.node(node) else { continue };
        let Some(value) = places.values.get(&(symbol, subs)).copied() else { continue };
        let of = Symbol { kind: Kind::Output, ..scalars.model.symbol(symbol).clone() };
        let id = scalars.declare(of);
        families.push(Family { symbol: id, pieces: vec![piece(&[], value)] });
    }
    families
}
