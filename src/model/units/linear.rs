//! Units as vectors: a product of named units and unknown ones to rational powers is a sum of their logarithms.
//!
//! An exponent may also hold atoms, expressions whose value is not known when the model is compiled: `x^n` has the unit
//! of x times n. Terms with equal products of atoms add up, so that `k^n + x^n` says that k and x have one unit.

use std::collections::BTreeMap;

use super::ratio::Ratio;

/// A named unit, by its place in the [`Registry`](super::registry::Registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub u32);

/// An unknown unit, by its place in the [`Solver`](super::solve::Solver).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unknown(pub u32);

/// An exponent that is not a known number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(pub u32);

/// What a term is a multiple of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// A named unit.
    Unit(UnitId),
    /// An unknown unit.
    Unknown(Unknown),
}

/// A product of atoms, ascending; empty for 1.
pub type Monomial = Vec<Atom>;

/// An exponent: rational multiples of products of atoms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exponent(BTreeMap<Monomial, Ratio>);

impl Exponent {
    /// A rational number.
    pub fn number(value: Ratio) -> Exponent {
        let mut exponent = Exponent::default();
        exponent.add(Monomial::new(), value);
        exponent
    }

    /// An atom.
    pub fn atom(atom: Atom) -> Exponent {
        Exponent(BTreeMap::from([(vec![atom], Ratio::ONE)]))
    }

    fn add(&mut self, monomial: Monomial, value: Ratio) {
        let entry = self.0.entry(monomial.clone()).or_default();
        *entry = *entry + value;
        if entry.is_zero() {
            self.0.remove(&monomial);
        }
    }

    /// `self + factor*other`.
    pub fn plus(mut self, other: &Exponent, factor: Ratio) -> Exponent {
        for (monomial, value) in &other.0 {
            self.add(monomial.clone(), *value * factor);
        }
        self
    }

    /// `self*other`.
    pub fn times(&self, other: &Exponent) -> Exponent {
        let mut product = Exponent::default();
        for (a, x) in &self.0 {
            for (b, y) in &other.0 {
                product.add(merged(a, b), *x * *y);
            }
        }
        product
    }

    /// The rational number it is.
    pub fn as_number(&self) -> Option<Ratio> {
        match self.0.iter().next() {
            None => Some(Ratio::ZERO),
            Some((monomial, value)) if self.0.len() == 1 && monomial.is_empty() => Some(*value),
            _ => None,
        }
    }
}

fn merged(a: &Monomial, b: &Monomial) -> Monomial {
    let mut both = [a.as_slice(), b.as_slice()].concat();
    both.sort_unstable();
    both
}

/// The logarithm of a unit. No term is zero; the empty sum is a pure number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linear(BTreeMap<(Base, Monomial), Ratio>);

impl Linear {
    /// A named unit.
    pub fn unit(id: UnitId) -> Linear {
        Linear(BTreeMap::from([((Base::Unit(id), Monomial::new()), Ratio::ONE)]))
    }

    /// An unknown one.
    pub fn unknown(id: Unknown) -> Linear {
        Linear(BTreeMap::from([((Base::Unknown(id), Monomial::new()), Ratio::ONE)]))
    }

    /// The terms.
    pub fn terms(&self) -> impl Iterator<Item = (Base, &Monomial, Ratio)> {
        self.0.iter().map(|((base, monomial), value)| (*base, monomial, *value))
    }

    /// Number of terms, 0 for a pure number.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The unknown units in it, with or without atoms.
    pub fn unknowns(&self) -> impl Iterator<Item = Unknown> {
        self.0.keys().filter_map(|(base, _)| match base {
            Base::Unknown(unknown) => Some(*unknown),
            Base::Unit(_) => None,
        })
    }

    fn add(&mut self, base: Base, monomial: Monomial, value: Ratio) {
        let key = (base, monomial);
        match self.0.get_mut(&key) {
            Some(entry) => {
                *entry = *entry + value;
                if entry.is_zero() {
                    self.0.remove(&key);
                }
            }
            None if value.is_zero() => {}
            None => _ = self.0.insert(key, value),
        }
    }

    /// `self + factor*other`, the unit `self*other^factor`.
    pub fn plus(mut self, other: &Linear, factor: Ratio) -> Linear {
        for ((base, monomial), value) in &other.0 {
            self.add(*base, monomial.clone(), *value * factor);
        }
        self
    }

    /// `exponent*self`, the unit `self^exponent`.
    pub fn times(&self, exponent: &Exponent) -> Linear {
        let mut product = Linear::default();
        for ((base, monomial), value) in &self.0 {
            for (atoms, factor) in &exponent.0 {
                product.add(*base, merged(monomial, atoms), *value * *factor);
            }
        }
        product
    }

    /// With another unit in the place of some, and other exponents in the place of some atoms.
    pub fn replaced(&self, unit: &dyn Fn(Base) -> Option<Linear>, atom: &dyn Fn(Atom) -> Exponent) -> Linear {
        let mut sum = Linear::default();
        for ((base, monomial), value) in &self.0 {
            let start = Exponent::number(*value);
            let exponent = monomial.iter().fold(start, |product, a| product.times(&atom(*a)));
            let whole = unit(*base).unwrap_or_else(|| Linear(BTreeMap::from([((*base, Monomial::new()), Ratio::ONE)])));
            sum = sum.plus(&whole.times(&exponent), Ratio::ONE);
        }
        sum
    }

    /// Without the atoms that all terms share: from n*(k - x) = 0 follows k = x.
    pub fn without_common_atoms(mut self) -> Linear {
        while let Some(atom) = self.0.keys().next().and_then(|(_, monomial)| {
            let shared = |atom: &&Atom| self.0.keys().all(|(_, monomial)| monomial.contains(atom));
            monomial.iter().find(shared).copied()
        }) {
            let terms = std::mem::take(&mut self.0);
            for ((base, mut monomial), value) in terms {
                if let Some(place) = monomial.iter().position(|a| *a == atom) {
                    monomial.remove(place);
                }
                self.add(base, monomial, value);
            }
        }
        self
    }
}
