//! First pass: what the file declares, in the order of its statements.

use super::{Analysis, Entity, EntityId, Role};
use crate::expr::builtin;
use crate::lang::ast::{Ast, Component, Expr, ExprKind, Ident, Item, ItemKind};
use crate::lang::{Lexeme, LexemeKind};
use crate::source::Span;

impl Analysis {
    /// Fills the table of entities with everything that is known in the whole file.
    pub(super) fn collect(&mut self, ast: &Ast) {
        for item in &ast.items {
            // Whether a call makes an instance depends on them.
            if let ItemKind::Component(component) = &item.kind {
                self.define(Role::Component, &component.name, 0, item.doc.as_deref(), Some(item.span));
            }
        }
        for item in &ast.items {
            match &item.kind {
                ItemKind::Component(component) => self.component(component, item.span),
                _ => self.item(item),
            }
        }
        for gap in self.gaps(ast) {
            self.unreadable(gap);
        }
        self.states_at_start(&ast.items);
        if !self.entities.iter().any(|entity| entity.role == Role::Time) {
            let ident = Ident { name: "t".to_string(), span: Span::default() };
            if !self.names.contains_key("t") {
                let id = self.define(Role::Time, &ident, 0, None, None);
                self.entities[id.0].definitions.clear();
            }
        }
    }

    /// What a component declares.
    fn component(&mut self, component: &Component, span: Span) {
        let Some(id) = self.names.get(&component.name.name).copied() else { return };
        let (outer, first) = (std::mem::take(&mut self.names), self.entities.len());
        self.shared = outer;
        for parameter in &component.parameters {
            self.define(Role::Parameter, &parameter.name, 0, None, Some(parameter.span));
        }
        component.body.iter().for_each(|item| self.item(item));
        self.states_at_start(&component.body);
        let outer = std::mem::take(&mut self.shared);
        let own = std::mem::replace(&mut self.names, outer);
        for entity in &mut self.entities[first..] {
            (entity.scope, entity.component) = (Some(span), Some(id));
        }
        self.members.entry(id).or_insert(own);
    }

    /// States whose equation is yet to be written, or could not be read.
    fn states_at_start(&mut self, items: &[Item]) {
        for item in items {
            if let ItemKind::Init(list) = &item.kind {
                for initial in list.iter().filter(|initial| initial.path.is_empty()) {
                    let order = initial.order + 1;
                    let id = match self.names.get(&initial.name.name) {
                        Some(id) => *id,
                        None => self.define(Role::State, &initial.name, order, item.doc.as_deref(), None),
                    };
                    let entity = &mut self.entities[id.0];
                    entity.statements.push(initial.span);
                    entity.doc = entity.doc.take().or_else(|| item.doc.clone());
                }
            }
        }
    }

    /// An instance, of a component of this file or another.
    fn instance(&mut self, name: &Ident, rank: usize, component: &str, item: &Item) {
        let id = self.define(Role::Instance, name, 0, item.doc.as_deref(), Some(item.span));
        self.entities[id.0].rank = rank;
        let component = self.names.get(component).or_else(|| self.shared.get(component)).copied();
        if let Some(component) = component.filter(|c| self.entities[c.0].role == Role::Component) {
            self.instances.insert(id, component);
        }
    }

    /// Whether `NAME()` makes an instance: no function has that name.
    fn makes_instance(&self, name: &str, arguments: &[Expr]) -> bool {
        let known = self.names.get(name).or_else(|| self.shared.get(name));
        match known.map(|id| self.entities[id.0].role) {
            Some(role) => role == Role::Component,
            None => arguments.is_empty() && builtin::find(name).is_none(),
        }
    }

    fn item(&mut self, item: &Item) {
        let doc = item.doc.as_deref();
        match &item.kind {
            ItemKind::Model(name) => {
                // A model may be called like a quantity in it.
                self.push(Entity { doc: item.doc.clone(), ..entity(Role::Model, name, Some(item.span)) });
            }
            ItemKind::Param(list) | ItemKind::Const(list) | ItemKind::Output(list) | ItemKind::Discrete(list) => {
                let role = match &item.kind {
                    ItemKind::Param(_) => Role::Parameter,
                    ItemKind::Const(_) => Role::Constant,
                    ItemKind::Discrete(_) => Role::Discrete,
                    _ => Role::Output,
                };
                for declaration in list {
                    self.define(role, &declaration.name, 0, doc, Some(declaration.span));
                }
            }
            ItemKind::Time(name, _) => _ = self.define(Role::Time, name, 0, doc, Some(item.span)),
            ItemKind::Index { names, .. } => {
                for name in names {
                    self.define(Role::Index, name, 0, doc, Some(item.span));
                }
            }
            ItemKind::Input(input) => _ = self.define(Role::Function, &input.name, 0, doc, Some(item.span)),
            ItemKind::Function { name, .. } => _ = self.define(Role::Function, name, 0, doc, Some(item.span)),
            ItemKind::Equation { lhs, rhs: Expr { kind: ExprKind::Call(component, arguments), .. }, .. }
                if self.makes_instance(&component.name, arguments) =>
            {
                let rank = if let ExprKind::Subscript(_, list) = &lhs.kind { list.len() } else { 0 };
                if let Some((name, _)) = left_side(lhs) {
                    self.instance(&name, rank, &component.name, item);
                }
            }
            ItemKind::Instance(made) => self.instance(&made.name, made.subscripts.len(), &made.component.name, item),
            ItemKind::Equation { lhs, .. } | ItemKind::Addition { lhs, .. } => {
                if let Some((name, order)) = left_side(lhs) {
                    let role = if order == 0 { Role::Definition } else { Role::State };
                    self.define(role, &name, order, doc, Some(item.span));
                }
            }
            ItemKind::Reaction(reaction) => {
                if let Some(label) = &reaction.label {
                    self.define(Role::Reaction, label, 0, doc, Some(item.span));
                }
                let own = reaction.reactants.iter().chain(&reaction.products).filter(|species| species.path.is_empty());
                for species in own {
                    self.define(Role::State, &species.name, 1, None, Some(item.span));
                }
            }
            ItemKind::Component(_) | ItemKind::Use(_) => {}
            ItemKind::Init(_) | ItemKind::Reactions(_) | ItemKind::Solve { .. } => {}
            ItemKind::Objective(objective) => {
                self.define(Role::Definition, &objective.name, 0, doc, Some(item.span));
            }
            ItemKind::Event(_) | ItemKind::Dose(_) | ItemKind::Doses(_) | ItemKind::Observe(_) => {}
        }
    }

    /// Adds a definition to the entity of that name, which comes to be with its first.
    fn define(&mut self, role: Role, name: &Ident, order: u32, doc: Option<&str>, statement: Option<Span>) -> EntityId {
        let id = match self.names.get(&name.name) {
            Some(id) => *id,
            None => {
                let id = self.push(entity(role, name, None));
                self.entities[id.0].definitions.clear();
                self.names.insert(name.name.clone(), id);
                id
            }
        };
        let entity = &mut self.entities[id.0];
        entity.definitions.push(name.span);
        if statement.is_none_or(|statement| entity.statements.last() != Some(&statement)) {
            entity.statements.extend(statement);
        }
        entity.order = entity.order.max(if entity.role == Role::State { order } else { 0 });
        if entity.doc.is_none() {
            entity.doc = doc.map(str::to_string);
        }
        id
    }

    pub(super) fn push(&mut self, entity: Entity) -> EntityId {
        self.entities.push(entity);
        EntityId(self.entities.len() - 1)
    }

    /// The lexemes outside the statements that could be read, one list per stretch between them; comments left out.
    pub(super) fn gaps(&self, ast: &Ast) -> Vec<Vec<Lexeme>> {
        let mut gaps = vec![Vec::new()];
        let mut items = ast.items.iter().peekable();
        for lexeme in &self.lexemes {
            while items.next_if(|item| item.span.end <= lexeme.span.start).is_some() {
                gaps.push(Vec::new());
            }
            let inside = items.peek().is_some_and(|item| item.span.start <= lexeme.span.start);
            let comment = matches!(lexeme.kind, LexemeKind::Comment | LexemeKind::DocComment);
            if let (false, false, Some(gap)) = (inside, comment, gaps.last_mut()) {
                gap.push(*lexeme);
            }
        }
        gaps.retain(|gap| !gap.is_empty());
        gaps
    }

    /// What statements that could not be read seem to declare: the name after a keyword, or at the line's beginning
    /// with `=` or primes after it.
    fn unreadable(&mut self, gap: Vec<Lexeme>) {
        for (k, lexeme) in gap.iter().enumerate().filter(|(_, lexeme)| lexeme.first_on_line) {
            let text = |lexeme: Option<&Lexeme>| lexeme.map_or("", |l| self.source.slice(l.span)).to_string();
            let (next, after) = (gap.get(k + 1), gap.get(k + 2));
            let role = match (lexeme.kind, text(Some(lexeme)).as_str()) {
                (LexemeKind::Name, _) if text(next) == "=" => Some((Role::Definition, lexeme, 0)),
                (LexemeKind::Name, _) if next.is_some_and(|next| next.kind == LexemeKind::Primes) => {
                    let order = next.map_or(0, |primes| primes.span.end - primes.span.start);
                    Some((Role::State, lexeme, order))
                }
                (LexemeKind::Keyword, word) => next.filter(|next| next.kind == LexemeKind::Name).and_then(|next| {
                    let role = match word {
                        "param" => Role::Parameter,
                        "const" => Role::Constant,
                        "output" => Role::Output,
                        "discrete" => Role::Discrete,
                        "index" => Role::Index,
                        "fn" => Role::Function,
                        "time" => Role::Time,
                        "init" => Role::State,
                        _ => return None,
                    };
                    let primes = after.filter(|_| role == Role::State).filter(|a| a.kind == LexemeKind::Primes);
                    let order = primes.map_or(0, |primes| primes.span.end - primes.span.start);
                    Some((role, next, if role == Role::State { order + 1 } else { 0 }))
                }),
                _ => None,
            };
            if let Some((role, place, order)) = role {
                let ident = Ident { name: text(Some(place)), span: place.span };
                if !self.names.contains_key(&ident.name) {
                    self.define(role, &ident, order, None, None);
                }
            }
        }
    }
}

/// An entity with this one definition.
pub(super) fn entity(role: Role, name: &Ident, statement: Option<Span>) -> Entity {
    Entity {
        name: name.name.clone(),
        role,
        doc: None,
        order: 0,
        definitions: vec![name.span],
        statements: statement.into_iter().collect(),
        scope: None,
        component: None,
        rank: 0,
    }
}

/// The name an equation is about, and the order of the derivative it gives.
pub(super) fn left_side(lhs: &Expr) -> Option<(Ident, u32)> {
    match &lhs.kind {
        ExprKind::Name(name) => Some((Ident { name: name.clone(), span: lhs.span }, 0)),
        ExprKind::Subscript(name, _) => Some((name.clone(), 0)),
        ExprKind::Prime(inner, order) => left_side(inner).map(|(name, _)| (name, *order)),
        _ => None,
    }
}
