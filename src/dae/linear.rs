//! Expressions as `coefficient·x + rest` of one leaf x, where they are.

use rustc_hash::FxHashMap;

use crate::expr::{ExprId, Graph, Node};
use crate::math::{Binary, Unary};

/// (coefficient, rest); none if the expression is not linear in the leaf by its form.
pub fn parts(graph: &mut Graph, root: ExprId, leaf: ExprId) -> Option<(ExprId, ExprId)> {
    let (zero, one) = (graph.constant(0.0), graph.constant(1.0));
    let mut known: FxHashMap<ExprId, (ExprId, ExprId)> = FxHashMap::default();
    for id in graph.reachable(&[root]) {
        if id == leaf {
            known.insert(id, (one, zero));
            continue;
        }
        let node = graph.node(id);
        let mut reads = false;
        graph.for_each_operand(node, |operand| reads |= known[&operand] != (zero, operand));
        if !reads {
            known.insert(id, (zero, id));
            continue;
        }
        let both = match node {
            Node::Unary(Unary::Neg, a) => {
                let (a, r) = known[&a];
                (graph.neg(a), graph.neg(r))
            }
            Node::Binary(op @ (Binary::Add | Binary::Sub), x, y) => {
                let ((a, r), (b, s)) = (known[&x], known[&y]);
                (graph.binary(op, a, b), graph.binary(op, r, s))
            }
            Node::Binary(Binary::Mul, x, y) => {
                let ((a, r), (b, s)) = (known[&x], known[&y]);
                match (a == zero, b == zero) {
                    (true, _) => (graph.mul(r, b), graph.mul(r, s)),
                    (_, true) => (graph.mul(a, s), graph.mul(r, s)),
                    _ => return None,
                }
            }
            Node::Binary(Binary::Div, x, y) => {
                let ((a, r), (b, s)) = (known[&x], known[&y]);
                if b != zero {
                    return None;
                }
                (graph.div(a, s), graph.div(r, s))
            }
            _ => return None,
        };
        known.insert(id, both);
    }
    Some(known[&root])
}
