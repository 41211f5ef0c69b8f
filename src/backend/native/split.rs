//! Periodic subscripts taken out of innermost loops: `wrap j = (i - 1) mod n` over `i = 0..n` is `n - 1` for one turn and
//! `i - 1` for the rest. Such a loop is cut where a quotient changes; in each part the wrapped subscript is an affine
//! function of the loop variable like any other, so the long part can run on vectors.
//!
//! Parts reuse the values of the loop (only here is a value assigned in more than one place: emission goes through the
//! parts in order) but have loop variables of their own, those of lookups included.

use crate::kernel::program::{Affine, LoopVar, Op, Piece, Stmt};
use std::borrow::Cow;

/// More parts than this and the loop is left alone.
const PARTS: usize = 5;

/// The piece with its innermost loops cut.
pub(super) fn split(piece: &Piece) -> Cow<'_, Piece> {
    if !wraps(&piece.body) {
        return Cow::Borrowed(piece);
    }
    let mut loops = piece.loops;
    let body = split_body(&piece.body, &mut loops);
    Cow::Owned(Piece { values: piece.values, loops, body })
}

fn wraps(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Wrap { .. } => true,
        Stmt::Loop { body, .. } => wraps(body),
        Stmt::Let { .. } | Stmt::Store { .. } | Stmt::Lookup { .. } => false,
    })
}

fn split_body(body: &[Stmt], loops: &mut u32) -> Vec<Stmt> {
    let mut result = Vec::with_capacity(body.len());
    for statement in body {
        let Stmt::Loop { var, lo, hi, carried, body } = statement else {
            result.push(statement.clone());
            continue;
        };
        let innermost = !body.iter().any(|inner| matches!(inner, Stmt::Loop { .. }));
        if !innermost {
            let body = split_body(body, loops);
            result.push(Stmt::Loop { var: *var, lo: *lo, hi: *hi, carried: carried.clone(), body });
            continue;
        }
        // A wrap that does not depend on this loop belongs before it.
        let fixed = |inner: &&Stmt| matches!(inner, Stmt::Wrap { of, .. } if independent(of, *var, body));
        let (before, body): (Vec<&Stmt>, Vec<&Stmt>) = body.iter().partition(fixed);
        result.extend(before.into_iter().cloned());
        let body: Vec<Stmt> = body.into_iter().cloned().collect();
        let mut parts = Vec::new();
        if !wraps(&body) || !cut(*var, *lo, *hi, &body, &mut parts) {
            result.push(Stmt::Loop { var: *var, lo: *lo, hi: *hi, carried: carried.clone(), body });
            continue;
        }
        for (number, (lo, hi, mut body)) in parts.into_iter().enumerate() {
            let own = LoopVar(*loops);
            *loops += 1;
            replace(&mut body, *var, &Affine { base: 0, terms: vec![(own, 1)] });
            rename_lookups(&mut body, loops);
            let mut carried = carried.clone();
            if number > 0 {
                carried.iter_mut().for_each(|c| c.init = c.result);
            }
            result.push(Stmt::Loop { var: own, lo, hi, carried, body });
        }
    }
    result
}

/// Whether an affine subscript depends neither on `var` nor on a variable that `body` binds.
fn independent(of: &Affine, var: LoopVar, body: &[Stmt]) -> bool {
    let bound = |term: LoopVar| {
        body.iter().any(|inner| matches!(inner, Stmt::Wrap { var, .. } | Stmt::Lookup { var, .. } if *var == term))
    };
    of.terms.iter().all(|&(term, _)| term != var && !bound(term))
}

/// Cuts `lo..=hi` until no wrap is left in any part; false if that cannot be done.
fn cut(var: LoopVar, lo: i64, hi: i64, body: &[Stmt], parts: &mut Vec<(i64, i64, Vec<Stmt>)>) -> bool {
    let Some(position) = body.iter().position(|statement| matches!(statement, Stmt::Wrap { .. })) else {
        parts.push((lo, hi, body.to_vec()));
        return parts.len() <= PARTS;
    };
    let Stmt::Wrap { var: wrapped, of, extent } = &body[position] else { return false };
    let [(term, k @ (1 | -1))] = of.terms[..] else { return false };
    let as_real = body.iter().any(|s| matches!(s, Stmt::Let { op: Op::Index(index), .. } if index == wrapped));
    if term != var || as_real {
        return false;
    }
    let mut rest = body.to_vec();
    rest.remove(position);
    let mut from = lo;
    while from <= hi {
        // The turns with this quotient: up to where `of` leaves the period, upwards or downwards.
        let value = of.base + k * from;
        let quotient = value.div_euclid(*extent);
        let inside = value.rem_euclid(*extent);
        let to = hi.min(from + if k == 1 { extent - 1 - inside } else { inside });
        let mut part = rest.clone();
        replace(&mut part, *wrapped, &Affine { base: of.base - quotient * extent, terms: vec![(var, k)] });
        if !cut(var, from, to, &part, parts) {
            return false;
        }
        from = to + 1;
    }
    true
}

/// Gives the variables of lookups new names: one is bound in one loop only.
fn rename_lookups(body: &mut [Stmt], loops: &mut u32) {
    for k in 0..body.len() {
        let Stmt::Lookup { var, .. } = &mut body[k] else { continue };
        let (old, own) = (*var, LoopVar(*loops));
        *loops += 1;
        *var = own;
        replace(&mut body[k + 1..], old, &Affine { base: 0, terms: vec![(own, 1)] });
    }
}

/// Puts an affine function in the place of a loop variable. Of a variable read as a real it must be another variable.
fn replace(body: &mut [Stmt], var: LoopVar, by: &Affine) {
    for statement in body {
        match statement {
            Stmt::Let { op: Op::Load(from), .. } => substitute(&mut from.element, var, by),
            Stmt::Let { op: Op::Index(index), .. } if *index == var => {
                if let [(own, 1)] = by.terms[..] {
                    *index = own;
                }
            }
            Stmt::Let { .. } => {}
            Stmt::Store { to, .. } => substitute(&mut to.element, var, by),
            Stmt::Wrap { of, .. } | Stmt::Lookup { at: of, .. } => substitute(of, var, by),
            Stmt::Loop { body, .. } => replace(body, var, by),
        }
    }
}

fn substitute(affine: &mut Affine, var: LoopVar, by: &Affine) {
    let Some(position) = affine.terms.iter().position(|&(term, _)| term == var) else { return };
    let (_, k) = affine.terms.remove(position);
    affine.base += k * by.base;
    for &(term, coefficient) in &by.terms {
        match affine.terms.binary_search_by_key(&term, |&(known, _)| known) {
            Ok(at) => {
                affine.terms[at].1 += k * coefficient;
                if affine.terms[at].1 == 0 {
                    affine.terms.remove(at);
                }
            }
            Err(at) => affine.terms.insert(at, (term, k * coefficient)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::program::{Address, Buffer, Carried, Value};

    fn load(dst: u32, base: i64, terms: &[(u32, i64)]) -> Stmt {
        let terms = terms.iter().map(|&(var, k)| (LoopVar(var), k)).collect();
        let element = Affine { base, terms };
        Stmt::Let { dst: Value(dst), op: Op::Load(Address { buffer: Buffer::Y, element }) }
    }

    fn wrap(var: u32, base: i64, terms: &[(u32, i64)], extent: i64) -> Stmt {
        let terms = terms.iter().map(|&(var, k)| (LoopVar(var), k)).collect();
        Stmt::Wrap { var: LoopVar(var), of: Affine { base, terms }, extent }
    }

    fn text(body: Vec<Stmt>, carried: Vec<Carried>) -> String {
        let inner = Stmt::Loop { var: LoopVar(1), lo: 0, hi: 7, carried, body };
        let outer = Stmt::Loop { var: LoopVar(0), lo: 0, hi: 7, carried: vec![], body: vec![inner] };
        split(&Piece { values: 9, loops: 9, body: vec![outer] }).to_string().trim_start().to_string()
    }

    #[test]
    fn a_periodic_stencil_has_an_edge_a_middle_and_an_edge() {
        let body = vec![
            wrap(2, -1, &[(1, 1)], 8),
            wrap(3, 1, &[(1, 1)], 8),
            load(0, 0, &[(0, 8), (2, 1)]),
            load(1, 0, &[(3, 1)]),
        ];
        let expected = "\
loop i0 = 0..=7 {
    loop i9 = 0..=0 {
      %0 = y[8*i0 + i9 + 7]
      %1 = y[i9 + 1]
    }
    loop i10 = 1..=6 {
      %0 = y[8*i0 + i10 - 1]
      %1 = y[i10 + 1]
    }
    loop i11 = 7..=7 {
      %0 = y[8*i0 + i11 - 1]
      %1 = y[i11 - 7]
    }
  }
";
        assert_eq!(text(body, vec![]), expected);
    }

    #[test]
    fn accumulators_go_on_from_part_to_part() {
        let body = vec![wrap(2, 3, &[(1, -1)], 8), load(1, 0, &[(2, 1)])];
        let carried = vec![Carried { acc: Value(2), init: Value(3), next: Value(1), result: Value(4) }];
        let expected = "\
loop i0 = 0..=7 {
    loop i9 = 0..=3 carry %2 from %3 by %1 into %4 {
      %1 = y[-i9 + 3]
    }
    loop i10 = 4..=7 carry %2 from %4 by %1 into %4 {
      %1 = y[-i10 + 11]
    }
  }
";
        assert_eq!(text(body, carried), expected);
    }

    #[test]
    fn what_does_not_depend_on_the_loop_goes_before_it_and_the_rest_stays() {
        let body = vec![wrap(2, 1, &[(0, 1)], 8), wrap(3, 0, &[(0, 1), (1, 1)], 8), load(0, 0, &[(2, 1)])];
        let expected = "\
loop i0 = 0..=7 {
    wrap i2 = (i0 + 1) mod 8
    loop i1 = 0..=7 {
      wrap i3 = (i0 + i1) mod 8
      %0 = y[i2]
    }
  }
";
        assert_eq!(text(body, vec![]), expected);
    }
}
