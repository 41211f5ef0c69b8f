//! From syntax tree to checked model: the steps in order. All errors of a file come out of one pass.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::expression::{NO_STATES_AT_START, PARAMETERS_ONLY, Scope};
use super::families::Shape;
use super::names::{Statements, Target, collect};
use super::reactions::{Network, network};
use super::units::{self, Checked};
use super::{Dim, Equation, Family, Kind, Model, Piece, Symbol};
use crate::diag::{Diagnostic, closest, codes};
use crate::expr::{Affine, ExprId, Graph, Node, Reads, SymbolId, VarId};
use crate::lang::ast::{Ast, Expr, ExprKind};
use crate::name::with_subscripts;
use crate::order::topological;
use crate::source::{Sources, Span};

/// What a name stands for in expressions.
#[derive(Clone, Debug)]
pub enum Entity {
    Time,
    Pi,
    Index,
    Const(f64),
    Function,
    Parameter(SymbolId),
    /// The state and its derivatives below the order of its equation.
    State(Vec<SymbolId>),
    /// Looked up in [`Checker::definitions`].
    Definition,
    /// Its own errors have been told.
    Failed,
}

/// How a definition enters the expressions that use it.
#[derive(Clone, Debug)]
pub enum Definition {
    Scalar(ExprId),
    /// A cheap template, put in place of every reference; per dimension the variable and how far the subscript is
    /// ahead of it.
    Inline {
        symbol: SymbolId,
        vars: Vec<(VarId, i64)>,
        value: ExprId,
    },
    /// Computed once into an array.
    Array(SymbolId),
    Failed,
}

/// Templates up to so many nodes are put in place instead of computed into an array.
const INLINE_NODES: usize = 32;
/// The largest number of elements of all arrays together (a bound on memory, stated in the error).
pub const MAX_ELEMENTS: usize = 1 << 27;

/// The state of a check in progress.
pub struct Checker<'a> {
    pub found: Statements<'a>,
    pub graph: Graph,
    pub symbols: Vec<Symbol>,
    pub entities: FxHashMap<String, Entity>,
    pub definitions: FxHashMap<String, Definition>,
    /// Definitions that some expression reads as an array.
    pub used_arrays: FxHashSet<SymbolId>,
    pub diagnostics: Vec<Diagnostic>,
    /// Unknown names already reported.
    pub unknown: FxHashSet<String>,
    /// Results of user functions by name and arguments.
    pub calls: FxHashMap<(String, Vec<ExprId>), Option<ExprId>>,
    pub failed_functions: FxHashSet<String>,
    /// Names each user function reads, those of the functions it calls included.
    function_names: FxHashMap<String, Vec<String>>,
}

/// A definition's family, by name, once lowered.
type Lowered = FxHashMap<String, (SymbolId, Vec<Piece>)>;

/// Checks a syntax tree. The model is there exactly if there are no diagnostics.
pub fn check(sources: &Sources, ast: &Ast) -> (Option<Model>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let network = network(ast, &mut diagnostics);
    if diagnostics.iter().any(|d| d.code == codes::lang::UNSUPPORTED) {
        // What the network lacks would be missed everywhere.
        return (None, diagnostics);
    }
    let (ast, network, units) = match units::check(ast, &network, &mut diagnostics) {
        Some(Checked { units, converted: Some((ast, network)) }) => (Cow::Owned(ast), network, Some(units)),
        Some(Checked { units, converted: None }) => (Cow::Borrowed(ast), network, Some(units)),
        None => (Cow::Borrowed(ast), network, None),
    };
    let found = collect(&ast, &network, &mut diagnostics);
    let mut checker = Checker {
        found,
        graph: Graph::default(),
        symbols: Vec::new(),
        entities: FxHashMap::default(),
        definitions: FxHashMap::default(),
        used_arrays: FxHashSet::default(),
        diagnostics,
        unknown: FxHashSet::default(),
        calls: FxHashMap::default(),
        failed_functions: FxHashSet::default(),
        function_names: FxHashMap::default(),
    };
    let model = checker.model(sources, &network).map(|model| Model { units, ..model });
    // A range or a value may be looked at for several reasons: its errors are told once.
    let mut told = FxHashSet::default();
    let mut diagnostics = checker.diagnostics;
    diagnostics.retain(|d| told.insert((d.code, d.span)));
    (model.filter(|_| diagnostics.is_empty()), diagnostics)
}

impl Checker<'_> {
    fn model(&mut self, sources: &Sources, network: &Network) -> Option<Model> {
        let time = self.declare_fixed_names();
        self.check_functions();
        self.evaluate_constants();
        self.check_index_sets();
        let parameters = self.declare_parameters();
        let states = self.declare_states();
        self.declare_definitions();
        if self.found.equations.is_empty() && self.diagnostics.is_empty() {
            let message = "the model has no differential equation: expected at least one `x' = …`";
            let error = Diagnostic::new(codes::model::NO_STATES, Span::new(0, 0), message);
            self.diagnostics.push(error.help("add for example `init x = 0` and `x' = 1`"));
        }
        let lowered = self.lower_definitions();
        let derivatives = self.lower_equations(&states);
        let initials = self.lower_initials(&states);
        let defaults = self.lower_defaults(&parameters);
        let bounds = self.parameter_bounds(&parameters);
        let outputs = self.outputs(&lowered);
        let run = self.solve_block(&time);
        let (reactions, species) = self.contributions(network);
        let flux = |name: &String| lowered.get(name).map(|(_, pieces)| pieces.clone()).unwrap_or_default();
        let fluxes = network.fluxes.iter();
        let written = fluxes.map(|f| Equation { flux: flux(&f.name), ..f.written.clone() }).collect();
        self.check_size();
        if !self.diagnostics.is_empty() {
            return None;
        }
        let mut arrays: Vec<SymbolId> = self.used_arrays.iter().copied().collect();
        arrays.sort();
        let definitions: Vec<Family> = arrays
            .iter()
            .filter_map(|symbol| lowered.values().find(|(known, _)| known == symbol))
            .map(|(symbol, pieces)| Family { symbol: *symbol, pieces: pieces.clone() })
            .collect();
        let mut model = Model {
            name: self.found.model.map_or_else(|| sources.main().name().to_string(), |name| name.name.clone()),
            sources: sources.clone(),
            doc: self.found.doc.map(str::to_string),
            time,
            graph: std::mem::take(&mut self.graph),
            symbols: std::mem::take(&mut self.symbols),
            states: states.iter().flat_map(|(_, orders)| orders.clone()).collect(),
            parameters: parameters.iter().map(|(_, symbol, _)| *symbol).collect(),
            definitions,
            derivatives,
            initials,
            defaults,
            bounds,
            outputs,
            reactions,
            written,
            species,
            run,
            units: None,
        };
        model.lay_out();
        for symbol in &mut model.symbols {
            symbol.span = sources.real(symbol.span).0;
        }
        Some(model)
    }

    pub fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0 as usize]
    }

    fn declare(&mut self, name: &str, kind: Kind, dims: Vec<Dim>, doc: Option<&str>, span: Span) -> SymbolId {
        let reads = match kind {
            Kind::State => Reads::State,
            Kind::Parameter => Reads::Parameters,
            Kind::Definition | Kind::Output | Kind::Direction => Reads::Nothing,
        };
        let doc = doc.map(str::to_string);
        self.symbols.push(Symbol { name: name.to_string(), kind, dims, offset: 0, doc, span });
        self.graph.declare(reads)
    }

    /// Names that mean something before any value is known; returns the independent variable's.
    fn declare_fixed_names(&mut self) -> String {
        let time = self.found.time.map_or("t", |ident| ident.name.as_str()).to_string();
        self.entities.insert("pi".to_string(), Entity::Pi);
        self.entities.insert(time.clone(), Entity::Time);
        for name in self.found.functions.keys() {
            self.entities.insert(name.to_string(), Entity::Function);
        }
        for name in self.found.indices.keys() {
            self.entities.insert(name.to_string(), Entity::Index);
        }
        let places = [&self.found.parameters, &self.found.constants, &self.found.definitions];
        for (name, target) in places.iter().flat_map(|table| table.iter()) {
            if *name == time {
                let message = format!("`{name}` is the independent variable");
                self.diagnostics.push(
                    Diagnostic::new(codes::model::DECLARED_TWICE, target.span, message)
                        .help("choose another name, or rename the independent variable with `time …`"),
                );
            }
        }
        time
    }

    /// Finds functions that call themselves, and what names each function reads.
    fn check_functions(&mut self) {
        let names: Vec<String> = self.found.functions.keys().map(|name| name.to_string()).collect();
        let places: FxHashMap<&str, usize> = names.iter().enumerate().map(|(k, n)| (n.as_str(), k)).collect();
        let mut direct = Vec::new();
        for function in self.found.functions.values() {
            let (mut reads, mut calls) = (Vec::new(), Vec::new());
            walk(function.body, &mut |expr| match &expr.kind {
                ExprKind::Call(callee, _) => calls.extend(places.get(callee.name.as_str()).copied()),
                _ => reads.extend(read_name(expr)),
            });
            direct.push((reads, calls));
        }
        let dependencies: Vec<Vec<usize>> = direct.iter().map(|(_, calls)| calls.clone()).collect();
        match topological(&dependencies) {
            Ok(order) => {
                for k in order {
                    let mut reads = direct[k].0.clone();
                    for callee in &direct[k].1 {
                        reads.extend(self.function_names.get(&names[*callee]).into_iter().flatten().cloned());
                    }
                    reads.sort();
                    reads.dedup();
                    self.function_names.insert(names[k].clone(), reads);
                }
            }
            Err(cycle) => {
                let in_cycle: Vec<&str> = cycle.iter().map(|k| names[*k].as_str()).collect();
                let span = self.found.functions[in_cycle[0]].span;
                self.report_cycle(&in_cycle, span);
                self.failed_functions.extend(names.iter().cloned());
            }
        }
    }

    /// The names an expression reads, those inside called functions included; derivatives end in primes.
    pub fn names_in(&self, expr: &Expr) -> Vec<String> {
        let mut names = Vec::new();
        walk(expr, &mut |expr| match &expr.kind {
            ExprKind::Call(function, _) => {
                names.extend(self.function_names.get(&function.name).into_iter().flatten().cloned())
            }
            _ => names.extend(read_name(expr)),
        });
        names
    }

    pub fn report_cycle(&mut self, names: &[&str], span: Span) {
        let message = match names {
            [one] => format!("`{one}` is defined by itself"),
            _ => {
                let chain: Vec<String> = names.iter().chain(names.first()).map(|n| format!("`{n}`")).collect();
                format!("definitions go in a circle: {}", chain.join(" needs "))
            }
        };
        self.diagnostics.push(
            Diagnostic::new(codes::model::CYCLE, span, message)
                .help("algebraic loops are not solved; break the circle by hand"),
        );
    }

    fn check_index_sets(&mut self) {
        let sets: Vec<_> = self.found.indices.values().copied().collect();
        let mut seen: Vec<Span> = Vec::new();
        for set in sets {
            // `index i, j = 1..N` shares one range: tell its errors once.
            if seen.contains(&set.range.lo.span) {
                continue;
            }
            seen.push(set.range.lo.span);
            self.constant_range(set.range);
        }
    }

    fn declare_parameters(&mut self) -> Vec<(String, SymbolId, Shape)> {
        let mut result = Vec::new();
        for (name, target) in self.found.parameters.clone() {
            match self.shape(name, &target, true) {
                Some(shape) => {
                    let symbol = self.declare(name, Kind::Parameter, shape.dims.clone(), target.doc, target.span);
                    self.entities.insert(name.to_string(), Entity::Parameter(symbol));
                    result.push((name.to_string(), symbol, shape));
                }
                None => {
                    self.entities.insert(name.to_string(), Entity::Failed);
                }
            }
        }
        result
    }

    /// Declares states and their lower derivatives; returns name and symbols by order.
    fn declare_states(&mut self) -> Vec<(String, Vec<SymbolId>)> {
        let mut result = Vec::new();
        for (name, (order, target)) in self.found.equations.clone() {
            let shape = self.shape(name, &target, false);
            if target.added
                && let Some(shape) = &shape
                && !self.terms_stay_inside(name, &target, shape)
            {
                self.entities.insert(name.to_string(), Entity::Failed);
                continue;
            }
            let mut dims = shape.map(|s| s.dims);
            // Initial values may reach elements the equations do not: then those lack an equation, which is told.
            for k in 0..order {
                if let (Some(dims), Some(initial)) = (&mut dims, self.found.initials.get(&(name, k)).cloned())
                    && let Some(shape) = self.shape(name, &initial, false)
                    && shape.dims.len() == dims.len()
                {
                    for (dim, other) in dims.iter_mut().zip(shape.dims) {
                        dim.lo = dim.lo.min(other.lo);
                        dim.hi = dim.hi.max(other.hi);
                    }
                }
            }
            let Some(dims) = dims else {
                self.entities.insert(name.to_string(), Entity::Failed);
                continue;
            };
            let symbols: Vec<SymbolId> = (0..order)
                .map(|k| {
                    let name = format!("{name}{}", "'".repeat(k as usize));
                    self.declare(&name, Kind::State, dims.clone(), target.doc, target.span)
                })
                .collect();
            self.entities.insert(name.to_string(), Entity::State(symbols.clone()));
            result.push((name.to_string(), symbols));
        }
        result
    }

    fn declare_definitions(&mut self) {
        for name in self.found.definitions.keys() {
            self.entities.insert(name.to_string(), Entity::Definition);
        }
        for (name, target) in &self.found.constants {
            if target.statements.iter().any(|s| !s.subscripts.is_empty()) {
                self.entities.insert(name.to_string(), Entity::Definition);
            }
        }
    }

    /// Lowers definitions (array constants, and highest derivatives that are read, included) after what they use.
    fn lower_definitions(&mut self) -> Lowered {
        let mut targets: Vec<(String, Target)> = Vec::new();
        for (name, target) in &self.found.constants {
            if target.statements.iter().any(|s| !s.subscripts.is_empty()) {
                targets.push((name.to_string(), target.clone()));
            }
        }
        targets.extend(self.found.definitions.iter().map(|(name, target)| (name.to_string(), target.clone())));
        for (name, (order, target)) in &self.found.equations {
            targets.push((format!("{name}{}", "'".repeat(*order as usize)), target.clone()));
        }
        let places: FxHashMap<&str, usize> =
            targets.iter().enumerate().map(|(k, (name, _))| (name.as_str(), k)).collect();
        let dependencies: Vec<Vec<usize>> = targets
            .iter()
            .map(|(_, target)| {
                let values = target.statements.iter().filter_map(|s| s.value);
                let mut list: Vec<usize> = values
                    .flat_map(|v| self.names_in(v))
                    .filter_map(|name| places.get(name.as_str()).copied())
                    .collect();
                list.sort_unstable();
                list.dedup();
                list
            })
            .collect();
        // Highest derivatives are needed only where something reads them.
        let derivatives = self.found.equations.len();
        let first_derivative = targets.len() - derivatives;
        let read: FxHashSet<usize> = dependencies.iter().flatten().copied().collect();
        let order = match topological(&dependencies) {
            Ok(order) => order,
            Err(cycle) => {
                let names: Vec<&str> = cycle.iter().map(|k| targets[*k].0.as_str()).collect();
                let span = targets[cycle[0]].1.span;
                self.report_cycle(&names, span);
                for (name, _) in &targets {
                    self.definitions.insert(name.clone(), Definition::Failed);
                }
                return Lowered::default();
            }
        };
        let mut lowered = Lowered::default();
        for k in order {
            if k >= first_derivative && !read.contains(&k) {
                continue;
            }
            let (name, target) = &targets[k];
            let definition = self.lower_definition(name, target, &mut lowered).unwrap_or(Definition::Failed);
            self.definitions.insert(name.clone(), definition);
        }
        lowered
    }

    fn lower_definition(&mut self, name: &str, target: &Target, lowered: &mut Lowered) -> Option<Definition> {
        let shape = self.shape(name, target, false)?;
        let scope = Scope::default();
        let pieces = self.pieces(name, target, &shape, &shape.dims, &scope)?;
        let reads = pieces.iter().map(|p| self.graph.facts(p.value).reads).max().unwrap_or_default();
        let symbol = self.declare(name, Kind::Definition, shape.dims.clone(), target.doc, target.span);
        // An array of plain numbers is known when parameters are bound, like one of parameters.
        self.graph.set_reads(symbol, reads.max(Reads::Parameters));
        let definition = match pieces.as_slice() {
            [piece] if shape.dims.is_empty() => Definition::Scalar(piece.value),
            [piece] => self.inline(symbol, piece).unwrap_or(Definition::Array(symbol)),
            _ => Definition::Array(symbol),
        };
        lowered.insert(name.to_string(), (symbol, pieces));
        Some(definition)
    }

    /// A cheap template over a whole array can stand in place of its references.
    fn inline(&self, symbol: SymbolId, piece: &Piece) -> Option<Definition> {
        let vars: Vec<(VarId, i64)> = piece
            .subscripts
            .iter()
            .map(|a| match a.terms.as_slice() {
                [(var, 1)] => Some((*var, a.offset)),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let nodes = self.graph.reachable(&[piece.value]);
        let cheap = nodes.len() <= INLINE_NODES
            && nodes
                .iter()
                .all(|id| !matches!(self.graph.node(*id), Node::Reduce(..) | Node::Call1(..) | Node::Call2(..)));
        cheap.then_some(Definition::Inline { symbol, vars, value: piece.value })
    }

    fn lower_equations(&mut self, states: &[(String, Vec<SymbolId>)]) -> Vec<Family> {
        let mut families = Vec::new();
        for (name, orders) in states {
            let target = self.found.equations[name.as_str()].1.clone();
            for pair in orders.windows(2) {
                families.push(self.copy_of(pair[0], pair[1]));
            }
            let Some(last) = orders.last() else { continue };
            let dims = self.symbol(*last).dims.clone();
            let reported = matches!(
                self.definitions.get(&format!("{name}{}", "'".repeat(orders.len()))),
                Some(Definition::Failed)
            );
            if reported {
                continue;
            }
            if let Some(shape) = self.shape(name, &target, false)
                && let Some(pieces) = self.pieces(name, &target, &shape, &dims, &Scope::default())
            {
                families.push(Family { symbol: *last, pieces });
            }
        }
        families
    }

    /// `to' = from`, element by element: the first of a second-order state's two equations.
    fn copy_of(&mut self, to: SymbolId, from: SymbolId) -> Family {
        let dims = self.symbol(to).dims.clone();
        let mut ranges = Vec::new();
        let mut subscripts = Vec::new();
        for (k, dim) in dims.iter().enumerate() {
            if let (Some(var), true) = (self.graph.var(&format!("_{k}")), dim.lo < dim.hi) {
                ranges.push(crate::expr::IndexRange { var, lo: dim.lo, hi: dim.hi });
                subscripts.push(Affine::var(var));
            } else {
                subscripts.push(Affine::constant(dim.lo));
            }
        }
        let list =
            subscripts.iter().map(|affine| crate::expr::Subscript { affine: affine.clone(), wrap: false }).collect();
        let subs = self.graph.subscripts_id(list);
        let value = self.graph.intern(Node::Symbol(from, subs));
        Family { symbol: to, pieces: vec![Piece { ranges, subscripts, value }] }
    }

    fn lower_initials(&mut self, states: &[(String, Vec<SymbolId>)]) -> Vec<Family> {
        let scope = Scope { no_states: Some(NO_STATES_AT_START), ..Scope::default() };
        let mut families = Vec::new();
        for (name, orders) in states {
            for (order, symbol) in orders.iter().enumerate() {
                let dims = self.symbol(*symbol).dims.clone();
                let written = format!("{name}{}", "'".repeat(order));
                let Some(target) = self.found.initials.get(&(name.as_str(), order as u32)).cloned() else {
                    let span = self.found.equations[name.as_str()].1.span;
                    let letters = ["i", "j", "k", "l"].iter().cycle().take(dims.len()).copied().collect::<Vec<_>>();
                    let spelled = with_subscripts(&written, &letters);
                    self.diagnostics.push(
                        Diagnostic::new(codes::model::NO_INITIAL, span, format!("`{written}` has no initial value"))
                            .help(format!("add `init {spelled} = 0`"))
                            .line_before(span, format!("init {spelled} = 0")),
                    );
                    continue;
                };
                if let Some(shape) = self.shape(&written, &target, false) {
                    if shape.dims.len() != dims.len() {
                        let message = format!(
                            "`{name}` has {} subscripts in its equation, found {}",
                            dims.len(),
                            shape.dims.len()
                        );
                        let diagnostic = Diagnostic::new(codes::model::SUBSCRIPTS, target.span, message);
                        self.diagnostics.push(diagnostic);
                    } else if let Some(pieces) = self.pieces(&written, &target, &shape, &dims, &scope) {
                        families.push(Family { symbol: *symbol, pieces });
                    }
                }
            }
        }
        self.report_stray_initials();
        families
    }

    /// Initial values of things that have no differential equation.
    fn report_stray_initials(&mut self) {
        // An equation that could not be read may be the one that is missing.
        if self.diagnostics.iter().any(|d| d.code == codes::model::IMPLICIT) {
            return;
        }
        for ((name, order), target) in self.found.initials.clone() {
            let known = match self.found.equations.get(name) {
                Some((equation_order, _)) if order < *equation_order => continue,
                Some((equation_order, _)) => Some(*equation_order),
                None => None,
            };
            let written = format!("{name}{}", "'".repeat(order as usize));
            let diagnostic = Diagnostic::new(
                codes::model::NO_EQUATION,
                target.span,
                format!("`{written}` has an initial value but no equation for it"),
            );
            let guess = closest(name, self.found.equations.keys().copied()).filter(|guess| *guess != name);
            let diagnostic = match (known, guess, self.found.definitions.contains_key(name)) {
                (Some(n), ..) => diagnostic
                    .help(format!("the equation of `{name}` is of order {n}; it starts from derivatives below that")),
                (None, Some(guess), false) if !self.found.initials.contains_key(&(guess, 0)) => {
                    diagnostic.did_you_mean(target.span, guess)
                }
                (None, _, true) => {
                    diagnostic.help(format!("`{name}` is defined by an expression, which gives its value at all times"))
                }
                _ => diagnostic.help(format!("add `{name}' = …`")),
            };
            self.diagnostics.push(diagnostic);
        }
    }

    fn lower_defaults(&mut self, parameters: &[(String, SymbolId, Shape)]) -> Vec<Family> {
        let scope = Scope { no_states: Some(PARAMETERS_ONLY), ..Scope::default() };
        let mut families = Vec::new();
        for (name, symbol, shape) in parameters {
            let mut target = self.found.parameters[name.as_str()].clone();
            if target.statements.iter().all(|s| s.value.is_none()) {
                families.push(Family { symbol: *symbol, pieces: Vec::new() });
                continue;
            }
            if let Some(k) = target.statements.iter().position(|s| s.value.is_none()) {
                let span = target.statements.remove(k).span;
                let message = format!("`{name}` has a value for some elements only");
                self.diagnostics.push(Diagnostic::new(codes::model::NO_VALUE, span, message));
                continue;
            }
            let dims = self.symbol(*symbol).dims.clone();
            let pieces = self.pieces(name, &target, shape, &dims, &scope);
            families.push(Family { symbol: *symbol, pieces: pieces.unwrap_or_default() });
        }
        self.report_default_cycles(parameters);
        families
    }

    fn report_default_cycles(&mut self, parameters: &[(String, SymbolId, Shape)]) {
        let places: FxHashMap<&str, usize> =
            parameters.iter().enumerate().map(|(k, (name, ..))| (name.as_str(), k)).collect();
        let dependencies: Vec<Vec<usize>> = parameters
            .iter()
            .map(|(name, ..)| {
                let values = self.found.parameters[name.as_str()].statements.iter().filter_map(|s| s.value);
                // Through definitions too: `param a = b`, `b = 2*a`.
                let mut waiting: Vec<String> = values.flat_map(|v| self.names_in(v)).collect();
                let (mut seen, mut result) = (FxHashSet::default(), Vec::new());
                while let Some(read) = waiting.pop() {
                    if !seen.insert(read.clone()) {
                        continue;
                    }
                    result.extend(places.get(read.as_str()).copied());
                    if let Some(target) = self.found.definitions.get(read.as_str()) {
                        waiting.extend(target.statements.iter().filter_map(|s| s.value).flat_map(|v| self.names_in(v)));
                    }
                }
                result
            })
            .collect();
        if let Err(cycle) = topological(&dependencies) {
            let names: Vec<&str> = cycle.iter().map(|k| parameters[*k].0.as_str()).collect();
            let span = self.found.parameters[names[0]].span;
            self.report_cycle(&names, span);
        }
    }

    fn parameter_bounds(&mut self, parameters: &[(String, SymbolId, Shape)]) -> Vec<Option<(f64, f64)>> {
        let stated = self.found.bounds.clone();
        parameters
            .iter()
            .map(|(name, ..)| {
                let (_, (lo, hi)) = stated.iter().find(|(known, _)| known == name)?;
                let bounds = (self.constant(lo)?, self.constant(hi)?);
                if bounds.0 < bounds.1 {
                    return Some(bounds);
                }
                let message = format!("the interval ({}, {}) is empty", bounds.0, bounds.1);
                self.diagnostics.push(
                    Diagnostic::new(codes::model::BOUNDS, lo.span.to(hi.span), message)
                        .label("expected the lower bound first"),
                );
                None
            })
            .collect()
    }

    fn outputs(&mut self, lowered: &Lowered) -> Vec<Family> {
        let mut families = Vec::new();
        for name in self.found.outputs.clone() {
            if let Some((symbol, pieces)) = lowered.get(name) {
                let target = &self.found.definitions[name];
                let (doc, span) = (target.doc, target.span);
                let dims = self.symbol(*symbol).dims.clone();
                let symbol = self.declare(name, Kind::Output, dims, doc, span);
                families.push(Family { symbol, pieces: pieces.clone() });
            }
        }
        families
    }

    fn check_size(&mut self) {
        let total =
            self.symbols.iter().fold(0u128, |sum, s| sum + s.dims.iter().map(|d| d.len() as u128).product::<u128>());
        if total > MAX_ELEMENTS as u128 {
            let largest = self.symbols.iter().max_by_key(|s| s.dims.iter().map(|d| d.len() as u128).product::<u128>());
            let span = largest.map_or(Span::new(0, 0), |s| s.span);
            let message = format!("the model has {total} array elements, more than the {MAX_ELEMENTS} allowed");
            self.diagnostics.push(Diagnostic::new(codes::model::TOO_LARGE, span, message).label("the largest array"));
        }
    }
}

impl Model {
    /// Gives every symbol its place in the vector of its kind.
    pub(crate) fn lay_out(&mut self) {
        let mut offsets: FxHashMap<Kind, usize> = FxHashMap::default();
        let definitions = self.definitions.iter().map(|family| family.symbol);
        let outputs = self.outputs.iter().map(|family| family.symbol);
        let ids: Vec<SymbolId> =
            self.states.iter().chain(&self.parameters).copied().chain(definitions).chain(outputs).collect();
        for id in ids {
            let symbol = &mut self.symbols[id.0 as usize];
            let offset = offsets.entry(symbol.kind).or_default();
            symbol.offset = *offset;
            *offset += symbol.dims.iter().map(|d| d.len()).product::<usize>();
        }
    }
}

/// Calls `f` on an expression and everything inside it.
pub fn walk<'e>(expr: &'e Expr, f: &mut dyn FnMut(&'e Expr)) {
    f(expr);
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Quantity(..) | ExprKind::Bool(_) | ExprKind::Name(_) => {}
        ExprKind::Subscript(_, list)
        | ExprKind::Call(_, list)
        | ExprKind::And(list)
        | ExprKind::Or(list)
        | ExprKind::Reduce(_, _, list) => {
            list.iter().for_each(|e| walk(e, f));
        }
        ExprKind::Member(segments) => segments.iter().flat_map(|s| &s.subscripts).for_each(|e| walk(e, f)),
        // The operand of a prime is not read by itself; its subscripts are.
        ExprKind::Prime(inner, _) => {
            if let ExprKind::Subscript(_, list) = &inner.kind {
                list.iter().for_each(|e| walk(e, f));
            }
        }
        ExprKind::Negate(a) | ExprKind::Not(a) => walk(a, f),
        ExprKind::Sum(terms) => terms.iter().for_each(|(_, e)| walk(e, f)),
        ExprKind::Product(factors) => factors.iter().for_each(|(_, e)| walk(e, f)),
        ExprKind::Power(a, b) | ExprKind::Compare(_, a, b) => {
            walk(a, f);
            walk(b, f);
        }
        ExprKind::If(a, b, c) => {
            walk(a, f);
            walk(b, f);
            walk(c, f);
        }
    }
}

/// The name an expression reads, if it is a reference; derivatives end in primes.
fn read_name(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.clone()),
        ExprKind::Subscript(ident, _) => Some(ident.name.clone()),
        ExprKind::Prime(inner, order) => read_name(inner).map(|name| format!("{name}{}", "'".repeat(*order as usize))),
        _ => None,
    }
}
