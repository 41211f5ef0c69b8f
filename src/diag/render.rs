//! Diagnostics as text, with the source line underlined.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Diagnostic;
use crate::source::{Source, Span};

/// Lines longer than this are shown around the place only.
const MAX_LINE: usize = 400;

/// Renders diagnostics, plain or coloured for a terminal, each ending in a line end.
pub fn render(source: &Source, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text += &renderer.render(&[group(source, diagnostic)]);
        text += "\n\n";
    }
    text
}

fn group<'a>(source: &'a Source, diagnostic: &'a Diagnostic) -> Group<'a> {
    let title = Level::ERROR.primary_title(diagnostic.message.as_str()).id(diagnostic.code.0);
    let (window, first_line) = window(source, diagnostic);
    let place = |span: Span| {
        let clamp = |at: u32| (at as usize).clamp(window.start as usize, window.end as usize) - window.start as usize;
        clamp(span.start)..clamp(span.end.max(span.start))
    };
    let primary = AnnotationKind::Primary.span(place(diagnostic.span));
    let primary = if diagnostic.label.is_empty() { primary } else { primary.label(diagnostic.label.as_str()) };
    let mut snippet = Snippet::source(source.slice(window)).path(source.name()).line_start(first_line).annotation(primary);
    for (span, remark) in &diagnostic.related {
        if window.start <= span.start && span.end <= window.end {
            snippet = snippet.annotation(AnnotationKind::Context.span(place(*span)).label(remark.as_str()));
        }
    }
    let mut group = title.element(snippet.fold(true));
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// The part of the text to show, and the number of its first line: from the first to the last line concerned, unless
/// those lines are very long.
fn window(source: &Source, diagnostic: &Diagnostic) -> (Span, usize) {
    let text = source.text();
    let related = diagnostic.related.iter().map(|(span, _)| *span);
    let whole = related.fold(diagnostic.span, |all, span| all.to(span));
    let own = diagnostic.span;
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |n| n + 1);
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |n| at + n);
    let (mut start, mut end) = (line_start(whole.start as usize), line_end(whole.end as usize));
    if own.start as usize - line_start(own.start as usize) > MAX_LINE || line_end(own.end as usize) - own.end as usize > MAX_LINE {
        start = floor_boundary(text, (own.start as usize).saturating_sub(MAX_LINE / 4).max(line_start(own.start as usize)));
        end = floor_boundary(text, (own.start as usize + MAX_LINE / 4).min(line_end(own.start as usize)));
    }
    (Span::new(start as u32, end as u32), source.line_column(own.start.min(start as u32)).0)
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
