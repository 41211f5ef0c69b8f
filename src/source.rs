//! Source text and positions in it.
//!
//! A [`Source`] is one named text. A model is read from one or, with `use`, from several: [`Sources`]. Each text occupies
//! a range of offsets of its own, so that a [`Span`], a half-open range of offsets, is small and still says which text it
//! lies in. A text that stands alone begins at offset 0. Nothing here reads files: hosts hand the text in, so the
//! compiler does no input or output of its own.
//!
//! Invariant: every span handed to a [`Source`] lies inside its range and on character boundaries.

pub mod data;
mod loader;
mod sources;

pub use data::DataFile;
pub use loader::{Loader, beside, normal};
pub use sources::Sources;

/// A half-open range of offsets, `start..end`, in one text of [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Span { start, end }
    }

    /// The smallest span that covers both, which lie in the same text.
    pub fn to(self, other: Span) -> Span {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// A named model text with an index of its lines. All positions it takes and gives are offsets that begin with
/// [`Source::start`].
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    name: String,
    text: String,
    start: u32,
    /// Within the text.
    line_starts: Vec<u32>,
}

impl Source {
    /// The largest text that is accepted, in bytes (a bound on memory, stated in the error).
    pub const MAX_BYTES: usize = 32 << 20;

    /// A source called `name` (usually its path) with the given text, which begins at offset 0.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Source::at(0, name, text)
    }

    fn at(start: u32, name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        Source { name: name.into(), text, start, line_starts }
    }

    /// The name given at construction.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The offset of the first byte.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The offset one past the last byte.
    pub fn end(&self) -> u32 {
        self.start + self.text.len() as u32
    }

    /// The text under `span`.
    pub fn slice(&self, span: Span) -> &str {
        &self.text[(span.start - self.start) as usize..(span.end - self.start) as usize]
    }

    /// The range of a line (one-based), without its line end; lines beyond the last are empty.
    pub fn line_span(&self, line: usize) -> Span {
        let length = self.text.len() as u32;
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(length);
        let end = self.line_starts.get(line).map_or(length, |next| next - 1);
        let carriage_return = end > start && self.text.as_bytes()[end as usize - 1] == b'\r';
        Span::new(self.start + start, self.start + end - u32::from(carriage_return))
    }

    /// One-based line and column (in characters) of an offset.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let offset = offset.saturating_sub(self.start);
        let line = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.line_starts[line] as usize;
        let column = self.text[start..(offset as usize).min(self.text.len())].chars().count();
        (line + 1, column + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = Source::new("m", "ab\nβ=1\n");
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(3), (2, 1));
        assert_eq!(source.line_column(5), (2, 2));
        assert_eq!(source.slice(Span::new(3, 5)), "β");
        assert_eq!(source.line_span(2), Span::new(3, 7));
        assert_eq!(source.line_span(9), Span::new(8, 8));
        assert_eq!(Source::new("m", "a\r\nb").line_span(1), Span::new(0, 1));
    }
}
