//! What becomes of the components' parameters, when all statements are there: parameters of the model, or quantities.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Elaborated;
use super::expand::{Expander, Given};
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{Ast, Declaration, Expr, ExprKind, Ident, Item, ItemKind};

/// What a parameter of a component is in the model.
#[derive(Clone, Copy, PartialEq)]
enum Becomes {
    /// A parameter with this default or argument.
    Parameter,
    /// Computed from this default or argument.
    Quantity,
    /// Given by an equation of its own.
    Equation,
    /// Nothing gives it.
    Open,
}

impl Expander<'_> {
    /// The plain model.
    pub fn finish(mut self) -> (Elaborated, Vec<Diagnostic>) {
        if self.full {
            // What is left out would be missed everywhere.
            return (Elaborated { sources: self.sources, ast: Ast::default() }, self.diagnostics);
        }
        self.name_further_indices();
        let becomes = self.decide();
        self.report_open(&becomes);
        let mut given = self.given.into_iter().zip(becomes).map(|(given, becomes)| stated(given, becomes));
        let items = self.statements.into_iter().filter_map(|item| item.or_else(|| given.next().flatten())).collect();
        (Elaborated { sources: self.sources, ast: Ast { items } }, self.diagnostics)
    }

    /// `index i = 1..N` becomes `index i, i.1 = 1..N`.
    fn name_further_indices(&mut self) {
        let mut further: FxHashMap<&str, Vec<&Ident>> = FxHashMap::default();
        for (index, name) in &self.further {
            let names = further.entry(index.as_str()).or_default();
            if names.iter().all(|known| known.name != name.name) {
                names.push(name);
            }
        }
        for statement in &mut self.statements {
            if let Some(Item { kind: ItemKind::Index { names, .. }, .. }) = statement {
                let more: Vec<Ident> =
                    names.iter().flat_map(|name| further.remove(name.name.as_str())).flatten().cloned().collect();
                names.extend(more);
            }
        }
    }

    fn decide(&mut self) -> Vec<Becomes> {
        let places: FxHashMap<&str, usize> =
            self.given.iter().enumerate().map(|(k, given)| (given.declaration.name.name.as_str(), k)).collect();
        let mut becomes: Vec<Becomes> = self
            .given
            .iter()
            .map(|given| match (&given.argument, &given.declaration.value) {
                (None, None) => Becomes::Open,
                _ => Becomes::Parameter,
            })
            .collect();
        if becomes.is_empty() {
            return becomes;
        }
        for statement in &mut self.statements {
            let Some(Item { kind: ItemKind::Equation { lhs, unit, .. }, .. }) = statement else { continue };
            let name = match &lhs.kind {
                ExprKind::Name(name) => name,
                ExprKind::Subscript(name, _) => &name.name,
                _ => continue,
            };
            let Some(place) = places.get(name.as_str()) else { continue };
            if let (Some((argument, _)), true) = (&self.given[*place].argument, becomes[*place] != Becomes::Equation) {
                let message = format!("`{name}` is given by an argument and by an equation");
                self.diagnostics.push(
                    Diagnostic::new(codes::model::DECLARED_TWICE, lhs.span, message)
                        .related(argument.span, "the argument")
                        .help("leave out one of them"),
                );
            }
            becomes[*place] = Becomes::Equation;
            // The component has said its unit.
            *unit = unit.take().or_else(|| self.given[*place].declaration.unit.clone());
        }
        let fixed = Fixed::new(&self.statements);
        // Defaults that read a quantity are quantities, and so on.
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); becomes.len()];
        let mut waiting = Vec::new();
        for (place, given) in self.given.iter().enumerate() {
            match (&given.argument, &given.declaration.value) {
                _ if becomes[place] == Becomes::Equation => waiting.push(place),
                (Some((_, value)), _) if !fixed.holds(value, given) => {
                    becomes[place] = Becomes::Quantity;
                    waiting.push(place);
                }
                (None, Some(default)) => {
                    names(default, &mut |name| {
                        if let Some(read) = places.get(name) {
                            readers[*read].push(place);
                        }
                    });
                }
                _ => {}
            }
        }
        while let Some(place) = waiting.pop() {
            for reader in std::mem::take(&mut readers[place]) {
                if becomes[reader] == Becomes::Parameter {
                    becomes[reader] = Becomes::Quantity;
                    waiting.push(reader);
                }
            }
        }
        becomes
    }

    /// One error per instance that leaves parameters open.
    fn report_open(&mut self, becomes: &[Becomes]) {
        let open = |k: &usize| becomes[*k] == Becomes::Open;
        let all: Vec<usize> = (0..becomes.len()).filter(open).collect();
        for group in all.chunk_by(|a, b| self.given[*a].instance == self.given[*b].instance) {
            let instance = &self.instances[self.given[group[0]].instance];
            let component = &self.scopes.components[instance.component].tree;
            let typed = |k: &usize| {
                let flat = &self.given[*k].declaration.name.name;
                flat.rsplit('.').next().unwrap_or(flat).to_string()
            };
            let list: Vec<String> = group.iter().map(|k| format!("`{}`", typed(k))).collect();
            let message = format!("instance `{}` leaves {} open", instance.name.name, list.join(" and "));
            let first = typed(&group[0]);
            let mut error = Diagnostic::new(codes::components::OPEN, instance.name.span, message);
            for parameter in component.parameters.iter().filter(|p| list.contains(&format!("`{}`", p.name.name))) {
                error = error.related(parameter.name.span, "no default here");
            }
            self.diagnostics.push(error.help(format!(
                "give it here, `{}({first} = …)`, or by an equation `{}.{first} = …`",
                component.name.name, instance.name.name
            )));
        }
    }
}

/// What is known without any quantity: constants, index names, and functions of their arguments alone.
struct Fixed<'a> {
    constants: FxHashSet<&'a str>,
    functions: FxHashMap<&'a str, bool>,
}

impl<'a> Fixed<'a> {
    fn new(statements: &'a [Option<Item>]) -> Self {
        let mut fixed = Fixed { constants: FxHashSet::from_iter(["pi"]), functions: FxHashMap::default() };
        let mut bodies: Vec<(&'a str, &'a [Ident], &'a Expr)> = Vec::new();
        for item in statements.iter().flatten() {
            match &item.kind {
                ItemKind::Const(list) => fixed.constants.extend(list.iter().map(|d| d.name.name.as_str())),
                ItemKind::Index { names, .. } => fixed.constants.extend(names.iter().map(|name| name.name.as_str())),
                ItemKind::Function { name, params, body: Some(body) } => bodies.push((&name.name, params, body)),
                ItemKind::Function { name, body: None, .. } => _ = fixed.functions.insert(&name.name, false),
                _ => {}
            }
        }
        fixed.functions.extend(bodies.iter().map(|(name, ..)| (*name, true)));
        // What a function calls may turn out not to be fixed: until nothing changes.
        loop {
            let fails = |(_, params, body): &&(&str, &[Ident], &Expr)| {
                let locals: Vec<&str> = params.iter().map(|p| p.name.as_str()).collect();
                !fixed.known(body, &locals)
            };
            let failed: Vec<&str> =
                bodies.iter().filter(|body| fixed.functions[body.0]).filter(fails).map(|body| body.0).collect();
            if failed.is_empty() {
                return fixed;
            }
            fixed.functions.extend(failed.into_iter().map(|name| (name, false)));
        }
    }

    /// Whether an argument is fixed for every element of its instance.
    fn holds(&self, value: &Expr, given: &Given) -> bool {
        let domain = given.declaration.domain.iter().map(|clause| clause.index.name.as_str());
        let subscripts = given.declaration.subscripts.iter().filter_map(|subscript| match &subscript.kind {
            ExprKind::Name(name) => Some(name.as_str()),
            _ => None,
        });
        self.known(value, &domain.chain(subscripts).collect::<Vec<_>>())
    }

    fn known(&self, value: &Expr, locals: &[&str]) -> bool {
        let mut locals: Vec<String> = locals.iter().map(|name| name.to_string()).collect();
        walk(value, &mut |expr| {
            if let ExprKind::Reduce(_, indices, _) = &expr.kind {
                locals.extend(indices.iter().map(|index| index.index.name.clone()));
            }
        });
        let mut known = true;
        walk(value, &mut |expr| match &expr.kind {
            ExprKind::Prime(..) | ExprKind::Member(_) => known = false,
            ExprKind::Call(function, _) => known &= self.functions.get(function.name.as_str()) != Some(&false),
            _ => {}
        });
        names(value, &mut |name| known &= self.constants.contains(name) || locals.iter().any(|local| local == name));
        known
    }
}

/// The statement for a parameter of a component.
fn stated(given: Given, becomes: Becomes) -> Option<Item> {
    let Declaration { name, subscripts, .. } = &given.declaration;
    let span = given.declaration.span;
    match becomes {
        // An open one has been told; as a parameter it causes no further errors.
        Becomes::Parameter | Becomes::Open => {
            let mut declaration = given.declaration;
            declaration.value = given.argument.map(|(_, value)| value).or(declaration.value);
            Some(Item { doc: None, span, kind: ItemKind::Param(vec![declaration]) })
        }
        Becomes::Quantity => {
            let kind = match subscripts.as_slice() {
                [] => ExprKind::Name(name.name.clone()),
                _ => ExprKind::Subscript(name.clone(), subscripts.clone()),
            };
            let lhs = Expr { span: name.span, kind };
            let rhs = given.argument.map(|(_, value)| value).or(given.declaration.value)?;
            let kind = ItemKind::Equation { lhs, unit: given.declaration.unit, rhs, domain: given.declaration.domain };
            Some(Item { doc: None, span, kind })
        }
        Becomes::Equation => None,
    }
}

/// The names an expression reads; of functions and reductions only what is inside.
fn names<'e>(expr: &'e Expr, f: &mut dyn FnMut(&'e str)) {
    walk(expr, &mut |expr| match &expr.kind {
        ExprKind::Name(name) => f(name),
        ExprKind::Subscript(name, _) => f(&name.name),
        _ => {}
    });
}

/// Calls `f` on an expression and everything inside it.
fn walk<'e>(expr: &'e Expr, f: &mut dyn FnMut(&'e Expr)) {
    f(expr);
    let mut all = |list: &'e [Expr]| list.iter().for_each(|part| walk(part, f));
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Quantity(..) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Csv(_) => {}
        ExprKind::Made(made) => all(std::slice::from_ref(made.inner())),
        ExprKind::Subscript(_, list) | ExprKind::Call(_, list) | ExprKind::And(list) | ExprKind::Or(list) => all(list),
        ExprKind::Reduce(_, indices, bodies) => {
            for range in indices.iter().filter_map(|index| index.range.as_ref()) {
                [&range.lo, &range.hi].into_iter().for_each(|end| all(std::slice::from_ref(end)));
            }
            all(bodies);
        }
        ExprKind::Member(segments) => segments.iter().for_each(|segment| all(&segment.subscripts)),
        ExprKind::Prime(a, _) | ExprKind::Negate(a) | ExprKind::Not(a) => all(std::slice::from_ref(a)),
        ExprKind::Sum(terms) => terms.iter().for_each(|(_, term)| all(std::slice::from_ref(term))),
        ExprKind::Product(factors) => factors.iter().for_each(|(_, factor)| all(std::slice::from_ref(factor))),
        ExprKind::Power(a, b) | ExprKind::Compare(_, a, b) | ExprKind::Delayed(a, b) => {
            [a, b].into_iter().for_each(|part| all(std::slice::from_ref(part)));
        }
        ExprKind::If(a, b, c) => [a, b, c].into_iter().for_each(|part| all(std::slice::from_ref(part))),
    }
}
