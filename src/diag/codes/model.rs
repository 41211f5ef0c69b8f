//! E02xx: what checking a model can find wrong.

use super::CodeEntry;

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[];
