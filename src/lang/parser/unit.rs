//! Units: after a colon in declarations, and in brackets after a number. What the names mean is not decided here.

use super::{Parse, Parser};
use crate::diag::Diagnostic;
use crate::diag::codes::lang as codes;
use crate::lang::ast::{Expr, ExprKind, Factor, Unit, UnitBase, UnitFactor};
use crate::lang::lexer::SUPERSCRIPTS;
use crate::lang::token::Kind;
use crate::source::Span;

/// The largest numerator or denominator of an exponent.
const MOST: i32 = 1_000_000;

/// Signs that are units.
const SIGNS: [&str; 5] = ["%", "‰", "°", "°C", "°F"];

impl Parser<'_> {
    /// `annotation = ":" unit`; none if there is no colon.
    pub(super) fn annotation(&mut self) -> Parse<Option<Unit>> {
        if self.accept(Kind::Colon) { Ok(Some(self.unit()?)) } else { Ok(None) }
    }

    /// Whether the name and colon here begin a definition with a unit, `x: m/s = …`, and not a labelled reaction.
    pub(super) fn is_annotated(&self) -> bool {
        let mut open = 0;
        for index in self.at + 2.. {
            match self.kind_at(index) {
                _ if open == 0 && self.tokens.get(index).is_none_or(|token| token.starts_line) => return false,
                Kind::Assign => return index > self.at + 2,
                Kind::Name | Kind::Number | Kind::Invalid | Kind::Star | Kind::Slash | Kind::Caret | Kind::Minus => {}
                Kind::RoundOpen => open += 1,
                Kind::RoundClose => open -= 1,
                _ => return false,
            }
        }
        false
    }

    /// `quantity = number "[" unit "]"`
    #[inline(never)]
    pub(super) fn quantity(&mut self) -> Parse<Expr> {
        let start = self.at;
        let number = self.number()?;
        let opener = self.open();
        let unit = self.unit()?;
        self.close(opener, Kind::SquareClose, "`*`, `/`, `^` or `]`")?;
        let value = if let ExprKind::Number(value) = number.kind { value } else { f64::NAN };
        Ok(Expr { span: self.since(start), kind: ExprKind::Quantity(value, Box::new(unit)) })
    }

    /// `unit = unit_factor { ( "*" | "·" | "/" ) unit_factor }`
    pub(super) fn unit(&mut self) -> Parse<Unit> {
        self.nested(|parser| {
            let start = parser.at;
            let mut factors = vec![parser.unit_factor(Factor::Times)?];
            loop {
                let how = match parser.peek() {
                    Kind::Star => Factor::Times,
                    Kind::Slash => Factor::Over,
                    Kind::Invalid if parser.slice(parser.here()) == "·" => Factor::Times,
                    _ => break,
                };
                parser.bump();
                factors.push(parser.unit_factor(how)?);
            }
            Ok(Unit { factors, span: parser.since(start) })
        })
    }

    /// `unit_factor = unit_base [ "^" unit_exponent | superscripts ]`
    fn unit_factor(&mut self, how: Factor) -> Parse<UnitFactor> {
        let start = self.at;
        let base = self.unit_base()?;
        let exponent = if self.accept(Kind::Caret) { self.unit_exponent()? } else { self.superscripts()? };
        Ok(UnitFactor { how, base, exponent, span: self.since(start) })
    }

    /// `unit_base = name | unit_sign | number | "(" unit ")"`
    fn unit_base(&mut self) -> Parse<UnitBase> {
        match self.peek() {
            Kind::Name => Ok(UnitBase::Name(self.name("a unit")?.name)),
            Kind::Number => {
                let number = self.number()?;
                Ok(UnitBase::Number(if let ExprKind::Number(value) = number.kind { value } else { f64::NAN }))
            }
            Kind::RoundOpen => {
                let opener = self.open();
                let unit = self.unit()?;
                self.close(opener, Kind::RoundClose, "`*`, `/`, `^` or `)`")?;
                Ok(UnitBase::Group(unit))
            }
            Kind::Invalid if SIGNS.contains(&self.slice(self.here())) => Ok(self.unit_sign()),
            _ => Err(self.unexpected("a unit such as `m/s`")),
        }
    }

    /// `unit_sign = "%" | "‰" | "°" | "°C" | "°F"`
    fn unit_sign(&mut self) -> UnitBase {
        let sign = self.bump();
        UnitBase::Name(self.slice(sign).to_owned())
    }

    /// `unit_exponent = [ "-" ] whole | "(" [ "-" ] whole [ "/" divisor ] ")"`
    fn unit_exponent(&mut self) -> Parse<(i32, i32)> {
        if self.peek() != Kind::RoundOpen {
            let negative = self.accept(Kind::Minus);
            let n = self.whole()?;
            return Ok((if negative { -n } else { n }, 1));
        }
        let opener = self.open();
        let negative = self.accept(Kind::Minus);
        let n = self.whole()?;
        let d = if self.accept(Kind::Slash) { self.divisor()? } else { 1 };
        self.close(opener, Kind::RoundClose, "`/` or `)`")?;
        let common = gcd(n, d);
        Ok((if negative { -n / common } else { n / common }, d / common))
    }

    /// `divisor = nonzero-digit { digit }`
    fn divisor(&mut self) -> Parse<i32> {
        let d = self.whole()?;
        if d > 0 { Ok(d) } else { Err(self.error(codes::NUMBER, self.before(), "an exponent has no denominator 0")) }
    }

    /// `whole = digit { digit }`: a whole number that an exponent may have.
    fn whole(&mut self) -> Parse<i32> {
        if self.peek() != Kind::Number {
            return Err(self.unexpected("a whole number as exponent"));
        }
        let span = self.bump();
        let text = self.slice(span);
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("expected a whole number as exponent, found `{text}`");
            let error = Diagnostic::new(codes::NUMBER, span, message);
            return Err(Box::new(error.help("write a fraction in parentheses, e.g. `^(1/2)`")));
        }
        self.bounded(span, text.parse().ok())
    }

    fn bounded(&self, span: Span, value: Option<i32>) -> Parse<i32> {
        let message = || format!("an exponent of a unit is at most {MOST}");
        value.filter(|value| *value <= MOST).ok_or_else(|| self.error(codes::NUMBER, span, message()))
    }

    /// `superscripts = [ "⁻" ] superscript-digit { superscript-digit }`; the exponent 1 where there are none.
    fn superscripts(&mut self) -> Parse<(i32, i32)> {
        let first = self.slice(self.here()).chars().next();
        if self.peek() != Kind::Invalid || !first.is_some_and(|c| SUPERSCRIPTS.contains(c)) {
            return Ok((1, 1));
        }
        let span = self.bump();
        let text = self.slice(span);
        let digits = text.strip_prefix('⁻').unwrap_or(text);
        let value = digits.chars().try_fold(0i32, |value, c| {
            let digit = SUPERSCRIPTS.chars().position(|raised| raised == c).filter(|digit| *digit < 10)?;
            value.checked_mul(10)?.checked_add(digit as i32)
        });
        if digits.is_empty() || digits.contains('⁻') {
            return Err(self.error(codes::NUMBER, span, format!("malformed exponent `{text}`")));
        }
        let value = self.bounded(span, value)?;
        Ok((if digits.len() < text.len() { -value } else { value }, 1))
    }
}

fn gcd(a: i32, b: i32) -> i32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}
