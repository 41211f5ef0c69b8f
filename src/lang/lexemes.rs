//! Tokens as editors want them: also of text that does not parse, comments included, keywords told apart from names.
//!
//! It decides nothing about grammar; the parser uses the tokens below it.
//!
//! Invariant: lexemes ascend and do not overlap; what lies between two of them is blank.

use super::lexer;
use super::token::{Kind, WORDS};
use crate::source::Span;

/// A token or a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: LexemeKind,
    /// Whether nothing but blanks stands before it on its line.
    pub first_on_line: bool,
}

/// What a lexeme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexemeKind {
    /// A name (which may be of a builtin function).
    Name,
    /// A word that cannot be a name.
    Keyword,
    /// A number.
    Number,
    /// A text in quotes.
    Text,
    /// `'`, one or more.
    Primes,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `,`
    Comma,
    /// Any other sign.
    Operator,
    /// `#` to the end of the line.
    Comment,
    /// `##` to the end of the line, before a declaration.
    DocComment,
    /// What no token begins with, or a malformed number.
    Invalid,
}

/// Whether `word` can be declared: a name, and no keyword.
pub fn is_name(word: &str) -> bool {
    word.len() <= lexer::MAX_NAME
        && word.chars().next().is_some_and(lexer::starts_name)
        && word.chars().all(lexer::continues_name)
        && Kind::keyword(word).is_none()
}

/// All keywords, those whose statements are not yet supported included.
pub fn keywords() -> &'static [&'static str] {
    WORDS
}

/// The lexemes of any text, in order.
pub fn lexemes(text: &str) -> Vec<Lexeme> {
    let tokens = lexer::tokens(text, 0);
    let mut list = Vec::with_capacity(tokens.list.len());
    let mut before = 0;
    for token in &tokens.list {
        let is_end = token.kind == Kind::End;
        comments(text, before, if is_end { text.len() } else { token.span.start as usize }, &mut list);
        before = token.span.end as usize;
        if !is_end {
            list.push(Lexeme { span: token.span, kind: kind_of(token.kind), first_on_line: token.first_on_line });
        }
    }
    list
}

/// The comments between two tokens, where a `#` can be nothing else.
fn comments(text: &str, from: usize, to: usize, list: &mut Vec<Lexeme>) {
    let mut at = from;
    while let Some(found) = text.get(at..to).and_then(|gap| gap.find('#')) {
        let start = at + found;
        let length = text[start..to].find('\n').unwrap_or(to - start);
        let comment = text[start..start + length].trim_end_matches('\r');
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let first_on_line = text[line_start..start].chars().all(|c| c.is_whitespace() || c == '\u{feff}');
        let doc = first_on_line && comment.starts_with("##") && !comment.starts_with("###");
        let kind = if doc { LexemeKind::DocComment } else { LexemeKind::Comment };
        let span = Span::new(start as u32, (start + comment.len()) as u32);
        list.push(Lexeme { span, kind, first_on_line });
        at = start + length;
    }
}

fn kind_of(kind: Kind) -> LexemeKind {
    match kind {
        Kind::Name => LexemeKind::Name,
        Kind::Number => LexemeKind::Number,
        Kind::Text => LexemeKind::Text,
        Kind::Prime => LexemeKind::Primes,
        Kind::Comma => LexemeKind::Comma,
        Kind::Invalid => LexemeKind::Invalid,
        kind if kind.is_keyword() => LexemeKind::Keyword,
        kind if kind.closer().is_some() => LexemeKind::Open,
        kind if kind.is_closer() => LexemeKind::Close,
        _ => LexemeKind::Operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(LexemeKind, &str)> {
        let slice = |span: Span| &text[span.start as usize..span.end as usize];
        lexemes(text).iter().map(|lexeme| (lexeme.kind, slice(lexeme.span))).collect()
    }

    #[test]
    fn comments_and_tokens_come_in_order() {
        use LexemeKind::*;
        assert_eq!(
            kinds("## α\nparam k_α=2 # two\r\n# end"),
            [
                (DocComment, "## α"),
                (Keyword, "param"),
                (Name, "k_α"),
                (Operator, "="),
                (Number, "2"),
                (Comment, "# two"),
                (Comment, "# end")
            ]
        );
        assert_eq!(kinds("\"#\" ²"), [(Text, "\"#\""), (Invalid, "²")]);
    }

    #[test]
    fn what_can_be_declared() {
        assert!(["x", "α₁", "_a", "温度"].iter().all(|word| is_name(word)));
        assert!(["", "1x", "x²", "if", "a b", "x'"].iter().all(|word| !is_name(word)));
        assert!(!is_name(&"a".repeat(256)));
    }
}
