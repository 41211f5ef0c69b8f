//! All errors of a model, with the texts they point into.

use std::fmt;

use rustc_hash::FxHashSet;

use crate::diag::{Diagnostic, codes, render};
use crate::source::{Source, Sources, Span};

/// Diagnostics and the texts they belong to; displays as the rendered diagnostics.
#[derive(Clone, Debug)]
pub struct Errors {
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    unreadable: Option<String>,
}

impl Errors {
    pub(super) fn new(sources: Sources, diagnostics: Vec<Diagnostic>) -> Self {
        // A component's text is read once per instance: its errors are told once.
        let mut told = FxHashSet::default();
        let mut diagnostics: Vec<_> = diagnostics.into_iter().map(|d| d.settled(&sources)).collect();
        diagnostics.retain(|d| told.insert((d.code, d.span)));
        diagnostics.sort_by_key(|d| d.span.start);
        Errors { sources, diagnostics, unreadable: None }
    }

    pub(super) fn unreadable(name: &str, reason: &str) -> Self {
        let message = format!("cannot read `{name}`: {reason}");
        let diagnostic = Diagnostic::new(codes::run::UNREADABLE, Span::new(0, 0), message.clone());
        Errors { sources: Sources::new(name, ""), diagnostics: vec![diagnostic], unreadable: Some(message) }
    }

    /// The diagnostics in the order of the text.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The model's main text; [`Self::sources`] also has those it uses.
    pub fn source(&self) -> &Source {
        self.sources.main()
    }

    /// The texts they point into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// As text, plain or coloured for a terminal.
    pub fn render(&self, colour: bool) -> String {
        match &self.unreadable {
            Some(message) => format!("error: {message}\n"),
            None => render(&self.sources, &self.diagnostics, colour),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Errors {}
