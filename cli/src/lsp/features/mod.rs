//! What the server can answer, one file per kind of question. [`Session::answer`] is the table of methods.

mod actions;
mod builtins;
mod completion;
mod cursor;
mod diagnostics;
mod explanations;
mod folding;
mod formatting;
mod hints;
mod hover;
mod navigation;
mod rename;
mod signature;
mod symbols;
mod tokens;

use std::collections::BTreeMap;
use std::time::Instant;

use lsp_server::ErrorCode;
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions, ExecuteCommandOptions,
    FoldingRangeProviderCapability, HoverProviderCapability, InitializeParams, OneOf, Position, RenameOptions,
    SemanticTokensFullOptions, SemanticTokensOptions, ServerCapabilities, SignatureHelpOptions,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, Uri, WorkDoneProgressOptions,
};
use rhapsode::model::{Entity, Mention, Role, Target};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::documents::{Document, Documents};
use super::files::path_of;
use super::server::parsed;
use super::text::Encoding;
use explanations::Explanations;

/// A result, or why there is none.
pub type Answer = Result<Value, Refusal>;

/// The protocol's code and a sentence.
pub type Refusal = (ErrorCode, String);

/// What is known of the client and its documents.
#[derive(Default)]
pub struct Session {
    /// The open documents.
    pub documents: Documents,
    /// How columns are counted.
    pub encoding: Encoding,
    /// Whether completions may have places to fill in.
    snippets: bool,
    explanations: Explanations,
}

impl Session {
    /// Takes note of what the client can do; says what the server can.
    pub fn initialize(&mut self, params: &InitializeParams) -> Value {
        let offered = params.capabilities.general.as_ref().and_then(|general| general.position_encodings.as_deref());
        self.encoding = Encoding::agreed(offered.unwrap_or(&[]));
        let document = params.capabilities.text_document.as_ref();
        let item = document.and_then(|d| d.completion.as_ref()).and_then(|c| c.completion_item.as_ref());
        self.snippets = item.and_then(|item| item.snippet_support).unwrap_or(false);
        let capabilities = ServerCapabilities {
            position_encoding: Some(self.encoding.kind()),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                ..TextDocumentSyncOptions::default()
            })),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(vec![".".to_string()]),
                ..CompletionOptions::default()
            }),
            signature_help_provider: Some(SignatureHelpOptions {
                trigger_characters: Some(vec!["(".to_string(), ",".to_string()]),
                ..SignatureHelpOptions::default()
            }),
            definition_provider: Some(OneOf::Left(true)),
            references_provider: Some(OneOf::Left(true)),
            document_highlight_provider: Some(OneOf::Left(true)),
            document_formatting_provider: Some(OneOf::Left(true)),
            document_symbol_provider: Some(OneOf::Left(true)),
            workspace_symbol_provider: Some(OneOf::Left(true)),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                ..CodeActionOptions::default()
            })),
            rename_provider: Some(OneOf::Right(RenameOptions {
                prepare_provider: Some(true),
                work_done_progress_options: WorkDoneProgressOptions::default(),
            })),
            folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: vec![explanations::COMMAND.to_string()],
                ..ExecuteCommandOptions::default()
            }),
            semantic_tokens_provider: Some(
                SemanticTokensOptions {
                    legend: tokens::legend(),
                    full: Some(SemanticTokensFullOptions::Bool(true)),
                    ..SemanticTokensOptions::default()
                }
                .into(),
            ),
            inlay_hint_provider: Some(OneOf::Left(true)),
            ..ServerCapabilities::default()
        };
        json!({
            "capabilities": capabilities,
            "serverInfo": {"name": "rhapsode", "version": env!("CARGO_PKG_VERSION")},
        })
    }

    /// Answers a request.
    ///
    /// # Errors
    /// An unknown method, wrong parameters, a document that is not open, or a request that cannot be served.
    pub fn answer(&self, method: &str, params: Value) -> Answer {
        match method {
            "textDocument/hover" => call(params, |p| hover::hover(self, p)),
            "textDocument/definition" => call(params, |p| navigation::definition(self, p)),
            "textDocument/references" => call(params, |p| navigation::references(self, p)),
            "textDocument/documentHighlight" => call(params, |p| navigation::highlights(self, p)),
            "textDocument/prepareRename" => call(params, |p| rename::prepare(self, p)),
            "textDocument/rename" => call(params, |p| rename::rename(self, p)),
            "textDocument/completion" => call(params, |p| completion::completion(self, p)),
            "textDocument/signatureHelp" => call(params, |p| signature::signature(self, p)),
            "textDocument/documentSymbol" => call(params, |p| symbols::document(self, p)),
            "workspace/symbol" => call(params, |p| symbols::workspace(self, p)),
            "textDocument/foldingRange" => call(params, |p| folding::folding(self, p)),
            "textDocument/formatting" => call(params, |p| formatting::formatting(self, p)),
            "textDocument/semanticTokens/full" => call(params, |p| tokens::tokens(self, p)),
            "textDocument/inlayHint" => call(params, |p| hints::hints(self, p)),
            "textDocument/codeAction" => call(params, |p| actions::actions(self, p)),
            "workspace/executeCommand" => call(params, |p| explanations::execute(self, p)),
            _ => Err((ErrorCode::MethodNotFound, format!("no method `{method}`"))),
        }
    }

    /// The texts of all open files, by path.
    pub fn open_texts(&self) -> BTreeMap<String, String> {
        let files = self.documents.values().filter_map(|document| Some((document.path.clone()?, document)));
        files.map(|(path, document)| (path, document.text.as_str().to_string())).collect()
    }

    /// A file has changed, saved or not: documents that use it are to be checked again.
    pub fn changed(&mut self, uri: &str, due: Instant) {
        let Some(path) = path_of(uri) else { return };
        for (user, document) in &mut self.documents {
            let uses = document.checked.as_ref().is_some_and(|checked| checked.asked.contains(&path));
            if uses && user != uri {
                document.due = Some(document.due.map_or(due, |known| known.min(due)));
            }
        }
    }

    /// An open document.
    fn document(&self, uri: &Uri) -> Result<&Document, Refusal> {
        let document = self.documents.get(uri.as_str());
        document.ok_or_else(|| (ErrorCode::InvalidParams, format!("the document is not open: {}", uri.as_str())))
    }

    /// An open document and the name at a position in it.
    fn name_at(&self, uri: &Uri, position: Position) -> Result<(&Document, Option<Mention>), Refusal> {
        let document = self.document(uri)?;
        let mention = document.analysis().mention_at(document.text.offset(position));
        Ok((document, mention.copied()))
    }
}

fn call<P: DeserializeOwned, R: Serialize>(params: Value, f: impl FnOnce(P) -> Result<R, Refusal>) -> Answer {
    let result = f(parsed(params)?)?;
    serde_json::to_value(result).map_err(|error| (ErrorCode::InternalError, error.to_string()))
}

/// The entity a mention stands for.
fn entity_of(document: &Document, mention: Mention) -> Option<&Entity> {
    match mention.target {
        Target::Entity(id) => Some(document.analysis().entity(id)),
        _ => None,
    }
}

/// What an entity is, in words: `state of order 2`.
fn description(entity: &Entity) -> String {
    match (entity.role, entity.order) {
        (Role::State, 2..) => format!("state of order {}", entity.order),
        (Role::Argument, _) => "argument of a function".to_string(),
        (role, _) => role.word().to_string(),
    }
}
