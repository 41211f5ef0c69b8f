//! The syntax tree: what was written, in the order it was written, with spans. It knows nothing of meaning.
//!
//! Chains of `+ -`, `* /`, `and`, `or` are flat lists evaluated from the left, so that an equation with a hundred
//! thousand terms is as shallow as one with two.

mod events;
mod expressions;

pub use events::*;
pub use expressions::*;

use crate::source::Span;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ast {
    /// Declarations and equations in source order.
    pub items: Vec<Item>,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The name as written (Unicode allowed).
    pub name: String,
    /// Where.
    pub span: Span,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The `##` lines above it, joined by newlines.
    pub doc: Option<String>,
    /// From the first to the last character of the statement.
    pub span: Span,
    /// What it is.
    pub kind: ItemKind,
}

/// The kinds of statement.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `model NAME`
    Model(Ident),
    /// `param A[i]: UNIT = EXPR in (LO, HI), …`
    Param(Vec<Declaration>),
    /// `const N = 64, …`
    Const(Vec<Declaration>),
    /// `init A = 1, theta' = 0, u[i,j] = … for i in 2..N-1`
    Init(Vec<Initial>),
    /// `output NAME[i] = EXPR, …`
    Output(Vec<Declaration>),
    /// `discrete NAME[i]: UNIT = EXPR, …`
    Discrete(Vec<Declaration>),
    /// `when CONDITION { … }`, `at TIME { … }`, `every PERIOD { … }`
    Event(Event),
    /// `dose gut 100 every 12 from 0 to 60`
    Dose(Box<Dose>),
    /// `input T(t): degC = csv("temp.csv", hour, temp) linear`
    Input(Box<Input>),
    /// `doses csv("doses.csv") { id = 3 }`
    Doses(Box<Doses>),
    /// `objective cost: UNIT = EXPR`
    Objective(Box<Objective>),
    /// `observe COLUMN ~ Normal(MEAN, SIGMA)`
    Observe(Box<Observation>),
    /// `time z: UNIT`
    Time(Ident, Option<Unit>),
    /// `index i, j = LO..HI periodic`
    Index {
        /// The index names declared together.
        names: Vec<Ident>,
        /// First and last value, both included.
        range: Range,
        /// Whether subscripts wrap around.
        periodic: bool,
    },
    /// `fn hill(x, k, n) = EXPR`, `extern fn drag(v)`
    Function {
        /// Its name.
        name: Ident,
        /// Formal parameters.
        params: Vec<Ident>,
        /// The body; none of a function of the host.
        body: Option<Expr>,
    },
    /// `LHS = RHS for i in 2..N-1`: a definition (`name = …`), a differential equation (`name' = …`) or an
    /// implicit equation (anything else); telling them apart is not the parser's business.
    Equation {
        /// Left side, as written.
        lhs: Expr,
        /// `: UNIT` after a name on the left.
        unit: Option<Unit>,
        /// Right side.
        rhs: Expr,
        /// The `for` clauses, outermost first.
        domain: Vec<ForClause>,
    },
    /// `LHS += RHS for …`: a term of a derivative, beside those of reactions.
    Addition {
        /// Left side, as written.
        lhs: Expr,
        /// The term.
        rhs: Expr,
        /// The `for` clauses, outermost first.
        domain: Vec<ForClause>,
    },
    /// `bind: E + S <-> ES @ kf, kr`
    Reaction(Reaction),
    /// `reactions combinatorial`: how mass action counts.
    Reactions(Ident),
    /// `component Cell(gNa = 120) { … }`
    Component(Component),
    /// `c[i] = Cell(gNa = 100)`; without arguments it reads as an equation with a call.
    Instance(Instance),
    /// `use "cells.ode"`
    Use(Ident),
    /// `solve t = 0..1e11 { rtol = 1e-8, save = log(1e-6, 1e11, 200) }`
    Solve {
        /// The independent variable as written.
        variable: Ident,
        /// Start and end.
        range: Range,
        /// `NAME = EXPR` options.
        options: Vec<(Ident, Expr)>,
    },
}

/// `component Cell(gNa = 120, I) { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its name.
    pub name: Ident,
    /// What an instance may be given.
    pub parameters: Vec<Declaration>,
    /// The statements between the braces: no component, no `use`, and nothing that speaks of the whole model.
    pub body: Vec<Item>,
}

/// `name[subscripts] = Component(argument = value, …) for …`
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The instance.
    pub name: Ident,
    /// The indices of an array of instances.
    pub subscripts: Vec<Expr>,
    /// The component.
    pub component: Ident,
    /// What it is given, by name; at least one.
    pub arguments: Vec<(Ident, Expr)>,
    /// `for` clauses.
    pub domain: Vec<ForClause>,
}

/// A part of `c[i].axon.V` between the dots.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The instance or, at the end, the quantity.
    pub name: Ident,
    /// Its subscripts.
    pub subscripts: Vec<Expr>,
}

/// `name[subscripts] = value in (lo, hi) for …`, as in `param`, `const` and `output`.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The name declared.
    pub name: Ident,
    /// Subscripts: index names, constant expressions or (for sizes) a range's upper bound.
    pub subscripts: Vec<Expr>,
    /// `: UNIT`.
    pub unit: Option<Unit>,
    /// `= EXPR`, absent for a parameter that must be given from outside.
    pub value: Option<Expr>,
    /// `in (LO, HI)`.
    pub bounds: Option<(Expr, Expr)>,
    /// `for` clauses.
    pub domain: Vec<ForClause>,
    /// The whole declaration.
    pub span: Span,
}

/// `name''[subscripts] = value for …` in an `init` statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Initial {
    /// The instances before the state, `a.b.` of `a.b.V`; none for a state of the reader's own.
    pub path: Vec<Segment>,
    /// From how many instances outside the state's own this is said: what is said further outside wins. Known when the
    /// path has been followed, until then 0.
    pub outside: u32,
    /// The state.
    pub name: Ident,
    /// Number of primes.
    pub order: u32,
    /// Subscripts.
    pub subscripts: Vec<Expr>,
    /// The independent variable in `init x(t) = …`, which gives all values up to the start.
    pub past: Option<Ident>,
    /// `: UNIT`.
    pub unit: Option<Unit>,
    /// The value at the start.
    pub value: Expr,
    /// `for` clauses.
    pub domain: Vec<ForClause>,
    /// The whole declaration.
    pub span: Span,
}

/// `label: A + 2 B -> C @ k for …`
#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    /// The name of its net flux.
    pub label: Option<Ident>,
    /// What it takes; empty for `0`.
    pub reactants: Vec<Species>,
    /// What it gives; empty for `0`.
    pub products: Vec<Species>,
    /// The arrow and what follows the `@`.
    pub rate: Rate,
    /// `for` clauses.
    pub domain: Vec<ForClause>,
    /// How mass action counts in its file; known when the components are.
    pub convention: Convention,
}

/// How mass action counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// The constant times the amounts, as also where a file says nothing.
    #[default]
    Plain,
    /// `reactions combinatorial`: the constant times the number of distinct encounters.
    Combinatorial,
}

/// The arrow of a reaction, which says what the expressions after `@` mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// `-> … @ k`: mass action with constant `k`.
    MassAction(Expr),
    /// `<-> … @ kf, kr`: mass action both ways.
    Reversible(Expr, Expr),
    /// `=> … @ v`: the rate itself.
    Explicit(Expr),
}

impl Rate {
    /// The arrow as written.
    pub fn arrow(&self) -> &'static str {
        match self {
            Rate::MassAction(_) => "->",
            Rate::Reversible(..) => "<->",
            Rate::Explicit(_) => "=>",
        }
    }
}

/// `2 A[i]` on a side of a reaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Species {
    /// The stoichiometric coefficient, 1 where none is written.
    pub coefficient: f64,
    /// The instances before it, `a.b.` of `a.b.S`; none for a species of the reader's own.
    pub path: Vec<Segment>,
    /// The species.
    pub name: Ident,
    /// Its subscripts.
    pub subscripts: Vec<Expr>,
    /// Coefficient to subscripts.
    pub span: Span,
}

/// `LO..HI`, both ends included.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// First value.
    pub lo: Expr,
    /// Last value.
    pub hi: Expr,
}

/// `i in LO..HI` after `for`.
#[derive(Clone, Debug, PartialEq)]
pub struct ForClause {
    /// The index.
    pub index: Ident,
    /// Its values.
    pub range: Range,
}
