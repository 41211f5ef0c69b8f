//! Statements as an instance reads them: names get the instance's in front, spans move into the instance's range.

use rustc_hash::FxHashSet;

use super::scope::{Definition, Global, Meaning, Named, Scopes};
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{
    Declaration, Expr, ExprKind, ForClause, Ident, Instance, Item, ItemKind, Range, Rate, Segment, Unit, UnitBase,
};
use crate::source::Span;

/// Who reads.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The component, in which names are looked up first; none for the statements of a file.
    pub component: Option<usize>,
    /// The file, in which they are looked up next.
    pub file: usize,
    /// What stands before names of quantities: `a.`, `c[].`.
    pub prefix: String,
    /// The indices that go with the prefix.
    pub subscripts: Vec<Expr>,
    /// `for` clauses of these indices.
    pub domain: Vec<ForClause>,
    /// What is added to all offsets.
    pub shift: u32,
}

impl Frame {
    /// The statements of a file.
    pub fn of_file(file: usize) -> Self {
        Frame { component: None, file, prefix: String::new(), subscripts: Vec::new(), domain: Vec::new(), shift: 0 }
    }

    /// A component read for itself, in no instance.
    pub fn of_component(place: usize, component: &Definition) -> Self {
        Frame { component: Some(place), ..Frame::of_file(component.file) }
    }
}

/// An instance whose indices and arguments have been read.
pub struct Prepared {
    /// The component.
    pub component: usize,
    /// The component's parameters that are given, by place, with the argument's name where it stands.
    pub arguments: Vec<(usize, Ident, Expr)>,
    /// Name, indices and `for` clauses in front of the component's own.
    pub frame: Frame,
    /// Indices of the array that had to be renamed: the index set and its further name.
    pub further: Vec<(String, Ident)>,
}

/// Where values may come from.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Anything of the instance.
    Instance,
    /// What the component has once: said of a constant or a range.
    Constant,
    /// The same, said of a function.
    Function,
}

/// Rewrites statements for one reader.
pub struct Rewriter<'s, 'd> {
    pub(super) scopes: &'s Scopes,
    pub(super) frame: &'s Frame,
    pub(super) diagnostics: Option<&'d mut Vec<Diagnostic>>,
    /// Index names and arguments of functions in force, as typed and as they are called in the model.
    pub(super) bound: Vec<(String, String)>,
    pub(super) place: Place,
    /// The indices in use, and other names that are not the component's own, as they are called in the model.
    pub used: FxHashSet<String>,
    /// Names already reported as unknown.
    pub(super) unknown: FxHashSet<String>,
}

impl<'s, 'd> Rewriter<'s, 'd> {
    /// Errors of names are told only if there is a place for them: those of a component are told once, not by each
    /// instance.
    pub fn new(scopes: &'s Scopes, frame: &'s Frame, diagnostics: Option<&'d mut Vec<Diagnostic>>) -> Self {
        let (bound, used, unknown) = Default::default();
        Rewriter { scopes, frame, diagnostics, bound, place: Place::Instance, used, unknown }
    }

    /// A statement that is no instance.
    pub fn item(&mut self, item: &mut Item) {
        self.span(&mut item.span);
        match &mut item.kind {
            ItemKind::Model(name) | ItemKind::Time(name, _) | ItemKind::Use(name) | ItemKind::Reactions(name) => {
                self.span(&mut name.span);
            }
            ItemKind::Param(list) | ItemKind::Output(list) | ItemKind::Discrete(list) => {
                list.iter_mut().for_each(|d| self.declaration(d))
            }
            ItemKind::Const(list) => self.once(Place::Constant, |own| {
                for d in list {
                    own.span(&mut d.span);
                    own.units(&mut d.unit);
                    own.shared_name(&mut d.name);
                    let bound = own.bind(&mut d.domain);
                    own.expressions(&mut d.subscripts);
                    d.value.iter_mut().for_each(|value| own.expression(value));
                    own.bound.truncate(bound);
                }
            }),
            ItemKind::Index { names, range, .. } => self.once(Place::Constant, |own| {
                names.iter_mut().for_each(|name| own.shared_name(name));
                own.range(range);
            }),
            ItemKind::Function { name, params, body } => self.once(Place::Function, |own| {
                own.shared_name(name);
                let bound = own.bound.len();
                for param in params {
                    own.span(&mut param.span);
                    own.bound.push((param.name.clone(), param.name.clone()));
                }
                body.iter_mut().for_each(|body| own.expression(body));
                own.bound.truncate(bound);
            }),
            ItemKind::Input(input) => {
                self.shared_name(&mut input.name);
                self.span(&mut input.argument.span);
                if input.argument.name == self.scopes.files[self.frame.file].time {
                    input.argument.name.clone_from(&self.scopes.files[0].time);
                }
            }
            ItemKind::Doses(doses) => {
                let expressions = doses.settings.iter_mut().flat_map(crate::lang::ast::DoseSetting::expressions_mut);
                expressions.for_each(|expr| self.expression(expr));
            }
            ItemKind::Objective(objective) => {
                self.own_name(&mut objective.name);
                self.units(&mut objective.unit);
                self.expression(&mut objective.value);
            }
            ItemKind::Observe(observation) => {
                let spans = [&mut observation.span, &mut observation.column.span, &mut observation.distribution.span];
                spans.into_iter().for_each(|span| self.span(span));
                self.expressions(&mut observation.arguments);
            }
            ItemKind::Init(list) => list.retain_mut(|initial| {
                self.span(&mut initial.span);
                self.units(&mut initial.unit);
                let bound = self.bind(&mut initial.domain);
                initial.outside = initial.path.len() as u32;
                if let Some(time) = &mut initial.past {
                    self.span(&mut time.span);
                    if time.name == self.scopes.files[self.frame.file].time {
                        time.name = self.scopes.files[0].time.clone();
                    }
                }
                let known = self.element(&mut initial.path, &mut initial.name, &mut initial.subscripts);
                self.expression(&mut initial.value);
                self.release(bound, &mut initial.domain);
                known
            }),
            ItemKind::Equation { lhs, unit, rhs, domain } => {
                self.units(unit);
                let bound = self.bind(domain);
                self.expression(lhs);
                self.expression(rhs);
                self.release(bound, domain);
            }
            ItemKind::Addition { lhs, rhs, domain } => {
                let bound = self.bind(domain);
                self.expression(lhs);
                self.expression(rhs);
                self.release(bound, domain);
            }
            ItemKind::Reaction(reaction) => {
                let bound = self.bind(&mut reaction.domain);
                if let Some(label) = &mut reaction.label {
                    self.own_name(label);
                }
                let mut known = true;
                for species in reaction.reactants.iter_mut().chain(&mut reaction.products) {
                    self.span(&mut species.span);
                    known &= self.element(&mut species.path, &mut species.name, &mut species.subscripts);
                }
                match &mut reaction.rate {
                    Rate::MassAction(rate) | Rate::Explicit(rate) => self.expression(rate),
                    Rate::Reversible(forward, reverse) => {
                        self.expression(forward);
                        self.expression(reverse);
                    }
                }
                self.release(bound, &mut reaction.domain);
                if !known {
                    item.kind = ItemKind::Init(Vec::new());
                }
            }
            ItemKind::Event(event) => {
                let bound = self.bind(&mut event.domain);
                event.words_mut().for_each(|span| self.span(span));
                event.expressions_mut().into_iter().for_each(|expr| self.expression(expr));
                self.release(bound, &mut event.domain);
            }
            ItemKind::Dose(dose) => {
                let bound = self.bind(&mut dose.domain);
                dose.expressions_mut().into_iter().for_each(|expr| self.expression(expr));
                self.release(bound, &mut dose.domain);
            }
            ItemKind::Solve { .. } | ItemKind::Component(_) | ItemKind::Instance(_) => {}
        }
    }

    /// The parameters of the component: names, bounds and defaults.
    pub fn parameters(&mut self, list: &mut [Declaration]) {
        list.iter_mut().for_each(|declaration| self.declaration(declaration));
    }

    fn declaration(&mut self, declaration: &mut Declaration) {
        self.span(&mut declaration.span);
        self.units(&mut declaration.unit);
        let bound = self.bind(&mut declaration.domain);
        self.own_element(&mut declaration.name, &mut declaration.subscripts);
        declaration.value.iter_mut().for_each(|value| self.expression(value));
        self.release(bound, &mut declaration.domain);
        if let Some((lo, hi)) = &mut declaration.bounds {
            self.once(Place::Constant, |own| {
                own.expression(lo);
                own.expression(hi);
            });
        }
    }

    /// Reads what an instance says about itself. None where that cannot be expanded; there has been a diagnostic.
    pub fn prepare(&mut self, instance: &Instance) -> Option<Prepared> {
        let mut domain = instance.domain.clone();
        let bound = self.bind(&mut domain);
        let mut further = Vec::new();
        let mut subscripts = Vec::new();
        let mut good = true;
        let of_component = match self.meaning(&instance.name.name) {
            Some(Named { meaning: Meaning::Instance { component, .. }, .. }) => *component,
            _ => None,
        };
        for subscript in &instance.subscripts {
            match self.array_index(subscript, of_component, &mut domain, &mut further) {
                Some(index) => subscripts.push(index),
                None => good = false,
            }
        }
        let mut arguments: Vec<(usize, Ident, Expr)> = Vec::new();
        let component = of_component.map(|place| &self.scopes.components[place]);
        for (name, value) in &instance.arguments {
            let mut value = value.clone();
            self.expression(&mut value);
            let Some(component) = component else { continue };
            match component.tree.parameters.iter().position(|parameter| parameter.name.name == name.name) {
                Some(place) => match arguments.iter().find(|(known, ..)| *known == place) {
                    Some((_, first, _)) => {
                        let message = format!("argument `{}` is given twice", name.name);
                        let error = Diagnostic::new(codes::components::ARGUMENT, name.span, message);
                        let first = first.span;
                        self.report(|| error.related(first, "first given here"));
                    }
                    None => arguments.push((place, self.moved(name), value)),
                },
                None => self.no_argument(component, name),
            }
        }
        let name = &instance.name.name;
        let places = slot(subscripts.len());
        let outer = self.frame;
        self.bound.truncate(bound);
        let component = of_component.filter(|_| good)?;
        domain.splice(0..0, outer.domain.iter().cloned());
        subscripts.splice(0..0, outer.subscripts.iter().cloned());
        let frame = Frame {
            component: Some(component),
            file: self.scopes.components[component].file,
            prefix: format!("{}{name}{places}.", outer.prefix),
            subscripts,
            domain,
            shift: 0,
        };
        Some(Prepared { component, arguments, frame, further })
    }

    /// An index of an array of instances, under a name that means nothing to the component.
    fn array_index(
        &mut self,
        subscript: &Expr,
        component: Option<usize>,
        domain: &mut [ForClause],
        further: &mut Vec<(String, Ident)>,
    ) -> Option<Expr> {
        let typed = match &subscript.kind {
            ExprKind::Name(name) => name,
            _ => return self.no_index(subscript.span),
        };
        let clause = self.bound.iter().rev().find(|(known, _)| known == typed).map(|(_, flat)| flat.clone());
        let index = match (clause, self.meaning(typed).map(|named| &named.meaning)) {
            (Some(flat), _) => flat,
            (None, Some(Meaning::Global(Global::Index, flat))) => flat.clone(),
            (None, _) => return self.no_index(subscript.span),
        };
        self.used.insert(index.clone());
        let span = self.moved_span(subscript.span);
        let taken = |name: &str| {
            let outer = self.frame.subscripts.iter().any(|s| matches!(&s.kind, ExprKind::Name(known) if known == name));
            outer || component.is_some_and(|place| self.scopes.components[place].used.contains(name))
        };
        if !taken(&index) {
            return Some(Expr { span, kind: ExprKind::Name(index) });
        }
        let mut fresh = (1..).map(|k| format!("{index}.{k}"));
        let fresh = fresh.find(|name| !taken(name)).unwrap_or_default();
        match domain.iter_mut().find(|clause| clause.index.name == index) {
            Some(clause) => clause.index.name = fresh.clone(),
            None => further.push((index, Ident { name: fresh.clone(), span })),
        }
        // The arguments see the index under its new name.
        self.bound.push((typed.clone(), fresh.clone()));
        Some(Expr { span, kind: ExprKind::Name(fresh) })
    }

    fn no_index(&mut self, span: Span) -> Option<Expr> {
        let message = "expected an index as subscript of an array of instances";
        let error = Diagnostic::new(codes::model::LEFT_SIDE, span, message);
        self.report(|| error.help("write `c[i] = …` with `index i = 1..N`, or `c[i] = … for i in 1..3`"));
        None
    }

    /// Runs `f` where the component's quantities have no value.
    fn once(&mut self, place: Place, f: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.place, place);
        f(self);
        self.place = outer;
    }

    /// Brings the indices of `for` clauses into force; returns what [`Self::release`] takes.
    fn bind(&mut self, domain: &mut [ForClause]) -> usize {
        let bound = self.bound.len();
        for clause in domain.iter_mut() {
            self.range(&mut clause.range);
        }
        for clause in domain {
            self.local_index(&mut clause.index);
        }
        bound
    }

    /// Ends the reach of `for` clauses, and puts those of the instance's own indices before them.
    fn release(&mut self, bound: usize, domain: &mut Vec<ForClause>) {
        self.bound.truncate(bound);
        domain.splice(0..0, self.frame.domain.iter().cloned());
    }

    /// An index with a range of its own here. If it is one of an index set as well, it keeps that name, since the set
    /// says whether it is periodic.
    fn local_index(&mut self, index: &mut Ident) {
        let typed = index.name.clone();
        self.span(&mut index.span);
        if let Some(Meaning::Global(Global::Index, flat)) = self.meaning(&typed).map(|named| &named.meaning) {
            index.name = flat.clone();
        } else if self.frame.file != 0 {
            index.name = self.scopes.apart(self.frame.file, &typed);
        }
        self.used.insert(index.name.clone());
        self.bound.push((typed, index.name.clone()));
    }

    fn range(&mut self, range: &mut Range) {
        self.once(Place::Constant, |own| {
            own.expression(&mut range.lo);
            own.expression(&mut range.hi);
        });
    }

    fn expressions(&mut self, list: &mut [Expr]) {
        list.iter_mut().for_each(|expr| self.expression(expr));
    }

    /// Whether a name is that of a quantity of the component being read.
    fn is_quantity(&self, name: &str) -> bool {
        let own = self.frame.component.is_some() && self.is_own(name);
        own && self.meaning(name).is_some_and(|named| matches!(named.meaning, Meaning::Quantity))
    }

    /// An expression, or a left side.
    pub fn expression(&mut self, expr: &mut Expr) {
        let typed = expr.span;
        let function_span = if let ExprKind::Call(function, _) = &expr.kind { function.span } else { typed };
        self.span(&mut expr.span);
        match &mut expr.kind {
            ExprKind::Number(_) | ExprKind::Bool(_) => {}
            ExprKind::Quantity(_, unit) => self.unit(unit),
            ExprKind::Name(name) => {
                let ident = Ident { name: std::mem::take(name), span: typed };
                expr.kind = self.value(ident, Vec::new());
            }
            ExprKind::Subscript(name, list) => {
                self.expressions(list);
                let list = std::mem::take(list);
                expr.kind = self.value(name.clone(), list);
            }
            ExprKind::Member(segments) => {
                segments.iter_mut().for_each(|segment| self.expressions(&mut segment.subscripts));
                if let Some(kind) = self.member(segments, typed) {
                    expr.kind = kind;
                }
            }
            ExprKind::Prime(inner, _) | ExprKind::Negate(inner) | ExprKind::Not(inner) => self.expression(inner),
            ExprKind::Sum(terms) => terms.iter_mut().for_each(|(_, term)| self.expression(term)),
            ExprKind::Product(factors) => factors.iter_mut().for_each(|(_, factor)| self.expression(factor)),
            ExprKind::Power(a, b) | ExprKind::Compare(_, a, b) | ExprKind::Delayed(a, b) => {
                self.expression(a);
                self.expression(b);
            }
            ExprKind::And(list) | ExprKind::Or(list) => self.expressions(list),
            ExprKind::If(a, b, c) => [a, b, c].into_iter().for_each(|part| self.expression(part)),
            ExprKind::Csv(csv) => {
                self.span(&mut csv.span);
                self.span(&mut csv.path.span);
                csv.columns.iter_mut().for_each(|column| self.span(&mut column.span));
            }
            ExprKind::Made(made) => self.expression(made.inner_mut()),
            ExprKind::Call(function, arguments) => {
                self.expressions(arguments);
                if arguments.len() == 1 && self.is_quantity(&function.name) {
                    // `x(t - tau)` of a component's own quantity.
                    let (name, mut arguments) = (function.clone(), std::mem::take(arguments));
                    let kind = self.value(name, Vec::new());
                    let operand = Expr { span: self.moved_span(function_span), kind };
                    if let Some(time) = arguments.pop() {
                        expr.kind = ExprKind::Delayed(Box::new(operand), Box::new(time));
                    }
                } else {
                    self.function(function);
                }
            }
            ExprKind::Reduce(operator, indices, bodies) => {
                self.span(&mut operator.span);
                let bound = self.bound.len();
                for index in indices.iter_mut() {
                    index.range.iter_mut().for_each(|range| self.range(range));
                }
                indices.iter_mut().for_each(|index| self.local_index(&mut index.index));
                self.expressions(bodies);
                self.bound.truncate(bound);
            }
        }
    }

    /// A name that stands for a value, with its own subscripts.
    fn value(&mut self, name: Ident, subscripts: Vec<Expr>) -> ExprKind {
        if let Some((_, flat)) = self.bound.iter().rev().find(|(typed, _)| *typed == name.name) {
            return element(flat.clone(), self.moved_span(name.span), subscripts);
        }
        if self.scopes.is_plain() {
            return element(name.name, name.span, subscripts);
        }
        let span = self.moved_span(name.span);
        let own = self.frame.component.is_some();
        match self.meaning(&name.name).map(|named| (named.meaning.clone(), named.span, self.is_own(&name.name))) {
            Some((Meaning::Global(_, flat), ..)) => {
                self.used.insert(flat.clone());
                return element(flat, span, subscripts);
            }
            Some((meaning @ (Meaning::Instance { .. } | Meaning::Component(_)), declared, _)) => {
                self.no_value(&name, &meaning, declared);
            }
            Some((_, _, true)) if self.place == Place::Instance => {
                let all = self.frame.subscripts.iter().cloned().chain(subscripts).collect();
                return element(format!("{}{}", self.frame.prefix, name.name), span, all);
            }
            Some((_, declared, true)) => self.no_instance_here(&name, declared),
            Some((_, declared, false)) if own => self.not_visible(&name, declared),
            Some(_) => {}
            None if name.name == self.scopes.files[self.frame.file].time => {
                return element(self.scopes.files[0].time.clone(), span, subscripts);
            }
            None if own && name.name != "pi" => self.unknown_name(&name),
            // Functions of a used file may read what the file does not share; that is told where they are called.
            None if self.frame.file != 0 && name.name != "pi" => {
                return element(self.scopes.apart(self.frame.file, &name.name), span, subscripts);
            }
            None => {}
        }
        element(name.name, span, subscripts)
    }

    /// `c[i].axon.V`
    fn member(&mut self, segments: &mut [Segment], whole: Span) -> Option<ExprKind> {
        let (first, _) = segments.split_first()?;
        let name = first.name.clone();
        let bound = self.bound.iter().any(|(typed, _)| *typed == name.name);
        let mut meaning = match self.meaning(&name.name).filter(|_| !bound) {
            Some(named) => named.meaning.clone(),
            None => {
                self.no_instance(&name);
                return None;
            }
        };
        let own = self.frame.component.is_some() && self.is_own(&name.name);
        if own && self.place != Place::Instance {
            self.no_instance_here(&name, name.span);
            return None;
        }
        let mut flat = if own { self.frame.prefix.clone() } else { String::new() };
        let mut subscripts = if own { self.frame.subscripts.clone() } else { Vec::new() };
        let last = segments.len() - 1;
        for place in 0..last {
            let (segment, next) = (&segments[place], &segments[place + 1].name);
            let name = segment.name.clone();
            let Meaning::Instance { component, rank } = meaning else {
                self.no_instance(&name);
                return None;
            };
            // Its error has been told.
            let component = &self.scopes.components[component?];
            if segment.subscripts.len() != rank {
                self.wrong_rank(&name, rank, segment.subscripts.len());
                return None;
            }
            flat += &format!("{}{}.", name.name, slot(rank));
            subscripts.extend(segment.subscripts.iter().cloned());
            match component.names.get(&next.name) {
                Some(named) => meaning = named.meaning.clone(),
                None => {
                    self.no_member(component, next);
                    return None;
                }
            }
        }
        let segment = &mut segments[last];
        match meaning {
            Meaning::Parameter | Meaning::Quantity => {
                subscripts.append(&mut segment.subscripts);
                Some(element(flat + &segment.name.name, self.moved_span(whole), subscripts))
            }
            Meaning::Global(Global::Constant, name) => {
                let own = std::mem::take(&mut segment.subscripts);
                Some(element(name, self.moved_span(whole), own))
            }
            meaning => {
                let (name, span) = (segment.name.clone(), segment.name.span);
                self.no_value(&name, &meaning, span);
                None
            }
        }
    }

    /// What a name means to the reader.
    pub(super) fn meaning(&self, name: &str) -> Option<&'s Named> {
        let own = self.frame.component.and_then(|place| self.scopes.components[place].names.get(name));
        own.or_else(|| self.scopes.files[self.frame.file].names.get(name))
    }

    /// Whether a name is the reading component's own.
    fn is_own(&self, name: &str) -> bool {
        self.frame.component.is_some_and(|place| self.scopes.components[place].names.contains_key(name))
    }

    fn function(&mut self, function: &mut Ident) {
        let typed = function.clone();
        self.span(&mut function.span);
        match self.meaning(&typed.name).map(|named| (named.meaning.clone(), named.span)) {
            Some((Meaning::Global(Global::Function, flat), _)) => function.name = flat,
            Some((meaning @ (Meaning::Component(_) | Meaning::Instance { .. }), span)) => {
                self.no_value(&typed, &meaning, span);
            }
            // Whatever it is, it is no function: the checker says so.
            _ => {}
        }
    }

    /// The name on the left of a declaration, and its subscripts.
    fn own_element(&mut self, name: &mut Ident, subscripts: &mut Vec<Expr>) {
        self.own_name(name);
        self.expressions(subscripts);
        subscripts.splice(0..0, self.frame.subscripts.iter().cloned());
    }

    /// A quantity that a statement is about: the reader's own or, behind a path, an instance's. False after a diagnostic.
    fn element(&mut self, path: &mut Vec<Segment>, name: &mut Ident, subscripts: &mut Vec<Expr>) -> bool {
        let Some(first) = path.first() else {
            self.own_element(name, subscripts);
            return true;
        };
        let whole = first.name.span.to(name.span);
        let mut segments = std::mem::take(path);
        segments.push(Segment { name: name.clone(), subscripts: std::mem::take(subscripts) });
        segments.iter_mut().for_each(|segment| self.expressions(&mut segment.subscripts));
        match self.member(&mut segments, whole) {
            Some(ExprKind::Name(flat)) => *name = Ident { name: flat, span: self.moved_span(whole) },
            Some(ExprKind::Subscript(flat, list)) => (*name, *subscripts) = (flat, list),
            _ => return false,
        }
        true
    }

    fn own_name(&mut self, name: &mut Ident) {
        self.span(&mut name.span);
        name.name.insert_str(0, &self.frame.prefix);
    }

    /// The name of a constant, an index or a function.
    fn shared_name(&mut self, name: &mut Ident) {
        if let Some(Meaning::Global(_, flat)) = self.meaning(&name.name).map(|named| &named.meaning) {
            name.name = flat.clone();
        }
        self.span(&mut name.span);
    }

    fn units(&self, unit: &mut Option<Unit>) {
        unit.iter_mut().for_each(|unit| self.unit(unit));
    }

    /// Units mean the same everywhere; only their places move.
    fn unit(&self, unit: &mut Unit) {
        self.span(&mut unit.span);
        for factor in &mut unit.factors {
            self.span(&mut factor.span);
            if let UnitBase::Group(group) = &mut factor.base {
                self.unit(group);
            }
        }
    }

    fn span(&self, span: &mut Span) {
        *span = self.moved_span(*span);
    }

    fn moved_span(&self, span: Span) -> Span {
        Span::new(span.start.wrapping_add(self.frame.shift), span.end.wrapping_add(self.frame.shift))
    }

    fn moved(&self, name: &Ident) -> Ident {
        Ident { name: name.name.clone(), span: self.moved_span(name.span) }
    }
}

/// The places for so many subscripts in the name of an instance.
fn slot(rank: usize) -> String {
    if rank == 0 { String::new() } else { format!("[{}]", ",".repeat(rank - 1)) }
}

fn element(name: String, span: Span, subscripts: Vec<Expr>) -> ExprKind {
    if subscripts.is_empty() { ExprKind::Name(name) } else { ExprKind::Subscript(Ident { name, span }, subscripts) }
}
