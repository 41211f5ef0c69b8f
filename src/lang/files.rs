//! A model's text and the texts it uses, all parsed: `use "file.ode"` is followed, and files of data are loaded.
//!
//! Which text a path means and where it is kept is the host's business ([`Loader`]). Each text is read once, however many
//! others use it; texts that use each other in a circle are reported, with the circle.

use rustc_hash::FxHashMap;

use super::ast::{Ast, Csv, Declaration, Expr, ExprKind, Item, ItemKind};
use super::parse;
use crate::diag::{Diagnostic, codes};
use crate::order::topological;
use crate::source::{DataFile, Loader, Source, Sources, Span};
use std::sync::Arc;

/// The most texts of a model.
const MAX_FILES: usize = 1000;

/// The texts of a model and their syntax trees.
#[derive(Clone, Debug)]
pub struct Files {
    /// The texts, the model's own first.
    pub sources: Sources,
    /// What each of them says, in the same order.
    pub files: Vec<File>,
}

/// One text, parsed.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Its statements.
    pub ast: Ast,
    /// The texts it uses, by their place, and where it says so. There is no circle.
    pub uses: Vec<(usize, Span)>,
}

/// Reads a model's text and, through the loader, all texts it uses. The diagnostics are those of parsing and of finding
/// the texts; a `use` that failed is left out.
pub fn read(main: Source, loader: &dyn Loader) -> (Files, Vec<Diagnostic>) {
    let mut reader = Reader {
        loader,
        known: FxHashMap::from_iter([(crate::source::normal(main.name()), 0)]),
        known_data: FxHashMap::default(),
        sources: Sources::from(main),
        files: Vec::new(),
        diagnostics: Vec::new(),
    };
    while let Some(source) = reader.sources.get(reader.files.len()) {
        let (ast, mut diagnostics) = parse(&source);
        reader.diagnostics.append(&mut diagnostics);
        let mut file = File { ast, uses: Vec::new() };
        for csv in tables(&file.ast.items) {
            reader.data(source.name(), csv);
        }
        for item in &file.ast.items {
            if let ItemKind::Use(path) = &item.kind
                && let Some(used) = reader.find(source.name(), &path.name, path.span)
                && file.uses.iter().all(|(known, _)| *known != used)
            {
                file.uses.push((used, path.span));
            }
        }
        reader.files.push(file);
    }
    reader.break_circles();
    (Files { sources: reader.sources, files: reader.files }, reader.diagnostics)
}

struct Reader<'a> {
    loader: &'a dyn Loader,
    known: FxHashMap<String, usize>,
    known_data: FxHashMap<String, Result<Arc<DataFile>, String>>,
    sources: Sources,
    files: Vec<File>,
    diagnostics: Vec<Diagnostic>,
}

/// The files of data that statements name, those of components included.
fn tables(items: &[Item]) -> Vec<&Csv> {
    let mut found = Vec::new();
    for item in items {
        match &item.kind {
            ItemKind::Input(input) => found.push(&input.csv),
            ItemKind::Doses(doses) => found.push(&doses.csv),
            ItemKind::Param(list) | ItemKind::Const(list) => found.extend(of_list(list)),
            ItemKind::Component(component) => {
                found.extend(of_list(&component.parameters));
                found.extend(tables(&component.body));
            }
            _ => {}
        }
    }
    found
}

fn of_list(list: &[Declaration]) -> Vec<&Csv> {
    list.iter().filter_map(|d| d.value.as_ref()).flat_map(tables_in).collect()
}

/// Those of the value of a parameter: alone, or scaled.
fn tables_in(value: &Expr) -> Vec<&Csv> {
    match &value.kind {
        ExprKind::Csv(csv) => vec![csv],
        ExprKind::Negate(inner) => tables_in(inner),
        ExprKind::Sum(terms) => terms.iter().flat_map(|(_, term)| tables_in(term)).collect(),
        ExprKind::Product(factors) => factors.iter().flat_map(|(_, factor)| tables_in(factor)).collect(),
        _ => Vec::new(),
    }
}

impl Reader<'_> {
    /// The place of the text that `from` calls `path`; none after a diagnostic.
    fn find(&mut self, from: &str, path: &str, span: Span) -> Option<usize> {
        let mut refuse = |reason: String| {
            let message = format!("cannot use `{path}`: {reason}");
            self.diagnostics.push(
                Diagnostic::new(codes::components::UNREADABLE, span, message)
                    .help("a used file is named by its path from the folder of the file that uses it"),
            );
        };
        let name = match self.loader.locate(from, path) {
            Ok(name) => name,
            Err(reason) => {
                refuse(reason);
                return None;
            }
        };
        if let Some(place) = self.known.get(&name) {
            return Some(*place);
        }
        let place = self.sources.all().count();
        let read = match self.loader.load(&name) {
            _ if place == MAX_FILES => Err(format!("a model has at most {MAX_FILES} files")),
            Ok(text) => self
                .sources
                .add(name.as_str(), text)
                .map(|_| ())
                .ok_or_else(|| format!("all files of a model together may have {} MiB", Source::MAX_BYTES >> 20)),
            Err(reason) => Err(reason),
        };
        match read {
            Ok(()) => {
                self.known.insert(name, place);
                Some(place)
            }
            Err(reason) => {
                refuse(reason);
                None
            }
        }
    }

    /// Loads the file of data that `from` names.
    fn data(&mut self, from: &str, csv: &Csv) {
        let path = &csv.path;
        let file = self.loader.locate(from, &path.name).and_then(|name| match self.known_data.get(&name) {
            Some(known) => known.clone(),
            None => {
                let file = self.loader.load_data(&name);
                self.known_data.insert(name, file.clone());
                file
            }
        });
        match file {
            Ok(file) => self.sources.add_data(path.span, file),
            Err(reason) => {
                let message = format!("cannot read `{}`: {reason}", path.name);
                self.diagnostics.push(
                    Diagnostic::new(codes::data::UNREADABLE, path.span, message)
                        .help("a file of data is named by its path from the folder of the model that reads it"),
                );
            }
        }
    }

    /// Reports circles of files that use each other, and opens them.
    fn break_circles(&mut self) {
        loop {
            let uses: Vec<Vec<usize>> = self.files.iter().map(|f| f.uses.iter().map(|(k, _)| *k).collect()).collect();
            let Err(circle) = topological(&uses) else { return };
            let (last, first) = (circle[circle.len() - 1], circle[0]);
            let uses = &mut self.files[last].uses;
            let Some(place) = uses.iter().position(|(used, _)| *used == first) else { return };
            let (_, span) = uses.remove(place);
            let name = |k: usize| format!("`{}`", self.sources.get(k).map_or(String::new(), |s| s.name().to_string()));
            let message = match circle.as_slice() {
                [one] => format!("{} uses itself", name(*one)),
                _ => {
                    let chain: Vec<String> = circle.iter().chain(circle.first()).map(|k| name(*k)).collect();
                    format!("files use each other in a circle: {}", chain.join(" uses "))
                }
            };
            let mut error = Diagnostic::new(codes::components::USE_CIRCLE, span, message);
            for pair in circle.windows(2) {
                if let Some((_, span)) = self.files[pair[0]].uses.iter().find(|(used, _)| *used == pair[1]) {
                    error = error.related(*span, "by way of this");
                }
            }
            self.diagnostics.push(error.help("move what both need into a file of its own"));
        }
    }
}
