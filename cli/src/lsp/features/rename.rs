//! Renaming: every mention of one thing, nothing else, and only to names that leave the model's meaning as it is.

use lsp_server::ErrorCode;
use lsp_types::{PrepareRenameResponse, RenameParams, TextDocumentPositionParams, TextEdit, WorkspaceEdit};
use rhapsode::model::{EntityId, Mention, Target};

use super::{Refusal, Session, actions};
use crate::lsp::documents::Document;

/// `textDocument/prepareRename`
pub fn prepare(
    session: &Session,
    params: TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>, Refusal> {
    let (document, mention) = session.name_at(&params.text_document.uri, params.position)?;
    let Some(mention) = mention else { return Ok(None) };
    let id = entity(document, mention)?;
    let range = document.text.range(mention.span);
    let placeholder = document.analysis().entity(id).name.clone();
    Ok(Some(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder }))
}

/// `textDocument/rename`
pub fn rename(session: &Session, params: RenameParams) -> Result<Option<WorkspaceEdit>, Refusal> {
    let place = params.text_document_position;
    let (document, mention) = session.name_at(&place.text_document.uri, place.position)?;
    let Some(mention) = mention else { return refused("there is no name here") };
    let id = entity(document, mention)?;
    let analysis = document.analysis();
    if let Some(reason) = analysis.cannot_rename(id, &params.new_name) {
        return refused(reason);
    }
    let edit = |mention: &Mention| TextEdit::new(document.text.range(mention.span), params.new_name.clone());
    let edits = analysis.mentions_of(Target::Entity(id)).map(edit).collect();
    Ok(Some(actions::edits(document.uri.clone(), edits)))
}

fn entity(document: &Document, mention: Mention) -> Result<EntityId, Refusal> {
    let name = document.analysis().source().slice(mention.span);
    match mention.target {
        Target::Entity(id) if document.analysis().entity(id).definitions.is_empty() => {
            refused(format!("`{name}` is declared nowhere: write `time NAME` to rename the independent variable"))
        }
        Target::Entity(id) => Ok(id),
        Target::Builtin(_) | Target::Reduction | Target::Pi => refused(format!("`{name}` is builtin")),
        Target::Setting | Target::Choice => refused(format!("`{name}` is a word of the solve block")),
        Target::Unknown => refused(format!("`{name}` is not declared")),
    }
}

fn refused<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err((ErrorCode::RequestFailed, reason.into()))
}
