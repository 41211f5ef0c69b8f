//! What events make of the derivative in one direction, as events of the larger model ([`super::along`]).
//!
//! Where an event's time moves by τ, the derivative of the state at the moving time is D = ẏ + f τ; assignments act on D by their own
//! derivatives; behind the moment ẏ = D − f τ again, with f as it is then (Galán, Feehery & Barton 1999). The event itself does
//! the first two and leaves τ in a discrete quantity, where other events of the moment find it, and the end of a run
//! that it brings about; a last event, which the first have caused, does the third. So f behind the moment needs no substitution, and first
//! derivatives of the larger model are second ones of the model.

use super::forward::{Direction, array, declare, tangent, tangent_model};
use crate::expr::{Affine, ExprId, Graph, Node, Reads, Subscript, SymbolId, VarId};
use crate::math::{Compare, Unary};
use crate::model::{Assignment, Condition, Event, Family, Kind, Model, Piece, Symbol, Trigger};

/// The name of the event that ends a moment.
pub const END: &str = "the end of a moment";

/// Why the events of a model have no second derivatives yet, if they have none.
pub fn unsuited(model: &Model) -> Option<String> {
    if model.events.is_empty() {
        return None;
    }
    let sentence = |what: &str| Some(format!("second derivatives do not go through {what} yet"));
    if !model.algebraic.is_empty() {
        return sentence("events beside algebraic equations");
    }
    for event in &model.events {
        if event.delay.is_some() {
            return sentence(&format!("`{}`, an event with a delay,", event.name));
        }
        let vars: Vec<VarId> = event.ranges.iter().map(|range| range.var).collect();
        let pieces = model.derivatives.iter().flat_map(|family| &family.pieces);
        if pieces.flat_map(|piece| &piece.ranges).any(|range| vars.contains(&range.var)) {
            return sentence(&format!("`{}`, an event over the index of a state,", event.name));
        }
    }
    None
}

/// Extends the larger model, in which states, parameters and discrete quantities have their derivatives by `direction`. Gives the
/// derivative of time, τ at a point that moves with the event that has ended the run, else 0, and the direction of time alone; none without
/// events.
pub fn add(model: &Model, larger: &mut Model, direction: &Direction) -> Option<(ExprId, Direction)> {
    let first = model.events.first()?;
    let mut work = Work::new(model, larger, direction);
    let events: Vec<Event> = model.events.iter().map(|event| work.event(event)).collect();
    let Work { happens, tau, slopes, times, .. } = work;
    let graph = &mut larger.graph;
    let zero = graph.constant(0.0);
    let mut assignments = Vec::new();
    for Slope { piece, symbol, value, .. } in &slopes {
        let moved = graph.mul(piece.value, tau.1);
        let value = graph.sub(*value, moved);
        assignments.push(over(piece, *symbol, value));
    }
    assignments.extend([set(tau.0, zero), set(happens.0, zero)]);
    let condition = flag(graph, happens.1);
    let condition = Condition::of(graph, &larger.symbols, condition);
    let priority = graph.constant(f64::MIN);
    larger.events = events;
    larger.events.push(Event {
        name: END.to_string(),
        ranges: Vec::new(),
        trigger: Trigger::When(condition),
        assignments,
        stop: false,
        priority: Some(priority),
        persistent: false,
        values_at_trigger: false,
        at_start: false,
        ..first.clone()
    });
    Some((tau.1, times))
}

/// The slope of a state, and its derivative: the symbol, and its value there.
struct Slope {
    piece: Piece,
    symbol: SymbolId,
    value: ExprId,
}

struct Work<'a> {
    larger: &'a mut Model,
    direction: &'a Direction,
    /// Along the solution, and by time alone.
    along: Direction,
    times: Direction,
    /// Whether something has happened in this moment, and by how much its time moves.
    happens: (SymbolId, ExprId),
    tau: (SymbolId, ExprId),
    slopes: Vec<Slope>,
}

impl<'a> Work<'a> {
    fn new(model: &Model, larger: &'a mut Model, direction: &'a Direction) -> Self {
        let happens = discrete(model, larger, "d happens");
        let tau = discrete(model, larger, "d t");
        let (graph, symbols) = (&mut larger.graph, &mut larger.symbols);
        let one = graph.constant(1.0);
        let mut along = Direction { time: Some(one), ..Direction::default() };
        let mut slopes = Vec::new();
        for family in &model.derivatives {
            let like = Symbol { kind: Kind::Definition, ..model.symbol(family.symbol).clone() };
            if let Some(id) = array(graph, symbols, &like, "slope of", &family.pieces) {
                larger.definitions.push(Family { symbol: id, pieces: family.pieces.clone() });
                along.tangents.insert(family.symbol, id);
            }
            let Some(symbol) = direction.tangents.get(&family.symbol).copied() else { continue };
            for piece in &family.pieces {
                let value = element(graph, symbol, &piece.subscripts);
                slopes.push(Slope { piece: piece.clone(), symbol, value });
            }
        }
        let (definitions, _, along) = tangent_model(model, graph, symbols, along);
        larger.definitions.extend(definitions);
        let (definitions, _, times) =
            tangent_model(model, graph, symbols, Direction { time: Some(one), ..Direction::default() });
        larger.definitions.extend(definitions);
        Work { larger, direction, along, times, happens, tau, slopes }
    }

    /// An event that leaves D and τ.
    fn event(&mut self, event: &Event) -> Event {
        let own = self.moves(&event.trigger);
        let graph = &mut self.larger.graph;
        let zero = graph.constant(0.0);
        let happened = flag(graph, self.happens.1);
        // Where another event has been executed before, the state's derivative is D already.
        let fresh = graph.select(happened, zero, own);
        let known = graph.select(happened, self.tau.1, zero);
        let tau = graph.select(happened, self.tau.1, own);
        let mut assignments = event.assignments.clone();
        for Slope { piece, symbol, value } in &self.slopes {
            let moved = graph.mul(piece.value, fresh);
            let value = graph.add(*value, moved);
            assignments.push(over(piece, *symbol, value));
        }
        for assignment in &event.assignments {
            let Some(symbol) = self.direction.tangents.get(&assignment.symbol).copied() else { continue };
            let mut value = tangent(graph, assignment.value, self.direction);
            for (direction, factor) in [(&self.along, fresh), (&self.times, known)] {
                let rate = tangent(graph, assignment.value, direction);
                let moved = graph.mul(rate, factor);
                value = graph.add(value, moved);
            }
            assignments.push(Assignment { symbol, value, ..assignment.clone() });
        }
        let one = graph.constant(1.0);
        assignments.extend([set(self.tau.0, tau), set(self.happens.0, one)]);
        Event { assignments, ..event.clone() }
    }

    /// By how much the time of an event moves that happens by itself.
    fn moves(&mut self, trigger: &Trigger) -> ExprId {
        let graph = &mut self.larger.graph;
        let zero = graph.constant(0.0);
        match trigger {
            Trigger::When(condition) => {
                // Of several comparisons that one has just come true which is nearest to its zero, in time.
                let (mut found, mut nearest) = (zero, graph.constant(f64::MAX));
                for surface in &condition.surfaces {
                    let change = tangent(graph, surface.value, self.direction);
                    let speed = tangent(graph, surface.value, &self.along);
                    let ratio = graph.div(change, speed);
                    if condition.surfaces.len() == 1 {
                        found = ratio;
                        break;
                    }
                    let off = graph.div(surface.value, speed);
                    let off = graph.unary(Unary::Abs, off);
                    let nearer = graph.compare(Compare::Lt, off, nearest);
                    found = graph.select(nearer, ratio, found);
                    nearest = graph.select(nearer, off, nearest);
                }
                graph.neg(found)
            }
            Trigger::At(times) => {
                // Which of them it is, its number would have to say: the nearest is.
                let mut found = zero;
                let time = graph.intern(Node::Time);
                let mut nearest: Option<ExprId> = None;
                for at in times {
                    let change = tangent(graph, *at, self.direction);
                    let off = graph.sub(time, *at);
                    let off = graph.unary(Unary::Abs, off);
                    match nearest {
                        None => (found, nearest) = (change, Some(off)),
                        Some(known) if change == found => _ = known,
                        Some(known) => {
                            let nearer = graph.compare(Compare::Lt, off, known);
                            found = graph.select(nearer, change, found);
                            nearest = Some(graph.select(nearer, off, known));
                        }
                    }
                }
                found
            }
            Trigger::Every { period, from, .. } => {
                let change = tangent(graph, *period, self.direction);
                let begins = from.map_or(zero, |from| tangent(graph, from, self.direction));
                if change == zero {
                    return begins;
                }
                // How many periods have passed.
                let time = graph.intern(Node::Time);
                let since = from.map_or(time, |from| graph.sub(time, from));
                let count = graph.div(since, *period);
                let half = graph.constant(0.5);
                let count = graph.add(count, half);
                let count = graph.unary(Unary::Floor, count);
                let moved = graph.mul(count, change);
                graph.add(begins, moved)
            }
        }
    }
}

/// Whether something has happened in this moment.
fn flag(graph: &mut Graph, happens: ExprId) -> ExprId {
    let half = graph.constant(0.5);
    graph.compare(Compare::Lt, half, happens)
}

/// A discrete quantity of the larger model that begins at 0, and its value.
fn discrete(model: &Model, larger: &mut Model, name: &str) -> (SymbolId, ExprId) {
    let like = model.symbol(model.states[0]).clone();
    let symbol = Symbol { name: name.to_string(), kind: Kind::Discrete, dims: Vec::new(), doc: None, ..like };
    let id = declare(&mut larger.graph, &mut larger.symbols, symbol, Reads::Time);
    let value = larger.graph.constant(0.0);
    let pieces = vec![Piece { ranges: Vec::new(), subscripts: Vec::new(), value }];
    larger.discretes.push(id);
    larger.discrete_starts.push(Family { symbol: id, pieces });
    (id, element(&mut larger.graph, id, &[]))
}

fn element(graph: &mut Graph, symbol: SymbolId, subscripts: &[Affine]) -> ExprId {
    let plain = subscripts.iter().map(|affine| Subscript { affine: affine.clone(), wrap: false }).collect();
    let subs = graph.subscripts_id(plain);
    graph.intern(Node::Symbol(symbol, subs))
}

fn set(symbol: SymbolId, value: ExprId) -> Assignment {
    Assignment { ranges: Vec::new(), symbol, subscripts: Vec::new(), value }
}

/// For all elements of a piece.
fn over(piece: &Piece, symbol: SymbolId, value: ExprId) -> Assignment {
    Assignment { ranges: piece.ranges.clone(), symbol, subscripts: piece.subscripts.clone(), value }
}
