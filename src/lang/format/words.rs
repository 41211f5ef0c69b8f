//! The words of a text: its tokens with the comments between them, and what white space stood before each.

use crate::lang::lexer;
use crate::lang::token::Kind;

/// A token or a comment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    /// As written; a comment without trailing blanks.
    pub text: &'a str,
    /// The kind of token; [`Kind::Newline`] for a comment.
    pub kind: Kind,
    /// Whether it is a comment.
    pub comment: bool,
    /// Line ends before it: none, one, or more.
    pub newlines: usize,
    /// Whether any white space stood before it.
    pub apart: bool,
    /// Whether its line starts anew (the lexer's word for tokens).
    pub starts_line: bool,
}

impl Word<'_> {
    /// How many characters wide it is.
    pub fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// All words of `text`, in order.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut end = 0;
    for token in lexer::tokens(text, 0).list {
        let start = if token.kind == Kind::End { text.len() } else { token.span.start as usize };
        let gap = &text[end..start];
        let newlines = comments(gap, &mut words);
        end = token.span.end as usize;
        if token.kind != Kind::End {
            words.push(Word {
                text: &text[start..end],
                kind: token.kind,
                comment: false,
                newlines,
                apart: !gap.is_empty(),
                starts_line: token.starts_line,
            });
        }
    }
    words
}

/// Adds the comments of the gap between two tokens; returns the line ends after the last of them.
fn comments<'a>(gap: &'a str, words: &mut Vec<Word<'a>>) -> usize {
    let mut newlines = 0;
    for (place, line) in gap.split('\n').enumerate() {
        newlines += usize::from(place > 0);
        if let Some(at) = line.find('#') {
            let text = line[at..].trim_end();
            words.push(Word { text, kind: Kind::Newline, comment: true, newlines, apart: true, starts_line: false });
            newlines = 0;
        }
    }
    newlines
}
