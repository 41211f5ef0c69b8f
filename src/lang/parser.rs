//! Tokens to syntax tree: one function per production of `grammar/rhapsode.ebnf`, under the production's name.
//!
//! This file holds the entry, the file production and the cursor; [`statement`] has the statements, [`reaction`] and
//! [`component`] what is special to these, [`expression`] the expressions (precedence by hand), [`unit`] the units,
//! [`recovery`] finds the end of a statement that failed, and [`report`] words the
//! errors.
//!
//! Invariants: nothing is reported twice (a statement gives at most one syntax error); every loop consumes a token;
//! recursion is at most [`MAX_DEPTH`] levels deep, which takes less than a megabyte of stack (with optimisation,
//! as in this workspace's profiles), so no text can exhaust it.

mod component;
mod data;
mod event;
mod expression;
mod objective;
mod reaction;
mod recovery;
mod report;
mod statement;
mod unit;

use super::ast::{Ast, Item, ItemKind, Unit};
use super::lexer::{self, MAX_TOKENS, Tokens};
use super::token::{Kind, Token};
use crate::diag::codes::lang as codes;
use crate::diag::{Code, Diagnostic};
use crate::source::{Source, Span};

/// The deepest nesting of an expression.
const MAX_DEPTH: u32 = 256;

/// The most statements of a file.
const MAX_STATEMENTS: usize = 1_000_000;

/// The most errors reported of a file.
const MAX_ERRORS: usize = 100;

/// What a production returns. The error is boxed because it is rare and large.
type Parse<T> = Result<T, Box<Diagnostic>>;

/// Parses a model. The tree holds the statements that could be read, in source order; the diagnostics (E01xx, in
/// order of position) tell of the others. All errors of a file are found in one pass, at most one per statement, and
/// after 100 the rest is only counted.
pub fn parse(source: &Source) -> (Ast, Vec<Diagnostic>) {
    let (text, first) = (source.text(), source.start());
    if text.len() > Source::MAX_BYTES {
        let limit = Source::MAX_BYTES >> 20;
        let message = format!("the file has {} bytes, more than the {limit} MiB a model may have", text.len());
        return (Ast::default(), vec![Diagnostic::new(codes::LIMIT, Span::new(first, first), message)]);
    }
    let mut parser = Parser::new(text, first, lexer::tokens(text, first));
    let ast = parser.file();
    (ast, parser.diagnostics)
}

/// Reads a unit that stands alone, such as `mg/L`; none if the text is anything else.
pub fn parse_unit(text: &str) -> Option<Unit> {
    let mut parser = Parser::new(text, 0, lexer::tokens(text, 0));
    let unit = parser.unit().ok()?;
    (parser.kind_at(parser.at) == Kind::End).then_some(unit)
}

struct Parser<'a> {
    text: &'a str,
    /// The offset of the text's first byte.
    first: u32,
    tokens: Vec<Token>,
    docs: Vec<(usize, Span)>,
    next_doc: usize,
    truncated: bool,
    /// The current token.
    at: usize,
    /// The token whose line start has been accepted, so that it is not seen as a line's end again.
    line: usize,
    /// How many round and square brackets are open (line ends do not count inside).
    inside: u32,
    /// Whether the braces of a `solve` block are open.
    in_block: bool,
    /// Whether the braces of a component are open.
    in_component: bool,
    /// How deep the recursion is.
    depth: u32,
    /// How often a search for a balanced end ran into the end of the file.
    unbalanced: u32,
    diagnostics: Vec<Diagnostic>,
    suppressed: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, first: u32, Tokens { list, docs, truncated }: Tokens) -> Self {
        Parser {
            text,
            first,
            tokens: list,
            docs,
            next_doc: 0,
            truncated,
            at: 0,
            line: 0,
            inside: 0,
            in_block: false,
            in_component: false,
            depth: 0,
            unbalanced: 0,
            diagnostics: Vec::new(),
            suppressed: 0,
        }
    }

    /// `file = { [ statement ] line-end }`
    fn file(&mut self) -> Ast {
        let mut items: Vec<Item> = Vec::new();
        let mut statements = 0;
        while self.kind_at(self.at) != Kind::End {
            if statements == MAX_STATEMENTS {
                let message = format!("the file has more than {MAX_STATEMENTS} statements");
                self.report(Diagnostic::new(codes::LIMIT, self.here(), message));
                break;
            }
            statements += 1;
            self.in_component = false;
            items.extend(self.item(Self::statement));
        }
        if self.truncated {
            let message = format!("the file has more than {MAX_TOKENS} tokens; the rest was not read");
            self.report(Diagnostic::new(codes::LIMIT, self.here(), message));
        }
        if self.suppressed > 0 {
            let message = format!("and {} more errors after these {MAX_ERRORS}", self.suppressed);
            self.diagnostics.push(Diagnostic::new(codes::LIMIT, self.here(), message));
        }
        Ast { items }
    }

    /// A statement with its documentation; none if it could not be read, which has been reported.
    fn item(&mut self, production: impl FnOnce(&mut Self) -> Parse<Option<ItemKind>>) -> Option<Item> {
        let start = self.at;
        (self.line, self.inside, self.depth) = (start, 0, 0);
        let doc = self.doc();
        match production(self) {
            Ok(kind) => kind.map(|kind| Item { doc, span: self.since(start), kind }),
            Err(diagnostic) => {
                self.recover(start, *diagnostic);
                None
            }
        }
    }

    /// The `##` lines right before the current token, joined; earlier ones (inside a statement) are dropped.
    fn doc(&mut self) -> Option<String> {
        let mut doc: Option<String> = None;
        while let Some((token, span)) = self.docs.get(self.next_doc).copied().filter(|(token, _)| *token <= self.at) {
            self.next_doc += 1;
            if token < self.at {
                continue;
            }
            let line = self.slice(span).trim_end();
            let line = line.strip_prefix(' ').unwrap_or(line);
            match &mut doc {
                None => doc = Some(line.to_owned()),
                Some(doc) => {
                    doc.push('\n');
                    doc.push_str(line);
                }
            }
        }
        doc
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_ERRORS {
            self.diagnostics.push(diagnostic);
        } else {
            self.suppressed += 1;
        }
    }
}

// The cursor.
impl<'a> Parser<'a> {
    /// The kind of the current token, or [`Kind::Newline`] where the statement's line ends before it.
    #[inline]
    fn peek(&self) -> Kind {
        let token = &self.tokens[self.at];
        if token.starts_line && self.inside == 0 && self.at != self.line { Kind::Newline } else { token.kind }
    }

    /// The kind of the token at `index`, lines apart; beyond the last it is the end.
    fn kind_at(&self, index: usize) -> Kind {
        self.tokens.get(index).map_or(Kind::End, |token| token.kind)
    }

    /// The kind of the token after the current one, if the line does not end between them.
    fn peek_second(&self) -> Kind {
        match self.tokens.get(self.at + 1) {
            Some(token) if token.starts_line && self.inside == 0 => Kind::Newline,
            Some(token) => token.kind,
            None => Kind::End,
        }
    }

    /// Moves past the current token and returns its place.
    #[inline]
    fn bump(&mut self) -> Span {
        let token = self.tokens[self.at];
        if token.kind != Kind::End {
            self.at += 1;
        }
        token.span
    }

    /// Moves past the current token if it is of that kind.
    #[inline]
    fn accept(&mut self, kind: Kind) -> bool {
        let found = self.peek() == kind;
        if found {
            self.bump();
        }
        found
    }

    /// Moves past a token of that kind or says that `what` was expected.
    fn expect(&mut self, kind: Kind, what: &str) -> Parse<Span> {
        if self.peek() == kind { Ok(self.bump()) } else { Err(self.unexpected(what)) }
    }

    /// The place of the current token; at a line's or the file's end, the empty place after the last token.
    fn here(&self) -> Span {
        if matches!(self.peek(), Kind::Newline | Kind::End) {
            let end = self.before().end;
            return Span::new(end, end);
        }
        self.tokens[self.at].span
    }

    /// The place of the token before the current one.
    fn before(&self) -> Span {
        self.at.checked_sub(1).map_or(Span::new(self.first, self.first), |index| self.tokens[index].span)
    }

    /// From the token at `start` to the last token consumed.
    fn since(&self, start: usize) -> Span {
        self.tokens[start].span.to(self.before())
    }

    fn slice(&self, span: Span) -> &'a str {
        &self.text[(span.start - self.first) as usize..(span.end - self.first) as usize]
    }

    /// Opens a round or square bracket, inside which lines do not end.
    fn open(&mut self) -> Span {
        self.inside += 1;
        self.bump()
    }

    /// Closes the bracket opened at `opener`; `what` was possible instead.
    fn close(&mut self, opener: Span, closer: Kind, what: &str) -> Parse<Span> {
        if self.peek() != closer {
            return Err(self.unclosed(opener, what));
        }
        let span = self.bump();
        self.inside -= 1;
        Ok(span)
    }

    /// Runs a production one level deeper.
    #[inline]
    fn nested<T>(&mut self, production: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth == MAX_DEPTH {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let result = production(self);
        self.depth -= 1;
        result
    }

    fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic::new(code, span, message))
    }
}
