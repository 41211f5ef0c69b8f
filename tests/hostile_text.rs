//! Hostile texts: the parser and the renderer answer every one of them, briefly, and never panic.

use proptest::prelude::*;
use rhapsode::diag::{Diagnostic, render};
use rhapsode::lang::ast::{Ast, ExprKind, ItemKind};
use rhapsode::lang::parse;
use rhapsode::source::{Source, Sources};

/// Parses and renders; checks what must hold of any answer.
fn answer(text: &str) -> (Ast, Vec<Diagnostic>) {
    let sources = Sources::new("m.ode", text);
    let (ast, diagnostics) = parse(sources.main());
    assert!(diagnostics.len() <= 101, "{} diagnostics", diagnostics.len());
    for diagnostic in &diagnostics {
        for span in std::iter::once(diagnostic.span).chain(diagnostic.related.iter().map(|(span, _)| *span)) {
            assert!(span.start <= span.end, "{diagnostic:?}");
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{diagnostic:?}");
        }
        assert!(diagnostic.message.len() < 300, "{diagnostic:?}");
    }
    for item in &ast.items {
        assert!(text.get(item.span.start as usize..item.span.end as usize).is_some_and(|text| !text.is_empty()));
    }
    let rendered = render(&sources, &diagnostics, false);
    assert!(rendered.len() < 2_000 * (diagnostics.len() + 1), "{} bytes rendered", rendered.len());
    (ast, diagnostics)
}

/// The codes of the diagnostics of a text.
fn codes(text: &str) -> Vec<&'static str> {
    answer(text).1.iter().map(|diagnostic| diagnostic.code.0).collect()
}

const MANY: usize = 100_000;

#[test]
fn deep_nesting_is_refused() {
    for opener in
        ["(", "-", "+", "2^", "not ", "if ", "f(", "u[", "if a then ", "if a then b else ", "sum[i](", "((-f("]
    {
        let text = format!("x' = {}\ny' = 1\n", opener.repeat(MANY));
        let (ast, diagnostics) = answer(&text);
        assert_eq!(diagnostics.len(), 1, "{opener}");
        assert_eq!(diagnostics[0].code.0, "E0121", "{opener}");
        assert_eq!(ast.items.len(), 1, "the statement after {opener} is read");
    }
    assert_eq!(codes(&format!("x' = {}1{}\n", "(".repeat(MANY), ")".repeat(MANY))), ["E0121"]);
    assert_eq!(codes(&"(".repeat(MANY)), ["E0121"]);
    assert_eq!(codes(&"[".repeat(MANY)), ["E0103"]);
    assert_eq!(codes(&"{".repeat(MANY)), ["E0103"]);
}

#[test]
fn nesting_up_to_the_limit_is_read() {
    let nested = |levels: usize| format!("x' = {}1{}\n", "(".repeat(levels), ")".repeat(levels));
    assert!(codes(&nested(255)).is_empty());
    assert_eq!(codes(&nested(256)), ["E0121"]);
}

#[test]
fn the_deepest_nesting_fits_a_small_stack() {
    for (opener, closer) in
        [("(", ")"), ("1 + 2*-(", ")"), ("f(1, u[", "])"), ("if a then b else ", ""), ("-", ""), ("2^", "")]
    {
        let levels = (1..256).rev().find(|levels| {
            let text = format!("x' = {}1{}\n", opener.repeat(*levels), closer.repeat(*levels));
            let work = move || parse(&Source::new("m", text)).1.is_empty();
            std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap()
        });
        assert!(levels.is_some_and(|levels| levels >= 84), "{opener}: {levels:?}");
    }
}

#[test]
fn long_chains_are_flat() {
    for operator in [" + ", "*", " and ", " or ", " - ", "/"] {
        let text = format!("x' = {}a\n", format!("a{operator}").repeat(MANY - 1));
        let (ast, diagnostics) = answer(&text);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let ItemKind::Equation { rhs, .. } = &ast.items[0].kind else { panic!("not an equation") };
        let parts = match &rhs.kind {
            ExprKind::Sum(parts) => parts.len(),
            ExprKind::Product(parts) => parts.len(),
            ExprKind::And(parts) | ExprKind::Or(parts) => parts.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(parts, MANY);
    }
}

#[test]
fn empty_texts_are_empty_models() {
    for text in ["", "\n", "\u{feff}", "\u{feff}\n\n", "# only\n## doc", "\r\n\r\n", " \t\x0c", "\u{a0}\n"] {
        let (ast, diagnostics) = answer(text);
        assert!(ast.items.is_empty() && diagnostics.is_empty(), "{text:?}: {diagnostics:?}");
    }
}

#[test]
fn line_ends_and_marks_of_other_systems_work() {
    let unix = "model m\nparam k = 1,\n  q = 2\ninit x = (1 +\n  2)\n## doc\nx' = -k*x\n";
    let other = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    let (expected, found) = (answer(unix), answer(&other));
    assert!(found.1.is_empty(), "{:?}", found.1);
    assert_eq!(expected.0.to_string(), found.0.to_string());
    assert_eq!(found.0.items[3].doc.as_deref(), Some("doc"));
}

#[test]
fn odd_bytes_and_unterminated_things_are_errors() {
    for text in
        ["\0", "x' = 1\0\n", "'", "x = '", "\"", "x = \"abc", "(", "x = (", "u[", "solve t = 0..1 {", "x' =", "param"]
    {
        assert_eq!(answer(text).1.len(), 1, "{text:?}");
    }
    for text in
        ["if", "x = if a then", "fn f(", "index i = 1..", "param k = 1 in (", "x[i] = 1 for", "sum[", "when x {"]
    {
        assert_eq!(answer(text).1.len(), 1, "{text:?}");
    }
}

#[test]
fn every_error_is_counted_but_a_hundred_are_shown() {
    let (ast, diagnostics) = answer(&"x = = 1\ny = 2\n".repeat(5_000));
    assert_eq!(ast.items.len(), 5_000);
    assert_eq!(diagnostics.len(), 101);
    assert_eq!(diagnostics[100].message, "and 4900 more errors after these 100");
}

#[test]
fn bounds_on_size_are_stated() {
    let too_large = " ".repeat(Source::MAX_BYTES + 1);
    assert_eq!(codes(&too_large), ["E0113"]);
    assert!(codes(&too_large[1..]).is_empty());
    let statements = answer(&"x=1\n".repeat(1_000_001));
    assert_eq!(statements.0.items.len(), 1_000_000);
    assert!(statements.1[0].message.contains("1000000 statements"), "{:?}", statements.1);
    let tokens = answer(&format!("x = 1{}", "+1".repeat(5_000_000)));
    assert!(tokens.1.last().is_some_and(|last| last.message.contains("10000000 tokens")), "{:?}", tokens.1);
}

#[test]
fn a_line_of_a_megabyte_is_reported_briefly() {
    let (_, diagnostics) = answer(&format!("x = {}$", "1 + ".repeat(1 << 18)));
    assert_eq!(diagnostics.len(), 1);
    answer(&"x = 1 1 ".repeat(1 << 17));
}

#[test]
fn unclosed_braces_take_no_quadratic_time() {
    for opener in
        ["when x {\n", "component C {\n", "solve t = 0..1 {\n", "x = (\n", "x = u[(\n", "bind: {\n", "x = f(a\n"]
    {
        assert!(!answer(&opener.repeat(MANY)).1.is_empty(), "{opener}");
    }
}

const WORDS: &[&str] = &[
    "model",
    "param",
    "const",
    "init",
    "output",
    "time",
    "index",
    "fn",
    "solve",
    "when",
    "at",
    "every",
    "component",
    "use",
    "if",
    "then",
    "else",
    "and",
    "or",
    "not",
    "true",
    "in",
    "for",
    "periodic",
    "dose",
    "csv",
    "sum",
    "dot",
    "x",
    "β",
    "1",
    "2.5",
    "1e-3",
    ".5",
    "2x",
    "+",
    "-",
    "*",
    "/",
    "^",
    "=",
    "==",
    "<",
    ">=",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "..",
    "'",
    "''",
    "\"",
    "\"a\"",
    ":=",
    "+=",
    "~",
    "@",
    ".",
    "->",
    "<->",
    "=>",
    "**",
    "&&",
    "!",
    ";",
    "$",
    "²",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "# c\n",
    "## d\n",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_characters_are_answered(text in "\\PC{0,60}") {
        answer(&text);
    }

    #[test]
    fn random_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        answer(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_tokens_are_answered(words in prop::collection::vec(prop::sample::select(WORDS), 0..60), blanks: bool) {
        answer(&words.join(if blanks { " " } else { "" }));
    }

    /// What was read of a text with errors prints to a text without.
    #[test]
    fn what_is_read_can_be_printed(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        let (ast, _) = answer(&words.join(" "));
        let (again, diagnostics) = answer(&ast.to_string());
        prop_assert!(diagnostics.is_empty(), "{ast}\n{diagnostics:?}");
        prop_assert_eq!(again.to_string(), ast.to_string());
    }
}
