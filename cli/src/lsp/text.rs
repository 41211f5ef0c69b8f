//! The text of an open document, and positions in it as the protocol counts them.
//!
//! Lines end with `\n`, `\r\n` or `\r` here, columns are counted in the units agreed with the client; the library counts
//! bytes. Positions from outside are never trusted: what lies beyond the end is taken as the end, and what falls inside a
//! character as its beginning.

use lsp_types::{Position, PositionEncodingKind, Range, TextDocumentContentChangeEvent};
use rhapsode::source::Span;

/// What columns count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// 16-bit units, the protocol's default.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// The best of those a client offers.
    pub fn agreed(offered: &[PositionEncodingKind]) -> Encoding {
        if offered.contains(&PositionEncodingKind::UTF8) {
            Encoding::Utf8
        } else if offered.contains(&PositionEncodingKind::UTF16) || !offered.contains(&PositionEncodingKind::UTF32) {
            Encoding::Utf16
        } else {
            Encoding::Utf32
        }
    }

    /// Its name in the protocol.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn units(self, c: char) -> usize {
        match self {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
            Encoding::Utf32 => 1,
        }
    }
}

/// A text with its lines.
#[derive(Clone, Debug)]
pub struct Text {
    text: String,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl Text {
    /// A text whose columns are counted so.
    pub fn new(text: String, encoding: Encoding) -> Text {
        let starts = starts(&text);
        Text { text, starts, encoding }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes of a line, its end excluded.
    fn line(&self, line: usize) -> (usize, &str) {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        (start, self.text[start..end].trim_end_matches(['\r', '\n']))
    }

    /// The byte at a position.
    pub fn offset(&self, position: Position) -> u32 {
        let (start, line) = self.line(position.line as usize);
        let mut left = position.character as usize;
        for (at, c) in line.char_indices() {
            let units = self.encoding.units(c);
            if left < units {
                return (start + at) as u32;
            }
            left -= units;
        }
        (start + line.len()) as u32
    }

    /// The position of a byte.
    pub fn position(&self, offset: u32) -> Position {
        let offset = self.text.floor_char_boundary((offset as usize).min(self.text.len()));
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let before = &self.text[self.starts.get(line).copied().unwrap_or(0)..offset];
        let units: usize = before.chars().map(|c| self.encoding.units(c)).sum();
        Position::new(line as u32, units as u32)
    }

    /// The range of a span.
    pub fn range(&self, span: Span) -> Range {
        Range::new(self.position(span.start), self.position(span.end))
    }

    /// The span of a range.
    pub fn span(&self, range: Range) -> Span {
        let start = self.offset(range.start);
        Span::new(start, self.offset(range.end).max(start))
    }

    /// The range of the whole text.
    /// The length of a span in the units of columns.
    pub fn length(&self, span: Span) -> u32 {
        self.text[span.start as usize..span.end as usize].chars().map(|c| self.encoding.units(c) as u32).sum()
    }

    /// Applies a change: of a range, or of everything.
    pub fn apply(&mut self, change: TextDocumentContentChangeEvent) {
        match change.range {
            None => self.text = change.text,
            Some(range) => {
                let span = self.span(range);
                self.text.replace_range(span.start as usize..span.end as usize, &change.text);
            }
        }
        self.starts = starts(&self.text);
    }
}

fn starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = |k: usize| bytes[k] == b'\n' || (bytes[k] == b'\r' && bytes.get(k + 1) != Some(&b'\n'));
    std::iter::once(0).chain((0..bytes.len()).filter(|k| ends(*k)).map(|k| k + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "α = 1\r\n𝛃 = α\rγ\n";

    #[test]
    fn columns_are_counted_in_the_agreed_units() {
        // 𝛃 has four bytes, two 16-bit units, one character.
        for (encoding, column) in [(Encoding::Utf8, 4), (Encoding::Utf16, 2), (Encoding::Utf32, 1)] {
            let text = Text::new(TEXT.to_string(), encoding);
            assert_eq!(text.position(12), Position::new(1, column));
            assert_eq!(text.offset(Position::new(1, column)), 12);
        }
    }

    #[test]
    fn every_byte_of_a_character_start_is_found_again() {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let text = Text::new(TEXT.to_string(), encoding);
            for (at, c) in TEXT.char_indices() {
                if !matches!(c, '\r' | '\n') {
                    assert_eq!(text.offset(text.position(at as u32)), at as u32);
                }
            }
        }
    }

    #[test]
    fn positions_that_do_not_exist_are_brought_inside() {
        let text = Text::new(TEXT.to_string(), Encoding::Utf16);
        assert_eq!(text.offset(Position::new(0, 99)), 6);
        assert_eq!(text.offset(Position::new(1, 1)), 8); // inside the pair
        assert_eq!(text.offset(Position::new(9, 9)), TEXT.len() as u32);
        assert_eq!(text.position(9), Position::new(1, 0)); // inside the character
        assert_eq!(text.position(999), text.position(TEXT.len() as u32));
    }

    #[test]
    fn changes_apply_in_order() {
        let mut text = Text::new("ab\ncd".to_string(), Encoding::Utf16);
        let change = |range: Option<(u32, u32, u32, u32)>, text: &str| TextDocumentContentChangeEvent {
            range: range.map(|(a, b, c, d)| Range::new(Position::new(a, b), Position::new(c, d))),
            range_length: None,
            text: text.to_string(),
        };
        text.apply(change(Some((0, 1, 1, 1)), "é\n"));
        assert_eq!(text.as_str(), "aé\nd");
        text.apply(change(Some((1, 1, 0, 0)), "x")); // ends before it begins
        assert_eq!(text.as_str(), "aé\ndx");
        text.apply(change(None, "all"));
        assert_eq!(text.position(9), Position::new(0, 3));
    }
}
