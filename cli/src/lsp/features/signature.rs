//! The arguments of the call being typed.

use lsp_types::{
    Documentation, ParameterInformation, ParameterLabel, SignatureHelp, SignatureHelpParams, SignatureInformation,
};
use rhapsode::lang::ast::ItemKind;

use super::cursor::Cursor;
use super::{Refusal, Session, builtins};
use crate::lsp::documents::Document;

/// `textDocument/signatureHelp`
pub fn signature(session: &Session, params: SignatureHelpParams) -> Result<Option<SignatureHelp>, Refusal> {
    let place = params.text_document_position_params;
    let document = session.document(&place.text_document.uri)?;
    let cursor = Cursor::new(document, document.text.offset(place.position));
    let Some((name, reduces, argument)) = cursor.as_ref().and_then(Cursor::call) else { return Ok(None) };
    let saves = cursor.as_ref().is_some_and(Cursor::saves);
    let found = if reduces { reduction(name) } else { call(document, name, saves) };
    Ok(found.map(|(head, arguments, doc)| help(&head, &arguments, doc, argument)))
}

/// What stands before the parenthesis, the arguments, and the documentation.
type Call = (String, Vec<String>, Option<String>);

fn reduction(name: &str) -> Option<Call> {
    let (_, form, doc) = builtins::REDUCTIONS.iter().find(|(known, ..)| *known == name)?;
    let (head, arguments) = form.trim_end_matches(')').split_once('(')?;
    let arguments = arguments.split(", ").map(str::to_string).collect();
    Some((head.to_string(), arguments, Some(doc.to_string())))
}

fn call(document: &Document, name: &str, saves: bool) -> Option<Call> {
    let named = |list: &[&str]| list.iter().map(|argument| argument.to_string()).collect();
    if let Some((_, doc, arguments)) = builtins::GRIDS.iter().find(|(known, ..)| saves && *known == name) {
        return Some((name.to_string(), named(arguments), Some(doc.to_string())));
    }
    let own = document.analysis().ast().items.iter().find_map(|item| match &item.kind {
        ItemKind::Function { name: known, params, .. } if known.name == name => Some((params, &item.doc)),
        _ => None,
    });
    if let Some((params, doc)) = own {
        return Some((name.to_string(), params.iter().map(|param| param.name.clone()).collect(), doc.clone()));
    }
    let row = builtins::find(name)?;
    Some((name.to_string(), named(row.arguments), Some(format!("{}; defined for {}", row.doc, row.domain))))
}

fn help(head: &str, arguments: &[String], doc: Option<String>, argument: u32) -> SignatureHelp {
    let label = format!("{head}({})", arguments.join(", "));
    let parameters = arguments
        .iter()
        .map(|name| ParameterInformation { label: ParameterLabel::Simple(name.clone()), documentation: None })
        .collect();
    // `min` and `max` take any number of arguments.
    let active = argument.min((arguments.len() as u32).saturating_sub(1));
    SignatureHelp {
        signatures: vec![SignatureInformation {
            label,
            documentation: doc.map(Documentation::String),
            parameters: Some(parameters),
            active_parameter: Some(active),
        }],
        active_signature: Some(0),
        active_parameter: Some(active),
    }
}
