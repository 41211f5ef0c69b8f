//! Any text is parsed and checked as a whole: no panic, and a model exactly where nothing is complained of.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rhapsode::lang::parse;
use rhapsode::model::{Analysis, Mention, Target, check};
use rhapsode::source::{Source, Sources};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let source = Source::new("fuzz.ode", text.as_ref());
    let (ast, errors) = parse(&source);
    let sources = Sources::from(source.clone());
    let (model, complaints) = check(&sources, &ast);
    assert_eq!(model.is_some(), complaints.is_empty());
    let all: Vec<_> = errors.into_iter().chain(complaints).collect();
    for diagnostic in &all {
        for span in std::iter::once(diagnostic.span).chain(diagnostic.related.iter().map(|(span, _)| *span)) {
            assert!(span.start <= span.end && text.get(span.start as usize..span.end as usize).is_some(), "{diagnostic:?}");
        }
    }
    rhapsode::diag::render(&sources, &all, false);
    editors(source);
});

/// What the language server asks: mentions ascend and lie in the text; no question about a place is a fault.
fn editors(source: Source) {
    let analysis = Analysis::new(source);
    let text = analysis.source().text();
    let mut before = 0;
    for mention in analysis.mentions() {
        assert!(before <= mention.span.start && mention.span.start < mention.span.end, "{mention:?}");
        assert!(text.get(mention.span.start as usize..mention.span.end as usize).is_some(), "{mention:?}");
        before = mention.span.end;
    }
    for entity in analysis.entities() {
        let spans = entity.definitions.iter().chain(&entity.statements).chain(&entity.scope);
        spans.for_each(|span| assert!(text.get(span.start as usize..span.end as usize).is_some(), "{entity:?}"));
    }
    for offset in (0..text.len() as u32).step_by(7) {
        if let Some(Mention { target: Target::Entity(id), .. }) = analysis.mention_at(offset) {
            let _ = analysis.cannot_rename(*id, "new_name");
        }
    }
    let _ = analysis.values();
}
