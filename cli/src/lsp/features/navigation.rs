//! Where a name is defined, and where else it stands.

use lsp_types::{
    DocumentHighlight, DocumentHighlightKind, DocumentHighlightParams, GotoDefinitionParams, Location, ReferenceParams,
};
use rhapsode::model::{Access, Mention};

use super::{Refusal, Session, entity_of};
use crate::lsp::documents::Document;

/// `textDocument/definition`: every declaration and equation that defines the name.
pub fn definition(session: &Session, params: GotoDefinitionParams) -> Result<Vec<Location>, Refusal> {
    let place = params.text_document_position_params;
    let (document, mention) = session.name_at(&place.text_document.uri, place.position)?;
    let entity = mention.and_then(|mention| entity_of(document, mention));
    let spans = entity.map_or(&[][..], |entity| &entity.definitions);
    Ok(spans.iter().map(|span| Location::new(document.uri.clone(), document.text.range(*span))).collect())
}

/// `textDocument/references`
pub fn references(session: &Session, params: ReferenceParams) -> Result<Vec<Location>, Refusal> {
    let place = params.text_document_position;
    let (document, mention) = session.name_at(&place.text_document.uri, place.position)?;
    let declarations = params.context.include_declaration;
    let all = mention.into_iter().flat_map(|mention| same(document, mention));
    let wanted = all.filter(|mention| declarations || mention.access != Access::Define);
    Ok(wanted.map(|m| Location::new(document.uri.clone(), document.text.range(m.span))).collect())
}

/// `textDocument/documentHighlight`
pub fn highlights(session: &Session, params: DocumentHighlightParams) -> Result<Vec<DocumentHighlight>, Refusal> {
    let place = params.text_document_position_params;
    let (document, mention) = session.name_at(&place.text_document.uri, place.position)?;
    let all = mention.into_iter().flat_map(|mention| same(document, mention));
    let highlight = |mention: &Mention| DocumentHighlight {
        range: document.text.range(mention.span),
        kind: Some(match mention.access {
            Access::Read => DocumentHighlightKind::READ,
            Access::Define | Access::Start => DocumentHighlightKind::WRITE,
        }),
    };
    Ok(all.map(highlight).collect())
}

/// All mentions of what a mention stands for; only of names with a meaning.
fn same(document: &Document, mention: Mention) -> impl Iterator<Item = &Mention> {
    use rhapsode::model::Target;
    let analysis = document.analysis();
    let word = analysis.source().slice(mention.span);
    let named = matches!(mention.target, Target::Unknown | Target::Setting | Target::Choice | Target::Reduction);
    // These share a target whatever they are called.
    analysis.mentions_of(mention.target).filter(move |other| !named || analysis.source().slice(other.span) == word)
}
