//! The parser's ground: a cursor over tokens, one error per statement, and going on behind it.

use super::ast::{Ast, Ident};
use super::lexer::{Kind, Token, tokens};
use crate::diag::{Code, Diagnostic};
use crate::source::{Source, Span};

/// How deep expressions may nest.
pub const MAX_DEPTH: u32 = 200;
/// How many errors are reported before giving up.
const MAX_ERRORS: usize = 100;
/// How many statements a file may have.
const MAX_STATEMENTS: usize = 1_000_000;

/// Words with a meaning of their own; they cannot be names.
pub const KEYWORDS: &[&str] = &[
    "model", "param", "const", "init", "output", "time", "index", "fn", "solve", "for", "in", "if", "then", "else", "and",
    "or", "not", "true", "false", "periodic", "when", "at", "every", "discrete", "dose", "input", "component", "use",
    "observe", "objective", "extern",
];

/// Statements of later language levels: what each is called in its message.
pub const LATER: &[(&str, &str)] = &[
    ("when", "events"),
    ("at", "events"),
    ("every", "events"),
    ("discrete", "discrete quantities"),
    ("dose", "dosing"),
    ("input", "forcing data"),
    ("component", "components"),
    ("use", "`use`"),
    ("observe", "observations"),
    ("objective", "objectives"),
    ("extern", "external functions"),
];

/// A syntax error that has been reported; the statement it is in is given up.
pub struct Reported;

/// The outcome of a production.
pub type Parsed<T> = Result<T, Reported>;

/// Parses a text. The tree holds every statement that parsed; the diagnostics say what did not.
pub fn parse(source: &Source) -> (Ast, Vec<Diagnostic>) {
    let text = source.text();
    if text.len() > Source::MAX_BYTES {
        let message = format!("the file has {} bytes, more than the {} allowed", text.len(), Source::MAX_BYTES);
        return (Ast::default(), vec![Diagnostic::new(Code("E0103"), Span::new(0, 0), message)]);
    }
    let mut diagnostics = Vec::new();
    let tokens = tokens(text, &mut diagnostics);
    let mut parser = Parser { text, tokens, at: 0, depth: 0, diagnostics };
    let ast = parser.file();
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|d| d.span.start);
    diagnostics.truncate(MAX_ERRORS);
    (ast, diagnostics)
}

/// A cursor over the tokens of a text.
pub struct Parser<'a> {
    pub text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    pub depth: u32,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn file(&mut self) -> Ast {
        let mut ast = Ast::default();
        let mut doc: Option<String> = None;
        loop {
            let token = self.peek();
            match token.kind {
                Kind::End => return ast,
                Kind::Newline => {
                    self.advance();
                }
                Kind::Doc => {
                    let line = self.slice(token.span).trim_start_matches('#').trim().to_string();
                    doc = Some(match doc {
                        None => line,
                        Some(before) => format!("{before}\n{line}"),
                    });
                    self.advance();
                }
                _ => {
                    let before = self.at;
                    match self.statement(doc.take()) {
                        Ok(Some(item)) => ast.items.push(item),
                        Ok(None) => {}
                        Err(Reported) => self.skip_statement(before),
                    }
                    if self.diagnostics.len() >= MAX_ERRORS || ast.items.len() >= MAX_STATEMENTS {
                        if ast.items.len() >= MAX_STATEMENTS {
                            let message = format!("more than {MAX_STATEMENTS} statements");
                            self.diagnostics.push(Diagnostic::new(Code("E0103"), token.span, message));
                        }
                        return ast;
                    }
                }
            }
        }
    }

    /// Goes on behind the statement that starts at token `start`, with any block that belongs to it.
    pub fn skip_statement(&mut self, start: usize) {
        self.at = start;
        self.depth = 0;
        let mut braces = 0i64;
        loop {
            match self.peek().kind {
                Kind::End => return,
                Kind::Newline if braces <= 0 => return,
                Kind::Symbol("{") => braces += 1,
                Kind::Symbol("}") => braces -= 1,
                _ => {}
            }
            self.advance();
        }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn peek(&self) -> Token {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    /// The token `ahead` places on.
    pub fn look(&self, ahead: usize) -> Token {
        self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    pub fn advance(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// The span of the token before the cursor.
    pub fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].span
    }

    pub fn slice(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, Kind::Symbol(found) if found == symbol)
    }

    pub fn is_word(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Name && self.slice(token.span) == word
    }

    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    /// Lines may break after an operator, a comma, `=` and the like.
    pub fn skip_lines(&mut self) {
        while matches!(self.peek().kind, Kind::Newline | Kind::Doc) {
            self.advance();
        }
    }

    pub fn at_end_of_statement(&self) -> bool {
        matches!(self.peek().kind, Kind::Newline | Kind::End | Kind::Doc)
    }

    /// What stands at the cursor, in words.
    pub fn found(&self) -> String {
        let token = self.peek();
        match token.kind {
            Kind::End => "the end of the file".to_string(),
            Kind::Newline => "the end of the line".to_string(),
            Kind::Doc => "a doc comment".to_string(),
            Kind::Name if KEYWORDS.contains(&self.slice(token.span)) => format!("the keyword `{}`", self.slice(token.span)),
            _ => format!("`{}`", self.slice(token.span)),
        }
    }

    /// Reports that something else was expected here.
    pub fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        let message = format!("expected {what}, found {}", self.found());
        self.error(Code("E0104"), self.peek().span, message, None)
    }

    pub fn error<T>(&mut self, code: Code, span: Span, message: String, help: Option<&str>) -> Parsed<T> {
        let diagnostic = Diagnostic::new(code, span, message);
        self.report(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        })
    }

    pub fn report<T>(&mut self, diagnostic: Diagnostic) -> Parsed<T> {
        self.diagnostics.push(diagnostic);
        Err(Reported)
    }

    pub fn expect_symbol(&mut self, symbol: &str, after: &str) -> Parsed<Span> {
        if self.is_symbol(symbol) {
            return Ok(self.advance().span);
        }
        self.expected(&format!("`{symbol}` {after}"))
    }

    /// The bracket that closes `opener`, or an error that shows both places.
    pub fn expect_closing(&mut self, symbol: &str, opener: Span) -> Parsed<Span> {
        if self.is_symbol(symbol) {
            return Ok(self.advance().span);
        }
        let message = format!("expected `{symbol}`, found {}", self.found());
        let diagnostic = Diagnostic::new(Code("E0105"), self.peek().span, message).related(opener, "opened here");
        self.report(diagnostic)
    }

    /// `name`: a name that is not a keyword.
    pub fn name(&mut self, what: &str) -> Parsed<Ident> {
        let token = self.peek();
        if token.kind != Kind::Name {
            return self.expected(what);
        }
        let name = self.slice(token.span);
        if KEYWORDS.contains(&name) {
            let message = format!("expected {what}, found the keyword `{name}`");
            return self.error(Code("E0106"), token.span, message, Some("choose another name; this word is part of the language"));
        }
        if name.len() > 255 {
            return self.error(Code("E0103"), token.span, "a name of more than 255 bytes".to_string(), None);
        }
        self.advance();
        Ok(Ident { name: name.to_string(), span: token.span })
    }
}
