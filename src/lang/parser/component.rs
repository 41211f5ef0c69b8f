//! Components: their definition, their instances, and `use`.

use super::recovery::MAX_UNBALANCED;
use super::{Parse, Parser};
use crate::diag::codes::lang as codes;
use crate::lang::ast::{Component, Expr, ExprKind, Ident, Instance, Item, ItemKind, Segment};
use crate::lang::token::Kind;

/// What follows a dot.
pub(super) const MEMBER: &str = "a quantity of the instance after `.`";

impl Parser<'_> {
    /// `component = "component" name "(" [ declaration { "," declaration } ] ")" "{" { [ part ] line_end } "}"`
    pub(super) fn component(&mut self) -> Parse<ItemKind> {
        let start = self.at;
        self.bump();
        let name = self.name("a component")?;
        if self.peek() != Kind::RoundOpen {
            let error = *self.unexpected("`(` after the component's name");
            return Err(Box::new(error.help(format!("without parameters it is `component {}() {{ … }}`", name.name))));
        }
        let opener = self.open();
        let parameters = match self.peek() {
            Kind::RoundClose => Vec::new(),
            _ => self.list(|parser| parser.declaration("a parameter"))?,
        };
        self.close(opener, Kind::RoundClose, "`,` or `)`")?;
        if self.peek() != Kind::BraceOpen {
            return Err(self.unexpected("`{` after the component's parameters"));
        }
        let closes = self.brace_closes();
        let opener = self.bump();
        self.in_component = true;
        let mut body: Vec<Item> = Vec::new();
        loop {
            self.line = self.at;
            match self.peek() {
                Kind::BraceClose => {
                    self.bump();
                    break;
                }
                // Without its `}` it ends where the model goes on.
                kind if kind == Kind::End || (!closes && kind.speaks_of_model()) => {
                    let unclosed = self.unclosed(opener, "a statement or `}`");
                    self.report(*unclosed);
                    break;
                }
                _ => body.extend(self.item(Self::part)),
            }
        }
        (self.in_component, self.line) = (false, start);
        Ok(ItemKind::Component(Component { name, parameters, body }))
    }

    /// Whether the brace here has its partner.
    fn brace_closes(&mut self) -> bool {
        if self.unbalanced >= MAX_UNBALANCED {
            return false;
        }
        let mut open = 0u32;
        for token in &self.tokens[self.at..] {
            match token.kind {
                Kind::BraceOpen => open += 1,
                Kind::BraceClose if open == 1 => return true,
                Kind::BraceClose => open -= 1,
                _ => {}
            }
        }
        self.unbalanced += 1;
        false
    }

    /// `part = parameters | constants | initials | outputs | index | function | reaction | instance | equation`
    fn part(&mut self) -> Parse<Option<ItemKind>> {
        match self.peek() {
            kind if kind.speaks_of_model() || self.is_convention() => {
                let word = self.slice(self.here());
                let message = format!("`{word}` cannot stand inside a component");
                let error = *self.error(codes::INSIDE, self.here(), message);
                Err(Box::new(error.help(match word {
                    "component" => "define it outside and make an instance of it here: `part = Part()`",
                    "use" => "write it outside: what it brings is seen in here as well",
                    _ => "it speaks of the whole model: write it outside",
                })))
            }
            _ => self.statement(),
        }
    }

    /// `use_file = "use" text`
    pub(super) fn use_file(&mut self) -> Parse<ItemKind> {
        self.bump();
        if self.peek() != Kind::Text {
            let error = *self.unexpected("a file in quotes after `use`");
            return Err(Box::new(error.help("write for example `use \"cells.ode\"`")));
        }
        Ok(ItemKind::Use(self.text()))
    }

    /// `text = '"' { character } '"'`, without its quotes.
    pub(super) fn text(&mut self) -> Ident {
        let span = self.bump();
        Ident { name: self.slice(span).trim_matches('"').to_owned(), span }
    }

    /// Whether an instance with arguments stands here, after the `=`: `Cell(gNa = …`.
    pub(super) fn instance_follows(&self) -> bool {
        let kinds = [Kind::Name, Kind::RoundOpen, Kind::Name, Kind::Assign];
        self.peek() == Kind::Name && kinds.iter().enumerate().all(|(k, kind)| self.kind_at(self.at + k) == *kind)
    }

    /// `instance = name [ subscripts ] "=" name "(" argument { "," argument } ")" [ for_clauses ]`; `left` stands before
    /// the `=`.
    pub(super) fn instance(&mut self, left: Expr) -> Parse<ItemKind> {
        let (name, subscripts) = match left.kind {
            ExprKind::Name(name) => (Ident { name, span: left.span }, Vec::new()),
            ExprKind::Subscript(name, subscripts) => (name, subscripts),
            _ => {
                let message = "an instance of a component is given a name, found something else on the left";
                return Err(self.error(codes::EXPECTED, left.span, message));
            }
        };
        let component = self.name("a component")?;
        let opener = self.open();
        let arguments = self.list(Self::argument)?;
        self.close(opener, Kind::RoundClose, "an operator, `,` or `)`")?;
        let domain = self.for_clauses()?;
        Ok(ItemKind::Instance(Instance { name, subscripts, component, arguments, domain }))
    }

    /// `argument = name "=" expression`
    fn argument(&mut self) -> Parse<(Ident, Expr)> {
        let name = self.name("an argument")?;
        if self.peek() != Kind::Assign {
            let error = *self.unexpected("`=` after the argument's name");
            return Err(Box::new(error.help("arguments of a component are given by name: `Cell(gNa = 100)`")));
        }
        self.bump();
        Ok((name, self.expression()?))
    }

    /// The instances before a quantity, the quantity, its primes where they stand before its subscripts, and these.
    pub(super) fn place(&mut self, expected: &str) -> Parse<(Vec<Segment>, Ident, u32, Vec<Expr>)> {
        let mut path = Vec::new();
        loop {
            let name = self.name(if path.is_empty() { expected } else { MEMBER })?;
            let early = self.primes()?;
            let subscripts = self.optional_subscripts()?;
            if early > 0 || self.peek() != Kind::Dot {
                return Ok((path, name, early, subscripts));
            }
            path.push(self.segment(name, subscripts));
        }
    }

    /// `segment = name [ subscripts ] "."`: an instance, whose quantity follows; all but the dot has been read.
    pub(super) fn segment(&mut self, name: Ident, subscripts: Vec<Expr>) -> Segment {
        self.bump();
        Segment { name, subscripts }
    }
}
