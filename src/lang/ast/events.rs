//! Events, doses and data as they are written.

use super::{Expr, ForClause, Ident, Unit};
use crate::source::Span;

/// `when h < 0 delay 1 { v := -v, stop } for …`
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is called where its trigger does not say it: a dose that has become an event. The parser gives none.
    pub label: Option<String>,
    /// Whether it ends what another event has begun, an infusion: its time may then lie before the run. The parser gives
    /// none.
    pub ends: bool,
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
    /// What decides when it happens, in the order written.
    pub fn deciding(&self) -> Vec<&Expr> {
        let mut list = self.trigger.expressions();
        for attribute in &self.attributes {
            if let Attribute::Delay(value) | Attribute::Priority(value) = attribute {
                list.push(value);
            }
        }
        list
    }

    /// All its expressions, in the order written.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut list = self.deciding();
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
