//! Where a statement ends that could not be read, and which constructs are reserved.
//!
//! Inside an open bracket lines do not end, so a forgotten `)` would swallow the rest of the file. Two facts help: a
//! keyword that begins statements stands nowhere else, and `=` stands in no expression.

use super::Parser;
use crate::diag::Diagnostic;
use crate::diag::codes::{lang as codes, syntax};
use crate::lang::token::Kind;

/// How many tokens are looked at to tell whether a line is an equation.
const LOOK_AHEAD: usize = 64;

/// How often a search for a balanced end may run into the end of the file (each costs a pass over the rest).
pub(super) const MAX_UNBALANCED: u32 = 16;

impl Parser<'_> {
    /// Reports what went wrong in the statement that began at token `start`, and moves to the next statement.
    pub(super) fn recover(&mut self, start: usize, mut diagnostic: Diagnostic) {
        (self.inside, self.in_block) = (0, false);
        let failed = self.at;
        self.at = match self.kind_at(start) {
            // What is in its braces would not make sense outside.
            Kind::Component => self.balanced_end(start),
            _ => self.statement_end(start).max(start + 1),
        };
        let next = self.tokens[self.at];
        let goes_on = next.kind != Kind::End && next.kind != Kind::BraceClose && !next.starts_line;
        if goes_on && failed >= self.at {
            // The line before asked for more and a new statement came.
            diagnostic = *self.nothing_after(self.at - 1);
        }
        let certain = [codes::UNSUPPORTED, codes::BRACKET, codes::LIMIT, syntax::STRAY_BRACKET, syntax::NESTING];
        if !certain.contains(&diagnostic.code)
            && let Some(what) = self.later_operator(start)
        {
            let span = self.since(start);
            let unsupported = self.not_yet(span, what);
            self.report(*unsupported);
        } else {
            self.report(diagnostic);
        }
    }

    /// Skips a statement whose kind is reserved, with everything in its braces, and reports it; says whether it did.
    pub(super) fn reserved(&mut self) -> bool {
        let start = self.at;
        let what = match self.peek() {
            Kind::Input => "forcing functions (`input`)",
            Kind::Name => match (self.slice(self.here()), self.peek_second()) {
                ("reduce", Kind::Name | Kind::BraceOpen) => "reductions of a model (`reduce`)",
                _ => return false,
            },
            _ => return false,
        };
        self.at = self.balanced_end(start);
        let unsupported = self.not_yet(self.since(start), what);
        self.report(*unsupported);
        true
    }

    /// What the statement from `start` is about if it holds an operator reserved for later, outside brackets.
    fn later_operator(&self, start: usize) -> Option<&'static str> {
        if self.kind_at(start) == Kind::Observe {
            return None;
        }
        let mut open = 0;
        for token in &self.tokens[start..self.at] {
            match token.kind {
                kind if kind.closer().is_some() => open += 1,
                kind if kind.is_closer() => open -= 1,
                Kind::Tilde if open <= 0 => return Some("priors (`~`)"),
                _ => {}
            }
        }
        None
    }

    /// The first token after the statement that began at `start`, also if its brackets do not match.
    fn statement_end(&self, start: usize) -> usize {
        let mut open: Vec<Kind> = Vec::new();
        for (index, token) in self.tokens.iter().enumerate().skip(start) {
            if index > start && token.first_on_line {
                let fresh = token.starts_line && open.is_empty();
                let in_block = open.last() == Some(&Kind::BraceOpen);
                if fresh || token.kind.begins_statement() || (!in_block && self.is_equation(index)) {
                    return index;
                }
            }
            if token.kind.closer().is_some() {
                open.push(token.kind);
            } else if index > start && self.ends_component(token.kind, open.contains(&Kind::BraceOpen)) {
                return index;
            } else if token.kind.is_closer() {
                open.pop();
            }
        }
        self.tokens.len() - 1
    }

    /// Whether a token is the `}` of the component around it.
    fn ends_component(&self, kind: Kind, in_braces: bool) -> bool {
        self.in_component && kind == Kind::BraceClose && !in_braces
    }

    /// The first token after the statement that began at `start` and whose brackets match (a component's body may hold
    /// any statement); if they do not, what [`Self::statement_end`] says.
    fn balanced_end(&mut self, start: usize) -> usize {
        if self.unbalanced < MAX_UNBALANCED {
            let mut open = 0i64;
            for (index, token) in self.tokens.iter().enumerate().skip(start) {
                if index > start && open <= 0 && (token.starts_line || self.ends_component(token.kind, false)) {
                    return index;
                }
                if token.kind.closer().is_some() {
                    open += 1;
                } else if token.kind.is_closer() {
                    open -= 1;
                }
            }
            if open <= 0 {
                return self.tokens.len() - 1;
            }
            self.unbalanced += 1;
        }
        self.statement_end(start).max(start + 1)
    }

    /// Whether the line that begins at token `index` reads `name =`, `name' =` or `name[…] =`.
    fn is_equation(&self, index: usize) -> bool {
        if self.kind_at(index) != Kind::Name {
            return false;
        }
        let mut open = 0;
        for next in index + 1..index + LOOK_AHEAD {
            match self.kind_at(next) {
                Kind::Assign | Kind::Equal | Kind::Becomes | Kind::PlusAssign if open == 0 => return true,
                Kind::Prime if open == 0 => {}
                Kind::SquareOpen => open += 1,
                Kind::SquareClose if open > 0 => open -= 1,
                Kind::Assign | Kind::End => return false,
                _ if open > 0 => {}
                _ => return false,
            }
        }
        false
    }
}
