//! Codes of what happens around a model's text.

use super::{Code, CodeEntry};

/// A file that cannot be read; it has no text to show, hence no entry.
pub const UNREADABLE: Code = Code("E0301");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[];
