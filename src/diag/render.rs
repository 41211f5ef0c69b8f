//! Diagnostics as text, with the source line underlined.
//!
//! Only excerpts are handed to the renderer, so that the cost of a report does not depend on the size of the file, and
//! a line of a megabyte is cut to the part that matters (the line and column in the heading stay those of the file).

use super::Diagnostic;
use crate::source::{Source, Sources, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::ops::Range;

/// A place further than this many lines from another is shown on its own.
const NEAR_LINES: usize = 3;

/// A span of more lines than this is shown by its first line.
const MOST_LINES: usize = 6;

/// Lines beyond this many bytes are cut.
const LONG_LINE: usize = 300;

/// How many bytes of a cut line are shown on either side of the place.
const MARGIN: usize = 60;

/// Renders diagnostics, one block each with a blank line between: code and message, `--> name:line:column`, the
/// underlined line, related places, and the hint. Plain text, or coloured with terminal escapes.
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&renderer.render(&[report(sources, diagnostic)]));
        text.push('\n');
    }
    text
}

/// One place of a diagnostic, with the lines it is shown on.
struct Place<'a> {
    source: &'a Source,
    span: Span,
    remark: &'a str,
    kind: AnnotationKind,
    first: usize,
    last: usize,
}

fn report<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let title = Level::ERROR.primary_title(diagnostic.message.as_str()).id(diagnostic.code.0);
    let primary = place(sources, diagnostic.span, &diagnostic.label, AnnotationKind::Primary);
    let mut shown = vec![primary];
    let mut apart = Vec::new();
    for (span, remark) in &diagnostic.related {
        let place = place(sources, *span, remark, AnnotationKind::Context);
        let near = shown.iter().any(|other: &Place| place.is_near(other));
        if near && !place.is_long() && !shown[0].is_long() { &mut shown } else { &mut apart }.push(place);
    }
    let mut group = Group::with_title(title);
    for places in std::iter::once(shown).chain(apart.into_iter().map(|place| vec![place])) {
        group = if places[0].is_long() { cut(group, &places[0]) } else { whole(group, &places) };
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

fn place<'a>(sources: &'a Sources, span: Span, remark: &'a str, kind: AnnotationKind) -> Place<'a> {
    let source = sources.find(span.start);
    let first = source.line_column(span.start).0;
    let last = source.line_column(span.end).0;
    if last - first < MOST_LINES {
        return Place { source, span, remark, kind, first, last };
    }
    let span = Span::new(span.start, source.line_span(first).end.max(span.start));
    Place { source, span, remark, kind, first, last: first }
}

impl Place<'_> {
    fn is_long(&self) -> bool {
        let text = Span::new(self.source.line_span(self.first).start, self.source.line_span(self.last).end);
        (text.end - text.start) as usize > LONG_LINE * (self.last - self.first + 1)
    }

    fn is_near(&self, other: &Place<'_>) -> bool {
        self.source.start() == other.source.start()
            && self.first <= other.last + NEAR_LINES
            && other.first <= self.last + NEAR_LINES
    }
}

/// The lines of the places, which lie near each other, as they are.
fn whole<'a>(group: Group<'a>, places: &[Place<'a>]) -> Group<'a> {
    let source = places[0].source;
    let first = places.iter().map(|place| place.first).min().unwrap_or(1);
    let last = places.iter().map(|place| place.last).max().unwrap_or(1);
    let lines = Span::new(source.line_span(first).start, source.line_span(last).end);
    let clip = |offset: u32| (offset.min(lines.end) - lines.start) as usize;
    let within = |span: Span| clip(span.start)..clip(span.end);
    let annotations = places.iter().map(|place| annotation(place, within(place.span)));
    group.element(Snippet::source(source.slice(lines)).line_start(first).path(source.name()).annotations(annotations))
}

/// A piece of the first line of a place, under a heading with the true position.
fn cut<'a>(group: Group<'a>, place: &Place<'a>) -> Group<'a> {
    let source = place.source;
    let (line, column) = source.line_column(place.span.start);
    let range = source.line_span(line);
    let text = source.slice(range);
    let start = (place.span.start.min(range.end) - range.start) as usize;
    let end = ((place.span.end.min(range.end) - range.start) as usize).min(start + LONG_LINE).max(start);
    let from = text.floor_char_boundary(start.saturating_sub(MARGIN));
    let end = text.floor_char_boundary(end);
    let to = text.ceil_char_boundary((end + MARGIN).min(text.len()));
    let mark = |cut: bool| if cut { "…" } else { "" };
    let before = mark(from > 0);
    let piece = format!("{before}{}{}", &text[from..to], mark(to < text.len()));
    let shift = before.len();
    let annotation = annotation(place, start - from + shift..end.max(start) - from + shift);
    group
        .element(Origin::path(source.name()).line(line).char_column(column))
        .element(Snippet::source(piece).line_start(line).annotation(annotation))
}

fn annotation<'a>(place: &Place<'a>, range: Range<usize>) -> annotate_snippets::Annotation<'a> {
    let annotation = place.kind.span(range);
    if place.remark.is_empty() { annotation } else { annotation.label(place.remark) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;

    fn rendered(text: &str, span: Span, related: &[Span]) -> String {
        let sources = Sources::new("m.ode", text);
        let mut error = Diagnostic::new(Code("E0103"), span, "expected `=`, found `:=`").help("write `=`");
        for span in related {
            error = error.related(*span, "opened here");
        }
        render(&sources, &[error], false)
    }

    #[test]
    fn shows_place_underline_and_hint() {
        let text = rendered("a = 1\nβ := 2\n", Span::new(9, 11), &[]);
        assert_eq!(
            text,
            "error[E0103]: expected `=`, found `:=`\n --> m.ode:2:3\n  |\n2 | β := 2\n  |   ^^\n  |\n  = help: write `=`\n"
        );
    }

    #[test]
    fn places_far_apart_are_shown_apart() {
        let text = format!("x = (1\n{}y = 2\n", "\n".repeat(1000));
        let place = text.len() as u32 - 6;
        let text = rendered(&text, Span::new(place, place + 1), &[Span::new(4, 5)]);
        assert!(text.contains("m.ode:1002:1") && text.contains("m.ode:1:5") && text.contains("opened here"), "{text}");
        assert!(text.lines().count() < 15, "{text}");
    }

    #[test]
    fn a_place_in_another_text_shows_its_name() {
        let mut sources = Sources::new("main.ode", "use \"lib.ode\"\na = C()\n");
        let lib = sources.add("lib.ode", "component C() {\n  x' = y\n}\n").unwrap();
        let (y, instance) = (Span::new(lib.start() + 23, lib.start() + 24), Span::new(18, 21));
        assert_eq!((lib.slice(y), sources.main().slice(instance)), ("y", "C()"));
        let error = Diagnostic::new(Code("E0201"), y, "unknown name `y`").related(instance, "in this instance");
        assert_eq!(
            render(&sources, &[error], false),
            "error[E0201]: unknown name `y`\n --> lib.ode:2:8\n  |\n2 |   x' = y\n  |        ^\n  |\n \
             ::: main.ode:2:5\n  |\n2 | a = C()\n  |     --- in this instance\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_and_its_column_kept() {
        let text = format!("{}!{}", "é+".repeat(300_000), "x+".repeat(300_000));
        let text = rendered(&text, Span::new(900_000, 900_001), &[Span::new(0, 2)]);
        assert!(text.contains("--> m.ode:1:600001"), "{text}");
        assert!(text.len() < 2_000, "{text}");
    }

    #[test]
    fn ends_of_files_and_odd_characters_are_shown() {
        for text in ["", "\n", "\u{feff}", "x = \0\x1b[31m\r\n", "\t\tx"] {
            for span in [Span::new(0, 0), Span::new(text.len() as u32, text.len() as u32)] {
                assert!(rendered(text, span, &[span]).contains("m.ode:"), "{text:?}");
            }
        }
    }
}
