//! Left sides: which elements a statement speaks of.

use super::boxes::Bounds;
use super::check::Checker;
use super::expression::Scope;
use super::names::Statement;
use super::reactions::names_in_subscript;
use crate::diag::{Diagnostic, codes};
use crate::expr::{Affine, IndexRange, VarId};
use crate::lang::ast::Range;

/// The elements of one statement's left side.
#[derive(Clone, Debug)]
pub struct Region {
    /// Bounds per dimension.
    pub bounds: Bounds,
    /// Per dimension: the index variable that runs along it, its name, and how much the subscript is ahead of it.
    pub vars: Vec<Option<(VarId, String, i64)>>,
    /// Per dimension: whether the index is periodic.
    pub periodic: Vec<bool>,
}

impl Region {
    /// The scope of the right side on a part of the region, and the left side's subscripts there.
    pub fn scope(&self, part: &Bounds) -> (Scope, Vec<Affine>) {
        let mut scope = Scope::default();
        let mut subscripts = Vec::with_capacity(part.len());
        for ((lo, hi), var) in part.iter().zip(&self.vars) {
            let Some((var, name, ahead)) = var else {
                subscripts.push(Affine::constant(*lo));
                continue;
            };
            if lo == hi {
                scope.indices.push((name.clone(), Affine::constant(lo - ahead)));
                subscripts.push(Affine::constant(*lo));
            } else {
                scope.indices.push((name.clone(), Affine::var(*var)));
                scope.ranges.push(IndexRange { var: *var, lo: lo - ahead, hi: hi - ahead });
                subscripts.push(Affine { offset: *ahead, terms: vec![(*var, 1)] });
            }
        }
        (scope, subscripts)
    }
}

impl Checker<'_> {
    /// The elements a statement speaks of; `None` after a diagnostic.
    /// In a declaration a lone number is a size: `param w[3]` has the elements 1 to 3.
    pub fn region(&mut self, statement: &Statement, number_is_size: bool) -> Option<Region> {
        let mut locals = Vec::new();
        for clause in statement.domain {
            let range = self.constant_range(&clause.range)?;
            let var = self.index_variable(&clause.index.name, clause.index.span)?;
            let periodic = self.found.indices.get(clause.index.name.as_str()).is_some_and(|set| set.periodic);
            locals.push((clause, var, range, periodic, false));
        }
        let mut region = Region { bounds: Vec::new(), vars: Vec::new(), periodic: Vec::new() };
        for subscript in statement.subscripts {
            let mut scope = Scope::default();
            for (clause, var, range, ..) in &locals {
                scope.indices.push((clause.index.name.clone(), Affine::var(*var)));
                scope.ranges.push(IndexRange { var: *var, lo: range.0, hi: range.1 });
            }
            // Declared indices used on the left range over their sets.
            self.bring_declared_indices(subscript, &mut scope)?;
            let affine = self.affine(subscript, &scope)?;
            let (bounds, var, periodic) = match (affine.terms.as_slice(), affine.offset) {
                ([], n) if number_is_size && n >= 1 => ((1, n), None, false),
                ([], n) if number_is_size => {
                    let message = format!("expected a size of at least 1, found {n}");
                    self.diagnostics.push(Diagnostic::new(codes::model::EMPTY_RANGE, subscript.span, message));
                    return None;
                }
                ([], n) => ((n, n), None, false),
                ([(var, 1)], ahead) => {
                    let range = scope.ranges.iter().find(|range| range.var == *var)?;
                    let name = self.graph.var_name(*var).to_string();
                    let mut periodic = self.found.indices.get(name.as_str()).is_some_and(|set| set.periodic);
                    for local in &mut locals {
                        if local.1 == *var {
                            local.4 = true;
                            periodic = local.3;
                        }
                    }
                    ((range.lo + ahead, range.hi + ahead), Some((*var, name, ahead)), periodic)
                }
                _ => {
                    self.diagnostics.push(
                        Diagnostic::new(
                            codes::model::LEFT_SIDE,
                            subscript.span,
                            "expected an index or a number as subscript on the left",
                        )
                        .help("shift the index in the `for` clause instead"),
                    );
                    return None;
                }
            };
            if let Some((var, name, _)) = &var
                && region.vars.iter().flatten().any(|(known, ..)| known == var)
            {
                let message = format!("index `{name}` is used twice on the left");
                self.diagnostics.push(
                    Diagnostic::new(codes::model::LEFT_SIDE, subscript.span, message)
                        .help("declare a second index over the same range, e.g. `index i, j = 1..N`"),
                );
                return None;
            }
            region.bounds.push(bounds);
            region.vars.push(var);
            region.periodic.push(periodic);
        }
        if let Some((clause, ..)) = locals.iter().find(|local| !local.4) {
            let message = format!("index `{}` does not appear on the left", clause.index.name);
            self.diagnostics.push(Diagnostic::new(codes::model::LEFT_SIDE, clause.index.span, message));
            return None;
        }
        Some(region)
    }

    /// Puts the declared indices named in a left-side subscript into scope.
    fn bring_declared_indices(&mut self, subscript: &crate::lang::ast::Expr, scope: &mut Scope) -> Option<()> {
        let mut names = Vec::new();
        names_in_subscript(subscript, &mut names);
        for name in names {
            if scope.indices.iter().any(|(known, _)| known == name) {
                continue;
            }
            if let Some(set) = self.found.indices.get(name).copied() {
                let (lo, hi) = self.constant_range(set.range)?;
                let var = self.index_variable(name, subscript.span)?;
                scope.indices.push((name.to_string(), Affine::var(var)));
                scope.ranges.push(IndexRange { var, lo, hi });
            }
        }
        Some(())
    }

    /// The ends of a range, known when compiled and not empty.
    pub fn constant_range(&mut self, range: &Range) -> Option<(i64, i64)> {
        let lo = self.constant_integer(&range.lo)?;
        let hi = self.constant_integer(&range.hi)?;
        if lo > hi {
            let message = format!("the range {lo}..{hi} is empty");
            self.diagnostics.push(
                Diagnostic::new(codes::model::EMPTY_RANGE, range.lo.span.to(range.hi.span), message)
                    .label("expected the first value not above the last"),
            );
            return None;
        }
        if hi - lo >= i64::from(i32::MAX) || lo < i64::from(i32::MIN) / 2 || hi > i64::from(i32::MAX) / 2 {
            let message = format!("the range {lo}..{hi} is too large");
            self.diagnostics.push(Diagnostic::new(codes::model::TOO_LARGE, range.lo.span.to(range.hi.span), message));
            return None;
        }
        Some((lo, hi))
    }

    /// The graph's variable for an index name.
    pub fn index_variable(&mut self, name: &str, span: crate::source::Span) -> Option<VarId> {
        let var = self.graph.var(name);
        if var.is_none() {
            let message = format!("more than {} index names", crate::expr::Graph::MAX_VARS);
            self.diagnostics.push(
                Diagnostic::new(codes::model::INDICES, span, message)
                    .help("use the same index name in several equations"),
            );
        }
        var
    }
}
