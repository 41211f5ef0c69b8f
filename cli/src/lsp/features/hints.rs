//! What the text leaves to the reader: the numbers behind constants and defaults that are formulas, and the units that
//! follow from the equations.

use std::collections::HashMap;

use lsp_types::{InlayHint, InlayHintKind, InlayHintLabel, InlayHintParams, TextEdit};
use rhapsode::lang::ast::{Declaration, Expr, ExprKind, Ident, Initial, ItemKind};

use super::{Refusal, Session};
use crate::lsp::documents::Document;

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
    let units = units(document).into_iter().filter(|(at, _)| wanted.start <= *at && *at <= wanted.end);
    list.extend(units.map(|(at, unit)| {
        let position = document.text.position(at);
        let label = format!(": {unit}");
        InlayHint {
            position,
            text_edits: Some(vec![TextEdit::new(lsp_types::Range::new(position, position), label.clone())]),
            label: InlayHintLabel::String(label),
            kind: Some(InlayHintKind::TYPE),
            tooltip: None,
            padding_left: None,
            padding_right: None,
            data: None,
        }
    }));
    Ok(list)
}

/// Where a unit could be written that is implied, and which: each once, at the first such place. What the model was when
/// it last was sound says so.
fn units(document: &Document) -> Vec<(u32, String)> {
    let Some(units) = document.model().and_then(|model| model.checked().units.as_ref()) else { return Vec::new() };
    let implied = units.quantities.iter().filter(|quantity| !quantity.declared);
    let mut implied: HashMap<&str, &str> = implied
        .filter_map(|quantity| Some((quantity.name.as_str(), quantity.unit.as_deref().filter(|unit| *unit != "1")?)))
        .collect();
    let text = document.analysis().source().text();
    let mut list = Vec::new();
    let mut offer = |name: &str, at: u32| {
        if let Some(unit) = implied.remove(name) {
            list.push((at, unit.to_string()));
        }
    };
    for item in &document.analysis().ast().items {
        match &item.kind {
            ItemKind::Param(all) | ItemKind::Const(all) | ItemKind::Output(all) => {
                let open = all.iter().filter(|declaration| declaration.unit.is_none());
                open.for_each(|Declaration { name, subscripts, .. }| {
                    offer(&name.name, element_end(text, name, subscripts, 0))
                });
            }
            ItemKind::Init(all) => {
                let open = all.iter().filter(|initial| initial.unit.is_none() && initial.path.is_empty());
                open.for_each(|Initial { name, subscripts, order, .. }| {
                    let primed = format!("{}{}", name.name, "'".repeat(*order as usize));
                    offer(&primed, element_end(text, name, subscripts, *order));
                });
            }
            ItemKind::Equation { lhs, unit: None, .. } => match &lhs.kind {
                ExprKind::Name(name) => offer(name, lhs.span.end),
                ExprKind::Subscript(name, _) => offer(&name.name, lhs.span.end),
                _ => {}
            },
            ItemKind::Time(name, None) => offer(&name.name, name.span.end),
            _ => {}
        }
    }
    list
}

/// Where `u'[i]` or `u[i]'` ends.
fn element_end(text: &str, name: &Ident, subscripts: &[Expr], primes: u32) -> u32 {
    let mut at = subscripts.last().map_or(name.span.end, |last| last.span.end) as usize;
    let bytes = text.as_bytes();
    if !subscripts.is_empty() {
        // The last subscript may be in parentheses, which its span leaves out.
        while at < bytes.len() && bytes[at] != b']' {
            at += 1;
        }
        at += 1;
    }
    let mut left = primes;
    while left > 0 && bytes.get(at) == Some(&b'\'') {
        (at, left) = (at + 1, left - 1);
    }
    at as u32
}

/// The end of a value in parentheses, which its span leaves out.
fn end(text: &str, most: u32, mut at: u32) -> u32 {
    while at < most && text.as_bytes().get(at as usize) == Some(&b')') {
        at += 1;
    }
    at
}
