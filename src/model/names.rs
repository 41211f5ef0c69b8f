//! Who is called what: sorts the statements of a file by the name they speak of.
//!
//! Nothing is evaluated here. The result is one [`Target`] per name, with all statements about it, and the diagnostics
//! about names declared twice or given the wrong kind of statement.

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::reactions::{Network, Term};
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{
    Ast, Declaration, Event, Expr, ExprKind, ForClause, Ident, Input, ItemKind, Objective, Observation, Range,
};
use crate::source::Span;

/// A map that remembers the order of insertion; names of models need no protection from chosen collisions, whose cost
/// the limits on a file's size bound.
pub type Table<K, V> = IndexMap<K, V, FxBuildHasher>;

/// One statement about a name: `name[subscripts] = value for …`.
#[derive(Clone, Copy)]
pub struct Statement<'a> {
    pub subscripts: &'a [Expr],
    pub domain: &'a [ForClause],
    /// Absent for a parameter without default.
    pub value: Option<&'a Expr>,
    /// The left side.
    pub span: Span,
    /// Said from further outside, it wins: see [`crate::lang::ast::Initial`].
    pub outside: u32,
}

/// Everything said about one name (and one order of derivative).
#[derive(Clone)]
pub struct Target<'a> {
    pub statements: Vec<Statement<'a>>,
    pub doc: Option<&'a str>,
    pub span: Span,
    /// The statements are terms of a sum, wherever they speak of the same element.
    pub added: bool,
}

/// A declared index set.
#[derive(Clone, Copy)]
pub struct IndexSet<'a> {
    pub range: &'a Range,
    pub periodic: bool,
    pub span: Span,
}

/// A user function.
#[derive(Clone, Copy)]
pub struct Function<'a> {
    pub params: &'a [Ident],
    /// None of a function of the host.
    pub body: Option<&'a Expr>,
    pub span: Span,
}

/// An equation between two expressions.
#[derive(Clone, Copy)]
pub struct Implicit<'a> {
    pub lhs: &'a Expr,
    pub rhs: &'a Expr,
    pub domain: &'a [ForClause],
    pub span: Span,
}

/// The solve block.
#[derive(Clone, Copy)]
pub struct SolveBlock<'a> {
    pub variable: &'a Ident,
    pub range: &'a Range,
    pub options: &'a [(Ident, Expr)],
    pub span: Span,
}

/// The statements of a file, by name, in order of first mention.
#[derive(Default)]
pub struct Statements<'a> {
    pub model: Option<&'a Ident>,
    pub doc: Option<&'a str>,
    pub time: Option<&'a Ident>,
    pub constants: Table<&'a str, Target<'a>>,
    pub indices: Table<&'a str, IndexSet<'a>>,
    pub functions: Table<&'a str, Function<'a>>,
    /// Functions that data give.
    pub inputs: Table<&'a str, &'a Input>,
    pub parameters: Table<&'a str, Target<'a>>,
    /// `in (LO, HI)` of a parameter.
    pub bounds: Table<&'a str, &'a (Expr, Expr)>,
    /// Quantities that only events change.
    pub discretes: Table<&'a str, Target<'a>>,
    /// Events in the order of the file, with their places.
    pub events: Vec<(&'a Event, Span)>,
    /// What is asked of a solution, by name.
    pub objectives: Table<&'a str, &'a Objective>,
    /// What measured values are compared with, in the order of the file.
    pub observations: Vec<&'a Observation>,
    /// Definitions and outputs, which are definitions that are recorded.
    pub definitions: Table<&'a str, Target<'a>>,
    /// Which of the definitions are outputs.
    pub outputs: Vec<&'a str>,
    /// Differential equations by name, with the order of the derivative they give.
    pub equations: Table<&'a str, (u32, Target<'a>)>,
    /// Equations that do not say what one name is.
    pub implicit: Vec<Implicit<'a>>,
    /// Names that are declared as something, or have an equation.
    pub claimed: FxHashSet<&'a str>,
    /// Initial values by name and order.
    pub initials: Table<(&'a str, u32), Target<'a>>,
    /// Values up to the start, `init x(t) = …`, by name and order; where nothing else is said they give initial values too.
    pub histories: Table<(&'a str, u32), Target<'a>>,
    /// What stands between their parentheses.
    pub history_times: Vec<&'a Ident>,
    pub solve: Option<SolveBlock<'a>>,
    /// Whether there are reactions.
    pub reacting: bool,
}

/// Sorts the statements of a file.
pub fn collect<'a>(ast: &'a Ast, network: &'a Network, diagnostics: &mut Vec<Diagnostic>) -> Statements<'a> {
    let mut collector = Collector { found: Statements::default(), kinds: Table::default(), network, diagnostics };
    for item in &ast.items {
        collector.item(item.doc.as_deref(), item.span, &item.kind);
    }
    collector.fluxes();
    for (key, target) in &collector.found.histories {
        collector.found.initials.entry(*key).or_insert_with(|| target.clone());
    }
    collector.found.claimed = collector.kinds.keys().copied().collect();
    collector.found
}

/// What a name has been declared as, in words.
type KindWord = &'static str;

struct Collector<'a, 'd> {
    found: Statements<'a>,
    kinds: Table<&'a str, (KindWord, Span)>,
    network: &'a Network,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> Collector<'a, '_> {
    /// Claims a name for a kind of thing; false (with a diagnostic) if it is something else already.
    fn claim(&mut self, name: &'a str, span: Span, kind: KindWord) -> bool {
        match self.kinds.get(name) {
            None => {
                self.kinds.insert(name, (kind, span));
                true
            }
            Some((known, _)) if *known == kind => true,
            Some((known, first)) => {
                let message = format!("`{name}` is already {known}");
                let diagnostic = Diagnostic::new(codes::model::DECLARED_TWICE, span, message)
                    .label(format!("declared here as {kind}"))
                    .related(*first, format!("first declared here as {known}"));
                self.diagnostics.push(diagnostic.help("give one of them another name"));
                false
            }
        }
    }

    fn twice(&mut self, what: &str, span: Span, first: Span) {
        self.diagnostics.push(
            Diagnostic::new(codes::model::DECLARED_TWICE, span, format!("{what} is declared twice"))
                .related(first, "first declared here"),
        );
    }

    fn item(&mut self, doc: Option<&'a str>, span: Span, kind: &'a ItemKind) {
        match kind {
            ItemKind::Model(name) => match self.found.model {
                Some(first) => self.twice("the model's name", name.span, first.span),
                None => {
                    self.found.model = Some(name);
                    self.found.doc = doc;
                }
            },
            ItemKind::Time(name, _) => match self.found.time {
                Some(first) => self.twice("the independent variable", name.span, first.span),
                None => {
                    if self.claim(&name.name, name.span, "the independent variable") {
                        self.found.time = Some(name);
                    }
                }
            },
            ItemKind::Param(list) => {
                for declaration in list {
                    self.declaration(doc, declaration, "a parameter");
                    if let Some(bounds) = &declaration.bounds {
                        self.found.bounds.entry(&declaration.name.name).or_insert(bounds);
                    }
                }
            }
            ItemKind::Const(list) => list.iter().for_each(|d| self.declaration(doc, d, "a constant")),
            ItemKind::Discrete(list) => list.iter().for_each(|d| self.declaration(doc, d, "a discrete quantity")),
            ItemKind::Event(event) => self.found.events.push((event, span)),
            // They have become events.
            ItemKind::Dose(_) | ItemKind::Doses(_) => {}
            ItemKind::Input(input) => {
                let name = &input.name;
                match self.found.inputs.get(name.name.as_str()).copied() {
                    Some(first) => self.twice(&format!("input `{}`", name.name), name.span, first.name.span),
                    None if self.claim(&name.name, name.span, "an input") => {
                        self.found.inputs.insert(&name.name, input);
                    }
                    None => {}
                }
            }
            ItemKind::Objective(objective) => {
                let name = &objective.name;
                match self.found.objectives.get(name.name.as_str()).copied() {
                    Some(first) => self.twice(&format!("objective `{}`", name.name), name.span, first.name.span),
                    None if self.claim(&name.name, name.span, "an objective") => {
                        self.found.objectives.insert(&name.name, objective);
                    }
                    None => {}
                }
            }
            ItemKind::Observe(observation) => self.found.observations.push(observation),
            ItemKind::Output(list) => list.iter().for_each(|d| self.declaration(doc, d, "an output")),
            ItemKind::Init(list) => {
                for initial in list {
                    let statement = Statement {
                        subscripts: &initial.subscripts,
                        domain: &initial.domain,
                        value: Some(&initial.value),
                        span: initial.name.span,
                        outside: initial.outside,
                    };
                    let key = (initial.name.name.as_str(), initial.order);
                    let table = match &initial.past {
                        Some(time) => {
                            self.found.history_times.push(time);
                            &mut self.found.histories
                        }
                        None => &mut self.found.initials,
                    };
                    let slot = table.entry(key).or_insert_with(|| Target::new(initial.name.span));
                    slot.doc = slot.doc.or(doc);
                    slot.statements.push(statement);
                }
            }
            ItemKind::Index { names, range, periodic } => {
                for name in names {
                    let set = IndexSet { range, periodic: *periodic, span: name.span };
                    if let Some(first) = self.found.indices.get(name.name.as_str()) {
                        let first = first.span;
                        self.twice(&format!("index `{}`", name.name), name.span, first);
                    } else if self.claim(&name.name, name.span, "an index") {
                        self.found.indices.insert(&name.name, set);
                    }
                }
            }
            ItemKind::Function { name, params, body } => {
                if let Some(first) = self.found.functions.get(name.name.as_str()) {
                    let first = first.span;
                    self.twice(&format!("function `{}`", name.name), name.span, first);
                } else if self.claim(&name.name, name.span, "a function") {
                    for (k, param) in params.iter().enumerate() {
                        if let Some(first) = params[..k].iter().find(|p| p.name == param.name) {
                            self.twice(&format!("argument `{}`", param.name), param.span, first.span);
                        }
                    }
                    let body = body.as_ref();
                    self.found.functions.insert(&name.name, Function { params, body, span: name.span });
                }
            }
            // What they stand for is among the statements.
            ItemKind::Component(_) | ItemKind::Instance(_) | ItemKind::Use(_) => {}
            ItemKind::Equation { lhs, rhs, domain, .. } => self.equation(doc, lhs, rhs, domain),
            ItemKind::Addition { lhs, .. } => {
                if let ExprKind::Prime(inner, 1) = &lhs.kind
                    && let ExprKind::Name(name) | ExprKind::Subscript(Ident { name, .. }, _) = &inner.kind
                {
                    self.species(name, lhs.span);
                }
            }
            ItemKind::Reaction(reaction) => {
                self.found.reacting = true;
                if let Some(label) = &reaction.label {
                    self.label(label);
                }
                for species in reaction.reactants.iter().chain(&reaction.products) {
                    self.species(&species.name.name, species.name.span);
                }
            }
            // Read with the network.
            ItemKind::Reactions(_) => {}
            ItemKind::Solve { variable, range, options } => match self.found.solve {
                Some(first) => self.twice("the solve block", span, first.span),
                None => self.found.solve = Some(SolveBlock { variable, range, options, span }),
            },
        }
    }

    fn declaration(&mut self, doc: Option<&'a str>, declaration: &'a Declaration, kind: KindWord) {
        let name = declaration.name.name.as_str();
        let span = declaration.name.span;
        let fresh = !self.kinds.contains_key(name);
        if !self.claim(name, span, kind) {
            return;
        }
        if declaration.value.is_none() && kind != "a parameter" {
            self.diagnostics.push(
                Diagnostic::new(
                    codes::model::NO_VALUE,
                    span,
                    format!("{kind} needs a value: expected `=` after `{name}`"),
                )
                .help(format!("write `{name} = …`")),
            );
        }
        let statement = Statement {
            subscripts: &declaration.subscripts,
            domain: &declaration.domain,
            value: declaration.value.as_ref(),
            span,
            outside: 0,
        };
        let table = match kind {
            "a parameter" => &mut self.found.parameters,
            "a constant" => &mut self.found.constants,
            "a discrete quantity" => &mut self.found.discretes,
            _ => &mut self.found.definitions,
        };
        let target = table.entry(name).or_insert_with(|| Target::new(span));
        target.doc = target.doc.or(doc);
        target.statements.push(statement);
        if kind == "an output" && fresh {
            self.found.outputs.push(name);
        }
    }

    /// A species is a state, and its place among them is that of its first mention.
    fn species(&mut self, name: &'a str, span: Span) {
        let Some(change) = self.network.species.get(name) else { return };
        let known = self.found.equations.contains_key(name);
        if !known && self.claim(name, span, "a state") {
            let scalar = change.terms.iter().all(|term| term.subscripts.is_empty());
            let statements = if scalar {
                vec![Statement { subscripts: &[], domain: &[], value: Some(&change.sum), span, outside: 0 }]
            } else {
                let statement = |term: &'a Term| Statement {
                    subscripts: &term.subscripts,
                    domain: &term.domain,
                    value: Some(&term.signed),
                    span: term.span,
                    outside: 0,
                };
                change.terms.iter().map(statement).collect()
            };
            let target = Target { statements, added: !scalar, ..Target::new(span) };
            self.found.equations.insert(name, (1, target));
        }
    }

    fn label(&mut self, label: &'a Ident) {
        match self.kinds.get(label.name.as_str()).copied() {
            Some(("a reaction", first)) => self.twice(&format!("reaction `{}`", label.name), label.span, first),
            _ => _ = self.claim(&label.name, label.span, "a reaction"),
        }
    }

    /// The fluxes of all reactions are definitions under the reactions' labels.
    fn fluxes(&mut self) {
        for flux in &self.network.fluxes {
            let statement = Statement {
                subscripts: &flux.subscripts,
                domain: &flux.domain,
                value: Some(&flux.value),
                span: flux.span,
                outside: 0,
            };
            let target =
                Target { statements: vec![statement], doc: flux.doc.as_deref(), span: flux.span, added: false };
            self.found.definitions.entry(&flux.name).or_insert(target);
        }
    }

    fn equation(&mut self, doc: Option<&'a str>, lhs: &'a Expr, rhs: &'a Expr, domain: &'a [ForClause]) {
        let (inner, order) = match &lhs.kind {
            ExprKind::Prime(inner, order) => (inner.as_ref(), *order),
            _ => (lhs, 0),
        };
        let (name, subscripts): (&'a str, &'a [Expr]) = match &inner.kind {
            ExprKind::Name(name) => (name, &[]),
            ExprKind::Subscript(ident, subscripts) => (&ident.name, subscripts),
            _ => {
                let span = lhs.span.to(rhs.span);
                self.found.implicit.push(Implicit { lhs, rhs, domain, span });
                return;
            }
        };
        if let (1.., Some(change)) = (order, self.network.species.get(name)) {
            let message = format!("`{name}` has an equation beside its reactions");
            self.diagnostics.push(
                Diagnostic::new(codes::reactions::EQUATION_BESIDE, lhs.span, message)
                    .label("this would be all of its derivative")
                    .related(change.span, format!("it changes {} too", change.first))
                    .help(format!("write `{name}' += …` to add a term to the sum over its reactions")),
            );
            return;
        }
        let kind = if order == 0 { "a definition" } else { "a state" };
        if !self.claim(name, lhs.span, kind) {
            return;
        }
        let statement = Statement { subscripts, domain, value: Some(rhs), span: lhs.span, outside: 0 };
        if order == 0 {
            let target = self.found.definitions.entry(name).or_insert_with(|| Target::new(lhs.span));
            target.doc = target.doc.or(doc);
            target.statements.push(statement);
            return;
        }
        let (known, target) = self.found.equations.entry(name).or_insert_with(|| (order, Target::new(lhs.span)));
        if *known != order {
            let (first, message) = (target.span, format!("`{name}` has equations for two orders of derivative"));
            self.diagnostics.push(
                Diagnostic::new(codes::model::ORDERS, lhs.span, message)
                    .label(format!("order {order} here"))
                    .related(first, format!("order {known} here"))
                    .help("give the lower derivative a name of its own, as in `v = x'`"),
            );
            return;
        }
        target.doc = target.doc.or(doc);
        target.statements.push(statement);
    }
}

impl Target<'_> {
    fn new(span: Span) -> Self {
        Target { statements: Vec::new(), doc: None, span, added: false }
    }
}
