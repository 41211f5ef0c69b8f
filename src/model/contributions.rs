//! What each single reaction changes, arrays of reactions written out: the stoichiometry that conserved sums are found
//! from. Nothing else of the model is written out element by element, and beyond [`MOST`] reactions this is not either.

use super::check::{Checker, Entity};
use super::expression::Scope;
use super::names::{Statement, Table};
use super::reactions::Network;
use super::{Contribution, SpeciesId};
use crate::expr::{Affine, SymbolId};

/// With more single reactions than this none are listed.
const MOST: usize = 50_000;

/// Contributions, and the species they count.
type Listed = (Option<Vec<Contribution>>, Vec<(SymbolId, Vec<i64>)>);

impl Checker<'_> {
    /// The contributions of a network whose names are all declared.
    pub fn contributions(&mut self, network: &Network) -> Listed {
        let mut species: Table<(SymbolId, Vec<i64>), ()> = Table::default();
        // All elements of all species count, those that no reaction mentions too: nothing changes them.
        let mut count = 0usize;
        for name in network.species.keys() {
            let Some(Entity::State(orders)) = self.entities.get(name) else { continue };
            let Some(symbol) = orders.first().copied() else { continue };
            let dims = self.symbol(symbol).dims.clone();
            count = count.saturating_add(dims.iter().fold(1, |product, dim| product.saturating_mul(dim.len())));
            if count > MOST {
                return (None, species.into_keys().collect());
            }
            let mut at: Vec<i64> = dims.iter().map(|dim| dim.lo).collect();
            loop {
                species.insert((symbol, at.clone()), ());
                let ranges: Vec<(i64, i64)> = dims.iter().map(|dim| (dim.lo, dim.hi)).collect();
                if !advance(&mut at, &ranges) {
                    break;
                }
            }
        }
        let mut list = Vec::new();
        for changes in &network.changes {
            match self.written_out(network, changes, &species, MOST - list.len()) {
                Some(more) => list.extend(more),
                None => return (None, species.into_keys().collect()),
            }
        }
        (Some(list), species.into_keys().collect())
    }

    /// One reaction or added term, element by element; none if more than `most` or something is not known.
    fn written_out(
        &mut self,
        network: &Network,
        changes: &super::reactions::Changes,
        species: &Table<(SymbolId, Vec<i64>), ()>,
        most: usize,
    ) -> Option<Vec<Contribution>> {
        // The indices it runs over: those of the flux, or those an added term is written for.
        let (subscripts, domain, label, span) = match changes.flux {
            Some(flux) => {
                let flux = &network.fluxes[flux];
                (&flux.subscripts, &flux.domain, Some(flux.name.clone()), flux.span)
            }
            None => {
                let (name, subscripts, _) = changes.net.first()?;
                let change = &network.species[name];
                let term = change.terms.iter().find(|term| term.subscripts == *subscripts)?;
                (&term.subscripts, &term.domain, None, term.span)
            }
        };
        let statement = Statement { subscripts, domain, value: None, span, outside: 0 };
        let region = self.region(&statement, false)?;
        let indices: Vec<(String, i64)> =
            region.vars.iter().flatten().map(|(_, name, ahead)| (name.clone(), *ahead)).collect();
        let ranges: Vec<(i64, i64)> = (region.vars.iter().zip(&region.bounds))
            .filter_map(|(var, (lo, hi))| var.as_ref().map(|(.., ahead)| (lo - ahead, hi - ahead)))
            .collect();
        let mut at: Vec<i64> = ranges.iter().map(|range| range.0).collect();
        let mut list = Vec::new();
        loop {
            if list.len() >= most {
                return None;
            }
            let mut scope = Scope::default();
            for ((name, _), value) in indices.iter().zip(&at) {
                scope.indices.push((name.clone(), Affine::constant(*value)));
            }
            let mut net: Table<SpeciesId, f64> = Table::default();
            for (name, subscripts, amount) in &changes.net {
                let Some(Entity::State(orders)) = self.entities.get(name) else { return None };
                let symbol = *orders.first()?;
                let dims = self.symbol(symbol).dims.clone();
                let mut element = Vec::with_capacity(dims.len());
                for (subscript, dim) in subscripts.iter().zip(&dims) {
                    let value = self.affine(subscript, &scope)?.offset;
                    element.push(dim.lo + (value - dim.lo).rem_euclid(dim.len() as i64));
                }
                *net.entry(SpeciesId(species.get_index_of(&(symbol, element))?)).or_default() += amount;
            }
            net.retain(|_, amount| *amount != 0.0);
            list.push(Contribution { label: label.clone(), net: net.into_iter().collect() });
            if !advance(&mut at, &ranges) {
                return Some(list);
            }
        }
    }
}

/// The next place in a box, the last subscript fastest; false after the last.
pub(super) fn advance(at: &mut [i64], ranges: &[(i64, i64)]) -> bool {
    for (value, (lo, hi)) in at.iter_mut().zip(ranges).rev() {
        if *value < *hi {
            *value += 1;
            return true;
        }
        *value = *lo;
    }
    false
}
