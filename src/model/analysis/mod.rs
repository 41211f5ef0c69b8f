//! Who is mentioned where: the symbol table editors ask. It works on files with errors too, from the statements that
//! could be read and, in those that could not, from their words.
//!
//! Nothing is checked here and nothing reported: what is wrong is [`super::check`]'s business. What a name means is
//! decided as the checker decides it: arguments of the function around, then indices of reductions and `for` clauses,
//! then the file's own names, then builtin functions.
//!
//! Invariants: mentions ascend and do not overlap; every mention lies in the text, on character boundaries.

mod collect;
mod mentions;
mod values;

use rustc_hash::FxHashMap;

use crate::diag::Diagnostic;
use crate::lang::ast::Ast;
use crate::lang::{Lexeme, lexemes, parse};
use crate::source::{Source, Span};

/// The place of an entity in [`Analysis::entities`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(pub usize);

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// What `model NAME` says.
    Model,
    /// The independent variable.
    Time,
    /// Known when compiled.
    Constant,
    /// Given from outside.
    Parameter,
    /// Integrated.
    State,
    /// Computed from others.
    Definition,
    /// Computed and recorded.
    Output,
    /// Constant between events.
    Discrete,
    /// An index set, or an index of a `for` clause or reduction.
    Index,
    /// A function of the file.
    Function,
    /// A reaction's label: its net flux.
    Reaction,
    /// An argument of a function of the file.
    Argument,
    /// A component of the file.
    Component,
    /// An instance of a component, or an array of them.
    Instance,
}

impl Role {
    /// Whether the statements of a component see it, where it is declared outside of them.
    pub fn is_shared(self) -> bool {
        matches!(self, Role::Constant | Role::Index | Role::Function | Role::Component | Role::Time)
    }

    /// In words, without an article.
    pub fn word(self) -> &'static str {
        match self {
            Role::Model => "model",
            Role::Time => "independent variable",
            Role::Constant => "constant",
            Role::Parameter => "parameter",
            Role::State => "state",
            Role::Definition => "definition",
            Role::Output => "output",
            Role::Discrete => "discrete quantity",
            Role::Index => "index",
            Role::Function => "function",
            Role::Reaction => "reaction",
            Role::Argument => "argument",
            Role::Component => "component",
            Role::Instance => "instance",
        }
    }
}

/// Something with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The doc comment of the first statement about it that has one.
    pub doc: Option<String>,
    /// The order of a state's equation; 0 for everything else.
    pub order: u32,
    /// Its name where it is declared or defined; none for an independent variable that nothing declares.
    pub definitions: Vec<Span>,
    /// The statements that define it or give its initial values, from first to last character.
    pub statements: Vec<Span>,
    /// Where it is known: everywhere, or in this statement or reduction only.
    pub scope: Option<Span>,
    /// The component it belongs to.
    pub component: Option<EntityId>,
    /// How many subscripts it is declared with, of an instance.
    pub rank: usize,
}

/// A name in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mention {
    /// The name, primes and subscripts excluded.
    pub span: Span,
    /// What it stands for.
    pub target: Target,
    /// What is done with it there.
    pub access: Access,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Something of the file.
    Entity(EntityId),
    /// A builtin function.
    Builtin(&'static str),
    /// `sum`, `prod`, `min`, `max` or `dot` with indices in brackets.
    Reduction,
    /// The number pi.
    Pi,
    /// An option of a solve block.
    Setting,
    /// A word that only an option's value may be: a method, or a grid of points to keep.
    Choice,
    /// Nothing that is known.
    Unknown,
}

/// What is done with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Declared or defined.
    Define,
    /// Given its initial value.
    Start,
    /// Used.
    Read,
}

/// The names of one text.
#[derive(Clone, Debug)]
pub struct Analysis {
    source: Source,
    ast: Ast,
    errors: Vec<Diagnostic>,
    lexemes: Vec<Lexeme>,
    entities: Vec<Entity>,
    names: FxHashMap<String, EntityId>,
    /// While a component is read: the file's names.
    shared: FxHashMap<String, EntityId>,
    /// By component, what it declares.
    members: FxHashMap<EntityId, FxHashMap<String, EntityId>>,
    /// By instance, its component.
    instances: FxHashMap<EntityId, EntityId>,
    /// The component whose statements are being read.
    inside: Option<EntityId>,
    mentions: Vec<Mention>,
}

impl Analysis {
    /// Reads a text, whatever is in it.
    pub fn new(source: Source) -> Analysis {
        let (ast, errors) = parse(&source);
        let lexemes = if source.text().len() > Source::MAX_BYTES { Vec::new() } else { lexemes(source.text()) };
        let mut analysis = Analysis {
            source,
            ast: Ast::default(),
            errors,
            lexemes,
            entities: Vec::new(),
            names: FxHashMap::default(),
            shared: FxHashMap::default(),
            members: FxHashMap::default(),
            instances: FxHashMap::default(),
            inside: None,
            mentions: Vec::new(),
        };
        analysis.collect(&ast);
        analysis.find_mentions(&ast);
        analysis.ast = ast;
        analysis
    }

    /// The text.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The statements that could be read.
    pub fn ast(&self) -> &Ast {
        &self.ast
    }

    /// Why the others could not.
    pub fn errors(&self) -> &[Diagnostic] {
        &self.errors
    }

    /// The words and signs of the text, in order.
    pub fn lexemes(&self) -> &[Lexeme] {
        &self.lexemes
    }

    /// Everything that has a name, in the order of its first definition; arguments and local indices after that.
    pub fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// The entity with that id.
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0]
    }

    /// All names of the text, in order.
    pub fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    /// The name at a byte offset: inside it or at one of its ends.
    pub fn mention_at(&self, offset: u32) -> Option<&Mention> {
        let next = self.mentions.partition_point(|mention| mention.span.start <= offset);
        self.mentions[..next].last().filter(|mention| offset <= mention.span.end)
    }

    /// The entity of that name that is known at a byte offset, the innermost first.
    pub fn lookup(&self, name: &str, offset: u32) -> Option<EntityId> {
        self.visible_at(offset).find(|id| self.entities[id.0].name == name)
    }

    /// What is known at a byte offset: arguments and local indices, then the file's names.
    pub fn visible_at(&self, offset: u32) -> impl Iterator<Item = EntityId> + '_ {
        let inside = move |span: &Span| span.start <= offset && offset <= span.end;
        let all = || self.entities.iter().enumerate();
        let in_component = all().any(|(_, e)| e.role == Role::Component && e.statements.iter().any(inside));
        let local = all().filter(move |(_, entity)| entity.scope.as_ref().is_some_and(inside));
        let outer = all().filter(move |(_, e)| e.scope.is_none() && (!in_component || e.role.is_shared()));
        local.chain(outer).map(|(k, _)| EntityId(k))
    }

    /// The component of an instance, if it is of this file.
    pub fn component_of(&self, instance: EntityId) -> Option<EntityId> {
        self.instances.get(&instance).copied()
    }

    /// What a component declares, in the order of the text.
    pub fn members(&self, component: EntityId) -> Vec<EntityId> {
        let mut list: Vec<EntityId> =
            self.members.get(&component).into_iter().flat_map(|m| m.values()).copied().collect();
        list.sort_unstable();
        list
    }

    /// What a component calls `name`.
    pub fn member(&self, component: EntityId, name: &str) -> Option<EntityId> {
        self.members.get(&component)?.get(name).copied()
    }

    /// The names an entity has in the model: its own or, of a component's, one for every instance in the file's own
    /// statements, with empty brackets for the subscripts of an array.
    pub fn names_in_model(&self, id: EntityId) -> Vec<String> {
        let entity = self.entity(id);
        let Some(component) = entity.component else { return vec![entity.name.clone()] };
        let mut all: Vec<(EntityId, String)> = Vec::new();
        for (instance, of) in &self.instances {
            let instance_of = self.entity(*instance);
            if *of == component && instance_of.component.is_none() {
                let slot = match instance_of.rank {
                    0 => String::new(),
                    rank => format!("[{}]", ",".repeat(rank - 1)),
                };
                all.push((*instance, format!("{}{slot}.{}", instance_of.name, entity.name)));
            }
        }
        all.sort();
        all.into_iter().map(|(_, name)| name).collect()
    }

    /// All mentions of what a mention stands for: an entity's, or the same builtin's.
    pub fn mentions_of(&self, target: Target) -> impl Iterator<Item = &Mention> + '_ {
        self.mentions.iter().filter(move |mention| mention.target == target)
    }

    /// Why an entity cannot be called `name`; nothing if it can, with every mention meaning what it meant.
    pub fn cannot_rename(&self, id: EntityId, name: &str) -> Option<String> {
        use crate::expr::builtin;
        let entity = self.entity(id);
        if entity.definitions.is_empty() {
            let old = &entity.name;
            return Some(format!(
                "`{old}` is declared nowhere: write `time {name}` to rename the independent variable"
            ));
        }
        if crate::lang::keywords().contains(&name) {
            return Some(format!("`{name}` is a keyword"));
        }
        if !crate::lang::is_name(name) {
            return Some(format!("`{name}` is not a name: a letter or `_` comes first, then letters, digits and `_`"));
        }
        if name == "pi" || (entity.role == Role::Function && builtin::find(name).is_some()) {
            return Some(format!("`{name}` is builtin"));
        }
        let clash = self.entities.iter().enumerate().find(|(k, other)| {
            let overlap = match (entity.scope, other.scope) {
                (Some(a), Some(b)) => a.start < b.end && b.start < a.end,
                _ => true,
            };
            *k != id.0 && other.name == name && overlap && other.role != Role::Model && entity.role != Role::Model
        });
        clash.map(|(_, other)| format!("`{name}` is already the name of a{} {}", an(other.role), other.role.word()))
    }
}

fn an(role: Role) -> &'static str {
    if role.word().starts_with(['a', 'e', 'i', 'o', 'u']) { "n" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysis(text: &str) -> Analysis {
        Analysis::new(Source::new("m", text))
    }

    /// Whole names: the place of the `n`-th mention of `word`, and the numbers of those that stand for the same.
    fn same(text: &str, word: &str, n: usize) -> Vec<usize> {
        let analysis = analysis(text);
        let all: Vec<&Mention> =
            analysis.mentions().iter().filter(|m| analysis.source().slice(m.span) == word).collect();
        (0..all.len()).filter(|k| all[*k].target == all[n].target).collect()
    }

    #[test]
    fn arguments_hide_the_files_names() {
        let text = "param k = 1\nfn f(k) = k^2\nx' = k*f(k)\ninit x = k";
        assert_eq!(same(text, "k", 0), [0, 3, 4, 5]);
        assert_eq!(same(text, "k", 1), [1, 2]);
    }

    #[test]
    fn indices_are_local_where_nothing_declares_them() {
        let text = "index i = 1..3\nu[i]' = sum[j in 1..3](u[j]) for i in 1..3\ninit u[i] = sum[j in 1..2](j)";
        assert_eq!(same(text, "i", 0), [0, 1, 2, 3]);
        assert_eq!(same(text, "j", 0), [0, 1]);
        assert_eq!(same(text, "j", 2), [2, 3]);
    }

    #[test]
    fn unreadable_statements_keep_their_names() {
        let text = "param k = 1\nx' = -k*\ninit x = 1\ny = x +* k\nz = x";
        assert_eq!(same(text, "k", 0), [0, 1, 2]);
        assert_eq!(same(text, "x", 0), [0, 1, 2, 3]);
        let analysis = analysis(text);
        let roles: Vec<_> = analysis.entities().iter().map(|e| (e.name.as_str(), e.role)).collect();
        assert!(roles.contains(&("x", Role::State)) && roles.contains(&("y", Role::Definition)), "{roles:?}");
    }

    #[test]
    fn reactions_make_states_and_labels() {
        let text = "bind: E + S <-> C @ kf, kr\nE' += bind\ninit E = 1";
        let analysis = analysis(text);
        let find = |name: &str| analysis.entities().iter().find(|e| e.name == name).map(|e| (e.role, e.order));
        assert_eq!(find("E"), Some((Role::State, 1)));
        assert_eq!(find("bind"), Some((Role::Reaction, 0)));
        assert_eq!(same(text, "bind", 0), [0, 1]);
        assert_eq!(analysis.mentions().iter().filter(|m| m.target == Target::Unknown).count(), 2);
    }

    #[test]
    fn components_have_names_of_their_own() {
        let text = "param k = 1\nconst N = 2\ncomponent C(k) {\n  init x = N\n  x' = -k*x\n}\nc[i] = C(k = k) for i in 1..N\n\
                    d = C(k = 1)\nlost = D()\noutput y = c[1].x + lost.x + d.k";
        assert_eq!(same(text, "k", 0), [0, 4]);
        assert_eq!(same(text, "k", 1), [1, 2, 3, 5, 6]);
        assert_eq!(same(text, "x", 0), [0, 1, 2, 3]);
        assert_eq!(same(text, "N", 0), [0, 1, 2]);
        let analysis = analysis(text);
        let id = |name: &str, at: u32| analysis.lookup(name, at).unwrap();
        let inside = text.find("init").unwrap() as u32;
        assert_eq!(analysis.names_in_model(id("x", inside)), ["c[].x", "d.x"]);
        assert_eq!(analysis.entity(id("lost", 0)).role, Role::Instance);
        let visible: Vec<&str> = analysis.visible_at(inside).map(|id| analysis.entity(id).name.as_str()).collect();
        assert_eq!(visible, ["k", "x", "C", "N", "t"]);
    }

    #[test]
    fn new_names_are_refused_for_a_reason() {
        let analysis = analysis("param k = 1\nx' = k\ninit x = 1\nfn f(a) = a\ny = t");
        let id = |name: &str| analysis.lookup(name, 0).unwrap();
        for bad in ["if", "2k", "x", "pi", "", "k'"] {
            assert!(analysis.cannot_rename(id("k"), bad).is_some(), "{bad}");
        }
        assert_eq!(analysis.cannot_rename(id("k"), "gamma"), None);
        assert!(analysis.cannot_rename(id("f"), "gamma").is_some());
        assert!(analysis.cannot_rename(id("t"), "z").is_some_and(|reason| reason.contains("time z")));
    }

    #[test]
    fn values_follow_constants_and_defaults() {
        let text =
            "const N = 4, M = N^2 - 1\nparam a = sqrt(M + 1), b = a*t, c = d, d = c\nfn f(x) = x\nparam e = f(1)";
        let analysis = analysis(text);
        let values = analysis.values();
        let value = |name: &str| analysis.lookup(name, 0).and_then(|id| values.get(&id).copied());
        assert_eq!((value("N"), value("M"), value("a")), (Some(4.0), Some(15.0), Some(4.0)));
        assert_eq!((value("b"), value("c"), value("e")), (None, None, None));
    }
}
