//! What is known when compiled: constants, sizes, ranges.

use rustc_hash::FxHashMap;

use super::check::{Checker, Entity};
use super::expression::Scope;
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::Expr;
use crate::order::topological;

impl Checker<'_> {
    /// Evaluates the scalar constants, each after those it uses.
    pub fn evaluate_constants(&mut self) {
        let scalars: Vec<(&str, &Expr)> = self
            .found
            .constants
            .iter()
            .filter(|(_, target)| target.statements.iter().all(|s| s.subscripts.is_empty()))
            .filter_map(|(name, target)| Some((*name, target.statements.first()?.value?)))
            .collect();
        let places: FxHashMap<&str, usize> = scalars.iter().enumerate().map(|(k, (name, _))| (*name, k)).collect();
        let dependencies: Vec<Vec<usize>> = scalars
            .iter()
            .map(|(_, value)| {
                self.names_in(value).iter().filter_map(|name| places.get(name.as_ref()).copied()).collect()
            })
            .collect();
        for (name, target) in &self.found.constants {
            if let Some(second) = target.statements.get(1).filter(|s| s.subscripts.is_empty()) {
                self.diagnostics.push(
                    Diagnostic::new(
                        codes::model::DECLARED_TWICE,
                        second.span,
                        format!("constant `{name}` is declared twice"),
                    )
                    .related(target.span, "first declared here"),
                );
            }
        }
        let order = match topological(&dependencies) {
            Ok(order) => order,
            Err(cycle) => {
                let names: Vec<&str> = cycle.iter().map(|k| scalars[*k].0).collect();
                let span = self.found.constants[names[0]].span;
                self.report_cycle(&names, span);
                scalars.iter().for_each(|(name, _)| {
                    self.entities.insert(name.to_string(), Entity::Failed);
                });
                return;
            }
        };
        for k in order {
            let (name, value) = scalars[k];
            let entity = match self.constant(value) {
                Some(number) => Entity::Const(number),
                None => Entity::Failed,
            };
            self.entities.insert(name.to_string(), entity);
        }
    }

    /// The value of an expression of numbers and constants; `None` after a diagnostic.
    pub fn constant(&mut self, expr: &Expr) -> Option<f64> {
        let id = self.real(expr, &mut Scope { constants_only: true, ..Scope::default() })?;
        let value = self.graph.as_const(id);
        if value.is_none() {
            let message = "expected a value known when the model is compiled";
            self.diagnostics.push(
                Diagnostic::new(codes::model::NOT_CONSTANT, expr.span, message)
                    .help("only numbers, `const` names and functions of them can stand here"),
            );
        }
        value
    }

    /// The same, and a whole number.
    pub fn constant_integer(&mut self, expr: &Expr) -> Option<i64> {
        let value = self.constant(expr)?;
        if value == value.trunc() && value.abs() < 9e15 {
            return Some(value as i64);
        }
        let message = format!("expected a whole number, found {value}");
        self.diagnostics.push(Diagnostic::new(codes::model::NOT_CONSTANT, expr.span, message));
        None
    }
}
