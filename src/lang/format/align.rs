//! Columns that meet: the `=` of neighbouring declarations and equations, the labels and rates of reactions, the comments
//! at the ends of neighbouring lines; and in a run of differential equations terms without a sign below those with one:
//!
//! ```text
//! A' = -k1*A + k3*B*C
//! B' =  k1*A - k3*B*C
//! ```
//!
//! A run is a group of lines of one kind without an empty line, a comment or a broken statement between them. Columns that
//! lie too far apart, and lines that would become too long, are left as they are.

use super::WIDTH;
use super::lines::Line;
use super::spacing::ends_operand;
use super::words::Word;
use crate::lang::token::Kind;
use std::ops::Range;

/// The most blanks that aligning puts before a word.
const MOST: usize = 16;

/// The same for a comment at the end of a line.
const MOST_COMMENT: usize = 32;

/// What lines must share to be aligned, and where.
struct Columns {
    class: Class,
    /// The words before which blanks may be put.
    anchors: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    /// `x' = …`
    Derivative,
    /// `name = …`, `0 = …`, an option.
    Equation,
    /// A statement with that keyword.
    Statement(Kind),
    /// With a label or without.
    Reaction(bool),
}

/// For each word, the blanks to put before it beyond its usual one.
pub(super) fn padding(words: &[Word], spaces: &[bool], lines: &[Line]) -> Vec<usize> {
    let mut padding = vec![0; words.len()];
    let columns: Vec<Option<Columns>> = (0..lines.len()).map(|at| columns(words, lines, at)).collect();
    let same = |a: usize, b: usize| match (&columns[a], &columns[b]) {
        (Some(a_columns), Some(b_columns)) => {
            a_columns.class == b_columns.class && lines[a].indent == lines[b].indent && !lines[b].blank_before
        }
        _ => false,
    };
    let page = Page { words, spaces, lines };
    for run in runs(lines.len(), |at| columns[at].is_some(), same) {
        let anchors = |at: usize| columns[at].as_ref().map_or(&[][..], |columns| &columns.anchors);
        for anchor in 0..anchors(run.start).len() {
            page.align(&mut padding, run.clone(), MOST, |at| anchors(at)[anchor]);
        }
        if columns[run.start].as_ref().is_some_and(|columns| columns.class == Class::Derivative) {
            page.align_signs(&mut padding, run.clone(), |at| anchors(at)[0] + 1);
        }
    }
    let comment = |at: usize| lines[at].words.len() > 1 && words[lines[at].words.end - 1].comment;
    let same = |a: usize, b: usize| lines[a].indent == lines[b].indent && !lines[b].blank_before;
    for run in runs(lines.len(), comment, same) {
        for at in run.clone() {
            padding[lines[at].words.end - 1] = 1;
        }
        page.align(&mut padding, run, MOST_COMMENT, |at| lines[at].words.end - 1);
    }
    padding
}

/// The longest ranges of places that all qualify and of which each goes with the next.
fn runs(count: usize, qualifies: impl Fn(usize) -> bool, same: impl Fn(usize, usize) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in (0..count).filter(|at| qualifies(*at)) {
        match runs.last_mut() {
            Some(run) if run.end == at && same(at - 1, at) => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

struct Page<'a> {
    words: &'a [Word<'a>],
    spaces: &'a [bool],
    lines: &'a [Line],
}

impl Page<'_> {
    /// The column in which the words of a line up to `end` end.
    fn column(&self, padding: &[usize], line: usize, end: usize) -> usize {
        let line = &self.lines[line];
        let widths = (line.words.start..end).map(|at| {
            let gap = if at == line.words.start { 0 } else { usize::from(self.spaces[at]) };
            gap + padding[at] + self.words[at].width()
        });
        line.indent + widths.sum::<usize>()
    }

    fn too_long(&self, padding: &[usize], line: usize) -> bool {
        let words = &self.lines[line].words;
        let end = words.end - usize::from(self.words[words.end - 1].comment);
        self.column(padding, line, end) > WIDTH
    }

    /// Pads the word that `anchor` names in each line of a run, so that these words end in one column.
    fn align(&self, padding: &mut [usize], run: Range<usize>, most: usize, anchor: impl Fn(usize) -> usize) {
        // A comment begins where the others do, an operator (`=`, `+=`) ends there.
        let reach = |at: usize| {
            let word = &self.words[anchor(at)];
            let own = if word.comment || !is_definition(word.kind) { 0 } else { word.width() };
            own + self.column(padding, at, anchor(at))
        };
        let reaches: Vec<usize> = run.clone().map(reach).collect();
        let mut start = 0;
        while start < reaches.len() {
            let (mut least, mut largest) = (reaches[start], reaches[start]);
            let mut end = start + 1;
            while let Some(next) = reaches.get(end).copied() {
                let (lower, upper) = (least.min(next), largest.max(next));
                if upper - lower > most {
                    break;
                }
                (least, largest, end) = (lower, upper, end + 1);
            }
            let group = start..end;
            for at in group.clone() {
                padding[anchor(run.start + at)] += largest - reaches[at];
            }
            let comment = self.words[anchor(run.start + start)].comment;
            if !comment && group.clone().any(|at| self.too_long(padding, run.start + at)) {
                for at in group {
                    padding[anchor(run.start + at)] -= largest - reaches[at];
                }
            }
            start = end;
        }
    }

    /// Sets right sides without a sign one blank to the right of those that have one.
    fn align_signs(&self, padding: &mut [usize], run: Range<usize>, first: impl Fn(usize) -> usize) {
        let signed = |at: usize| matches!(self.words[first(at)].kind, Kind::Plus | Kind::Minus);
        if run.clone().any(signed) {
            for at in run.filter(|at| !signed(*at)) {
                padding[first(at)] += 1;
                if self.too_long(padding, at) {
                    padding[first(at)] -= 1;
                }
            }
        }
    }
}

fn is_definition(kind: Kind) -> bool {
    matches!(kind, Kind::Assign | Kind::PlusAssign | Kind::Becomes | Kind::Tilde)
}

/// What can be aligned in a line, if it is a whole statement or option.
fn columns(words: &[Word], lines: &[Line], at: usize) -> Option<Columns> {
    let line = &lines[at];
    let first = words[line.words.start];
    let whole = line.fresh && lines.get(at + 1).is_none_or(|next| next.fresh);
    if !whole || first.comment || first.kind == Kind::Solve {
        return None;
    }
    let end = line.words.end - usize::from(words[line.words.end - 1].comment);
    let mut depth = 0;
    let (mut definition, mut arrow, mut rate, mut primed, mut listed) = (None, None, None, false, false);
    for at in line.words.start..end {
        let kind = words[at].kind;
        depth += i32::from(kind.closer().is_some()) - i32::from(kind.is_closer());
        match kind {
            Kind::BraceOpen | Kind::BraceClose => return None,
            _ if depth > 0 => {}
            kind if is_definition(kind) && definition.is_none() => definition = Some(at),
            kind if kind.is_arrow() => arrow = Some(at),
            Kind::At => rate = Some(at),
            Kind::Prime => primed |= definition.is_none(),
            Kind::For => break,
            // A comma that ends an option parts nothing.
            Kind::Comma => listed |= definition.is_some() && at + 1 < end,
            _ => {}
        }
    }
    if let (Some(_), Some(rate)) = (arrow, rate) {
        let label = line.words.len() > 2 && words[line.words.start + 1].kind == Kind::Colon;
        let anchors = if label { vec![line.words.start + 2, rate] } else { vec![rate] };
        return Some(Columns { class: Class::Reaction(label), anchors });
    }
    let definition = definition.filter(|at| !listed && at + 1 < end)?;
    let class = match first.kind {
        kind if kind.begins_statement() => Class::Statement(kind),
        _ if primed => Class::Derivative,
        kind if ends_operand(kind) => Class::Equation,
        _ => return None,
    };
    Some(Columns { class, anchors: vec![definition] })
}
