//! Expressions, from the loosest operator to the tightest.
//!
//! Every recursive production goes through `nested`, which bounds the depth; chains of `+`, `*`, `and`, `or` are loops.
//!
//! A production that finds no operator hands its operand's result on untouched, and what builds a node is a function of
//! its own: so a level of parentheses, which passes through all of them, takes little stack.

use super::report::specific;
use super::{Parse, Parser};
use crate::diag::codes::syntax;
use crate::lang::ast::{Comparison, Expr, ExprKind, Factor, Ident, ReductionIndex, Segment, Sign};
use crate::lang::token::Kind;

/// The functions that take indices in brackets.
const REDUCTIONS: [&str; 5] = ["sum", "prod", "min", "max", "dot"];

impl Parser<'_> {
    /// `expression = conditional | disjunction`
    pub(super) fn expression(&mut self) -> Parse<Expr> {
        self.nested(|parser| match parser.peek() {
            Kind::If => parser.conditional(),
            _ => parser.disjunction(),
        })
    }

    /// `conditional = "if" expression "then" expression "else" expression`
    #[inline(never)]
    fn conditional(&mut self) -> Parse<Expr> {
        let start = self.bump();
        let condition = Box::new(self.expression()?);
        if !self.accept(Kind::Then) {
            return Err(self.no_then());
        }
        let yes = Box::new(self.expression()?);
        if !self.accept(Kind::Else) {
            return Err(specific(self.unexpected("`else` after the first branch"), syntax::BRANCH));
        }
        let no = Box::new(self.expression()?);
        Ok(Expr { span: start.to(self.before()), kind: ExprKind::If(condition, yes, no) })
    }

    /// `disjunction = conjunction { "or" conjunction }`
    fn disjunction(&mut self) -> Parse<Expr> {
        let start = self.at;
        let first = self.conjunction();
        if self.peek() != Kind::Or || first.is_err() { first } else { self.alternatives(start, first?) }
    }

    #[inline(never)]
    fn alternatives(&mut self, start: usize, first: Expr) -> Parse<Expr> {
        let mut parts = pair(first);
        while self.accept(Kind::Or) {
            parts.push(self.conjunction()?);
        }
        Ok(Expr { span: self.since(start), kind: ExprKind::Or(parts) })
    }

    /// `conjunction = negation { "and" negation }`
    fn conjunction(&mut self) -> Parse<Expr> {
        let start = self.at;
        let first = self.negation();
        if self.peek() != Kind::And || first.is_err() { first } else { self.conditions(start, first?) }
    }

    #[inline(never)]
    fn conditions(&mut self, start: usize, first: Expr) -> Parse<Expr> {
        let mut parts = pair(first);
        while self.accept(Kind::And) {
            parts.push(self.negation()?);
        }
        Ok(Expr { span: self.since(start), kind: ExprKind::And(parts) })
    }

    /// `negation = "not" negation | comparison`
    fn negation(&mut self) -> Parse<Expr> {
        if self.peek() == Kind::Not { self.denied() } else { self.comparison() }
    }

    #[inline(never)]
    fn denied(&mut self) -> Parse<Expr> {
        let start = self.bump();
        let operand = Box::new(self.nested(Self::negation)?);
        Ok(Expr { span: start.to(self.before()), kind: ExprKind::Not(operand) })
    }

    /// `comparison = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ]`
    fn comparison(&mut self) -> Parse<Expr> {
        let start = self.at;
        let left = self.sum();
        match comparison_operator(self.peek()) {
            Some(operator) if left.is_ok() => self.compared(start, left?, operator),
            _ => left,
        }
    }

    #[inline(never)]
    fn compared(&mut self, start: usize, left: Expr, operator: Comparison) -> Parse<Expr> {
        let first = self.bump();
        let (left, right) = (Box::new(left), Box::new(self.sum()?));
        if comparison_operator(self.peek()).is_some() {
            return Err(self.chained(first));
        }
        Ok(Expr { span: self.since(start), kind: ExprKind::Compare(operator, left, right) })
    }

    /// `sum = product { ( "+" | "-" ) product }`
    pub(super) fn sum(&mut self) -> Parse<Expr> {
        let start = self.at;
        let first = self.product();
        if !matches!(self.peek(), Kind::Plus | Kind::Minus) || first.is_err() {
            first
        } else {
            self.terms(start, first?)
        }
    }

    #[inline(never)]
    fn terms(&mut self, start: usize, first: Expr) -> Parse<Expr> {
        let mut terms = pair((Sign::Plus, first));
        loop {
            let sign = match self.peek() {
                Kind::Plus => Sign::Plus,
                Kind::Minus => Sign::Minus,
                _ => break,
            };
            self.bump();
            terms.push((sign, self.product()?));
        }
        Ok(Expr { span: self.since(start), kind: ExprKind::Sum(terms) })
    }

    /// `product = unary { ( "*" | "/" ) unary }`
    fn product(&mut self) -> Parse<Expr> {
        let start = self.at;
        let first = self.unary();
        if !matches!(self.peek(), Kind::Star | Kind::Slash) || first.is_err() {
            first
        } else {
            self.factors(start, first?)
        }
    }

    #[inline(never)]
    fn factors(&mut self, start: usize, first: Expr) -> Parse<Expr> {
        let mut factors = pair((Factor::Times, first));
        loop {
            let factor = match self.peek() {
                Kind::Star => Factor::Times,
                Kind::Slash => Factor::Over,
                _ => break,
            };
            self.bump();
            factors.push((factor, self.unary()?));
        }
        Ok(Expr { span: self.since(start), kind: ExprKind::Product(factors) })
    }

    /// `unary = ( "-" | "+" ) unary | power`
    fn unary(&mut self) -> Parse<Expr> {
        match self.peek() {
            Kind::Minus => self.negated(),
            Kind::Plus => {
                self.bump();
                self.nested(Self::unary)
            }
            _ => self.power(),
        }
    }

    #[inline(never)]
    fn negated(&mut self) -> Parse<Expr> {
        let start = self.bump();
        let operand = Box::new(self.nested(Self::unary)?);
        Ok(Expr { span: start.to(self.before()), kind: ExprKind::Negate(operand) })
    }

    /// `power = primary [ "^" unary ]`: associates to the right and binds tighter than a sign before it.
    fn power(&mut self) -> Parse<Expr> {
        let start = self.at;
        let base = self.primary();
        if self.peek() != Kind::Caret || base.is_err() { base } else { self.raised(start, base?) }
    }

    #[inline(never)]
    fn raised(&mut self, start: usize, base: Expr) -> Parse<Expr> {
        self.bump();
        let base = Box::new(base);
        let exponent = Box::new(self.nested(Self::unary)?);
        Ok(Expr { span: self.since(start), kind: ExprKind::Power(base, exponent) })
    }

    /// `primary = quantity | number | "true" | "false" | "(" expression ")" | reduction | csv | call | delayed | variable`
    fn primary(&mut self) -> Parse<Expr> {
        match self.peek() {
            Kind::Number if self.peek_second() == Kind::SquareOpen => self.quantity(),
            Kind::Number => self.number(),
            Kind::Name => match self.peek_second() {
                Kind::RoundOpen => self.call(),
                Kind::SquareOpen if REDUCTIONS.contains(&self.slice(self.here())) => self.reduction(),
                _ => self.delayed(),
            },
            Kind::RoundOpen => self.parenthesised(),
            Kind::True | Kind::False => {
                let value = self.peek() == Kind::True;
                Ok(Expr { span: self.bump(), kind: ExprKind::Bool(value) })
            }
            _ => Err(self.no_operand()),
        }
    }

    #[inline(never)]
    fn parenthesised(&mut self) -> Parse<Expr> {
        let opener = self.open();
        let inner = self.expression();
        if inner.is_ok() {
            self.close(opener, Kind::RoundClose, "an operator or `)`")?;
            self.not_called_or_primed()?;
        }
        inner
    }

    /// `number`: a decimal number that a 64-bit float can hold.
    #[inline(never)]
    pub(super) fn number(&mut self) -> Parse<Expr> {
        let span = self.bump();
        let text = self.slice(span);
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        let vanished = value == 0.0 && mantissa.contains(|digit: char| matches!(digit, '1'..='9'));
        if vanished || !value.is_finite() {
            let size = if vanished { "small" } else { "large" };
            let message = format!("the number is too {size} for a 64-bit float");
            return Err(self.error(syntax::NUMBER_RANGE, span, message));
        }
        Ok(Expr { span, kind: ExprKind::Number(value) })
    }

    /// `delayed = variable "(" expression ")"`, or the variable alone.
    #[inline(never)]
    fn delayed(&mut self) -> Parse<Expr> {
        let start = self.at;
        let operand = self.variable()?;
        if self.peek() != Kind::RoundOpen {
            self.not_called_or_primed()?;
            return Ok(operand);
        }
        let mut arguments = self.arguments()?;
        let span = self.since(start);
        let argument = match arguments.pop() {
            Some(argument) if arguments.is_empty() => Box::new(argument),
            _ => return Err(self.one_time(span)),
        };
        self.not_called_or_primed()?;
        Ok(Expr { span, kind: ExprKind::Delayed(Box::new(operand), argument) })
    }

    /// `variable = { segment } name ( primes [ subscripts ] | [ subscripts ] [ primes ] )`, whatever follows it.
    pub(super) fn variable(&mut self) -> Parse<Expr> {
        let start = self.at;
        let (mut segments, name, early, subscripts) = self.place("a name")?;
        let kind = if !segments.is_empty() {
            segments.push(Segment { name, subscripts });
            ExprKind::Member(segments)
        } else if subscripts.is_empty() {
            ExprKind::Name(name.name)
        } else {
            ExprKind::Subscript(name, subscripts)
        };
        // A prime before the subscripts does not belong to a lone name.
        let span = if let ExprKind::Name(_) = kind { self.tokens[start].span } else { self.since(start) };
        let mut expr = Expr { span, kind };
        let late = if early == 0 { self.primes()? } else { 0 };
        if early + late > 0 {
            expr = Expr { span: self.since(start), kind: ExprKind::Prime(Box::new(expr), early + late) };
        }
        Ok(expr)
    }

    /// `call = name "(" [ expression { "," expression } ] ")"`
    #[inline(never)]
    fn call(&mut self) -> Parse<Expr> {
        let start = self.at;
        if self.slice(self.here()) == "csv" {
            if !self.is_csv() {
                return Err(self.no_path());
            }
            let csv = self.csv()?;
            self.not_called_or_primed()?;
            return Ok(Expr { span: csv.span, kind: ExprKind::Csv(Box::new(csv)) });
        }
        let name = self.name("a function")?;
        let arguments = self.arguments()?;
        let span = self.since(start);
        self.not_called_or_primed()?;
        Ok(Expr { span, kind: ExprKind::Call(name, arguments) })
    }

    /// `reduction = ( "sum" | "prod" | "min" | "max" ) "[" reduction_index { "," reduction_index } "]" "(" expression ")"
    /// | "dot" "[" reduction_index { "," reduction_index } "]" "(" expression "," expression ")"`
    #[inline(never)]
    fn reduction(&mut self) -> Parse<Expr> {
        let start = self.at;
        let name = self.name("a function")?;
        let opener = self.open();
        let mut indices = vec![self.reduction_index()?];
        while self.accept(Kind::Comma) {
            indices.push(self.reduction_index()?);
        }
        self.close(opener, Kind::SquareClose, "`in`, `,` or `]`")?;
        if self.peek() != Kind::RoundOpen {
            return Err(self.unexpected(&format!("`(` after `{}`", self.shortened(self.since(start)))));
        }
        let arguments = self.arguments()?;
        let span = self.since(start);
        let wanted = if name.name == "dot" { 2 } else { 1 };
        if arguments.len() != wanted {
            let plural = if wanted == 1 { "" } else { "s" };
            let message =
                format!("expected {wanted} argument{plural} after `{}[…]`, found {}", name.name, arguments.len());
            return Err(self.error(syntax::REDUCTION, span, message));
        }
        self.not_called_or_primed()?;
        Ok(Expr { span, kind: ExprKind::Reduce(Box::new(name), indices.into(), arguments) })
    }

    /// `reduction_index = name [ "in" range ]`
    fn reduction_index(&mut self) -> Parse<ReductionIndex> {
        let index = self.name("an index")?;
        let range = if self.accept(Kind::In) { Some(self.range()?) } else { None };
        Ok(ReductionIndex { index, range })
    }

    pub(super) fn arguments(&mut self) -> Parse<Vec<Expr>> {
        let opener = self.open();
        let mut arguments = Vec::new();
        if self.peek() != Kind::RoundClose {
            arguments.push(self.expression()?);
            while self.accept(Kind::Comma) {
                arguments.push(self.expression()?);
            }
        }
        self.close(opener, Kind::RoundClose, "an operator, `,` or `)`")?;
        Ok(arguments)
    }

    /// `subscripts = "[" expression { "," expression } "]"`
    pub(super) fn subscripts(&mut self) -> Parse<Vec<Expr>> {
        let opener = self.open();
        let mut subscripts = vec![self.expression()?];
        while self.accept(Kind::Comma) {
            subscripts.push(self.expression()?);
        }
        self.close(opener, Kind::SquareClose, "an operator, `,` or `]`")?;
        Ok(subscripts)
    }

    /// `primes = { "'" }`, counted.
    pub(super) fn primes(&mut self) -> Parse<u32> {
        let mut order = 0;
        while self.peek() == Kind::Prime {
            let span = self.bump();
            order += span.end - span.start;
        }
        Ok(order)
    }

    /// `name`: a name that is no keyword; `what` says what it names.
    pub(super) fn name(&mut self, what: &str) -> Parse<Ident> {
        if self.peek() != Kind::Name {
            return Err(self.no_name(what));
        }
        let span = self.bump();
        Ok(Ident { name: self.slice(span).to_owned(), span })
    }

    /// Rejects what cannot follow an operand but looks as if it could: a call, a subscript or a prime.
    fn not_called_or_primed(&self) -> Parse<()> {
        match self.peek() {
            Kind::RoundOpen => Err(self.not_callable()),
            Kind::Prime => Err(self.unexpected("an operator")),
            _ => Ok(()),
        }
    }
}

/// A list of one with room for two: most chains are pairs, and the usual growth to four would waste much of a large tree.
fn pair<T>(first: T) -> Vec<T> {
    let mut parts = Vec::with_capacity(2);
    parts.push(first);
    parts
}

fn comparison_operator(kind: Kind) -> Option<Comparison> {
    Some(match kind {
        Kind::Less => Comparison::Lt,
        Kind::LessEqual => Comparison::Le,
        Kind::Greater => Comparison::Gt,
        Kind::GreaterEqual => Comparison::Ge,
        Kind::Equal => Comparison::Eq,
        Kind::NotEqual => Comparison::Ne,
        _ => return None,
    })
}
