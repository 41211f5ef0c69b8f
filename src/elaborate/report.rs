//! What is said about names that mean nothing, or something else than is needed.

use super::rewrite::{Place, Rewriter};
use super::scope::{Definition, Global, Meaning};
use crate::diag::{Code, Diagnostic, closest, codes};
use crate::lang::ast::Ident;
use crate::source::Span;

impl Rewriter<'_, '_> {
    pub(super) fn report(&mut self, error: impl FnOnce() -> Diagnostic) {
        if let Some(diagnostics) = &mut self.diagnostics {
            diagnostics.push(error());
        }
    }

    fn complain(&mut self, code: Code, span: Span, message: String, help: String) {
        self.report(|| Diagnostic::new(code, span, message).help(help));
    }

    pub(super) fn no_value(&mut self, name: &Ident, meaning: &Meaning, declared: Span) {
        let (what, help) = match meaning {
            Meaning::Instance { .. } => ("an instance", format!("name one of its quantities: `{}.…`", name.name)),
            Meaning::Component(_) => {
                ("a component", format!("an instance of it is a statement of its own: `NAME = {}(…)`", name.name))
            }
            Meaning::Global(Global::Index, _) => ("an index of the component", "indices have no value outside".into()),
            _ => ("a function of the component", "functions are called where they are declared".into()),
        };
        let message = format!("`{}` is {what}; expected a quantity", name.name);
        let error = Diagnostic::new(codes::components::NOT_A_VALUE, name.span, message).help(help);
        self.report(|| if declared == name.span { error } else { error.related(declared, "declared here") });
    }

    pub(super) fn no_instance(&mut self, name: &Ident) {
        let names = match self.frame.component {
            Some(place) => &self.scopes.components[place].names,
            None => &self.scopes.files[self.frame.file].names,
        };
        let instances = names.iter().filter(|(_, named)| matches!(named.meaning, Meaning::Instance { .. }));
        let mut instances: Vec<&str> = instances.map(|(name, _)| name.as_str()).collect();
        instances.sort_unstable();
        let message = format!("`{}` is not an instance of a component", name.name);
        let error = Diagnostic::new(codes::components::NOT_INSTANCE, name.span, message);
        let error = match closest(&name.name, instances) {
            Some(guess) if guess != name.name => error.help(format!("did you mean `{guess}`?")),
            _ => error.help("a dot follows an instance, made by a statement such as `a = Cell()`"),
        };
        self.report(|| error);
    }

    pub(super) fn wrong_rank(&mut self, name: &Ident, rank: usize, found: usize) {
        let (message, help) = match rank {
            0 => (format!("`{}` is a single instance, not an array", name.name), format!("write `{}.…`", name.name)),
            _ => (
                format!("`{}` is an array of instances; expected {rank} subscript(s), found {found}", name.name),
                format!(
                    "write `{}[{}].…`",
                    name.name,
                    ["i", "j", "k"].iter().cycle().take(rank).copied().collect::<Vec<_>>().join(",")
                ),
            ),
        };
        self.complain(codes::model::SUBSCRIPTS, name.span, message, help);
    }

    pub(super) fn no_member(&mut self, component: &Definition, name: &Ident) {
        let message = format!("component `{}` has no `{}`", component.tree.name.name, name.name);
        let mut known: Vec<&str> = component.names.keys().map(String::as_str).collect();
        known.sort_unstable();
        let error = Diagnostic::new(codes::components::UNKNOWN_MEMBER, name.span, message);
        let error = error.related(component.tree.name.span, "the component");
        let error = match closest(&name.name, known.iter().copied()) {
            Some(guess) => error.help(format!("did you mean `{guess}`?")),
            None => error.help(format!("it has {}", known.join(", "))),
        };
        self.report(|| error);
    }

    pub(super) fn not_visible(&mut self, name: &Ident, declared: Span) {
        let component = self.frame.component.map_or("", |place| &self.scopes.components[place].tree.name.name);
        let message = format!("`{}` cannot be seen inside component `{component}`", name.name);
        let error = Diagnostic::new(codes::components::NOT_VISIBLE, name.span, message);
        let error = error.related(declared, "declared outside");
        let help =
            format!("let instances give it: `component {component}({0}) …`, `… = {component}({0} = {0})`", name.name);
        if self.unknown.insert(name.name.clone()) {
            self.report(|| error.help(help));
        }
    }

    pub(super) fn no_instance_here(&mut self, name: &Ident, declared: Span) {
        let (code, message, help) = match self.place {
            Place::Function => (
                codes::components::NOT_VISIBLE,
                format!("a function of a component cannot see its quantity `{}`", name.name),
                format!("give it to the function as an argument `{}`", name.name),
            ),
            _ => (
                codes::model::NOT_CONSTANT,
                format!("expected a constant, found `{}`", name.name),
                format!("declare it as `const {} = …`", name.name),
            ),
        };
        let error = Diagnostic::new(code, name.span, message).help(help);
        self.report(
            || if declared == name.span { error } else { error.related(declared, "a quantity of each instance") },
        );
    }

    pub(super) fn unknown_name(&mut self, name: &Ident) {
        if !self.unknown.insert(name.name.clone()) {
            return;
        }
        let inner = self.frame.component.map(|place| &self.scopes.components[place].names);
        let outer = self.scopes.files[self.frame.file].names.iter();
        let outer = outer.filter(|(_, named)| matches!(named.meaning, Meaning::Global(..))).map(|(name, _)| name);
        let mut known: Vec<&str> =
            inner.into_iter().flat_map(|names| names.keys()).chain(outer).map(String::as_str).collect();
        known.extend(self.bound.iter().map(|(typed, _)| typed.as_str()));
        known.sort_unstable();
        let message = format!("unknown name `{}`", name.name);
        let help = match closest(&name.name, known) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("declare it in the component, e.g. `param {0} = 1`, or let instances give it", name.name),
        };
        self.complain(codes::model::UNKNOWN_NAME, name.span, message, help);
    }

    pub(super) fn no_argument(&mut self, component: &Definition, name: &Ident) {
        let message = format!("component `{}` takes no argument `{}`", component.tree.name.name, name.name);
        let error = Diagnostic::new(codes::components::ARGUMENT, name.span, message);
        let mut error = error.related(component.tree.name.span, "the component");
        let known = component.tree.parameters.iter().map(|parameter| parameter.name.name.as_str());
        error = match (closest(&name.name, known.clone()), component.names.get(&name.name)) {
            (Some(guess), _) => error.help(format!("did you mean `{guess}`?")),
            (None, Some(_)) => error.help(format!(
                "`{0}` is the component's own; move it into its parentheses: `component {1}({0} = …)`",
                name.name, component.tree.name.name
            )),
            (None, None) => match known.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => error.help("it takes none"),
                list => error.help(format!("it takes {list}")),
            },
        };
        self.report(|| error);
    }
}
