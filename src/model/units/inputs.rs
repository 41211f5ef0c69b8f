//! Units of data: those that stand behind headings are held against what the model says, and numbers are converted as they
//! are read.

use super::infer::{Form, Scope};
use super::report::Why;
use super::statements::Inference;
use crate::lang::ast::{Ast, Csv, Expr, ExprKind, Input, ItemKind, Made, Unit};
use crate::model::data::{Change, Chosen};
use crate::source::Span;

impl Inference<'_> {
    /// The units of the arguments of all inputs: that of time where the argument is time, else its own.
    pub fn arguments(&mut self, ast: &Ast) {
        for item in &ast.items {
            let ItemKind::Input(input) = &item.kind else { continue };
            let unit = input.argument_unit.as_ref();
            let own = unit.and_then(|unit| self.registry.read(unit, &mut self.diagnostics));
            let form = match own {
                Some(given) => self.given(given),
                None if input.argument.name == self.time_name => self.time.clone(),
                None => self.unknown(),
            };
            self.inputs.insert(input.name.name.clone(), form);
        }
    }

    /// Holds the headings' units against those of the model.
    pub fn input(&mut self, input: &Input) {
        let Some([x, y]) = self.data.columns(&input.csv) else { return };
        let argument = self.inputs.get(&input.name.name).cloned().unwrap_or_default();
        if input.argument_unit.is_some() && input.argument.name == self.time_name {
            // Both are said of one thing.
            let time = self.time.clone();
            let mut stand_in = stand_in(input.argument.span);
            let converting = std::mem::replace(&mut self.converting, false);
            self.meet(&mut stand_in, &argument, &time, Why::Left(input.argument.span, &input.argument.name));
            self.converting = converting;
        }
        let value = self.form_of(&input.name.name);
        self.heading(x, &argument, (input.argument.span, &input.argument.name), (&input.name.name, 0));
        self.heading(y, &value, (input.name.span, &input.name.name), (&input.name.name, 1));
    }

    fn heading(&mut self, column: &Chosen, target: &Form, (span, name): (Span, &str), (input, which): (&str, usize)) {
        let Some(form) = self.heading_form(column) else { return };
        let mut expr = stand_in(column.span);
        let before = self.conversions.len();
        self.meet(&mut expr, &form, target, Why::Left(span, name));
        if let Some(conversion) = self.conversions.get(before) {
            let (factor, divisor) = (conversion.factor, conversion.divisor);
            let change = Change { before: conversion.offset.0, factor, divisor, after: conversion.offset.1 };
            self.changes.insert((input.to_string(), which), change);
        }
    }

    /// The unit behind a heading. What stands in parentheses need not be a unit.
    fn heading_form(&mut self, column: &Chosen) -> Option<Form> {
        let (unit, strict) = column.unit.as_ref()?;
        let mut diagnostics = Vec::new();
        let given = self.registry.read(unit, &mut diagnostics);
        if *strict && !self.converting {
            self.diagnostics.append(&mut diagnostics);
        }
        given.map(|given| self.given(given))
    }

    /// The unit behind the heading of a vector of data.
    pub fn table_unit(&self, csv: &Csv) -> Option<&Unit> {
        match self.data.columns(csv)? {
            [column] => column.unit.as_ref().map(|(unit, _)| unit),
            _ => None,
        }
    }

    /// The unit of an array of data.
    pub fn table(&mut self, csv: &Csv) -> Form {
        let column = match self.data.columns(csv) {
            Some([column]) => Some(column),
            _ => None,
        };
        match column.and_then(|column| self.heading_form(column)) {
            Some(form) => form,
            None => self.unknown(),
        }
    }

    /// The unit of an expression that nobody wrote.
    pub fn made(&mut self, made: &mut Made, scope: &mut Scope) -> Form {
        match made {
            Made::Numbers(_, place) => {
                self.pure(place, scope, "a place");
                self.unknown()
            }
            Made::InUnitOf(of, inner) => {
                let (form, name) = match of {
                    Some(name) => (self.form_of(name), name.clone()),
                    None => (self.time.clone(), self.time_name.clone()),
                };
                let span = inner.span;
                self.value(inner, &form, scope, (span, &name));
                form
            }
        }
    }
}

fn stand_in(span: Span) -> Expr {
    Expr { span, kind: ExprKind::Bool(true) }
}
