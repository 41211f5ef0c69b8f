//! Who reads whom: the names in an expression, those inside called functions included, and the circles they may form.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::check::Checker;
use super::families::Shape;
use crate::diag::{Diagnostic, codes};
use crate::expr::SymbolId;
use crate::lang::ast::{Expr, ExprKind};
use crate::order::topological;
use crate::source::Span;

impl Checker<'_> {
    /// Finds functions that call themselves, and what names each function reads.
    pub(super) fn check_functions(&mut self) {
        let names: Vec<String> = self.found.functions.keys().map(|name| name.to_string()).collect();
        let places: FxHashMap<&str, usize> = names.iter().enumerate().map(|(k, n)| (n.as_str(), k)).collect();
        let mut direct = Vec::new();
        for function in self.found.functions.values() {
            let (mut reads, mut calls) = (Vec::new(), Vec::new());
            if let Some(body) = function.body {
                walk(body, &mut |expr| match &expr.kind {
                    ExprKind::Call(callee, _) => calls.extend(places.get(callee.name.as_str()).copied()),
                    _ => reads.extend(read_name(expr).map(Cow::into_owned)),
                });
            }
            direct.push((reads, calls));
        }
        let dependencies: Vec<Vec<usize>> = direct.iter().map(|(_, calls)| calls.clone()).collect();
        match topological(&dependencies) {
            Ok(order) => {
                for k in order {
                    let mut reads = direct[k].0.clone();
                    for callee in &direct[k].1 {
                        reads.extend(self.function_names.get(&names[*callee]).into_iter().flatten().cloned());
                    }
                    reads.sort();
                    reads.dedup();
                    self.function_names.insert(names[k].clone(), reads);
                }
            }
            Err(cycle) => {
                let in_cycle: Vec<&str> = cycle.iter().map(|k| names[*k].as_str()).collect();
                let span = self.found.functions[in_cycle[0]].span;
                self.report_cycle(&in_cycle, span);
                self.failed_functions.extend(names.iter().cloned());
            }
        }
    }

    /// The names an expression reads, those inside called functions included; derivatives end in primes.
    pub fn names_in<'e>(&'e self, expr: &'e Expr) -> Vec<Cow<'e, str>> {
        let mut names = Vec::new();
        walk(expr, &mut |expr| match &expr.kind {
            ExprKind::Call(function, _) => {
                let inside = self.function_names.get(&function.name).into_iter().flatten();
                names.extend(inside.map(|name| Cow::Borrowed(name.as_str())));
                // It may be something at another time.
                names.push(Cow::Borrowed(&function.name));
            }
            _ => names.extend(read_name(expr)),
        });
        names
    }

    pub fn report_cycle(&mut self, names: &[&str], span: Span) {
        let message = match names {
            [one] => format!("`{one}` is defined by itself"),
            _ => {
                let chain: Vec<String> = names.iter().chain(names.first()).map(|n| format!("`{n}`")).collect();
                format!("definitions go in a circle: {}", chain.join(" needs "))
            }
        };
        self.diagnostics.push(
            Diagnostic::new(codes::model::CYCLE, span, message).help(
                "break the circle by hand, or make one of them an unknown: `init a = 1` as its guess, and `0 = …`",
            ),
        );
    }

    pub(super) fn report_default_cycles(&mut self, parameters: &[(String, SymbolId, Shape)]) {
        let places: FxHashMap<&str, usize> =
            parameters.iter().enumerate().map(|(k, (name, ..))| (name.as_str(), k)).collect();
        let dependencies: Vec<Vec<usize>> = parameters
            .iter()
            .map(|(name, ..)| {
                let values = self.found.parameters[name.as_str()].statements.iter().filter_map(|s| s.value);
                // Through definitions too: `param a = b`, `b = 2*a`.
                let mut waiting: Vec<Cow<str>> = values.flat_map(|v| self.names_in(v)).collect();
                let (mut seen, mut result) = (FxHashSet::default(), Vec::new());
                while let Some(read) = waiting.pop() {
                    if !seen.insert(read.clone()) {
                        continue;
                    }
                    result.extend(places.get(read.as_ref()).copied());
                    if let Some(target) = self.found.definitions.get(read.as_ref()) {
                        waiting.extend(target.statements.iter().filter_map(|s| s.value).flat_map(|v| self.names_in(v)));
                    }
                }
                result
            })
            .collect();
        if let Err(cycle) = topological(&dependencies) {
            let names: Vec<&str> = cycle.iter().map(|k| parameters[*k].0.as_str()).collect();
            let span = self.found.parameters[names[0]].span;
            self.report_cycle(&names, span);
        }
    }
}

/// Calls `f` on an expression and everything inside it.
pub fn walk<'e>(expr: &'e Expr, f: &mut dyn FnMut(&'e Expr)) {
    f(expr);
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Quantity(..) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Csv(_) => {}
        ExprKind::Made(made) => walk(made.inner(), f),
        ExprKind::Subscript(_, list)
        | ExprKind::Call(_, list)
        | ExprKind::And(list)
        | ExprKind::Or(list)
        | ExprKind::Reduce(_, _, list) => {
            list.iter().for_each(|e| walk(e, f));
        }
        ExprKind::Member(segments) => segments.iter().flat_map(|s| &s.subscripts).for_each(|e| walk(e, f)),
        // The operand of a prime is not read by itself; its subscripts are.
        ExprKind::Prime(inner, _) => {
            if let ExprKind::Subscript(_, list) = &inner.kind {
                list.iter().for_each(|e| walk(e, f));
            }
        }
        ExprKind::Negate(a) | ExprKind::Not(a) => walk(a, f),
        ExprKind::Sum(terms) => terms.iter().for_each(|(_, e)| walk(e, f)),
        ExprKind::Product(factors) => factors.iter().for_each(|(_, e)| walk(e, f)),
        // What a derivative was at another time says nothing of what it is.
        ExprKind::Delayed(a, time) => {
            match &a.kind {
                ExprKind::Prime(inner, _) => {
                    if let ExprKind::Subscript(_, list) = &inner.kind {
                        list.iter().for_each(|e| walk(e, f));
                    }
                }
                _ => walk(a, f),
            }
            walk(time, f);
        }
        ExprKind::Power(a, b) | ExprKind::Compare(_, a, b) => {
            walk(a, f);
            walk(b, f);
        }
        ExprKind::If(a, b, c) => {
            walk(a, f);
            walk(b, f);
            walk(c, f);
        }
    }
}

/// The name an expression reads, if it is a reference; derivatives end in primes.
fn read_name(expr: &Expr) -> Option<Cow<'_, str>> {
    match &expr.kind {
        ExprKind::Name(name) => Some(Cow::Borrowed(name)),
        ExprKind::Subscript(ident, _) => Some(Cow::Borrowed(&ident.name)),
        ExprKind::Prime(inner, order) => {
            read_name(inner).map(|name| Cow::Owned(format!("{name}{}", "'".repeat(*order as usize))))
        }
        _ => None,
    }
}
