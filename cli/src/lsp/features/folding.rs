//! What can be folded: statements and comments of more than one line.

use lsp_types::{FoldingRange, FoldingRangeKind, FoldingRangeParams};
use rhapsode::lang::LexemeKind;
use rhapsode::source::Span;

use super::{Refusal, Session};

/// `textDocument/foldingRange`
pub fn folding(session: &Session, params: FoldingRangeParams) -> Result<Vec<FoldingRange>, Refusal> {
    let document = session.document(&params.text_document.uri)?;
    let analysis = document.analysis();
    let mut list = Vec::new();
    let mut fold = |span: Span, kind: Option<FoldingRangeKind>| {
        let range = document.text.range(span);
        if range.start.line < range.end.line {
            list.push(FoldingRange {
                start_line: range.start.line,
                start_character: None,
                end_line: range.end.line,
                end_character: None,
                kind,
                collapsed_text: None,
            });
        }
    };
    analysis.ast().items.iter().for_each(|item| fold(item.span, None));
    let mut block: Option<Span> = None;
    for lexeme in analysis.lexemes() {
        let comment = matches!(lexeme.kind, LexemeKind::Comment | LexemeKind::DocComment) && lexeme.first_on_line;
        let line = |offset| document.text.position(offset).line;
        block = match block {
            Some(so_far) if comment && line(lexeme.span.start) == line(so_far.end) + 1 => Some(so_far.to(lexeme.span)),
            other => {
                other.into_iter().for_each(|span| fold(span, Some(FoldingRangeKind::Comment)));
                comment.then_some(lexeme.span)
            }
        };
    }
    block.into_iter().for_each(|span| fold(span, Some(FoldingRangeKind::Comment)));
    list.sort_by_key(|range| (range.start_line, range.end_line));
    Ok(list)
}
