//! Initial values: every state has one, and nothing else does.

use super::Family;
use super::check::Checker;
use super::expression::{NO_STATES_AT_START, Scope};
use super::names::Target;
use crate::diag::{Diagnostic, closest, codes};
use crate::expr::SymbolId;
use crate::name::with_subscripts;

impl Checker<'_> {
    pub(super) fn lower_initials(&mut self, states: &[(String, Vec<SymbolId>)]) -> Vec<Family> {
        let scope = Scope { no_states: Some(NO_STATES_AT_START), ..Scope::default() };
        let mut families = Vec::new();
        let found = self.found.clone();
        for (name, orders) in states {
            for (order, symbol) in orders.iter().enumerate() {
                let dims = self.symbol(*symbol).dims.clone();
                let written = format!("{name}{}", "'".repeat(order));
                let Some(target) = found.initials.get(&(name.as_str(), order as u32)) else {
                    let span = self.found.equations[name.as_str()].1.span;
                    let letters = ["i", "j", "k", "l"].iter().cycle().take(dims.len()).copied().collect::<Vec<_>>();
                    let spelled = with_subscripts(&written, &letters);
                    self.diagnostics.push(
                        Diagnostic::new(codes::model::NO_INITIAL, span, format!("`{written}` has no initial value"))
                            .help(format!("add `init {spelled} = 0`"))
                            .line_before(span, format!("init {spelled} = 0")),
                    );
                    continue;
                };
                families.extend(self.initial_family(name, order, *symbol, target, &scope));
            }
        }
        self.report_stray_initials();
        families
    }

    /// The initial values of one symbol; none after a diagnostic.
    pub(super) fn initial_family(
        &mut self,
        name: &str,
        order: usize,
        symbol: SymbolId,
        target: &Target,
        scope: &Scope,
    ) -> Option<Family> {
        let dims = self.symbol(symbol).dims.clone();
        let written = format!("{name}{}", "'".repeat(order));
        let shape = self.shape(&written, target, false)?;
        if shape.dims.len() != dims.len() {
            let message = format!("`{name}` has {} subscripts in its equation, found {}", dims.len(), shape.dims.len());
            self.diagnostics.push(Diagnostic::new(codes::model::SUBSCRIPTS, target.span, message));
            return None;
        }
        let pieces = self.pieces(&written, target, &shape, &dims, scope)?;
        Some(Family { symbol, pieces })
    }

    /// Initial values of things that have no differential equation.
    fn report_stray_initials(&mut self) {
        let found = self.found.clone();
        for (&(name, order), target) in &found.initials {
            if !found.implicit.is_empty() && !found.equations.contains_key(name) && !found.claimed.contains(name) {
                continue;
            }
            let known = match found.equations.get(name) {
                Some((equation_order, _)) if order < *equation_order => continue,
                Some((equation_order, _)) => Some(*equation_order),
                None => None,
            };
            let written = format!("{name}{}", "'".repeat(order as usize));
            let diagnostic = Diagnostic::new(
                codes::model::NO_EQUATION,
                target.span,
                format!("`{written}` has an initial value but no equation for it"),
            );
            let guess = closest(name, self.found.equations.keys().copied()).filter(|guess| *guess != name);
            let diagnostic = match (known, guess, self.found.definitions.contains_key(name)) {
                (Some(n), ..) => diagnostic
                    .help(format!("the equation of `{name}` is of order {n}; it starts from derivatives below that")),
                (None, Some(guess), false) if !self.found.initials.contains_key(&(guess, 0)) => {
                    diagnostic.did_you_mean(target.span, guess)
                }
                (None, _, true) => {
                    diagnostic.help(format!("`{name}` is defined by an expression, which gives its value at all times"))
                }
                _ => diagnostic.help(format!("add `{name}' = …`")),
            };
            self.diagnostics.push(diagnostic);
        }
    }
}
