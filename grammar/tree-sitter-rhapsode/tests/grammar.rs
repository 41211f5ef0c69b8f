//! The generated parser against the language: the corpus, all examples, the samples of `grammar/rhapsode.ebnf`, and random
//! programs that it derives, none of which may have an error in its tree; and the colours of the query.

#[path = "../../../tests/grammar/ebnf.rs"]
mod ebnf;
#[path = "../../../tests/grammar/write.rs"]
mod write;

use std::path::{Path, PathBuf};
use tree_sitter::{Parser, Query, QueryCursor, StreamingIterator, Tree};
use tree_sitter_rhapsode::{HIGHLIGHTS_QUERY, LANGUAGE};

/// Productions of the language without a rule here: a rule in `grammar.js` takes a line out of this list.
const NOT_YET: [&str; 0] = [];

/// Productions that tree-sitter does without: line ends and the like.
const NOT_NEEDED: [&str; 3] = ["statement", "line_end", "separator"];

const RULES: &str = include_str!("../src/grammar.json");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser.set_language(&LANGUAGE.into()).expect("a language of this version");
    parser
}

fn tree(text: &str) -> Tree {
    parser().parse(text, None).expect("a tree")
}

fn models(folder: &str) -> Vec<(PathBuf, String)> {
    let mut models: Vec<_> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ode"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    models.sort();
    models
}

#[test]
fn examples_parse() {
    let models: Vec<_> = models("examples/models").into_iter().chain(models("tests/format")).collect();
    assert!(models.len() > 20);
    for (path, text) in models {
        let tree = tree(&text);
        assert!(!tree.root_node().has_error(), "{}: {}", path.display(), tree.root_node().to_sexp());
    }
}

#[test]
fn the_corpus_gives_the_trees_it_states() {
    let mut count = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("test/corpus")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let line = |c: char| c.to_string().repeat(16) + "\n";
        let heading = line('=');
        let mut parts = text.split(&heading).skip(1);
        while let (Some(name), Some(case)) = (parts.next(), parts.next()) {
            let (model, expected) = case.split_once(&format!("\n{}", line('-'))).expect("a line of dashes");
            let bare = |tree: &str| tree.split_whitespace().collect::<Vec<_>>().join(" ").replace(" )", ")");
            // The committed trees leave the names of fields out.
            let mut found = String::new();
            for word in tree(model).root_node().to_sexp().split_whitespace().filter(|word| !word.ends_with(':')) {
                found += word;
                found.push(' ');
            }
            assert_eq!(bare(&found), bare(expected), "{name}");
            count += 1;
        }
    }
    assert!(count >= 7, "{count} cases");
}

#[test]
fn the_rules_bear_the_names_of_the_productions() {
    let grammar = ebnf::grammar(&std::fs::read_to_string(root().join("grammar/rhapsode.ebnf")).unwrap());
    for production in &grammar.productions {
        let name = production.name.as_str();
        let known =
            RULES.contains(&format!("    \"{name}\": {{\n")) || RULES.contains(&format!("    \"_{name}\": {{\n"));
        // `number` is an external token.
        let known = known || RULES.contains(&format!("\"name\": \"{name}\"")) || NOT_NEEDED.contains(&name);
        assert!(
            known != NOT_YET.contains(&name),
            "`{name}` of rhapsode.ebnf wants a rule in grammar.js (then run `tree-sitter generate`), or a place in NOT_YET"
        );
    }
}

#[test]
fn samples_and_random_programs_parse() {
    let grammar = ebnf::grammar(&std::fs::read_to_string(root().join("grammar/rhapsode.ebnf")).unwrap());
    let mut faults = Vec::new();
    let mut check = |text: &str| {
        let tree = tree(text);
        if tree.root_node().has_error() {
            faults.push(format!("{text}\n{}\n", tree.root_node().to_sexp()));
        }
    };
    for production in grammar.productions.iter().filter(|production| !NOT_YET.contains(&production.name.as_str())) {
        production.accept.iter().for_each(|sample| check(sample));
    }
    // Where a production has no samples nothing of it is accepted yet.
    let reserved = grammar.productions.iter().filter(|production| production.accept.is_empty());
    let avoided: Vec<&str> = reserved.map(|production| production.name.as_str()).chain(NOT_YET).collect();
    let mut writer = write::Writer::new(&grammar, &avoided, 3);
    for _ in 0..2_000 {
        check(&writer.text("file"));
    }
    assert!(faults.is_empty(), "{} texts have errors:\n{}", faults.len(), faults[..faults.len().min(3)].join("\n"));
}

#[test]
fn a_mistake_is_an_error_in_the_tree() {
    for text in ["x' = 1 y' = 2\n", "param = 1\n", "x' = (1\n", "y = a\n  + b)\n", "A -> B\n", "y = a < b < c\n"] {
        assert!(tree(text).root_node().has_error(), "{text}");
    }
}

#[test]
fn every_kind_of_word_has_its_colour() {
    let query = Query::new(&LANGUAGE.into(), HIGHLIGHTS_QUERY).expect("a query of this language");
    let text = "## doc\nparam k = 1 # why\nx' = if x > 0 then -k*exp(x) else sum[i in 1..3](k)\nbind: A -> 2 B @ k\n";
    let tree = tree(text);
    let mut cursor = QueryCursor::new();
    let mut found = Vec::new();
    let mut matches = cursor.matches(&query, tree.root_node(), text.as_bytes());
    while let Some(found_match) = matches.next() {
        for capture in found_match.captures() {
            let word = &text[capture.node.byte_range()];
            found.push((query.capture_names()[capture.index as usize], word));
        }
    }
    for expected in [
        ("comment.documentation", "## doc"),
        ("comment", "# why"),
        ("keyword", "param"),
        ("constant", "k"),
        ("number", "1"),
        ("keyword.conditional", "then"),
        ("function.call", "exp"),
        ("function.builtin", "sum"),
        ("label", "bind"),
        ("operator", "->"),
        ("variable", "A"),
    ] {
        assert!(found.contains(&expected), "{expected:?} not in {found:?}");
    }
    assert!(!found.contains(&("comment.documentation", "# why")));
}
