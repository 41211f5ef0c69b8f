//! All errors of a model's text, with the text they point into.

use std::fmt;

use crate::diag::{Diagnostic, codes, render};
use crate::source::{Source, Span};

/// Diagnostics and the source they belong to; displays as the rendered diagnostics.
#[derive(Clone, Debug)]
pub struct Errors {
    source: Source,
    diagnostics: Vec<Diagnostic>,
    unreadable: Option<String>,
}

impl Errors {
    pub(super) fn new(source: Source, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|d| d.span.start);
        Errors { source, diagnostics, unreadable: None }
    }

    pub(super) fn unreadable(name: &str, reason: &str) -> Self {
        let message = format!("cannot read `{name}`: {reason}");
        let diagnostic = Diagnostic::new(codes::run::UNREADABLE, Span::new(0, 0), message.clone());
        Errors { source: Source::new(name, ""), diagnostics: vec![diagnostic], unreadable: Some(message) }
    }

    /// The diagnostics in the order of the text.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The text they point into.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// As text, plain or coloured for a terminal.
    pub fn render(&self, colour: bool) -> String {
        match &self.unreadable {
            Some(message) => format!("error: {message}\n"),
            None => render(&self.source, &self.diagnostics, colour),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Errors {}
