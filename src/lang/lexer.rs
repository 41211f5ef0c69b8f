//! Text to tokens. Lines matter to the parser, so every token knows whether it is the first of its line and whether
//! that line starts anew or goes on from the one above.
//!
//! Dispatch is on bytes; a token is a kind and a range of the text, never a copy. The lexer reports nothing: what is
//! not a token becomes [`Kind::Invalid`], and the parser explains it if it gets there (one error per statement).
//!
//! Invariant: tokens ascend, do not overlap, and end on character boundaries; the last one is [`Kind::End`].

use super::token::{Kind, Token};
use crate::source::Span;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_while};
use nom::character::complete::{digit0, digit1, one_of};
use nom::combinator::{not, opt, recognize};
use nom::sequence::delimited;
use nom::{IResult, Parser};

/// The longest name, in bytes.
pub(super) const MAX_NAME: usize = 255;

/// The most tokens a file may have (a bound on the memory of tokens and tree).
pub(super) const MAX_TOKENS: usize = 10_000_000;

/// What the lexer hands to the parser.
pub(super) struct Tokens {
    /// All tokens, the last of kind [`Kind::End`].
    pub list: Vec<Token>,
    /// `##` lines: the index of the token they precede, and the range of the text after `##`.
    pub docs: Vec<(usize, Span)>,
    /// Whether the file had more than [`MAX_TOKENS`] (the rest was left out).
    pub truncated: bool,
}

/// Splits `text`, whose first byte has the offset `first`, into tokens.
pub(super) fn tokens(text: &str, first: u32) -> Tokens {
    let bytes = text.as_bytes();
    let span = |start: usize, end: usize| Span::new(first + start as u32, first + end as u32);
    let mut lexer = Lexer { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } };
    let mut list: Vec<Token> = Vec::with_capacity((bytes.len() / 2 + 1).min(MAX_TOKENS + 1));
    let mut docs = Vec::new();
    let mut first_on_line = true;
    let mut truncated = false;
    loop {
        match bytes.get(lexer.at).copied() {
            None => break,
            Some(b' ' | b'\t' | b'\r' | b'\x0c') => lexer.at += 1,
            Some(b'\n') => {
                lexer.at += 1;
                first_on_line = true;
            }
            Some(b'#') => {
                let start = lexer.at;
                lexer.take(comment);
                let line = &bytes[start..lexer.at];
                if first_on_line && line.starts_with(b"##") && !line.starts_with(b"###") {
                    docs.push((list.len(), span(start + 2, lexer.at)));
                }
            }
            Some(byte) => {
                let start = lexer.at;
                let Some(kind) = lexer.token(byte) else { continue };
                if list.len() == MAX_TOKENS {
                    truncated = true;
                    break;
                }
                let goes_on = kind.continues_line() || list.last().is_some_and(|token| token.kind.expects_more());
                list.push(Token {
                    span: span(start, lexer.at),
                    kind,
                    first_on_line,
                    starts_line: first_on_line && !goes_on,
                });
                first_on_line = false;
            }
        }
    }
    let end = list.last().map_or(first + lexer.at.min(text.len()) as u32, |token| token.span.end);
    list.push(Token { span: Span::new(end, end), kind: Kind::End, first_on_line: true, starts_line: false });
    Tokens { list, docs, truncated }
}

/// The raised signs that exponents of units may be written with: 0 to 9, then minus.
pub(super) const SUPERSCRIPTS: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻";

/// What a nom parser of this file returns: the rest and what it took.
type Taken<'a> = IResult<&'a [u8], &'a [u8], ()>;

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Applies a nom parser; moves past what it took, and says whether it matched.
    #[inline]
    fn take<'b>(&'b mut self, parser: impl Fn(&'b [u8]) -> Taken<'b>) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        match parser(rest) {
            Ok((_, taken)) => {
                self.at += taken.len();
                true
            }
            Err(_) => false,
        }
    }

    /// The token that begins with `byte`; none for a blank outside ASCII.
    fn token(&mut self, byte: u8) -> Option<Kind> {
        let start = self.at;
        let second = self.rest().get(1).copied().unwrap_or(0);
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Some(self.name(start)),
            b'0'..=b'9' => Some(self.number()),
            b'.' if second.is_ascii_digit() => Some(self.number()),
            b'"' => {
                if self.take(quoted) {
                    return Some(Kind::Text);
                }
                self.take(to_line_end);
                Some(Kind::Invalid)
            }
            b'\'' => {
                self.take(primes);
                Some(Kind::Prime)
            }
            0x80.. => self.beyond_ascii(start),
            _ => {
                let (kind, length) = operator(byte, second, self.rest().get(2).copied().unwrap_or(0));
                self.at += length;
                Some(kind)
            }
        }
    }

    fn name(&mut self, start: usize) -> Kind {
        self.take(ascii_name);
        while self.rest().first().is_some_and(|byte| *byte >= 0x80) {
            let next = self.text[self.at..].chars().next().filter(|c| continues_name(*c));
            let Some(next) = next else { break };
            self.at += next.len_utf8();
            self.take(ascii_name);
        }
        let name = &self.text[start..self.at];
        if name.len() > MAX_NAME { Kind::Invalid } else { Kind::keyword(name).unwrap_or(Kind::Name) }
    }

    fn number(&mut self) -> Kind {
        self.take(number);
        // `2x`, `1.2.3` and `1e` are mistakes: take all of it, so that one message covers it.
        let start = self.at;
        let stray = match self.rest() {
            [b'.', digit, ..] => digit.is_ascii_digit(),
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => true,
            [0x80..=0xff, ..] => self.text[self.at..].chars().next().is_some_and(starts_name),
            _ => false,
        };
        if !stray {
            return Kind::Number;
        }
        self.at += usize::from(self.rest()[0] == b'.');
        self.name(start);
        Kind::Invalid
    }

    fn beyond_ascii(&mut self, start: usize) -> Option<Kind> {
        let c = self.text[start..].chars().next().unwrap_or('\u{fffd}');
        if starts_name(c) {
            return Some(self.name(start));
        }
        self.at += c.len_utf8();
        // Signs of units: `°C` and `⁻¹` are one token each.
        if c == '°'
            && matches!(self.rest(), [b'C' | b'F', after @ ..] if !after.first().is_some_and(|b| b.is_ascii_alphanumeric()))
        {
            self.at += 1;
        }
        while SUPERSCRIPTS.contains(c)
            && let Some(next) = self.text[self.at..].chars().next().filter(|next| SUPERSCRIPTS.contains(*next))
        {
            self.at += next.len_utf8();
        }
        if c.is_whitespace() || c == '\u{feff}' { None } else { Some(Kind::Invalid) }
    }
}

/// Whether a name may begin with `c`.
pub(super) fn starts_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// Whether a name may go on with `c`: letters, digits, subscript digits and combining marks. Superscript digits may
/// not, because `x²` would read as a power and be a name.
pub(super) fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit() || matches!(c, '\u{2080}'..='\u{2089}' | '\u{300}'..='\u{36f}')
}

fn comment(input: &[u8]) -> Taken<'_> {
    take_till(|byte| byte == b'\n').parse(input)
}

fn to_line_end(input: &[u8]) -> Taken<'_> {
    take_till(|byte| byte == b'\n' || byte == b'\r').parse(input)
}

fn quoted(input: &[u8]) -> Taken<'_> {
    recognize(delimited(tag("\""), take_while(|byte| byte != b'"' && byte != b'\n'), tag("\""))).parse(input)
}

fn primes(input: &[u8]) -> Taken<'_> {
    take_while(|byte| byte == b'\'').parse(input)
}

fn ascii_name(input: &[u8]) -> Taken<'_> {
    take_while(|byte: u8| byte.is_ascii_alphanumeric() || byte == b'_').parse(input)
}

/// `12`, `1.5`, `2.`, `.5`, each with an exponent or not; the point of `1..N` belongs to the range.
fn number(input: &[u8]) -> Taken<'_> {
    let fraction = (tag("."), not(tag(".")), digit0);
    let exponent = (one_of("eE"), opt(one_of("+-")), digit1);
    let mantissa = alt((recognize((digit1, opt(fraction))), recognize((tag("."), digit1))));
    recognize((mantissa, opt(exponent))).parse(input)
}

/// The operator or bracket at `a b c`, longest first, and its length in bytes.
fn operator(a: u8, b: u8, c: u8) -> (Kind, usize) {
    match (a, b, c) {
        (b'<', b'-', b'>') => (Kind::BothArrow, 3),
        (b'-', b'>', _) => (Kind::Arrow, 2),
        (b'=', b'>', _) => (Kind::RateArrow, 2),
        (b'+', b'=', _) => (Kind::PlusAssign, 2),
        (b':', b'=', _) => (Kind::Becomes, 2),
        (b'=', b'=', _) => (Kind::Equal, 2),
        (b'!', b'=', _) => (Kind::NotEqual, 2),
        (b'<', b'=', _) => (Kind::LessEqual, 2),
        (b'>', b'=', _) => (Kind::GreaterEqual, 2),
        (b'.', b'.', _) => (Kind::Dots, 2),
        (b'*', b'*', _) => (Kind::StarStar, 2),
        (b'&', b'&', _) => (Kind::AndAnd, 2),
        (b'|', b'|', _) => (Kind::OrOr, 2),
        (b'+', ..) => (Kind::Plus, 1),
        (b'-', ..) => (Kind::Minus, 1),
        (b'*', ..) => (Kind::Star, 1),
        (b'/', ..) => (Kind::Slash, 1),
        (b'^', ..) => (Kind::Caret, 1),
        (b'=', ..) => (Kind::Assign, 1),
        (b'<', ..) => (Kind::Less, 1),
        (b'>', ..) => (Kind::Greater, 1),
        (b'(', ..) => (Kind::RoundOpen, 1),
        (b')', ..) => (Kind::RoundClose, 1),
        (b'[', ..) => (Kind::SquareOpen, 1),
        (b']', ..) => (Kind::SquareClose, 1),
        (b'{', ..) => (Kind::BraceOpen, 1),
        (b'}', ..) => (Kind::BraceClose, 1),
        (b',', ..) => (Kind::Comma, 1),
        (b':', ..) => (Kind::Colon, 1),
        (b'~', ..) => (Kind::Tilde, 1),
        (b'@', ..) => (Kind::At, 1),
        (b'.', ..) => (Kind::Dot, 1),
        (b'!', ..) => (Kind::Bang, 1),
        (b';', ..) => (Kind::Semicolon, 1),
        _ => (Kind::Invalid, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let tokens = tokens(text, 0).list;
        let list = &tokens[..tokens.len() - 1];
        list.iter().map(|t| (t.kind, &text[t.span.start as usize..t.span.end as usize])).collect()
    }

    #[test]
    fn numbers_take_no_point_of_a_range() {
        for text in ["1e-3", ".5", "2.", "2.e3", "1.5E+10", "0"] {
            assert_eq!(kinds(text), [(Kind::Number, text)]);
        }
        assert_eq!(kinds("1..N"), [(Kind::Number, "1"), (Kind::Dots, ".."), (Kind::Name, "N")]);
        assert_eq!(kinds("1.5..2."), [(Kind::Number, "1.5"), (Kind::Dots, ".."), (Kind::Number, "2.")]);
        assert_eq!(kinds("0...5"), [(Kind::Number, "0"), (Kind::Dots, ".."), (Kind::Number, ".5")]);
    }

    #[test]
    fn stray_tails_of_numbers_are_one_invalid_token() {
        for text in ["2x", "1.2.3", "1e", "0x1F", "3π"] {
            assert_eq!(kinds(text), [(Kind::Invalid, text)]);
        }
    }

    #[test]
    fn names_may_be_unicode_but_not_superscripts() {
        for text in ["α", "x₁", "_a1", "Ωm", "温度", "e"] {
            assert_eq!(kinds(text), [(Kind::Name, text)]);
        }
        assert_eq!(kinds("x²"), [(Kind::Name, "x"), (Kind::Invalid, "²")]);
        assert_eq!(kinds("x''"), [(Kind::Name, "x"), (Kind::Prime, "''")]);
        assert_eq!(kinds(&"a".repeat(256))[0].0, Kind::Invalid);
        assert_eq!(kinds(&"a".repeat(255))[0].0, Kind::Name);
    }

    #[test]
    fn lines_go_on_after_operators_and_before_then() {
        let starts = |text: &str| tokens(text, 0).list.iter().map(|t| t.starts_line).collect::<Vec<_>>();
        assert_eq!(starts("a +\nb\nc"), [true, false, false, true, false]);
        assert_eq!(starts("if a\nthen b"), [true, false, false, false, false]);
    }

    #[test]
    fn doc_lines_stand_first_on_their_line() {
        let docs = |text: &str| tokens(text, 0).docs.len();
        assert_eq!(docs("## a\n  ## b\nx = 1 ## no\n# no\n### no\n"), 2);
    }
}
