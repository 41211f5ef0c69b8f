//! Factorisation and solves for one pattern as straight-line kernels (the idea of KPP and sympy2c, at run time and for
//! any model): no indices, no loops, every entry of the factors one accumulated dot product. Assembly of the matrix is
//! part of the factorisation.
//!
//! | kernel | reads | writes |
//! |---|---|---|
//! | `factor` | `t`: the shift s; `y`: the values of J | `w`: the factors of J − s·I, as [`Elimination`] lays them out |
//! | `solve` | `y`: the factors; `v`: b | `out`: x = (s·I − J)⁻¹ b |
//! | `check` | `t`: s; `y`: the values of J; `p`: x; `v`: b | `out[0]`: 1 if x is good, else 0 |
//!
//! `check` accepts x where it solves a nearby system: |b − W x| ≤ 1e-11·(|W|·|x| + |b|) + 1e-250 in every row (the componentwise
//! backward error of Oettli & Prager 1964, which no scaling of rows or columns changes).

use super::lower::Target64;
use super::program::{Binary, Buffer, Compare, Kernel, Lengths, Op, Program, Unary, Value};
use super::straight::Straight;
use crate::linalg::{Elimination, GOOD, Pattern, TINY};

/// The kernels of a plan for `s·I − J`, J of `pattern`.
pub fn lower_elimination(plan: &Elimination, pattern: &Pattern, target: Target64) -> Program {
    lower_elimination_within(GOOD, plan, pattern, target)
}

/// The same, whose `check` accepts another error.
pub fn lower_elimination_within(good: f64, plan: &Elimination, pattern: &Pattern, target: Target64) -> Program {
    Program { kernels: vec![factor(plan, pattern, target), solve(plan, target), check(pattern, good)] }
}

fn factor(plan: &Elimination, pattern: &Pattern, target: Target64) -> Kernel {
    let mut code = Straight::default();
    let (sources, diagonal) = (plan.sources(pattern), plan.diagonal(pattern));
    let shift = |code: &mut Straight, sum: Option<Value>| {
        let shift = code.op(Op::Time);
        match sum {
            Some(sum) => code.op(Op::Binary(Binary::Sub, sum, shift)),
            None => code.op(Op::Unary(Unary::Neg, shift)),
        }
    };
    for row in 0..plan.dim() {
        let start = plan.starts[row];
        let columns: Vec<usize> = plan.row(row).collect();
        // Terms of each dot product: for entry (row, column), the k with l(row, k) and v(k, column) in the pattern.
        let first = plan.outer[row].len();
        let mut terms: Vec<Vec<(usize, usize)>> = vec![Vec::new(); columns.len()];
        for (place, k) in plan.lower[row].iter().enumerate() {
            let v = plan.pivot(*k) + 1;
            for (offset, column) in plan.upper[*k].iter().enumerate() {
                // Every column of row k of V is in this row's pattern: that is what fill-in means.
                if let Ok(at) = columns[first..].binary_search(column) {
                    terms[first + at].push((plan.left(row) + place, v + offset));
                }
            }
        }
        let mut source = sources[row].iter().peekable();
        let pivot = plan.pivot(row) - start;
        for at in 0..columns.len() {
            let own = source.next_if(|(place, _)| *place == at).map(|(_, value)| *value);
            let mut sum = own.map(|value| code.load(Buffer::Y, value));
            if Some(at) == diagonal[row] {
                sum = Some(shift(&mut code, sum));
            }
            for (l, v) in &terms[at] {
                let (l, v) = (code.kept(*l), code.kept(*v));
                sum = Some(match sum {
                    Some(sum) => code.multiply_add(l, v, sum, target.fma),
                    None => code.op(Op::Binary(Binary::Mul, l, v)),
                });
            }
            // The pattern of the factors has no entry without a source or a term.
            let mut value = sum.unwrap_or_else(|| code.op(Op::Const(0.0)));
            if at == pivot {
                let minus_one = code.op(Op::Const(-1.0));
                value = code.op(Op::Binary(Binary::Div, minus_one, value));
            } else if at > pivot {
                let d = code.kept(start + pivot);
                value = code.op(Op::Binary(Binary::Mul, value, d));
            }
            code.keep(start + at, value);
            code.may_cut();
        }
    }
    let lengths = Lengths { y: pattern.nnz(), w: plan.entries(), ..Lengths::default() };
    Kernel { name: "factor", lengths, pieces: code.finish() }
}

fn solve(plan: &Elimination, target: Target64) -> Kernel {
    let mut code = Straight::default();
    let n = plan.dim();
    let solved = |code: &mut Straight, row: usize, x: Value| code.store(Buffer::Out, plan.columns[row], x);
    substitute(&mut code, plan, [(Buffer::Y, 0), (Buffer::V, 0)], &|row| row, &solved, target.fma);
    let lengths = Lengths { y: plan.entries(), v: n, w: n, out: n, ..Lengths::default() };
    Kernel { name: "solve", lengths, pieces: code.finish() }
}

/// Forward and back, on the factors and the right side that stand from there on. What belongs to a row is kept in the work buffer
/// at `place`; `solved` is told of each unknown.
pub fn substitute(
    code: &mut Straight,
    plan: &Elimination,
    [factors, right]: [(Buffer, usize); 2],
    place: &dyn Fn(usize) -> usize,
    solved: &dyn Fn(&mut Straight, usize, Value),
    fma: bool,
) {
    let factor = |code: &mut Straight, at: usize| code.load(factors.0, factors.1 + at);
    for block in plan.blocks.windows(2) {
        // z = (b + Σ a x + Σ l z)·d
        for row in block[0]..block[1] {
            let mut sum = code.load(right.0, right.1 + plan.rows[row]);
            for (entry, k) in plan.outer[row].iter().chain(&plan.lower[row]).enumerate() {
                let l = factor(code, plan.starts[row] + entry);
                let z = code.kept(place(*k));
                sum = code.multiply_add(l, z, sum, fma);
            }
            let d = factor(code, plan.pivot(row));
            let z = code.op(Op::Binary(Binary::Mul, sum, d));
            code.keep(place(row), z);
            code.may_cut();
        }
        // x = z + Σ v x
        for row in (block[0]..block[1]).rev() {
            let mut sum = code.kept(place(row));
            for (offset, column) in plan.upper[row].iter().enumerate() {
                let v = factor(code, plan.pivot(row) + 1 + offset);
                let x = code.kept(place(*column));
                sum = code.multiply_add(v, x, sum, fma);
            }
            if !plan.upper[row].is_empty() {
                code.keep(place(row), sum);
            }
            solved(code, row, sum);
            code.may_cut();
        }
    }
}

fn check(pattern: &Pattern, good: f64) -> Kernel {
    let n = pattern.nrows();
    let mut rows: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n];
    for j in 0..n {
        for value in pattern.column(j) {
            rows[pattern.rows()[value]].push((j, value));
        }
    }
    let mut code = Straight::default();
    for (i, row) in rows.iter().enumerate() {
        // r = b − s x + J x, and the sum of the magnitudes of all terms; without s x in algebraic rows.
        let b = code.load(Buffer::V, i);
        let (mut residual, mut size) = (b, magnitude(&mut code, b));
        if pattern.is_differential(i) {
            let shift = code.op(Op::Time);
            let x = code.load(Buffer::P, i);
            let sx = code.op(Op::Binary(Binary::Mul, shift, x));
            residual = code.op(Op::Binary(Binary::Sub, residual, sx));
            let term = magnitude(&mut code, sx);
            size = code.op(Op::Binary(Binary::Add, size, term));
        }
        for (j, value) in row {
            let (a, x) = (code.load(Buffer::Y, *value), code.load(Buffer::P, *j));
            let term = code.op(Op::Binary(Binary::Mul, a, x));
            residual = code.op(Op::Binary(Binary::Add, residual, term));
            let term = magnitude(&mut code, term);
            size = code.op(Op::Binary(Binary::Add, size, term));
        }
        let good = code.op(Op::Const(good));
        let limit = code.op(Op::Binary(Binary::Mul, size, good));
        let tiny = code.op(Op::Const(TINY));
        let limit = code.op(Op::Binary(Binary::Add, limit, tiny));
        let residual = magnitude(&mut code, residual);
        // False for NaN; carried from row to row as 1 or 0, since truth values do not cross pieces.
        let holds = code.op(Op::Compare(Compare::Le, residual, limit));
        let (zero, so_far) = (code.op(Op::Const(0.0)), if i == 0 { code.op(Op::Const(1.0)) } else { code.kept(0) });
        let so_far = code.op(Op::Select(holds, so_far, zero));
        code.keep(0, so_far);
        code.may_cut();
    }
    let result = if n == 0 { code.op(Op::Const(1.0)) } else { code.kept(0) };
    code.store(Buffer::Out, 0, result);
    let lengths = Lengths { y: pattern.nnz(), p: n, v: n, w: 1, out: 1 };
    Kernel { name: "check", lengths, pieces: code.finish() }
}

fn magnitude(code: &mut Straight, value: Value) -> Value {
    code.op(Op::Unary(Unary::Abs, value))
}
