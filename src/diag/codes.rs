//! The table of diagnostic codes.

/// A diagnostic code such as `E0102`; the table [`CODES`] explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

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

/// All codes, ascending.
pub const CODES: &[&[CodeEntry]] = &[];
