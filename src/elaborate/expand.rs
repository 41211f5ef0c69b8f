//! Instances one by one: the statements of their components, read under their names.

use super::rewrite::{Frame, Rewriter};
use super::scope::Scopes;
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{Declaration, Expr, Ident, Instance, Item, ItemKind};
use crate::source::{Source, Sources, Span};

/// How deep instances may stand inside each other.
const MAX_DEPTH: usize = 64;
/// The most instances, an array counting once.
const MAX_INSTANCES: usize = 100_000;

/// Expands instances into statements.
pub struct Expander<'s> {
    pub sources: Sources,
    pub scopes: &'s Scopes,
    pub diagnostics: Vec<Diagnostic>,
    /// The statements of the model. Where there is none, the next of [`Self::given`] will stand.
    pub statements: Vec<Option<Item>>,
    /// The parameters of the components, per instance; what becomes of them is known at the end.
    pub given: Vec<Given>,
    /// All instances.
    pub instances: Vec<Placed>,
    /// Further names of index sets.
    pub further: Vec<(String, Ident)>,
    /// Whether the bounds have been exceeded, which is told once.
    pub full: bool,
    depth: usize,
    text: usize,
}

/// A parameter of a component, for one instance.
pub struct Given {
    /// Under its name in the model, with the indices of its instance, and with its default.
    pub declaration: Declaration,
    /// The argument's name where it stands, and its value.
    pub argument: Option<(Ident, Expr)>,
    /// Its place in [`Expander::instances`].
    pub instance: usize,
}

/// An instance.
pub struct Placed {
    /// Its name as typed.
    pub name: Ident,
    pub component: usize,
}

impl<'s> Expander<'s> {
    pub fn new(sources: Sources, scopes: &'s Scopes, diagnostics: Vec<Diagnostic>) -> Self {
        let (statements, given, instances, further) = Default::default();
        Expander { sources, scopes, diagnostics, statements, given, instances, further, full: false, depth: 0, text: 0 }
    }

    /// The statements of a file.
    pub fn file(&mut self, file: usize, items: Vec<Item>) {
        let frame = Frame::of_file(file);
        for mut item in items {
            if let ItemKind::Instance(instance) = &item.kind {
                self.instance(&frame, instance, item.span, true);
                continue;
            }
            Rewriter::new(self.scopes, &frame, Some(&mut self.diagnostics)).item(&mut item);
            self.statements.push(Some(item));
        }
    }

    /// What components have once for all their instances.
    pub fn statics(&mut self) {
        for (place, component) in self.scopes.components.iter().enumerate() {
            let frame = Frame::of_component(place, component);
            for item in component.tree.body.iter().filter(|item| is_static(item)) {
                let mut item = item.clone();
                Rewriter::new(self.scopes, &frame, None).item(&mut item);
                self.statements.push(Some(item));
            }
        }
    }

    fn instance(&mut self, outer: &Frame, instance: &Instance, span: Span, tell: bool) {
        let mut rewriter = Rewriter::new(self.scopes, outer, tell.then_some(&mut self.diagnostics));
        let Some(mut prepared) = rewriter.prepare(instance) else { return };
        if self.full || outer.component.is_some_and(|c| !self.scopes.components[c].parts.contains(&prepared.component))
        {
            return;
        }
        let definition = &self.scopes.components[prepared.component];
        let moved = |offset: u32| offset.wrapping_add(outer.shift);
        let place = Span::new(moved(span.start), moved(span.end));
        self.text += (definition.span.end - definition.span.start) as usize;
        let fits = self.depth < MAX_DEPTH && self.instances.len() < MAX_INSTANCES && self.text <= Source::MAX_BYTES;
        let shift = if fits { self.sources.expand(definition.span, place) } else { None };
        let Some(shift) = shift else { return self.too_many(place) };
        prepared.frame.shift = shift;
        self.further.append(&mut prepared.further);
        let name = Ident { name: instance.name.name.clone(), span: place };
        self.instances.push(Placed { name, component: prepared.component });
        self.parameters(&prepared.frame, &definition.tree.parameters, prepared.arguments);
        self.depth += 1;
        for item in definition.tree.body.iter().filter(|item| !is_static(item)) {
            if let ItemKind::Instance(inner) = &item.kind {
                self.instance(&prepared.frame, inner, item.span, false);
                continue;
            }
            let mut item = item.clone();
            Rewriter::new(self.scopes, &prepared.frame, None).item(&mut item);
            self.statements.push(Some(item));
        }
        self.depth -= 1;
    }

    fn parameters(&mut self, frame: &Frame, list: &[Declaration], mut arguments: Vec<(usize, Ident, Expr)>) {
        let mut list = list.to_vec();
        Rewriter::new(self.scopes, frame, None).parameters(&mut list);
        for (place, declaration) in list.into_iter().enumerate() {
            let argument = arguments.iter().position(|(of, ..)| *of == place).map(|k| arguments.swap_remove(k));
            self.statements.push(None);
            let argument = argument.map(|(_, name, value)| (name, value));
            self.given.push(Given { declaration, argument, instance: self.instances.len() - 1 });
        }
    }

    fn too_many(&mut self, place: Span) {
        self.full = true;
        let message = format!(
            "too many instances: a model has at most {MAX_INSTANCES}, {MAX_DEPTH} deep, with {} MiB of text together",
            Source::MAX_BYTES >> 20
        );
        let error = Diagnostic::new(codes::components::TOO_MANY, place, message).label("with this one");
        self.diagnostics.push(error.help("an array of instances counts once: `c[i] = …` with `index i = 1..1000`"));
    }
}

/// Whether a statement of a component holds once for all its instances.
fn is_static(item: &Item) -> bool {
    matches!(item.kind, ItemKind::Const(_) | ItemKind::Index { .. } | ItemKind::Function { .. })
}
