//! Evaluation of single expressions: constants, default values of parameters, tests. Not the way to run a model.

use rustc_hash::FxHashMap;

use super::{ExprId, Graph, Node, Reduction, SymbolId, VarId};
use crate::math::Binary;

/// Where the leaves get their values.
pub trait Environment {
    /// The independent variable.
    fn time(&self) -> f64;
    /// An element of a symbol, by its subscripts (after no wrapping).
    fn element(&self, symbol: SymbolId, subscripts: &[i64]) -> f64;
}

/// Evaluates nodes of one graph; truth values are 1 and 0.
pub struct Evaluator<'a, E> {
    graph: &'a Graph,
    environment: &'a E,
    vars: FxHashMap<VarId, i64>,
}

impl<'a, E: Environment> Evaluator<'a, E> {
    /// With the index variables bound to the given values.
    pub fn new(graph: &'a Graph, environment: &'a E, vars: impl IntoIterator<Item = (VarId, i64)>) -> Self {
        Evaluator { graph, environment, vars: vars.into_iter().collect() }
    }

    /// The value of `root`. A free index variable without value counts as 0 (the checker admits none).
    pub fn value(&mut self, root: ExprId) -> f64 {
        let mut values: FxHashMap<ExprId, f64> = FxHashMap::default();
        let mut stack = vec![(root, false)];
        while let Some((id, ready)) = stack.pop() {
            if values.contains_key(&id) {
                continue;
            }
            let node = self.graph.node(id);
            if ready || matches!(node, Node::Reduce(..)) {
                let value = self.node_value(node, &values);
                values.insert(id, value);
            } else {
                stack.push((id, true));
                self.graph.for_each_operand(node, |operand| stack.push((operand, false)));
            }
        }
        values[&root]
    }

    fn node_value(&mut self, node: Node, values: &FxHashMap<ExprId, f64>) -> f64 {
        let v = |x: ExprId| values[&x];
        let truth = |b: bool| f64::from(u8::from(b));
        match node {
            Node::Const(bits) => f64::from_bits(bits),
            Node::Bool(b) => truth(b),
            Node::Time => self.environment.time(),
            Node::Index(var) => self.var(var) as f64,
            Node::Symbol(symbol, subs) => {
                let subscripts: Vec<i64> =
                    self.graph.subscripts(subs).iter().map(|s| s.affine.eval(&|var| self.var(var))).collect();
                self.environment.element(symbol, &subscripts)
            }
            Node::Unary(op, a) => op.eval(v(a)),
            Node::Binary(op, a, b) => op.eval(v(a), v(b)),
            Node::Call1(f, a) => f.eval(v(a), 0.0),
            Node::Call2(f, a, b) => f.eval(v(a), v(b)),
            Node::Curve(curve, order, a) => self.graph.curve(curve).value(order, v(a)),
            Node::Foreign(foreign, part, arguments) => {
                let arguments: Vec<f64> = self.graph.arguments(arguments).iter().map(|a| v(*a)).collect();
                self.graph.foreign(foreign).evaluate(part, &arguments)
            }
            Node::Compare(op, a, b) => truth(op.eval(v(a), v(b))),
            Node::And(a, b) => truth(v(a) != 0.0 && v(b) != 0.0),
            Node::Or(a, b) => truth(v(a) != 0.0 || v(b) != 0.0),
            Node::Not(a) => truth(v(a) == 0.0),
            Node::Select(c, a, b) => {
                if v(c) != 0.0 {
                    v(a)
                } else {
                    v(b)
                }
            }
            Node::Reduce(kind, var, lo, hi, body) => {
                let outer = self.vars.get(&var).copied();
                let mut result = reduction_start(kind);
                for value in i64::from(lo)..=i64::from(hi) {
                    self.vars.insert(var, value);
                    let term = self.value(body);
                    result = reduction_operation(kind).eval(result, term);
                }
                match outer {
                    Some(value) => self.vars.insert(var, value),
                    None => self.vars.remove(&var),
                };
                result
            }
        }
    }

    fn var(&self, var: VarId) -> i64 {
        self.vars.get(&var).copied().unwrap_or(0)
    }
}

/// The value a reduction starts from.
pub fn reduction_start(kind: Reduction) -> f64 {
    match kind {
        Reduction::Sum => 0.0,
        Reduction::Prod => 1.0,
        Reduction::Min => f64::INFINITY,
        Reduction::Max => f64::NEG_INFINITY,
    }
}

/// How a reduction takes in the next term: `operation(so_far, term)`.
pub fn reduction_operation(kind: Reduction) -> Binary {
    match kind {
        Reduction::Sum => Binary::Add,
        Reduction::Prod => Binary::Mul,
        Reduction::Min => Binary::Min,
        Reduction::Max => Binary::Max,
    }
}
