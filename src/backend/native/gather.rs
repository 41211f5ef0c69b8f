//! Calls of the same elementary function brought together, so that several arguments are served by one call of its form
//! for several (`math::Gather`), which costs a third or less of single calls.
//!
//! Only the order of statements changes, never what one computes: results keep their bits. A call's level is the number
//! of such calls on the longest way to its arguments; calls of a level do not need each other. Statements go to the first
//! level where something needs them, each level's calls after its other statements. Writes keep their order; reads of
//! the work buffer stay on their side of writes to it.

use crate::kernel::program::{Buffer, Op, Piece, Stmt, Value};
use crate::math::Function;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// The fewest calls worth bringing together: below, single ones are as fast.
pub(super) fn fewest(function: Function) -> usize {
    if function.arity() == 1 { 3 } else { 2 }
}

/// The elementary function a statement calls, if there is a form of it for several arguments.
pub(super) fn called(statement: &Stmt) -> Option<Function> {
    match statement {
        Stmt::Let { op: Op::Call1(function, _) | Op::Call2(function, ..), .. } => function.gather().map(|_| *function),
        _ => None,
    }
}

/// How many statements from the first on are calls of one function that do not need each other.
pub(super) fn run<S: std::borrow::Borrow<Stmt>>(statements: &[S]) -> usize {
    let Some(function) = statements.first().and_then(|first| called(first.borrow())) else { return 0 };
    let mut results: Vec<Value> = Vec::new();
    for (count, statement) in statements.iter().enumerate() {
        let Stmt::Let { dst, op } = statement.borrow() else { return count };
        let mut needs = false;
        op.for_each_operand(|operand| needs |= results.contains(&operand));
        if needs || called(statement.borrow()) != Some(function) {
            return count;
        }
        results.push(*dst);
    }
    statements.len()
}

/// The piece with its calls brought together.
pub(super) fn gather(piece: &Piece) -> Cow<'_, Piece> {
    if !worthwhile(&piece.body) {
        return Cow::Borrowed(piece);
    }
    Cow::Owned(Piece { values: piece.values, loops: piece.loops, body: gathered(&piece.body) })
}

/// Whether some stretch of statements calls one function often enough.
fn worthwhile(body: &[Stmt]) -> bool {
    let inside = |statement: &Stmt| matches!(statement, Stmt::Loop { body, .. } if worthwhile(body));
    body.iter().any(inside) || body.split(barrier).any(|stretch| often(stretch).next().is_some())
}

/// The functions called often enough in a stretch.
fn often(stretch: &[Stmt]) -> impl Iterator<Item = Function> {
    let mut counts: FxHashMap<Function, usize> = FxHashMap::default();
    for function in stretch.iter().filter_map(called) {
        *counts.entry(function).or_default() += 1;
    }
    counts.into_iter().filter(|&(function, count)| count >= fewest(function)).map(|(function, _)| function)
}

/// Statements that others do not move across.
fn barrier(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Loop { .. } | Stmt::Wrap { .. } | Stmt::Lookup { .. })
}

fn gathered(body: &[Stmt]) -> Vec<Stmt> {
    let mut result = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let length = rest.iter().position(barrier).unwrap_or(rest.len());
        stretch(&rest[..length], &mut result);
        if let Some(statement) = rest.get(length) {
            result.push(match statement {
                Stmt::Loop { var, lo, hi, carried, body } => {
                    Stmt::Loop { var: *var, lo: *lo, hi: *hi, carried: carried.clone(), body: gathered(body) }
                }
                other => other.clone(),
            });
        }
        rest = rest.get(length + 1..).unwrap_or(&[]);
    }
    result
}

/// Appends a stretch without loops in its new order.
fn stretch(statements: &[Stmt], result: &mut Vec<Stmt>) {
    let functions: Vec<Function> = often(statements).collect();
    let moves = |statement: &Stmt| called(statement).filter(|function| functions.contains(function));
    if functions.is_empty() {
        return result.extend_from_slice(statements);
    }
    // Forwards: the level of each statement, and who assigns each value.
    let mut levels = vec![0; statements.len()];
    let mut assigned: FxHashMap<Value, usize> = FxHashMap::default();
    // Writes keep their order. No read of the work buffer may come before a write to it, no write before a read.
    let (mut stored, mut written, mut read) = (0, 0, 0);
    for (at, statement) in statements.iter().enumerate() {
        let mut level = 0;
        let mut needs = |value: Value| {
            if let Some(&from) = assigned.get(&value) {
                level = level.max(levels[from] + usize::from(moves(&statements[from]).is_some()));
            }
        };
        match statement {
            Stmt::Let { op, .. } => op.for_each_operand(&mut needs),
            Stmt::Store { value, .. } => needs(*value),
            Stmt::Loop { .. } | Stmt::Wrap { .. } | Stmt::Lookup { .. } => {}
        }
        match statement {
            Stmt::Let { op: Op::Load(from), .. } if from.buffer == Buffer::W => {
                level = level.max(written);
                read = read.max(level);
            }
            Stmt::Store { to, .. } => {
                level = level.max(stored);
                if to.buffer == Buffer::W {
                    level = level.max(read);
                    written = level;
                }
                stored = level;
            }
            _ => {}
        }
        levels[at] = level;
        if let Stmt::Let { dst, .. } = statement {
            assigned.insert(*dst, at);
        }
    }
    // Backwards: statements that may wait are put off until they are needed.
    let mut places = levels.clone();
    let mut needed: FxHashMap<Value, usize> = FxHashMap::default();
    for (at, statement) in statements.iter().enumerate().rev() {
        if let Stmt::Let { dst, op } = statement {
            let stays = moves(statement).is_some() || matches!(op, Op::Load(from) if from.buffer == Buffer::W);
            if let (false, Some(&place)) = (stays, needed.get(dst)) {
                places[at] = place;
            }
        }
        let mut by = |value: Value| {
            needed.entry(value).and_modify(|known| *known = places[at].min(*known)).or_insert(places[at]);
        };
        match statement {
            Stmt::Let { op, .. } => op.for_each_operand(by),
            Stmt::Store { value, .. } => by(*value),
            Stmt::Loop { .. } | Stmt::Wrap { .. } | Stmt::Lookup { .. } => {}
        }
    }
    let mut order: Vec<usize> = (0..statements.len()).collect();
    order.sort_by_key(|&at| (places[at], moves(&statements[at])));
    result.extend(order.into_iter().map(|at| statements[at].clone()));
}
