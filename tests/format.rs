//! The formatter: `tests/format/NAME.ode` becomes `NAME.formatted.ode` (`BLESS=1 cargo test --test format` writes it: read
//! the difference); and whatever is formatted keeps its words and its meaning, and is formatted from then on.

#[path = "oracle/generate.rs"]
mod generate;

use rhapsode::lang::format::{Refusal, WIDTH, format};
use rhapsode::lang::parse;
use rhapsode::source::Source;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn formatted(text: &str) -> String {
    format(&Source::new("m", text)).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"))
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

/// The canonical print of the tree, and the comments in order.
fn content(text: &str) -> (String, Vec<String>) {
    let (ast, diagnostics) = parse(&Source::new("m", text));
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let comments = text.lines().filter_map(|line| Some(line[line.find('#')?..].trim_end().to_owned())).collect();
    (ast.to_string(), comments)
}

/// What holds for every text that parses.
fn check(text: &str) -> String {
    let once = formatted(text);
    assert_eq!(formatted(&once), once, "formatting again changes\n{text}");
    assert_eq!(content(&once), content(text), "formatting loses something of\n{text}");
    assert!(once.is_empty() || once.ends_with('\n') && !once.ends_with("\n\n") && !once.starts_with('\n'));
    assert!(!once.contains("\n\n\n"), "two empty lines in\n{once}");
    assert!(once.lines().all(|line| line.trim_end() == line), "a trailing blank in\n{once}");
    once
}

#[test]
fn the_samples_look_as_committed() {
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let samples: Vec<_> = models("tests/format")
        .into_iter()
        .filter(|(path, _)| !path.to_string_lossy().ends_with(".formatted.ode"))
        .collect();
    assert!(samples.len() >= 2);
    for (path, text) in samples {
        let found = check(&text);
        let target: &Path = &path.with_extension("formatted.ode");
        if bless {
            std::fs::write(target, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(target).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn the_examples_are_formatted() {
    let examples = models("examples/models");
    assert!(examples.len() > 15);
    for (path, text) in examples {
        assert_eq!(check(&text), text, "run `rhapsode fmt {}`", path.display());
    }
}

/// A repeatable stream of choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Where a token may end or begin: between characters of different classes, outside comments.
fn boundaries(text: &str) -> Vec<usize> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' || c == '.' => 0,
        c if c.is_whitespace() => 1,
        '(' | ')' | '[' | ']' | '{' | '}' | ',' => 2,
        _ => 3,
    };
    let mut comment = false;
    let mut before = (' ', 1);
    let mut list = Vec::new();
    for (at, c) in text.char_indices() {
        let now = (c, class(c));
        if !comment && (now.1 != before.1 || now.1 == 2) {
            list.push(at);
        }
        comment = c != '\n' && (comment || c == '#');
        before = now;
    }
    list
}

/// The text with white space and comments put between its tokens wherever that keeps what it says.
fn mangled(text: &str, choices: &mut Choices) -> String {
    const NOISE: [&str; 9] =
        [" ", "   ", "\t", "\n", "\n\n\n", " # note\n", "\n# own line\n  ", "\n\n## doc-like\n\n", " #\r\n "];
    let tree = |text: &str| {
        let (ast, diagnostics) = parse(&Source::new("m", text));
        // Documentation may be added by the noise; what is documented does not matter here.
        let ast = ast.to_string().lines().filter(|line| !line.starts_with("##")).collect::<String>();
        diagnostics.is_empty().then_some(ast)
    };
    let wanted = tree(text);
    assert!(wanted.is_some(), "{text}");
    let mut text = text.to_owned();
    for _ in 0..24 {
        let places = boundaries(&text);
        if places.is_empty() {
            break;
        }
        let at = places[choices.below(places.len())];
        let noise = NOISE[choices.below(NOISE.len())];
        let candidate = format!("{}{noise}{}", &text[..at], &text[at..]);
        if tree(&candidate) == wanted {
            text = candidate;
        }
    }
    text
}

#[test]
fn random_models_with_comments_anywhere_keep_everything() {
    let mut choices = Choices(42);
    let mut comments = 0;
    for case in 0..400 {
        let tape: Vec<u8> = (0..40 + case % 300).map(|_| choices.below(256) as u8).collect();
        let model = generate::model(&tape);
        check(&model);
        let noisy = mangled(&model, &mut choices);
        comments += noisy.matches('#').count();
        check(&noisy);
    }
    assert!(comments > 1000, "only {comments} comments were put in");
}

#[test]
fn examples_with_comments_anywhere_keep_everything() {
    let mut choices = Choices(7);
    for (_, text) in models("examples/models").into_iter().chain(models("tests/format")) {
        for _ in 0..10 {
            check(&mangled(&text, &mut choices));
        }
    }
}

#[test]
fn blanks_within_a_line_do_not_matter() {
    for (_, text) in models("examples/models") {
        let mut loose = String::new();
        for line in text.lines() {
            let code = line.find('#').map_or(line, |at| &line[..at]);
            let places = boundaries(code);
            let mut end = 0;
            for at in places {
                loose += &code[end..at];
                loose += if parse_same(code, at) { "  " } else { "" };
                end = at;
            }
            loose += &line[end..];
            loose.push('\n');
        }
        assert_eq!(formatted(&loose), text);
    }
}

/// Whether blanks at `at` leave the line's tokens as they are.
fn parse_same(line: &str, at: usize) -> bool {
    let print = |text: &str| parse(&Source::new("m", text)).0.to_string();
    // Part of a statement prints nothing; what it quotes is left alone.
    if line.contains('"') && print(line).is_empty() {
        return false;
    }
    print(line) == print(&format!("{}  {}", &line[..at], &line[at..]))
}

#[test]
fn lines_are_short_where_they_can_be() {
    let terms: Vec<String> = (0..200).map(|k| format!("a_{k}*(b_{k} + c_{k}^2)")).collect();
    let list: Vec<String> = (0..200).map(|k| format!("p{k} = {k}")).collect();
    let text = format!("y = {}\nparam {}\nz = f({})\n", terms.join(" + "), list.join(", "), terms.join(","));
    let result = check(&text);
    assert!(result.lines().all(|line| line.len() <= WIDTH && line.len() > 10), "{result}");
    assert!(result.lines().count() < text.len() / 70, "{result}");
    // One word is longer than any line.
    let name = "n".repeat(200);
    check(&format!("{name} = {name}*{name} + f({name}, {name})\n"));
}

#[test]
fn a_text_with_errors_is_refused_whole() {
    let Err(Refusal::Errors(list)) = format(&Source::new("m", "x' = -x\ny' = (x\nz = 1 +\n")) else { panic!() };
    assert_eq!(list.len(), 2);
}

#[test]
fn line_ends_stay_what_they_are() {
    assert_eq!(formatted("a=1\r\nb=2\r\n"), "a = 1\r\nb = 2\r\n");
    assert_eq!(formatted("a=1\n\r\n\r\nb=2"), "a = 1\n\nb = 2\n");
    assert_eq!(formatted(""), "");
    assert_eq!(formatted(" \n\n"), "");
    assert_eq!(formatted("\u{feff}# only a comment"), "# only a comment\n");
}

#[test]
fn long_texts_take_no_more_than_linear_time() {
    let terms: Vec<String> = (0..60_000).map(|k| format!("a{k}*x")).collect();
    let sum = format!("x' = {}\n", terms.join(" + "));
    let lines: String = (0..20_000).map(|k| format!("y{k}' = -k*y{k} # line {k}\n")).collect();
    let options: Vec<String> = (0..20_000).map(|k| format!("o{k} = {k}")).collect();
    let block = format!("solve t = 0..1 {{ {} }}\n", options.join(", "));
    check(&format!("{sum}{lines}{block}"));
}
