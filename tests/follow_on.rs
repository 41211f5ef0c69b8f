//! What the diagnostics are worth together: how many codes show, how many of them suggest something, and how many errors
//! only follow from others.
//!
//! An error is *real* if it is still there when everything else that is reported is taken out of the text; otherwise it is
//! a follow-on error. `cargo test --test follow_on -- --nocapture` prints the counts.

use rhapsode::Model;
use rhapsode::diag::{CODES, Diagnostic, codes};
use rhapsode::lang::parse;
use rhapsode::source::Source;
use std::collections::BTreeSet;
use std::path::Path;

/// Codes whose message is all that can be said: there is nothing to type in its place.
const NO_SUGGESTION: [&str; 16] = [
    "E0102", // which of several points was meant
    "E0103", // the general case: the message says what is expected
    "E0104", // where the bracket should close
    "E0113", // a limit
    "E0114", // nothing of the kind works yet
    "E0122", // a number beyond a float
    "E0127", "E0128", // what is missing is in the message
    "E0132", // likewise
    "E0101", "E0207", "E0210", "E0216", "E0226",
    "E0233", // what is wrong is in the message, what is meant is not known
    "E0287", // likewise, of a row of a file
];

fn reported(text: &str) -> Vec<Diagnostic> {
    let files = codes::data::FILES.iter().map(|(name, text)| (name.to_string(), text.to_string()));
    match Model::parse_with(&files.collect::<std::collections::BTreeMap<_, _>>(), "model", text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.diagnostics().to_vec(),
    }
}

#[test]
fn codes_show_alone_and_suggest_something() {
    let (mut shown, mut suggesting, mut follow_on) = (0, 0, 0);
    let mut silent = BTreeSet::new();
    for entry in CODES.iter().copied().flatten() {
        let found = reported(entry.failing);
        // Some codes need more than one file; their own tests show them.
        let Some(first) = found.iter().find(|diagnostic| diagnostic.code == entry.code) else { continue };
        shown += 1;
        follow_on += found.len() - 1;
        assert!(found.len() <= 2, "{}: {found:?}", entry.code);
        if first.help.is_some() || !first.fixes.is_empty() {
            suggesting += 1;
        } else {
            silent.insert(entry.code.0);
        }
    }
    println!("{shown} codes shown, {suggesting} of them with a suggestion, {follow_on} follow-on errors");
    assert!(shown >= 60, "only {shown} codes are shown by their models");
    let unexpected: Vec<_> = silent.iter().filter(|code| !NO_SUGGESTION.contains(code)).collect();
    assert!(unexpected.is_empty(), "these could suggest something: {unexpected:?}");
    let stale: Vec<_> = NO_SUGGESTION.iter().filter(|code| !silent.contains(*code)).collect();
    assert!(stale.is_empty(), "these do suggest something: {stale:?}");
}

/// The lines a diagnostic speaks of, from zero.
fn lines(source: &Source, diagnostic: &Diagnostic) -> BTreeSet<usize> {
    let spans = diagnostic.related.iter().map(|(span, _)| *span).chain([diagnostic.span]);
    spans.flat_map(|span| source.line_column(span.start).0 - 1..source.line_column(span.end).0).collect()
}

/// How many of the errors of a text are real, and the messages of those that follow from others.
fn counted(text: &str, report: impl Fn(&Source) -> Vec<Diagnostic>) -> (usize, Vec<String>) {
    let source = Source::new("fixture", text);
    let diagnostics = report(&source);
    let places: Vec<_> = diagnostics.iter().map(|diagnostic| lines(&source, diagnostic)).collect();
    let mut follow = Vec::new();
    for (own, diagnostic) in places.iter().zip(&diagnostics) {
        let others: BTreeSet<usize> = places.iter().flatten().copied().filter(|line| !own.contains(line)).collect();
        let kept = text.lines().enumerate().map(|(line, words)| if others.contains(&line) { "" } else { words });
        let alone = Source::new("alone", kept.collect::<Vec<_>>().join("\n"));
        if report(&alone).iter().all(|found| lines(&alone, found).is_disjoint(own)) {
            follow.push(diagnostic.message.clone());
        }
    }
    (diagnostics.len() - follow.len(), follow)
}

#[test]
fn at_most_one_error_follows_from_each_real_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let (mut real, mut follow) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "ode") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("# error[")).collect();
        let (own, following) = counted(&text.join("\n"), |source| parse(source).1);
        assert!(following.len() <= own, "{}: {own} real errors, and {following:?} follow", path.display());
        (real, follow) = (real + own, follow + following.len());
    }
    println!("{real} real errors in the fixtures, {follow} follow-on errors");
    assert!(real > 100, "{real}");
}

/// The measure itself: an error that a line gives only because of the line above is a follow-on error.
#[test]
fn follow_on_errors_are_told_from_real_ones() {
    let report = |source: &Source| {
        let lines: Vec<&str> = source.text().lines().collect();
        let wrong =
            |line: &usize| lines[*line] == "bad" || *line > 0 && lines[*line] == "good" && lines[*line - 1] == "bad";
        let error = |line| Diagnostic::new(rhapsode::diag::codes::lang::EXPECTED, source.line_span(line + 1), "wrong");
        (0..lines.len()).filter(wrong).map(error).collect()
    };
    assert_eq!(counted("bad\ngood\ngood\nbad\n", report), (2, vec!["wrong".to_owned()]));
}
