//! What is said when units do not fit: both sides with their dimensions, what has which unit, and what could be meant.

use super::exact::{Dims, Exact, dimension_in_words};
use super::infer::{Form, is_zero};
use super::linear::{Base, Linear};
use super::ratio::Ratio;
use super::registry::{in_base_units, product};
use super::statements::{Inference, Quantity, alone};
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{Expr, ExprKind};
use crate::source::Span;

/// Why a unit is demanded.
#[derive(Clone, Copy, Debug)]
pub enum Why<'s> {
    /// It stands beside that in a sum, a comparison or another branch.
    Beside(Span),
    /// It is the value of that name.
    Left(Span, &'s str),
    /// It is an argument.
    Argument { function: &'s str, argument: &'s str },
    /// It must be a pure number.
    Number(&'s str),
    /// It is added to a temperature with an offset.
    Scale,
    /// It is a second declaration of that.
    Declared(Span),
}

/// So many parts of an expression are labelled with their units.
const MOST_LABELS: usize = 5;

impl Inference<'_> {
    /// A unit as text, with what is known put in; `1` for a pure number.
    pub fn spell(&mut self, unit: &Linear) -> String {
        let unit = self.solver.resolve(unit);
        let terms: Vec<(String, Ratio)> = unit
            .terms()
            .map(|(base, monomial, value)| {
                let mut name = match base {
                    Base::Unit(id) => self.registry.name(id).to_string(),
                    Base::Unknown(unknown) => {
                        let own = |q: &Quantity| alone(&q.form.unit) == Some(unknown);
                        let name = self.quantities.iter().find(|(_, q)| own(q)).map(|(name, _)| name.as_str());
                        let time = || alone(&self.time.unit).filter(|own| *own == unknown).map(|_| &*self.time_name);
                        format!("[{}]", name.or_else(time).unwrap_or("?"))
                    }
                };
                for atom in monomial {
                    let text = self.atoms.text(*atom);
                    let simple = text.chars().all(|c| c.is_alphanumeric() || c == '_');
                    name += &if simple { format!("^{text}") } else { format!("^({text})") };
                }
                (name, value)
            })
            .collect();
        product(terms.into_iter())
    }

    /// The unit or scale of a form.
    pub fn spell_form(&mut self, form: &Form) -> String {
        match form.point {
            Some(id) => self.registry.name(id).to_string(),
            None => self.spell(&form.unit),
        }
    }

    /// `J`, or `a pure number`.
    fn short(&mut self, form: &Form) -> String {
        match self.spell_form(form) {
            text if text == "1" => "a pure number".to_string(),
            text => text,
        }
    }

    /// `J (length^2*mass/time^2)`.
    fn long(&mut self, form: &Form) -> String {
        let short = self.short(form);
        let unit = self.solver.resolve(&form.unit);
        let dims = self.registry.exact(&unit).dims;
        let known = unit.terms().all(|(base, monomial, _)| matches!(base, Base::Unit(_)) && monomial.is_empty());
        match dimension_in_words(&dims) {
            words if known && words != short => format!("{short} ({words})"),
            _ => short,
        }
    }

    pub fn mismatch(&mut self, expr: &Expr, form: &Form, target: &Form, why: Why) {
        let (expected, found) = (self.short(target), self.short(form));
        let (code, message) = match why {
            Why::Number(what) => (codes::units::NOT_NUMBER, format!("{what} must be a pure number, found {found}")),
            Why::Left(_, name) => {
                (codes::units::MISMATCH, format!("units do not agree: `{name}` is {expected}, found {found}"))
            }
            Why::Argument { function, argument } => {
                let sentence = format!("argument `{argument}` of `{function}` is {expected} here, found {found}");
                (codes::units::MISMATCH, format!("units do not agree: {sentence}"))
            }
            Why::Declared(_) => {
                (codes::units::MISMATCH, format!("units do not agree: declared as {expected} before, now as {found}"))
            }
            Why::Beside(_) | Why::Scale => {
                (codes::units::MISMATCH, format!("units do not agree: {expected} beside {found}"))
            }
        };
        let mut diagnostic = Diagnostic::new(code, expr.span, message).label(self.long(form));
        let expectation = self.long(target);
        match why {
            Why::Beside(other) => diagnostic = diagnostic.related(other, expectation),
            Why::Left(name, _) | Why::Declared(name) => diagnostic = diagnostic.related(name, expectation),
            _ => {}
        }
        for (span, remark) in self.parts(expr) {
            diagnostic = diagnostic.related(span, remark);
        }
        if let Some(help) = self.hint(expr, form, target, why) {
            diagnostic = diagnostic.help(help);
        }
        self.diagnostics.push(diagnostic);
    }

    /// The names in a product with their units, and where an inferred one comes from.
    fn parts(&mut self, expr: &Expr) -> Vec<(Span, String)> {
        let mut leaves = Vec::new();
        collect(expr, &mut leaves);
        let mut remarks: Vec<(Span, String)> = Vec::new();
        for (name, span) in leaves {
            let form = if name == self.time_name { self.time.clone() } else { self.form_of(name) };
            let resolved = self.solver.resolve(&form.unit);
            if resolved.unknowns().next().is_some() || remarks.len() == MOST_LABELS {
                continue;
            }
            let unit = self.short(&form);
            // A name alone has its unit under it already.
            if span != expr.span {
                remarks.push((span, unit.clone()));
            }
            let inferred = form.unit.unknowns().next().and_then(|unknown| self.solver.place(unknown));
            if let Some(place) = inferred.filter(|place| *place != span && place.end > 0) {
                remarks.push((place, format!("from this, `{name}` is {unit}")));
            }
        }
        remarks
    }

    fn hint(&mut self, expr: &Expr, form: &Form, target: &Form, why: Why) -> Option<String> {
        let wanted = self.spell_form(target);
        if let ExprKind::Number(_) = &expr.kind {
            return Some(format!("give the number its unit: `{expr} [{wanted}]`"));
        }
        let difference = target.unit.clone().plus(&form.unit, -Ratio::ONE);
        let difference = self.solver.resolve(&difference);
        let known = difference.terms().all(|(base, monomial, _)| matches!(base, Base::Unit(_)) && monomial.is_empty());
        if !known {
            let power = "a power is known only when its exponent is a number: raise a ratio, such as `(x/x0)^n`";
            return difference.terms().any(|(_, monomial, _)| !monomial.is_empty()).then(|| power.to_string());
        }
        let missing = self.registry.exact(&difference);
        let unit = in_base_units(&missing.dims);
        if let Why::Number(_) = why {
            let unit = self.spell_form(form);
            let reference = self.of_dimension(&missing.inverse().dims, expr);
            return Some(match reference {
                Some(name) => format!("divide by a quantity of the same dimension, such as `{name}` or `1 [{unit}]`"),
                None => format!("divide by a quantity of the same dimension, such as `1 [{unit}]`"),
            });
        }
        if let Why::Declared(_) = why {
            return Some(format!("both declarations of a quantity need the same dimension: write `{wanted}`"));
        }
        let factor = self.of_dimension(&missing.dims, expr).map(|name| (name, "multiplied"));
        let factor = factor.or_else(|| self.of_dimension(&missing.inverse().dims, expr).map(|name| (name, "divided")));
        Some(match factor {
            Some((name, how)) => format!("they would agree if this were {how} by `{name}`"),
            None if missing.dims.iter().all(|e| e.is_negative() || e.is_zero()) => {
                format!(
                    "they would agree if this were divided by something in {}",
                    in_base_units(&missing.inverse().dims)
                )
            }
            None => format!("they would agree if this were multiplied by something in {unit}"),
        })
    }

    /// A declared quantity of that dimension, not one that makes up the expression.
    fn of_dimension(&mut self, dims: &Dims, expr: &Expr) -> Option<String> {
        let mut leaves = Vec::new();
        collect(expr, &mut leaves);
        let whole = |name: &str| matches!(&expr.kind, ExprKind::Name(own) if own == name);
        let time = (self.time_name.clone(), self.time.clone());
        let candidates = self.quantities.iter().map(|(name, quantity)| (name.clone(), quantity.form.clone()));
        let candidates: Vec<(String, Form)> = candidates.chain([time]).collect();
        // One that is in the expression already is the likelier slip: a square that was forgotten.
        let (inside, outside): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|(name, _)| leaves.iter().any(|(leaf, _)| leaf == name));
        inside.into_iter().chain(outside).filter(|(name, _)| !whole(name)).find_map(|(name, form)| {
            let unit = self.solver.resolve(&form.unit);
            let exact = self.registry.exact(&unit);
            let known = unit.terms().all(|(base, monomial, _)| matches!(base, Base::Unit(_)) && monomial.is_empty());
            (known && form.point.is_none() && !exact.is_number() && exact.dims == *dims).then_some(name)
        })
    }

    pub fn too_large(&mut self, span: Span) {
        let message = "the exponents of units here are too large to be worked with";
        let help = "units are raised to small powers; is one of the exponents misplaced?";
        self.diagnostics.push(Diagnostic::new(codes::units::TOO_LARGE, span, message).help(help));
    }

    pub fn unknown_power(&mut self, expr: &Expr, form: &Form, target: &Form) {
        let inside = |d: &Diagnostic| expr.span.start <= d.span.start && d.span.end <= expr.span.end;
        if self.diagnostics.iter().any(|d| d.code == codes::units::UNKNOWN_POWER && inside(d)) {
            return; // It follows from the inner one.
        }
        let (from, to) = (self.short(form), self.short(target));
        let message = format!("cannot convert {from} to {to}: the factor depends on an exponent that is not a number");
        let diagnostic = Diagnostic::new(codes::units::UNKNOWN_POWER, expr.span, message);
        self.diagnostics.push(diagnostic.help("convert before raising to the power, or declare both in the same unit"));
    }

    pub fn offset_misused(&mut self, expr: &Expr, form: &Form) {
        if is_zero(expr) {
            return;
        }
        let scale = self.spell_form(form);
        let message =
            format!("a temperature in {scale} counts from an offset: it cannot be multiplied, added up or raised");
        let help = match &expr.kind {
            ExprKind::Name(name) => {
                format!("convert it first: `{name}_K: K = {name}`, or use a difference: `{name} - T0`")
            }
            _ => "convert it first: `T_K: K = …`, or use a difference of two temperatures".to_string(),
        };
        self.diagnostics
            .push(Diagnostic::new(codes::units::OFFSET, expr.span, message).label(format!("in {scale}")).help(help));
    }

    /// A temperature with an offset meets a quantity whose unit nothing says.
    pub fn undeclared_point(&mut self, expr: &Expr, form: &Form) {
        let message = "a temperature that counts from an offset meets a quantity without a declared unit";
        let help = match (&expr.kind, form.point) {
            (ExprKind::Name(name), None) => format!("declare the unit of `{name}`"),
            _ => "declare the unit, e.g. `T: K = …` or `T: degC = …`".to_string(),
        };
        self.diagnostics.push(Diagnostic::new(codes::units::OFFSET, expr.span, message).help(help));
    }

    /// The exact unit of a form, if all of it is known.
    pub fn known(&mut self, form: &Form) -> Option<Exact> {
        let unit = self.solver.resolve(&form.unit);
        let known = unit.terms().all(|(base, monomial, _)| matches!(base, Base::Unit(_)) && monomial.is_empty());
        known.then(|| self.registry.exact(&unit))
    }
}

/// The names that make up a product or power, with their places.
fn collect<'e>(expr: &'e Expr, leaves: &mut Vec<(&'e str, Span)>) {
    match &expr.kind {
        ExprKind::Name(name) => leaves.push((name, expr.span)),
        ExprKind::Subscript(ident, _) => leaves.push((&ident.name, expr.span)),
        ExprKind::Negate(inner) | ExprKind::Power(inner, _) => collect(inner, leaves),
        ExprKind::Product(factors) => factors.iter().for_each(|(_, factor)| collect(factor, leaves)),
        _ => {}
    }
}
