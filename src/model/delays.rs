//! Values at other times, `x(t - tau)`, and the past they may lie in, `init x(t) = …`.
//!
//! What is read at another time becomes a symbol of its own, a template over the indices it depends on; so does each time
//! it is read at. Equal ones are one. The solver fills both in; nothing else of the compiler need know where from.

use rustc_hash::FxHashSet;

use super::check::{Checker, Definition, Entity};
use super::expression::{NO_STATES_AT_START, Scope};
use super::{Dim, Family, Kind, Model, Piece};
use crate::diag::{Diagnostic, codes};
use crate::expr::{Affine, ExprId, IndexRange, Node, Reads, Subscript, SymbolId};
use crate::lang::ast::{Expr, ExprKind};
use crate::math::{Binary, Unary};
use crate::source::Span;

/// All that a model reads at other times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    /// The times.
    pub arguments: Vec<Argument>,
    /// What is read at them.
    pub values: Vec<Delayed>,
    /// What is said of the past.
    pub histories: Vec<History>,
}

/// A time at which something is read, or one per element of its ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Stands for it, [`Kind::Argument`].
    pub symbol: SymbolId,
    /// The indices it depends on.
    pub ranges: Vec<IndexRange>,
    /// The time.
    pub value: ExprId,
    /// By how much it lies behind, where parameters alone decide that.
    pub lag: Option<ExprId>,
    /// Whether a derivative is read at it.
    pub neutral: bool,
    /// The first of what is read at it, as written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A state at another time, or one per element of its ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Delayed {
    /// Stands for its value, [`Kind::Delayed`].
    pub value: SymbolId,
    /// Stands for its derivative, [`Kind::Delayed`].
    pub rate: SymbolId,
    /// The state.
    pub state: SymbolId,
    /// Its element; no subscript wraps.
    pub subscripts: Vec<Affine>,
    /// The indices it depends on, those of its time included.
    pub ranges: Vec<IndexRange>,
    /// The time, by place in [`Delays::arguments`].
    pub argument: usize,
}

/// The values of a state up to the start, in terms of time.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The state.
    pub state: SymbolId,
    /// What is given, by its pieces, and how often it must be differentiated to be that of the state.
    pub pieces: Vec<Piece>,
    /// The number of differentiations.
    pub order: u32,
    /// Where.
    pub span: Span,
}

impl Delays {
    /// Whether nothing is read at other times.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Checker<'_> {
    /// `x(t - tau)` and its kin; `text` is how it is written.
    pub(super) fn at_another_time(
        &mut self,
        operand: &Expr,
        time: &Expr,
        span: Span,
        text: String,
        scope: &mut Scope,
    ) -> Option<ExprId> {
        let (inner, order) = match &operand.kind {
            ExprKind::Prime(inner, order) => (inner.as_ref(), *order),
            _ => (operand, 0),
        };
        let (name, subscripts): (&str, &[Expr]) = match &inner.kind {
            ExprKind::Name(name) => (name, &[]),
            ExprKind::Subscript(ident, subscripts) => (&ident.name, subscripts),
            // A member that is of no instance: told there.
            _ => return self.real(operand, scope),
        };
        let local = scope.arguments.iter().any(|(known, _)| known == name)
            || scope.indices.iter().any(|(known, _)| known == name);
        let orders = match self.entities.get(name).cloned() {
            Some(Entity::State(orders)) if !local => orders,
            Some(Entity::Failed) => return None,
            // Its own error is more to the point: an unknown name, an array without subscripts.
            None if !local => return self.real(operand, scope),
            Some(Entity::Definition) if !local => return self.definition_then(name, operand, time, span, scope),
            _ => return self.not_delayed(name, span),
        };
        if scope.constants_only {
            return self.real(operand, scope);
        }
        if let Some(reason) = scope.no_states {
            return self.refuse(span, name, reason);
        }
        let (state, rate) = match orders.get(order as usize) {
            Some(state) => (*state, false),
            None if order as usize == orders.len() => (*orders.last()?, true),
            None => return self.real(operand, scope),
        };
        let at = self.time_of(time, &text, scope);
        let list = self.subscripts(state, subscripts, span, scope)?;
        let at = at?;
        self.delayed(state, list, at, rate, (text, span), scope)
    }

    /// The time something is read at, if it is a good one.
    fn time_of(&mut self, time: &Expr, text: &str, scope: &mut Scope) -> Option<ExprId> {
        let at = self.real(time, scope)?;
        if self.reads_another_time(at) {
            let message = format!("the time in `{text}` itself depends on values at other times");
            let error = Diagnostic::new(codes::model::DELAY, time.span, message);
            self.diagnostics
                .push(error.help("let it follow from the state as it is, or give it an equation of its own"));
            return None;
        }
        Some(at)
    }

    /// A state's element at a time.
    fn delayed(
        &mut self,
        state: SymbolId,
        list: Vec<Subscript>,
        at: ExprId,
        rate: bool,
        (text, span): (String, Span),
        scope: &Scope,
    ) -> Option<ExprId> {
        let lag = self.lag(at);
        let present =
            matches!(self.graph.node(at), Node::Time) || lag.and_then(|lag| self.graph.as_const(lag)) == Some(0.0);
        if present && !rate {
            let subs = self.graph.subscripts_id(list);
            return Some(self.graph.intern(Node::Symbol(state, subs)));
        }
        if let Some(lag) = lag.and_then(|lag| self.graph.as_const(lag)).filter(|lag| *lag < 0.0) {
            let message = format!("`{text}` lies in the future: its delay is {lag}");
            let time = self.found.time.map_or("t", |time| &time.name);
            let help = format!("expected a time up to `{time}`, as in `{time} - tau`");
            self.diagnostics.push(Diagnostic::new(codes::model::DELAY, span, message).help(help));
            return None;
        }
        if list.iter().any(|subscript| subscript.wrap) {
            // Where the range is cut this is looked at again, with subscripts that do not wrap.
            if !scope.cuts.is_empty() {
                return Some(self.graph.constant(0.0));
            }
            let message = format!("a subscript of `{text}` wraps around with several indices at once");
            self.diagnostics.push(Diagnostic::new(codes::model::DELAY, span, message));
            return None;
        }
        let subscripts: Vec<Affine> = list.into_iter().map(|subscript| subscript.affine).collect();
        let own = subscripts.iter().flat_map(|a| &a.terms).fold(0u64, |bits, (var, _)| bits | 1 << var.0);
        let ranges = self.ranges_of(self.graph.facts(at).free | own, (&text, span), scope)?;
        let free = self.graph.facts(at).free;
        let of_time: Vec<IndexRange> = ranges.iter().copied().filter(|r| free >> r.var.0 & 1 == 1).collect();
        let known = self.delays.arguments.iter().position(|a| a.value == at && a.ranges == of_time);
        let argument = known.unwrap_or_else(|| {
            let symbol = self.declare(&format!("time of {text}"), Kind::Argument, dims(&of_time), None, span);
            let argument =
                Argument { symbol, ranges: of_time, value: at, lag, neutral: false, text: text.clone(), span };
            self.delays.arguments.push(argument);
            self.delays.arguments.len() - 1
        });
        self.delays.arguments[argument].neutral |= rate;
        let same = |d: &Delayed| {
            (d.state, d.argument) == (state, argument) && d.subscripts == subscripts && d.ranges == ranges
        };
        let place = self.delays.values.iter().position(same).unwrap_or_else(|| {
            let value = self.declare(&text, Kind::Delayed, dims(&ranges), None, span);
            let rate = self.declare(&text, Kind::Delayed, dims(&ranges), None, span);
            let delayed = Delayed { value, rate, state, subscripts, ranges: ranges.clone(), argument };
            self.delays.values.push(delayed);
            self.delays.values.len() - 1
        });
        // The names are those of the first that reads them.
        let delayed = &self.delays.values[place];
        let symbol = if rate { delayed.rate } else { delayed.value };
        let other = if rate { delayed.value } else { delayed.rate };
        if self.symbol(symbol).name == self.symbol(other).name {
            self.symbols[symbol.0 as usize].name = text.clone();
            let primed = if rate { text.replacen('\'', "", 1) } else { text.replacen('(', "'(", 1) };
            self.symbols[other.0 as usize].name = primed;
        }
        let list = ranges.iter().map(|r| Subscript { affine: Affine::var(r.var), wrap: false }).collect();
        let subs = self.graph.subscripts_id(list);
        Some(self.graph.intern(Node::Symbol(symbol, subs)))
    }

    /// The ranges of the indices among the free ones.
    fn ranges_of(&mut self, free: u64, (text, span): (&str, Span), scope: &Scope) -> Option<Vec<IndexRange>> {
        let mut ranges: Vec<IndexRange> = Vec::new();
        for range in scope.ranges.iter().rev().filter(|r| free >> r.var.0 & 1 == 1) {
            if !ranges.iter().any(|known| known.var == range.var) {
                ranges.insert(0, *range);
            }
        }
        let known = ranges.iter().fold(0u64, |bits, r| bits | 1 << r.var.0);
        if known != free {
            let message = format!("`{text}` depends on an index of where the function is called");
            let error = Diagnostic::new(codes::model::DELAY, span, message);
            self.diagnostics.push(error.help("write the delay in the equation itself"));
            return None;
        }
        Some(ranges)
    }

    /// A definition at another time: what it is made of, at that time.
    fn definition_then(
        &mut self,
        name: &str,
        operand: &Expr,
        time: &Expr,
        span: Span,
        scope: &mut Scope,
    ) -> Option<ExprId> {
        let now = self.real(operand, scope)?;
        if scope.constants_only {
            return Some(now);
        }
        let text = format!("{operand}({time})");
        let at = self.time_of(time, &text, scope)?;
        let plain = matches!(self.definitions.get(name), Some(Definition::Scalar(_) | Definition::Inline { .. }));
        let sums = |id: &ExprId| matches!(self.graph.node(*id), Node::Reduce(..));
        if !plain || self.graph.reachable(&[now]).iter().any(sums) || self.reads_another_time(now) {
            let message = format!("`{name}` is computed in a way that cannot be read at another time");
            let error = Diagnostic::new(codes::model::DELAY, span, message);
            self.diagnostics.push(error.help("write the delay inside: of the states it is made of"));
            return None;
        }
        self.then(now, at, (name, span, &text), scope)
    }

    /// An expression with its states and time as they are at another time.
    fn then(&mut self, root: ExprId, at: ExprId, place: (&str, Span, &str), scope: &mut Scope) -> Option<ExprId> {
        let (name, span, text) = place;
        let mut new = rustc_hash::FxHashMap::default();
        for id in self.graph.reachable(&[root]) {
            let node = self.graph.node(id);
            let value = match node {
                _ if self.graph.facts(id).reads <= Reads::Parameters => id,
                Node::Time => at,
                Node::Symbol(symbol, subs) if self.symbol(symbol).kind == Kind::State => {
                    let list = self.graph.subscripts(subs).to_vec();
                    let time = text.find('(').map_or("", |k| &text[k..]);
                    let own = format!("{}{time}", self.symbol(symbol).name);
                    self.delayed(symbol, list, at, false, (own, span), scope)?
                }
                Node::Symbol(..) | Node::Reduce(..) => {
                    let message = format!("`{name}` is computed in a way that cannot be read at another time");
                    let error = Diagnostic::new(codes::model::DELAY, span, message);
                    self.diagnostics.push(error.help("write the delay inside: of the states it is made of"));
                    return None;
                }
                node => self.graph.rebuild(node, &|operand| new[&operand]),
            };
            new.insert(id, value);
        }
        new.get(&root).copied()
    }

    fn not_delayed(&mut self, name: &str, span: Span) -> Option<ExprId> {
        let message = match self.entities.get(name) {
            Some(Entity::Parameter(_) | Entity::Const(_)) => format!("`{name}` is the same at all times"),
            Some(Entity::Discrete(_)) => format!("past values of the discrete quantity `{name}` are not kept"),
            _ => format!("`{name}` is no state, so it has no value at another time"),
        };
        let error = Diagnostic::new(codes::model::DELAY, span, message);
        self.diagnostics
            .push(error.help(format!("a delay is of a state, `x(t - tau)`; to multiply, write `{name}*(…)`")));
        None
    }

    /// Whether an expression reads something at another time.
    pub(super) fn reads_another_time(&self, root: ExprId) -> bool {
        !self.delays.values.is_empty()
            && self.graph.reachable(&[root]).iter().any(|id| match self.graph.node(*id) {
                Node::Symbol(symbol, _) => {
                    self.symbol(symbol).kind == Kind::Delayed || self.delayed_arrays.contains(&symbol)
                }
                _ => false,
            })
    }

    /// τ of `t - τ`, if parameters alone decide it.
    fn lag(&mut self, at: ExprId) -> Option<ExprId> {
        let (mut times, mut lag) = (0, None);
        let mut waiting = vec![(at, true)];
        while let Some((id, plus)) = waiting.pop() {
            match self.graph.node(id) {
                Node::Time if plus => times += 1,
                _ if self.graph.facts(id).reads <= Reads::Parameters => {
                    lag = Some(match (lag, plus) {
                        (None, true) => self.graph.neg(id),
                        (None, false) => id,
                        (Some(lag), true) => self.graph.sub(lag, id),
                        (Some(lag), false) => self.graph.add(lag, id),
                    });
                }
                Node::Binary(Binary::Add, a, b) => waiting.extend([(b, plus), (a, plus)]),
                Node::Binary(Binary::Sub, a, b) => waiting.extend([(b, !plus), (a, plus)]),
                Node::Unary(Unary::Neg, a) => waiting.push((a, !plus)),
                _ => return None,
            }
        }
        if times == 1 { lag } else { None }
    }

    /// What `init x(t) = …` says of each state.
    pub(super) fn histories<'s>(&mut self, states: impl Iterator<Item = &'s (String, Vec<SymbolId>)>) -> Vec<History> {
        let found = self.found.clone();
        let time = found.time.map_or("t", |time| time.name.as_str());
        for ident in found.history_times.iter().filter(|ident| ident.name != time) {
            let message = format!("expected the independent variable `{time}`, found `{}`", ident.name);
            let error = Diagnostic::new(codes::model::INDEPENDENT, ident.span, message);
            self.diagnostics.push(error.did_you_mean(ident.span, time));
        }
        let scope = Scope { no_states: Some(NO_STATES_AT_START), ..Scope::default() };
        let mut histories: Vec<History> = Vec::new();
        for (name, orders) in states {
            let mut below: Option<(Vec<Piece>, u32, Span)> = None;
            for (order, state) in orders.iter().enumerate() {
                if let Some(target) = found.histories.get(&(name.as_str(), order as u32)) {
                    let family: Option<Family> = self.initial_family(name, order, *state, target, &scope);
                    below = family.map(|family| (family.pieces, 0, target.span));
                } else if let Some((_, order, _)) = &mut below {
                    // The past of a derivative follows from that of what it is the derivative of.
                    *order += 1;
                }
                if let Some((pieces, order, span)) = below.clone() {
                    histories.push(History { state: *state, pieces, order, span });
                }
            }
        }
        histories
    }
}

impl Model {
    /// Keeps what the equations read at other times, and the past of it. What was read only where the range was cut
    /// afterwards is dropped.
    pub(super) fn keep_delays(&mut self, histories: Vec<History>) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        let families = self.definitions.iter().chain(&self.derivatives).chain(&self.outputs).chain(&self.asked.values);
        let mut roots: Vec<ExprId> = families.flat_map(|f| f.pieces.iter().map(|p| p.value)).collect();
        roots.extend(self.implicit.equations.iter().map(|(value, _)| *value));
        roots.extend(self.written.iter().flat_map(|e| e.flux.iter().map(|p| p.value)));
        for event in &self.events {
            roots.extend(event.expressions());
        }
        let read: FxHashSet<SymbolId> = if self.delays.values.is_empty() {
            FxHashSet::default()
        } else {
            let nodes = self.graph.reachable(&roots);
            nodes
                .iter()
                .filter_map(|id| if let Node::Symbol(symbol, _) = self.graph.node(*id) { Some(symbol) } else { None })
                .collect()
        };
        self.delays.values.retain(|d| read.contains(&d.value) || read.contains(&d.rate));
        let used: Vec<usize> =
            (0..self.delays.arguments.len()).filter(|k| self.delays.values.iter().any(|d| d.argument == *k)).collect();
        for delayed in &mut self.delays.values {
            delayed.argument = used.binary_search(&delayed.argument).unwrap_or_default();
        }
        let arguments = std::mem::take(&mut self.delays.arguments);
        self.delays.arguments =
            arguments.into_iter().enumerate().filter(|(k, _)| used.binary_search(k).is_ok()).map(|(_, a)| a).collect();
        let symbols = &self.symbols;
        let name = |id: SymbolId| symbols[id.0 as usize].name.as_str();
        for history in &histories {
            if history.order == 0
                && !self.delays.values.iter().any(|d| {
                    let (of, own) = (name(d.state), name(history.state));
                    // The past of `x` also gives that of `x'`.
                    of == own || of.trim_end_matches('\'') == own
                })
            {
                let message = format!("nothing reads the past of `{}`", name(history.state));
                let error = Diagnostic::new(codes::model::HISTORY, history.span, message);
                diagnostics
                    .push(error.help(format!("write `init {} = …` for its value at the start", name(history.state))));
            }
            let symbolic = |id: &ExprId| match self.graph.node(*id) {
                Node::Symbol(symbol, _) => self.graph.symbol_reads(symbol) > Reads::Parameters,
                _ => false,
            };
            if history.pieces.iter().any(|p| self.graph.reachable(&[p.value]).iter().any(symbolic)) {
                let message = format!("the past of `{}` reads an array that changes with time", name(history.state));
                let error = Diagnostic::new(codes::model::HISTORY, history.span, message);
                diagnostics.push(error.help("write out what the array holds"));
            }
        }
        self.delays.histories = histories;
        diagnostics
    }
}

/// An array over some ranges.
fn dims(ranges: &[IndexRange]) -> Vec<Dim> {
    ranges.iter().map(|r| Dim { lo: r.lo, hi: r.hi, periodic: false }).collect()
}

impl Delayed {
    /// The number of its elements.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|r| r.len()).product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
