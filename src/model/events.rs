//! Events: the statements about what happens at a time or when a condition becomes true, checked.
//!
//! An event over indices stays one template. Conditions are taken apart in [`super::surfaces`].

use super::check::{Checker, Entity};
use super::expression::Scope;
use super::reactions::names_in_subscript;
use super::reading::walk;
use super::surfaces::Condition;
use crate::diag::{Diagnostic, codes};
use crate::expr::{Affine, ExprId, IndexRange, Reads, SymbolId};
use crate::lang::ast::{self, Action, Attribute, Expr, ExprKind};
use crate::source::Span;

/// An event, or one per element of its index ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// As written, cut if it is long: `when h < 0`.
    pub name: String,
    /// The whole statement.
    pub span: Span,
    /// The indices and their values, outermost first.
    pub ranges: Vec<IndexRange>,
    /// When it fires.
    pub trigger: Trigger,
    /// What it sets; right sides see the values before.
    pub assignments: Vec<Assignment>,
    /// Whether it ends the run.
    pub stop: bool,
    /// How much later it is executed.
    pub delay: Option<ExprId>,
    /// The greater, the earlier among those at one time.
    pub priority: Option<ExprId>,
    /// Whether it is executed though its condition no longer holds.
    pub persistent: bool,
    /// Whether right sides are evaluated when the condition becomes true.
    pub values_at_trigger: bool,
    /// Whether it fires at the start if the condition holds there.
    pub at_start: bool,
}

impl Event {
    /// All expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = ExprId> + '_ {
        let trigger: Vec<ExprId> = match &self.trigger {
            Trigger::When(condition) => condition.surfaces.iter().map(|s| s.value).collect(),
            Trigger::At(times) => times.clone(),
            Trigger::Every { period, from, to } => [Some(*period), *from, *to].into_iter().flatten().collect(),
        };
        let rest = self.assignments.iter().map(|a| a.value).chain(self.delay).chain(self.priority);
        trigger.into_iter().chain(rest)
    }
}

/// What makes an event fire.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// A condition becomes true.
    When(Condition),
    /// Times that parameters give.
    At(Vec<ExprId>),
    /// A period, the first and the last time.
    Every {
        /// The distance.
        period: ExprId,
        /// The first time; the start if none is given.
        from: Option<ExprId>,
        /// The last time; the end if none is given.
        to: Option<ExprId>,
    },
}

/// `symbol[subscripts] := value`, for all values of indices of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The indices that the event does not have, each among the subscripts.
    pub ranges: Vec<IndexRange>,
    /// A state or discrete quantity.
    pub symbol: SymbolId,
    /// Which element.
    pub subscripts: Vec<Affine>,
    /// Its new value.
    pub value: ExprId,
}

/// The most characters of an event's name.
const NAME: usize = 60;

impl Checker<'_> {
    /// All events, in the order of the file.
    pub fn events(&mut self) -> Vec<Event> {
        let events = self.found.events.clone();
        events.into_iter().filter_map(|(event, span)| self.event(event, span)).collect()
    }

    fn event(&mut self, event: &ast::Event, span: Span) -> Option<Event> {
        let mut scope = self.event_scope(event)?;
        let trigger = self.trigger(&event.trigger, event.ends, &mut scope);
        let on_condition = matches!(event.trigger, ast::Trigger::When(_));
        let mut result = Event {
            name: shortened(event.label.clone().unwrap_or_else(|| event.trigger.to_string())),
            span,
            ranges: scope.ranges.clone(),
            trigger: Trigger::At(Vec::new()),
            assignments: Vec::new(),
            stop: false,
            delay: None,
            priority: None,
            persistent: false,
            values_at_trigger: false,
            at_start: false,
        };
        for attribute in &event.attributes {
            self.attribute(attribute, on_condition, &mut result, &mut scope);
        }
        let mut targets: Vec<(SymbolId, Vec<Affine>, Span)> = Vec::new();
        for action in &event.actions {
            let Action::Assign(target, value) = action else {
                result.stop = true;
                continue;
            };
            let mut own = scope.clone();
            self.bring_indices(&[target, value], &mut own)?;
            let ranges = own.ranges[scope.ranges.len()..].to_vec();
            let place = self.assigned(target, &mut own);
            let value = self.real(value, &mut own);
            let (Some((symbol, subscripts)), Some(value)) = (place, value) else { continue };
            let alone = |range: &&IndexRange| {
                let mine = |a: &Affine| a.terms.iter().any(|(var, _)| *var == range.var);
                !subscripts.iter().any(|a| mine(a) && a.terms.len() == 1)
            };
            if let Some(range) = ranges.iter().find(alone) {
                let index = self.graph.var_name(range.var).to_string();
                let message = format!("`{target}` is set once for each value of `{index}`, all at once");
                let error = Diagnostic::new(codes::model::GIVEN_TWICE, target.span, message);
                let help = format!(
                    "write `sum[{index}](…)`, or `for {index} in {}..{}` behind the braces for as many events",
                    range.lo, range.hi
                );
                self.diagnostics.push(error.help(help));
                continue;
            }
            if let Some((.., first)) = targets.iter().find(|(s, list, _)| (s, list) == (&symbol, &subscripts)) {
                let message = format!("`{target}` is set twice by this event");
                let error = Diagnostic::new(codes::model::GIVEN_TWICE, target.span, message);
                self.diagnostics.push(error.related(*first, "first set here").help("all are set at once; keep one"));
            }
            targets.push((symbol, subscripts.clone(), target.span));
            result.assignments.push(super::Assignment { ranges, symbol, subscripts, value });
        }
        if event.actions.is_empty() {
            let error = Diagnostic::new(codes::events::NOTHING, span, "this event does nothing");
            self.diagnostics.push(error.help("set something, `{ x := 0 }`, or end the run, `{ stop }`"));
        }
        Some(Event { trigger: trigger?, ..result })
    }

    /// The indices of an event: those of `for` clauses, and declared ones that decide when it happens. What it sets may have
    /// more: then it sets all those elements.
    fn event_scope(&mut self, event: &ast::Event) -> Option<Scope> {
        let mut scope = Scope::default();
        for clause in &event.domain {
            let (lo, hi) = self.constant_range(&clause.range)?;
            self.bring_index(&clause.index.name, clause.index.span, (lo, hi), &mut scope)?;
        }
        self.bring_indices(&event.deciding(), &mut scope)?;
        Some(scope)
    }

    /// Brings the declared indices that expressions mention, each of those that it does not bind itself.
    fn bring_indices(&mut self, expressions: &[&Expr], scope: &mut Scope) -> Option<()> {
        for expr in expressions {
            let (mut names, mut bound) = (Vec::new(), Vec::new());
            walk(expr, &mut |e| match &e.kind {
                ExprKind::Subscript(_, list) => list.iter().for_each(|s| names_in_subscript(s, &mut names)),
                ExprKind::Prime(inner, _) => {
                    if let ExprKind::Subscript(_, list) = &inner.kind {
                        list.iter().for_each(|s| names_in_subscript(s, &mut names));
                    }
                }
                ExprKind::Reduce(_, indices, _) => bound.extend(indices.iter().map(|i| i.index.name.as_str())),
                _ => {}
            });
            for name in names {
                let known = scope.indices.iter().any(|(known, _)| known == name);
                if let (false, false, Some(set)) = (known, bound.contains(&name), self.found.indices.get(name).copied())
                {
                    let range = self.constant_range(set.range)?;
                    self.bring_index(name, set.span, range, scope)?;
                }
            }
        }
        Some(())
    }

    fn bring_index(&mut self, name: &str, span: Span, (lo, hi): (i64, i64), scope: &mut Scope) -> Option<()> {
        let var = self.index_variable(name, span)?;
        scope.indices.push((name.to_string(), Affine::var(var)));
        scope.ranges.push(IndexRange { var, lo, hi });
        Some(())
    }

    fn trigger(&mut self, trigger: &ast::Trigger, ends: bool, scope: &mut Scope) -> Option<Trigger> {
        Some(match trigger {
            ast::Trigger::When(condition) => {
                let id = self.truth(condition, scope)?;
                Trigger::When(Condition::of(&mut self.graph, &self.symbols, id))
            }
            ast::Trigger::At(times) => {
                let times: Vec<_> = times.iter().map(|time| self.time_of_event(time, ends, scope)).collect();
                Trigger::At(times.into_iter().collect::<Option<_>>()?)
            }
            ast::Trigger::Every { period, from, to } => {
                let (every, first, last) = (
                    self.time_of_event(period, false, scope),
                    from.as_ref().map(|time| self.time_of_event(time, ends, scope)),
                    to.as_ref().map(|time| self.time_of_event(time, ends, scope)),
                );
                let every = every?;
                if self.graph.as_const(every).is_some_and(|p| !(p > 0.0 && p.is_finite())) {
                    let error = Diagnostic::new(codes::events::PERIOD, period.span, "a period must be positive");
                    self.diagnostics.push(error.help("write `at TIME` for what happens once"));
                }
                let (from, to) = (swap(first)?, swap(last)?);
                Trigger::Every { period: every, from, to }
            }
        })
    }

    /// A time that is known before the run.
    fn time_of_event(&mut self, time: &Expr, ends: bool, scope: &mut Scope) -> Option<ExprId> {
        let id = self.real(time, scope)?;
        // What ends an infusion may ask for the start of the run, which `t` is where schedules are computed.
        let most = if ends { Reads::Time } else { Reads::Parameters };
        if self.graph.facts(id).reads <= most {
            return Some(id);
        }
        let message = "the time of an event must be known before the run: numbers, constants and parameters";
        let error = Diagnostic::new(codes::events::TIME, time.span, message).label("this changes while the model runs");
        self.diagnostics.push(error.help("what depends on the state is a condition: `when … { … }`"));
        None
    }

    fn attribute(&mut self, attribute: &Attribute, on_condition: bool, event: &mut Event, scope: &mut Scope) {
        let only_when = match attribute {
            Attribute::Delay(value) => Some((value.span, "delay")),
            Attribute::Persistent(span) => Some((*span, "persistent")),
            Attribute::ValuesAtTrigger(span) => Some((*span, "values at trigger")),
            Attribute::AtStart(span) => Some((*span, "at start")),
            Attribute::Priority(_) => None,
        };
        if let (Some((span, word)), false) = (only_when, on_condition) {
            let message = format!("`{word}` goes with `when`: the time of this event is given");
            let error = Diagnostic::new(codes::events::ATTRIBUTE, span, message);
            self.diagnostics.push(error.help(match word {
                "delay" => "write the later time",
                _ => "leave it out",
            }));
            return;
        }
        match attribute {
            Attribute::Delay(value) => {
                event.delay = self.real(value, scope);
                if event.delay.and_then(|id| self.graph.as_const(id)).is_some_and(|d| !(d >= 0.0)) {
                    let error = Diagnostic::new(codes::events::PERIOD, value.span, "a delay must not be negative");
                    self.diagnostics.push(error.help("an event cannot happen before its condition becomes true"));
                }
            }
            Attribute::Priority(value) => event.priority = self.real(value, scope),
            Attribute::Persistent(_) => event.persistent = true,
            Attribute::ValuesAtTrigger(_) => event.values_at_trigger = true,
            Attribute::AtStart(_) => event.at_start = true,
        }
    }

    /// The state or discrete quantity that an event sets.
    fn assigned(&mut self, target: &Expr, scope: &mut Scope) -> Option<(SymbolId, Vec<Affine>)> {
        let (inner, order) = match &target.kind {
            ExprKind::Prime(inner, order) => (inner.as_ref(), *order as usize),
            _ => (target, 0),
        };
        let (name, subscripts): (&str, &[Expr]) = match &inner.kind {
            ExprKind::Name(name) => (name, &[]),
            ExprKind::Subscript(ident, list) => (&ident.name, list),
            _ => {
                // Members of what is no instance tell so themselves.
                self.real(target, scope);
                return None;
            }
        };
        let symbol = match self.entities.get(name).cloned() {
            Some(Entity::State(orders)) if order < orders.len() => orders[order],
            Some(Entity::Discrete(symbol)) if order == 0 => symbol,
            Some(Entity::Failed) => return None,
            None => {
                self.real(target, scope);
                return None;
            }
            Some(_) => {
                let message = format!("an event cannot set `{target}`");
                let error = Diagnostic::new(codes::events::TARGET, target.span, message);
                let error = error.label("expected a state or a discrete quantity");
                let parameter = self.found.parameters.contains_key(name) && order == 0;
                self.diagnostics.push(if parameter {
                    error.help(format!("parameters do not change in a run: declare it as `discrete {name} = …`"))
                } else {
                    error.help("set what it is computed from")
                });
                return None;
            }
        };
        let list = self.subscripts(symbol, subscripts, target.span, scope)?;
        if let Some(at) = list.iter().position(|s| s.wrap) {
            let message = "the element that is set must not wrap around a periodic index";
            self.diagnostics.push(Diagnostic::new(codes::model::LEFT_SIDE, subscripts[at].span, message));
            return None;
        }
        Some((symbol, list.into_iter().map(|s| s.affine).collect()))
    }
}

fn swap<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(inner) => inner.map(Some),
    }
}

/// A name, not too long.
fn shortened(text: String) -> String {
    match text.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
