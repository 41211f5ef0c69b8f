//! What the text leaves to the reader: the numbers behind constants and defaults that are formulas.

use lsp_types::{InlayHint, InlayHintKind, InlayHintLabel, InlayHintParams};
use rhapsode::lang::ast::{ExprKind, ItemKind};

use super::{Refusal, Session};

/// `textDocument/inlayHint`
pub fn hints(session: &Session, params: InlayHintParams) -> Result<Vec<InlayHint>, Refusal> {
    let document = session.document(&params.text_document.uri)?;
    let (analysis, wanted) = (document.analysis(), document.text.span(params.range));
    let mut list = Vec::new();
    for item in analysis.ast().items.iter().filter(|i| i.span.start <= wanted.end && wanted.start <= i.span.end) {
        let (ItemKind::Const(declarations) | ItemKind::Param(declarations)) = &item.kind else { continue };
        for declaration in declarations {
            let Some(value) = &declaration.value else { continue };
            let literal = match &value.kind {
                ExprKind::Negate(inner) => matches!(inner.kind, ExprKind::Number(_)),
                kind => matches!(kind, ExprKind::Number(_)),
            };
            let id = analysis.lookup(&declaration.name.name, declaration.name.span.start);
            let Some(number) = id.filter(|_| !literal).and_then(|id| document.values().get(&id)) else { continue };
            list.push(InlayHint {
                position: document.text.position(end(analysis.source().text(), declaration.span.end, value.span.end)),
                label: InlayHintLabel::String(format!("= {number}")),
                kind: None::<InlayHintKind>,
                text_edits: None,
                tooltip: None,
                padding_left: Some(true),
                padding_right: None,
                data: None,
            });
        }
    }
    Ok(list)
}

/// The end of a value in parentheses, which its span leaves out.
fn end(text: &str, most: u32, mut at: u32) -> u32 {
    while at < most && text.as_bytes().get(at as usize) == Some(&b')') {
        at += 1;
    }
    at
}
