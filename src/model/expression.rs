//! Expressions of the syntax tree become nodes of the graph: names are resolved, kinds checked, subscripts bounded.

use super::check::{Checker, Definition, Entity};
use super::names::Statements;
use super::objectives::{ONE_NUMBER, way_out};
use crate::diag::{Diagnostic, closest, codes};
use crate::expr::{Affine, ExprId, IndexRange, Node, Reduction, Subscript, SymbolId, VarId, builtin};
use crate::lang::ast::{Comparison, Expr, ExprKind, Factor, Ident, ReductionIndex, Sign};
use crate::math::{Binary, Compare};
use crate::name::with_subscripts;
use crate::source::Span;
use rustc_hash::FxHashMap;

/// What names mean at one place, and what was found out about that place while lowering.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Index names with a value here.
    pub indices: Vec<(String, Affine)>,
    /// The values index variables run over.
    pub ranges: Vec<IndexRange>,
    /// Arguments of the function whose body this is.
    pub arguments: Vec<(String, ExprId)>,
    /// Index variables bound by a reduction around this place.
    pub bound: Vec<VarId>,
    /// Only numbers and constants may be used.
    pub constants_only: bool,
    /// States may not be used; the sentence says why.
    pub no_states: Option<&'static str>,
    /// Where the surrounding region must be cut so that a periodic subscript wraps all over or nowhere:
    /// the variable and the first value behind the cut.
    pub cuts: Vec<(VarId, i64)>,
    /// The array whose elements a statement gives, and the element it is about here.
    pub element: Option<(Vec<super::Dim>, Vec<Affine>)>,
}

impl Checker<'_> {
    /// A real-valued expression.
    pub fn real(&mut self, expr: &Expr, scope: &mut Scope) -> Option<ExprId> {
        let id = self.expression(expr, scope)?;
        if self.is_truth(id) {
            let message = "expected a number, found a truth value";
            self.diagnostics.push(
                Diagnostic::new(codes::model::KIND, expr.span, message).help("write `if … then 1 else 0` to count it"),
            );
            return None;
        }
        Some(id)
    }

    pub fn truth(&mut self, expr: &Expr, scope: &mut Scope) -> Option<ExprId> {
        let id = self.expression(expr, scope)?;
        if !self.is_truth(id) {
            let message = "expected a truth value, found a number";
            self.diagnostics.push(
                Diagnostic::new(codes::model::KIND, expr.span, message).help("compare it with something, e.g. `x > 0`"),
            );
            return None;
        }
        Some(id)
    }

    pub(super) fn is_truth(&self, id: ExprId) -> bool {
        matches!(self.graph.node(id), Node::Bool(_) | Node::Compare(..) | Node::And(..) | Node::Or(..) | Node::Not(_))
    }

    /// Any expression; `None` after at least one diagnostic. All operands are looked at, so that each tells its errors.
    fn expression(&mut self, expr: &Expr, scope: &mut Scope) -> Option<ExprId> {
        match &expr.kind {
            ExprKind::Number(value) | ExprKind::Quantity(value, _) => Some(self.graph.constant(*value)),
            ExprKind::Bool(value) => Some(self.graph.boolean(*value)),
            ExprKind::Name(name) => self.name(name, expr.span, scope),
            ExprKind::Subscript(ident, subscripts) => {
                self.element(&ident.name, ident.span, 0, subscripts, expr.span, scope)
            }
            ExprKind::Prime(inner, order) => match &inner.kind {
                ExprKind::Name(name) => self.element(name, inner.span, *order, &[], expr.span, scope),
                ExprKind::Subscript(ident, subscripts) => {
                    self.element(&ident.name, ident.span, *order, subscripts, expr.span, scope)
                }
                _ => None,
            },
            ExprKind::Negate(inner) => {
                let inner = self.real(inner, scope)?;
                Some(self.graph.neg(inner))
            }
            ExprKind::Sum(terms) => {
                let base = self.operands(terms.iter().map(|(_, term)| term), scope)?;
                let mut sum = *self.operands.get(base)?;
                for (k, (sign, _)) in terms.iter().enumerate().skip(1) {
                    let value = self.operands[base + k];
                    sum = match sign {
                        Sign::Plus => self.graph.add(sum, value),
                        Sign::Minus => self.graph.sub(sum, value),
                    };
                }
                self.operands.truncate(base);
                Some(sum)
            }
            ExprKind::Product(factors) => self.product(factors, scope),
            ExprKind::Power(base, exponent) => {
                let (base, exponent) = (self.real(base, scope), self.real(exponent, scope));
                Some(self.graph.pow(base?, exponent?))
            }
            ExprKind::Compare(op, a, b) => {
                let (a, b) = (self.real(a, scope), self.real(b, scope));
                let (a, b) = (a?, b?);
                Some(match op {
                    Comparison::Lt => self.graph.compare(Compare::Lt, a, b),
                    Comparison::Le => self.graph.compare(Compare::Le, a, b),
                    Comparison::Gt => self.graph.compare(Compare::Lt, b, a),
                    Comparison::Ge => self.graph.compare(Compare::Le, b, a),
                    Comparison::Eq => self.graph.compare(Compare::Eq, a, b),
                    Comparison::Ne => self.graph.compare(Compare::Ne, a, b),
                })
            }
            ExprKind::Not(inner) => {
                let inner = self.truth(inner, scope)?;
                Some(self.graph.not(inner))
            }
            ExprKind::And(list) | ExprKind::Or(list) => {
                let values: Vec<_> = list.iter().map(|e| self.truth(e, scope)).collect();
                let mut result: Option<ExprId> = None;
                for value in values {
                    let value = value?;
                    result = Some(match (result, &expr.kind) {
                        (None, _) => value,
                        (Some(all), ExprKind::And(_)) => self.graph.and(all, value),
                        (Some(any), _) => self.graph.or(any, value),
                    });
                }
                result
            }
            ExprKind::If(condition, then, otherwise) => {
                let condition = self.truth(condition, scope);
                let (then, otherwise) = (self.real(then, scope), self.real(otherwise, scope));
                Some(self.graph.select(condition?, then?, otherwise?))
            }
            // Members of instances are plain names by now; what has remained is of no instance.
            ExprKind::Member(_) => {
                let message = "expected an instance of a component before the dot";
                self.diagnostics.push(Diagnostic::new(codes::components::NOT_INSTANCE, expr.span, message));
                None
            }
            ExprKind::Csv(csv) => self.csv(csv, scope),
            ExprKind::Made(made) => self.made(made, scope),
            ExprKind::Call(function, arguments) => self.call(function, arguments, expr.span, scope),
            ExprKind::Delayed(operand, time) => self.at_another_time(operand, time, expr.span, expr.to_string(), scope),
            ExprKind::Reduce(operator, indices, bodies) => self.reduction(operator, indices, bodies, scope),
        }
    }

    /// Puts the values of all operands on the stack, from the index that is returned up; none after a diagnostic.
    /// All are looked at, so that each tells its errors.
    fn operands<'e>(&mut self, list: impl Iterator<Item = &'e Expr>, scope: &mut Scope) -> Option<usize> {
        let base = self.operands.len();
        let mut good = true;
        for expr in list {
            match self.real(expr, scope) {
                Some(value) => self.operands.push(value),
                None => good = false,
            }
        }
        if !good {
            self.operands.truncate(base);
        }
        good.then_some(base)
    }

    fn product(&mut self, factors: &[(Factor, Expr)], scope: &mut Scope) -> Option<ExprId> {
        let base = self.operands(factors.iter().map(|(_, factor)| factor), scope)?;
        let mut product = *self.operands.get(base)?;
        for (k, (how, expr)) in factors.iter().enumerate().skip(1) {
            let value = self.operands[base + k];
            if *how == Factor::Over && self.graph.as_const(value) == Some(0.0) {
                let message = "division by zero";
                self.diagnostics.push(
                    Diagnostic::new(codes::model::DIVISION_BY_ZERO, expr.span, message).label("this is always 0"),
                );
                self.operands.truncate(base);
                return None;
            }
            product = match how {
                Factor::Times => self.graph.mul(product, value),
                Factor::Over => self.graph.div(product, value),
            };
        }
        self.operands.truncate(base);
        Some(product)
    }

    fn name(&mut self, name: &str, span: Span, scope: &mut Scope) -> Option<ExprId> {
        if let Some((_, value)) = scope.arguments.iter().find(|(known, _)| known == name) {
            return Some(*value);
        }
        if let Some((_, affine)) = scope.indices.iter().rev().find(|(known, _)| known == name) {
            let affine = affine.clone();
            return Some(self.graph.affine_value(&affine));
        }
        self.element(name, span, 0, &[], span, scope)
    }

    /// A name with primes and subscripts (both possibly none).
    pub(super) fn element(
        &mut self,
        name: &str,
        place: Span,
        order: u32,
        subscripts: &[Expr],
        span: Span,
        scope: &mut Scope,
    ) -> Option<ExprId> {
        let entity = self.entities.get(name).cloned();
        // Constants are evaluated before anything else is declared, so what is not one may have no entity yet.
        let declared = |found: &Statements| {
            found.parameters.contains_key(name)
                || found.definitions.contains_key(name)
                || found.discretes.contains_key(name)
                || found.equations.contains_key(name)
        };
        let constant = matches!(entity, Some(Entity::Const(_) | Entity::Failed | Entity::Pi));
        if scope.constants_only && !constant && (entity.is_some() || declared(&self.found)) {
            // Once per name: a range is looked at for every array over it.
            if self.unknown.insert(format!("const {name}")) {
                let message = format!("expected a constant, found `{name}`");
                self.diagnostics.push(
                    Diagnostic::new(codes::model::NOT_CONSTANT, span, message)
                        .label("not known when the model is compiled")
                        .help(format!("declare it as `const {name} = …`")),
                );
            }
            return None;
        }
        if order > 0 && !matches!(entity, Some(Entity::State(_) | Entity::Failed) | None) {
            let message = format!("`{name}` has no differential equation, so `{name}'` has no meaning");
            let error = Diagnostic::new(codes::model::PRIME, span, message);
            self.diagnostics
                .push(error.help(format!("write what it stands for, or give it an equation `{name}' = …`")));
            return None;
        }
        let symbol = match entity {
            Some(Entity::Const(value)) => return self.scalar_only(name, subscripts, |g| g.constant(value)),
            Some(Entity::Pi) => return self.scalar_only(name, subscripts, |g| g.constant(std::f64::consts::PI)),
            Some(Entity::Time) => {
                if let Some(reason @ (PARAMETERS_ONLY | DISCRETE_START | ONE_NUMBER)) = scope.no_states {
                    return self.refuse(span, name, reason);
                }
                return self.scalar_only(name, subscripts, |g| g.time());
            }
            Some(Entity::Failed) => return None,
            Some(Entity::Index) => {
                let message = format!("index `{name}` has no value here");
                self.diagnostics.push(
                    Diagnostic::new(codes::model::INDEX_HERE, span, message)
                        .help(format!("use it as a subscript on the left, or reduce over it: `sum[{name}](…)`")),
                );
                return None;
            }
            Some(Entity::Function) => {
                let message = format!("`{name}` is a function; expected `(` after it");
                self.diagnostics.push(Diagnostic::new(codes::model::UNKNOWN_FUNCTION, span, message));
                return None;
            }
            None if self.observing && subscripts.is_empty() => return self.column_value(name, place),
            None => return self.unknown_name(name, place, scope),
            Some(Entity::Parameter(symbol)) => symbol,
            Some(Entity::Discrete(symbol)) => match scope.no_states {
                Some(reason) => return self.refuse(span, name, reason),
                None => symbol,
            },
            Some(Entity::State(orders)) => {
                if let Some(reason) = scope.no_states {
                    return self.refuse(span, name, reason);
                }
                match orders.get(order as usize) {
                    Some(symbol) => *symbol,
                    None if order as usize == orders.len() => {
                        let prime = format!("{name}{}", "'".repeat(order as usize));
                        return self.definition(&prime, subscripts, span, scope);
                    }
                    None => {
                        let message =
                            format!("the equation of `{name}` gives only derivative {}, not {order}", orders.len());
                        let error = Diagnostic::new(codes::model::PRIME, span, message);
                        self.diagnostics.push(error.help("give a quantity of that order an equation of its own"));
                        return None;
                    }
                }
            }
            Some(Entity::Definition) => return self.definition(name, subscripts, span, scope),
        };
        let list = self.subscripts(symbol, subscripts, span, scope)?;
        let subs = self.graph.subscripts_id(list);
        Some(self.graph.intern(Node::Symbol(symbol, subs)))
    }

    pub(super) fn refuse(&mut self, span: Span, name: &str, reason: &'static str) -> Option<ExprId> {
        let message = format!("`{name}` cannot be used here: {reason}");
        self.diagnostics.push(Diagnostic::new(codes::model::NOT_HERE, span, message).help(way_out(reason, name)));
        None
    }

    fn scalar_only(
        &mut self,
        name: &str,
        subscripts: &[Expr],
        value: impl FnOnce(&mut crate::expr::Graph) -> ExprId,
    ) -> Option<ExprId> {
        if let [first, ..] = subscripts {
            let message = format!("`{name}` is not an array");
            self.diagnostics
                .push(Diagnostic::new(codes::model::SUBSCRIPTS, first.span, message).label("expected no subscript"));
            return None;
        }
        Some(value(&mut self.graph))
    }

    fn unknown_name(&mut self, name: &str, place: Span, scope: &Scope) -> Option<ExprId> {
        // Say it once per name: the same misspelling in ten equations is one error.
        if !self.unknown.insert(name.to_string()) {
            return None;
        }
        let mut diagnostic = Diagnostic::new(codes::model::UNKNOWN_NAME, place, format!("unknown name `{name}`"));
        let visible = self.entities.keys().map(String::as_str);
        let local =
            scope.indices.iter().map(|(n, _)| n.as_str()).chain(scope.arguments.iter().map(|(n, _)| n.as_str()));
        let guess = closest(name, visible.chain(local)).map(str::to_string);
        diagnostic = match (guess, self.found.initials.keys().any(|(known, _)| *known == name)) {
            (_, true) => diagnostic.help(format!("`{name}` has an initial value but no equation `{name}' = …`")),
            (Some(guess), _) => diagnostic.did_you_mean(place, &guess),
            (None, _) if builtin::find(name).is_some() => {
                diagnostic.help(format!("`{name}` is a function: write `{name}(…)`"))
            }
            (None, _) => diagnostic.help(format!("declare it, e.g. `param {name} = 1`, or define it: `{name} = …`")),
        };
        if builtin::find(name).is_none() {
            diagnostic = diagnostic.line_before(place, format!("param {name} = 1"));
        }
        self.diagnostics.push(diagnostic);
        None
    }

    /// A reference to a definition: its expression, or an element of the array it is computed into.
    fn definition(&mut self, name: &str, subscripts: &[Expr], span: Span, scope: &mut Scope) -> Option<ExprId> {
        let definition = self.definitions.get(name)?.clone();
        let value = match definition {
            Definition::Failed => return None,
            Definition::Scalar(value) => self.scalar_only(name, subscripts, |_| value)?,
            Definition::Inline { symbol, ref vars, value } => {
                let list = self.subscripts(symbol, subscripts, span, scope)?;
                if list.iter().any(|s| s.wrap) {
                    self.element_of_definition(symbol, list)
                } else {
                    let mut with = FxHashMap::default();
                    for ((var, ahead), subscript) in vars.iter().zip(&list) {
                        let mut affine = subscript.affine.clone();
                        affine.offset -= ahead;
                        with.insert(*var, affine);
                    }
                    self.graph.substitute(value, &with)
                }
            }
            Definition::Array(symbol) => {
                let list = self.subscripts(symbol, subscripts, span, scope)?;
                self.element_of_definition(symbol, list)
            }
        };
        // What a definition reads is known by its facts; initial values and defaults may not read states through it.
        if let Some(reason) = scope.no_states {
            let reads = self.graph.facts(value).reads;
            let most =
                if reason != NO_STATES_AT_START { crate::expr::Reads::Parameters } else { crate::expr::Reads::Time };
            if reads > most {
                return self.refuse(span, name, reason);
            }
        }
        Some(value)
    }

    fn element_of_definition(&mut self, symbol: SymbolId, list: Vec<Subscript>) -> ExprId {
        let subs = self.graph.subscripts_id(list);
        self.used_arrays.insert(symbol);
        self.graph.intern(Node::Symbol(symbol, subs))
    }

    /// The subscripts of an array reference: as many as dimensions, inside the bounds, wrapped where periodic.
    pub fn subscripts(
        &mut self,
        symbol: SymbolId,
        subscripts: &[Expr],
        span: Span,
        scope: &mut Scope,
    ) -> Option<Vec<Subscript>> {
        if subscripts.is_empty() && self.symbol(symbol).dims.is_empty() {
            return Some(Vec::new());
        }
        let (dims, name) = (self.symbol(symbol).dims.clone(), self.symbol(symbol).name.clone());
        if dims.len() != subscripts.len() {
            let message = match (dims.len(), subscripts.len()) {
                (0, _) => format!("`{name}` is not an array"),
                (n, 0) => format!("`{name}` is an array; expected {n} subscript{}", if n == 1 { "" } else { "s" }),
                (n, m) => format!("`{name}` has {n} dimension{}, found {m} subscript{}", plural(n), plural(m)),
            };
            let mut diagnostic = Diagnostic::new(codes::model::SUBSCRIPTS, span, message);
            if subscripts.is_empty() {
                let indices = ["i", "j", "k", "l"].iter().cycle().take(dims.len()).copied().collect::<Vec<_>>();
                diagnostic = diagnostic
                    .help(format!("write `{}`, or reduce it with `sum[…](…)`", with_subscripts(&name, &indices)));
            }
            self.diagnostics.push(diagnostic);
            return None;
        }
        let mut list = Vec::with_capacity(dims.len());
        for (expr, dim) in subscripts.iter().zip(dims) {
            let mut affine = self.affine(expr, scope)?;
            let (lo, hi) = affine.bounds(&scope.ranges);
            let mut wrap = false;
            if lo < dim.lo || hi > dim.hi {
                if !dim.periodic {
                    let outside = if lo < dim.lo { lo } else { hi };
                    let message = format!(
                        "index out of range: this reaches `{}`",
                        with_subscripts(&name, &[outside.to_string()])
                    );
                    self.diagnostics.push(
                        Diagnostic::new(codes::model::OUT_OF_RANGE, expr.span, message)
                            .label(format!("`{name}` has subscripts {}..{}", dim.lo, dim.hi))
                            .help("state the boundary by its own equation, restrict this one with `for`, or declare the index `periodic`"),
                    );
                    return None;
                }
                let extent = dim.len() as i64;
                let turns = |value: i64| (value - dim.lo).div_euclid(extent);
                match affine.terms.as_slice() {
                    _ if turns(lo) == turns(hi) => affine.offset -= turns(lo) * extent,
                    // One free variable: cut its range where the wrapping changes.
                    [(var, k)] if !scope.bound.contains(var) && k.abs() <= extent => {
                        let (var, k) = (*var, *k);
                        let range = scope.ranges.iter().rev().find(|range| range.var == var)?;
                        let turn_at = |v: i64| turns(affine.offset + k * v);
                        let cut = (range.lo + 1..=range.hi).find(|v| turn_at(*v) != turn_at(*v - 1));
                        if let Some(cut) = cut {
                            scope.cuts.push((var, cut));
                        }
                        wrap = true;
                    }
                    _ => wrap = true,
                }
            }
            list.push(Subscript { affine, wrap });
        }
        Some(list)
    }

    /// A subscript: whole numbers, constants and indices, added and scaled.
    pub fn affine(&mut self, expr: &Expr, scope: &Scope) -> Option<Affine> {
        let result = match &expr.kind {
            ExprKind::Name(name) => scope.indices.iter().rev().find(|(known, _)| known == name).map(|(_, a)| a.clone()),
            ExprKind::Negate(inner) => self.affine(inner, scope).and_then(|a| Affine::default().add_scaled(&a, -1)),
            ExprKind::Sum(terms) => {
                let mut sum = Affine::default();
                for (sign, term) in terms {
                    let term = self.affine(term, scope)?;
                    sum = sum.add_scaled(&term, if *sign == Sign::Plus { 1 } else { -1 })?;
                }
                Some(sum)
            }
            ExprKind::Product(factors) if factors.iter().all(|(how, _)| *how == Factor::Times) => {
                let mut product = Affine::constant(1);
                for (_, factor) in factors {
                    let factor = self.affine(factor, scope)?;
                    product = match (product.as_constant(), factor.as_constant()) {
                        (Some(k), _) => Affine::default().add_scaled(&factor, k)?,
                        (_, Some(k)) => Affine::default().add_scaled(&product, k)?,
                        _ => return self.not_affine(expr),
                    };
                }
                Some(product)
            }
            _ => None,
        };
        if result.is_some() {
            return result;
        }
        if let ExprKind::Name(name) = &expr.kind
            && matches!(
                self.entities.get(name),
                Some(
                    Entity::Index | Entity::Parameter(_) | Entity::Discrete(_) | Entity::State(_) | Entity::Definition
                )
            )
        {
            return match self.entities.get(name) {
                Some(Entity::Index) => {
                    self.expression(expr, &mut scope.clone());
                    None
                }
                _ => self.not_affine(expr),
            };
        }
        self.constant_integer(expr).map(Affine::constant)
    }

    fn not_affine(&mut self, expr: &Expr) -> Option<Affine> {
        let message = "expected whole numbers, constants and indices, added or scaled";
        let error = Diagnostic::new(codes::model::NOT_AFFINE, expr.span, message).label("this cannot be a subscript");
        self.diagnostics.push(error.help("a number that is known beforehand is declared with `const`"));
        None
    }

    fn call(&mut self, function: &Ident, arguments: &[Expr], span: Span, scope: &mut Scope) -> Option<ExprId> {
        let name = function.name.as_str();
        if let Some(user) = self.found.functions.get(name).copied() {
            let values: Vec<_> = arguments.iter().map(|a| self.real(a, scope)).collect();
            if values.len() != user.params.len() {
                self.wrong_count(name, &user.params.len().to_string(), values.len(), span);
                return None;
            }
            let values: Vec<ExprId> = values.into_iter().collect::<Option<_>>()?;
            if self.failed_functions.contains(name) {
                return None;
            }
            let Some(body) = user.body else { return self.call_host(name, values) };
            let key = (name.to_string(), values.clone());
            if let Some(result) = self.calls.get(&key) {
                return *result;
            }
            let mut inner = Scope {
                arguments: user.params.iter().map(|p| p.name.clone()).zip(values).collect(),
                constants_only: scope.constants_only,
                no_states: scope.no_states,
                ..Scope::default()
            };
            let result = self.real(body, &mut inner);
            self.calls.insert(key, result);
            if result.is_none() {
                // Its errors are told once, not at every call.
                self.failed_functions.insert(name.to_string());
            }
            return result;
        }
        let found = self.input(name, arguments, span, scope);
        if let Some(value) = found.or_else(|| self.term(function, arguments, span, scope)) {
            return value;
        }
        let local = scope.arguments.iter().any(|(known, _)| known == name);
        let quantity = !matches!(
            self.entities.get(name),
            None | Some(Entity::Function | Entity::Index | Entity::Pi | Entity::Time | Entity::Const(_))
        );
        if let ([time], false, true) = (arguments, local, quantity) {
            let operand = Expr { span: function.span, kind: ExprKind::Name(name.to_string()) };
            let text = format!("{name}({time})");
            return self.at_another_time(&operand, time, span, text, scope);
        }
        let Some(row) = builtin::find(name) else {
            self.unknown_function(function, arguments);
            return None;
        };
        let values: Vec<_> = arguments.iter().map(|a| self.real(a, scope)).collect();
        let folds = matches!(name, "min" | "max") && values.len() > 2;
        if values.len() != row.arguments.len() && !folds {
            self.wrong_count(name, &row.arguments.len().to_string(), values.len(), span);
            return None;
        }
        let values: Vec<ExprId> = values.into_iter().collect::<Option<_>>()?;
        if folds {
            let op = if name == "min" { Binary::Min } else { Binary::Max };
            let mut rest = values.into_iter();
            let first = rest.next()?;
            return Some(rest.fold(first, |so_far, value| self.graph.binary(op, so_far, value)));
        }
        Some(if name == "stiff" { self.mark(values[0], span) } else { builtin::build(row, &mut self.graph, &values) })
    }

    pub(super) fn wrong_count(&mut self, name: &str, expected: &str, found: usize, span: Span) {
        let message =
            format!("`{name}` takes {expected} argument{}, found {found}", if expected == "1" { "" } else { "s" });
        let mut diagnostic = Diagnostic::new(codes::model::ARGUMENTS, span, message);
        if let Some(row) = builtin::find(name) {
            diagnostic = diagnostic.help(format!("{name}({}): {}", row.arguments.join(", "), row.doc));
        }
        self.diagnostics.push(diagnostic);
    }

    fn unknown_function(&mut self, function: &Ident, arguments: &[Expr]) {
        let name = function.name.as_str();
        if self.entities.contains_key(name) {
            let message = format!("`{name}` is not a function");
            self.diagnostics.push(
                Diagnostic::new(codes::model::UNKNOWN_FUNCTION, function.span, message)
                    .help(format!("to multiply, write `{name}*(…)`")),
            );
            return;
        }
        if !self.unknown.insert(format!("{name}(")) {
            return;
        }
        let known = builtin::BUILTINS.iter().map(|b| b.name).chain(self.found.functions.keys().copied());
        let message = format!("unknown function `{name}`");
        let aliases = [
            ("ln", "log"),
            ("arcsin", "asin"),
            ("arccos", "acos"),
            ("arctan", "atan"),
            ("power", "pow"),
            ("fabs", "abs"),
        ];
        let guess = aliases.iter().find(|(alias, _)| *alias == name).map(|(_, known)| *known);
        let diagnostic = Diagnostic::new(codes::model::UNKNOWN_FUNCTION, function.span, message);
        self.diagnostics.push(match guess.or_else(|| closest(name, known)) {
            Some(guess) => diagnostic.did_you_mean(function.span, guess),
            None => {
                let letters = ["x", "y", "z"].iter().cycle().take(arguments.len().max(1)).copied().collect::<Vec<_>>();
                diagnostic.help(format!("define it: `fn {name}({}) = …`", letters.join(", ")))
            }
        });
    }

    fn reduction(
        &mut self,
        operator: &Ident,
        indices: &[ReductionIndex],
        bodies: &[Expr],
        scope: &mut Scope,
    ) -> Option<ExprId> {
        let (kind, count) = match operator.name.as_str() {
            "sum" => (Reduction::Sum, 1),
            "prod" => (Reduction::Prod, 1),
            "min" => (Reduction::Min, 1),
            "max" => (Reduction::Max, 1),
            _ => (Reduction::Sum, 2),
        };
        if bodies.len() != count {
            self.wrong_count(&format!("{}[…]", operator.name), &count.to_string(), bodies.len(), operator.span);
            return None;
        }
        let mut ranges = Vec::new();
        let mut inner = scope.clone();
        for index in indices {
            let name = index.index.name.as_str();
            if inner.indices.iter().any(|(known, _)| known == name) {
                let message = format!("index `{name}` is already in use here");
                self.diagnostics.push(
                    Diagnostic::new(codes::model::INDEX_IN_USE, index.index.span, message)
                        .help("reduce over an index of another name"),
                );
                return None;
            }
            let (lo, hi) = match (&index.range, self.found.indices.get(name).copied()) {
                (Some(range), _) => self.constant_range(range)?,
                (None, Some(set)) => self.constant_range(set.range)?,
                (None, None) => {
                    let message = format!("`{name}` is not an index");
                    let known = closest(name, self.found.indices.keys().copied());
                    let diagnostic = Diagnostic::new(codes::model::INDEX_HERE, index.index.span, message);
                    self.diagnostics.push(match known {
                        Some(known) => diagnostic.did_you_mean(index.index.span, known),
                        None => diagnostic.help(format!("give its range: `{}[{name} in 1..N](…)`", operator.name)),
                    });
                    return None;
                }
            };
            let var = self.index_variable(name, index.index.span)?;
            inner.indices.push((name.to_string(), Affine::var(var)));
            inner.ranges.push(IndexRange { var, lo, hi });
            inner.bound.push(var);
            ranges.push(IndexRange { var, lo, hi });
        }
        let values: Vec<_> = bodies.iter().map(|body| self.real(body, &mut inner)).collect();
        scope.cuts.append(&mut inner.cuts);
        let values: Vec<ExprId> = values.into_iter().collect::<Option<_>>()?;
        let mut body = *values.first()?;
        if let Some(second) = values.get(1) {
            body = self.graph.mul(body, *second);
        }
        for range in ranges.into_iter().rev() {
            body = self.graph.reduce(kind, range, body);
        }
        Some(body)
    }
}

/// Why states cannot be used in a parameter's default.
pub const PARAMETERS_ONLY: &str = "a parameter's default may use only other parameters and constants";
/// Why states cannot be used in the first value of a discrete quantity.
pub const DISCRETE_START: &str = "a discrete quantity starts from parameters and constants";
/// Why states cannot be used in an initial value.
pub const NO_STATES_AT_START: &str = "initial values may use parameters, constants and the start time";

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
