//! Syntax tree to text, in canonical form: one statement per line, one blank around binary operators (none around
//! `*` `/` `^`, nor in subscripts and ranges), no parentheses that precedence makes superfluous.
//!
//! The alternate form (`{:#}`) is the one without blanks around `+` and `-`.

use super::ast::{
    Action, Ast, Attribute, Column, ColumnName, Component, Csv, Declaration, Dose, DoseSetting, Doses, Event, Expr,
    ExprKind, Factor, ForClause, Ident, Initial, Input, Instance, Item, ItemKind, Made, Observation, Range, Rate,
    Reaction, ReductionIndex, Segment, Sign, Species, Trigger, Unit, UnitBase, UnitFactor,
};
use crate::name::with_subscripts;
use std::fmt::{self, Display, Formatter, Write};

/// How tightly an operator binds; an operand that binds less than its place asks for gets parentheses.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Expression,
    Disjunction,
    Conjunction,
    Negation,
    Comparison,
    Sum,
    Product,
    Unary,
    Power,
    Primary,
}

impl ExprKind {
    fn level(&self) -> Level {
        match self {
            ExprKind::If(..) => Level::Expression,
            ExprKind::Or(_) => Level::Disjunction,
            ExprKind::And(_) => Level::Conjunction,
            ExprKind::Not(_) => Level::Negation,
            ExprKind::Compare(..) => Level::Comparison,
            ExprKind::Sum(_) => Level::Sum,
            ExprKind::Product(_) => Level::Product,
            ExprKind::Negate(_) => Level::Unary,
            ExprKind::Number(value) | ExprKind::Quantity(value, _) if value.is_sign_negative() => Level::Unary,
            ExprKind::Power(..) => Level::Power,
            ExprKind::Made(made) => match &**made {
                Made::Numbers(..) => Level::Primary,
                Made::InUnitOf(_, inner) => inner.kind.level(),
            },
            _ => Level::Primary,
        }
    }
}

/// An expression at a place that asks for a level.
struct At<'a>(&'a Expr, Level);

impl Display for At<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.kind.level() >= self.1 {
            return self.0.fmt(f);
        }
        f.write_char('(')?;
        self.0.fmt(f)?;
        f.write_char(')')
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => number(f, *value),
            ExprKind::Quantity(value, unit) => {
                number(f, *value)?;
                write!(f, " [{unit}]")
            }
            ExprKind::Bool(value) => value.fmt(f),
            ExprKind::Name(name) => f.write_str(name),
            ExprKind::Subscript(name, subscripts) => element(f, name, subscripts),
            ExprKind::Member(segments) => {
                let Some((last, before)) = segments.split_last() else { return Ok(()) };
                path(f, before)?;
                element(f, &last.name, &last.subscripts)
            }
            ExprKind::Prime(operand, order) => {
                operand.fmt(f)?;
                primes(f, *order)
            }
            ExprKind::Negate(operand) => {
                f.write_char('-')?;
                At(operand, Level::Unary).fmt(f)
            }
            ExprKind::Sum(terms) => {
                for (place, (sign, term)) in terms.iter().enumerate() {
                    f.write_str(match sign {
                        _ if place == 0 => "",
                        Sign::Plus if f.alternate() => "+",
                        Sign::Minus if f.alternate() => "-",
                        Sign::Plus => " + ",
                        Sign::Minus => " - ",
                    })?;
                    At(term, Level::Product).fmt(f)?;
                }
                Ok(())
            }
            ExprKind::Product(factors) => {
                for (place, (factor, operand)) in factors.iter().enumerate() {
                    f.write_str(match factor {
                        _ if place == 0 => "",
                        Factor::Times => "*",
                        Factor::Over => "/",
                    })?;
                    At(operand, Level::Unary).fmt(f)?;
                }
                Ok(())
            }
            ExprKind::Power(base, exponent) => {
                At(base, Level::Primary).fmt(f)?;
                f.write_char('^')?;
                At(exponent, Level::Unary).fmt(f)
            }
            ExprKind::Compare(operator, left, right) => {
                write!(f, "{} {} {}", At(left, Level::Sum), operator.symbol(), At(right, Level::Sum))
            }
            ExprKind::Not(operand) => write!(f, "not {}", At(operand, Level::Negation)),
            ExprKind::And(parts) => joined(f, parts, " and ", Level::Negation),
            ExprKind::Or(parts) => joined(f, parts, " or ", Level::Conjunction),
            ExprKind::If(condition, yes, no) => write!(f, "if {condition} then {yes} else {no}"),
            ExprKind::Call(name, arguments) => write!(f, "{}({})", name.name, Commas(arguments)),
            ExprKind::Csv(csv) => csv.fmt(f),
            ExprKind::Made(made) => match &**made {
                Made::Numbers(_, place) => write!(f, "data({place})"),
                Made::InUnitOf(_, inner) => inner.fmt(f),
            },
            ExprKind::Delayed(operand, time) => write!(f, "{operand}({time})"),
            ExprKind::Reduce(name, indices, arguments) => {
                write!(f, "{}[{:#}]({})", name.name, Commas(indices), Commas(arguments))
            }
        }
    }
}

impl Display for Ast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.items.iter().try_for_each(|item| writeln!(f, "{item}"))
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for line in self.doc.iter().flat_map(|doc| doc.split('\n')) {
            writeln!(f, "##{}{line}", if line.is_empty() { "" } else { " " })?;
        }
        self.kind.fmt(f)
    }
}

impl Display for ItemKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ItemKind::Model(name) => write!(f, "model {name}"),
            ItemKind::Param(declarations) => write!(f, "param {}", Commas(declarations)),
            ItemKind::Const(declarations) => write!(f, "const {}", Commas(declarations)),
            ItemKind::Init(initials) => write!(f, "init {}", Commas(initials)),
            ItemKind::Output(declarations) => write!(f, "output {}", Commas(declarations)),
            ItemKind::Time(name, unit) => {
                write!(f, "time {name}")?;
                annotation(f, unit)
            }
            ItemKind::Discrete(list) => write!(f, "discrete {}", Commas(list)),
            ItemKind::Event(event) => event.fmt(f),
            ItemKind::Dose(dose) => dose.fmt(f),
            ItemKind::Input(input) => input.fmt(f),
            ItemKind::Doses(doses) => doses.fmt(f),
            ItemKind::Objective(objective) => {
                write!(f, "objective {}", objective.name)?;
                annotation(f, &objective.unit)?;
                write!(f, " = {}", objective.value)
            }
            ItemKind::Observe(observation) => {
                let Observation { column, distribution, arguments, .. } = &**observation;
                write!(f, "observe {column} ~ {distribution}({})", Commas(arguments))
            }
            ItemKind::Index { names, range, periodic } => {
                write!(f, "index {} = {range}{}", Commas(names), if *periodic { " periodic" } else { "" })
            }
            ItemKind::Function { name, params, body: Some(body) } => {
                write!(f, "fn {name}({}) = {body}", Commas(params))
            }
            ItemKind::Function { name, params, body: None } => write!(f, "extern fn {name}({})", Commas(params)),
            ItemKind::Equation { lhs, unit, rhs, domain } => {
                At(lhs, Level::Sum).fmt(f)?;
                annotation(f, unit)?;
                write!(f, " = {rhs}")?;
                for_clauses(f, domain)
            }
            ItemKind::Addition { lhs, rhs, domain } => {
                write!(f, "{} += {rhs}", At(lhs, Level::Sum))?;
                for_clauses(f, domain)
            }
            ItemKind::Reaction(reaction) => reaction.fmt(f),
            ItemKind::Reactions(word) => write!(f, "reactions {}", word.name),
            ItemKind::Component(component) => component.fmt(f),
            ItemKind::Instance(instance) => instance.fmt(f),
            ItemKind::Use(file) => write!(f, "use \"{file}\""),
            ItemKind::Solve { variable, range, options } => {
                write!(f, "solve {variable} = {range}")?;
                for (place, (name, value)) in options.iter().enumerate() {
                    write!(f, "{}{name} = {value}", if place == 0 { " { " } else { ", " })?;
                }
                f.write_str(if options.is_empty() { "" } else { " }" })
            }
        }
    }
}

impl Display for Component {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "component {}({}) {{", self.name, Commas(&self.parameters))?;
        for item in &self.body {
            for line in item.to_string().lines() {
                write!(f, "\n    {line}")?;
            }
        }
        f.write_str("\n}")
    }
}

impl Display for Instance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        element(f, &self.name, &self.subscripts)?;
        write!(f, " = {}(", self.component)?;
        for (place, (name, value)) in self.arguments.iter().enumerate() {
            write!(f, "{}{name} = {value}", if place == 0 { "" } else { ", " })?;
        }
        f.write_char(')')?;
        for_clauses(f, &self.domain)
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.trigger.fmt(f)?;
        for attribute in &self.attributes {
            match attribute {
                Attribute::Delay(value) => write!(f, " delay {value}")?,
                Attribute::Priority(value) => write!(f, " priority {value}")?,
                Attribute::Persistent(_) => f.write_str(" persistent")?,
                Attribute::ValuesAtTrigger(_) => f.write_str(" values at trigger")?,
                Attribute::AtStart(_) => f.write_str(" at start")?,
            }
        }
        f.write_str(" {")?;
        for (place, action) in self.actions.iter().enumerate() {
            f.write_str(if place == 0 { " " } else { ", " })?;
            match action {
                Action::Assign(target, value) => write!(f, "{target} := {value}")?,
                Action::Stop(_) => f.write_str("stop")?,
            }
        }
        f.write_str(if self.actions.is_empty() { "}" } else { " }" })?;
        for_clauses(f, &self.domain)
    }
}

impl Display for Trigger {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::When(condition) => write!(f, "when {condition}"),
            Trigger::At(times) => write!(f, "at {}", Commas(times)),
            Trigger::Every { period, from, to } => {
                write!(f, "every {period}")?;
                after(f, "from", from)?;
                after(f, "to", to)
            }
        }
    }
}

impl Display for Dose {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "dose {} {} {}", self.target, self.amount, self.schedule)?;
        after(f, "over", &self.over)?;
        after(f, "lag", &self.lag)?;
        after(f, "bioavailability", &self.bioavailability)?;
        for_clauses(f, &self.domain)
    }
}

impl Display for Csv {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "csv(\"{}\"", self.path)?;
        for column in &self.columns {
            write!(f, ", {column}")?;
        }
        f.write_char(')')
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.which {
            ColumnName::Name(name) => f.write_str(name),
            ColumnName::Text(text) => write!(f, "\"{text}\""),
            ColumnName::Place(place) => write!(f, "{place}"),
        }
    }
}

impl Display for Input {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "input {}({}", self.name, self.argument)?;
        annotation(f, &self.argument_unit)?;
        f.write_char(')')?;
        annotation(f, &self.unit)?;
        write!(f, " = {}", self.csv)?;
        self.shape.iter().try_for_each(|shape| write!(f, " {shape}"))?;
        self.outside.iter().try_for_each(|outside| write!(f, " extrapolate {outside}"))
    }
}

impl Display for Doses {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "doses {}", self.csv)?;
        for (place, setting) in self.settings.iter().enumerate() {
            f.write_str(if place == 0 { " { " } else { ", " })?;
            match setting {
                DoseSetting::Id(value) => write!(f, "id = {value}")?,
                DoseSetting::Compartment(number, state) => write!(f, "{number} = {state}")?,
                DoseSetting::Of(word, state, value) => write!(f, "{word} {state} = {value}")?,
            }
        }
        f.write_str(if self.settings.is_empty() { "" } else { " }" })
    }
}

/// A word and what follows it, if anything does.
fn after(f: &mut Formatter<'_>, word: &str, value: &Option<Expr>) -> fmt::Result {
    value.iter().try_for_each(|value| write!(f, " {word} {value}"))
}

impl Display for Declaration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        element(f, &self.name, &self.subscripts)?;
        annotation(f, &self.unit)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some((lo, hi)) = &self.bounds {
            write!(f, " in ({lo}, {hi})")?;
        }
        for_clauses(f, &self.domain)
    }
}

impl Display for Initial {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        path(f, &self.path)?;
        element(f, &self.name, &self.subscripts)?;
        primes(f, self.order)?;
        if let Some(time) = &self.past {
            write!(f, "({time})")?;
        }
        annotation(f, &self.unit)?;
        write!(f, " = {}", self.value)?;
        for_clauses(f, &self.domain)
    }
}

impl Display for Reaction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(label) = &self.label {
            write!(f, "{label}: ")?;
        }
        side(f, &self.reactants)?;
        write!(f, " {} ", self.rate.arrow())?;
        side(f, &self.products)?;
        match &self.rate {
            Rate::MassAction(rate) | Rate::Explicit(rate) => write!(f, " @ {rate}")?,
            Rate::Reversible(forward, reverse) => write!(f, " @ {forward}, {reverse}")?,
        }
        for_clauses(f, &self.domain)
    }
}

impl Display for Species {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.coefficient != 1.0 {
            number(f, self.coefficient)?;
            f.write_char(' ')?;
        }
        path(f, &self.path)?;
        element(f, &self.name, &self.subscripts)
    }
}

impl Unit {
    /// A number as units are printed with.
    pub fn number_text(value: f64) -> String {
        UnitFactor { how: Factor::Times, base: UnitBase::Number(value), exponent: (1, 1), span: Default::default() }
            .to_string()
    }
}

impl Display for Unit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, factor) in self.factors.iter().enumerate() {
            f.write_str(match factor.how {
                _ if place == 0 => "",
                Factor::Times => "*",
                Factor::Over => "/",
            })?;
            factor.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for UnitFactor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.base {
            UnitBase::Name(name) => f.write_str(name)?,
            UnitBase::Number(value) => number(f, *value)?,
            UnitBase::Group(unit) => write!(f, "({unit})")?,
        }
        match self.exponent {
            (1, 1) => Ok(()),
            (n, 1) => write!(f, "^{n}"),
            (n, d) => write!(f, "^({n}/{d})"),
        }
    }
}

impl Display for Ident {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}..{:#}", At(&self.lo, Level::Sum), At(&self.hi, Level::Sum))
    }
}

impl Display for ForClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.index, self.range)
    }
}

impl Display for ReductionIndex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.index.fmt(f)?;
        self.range.iter().try_for_each(|range| write!(f, " in {range}"))
    }
}

/// Things with commas between.
struct Commas<'a, T>(&'a [T]);

impl<T: Display> Display for Commas<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            f.write_str(match place {
                0 => "",
                _ if f.alternate() => ",",
                _ => ", ",
            })?;
            part.fmt(f)?;
        }
        Ok(())
    }
}

/// A text that reads back as the same value: plain unless the exponent makes a long one shorter.
fn number(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    let plain = value.to_string();
    if plain.len() <= 5 {
        return f.write_str(&plain);
    }
    let scientific = format!("{value:e}");
    f.write_str(if scientific.len() < plain.len() { &scientific } else { &plain })
}

fn joined(f: &mut Formatter<'_>, parts: &[Expr], operator: &str, level: Level) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        f.write_str(if place == 0 { "" } else { operator })?;
        At(part, level).fmt(f)?;
    }
    Ok(())
}

fn side(f: &mut Formatter<'_>, species: &[Species]) -> fmt::Result {
    for (place, species) in species.iter().enumerate() {
        f.write_str(if place == 0 { "" } else { " + " })?;
        species.fmt(f)?;
    }
    f.write_str(if species.is_empty() { "0" } else { "" })
}

fn primes(f: &mut Formatter<'_>, order: u32) -> fmt::Result {
    (0..order).try_for_each(|_| f.write_char('\''))
}

/// The instances before a name.
fn path(f: &mut Formatter<'_>, path: &[Segment]) -> fmt::Result {
    path.iter().try_for_each(|segment| {
        element(f, &segment.name, &segment.subscripts)?;
        f.write_char('.')
    })
}

/// A name with its subscripts, which an elaborated name may have places for.
fn element(f: &mut Formatter<'_>, name: &Ident, subscripts: &[Expr]) -> fmt::Result {
    if subscripts.is_empty() {
        return f.write_str(&name.name);
    }
    let subscripts: Vec<String> = subscripts.iter().map(|subscript| format!("{subscript:#}")).collect();
    f.write_str(&with_subscripts(&name.name, &subscripts))
}

fn annotation(f: &mut Formatter<'_>, unit: &Option<Unit>) -> fmt::Result {
    unit.iter().try_for_each(|unit| write!(f, ": {unit}"))
}

fn for_clauses(f: &mut Formatter<'_>, domain: &[ForClause]) -> fmt::Result {
    if domain.is_empty() { Ok(()) } else { write!(f, " for {}", Commas(domain)) }
}
