//! Discrete quantities: constant between events, set by events, recorded like outputs.

use super::check::{Checker, Entity};
use super::expression::{DISCRETE_START, Scope};
use super::families::Shape;
use super::{Family, Kind};
use crate::expr::SymbolId;

/// A discrete quantity, declared.
pub struct Discrete {
    name: String,
    pub symbol: SymbolId,
    shape: Shape,
}

impl Checker<'_> {
    pub fn declare_discretes(&mut self) -> Vec<Discrete> {
        let mut result = Vec::new();
        for (name, target) in self.found.discretes.clone() {
            let entity = match self.shape(name, &target, true) {
                Some(shape) => {
                    let symbol = self.declare(name, Kind::Discrete, shape.dims.clone(), target.doc, target.span);
                    result.push(Discrete { name: name.to_string(), symbol, shape });
                    Entity::Discrete(symbol)
                }
                None => Entity::Failed,
            };
            self.entities.insert(name.to_string(), entity);
        }
        result
    }

    /// The values they start from, which depend on parameters alone.
    pub fn discrete_starts(&mut self, discretes: &[Discrete]) -> Vec<Family> {
        let scope = Scope { no_states: Some(DISCRETE_START), ..Scope::default() };
        let mut families = Vec::new();
        for Discrete { name, symbol, shape } in discretes {
            let target = self.found.discretes[name.as_str()].clone();
            // One without a value has been told.
            if target.statements.iter().any(|s| s.value.is_none()) {
                continue;
            }
            let dims = self.symbol(*symbol).dims.clone();
            if let Some(pieces) = self.pieces(name, &target, shape, &dims, &scope) {
                families.push(Family { symbol: *symbol, pieces });
            }
        }
        families
    }

    /// A column each, under its own name; those that doses bring in have none.
    pub fn discrete_outputs(&mut self, discretes: &[Discrete]) -> Vec<Family> {
        let recorded = discretes.iter().filter(|d| !super::doses::is_count(&d.name));
        let mut families = Vec::new();
        for Discrete { name, symbol, .. } in recorded {
            let own = self.symbol(*symbol).clone();
            let output = self.declare(name, Kind::Output, own.dims, own.doc.as_deref(), own.span);
            families.push(self.copy_of(output, *symbol));
        }
        families
    }
}
