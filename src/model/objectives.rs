//! What is asked of a solution: objectives, whose terms are integrals and values at times, and observations, whose terms
//! are the logarithms of the probability densities of measured values.
//!
//! None of it changes the equations. A term is an expression like any output; the number that it comes to stands in the
//! objective as a symbol of its own, as a measured value stands in an observation's density ([`Kind::Discrete`] symbols
//! that are none of the model's discrete quantities).

use super::check::Checker;
use super::expression::Scope;
use super::{Family, Kind, Piece};
use crate::diag::{Diagnostic, closest, codes};
use crate::expr::{ExprId, Graph, Node, SymbolId};
use crate::lang::ast::{self, Expr, Ident};
use crate::math;
use crate::source::Span;

/// Why states cannot be used in an objective outside its terms.
pub const ONE_NUMBER: &str = "an objective is one number, and this has a value at each time";

/// What to do about a name that cannot be used for this reason.
pub fn way_out(reason: &str, name: &str) -> String {
    match reason {
        ONE_NUMBER => format!("write `final({name})`, `value({name}, 3)` or `integral({name})`"),
        _ => "declare a parameter, `param x0 = 1`, and use it in both places".to_string(),
    }
}

/// Everything that is asked of a solution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// In the order of the file.
    pub objectives: Vec<Objective>,
    /// In the order of the file.
    pub observations: Vec<Observation>,
    /// The columns that observations read.
    pub columns: Vec<Column>,
    /// What terms and observations compute at a point of the solution, by their symbols.
    pub values: Vec<Family>,
}

/// `objective NAME = EXPR`
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// Its value, of parameters and of the symbols of its terms.
    pub value: ExprId,
    /// What it asks of the solution.
    pub terms: Vec<Term>,
    /// Where its name stands.
    pub span: Span,
}

/// A number that an objective asks of a solution.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// As it is written: `integral(u^2)`.
    pub text: String,
    /// How the number comes from the values of the expression.
    pub kind: TermKind,
    /// What stands for the number in the objective.
    pub symbol: SymbolId,
    /// The expression, one of [`Asked::values`].
    pub value: SymbolId,
}

/// How a number comes from an expression along a solution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TermKind {
    /// Its integral over the run.
    Integral,
    /// Its value at the end of the run.
    Final,
    /// Its value at a time.
    At(f64),
}

/// `observe COLUMN ~ Normal(MEAN, SIGMA)`
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// As it is written.
    pub text: String,
    /// The measured values, a place in [`Asked::columns`].
    pub column: usize,
    /// The logarithm of the density of one of them, one of [`Asked::values`].
    pub log_density: SymbolId,
}

/// A column of a file of data.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// How it is named.
    pub name: ColumnName,
    /// What stands for its number in a row.
    pub symbol: SymbolId,
    /// Where it is first named.
    pub span: Span,
}

/// How a column is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnName {
    /// By its heading.
    Heading(String),
    /// By its place, counted from 1.
    Place(u32),
}

/// The logarithm of a density, of the measured value and the distribution's parameters.
type LogDensity = fn(&mut Graph, ExprId, &[ExprId]) -> ExprId;

/// The distributions that `observe` knows, with their parameters.
const DISTRIBUTIONS: &[(&str, &[&str], LogDensity)] = &[("Normal", &["mean", "standard deviation"], normal)];

/// Distributions that are still to come.
const LATER: [&str; 10] = [
    "LogNormal",
    "StudentT",
    "Cauchy",
    "Laplace",
    "Uniform",
    "Gamma",
    "Beta",
    "Exponential",
    "Poisson",
    "NegativeBinomial",
];

/// −((y − μ)/σ)²/2 − log σ − log(2π)/2
fn normal(graph: &mut Graph, y: ExprId, parameters: &[ExprId]) -> ExprId {
    let [mean, sigma] = parameters else { return graph.constant(f64::NAN) };
    let left = graph.sub(y, *mean);
    let left = graph.div(left, *sigma);
    let square = graph.mul(left, left);
    let half = graph.constant(0.5);
    let square = graph.mul(half, square);
    let log = crate::expr::builtin::find("log").map(|row| crate::expr::builtin::build(row, graph, &[*sigma]));
    let log = log.unwrap_or(*sigma);
    let constant = graph.constant(0.5 * math::log(2.0 * std::f64::consts::PI));
    let rest = graph.add(log, constant);
    let sum = graph.add(square, rest);
    graph.neg(sum)
}

impl Checker<'_> {
    /// All objectives and observations.
    pub(super) fn asked(&mut self, time: &str) -> Asked {
        let found = self.found.clone();
        let mut asked = Asked::default();
        for (name, objective) in &found.objectives {
            let mut scope = Scope { no_states: Some(ONE_NUMBER), ..Scope::default() };
            let value = self.real(&objective.value, &mut scope);
            let terms = std::mem::take(&mut self.terms);
            if let Some(value) = value {
                let (name, span) = (name.to_string(), objective.name.span);
                asked.objectives.push(Objective { name, value, terms, span });
            }
        }
        for observation in &found.observations {
            asked.observations.extend(self.observation(observation, time));
        }
        asked.columns = std::mem::take(&mut self.columns);
        asked.values = std::mem::take(&mut self.asked_values);
        asked
    }

    fn observation(&mut self, observation: &ast::Observation, time: &str) -> Option<Observation> {
        let name = &observation.distribution;
        let Some((_, parameters, density)) = DISTRIBUTIONS.iter().find(|(known, ..)| *known == name.name) else {
            self.unknown_distribution(name);
            return None;
        };
        if observation.arguments.len() != parameters.len() {
            let (wanted, found) = (parameters.len(), observation.arguments.len());
            let message = format!("`{}` takes {wanted} arguments, found {found}", name.name);
            let error = Diagnostic::new(codes::model::ARGUMENTS, observation.span, message);
            self.diagnostics.push(error.help(format!("write `{}({})`", name.name, parameters.join(", "))));
            return None;
        }
        let column = match &observation.column.which {
            ast::ColumnName::Name(name) | ast::ColumnName::Text(name) => ColumnName::Heading(name.clone()),
            ast::ColumnName::Place(place) => ColumnName::Place(*place),
        };
        if column == ColumnName::Heading(time.to_string()) {
            let message =
                format!("`{time}` is the independent variable: its column says when the others were measured");
            let error = Diagnostic::new(codes::objectives::OBSERVED, observation.column.span, message);
            self.diagnostics.push(error.help("name the column of what was measured"));
            return None;
        }
        self.observing = true;
        let values: Vec<_> = observation.arguments.iter().map(|a| self.real(a, &mut Scope::default())).collect();
        self.observing = false;
        let values: Vec<ExprId> = values.into_iter().collect::<Option<_>>()?;
        let symbol = self.data_column(column, observation.column.span);
        let column = self.columns.iter().position(|column| column.symbol == symbol)?;
        let measured = self.scalar(symbol);
        let value = density(&mut self.graph, measured, &values);
        let text = format!("{} ~ {}", observation.column, name.name);
        let log_density = self.asked_value(&text, value, observation.span);
        Some(Observation { text, column, log_density })
    }

    fn unknown_distribution(&mut self, name: &Ident) {
        if LATER.contains(&name.name.as_str()) {
            let message = format!("the distribution `{}` is not yet supported", name.name);
            let error = Diagnostic::new(codes::lang::UNSUPPORTED, name.span, message);
            self.diagnostics.push(error.help("`observe` knows `Normal(mean, standard deviation)`"));
            return;
        }
        let message = format!("unknown distribution `{}`", name.name);
        let error = Diagnostic::new(codes::objectives::DISTRIBUTION, name.span, message);
        self.diagnostics.push(match closest(&name.name, DISTRIBUTIONS.iter().map(|(known, ..)| *known)) {
            Some(known) => error.did_you_mean(name.span, known),
            None => error.help("`observe` knows `Normal(mean, standard deviation)`"),
        });
    }

    /// The symbol of a column.
    fn data_column(&mut self, name: ColumnName, span: Span) -> SymbolId {
        if let Some(known) = self.columns.iter().find(|column| column.name == name) {
            return known.symbol;
        }
        let text = match &name {
            ColumnName::Heading(heading) => heading.clone(),
            ColumnName::Place(place) => format!("column {place}"),
        };
        let symbol = self.declare(&text, Kind::Discrete, Vec::new(), None, span);
        self.columns.push(Column { name, symbol, span });
        symbol
    }

    /// What an observation reads in a column.
    pub(super) fn column_value(&mut self, name: &str, span: Span) -> Option<ExprId> {
        let symbol = self.data_column(ColumnName::Heading(name.to_string()), span);
        Some(self.scalar(symbol))
    }

    /// A term of an objective, if the call is one; none within after a diagnostic.
    pub(super) fn term(
        &mut self,
        function: &Ident,
        arguments: &[Expr],
        span: Span,
        scope: &Scope,
    ) -> Option<Option<ExprId>> {
        let wanted = match function.name.as_str() {
            "integral" | "final" => 1,
            "value" => 2,
            _ => return None,
        };
        if scope.arguments.iter().any(|(known, _)| *known == function.name)
            || self.entities.contains_key(&function.name)
        {
            return None;
        }
        if scope.no_states != Some(ONE_NUMBER) || !scope.bound.is_empty() {
            let message = format!("`{}` cannot stand here: it is a term of an objective", function.name);
            let error = Diagnostic::new(codes::objectives::TERM, function.span, message);
            self.diagnostics.push(if scope.no_states == Some(ONE_NUMBER) {
                error.help(format!("write the sum inside: `{}(sum[i](…))`", function.name))
            } else {
                error.help(format!("name what is asked of the solution: `objective cost = {}(…)`", function.name))
            });
            return Some(None);
        }
        if arguments.len() != wanted {
            self.wrong_count(&function.name, &wanted.to_string(), arguments.len(), span);
            return Some(None);
        }
        Some(self.asked_term(function, arguments, span))
    }

    fn asked_term(&mut self, function: &Ident, arguments: &[Expr], span: Span) -> Option<ExprId> {
        let of = self.real(arguments.first()?, &mut Scope::default());
        let kind = match (function.name.as_str(), arguments.get(1)) {
            ("integral", _) => TermKind::Integral,
            ("final", _) => TermKind::Final,
            (_, time) => TermKind::At(self.constant(time?)?),
        };
        let inside: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let text = format!("{}({})", function.name, inside.join(", "));
        let value = self.asked_value(&text, of?, span);
        let symbol = self.declare(&text, Kind::Discrete, Vec::new(), None, span);
        self.terms.push(Term { text, kind, symbol, value });
        Some(self.scalar(symbol))
    }

    /// Something to be computed at points of the solution.
    fn asked_value(&mut self, name: &str, value: ExprId, span: Span) -> SymbolId {
        let symbol = self.declare(name, Kind::Output, Vec::new(), None, span);
        self.asked_values
            .push(Family { symbol, pieces: vec![Piece { ranges: Vec::new(), subscripts: Vec::new(), value }] });
        symbol
    }

    fn scalar(&mut self, symbol: SymbolId) -> ExprId {
        let subs = self.graph.subscripts_id(Vec::new());
        self.graph.intern(Node::Symbol(symbol, subs))
    }
}
