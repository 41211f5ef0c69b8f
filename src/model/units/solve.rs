//! The unknown units and what is known of them: linear equations, solved one at a time as they come.
//!
//! Invariant: a solved unknown is given by units and unsolved unknowns once [`Solver::resolve`] has looked at it.

use super::linear::{Atom, Base, Exponent, Linear, Unknown};
use super::ratio::Ratio;
use crate::source::Span;

/// The unknowns of a model.
#[derive(Default)]
pub struct Solver {
    solved: Vec<Option<Linear>>,
    /// Where each was solved.
    places: Vec<Span>,
}

impl Solver {
    /// A new unknown.
    pub fn fresh(&mut self) -> Unknown {
        self.solved.push(None);
        self.places.push(Span::new(0, 0));
        Unknown(self.solved.len() as u32 - 1)
    }

    /// How many unknowns there are.
    pub fn count(&self) -> u32 {
        self.solved.len() as u32
    }

    /// Where an unknown was determined.
    pub fn place(&self, unknown: Unknown) -> Option<Span> {
        self.solved[unknown.0 as usize].as_ref().map(|_| self.places[unknown.0 as usize])
    }

    /// Gives an unknown its unit.
    pub fn set(&mut self, unknown: Unknown, unit: Linear, place: Span) {
        self.solved[unknown.0 as usize] = Some(unit);
        self.places[unknown.0 as usize] = place;
    }

    fn first_solved(&self, unit: &Linear) -> Option<Unknown> {
        unit.unknowns().find(|unknown| self.solved[unknown.0 as usize].is_some())
    }

    /// The unit with all that is known put in.
    pub fn resolve(&mut self, unit: &Linear) -> Linear {
        // What the unknowns in it stand for is resolved first, without recursion: chains may be long.
        let mut waiting: Vec<Unknown> =
            unit.unknowns().filter(|unknown| self.solved[unknown.0 as usize].is_some()).collect();
        while let Some(unknown) = waiting.last().copied() {
            let Some(known) = &self.solved[unknown.0 as usize] else {
                waiting.pop();
                continue;
            };
            let deeper = known.unknowns().find(|inner| {
                self.solved[inner.0 as usize].as_ref().is_some_and(|inner| self.first_solved(inner).is_some())
            });
            if let Some(deeper) = deeper {
                waiting.push(deeper);
                continue;
            }
            if self.first_solved(known).is_some() {
                self.solved[unknown.0 as usize] = Some(self.put_in(known));
            }
            waiting.pop();
        }
        if self.first_solved(unit).is_some() { self.put_in(unit) } else { unit.clone() }
    }

    fn put_in(&self, unit: &Linear) -> Linear {
        let known = |base: Base| match base {
            Base::Unknown(unknown) => self.solved[unknown.0 as usize].clone(),
            Base::Unit(_) => None,
        };
        unit.replaced(&known, &|atom: Atom| Exponent::atom(atom))
    }

    /// Demands that a unit is 1. What remains when nothing is left to solve for is returned: a product of named units
    /// that should be 1, or of unknowns under exponents that are not known either.
    pub fn demand_one(&mut self, unit: &Linear, place: Span) -> Linear {
        let whole = self.resolve(unit);
        let unit = whole.clone().without_common_atoms();
        let unknowns: Vec<Unknown> = unit.unknowns().collect();
        // Later unknowns are more local: they follow the earlier ones.
        let pivot = unit.terms().filter_map(|(base, monomial, value)| match base {
            Base::Unknown(unknown) if monomial.is_empty() => Some((unknown, value)),
            _ => None,
        });
        let pivot = pivot.filter(|(unknown, _)| unknowns.iter().filter(|u| *u == unknown).count() == 1).last();
        if let Some((unknown, value)) = pivot {
            let rest = unit.plus(&Linear::unknown(unknown), -value);
            let solution = Linear::default().plus(&rest, -value.inverse());
            self.set(unknown, solution, place);
            return Linear::default();
        }
        // V^n = V for a free exponent n: V is 1.
        if let [first, rest @ ..] = unknowns.as_slice()
            && rest.iter().all(|unknown| unknown == first)
            && unknowns.len() == unit.len()
        {
            self.set(*first, Linear::default(), place);
            return Linear::default();
        }
        if unknowns.is_empty() { whole } else { Linear::default() }
    }
}

impl Linear {
    /// Whether an exponent did not fit.
    pub fn is_lost(&self) -> bool {
        self.terms().any(|(.., value): (_, _, Ratio)| value.is_lost())
    }
}
