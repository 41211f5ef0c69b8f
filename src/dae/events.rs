//! Events once the unknowns of implicit equations have become states, or follow from others: their expressions read what
//! stands there now, and set what is still a state.

use rustc_hash::FxHashSet;

use super::assemble::Places;
use super::scalars::Scalars;
use crate::diag::{Diagnostic, codes};
use crate::expr::{Affine, ExprId, Node, SubsId, SymbolId};
use crate::model::{Assignment, Condition, Event, Kind, Surface, Trigger};

/// Puts what was solved for into all events; those over indices that read or set it are written out. `algebraic` are the
/// elements whose values algebraic equations give.
///
/// # Errors
/// Diagnostics for events that set what follows from other quantities.
pub fn rewrite(
    scalars: &mut Scalars,
    places: &Places,
    algebraic: &FxHashSet<(SymbolId, usize)>,
) -> Result<Vec<Event>, Vec<Diagnostic>> {
    let events = std::mem::take(&mut scalars.model.events);
    let (mut result, mut diagnostics) = (Vec::new(), Vec::new());
    for event in events {
        let touched = expressions(&event).iter().any(|value| places.touches(scalars, *value))
            || event.assignments.iter().any(|a| concerns(scalars, places, algebraic, a.symbol));
        if !touched {
            result.push(event);
            continue;
        }
        for turn in Scalars::turns(&event.ranges) {
            let put = |scalars: &mut Scalars, value: ExprId| {
                let value = scalars.model.graph.substitute(value, &turn);
                let value = scalars.plain(value);
                places.put(scalars, value)
            };
            let mut name = event.name.clone();
            if !event.ranges.is_empty() {
                let at: Vec<String> =
                    event.ranges.iter().map(|r| turn.get(&r.var).map_or(0, |a| a.offset).to_string()).collect();
                name = format!("{name} [{}]", at.join(","));
            }
            let trigger = match &event.trigger {
                Trigger::When(condition) => {
                    let mut surfaces = Vec::with_capacity(condition.surfaces.len());
                    for surface in &condition.surfaces {
                        let value = put(scalars, surface.value);
                        surfaces.push(Surface::new(&scalars.model.graph, &scalars.model.symbols, value));
                    }
                    Trigger::When(Condition { surfaces, logic: condition.logic.clone() })
                }
                Trigger::At(times) => Trigger::At(times.iter().map(|time| put(scalars, *time)).collect()),
                Trigger::Every { period, from, to } => Trigger::Every {
                    period: put(scalars, *period),
                    from: from.map(|time| put(scalars, time)),
                    to: to.map(|time| put(scalars, time)),
                },
            };
            let mut assignments = Vec::with_capacity(event.assignments.len());
            for assignment in &event.assignments {
                for own in Scalars::turns(&assignment.ranges) {
                    let value = scalars.model.graph.substitute(assignment.value, &own);
                    let value = put(scalars, value);
                    let with = |v| turn.get(&v).or_else(|| own.get(&v)).cloned();
                    let at: Vec<i64> = assignment.subscripts.iter().map(|a| a.substitute(&with).offset).collect();
                    let subs = scalars.subscripts_id(&at);
                    match target(scalars, places, algebraic, (assignment.symbol, subs)) {
                        Ok((symbol, at)) => {
                            let subscripts = at.into_iter().map(Affine::constant).collect();
                            assignments.push(Assignment { ranges: Vec::new(), symbol, subscripts, value });
                        }
                        Err(name) => {
                            let message =
                                format!("an event cannot set `{name}`: its equations give it from other quantities");
                            let error = Diagnostic::new(codes::events::TARGET, event.span, message);
                            diagnostics.push(error.help(
                                "set what it is computed from: a state with a derivative, or a discrete quantity",
                            ));
                        }
                    }
                }
            }
            let (delay, priority) =
                (event.delay.map(|value| put(scalars, value)), event.priority.map(|value| put(scalars, value)));
            result.push(Event { name, ranges: Vec::new(), trigger, assignments, delay, priority, ..event.clone() });
        }
    }
    if diagnostics.is_empty() { Ok(result) } else { Err(diagnostics) }
}

/// All that an event computes.
fn expressions(event: &Event) -> Vec<ExprId> {
    let mut list: Vec<ExprId> = match &event.trigger {
        Trigger::When(condition) => condition.surfaces.iter().map(|surface| surface.value).collect(),
        _ => Vec::new(),
    };
    list.extend(event.assignments.iter().map(|a| a.value));
    list.extend(event.delay.iter().chain(&event.priority));
    list
}

/// Whether a symbol that is set has elements that have gone elsewhere or that algebraic equations give.
fn concerns(scalars: &Scalars, places: &Places, algebraic: &FxHashSet<(SymbolId, usize)>, symbol: SymbolId) -> bool {
    let state = scalars.model.symbol(symbol).kind == Kind::State;
    state && (places.touched.contains(&symbol) || algebraic.iter().any(|(known, _)| *known == symbol))
}

/// The state that an element has become, or its name if it is none that an event may set.
fn target(
    scalars: &mut Scalars,
    places: &Places,
    algebraic: &FxHashSet<(SymbolId, usize)>,
    (symbol, subs): (SymbolId, SubsId),
) -> Result<(SymbolId, Vec<i64>), String> {
    let numbers = |scalars: &Scalars, subs: SubsId| -> Vec<i64> {
        scalars.model.graph.subscripts(subs).iter().map(|s| s.affine.offset).collect()
    };
    let own = numbers(scalars, subs);
    let name = {
        let list: Vec<String> = own.iter().map(i64::to_string).collect();
        let name = &scalars.model.symbol(symbol).name;
        if list.is_empty() { name.clone() } else { crate::name::with_subscripts(name, &list) }
    };
    let found = match places.values.get(&(symbol, subs)) {
        None => (symbol, own),
        Some(value) => match scalars.model.graph.node(*value) {
            Node::Symbol(symbol, subs) if scalars.model.symbol(symbol).kind == Kind::State => {
                (symbol, numbers(scalars, subs))
            }
            _ => return Err(name),
        },
    };
    let place = scalars.model.symbol(found.0).place(&found.1);
    if algebraic.contains(&(found.0, place)) { Err(name) } else { Ok(found) }
}
