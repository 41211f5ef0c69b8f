//! Constructors that simplify as they build.
//!
//! A rule may change the last bits of a result only where it says so; no rule changes where a result is finite:
//! `0*x` becomes 0 only where x is finite whenever the states and parameters are ([`super::Facts::total`]), and `x/x`
//! stays.

use super::{CurveId, ExprId, Graph, IndexRange, Node, Reads, Reduction};
use crate::math::{self, Binary, Compare, Function, Unary};

/// Powers up to this become multiplications.
const MAX_UNROLLED_POWER: u32 = 32;

impl Graph {
    /// A number.
    pub fn constant(&mut self, value: f64) -> ExprId {
        // One NaN, so that equal constants are equal nodes.
        let value = if value.is_nan() { f64::NAN } else { value };
        self.intern(Node::Const(value.to_bits()))
    }

    /// A truth value.
    pub fn boolean(&mut self, value: bool) -> ExprId {
        self.intern(Node::Bool(value))
    }

    /// The independent variable.
    pub fn time(&mut self) -> ExprId {
        self.intern(Node::Time)
    }

    fn is(&self, x: ExprId, value: f64) -> bool {
        self.as_const(x) == Some(value)
    }

    fn as_neg(&self, x: ExprId) -> Option<ExprId> {
        match self.node(x) {
            Node::Unary(Unary::Neg, a) => Some(a),
            _ => None,
        }
    }

    /// `a + b`
    pub fn add(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(Binary::Add, a, b)
    }

    /// `a - b`
    pub fn sub(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(Binary::Sub, a, b)
    }

    /// `a * b`
    pub fn mul(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(Binary::Mul, a, b)
    }

    /// `a / b`
    pub fn div(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(Binary::Div, a, b)
    }

    /// `-a`
    pub fn neg(&mut self, a: ExprId) -> ExprId {
        self.unary(Unary::Neg, a)
    }

    /// A unary operation.
    pub fn unary(&mut self, op: Unary, a: ExprId) -> ExprId {
        if let Some(value) = self.as_const(a) {
            return self.constant(op.eval(value));
        }
        match (op, self.node(a)) {
            // -(-x) = x;  -(x - y) = y - x;  |−x| = |x|;  ||x|| = |x|
            (Unary::Neg, Node::Unary(Unary::Neg, x)) => x,
            (Unary::Neg, Node::Binary(Binary::Sub, x, y)) => self.intern(Node::Binary(Binary::Sub, y, x)),
            (Unary::Abs, Node::Unary(Unary::Neg, x)) => self.unary(Unary::Abs, x),
            (Unary::Abs, Node::Unary(Unary::Abs, _)) => a,
            // floor and ceil of an integer
            (Unary::Floor | Unary::Ceil, Node::Index(_) | Node::Unary(Unary::Floor | Unary::Ceil, _)) => a,
            _ => self.intern(Node::Unary(op, a)),
        }
    }

    /// A binary operation.
    pub fn binary(&mut self, op: Binary, a: ExprId, b: ExprId) -> ExprId {
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            return self.constant(op.eval(x, y));
        }
        match op {
            Binary::Add => self.add_rules(a, b),
            Binary::Sub => self.sub_rules(a, b),
            Binary::Mul => self.mul_rules(a, b),
            Binary::Div => self.div_rules(a, b),
            Binary::Min | Binary::Max if a == b => a,
            Binary::Min | Binary::Max => self.intern(Node::Binary(op, a, b)),
        }
    }

    fn add_rules(&mut self, a: ExprId, b: ExprId) -> ExprId {
        // x + 0 = x
        if self.is(a, 0.0) {
            return b;
        }
        if self.is(b, 0.0) {
            return a;
        }
        // x + x = 2*x, exactly
        if a == b {
            let two = self.constant(2.0);
            return self.mul(two, a);
        }
        // x + (-y) = x - y
        if let Some(y) = self.as_neg(b) {
            return self.sub(a, y);
        }
        if let Some(x) = self.as_neg(a) {
            return self.sub(b, x);
        }
        let (a, b) = (a.min(b), a.max(b));
        self.intern(Node::Binary(Binary::Add, a, b))
    }

    fn sub_rules(&mut self, a: ExprId, b: ExprId) -> ExprId {
        if self.is(b, 0.0) {
            return a;
        }
        if self.is(a, 0.0) {
            return self.neg(b);
        }
        // x - x = 0 where x is finite
        if a == b && self.facts(a).total {
            return self.constant(0.0);
        }
        // -x - y = -(x + y)
        if let Some(x) = self.as_neg(a) {
            let sum = self.add(x, b);
            return self.neg(sum);
        }
        // x - (-y) = x + y
        if let Some(y) = self.as_neg(b) {
            return self.add(a, y);
        }
        self.intern(Node::Binary(Binary::Sub, a, b))
    }

    fn mul_rules(&mut self, a: ExprId, b: ExprId) -> ExprId {
        for (x, y) in [(a, b), (b, a)] {
            // 0*y = 0 where y is finite;  1*y = y;  -1*y = -y
            if self.is(x, 0.0) && self.facts(y).total {
                return self.constant(0.0);
            }
            if self.is(x, 1.0) {
                return y;
            }
            if self.is(x, -1.0) {
                return self.neg(y);
            }
        }
        // (-x)*y = -(x*y)
        if let Some(x) = self.as_neg(a) {
            let product = self.mul(x, b);
            return self.neg(product);
        }
        if let Some(y) = self.as_neg(b) {
            let product = self.mul(a, y);
            return self.neg(product);
        }
        // |x|*|x| = x*x
        if let (true, Node::Unary(Unary::Abs, x)) = (a == b, self.node(a)) {
            return self.mul(x, x);
        }
        let (a, b) = (a.min(b), a.max(b));
        self.intern(Node::Binary(Binary::Mul, a, b))
    }

    fn div_rules(&mut self, a: ExprId, b: ExprId) -> ExprId {
        if self.is(b, 1.0) {
            return a;
        }
        if self.is(b, -1.0) {
            return self.neg(a);
        }
        // x/2^k = x*2^-k, exactly
        if let Some(value) = self.as_const(b) {
            let inverse = 1.0 / value;
            if value.is_normal() && inverse.is_normal() && value.to_bits() & ((1 << 52) - 1) == 0 {
                let factor = self.constant(inverse);
                return self.mul(factor, a);
            }
        }
        // (-x)/y = -(x/y)
        if let Some(x) = self.as_neg(a) {
            let quotient = self.div(x, b);
            return self.neg(quotient);
        }
        if let Some(y) = self.as_neg(b) {
            let quotient = self.div(a, y);
            return self.neg(quotient);
        }
        self.intern(Node::Binary(Binary::Div, a, b))
    }

    /// `base ^ exponent`: integer and half-integer powers become multiplications and roots (other last bits than a
    /// general power).
    pub fn pow(&mut self, base: ExprId, exponent: ExprId) -> ExprId {
        if let Some(e) = self.as_const(exponent) {
            if let Some(x) = self.as_const(base) {
                return self.constant(math::pow(x, e));
            }
            if e == e.trunc() && e.abs() <= f64::from(MAX_UNROLLED_POWER) {
                let power = self.integer_power(base, e.abs() as u32);
                let one = self.constant(1.0);
                return if e < 0.0 { self.div(one, power) } else { power };
            }
            if 2.0 * e == (2.0 * e).trunc() && e.abs() < f64::from(MAX_UNROLLED_POWER) {
                // x^(n + 1/2) = x^n * sqrt(x)
                let root = self.unary(Unary::Sqrt, base);
                let whole = self.integer_power(base, e.abs().trunc() as u32);
                let power = self.mul(whole, root);
                let one = self.constant(1.0);
                return if e < 0.0 { self.div(one, power) } else { power };
            }
        }
        if self.is(base, 1.0) {
            return base;
        }
        self.intern(Node::Call2(Function::Pow, base, exponent))
    }

    /// `x^n` by repeated squaring.
    pub fn integer_power(&mut self, x: ExprId, n: u32) -> ExprId {
        let mut result: Option<ExprId> = None;
        let (mut square, mut rest) = (x, n);
        while rest > 0 {
            if rest & 1 == 1 {
                result = Some(match result {
                    None => square,
                    Some(product) => self.mul(product, square),
                });
            }
            rest >>= 1;
            if rest > 0 {
                square = self.mul(square, square);
            }
        }
        match result {
            Some(product) => product,
            None => self.constant(1.0),
        }
    }

    /// An elementary function of one argument.
    pub fn call1(&mut self, f: Function, a: ExprId) -> ExprId {
        if let Some(value) = self.as_const(a) {
            return self.constant(f.eval(value, 0.0));
        }
        self.intern(Node::Call1(f, a))
    }

    /// An elementary function of two arguments.
    pub fn call2(&mut self, f: Function, a: ExprId, b: ExprId) -> ExprId {
        if f == Function::Pow {
            return self.pow(a, b);
        }
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            return self.constant(f.eval(x, y));
        }
        self.intern(Node::Call2(f, a, b))
    }

    /// The `order`th derivative of a curve at `a`.
    pub fn apply(&mut self, curve: CurveId, order: u8, a: ExprId) -> ExprId {
        if order > self.curve(curve).shape().degree() {
            return self.constant(0.0);
        }
        match self.as_const(a) {
            Some(value) => {
                let value = self.curve(curve).value(order, value);
                self.constant(value)
            }
            None => self.intern(Node::Curve(curve, order, a)),
        }
    }

    /// A comparison.
    pub fn compare(&mut self, op: Compare, a: ExprId, b: ExprId) -> ExprId {
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            return self.boolean(op.eval(x, y));
        }
        self.intern(Node::Compare(op, a, b))
    }

    /// `a and b`
    pub fn and(&mut self, a: ExprId, b: ExprId) -> ExprId {
        match (self.node(a), self.node(b)) {
            (Node::Bool(true), _) => b,
            (_, Node::Bool(true)) => a,
            (Node::Bool(false), _) => a,
            (_, Node::Bool(false)) => b,
            _ if a == b => a,
            _ => self.intern(Node::And(a, b)),
        }
    }

    /// `a or b`
    pub fn or(&mut self, a: ExprId, b: ExprId) -> ExprId {
        match (self.node(a), self.node(b)) {
            (Node::Bool(false), _) => b,
            (_, Node::Bool(false)) => a,
            (Node::Bool(true), _) => a,
            (_, Node::Bool(true)) => b,
            _ if a == b => a,
            _ => self.intern(Node::Or(a, b)),
        }
    }

    /// `not a`
    pub fn not(&mut self, a: ExprId) -> ExprId {
        match self.node(a) {
            Node::Bool(value) => self.boolean(!value),
            Node::Not(x) => x,
            _ => self.intern(Node::Not(a)),
        }
    }

    /// `if c then a else b`
    pub fn select(&mut self, c: ExprId, a: ExprId, b: ExprId) -> ExprId {
        match self.node(c) {
            Node::Bool(true) => a,
            Node::Bool(false) => b,
            _ if a == b => a,
            Node::Not(x) => self.intern(Node::Select(x, b, a)),
            _ => self.intern(Node::Select(c, a, b)),
        }
    }

    /// A reduction over a range that is not empty.
    pub fn reduce(&mut self, kind: Reduction, range: IndexRange, body: ExprId) -> ExprId {
        if range.lo == range.hi {
            let with = [(range.var, super::Affine::constant(range.lo))].into_iter().collect();
            return self.substitute(body, &with);
        }
        let independent = self.facts(body).free >> range.var.0 & 1 == 0;
        match kind {
            Reduction::Min | Reduction::Max if independent => body,
            // Σ c = n*c (one rounding instead of n)
            Reduction::Sum if independent => {
                let count = self.constant(range.len() as f64);
                self.mul(count, body)
            }
            _ => self.intern(Node::Reduce(kind, range.var, range.lo as i32, range.hi as i32, body)),
        }
    }

    /// Whether the node is worth computing ahead: not a leaf, and fixed once the parameters are.
    pub fn is_hoistable(&self, x: ExprId) -> bool {
        let facts = self.facts(x);
        facts.reads == Reads::Parameters && !matches!(self.node(x), Node::Symbol(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph with two state leaves x and y.
    fn leaves() -> (Graph, ExprId, ExprId) {
        let mut g = Graph::default();
        let none = g.subscripts_id(vec![]);
        let x = g.declare(Reads::State);
        let y = g.declare(Reads::State);
        let x = g.intern(Node::Symbol(x, none));
        let y = g.intern(Node::Symbol(y, none));
        (g, x, y)
    }

    #[test]
    fn equal_expressions_are_one_node() {
        let (mut g, x, y) = leaves();
        assert_eq!(g.mul(x, y), g.mul(y, x));
        assert_eq!(g.add(x, y), g.add(y, x));
        assert_ne!(g.sub(x, y), g.sub(y, x));
    }

    #[test]
    fn zero_times_something_infinite_stays() {
        let (mut g, x, y) = leaves();
        let zero = g.constant(0.0);
        assert_eq!(g.mul(zero, x), zero);
        let quotient = g.div(x, y);
        assert_ne!(g.mul(zero, quotient), zero);
        assert_ne!(g.sub(quotient, quotient), zero);
        assert_ne!(g.div(x, x), g.constant(1.0));
    }

    #[test]
    fn powers_become_products_and_roots() {
        let (mut g, x, _) = leaves();
        let two = g.constant(2.0);
        let square = g.mul(x, x);
        assert_eq!(g.pow(x, two), square);
        let e = g.constant(-1.5);
        let root = g.unary(Unary::Sqrt, x);
        let product = g.mul(x, root);
        let one = g.constant(1.0);
        assert_eq!(g.pow(x, e), g.div(one, product));
        let third = g.constant(1.0 / 3.0);
        let power = g.pow(x, third);
        assert!(matches!(g.node(power), Node::Call2(Function::Pow, ..)));
    }

    #[test]
    fn signs_float_outwards() {
        let (mut g, x, y) = leaves();
        let minus_x = g.neg(x);
        let product = g.mul(minus_x, y);
        let xy = g.mul(x, y);
        assert_eq!(product, g.neg(xy));
        let sum = g.add(y, minus_x);
        assert_eq!(sum, g.sub(y, x));
        let twice = g.add(x, x);
        let two = g.constant(2.0);
        assert_eq!(twice, g.mul(two, x));
        let both = g.sub(minus_x, y);
        let total = g.add(x, y);
        assert_eq!(both, g.neg(total));
        let minus_sum = g.neg(sum);
        assert_eq!(minus_sum, g.sub(x, y));
    }
}
