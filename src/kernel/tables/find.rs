//! Which quantities of a kernel are computed on their own, how, and what they read.

use std::collections::BinaryHeap;

use super::super::emit::{Fused, Target, is_truth};
use super::{Factor, Key, Recipe, Step, Units};
use crate::expr::{ExprId, Node};
use crate::math::{Binary, Unary};

/// Expressions of more operations than this are no shape of a loop.
const LARGEST: usize = 24;

impl Units<'_, '_> {
    pub(super) fn find(&mut self, stores: &[(Target, ExprId)]) {
        let graph = self.emitter.graph();
        let roots: Vec<ExprId> = stores.iter().map(|(_, id)| *id).collect();
        for id in graph.reachable(&roots) {
            if matches!(graph.node(id), Node::Binary(Binary::Add | Binary::Sub, ..) | Node::Unary(Unary::Neg, _)) {
                let mut depth = 0;
                graph.for_each_operand(graph.node(id), |operand| {
                    depth = depth.max(self.depths.get(&operand).copied().unwrap_or(0));
                });
                self.depths.insert(id, depth + 1);
            }
        }
        [1.0, -1.0].into_iter().for_each(|one| self.number(one));
        let mut waiting: BinaryHeap<Key> = roots.into_iter().map(|id| (id, false)).collect();
        while let Some(key) = waiting.pop() {
            if self.recipes.contains_key(&key) {
                continue;
            }
            let (recipe, reads) = self.recipe(key);
            waiting.extend(&reads);
            self.recipes.insert(key, (recipe, reads));
        }
    }

    fn number(&mut self, value: f64) {
        self.numbers.insert(value.to_bits(), ());
    }

    fn recipe(&mut self, key: Key) -> (Recipe, Vec<Key>) {
        let (id, negative) = key;
        if self.emitter.is_leaf(id) {
            if let Some(value) = self.emitter.graph().as_const(id) {
                self.number(value);
            }
            return (Recipe::Tree, Vec::new());
        }
        if negative {
            return (Recipe::Tree, vec![(id, false)]);
        }
        let (mut operations, mut reads) = (0, Vec::new());
        if self.tree(id, true, &mut operations, &mut reads) {
            return (Recipe::Tree, reads);
        }
        if !self.depths.contains_key(&id) {
            return (Recipe::Other, reads);
        }
        let steps = self.steps(id);
        let mut reads: Vec<Key> = steps.iter().map(|step| step.b).collect();
        reads.extend(steps.iter().filter_map(|step| match step.a {
            Factor::Of(key) => Some(key),
            Factor::One(_) => None,
        }));
        (Recipe::Sum(steps), reads)
    }

    /// Whether a node is read more than once, and so computed on its own.
    fn is_unit(&mut self, id: ExprId) -> bool {
        self.emitter.uses(id) > 1 && !is_truth(self.emitter.graph().node(id)) && !self.emitter.is_leaf(id)
    }

    /// Whether a unit is a tree of few operations on leaves and other units, which are noted.
    fn tree(&mut self, id: ExprId, top: bool, operations: &mut usize, reads: &mut Vec<Key>) -> bool {
        let node = self.emitter.graph().node(id);
        if matches!(node, Node::Foreign(..)) {
            return false;
        }
        if self.emitter.is_leaf(id) {
            if let Node::Const(bits) = node {
                // A fused operation may read it with the other sign.
                self.number(f64::from_bits(bits));
                self.number(-f64::from_bits(bits));
                return true;
            }
            return node == Node::Time || self.emitter.leaf_place(id).is_some();
        }
        if !top && self.is_unit(id) {
            reads.push((id, false));
            return true;
        }
        *operations += 1;
        if *operations > LARGEST || matches!(node, Node::Reduce(..) | Node::Bool(_)) {
            return false;
        }
        self.operands(id, node).into_iter().all(|operand| self.tree(operand, false, operations, reads))
    }

    fn operands(&mut self, id: ExprId, node: Node) -> Vec<ExprId> {
        match self.emitter.fuse(id, node) {
            Some(Fused::Plus(a, b, c) | Fused::From(a, b, c) | Fused::Minus(a, b, c)) => vec![a, b, c],
            None => {
                let mut operands = Vec::with_capacity(3);
                self.emitter.graph().for_each_operand(node, |operand| operands.push(operand));
                operands
            }
        }
    }

    /// The steps of a sum in the order in which straight-line code adds them up: along the chain of additions, from
    /// its innermost operand.
    fn steps(&mut self, root: ExprId) -> Vec<Step> {
        let mut steps = Vec::new();
        let (mut id, mut negative) = (root, false);
        loop {
            let node = self.emitter.graph().node(id);
            if id != root && !self.continues(id) {
                steps.push(Step { a: Factor::One(negative), b: (id, false) });
                break;
            }
            let fused = self.emitter.fuse(id, node);
            (id, negative) = match (node, fused) {
                (_, Some(Fused::Plus(a, b, c))) => {
                    steps.push(self.product(a, b, negative));
                    (c, negative)
                }
                (_, Some(Fused::From(a, b, c))) => {
                    steps.push(self.product(a, b, !negative));
                    (c, negative)
                }
                (_, Some(Fused::Minus(a, b, c))) => {
                    steps.push(self.product(a, b, negative));
                    (c, !negative)
                }
                (Node::Binary(op, a, b), None) => {
                    let minus = negative != (op == Binary::Sub);
                    let along = |own: &mut Self, x| if own.continues(x) { own.depths[&x] } else { 0 };
                    if along(self, b) > along(self, a) {
                        steps.push(Step { a: Factor::One(negative), b: (a, false) });
                        (b, minus)
                    } else {
                        steps.push(Step { a: Factor::One(minus), b: (b, false) });
                        (a, negative)
                    }
                }
                (Node::Unary(_, x), None) => (x, !negative),
                // Not reached: the chain is of additions, subtractions and signs.
                _ => break,
            };
        }
        steps.reverse();
        steps
    }

    /// Whether the chain of a sum goes on through a node.
    fn continues(&mut self, id: ExprId) -> bool {
        self.depths.contains_key(&id) && self.emitter.uses(id) == 1 && !self.emitter.is_leaf(id)
    }

    /// A step by a product; a sign goes into a number, if one is a factor.
    fn product(&mut self, a: ExprId, b: ExprId, negative: bool) -> Step {
        let graph = self.emitter.graph();
        let (a, b) = if graph.as_const(b).is_some() { (b, a) } else { (a, b) };
        if let Some(value) = graph.as_const(a) {
            self.number(-value);
        }
        Step { a: Factor::Of((a, negative)), b: (b, false) }
    }
}
