//! Implicit and algebraic equations: `0 = x^2 + y^2 - 1`, `L*i' + R*i = v`, and the unknowns they determine together.
//!
//! An unknown is a name with an initial value, its guess, that no equation gives by itself. Equations over indices are
//! written out element by element here: which of them determines which unknown differs from element to element. How they
//! are solved is for `crate::dae` to find out.

use std::collections::BTreeMap;

use super::check::{Checker, Entity};
use super::contributions::advance;
use super::expression::{NO_STATES_AT_START, Scope};
use super::names::Implicit as Statement;
use super::{Family, Kind};
use crate::diag::{Diagnostic, codes};
use crate::expr::{Affine, ExprId, SymbolId};
use crate::lang::ast::{Expr, ExprKind};
use crate::source::Span;

/// More equations than this are not written out.
const MOST: usize = 20_000;

/// The implicit equations of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Implicit {
    /// What they determine.
    pub unknowns: Vec<Unknown>,
    /// 0 = …, each with the place of its text.
    pub equations: Vec<(ExprId, Span)>,
}

/// A quantity that no equation gives by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// It and its derivatives, up to the highest that is mentioned.
    pub symbols: Vec<SymbolId>,
    /// What is known of each at the start.
    pub initials: Vec<Option<Family>>,
}

impl Checker<'_> {
    /// Declares the names that only implicit equations determine: by the spelling of an unknown, its symbols.
    pub(super) fn declare_unknowns(&mut self) -> Vec<(String, Vec<SymbolId>)> {
        if self.found.implicit.is_empty() {
            return Vec::new();
        }
        let orders = self.mentioned_orders();
        let mut names: Vec<String> = Vec::new();
        for ((name, _), _) in &self.found.initials {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_string());
            }
        }
        let mut result = Vec::new();
        for name in names {
            let known = self.found.equations.contains_key(name.as_str()) || self.found.claimed.contains(name.as_str());
            let Some(target) = self.found.initials.get(&(name.as_str(), 0)).cloned().filter(|_| !known) else {
                continue;
            };
            let Some(shape) = self.shape(&name, &target, false) else {
                self.entities.insert(name, Entity::Failed);
                continue;
            };
            let highest = orders.get(&name).copied().unwrap_or(0);
            let symbols: Vec<SymbolId> = (0..=highest)
                .map(|k| {
                    let name = format!("{name}{}", "'".repeat(k as usize));
                    self.declare(&name, Kind::State, shape.dims.clone(), target.doc, target.span)
                })
                .collect();
            self.entities.insert(name.clone(), Entity::State(symbols.as_slice().into()));
            result.push((name, symbols));
        }
        result
    }

    /// The highest derivative of each name that is read anywhere or has an initial value.
    fn mentioned_orders(&self) -> BTreeMap<String, u32> {
        let mut orders: BTreeMap<String, u32> = BTreeMap::new();
        let mut mention = |name: &str, order: u32| {
            let known = orders.entry(name.to_string()).or_default();
            *known = (*known).max(order);
        };
        for (name, order) in self.found.initials.keys() {
            mention(name, *order);
        }
        let targets = self.found.definitions.values().chain(self.found.equations.values().map(|(_, target)| target));
        let values = targets.flat_map(|target| target.statements.iter().filter_map(|s| s.value));
        let bodies = self.found.functions.values().filter_map(|f| f.body);
        let sides = self.found.implicit.iter().flat_map(|s| [s.lhs, s.rhs]);
        let events = self.found.events.iter().flat_map(|(event, _)| event.expressions());
        for expr in values.chain(bodies).chain(sides).chain(events) {
            super::reading::walk(expr, &mut |expr| {
                if let ExprKind::Prime(inner, order) = &expr.kind
                    && let ExprKind::Name(name) | ExprKind::Subscript(crate::lang::ast::Ident { name, .. }, _) =
                        &inner.kind
                {
                    mention(name, *order);
                }
            });
        }
        orders
    }

    /// The equations, written out, and what is known of the unknowns at the start.
    pub(super) fn implicit(&mut self, unknowns: &[(String, Vec<SymbolId>)]) -> Implicit {
        let mut implicit = Implicit::default();
        for statement in self.found.implicit.clone() {
            // After an error the others tell theirs.
            let _ = self.write_out(&statement, &mut implicit.equations);
        }
        let scope = Scope { no_states: Some(NO_STATES_AT_START), ..Scope::default() };
        for (name, symbols) in unknowns {
            let mut initials = Vec::new();
            for (order, symbol) in symbols.iter().enumerate() {
                let target = self.found.initials.get(&(name.as_str(), order as u32)).cloned();
                initials.push(target.and_then(|target| self.initial_family(name, order, *symbol, &target, &scope)));
            }
            implicit.unknowns.push(Unknown { symbols: symbols.clone(), initials });
        }
        implicit
    }

    /// One statement for every value of its indices; none after a diagnostic.
    fn write_out(&mut self, statement: &Statement, equations: &mut Vec<(ExprId, Span)>) -> Option<()> {
        let mut names: Vec<(String, (i64, i64))> = Vec::new();
        for clause in statement.domain {
            names.push((clause.index.name.clone(), self.constant_range(&clause.range)?));
        }
        let mut free = Vec::new();
        free_names(statement.lhs, &mut Vec::new(), &mut free);
        free_names(statement.rhs, &mut Vec::new(), &mut free);
        for clause in statement.domain {
            if !free.contains(&clause.index.name.as_str()) {
                let message = format!("index `{}` does not appear in the equation", clause.index.name);
                self.diagnostics.push(Diagnostic::new(codes::model::LEFT_SIDE, clause.index.span, message));
                return None;
            }
        }
        for name in free {
            if names.iter().any(|(known, _)| known == name) {
                continue;
            }
            if let Some(set) = self.found.indices.get(name).copied() {
                names.push((name.to_string(), self.constant_range(set.range)?));
            }
        }
        let count = names.iter().fold(1usize, |count, (_, (lo, hi))| count.saturating_mul((hi - lo + 1) as usize));
        if equations.len().saturating_add(count) > MOST {
            let message = format!("more than {MOST} implicit equations");
            let error = Diagnostic::new(codes::model::TOO_LARGE, statement.span, message);
            self.diagnostics.push(error.help("give states equations of their own, `u[i]' = …`, where that can be"));
            return None;
        }
        let ranges: Vec<(i64, i64)> = names.iter().map(|(_, range)| *range).collect();
        let mut at: Vec<i64> = ranges.iter().map(|(lo, _)| *lo).collect();
        loop {
            let indices = names.iter().zip(&at).map(|((name, _), v)| (name.clone(), Affine::constant(*v))).collect();
            let mut scope = Scope { indices, ..Scope::default() };
            let (left, right) = (self.real(statement.lhs, &mut scope), self.real(statement.rhs, &mut scope));
            let (left, right) = (left?, right?);
            let zero = Some(0.0);
            let value = match (self.graph.as_const(left) == zero, self.graph.as_const(right) == zero) {
                (true, _) => right,
                (_, true) => left,
                _ => self.graph.sub(left, right),
            };
            equations.push((value, statement.span));
            if !advance(&mut at, &ranges) {
                return Some(());
            }
        }
    }
}

/// Names an expression reads, subscripts included, but for the indices of reductions within them.
fn free_names<'e>(expr: &'e Expr, bound: &mut Vec<&'e str>, out: &mut Vec<&'e str>) {
    let mut each = |list: &'e [Expr], bound: &mut Vec<&'e str>| list.iter().for_each(|e| free_names(e, bound, out));
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Quantity(..) | ExprKind::Bool(_) | ExprKind::Csv(_) => {}
        ExprKind::Made(made) => free_names(made.inner(), bound, out),
        ExprKind::Name(name) => {
            if !bound.contains(&name.as_str()) && !out.contains(&name.as_str()) {
                out.push(name);
            }
        }
        ExprKind::Subscript(_, list) | ExprKind::Call(_, list) | ExprKind::And(list) | ExprKind::Or(list) => {
            each(list, bound)
        }
        ExprKind::Reduce(_, indices, list) => {
            let before = bound.len();
            bound.extend(indices.iter().map(|index| index.index.name.as_str()));
            each(list, bound);
            bound.truncate(before);
        }
        ExprKind::Member(segments) => segments.iter().for_each(|s| each(&s.subscripts, bound)),
        ExprKind::Prime(a, _) | ExprKind::Negate(a) | ExprKind::Not(a) => free_names(a, bound, out),
        ExprKind::Sum(terms) => terms.iter().for_each(|(_, e)| free_names(e, bound, out)),
        ExprKind::Product(factors) => factors.iter().for_each(|(_, e)| free_names(e, bound, out)),
        ExprKind::Power(a, b) | ExprKind::Compare(_, a, b) | ExprKind::Delayed(a, b) => {
            [a, b].into_iter().for_each(|e| free_names(e, bound, out))
        }
        ExprKind::If(a, b, c) => [a, b, c].into_iter().for_each(|e| free_names(e, bound, out)),
    }
}
