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

use crate::source::{Sources, Span};

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
    /// Changes of the text, each of which would do what the hint says; editors offer them.
    pub fixes: Vec<Fix>,
}

/// A change of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order: "change to `k1`".
    pub title: String,
    /// What is replaced, or where a line is put.
    pub span: Span,
    /// What is put there.
    pub text: String,
    /// Whether the text becomes a line of its own before the statement that holds the span, which stays as it is.
    pub line_before: bool,
}

impl Diagnostic {
    /// An error with code, place and headline.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            message: message.into(),
            span,
            label: String::new(),
            related: Vec::new(),
            help: None,
            fixes: Vec::new(),
        }
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

    /// With its places as they stand in the texts; where it lies in an instance of a component, that is a further place.
    pub fn settled(mut self, sources: &Sources) -> Self {
        /// So many instances around each other are shown, innermost first.
        const SHOWN: usize = 3;
        let (span, instances) = sources.real(self.span);
        self.span = span;
        for (span, _) in &mut self.related {
            *span = sources.real(*span).0;
        }
        for fix in &mut self.fixes {
            fix.span = sources.real(fix.span).0;
        }
        for instance in instances.into_iter().take(SHOWN) {
            self.related.push((instance, "in this instance".to_string()));
        }
        self
    }

    /// With a hint.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the likely intent: a hint, and the change that follows it.
    pub fn did_you_mean(self, span: Span, meant: &str) -> Self {
        self.help(format!("did you mean `{meant}`?")).fix(span, meant)
    }

    /// With a change: `text` in place of what stands at `span`.
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        let title = match (text.is_empty(), span.start == span.end) {
            (true, _) => "remove it".to_string(),
            (false, true) => format!("insert `{text}`"),
            (false, false) => format!("change to `{text}`"),
        };
        self.fixes.push(Fix { title, span, text, line_before: false });
        self
    }

    /// With a change: `text` as a line of its own before the statement that holds `span`.
    pub fn line_before(mut self, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        self.fixes.push(Fix { title: format!("add `{text}`"), span, text, line_before: true });
        self
    }
}
