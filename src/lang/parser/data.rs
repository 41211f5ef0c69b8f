//! Data: forcing functions read from files, arrays of numbers, and tables of doses.

use super::{Parse, Parser};
use crate::diag::Diagnostic;
use crate::diag::codes::lang as codes;
use crate::lang::ast::{Column, ColumnName, Csv, DoseSetting, Doses, Ident, Input, ItemKind};
use crate::lang::token::Kind;

/// What may be said of a compartment of a table of doses.
const OF_COMPARTMENT: [&str; 4] = ["lag", "bioavailability", "rate", "duration"];

impl Parser<'_> {
    /// `input = "input" name "(" name [ annotation ] ")" [ annotation ] "=" csv [ name ] [ "extrapolate" name ]`
    pub(super) fn input(&mut self) -> Parse<ItemKind> {
        self.bump();
        let name = self.name("an input")?;
        if self.peek() != Kind::RoundOpen {
            let error = *self.unexpected("`(` after the input's name");
            return Err(Box::new(
                error.help("an input is a function, usually of time: `input T(t) = csv(\"temp.csv\", time, temp)`"),
            ));
        }
        let opener = self.open();
        let argument = self.name("an argument")?;
        let argument_unit = self.annotation()?;
        self.close(opener, Kind::RoundClose, "`)` after the input's argument")?;
        let unit = self.annotation()?;
        self.expect(Kind::Assign, "`=` after the input")?;
        if !self.is_csv() {
            let error = *self.unexpected("`csv(` and a file in quotes");
            return Err(Box::new(error.help("write for example `csv(\"temp.csv\", time, temp)`")));
        }
        let csv = self.csv()?;
        let shape =
            if self.peek() == Kind::Name && !self.is_word("extrapolate") { Some(self.any_word()) } else { None };
        let mut outside = None;
        if self.is_word("extrapolate") {
            self.bump();
            if self.peek() != Kind::Name {
                return Err(self.unexpected("`hold`, `linear`, `periodic` or `error` after `extrapolate`"));
            }
            outside = Some(self.any_word());
        }
        Ok(ItemKind::Input(Box::new(Input { name, argument, argument_unit, unit, csv, shape, outside })))
    }

    fn any_word(&mut self) -> Ident {
        let span = self.bump();
        Ident { name: self.slice(span).to_owned(), span }
    }

    /// Whether `csv("…` stands here, which no function's call looks like.
    pub(super) fn is_csv(&self) -> bool {
        self.is_word("csv") && self.peek_second() == Kind::RoundOpen && self.kind_at(self.at + 2) == Kind::Text
    }

    /// `csv(` without a file in quotes.
    pub(super) fn no_path(&mut self) -> Box<Diagnostic> {
        self.bump();
        self.bump();
        let error = *self.unexpected("a file in quotes after `csv(`");
        Box::new(error.help("write for example `csv(\"temp.csv\", time, temp)`"))
    }

    /// `csv = "csv" "(" text { "," column } ")"`
    pub(super) fn csv(&mut self) -> Parse<Csv> {
        let start = self.at;
        self.bump();
        let opener = self.open();
        let path = self.text();
        let mut columns = Vec::new();
        while self.accept(Kind::Comma) {
            columns.push(self.column()?);
        }
        self.close(opener, Kind::RoundClose, "`,` and a column, or `)`")?;
        Ok(Csv { path, columns, span: self.since(start) })
    }

    /// `column = name | text | whole`
    pub(super) fn column(&mut self) -> Parse<Column> {
        match self.peek() {
            Kind::Text => {
                let Ident { name, span } = self.text();
                Ok(Column { which: ColumnName::Text(name), span })
            }
            Kind::Number => {
                let span = self.here();
                let place = self.whole_number("the place of a column")?;
                Ok(Column { which: ColumnName::Place(place), span })
            }
            // A heading may be a word of the language: nothing else can stand here.
            kind if kind == Kind::Name || kind.is_keyword() => {
                let Ident { name, span } = self.any_word();
                Ok(Column { which: ColumnName::Name(name), span })
            }
            _ => Err(self.unexpected("a column: its heading, its heading in quotes, or its number")),
        }
    }

    /// `whole`, at most a million.
    fn whole_number(&mut self, what: &str) -> Parse<u32> {
        let span = self.here();
        let text = self.slice(span);
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u32>().ok().filter(|value| digits && *value <= 1_000_000) {
            Some(value) => {
                self.bump();
                Ok(value)
            }
            None => Err(self.error(codes::NUMBER, span, format!("expected {what}, a whole number, found `{text}`"))),
        }
    }

    /// Whether the statement here is `doses csv(…`.
    pub(super) fn is_doses(&self) -> bool {
        self.is_word("doses") && self.peek_second() == Kind::Name
    }

    /// `doses = "doses" csv [ "{" { newline } [ dose_setting { separator dose_setting } [ separator ] ] "}" ]`
    pub(super) fn doses(&mut self) -> Parse<ItemKind> {
        self.bump();
        if !self.is_csv() {
            let error = *self.unexpected("`csv(` and a file in quotes after `doses`");
            return Err(Box::new(error.help("write for example `doses csv(\"doses.csv\")`")));
        }
        let csv = self.csv()?;
        let settings = if self.peek() == Kind::BraceOpen { self.dose_settings()? } else { Vec::new() };
        Ok(ItemKind::Doses(Box::new(Doses { csv, settings })))
    }

    fn dose_settings(&mut self) -> Parse<Vec<DoseSetting>> {
        let opener = self.bump();
        self.in_block = true;
        let mut settings = Vec::new();
        loop {
            self.line = self.at;
            match self.peek() {
                Kind::BraceClose => break,
                kind if kind == Kind::End || (kind.begins_statement() && self.tokens[self.at].first_on_line) => {
                    return Err(self.unclosed(opener, "`id = …`, `1 = …`, `lag … = …` or `}`"));
                }
                _ => settings.push(self.dose_setting()?),
            }
            self.separator(opener)?;
        }
        self.in_block = false;
        self.bump();
        Ok(settings)
    }

    /// `dose_setting = "id" "=" expression | whole "=" variable
    /// | ( "lag" | "bioavailability" | "rate" | "duration" ) variable "=" expression`
    fn dose_setting(&mut self) -> Parse<DoseSetting> {
        if self.peek() == Kind::Number {
            let number = self.whole_number("the number of a compartment")?;
            self.expect(Kind::Assign, "`=` after the compartment's number")?;
            return Ok(DoseSetting::Compartment(number, self.variable()?));
        }
        if self.is_word("id") && self.peek_second() == Kind::Assign {
            self.bump();
            self.bump();
            return Ok(DoseSetting::Id(self.expression()?));
        }
        let word = if self.peek() == Kind::Name { self.slice(self.here()) } else { "" };
        if !OF_COMPARTMENT.contains(&word) {
            let expected = "`id = …`, `1 = …`, or `lag`, `bioavailability`, `rate`, `duration` and a state";
            return Err(self.unexpected(expected));
        }
        let word = self.any_word();
        let state = self.variable()?;
        self.expect(Kind::Assign, &format!("`=` after `{} {state}`", word.name))?;
        Ok(DoseSetting::Of(word, state, self.expression()?))
    }
}
