//! Diagnostics as text, with the source line underlined.

use super::Diagnostic;
use crate::source::Source;

/// Renders diagnostics as plain or coloured text.
pub fn render(_source: &Source, _diagnostics: &[Diagnostic], _colour: bool) -> String {
    String::new()
}
