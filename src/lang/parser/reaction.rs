//! Reactions: two sides, an arrow and a rate.

use super::component::MEMBER;
use super::recovery::MAX_UNBALANCED;
use super::report::specific;
use super::{Parse, Parser};
use crate::diag::codes::syntax;
use crate::lang::ast::{Convention, ExprKind, ItemKind, Rate, Reaction, Species};
use crate::lang::token::Kind;

/// What every arrow wants.
const AFTER_ARROW: &str =
    "`A -> B @ k` has the rate k*A, `A <-> B @ kf, kr` goes both ways, `A => B @ v` has the rate v";

impl Parser<'_> {
    /// Whether the statement here is a reaction: it has a label (rather than a unit), or an arrow comes before any sign of
    /// an equation.
    pub(super) fn is_reaction(&mut self) -> bool {
        if self.peek() == Kind::Name && self.peek_second() == Kind::Colon {
            return !self.is_annotated();
        }
        let mut open = 0;
        for index in self.at.. {
            let kind = self.kind_at(index);
            match kind {
                // A bracket that does not close costs a pass over the rest of the file: not for every statement.
                Kind::End => {
                    self.unbalanced += u32::from(open > 0);
                    return false;
                }
                Kind::SquareOpen | Kind::RoundOpen if self.unbalanced >= MAX_UNBALANCED => return false,
                Kind::SquareOpen | Kind::RoundOpen => open += 1,
                Kind::SquareClose | Kind::RoundClose => open -= 1,
                _ if open > 0 => {}
                _ if index > self.at && self.tokens[index].starts_line => return false,
                Kind::Name | Kind::Dot | Kind::Number | Kind::Invalid | Kind::Prime => {}
                Kind::Plus | Kind::Minus | Kind::Star | Kind::Slash | Kind::Caret => {}
                _ => return kind.is_arrow(),
            }
        }
        false
    }

    /// Whether the statement here is `reactions WORD`: two names side by side, which nothing else begins with.
    pub(super) fn is_convention(&self) -> bool {
        self.peek() == Kind::Name && self.slice(self.here()) == "reactions" && self.peek_second() == Kind::Name
    }

    /// `convention = "reactions" name`
    pub(super) fn convention(&mut self) -> Parse<ItemKind> {
        self.bump();
        Ok(ItemKind::Reactions(self.name("`plain` or `combinatorial`")?))
    }

    /// `reaction = [ name ":" ] side ( "->" side "@" expression | "<->" side "@" expression "," expression
    /// | "=>" side "@" expression ) [ for_clauses ]`
    pub(super) fn reaction(&mut self) -> Parse<ItemKind> {
        let mut label = None;
        if self.peek_second() == Kind::Colon {
            label = Some(self.name("a label")?);
            self.bump();
        }
        let reactants = self.side()?;
        let arrow = self.peek();
        if !arrow.is_arrow() {
            return Err(self.no_arrow());
        }
        let place = self.bump();
        let products = self.side()?;
        if !self.accept(Kind::At) {
            let error = *self.no_arrow();
            return Err(Box::new(if error.code == syntax::REACTION && error.help.is_none() {
                error.help(AFTER_ARROW)
            } else {
                error
            }));
        }
        let first = self.expression()?;
        let rate = match arrow {
            Kind::BothArrow => {
                if self.peek() != Kind::Comma {
                    let error =
                        *specific(self.unexpected("`,` and the reverse rate after the forward rate"), syntax::RATES);
                    let error = error.related(place, "this arrow goes both ways");
                    return Err(Box::new(error.help("write both rates: `@ kf, kr`; or one direction: `->`")));
                }
                self.bump();
                Rate::Reversible(first, self.expression()?)
            }
            _ if self.peek() == Kind::Comma => {
                let error = *specific(self.unexpected("one rate"), syntax::RATES);
                let error = error.related(place, "this arrow goes one way");
                return Err(Box::new(error.help("a reversible reaction is written `A <-> B @ kf, kr`")));
            }
            Kind::RateArrow => Rate::Explicit(first),
            _ => Rate::MassAction(first),
        };
        let domain = self.for_clauses()?;
        let convention = Convention::default();
        Ok(ItemKind::Reaction(Reaction { label, reactants, products, rate, domain, convention }))
    }

    /// `side = "0" | species { "+" species }`
    fn side(&mut self) -> Parse<Vec<Species>> {
        let nothing = self.peek() == Kind::Number
            && self.peek_second() != Kind::Name
            && self.slice(self.here()).parse() == Ok(0.0);
        if nothing {
            self.bump();
            return Ok(Vec::new());
        }
        let mut list = vec![self.species()?];
        while self.accept(Kind::Plus) {
            list.push(self.species()?);
        }
        Ok(list)
    }

    /// `species = [ number ] { segment } name [ subscripts ]`
    fn species(&mut self) -> Parse<Species> {
        let start = self.at;
        let mut coefficient = 1.0;
        if self.peek() == Kind::Number
            && let ExprKind::Number(value) = self.number()?.kind
        {
            coefficient = value;
        }
        if self.peek() != Kind::Name {
            return Err(self.no_species(start));
        }
        let mut path = Vec::new();
        let (name, subscripts) = loop {
            let name = self.name(if path.is_empty() { "a species" } else { MEMBER })?;
            let subscripts = self.optional_subscripts()?;
            if self.peek() != Kind::Dot {
                break (name, subscripts);
            }
            path.push(self.segment(name, subscripts));
        };
        Ok(Species { coefficient, path, name, subscripts, span: self.since(start) })
    }
}
