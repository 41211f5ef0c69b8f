//! The tree-sitter grammar of Rhapsode models, for hosts that parse with tree-sitter: `parser.set_language(&LANGUAGE.into())`.
//! Editors load the generated parser (`src/parser.c`) themselves.

use tree_sitter_language::LanguageFn;

unsafe extern "C" {
    fn tree_sitter_rhapsode() -> *const ();
}

/// The language.
// SAFETY: the generated parser defines this function, and it returns a language of static lifetime.
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_rhapsode) };

/// Which part of a model has which colour.
pub const HIGHLIGHTS_QUERY: &str = include_str!("../../queries/highlights.scm");

/// The kinds of node, as JSON.
pub const NODE_TYPES: &str = include_str!("../../src/node-types.json");
