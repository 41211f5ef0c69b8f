//! E03xx: what can be wrong with a request to run a model (flags, spans, output columns).

use super::CodeEntry;

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[];
