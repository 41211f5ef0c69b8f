//! What could be typed here.

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit, Documentation, InsertTextFormat,
    MarkupContent, MarkupKind, TextEdit,
};
use rhapsode::curve::{Outside, Shape};
use rhapsode::expr::builtin::BUILTINS;
use rhapsode::lang::keywords;
use rhapsode::model::{Entity, EntityId, Role, SOLVE_OPTIONS};
use rhapsode::solve::Method;

use super::cursor::Cursor;
use super::{Refusal, Session, builtins, description};
use crate::lsp::documents::Document;

/// Words that stand in expressions and clauses.
const IN_EXPRESSIONS: [&str; 10] = ["if", "then", "else", "and", "or", "not", "true", "false", "in", "for"];

/// `textDocument/completion`
pub fn completion(session: &Session, params: CompletionParams) -> Result<Vec<CompletionItem>, Refusal> {
    let place = params.text_document_position;
    let document = session.document(&place.text_document.uri)?;
    let offset = document.text.offset(place.position);
    let Some(cursor) = Cursor::new(document, offset) else { return Ok(Vec::new()) };
    let list = Completions { document, offset, snippets: session.snippets, cursor, items: Vec::new() };
    Ok(list.all())
}

struct Completions<'a> {
    document: &'a Document,
    offset: u32,
    snippets: bool,
    cursor: Cursor<'a>,
    items: Vec<Item>,
}

impl Completions<'_> {
    fn all(mut self) -> Vec<CompletionItem> {
        let declares = ["param", "const", "output", "index", "fn", "model", "time", "input"];
        if self.cursor.back(0) == "." {
            self.members();
        } else if self.cursor.in_solve_block() {
            match (self.cursor.back(0), self.cursor.back(1)) {
                _ if self.cursor.begins_option() => self.options(),
                ("=", "method") => self.methods(),
                ("=", "save") => {
                    self.grids();
                    self.expression();
                }
                _ => self.expression(),
            }
        } else if let Some(words) = self.rules_of_input() {
            words.into_iter().for_each(|word| {
                let item = self.item(word, CompletionItemKind::KEYWORD, "rule of an input".to_string(), None);
                self.items.push(item);
            });
        } else if self.cursor.first_on_line && self.statement_begins() {
            self.keywords(|word| !IN_EXPRESSIONS.contains(&word));
            self.names(|entity| matches!(entity.role, Role::State | Role::Definition | Role::Output | Role::Discrete));
        } else if declares.contains(&self.cursor.back(0)) {
            // A new name: nothing that is known can be meant.
        } else if self.cursor.back(0) == "init" {
            self.names(|entity| entity.role == Role::State);
        } else if self.cursor.back(0) == "for" {
            self.names(|entity| entity.role == Role::Index);
        } else {
            self.expression();
        }
        self.items.into_iter().map(|item| item.0).collect()
    }

    /// The words that may stand behind the table of an input.
    fn rules_of_input(&self) -> Option<Vec<&'static str>> {
        let text = self.document.text.as_str();
        let before = text.get(..self.cursor.word.start as usize)?;
        let line = before.rsplit('\n').next().filter(|line| line.trim_start().starts_with("input "))?;
        let shapes = Shape::ALL.iter().map(|(name, _)| *name);
        match self.cursor.back(0) {
            "extrapolate" => Some(Outside::ALL.iter().map(|(name, _)| *name).collect()),
            ")" if line.contains("csv(") => Some(shapes.chain(["extrapolate"]).collect()),
            word if shapes.clone().any(|name| name == word) => Some(vec!["extrapolate"]),
            _ => None,
        }
    }

    /// What the instance before the dot has.
    fn members(&mut self) {
        let analysis = self.document.analysis();
        let mut path = self.cursor.path().into_iter();
        let mut instance = path.next().and_then(|name| analysis.lookup(name, self.offset));
        for name in path {
            let component = instance.and_then(|id| analysis.component_of(id));
            instance = component.and_then(|id| analysis.member(id, name));
        }
        let Some(component) = instance.and_then(|id| analysis.component_of(id)) else { return };
        for id in analysis.members(component) {
            let entity = analysis.entity(id);
            if !matches!(entity.role, Role::Index | Role::Function) {
                let item = self.item(&entity.name, kind(entity.role), description(entity), entity.doc.clone());
                self.items.push(item);
            }
        }
    }

    /// Whether the line above is complete.
    fn statement_begins(&self) -> bool {
        let last = self.cursor.back(0);
        last.is_empty()
            || last.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']' | '}' | '\'' | '"'))
    }

    fn expression(&mut self) {
        self.names(|entity| entity.role != Role::Model);
        for row in BUILTINS {
            self.function(row.name, &builtins::heading(row), &format!("{}; defined for {}", row.doc, row.domain));
        }
        for (name, form, doc) in builtins::REDUCTIONS {
            let item = self.item(name, CompletionItemKind::FUNCTION, form.to_string(), Some(doc.to_string()));
            self.items.push(item.with(self.snippets.then(|| format!("{name}[$1]($0)"))));
        }
        let pi = self.item("pi", CompletionItemKind::CONSTANT, std::f64::consts::PI.to_string(), None);
        self.items.push(pi);
        self.keywords(|word| IN_EXPRESSIONS.contains(&word));
    }

    fn names(&mut self, wanted: impl Fn(&Entity) -> bool) {
        let analysis = self.document.analysis();
        let mut seen: Vec<&str> = Vec::new();
        let ids: Vec<EntityId> = analysis.visible_at(self.offset).collect();
        for id in ids {
            let entity = analysis.entity(id);
            // The word being typed may be what makes a name known; it is no help.
            let itself = entity.definitions.as_slice().iter().all(|span| span.start == self.cursor.word.start);
            if !wanted(entity) || seen.contains(&entity.name.as_str()) || (itself && !entity.definitions.is_empty()) {
                continue;
            }
            seen.push(&entity.name);
            let value = self.document.values().get(&id).map_or(String::new(), |value| format!(" = {value}"));
            let detail = format!("{}{value}", description(entity));
            if entity.role == Role::Function {
                self.function(&entity.name, &detail, entity.doc.as_deref().unwrap_or_default());
            } else {
                let item = self.item(&entity.name, kind(entity.role), detail, entity.doc.clone());
                self.items.push(item);
            }
        }
    }

    fn function(&mut self, name: &str, detail: &str, doc: &str) {
        let doc = (!doc.is_empty()).then(|| doc.to_string());
        let item = self.item(name, CompletionItemKind::FUNCTION, detail.to_string(), doc);
        self.items.push(item.with(self.snippets.then(|| format!("{name}($0)"))));
    }

    fn keywords(&mut self, wanted: impl Fn(&str) -> bool) {
        for word in keywords().iter().filter(|word| wanted(word)) {
            let item = self.item(word, CompletionItemKind::KEYWORD, "keyword".to_string(), None);
            self.items.push(item);
        }
    }

    fn options(&mut self) {
        for (name, what) in SOLVE_OPTIONS {
            let item = self.item(name, CompletionItemKind::PROPERTY, "option".to_string(), Some(what.to_string()));
            self.items.push(item.with(self.snippets.then(|| format!("{name} = $0"))));
        }
    }

    fn methods(&mut self) {
        for method in Method::ALL {
            let item = self.item(method.name(), CompletionItemKind::ENUM_MEMBER, "method".to_string(), None);
            self.items.push(item);
        }
    }

    fn grids(&mut self) {
        for (name, what, arguments) in builtins::GRIDS {
            let detail =
                if arguments.is_empty() { name.to_string() } else { format!("{name}({})", arguments.join(", ")) };
            let item = self.item(name, CompletionItemKind::ENUM_MEMBER, detail, Some(what.to_string()));
            self.items.push(item.with((self.snippets && !arguments.is_empty()).then(|| format!("{name}($0)"))));
        }
    }

    /// An item that replaces the word up to the cursor: editors do not know which letters a name may have.
    fn item(&self, label: &str, kind: CompletionItemKind, detail: String, doc: Option<String>) -> Item {
        let edit = TextEdit::new(self.document.text.range(self.cursor.word), label.to_string());
        Item(CompletionItem {
            label: label.to_string(),
            kind: Some(kind),
            detail: Some(detail),
            documentation: doc
                .map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })),
            text_edit: Some(CompletionTextEdit::Edit(edit)),
            ..CompletionItem::default()
        })
    }
}

/// An item in the making.
struct Item(CompletionItem);

impl Item {
    /// With places to fill in.
    fn with(mut self, snippet: Option<String>) -> Item {
        if let (Some(snippet), Some(CompletionTextEdit::Edit(edit))) = (snippet, &mut self.0.text_edit) {
            edit.new_text = snippet;
            self.0.insert_text_format = Some(InsertTextFormat::SNIPPET);
        }
        self
    }
}

fn kind(role: Role) -> CompletionItemKind {
    match role {
        Role::Model => CompletionItemKind::MODULE,
        Role::Time | Role::State | Role::Definition | Role::Discrete => CompletionItemKind::VARIABLE,
        Role::Constant => CompletionItemKind::CONSTANT,
        Role::Parameter | Role::Argument => CompletionItemKind::FIELD,
        Role::Output => CompletionItemKind::PROPERTY,
        Role::Index => CompletionItemKind::ENUM_MEMBER,
        Role::Function => CompletionItemKind::FUNCTION,
        Role::Reaction => CompletionItemKind::EVENT,
        Role::Component => CompletionItemKind::CLASS,
        Role::Instance => CompletionItemKind::VARIABLE,
    }
}
