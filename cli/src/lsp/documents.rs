//! One open document: its text, what its names mean, and what the last check of it found.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use lsp_types::{TextDocumentContentChangeEvent, TextDocumentItem, Uri};
use rhapsode::Model;
use rhapsode::diag::Diagnostic;
use rhapsode::model::{Analysis, EntityId};
use rhapsode::source::{Source, Sources, Span};

use super::files::path_of;
use super::text::{Encoding, Text};

/// An open document.
pub struct Document {
    /// Its address, as the client writes it.
    pub uri: Uri,
    /// The path behind it, if it is a file's.
    pub path: Option<String>,
    /// The client's number of this text.
    pub version: i32,
    /// The text.
    pub text: Text,
    /// When it is to be checked.
    pub due: Option<Instant>,
    /// What the last check said.
    pub checked: Option<Checked>,
    analysis: OnceCell<Analysis>,
    values: OnceCell<HashMap<EntityId, f64>>,
}

/// What a check found.
#[derive(Default)]
pub struct Checked {
    /// Of which text.
    pub version: i32,
    /// All complaints, in the order of the texts, the document's own first.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts they point into; none after a fault.
    pub sources: Option<Sources>,
    /// The files the model uses, where there are complaints.
    pub used: Vec<UsedFile>,
    /// The paths of the files that the check asked for, found or not.
    pub asked: Vec<String>,
    /// Whether the library failed, so that nothing is known of the text.
    pub fault: bool,
    /// The model, if there are no complaints.
    pub model: Option<Model>,
}

/// A file that a model uses.
pub struct UsedFile {
    /// Where it is kept.
    pub path: String,
    /// What brings it, in the main text: the path in a `use` statement, maybe of a file that uses this one.
    pub statement: Span,
}

impl Checked {
    /// The complaints about the document itself.
    pub fn own(&self) -> &[Diagnostic] {
        let end = self.sources.as_ref().map_or(0, |sources| sources.main().end());
        &self.diagnostics[..self.diagnostics.partition_point(|complaint| complaint.span.start <= end)]
    }

    /// The complaints about a file it uses.
    pub fn about<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Diagnostic> {
        let sources = self.sources.as_ref();
        let others = self.diagnostics[self.own().len()..].iter();
        others.filter(move |complaint| sources.is_some_and(|all| all.find(complaint.span.start).name() == path))
    }

    /// The paths of the used files that have complaints.
    pub fn unsound(&self) -> Vec<String> {
        let unsound = self.used.iter().filter(|file| self.about(&file.path).next().is_some());
        unsound.map(|file| file.path.clone()).collect()
    }
}

/// All open documents, by address.
pub type Documents = BTreeMap<String, Document>;

impl Document {
    /// A document as it is opened, to be checked at once.
    pub fn new(item: TextDocumentItem, encoding: Encoding) -> Document {
        Document {
            path: path_of(item.uri.as_str()),
            uri: item.uri,
            version: item.version,
            text: Text::new(item.text, encoding),
            due: Some(Instant::now()),
            checked: None,
            analysis: OnceCell::new(),
            values: OnceCell::new(),
        }
    }

    /// Applies changes, which lead to the text of that version.
    pub fn change(&mut self, version: i32, changes: Vec<TextDocumentContentChangeEvent>, due: Instant) {
        changes.into_iter().for_each(|change| self.text.apply(change));
        self.version = version;
        self.due = Some(due);
        self.analysis = OnceCell::new();
        self.values = OnceCell::new();
    }

    /// The names of the present text.
    pub fn analysis(&self) -> &Analysis {
        self.analysis.get_or_init(|| Analysis::new(Source::new(self.uri.as_str(), self.text.as_str())))
    }

    /// The numbers behind its constants and parameters.
    pub fn values(&self) -> &HashMap<EntityId, f64> {
        self.values.get_or_init(|| self.analysis().values().into_iter().collect())
    }

    /// Keeps what a check found; the last sound model stays while errors are in the text.
    pub fn store(&mut self, checked: Checked) {
        let before = self.checked.take().and_then(|before| before.model);
        let model = checked.model.or(before);
        self.checked = Some(Checked { model, ..checked });
    }

    /// The check of the present text, if it is done.
    pub fn current(&self) -> Option<&Checked> {
        self.checked.as_ref().filter(|checked| checked.version == self.version)
    }

    /// What the check of the present text said about it, if it is done.
    pub fn complaints(&self) -> &[Diagnostic] {
        self.current().map_or(&[], Checked::own)
    }

    /// The model as it was when it last was sound, which may be some keystrokes ago.
    pub fn model(&self) -> Option<&Model> {
        self.checked.as_ref()?.model.as_ref()
    }
}
