//! The grammar file is executable: its samples are parsed; the parser accepts every text it derives, and what it prints of
//! them reads back as the same; every production has a parser function of its name, and every kind of statement and
//! expression is derived.

mod ebnf;
mod write;

use ebnf::{Grammar, grammar};
use rhapsode::lang::ast::Ast;
use rhapsode::lang::{format, parse};
use rhapsode::source::Source;
use std::path::PathBuf;
use write::Writer;

const GRAMMAR: &str = include_str!("../../grammar/rhapsode.ebnf");

/// Productions that stand for what is not yet supported: nothing is accepted, so nothing is written.
const RESERVED: [&str; 0] = [];

/// How many programs are written.
const PROGRAMS: usize = 20_000;

fn read() -> Grammar {
    let grammar = grammar(GRAMMAR);
    assert!(grammar.productions.len() > 40, "only {} productions were found", grammar.productions.len());
    grammar
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The tree without its spans, to compare.
fn shape(ast: &Ast) -> String {
    let text = format!("{ast:?}");
    let mut parts = text.split("Span { ");
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |shape, part| shape + part.split_once('}').map_or("", |(_, rest)| rest))
}

#[test]
fn samples_are_accepted_and_rejected() {
    let mut wrong = Vec::new();
    for production in read().productions {
        for (samples, accepted) in [(&production.accept, true), (&production.reject, false)] {
            for sample in samples {
                let diagnostics = parse(&Source::new(&*production.name, &**sample)).1;
                if diagnostics.is_empty() != accepted {
                    wrong.push(format!("{}: `{sample}` gives {diagnostics:?}", production.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_production_has_samples_and_a_function() {
    let folder = root().join("src/lang");
    let mut code = std::fs::read_to_string(folder.join("parser.rs")).unwrap();
    for file in std::fs::read_dir(folder.join("parser")).unwrap() {
        code.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    let mut faults = Vec::new();
    for production in read().productions {
        let name = &production.name;
        let reserved = RESERVED.contains(&name.as_str());
        if production.accept.is_empty() != reserved {
            faults.push(format!("`{name}` needs (* accept: … *) samples, or an entry in RESERVED, not both"));
        }
        if production.reject.is_empty() {
            faults.push(format!("`{name}` needs (* reject: … *) samples"));
        }
        if !code.contains(&format!("fn {name}(")) && !code.contains(&format!("fn {name}<")) {
            faults.push(format!("`{name}` has no function of that name in src/lang/parser"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_production_is_used() {
    let grammar = read();
    for production in &grammar.productions[1..] {
        let used = grammar
            .productions
            .iter()
            .any(|other| format!("{:?}", other.part).contains(&format!("\"{}\"", production.name)));
        assert!(used, "no other production uses `{}`", production.name);
    }
}

/// The variants of an enumeration of the syntax tree, src/lang/ast.
fn variants(of: &str) -> Vec<String> {
    let files = ["mod.rs", "expressions.rs", "events.rs"];
    let texts = files.map(|file| std::fs::read_to_string(root().join("src/lang/ast").join(file)).unwrap());
    let text = texts.concat();
    let body = text.split_once(&format!("pub enum {of} {{\n")).unwrap().1.split_once("\n}\n").unwrap().0;
    let variant = |line: &str| {
        let name = line.strip_prefix("    ")?;
        let end = name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
        name.starts_with(|c: char| c.is_ascii_uppercase()).then(|| name[..end].to_owned())
    };
    body.lines().filter_map(variant).collect()
}

/// The parser accepts what the grammar derives; printing and parsing gives the tree back; formatting keeps it.
#[test]
fn random_programs_are_accepted_printed_and_formatted() {
    let grammar = read();
    let mut writer = Writer::new(&grammar, &RESERVED, 20_261_126);
    let mut unseen: Vec<String> = ["ItemKind", "ExprKind", "Rate"].iter().flat_map(|of| variants(of)).collect();
    assert!(unseen.len() > 30, "{unseen:?}");
    // No text gives it.
    unseen.retain(|variant| variant != "Made");
    let mut bytes = 0;
    let mut written = 0;
    while written < PROGRAMS {
        let text = writer.text("file");
        if text.trim().is_empty() {
            continue;
        }
        written += 1;
        bytes += text.len();
        let (ast, diagnostics) = parse(&Source::new("written", text.as_str()));
        assert!(diagnostics.is_empty(), "program {written} is not accepted: {diagnostics:?}\n{text}");
        let printed = ast.to_string();
        let (again, diagnostics) = parse(&Source::new("printed", printed.as_str()));
        assert!(diagnostics.is_empty(), "program {written} is printed badly: {diagnostics:?}\n{printed}");
        let tree = shape(&ast);
        assert_eq!(shape(&again), tree, "printing changes program {written}\n{text}\n{printed}");
        unseen.retain(|variant| !tree.contains(&format!("{variant}(")) && !tree.contains(&format!("{variant} {{")));
        if written % 5 == 0 {
            let formatted = format::format(&Source::new("written", text.as_str()));
            let formatted = formatted.unwrap_or_else(|refusal| panic!("{refusal}: program {written}\n{text}"));
            let twice = format::format(&Source::new("formatted", formatted.as_str()));
            assert_eq!(twice.as_ref(), Ok(&formatted), "formatting program {written} again changes it\n{text}");
        }
    }
    assert_eq!(unseen, [""; 0], "the tree has kinds that no production derives");
    assert!(bytes > 50 * PROGRAMS, "only {bytes} bytes were written");
    assert_eq!(writer.untaken(), [""; 0], "productions with a way that no program takes");
}

/// The same seed writes the same programs.
#[test]
fn the_programs_are_repeatable() {
    let grammar = read();
    let programs = |seed| {
        let mut writer = Writer::new(&grammar, &RESERVED, seed);
        (0..20).map(|_| writer.text("file")).collect::<Vec<_>>()
    };
    assert!(programs(1) == programs(1) && programs(1) != programs(2));
}
