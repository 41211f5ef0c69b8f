//! Any text is parsed; every place told lies in the text; what parsed is printed and parses again to the same tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rhapsode::diag::render;
use rhapsode::lang::ast::Ast;
use rhapsode::lang::parse;
use rhapsode::source::{Source, Sources, Span};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let source = Source::new("fuzz.ode", text.as_ref());
    let (ast, diagnostics) = parse(&source);
    let inside = |span: Span| {
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(start <= end && text.is_char_boundary(start) && text.is_char_boundary(end), "{span:?}");
    };
    for diagnostic in &diagnostics {
        inside(diagnostic.span);
        diagnostic.related.iter().for_each(|(span, _)| inside(*span));
    }
    ast.items.iter().for_each(|item| inside(item.span));
    render(&Sources::from(source), &diagnostics, false);
    let printed = ast.to_string();
    let (again, complaints) = parse(&Source::new("printed.ode", printed.as_str()));
    assert!(complaints.is_empty(), "{printed}\n{complaints:?}");
    assert_eq!(without_spans(&ast), without_spans(&again), "{printed}");
});

/// The tree as text, places left out.
fn without_spans(ast: &Ast) -> String {
    let text = format!("{ast:?}");
    let mut kept = String::with_capacity(text.len());
    for (k, part) in text.split("Span {").enumerate() {
        kept.push_str(if k == 0 { part } else { part.split_once('}').map_or(part, |(_, rest)| rest) });
    }
    kept
}
