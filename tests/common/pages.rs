//! The pages of the book: which there are, their sections, fenced blocks and links. Shared by the tests of the library
//! (models compile and run) and of the command (transcripts are true).
// Two packages include this file, each for a part of it.
#![allow(dead_code)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if here.join("docs").exists() { here.to_owned() } else { here.join("..") }
}

/// The folder of the pages.
pub fn folder() -> PathBuf {
    root().join("docs/src")
}

/// Whether files are to be written rather than compared.
pub fn bless() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// All pages, in the order of their paths, without the table of contents.
pub fn pages() -> Vec<PathBuf> {
    let mut pages = files(&folder());
    pages.retain(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("SUMMARY.md"));
    pages
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// What stands after the fence: `rhapsode error=E0201`.
    pub info: String,
    pub text: String,
    /// The anchor of the heading above it.
    pub section: String,
    /// The line of the fence, from 1.
    pub line: usize,
    /// Where the text stands in the page.
    pub range: std::ops::Range<usize>,
}

impl Block {
    /// The first word of the info: the language.
    pub fn kind(&self) -> &str {
        self.info.split_whitespace().next().unwrap_or_default()
    }

    /// The value of `key=value` in the info.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.info.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

/// The fenced blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut at, mut open, mut section) = (0, None::<Block>, String::new());
    for (number, line) in page.split_inclusive('\n').enumerate() {
        let end = at + line.len();
        match (&mut open, line.trim_end().strip_prefix("```")) {
            (None, Some(info)) => {
                let info = info.trim().to_owned();
                let (section, text) = (section.clone(), String::new());
                open = Some(Block { info, text, section, line: number + 1, range: end..end });
            }
            (Some(block), Some("")) => {
                block.range.end = at;
                block.text = page[block.range.clone()].to_owned();
                blocks.extend(open.take());
            }
            (Some(_), _) => {}
            (None, None) => {
                assert!(!line.trim_start().starts_with("```"), "line {}: a fence is indented", number + 1);
                if let Some(heading) = line.strip_prefix('#') {
                    section = anchor(heading);
                }
            }
        }
        at = end;
    }
    assert!(open.is_none(), "a fence is not closed: {open:?}");
    blocks
}

/// The text of a block, with the file that it includes.
pub fn expanded(page: &Path, block: &Block) -> String {
    match block.text.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}\n")) {
        Some(file) => {
            let path = page.parent().unwrap().join(file);
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        }
        None => block.text.clone(),
    }
}

/// The anchor of a heading, as mdBook and GitHub make it: lower case, with hyphens for blanks.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The page without the lines of fenced blocks.
pub fn prose(page: &str) -> String {
    let mut fenced = false;
    let outside = |line: &&str| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    };
    page.split_inclusive('\n').filter(outside).collect()
}

/// The anchors of a page.
pub fn anchors(page: &str) -> BTreeSet<String> {
    prose(page).lines().filter_map(|line| line.strip_prefix('#')).map(anchor).collect()
}

/// The targets of `[text](target)` in a page, outside code.
pub fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(page).lines() {
        // Every other piece between backquotes is code.
        for piece in line.split('`').step_by(2) {
            found.extend(piece.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        }
    }
    found
}
