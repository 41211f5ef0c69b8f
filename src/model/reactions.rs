//! Reactions become equations: one definition per flux, and for each species one sum over the fluxes it takes part in.
//!
//! What is made here are syntax trees with the spans of what was written, so that everything after (names, order of
//! evaluation, derivatives) treats a network like equations typed by hand. Nothing is evaluated.
//!
//! Mass action: the rate of `a A + b B -> … @ k` is `k*A^a*B^b`, without the factor 1/(a! b!) of BioNetGen and Catalyst.
//!
//! Invariants: sums are flat, in the order of the reactions in the file; a flux is one definition however many species
//! it moves, so it is computed once and its errors are told once.

use indexmap::IndexMap;

use super::{Contribution, SpeciesId};
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{Ast, Expr, ExprKind, Factor, ForClause, Ident, ItemKind, Rate, Reaction, Sign, Species};
use crate::source::Span;

/// The reactions and added terms of a file.
#[derive(Default)]
pub struct Network {
    /// One per reaction, in order.
    pub fluxes: Vec<Flux>,
    /// One per species, in order of first mention.
    pub species: IndexMap<String, Change>,
    /// What each reaction or added term changes, in order.
    pub contributions: Vec<Contribution>,
}

/// The net flux of a reaction.
pub struct Flux {
    /// The label, or a name that cannot be typed.
    pub name: String,
    /// The comment above the reaction.
    pub doc: Option<String>,
    /// The label or, without one, the reaction.
    pub span: Span,
    /// Forward minus reverse rate.
    pub value: Expr,
}

/// How a species changes.
pub struct Change {
    /// Its first mention.
    pub span: Span,
    /// Whether a reaction or an added term mentions it there, in words.
    pub first: &'static str,
    /// The sum over its reactions and added terms.
    pub derivative: Expr,
    terms: Vec<(Sign, Expr)>,
}

/// Collects the reactions and added terms of a file.
pub fn network(ast: &Ast, diagnostics: &mut Vec<Diagnostic>) -> Network {
    let mut builder = Builder { network: Network::default(), diagnostics };
    for item in &ast.items {
        match &item.kind {
            ItemKind::Reaction(reaction) => builder.reaction(reaction, item.doc.as_deref(), item.span),
            ItemKind::Addition { lhs, rhs, domain } => builder.addition(lhs, rhs, domain),
            _ => {}
        }
    }
    let mut network = builder.network;
    for change in network.species.values_mut() {
        change.derivative = sum(std::mem::take(&mut change.terms), change.span);
    }
    network
}

struct Builder<'d> {
    network: Network,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn reaction(&mut self, reaction: &Reaction, doc: Option<&str>, span: Span) {
        let sides = || reaction.reactants.iter().chain(&reaction.products);
        let subscripts = sides().flat_map(|species| &species.subscripts).map(|expr| expr.span);
        let indexed = subscripts.chain(reaction.domain.iter().map(|clause| clause.index.span)).next();
        if let Some(span) = indexed {
            return self.not_yet(span, "arrays of reactions");
        }
        self.check_coefficients(reaction);
        let (name, place) = match &reaction.label {
            Some(label) => (label.name.clone(), label.span),
            None => (format!("reaction {}", self.network.fluxes.len() + 1), span),
        };
        let value = match &reaction.rate {
            Rate::Explicit(rate) => rate.clone(),
            Rate::MassAction(rate) => mass_action(rate, &reaction.reactants),
            Rate::Reversible(forward, reverse) => {
                let forward = mass_action(forward, &reaction.reactants);
                let reverse = mass_action(reverse, &reaction.products);
                let span = forward.span.to(reverse.span);
                Expr { span, kind: ExprKind::Sum(vec![(Sign::Plus, forward), (Sign::Minus, reverse)]) }
            }
        };
        // What a catalyst loses it gains: it is a species, with no change from this reaction.
        let mut net: IndexMap<SpeciesId, f64> = IndexMap::new();
        let signed = |side: &[Species], sign: f64| {
            side.iter().map(|s| (s.name.clone(), sign * s.coefficient)).collect::<Vec<(Ident, f64)>>()
        };
        for (ident, amount) in signed(&reaction.reactants, -1.0).into_iter().chain(signed(&reaction.products, 1.0)) {
            let species = self.change(&ident, "in this reaction");
            *net.entry(species).or_default() += amount;
        }
        net.retain(|_, amount| *amount != 0.0);
        for (species, amount) in &net {
            let flux = Expr { span: place, kind: ExprKind::Name(name.clone()) };
            let sign = if *amount < 0.0 { Sign::Minus } else { Sign::Plus };
            let term = times(amount.abs(), flux);
            self.network.species[species.0].terms.push((sign, term));
        }
        self.network.contributions.push(Contribution { label: Some(name.clone()), net: net.into_iter().collect() });
        self.network.fluxes.push(Flux { name, doc: doc.map(str::to_string), span: place, value });
    }

    fn addition(&mut self, lhs: &Expr, rhs: &Expr, domain: &[ForClause]) {
        let ident = match &lhs.kind {
            ExprKind::Prime(inner, 1) => match &inner.kind {
                ExprKind::Name(name) => Ident { name: name.clone(), span: inner.span },
                _ => return self.not_yet(lhs.span, "terms added to arrays"),
            },
            _ => {
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
            }
        };
        if let Some(clause) = domain.first() {
            return self.not_yet(clause.index.span, "terms added to arrays");
        }
        let species = self.change(&ident, "in this added term");
        self.network.species[species.0].terms.push((Sign::Plus, rhs.clone()));
        self.network.contributions.push(Contribution { label: None, net: vec![(species, 1.0)] });
    }

    fn change(&mut self, ident: &Ident, first: &'static str) -> SpeciesId {
        let place = self.network.species.get_index_of(&ident.name);
        SpeciesId(place.unwrap_or_else(|| {
            let derivative = Expr { span: ident.span, kind: ExprKind::Number(0.0) };
            let change = Change { span: ident.span, first, derivative, terms: Vec::new() };
            self.network.species.insert_full(ident.name.clone(), change).0
        }))
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

    fn not_yet(&mut self, span: Span, what: &str) {
        let message = format!("{what} are not yet supported");
        self.diagnostics.push(Diagnostic::new(codes::lang::UNSUPPORTED, span, message));
    }
}

/// The largest molecularity of a mass-action reaction.
const MOST: f64 = 1000.0;

/// `k*A^a*B^b`, species in order of first mention, repeated ones counted together.
fn mass_action(rate: &Expr, side: &[Species]) -> Expr {
    let mut powers: IndexMap<&str, (f64, Span)> = IndexMap::new();
    for species in side {
        powers.entry(&species.name.name).or_insert((0.0, species.name.span)).0 += species.coefficient;
    }
    let mut factors = vec![(Factor::Times, rate.clone())];
    for (name, (exponent, span)) in powers {
        let base = Expr { span, kind: ExprKind::Name(name.to_string()) };
        let power = match exponent {
            1.0 => base,
            n => {
                let exponent = Expr { span, kind: ExprKind::Number(n) };
                Expr { span, kind: ExprKind::Power(Box::new(base), Box::new(exponent)) }
            }
        };
        factors.push((Factor::Times, power));
    }
    if factors.len() == 1 {
        return rate.clone();
    }
    Expr { span: rate.span, kind: ExprKind::Product(factors) }
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
