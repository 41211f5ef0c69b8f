//! What delays add to derivatives: the past, which is given in terms of time, at the times it is read at, and its rate.
//!
//! d x(s) = x'(s) ds: where s depends on the state, so does x(s); the rate is a symbol of its own, which the solver fills
//! in as it does the value.

use rustc_hash::FxHashMap;

use super::forward::{Direction, tangent};
use crate::expr::{Affine, ExprId, Graph, IndexRange, Node, Subscript, VarId};
use crate::math::Compare;
use crate::model::{Delayed, Family, History, Model, Piece};

/// The values before the start of what is read there, then their rates; those that nothing is said of are missing.
pub fn past(model: &Model, graph: &mut Graph) -> Vec<Family> {
    let mut families = Vec::new();
    for rate in [false, true] {
        for delayed in &model.delays.values {
            let Some(history) = model.delays.histories.iter().find(|h| h.state == delayed.state) else { continue };
            let value = past_of(model, graph, delayed, history, rate);
            let subscripts = delayed.ranges.iter().map(|r| Affine::var(r.var)).collect();
            let symbol = if rate { delayed.rate } else { delayed.value };
            families.push(Family { symbol, pieces: vec![Piece { ranges: delayed.ranges.clone(), subscripts, value }] });
        }
    }
    families
}

/// One state's past at one time.
fn past_of(model: &Model, graph: &mut Graph, delayed: &Delayed, history: &History, rate: bool) -> ExprId {
    let argument = &model.delays.arguments[delayed.argument];
    let plain = |r: &IndexRange| Subscript { affine: Affine::var(r.var), wrap: false };
    let subs = graph.subscripts_id(argument.ranges.iter().map(plain).collect());
    let at = graph.intern(Node::Symbol(argument.symbol, subs));
    let direction = Direction { time: Some(graph.constant(1.0)), ..Direction::default() };
    let mut result: Option<ExprId> = None;
    for piece in history.pieces.iter().rev() {
        let mut value = piece.value;
        for _ in 0..history.order + u32::from(rate) {
            value = tangent(graph, value, &direction);
        }
        let (value, here) = meet(graph, piece, value, delayed);
        let value = at_time(graph, value, at);
        result = Some(match (result, here) {
            (Some(rest), Some(here)) => graph.select(here, value, rest),
            // The pieces cover the array: one that holds everywhere, or the last that is left.
            _ => value,
        });
    }
    result.unwrap_or_else(|| graph.constant(f64::NAN))
}

/// A piece's value at the delayed element, and the condition on the indices that it is the one that holds; none if it
/// holds for all.
fn meet(graph: &mut Graph, piece: &Piece, value: ExprId, delayed: &Delayed) -> (ExprId, Option<ExprId>) {
    let mut with: FxHashMap<VarId, Affine> = FxHashMap::default();
    let mut here: Option<ExprId> = None;
    for (target, subscript) in piece.subscripts.iter().zip(&delayed.subscripts) {
        let (lo, hi) = match target.terms.first() {
            None => (target.offset, target.offset),
            Some((var, _)) => {
                let mut affine = subscript.clone();
                affine.offset -= target.offset;
                with.insert(*var, affine);
                let range = piece.ranges.iter().find(|r| r.var == *var);
                range.map_or((i64::MIN, i64::MAX), |r| (r.lo + target.offset, r.hi + target.offset))
            }
        };
        let (least, most) = subscript.bounds(&delayed.ranges);
        let element = graph.affine_value(subscript);
        for (outside, bound, below) in [(least < lo, lo, true), (most > hi, hi, false)] {
            if outside {
                let bound = graph.constant(bound as f64);
                let (a, b) = if below { (bound, element) } else { (element, bound) };
                let inside = graph.compare(Compare::Le, a, b);
                here = Some(match here {
                    Some(all) => graph.and(all, inside),
                    None => inside,
                });
            }
        }
    }
    (graph.substitute(value, &with), here)
}

/// An expression with another time in the place of the independent variable.
fn at_time(graph: &mut Graph, root: ExprId, at: ExprId) -> ExprId {
    let mut new: FxHashMap<ExprId, ExprId> = FxHashMap::default();
    for id in graph.reachable_outside_reductions(&[root]) {
        let value = match graph.node(id) {
            Node::Time => at,
            Node::Reduce(kind, var, lo, hi, body) => {
                let body = at_time(graph, body, at);
                graph.reduce(kind, IndexRange { var, lo: lo.into(), hi: hi.into() }, body)
            }
            node => graph.rebuild(node, &|operand| new[&operand]),
        };
        new.insert(id, value);
    }
    new[&root]
}
