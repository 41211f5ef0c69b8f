//! Which neighbours on a line touch and which stand apart: one rule per pair of kinds, the first that fits.
//!
//! `* / ^` bind their operands visibly; `+` and `-` do so in subscripts and ranges only (`u[i-1,j]`, `1..N-1`).

use super::words::Word;
use crate::lang::token::Kind;

/// The places of the partners of brackets, by the place of either.
pub(super) fn partners(words: &[Word]) -> Vec<Option<usize>> {
    let mut partners = vec![None; words.len()];
    let mut open = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if word.kind.closer().is_some() {
            open.push(at);
        } else if word.kind.is_closer()
            && let Some(opener) = open.pop()
        {
            (partners[at], partners[opener]) = (Some(opener), Some(at));
        }
    }
    partners
}

/// Names to the lexer that no call follows.
const WORDS: [&str; 7] = ["from", "to", "delay", "priority", "over", "lag", "bioavailability"];

/// Whether an operand can end with a token of that kind.
pub(super) fn ends_operand(kind: Kind) -> bool {
    use Kind::*;
    matches!(kind, Name | Number | Text | Prime | True | False | RoundClose | SquareClose | BraceClose | Invalid)
}

/// For each word, whether a blank stands between it and the one before if both are on a line.
pub(super) fn spaces(words: &[Word]) -> Vec<bool> {
    let partners = partners(words);
    let ranges = in_ranges(words, &partners);
    let mut spaces = vec![false; words.len()];
    // The open brackets, and whether `+`, `-` and `,` are set tight in each.
    let mut open: Vec<(Kind, bool)> = Vec::new();
    let mut before: Option<usize> = None;
    let mut after_sign = false;
    for (at, word) in words.iter().enumerate() {
        if word.comment {
            spaces[at] = true;
            continue;
        }
        let is_tight = open.last().is_some_and(|(_, tight)| *tight) || ranges[at];
        let fresh = word.starts_line && !matches!(open.last(), Some((Kind::RoundOpen | Kind::SquareOpen, _)));
        let previous = before.filter(|_| !fresh);
        let kind_before = previous.map(|at| words[at].kind);
        let sign = matches!(word.kind, Kind::Plus | Kind::Minus) && !kind_before.is_some_and(ends_operand);
        spaces[at] = match previous {
            None => false,
            Some(_) if after_sign => false,
            Some(operator) if matches!(words[operator].kind, Kind::Plus | Kind::Minus) => {
                !is_tight && !ranges[operator]
            }
            Some(previous) => apart(words[previous], *word, sign, is_tight),
        };
        after_sign = sign;
        if word.kind.closer().is_some() {
            let tight = match word.kind {
                Kind::SquareOpen => !is_reduction(words, &partners, at),
                Kind::RoundOpen => is_tight && !kind_before.is_some_and(is_called),
                _ => false,
            };
            open.push((word.kind, tight));
        } else if word.kind.is_closer() {
            open.pop();
        }
        before = Some(at);
    }
    spaces
}

/// Whether a parenthesis after a token of that kind is a call's.
fn is_called(kind: Kind) -> bool {
    matches!(kind, Kind::Name | Kind::SquareClose | Kind::Prime)
}

/// Whether the bracket at `at` holds the indices of a reduction: what follows it is called.
fn is_reduction(words: &[Word], partners: &[Option<usize>], at: usize) -> bool {
    partners[at].and_then(|close| words.get(close + 1)).is_some_and(|next| next.kind == Kind::RoundOpen)
}

/// Whether a blank stands between `a` and `b`; signs that belong to `a` have been dealt with.
fn apart(a: Word, b: Word, sign: bool, tight: bool) -> bool {
    use Kind::*;
    match (a.kind, b.kind) {
        (_, Comma | Semicolon | RoundClose | SquareClose | Prime) | (RoundOpen | SquareOpen, _) => false,
        (BraceOpen, BraceClose) => false,
        (BraceOpen, _) | (_, BraceOpen | BraceClose) => true,
        // `1. ..2` would read as `1`, `..`, `.2`.
        (Number, Dots) => a.text.ends_with('.'),
        (Dots, _) | (_, Dots) => false,
        (Number, Dot) | (Dot, Number) => b.apart,
        (Dot, _) | (_, Dot) => false,
        (Comma, _) => !tight,
        (_, Colon) => false,
        (Colon, _) => true,
        (Star | Slash | Caret, _) | (_, Star | Slash | Caret) => false,
        (_, Plus | Minus) if !sign => !tight,
        (Name, RoundOpen) if b.apart && WORDS.contains(&a.text) => true,
        (kind, RoundOpen) if is_called(kind) => false,
        (Name | Prime | SquareClose, SquareOpen) => false,
        // Two operands in a row (`2 A`, `1..N periodic`): as written.
        (a, b2) if ends_operand(a) && ends_operand(b2) => b.apart,
        _ => true,
    }
}

/// The words that belong to the ends of a range.
fn in_ranges(words: &[Word], partners: &[Option<usize>]) -> Vec<bool> {
    use Kind::*;
    let belongs = |kind| matches!(kind, Name | Number | Prime | Dot | Plus | Minus | Star | Slash | Caret);
    let mut marked = vec![false; words.len()];
    for dots in (0..words.len()).filter(|at| words[*at].kind == Dots) {
        let mut at = dots;
        while at > 0 && !words[at].starts_line {
            let left = if words[at - 1].kind.is_closer() { partners[at - 1].unwrap_or(at - 1) } else { at - 1 };
            if left == at - 1 && !belongs(words[left].kind) && !words[left].comment {
                break;
            }
            marked[left..at].fill(true);
            at = left;
        }
        let mut at = dots + 1;
        while at < words.len() && (at == dots + 1 || !words[at].starts_line) {
            let right = if words[at].kind == BraceOpen { None } else { partners[at].filter(|right| *right > at) };
            if right.is_none() && !belongs(words[at].kind) && !words[at].comment {
                break;
            }
            let end = right.unwrap_or(at) + 1;
            marked[at..end].fill(true);
            at = end;
        }
    }
    marked
}
