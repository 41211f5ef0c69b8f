//! A model's text in the form a careful person would give it: one spacing, aligned columns, lines of readable length.
//!
//! The words of the text (tokens and comments) and the blank lines between groups stay; only the white space between
//! them changes, by four clerks in a row: `words` splits the text, `spacing` decides which neighbours touch,
//! `lines` where lines break and how far they are indented, `align` which columns of neighbouring lines meet.
//!
//! What a person decides stays decided: parentheses, the spelling of numbers, the order of statements, line breaks
//! inside a statement. New syntax needs no code here unless it wants a spacing of its own.
//!
//! Invariants: `format(format(text)) == format(text)`; the words and the syntax tree, spans apart, are those of the input
//! (checked before a text is returned); no line ends with a blank.

mod align;
mod lines;
mod spacing;
mod words;

use super::ast::Ast;
use super::parse;
use crate::diag::Diagnostic;
use crate::source::Source;
use words::Word;

/// The longest line that is left alone, in characters; comments are never broken.
pub const WIDTH: usize = 100;

/// How far a continuation line, or the inside of a block, is indented.
const INDENT: usize = 4;

/// Why a text is not formatted.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// It has syntax errors.
    Errors(Vec<Diagnostic>),
    /// The result would not have meant the same: a mistake of the formatter, caught before it could do harm.
    Meaning,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Errors(list) => write!(f, "the text has {} syntax errors", list.len()),
            Refusal::Meaning => f.write_str("formatting would change what the model means; please report this text"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The text of `source`, formatted. Line ends are those of its first line; the text is empty or ends with one.
///
/// # Errors
/// [`Refusal::Errors`] if the text cannot be parsed: what is not understood is not touched.
pub fn format(source: &Source) -> Result<String, Refusal> {
    let (before, diagnostics) = parse(source);
    if !diagnostics.is_empty() {
        return Err(Refusal::Errors(diagnostics));
    }
    let words = words::words(source.text());
    let formatted = written(&words);
    let result = Source::new(source.name(), formatted);
    let (after, diagnostics) = parse(&result);
    if !diagnostics.is_empty() || !same_words(&words, &words::words(result.text())) || !same_tree(&before, &after) {
        return Err(Refusal::Meaning);
    }
    let crlf = source.text().find('\n').is_some_and(|at| source.text()[..at].ends_with('\r'));
    Ok(if crlf { result.text().replace('\n', "\r\n") } else { result.text().to_owned() })
}

fn written(words: &[Word]) -> String {
    let spaces = spacing::spaces(words);
    let lines = lines::lines(words, &spaces);
    let padding = align::padding(words, &spaces, &lines);
    let mut text = String::new();
    for line in &lines {
        if line.blank_before {
            text.push('\n');
        }
        text.extend(std::iter::repeat_n(' ', line.indent));
        for at in line.words.clone() {
            let gap = if at == line.words.start { 0 } else { usize::from(spaces[at]) };
            text.extend(std::iter::repeat_n(' ', gap + padding[at]));
            text.push_str(words[at].text);
        }
        text.push('\n');
    }
    text
}

/// Whether both have the same tokens and comments. Primes may be written apart (`x' '`), so letters are compared.
fn same_words(before: &[Word], after: &[Word]) -> bool {
    let comments = |words: &[Word]| words.iter().filter(|word| word.comment).map(|word| word.text.to_owned()).collect();
    let (a, b): (Vec<_>, Vec<_>) = (comments(before), comments(after));
    let tokens = |words: &[Word]| words.iter().filter(|word| !word.comment).map(|word| word.text).collect::<String>();
    a == b && tokens(before) == tokens(after)
}

/// Whether two trees are equal but for the places of their nodes.
fn same_tree(a: &Ast, b: &Ast) -> bool {
    // The debugging form shows all of a node, so that no kind of statement can be forgotten here.
    let shape = |text: String| {
        let mut parts = text.split("Span { ");
        let first = parts.next().unwrap_or("").to_owned();
        parts.fold(first, |shape, part| shape + part.split_once('}').map_or("", |(_, rest)| rest))
    };
    let same = |(a, b)| shape(format!("{a:?}")) == shape(format!("{b:?}"));
    a.items.len() == b.items.len() && a.items.iter().zip(&b.items).all(same)
}
