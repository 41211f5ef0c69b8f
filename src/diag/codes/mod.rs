//! The table of diagnostic codes, one file per phase: [`lang`] and [`syntax`] (E01xx), [`model`], [`reactions`],
//! [`components`], [`units`], [`events`], [`data`] and [`objectives`] (E02xx), [`run`] (E03xx).
//!
//! Adding a code: a constant and an entry in the phase's file, and a fixture in `tests/diagnostics/` that shows it.

pub mod components;
pub mod data;
pub mod events;
pub mod lang;
pub mod model;
pub mod objectives;
pub mod reactions;
pub mod run;
pub mod syntax;
pub mod units;

/// A diagnostic code such as `E0102`; the table [`CODES`] explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl Code {
    /// What the table says about it.
    pub fn entry(self) -> Option<&'static CodeEntry> {
        CODES.iter().copied().flatten().find(|entry| entry.code == self)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// What a code means, with a model that fails and the same model mended.
#[derive(Clone, Copy, Debug)]
pub struct CodeEntry {
    /// The code.
    pub code: Code,
    /// A title of a few words.
    pub title: &'static str,
    /// A paragraph: what it means and what to do.
    pub explanation: &'static str,
    /// A model that shows it.
    pub failing: &'static str,
    /// The same model, mended.
    pub mended: &'static str,
}

/// All codes, ascending, a slice per phase.
pub const CODES: &[&[CodeEntry]] = &[
    lang::ENTRIES,
    syntax::ENTRIES,
    model::ENTRIES,
    reactions::ENTRIES,
    components::ENTRIES,
    units::ENTRIES,
    events::ENTRIES,
    data::ENTRIES,
    objectives::ENTRIES,
    run::ENTRIES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_are_explained() {
        let entries: Vec<_> = CODES.iter().copied().flatten().collect();
        assert!(entries.windows(2).all(|pair| pair[0].code < pair[1].code));
        for entry in entries {
            assert!(!entry.title.is_empty() && entry.explanation.len() > 40, "{}", entry.code);
            assert!(entry.failing != entry.mended, "{}", entry.code);
            assert_eq!(entry.code.entry().map(|found| found.title), Some(entry.title));
        }
    }
}
