//! Equations whose derivatives cancel against those of others: C (u' − v') = f and C (v' − u') = g together say 0 = f + g,
//! which no count of names shows.
//!
//! Derivatives that enter linearly with coefficients of parameters only are eliminated, as in Gauss's method; zeros are
//! told by numbers at chosen parameters (J. T. Schwartz, J. ACM 27 (1980) 701), the equations are combined as expressions.

use super::linear::parts;
use super::scalars::Scalars;
use super::{Equation, Variable};
use crate::expr::{Environment, Evaluator, ExprId, Reads, SymbolId};

/// Larger systems are taken as they are: the elimination is one of full matrices.
const LARGEST: usize = 1_000;
/// What rounding leaves of a zero, relative to the largest number met.
const ZERO: f64 = 1e-9;

/// A row: Σ coefficient·derivative + rest.
struct Row {
    equation: usize,
    coefficients: Vec<Option<ExprId>>,
    numbers: Vec<f64>,
    rest: ExprId,
}

/// Parameters at no special values.
struct Chosen;

impl Environment for Chosen {
    fn time(&self) -> f64 {
        0.0
    }

    fn element(&self, symbol: SymbolId, subscripts: &[i64]) -> f64 {
        let seed = subscripts.iter().fold(u64::from(symbol.0) + 17, |seed, s| {
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23) ^ (*s as u64)
        });
        // Between 1 and 2, by the upper bits of a product with the golden ratio.
        1.0 + (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Replaces equations that are combinations of others but for terms without derivatives.
pub fn free_of_derivatives(scalars: &mut Scalars, equations: &mut [Equation]) {
    let mut derivatives: Vec<Variable> =
        equations.iter().flat_map(|e| scalars.variables(e.value)).filter(|v| v.order > 0).collect();
    derivatives.sort_unstable();
    derivatives.dedup();
    if derivatives.is_empty() || derivatives.len() > LARGEST || equations.len() > LARGEST {
        return;
    }
    let mut pivots: Vec<(Row, usize)> = Vec::new();
    for at in 0..equations.len() {
        let Some(mut row) = row(scalars, at, equations[at].value, &derivatives) else { continue };
        for (pivot, column) in &pivots {
            subtract(scalars, &mut row, pivot, *column);
        }
        let size = |k: &usize| row.numbers[*k].abs();
        let largest = (0..derivatives.len()).max_by(|a, b| size(a).total_cmp(&size(b)));
        match largest.filter(|k| size(k) > 0.0) {
            Some(column) => pivots.push((row, column)),
            None => equations[row.equation].value = row.rest,
        }
    }
}

/// The equation as a row; none without derivatives, or if some enter otherwise.
fn row(scalars: &mut Scalars, equation: usize, value: ExprId, derivatives: &[Variable]) -> Option<Row> {
    let mut rest = value;
    let mut coefficients = vec![None; derivatives.len()];
    let mut numbers = vec![0.0; derivatives.len()];
    let mut any = false;
    for variable in scalars.variables(value).into_iter().filter(|v| v.order > 0) {
        let at = derivatives.binary_search(&variable).ok()?;
        let leaf = scalars.node(variable);
        let (coefficient, other) = parts(&mut scalars.model.graph, rest, leaf)?;
        if scalars.model.graph.facts(coefficient).reads > Reads::Parameters {
            return None;
        }
        numbers[at] = Evaluator::new(&scalars.model.graph, &Chosen, []).value(coefficient);
        coefficients[at] = Some(coefficient);
        rest = other;
        any = true;
    }
    any.then_some(Row { equation, coefficients, numbers, rest })
}

/// `row −= factor·pivot`, so that nothing is left in the column.
fn subtract(scalars: &mut Scalars, row: &mut Row, pivot: &Row, column: usize) {
    let (Some(above), Some(own)) = (pivot.coefficients[column], row.coefficients[column]) else { return };
    let graph = &mut scalars.model.graph;
    let factor = graph.div(own, above);
    let number = row.numbers[column] / pivot.numbers[column];
    for k in 0..row.numbers.len() {
        let Some(term) = pivot.coefficients[k] else { continue };
        let before = row.numbers[k];
        let change = number * pivot.numbers[k];
        row.numbers[k] = before - change;
        if (before - change).abs() <= ZERO * before.abs().max(change.abs()) || k == column {
            row.numbers[k] = 0.0;
            row.coefficients[k] = None;
            continue;
        }
        let product = graph.mul(factor, term);
        row.coefficients[k] = Some(match row.coefficients[k] {
            Some(own) => graph.sub(own, product),
            None => graph.neg(product),
        });
    }
    let product = graph.mul(factor, pivot.rest);
    row.rest = graph.sub(row.rest, product);
}
