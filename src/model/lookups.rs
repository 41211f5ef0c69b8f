//! Lookups of a curve whose argument the state decides: the polynomial that holds is the one a mode says, so that f is
//! smooth along a step that passes a point of the data.
//!
//! The pieces of the curve become lists that are read by place (`Curve::array`), so that neither kernels nor derivatives
//! know anything new. What a level is, [`crate::curve::Pieces`] says: the number of a piece, counted on through the periods
//! of a periodic curve.

use rustc_hash::FxHashMap;
use std::sync::Arc;

use crate::curve::{Curve, Outside, Shape};
use crate::expr::{CurveId, ExprId, Graph};
use crate::math::{Compare, Unary};

/// A curve's pieces as lists of the graph.
#[derive(Clone, Debug)]
struct Lists {
    rungs: CurveId,
    /// The number of the piece at a point within the rungs, or beyond the last.
    pieces: CurveId,
    bases: CurveId,
    /// The first rung, and how many there are.
    first: f64,
    count: usize,
    period: Option<f64>,
}

/// The lists made so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups {
    lists: FxHashMap<CurveId, Option<Lists>>,
    coefficients: FxHashMap<(CurveId, u8), Vec<CurveId>>,
}

impl Lookups {
    /// Whether a curve has pieces to tell apart.
    pub fn has_pieces(graph: &Graph, curve: CurveId) -> bool {
        let curve = graph.curve(curve);
        curve.knots().len() > 1 || (curve.knots().len() == 1 && curve.outside() != Outside::Hold)
    }

    fn lists(&mut self, graph: &mut Graph, curve: CurveId) -> Option<Lists> {
        if let Some(known) = self.lists.get(&curve) {
            return known.clone();
        }
        let lists = Self::make(graph, curve);
        self.lists.insert(curve, lists.clone());
        lists
    }

    fn make(graph: &mut Graph, curve: CurveId) -> Option<Lists> {
        let pieces = graph.curve(curve).pieces(0)?;
        let (first, last) = graph.curve(curve).range();
        let periodic = graph.curve(curve).outside() == Outside::Periodic;
        let count = pieces.rungs.len();
        let (places, from) = if periodic { (count - 1, 0) } else { (count, 1) };
        let numbers: Vec<f64> = (from..from + places).map(|k| k as f64).collect();
        let places = pieces.rungs[..places].to_vec();
        let found = Curve::new("pieces", Shape::Previous, Outside::Hold, places, &numbers)?;
        Some(Lists {
            pieces: graph.add_curve(Arc::new(found)),
            first: pieces.rungs[0],
            rungs: graph.add_curve(Arc::new(Curve::array("rungs", pieces.rungs))),
            bases: graph.add_curve(Arc::new(Curve::array("bases", pieces.bases))),
            count,
            period: periodic.then_some(last - first),
        })
    }

    /// The level at x.
    pub fn position(&mut self, graph: &mut Graph, curve: CurveId, x: ExprId) -> Option<ExprId> {
        let lists = self.lists(graph, curve)?;
        let first = graph.constant(lists.first);
        let Some(period) = lists.period else {
            let (zero, before) = (graph.constant(0.0), graph.compare(Compare::Lt, x, first));
            let inside = graph.apply(lists.pieces, 0, x);
            return Some(graph.select(before, zero, inside));
        };
        let period = graph.constant(period);
        let beyond = graph.sub(x, first);
        let turns = graph.div(beyond, period);
        let turns = graph.unary(Unary::Floor, turns);
        let back = graph.mul(turns, period);
        let turned = graph.sub(x, back);
        let inside = graph.apply(lists.pieces, 0, turned);
        let cells = graph.constant((lists.count - 1) as f64);
        let passed = graph.mul(turns, cells);
        Some(graph.add(passed, inside))
    }

    /// Two functions that are positive on a level: x less its beginning, its end less x.
    pub fn ends(&mut self, graph: &mut Graph, curve: CurveId, x: ExprId, level: ExprId) -> Option<[ExprId; 2]> {
        let lists = self.lists(graph, curve)?;
        let one = graph.constant(1.0);
        let (place, back) = lists.turned(graph, level);
        let next = graph.add(place, one);
        let x = graph.sub(x, back);
        let [before, behind] = match lists.period {
            Some(_) => [place, next],
            None => [graph.sub(place, one), place],
        };
        let [from, to] = [before, behind].map(|place| graph.apply(lists.rungs, 0, place));
        let (above, below) = (graph.sub(x, from), graph.sub(to, x));
        if lists.period.is_some() {
            return Some([above, below]);
        }
        let (least, most) = (graph.compare(Compare::Lt, place, one), graph.constant(lists.count as f64));
        let most = graph.compare(Compare::Le, most, place);
        Some([graph.select(least, one, above), graph.select(most, one, below)])
    }

    /// The `order`th derivative of the polynomial of a level at x.
    pub fn value(
        &mut self,
        graph: &mut Graph,
        (curve, order): (CurveId, u8),
        x: ExprId,
        level: ExprId,
    ) -> Option<ExprId> {
        let lists = self.lists(graph, curve)?;
        let coefficients = match self.coefficients.get(&(curve, order)) {
            Some(known) => known.clone(),
            None => {
                let pieces = graph.curve(curve).pieces(order)?;
                let list = |values: Vec<f64>| graph.add_curve(Arc::new(Curve::array("coefficients", values)));
                let made: Vec<CurveId> = pieces.coefficients.into_iter().map(list).collect();
                self.coefficients.insert((curve, order), made.clone());
                made
            }
        };
        let (place, back) = lists.turned(graph, level);
        let x = graph.sub(x, back);
        let base = graph.apply(lists.bases, 0, place);
        let distance = graph.sub(x, base);
        let mut sum: Option<ExprId> = None;
        for list in coefficients.into_iter().rev() {
            let coefficient = graph.apply(list, 0, place);
            sum = Some(match sum {
                None => coefficient,
                Some(sum) => {
                    let scaled = graph.mul(sum, distance);
                    graph.add(scaled, coefficient)
                }
            });
        }
        sum
    }
}

impl Lists {
    /// The place of a level in the lists, and how far its period lies behind the first.
    fn turned(&self, graph: &mut Graph, level: ExprId) -> (ExprId, ExprId) {
        let Some(period) = self.period else { return (level, graph.constant(0.0)) };
        let (cells, period) = (graph.constant((self.count - 1) as f64), graph.constant(period));
        let turns = graph.div(level, cells);
        let turns = graph.unary(Unary::Floor, turns);
        let passed = graph.mul(turns, cells);
        (graph.sub(level, passed), graph.mul(turns, period))
    }
}
