//! The texts of a model, and which text and which instance a span belongs to.
//!
//! An instance of a component reads the component's text once more. It gets a range of offsets of its own for that, beyond
//! all texts, so that whatever is found out about it later, by stages that know nothing of components, can be traced to
//! the text and to the instance: [`Sources::real`].

use super::{DataFile, Source, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The texts a model is read from: the main one, and those it uses. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Sources {
    /// By ascending offset, with one offset between them, so that the end of one text is not the start of the next.
    /// Never empty.
    files: Vec<Arc<Source>>,
    /// By ascending start, beyond all texts.
    expansions: Vec<Expansion>,
    /// Files of data, by the offset at which a text names them.
    data: BTreeMap<u32, Arc<DataFile>>,
}

/// The text of a component as one of its instances reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Expansion {
    start: u32,
    text: Span,
    instance: Span,
}

impl Sources {
    /// A main text of the given name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Sources::from(Source::new(name, text))
    }

    /// The main text.
    pub fn main(&self) -> &Source {
        &self.files[0]
    }

    /// All texts, the main one first.
    pub fn all(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().map(|file| &**file)
    }

    /// Takes in another text, before anything is expanded; `None` if all texts together would be larger than [`Source::MAX_BYTES`].
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> Option<Arc<Source>> {
        let (text, start) = (text.into(), self.files[self.files.len() - 1].end() + 1);
        if start as usize + text.len() > Source::MAX_BYTES {
            return None;
        }
        let source = Arc::new(Source::at(start, name, text));
        self.files.push(source.clone());
        Some(source)
    }

    /// The text at a place in the order of [`Self::all`].
    pub fn get(&self, place: usize) -> Option<Arc<Source>> {
        self.files.get(place).cloned()
    }

    /// Makes a range of offsets for another reading of `text`, in an instance of a component that stands at `instance`
    /// (where that may itself lie in such a range). What is added to an offset in `text` to lie in the new range wraps
    /// around; `None` where offsets are used up.
    pub fn expand(&mut self, text: Span, instance: Span) -> Option<u32> {
        let start = match self.expansions.last() {
            Some(last) => last.start.checked_add(last.text.end - last.text.start)?,
            None => self.files[self.files.len() - 1].end(),
        };
        let start = start.checked_add(1)?;
        start.checked_add(text.end - text.start)?;
        self.expansions.push(Expansion { start, text, instance });
        Some(start.wrapping_sub(text.start))
    }

    /// Where a span stands in the texts, and the instances it was read in, innermost first.
    pub fn real(&self, span: Span) -> (Span, Vec<Span>) {
        let (real, mut around) = self.step(span);
        let mut instances = Vec::new();
        while let Some(instance) = around {
            let (place, further) = self.step(instance);
            instances.push(place);
            around = further;
        }
        (real, instances)
    }

    /// Where a span stands in the texts, and the instance it was read in, whose own place may be in another.
    fn step(&self, span: Span) -> (Span, Option<Span>) {
        let after = self.expansions.partition_point(|expansion| expansion.start <= span.start);
        let Some(expansion) = after.checked_sub(1).map(|place| self.expansions[place]) else { return (span, None) };
        let shift = expansion.start.wrapping_sub(expansion.text.start);
        let real = Span::new(span.start.wrapping_sub(shift), span.end.wrapping_sub(shift));
        (real, Some(expansion.instance))
    }

    /// Keeps the file of data that is named at `span`.
    pub fn add_data(&mut self, span: Span, file: Arc<DataFile>) {
        self.data.insert(span.start, file);
    }

    /// The file of data that is named at `span`; none where it could not be read.
    pub fn data(&self, span: Span) -> Option<&Arc<DataFile>> {
        self.data.get(&self.real(span).0.start)
    }

    /// The text that holds an offset, which is none of an instance.
    pub fn find(&self, offset: u32) -> &Source {
        let after = self.files.partition_point(|file| file.start() <= offset);
        &self.files[after.saturating_sub(1)]
    }
}

impl From<Source> for Sources {
    /// A model of one text, which begins at offset 0 ([`Source::new`]).
    fn from(source: Source) -> Self {
        Sources { files: vec![Arc::new(source)], expansions: Vec::new(), data: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_its_own_offsets() {
        let mut sources = Sources::new("main", "ab\nc");
        let lib = sources.add("lib", "x\nyz").unwrap();
        assert_eq!((lib.start(), lib.end()), (5, 9));
        assert_eq!((lib.slice(Span::new(7, 9)), lib.line_column(8), lib.line_span(2)), ("yz", (2, 2), Span::new(7, 9)));
        let of = |offset| sources.find(offset).name();
        assert_eq!((of(0), of(4), of(5), of(9), of(99)), ("main", "main", "lib", "lib", "lib"));
        assert_eq!(sources.main().name(), "main");
        assert!(sources.add("large", " ".repeat(Source::MAX_BYTES)).is_none());
    }

    #[test]
    fn spans_of_instances_lead_to_the_text_and_to_the_instances() {
        let mut sources = Sources::new("main", "component A() { b = B() }  component B() { x = y }  a = A()");
        let find = |text: &str| {
            let start = sources.main().text().find(text).unwrap() as u32;
            Span::new(start, start + text.len() as u32)
        };
        let (a, b, y) = (find("component A() { b = B() }"), find("component B() { x = y }"), find("y"));
        let (inner, outer) = (find("b = B()"), find("a = A()"));
        let moved = |span: Span, by: u32| Span::new(span.start.wrapping_add(by), span.end.wrapping_add(by));
        let of_a = sources.expand(a, outer).unwrap();
        let of_b = sources.expand(b, moved(inner, of_a)).unwrap();
        assert_eq!(sources.real(moved(y, of_b)), (y, vec![inner, outer]));
        assert_eq!(sources.real(moved(inner, of_a)), (inner, vec![outer]));
        assert_eq!(sources.real(y), (y, vec![]));
        assert_eq!(sources.expand(Span::new(0, u32::MAX - 10), outer), None);
    }
}
