//! Whose names are whose: the names of every file and of every component, before anything is expanded.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::diag::{Diagnostic, codes};
use crate::lang::File;
use crate::lang::ast::{Component, Expr, ExprKind, Ident, Instance, Item, ItemKind};
use crate::order::topological;
use crate::source::{Sources, Span};

/// What a name means in a file or in a component.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// One for the whole model, under this name there.
    Global(Global, String),
    /// A component, by its place in [`Scopes::components`].
    Component(usize),
    /// An instance, which may be an array.
    Instance {
        /// Its component; none if that is unknown, which has been told.
        component: Option<usize>,
        /// How many subscripts it takes.
        rank: usize,
    },
    /// A parameter of a component.
    Parameter,
    /// Anything else that has a value: each instance has its own.
    Quantity,
}

/// The kinds of thing that exist once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Global {
    Constant,
    Index,
    Function,
}

/// A name, and where it is declared.
#[derive(Clone, Debug)]
pub struct Named {
    pub meaning: Meaning,
    pub span: Span,
}

type Names = FxHashMap<String, Named>;

/// The names of one file.
#[derive(Debug, Default)]
pub struct FileScope {
    pub names: Names,
    /// What the independent variable is called.
    pub time: String,
}

/// A component and its names.
#[derive(Debug)]
pub struct Definition {
    /// The file it stands in.
    pub file: usize,
    /// Its name in the model.
    pub name: String,
    /// The whole statement.
    pub span: Span,
    pub tree: Component,
    pub names: Names,
    /// The indices it uses, and other names that are not its own: an index of an array of its instances is called
    /// otherwise.
    pub used: FxHashSet<String>,
    /// The components of its instances.
    pub parts: Vec<usize>,
}

/// The names of all files and components.
#[derive(Debug)]
pub struct Scopes {
    pub files: Vec<FileScope>,
    pub components: Vec<Definition>,
    /// What the files are called.
    file_names: Vec<String>,
    /// Whether the model's own file uses a file (or is it).
    direct: Vec<bool>,
}

impl Scopes {
    /// Collects names. Returns, by file, the statements that are no components, of used files only those that others see;
    /// instances without arguments, which read as equations, are told apart there.
    pub fn new(sources: &Sources, files: Vec<File>, diagnostics: &mut Vec<Diagnostic>) -> (Self, Vec<Vec<Item>>) {
        let direct = (0..files.len()).map(|k| k == 0 || files[0].uses.iter().any(|(used, _)| *used == k)).collect();
        let file_names = sources.all().map(|source| source.name().to_string()).collect();
        let mut scopes = Scopes { files: Vec::new(), components: Vec::new(), file_names, direct };
        let mut uses = Vec::new();
        let mut items: Vec<Vec<Item>> = Vec::new();
        for (place, file) in files.into_iter().enumerate() {
            uses.push(file.uses);
            items.push(scopes.own_names(place, file.ast.items, diagnostics));
        }
        scopes.brought_names(&uses, diagnostics);
        for (file, items) in items.iter_mut().enumerate() {
            scopes.instances_of_file(file, items, diagnostics);
        }
        scopes.names_of_components(diagnostics);
        for items in items.iter_mut().skip(1) {
            let shared = |kind: &ItemKind| {
                matches!(
                    kind,
                    ItemKind::Const(_) | ItemKind::Index { .. } | ItemKind::Function { .. } | ItemKind::Input(_)
                )
            };
            items.retain(|item| shared(&item.kind));
        }
        (scopes, items)
    }

    /// Whether there is nothing to expand.
    pub fn is_plain(&self) -> bool {
        self.components.is_empty() && self.files.len() == 1
    }

    /// What a name of a file is called in the model.
    pub fn flat(&self, file: usize, name: &str) -> String {
        if self.direct[file] { name.to_string() } else { self.apart(file, name) }
    }

    /// A name that only its file sees.
    pub fn apart(&self, file: usize, name: &str) -> String {
        if file == 0 { name.to_string() } else { format!("{}:{name}", self.file_names[file]) }
    }

    /// The names a file declares, and its components.
    fn own_names(&mut self, file: usize, items: Vec<Item>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Item> {
        let mut scope = FileScope { names: Names::default(), time: "t".to_string() };
        let mut rest = Vec::with_capacity(items.len());
        let mut components = Vec::new();
        for item in items {
            match item.kind {
                ItemKind::Component(tree) => components.push((item.span, tree)),
                ItemKind::Use(_) => {}
                _ => rest.push(item),
            }
        }
        // Without components and used files nobody asks.
        if file == 0 && components.is_empty() && self.file_names.len() == 1 {
            self.files.push(scope);
            return rest;
        }
        for item in &rest {
            if let ItemKind::Time(name, _) = &item.kind {
                scope.time = name.name.clone();
            }
            declared(&item.kind, &mut |name, global| {
                let meaning = match global {
                    // Other files do not see index sets.
                    Some(Global::Index) => Meaning::Global(Global::Index, self.apart(file, &name.name)),
                    Some(global) => Meaning::Global(global, self.flat(file, &name.name)),
                    None => Meaning::Quantity,
                };
                // What is declared twice is the checker's to tell.
                scope.names.entry(name.name.clone()).or_insert(Named { meaning, span: name.span });
            });
        }
        for (span, tree) in components {
            let meaning = Meaning::Component(self.components.len());
            if !claim(&mut scope.names, &tree.name, meaning, diagnostics) {
                continue;
            }
            let name = self.flat(file, &tree.name.name);
            let (names, used, parts) = Default::default();
            self.components.push(Definition { file, name, span, tree, names, used, parts });
        }
        self.files.push(scope);
        rest
    }

    /// What each file sees of those it uses.
    fn brought_names(&mut self, uses: &[Vec<(usize, Span)>], diagnostics: &mut Vec<Diagnostic>) {
        // All files' own names first: what a file brings is its own only.
        let own: Vec<Vec<(String, Named)>> = self
            .files
            .iter()
            .map(|file| {
                let shared = |named: &Named| match &named.meaning {
                    Meaning::Component(_) => true,
                    Meaning::Global(kind, _) => *kind != Global::Index,
                    _ => false,
                };
                let mut list: Vec<(String, Named)> =
                    file.names.iter().filter(|(_, named)| shared(named)).map(|(n, m)| (n.clone(), m.clone())).collect();
                list.sort_by_key(|(_, named)| named.span);
                list
            })
            .collect();
        for (file, uses) in uses.iter().enumerate() {
            for (used, span) in uses {
                for (name, named) in &own[*used] {
                    let Some(known) = self.files[file].names.get(name) else {
                        self.files[file].names.insert(name.clone(), named.clone());
                        continue;
                    };
                    let message = format!("`{name}` is declared here and in `{}`", self.file_names[*used]);
                    diagnostics.push(
                        Diagnostic::new(codes::model::DECLARED_TWICE, known.span, message)
                            .related(named.span, "declared here as well")
                            .related(*span, "brought by this")
                            .help("give one of them another name"),
                    );
                }
            }
        }
    }

    /// Tells instances of a file apart from equations, and gives them their names.
    fn instances_of_file(&mut self, file: usize, items: &mut [Item], diagnostics: &mut Vec<Diagnostic>) {
        if self.is_plain() && !items.iter().any(|item| matches!(item.kind, ItemKind::Instance(_))) {
            return;
        }
        let mut names = std::mem::take(&mut self.files[file].names);
        for item in items {
            become_instance(item, &names, None, diagnostics);
            if let ItemKind::Instance(instance) = &item.kind {
                // Instances of a used file are its own business.
                let mut own = Vec::new();
                let told = if file == 0 { &mut *diagnostics } else { &mut own };
                let meaning = Meaning::Instance {
                    component: component_of(instance, &names, None, told),
                    rank: instance.subscripts.len(),
                };
                // An instance without arguments has been taken for an equation's quantity.
                let as_equation =
                    |named: &Named| named.meaning == Meaning::Quantity && named.span == instance.name.span;
                if names.get(&instance.name.name).is_some_and(as_equation) {
                    names.insert(instance.name.name.clone(), Named { meaning, span: instance.name.span });
                } else {
                    claim(&mut names, &instance.name, meaning, told);
                }
            }
        }
        self.files[file].names = names;
    }

    /// The names inside each component.
    fn names_of_components(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        for place in 0..self.components.len() {
            let (file, flat) = (self.components[place].file, self.components[place].name.clone());
            let mut names = Names::default();
            for parameter in &self.components[place].tree.parameters {
                claim(&mut names, &parameter.name, Meaning::Parameter, diagnostics);
            }
            let mut body = std::mem::take(&mut self.components[place].tree.body);
            // Functions and constants first: whether a call makes an instance depends on them.
            for item in &body {
                declared(&item.kind, &mut |name, global| {
                    if let Some(global) = global {
                        claim(&mut names, name, Meaning::Global(global, format!("{flat}.{}", name.name)), diagnostics);
                    }
                });
            }
            let outer = &self.files[file].names;
            let mut parts = Vec::new();
            for item in &mut body {
                become_instance(item, outer, Some(&names), diagnostics);
                if let ItemKind::Instance(instance) = &item.kind {
                    let component = component_of(instance, outer, Some(&names), diagnostics);
                    parts.extend(component);
                    let meaning = Meaning::Instance { component, rank: instance.subscripts.len() };
                    claim(&mut names, &instance.name, meaning, diagnostics);
                    continue;
                }
                declared(&item.kind, &mut |name, global| {
                    // Two statements about one quantity are the checker's to judge.
                    let known = names.get(&name.name).is_some_and(|known| known.meaning == Meaning::Quantity);
                    if global.is_none() && !known {
                        claim(&mut names, name, Meaning::Quantity, diagnostics);
                    }
                });
            }
            let component = &mut self.components[place];
            (component.tree.body, component.names, component.parts) = (body, names, parts);
        }
    }

    /// Reports components that contain themselves; what would close the circle is no part any more. Afterwards `used`
    /// of each component holds what its parts use, too.
    pub fn break_circles(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        let order = loop {
            let parts: Vec<Vec<usize>> = self.components.iter().map(|component| component.parts.clone()).collect();
            let circle = match topological(&parts) {
                Ok(order) => break order,
                Err(circle) => circle,
            };
            let (last, first) = (circle[circle.len() - 1], circle[0]);
            self.components[last].parts.retain(|part| *part != first);
            let name = |k: &usize| format!("`{}`", self.components[*k].tree.name.name);
            let message = match circle.as_slice() {
                [one] => format!("component {} contains itself", name(one)),
                _ => {
                    let chain: Vec<String> = circle.iter().chain(circle.first()).map(name).collect();
                    format!("components contain each other: {}", chain.join(" contains "))
                }
            };
            let instance = self.components[last].tree.body.iter().find(|item| match &item.kind {
                ItemKind::Instance(instance) => match self.components[last].names.get(&instance.name.name) {
                    Some(named) => matches!(named.meaning, Meaning::Instance { component: Some(k), .. } if k == first),
                    None => false,
                },
                _ => false,
            });
            let span = instance.map_or(self.components[last].tree.name.span, |item| item.span);
            let mut error = Diagnostic::new(codes::components::CONTAINS_ITSELF, span, message);
            error = error.related(self.components[first].tree.name.span, "this component");
            diagnostics
                .push(error.help("leave this instance out, or make it of a component that holds none of its own kind"));
        };
        for place in order {
            let mut used = std::mem::take(&mut self.components[place].used);
            for part in &self.components[place].parts {
                used.extend(self.components[*part].used.iter().cloned());
            }
            self.components[place].used = used;
        }
    }
}

/// Gives a name a meaning; false (with a diagnostic) if it has one already.
fn claim(names: &mut Names, name: &Ident, meaning: Meaning, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(known) = names.get(&name.name) else {
        names.insert(name.name.clone(), Named { meaning, span: name.span });
        return true;
    };
    let message = format!("`{}` is already {}", name.name, word(&known.meaning));
    diagnostics.push(
        Diagnostic::new(codes::model::DECLARED_TWICE, name.span, message)
            .label(format!("declared here as {}", word(&meaning)))
            .related(known.span, format!("first declared here as {}", word(&known.meaning)))
            .help("give one of them another name"),
    );
    false
}

fn word(meaning: &Meaning) -> &'static str {
    match meaning {
        Meaning::Global(Global::Constant, _) => "a constant",
        Meaning::Global(Global::Index, _) => "an index",
        Meaning::Global(Global::Function, _) => "a function",
        Meaning::Component(_) => "a component",
        Meaning::Instance { .. } => "an instance",
        Meaning::Parameter => "a parameter of the component",
        Meaning::Quantity => "a quantity",
    }
}

/// The names a statement declares; constants, indices and functions with their kind. Instances are not among them.
fn declared(kind: &ItemKind, f: &mut dyn FnMut(&Ident, Option<Global>)) {
    match kind {
        ItemKind::Const(list) => list.iter().for_each(|d| f(&d.name, Some(Global::Constant))),
        ItemKind::Index { names, .. } => names.iter().for_each(|name| f(name, Some(Global::Index))),
        ItemKind::Function { name, .. } => f(name, Some(Global::Function)),
        ItemKind::Input(input) => f(&input.name, Some(Global::Function)),
        ItemKind::Objective(objective) => f(&objective.name, None),
        ItemKind::Param(list) | ItemKind::Output(list) | ItemKind::Discrete(list) => {
            list.iter().for_each(|d| f(&d.name, None))
        }
        ItemKind::Init(list) => {
            list.iter().filter(|initial| initial.path.is_empty()).for_each(|initial| f(&initial.name, None));
        }
        ItemKind::Equation { lhs, .. } | ItemKind::Addition { lhs, .. } => {
            if let Some(name) = left(lhs) {
                f(&name, None);
            }
        }
        ItemKind::Reaction(reaction) => {
            reaction.label.iter().for_each(|label| f(label, None));
            let own = reaction.reactants.iter().chain(&reaction.products).filter(|species| species.path.is_empty());
            own.for_each(|species| f(&species.name, None));
        }
        ItemKind::Model(_) | ItemKind::Time(..) | ItemKind::Reactions(_) | ItemKind::Solve { .. } => {}
        ItemKind::Component(_) | ItemKind::Instance(_) | ItemKind::Use(_) => {}
        // They speak of what others declare.
        ItemKind::Event(_) | ItemKind::Dose(_) | ItemKind::Doses(_) | ItemKind::Observe(_) => {}
    }
}

/// The name an equation speaks of.
fn left(lhs: &Expr) -> Option<Ident> {
    match &lhs.kind {
        ExprKind::Name(name) => Some(Ident { name: name.clone(), span: lhs.span }),
        ExprKind::Subscript(name, _) => Some(name.clone()),
        ExprKind::Prime(inner, _) => left(inner),
        _ => None,
    }
}

/// An equation whose right side calls a component is an instance without arguments.
fn become_instance(item: &mut Item, outer: &Names, inner: Option<&Names>, diagnostics: &mut Vec<Diagnostic>) {
    let ItemKind::Equation { lhs, unit: None, rhs, domain } = &mut item.kind else { return };
    let ExprKind::Call(component, arguments) = &rhs.kind else { return };
    let hidden = inner.is_some_and(|names| names.contains_key(&component.name));
    let Some(Named { meaning: Meaning::Component(_), .. }) = outer.get(&component.name).filter(|_| !hidden) else {
        return;
    };
    let (name, subscripts) = match &mut lhs.kind {
        ExprKind::Name(name) => (Ident { name: std::mem::take(name), span: lhs.span }, Vec::new()),
        ExprKind::Subscript(name, subscripts) => (name.clone(), std::mem::take(subscripts)),
        // It is told when names are looked up.
        _ => return,
    };
    if let [first, ..] = arguments.as_slice() {
        let message = format!("arguments of a component are given by name, found {}", count(arguments.len()));
        let error = Diagnostic::new(codes::components::ARGUMENT, first.span, message);
        diagnostics.push(error.help(format!("write for example `{} = {}(NAME = {first})`", name.name, component.name)));
    }
    let (component, domain) = (component.clone(), std::mem::take(domain));
    item.kind = ItemKind::Instance(Instance { name, subscripts, component, arguments: Vec::new(), domain });
}

fn count(arguments: usize) -> String {
    if arguments == 1 { "one without a name".to_string() } else { format!("{arguments} without names") }
}

/// The component of an instance; none after a diagnostic.
fn component_of(
    instance: &Instance,
    outer: &Names,
    inner: Option<&Names>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let name = &instance.component;
    let found = inner.and_then(|names| names.get(&name.name)).or_else(|| outer.get(&name.name));
    if let Some(Named { meaning: Meaning::Component(place), .. }) = found {
        return Some(*place);
    }
    let components = outer.iter().filter(|(_, named)| matches!(named.meaning, Meaning::Component(_)));
    let mut known: Vec<&str> = components.map(|(name, _)| name.as_str()).collect();
    known.sort_unstable();
    let error = match found {
        Some(named) => {
            let message = format!("`{}` is {}, not a component", name.name, word(&named.meaning));
            Diagnostic::new(codes::components::UNKNOWN_COMPONENT, name.span, message)
                .related(named.span, "declared here")
        }
        None => {
            let message = format!("unknown component `{}`", name.name);
            Diagnostic::new(codes::components::UNKNOWN_COMPONENT, name.span, message)
        }
    };
    diagnostics.push(match crate::diag::closest(&name.name, known) {
        Some(guess) => error.help(format!("did you mean `{guess}`?")),
        None if found.is_some() => error,
        None => error.help(format!("define it, `component {}(…) {{ … }}`, or `use` the file that does", name.name)),
    });
    None
}
