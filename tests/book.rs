//! The book in `docs/src`: its table of contents names every page, every link leads somewhere, every model compiles and
//! runs (or fails as the page says), every production of the grammar is shown. The pages that are made from tables are up
//! to date: `BLESS=1 cargo test --test book` writes them. Transcripts of the command are tested in `cli/tests/book.rs`.

#[path = "grammar/ebnf.rs"]
mod ebnf;
#[path = "book/generated.rs"]
mod generated;
#[path = "common/pages.rs"]
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pages::{Block, anchors, blocks, folder, links, root};
use rhapsode::{Backend, HostFunction, Model};

#[test]
fn the_contents_name_every_page_and_only_pages() {
    let summary = std::fs::read_to_string(folder().join("SUMMARY.md")).unwrap();
    let named: Vec<PathBuf> = links(&summary).iter().map(|link| folder().join(link)).collect();
    let pages: BTreeSet<PathBuf> = pages::pages().into_iter().collect();
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), pages);
    assert_eq!(named.len(), pages.len(), "a page is named twice");
    let settings = std::fs::read_to_string(root().join("docs/book.toml")).unwrap();
    for file in settings.split('"').filter(|text| text.starts_with("theme/")) {
        assert!(root().join("docs").join(file).exists(), "{file}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut pages = pages::pages();
    pages.extend(["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].map(|name| root().join(name)));
    let mut count = 0;
    for path in pages {
        let page = std::fs::read_to_string(&path).unwrap();
        for link in links(&page).iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                assert!(anchors(&text).contains(anchor), "{}: no heading for {link}", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// Keywords are listed for readers and coloured as the grammar has them; every option of the solve block is explained and
/// used.
#[test]
fn keywords_and_options_are_those_of_the_language() {
    let grammar = ebnf::grammar(include_str!("../grammar/rhapsode.ebnf"));
    let names = std::fs::read_to_string(folder().join("language.md")).unwrap();
    let names = names.split("\n## Names\n").nth(1).unwrap();
    let script = std::fs::read_to_string(root().join("docs/theme/rhapsode.js")).unwrap();
    let words = |text: &str| text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<BTreeSet<_>>();
    let (listed, coloured) = (words(names), words(script.split("registerLanguage").next().unwrap()));
    for word in &grammar.find("name").unwrap().excluded {
        assert!(listed.contains(word), "language.md does not list the keyword {word}");
    }
    let mut signs = BTreeSet::new();
    grammar.productions.iter().for_each(|production| terminals(&production.part, &mut signs));
    for word in signs.iter().filter(|sign| sign.len() > 1 && sign.chars().all(char::is_alphabetic)) {
        assert!(coloured.contains(word) || ["true", "false"].contains(&word.as_str()), "rhapsode.js: {word}");
    }
    let page = std::fs::read_to_string(folder().join("language/solve.md")).unwrap();
    let models: String = blocks(&page).into_iter().filter(|b| b.setting("error").is_none()).map(|b| b.text).collect();
    for (option, _) in rhapsode::model::SOLVE_OPTIONS {
        assert!(page.contains(&format!("| `{option}` |")) && models.contains(&format!("{option} = ")), "{option}");
    }
}

/// Everything between fences is of a kind that some test looks at, or that nobody could run here.
#[test]
fn every_block_says_what_it_is() {
    // Python is run by `bindings/python/tests/test_book.py`; C and C++ are what `bindings/c/tests/hosts.rs` compiles.
    let known = ["rhapsode", "console", "rust", "python", "c", "cpp", "text", "sh", "lua", "toml"];
    for path in pages::pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        for file in page.split("{{#include ").skip(1).filter_map(|rest| rest.split("}}").next()) {
            assert!(path.parent().unwrap().join(file).exists(), "{}: {file}", path.display());
        }
        for block in blocks(&page) {
            let place = format!("{}:{}", path.display(), block.line);
            // The models of the table of codes, which its own tests look at.
            let known = if path.ends_with("errors.md") { &["ode"][..] } else { &known };
            assert!(known.contains(&block.kind()), "{place}: `{}` is none of {known:?}", block.info);
            // Rust, C and C++ are what the folders of examples hold, which the tests run.
            let folders = match block.kind() {
                "rust" => &["../../examples/"][..],
                "c" | "cpp" => &["../../bindings/c/examples/", "../../examples/ahead/"],
                _ => continue,
            };
            let from = |line: &str| folders.iter().any(|folder| line.starts_with(&format!("{{{{#include {folder}")));
            assert!(block.text.lines().all(from), "{place}: {} is included from one of {folders:?}", block.kind());
        }
    }
}

/// The models of a page that others `use`, by the name they are given: ```` ```rhapsode file=cells.ode ````
fn shelf(blocks: &[Block]) -> BTreeMap<String, String> {
    let own = blocks.iter().filter_map(|block| Some((block.setting("file")?.to_owned(), block.text.clone())));
    // The gallery's models read files of data.
    let data = pages::files(&pages::root().join("examples/models")).into_iter().filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        name.ends_with(".csv").then(|| (name, std::fs::read_to_string(&path).unwrap_or_default()))
    });
    data.chain(own).collect()
}

/// Functions of the host are the sum of their arguments here.
fn with_host(model: Model) -> Model {
    let host = HostFunction::new(|x| x.iter().sum()).gradient(|_, slope| slope.fill(1.0));
    let names: Vec<String> = model.functions().iter().map(|function| function.name.clone()).collect();
    names.iter().fold(model, |model, name| model.with_function(name, host.clone()).unwrap())
}

#[test]
fn every_model_runs_on_both_backends_or_fails_as_the_page_says() {
    let (mut faults, mut good, mut bad) = (String::new(), 0, 0);
    for path in pages::pages() {
        let blocks = blocks(&std::fs::read_to_string(&path).unwrap());
        let shelf = shelf(&blocks);
        for block in blocks.iter().filter(|block| block.kind() == "rhapsode") {
            let place = format!("{}:{}", path.display(), block.line);
            let found = Model::parse_with(&shelf, "model.ode", &pages::expanded(&path, block));
            match (block.setting("error"), found) {
                (Some(code), Err(errors)) => {
                    bad += 1;
                    if errors.diagnostics().iter().any(|d| d.code.0 != code) {
                        faults += &format!("{place}: expected {code}\n{errors}");
                    }
                }
                (Some(code), Ok(_)) => faults += &format!("{place}: no {code}\n"),
                (None, Err(errors)) => faults += &format!("{place}:\n{errors}"),
                (None, Ok(model)) => {
                    good += 1;
                    if let Err(fault) = run(&with_host(model)) {
                        faults += &format!("{place}: {fault}\n");
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(good > 60 && bad > 15, "{good} models, {bad} faulty ones");
}

/// Solves a model by native code and by the interpreter: the same numbers, bit for bit, and numbers they are.
fn run(model: &Model) -> Result<(), String> {
    let solve = |backend| {
        let compiled = model.compile_with(backend).map_err(|e| e.to_string())?;
        let problem = compiled.problem();
        let span = model.run().span.map_or(0.0..1.0, |(from, to)| from..to);
        problem.span(span).solve().map_err(|e| e.to_string())
    };
    let slow = solve(Backend::Interpret)?;
    let names: Vec<String> = model.states().iter().chain(model.outputs().iter()).collect();
    for name in &names {
        let column = slow.column(name).map_err(|e| e.to_string())?;
        if column.iter().any(|x| !x.is_finite()) {
            return Err(format!("{name} is not always a number"));
        }
    }
    #[cfg(feature = "jit")]
    {
        let fast = solve(Backend::Jit)?;
        for name in &names {
            let (a, b) = (slow.column(name), fast.column(name));
            let (a, b) = (a.map_err(|e| e.to_string())?, b.map_err(|e| e.to_string())?);
            if a.len() != b.len() || a.iter().zip(b).any(|(a, b)| a.to_bits() != b.to_bits()) {
                return Err(format!("{name}: the backends disagree"));
            }
        }
    }
    Ok(())
}

/// A section: the page, and the anchor of its heading.
type Section = (PathBuf, String);

/// The reference's table of productions: its rows, each with the sections it names.
fn productions_in_the_reference() -> Vec<(Vec<String>, Vec<Section>)> {
    let path = folder().join("language/grammar.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let (names, places) = line[1..].split_once('|').unwrap();
        let names = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let place = |link: &String| {
            let (file, anchor) = link.split_once('#').unwrap();
            (path.parent().unwrap().join(file), anchor.to_owned())
        };
        (names, links(places).iter().map(place).collect())
    };
    rows.map(row).collect()
}

/// Every production of the grammar is in the reference's table, and the models of the sections named there use the
/// words and signs of its productions.
#[test]
fn every_production_is_shown_by_models_of_the_reference() {
    let grammar = ebnf::grammar(include_str!("../grammar/rhapsode.ebnf"));
    let (mut named, mut faults) = (BTreeSet::new(), String::new());
    for (names, places) in productions_in_the_reference() {
        let mut models = String::new();
        for (path, section) in &places {
            let page = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            for block in blocks(&page).iter().filter(|block| block.kind() == "rhapsode" && &block.section == section) {
                if block.setting("error").is_none() {
                    models += &block.text;
                }
            }
        }
        for name in names {
            let Some(production) = grammar.find(&name) else {
                faults += &format!("there is no production `{name}`\n");
                continue;
            };
            let mut signs = BTreeSet::new();
            terminals(&production.part, &mut signs);
            if models.is_empty() {
                faults += &format!("{name}: no model in {places:?}\n");
            }
            for sign in signs.iter().filter(|sign| !has(&models, sign)) {
                faults += &format!("{name}: no model with `{sign}` in {places:?}\n");
            }
            named.insert(name);
        }
    }
    for production in grammar.productions.iter().filter(|production| !named.contains(&production.name)) {
        faults += &format!("language/grammar.md has no row for `{}`\n", production.name);
    }
    assert!(faults.is_empty(), "{faults}");
}

/// The words and signs of a part of a production.
fn terminals(part: &ebnf::Part, found: &mut BTreeSet<String>) {
    match part {
        ebnf::Part::Terminal(text) => _ = found.insert(text.clone()),
        ebnf::Part::Name(_) => {}
        ebnf::Part::Sequence(parts) | ebnf::Part::Choice(_, parts) => {
            parts.iter().for_each(|part| terminals(part, found));
        }
        ebnf::Part::Optional(_, part) | ebnf::Part::Repeated(_, part) => terminals(part, found),
    }
}

/// Whether a text has a word, as a word, or a sign, outside its comments.
fn has(models: &str, sign: &str) -> bool {
    let code: String = models.lines().map(|line| format!("{}\n", line.split('#').next().unwrap_or_default())).collect();
    // The `e` of `1e-3` stands inside a number.
    let word = sign.len() > 1 && sign.chars().all(char::is_alphabetic);
    code.match_indices(sign).any(|(at, _)| {
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !word || !inside(code[..at].chars().next_back()) && !inside(code[at + sign.len()..].chars().next())
    })
}
