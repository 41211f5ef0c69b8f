//! Reactions become equations: one definition per flux, and for each species one sum over the fluxes it takes part in.
//!
//! What is made here are syntax trees with the spans of what was written, so that everything after (names, order of
//! evaluation, derivatives) treats a network like equations typed by hand. Nothing is evaluated.
//!
//! Mass action: the rate of `a A + b B -> … @ k` is `k*A^a*B^b`; after the statement `reactions combinatorial` it is
//! that over a! b!, the number of distinct encounters, as BioNetGen and Catalyst count.
//!
//! Reactions with subscripts are families: their flux is an array over the reaction's indices, and each species gains
//! a term over the elements it is written for (see `families.rs`, where such terms are added up).
//!
//! Invariants: sums are flat, in the order of the reactions in the file; a flux is one definition however many species
//! it moves, so it is computed once and its errors are told once.

use super::names::Table;
use super::{Equation, Participant};
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{
    Ast, Convention, Expr, ExprKind, Factor, ForClause, Ident, ItemKind, Rate, Reaction, ReductionIndex, Sign, Species,
};
use crate::source::Span;

/// The reactions and added terms of a file.
#[derive(Clone, Default)]
pub struct Network {
    /// One per reaction, in order.
    pub fluxes: Vec<Flux>,
    /// One per species, in order of first mention.
    pub species: Table<String, Change>,
    /// What each reaction or added term changes, in order.
    pub changes: Vec<Changes>,
}

/// The net flux of a reaction.
#[derive(Clone)]
pub struct Flux {
    /// The label, or a name that cannot be typed.
    pub name: String,
    /// The comment above the reaction.
    pub doc: Option<String>,
    /// The label or, without one, the reaction.
    pub span: Span,
    /// The indices it runs over, as subscripts; none for a single reaction.
    pub subscripts: Vec<Expr>,
    /// `for` clauses that restrict them.
    pub domain: Vec<ForClause>,
    /// Forward minus reverse rate.
    pub value: Expr,
    /// The reaction as written, with no flux yet.
    pub written: Equation,
}

/// How a species changes.
#[derive(Clone)]
pub struct Change {
    /// Its first mention.
    pub span: Span,
    /// Whether a reaction or an added term mentions it there, in words.
    pub first: &'static str,
    /// What its reactions and added terms add to its derivative, in order.
    pub terms: Vec<Term>,
    /// The sum of `terms`, if none has subscripts.
    pub sum: Expr,
}

/// Something added to the derivative of a species, for some elements of it.
#[derive(Clone)]
pub struct Term {
    /// The elements.
    pub subscripts: Vec<Expr>,
    /// `for` clauses of their indices.
    pub domain: Vec<ForClause>,
    /// What is added or subtracted.
    pub value: (Sign, Expr),
    /// The term with its sign.
    pub signed: Expr,
    /// The species where it is written.
    pub span: Span,
}

/// What one reaction or added term changes, per unit of its flux.
#[derive(Clone)]
pub struct Changes {
    /// The flux; none for an added term.
    pub flux: Option<usize>,
    /// Species, subscripts and amounts.
    pub net: Vec<(String, Vec<Expr>, f64)>,
}

/// Collects the reactions and added terms of a file.
pub fn network(ast: &Ast, diagnostics: &mut Vec<Diagnostic>) -> Network {
    let indices = ast.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Index { names, .. } => Some(names.iter().map(|ident| ident.name.as_str())),
        _ => None,
    });
    let indices = indices.flatten().collect();
    let mut builder = Builder { network: Network::default(), indices, convention: Convention::Plain, diagnostics };
    for item in &ast.items {
        match &item.kind {
            ItemKind::Reaction(reaction) => builder.reaction(reaction, item.doc.as_deref(), item.span),
            ItemKind::Addition { lhs, rhs, domain } => builder.addition(lhs, rhs, domain),
            _ => {}
        }
    }
    let mut network = builder.network;
    for change in network.species.values_mut() {
        if change.terms.iter().all(|term| term.subscripts.is_empty()) {
            change.sum = sum(change.terms.iter().map(|term| term.value.clone()).collect(), change.span);
        }
    }
    network
}

struct Builder<'a, 'd> {
    network: Network,
    /// Declared index names.
    indices: Vec<&'a str>,
    /// How mass action counts for the reaction at hand.
    convention: Convention,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> Builder<'a, '_> {
    fn reaction(&mut self, reaction: &'a Reaction, doc: Option<&str>, span: Span) {
        self.check_coefficients(reaction);
        self.convention = reaction.convention;
        let (name, place) = match &reaction.label {
            Some(label) => (label.name.clone(), label.span),
            None => (format!("reaction {}", self.network.fluxes.len() + 1), span),
        };
        let value = match &reaction.rate {
            Rate::Explicit(rate) => rate.clone(),
            Rate::MassAction(rate) => self.mass_action(rate, &reaction.reactants),
            Rate::Reversible(forward, reverse) => {
                let forward = self.mass_action(forward, &reaction.reactants);
                let reverse = self.mass_action(reverse, &reaction.products);
                let span = forward.span.to(reverse.span);
                Expr { span, kind: ExprKind::Sum(vec![(Sign::Plus, forward), (Sign::Minus, reverse)]) }
            }
        };
        let indices = self.indices_of(reaction);
        let named = |ident: &Ident| Expr { span: ident.span, kind: ExprKind::Name(ident.name.clone()) };
        let subscripts: Vec<Expr> = indices.iter().map(named).collect();
        let flux = match subscripts.as_slice() {
            [] => Expr { span: place, kind: ExprKind::Name(name.clone()) },
            list => {
                let ident = Ident { name: name.clone(), span: place };
                Expr { span: place, kind: ExprKind::Subscript(ident, list.to_vec()) }
            }
        };
        // What a catalyst loses it gains: it is a species, with no change from this reaction.
        let mut net: Table<(String, String), (&Species, f64)> = Table::default();
        for (side, sign) in [(&reaction.reactants, -1.0), (&reaction.products, 1.0)] {
            for species in side {
                self.change(&species.name, "in this reaction");
                let key = (species.name.name.clone(), element(species));
                net.entry(key).or_insert((species, 0.0)).1 += sign * species.coefficient;
            }
        }
        net.retain(|_, (_, amount)| *amount != 0.0);
        for (species, amount) in net.values() {
            let mut read = Vec::new();
            species.subscripts.iter().for_each(|expr| names_in_subscript(expr, &mut read));
            let along = |ident: &&Ident| !read.contains(&ident.name.as_str());
            let summed: Vec<ReductionIndex> = indices
                .iter()
                .filter(along)
                .map(|index| ReductionIndex {
                    index: index.clone(),
                    range: reaction.domain.iter().find(|c| c.index.name == index.name).map(|c| c.range.clone()),
                })
                .collect();
            let flux = match summed.as_slice() {
                [] => flux.clone(),
                _ => {
                    let sum = Ident { name: "sum".to_string(), span: place };
                    Expr { span: place, kind: ExprKind::Reduce(Box::new(sum), summed.into(), vec![flux.clone()]) }
                }
            };
            let sign = if *amount < 0.0 { Sign::Minus } else { Sign::Plus };
            let domain = reaction.domain.iter().filter(|c| read.contains(&c.index.name.as_str())).cloned().collect();
            let value = (sign, times(amount.abs(), flux));
            self.term(&species.name, species.subscripts.clone(), domain, value, "in this reaction");
        }
        let net = net.into_iter().map(|((name, _), (species, amount))| (name, species.subscripts.clone(), amount));
        self.network.changes.push(Changes { flux: Some(self.network.fluxes.len()), net: net.collect() });
        let side = |list: &[Species]| list.iter().map(participant).collect();
        let written = Equation {
            label: reaction.label.as_ref().map(|label| label.name.clone()),
            reactants: side(&reaction.reactants),
            arrow: match &reaction.rate {
                Rate::MassAction(_) => "->",
                Rate::Reversible(..) => "<->",
                Rate::Explicit(_) => "=>",
            },
            products: side(&reaction.products),
            flux: Vec::new(),
        };
        let (domain, doc) = (reaction.domain.clone(), doc.map(str::to_string));
        self.network.fluxes.push(Flux { name, doc, span: place, subscripts, domain, value, written });
    }

    /// The indices a reaction runs over: those of its `for` clauses, then declared ones its species are written with.
    fn indices_of(&self, reaction: &'a Reaction) -> Vec<Ident> {
        let mut list: Vec<Ident> = reaction.domain.iter().map(|clause| clause.index.clone()).collect();
        let species = reaction.reactants.iter().chain(&reaction.products);
        for subscript in species.flat_map(|species| &species.subscripts) {
            let mut found = Vec::new();
            names_in_subscript(subscript, &mut found);
            for name in found {
                if self.indices.contains(&name) && list.iter().all(|known| known.name != name) {
                    list.push(Ident { name: name.to_string(), span: subscript.span });
                }
            }
        }
        list
    }

    fn addition(&mut self, lhs: &Expr, rhs: &Expr, domain: &[ForClause]) {
        let target = match &lhs.kind {
            ExprKind::Prime(inner, 1) => match &inner.kind {
                ExprKind::Name(name) => Some((Ident { name: name.clone(), span: inner.span }, Vec::new())),
                ExprKind::Subscript(ident, subscripts) => Some((ident.clone(), subscripts.clone())),
                _ => None,
            },
            _ => None,
        };
        let Some((ident, subscripts)) = target else {
            let message = "`+=` adds a term to a first derivative, found something else on the left";
            let diagnostic = Diagnostic::new(codes::reactions::ADDED_TERM, lhs.span, message);
            let diagnostic = diagnostic.label("expected `name'`");
            return self.diagnostics.push(match &lhs.kind {
                ExprKind::Name(name) => {
                    let end = Span::new(lhs.span.end, lhs.span.end);
                    diagnostic.help(format!("did you mean `{name}' += …`?")).fix(end, "'")
                }
                _ => diagnostic.help("write the whole equation with `=`"),
            });
        };
        self.term(&ident, subscripts.clone(), domain.to_vec(), (Sign::Plus, rhs.clone()), "in this added term");
        self.network.changes.push(Changes { flux: None, net: vec![(ident.name, subscripts, 1.0)] });
    }

    fn term(
        &mut self,
        species: &Ident,
        subscripts: Vec<Expr>,
        domain: Vec<ForClause>,
        value: (Sign, Expr),
        first: &'static str,
    ) {
        let place = self.change(species, first);
        let signed = match &value {
            (Sign::Plus, expr) => expr.clone(),
            (Sign::Minus, expr) => Expr { span: expr.span, kind: ExprKind::Negate(Box::new(expr.clone())) },
        };
        self.network.species[place].terms.push(Term { subscripts, domain, value, signed, span: species.span });
    }

    /// The species' place.
    fn change(&mut self, ident: &Ident, first: &'static str) -> usize {
        let place = self.network.species.get_index_of(&ident.name);
        place.unwrap_or_else(|| {
            let sum = Expr { span: ident.span, kind: ExprKind::Number(0.0) };
            let change = Change { span: ident.span, first, terms: Vec::new(), sum };
            self.network.species.insert_full(ident.name.clone(), change).0
        })
    }

    /// A coefficient is positive; where it is an exponent it is whole as well.
    fn check_coefficients(&mut self, reaction: &Reaction) {
        let exponents = match &reaction.rate {
            Rate::MassAction(_) => [true, false],
            Rate::Reversible(..) => [true, true],
            Rate::Explicit(_) => [false, false],
        };
        for (side, whole) in [&reaction.reactants, &reaction.products].into_iter().zip(exponents) {
            for species in side {
                let c = species.coefficient;
                let message = match c {
                    0.0 => "a stoichiometric coefficient is positive, found 0".to_string(),
                    c if whole && (c.fract() != 0.0 || c > MOST) => {
                        format!("mass action needs whole coefficients up to {MOST}, found {c}")
                    }
                    _ => continue,
                };
                let diagnostic = Diagnostic::new(codes::reactions::COEFFICIENT, species.span, message);
                self.diagnostics.push(if c == 0.0 {
                    diagnostic.help(format!("leave out `{}`, or write `0` alone for nothing", species.name.name))
                } else {
                    diagnostic.help("state the rate itself: `A => B @ rate`")
                });
            }
        }
    }
}

/// The largest molecularity of a mass-action reaction.
const MOST: f64 = 1000.0;

fn participant(species: &Species) -> Participant {
    Participant {
        coefficient: species.coefficient,
        name: species.name.name.clone(),
        subscripts: species.subscripts.iter().map(Expr::to_string).collect(),
    }
}

/// A species' subscripts as text, so that equal ones are found.
fn element(species: &Species) -> String {
    species.subscripts.iter().map(|expr| format!("{expr},")).collect()
}

/// Names that a subscript reads.
pub fn names_in_subscript<'e>(expr: &'e Expr, found: &mut Vec<&'e str>) {
    match &expr.kind {
        ExprKind::Name(name) => found.push(name),
        ExprKind::Negate(inner) => names_in_subscript(inner, found),
        ExprKind::Sum(terms) => terms.iter().for_each(|(_, term)| names_in_subscript(term, found)),
        ExprKind::Product(factors) => factors.iter().for_each(|(_, factor)| names_in_subscript(factor, found)),
        _ => {}
    }
}

impl Builder<'_, '_> {
    /// `k*A^a*B^b`, species in order of first mention, repeated ones counted together; over a! b! by the other
    /// convention.
    fn mass_action(&self, rate: &Expr, side: &[Species]) -> Expr {
        let mut powers: Table<(&str, String), (f64, &Species)> = Table::default();
        for species in side {
            powers.entry((&species.name.name, element(species))).or_insert((0.0, species)).0 += species.coefficient;
        }
        let mut factors = vec![(Factor::Times, rate.clone())];
        for (exponent, species) in powers.into_values() {
            let span = species.name.span;
            let kind = match species.subscripts.as_slice() {
                [] => ExprKind::Name(species.name.name.clone()),
                list => ExprKind::Subscript(species.name.clone(), list.to_vec()),
            };
            let base = Expr { span, kind };
            let number = |value: f64| Expr { span, kind: ExprKind::Number(value) };
            factors.push((
                Factor::Times,
                match exponent {
                    1.0 => base,
                    n => Expr { span, kind: ExprKind::Power(Box::new(base), Box::new(number(n))) },
                },
            ));
            let encounters: f64 = (2..=exponent.min(MOST) as u64).map(|n| n as f64).product();
            if self.convention == Convention::Combinatorial && encounters > 1.0 {
                factors.push((Factor::Over, number(encounters)));
            }
        }
        if factors.len() == 1 {
            return rate.clone();
        }
        Expr { span: rate.span, kind: ExprKind::Product(factors) }
    }
}

fn times(amount: f64, flux: Expr) -> Expr {
    if amount == 1.0 {
        return flux;
    }
    let span = flux.span;
    let amount = Expr { span, kind: ExprKind::Number(amount) };
    Expr { span, kind: ExprKind::Product(vec![(Factor::Times, amount), (Factor::Times, flux)]) }
}

/// The terms from the left; the first of a sum has no sign of its own.
fn sum(mut terms: Vec<(Sign, Expr)>, span: Span) -> Expr {
    if let Some((sign @ Sign::Minus, first)) = terms.first_mut() {
        let inner = std::mem::replace(first, Expr { span, kind: ExprKind::Number(0.0) });
        *first = Expr { span: inner.span, kind: ExprKind::Negate(Box::new(inner)) };
        *sign = Sign::Plus;
    }
    match terms.len() {
        0 => Expr { span, kind: ExprKind::Number(0.0) },
        1 => terms.remove(0).1,
        _ => Expr { span, kind: ExprKind::Sum(terms) },
    }
}
