//! Events: what makes them fire, how they are executed, what they do; and doses, which are events by another name.

use super::{Parse, Parser};
use crate::diag::Diagnostic;
use crate::diag::codes::syntax;
use crate::lang::ast::{Action, Attribute, Dose, Event, Expr, ItemKind, Trigger};
use crate::lang::token::Kind;
use crate::source::Span;

impl Parser<'_> {
    /// `event = ( "when" expression | schedule ) { attribute } "{" { newline } [ action { separator action } [ separator ] ]
    /// "}" [ for_clauses ]`
    pub(super) fn event(&mut self) -> Parse<ItemKind> {
        let trigger = match self.peek() {
            Kind::When => {
                self.bump();
                Trigger::When(self.expression()?)
            }
            _ => self.schedule()?,
        };
        let mut attributes = Vec::new();
        while self.peek() != Kind::BraceOpen {
            attributes.push(self.attribute()?);
        }
        let actions = self.actions()?;
        let domain = self.for_clauses()?;
        Ok(ItemKind::Event(Event { label: None, ends: false, trigger, attributes, actions, domain }))
    }

    /// `schedule = "at" expression { "," expression } | "every" expression [ "from" expression ] [ "to" expression ]`
    fn schedule(&mut self) -> Parse<Trigger> {
        match self.peek() {
            Kind::AtTime => {
                self.bump();
                Ok(Trigger::At(self.list(Self::expression)?))
            }
            Kind::Every => {
                self.bump();
                let period = self.expression()?;
                let from = self.after_word("from")?;
                let to = self.after_word("to")?;
                Ok(Trigger::Every { period, from, to })
            }
            _ => Err(self.unexpected("`at` and times, or `every` and a period")),
        }
    }

    /// The expression after a word that is a word only here, if it stands here.
    fn after_word(&mut self, word: &str) -> Parse<Option<Expr>> {
        if !self.is_word(word) {
            return Ok(None);
        }
        self.bump();
        self.expression().map(Some)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.peek() == Kind::Name && self.slice(self.here()) == word
    }

    /// `attribute = "delay" expression | "priority" expression | "persistent" | "values" "at" "trigger" | "at" "start"`
    fn attribute(&mut self) -> Parse<Attribute> {
        let start = self.at;
        let expected = "`{` and what happens, or `delay`, `priority`, `persistent`, `values at trigger`, `at start`";
        let word = if self.peek() == Kind::Name { self.slice(self.here()) } else { "" };
        match (self.peek(), word) {
            (Kind::Name, "delay") => {
                self.bump();
                Ok(Attribute::Delay(self.expression()?))
            }
            (Kind::Name, "priority") => {
                self.bump();
                Ok(Attribute::Priority(self.expression()?))
            }
            (Kind::Name, "persistent") => Ok(Attribute::Persistent(self.bump())),
            (Kind::Name, "values") => {
                self.bump();
                self.expect(Kind::AtTime, "`at trigger` after `values`")?;
                self.word("trigger", "`trigger` after `values at`")?;
                Ok(Attribute::ValuesAtTrigger(self.since(start)))
            }
            (Kind::AtTime, _) => {
                self.bump();
                self.word("start", "`start` after `at`")?;
                Ok(Attribute::AtStart(self.since(start)))
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn word(&mut self, word: &str, expected: &str) -> Parse<Span> {
        if self.is_word(word) { Ok(self.bump()) } else { Err(self.unexpected(expected)) }
    }

    /// The block of an event: actions with commas or line ends between.
    fn actions(&mut self) -> Parse<Vec<Action>> {
        let opener = self.bump();
        self.in_block = true;
        let mut actions = Vec::new();
        loop {
            self.line = self.at;
            match self.peek() {
                Kind::BraceClose => break,
                kind if kind == Kind::End || (kind.begins_statement() && self.tokens[self.at].first_on_line) => {
                    return Err(self.unclosed(opener, "an action or `}`"));
                }
                _ => actions.push(self.action()?),
            }
            self.separator(opener)?;
        }
        self.in_block = false;
        self.bump();
        Ok(actions)
    }

    /// `action = "stop" | variable ":=" expression`
    fn action(&mut self) -> Parse<Action> {
        let ends = matches!(self.peek_second(), Kind::Comma | Kind::BraceClose | Kind::Newline | Kind::End);
        if self.is_word("stop") && ends {
            return Ok(Action::Stop(self.bump()));
        }
        let target = self.variable()?;
        if matches!(self.peek(), Kind::Assign | Kind::PlusAssign) {
            let (here, name) = (self.here(), self.shortened(target.span));
            let message = format!("expected `:=` after the quantity that is set, found `{}`", self.slice(here));
            let error = Diagnostic::new(syntax::EQUALS, here, message);
            return Err(Box::new(if self.peek() == Kind::Assign {
                error.help("an event sets a quantity with `:=`").fix(here, ":=")
            } else {
                error.help(format!("write `{name} := {name} + …`"))
            }));
        }
        self.expect(Kind::Becomes, "`:=` after the quantity that is set")?;
        Ok(Action::Assign(target, self.expression()?))
    }

    /// Whether the statement here is `dose TARGET …`: two names side by side, which nothing else begins with.
    pub(super) fn is_dose(&self) -> bool {
        self.is_word("dose") && self.peek_second() == Kind::Name
    }

    /// `dose = "dose" variable expression schedule [ "over" expression ] [ "lag" expression ]
    /// [ "bioavailability" expression ] [ for_clauses ]`
    pub(super) fn dose(&mut self) -> Parse<ItemKind> {
        self.bump();
        let target = self.variable()?;
        let amount = self.expression()?;
        let schedule = self.schedule()?;
        let over = self.after_word("over")?;
        let lag = self.after_word("lag")?;
        let bioavailability = self.after_word("bioavailability")?;
        let domain = self.for_clauses()?;
        Ok(ItemKind::Dose(Box::new(Dose { target, amount, schedule, over, lag, bioavailability, domain })))
    }
}
