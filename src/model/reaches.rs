//! Where data are asked for: the inputs whose argument time alone decides, so that a run beyond their points is told before
//! it begins, and not by a derivative that is no number.
//!
//! What a condition guards is left out: `if t < 72 then T(t) else 0` never asks beyond 72.

use super::switches::Finder;
use super::{Family, Model, Piece};
use crate::curve::Outside;
use crate::expr::{CurveId, ExprId, IndexRange, Node, Reads};
use rustc_hash::FxHashSet;

/// An input without a rule beyond its points, and what it is asked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// The input.
    pub curve: CurveId,
    /// Its argument: a linear function of time.
    pub argument: ExprId,
    /// The indices the argument depends on.
    pub ranges: Vec<IndexRange>,
}

/// Where the equations and outputs of a model ask inputs for values.
pub fn reaches(model: &mut Model) -> Vec<Reach> {
    if model.graph.curves().is_empty() {
        return Vec::new();
    }
    let pieces =
        |family: &Family| family.pieces.iter().map(|p: &Piece| (p.value, p.ranges.clone())).collect::<Vec<_>>();
    let families = model.definitions.iter().chain(&model.derivatives).chain(&model.outputs).chain(&model.asked.values);
    let roots: Vec<(ExprId, Vec<IndexRange>)> = families.flat_map(pieces).collect();
    let mut finder = Finder::new(&mut model.graph);
    let (mut seen, mut found) = (FxHashSet::default(), Vec::new());
    for (root, ranges) in roots {
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            if finder.graph.facts(id).reads < Reads::Time || !seen.insert((id, ranges.clone())) {
                continue;
            }
            match finder.graph.node(id) {
                Node::Select(condition, ..) => waiting.push(condition),
                node => finder.graph.for_each_operand(node, |operand| waiting.push(operand)),
            }
            if let Node::Curve(curve, _, argument) = finder.graph.node(id) {
                let known = finder.graph.curve(curve);
                if known.outside() == Outside::Error && !known.knots().is_empty() && finder.line(argument).is_some() {
                    let free = finder.graph.facts(argument).free;
                    let ranges = ranges.iter().copied().filter(|r| free >> r.var.0 & 1 == 1).collect();
                    found.push(Reach { curve, argument, ranges });
                }
            }
        }
    }
    found
}
