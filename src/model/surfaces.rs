//! Conditions taken apart: comparisons become functions whose signs are watched, what joins them stays logic.

use super::{Kind, Symbol};
use crate::expr::{ExprId, Graph, Node, Reads, Reduction, SymbolId};
pub use crate::math::Logic;
use crate::math::{Binary, Compare, Unary};
use rustc_hash::{FxHashMap, FxHashSet};

/// A condition on the signs of functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    /// The functions g.
    pub surfaces: Vec<Surface>,
    /// How their signs make the condition, in postfix order.
    pub logic: Vec<Logic>,
}

/// A function whose sign is watched: `a - b` of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// The function.
    pub value: ExprId,
    /// Its degree as a polynomial in the states and time together; none if it is none.
    pub degree: Option<u8>,
}

impl Surface {
    /// A function of states and time.
    pub fn new(graph: &Graph, symbols: &[Symbol], value: ExprId) -> Self {
        Surface { value, degree: degree(graph, symbols, value) }
    }
}

impl Condition {
    /// Takes a truth value apart.
    pub fn of(graph: &mut Graph, symbols: &[Symbol], condition: ExprId) -> Self {
        let mut result = Condition::default();
        // A node is visited twice: to put its operands before it, and to be written.
        let mut stack = vec![(condition, false)];
        while let Some((id, ready)) = stack.pop() {
            let node = graph.node(id);
            match (node, ready) {
                (Node::And(a, b) | Node::Or(a, b), false) => stack.extend([(id, true), (b, false), (a, false)]),
                (Node::Not(a), false) => stack.extend([(id, true), (a, false)]),
                (Node::And(..), true) => result.logic.push(Logic::And),
                (Node::Or(..), true) => result.logic.push(Logic::Or),
                (Node::Not(_), true) => result.logic.push(Logic::Not),
                (Node::Bool(value), _) => result.logic.push(Logic::Constant(value)),
                (Node::Compare(op, a, b), _) => result.compare(graph, symbols, op, a, b),
                // Nothing else is a truth value.
                _ => result.logic.push(Logic::Constant(false)),
            }
        }
        result
    }

    fn compare(&mut self, graph: &mut Graph, symbols: &[Symbol], op: Compare, a: ExprId, b: ExprId) {
        let value = graph.sub(a, b);
        let place = match self.surfaces.iter().position(|s| s.value == value) {
            Some(place) => place,
            None => {
                self.surfaces.push(Surface::new(graph, symbols, value));
                self.surfaces.len() - 1
            }
        };
        match op {
            Compare::Lt => self.logic.push(Logic::Negative(place)),
            Compare::Le => self.logic.push(Logic::NotPositive(place)),
            Compare::Eq => self.logic.push(Logic::Zero(place)),
            Compare::Ne => self.logic.extend([Logic::Zero(place), Logic::Not]),
        }
    }
}

/// The degree of an expression as a polynomial in states and time together.
fn degree(graph: &Graph, symbols: &[Symbol], root: ExprId) -> Option<u8> {
    degree_among(graph, symbols, &FxHashMap::default(), root)
}

/// The same where the degrees of computed arrays are known. Modes are numbers that do not change within a step.
pub(super) fn degree_among(
    graph: &Graph,
    symbols: &[Symbol],
    arrays: &FxHashMap<SymbolId, Option<u8>>,
    root: ExprId,
) -> Option<u8> {
    let mut degrees: FxHashMap<ExprId, Option<u8>> = FxHashMap::default();
    // Conditions that a mode decides: the part that looks at the functions themselves is not asked.
    let mut modal: FxHashSet<ExprId> = FxHashSet::default();
    for id in graph.reachable(&[root]) {
        let of = |x: ExprId| degrees.get(&x).copied().flatten();
        let mut constant = true;
        let mut by_mode = false;
        graph.for_each_operand(graph.node(id), |operand| {
            constant &= of(operand) == Some(0);
            by_mode |= modal.contains(&operand);
        });
        let value = match graph.node(id) {
            Node::Time => Some(1),
            Node::Symbol(symbol, _) => match symbols[symbol.0 as usize].kind {
                Kind::State => Some(1),
                Kind::Parameter | Kind::Discrete => Some(0),
                Kind::Mode => {
                    modal.insert(id);
                    Some(0)
                }
                _ if graph.symbol_reads(symbol) <= Reads::Parameters => Some(0),
                _ => arrays.get(&symbol).copied().flatten(),
            },
            Node::Compare(..) | Node::And(..) | Node::Or(..) | Node::Not(_) if by_mode => {
                modal.insert(id);
                None
            }
            Node::Select(condition, a, b) if modal.contains(&condition) => match (of(a), of(b)) {
                (Some(a), Some(b)) => Some(a.max(b)),
                // floor(x) against its level
                (None, b) => b,
                (a, None) => a,
            },
            // Functions of what does not change within a step.
            _ if constant => Some(0),
            Node::Unary(Unary::Neg, a) => of(a),
            Node::Binary(Binary::Add | Binary::Sub, a, b) => of(a).zip(of(b)).map(|(a, b)| a.max(b)),
            Node::Binary(Binary::Mul, a, b) => of(a).zip(of(b)).and_then(|(a, b)| a.checked_add(b)),
            Node::Binary(Binary::Div, a, b) if of(b) == Some(0) => of(a),
            Node::Reduce(Reduction::Sum, _, _, _, body) => of(body),
            _ => None,
        };
        degrees.insert(id, value);
    }
    degrees.get(&root).copied().flatten()
}
