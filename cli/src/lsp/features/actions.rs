//! Quick fixes: the changes that diagnostics propose.

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, CodeActionResponse, Position, Range, TextEdit, Uri, WorkspaceEdit,
};
use rhapsode::diag::Fix;

use super::{Refusal, Session};
use crate::lsp::documents::Document;

/// `textDocument/codeAction`
pub fn actions(session: &Session, params: CodeActionParams) -> Result<CodeActionResponse, Refusal> {
    let document = session.document(&params.text_document.uri)?;
    let wanted = document.text.span(params.range);
    let only = params.context.only.as_deref();
    if only.is_some_and(|kinds| !kinds.iter().any(|kind| ["", "quickfix"].contains(&kind.as_str()))) {
        return Ok(Vec::new());
    }
    let mut list = Vec::new();
    for complaint in document.complaints() {
        if complaint.span.start > wanted.end || complaint.span.end < wanted.start {
            continue;
        }
        for (k, fix) in complaint.fixes.iter().enumerate() {
            let action = CodeAction {
                title: fix.title.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![session.diagnostic(document, complaint)]),
                edit: Some(edits(document.uri.clone(), vec![edit(document, fix)])),
                is_preferred: Some(k == 0 && !fix.line_before),
                ..CodeAction::default()
            };
            list.push(action.into());
        }
    }
    Ok(list)
}

fn edit(document: &Document, fix: &Fix) -> TextEdit {
    if !fix.line_before {
        return TextEdit::new(document.text.range(fix.span), fix.text.clone());
    }
    // Before the statement's line; what stands before the statement on it (blanks) stays before both.
    let items = &document.analysis().ast().items;
    let item = items.iter().find(|item| item.span.start <= fix.span.start && fix.span.end <= item.span.end);
    let at = document.text.position(item.map_or(fix.span, |item| item.span).start);
    let line = Position::new(at.line, 0);
    TextEdit::new(Range::new(line, line), format!("{}\n", fix.text))
}

/// Changes of one document.
// The key's cache of its own parts takes no part in comparing.
#[allow(clippy::mutable_key_type)]
pub fn edits(uri: Uri, edits: Vec<TextEdit>) -> WorkspaceEdit {
    WorkspaceEdit { changes: Some([(uri, edits)].into_iter().collect()), ..WorkspaceEdit::default() }
}
