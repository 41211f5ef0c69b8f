//! Where lines break and how far they are indented.
//!
//! Breaks that a person made stay; a line that is still too long gets more, at the loosest operator that fits. A block in
//! braces is written on one line or with every part on lines of its own.

use super::spacing::{ends_operand, partners};
use super::words::Word;
use super::{INDENT, WIDTH};
use crate::lang::token::Kind;
use std::ops::Range;

/// One line to be written.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its words; a comment can only be the last of them.
    pub words: Range<usize>,
    /// Blanks at its beginning.
    pub indent: usize,
    /// Whether an empty line stands above it.
    pub blank_before: bool,
    /// Whether a statement, an option or the end of a block begins with it, rather than going on from above.
    pub fresh: bool,
}

/// A break before a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
enum Break {
    #[default]
    None,
    Line,
    Blank,
}

/// The lines of a text.
pub(super) fn lines(words: &[Word], spaces: &[bool]) -> Vec<Line> {
    let partners = partners(words);
    let mut breaks = written_breaks(words, &partners);
    let fresh = fresh(words);
    let mut lines: Vec<Line> = Vec::new();
    // The open brackets: their kind and the indentation of the line that opened them.
    let mut open: Vec<(Kind, usize)> = Vec::new();
    let (mut start, mut known) = (0, 0);
    while start < words.len() {
        let begins = begins_fresh(words, &fresh, start);
        let indent = indent(words[start], &open, begins);
        while known <= start {
            known = next_break(&breaks, start);
            if columns(words, spaces, start..known, indent).1
                && open_first_block(words, &partners, &fresh, &mut breaks, start..known)
            {
                known = start;
            }
        }
        let (columns, long) = columns(words, spaces, start..known, indent);
        let mut end = known;
        if long && let Some(at) = best_break(words, start..known, &columns) {
            breaks[at] = Break::Line;
            end = at;
        }
        for word in &words[start..end] {
            if word.kind.closer().is_some() {
                open.push((word.kind, indent));
            } else if word.kind.is_closer() {
                open.pop();
            }
        }
        lines.push(Line { words: start..end, indent, blank_before: breaks[start] == Break::Blank, fresh: begins });
        start = end;
    }
    lines
}

/// The breaks of the text as it is, and those that its comments and blocks need.
fn written_breaks(words: &[Word], partners: &[Option<usize>]) -> Vec<Break> {
    let mut breaks = vec![Break::None; words.len()];
    for (at, word) in words.iter().enumerate().skip(1) {
        breaks[at] = match word.newlines {
            0 if words[at - 1].comment => Break::Line,
            0 => Break::None,
            1 => Break::Line,
            _ => Break::Blank,
        };
    }
    // A block with a break in it has one after its first and before its last brace.
    for opener in (0..words.len()).filter(|at| words[*at].kind == Kind::BraceOpen) {
        let Some(close) = partners[opener] else { continue };
        if breaks[opener + 1..=close].iter().any(|b| *b != Break::None) {
            open_block(words, &mut breaks, opener, close);
        }
    }
    breaks
}

/// Sets the inside of a block on lines of its own.
fn open_block(words: &[Word], breaks: &mut [Break], opener: usize, close: usize) {
    let first = opener + 1;
    if !words[first].comment || words[first].newlines > 0 {
        breaks[first] = Break::Line;
    } else if first + 1 < close {
        breaks[first + 1] = Break::Line;
    }
    breaks[close] = Break::Line;
}

/// Which tokens begin a statement or a part of a block, whether or not their line does.
fn fresh(words: &[Word]) -> Vec<bool> {
    let mut fresh = vec![false; words.len()];
    let mut open: Vec<Kind> = Vec::new();
    let mut before = Kind::Newline;
    // Whether a comma at this level parts the options of a block: not in `param a, b`, not after `for` or `@`.
    let mut comma_parts = false;
    for (at, word) in words.iter().enumerate().filter(|(_, word)| !word.comment) {
        let innermost = open.last().copied();
        if !matches!(innermost, Some(Kind::RoundOpen | Kind::SquareOpen)) {
            let part = before == Kind::Comma && comma_parts && innermost == Some(Kind::BraceOpen);
            fresh[at] = word.starts_line
                || part
                || matches!(before, Kind::Newline | Kind::BraceOpen)
                || word.kind == Kind::BraceClose;
            if fresh[at] {
                comma_parts = !word.kind.begins_statement();
            } else if matches!(word.kind, Kind::For | Kind::At) {
                comma_parts = false;
            }
        }
        if word.kind.closer().is_some() {
            open.push(word.kind);
        } else if word.kind.is_closer() {
            open.pop();
        }
        before = word.kind;
    }
    fresh
}

/// Whether the line that begins with the word at `start` is the beginning of something; a comment belongs to what follows.
fn begins_fresh(words: &[Word], fresh: &[bool], start: usize) -> bool {
    (start..words.len()).find(|at| !words[*at].comment).is_none_or(|at| fresh[at])
}

fn indent(first: Word, open: &[(Kind, usize)], fresh: bool) -> usize {
    match open.last() {
        Some((_, outer)) if first.kind.is_closer() => *outer,
        Some((Kind::BraceOpen, outer)) => outer + if fresh { INDENT } else { 2 * INDENT },
        Some((_, outer)) => outer + INDENT,
        None if fresh => 0,
        None => INDENT,
    }
}

fn next_break(breaks: &[Break], start: usize) -> usize {
    (start + 1..breaks.len()).find(|at| breaks[*at] != Break::None).unwrap_or(breaks.len())
}

/// The columns in which the words of a line end, up to the first beyond the width; and whether there is one.
fn columns(words: &[Word], spaces: &[bool], line: Range<usize>, indent: usize) -> (Vec<usize>, bool) {
    let mut columns = Vec::new();
    let mut column = indent;
    for at in line.clone().filter(|at| !words[*at].comment) {
        column += usize::from(spaces[at] && at > line.start) + words[at].width();
        columns.push(column);
        if column > WIDTH {
            return (columns, true);
        }
    }
    (columns, false)
}

/// Sets the parts of the first block that opens and closes in a line on lines of their own; says whether there is one.
fn open_first_block(
    words: &[Word],
    partners: &[Option<usize>],
    fresh: &[bool],
    breaks: &mut [Break],
    line: Range<usize>,
) -> bool {
    let closes = |at: usize| partners[at].filter(|close| *close > at + 1 && *close < line.end);
    let block = line.clone().find(|at| words[*at].kind == Kind::BraceOpen && closes(*at).is_some());
    let Some((opener, close)) = block.and_then(|at| Some((at, closes(at)?))) else { return false };
    open_block(words, breaks, opener, close);
    let mut depth = 0;
    for at in opener + 1..close {
        if depth == 0 && fresh[at] {
            breaks[at] = Break::Line;
        }
        depth += i32::from(words[at].kind.closer().is_some()) - i32::from(words[at].kind.is_closer());
    }
    true
}

/// The word before which a long line breaks best: at the loosest operator of what fits, if that is not right at the
/// beginning; where nothing fits, at the first place of all. `columns` says where the words end, the last one too far.
fn best_break(words: &[Word], line: Range<usize>, columns: &[usize]) -> Option<usize> {
    let mut depth = 0;
    let mut best: Option<(u32, usize)> = None;
    for (place, at) in line.clone().enumerate() {
        if words[at].kind.is_closer() {
            depth -= 1;
        }
        if place >= columns.len() && best.is_some() {
            break;
        }
        if place > 0
            && let Some(cost) = cost(words, line.start, at)
        {
            if place >= columns.len() {
                return Some(at);
            }
            // Near the beginning of a line a break gains little.
            let early = if columns[place - 1] < WIDTH / 3 { 100 } else { 0 };
            let cost = cost + 8 * u32::try_from(depth).unwrap_or(0) + early;
            if best.is_none_or(|(least, _)| cost <= least) {
                best = Some((cost, at));
            }
        }
        if words[at].kind.closer().is_some() {
            depth += 1;
        }
    }
    best.map(|(_, at)| at)
}

/// What it costs to break the line from `start` before the word at `at`; nothing where it must not break.
fn cost(words: &[Word], start: usize, at: usize) -> Option<u32> {
    use Kind::*;
    if words[at].comment || at == 0 {
        return None;
    }
    Some(match (words[at - 1].kind, words[at].kind) {
        (_, Comma | RoundClose | SquareClose | BraceOpen | BraceClose) => return None,
        (Comma, _) | (_, For) => 0,
        (_, Then | Else) => 1,
        (_, Or) => 2,
        (_, And) | (At | Arrow | BothArrow | RateArrow, _) => 3,
        (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual, _) => 4,
        // After the operator of a sum, not after the sign of an operand.
        (Plus | Minus, _) if at >= start + 2 && ends_operand(words[at - 2].kind) => 4,
        (Assign | PlusAssign | Becomes | Tilde, _) => 6,
        (Star | Slash, _) => 7,
        _ => return None,
    })
}
