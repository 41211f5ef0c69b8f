//! Reactions as the oracle reads them: for every element of every species, a walk over all reactions and all values of
//! their indices. Nothing is made of them beforehand: no sums, no equations.

use super::evaluate::{Dual, Oracle, Run, Scope};
use rhapsode::lang::ast::{Expr, ExprKind, ForClause, Rate, Reaction, Species};

/// What changes species.
#[derive(Clone, Copy)]
pub enum Change<'a> {
    Reaction(&'a Reaction),
    /// `name[subscripts]' += term for …`
    Term {
        name: &'a str,
        subscripts: &'a [Expr],
        term: &'a Expr,
        domain: &'a [ForClause],
    },
}

/// The name and the subscripts of `u[i]'`.
pub fn left(lhs: &Expr) -> (&str, &[Expr]) {
    match &lhs.kind {
        ExprKind::Prime(inner, _) => left(inner),
        ExprKind::Name(name) => (name, &[]),
        ExprKind::Subscript(ident, subscripts) => (&ident.name, subscripts),
        other => panic!("not a left side: {other:?}"),
    }
}

impl<'a> Run<'_, 'a> {
    /// The derivative of one element of a species.
    pub fn change(&self, species: &str, at: &[i64]) -> Dual {
        let key = format!("{species}'");
        let (mut sum, mut size) = (Dual::constant(0.0), Dual::constant(0.0));
        let mut add = |term: Dual| {
            sum = sum + term;
            size = Dual { x: size.x + term.x.abs(), d: size.d + term.d.abs() };
        };
        for change in &self.oracle.changes {
            match *change {
                Change::Reaction(reaction) => {
                    let sides = reaction.reactants.iter().chain(&reaction.products);
                    let subscripts: Vec<&'a Expr> = sides.flat_map(|species| &species.subscripts).collect();
                    for scope in self.turns(&reaction.domain, &subscripts) {
                        let here = |side: &'a [Species]| -> f64 {
                            let own = side.iter().filter(|s| s.name.name == species);
                            let own = own.filter(|s| self.wrapped(&key, &self.place(&s.subscripts, &scope)) == at);
                            own.map(|s| s.coefficient).sum()
                        };
                        let amount = here(&reaction.products) - here(&reaction.reactants);
                        if amount != 0.0 {
                            add(Dual::constant(amount) * self.flux(reaction, &scope));
                        }
                    }
                }
                Change::Term { name, subscripts, term, domain } if name == species => {
                    for scope in self.turns(domain, &subscripts.iter().collect::<Vec<_>>()) {
                        if self.wrapped(&key, &self.place(subscripts, &scope)) == at {
                            add(self.eval(term, &scope).real());
                        }
                    }
                }
                Change::Term { .. } => {}
            }
        }
        // Large terms that cancel leave their rounding, of which nothing is claimed.
        let known = |value: f64, size: f64| if size > 1e7 { f64::NAN } else { value };
        Dual { x: known(sum.x, size.x), d: known(sum.d, size.d) }
    }

    /// The net flux of a reaction.
    pub fn flux(&self, reaction: &'a Reaction, scope: &Scope<'a>) -> Dual {
        let rate = |constant: &'a Expr, side: &'a [Species]| {
            side.iter().fold(self.eval(constant, scope).real(), |rate, species| {
                let amount = self.element(&species.name.name, 0, &self.place(&species.subscripts, scope));
                let whole = species.coefficient as u32;
                let encounters =
                    |k: u32| if self.oracle.combinatorial { Dual::constant(f64::from(k)) } else { Dual::constant(1.0) };
                (1..=whole).fold(rate, |rate, k| rate * amount / encounters(k))
            })
        };
        match &reaction.rate {
            Rate::Explicit(rate) => self.eval(rate, scope).real(),
            Rate::MassAction(constant) => rate(constant, &reaction.reactants),
            Rate::Reversible(forward, reverse) => {
                rate(forward, &reaction.reactants) - rate(reverse, &reaction.products)
            }
        }
    }

    fn place(&self, subscripts: &'a [Expr], scope: &Scope<'a>) -> Vec<i64> {
        subscripts.iter().map(|subscript| self.integer(subscript, scope)).collect()
    }

    /// All values of the indices of a statement.
    fn turns(&self, domain: &'a [ForClause], subscripts: &[&'a Expr]) -> Vec<Scope<'a>> {
        let none = Scope::default();
        let mut bounds: Vec<(&'a str, i64, i64)> = Vec::new();
        for clause in domain {
            let (lo, hi) = (self.integer(&clause.range.lo, &none), self.integer(&clause.range.hi, &none));
            bounds.push((&clause.index.name, lo, hi));
        }
        for name in subscripts.iter().flat_map(|subscript| Oracle::index_names(subscript)) {
            if let (true, Some((range, _))) = (bounds.iter().all(|b| b.0 != name), self.oracle.sets.get(name)) {
                bounds.push((name, self.integer(&range.lo, &none), self.integer(&range.hi, &none)));
            }
        }
        bounds.into_iter().fold(vec![none], |turns, (name, lo, hi)| {
            let with = |scope: &Scope<'a>, k: i64| {
                let mut scope = scope.clone();
                scope.indices.push((name, k));
                scope
            };
            turns.iter().flat_map(|scope| (lo..=hi).map(move |k| with(scope, k))).collect()
        })
    }
}
