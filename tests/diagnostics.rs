//! File tests of diagnostics: `tests/diagnostics/*.ode` hold what is expected in comments above the line concerned:
//!
//! ```text
//! # error[E0103] 9-13: expected `=` after the name, found `0.04`
//! param k 0.04
//! ```
//!
//! `9-13` are columns in characters from one, the second exclusive; a span that ends lines below is `9-+2:3`. Every
//! diagnostic must be announced, with its exact place and headline. `BLESS=1 cargo test --test diagnostics` writes
//! the comments.

use rhapsode::diag::codes::{lang, syntax};
use rhapsode::diag::{CodeEntry, Diagnostic, render};
use rhapsode::lang::parse;
use rhapsode::source::{Source, Sources};
use std::path::PathBuf;

/// All that is said about a text.
fn diagnose(source: &Source) -> Vec<Diagnostic> {
    parse(source).1
}

const MARK: &str = "# error[";

/// A diagnostic as a fixture states it: its line (from zero, comments of this kind not counted) and the comment.
type Expectation = (usize, String);

fn fixtures() -> Vec<(PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut fixtures: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ode"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    fixtures.sort();
    fixtures
}

/// The model without the comments, and what they expect.
fn split(text: &str) -> (String, Vec<Expectation>) {
    let mut model = Vec::new();
    let mut expected = Vec::new();
    for line in text.split('\n') {
        match line.trim_start().strip_prefix(MARK) {
            Some(_) => expected.push((model.len(), line.trim().to_owned())),
            None => model.push(line),
        }
    }
    (model.join("\n"), expected)
}

fn found(name: &str, model: &str) -> Vec<Expectation> {
    let source = Source::new(name, model);
    let mut found: Vec<Expectation> = Vec::new();
    for diagnostic in diagnose(&source) {
        let (line, from) = source.line_column(diagnostic.span.start);
        let (last, to) = source.line_column(diagnostic.span.end);
        let to = if last == line { to.to_string() } else { format!("+{}:{to}", last - line) };
        let comment = format!("{MARK}{}] {from}-{to}: {}", diagnostic.code, diagnostic.message);
        found.push((line - 1, comment));
    }
    found.sort();
    found
}

fn blessed(model: &str, found: &[Expectation]) -> String {
    let mut lines = Vec::new();
    for (number, line) in model.split('\n').enumerate() {
        lines.extend(found.iter().filter(|(at, _)| *at == number).map(|(_, comment)| comment.as_str()));
        lines.push(line);
    }
    lines.join("\n")
}

#[test]
fn fixtures_give_exactly_the_diagnostics_they_state() {
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let mut wrong = String::new();
    for (path, text) in fixtures() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (model, mut expected) = split(&text);
        let found = found(&name, &model);
        expected.sort();
        if expected == found {
            continue;
        }
        if bless {
            std::fs::write(&path, blessed(&model, &found)).unwrap();
            continue;
        }
        for (line, comment) in expected.iter().filter(|expectation| !found.contains(expectation)) {
            wrong.push_str(&format!("{name}: missing above line {}: {comment}\n", line + 1));
        }
        for (line, comment) in found.iter().filter(|expectation| !expected.contains(expectation)) {
            wrong.push_str(&format!("{name}: unannounced at line {}: {comment}\n", line + 1));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}BLESS=1 writes what is found");
}

/// The codes of the text itself; those of the model checker are in `diagnostics_model.rs`.
fn entries() -> impl Iterator<Item = &'static CodeEntry> {
    lang::ENTRIES.iter().chain(syntax::ENTRIES)
}

#[test]
fn every_code_has_a_fixture() {
    let fixtures = fixtures();
    for entry in entries() {
        let comment = format!("{MARK}{}]", entry.code);
        assert!(fixtures.iter().any(|(_, text)| text.contains(&comment)), "no fixture shows {}", entry.code);
    }
}

#[test]
fn the_models_of_the_table_fail_and_are_mended() {
    for entry in entries() {
        let failing = diagnose(&Source::new("failing", entry.failing));
        assert!(!failing.is_empty(), "the failing model of {} is accepted", entry.code);
        assert!(failing.iter().all(|found| found.code == entry.code), "{}: {failing:?}", entry.code);
        let mended = diagnose(&Source::new("mended", entry.mended));
        assert!(mended.is_empty(), "{}: {mended:?}", entry.code);
    }
}

#[test]
fn every_fixture_renders_with_places_and_underlines() {
    for (path, text) in fixtures() {
        let sources = Sources::new(path.file_name().unwrap().to_string_lossy(), split(&text).0);
        let source = sources.main();
        let diagnostics = diagnose(source);
        let plain = render(&sources, &diagnostics, false);
        for diagnostic in &diagnostics {
            let (line, column) = source.line_column(diagnostic.span.start);
            let heading = format!("error[{}]: {}", diagnostic.code, diagnostic.message);
            let place = format!("--> {}:{line}:{column}\n", source.name());
            assert!(plain.contains(&heading) && plain.contains(&place) && plain.contains('^'), "{plain}");
        }
        assert!(!plain.contains('\x1b'), "{plain}");
        assert_eq!(render(&sources, &diagnostics, true).contains('\x1b'), !diagnostics.is_empty());
    }
}
