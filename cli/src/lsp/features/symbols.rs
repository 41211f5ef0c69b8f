//! The outline of a document, and the search for names in all open ones.

use lsp_types::{DocumentSymbol, DocumentSymbolParams, Location, SymbolInformation, SymbolKind, WorkspaceSymbolParams};
use rhapsode::model::{Entity, EntityId, Role};

use super::{Refusal, Session, description};
use crate::lsp::documents::Document;

/// `textDocument/documentSymbol`
// `deprecated` is the protocol's own name for a field that must be given.
#[allow(deprecated)]
pub fn document(session: &Session, params: DocumentSymbolParams) -> Result<Vec<DocumentSymbol>, Refusal> {
    let document = session.document(&params.text_document.uri)?;
    let all = document.analysis().entities();
    let symbol = |entity: &Entity, children: Option<Vec<DocumentSymbol>>| {
        let name = *entity.definitions.first()?;
        // The statement around the name: the outline asks that it holds it.
        let around = entity.statements.iter().find(|span| span.start <= name.start && name.end <= span.end);
        Some(DocumentSymbol {
            name: entity.name.clone(),
            detail: Some(description(entity)),
            kind: kind(entity.role),
            tags: None,
            deprecated: None,
            range: document.text.range(around.copied().unwrap_or(name)),
            selection_range: document.text.range(name),
            children,
        })
    };
    let own = |(k, entity): (usize, &Entity)| {
        let parts = all.iter().filter(|part| part.component == Some(EntityId(k)));
        let children = (entity.role == Role::Component).then(|| parts.filter_map(|part| symbol(part, None)).collect());
        symbol(entity, children)
    };
    let outer = all.iter().enumerate().filter(|(_, entity)| entity.scope.is_none());
    let mut list: Vec<DocumentSymbol> = outer.filter_map(own).collect();
    list.sort_by_key(|symbol| symbol.selection_range.start);
    Ok(list)
}

/// `workspace/symbol`: names that hold the query's letters in their order.
#[allow(deprecated)]
pub fn workspace(session: &Session, params: WorkspaceSymbolParams) -> Result<Vec<SymbolInformation>, Refusal> {
    let mut list = Vec::new();
    for document in session.documents.values() {
        for entity in listed(document).filter(|entity| matches(&entity.name, &params.query)) {
            let Some(name) = entity.definitions.first() else { continue };
            list.push(SymbolInformation {
                name: entity.name.clone(),
                kind: kind(entity.role),
                tags: None,
                deprecated: None,
                location: Location::new(document.uri.clone(), document.text.range(*name)),
                container_name: None,
            });
        }
    }
    Ok(list)
}

/// What the whole file knows.
fn listed(document: &Document) -> impl Iterator<Item = &Entity> {
    document.analysis().entities().iter().filter(|entity| entity.scope.is_none())
}

fn matches(name: &str, query: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    query.chars().flat_map(char::to_lowercase).all(|wanted| letters.any(|letter| letter == wanted))
}

/// What editors draw it as.
pub fn kind(role: Role) -> SymbolKind {
    match role {
        Role::Model => SymbolKind::MODULE,
        Role::Time | Role::State | Role::Discrete => SymbolKind::VARIABLE,
        Role::Constant => SymbolKind::CONSTANT,
        Role::Parameter | Role::Argument => SymbolKind::FIELD,
        Role::Definition => SymbolKind::PROPERTY,
        Role::Output => SymbolKind::INTERFACE,
        Role::Index => SymbolKind::ENUM,
        Role::Function => SymbolKind::FUNCTION,
        Role::Reaction => SymbolKind::EVENT,
        Role::Component => SymbolKind::CLASS,
        Role::Instance => SymbolKind::OBJECT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_match_letters_in_order() {
        assert!(matches("k_forward", "kfw") && matches("Βeta", "β") && matches("x", ""));
        assert!(!matches("kf", "fk"));
    }
}
