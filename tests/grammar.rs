//! The grammar file is executable: its samples are parsed, and every production has a parser function of its name.

use rhapsode::lang::parse;
use rhapsode::source::Source;
use std::path::Path;

const GRAMMAR: &str = include_str!("../grammar/rhapsode.ebnf");

/// Productions that stand for what is not yet supported: they have nothing to accept.
const RESERVED: [&str; 1] = ["unit"];

#[derive(Debug)]
struct Production {
    name: String,
    accept: Vec<String>,
    reject: Vec<String>,
}

/// The productions (`name = …` at the start of a line) with the samples that follow each.
fn productions() -> Vec<Production> {
    let mut productions: Vec<Production> = Vec::new();
    for line in GRAMMAR.lines() {
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| is_name(name.trim_end())) {
            let name = name.trim_end().to_owned();
            productions.push(Production { name, accept: Vec::new(), reject: Vec::new() });
        }
        let sample = |kind| {
            let rest = line.trim().strip_prefix("(* ")?.strip_prefix(kind)?;
            Some(rest.strip_suffix(" *)").expect("a sample ends on its line").replace("\\n", "\n"))
        };
        if let Some(production) = productions.last_mut() {
            production.accept.extend(sample("accept: "));
            production.reject.extend(sample("reject: "));
        }
    }
    productions
}

#[test]
fn samples_are_accepted_and_rejected() {
    let mut wrong = Vec::new();
    for production in productions() {
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lang");
    let mut code = std::fs::read_to_string(folder.join("parser.rs")).unwrap();
    for file in std::fs::read_dir(folder.join("parser")).unwrap() {
        code.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    let productions = productions();
    assert!(productions.len() > 30, "only {} productions were found", productions.len());
    for Production { name, accept, reject } in productions {
        assert!(!accept.is_empty() || RESERVED.contains(&&*name), "`{name}` has no accept sample");
        assert!(!reject.is_empty(), "`{name}` has no reject sample");
        assert!(code.contains(&format!("fn {name}(")), "`{name}` has no function in the parser");
    }
}
