//! One open document: its text, what its names mean, and what the last check of it found.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use lsp_types::{TextDocumentContentChangeEvent, TextDocumentItem, Uri};
use rhapsode::Model;
use rhapsode::diag::Diagnostic;
use rhapsode::model::{Analysis, EntityId};
use rhapsode::source::Source;

use super::text::{Encoding, Text};

/// An open document.
pub struct Document {
    /// Its address, as the client writes it.
    pub uri: Uri,
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
pub struct Checked {
    /// Of which text.
    pub version: i32,
    /// All complaints, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The model, if there are none.
    pub model: Option<Model>,
}

/// All open documents, by address.
pub type Documents = BTreeMap<String, Document>;

impl Document {
    /// A document as it is opened, to be checked at once.
    pub fn new(item: TextDocumentItem, encoding: Encoding) -> Document {
        Document {
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

    /// What the check of the present text said, if it is done.
    pub fn complaints(&self) -> &[Diagnostic] {
        let current = self.checked.as_ref().filter(|checked| checked.version == self.version);
        current.map_or(&[], |checked| &checked.diagnostics)
    }

    /// The model as it was when it last was sound, which may be some keystrokes ago.
    pub fn model(&self) -> Option<&Model> {
        self.checked.as_ref()?.model.as_ref()
    }
}
