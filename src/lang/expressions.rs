//! Expressions: precedence by hand, from the weakest operator to the strongest, with a bound on nesting.

use super::ast::{Comparison, Expr, ExprKind, Factor, Ident, Range, ReductionIndex, Sign};
use super::lexer::Kind;
use super::parser::{MAX_DEPTH, Parsed, Parser};
use crate::diag::Code;
use crate::source::Span;

/// Reductions: the only names that take subscripts and arguments.
const REDUCTIONS: &[&str] = &["sum", "prod", "min", "max", "dot"];

impl Parser<'_> {
    /// `expression = "if" expression "then" expression "else" expression | disjunction`
    pub fn expression(&mut self) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("expressions nest more than {MAX_DEPTH} deep here");
            return self.error(Code("E0107"), self.peek().span, message, Some("name the inner parts"));
        }
        let result = if self.is_word("if") { self.conditional() } else { self.disjunction() };
        self.depth -= 1;
        result
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let start = self.advance().span;
        self.skip_lines();
        let condition = self.expression()?;
        self.word_between("then", start)?;
        let then = self.expression()?;
        self.word_between("else", start)?;
        let otherwise = self.expression()?;
        let span = start.to(otherwise.span);
        Ok(Expr { span, kind: ExprKind::If(Box::new(condition), Box::new(then), Box::new(otherwise)) })
    }

    /// `then` or `else`, possibly on a line of its own.
    fn word_between(&mut self, word: &str, opener: Span) -> Parsed<()> {
        let mut ahead = 0;
        while self.look(ahead).kind == Kind::Newline {
            ahead += 1;
        }
        let token = self.look(ahead);
        if token.kind == Kind::Name && self.slice(token.span) == word {
            (0..=ahead).for_each(|_| {
                self.advance();
            });
            self.skip_lines();
            return Ok(());
        }
        let message = format!("expected `{word}`, found {}", self.found());
        let diagnostic = crate::diag::Diagnostic::new(Code("E0104"), self.peek().span, message);
        self.report(diagnostic.related(opener, "this `if` needs both `then` and `else`"))
    }

    /// `disjunction = conjunction { "or" conjunction }`
    fn disjunction(&mut self) -> Parsed<Expr> {
        self.logical("or", Self::conjunction, ExprKind::Or)
    }

    /// `conjunction = negation { "and" negation }`
    fn conjunction(&mut self) -> Parsed<Expr> {
        self.logical("and", Self::negation, ExprKind::And)
    }

    fn logical(&mut self, word: &str, operand: fn(&mut Self) -> Parsed<Expr>, kind: fn(Vec<Expr>) -> ExprKind) -> Parsed<Expr> {
        let first = operand(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut list = vec![first];
        while self.take_word(word) {
            self.skip_lines();
            list.push(operand(self)?);
        }
        let span = list[0].span.to(self.last_span());
        Ok(Expr { span, kind: kind(list) })
    }

    /// `negation = "not" negation | comparison`
    fn negation(&mut self) -> Parsed<Expr> {
        if self.is_symbol("!") {
            return self.error(Code("E0108"), self.peek().span, "`!` is not an operator".into(), Some("write `not`"));
        }
        if !self.is_word("not") {
            return self.comparison();
        }
        let start = self.advance().span;
        let inner = self.nested(Self::negation)?;
        Ok(Expr { span: start.to(inner.span), kind: ExprKind::Not(Box::new(inner)) })
    }

    /// Counts one level of nesting around a production.
    fn nested(&mut self, production: fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("expressions nest more than {MAX_DEPTH} deep here");
            return self.error(Code("E0107"), self.peek().span, message, Some("name the inner parts"));
        }
        let result = production(self);
        self.depth -= 1;
        result
    }

    /// `comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]`
    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        let Some(op) = self.comparison_operator() else { return self.foreign_operator(left) };
        self.advance();
        self.skip_lines();
        let right = self.sum()?;
        if self.comparison_operator().is_some() {
            let help = "write `a < b and b < c`";
            return self.error(Code("E0109"), self.peek().span, "comparisons do not chain".into(), Some(help));
        }
        let span = left.span.to(right.span);
        self.foreign_operator(Expr { span, kind: ExprKind::Compare(op, Box::new(left), Box::new(right)) })
    }

    fn comparison_operator(&self) -> Option<Comparison> {
        let Kind::Symbol(symbol) = self.peek().kind else { return None };
        [Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge, Comparison::Eq, Comparison::Ne]
            .into_iter()
            .find(|op| op.symbol() == symbol)
    }

    /// Operators of other languages get the name of ours.
    fn foreign_operator(&mut self, expr: Expr) -> Parsed<Expr> {
        let Kind::Symbol(symbol) = self.peek().kind else { return Ok(expr) };
        let ours = match symbol {
            "&&" => "and",
            "||" => "or",
            _ => return Ok(expr),
        };
        let message = format!("`{symbol}` is not an operator");
        self.error(Code("E0108"), self.peek().span, message, Some(&format!("write `{ours}`")))
    }

    /// `sum = product { ("+" | "-") product }`
    fn sum(&mut self) -> Parsed<Expr> {
        let first = self.product()?;
        if !self.is_symbol("+") && !self.is_symbol("-") {
            return Ok(first);
        }
        let mut terms = vec![(Sign::Plus, first)];
        loop {
            let sign = match self.peek().kind {
                Kind::Symbol("+") => Sign::Plus,
                Kind::Symbol("-") => Sign::Minus,
                _ => break,
            };
            self.advance();
            self.skip_lines();
            terms.push((sign, self.product()?));
        }
        let span = terms[0].1.span.to(self.last_span());
        Ok(Expr { span, kind: ExprKind::Sum(terms) })
    }

    /// `product = unary { ("*" | "/") unary }`
    fn product(&mut self) -> Parsed<Expr> {
        let first = self.unary()?;
        if !self.is_symbol("*") && !self.is_symbol("/") {
            return Ok(first);
        }
        let mut factors = vec![(Factor::Times, first)];
        loop {
            let how = match self.peek().kind {
                Kind::Symbol("*") => Factor::Times,
                Kind::Symbol("/") => Factor::Over,
                _ => break,
            };
            self.advance();
            self.skip_lines();
            factors.push((how, self.unary()?));
        }
        let span = factors[0].1.span.to(self.last_span());
        Ok(Expr { span, kind: ExprKind::Product(factors) })
    }

    /// `unary = ("-" | "+") unary | power`
    fn unary(&mut self) -> Parsed<Expr> {
        if self.is_symbol("-") {
            let start = self.advance().span;
            let inner = self.nested(Self::unary)?;
            return Ok(Expr { span: start.to(inner.span), kind: ExprKind::Negate(Box::new(inner)) });
        }
        if self.is_symbol("+") {
            self.advance();
            return self.nested(Self::unary);
        }
        self.power()
    }

    /// `power = postfix [ "^" unary ]`: right-associative, tighter than a sign on its left.
    fn power(&mut self) -> Parsed<Expr> {
        let base = self.postfix()?;
        if self.is_symbol("**") {
            return self.error(Code("E0108"), self.peek().span, "`**` is not an operator".into(), Some("write `^`"));
        }
        if !self.take_symbol("^") {
            return Ok(base);
        }
        self.skip_lines();
        let exponent = self.nested(Self::unary)?;
        let span = base.span.to(exponent.span);
        Ok(Expr { span, kind: ExprKind::Power(Box::new(base), Box::new(exponent)) })
    }

    /// `postfix = primary { "'" }`, where a prime may also stand between a name and its subscripts.
    fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        let mut order = 0;
        while self.is_symbol("'") {
            self.advance();
            order += 1;
        }
        if order == 0 {
            return Ok(expr);
        }
        if let (ExprKind::Name(name), true) = (&expr.kind, self.is_symbol("[")) {
            let ident = Ident { name: name.clone(), span: expr.span };
            let subscripts = self.subscripts()?;
            expr = Expr { span: ident.span.to(self.last_span()), kind: ExprKind::Subscript(ident, subscripts) };
        }
        let span = expr.span.to(self.last_span());
        if !matches!(expr.kind, ExprKind::Name(_) | ExprKind::Subscript(..)) {
            let help = "a prime marks the derivative of a state, e.g. `x'`";
            return self.error(Code("E0110"), span, "only a name can have a prime".into(), Some(help));
        }
        Ok(Expr { span, kind: ExprKind::Prime(Box::new(expr), order) })
    }

    /// `primary = number | "true" | "false" | "(" expression ")" | reference`
    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.kind {
            Kind::Number(value) => {
                self.advance();
                if !value.is_finite() {
                    return self.error(Code("E0111"), token.span, "this number is too large".into(), None);
                }
                if self.peek().kind == Kind::Name && self.peek().span.start == token.span.end {
                    let help = format!("write `{}*{}`", self.slice(token.span), self.slice(self.peek().span));
                    return self.error(Code("E0112"), self.peek().span, "expected an operator between a number and a name".into(), Some(&help));
                }
                Ok(Expr { span: token.span, kind: ExprKind::Number(value) })
            }
            Kind::Symbol("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect_closing(")", token.span)?;
                Ok(inner)
            }
            Kind::Name if matches!(self.slice(token.span), "true" | "false") => {
                self.advance();
                Ok(Expr { span: token.span, kind: ExprKind::Bool(self.slice(token.span) == "true") })
            }
            Kind::Name if self.is_word("if") => self.expression(),
            Kind::Name => self.reference(),
            _ => self.expected("an expression"),
        }
    }

    /// `reference = name [ subscripts ] | name arguments | reduction subscripts arguments`
    fn reference(&mut self) -> Parsed<Expr> {
        let ident = self.name("an expression")?;
        if self.is_symbol("(") {
            let arguments = self.arguments()?;
            return Ok(Expr { span: ident.span.to(self.last_span()), kind: ExprKind::Call(ident, arguments) });
        }
        if !self.is_symbol("[") {
            return Ok(Expr { span: ident.span, kind: ExprKind::Name(ident.name) });
        }
        if REDUCTIONS.contains(&ident.name.as_str()) {
            return self.reduction(ident);
        }
        let subscripts = self.subscripts()?;
        if self.is_symbol("(") {
            let message = format!("`{}` cannot take subscripts and arguments", ident.name);
            let help = format!("reductions are {}", REDUCTIONS.join(", "));
            return self.error(Code("E0113"), ident.span, message, Some(&help));
        }
        Ok(Expr { span: ident.span.to(self.last_span()), kind: ExprKind::Subscript(ident, subscripts) })
    }

    /// `arguments = "(" [ expression { "," expression } ] ")"`
    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        let opener = self.advance().span;
        let mut list = Vec::new();
        if self.take_symbol(")") {
            return Ok(list);
        }
        loop {
            list.push(self.expression()?);
            if !self.take_symbol(",") {
                self.expect_closing(")", opener)?;
                return Ok(list);
            }
        }
    }

    /// `subscripts = "[" expression { "," expression } "]"`
    pub fn subscripts(&mut self) -> Parsed<Vec<Expr>> {
        let opener = self.advance().span;
        let mut list = Vec::new();
        loop {
            list.push(self.expression()?);
            if !self.take_symbol(",") {
                self.expect_closing("]", opener)?;
                return Ok(list);
            }
        }
    }

    /// `reduction = ("sum" | "prod" | "min" | "max" | "dot") "[" index { "," index } "]" arguments`
    fn reduction(&mut self, operator: Ident) -> Parsed<Expr> {
        let opener = self.advance().span;
        let mut indices = Vec::new();
        loop {
            let index = self.name("an index")?;
            let range = if self.take_word("in") { Some(self.range()?) } else { None };
            indices.push(ReductionIndex { index, range });
            if !self.take_symbol(",") {
                self.expect_closing("]", opener)?;
                break;
            }
        }
        if !self.is_symbol("(") {
            return self.expected(&format!("`(` after `{}[…]`", operator.name));
        }
        let bodies = self.arguments()?;
        Ok(Expr { span: operator.span.to(self.last_span()), kind: ExprKind::Reduce(operator, indices, bodies) })
    }

    /// `range = sum ".." sum`
    pub fn range(&mut self) -> Parsed<Range> {
        let lo = self.sum()?;
        self.expect_symbol("..", "between the ends of a range")?;
        let hi = self.sum()?;
        Ok(Range { lo, hi })
    }
}
