//! The library's diagnostics as the protocol's.

use lsp_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString,
};
use rhapsode::diag;
use serde_json::{Value, json};

use super::Session;
use crate::lsp::documents::Document;

impl Session {
    /// The notification with everything that is wrong with a document's text.
    pub fn diagnostics(&self, uri: &str) -> Option<Value> {
        let document = self.documents.get(uri)?;
        let list: Vec<Diagnostic> = document.complaints().iter().map(|d| self.diagnostic(document, d)).collect();
        let params = json!({"uri": document.uri, "version": document.version, "diagnostics": list});
        Some(json!({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params}))
    }

    /// One diagnostic.
    pub fn diagnostic(&self, document: &Document, diagnostic: &diag::Diagnostic) -> Diagnostic {
        let mut message = diagnostic.message.clone();
        if !diagnostic.label.is_empty() {
            message += &format!("\n{}", diagnostic.label);
        }
        if let Some(help) = &diagnostic.help {
            message += &format!("\nhelp: {help}");
        }
        let related = diagnostic.related.iter().map(|(span, remark)| DiagnosticRelatedInformation {
            location: Location::new(document.uri.clone(), document.text.range(*span)),
            message: remark.clone(),
        });
        let related: Vec<_> = related.collect();
        Diagnostic {
            range: document.text.range(diagnostic.span),
            severity: Some(DiagnosticSeverity::ERROR),
            code: Some(NumberOrString::String(diagnostic.code.to_string())),
            code_description: self.explanations.address(diagnostic.code).map(|href| CodeDescription { href }),
            source: Some("rhapsode".to_string()),
            message,
            related_information: (!related.is_empty()).then_some(related),
            ..Diagnostic::default()
        }
    }
}
