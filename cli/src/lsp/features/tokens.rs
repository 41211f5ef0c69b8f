//! Colours by meaning: what each word is, which a grammar of patterns cannot know.

use lsp_types::{
    SemanticToken, SemanticTokenModifier, SemanticTokenType, SemanticTokens, SemanticTokensLegend, SemanticTokensParams,
};
use rhapsode::lang::{Lexeme, LexemeKind};
use rhapsode::model::{Access, Mention, Role, Target};

use super::{Refusal, Session, entity_of};
use crate::lsp::documents::Document;

/// The kinds of token, by number.
const TYPES: [SemanticTokenType; 12] = [
    SemanticTokenType::KEYWORD,
    SemanticTokenType::COMMENT,
    SemanticTokenType::NUMBER,
    SemanticTokenType::STRING,
    SemanticTokenType::OPERATOR,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::PARAMETER,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::ENUM_MEMBER,
    SemanticTokenType::NAMESPACE,
    SemanticTokenType::EVENT,
];

/// The modifiers, by bit.
const MODIFIERS: [SemanticTokenModifier; 4] = [
    SemanticTokenModifier::DEFINITION,
    SemanticTokenModifier::READONLY,
    SemanticTokenModifier::DEFAULT_LIBRARY,
    SemanticTokenModifier::DOCUMENTATION,
];
const DEFINITION: u32 = 1;
const READONLY: u32 = 2;
const DEFAULT_LIBRARY: u32 = 4;
const DOCUMENTATION: u32 = 8;

/// What the numbers mean.
pub fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend { token_types: TYPES.to_vec(), token_modifiers: MODIFIERS.to_vec() }
}

/// `textDocument/semanticTokens/full`
pub fn tokens(session: &Session, params: SemanticTokensParams) -> Result<SemanticTokens, Refusal> {
    let document = session.document(&params.text_document.uri)?;
    let analysis = document.analysis();
    let mut mentions = analysis.mentions().iter().peekable();
    let mut data = Vec::new();
    let (mut line, mut column) = (0, 0);
    for lexeme in analysis.lexemes() {
        while mentions.next_if(|mention| mention.span.start < lexeme.span.start).is_some() {}
        let mention = mentions.peek().filter(|mention| mention.span == lexeme.span);
        let Some((kind, modifiers)) = meaning(document, lexeme, mention.copied()) else { continue };
        let Some(number) = TYPES.iter().position(|known| *known == kind) else { continue };
        let at = document.text.position(lexeme.span.start);
        if at.line != line {
            column = 0;
        }
        data.push(SemanticToken {
            delta_line: at.line - line,
            delta_start: at.character - column,
            length: document.text.length(lexeme.span),
            token_type: number as u32,
            token_modifiers_bitset: modifiers,
        });
        (line, column) = (at.line, at.character);
    }
    Ok(SemanticTokens { result_id: None, data })
}

fn meaning(document: &Document, lexeme: &Lexeme, mention: Option<&Mention>) -> Option<(SemanticTokenType, u32)> {
    match lexeme.kind {
        LexemeKind::Keyword => Some((SemanticTokenType::KEYWORD, 0)),
        LexemeKind::Comment => Some((SemanticTokenType::COMMENT, 0)),
        LexemeKind::DocComment => Some((SemanticTokenType::COMMENT, DOCUMENTATION)),
        LexemeKind::Number => Some((SemanticTokenType::NUMBER, 0)),
        LexemeKind::Text => Some((SemanticTokenType::STRING, 0)),
        LexemeKind::Operator | LexemeKind::Primes => Some((SemanticTokenType::OPERATOR, 0)),
        LexemeKind::Open | LexemeKind::Close | LexemeKind::Comma | LexemeKind::Invalid => None,
        LexemeKind::Name if document.analysis().source().slice(lexeme.span) == "periodic" && mention.is_none() => {
            Some((SemanticTokenType::KEYWORD, 0))
        }
        LexemeKind::Name => name(document, *mention?),
    }
}

fn name(document: &Document, mention: Mention) -> Option<(SemanticTokenType, u32)> {
    let (kind, own) = match mention.target {
        Target::Builtin(_) | Target::Reduction => (SemanticTokenType::FUNCTION, DEFAULT_LIBRARY),
        Target::Pi => (SemanticTokenType::VARIABLE, DEFAULT_LIBRARY | READONLY),
        Target::Setting => (SemanticTokenType::PROPERTY, DEFAULT_LIBRARY),
        Target::Choice => (SemanticTokenType::ENUM_MEMBER, DEFAULT_LIBRARY),
        Target::Unknown => return None,
        Target::Entity(_) => match entity_of(document, mention)?.role {
            Role::Model => (SemanticTokenType::NAMESPACE, 0),
            Role::Time => (SemanticTokenType::VARIABLE, READONLY),
            Role::State | Role::Definition | Role::Discrete => (SemanticTokenType::VARIABLE, 0),
            Role::Constant => (SemanticTokenType::VARIABLE, READONLY),
            Role::Parameter | Role::Argument => (SemanticTokenType::PARAMETER, 0),
            Role::Output => (SemanticTokenType::PROPERTY, 0),
            Role::Index => (SemanticTokenType::ENUM_MEMBER, 0),
            Role::Function => (SemanticTokenType::FUNCTION, 0),
            Role::Reaction => (SemanticTokenType::EVENT, 0),
            Role::Component => (SemanticTokenType::NAMESPACE, 0),
            Role::Instance => (SemanticTokenType::VARIABLE, READONLY),
        },
    };
    let defines = mention.access == Access::Define && mention.target != Target::Setting;
    Some((kind, if defines { own | DEFINITION } else { own }))
}
