//! Diagnostics: what a model's author is told, as values with spans. Rendering is elsewhere ([`render`]).
//!
//! Style: messages are lower case without a full stop and say what was expected against what was found; a hint is
//! something one could type in.

pub mod codes;
mod render;
mod suggest;

pub use codes::{CODES, Code, CodeEntry};
pub use render::render;
pub use suggest::closest;

use crate::source::Span;

/// One error at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Its code, e.g. `E0102`.
    pub code: Code,
    /// The headline.
    pub message: String,
    /// The place, underlined.
    pub span: Span,
    /// What stands under the underline (may be empty).
    pub label: String,
    /// Other places that matter, each with its remark.
    pub related: Vec<(Span, String)>,
    /// What one could do or type.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with code, place and headline.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { code, message: message.into(), span, label: String::new(), related: Vec::new(), help: None }
    }

    /// With a remark under the underline.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place and a remark on it.
    pub fn related(mut self, span: Span, remark: impl Into<String>) -> Self {
        self.related.push((span, remark.into()));
        self
    }

    /// With a hint.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
