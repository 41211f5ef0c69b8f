//! What stands before the cursor: the word being typed, the open bracket around it, the call it is an argument of.

use rhapsode::lang::{Lexeme, LexemeKind};
use rhapsode::source::Span;

use crate::lsp::documents::Document;

/// The surroundings of a byte offset, for completion and signatures.
pub struct Cursor<'a> {
    document: &'a Document,
    /// The lexemes that end before the word, comments left out, the last first.
    before: Vec<&'a Lexeme>,
    /// The word being typed, up to the offset; empty where none is.
    pub word: Span,
    /// Whether the word is the first of its line.
    pub first_on_line: bool,
}

impl<'a> Cursor<'a> {
    /// The surroundings; none inside comments, texts and numbers.
    pub fn new(document: &'a Document, offset: u32) -> Option<Cursor<'a>> {
        let lexemes = document.analysis().lexemes();
        let next = lexemes.partition_point(|lexeme| lexeme.span.start < offset);
        let touched = lexemes[..next].last().filter(|lexeme| offset <= lexeme.span.end);
        let (word, rest) = match touched.map(|lexeme| (lexeme, lexeme.kind)) {
            Some((lexeme, LexemeKind::Name | LexemeKind::Keyword)) => (Span::new(lexeme.span.start, offset), next - 1),
            Some((_, LexemeKind::Comment | LexemeKind::DocComment | LexemeKind::Number)) => return None,
            Some((lexeme, LexemeKind::Text)) if offset < lexeme.span.end => return None,
            _ => (Span::new(offset, offset), next),
        };
        let comment = |lexeme: &Lexeme| matches!(lexeme.kind, LexemeKind::Comment | LexemeKind::DocComment);
        let before: Vec<&Lexeme> = lexemes[..rest].iter().rev().filter(|lexeme| !comment(lexeme)).collect();
        let text = document.text.as_str();
        let line = text[..word.start as usize].rfind(['\n', '\r']).map_or(0, |end| end + 1);
        let first_on_line = text[line..word.start as usize].trim().is_empty();
        Some(Cursor { document, before, word, first_on_line })
    }

    /// The text of the `k`-th lexeme before the word, counted from 0; empty beyond the first.
    pub fn back(&self, k: usize) -> &'a str {
        self.before.get(k).map_or("", |lexeme| self.slice(lexeme))
    }

    fn slice(&self, lexeme: &Lexeme) -> &'a str {
        self.document.analysis().source().slice(lexeme.span)
    }

    /// The place in `before` of the innermost bracket that is open here, and the commas behind it.
    fn opener(&self) -> Option<(usize, u32)> {
        let (mut depth, mut commas) = (0, 0);
        for (k, lexeme) in self.before.iter().enumerate() {
            match lexeme.kind {
                LexemeKind::Close => depth += 1,
                LexemeKind::Open if depth > 0 => depth -= 1,
                LexemeKind::Open => return Some((k, commas)),
                LexemeKind::Comma if depth == 0 => commas += 1,
                // A bracket that was never closed ends where another statement begins.
                LexemeKind::Keyword if lexeme.first_on_line && begins_statement(self.slice(lexeme)) => {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// Whether the place is in the braces of a solve block.
    pub fn in_solve_block(&self) -> bool {
        let Some((k, _)) = self.opener().filter(|(k, _)| self.back(*k) == "{") else { return false };
        // The braces of components are brackets, too.
        let words = self.before[k..].iter().filter(|lexeme| lexeme.kind == LexemeKind::Keyword);
        words.map(|word| self.slice(word)).find(|word| ["solve", "component"].contains(word)) == Some("solve")
    }

    /// The names of the instances before the word, `c` and `axon` of `c[i].axon.V`, from the left.
    pub fn path(&self) -> Vec<&'a str> {
        let (mut names, mut k) = (Vec::new(), 0);
        while self.back(k) == "." {
            k += 1;
            if self.back(k) == "]" {
                let mut depth = 0;
                while k < self.before.len() {
                    depth += i32::from(self.back(k) == "]") - i32::from(self.back(k) == "[");
                    k += 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            names.push(self.back(k));
            k += 1;
        }
        names.reverse();
        names
    }

    /// Whether the call around the place is the value of an option `save`.
    pub fn saves(&self) -> bool {
        self.opener().is_some_and(|(k, _)| self.back(k + 2) == "=" && self.back(k + 3) == "save")
    }

    /// Whether a new option can begin here (in a solve block).
    pub fn begins_option(&self) -> bool {
        self.first_on_line || matches!(self.back(0), "{" | ",")
    }

    /// The function whose argument is here, whether it takes indices in brackets, and the argument's number.
    pub fn call(&self) -> Option<(&'a str, bool, u32)> {
        let (k, commas) = self.opener().filter(|(k, _)| self.back(*k) == "(")?;
        let name = self.before.get(k + 1)?;
        if name.kind == LexemeKind::Name {
            return Some((self.slice(name), false, commas));
        }
        // `sum[i](`
        let mut depth = 0;
        for (at, lexeme) in self.before.iter().enumerate().skip(k + 1) {
            match self.slice(lexeme) {
                "]" => depth += 1,
                "[" => depth -= 1,
                _ if depth > 0 => {}
                _ => return None,
            }
            if depth == 0 {
                let name = self.before.get(at + 1).filter(|name| name.kind == LexemeKind::Name)?;
                return Some((self.slice(name), true, commas));
            }
        }
        None
    }
}

/// Whether no expression goes on with this word.
fn begins_statement(word: &str) -> bool {
    !["if", "then", "else", "and", "or", "not", "true", "false", "in", "for"].contains(&word)
}
