//! The library's diagnostics as the protocol's: those of a document, and those of the files it uses, which are told at
//! the `use` statement and at the file itself, open or not.

use lsp_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Range, Uri,
};
use rhapsode::diag;
use rhapsode::source::Span;
use serde_json::{Value, json};

use super::Session;
use crate::lsp::documents::{Checked, Document};
use crate::lsp::files::address_of;
use crate::lsp::text::Text;

/// The most places shown of one used file.
const PLACES: usize = 8;

impl Session {
    /// Keeps what a check found; the notifications that follow from it: about the document, and about the files it uses
    /// or used until now.
    pub fn store(&mut self, uri: &str, checked: Checked) -> Vec<Value> {
        let Some(document) = self.documents.get_mut(uri) else { return Vec::new() };
        let mut others = document.checked.as_ref().map_or(Vec::new(), Checked::unsound);
        document.store(checked);
        others.extend(document.checked.as_ref().map_or(Vec::new(), Checked::unsound));
        others.sort_unstable();
        others.dedup();
        let own = self.documents.get(uri).and_then(|document| self.about(document));
        own.into_iter().chain(others.iter().filter_map(|path| self.about_file(path))).collect()
    }

    /// Forgets a document; the notifications that follow.
    pub fn close(&mut self, uri: &str) -> Vec<Value> {
        let Some(document) = self.documents.remove(uri) else { return Vec::new() };
        let others = document.checked.as_ref().map_or(Vec::new(), Checked::unsound);
        let own = match &document.path {
            Some(path) => self.notification(&document.uri, None, self.elsewhere(path)),
            None => self.notification(&document.uri, None, Vec::new()),
        };
        std::iter::once(own).chain(others.iter().filter_map(|path| self.about_file(path))).collect()
    }

    /// The notification with everything that is wrong with a document's text; none while it is being checked.
    fn about(&self, document: &Document) -> Option<Value> {
        let checked = document.current()?;
        let mut list: Vec<Diagnostic> = checked.own().iter().map(|d| self.diagnostic(document, d)).collect();
        if checked.fault {
            list.push(fault(document));
        }
        list.extend(checked.unsound().iter().filter_map(|path| self.at_use(document, checked, path)));
        for diagnostic in document.path.iter().flat_map(|path| self.elsewhere(path)) {
            let known = |d: &Diagnostic| {
                (&d.range, &d.code, &d.message) == (&diagnostic.range, &diagnostic.code, &diagnostic.message)
            };
            if !list.iter().any(known) {
                list.push(diagnostic);
            }
        }
        Some(self.notification(&document.uri, Some(document.version), list))
    }

    /// The same about a file that may be open or not.
    fn about_file(&self, path: &str) -> Option<Value> {
        match self.open_file(path) {
            Some(document) => self.about(document),
            None => Some(self.notification(&address_of(path)?, None, self.elsewhere(path))),
        }
    }

    fn notification(&self, uri: &Uri, version: Option<i32>, list: Vec<Diagnostic>) -> Value {
        let mut params = json!({"uri": uri, "diagnostics": list});
        if let Some(version) = version {
            params["version"] = json!(version);
        }
        json!({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params})
    }

    /// What the checks of documents that use a file found in it.
    fn elsewhere(&self, path: &str) -> Vec<Diagnostic> {
        let mut list: Vec<Diagnostic> = Vec::new();
        for user in self.documents.values().filter(|user| user.path.as_deref() != Some(path)) {
            for complaint in user.checked.iter().flat_map(|checked| checked.about(path)) {
                let diagnostic = self.diagnostic(user, complaint);
                if !list.iter().any(|d| (&d.range, &d.message) == (&diagnostic.range, &diagnostic.message)) {
                    list.push(diagnostic);
                }
            }
        }
        list
    }

    /// What is wrong with a used file, at the statement that brings it.
    fn at_use(&self, document: &Document, checked: &Checked, path: &str) -> Option<Diagnostic> {
        let statement = checked.used.iter().find(|file| file.path == path)?.statement;
        let all: Vec<&diag::Diagnostic> = checked.about(path).collect();
        let first = all.first()?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let message = match all.len() {
            1 => format!("an error in `{name}`: {}", first.message),
            n => format!("{n} errors in `{name}`; the first: {}", first.message),
        };
        let places = all.iter().take(PLACES).filter_map(|complaint| {
            let location = self.place(document, complaint.span)?;
            Some(DiagnosticRelatedInformation { location, message: complaint.message.clone() })
        });
        Some(Diagnostic {
            range: document.text.range(statement),
            severity: Some(DiagnosticSeverity::ERROR),
            code: Some(NumberOrString::String(first.code.to_string())),
            source: Some("rhapsode".to_string()),
            message,
            related_information: Some(places.collect()),
            ..Diagnostic::default()
        })
    }

    /// Where a span of a check of `document` lies: in the document, or in a file it uses.
    pub fn place(&self, document: &Document, span: Span) -> Option<Location> {
        let source = match document.checked.as_ref().and_then(|checked| checked.sources.as_ref()) {
            Some(sources) if span.start > sources.main().end() => sources.find(span.start),
            _ => return Some(Location::new(document.uri.clone(), document.text.range(span))),
        };
        let span = Span::new(span.start - source.start(), span.end.saturating_sub(source.start()));
        let range = Text::new(source.text().to_string(), self.encoding).range(span);
        let uri = match self.open_file(source.name()) {
            Some(open) => open.uri.clone(),
            None => address_of(source.name())?,
        };
        Some(Location::new(uri, range))
    }

    /// The open document of a path.
    pub fn open_file(&self, path: &str) -> Option<&Document> {
        self.documents.values().find(|document| document.path.as_deref() == Some(path))
    }

    /// One diagnostic of a check of `document`.
    pub fn diagnostic(&self, document: &Document, diagnostic: &diag::Diagnostic) -> Diagnostic {
        let mut message = diagnostic.message.clone();
        if !diagnostic.label.is_empty() {
            message += &format!("\n{}", diagnostic.label);
        }
        if let Some(help) = &diagnostic.help {
            message += &format!("\nhelp: {help}");
        }
        let related = diagnostic.related.iter().filter_map(|(span, remark)| {
            Some(DiagnosticRelatedInformation { location: self.place(document, *span)?, message: remark.clone() })
        });
        let related: Vec<_> = related.collect();
        Diagnostic {
            range: self.place(document, diagnostic.span).map_or(Range::default(), |place| place.range),
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

/// What is told of a text on which the library failed: that nothing is known is not that nothing is wrong.
fn fault(document: &Document) -> Diagnostic {
    let line = document.text.as_str().find(['\n', '\r']).unwrap_or(document.text.as_str().len());
    Diagnostic {
        range: document.text.range(Span::new(0, line as u32)),
        severity: Some(DiagnosticSeverity::ERROR),
        source: Some("rhapsode".to_string()),
        message: "a fault in rhapsode: this text could not be checked, its errors are not known\n\
                  help: please report it, with the text"
            .to_string(),
        ..Diagnostic::default()
    }
}
