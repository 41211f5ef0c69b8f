//! Expressions and units as they are written.

use super::{Csv, Ident, Range, Segment};
use crate::source::Span;
use std::sync::Arc;

/// An index of a reduction: `j` (its declared range) or `j in 1..N`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReductionIndex {
    /// The index.
    pub index: Ident,
    /// An explicit range, if one was written.
    pub range: Option<Range>,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Where it stands, parentheses excluded.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A decimal number.
    Number(f64),
    /// A number with its unit: `10 [mV]`.
    Quantity(f64, Box<Unit>),
    /// `true` or `false`.
    Bool(bool),
    /// A name.
    Name(String),
    /// `name[e1, e2]`; the base is a name.
    Subscript(Ident, Vec<Expr>),
    /// `c[i].V`: at least two segments.
    Member(Vec<Segment>),
    /// `x'`, `x[i]''`, `x'[i]`, `c[i].V'`: the operand (a name, a subscripted name or a member) and the number of primes.
    Prime(Box<Expr>, u32),
    /// `-x` (unary plus leaves no trace).
    Negate(Box<Expr>),
    /// `a + b - c …`: at least two terms; the first sign is always `Plus`.
    Sum(Vec<(Sign, Expr)>),
    /// `a * b / c …`: at least two factors; the first is always `Times`.
    Product(Vec<(Factor, Expr)>),
    /// `base ^ exponent`.
    Power(Box<Expr>, Box<Expr>),
    /// `a < b`; comparisons do not chain.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `not a`.
    Not(Box<Expr>),
    /// `a and b and …`.
    And(Vec<Expr>),
    /// `a or b or …`.
    Or(Vec<Expr>),
    /// `if c then a else b`.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `f(a, b)`; also `x(t - tau)` of a lone name, until it is known what the name is.
    Call(Ident, Vec<Expr>),
    /// `csv("w.csv")` as the value of an array.
    Csv(Box<Csv>),
    /// `u[i](t - tau)`, `x'(t - tau)`, `c.x(t - tau)`: the operand (a name, a subscripted name, a member, a derivative) at
    /// another time.
    Delayed(Box<Expr>, Box<Expr>),
    /// `sum[i, j in 1..3](body)`, also `prod`, `min`, `max`; `dot[j](a, b)` has two bodies.
    /// Rare and large: boxed, so that the common kinds stay small.
    Reduce(Box<Ident>, Box<[ReductionIndex]>, Vec<Expr>),
    /// What stands in statements that were made of others; the parser gives none.
    Made(Box<Made>),
}

/// An expression that nobody wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// The number at a place of a list, counted from 0, in whatever unit fits.
    Numbers(Arc<[f64]>, Expr),
    /// An expression which, where it is a number alone, is in the unit of that quantity; without one, in that of time.
    InUnitOf(Option<String>, Expr),
}

impl Made {
    /// The expression inside.
    pub fn inner(&self) -> &Expr {
        match self {
            Made::Numbers(_, inner) | Made::InUnitOf(_, inner) => inner,
        }
    }

    /// The same, to be changed.
    pub fn inner_mut(&mut self) -> &mut Expr {
        match self {
            Made::Numbers(_, inner) | Made::InUnitOf(_, inner) => inner,
        }
    }
}

/// `mg/L`, `m^(1/2)`, `1e6*cells/mL`: at least one factor, from the left.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The factors; the first is always `Times`.
    pub factors: Vec<UnitFactor>,
    /// The whole unit.
    pub span: Span,
}

/// A factor of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitFactor {
    /// How it enters the product.
    pub how: Factor,
    /// What is raised to the exponent.
    pub base: UnitBase,
    /// Numerator and denominator of the exponent, in lowest terms, the denominator positive.
    pub exponent: (i32, i32),
    /// Base and exponent.
    pub span: Span,
}

/// What a factor of a unit is a power of.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitBase {
    /// `mV`, `%`, `°C`.
    Name(String),
    /// A positive number.
    Number(f64),
    /// A unit in parentheses.
    Group(Unit),
}

/// The sign of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// How a factor enters a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// `*`
    Times,
    /// `/`
    Over,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
}

impl Comparison {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Lt => "<",
            Comparison::Le => "<=",
            Comparison::Gt => ">",
            Comparison::Ge => ">=",
            Comparison::Eq => "==",
            Comparison::Ne => "!=",
        }
    }
}
