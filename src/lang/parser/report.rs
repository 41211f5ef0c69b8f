//! What is said when something else was expected: from the general "expected …, found …" to the likely mistake.

use super::{MAX_DEPTH, Parse, Parser};
use crate::diag::codes::{lang as codes, syntax};
use crate::diag::{Code, Diagnostic, closest};
use crate::lang::ast::{Expr, ExprKind};
use crate::lang::lexer::{MAX_NAME, starts_name};
use crate::lang::token::{Kind, STATEMENT_WORDS};
use crate::source::Span;

/// Words that other languages begin such statements with.
const OTHER_WORDS: [(&str, &str); 8] = [
    ("parameter", "param"),
    ("parameters", "param"),
    ("constant", "const"),
    ("initial", "init"),
    ("function", "fn"),
    ("func", "fn"),
    ("def", "fn"),
    ("independent", "time"),
];

/// The most characters of a token that a message repeats.
const SHOWN: usize = 30;

impl Parser<'_> {
    /// The current token is not what was expected; a likely mistake is named instead where there is one.
    pub(super) fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        let here = self.here();
        let kind = self.peek();
        let other = |instead: &str, meant: &str| {
            let message = format!("expected {expected}, found `{}`", self.slice(here));
            Box::new(Diagnostic::new(codes::OPERATOR, here, message).help(instead).fix(here, meant))
        };
        match kind {
            Kind::Invalid => self.lexical(here),
            Kind::StarStar => other("powers are written `^`", "^"),
            Kind::AndAnd => other("write `and`", "and"),
            Kind::OrOr => other("write `or`", "or"),
            Kind::Bang => other("write `not`", "not "),
            Kind::Becomes => other("write `=`", "="),
            Kind::Semicolon => coded(other("a statement ends with its line; remove the `;`", ""), syntax::SEMICOLON),
            Kind::Dot => {
                let message = format!("expected {expected}, found `.`");
                let dot = Diagnostic::new(codes::EXPECTED, here, message);
                Box::new(dot.help("a dot follows an instance of a component: `cell.V`, `cells[i].V`"))
            }
            Kind::Text => self.not_yet(here, "texts in quotes"),
            Kind::Prime => {
                let message = format!("expected {expected}, found a prime");
                let prime = Diagnostic::new(codes::PRIME, here, message);
                Box::new(prime.help("a prime follows the name or the subscripts of a state: `x'`, `u[i]'`"))
            }
            _ if kind.is_closer() && self.inside == 0 && !self.in_block => {
                let found = self.found();
                let message = format!("{found} closes nothing");
                Box::new(
                    Diagnostic::new(syntax::STRAY_BRACKET, here, message)
                        .help(format!("remove it: expected {expected}")),
                )
            }
            _ => {
                let ended = matches!(kind, Kind::Newline | Kind::End);
                let code = if ended { syntax::UNFINISHED } else { codes::EXPECTED };
                self.error(code, here, format!("expected {expected}, found {}", self.found()))
            }
        }
    }

    /// What stands at the current token, for "found …".
    fn found(&self) -> String {
        match self.peek() {
            Kind::Newline => "the end of the line".to_owned(),
            Kind::End => "the end of the file".to_owned(),
            kind if kind.is_keyword() => format!("the keyword `{}`", self.slice(self.here())),
            _ => format!("`{}`", self.shortened(self.here())),
        }
    }

    /// The text under `span`, cut if it is long or spans lines.
    pub(super) fn shortened(&self, span: Span) -> String {
        let text = self.slice(span);
        let line = text.lines().next().unwrap_or("");
        match line.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.len() < text.len() => format!("{line}…"),
            None => line.to_owned(),
        }
    }

    /// Explains an invalid token.
    fn lexical(&self, span: Span) -> Box<Diagnostic> {
        let text = self.slice(span);
        let first = text.chars().next().unwrap_or(' ');
        if first == '"' {
            let message = "expected `\"` at the end of the text, found the end of the line";
            return Box::new(Diagnostic::new(codes::TEXT, span, message).help("add the closing `\"`"));
        }
        if starts_name(first) {
            let message = format!("a name may have {MAX_NAME} bytes, this one has {}", text.len());
            return self.error(codes::LIMIT, span, message);
        }
        if first.is_ascii_digit() || first == '.' {
            return self.malformed_number(span, text);
        }
        let shown: String = if first.is_control() { first.escape_unicode().collect() } else { first.to_string() };
        let mut error = Diagnostic::new(codes::CHARACTER, span, format!("unexpected character `{shown}`"));
        Box::new(match plain_spelling(first) {
            Some(plain) => {
                error.code = syntax::TYPOGRAPHY;
                let error = error.help(format!("did you mean {plain}?"));
                // A spelling that is the whole of the hint can be put in place.
                match plain.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
                    Some(plain) if !plain.contains(['…', '(']) => {
                        let first = Span::new(span.start, span.start + first.len_utf8() as u32);
                        error.fix(first, plain)
                    }
                    _ => error,
                }
            }
            None => error,
        })
    }

    fn malformed_number(&self, span: Span, text: &str) -> Box<Diagnostic> {
        let message = format!("malformed number `{}`", self.shortened(span));
        let mut error = Diagnostic::new(codes::NUMBER, span, message);
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, name) = text.split_at(digits);
        let one_point = number.matches('.').count() <= 1;
        Box::new(if one_point && name.starts_with(starts_name) && name.len() <= SHOWN {
            error.code = syntax::NO_OPERATOR;
            error.help(format!("if a product is meant, write `{number}*{name}`")).fix(span, format!("{number}*{name}"))
        } else {
            error
        })
    }

    /// A reserved construct.
    pub(super) fn not_yet(&self, span: Span, what: &str) -> Box<Diagnostic> {
        self.error(codes::UNSUPPORTED, span, format!("{what} are not yet supported"))
    }

    /// A name was expected.
    pub(super) fn no_name(&self, what: &str) -> Box<Diagnostic> {
        let kind = self.peek();
        if kind.is_keyword() {
            let word = self.slice(self.here());
            let message = format!("expected {what}, found the keyword `{word}`");
            let error = Diagnostic::new(codes::KEYWORD, self.here(), message);
            let error = error.help(format!("a keyword cannot be a name; write for example `{word}_`"));
            return Box::new(error.fix(self.here(), format!("{word}_")));
        }
        self.unexpected(what)
    }

    /// An operand was expected.
    pub(super) fn no_operand(&self) -> Box<Diagnostic> {
        let kind = self.peek();
        let after = match self.at.checked_sub(1).filter(|_| self.at != self.line) {
            Some(before) if self.tokens[before].kind.expects_more() => {
                format!(" after `{}`", self.slice(self.tokens[before].span))
            }
            _ => String::new(),
        };
        let expected = format!("an expression{after}");
        match kind {
            Kind::If => {
                let error = coded(self.unexpected(&expected), syntax::BARE_IF);
                Box::new((*error).help("put parentheses around `if … then … else …`"))
            }
            Kind::Assign if self.tokens[self.at.saturating_sub(1)].kind == Kind::Assign => {
                let error = coded(self.unexpected(&expected), syntax::EQUALS);
                Box::new((*error).help("a comparison is written `==`"))
            }
            Kind::SquareOpen => {
                let error = self.unexpected(&expected);
                Box::new((*error).help("parentheses `(` group; brackets `[` hold subscripts after a name"))
            }
            _ if kind.begins_statement() && !self.tokens[self.at].first_on_line => self.no_name(&expected),
            _ => self.unexpected(&expected),
        }
    }

    /// The line ends after token `last`, which asks for more, and a new statement follows.
    pub(super) fn nothing_after(&self, last: usize) -> Box<Diagnostic> {
        let token = self.tokens[last];
        let expected = if token.kind == Kind::For { "an index" } else { "an expression" };
        let place = Span::new(token.span.end, token.span.end);
        let message = format!("expected {expected} after `{}`, found the end of the line", self.slice(token.span));
        self.error(syntax::UNFINISHED, place, message)
    }

    /// A comparison, whose operator stands at `first`, is followed by another.
    pub(super) fn chained(&self, first: Span) -> Box<Diagnostic> {
        let error = Diagnostic::new(codes::CHAIN, self.here(), "comparisons do not chain");
        let error = error.related(first, "the first comparison");
        Box::new(error.help("join two comparisons with `and`: `a < b and b < c`"))
    }

    /// The condition of an `if` is not followed by `then`.
    pub(super) fn no_then(&self) -> Box<Diagnostic> {
        let error = self.unexpected("`then` after the condition");
        match self.peek() {
            Kind::Assign => {
                let error = coded(error, syntax::EQUALS);
                Box::new((*error).help("a comparison is written `==`").fix(self.here(), "=="))
            }
            Kind::RateArrow => Box::new((*error).did_you_mean(self.here(), ">=")),
            _ => specific(error, syntax::BRANCH),
        }
    }

    /// The bracket opened at `opener` is not closed where it could be, at the current token.
    pub(super) fn unclosed(&self, opener: Span, what: &str) -> Box<Diagnostic> {
        let kind = self.peek();
        let bracket = self.slice(opener);
        let remark = format!("this `{bracket}` is open");
        let new_statement = self.tokens[self.at].first_on_line && !kind.continues_line();
        if kind == Kind::End || kind.is_closer() || new_statement {
            let message = format!("expected {what}, found {}", self.found());
            let error = Diagnostic::new(codes::BRACKET, self.here(), message);
            return Box::new(error.related(opener, format!("this `{bracket}` is not closed")));
        }
        let error = *self.with_operator_help(self.unexpected(what));
        let wants_more = [codes::EXPECTED, syntax::NO_OPERATOR].contains(&error.code);
        Box::new(if wants_more { error.related(opener, remark) } else { error })
    }

    /// Something follows a complete statement on its line.
    pub(super) fn trailing(&self) -> Box<Diagnostic> {
        if matches!(self.kind_at(self.line), Kind::Model | Kind::Time) {
            return self.unexpected("the end of the line");
        }
        let error = match self.peek() {
            Kind::Assign => {
                let error = coded(self.unexpected("an operator or the end of the line"), syntax::EQUALS);
                Box::new((*error).help("an equation has one `=`; a comparison is written `==`"))
            }
            Kind::SquareOpen => {
                let error = self.unexpected("an operator or the end of the line");
                Box::new((*error).help("subscripts follow a name"))
            }
            _ => self.unexpected("an operator or the end of the line"),
        };
        self.with_operator_help(error)
    }

    /// A left side is not followed by `=`.
    pub(super) fn no_equals(&self, lhs: &Expr) -> Box<Diagnostic> {
        let after = if matches!(lhs.kind, ExprKind::Name(_)) { "the name" } else { "the left side" };
        let expected = format!("`=` after {after}");
        let found = |help: &str| {
            let message = format!("expected {expected}, found {}", self.found());
            Box::new(Diagnostic::new(syntax::EQUALS, self.here(), message).help(help).fix(self.here(), "="))
        };
        match self.peek() {
            Kind::Equal => found("an equation is written with one `=`"),
            Kind::Newline | Kind::End if matches!(self.kind_at(self.line), Kind::Plus | Kind::Minus) => {
                let error = self.unexpected(&expected);
                Box::new((*error).help("to go on from the line above, end that line with the operator"))
            }
            _ => self.with_operator_help(self.unexpected(&expected)),
        }
    }

    /// A side of a reaction is followed by neither an arrow nor, after the arrow, `@`.
    pub(super) fn no_arrow(&self) -> Box<Diagnostic> {
        let seen = (self.line..self.at).any(|index| self.kind_at(index).is_arrow());
        let wanted =
            if seen { "`@` and the rate after the products" } else { "`->`, `<->` or `=>` after the reactants" };
        let error = specific(self.unexpected(wanted), syntax::REACTION);
        let operator = matches!(self.peek(), Kind::Star | Kind::Slash | Kind::Caret | Kind::Minus | Kind::Prime);
        if operator || matches!(self.peek(), Kind::Name | Kind::RoundOpen) {
            return Box::new((*error).help("a side lists species with `+` between: `2 A + B`; the rate follows `@`"));
        }
        error
    }

    /// A species was expected; its coefficient, if there is one, stands at token `start`.
    pub(super) fn no_species(&self, start: usize) -> Box<Diagnostic> {
        let expected = if self.at > start { "a species after its coefficient" } else { "a species or `0`" };
        let error = *if self.peek().is_keyword() { self.no_name(expected) } else { self.unexpected(expected) };
        let text = self.slice(self.here());
        Box::new(match text.find(starts_name) {
            Some(at) if [codes::NUMBER, syntax::NO_OPERATOR].contains(&error.code) => {
                let (number, name) = text.split_at(at);
                let place = self.here();
                error
                    .help(format!("a coefficient is set apart: `{number} {name}`"))
                    .fix(place, format!("{number} {name}"))
            }
            _ if matches!(self.peek(), Kind::Star | Kind::Number) => {
                error.help("a coefficient is followed by its species: `2 A`")
            }
            _ => error,
        })
    }

    /// Adds that a product needs its `*`, if two operands meet at the current token.
    fn with_operator_help(&self, error: Box<Diagnostic>) -> Box<Diagnostic> {
        let meets = matches!(self.peek(), Kind::Name | Kind::Number | Kind::RoundOpen);
        let before = self.at.checked_sub(1).map(|before| self.tokens[before].kind);
        let operand =
            matches!(before, Some(Kind::Name | Kind::Number | Kind::Prime | Kind::RoundClose | Kind::SquareClose));
        if error.code == codes::EXPECTED && error.help.is_none() && meets && operand {
            let before = self.before();
            let adjacent = Span::new(before.end, self.here().start);
            let error = coded(error, syntax::NO_OPERATOR);
            return Box::new((*error).help("a product is written with `*`").fix(adjacent, "*"));
        }
        error
    }

    /// Something at another time that does not name one time.
    pub(super) fn one_time(&self, span: Span) -> Box<Diagnostic> {
        let message = "expected one time between the parentheses";
        let error = Diagnostic::new(codes::CALL, span, message);
        Box::new(error.help("a delay is written `x(t - tau)`, a product with `*`"))
    }

    /// A parenthesis follows something that cannot be called.
    pub(super) fn not_callable(&self) -> Box<Diagnostic> {
        let span = self.before();
        let message = "the value of an expression cannot be called";
        let error = Diagnostic::new(codes::CALL, span.to(self.here()), message);
        Box::new(error.help("a product is written with `*`; `sum prod min max dot` take indices in brackets"))
    }

    /// An expression is nested too deeply.
    pub(super) fn too_deep(&self) -> Box<Diagnostic> {
        let message = format!("the expression is nested more than {MAX_DEPTH} levels deep");
        let error = Diagnostic::new(syntax::NESTING, self.here(), message);
        Box::new(error.help("name parts of it in equations of their own"))
    }

    /// Rejects a keyword that stands where an equation would have its name: `init = 3`.
    pub(super) fn not_keyword_as_name(&self) -> Parse<()> {
        match self.peek_second() {
            Kind::Assign | Kind::Prime | Kind::SquareOpen => Err(self.no_name("a name")),
            _ => Ok(()),
        }
    }

    /// Rejects what begins no statement: an unknown word before a name, or an operator.
    pub(super) fn not_unknown_statement(&self) -> Parse<()> {
        let here = self.here();
        match self.peek() {
            Kind::Name if self.peek_second() == Kind::Name => {
                let word = self.slice(here);
                let other = OTHER_WORDS.iter().find(|(other, _)| *other == word).map(|(_, meant)| *meant);
                let message = format!("no statement begins with `{}`", self.shortened(here));
                let error = Diagnostic::new(codes::STATEMENT, here, message);
                Err(Box::new(match other.or_else(|| closest(word, STATEMENT_WORDS)) {
                    Some(meant) => error.did_you_mean(here, meant),
                    None => error.help(format!("a product is written with `*`; statements begin with {WORDS}")),
                }))
            }
            kind if kind.expects_more() && !matches!(kind, Kind::Plus | Kind::Minus | Kind::Bang) => {
                let message = format!("a statement cannot begin with `{}`", self.slice(here));
                let error = Diagnostic::new(codes::LINE, here, message);
                Err(Box::new(error.help("to go on from the line above, end that line with the operator")))
            }
            _ => Ok(()),
        }
    }
}

const WORDS: &str =
    "`param`, `init`, `const`, `output`, `index`, `time`, `fn`, `component`, `use`, `when`, `at`, `every` or `solve`";

/// The error under another code.
fn coded(mut error: Box<Diagnostic>, code: Code) -> Box<Diagnostic> {
    error.code = code;
    error
}

/// The same, unless it is more than "something else was expected".
pub(super) fn specific(error: Box<Diagnostic>, code: Code) -> Box<Diagnostic> {
    let general = [codes::EXPECTED, syntax::UNFINISHED].contains(&error.code);
    if general { coded(error, code) } else { error }
}

/// How a character that editors and documents put in is written in a model.
fn plain_spelling(c: char) -> Option<&'static str> {
    Some(match c {
        '−' | '–' | '—' | '‐' | '‑' => "`-`",
        '×' | '·' | '⋅' | '∙' => "`*`",
        '÷' | '∕' => "`/`",
        '′' | '’' | '‘' | '`' | '´' => "`'`",
        '″' => "`''`",
        '“' | '”' => "`\"`",
        '⁰'..='⁹' | '²' | '³' | '¹' => "a power such as `^2`",
        '≤' => "`<=`",
        '≥' => "`>=`",
        '≠' => "`!=`",
        '∧' | '&' => "`and`",
        '∨' | '|' => "`or`",
        '¬' => "`not`",
        '√' => "`sqrt(…)`",
        '∑' => "`sum[i](…)`",
        '→' => "`->`",
        '⇌' | '↔' | '⇄' => "`<->`",
        '⇒' => "`=>`",
        '∅' => "`0`",
        '…' => "`..`",
        '%' => "`mod(a, b)`",
        _ => return None,
    })
}
