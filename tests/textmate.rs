//! `grammar/rhapsode.tmLanguage.json`, which editors colour models with: a small TextMate reader (patterns in order, the
//! earliest match wins, the first of those at one place) colours models and examples.

use fancy_regex::Regex;
use serde_json::Value;
use std::path::Path;

const GRAMMAR: &str = include_str!("../grammar/rhapsode.tmLanguage.json");

/// One `match` rule.
struct Rule {
    regex: Regex,
    /// The scope of the whole match, if it has one.
    name: Option<String>,
    /// Scopes of groups.
    captures: Vec<(usize, String)>,
}

/// The rules in the order in which they are tried, `include` followed.
fn rules(grammar: &Value, patterns: &Value, rules: &mut Vec<Rule>) {
    for pattern in patterns.as_array().expect("a list of patterns") {
        add(grammar, pattern, rules);
    }
}

fn add(grammar: &Value, pattern: &Value, list: &mut Vec<Rule>) {
    let text = |key: &str| pattern.get(key).and_then(Value::as_str);
    if let Some(included) = text("include") {
        let name = included.strip_prefix('#').expect("only this file's rules are included");
        let found = grammar["repository"].get(name).unwrap_or_else(|| panic!("`{name}` is not in the repository"));
        add(grammar, found, list);
    } else if let Some(patterns) = pattern.get("patterns") {
        rules(grammar, patterns, list);
    } else {
        let regex = text("match").expect("a rule matches something");
        let captures = pattern.get("captures").and_then(Value::as_object).into_iter().flatten();
        let captures =
            captures.map(|(group, scope)| (group.parse().unwrap(), scope["name"].as_str().unwrap().to_owned()));
        list.push(Rule {
            regex: Regex::new(regex).unwrap_or_else(|error| panic!("{regex}: {error}")),
            name: text("name").map(str::to_owned),
            captures: captures.collect(),
        });
    }
}

fn grammar() -> Vec<Rule> {
    let grammar: Value = serde_json::from_str(GRAMMAR).expect("JSON");
    assert_eq!(grammar["scopeName"], "source.rhapsode");
    let mut list = Vec::new();
    rules(&grammar, &grammar["patterns"], &mut list);
    for name in grammar["repository"].as_object().unwrap().keys() {
        assert!(GRAMMAR.contains(&format!("\"#{name}\"")), "`{name}` is never included");
    }
    list
}

/// The words of a text with their scopes; what no rule matches has none.
fn colours<'a>(rules: &[Rule], text: &'a str) -> Vec<(&'a str, String)> {
    let mut words = Vec::new();
    for line in text.lines() {
        let mut at = 0;
        while at < line.len() {
            let mut best: Option<(usize, usize, &Rule)> = None;
            for rule in rules {
                let Ok(Some(found)) = rule.regex.find_from_pos(line, at) else { continue };
                if found.end() > found.start() && best.is_none_or(|(start, ..)| found.start() < start) {
                    best = Some((found.start(), found.end(), rule));
                }
            }
            let Some((start, end, rule)) = best else { break };
            let plain = |from: usize, to: usize| line[from..to].split_whitespace().map(|word| (word, String::new()));
            words.extend(plain(at, start));
            if let Some(name) = &rule.name {
                words.push((&line[start..end], name.clone()));
            }
            let captures = rule.regex.captures_from_pos(line, at).unwrap().unwrap();
            for (group, scope) in &rule.captures {
                words.extend(captures.get(*group).map(|part| (part.as_str(), scope.clone())));
            }
            at = end;
        }
        words.extend(line[at..].split_whitespace().map(|word| (word, String::new())));
    }
    words
}

#[test]
fn words_have_their_scopes() {
    let rules = grammar();
    let text = "## Why.\nmodel decay\nparam k1 = 0.04, N = 2.e3 # rates, if any\nfn hill(x, β) = x^.5\nindex i = 1..N periodic\n\
                theta'' = if not x <= 1e-3 then -sin(theta) else sum[i](hill(u[i-1], 1)) + iffy\nbind: E + S <-> ES @ kf, kr\n\
                v: m/s = true\nuse \"cells.ode\"\nsolve t = 0..10 { rtol = 1e-8 }\n";
    let found = colours(&rules, text);
    for (word, scope) in [
        ("## Why.", "comment.block.documentation"),
        ("# rates, if any", "comment.line"),
        ("model", "keyword.declaration"),
        ("decay", "entity.name.type"),
        ("param", "keyword.declaration"),
        ("k1", "variable.other"),
        ("0.04", "constant.numeric"),
        ("2.e3", "constant.numeric"),
        (".5", "constant.numeric"),
        ("1e-3", "constant.numeric"),
        ("hill", "entity.name.function.rhapsode"),
        ("hill", "entity.name.function.call"),
        ("β", "variable.other"),
        ("1", "constant.numeric"),
        ("..", "keyword.operator.range"),
        ("periodic", "keyword.other"),
        ("''", "keyword.operator.derivative"),
        ("if", "keyword.control"),
        ("not", "keyword.operator.logical"),
        ("<=", "keyword.operator.comparison"),
        ("sin", "support.function.rhapsode"),
        ("sum", "support.function.reduction"),
        ("iffy", "variable.other"),
        ("bind", "entity.name.label"),
        ("<->", "keyword.operator.arrow"),
        ("v", "variable.other"),
        ("true", "constant.language"),
        ("\"cells.ode\"", "string.quoted"),
        ("solve", "keyword.other"),
    ] {
        assert!(found.iter().any(|(w, s)| *w == word && s.starts_with(scope)), "`{word}` is no {scope}: {found:?}");
    }
}

#[test]
fn every_word_of_the_examples_has_a_scope() {
    let rules = grammar();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    let mut words = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "ode") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (word, scope) in colours(&rules, &text) {
            assert!(!scope.is_empty(), "{}: `{word}` has no scope", path.display());
            assert_eq!(word.starts_with('#'), scope.starts_with("comment"), "{}: {word}", path.display());
            words += 1;
        }
    }
    assert!(words > 3000, "{words}");
}

#[test]
fn keywords_and_builtins_are_known() {
    let rules = grammar();
    for builtin in rhapsode::expr::builtin::BUILTINS {
        let call = format!("{}(x)", builtin.name);
        let scope = &colours(&rules, &call)[0].1;
        assert!(scope.starts_with("support.function"), "`{}` is {scope}", builtin.name);
    }
    // The keywords as the grammar file lists them.
    let ebnf = include_str!("../grammar/rhapsode.ebnf");
    let mut count = 0;
    for list in ebnf.split("but not `").skip(1) {
        for word in list.split('`').next().unwrap().split_whitespace() {
            let scope = &colours(&rules, word)[0].1;
            assert!(!scope.is_empty() && !scope.starts_with("variable"), "`{word}` is {scope}");
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}
