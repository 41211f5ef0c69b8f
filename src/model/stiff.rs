//! Terms marked `stiff(…)`: f = f_E + f_I, where f_I has the marked terms, for methods that take those implicitly and the
//! others explicitly.
//!
//! A mark means the identity. While definitions and equations are lowered it is a factor, a symbol that stands for 1, in
//! which f must be linear, so that f_I is the derivative by it, and f_E what is left where it is 0 (`crate::diff` forms
//! both). Everything else never sees a mark: the equations with them are kept beside the model's own.

use rustc_hash::FxHashMap;

use super::check::{Checker, Definition, Lowered};
use super::{Family, Kind};
use crate::diag::{Diagnostic, codes};
use crate::expr::{ExprId, Graph, Node, Reduction, SymbolId};
use crate::math::{Binary, Unary};
use crate::source::Span;

/// The equations with their marks.
#[derive(Clone, Debug)]
pub struct Marked {
    /// The factor that marks: a symbol of [`Kind::Direction`] without dimensions.
    pub mark: SymbolId,
    /// As the model's, with marks; some may not be needed.
    pub definitions: Vec<Family>,
    /// As the model's, with marks.
    pub derivatives: Vec<Family>,
}

impl Checker<'_> {
    /// What `stiff(value)` is: while equations are lowered a product with the mark, else the value.
    pub(super) fn mark(&mut self, value: ExprId, span: Span) -> ExprId {
        if !self.marking {
            return value;
        }
        let mark = match self.mark {
            Some(mark) => mark,
            None => self.declare("stiff", Kind::Direction, Vec::new(), None, span),
        };
        self.mark = Some(mark);
        let scalar = self.graph.subscripts_id(Vec::new());
        let factor = self.graph.intern(Node::Symbol(mark, scalar));
        // Marks within a mark say nothing new.
        let value = without(&mut self.graph, mark, value, &mut FxHashMap::default());
        self.graph.mul(factor, value)
    }

    /// Takes the marks out of everything lowered so far; the equations with them, if there are any.
    pub(super) fn unmark(&mut self, lowered: &mut Lowered, derivatives: &mut [Family]) -> Option<Marked> {
        self.marking = false;
        let mark = self.mark?;
        let mut definitions: Vec<Family> =
            lowered.values().map(|(symbol, pieces)| Family { symbol: *symbol, pieces: pieces.clone() }).collect();
        definitions.sort_by_key(|family| family.symbol);
        let marked = Marked { mark, definitions, derivatives: derivatives.to_vec() };
        if !self.are_linear(&marked) {
            return None;
        }
        let graph = &mut self.graph;
        let mut known = FxHashMap::default();
        let mut strip = |value: &mut ExprId| *value = without(graph, mark, *value, &mut known);
        let of_definitions = lowered.values_mut().flat_map(|(_, pieces)| pieces);
        let of_derivatives = derivatives.iter_mut().flat_map(|family| &mut family.pieces);
        of_definitions.chain(of_derivatives).for_each(|piece| strip(&mut piece.value));
        self.delays.arguments.iter_mut().for_each(|argument| strip(&mut argument.value));
        for definition in self.definitions.values_mut() {
            match definition {
                Definition::Scalar(value) | Definition::Inline { value, .. } => strip(value),
                Definition::Array(_) | Definition::Failed => {}
            }
        }
        // Results of functions may have marks in them.
        self.calls.clear();
        Some(marked)
    }

    /// Whether all equations are linear in the mark; tells of one that is not.
    fn are_linear(&mut self, marked: &Marked) -> bool {
        let mut degrees: FxHashMap<SymbolId, Option<u8>> = [(marked.mark, Some(1))].into_iter().collect();
        for family in marked.definitions.iter().chain(&marked.derivatives) {
            let mut values = family.pieces.iter().map(|piece| degree(&self.graph, &degrees, piece.value));
            let most = values.try_fold(0, |most, own| own.map(|own| most.max(own))).filter(|most| *most <= 1);
            let symbol = self.symbol(family.symbol);
            if symbol.kind == Kind::Definition {
                // Equations may not read it.
                degrees.insert(family.symbol, most);
            } else if most.is_none() {
                let message = format!("the equation of `{}` is not linear in what is marked `stiff(…)`", symbol.name);
                let error = Diagnostic::new(codes::model::STIFF, symbol.span, message);
                self.diagnostics.push(error.help("mark terms or factors of terms: `x' = stiff(-k*x) + g`"));
                return false;
            }
        }
        true
    }
}

/// An expression without marks.
fn without(graph: &mut Graph, mark: SymbolId, root: ExprId, known: &mut FxHashMap<ExprId, ExprId>) -> ExprId {
    let one = graph.constant(1.0);
    graph.replace(root, known, &|_, node, _| match node {
        Node::Symbol(symbol, _) if symbol == mark => Some(one),
        _ => None,
    })
}

/// The degree of an expression as a polynomial in the mark, where those of symbols are given (else 0); none if it is none.
fn degree(graph: &Graph, degrees: &FxHashMap<SymbolId, Option<u8>>, root: ExprId) -> Option<u8> {
    let mut known: FxHashMap<ExprId, Option<u8>> = FxHashMap::default();
    for id in graph.reachable(&[root]) {
        let of = |x: ExprId| known[&x];
        let node = graph.node(id);
        let mut constant = true;
        graph.for_each_operand(node, |operand| constant &= of(operand) == Some(0));
        let value = match node {
            Node::Symbol(symbol, _) => degrees.get(&symbol).copied().unwrap_or(Some(0)),
            _ if constant => Some(0),
            Node::Unary(Unary::Neg, a) => of(a),
            Node::Binary(Binary::Add | Binary::Sub, a, b) => of(a).zip(of(b)).map(|(a, b)| a.max(b)),
            Node::Binary(Binary::Mul, a, b) => of(a).zip(of(b)).and_then(|(a, b)| a.checked_add(b)),
            Node::Binary(Binary::Div, a, b) if of(b) == Some(0) => of(a),
            Node::Select(c, a, b) if of(c) == Some(0) => of(a).zip(of(b)).map(|(a, b)| a.max(b)),
            Node::Reduce(Reduction::Sum, _, _, _, body) => of(body),
            _ => None,
        };
        known.insert(id, value);
    }
    known[&root]
}
