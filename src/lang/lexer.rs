//! Text to tokens, with nom. Comments vanish, doc comments and line ends stay.
//!
//! Line ends inside `(` and `[` are not reported: a statement goes on there. Inside `{` they separate.

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::{char, digit1, one_of};
use nom::combinator::{opt, recognize};
use nom::sequence::pair;
use nom::{IResult, Parser};

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// The kinds of token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A decimal number.
    Number(f64),
    /// A name or keyword; its text is the source under the span.
    Name,
    /// `##` to the end of the line.
    Doc,
    /// A double-quoted text.
    Text,
    /// Punctuation or operator, longest first.
    Symbol(&'static str),
    /// The end of a line outside `(` and `[`.
    Newline,
    /// The end of the text.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub span: Span,
}

/// Longest first, so that `<->` is not `<`.
const SYMBOLS: &[&str] = &[
    "<->", "**", "..", "->", "=>", "==", "!=", "<=", ">=", ":=", "+=", "&&", "||", "(", ")", "[", "]", "{", "}", ",", ":",
    ";", "=", "<", ">", "+", "-", "*", "/", "^", "'", "~", "@", "!", ".",
];

/// All tokens of a text; the last is [`Kind::End`].
pub fn tokens(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 3 + 1);
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Open brackets, innermost last; line ends count only where the innermost is `{` or none.
    let mut open: Vec<&str> = Vec::new();
    while let Some(first) = rest.bytes().next() {
        let start = text.len() - rest.len();
        let (after, kind) = match first {
            b' ' | b'\t' | b'\r' => (&rest[1..], None),
            b'\n' => {
                let counts = open.last().is_none_or(|bracket| *bracket == "{");
                (&rest[1..], counts.then_some(Kind::Newline))
            }
            b'#' => {
                let end = rest.find('\n').unwrap_or(rest.len());
                (&rest[end..], rest.starts_with("##").then_some(Kind::Doc))
            }
            b'"' => match rest[1..].find(['"', '\n']) {
                Some(end) if rest[1..].as_bytes()[end] == b'"' => (&rest[end + 2..], Some(Kind::Text)),
                _ => {
                    let end = rest.find('\n').unwrap_or(rest.len());
                    let span = Span::new(start as u32, (start + end) as u32);
                    let message = "unclosed text: expected `\"` before the end of the line";
                    diagnostics.push(Diagnostic::new(Code("E0102"), span, message));
                    (&rest[end..], None)
                }
            },
            _ => match token(rest) {
                Ok((after, kind)) => (after, Some(kind)),
                Err(_) => {
                    let bad = rest.chars().next().unwrap_or(' ');
                    let span = Span::new(start as u32, (start + bad.len_utf8()) as u32);
                    let message = format!("unexpected character `{}`", bad.escape_debug());
                    diagnostics.push(Diagnostic::new(Code("E0101"), span, message));
                    (&rest[bad.len_utf8()..], None)
                }
            },
        };
        if let Some(kind) = kind {
            match kind {
                Kind::Symbol(bracket @ ("(" | "[" | "{")) => open.push(bracket),
                Kind::Symbol(")" | "]" | "}") => {
                    open.pop();
                }
                _ => {}
            }
            tokens.push(Token { kind, span: Span::new(start as u32, (text.len() - after.len()) as u32) });
        }
        rest = after;
        if diagnostics.len() > 100 {
            break;
        }
    }
    let end = text.len() as u32;
    tokens.push(Token { kind: Kind::Newline, span: Span::new(end, end) });
    tokens.push(Token { kind: Kind::End, span: Span::new(end, end) });
    tokens
}

fn token(input: &str) -> IResult<&str, Kind> {
    alt((number, name, symbol)).parse(input)
}

/// `1`, `1.5`, `.5`, `2.`, `1e-3`; but `1..N` is 1, `..`, N.
fn number(input: &str) -> IResult<&str, Kind> {
    let (rest, _) = alt((recognize(pair(digit1, opt(fraction))), recognize(pair(char('.'), digit1)))).parse(input)?;
    let exponent = recognize((one_of("eE"), opt(one_of("+-")), digit1));
    let (rest, _) = opt(exponent).parse(rest)?;
    let text = &input[..input.len() - rest.len()];
    match text.parse() {
        Ok(value) => Ok((rest, Kind::Number(value))),
        Err(_) => Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Float))),
    }
}

fn fraction(input: &str) -> IResult<&str, &str> {
    if input.starts_with("..") {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Char)));
    }
    recognize(pair(char('.'), take_while(|c: char| c.is_ascii_digit()))).parse(input)
}

fn name(input: &str) -> IResult<&str, Kind> {
    let start = input.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !start {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Alpha)));
    }
    let (rest, _) = take_while1(|c: char| c.is_alphanumeric() || c == '_').parse(input)?;
    Ok((rest, Kind::Name))
}

fn symbol(input: &str) -> IResult<&str, Kind> {
    match SYMBOLS.iter().find(|symbol| input.starts_with(**symbol)) {
        Some(symbol) => Ok((&input[symbol.len()..], Kind::Symbol(symbol))),
        None => Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Tag))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let mut diagnostics = Vec::new();
        let tokens = tokens(text, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        tokens.into_iter().map(|t| t.kind).filter(|k| !matches!(k, Kind::Newline | Kind::End)).collect()
    }

    #[test]
    fn numbers_and_ranges() {
        use Kind::{Name, Number, Symbol};
        assert_eq!(kinds("1..N"), [Number(1.0), Symbol(".."), Name]);
        assert_eq!(kinds("2. .5 1e-3 1.5E+2"), [Number(2.0), Number(0.5), Number(1e-3), Number(150.0)]);
        assert_eq!(kinds("2e"), [Number(2.0), Name]);
        assert_eq!(kinds("β₁'"), [Name, Symbol("'")]);
    }

    #[test]
    fn lines_inside_brackets_go_on() {
        let mut none = Vec::new();
        let lines = tokens("a(\n1)\n{\n}\n", &mut none).iter().filter(|t| t.kind == Kind::Newline).count();
        assert_eq!(lines, 4);
    }
}
