//! Units: which quantities have one, whether equations agree, and where numbers must be converted.
//!
//! The unit of a quantity is declared or follows from the equations it stands in. Units are vectors of logarithms
//! ([`linear`]), unknown ones are solved for ([`solve`]), functions are polymorphic: each call may have units of its own
//! (the inference of A. J. Kennedy, *Programming Languages and Dimensions*, 1996, with exponents in the rational numbers).
//!
//! Invariants: a model without a unit is not looked at; without a conversion in [`Units::conversions`] the equations are
//! those that were written, to the bit; a conversion multiplies by one number and, between temperature scales, adds one.

mod exact;
mod infer;
mod inputs;
mod linear;
mod ratio;
mod registry;
mod report;
mod solve;
mod statements;

pub use registry::known_units;

use super::data::Data;
use super::reactions::Network;
use crate::diag::Diagnostic;
use crate::lang::ast::{Ast, Expr, ExprKind, ItemKind, Rate};
use crate::source::Span;
use infer::Form;
use rustc_hash::FxHashMap;
use statements::Inference;

/// What is known of a model's units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Units {
    /// Every quantity, the independent variable first, then in order of mention.
    pub quantities: Vec<QuantityUnit>,
    /// The conversions put into the equations.
    pub conversions: Vec<Conversion>,
}

/// The unit of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantityUnit {
    /// Its name; derivatives that are states end in primes.
    pub name: String,
    /// Its unit as text, `1` for a pure number; none where nothing determines it.
    pub unit: Option<String>,
    /// Whether the model states it.
    pub declared: bool,
}

/// A conversion that was put in: the number under `span` is multiplied by `factor`. Between scales with offsets the value
/// x becomes (x + before)*factor - after.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// What is converted.
    pub span: Span,
    /// The unit it had.
    pub from: String,
    /// The unit it is needed in.
    pub to: String,
    /// Target units per unit.
    pub factor: f64,
    /// What was divided by instead, where that is a whole number and the factor is not.
    pub divisor: Option<f64>,
    /// Offsets of the two scales, in units of themselves.
    pub offset: (f64, f64),
}

impl Conversion {
    /// What was done to the number, such as ` * 60`.
    pub fn formula(&self) -> String {
        let shift = |by: f64| match by {
            0.0 => String::new(),
            by => format!(" {} {}", if by < 0.0 { '-' } else { '+' }, by.abs()),
        };
        let scale = match (self.divisor, self.factor) {
            (Some(divisor), _) => format!(" / {divisor}"),
            (None, 1.0) => String::new(),
            (None, factor) => format!(" * {factor}"),
        };
        format!("{}{scale}{}", shift(self.offset.0), shift(-self.offset.1))
    }
}

impl Units {
    /// The unit of a quantity as text, where it is known and not a pure number.
    pub fn of(&self, name: &str) -> Option<&str> {
        let quantity = self.quantities.iter().find(|quantity| quantity.name == name)?;
        quantity.unit.as_deref().filter(|unit| *unit != "1")
    }
}

/// What the check of units makes of a model.
pub struct Checked {
    /// The units found.
    pub units: Units,
    /// The statements with conversions in them, where there are any.
    pub converted: Option<(Ast, Network)>,
}

/// Checks the units of a model; nothing if it has none, or after diagnostics.
pub fn check(ast: &Ast, network: &Network, data: &mut Data, diagnostics: &mut Vec<Diagnostic>) -> Option<Checked> {
    if !mentions_units(ast) {
        return None;
    }
    let mut inference = Inference::new(ast, network, data);
    let (mut converted, mut network) = (ast.clone(), network.clone());
    inference.read(&mut converted, &mut network);
    if inference.diagnostics.is_empty() {
        inference.settle();
        inference.read(&mut converted, &mut network);
    }
    if !inference.diagnostics.is_empty() {
        diagnostics.append(&mut inference.diagnostics);
        return None;
    }
    let changes = std::mem::take(&mut inference.changes);
    let quantities = quantities(&mut inference, ast);
    let mut conversions = std::mem::take(&mut inference.conversions);
    conversions.sort_by_key(|conversion| conversion.span.start);
    let changed = !conversions.is_empty();
    scale_changes(&mut inference, &mut network);
    data.changes = changes;
    Some(Checked { units: Units { quantities, conversions }, converted: changed.then_some((converted, network)) })
}

/// A flux in mM/s changes a species in µM by a thousand of its unit: what reactions change is counted in each species' own.
fn scale_changes(inference: &mut Inference<'_>, network: &mut Network) {
    for changes in &mut network.changes {
        let Some(flux) = changes.flux.map(|flux| inference.form_of(&network.fluxes[flux].name)) else { continue };
        for (species, _, amount) in &mut changes.net {
            let difference = flux.unit.clone().plus(&inference.derivative_of(species, 1).unit, -ratio::Ratio::ONE);
            if let Some(size) = inference.known(&Form::of(difference)) {
                *amount *= size.value();
            }
        }
    }
}

fn quantities(inference: &mut Inference<'_>, ast: &Ast) -> Vec<QuantityUnit> {
    let mut forms: Vec<(String, Form, Option<String>)> = Vec::new();
    let time = ast.items.iter().find_map(|item| match &item.kind {
        ItemKind::Time(_, unit) => unit.as_ref().map(|unit| unit.to_string()),
        _ => None,
    });
    forms.push((inference.time_name.clone(), inference.time.clone(), time));
    let mut orders: FxHashMap<&str, u32> = FxHashMap::default();
    for item in &ast.items {
        if let ItemKind::Equation { lhs, .. } = &item.kind
            && let Some((name, order @ 2..)) = statements::left_name(lhs)
        {
            orders.insert(name, order);
        }
    }
    // The counts of infusions are nobody's to read.
    for (name, quantity) in inference.quantities.iter().filter(|(name, _)| !super::doses::is_count(name)) {
        forms.push((name.clone(), quantity.form.clone(), quantity.declared.clone()));
        for k in 1..orders.get(name.as_str()).copied().unwrap_or(1) {
            let form = inference.derivative_of(name, k);
            forms.push((format!("{name}{}", "'".repeat(k as usize)), form, None));
        }
    }
    let found = |own: &mut Inference<'_>, form: &Form| own.known(form).is_some().then(|| own.spell_form(form));
    let list = forms.into_iter().map(|(name, form, stated)| {
        let declared = stated.is_some();
        QuantityUnit { name, unit: stated.or_else(|| found(inference, &form)), declared }
    });
    list.collect()
}

/// Whether a unit is written anywhere.
fn mentions_units(ast: &Ast) -> bool {
    let quantity = |expr: &Expr| {
        let mut found = false;
        super::reading::walk(expr, &mut |e| found |= matches!(e.kind, ExprKind::Quantity(..)));
        found
    };
    ast.items.iter().any(|item| match &item.kind {
        ItemKind::Time(_, unit) => unit.is_some(),
        ItemKind::Param(list) | ItemKind::Const(list) | ItemKind::Output(list) | ItemKind::Discrete(list) => {
            list.iter().any(|d| {
                d.unit.is_some()
                    || d.value.as_ref().is_some_and(quantity)
                    || d.bounds.as_ref().is_some_and(|(lo, hi)| quantity(lo) || quantity(hi))
            })
        }
        ItemKind::Init(list) => list.iter().any(|d| d.unit.is_some() || quantity(&d.value)),
        ItemKind::Equation { lhs, unit, rhs, .. } => unit.is_some() || quantity(rhs) || quantity(lhs),
        ItemKind::Addition { rhs, .. } => quantity(rhs),
        ItemKind::Function { body, .. } => body.as_ref().is_some_and(quantity),
        ItemKind::Reaction(reaction) => match &reaction.rate {
            Rate::MassAction(rate) | Rate::Explicit(rate) => quantity(rate),
            Rate::Reversible(forward, reverse) => quantity(forward) || quantity(reverse),
        },
        ItemKind::Solve { range, options, .. } => {
            quantity(&range.lo) || quantity(&range.hi) || options.iter().any(|(_, value)| quantity(value))
        }
        ItemKind::Event(event) => event.expressions().into_iter().any(quantity),
        ItemKind::Dose(dose) => dose.expressions().into_iter().any(quantity),
        ItemKind::Input(input) => input.unit.is_some() || input.argument_unit.is_some(),
        ItemKind::Doses(doses) => doses.settings.iter().flat_map(|setting| setting.expressions()).any(quantity),
        ItemKind::Objective(objective) => objective.unit.is_some() || quantity(&objective.value),
        ItemKind::Observe(observation) => observation.arguments.iter().any(quantity),
        ItemKind::Model(_) | ItemKind::Index { .. } | ItemKind::Reactions(_) => false,
        ItemKind::Component(_) | ItemKind::Instance(_) | ItemKind::Use(_) => false,
    })
}
