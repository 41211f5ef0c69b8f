//! The statements of a model as demands on units: who has one, and what is said by each equation.
//!
//! All statements are read twice. The first reading finds the dimensions and reports what does not fit; unknowns without
//! a dimension are then known to be plain numbers. The second settles the sizes, in the order of the file, and puts the
//! conversions in.

use indexmap::{IndexMap, IndexSet};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Conversion;
use super::infer::{Form, Scope};
use super::linear::{Atom, Base, Exponent, Linear, Unknown};
use super::ratio::Ratio;
use super::registry::{Given, Registry};
use super::report::Why;
use super::solve::Solver;
use crate::diag::Diagnostic;
use crate::lang::ast::{
    Action, Ast, Attribute, Declaration, Event, Expr, ExprKind, ForClause, Ident, Item, ItemKind, Observation, Range,
    Sign, Trigger, Unit,
};
use crate::model::data::{Change, Data};
use crate::model::reactions::Network;
use crate::order::topological;
use crate::source::Span;

/// A name with a unit, known or not.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// Its unit.
    pub form: Form,
    /// The unit as it was declared.
    pub declared: Option<String>,
}

/// What a function's body says of its arguments and value.
#[derive(Clone, Debug, Default)]
pub struct Scheme {
    /// The arguments and their units.
    pub parameters: Vec<(String, Linear)>,
    /// The unit of the value.
    pub result: Linear,
    /// Unknowns that each call may choose: those from here …
    first: u32,
    /// … to before here that are in none of the model's own units.
    last: u32,
}

/// Exponents that are not numbers, by function and text.
#[derive(Default)]
pub struct Atoms(IndexSet<(Option<String>, String)>);

impl Atoms {
    /// The atom of a text, which in a function's body is its own.
    pub fn intern(&mut self, function: Option<&str>, text: &str) -> Atom {
        Atom(self.0.insert_full((function.map(str::to_string), text.to_string())).0 as u32)
    }

    /// The text.
    pub fn text(&self, atom: Atom) -> &str {
        self.0.get_index(atom.0 as usize).map_or("?", |(_, text)| text)
    }
}

/// The state of the inference.
pub struct Inference<'d> {
    /// The columns of tables.
    pub data: &'d Data,
    /// The units of the arguments of inputs.
    pub inputs: FxHashMap<String, Form>,
    /// How the numbers of their columns change.
    pub changes: FxHashMap<(String, usize), Change>,
    pub registry: Registry,
    pub solver: Solver,
    pub atoms: Atoms,
    /// The independent variable.
    pub time_name: String,
    pub time: Form,
    pub quantities: IndexMap<String, Quantity>,
    /// Declared indices.
    pub indices: FxHashSet<String>,
    /// Constants without a unit that are made of numbers alone.
    pub numeric: FxHashSet<String>,
    /// The rational values of some of them.
    pub constants: FxHashMap<String, Ratio>,
    pub functions: FxHashMap<String, Scheme>,
    /// Arguments of functions that are plain numbers.
    plain: FxHashSet<(String, usize)>,
    /// Whether this is the second reading.
    pub converting: bool,
    pub conversions: Vec<Conversion>,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'d> Inference<'d> {
    /// Gathers the names of a model and the units declared for them.
    pub fn new(ast: &Ast, network: &Network, data: &'d Data) -> Inference<'d> {
        let mut own = Inference {
            data,
            inputs: FxHashMap::default(),
            changes: FxHashMap::default(),
            registry: Registry::new(),
            solver: Solver::default(),
            atoms: Atoms::default(),
            time_name: "t".to_string(),
            time: Form::default(),
            quantities: IndexMap::new(),
            indices: FxHashSet::default(),
            numeric: FxHashSet::default(),
            constants: FxHashMap::default(),
            functions: FxHashMap::default(),
            plain: FxHashSet::default(),
            converting: false,
            conversions: Vec::new(),
            diagnostics: Vec::new(),
        };
        let mut time_unit = None;
        for item in &ast.items {
            match &item.kind {
                ItemKind::Time(name, unit) => {
                    own.time_name.clone_from(&name.name);
                    time_unit = unit.as_ref();
                }
                ItemKind::Index { names, .. } => own.indices.extend(names.iter().map(|name| name.name.clone())),
                _ => {}
            }
        }
        own.time = match time_unit.and_then(|unit| own.registry.read(unit, &mut own.diagnostics)) {
            Some(given) => own.given(given),
            None => Form::of(Linear::unknown(own.solver.fresh())),
        };
        for item in &ast.items {
            match &item.kind {
                ItemKind::Param(list) | ItemKind::Const(list) | ItemKind::Output(list) | ItemKind::Discrete(list) => {
                    list.iter().for_each(|d| own.declare(&d.name.name, 0, d.unit.as_ref()));
                }
                ItemKind::Init(list) => {
                    list.iter().for_each(|d| own.declare(&d.name.name, d.order, d.unit.as_ref()));
                }
                ItemKind::Equation { lhs, unit, .. } => {
                    if let Some((name, _)) = left_name(lhs) {
                        own.declare(name, 0, unit.as_ref());
                    }
                }
                ItemKind::Input(input) => own.declare(&input.name.name, 0, input.unit.as_ref()),
                ItemKind::Objective(objective) => own.declare(&objective.name.name, 0, objective.unit.as_ref()),
                _ => {}
            }
        }
        network.species.keys().for_each(|name| own.declare(name, 0, None));
        network.fluxes.iter().for_each(|flux| own.declare(&flux.name, 0, None));
        for quantity in own.quantities.values_mut() {
            if quantity.declared.is_none() {
                quantity.form = Form::of(Linear::unknown(own.solver.fresh()));
            }
        }
        own.find_numbers(ast);
        own.arguments(ast);
        own
    }

    /// A name, and its unit if one is given with the value itself (order 0).
    fn declare(&mut self, name: &str, order: u32, unit: Option<&Unit>) {
        let known = self.quantities.entry(name.to_string());
        let quantity = known.or_insert(Quantity { form: Form::default(), declared: None });
        if quantity.declared.is_some() || order > 0 {
            return;
        }
        let Some(unit) = unit else { return };
        if let Some(given) = self.registry.read(unit, &mut self.diagnostics) {
            let form = self.given(given);
            if let Some(quantity) = self.quantities.get_mut(name) {
                *quantity = Quantity { form, declared: Some(unit.to_string()) };
            }
        }
    }

    /// The form of what is declared with a unit.
    pub fn given(&mut self, given: Given) -> Form {
        match given.point {
            Some(point) => Form { unit: self.registry.interval(point), point: Some(point) },
            None => Form::of(given.linear),
        }
    }

    /// Finds the constants that are numbers, and the values of those that may be exponents.
    fn find_numbers(&mut self, ast: &Ast) {
        let mut constants: IndexMap<&str, &Expr> = IndexMap::new();
        for item in &ast.items {
            let ItemKind::Const(list) = &item.kind else { continue };
            for d in list {
                if let (Some(value), None) = (&d.value, &d.unit) {
                    constants.insert(&d.name.name, value);
                }
            }
        }
        // Those that are no numbers fall out until none does.
        self.numeric = constants.keys().map(|name| name.to_string()).collect();
        let dependencies: Vec<Vec<usize>> = constants
            .values()
            .map(|value| names_in(value).filter_map(|n| constants.get_index_of(n)).collect())
            .collect();
        let Ok(order) = topological(&dependencies) else { return };
        for k in order {
            let Some((name, value)) = constants.get_index(k) else { continue };
            if !self.is_numeric(value, &Scope::default()) {
                self.numeric.remove(*name);
            } else if let Some(ratio) = self.rational(value) {
                self.constants.insert(name.to_string(), ratio);
            }
        }
    }

    /// The value of an expression of numbers, if it is a small fraction.
    fn rational(&self, expr: &Expr) -> Option<Ratio> {
        let value = match &expr.kind {
            ExprKind::Number(value) => Ratio::decimal(*value)?,
            ExprKind::Name(name) => *self.constants.get(name)?,
            ExprKind::Negate(inner) => -self.rational(inner)?,
            ExprKind::Sum(terms) => terms.iter().try_fold(Ratio::ZERO, |sum, (sign, term)| {
                let term = self.rational(term)?;
                Some(sum + if *sign == Sign::Minus { -term } else { term })
            })?,
            ExprKind::Product(factors) => factors.iter().try_fold(Ratio::ONE, |product, (how, factor)| {
                let factor = self.rational(factor)?;
                Some(product * if *how == crate::lang::ast::Factor::Over { factor.inverse() } else { factor })
            })?,
            _ => return None,
        };
        (!value.is_lost()).then_some(value)
    }

    /// Reads all statements once.
    pub fn read(&mut self, ast: &mut Ast, network: &mut Network) {
        self.read_functions(ast);
        // What is defined has the unit of its definition, before equations ask for one.
        let (definitions, rest): (Vec<&mut Item>, Vec<&mut Item>) =
            ast.items.iter_mut().partition(|item| is_definition(&item.kind));
        definitions.into_iter().chain(rest).for_each(|item| self.statement(item));
        for flux in &mut network.fluxes {
            let target = self.form_of(&flux.name);
            let mut scope = self.domain(&mut flux.domain, &mut flux.subscripts);
            self.value(&mut flux.value, &target, &mut scope, (flux.span, &flux.name));
        }
        for (name, change) in &mut network.species {
            let target = self.derivative_of(name, 1);
            let place = (change.span, &*format!("{name}'"));
            if change.terms.iter().any(|term| !term.subscripts.is_empty()) {
                for term in &mut change.terms {
                    let mut scope = self.domain(&mut term.domain, &mut term.subscripts);
                    self.value(&mut term.signed, &target, &mut scope, place);
                }
                continue;
            }
            let scope = &mut Scope::default();
            match &mut change.sum.kind {
                ExprKind::Sum(terms) if change.terms.len() > 1 => {
                    terms.iter_mut().for_each(|(_, term)| self.value(term, &target, scope, place));
                }
                _ => self.value(&mut change.sum, &target, scope, place),
            }
        }
    }

    /// Begins the second reading: what has turned out to be a plain number is one.
    pub fn settle(&mut self) {
        let mut numbers: Vec<Unknown> = Vec::new();
        let forms: Vec<Linear> =
            self.quantities.values().map(|q| q.form.unit.clone()).chain([self.time.unit.clone()]).collect();
        for form in forms {
            if let (Some(unknown), true) = (alone(&form), self.is_plain(&form)) {
                numbers.push(unknown);
            }
        }
        for (name, scheme) in std::mem::take(&mut self.functions) {
            for (place, (_, unit)) in scheme.parameters.iter().enumerate() {
                if self.is_plain(unit) {
                    self.plain.insert((name.clone(), place));
                }
            }
        }
        let unknowns = self.quantities.values().filter(|q| q.declared.is_none()).count() + 1;
        self.solver = Solver::default();
        (0..=unknowns).for_each(|_| _ = self.solver.fresh());
        numbers.into_iter().for_each(|unknown| self.solver.set(unknown, Linear::default(), Span::new(0, 0)));
        self.converting = true;
    }

    fn is_plain(&mut self, unit: &Linear) -> bool {
        let unit = self.solver.resolve(unit);
        unit.unknowns().next().is_none()
            && self.registry.exact(&unit).is_number()
            && self.registry.exact_by_atoms(&unit).iter().all(|part| part.is_number())
    }

    fn read_functions(&mut self, ast: &mut Ast) {
        let mut bodies: IndexMap<String, (Vec<Ident>, &mut Expr)> = IndexMap::new();
        for item in &mut ast.items {
            if let ItemKind::Function { name, params, body: Some(body) } = &mut item.kind {
                bodies.insert(name.name.clone(), (params.clone(), body));
            }
        }
        let dependencies: Vec<Vec<usize>> = bodies
            .values()
            .map(|(_, body)| {
                let mut calls = Vec::new();
                visit(body, &mut |e| {
                    if let ExprKind::Call(callee, _) = &e.kind {
                        calls.extend(bodies.get_index_of(&callee.name));
                    }
                });
                calls
            })
            .collect();
        // Functions that go in a circle are told elsewhere; without a scheme their calls may have any unit.
        let Ok(order) = topological(&dependencies) else { return };
        for k in order {
            if let Some((name, (params, body))) = bodies.get_index_mut(k) {
                self.read_function(name, params, body);
            }
        }
    }

    fn read_function(&mut self, name: &str, params: &[Ident], body: &mut Expr) {
        let first = self.solver.count();
        let mut parameters = Vec::new();
        for (place, param) in params.iter().enumerate() {
            let unknown = self.solver.fresh();
            if self.plain.contains(&(name.to_string(), place)) {
                self.solver.set(unknown, Linear::default(), Span::new(0, 0));
            }
            parameters.push((param.name.clone(), Linear::unknown(unknown)));
        }
        let function = Some(name.to_string());
        let mut scope = Scope { function, arguments: parameters.clone(), indices: Vec::new() };
        let form = self.infer(body, &mut scope);
        if form.point.is_some() {
            self.offset_misused(body, &form);
        }
        let last = self.solver.count();
        self.functions.insert(name.to_string(), Scheme { parameters, result: form.unit, first, last });
    }

    /// The units of a function's arguments and value for one call, whose arguments are these exponents.
    pub fn instance(&mut self, name: &str, scheme: &Scheme, exponents: &[Exponent]) -> (Vec<(String, Linear)>, Linear) {
        let mut fresh: FxHashMap<Unknown, Unknown> = FxHashMap::default();
        let atoms: Vec<(Atom, Exponent)> = scheme
            .parameters
            .iter()
            .zip(exponents)
            .map(|((parameter, _), exponent)| (self.atoms.intern(Some(name), parameter), exponent.clone()))
            .collect();
        let mut renew = |own: &mut Self, unit: &Linear| {
            let unit = own.solver.resolve(unit);
            for unknown in unit.unknowns() {
                if (scheme.first..scheme.last).contains(&unknown.0) && !fresh.contains_key(&unknown) {
                    fresh.insert(unknown, own.solver.fresh());
                }
            }
            let other = |base: Base| match base {
                Base::Unknown(unknown) => fresh.get(&unknown).map(|new| Linear::unknown(*new)),
                Base::Unit(_) => None,
            };
            let exponent = |atom: Atom| {
                let known = atoms.iter().find(|(known, _)| *known == atom);
                known.map_or_else(|| Exponent::atom(atom), |(_, exponent)| exponent.clone())
            };
            unit.replaced(&other, &exponent)
        };
        let parameters =
            scheme.parameters.iter().map(|(parameter, unit)| (parameter.clone(), renew(self, unit))).collect();
        let result = renew(self, &scheme.result);
        (parameters, result)
    }

    fn statement(&mut self, item: &mut Item) {
        match &mut item.kind {
            ItemKind::Param(list) | ItemKind::Const(list) | ItemKind::Output(list) | ItemKind::Discrete(list) => {
                list.iter_mut().for_each(|d| self.declaration(d));
            }
            ItemKind::Init(list) => {
                for d in list {
                    let mut scope = self.domain(&mut d.domain, &mut d.subscripts);
                    let target = match d.order {
                        0 => self.form_of(&d.name.name),
                        order => self.derivative_of(&d.name.name, order),
                    };
                    let own = d.unit.as_ref().and_then(|unit| self.own(unit, &target, d.name.span));
                    let name = format!("{}{}", d.name.name, "'".repeat(d.order as usize));
                    self.value_in(&mut d.value, own, &target, &mut scope, (d.name.span, &name));
                }
            }
            ItemKind::Equation { lhs, unit, rhs, domain } => {
                let span = lhs.span;
                match left_name(lhs).map(|(name, order)| (name.to_string(), order)) {
                    Some((name, order)) => {
                        let target = if order == 0 { self.form_of(&name) } else { self.derivative_of(&name, order) };
                        let mut scope = self.domain(domain, left_subscripts(lhs));
                        let own = unit.as_ref().and_then(|unit| self.own(unit, &target, span));
                        let name = format!("{name}{}", "'".repeat(order as usize));
                        self.value_in(rhs, own, &target, &mut scope, (span, &name));
                    }
                    None => {
                        let mut scope = self.domain(domain, &mut []);
                        let form = self.infer(lhs, &mut scope);
                        self.coerce(rhs, &form, &mut scope, Why::Beside(span));
                    }
                }
            }
            ItemKind::Event(event) => self.event(event),
            // They have become events.
            ItemKind::Dose(_) | ItemKind::Doses(_) => {}
            ItemKind::Input(input) => self.input(input),
            ItemKind::Objective(objective) => {
                let target = self.form_of(&objective.name.name);
                let own = objective.unit.as_ref().and_then(|unit| self.own(unit, &target, objective.name.span));
                let place = (objective.name.span, objective.name.name.as_str());
                self.value_in(&mut objective.value, own, &target, &mut Scope::default(), place);
            }
            ItemKind::Observe(observation) => self.observation(observation),
            // What they stand for is among the statements.
            ItemKind::Component(_) | ItemKind::Instance(_) | ItemKind::Use(_) => {}
            ItemKind::Index { range, .. } => self.range(range, &mut Scope::default()),
            ItemKind::Solve { variable, range, options } => {
                let time = (variable.span, variable.name.as_str());
                let target = self.time.clone();
                let scope = &mut Scope::default();
                self.value(&mut range.lo, &target, scope, time);
                self.value(&mut range.hi, &target, scope, time);
                for (option, value) in options {
                    let in_time = match (&mut value.kind, option.name.as_str()) {
                        (_, "first_step" | "max_step") => vec![value],
                        (ExprKind::Call(shape, list), "save") => {
                            let points = if ["linear", "log"].contains(&shape.name.as_str()) { 2 } else { 1 };
                            list.iter_mut().take(points).collect()
                        }
                        _ => Vec::new(),
                    };
                    in_time.into_iter().for_each(|e| self.value(e, &target, scope, time));
                }
            }
            // Functions are read before; networks have equations of their own.
            ItemKind::Function { .. } | ItemKind::Reaction(_) | ItemKind::Addition { .. } => {}
            ItemKind::Model(_) | ItemKind::Time(..) | ItemKind::Reactions(_) => {}
        }
    }

    /// A mean and its standard deviation are of one dimension; columns have whatever unit fits.
    fn observation(&mut self, observation: &mut Observation) {
        let arguments = observation.arguments.iter_mut().collect();
        self.same(arguments, &mut Scope::default());
    }

    /// Times are in the unit of time, a priority is a pure number, and what is set keeps its unit.
    fn event(&mut self, event: &mut Event) {
        let mut scope = self.domain(&mut event.domain, &mut []);
        let time = self.time.clone();
        let name = self.time_name.clone();
        let mut in_time = |own: &mut Self, value: &mut Expr| {
            let span = value.span;
            own.value(value, &time, &mut scope, (span, &name));
        };
        match &mut event.trigger {
            Trigger::When(condition) => _ = self.infer(condition, &mut scope),
            other => other.expressions_mut().into_iter().for_each(|value| in_time(self, value)),
        }
        for attribute in &mut event.attributes {
            match attribute {
                Attribute::Delay(delay) => {
                    let span = delay.span;
                    self.value(delay, &time, &mut scope, (span, &name));
                }
                Attribute::Priority(priority) => self.pure(priority, &mut scope, "a priority"),
                Attribute::Persistent(_) | Attribute::ValuesAtTrigger(_) | Attribute::AtStart(_) => {}
            }
        }
        for action in &mut event.actions {
            let Action::Assign(target, value) = action else { continue };
            let Some((name, order)) = left_name(target).map(|(name, order)| (name.to_string(), order)) else {
                continue;
            };
            left_subscripts(target).iter_mut().for_each(|s| self.pure(s, &mut scope, "a subscript"));
            let form = if order == 0 { self.form_of(&name) } else { self.derivative_of(&name, order) };
            let span = target.span;
            self.value(value, &form, &mut scope, (span, &format!("{name}{}", "'".repeat(order as usize))));
        }
    }

    fn declaration(&mut self, d: &mut Declaration) {
        let mut scope = self.domain(&mut d.domain, &mut d.subscripts);
        let target = self.form_of(&d.name.name);
        let own = d.unit.as_ref().and_then(|unit| self.own(unit, &target, d.name.span));
        let place = (d.name.span, d.name.name.as_str());
        if let Some(value) = &mut d.value {
            self.value_in(value, own.clone(), &target, &mut scope, place);
        }
        if let Some((lo, hi)) = &mut d.bounds {
            self.value_in(lo, own.clone(), &target, &mut scope, place);
            self.value_in(hi, own, &target, &mut scope, place);
        }
    }

    /// The indices of the left side and of `for` clauses, whose ranges and subscripts are pure numbers.
    fn domain(&mut self, domain: &mut [ForClause], subscripts: &mut [Expr]) -> Scope {
        let mut scope = Scope::default();
        for clause in domain {
            self.range(&mut clause.range, &mut scope);
            scope.indices.push(clause.index.name.clone());
        }
        subscripts.iter_mut().for_each(|s| self.pure(s, &mut scope, "a subscript"));
        scope
    }

    fn range(&mut self, range: &mut Range, scope: &mut Scope) {
        self.pure(&mut range.lo, scope, "an index");
        self.pure(&mut range.hi, scope, "an index");
    }

    pub fn form_of(&self, name: &str) -> Form {
        self.quantities.get(name).map(|quantity| quantity.form.clone()).unwrap_or_default()
    }

    /// The unit of a derivative.
    pub fn derivative_of(&self, name: &str, order: u32) -> Form {
        let form = self.form_of(name);
        Form::of(form.unit.plus(&self.time.unit, -Ratio::new(i64::from(order), 1)))
    }

    /// The unit that a statement itself gives, if it is not word for word that of the quantity: its dimension must be the same.
    pub fn own(&mut self, unit: &Unit, target: &Form, span: Span) -> Option<Form> {
        // What is wrong with it has been told when names were gathered; of a derivative it has not.
        let mut diagnostics = Vec::new();
        let given = self.registry.read(unit, &mut diagnostics);
        if !self.converting {
            let told = |d: &Diagnostic, own: &Self| own.diagnostics.iter().any(|known| known.span == d.span);
            diagnostics.retain(|d| !told(d, self));
            self.diagnostics.append(&mut diagnostics);
        }
        let form = self.given(given?);
        if form.point == target.point && form.unit == target.unit {
            return None;
        }
        let mut stand_in = Expr { span: unit.span, kind: ExprKind::Bool(true) };
        let converting = std::mem::replace(&mut self.converting, false);
        self.meet(&mut stand_in, &form, target, Why::Declared(span));
        self.converting = converting;
        Some(form)
    }

    /// The value of a quantity in the statement's own unit.
    fn value_in(&mut self, value: &mut Expr, own: Option<Form>, target: &Form, scope: &mut Scope, place: (Span, &str)) {
        match own {
            None => self.value(value, target, scope, place),
            Some(own) => {
                self.value(value, &own, scope, place);
                if self.converting {
                    self.meet(value, &own, target, Why::Left(place.0, place.1));
                }
            }
        }
    }

    /// The value of a quantity: a number alone is in the quantity's unit.
    pub fn value(&mut self, value: &mut Expr, target: &Form, scope: &mut Scope, (span, name): (Span, &str)) {
        if !self.is_numeric(value, scope) {
            self.coerce(value, target, scope, Why::Left(span, name));
        }
    }
}

fn is_definition(kind: &ItemKind) -> bool {
    match kind {
        ItemKind::Param(_) | ItemKind::Const(_) | ItemKind::Output(_) | ItemKind::Discrete(_) => true,
        ItemKind::Input(_) => true,
        ItemKind::Equation { lhs, .. } => matches!(left_name(lhs), Some((_, 0))),
        _ => false,
    }
}

/// The unknown that a unit is.
pub fn alone(unit: &Linear) -> Option<Unknown> {
    match unit.terms().next() {
        Some((Base::Unknown(unknown), monomial, Ratio::ONE)) if unit.len() == 1 && monomial.is_empty() => Some(unknown),
        _ => None,
    }
}

/// The name on the left of a definition or a differential equation, and the order of the derivative.
pub fn left_name(lhs: &Expr) -> Option<(&str, u32)> {
    let (inner, order) = match &lhs.kind {
        ExprKind::Prime(inner, order) => (inner.as_ref(), *order),
        _ => (lhs, 0),
    };
    match &inner.kind {
        ExprKind::Name(name) => Some((name, order)),
        ExprKind::Subscript(ident, _) => Some((&ident.name, order)),
        _ => None,
    }
}

fn left_subscripts(lhs: &mut Expr) -> &mut [Expr] {
    match &mut lhs.kind {
        ExprKind::Prime(inner, _) => left_subscripts(inner),
        ExprKind::Subscript(_, list) => list,
        _ => &mut [],
    }
}

fn names_in(expr: &Expr) -> impl Iterator<Item = &str> {
    let mut names = Vec::new();
    visit(expr, &mut |e| match &e.kind {
        ExprKind::Name(name) => names.push(name.as_str()),
        ExprKind::Subscript(ident, _) => names.push(&ident.name),
        _ => {}
    });
    names.into_iter()
}

/// Calls `f` on an expression and everything in it.
pub fn visit<'e>(expr: &'e Expr, f: &mut dyn FnMut(&'e Expr)) {
    crate::model::reading::walk(expr, f);
}
