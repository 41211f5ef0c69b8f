//! The document in the one form that `rhapsode fmt` gives.

use lsp_server::ErrorCode;
use lsp_types::{DocumentFormattingParams, TextEdit};
use rhapsode::lang::format::{self, Refusal as Unformatted};
use rhapsode::source::Span;

use super::{Refusal, Session};

/// `textDocument/formatting`: one change of the lines that differ; none where the text cannot be read yet.
pub fn formatting(session: &Session, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>, Refusal> {
    let document = session.document(&params.text_document.uri)?;
    let before = document.text.as_str();
    match format::format(document.analysis().source()) {
        Ok(after) => {
            let (span, lines) = difference(before, &after);
            let edit = TextEdit::new(document.text.range(span), lines.to_string());
            Ok(Some(if before == after { Vec::new() } else { vec![edit] }))
        }
        Err(Unformatted::Errors(_)) => Ok(None),
        Err(refusal) => Err((ErrorCode::RequestFailed, refusal.to_string())),
    }
}

/// The lines that differ, and what comes in their place.
fn difference<'a>(before: &str, after: &'a str) -> (Span, &'a str) {
    let start = same(before.split_inclusive('\n').zip(after.split_inclusive('\n')));
    let (rest, new) = (&before[start..], &after[start..]);
    let end = same(rest.split_inclusive('\n').rev().zip(new.split_inclusive('\n').rev()));
    (Span::new(start as u32, (before.len() - end) as u32), &new[..new.len() - end])
}

/// The bytes of the lines that are the same, up to the first that is not.
fn same<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> usize {
    pairs.take_while(|(a, b)| a == b).map(|(line, _)| line.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_differ_change() {
        let (span, lines) = difference("a\nb\nc\n", "a\nB\nB\nc\n");
        assert_eq!((span, lines), (Span::new(2, 4), "B\nB\n"));
        let (span, lines) = difference("a\na\n", "a\n");
        assert_eq!((span, lines), (Span::new(2, 4), ""));
        assert_eq!(difference("a", "a\n"), (Span::new(0, 1), "a\n"));
    }
}
