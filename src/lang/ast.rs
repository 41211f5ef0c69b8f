//! The syntax tree: what was written, in the order it was written, with spans. It knows nothing of meaning.
//!
//! Chains of `+ -`, `* /`, `and`, `or` are flat lists evaluated from the left, so that an equation with a hundred
//! thousand terms is as shallow as one with two.

use crate::source::Span;
use std::sync::Arc;

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
    /// `fn hill(x, k, n) = EXPR`
    Function {
        /// Its name.
        name: Ident,
        /// Formal parameters.
        params: Vec<Ident>,
        /// The body.
        body: Expr,
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

/// `when h < 0 delay 1 { v := -v, stop } for …`
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is called where its trigger does not say it: a dose that has become an event. The parser gives none.
    pub label: Option<String>,
    /// When it fires.
    pub trigger: Trigger,
    /// What stands between the trigger and the braces.
    pub attributes: Vec<Attribute>,
    /// What is done, in the order written.
    pub actions: Vec<Action>,
    /// `for` clauses.
    pub domain: Vec<ForClause>,
}

/// What makes an event fire.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// `when CONDITION`
    When(Expr),
    /// `at TIME, …`
    At(Vec<Expr>),
    /// `every PERIOD from FIRST to LAST`
    Every {
        /// The distance.
        period: Expr,
        /// The first time.
        from: Option<Expr>,
        /// The last time.
        to: Option<Expr>,
    },
}

/// What an event says about its execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// `delay EXPR`
    Delay(Expr),
    /// `priority EXPR`
    Priority(Expr),
    /// `persistent`
    Persistent(Span),
    /// `values at trigger`
    ValuesAtTrigger(Span),
    /// `at start`
    AtStart(Span),
}

/// One thing that an event does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `target := value`
    Assign(Expr, Expr),
    /// `stop`
    Stop(Span),
}

/// `dose TARGET AMOUNT at TIMES over DURATION lag LAG bioavailability F for …`
#[derive(Clone, Debug, PartialEq)]
pub struct Dose {
    /// The state that is given the dose.
    pub target: Expr,
    /// How much.
    pub amount: Expr,
    /// When; never a condition.
    pub schedule: Trigger,
    /// How long the infusion takes; none for all at once.
    pub over: Option<Expr>,
    /// How much later it arrives.
    pub lag: Option<Expr>,
    /// What share of it arrives.
    pub bioavailability: Option<Expr>,
    /// `for` clauses.
    pub domain: Vec<ForClause>,
}

/// `csv("temp.csv", hour, "T out", 3)`
#[derive(Clone, Debug, PartialEq)]
pub struct Csv {
    /// The file's path.
    pub path: Ident,
    /// The columns.
    pub columns: Vec<Column>,
    /// From `csv` to the closing parenthesis.
    pub span: Span,
}

/// A column of a file of data.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Which.
    pub which: ColumnName,
    /// Where it is named.
    pub span: Span,
}

/// How a column is named.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnName {
    /// By its heading, which is a name.
    Name(String),
    /// By its heading, in quotes.
    Text(String),
    /// By its place, counted from 1.
    Place(u32),
}

/// `input T(t: UNIT): UNIT = csv(…) cubic extrapolate hold`
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What it is called.
    pub name: Ident,
    /// Its argument.
    pub argument: Ident,
    /// `: UNIT` after the argument.
    pub argument_unit: Option<Unit>,
    /// `: UNIT` of its value.
    pub unit: Option<Unit>,
    /// The two columns.
    pub csv: Csv,
    /// What stands between the points.
    pub shape: Option<Ident>,
    /// What is beyond them.
    pub outside: Option<Ident>,
}

/// `objective cost: UNIT = integral(u^2) + 10*final((x - 1)^2)`
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// What it is called.
    pub name: Ident,
    /// `: UNIT`.
    pub unit: Option<Unit>,
    /// What is measured of a solution.
    pub value: Expr,
}

/// `observe B_obs ~ Normal(1e4*B, sigma)`
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The column of measured values.
    pub column: Column,
    /// The name of the distribution they come from.
    pub distribution: Ident,
    /// Its parameters: expressions of the model's quantities and of other columns.
    pub arguments: Vec<Expr>,
    /// From the column to the closing parenthesis.
    pub span: Span,
}

/// `doses csv("doses.csv") { id = 3, 1 = depot, lag depot = 0.5 }`
#[derive(Clone, Debug, PartialEq)]
pub struct Doses {
    /// The table of records.
    pub csv: Csv,
    /// What is said about it, in the order written.
    pub settings: Vec<DoseSetting>,
}

/// What a statement says about a table of doses.
#[derive(Clone, Debug, PartialEq)]
pub enum DoseSetting {
    /// `id = EXPR`: whose records.
    Id(Expr),
    /// `2 = central`: the compartment of that number.
    Compartment(u32, Expr),
    /// `lag depot = EXPR` and its kin: the word, the state, the value.
    Of(Ident, Expr, Expr),
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

impl Trigger {
    /// Its expressions, in the order written.
    pub fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Trigger::When(condition) => vec![condition],
            Trigger::At(times) => times.iter_mut().collect(),
            Trigger::Every { period, from, to } => {
                std::iter::once(period).chain(from.as_mut()).chain(to.as_mut()).collect()
            }
        }
    }

    /// The same, to be read.
    pub fn expressions(&self) -> Vec<&Expr> {
        match self {
            Trigger::When(condition) => vec![condition],
            Trigger::At(times) => times.iter().collect(),
            Trigger::Every { period, from, to } => {
                std::iter::once(period).chain(from.as_ref()).chain(to.as_ref()).collect()
            }
        }
    }
}

impl Event {
    /// All its expressions, in the order written.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut list = self.trigger.expressions();
        for attribute in &self.attributes {
            if let Attribute::Delay(value) | Attribute::Priority(value) = attribute {
                list.push(value);
            }
        }
        for action in &self.actions {
            if let Action::Assign(target, value) = action {
                list.extend([target, value]);
            }
        }
        list
    }

    /// The same, to be changed.
    pub fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        let mut list = self.trigger.expressions_mut();
        for attribute in &mut self.attributes {
            if let Attribute::Delay(value) | Attribute::Priority(value) = attribute {
                list.push(value);
            }
        }
        for action in &mut self.actions {
            if let Action::Assign(target, value) = action {
                list.extend([target, value]);
            }
        }
        list
    }

    /// The places of the words without an expression.
    pub fn words_mut(&mut self) -> impl Iterator<Item = &mut Span> {
        let attributes = self.attributes.iter_mut().filter_map(|attribute| match attribute {
            Attribute::Persistent(span) | Attribute::ValuesAtTrigger(span) | Attribute::AtStart(span) => Some(span),
            Attribute::Delay(_) | Attribute::Priority(_) => None,
        });
        attributes.chain(self.actions.iter_mut().filter_map(|action| match action {
            Action::Stop(span) => Some(span),
            Action::Assign(..) => None,
        }))
    }
}

impl DoseSetting {
    /// Its expressions, in the order written.
    pub fn expressions(&self) -> Vec<&Expr> {
        match self {
            DoseSetting::Id(value) => vec![value],
            DoseSetting::Compartment(_, state) => vec![state],
            DoseSetting::Of(_, state, value) => vec![state, value],
        }
    }

    /// The same, to be changed.
    pub fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            DoseSetting::Id(value) => vec![value],
            DoseSetting::Compartment(_, state) => vec![state],
            DoseSetting::Of(_, state, value) => vec![state, value],
        }
    }
}

impl Dose {
    /// All its expressions, in the order written.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut list = vec![&self.target, &self.amount];
        list.extend(self.schedule.expressions());
        list.extend(self.over.iter().chain(&self.lag).chain(&self.bioavailability));
        list
    }

    /// The same, to be changed.
    pub fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        let mut list = vec![&mut self.target, &mut self.amount];
        list.extend(self.schedule.expressions_mut());
        list.extend(self.over.iter_mut().chain(&mut self.lag).chain(&mut self.bioavailability));
        list
    }
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
