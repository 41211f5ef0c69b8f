//! Second pass: every name in the text, and what it stands for there.

use super::collect::entity;
use super::{Access, Analysis, EntityId, Mention, Role, Target};
use crate::expr::builtin;
use crate::lang::LexemeKind;
use crate::lang::ast::{Ast, Declaration, Expr, ExprKind, ForClause, Ident, Item, ItemKind, Range, Rate, Segment};
use crate::source::Span;

/// Names known in a part of the file only.
#[derive(Default)]
struct Local {
    arguments: Vec<(String, EntityId)>,
    indices: Vec<(String, EntityId)>,
}

impl Analysis {
    /// Fills the list of mentions.
    pub(super) fn find_mentions(&mut self, ast: &Ast) {
        for item in &ast.items {
            self.item_mentions(item);
        }
        for lexeme in self.gaps(ast).into_iter().flatten() {
            if lexeme.kind == LexemeKind::Name {
                let name = self.source.slice(lexeme.span).to_string();
                self.mention(lexeme.span, self.resolve(&name, &Local::default()), Access::Read);
            }
        }
        self.mentions.sort_by_key(|mention| (mention.span, mention.access == Access::Read));
        self.mentions.dedup_by_key(|mention| mention.span);
        let defined: Vec<(Span, EntityId)> = self
            .entities
            .iter()
            .enumerate()
            .flat_map(|(k, entity)| entity.definitions.iter().map(move |span| (*span, EntityId(k))))
            .collect();
        // Statements that could not be read may define too.
        for (span, id) in defined {
            if let Ok(place) = self.mentions.binary_search_by_key(&span, |mention| mention.span) {
                self.mentions[place].target = Target::Entity(id);
                self.mentions[place].access = Access::Define;
            }
        }
    }

    fn item_mentions(&mut self, item: &Item) {
        let mut local = Local::default();
        match &item.kind {
            ItemKind::Model(name) | ItemKind::Time(name, _) => self.read(name, &local),
            ItemKind::Param(list) | ItemKind::Const(list) | ItemKind::Output(list) | ItemKind::Discrete(list) => {
                list.iter().for_each(|declaration| self.declaration(declaration, &mut local));
            }
            ItemKind::Init(list) => {
                for initial in list {
                    let outer = local.indices.len();
                    self.clauses(&initial.domain, initial.span, &mut local);
                    self.place(&initial.path, &initial.name, Access::Start, &mut local);
                    initial.subscripts.iter().for_each(|part| self.expression(part, &mut local));
                    self.expression(&initial.value, &mut local);
                    local.indices.truncate(outer);
                }
            }
            ItemKind::Index { names, range, .. } => {
                names.iter().for_each(|name| self.read(name, &local));
                self.range(range, &mut local);
            }
            ItemKind::Function { name, params, body } => {
                self.read(name, &local);
                for param in params {
                    let id = self.local(Role::Argument, param, item.span);
                    self.mention(param.span, Target::Entity(id), Access::Define);
                    local.arguments.push((param.name.clone(), id));
                }
                body.iter().for_each(|body| self.expression(body, &mut local));
            }
            ItemKind::Equation { lhs, rhs, domain, .. } | ItemKind::Addition { lhs, rhs, domain } => {
                self.clauses(domain, item.span, &mut local);
                self.expression(lhs, &mut local);
                self.expression(rhs, &mut local);
            }
            ItemKind::Reaction(reaction) => {
                self.clauses(&reaction.domain, item.span, &mut local);
                reaction.label.iter().for_each(|label| self.read(label, &Local::default()));
                for species in reaction.reactants.iter().chain(&reaction.products) {
                    self.place(&species.path, &species.name, Access::Read, &mut local);
                    species.subscripts.iter().for_each(|part| self.expression(part, &mut local));
                }
                match &reaction.rate {
                    Rate::MassAction(rate) | Rate::Explicit(rate) => self.expression(rate, &mut local),
                    Rate::Reversible(forward, reverse) => {
                        self.expression(forward, &mut local);
                        self.expression(reverse, &mut local);
                    }
                }
            }
            ItemKind::Event(event) => {
                self.clauses(&event.domain, item.span, &mut local);
                event.expressions().into_iter().for_each(|part| self.expression(part, &mut local));
            }
            ItemKind::Dose(dose) => {
                self.clauses(&dose.domain, item.span, &mut local);
                dose.expressions().into_iter().for_each(|part| self.expression(part, &mut local));
            }
            ItemKind::Input(input) => self.read(&input.name, &local),
            ItemKind::Doses(doses) => {
                let expressions = doses.settings.iter().flat_map(crate::lang::ast::DoseSetting::expressions);
                expressions.for_each(|part| self.expression(part, &mut local));
            }
            ItemKind::Objective(objective) => {
                self.read(&objective.name, &local);
                self.expression(&objective.value, &mut local);
            }
            ItemKind::Observe(observation) => {
                observation.arguments.iter().for_each(|part| self.expression(part, &mut local));
            }
            ItemKind::Reactions(_) => {}
            ItemKind::Use(_) => {}
            ItemKind::Component(component) => {
                self.read(&component.name, &local);
                self.inside = self.names.get(&component.name.name).copied();
                component.parameters.iter().for_each(|parameter| self.declaration(parameter, &mut local));
                component.body.iter().for_each(|item| self.item_mentions(item));
                self.inside = None;
            }
            ItemKind::Instance(instance) => {
                self.clauses(&instance.domain, item.span, &mut local);
                self.read(&instance.name, &Local::default());
                self.read(&instance.component, &Local::default());
                let component = self.known(&instance.component.name);
                for (name, _) in &instance.arguments {
                    let member = component.and_then(|component| self.member(component, &name.name));
                    self.mention(name.span, member.map_or(Target::Unknown, Target::Entity), Access::Read);
                }
                let values = instance.arguments.iter().map(|(_, value)| value);
                instance.subscripts.iter().chain(values).for_each(|part| self.expression(part, &mut local));
            }
            ItemKind::Solve { variable, range, options } => {
                self.read(variable, &local);
                self.range(range, &mut local);
                for (name, value) in options {
                    self.mention(name.span, Target::Setting, Access::Define);
                    self.setting(&name.name, value, &mut local);
                }
            }
        }
    }

    fn declaration(&mut self, declaration: &Declaration, local: &mut Local) {
        let outer = local.indices.len();
        self.clauses(&declaration.domain, declaration.span, local);
        self.read(&declaration.name, local);
        let bounds = declaration.bounds.iter().flat_map(|(lo, hi)| [lo, hi]);
        let parts = declaration.subscripts.iter().chain(&declaration.value).chain(bounds);
        parts.for_each(|part| self.expression(part, local));
        local.indices.truncate(outer);
    }

    /// A name behind instances, `c[i].axon.V`, or by itself.
    fn place(&mut self, path: &[Segment], name: &Ident, access: Access, local: &mut Local) {
        let mut component: Option<Option<EntityId>> = None;
        for segment in path {
            let target = self.part(component, &segment.name, local);
            self.mention(segment.name.span, target, Access::Read);
            segment.subscripts.iter().for_each(|part| self.expression(part, local));
            component = Some(match target {
                Target::Entity(id) => self.component_of(id),
                _ => None,
            });
        }
        let target = self.part(component, name, local);
        self.mention(name.span, target, access);
    }

    /// What a name means behind an instance of a component (known or not), or at the beginning.
    fn part(&self, component: Option<Option<EntityId>>, name: &Ident, local: &Local) -> Target {
        match component {
            None => self.resolve(&name.name, local),
            Some(component) => {
                component.and_then(|id| self.member(id, &name.name)).map_or(Target::Unknown, Target::Entity)
            }
        }
    }

    /// What the statement being read calls `name`.
    fn known(&self, name: &str) -> Option<EntityId> {
        let own = self.inside.and_then(|component| self.member(component, name));
        let visible = |id: &EntityId| self.inside.is_none() || self.entities[id.0].role.is_shared();
        own.or_else(|| self.names.get(name).copied().filter(visible))
    }

    /// The value of a solve block's option: some are words of their own.
    fn setting(&mut self, name: &str, value: &Expr, local: &mut Local) {
        match (&value.kind, name) {
            (ExprKind::Name(_), "method" | "save") => self.mention(value.span, Target::Choice, Access::Read),
            (ExprKind::Call(grid, arguments), "save") => {
                self.mention(grid.span, Target::Choice, Access::Read);
                arguments.iter().for_each(|part| self.expression(part, local));
            }
            _ => self.expression(value, local),
        }
    }

    fn clauses(&mut self, domain: &[ForClause], scope: Span, local: &mut Local) {
        for clause in domain {
            self.range(&clause.range, local);
            self.bring_index(&clause.index, scope, local);
        }
    }

    /// An index of a `for` clause or reduction: the declared one, or one that is known in `scope` only.
    fn bring_index(&mut self, index: &Ident, scope: Span, local: &mut Local) {
        let declared = self.known(&index.name).filter(|id| self.entities[id.0].role == Role::Index);
        match declared {
            Some(id) => {
                self.mention(index.span, Target::Entity(id), Access::Read);
                local.indices.push((index.name.clone(), id));
            }
            None => {
                let id = self.local(Role::Index, index, scope);
                self.mention(index.span, Target::Entity(id), Access::Define);
                local.indices.push((index.name.clone(), id));
            }
        }
    }

    fn local(&mut self, role: Role, name: &Ident, scope: Span) -> EntityId {
        let mut entity = entity(role, name, Some(scope));
        entity.scope = Some(scope);
        self.push(entity)
    }

    fn range(&mut self, range: &Range, local: &mut Local) {
        self.expression(&range.lo, local);
        self.expression(&range.hi, local);
    }

    fn expression(&mut self, expr: &Expr, local: &mut Local) {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Quantity(..) | ExprKind::Bool(_) | ExprKind::Csv(_) => {}
            ExprKind::Made(made) => self.expression(made.inner(), local),
            ExprKind::Name(name) => self.mention(expr.span, self.resolve(name, local), Access::Read),
            ExprKind::Subscript(name, list) => {
                self.read(name, local);
                list.iter().for_each(|part| self.expression(part, local));
            }
            ExprKind::Member(segments) => {
                if let Some((last, path)) = segments.split_last() {
                    self.place(path, &last.name, Access::Read, local);
                    last.subscripts.iter().for_each(|part| self.expression(part, local));
                }
            }
            ExprKind::Call(function, list) => {
                self.mention(function.span, self.function(&function.name), Access::Read);
                list.iter().for_each(|part| self.expression(part, local));
            }
            ExprKind::Reduce(operator, indices, bodies) => {
                self.mention(operator.span, Target::Reduction, Access::Read);
                let outer = local.indices.len();
                for index in indices {
                    index.range.iter().for_each(|range| self.range(range, local));
                    self.bring_index(&index.index, expr.span, local);
                }
                bodies.iter().for_each(|part| self.expression(part, local));
                local.indices.truncate(outer);
            }
            ExprKind::And(list) | ExprKind::Or(list) => list.iter().for_each(|part| self.expression(part, local)),
            ExprKind::Prime(inner, _) | ExprKind::Negate(inner) | ExprKind::Not(inner) => self.expression(inner, local),
            ExprKind::Sum(terms) => terms.iter().for_each(|(_, term)| self.expression(term, local)),
            ExprKind::Product(factors) => factors.iter().for_each(|(_, factor)| self.expression(factor, local)),
            ExprKind::Power(a, b) | ExprKind::Compare(_, a, b) | ExprKind::Delayed(a, b) => {
                self.expression(a, local);
                self.expression(b, local);
            }
            ExprKind::If(condition, yes, no) => {
                [condition, yes, no].into_iter().for_each(|part| self.expression(part, local));
            }
        }
    }

    fn read(&mut self, name: &Ident, local: &Local) {
        self.mention(name.span, self.resolve(&name.name, local), Access::Read);
    }

    fn mention(&mut self, span: Span, target: Target, access: Access) {
        self.mentions.push(Mention { span, target, access });
    }

    /// What a name means where no call follows it.
    fn resolve(&self, name: &str, local: &Local) -> Target {
        let found = local.arguments.iter().chain(local.indices.iter().rev()).find(|(known, _)| known == name);
        if let Some((_, id)) = found {
            return Target::Entity(*id);
        }
        match self.known(name) {
            Some(id) => Target::Entity(id),
            None if name == "pi" => Target::Pi,
            None => self.function(name),
        }
    }

    /// What a name means where a call follows it.
    fn function(&self, name: &str) -> Target {
        let own = self.known(name);
        let function = own.filter(|id| self.entities[id.0].role == Role::Function);
        match (function, builtin::find(name), own) {
            (Some(id), ..) => Target::Entity(id),
            (None, Some(row), _) => Target::Builtin(row.name),
            (None, None, Some(id)) => Target::Entity(id),
            (None, None, None) => Target::Unknown,
        }
    }
}
