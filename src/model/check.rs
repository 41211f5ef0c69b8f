//! From syntax tree to checked model: the steps in order. All errors of a file come out of one pass.

use std::borrow::Cow;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::data::Data;
use super::delays::Delays;
use super::doses::lower as lower_doses;
use super::expression::{PARAMETERS_ONLY, Scope};
use super::families::Shape;
use super::names::{Statements, Target, collect};
use super::reaches::reaches;
use super::reactions::{Network, network};
use super::switches::switches;
use super::units::{self, Checked};
use super::{Column, Dim, Equation, Family, Kind, Model, Piece, Symbol, Term};
use crate::diag::{Diagnostic, codes};
use crate::expr::{Affine, CurveId, ExprId, Graph, Node, Reads, SymbolId, VarId};
use crate::lang::ast::Ast;
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
    Discrete(SymbolId),
    /// The state and its derivatives below the order of its equation.
    State(Rc<[SymbolId]>),
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
    /// Shared, so that a step can walk over the statements while it changes the rest.
    pub found: Rc<Statements<'a>>,
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
    /// The columns of all tables.
    pub data: Data,
    /// The curves of the inputs.
    pub inputs: FxHashMap<String, CurveId>,
    /// Arrays of data, by where they are named; none where there is something wrong with them.
    pub arrays: FxHashMap<u32, Option<CurveId>>,
    pub calls: FxHashMap<(String, Vec<ExprId>), Option<ExprId>>,
    pub failed_functions: FxHashSet<String>,
    /// Columns of measured values that observations read, by heading.
    pub(super) columns: Vec<Column>,
    /// Whether names that are none of the model's are columns.
    pub(super) observing: bool,
    /// What terms and observations compute.
    pub(super) asked_values: Vec<Family>,
    /// The terms of the objective that is being read.
    pub(super) terms: Vec<Term>,
    /// A stack of operands that wait for their operator.
    pub operands: Vec<ExprId>,
    /// Values at other times that are read.
    pub(super) delays: Delays,
    /// Whether `stiff(…)` marks, and the factor that marks once there is one.
    pub(super) marking: bool,
    pub(super) mark: Option<SymbolId>,
    /// Computed arrays that read some.
    pub(super) delayed_arrays: FxHashSet<SymbolId>,
    /// Names each user function reads, those of the functions it calls included.
    pub(super) function_names: FxHashMap<String, Vec<String>>,
}

/// A definition's family, by name, once lowered.
pub(super) type Lowered = FxHashMap<String, (SymbolId, Vec<Piece>)>;

/// Checks a syntax tree. The model is there exactly if there are no diagnostics.
pub fn check(sources: &Sources, ast: &Ast) -> (Option<Model>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let dosed = lower_doses(ast, sources, &mut diagnostics);
    let lead_in = dosed.as_ref().and_then(|(_, lead_in)| *lead_in);
    let ast = dosed.as_ref().map_or(ast, |(ast, _)| ast);
    let network = network(ast, &mut diagnostics);
    if diagnostics.iter().any(|d| d.code == codes::lang::UNSUPPORTED) {
        // What the network lacks would be missed everywhere.
        return (None, diagnostics);
    }
    let mut data = Data::of(ast, sources, &mut diagnostics);
    let (ast, network, units) = match units::check(ast, &network, &mut data, &mut diagnostics) {
        Some(Checked { units, converted: Some((ast, network)) }) => (Cow::Owned(ast), network, Some(units)),
        Some(Checked { units, converted: None }) => (Cow::Borrowed(ast), network, Some(units)),
        None => (Cow::Borrowed(ast), network, None),
    };
    let found = Rc::new(collect(&ast, &network, &mut diagnostics));
    let mut checker = Checker {
        found,
        graph: Graph::default(),
        symbols: Vec::new(),
        entities: FxHashMap::default(),
        definitions: FxHashMap::default(),
        used_arrays: FxHashSet::default(),
        diagnostics,
        unknown: FxHashSet::default(),
        data,
        inputs: FxHashMap::default(),
        arrays: FxHashMap::default(),
        calls: FxHashMap::default(),
        failed_functions: FxHashSet::default(),
        columns: Vec::new(),
        asked_values: Vec::new(),
        observing: false,
        terms: Vec::new(),
        operands: Vec::new(),
        delays: Delays::default(),
        marking: false,
        mark: None,
        delayed_arrays: FxHashSet::default(),
        function_names: FxHashMap::default(),
    };
    let model = checker.model(sources, &network).map(|model| Model { units, lead_in, ..model });
    // A range or a value may be looked at for several reasons: its errors are told once.
    let mut told = FxHashSet::default();
    let mut diagnostics = checker.diagnostics;
    diagnostics.retain(|d| told.insert((d.code, d.span)));
    (model.filter(|_| diagnostics.is_empty()), diagnostics)
}

impl Checker<'_> {
    fn model(&mut self, sources: &Sources, network: &Network) -> Option<Model> {
        let time = self.declare_fixed_names();
        self.read_inputs();
        self.check_functions();
        self.declare_foreigns();
        self.evaluate_constants();
        self.check_index_sets();
        let parameters = self.declare_parameters();
        let discretes = self.declare_discretes();
        let states = self.declare_states();
        let unknowns = self.declare_unknowns();
        self.declare_definitions();
        if self.found.equations.is_empty() && self.found.implicit.is_empty() && self.diagnostics.is_empty() {
            let message = "the model has no differential equation: expected at least one `x' = …`";
            let error = Diagnostic::new(codes::model::NO_STATES, Span::new(0, 0), message);
            self.diagnostics.push(error.help("add for example `init x = 0` and `x' = 1`"));
        }
        self.marking = true;
        let mut lowered = self.lower_definitions();
        let mut derivatives = self.lower_equations(&states);
        let marked = self.unmark(&mut lowered, &mut derivatives);
        let implicit = self.implicit(&unknowns);
        let initials = self.lower_initials(&states);
        let defaults = self.lower_defaults(&parameters);
        let bounds = self.parameter_bounds(&parameters);
        let histories = self.histories(states.iter().chain(&unknowns));
        let discrete_starts = self.discrete_starts(&discretes);
        let events = self.events();
        let mut outputs = self.outputs(&lowered);
        outputs.extend(self.discrete_outputs(&discretes));
        let asked = self.asked(&time);
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
        let pieces_of: FxHashMap<SymbolId, &Vec<Piece>> = lowered.values().map(|(s, pieces)| (*s, pieces)).collect();
        let definitions: Vec<Family> = arrays
            .iter()
            .filter_map(|symbol| Some(Family { symbol: *symbol, pieces: pieces_of.get(symbol)?.to_vec() }))
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
            marked,
            implicit,
            algebraic: Vec::new(),
            constraints: Vec::new(),
            initials,
            defaults,
            bounds,
            discretes: discretes.iter().map(|d| d.symbol).collect(),
            discrete_starts,
            events,
            switches: Vec::new(),
            modes: Vec::new(),
            inputs: self.named_inputs(),
            reaches: Vec::new(),
            delays: std::mem::take(&mut self.delays),
            outputs,
            asked,
            reactions,
            written,
            species,
            run,
            fixed: self.found.constants.keys().chain(self.found.indices.keys()).map(|name| name.to_string()).collect(),
            units: None,
            lead_in: None,
        };
        self.diagnostics.extend(model.keep_delays(histories));
        if !self.diagnostics.is_empty() {
            return None;
        }
        model.lay_out();
        if !model.run.over_switches {
            model.switches = switches(&mut model);
        }
        model.reaches = reaches(&mut model);
        for symbol in &mut model.symbols {
            symbol.span = sources.real(symbol.span).0;
        }
        Some(model)
    }

    pub fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0 as usize]
    }

    pub(super) fn declare(
        &mut self,
        name: &str,
        kind: Kind,
        dims: Vec<Dim>,
        doc: Option<&str>,
        span: Span,
    ) -> SymbolId {
        let reads = match kind {
            Kind::State => Reads::State,
            Kind::Parameter => Reads::Parameters,
            // They change in a run, and are no states.
            Kind::Discrete | Kind::Mode => Reads::Time,
            // A value at another time may move with the state, since that time may.
            Kind::Delayed => Reads::State,
            Kind::Argument => Reads::Time,
            Kind::Definition | Kind::Output | Kind::Direction | Kind::Adjoint => Reads::Nothing,
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
        for name in self.found.functions.keys().chain(self.found.inputs.keys()) {
            self.entities.insert(name.to_string(), Entity::Function);
        }
        for name in self.found.indices.keys() {
            self.entities.insert(name.to_string(), Entity::Index);
        }
        let places = [&self.found.parameters, &self.found.constants, &self.found.discretes, &self.found.definitions];
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
        let found = self.found.clone();
        for (name, target) in &found.parameters {
            match self.shape(name, target, true) {
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
        let found = self.found.clone();
        for (name, (order, target)) in &found.equations {
            let shape = self.shape(name, target, false);
            if target.added
                && let Some(shape) = &shape
                && !self.terms_stay_inside(name, target, shape)
            {
                self.entities.insert(name.to_string(), Entity::Failed);
                continue;
            }
            let mut dims = shape.map(|s| s.dims);
            // Initial values may reach elements the equations do not: then those lack an equation, which is told.
            for k in 0..*order {
                if let (Some(dims), Some(initial)) = (&mut dims, found.initials.get(&(*name, k)))
                    && let Some(shape) = self.shape(name, initial, false)
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
            let symbols: Vec<SymbolId> = (0..*order)
                .map(|k| {
                    let name = format!("{name}{}", "'".repeat(k as usize));
                    self.declare(&name, Kind::State, dims.clone(), target.doc, target.span)
                })
                .collect();
            self.entities.insert(name.to_string(), Entity::State(symbols.as_slice().into()));
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
        let found = self.found.clone();
        let mut targets: Vec<(String, &Target)> = Vec::new();
        for (name, target) in &found.constants {
            if target.statements.iter().any(|s| !s.subscripts.is_empty()) {
                targets.push((name.to_string(), target));
            }
        }
        targets.extend(found.definitions.iter().map(|(name, target)| (name.to_string(), target)));
        for (name, (order, target)) in &found.equations {
            targets.push((format!("{name}{}", "'".repeat(*order as usize)), target));
        }
        let places: FxHashMap<&str, usize> =
            targets.iter().enumerate().map(|(k, (name, _))| (name.as_str(), k)).collect();
        let dependencies: Vec<Vec<usize>> = targets
            .iter()
            .map(|(_, target)| {
                let values = target.statements.iter().filter_map(|s| s.value);
                let mut list: Vec<usize> = values
                    .flat_map(|v| self.names_in(v))
                    .filter_map(|name| places.get(name.as_ref()).copied())
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
        let delayed = pieces.iter().any(|piece| self.reads_another_time(piece.value));
        if delayed {
            self.delayed_arrays.insert(symbol);
        }
        let definition = match pieces.as_slice() {
            [piece] if shape.dims.is_empty() => Definition::Scalar(piece.value),
            // References keep the indices of the template, so that what is shown is what was written.
            _ if delayed => Definition::Array(symbol),
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
        let found = self.found.clone();
        for (name, orders) in states {
            let target = &found.equations[name.as_str()].1;
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
            if let Some(shape) = self.shape(name, target, false)
                && let Some(pieces) = self.pieces(name, target, &shape, &dims, &Scope::default())
            {
                families.push(Family { symbol: *last, pieces });
            }
        }
        families
    }

    /// `to' = from`, element by element: the first of a second-order state's two equations.
    pub fn copy_of(&mut self, to: SymbolId, from: SymbolId) -> Family {
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
            let scope = Scope { element: Some((dims.clone(), Vec::new())), ..scope.clone() };
            let pieces = self.pieces(name, &target, shape, &dims, &scope);
            families.push(Family { symbol: *symbol, pieces: pieces.unwrap_or_default() });
        }
        self.report_default_cycles(parameters);
        families
    }

    fn parameter_bounds(&mut self, parameters: &[(String, SymbolId, Shape)]) -> Vec<Option<(f64, f64)>> {
        let found = self.found.clone();
        parameters
            .iter()
            .map(|(name, ..)| {
                let (lo, hi) = found.bounds.get(name.as_str())?;
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
        let ids: Vec<SymbolId> = self
            .states
            .iter()
            .chain(&self.parameters)
            .chain(&self.discretes)
            .copied()
            .chain(self.modes.iter().map(|mode| mode.symbol))
            .chain(self.delays.values.iter().map(|delayed| delayed.value))
            .chain(self.delays.values.iter().map(|delayed| delayed.rate))
            .chain(self.delays.arguments.iter().map(|argument| argument.symbol))
            .chain(definitions)
            .chain(outputs)
            .collect();
        for id in ids {
            let symbol = &mut self.symbols[id.0 as usize];
            let offset = offsets.entry(symbol.kind).or_default();
            symbol.offset = *offset;
            *offset += symbol.dims.iter().map(|d| d.len()).product::<usize>();
        }
    }
}
