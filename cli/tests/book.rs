//! The book's transcripts are what the command prints, every flag is in the book, and the gallery shows every example.
//! `BLESS=1 cargo test --workspace --test book` writes transcripts, gallery and figures anew: read the difference.

mod common;
#[path = "book/compare.rs"]
mod compare;
#[path = "book/gallery.rs"]
mod gallery;
#[path = "../../tests/common/pages.rs"]
mod pages;

use std::path::Path;

use common::{outcome, rhapsode};
use pages::{Block, bless, blocks};

/// A line that stands for any number of lines.
const ELISION: &str = "…";

/// The words of a command line; quotes keep blanks together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote, mut word) = (Vec::new(), None, None::<String>);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(q)) if c == q => quote = None,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A command of a transcript and what the page says it prints.
struct Exchange<'a> {
    command: &'a str,
    expected: Vec<&'a str>,
}

fn exchanges<'a>(block: &'a Block, place: &str) -> Vec<Exchange<'a>> {
    let mut found: Vec<Exchange<'a>> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push(Exchange { command, expected: Vec::new() }),
            (None, Some(last)) => last.expected.push(line),
            (None, None) => panic!("{place}: the block does not begin with `$ `"),
        }
    }
    found
}

/// What the command prints, on standard output and then on standard error.
fn printed(folder: &Path, command: &str, place: &str) -> String {
    let words = words(command);
    assert_eq!(words.first().map(String::as_str), Some("rhapsode"), "{place}: only `rhapsode` is run");
    let (code, out, err) = outcome(rhapsode().current_dir(folder).args(&words[1..]));
    assert!([0, 1, 2, 3].contains(&code), "{place}: {command}: exit code {code}\n{err}");
    out + &err
}

/// The lines that the page should have: what is printed now, with the page's elisions.
///
/// With several elisions, the page's own lines if they are among those printed, in order; what to keep of other lines
/// only a person knows.
fn rewritten(expected: &[&str], printed: &str) -> Vec<String> {
    let lines: Vec<String> = printed.lines().map(without_times).collect();
    let parts: Vec<&[&str]> = expected.split(|line| *line == ELISION).collect();
    match parts[..] {
        [_] => lines,
        [head, tail] => {
            assert!(head.len() + tail.len() < lines.len(), "an elision of nothing in {expected:?}");
            let (start, end) = (&lines[..head.len()], &lines[lines.len() - tail.len()..]);
            start.iter().cloned().chain([ELISION.to_owned()]).chain(end.iter().cloned()).collect()
        }
        _ => {
            let mut at = 0;
            for part in &parts {
                let found = (at..=lines.len().saturating_sub(part.len()))
                    .find(|k| lines[*k..].iter().zip(*part).all(|(a, b)| a == b));
                let Some(start) = found else { return lines };
                at = start + part.len();
            }
            expected.iter().map(|line| line.to_string()).collect()
        }
    }
}

/// How long things took depends on the machine.
fn without_times(line: &str) -> String {
    match line.split_once("compiled in ") {
        Some((before, _)) => format!("{before}compiled in …, solved in …"),
        None => line.to_owned(),
    }
}

/// Machine code is of one kind of machine: such a block says `machine=x86_64`.
fn for_this_machine(block: &Block) -> bool {
    block.setting("machine").is_none_or(|machine| machine == std::env::consts::ARCH && fused())
}

/// Whether products and sums are fused here, as the printed machine code has them.
fn fused() -> bool {
    outcome(rhapsode().args(["show", "--target"])).1.contains("fused multiply-add: instruction")
}

/// Every transcript of a page runs in one folder, with the example models and the page's own (`file=NAME`) in it.
#[test]
fn transcripts_are_true() {
    let (mut faults, mut count) = (String::new(), 0);
    for path in pages::pages() {
        let mut page = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let folder = common::folder();
        gallery::copy_examples(folder.path());
        let mut shift = 0_isize;
        for block in blocks(&page) {
            let place = format!("{}:{}", path.display(), block.line);
            if let Some(name) = block.setting("file") {
                std::fs::write(folder.path().join(name), &block.text).unwrap_or_else(|e| panic!("{place}: {e}"));
            }
            if block.kind() != "console" || !for_this_machine(&block) {
                continue;
            }
            let mut text = String::new();
            for exchange in exchanges(&block, &place) {
                let printed = printed(folder.path(), exchange.command, &place);
                let lines = rewritten(&exchange.expected, &printed);
                let fault = compare::difference(&exchange.expected, &lines);
                let kept = if fault.is_none() { exchange.expected.join("\n") } else { lines.join("\n") };
                text += &format!("$ {}\n{kept}{}", exchange.command, if kept.is_empty() { "" } else { "\n" });
                if let Some(fault) = fault {
                    faults += &format!("{place}: {}: {fault}\n", exchange.command);
                }
                count += 1;
            }
            let range = block.range.start.strict_add_signed(shift)..block.range.end.strict_add_signed(shift);
            shift += text.len() as isize - range.len() as isize;
            page.replace_range(range, &text);
        }
        // Figures that the commands have drawn, where the page shows them.
        let drawn = pages::files(folder.path()).into_iter().filter(|file| file.extension().is_some_and(|e| e == "svg"));
        for (file, name) in drawn.filter_map(|file| Some((file.clone(), file.file_name()?.to_str()?.to_string()))) {
            let shown = format!("figures/{name}");
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if page.contains(&shown) && !gallery::is_as_kept(&pages::folder().join(shown), &text, false) {
                faults += &format!("{}: {name} looks different today\n", path.display());
            }
        }
        if bless() {
            std::fs::write(&path, page).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }
    assert!(faults.is_empty() || bless(), "{faults}");
    assert!(count > 25, "{count} commands");
}

/// The flags in the help of each subcommand are on its page.
#[test]
fn every_flag_is_on_the_page_of_the_command() {
    let page = std::fs::read_to_string(pages::folder().join("command.md")).unwrap_or_default();
    let (_, help, _) = outcome(rhapsode().arg("--help"));
    let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 8, "{help}");
    let mut flags = 0;
    for name in names {
        let section = page.split(&format!("\n## {name}\n")).nth(1).and_then(|rest| rest.split("\n## ").next());
        let Some(section) = section else { panic!("command.md has no section `## {name}`") };
        let (_, help, _) = outcome(rhapsode().args([name, "--help"]));
        for line in help.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
            // `-o, --output <FILE>  Write …`
            let long = line.split([' ', ',']).find(|word| word.starts_with("--"));
            let Some(long) = long.filter(|long| *long != "--help") else { continue };
            assert!(section.contains(&format!("{long} ")) || section.contains(&format!("{long}`")), "{name} {long}");
            flags += 1;
        }
    }
    assert!(flags > 20, "{flags}");
}
