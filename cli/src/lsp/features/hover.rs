//! What is under the pointer: how it is defined, what it is worth, what was said about it; and the explanation of what is
//! wrong with it.

use lsp_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};
use rhapsode::Model;
use rhapsode::model::{EntityId, Mention, SOLVE_OPTIONS, Target};
use rhapsode::solve::Method;

use super::{Refusal, Session, builtins, description};
use crate::lsp::documents::Document;

/// The most statements shown of one name, and the most lines of one statement.
const MOST: usize = 6;

/// `textDocument/hover`
pub fn hover(session: &Session, params: HoverParams) -> Result<Option<Hover>, Refusal> {
    let place = params.text_document_position_params;
    let (document, mention) = session.name_at(&place.text_document.uri, place.position)?;
    let offset = document.text.offset(place.position);
    let mut parts: Vec<String> = mention.into_iter().filter_map(|mention| page(document, mention)).collect();
    let complaints = document.complaints().iter().filter(|c| c.span.start <= offset && offset <= c.span.end);
    for entry in complaints.filter_map(|complaint| complaint.code.entry()) {
        parts.push(format!("**{}: {}**\n\n{}", entry.code, entry.title, entry.explanation));
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let contents =
        HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: parts.join("\n\n---\n\n") });
    Ok(Some(Hover { contents, range: mention.map(|mention| document.text.range(mention.span)) }))
}

fn page(document: &Document, mention: Mention) -> Option<String> {
    let word = document.analysis().source().slice(mention.span);
    match mention.target {
        Target::Entity(id) => Some(entity(document, id)),
        Target::Builtin(name) => builtins::find(name).map(builtins::page),
        Target::Reduction => {
            let (_, form, doc) = builtins::REDUCTIONS.iter().find(|(name, ..)| *name == word)?;
            Some(format!("```rhapsode\n{form}\n```\nreduction: {doc}"))
        }
        Target::Pi => Some(format!("`pi` = {}", std::f64::consts::PI)),
        Target::Setting => {
            let (name, what) = SOLVE_OPTIONS.iter().find(|(name, _)| *name == word)?;
            Some(format!("option `{name}` of a solve block: {what}"))
        }
        Target::Choice => match (Method::find(word), builtins::GRIDS.iter().find(|(name, ..)| *name == word)) {
            (Some(method), _) => Some(format!("method `{}`", method.name())),
            (None, Some((name, what, _))) => Some(format!("`{name}`: {what}")),
            (None, None) => None,
        },
        Target::Unknown => None,
    }
}

/// Heading, definition as written, value, doc comment.
pub fn entity(document: &Document, id: EntityId) -> String {
    let analysis = document.analysis();
    let entity = analysis.entity(id);
    let written: Vec<String> = entity
        .statements
        .iter()
        .take(MOST)
        .map(|span| {
            let lines: Vec<&str> = analysis.source().slice(*span).lines().collect();
            let more = if lines.len() > MOST { "\n…" } else { "" };
            format!("{}{more}", lines[..lines.len().min(MOST)].join("\n"))
        })
        .collect();
    let more = if entity.statements.len() > MOST { "\n…" } else { "" };
    let mut text = format!("**{}** {}", entity.name, description(entity));
    if let Some(value) = document.values().get(&id) {
        text += &format!(" = {value}");
    }
    if let Some(component) = entity.component {
        text += &format!(" of component `{}`", analysis.entity(component).name);
    }
    if let Some(component) = analysis.component_of(id) {
        text += &format!(" of component `{}`", analysis.entity(component).name);
    }
    let names = analysis.names_in_model(id);
    if let Some(shape) = document.model().and_then(|model| names.iter().find_map(|name| shape(model, name))) {
        text += &format!(", an array over {shape}");
    }
    if let Some(about) = document.model().and_then(|model| names.iter().find_map(|name| data(model, name))) {
        text += &about;
    }
    if let Some(unit) = document.model().and_then(|model| names.iter().find_map(|name| unit(model, name))) {
        text += &unit;
    }
    if entity.definitions.is_empty() {
        text += ", as nothing else is declared with `time`";
    }
    if !written.is_empty() {
        text += &format!("\n```rhapsode\n{}{more}\n```", written.join("\n"));
    }
    if let Some(doc) = &entity.doc {
        text += &format!("\n\n{doc}");
    }
    text
}

/// The file of an input, how many points it has, and where these lie.
fn data(model: &Model, name: &str) -> Option<String> {
    let input = model.checked().inputs.iter().find(|input| input.name == name)?;
    let curve = model.checked().graph.curve(input.curve);
    let ((first, last), (least, greatest)) = (curve.range(), curve.extent());
    let points = curve.knots().len();
    Some(format!(" of `{}`: {points} points from {first} to {last}, values {least} to {greatest}", input.file))
}

/// What is known of a quantity's unit, in a model that has any.
fn unit(model: &Model, name: &str) -> Option<String> {
    let quantity = model.checked().units.as_ref()?.quantities.iter().find(|quantity| quantity.name == name)?;
    Some(match quantity.unit.as_deref() {
        Some("1") => ", a pure number".to_string(),
        Some(unit) if quantity.declared => format!(", in {unit}"),
        Some(unit) => format!(", in {unit} as the equations imply"),
        None => ", of a unit that nothing determines".to_string(),
    })
}

/// `1..64, 1..64 (periodic)`; nothing for a scalar.
fn shape(model: &Model, name: &str) -> Option<String> {
    let symbol = model.checked().symbols.iter().find(|symbol| symbol.name == name && !symbol.dims.is_empty())?;
    let dims = symbol.dims.iter().map(|dim| {
        let periodic = if dim.periodic { " (periodic)" } else { "" };
        format!("{}..{}{periodic}", dim.lo, dim.hi)
    });
    Some(dims.collect::<Vec<_>>().join(", "))
}
