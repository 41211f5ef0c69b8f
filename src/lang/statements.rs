//! Statements: one production each.

use super::ast::{Declaration, Expr, ExprKind, ForClause, Initial, Item, ItemKind};
use super::lexer::Kind;
use super::parser::{KEYWORDS, LATER, Parsed, Parser};
use crate::diag::{Code, Diagnostic, closest};
use crate::source::Span;

/// Words that begin a statement.
const OPENERS: &[&str] = &["model", "param", "const", "init", "output", "time", "index", "fn", "solve"];

impl Parser<'_> {
    /// `statement = model | param | const | output | init | time | index | function | solve | equation`
    ///
    /// `None` for a statement of a later language level, which has been reported and skipped.
    pub fn statement(&mut self, doc: Option<String>) -> Parsed<Option<Item>> {
        let start = self.peek();
        let word = if start.kind == Kind::Name { self.slice(start.span) } else { "" };
        let kind = match word {
            "model" => self.model()?,
            "param" => ItemKind::Param(self.declarations()?),
            "const" => ItemKind::Const(self.declarations()?),
            "output" => ItemKind::Output(self.declarations()?),
            "init" => self.init()?,
            "time" => self.time()?,
            "index" => self.index()?,
            "fn" => self.function()?,
            "solve" => self.solve()?,
            _ => {
                if let Some((_, what)) = LATER.iter().find(|(keyword, _)| *keyword == word) {
                    return self.later(what);
                }
                match self.later_symbol() {
                    Some(what) => return self.later(what),
                    None => self.equation()?,
                }
            }
        };
        if self.is_symbol(";") {
            let help = "a statement ends at the end of the line; remove the `;`";
            return self.error(Code("E0104"), self.peek().span, "expected the end of the line, found `;`".into(), Some(help));
        }
        if !self.at_end_of_statement() {
            return self.expected("the end of the line");
        }
        Ok(Some(Item { doc, span: start.span.to(self.last_span()), kind }))
    }

    /// Reports a construct of a later language level and skips it.
    fn later(&mut self, what: &str) -> Parsed<Option<Item>> {
        let start = self.peek().span;
        self.skip_statement(self.position());
        let span = start.to(self.last_span());
        let message = format!("{what} {} not yet supported", if what.ends_with('s') { "are" } else { "is" });
        self.diagnostics.push(Diagnostic::new(Code("E0114"), span, message));
        Ok(None)
    }

    /// What construct of a later level this line is, by a sign only that construct has.
    fn later_symbol(&self) -> Option<&'static str> {
        let mut depth = 0i32;
        for ahead in 0.. {
            match self.look(ahead).kind {
                Kind::Newline | Kind::End | Kind::Doc => return None,
                Kind::Symbol("(" | "[") => depth += 1,
                Kind::Symbol(")" | "]") => depth -= 1,
                Kind::Symbol("->" | "<->" | "=>") if depth == 0 => return Some("reactions"),
                Kind::Symbol("~") if depth == 0 => return Some("priors"),
                Kind::Symbol("+=") if depth == 0 => return Some("added terms"),
                Kind::Symbol("=") if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// `model = "model" name`
    fn model(&mut self) -> Parsed<ItemKind> {
        self.advance();
        Ok(ItemKind::Model(self.name("the model's name")?))
    }

    /// `declarations = declaration { "," declaration }`
    fn declarations(&mut self) -> Parsed<Vec<Declaration>> {
        self.advance();
        let mut list = Vec::new();
        loop {
            self.skip_lines();
            list.push(self.declaration()?);
            if !self.take_symbol(",") {
                return Ok(list);
            }
        }
    }

    /// `declaration = name [ subscripts ] [ "=" expression ] [ "in" "(" expression "," expression ")" ] [ domain ]`
    fn declaration(&mut self) -> Parsed<Declaration> {
        let name = self.name("a name")?;
        let subscripts = if self.is_symbol("[") { self.subscripts()? } else { Vec::new() };
        self.unit()?;
        let value = if self.is_symbol("=") { Some(self.value()?) } else { self.no_foreign_equals()? };
        let bounds = if self.take_word("in") {
            let opener = self.expect_symbol("(", "before the bounds")?;
            let lo = self.expression()?;
            self.expect_symbol(",", "between the bounds")?;
            let hi = self.expression()?;
            self.expect_closing(")", opener)?;
            Some((lo, hi))
        } else {
            None
        };
        let domain = self.domain()?;
        let span = name.span.to(self.last_span());
        Ok(Declaration { name, subscripts, value, bounds, domain, span })
    }

    /// `value = "=" expression`
    fn value(&mut self) -> Parsed<Expr> {
        self.advance();
        self.skip_lines();
        self.expression()
    }

    fn no_foreign_equals<T>(&mut self) -> Parsed<Option<T>> {
        match self.peek().kind {
            Kind::Symbol(symbol @ (":=" | "==")) => {
                let message = format!("expected `=`, found `{symbol}`");
                self.error(Code("E0104"), self.peek().span, message, Some("write `=`"))
            }
            Kind::Symbol("~") => {
                let span = self.peek().span;
                self.error(Code("E0114"), span, "priors are not yet supported".into(), None)
            }
            _ => Ok(None),
        }
    }

    /// Units belong to a later level: reported at their place, and the rest of the statement is read.
    fn unit(&mut self) -> Parsed<()> {
        if !self.is_symbol(":") {
            return Ok(());
        }
        let start = self.advance().span;
        while !self.at_end_of_statement() && !self.is_symbol("=") && !self.is_symbol(",") && !self.is_word("in") {
            self.advance();
        }
        let span = start.to(self.last_span());
        self.diagnostics.push(Diagnostic::new(Code("E0114"), span, "units are not yet supported").help("remove the unit"));
        Ok(())
    }

    /// `domain = "for" clause { "," clause }`, `clause = name "in" range`
    fn domain(&mut self) -> Parsed<Vec<ForClause>> {
        let mut list = Vec::new();
        if !self.take_word("for") {
            return Ok(list);
        }
        loop {
            let index = self.name("an index")?;
            if !self.take_word("in") {
                return self.expected(&format!("`in` after `for {}`", index.name));
            }
            list.push(ForClause { index, range: self.range()? });
            // In a list of declarations a comma may also begin the next one.
            let clause_follows = self.is_symbol(",") && self.look(1).kind == Kind::Name && {
                let after = self.look(2);
                after.kind == Kind::Name && self.slice(after.span) == "in" && !matches!(self.look(3).kind, Kind::Symbol("("))
            };
            if !clause_follows {
                return Ok(list);
            }
            self.advance();
        }
    }

    /// `init = "init" initial { "," initial }`, `initial = name { "'" } [ subscripts ] { "'" } "=" expression [ domain ]`
    fn init(&mut self) -> Parsed<ItemKind> {
        self.advance();
        let mut list = Vec::new();
        loop {
            self.skip_lines();
            let name = self.name("a state")?;
            let mut order = self.primes();
            let subscripts = if self.is_symbol("[") { self.subscripts()? } else { Vec::new() };
            order += self.primes();
            self.unit()?;
            if !self.is_symbol("=") {
                self.no_foreign_equals::<()>()?;
                return self.expected(&format!("`=` after `{}`", name.name));
            }
            let value = self.value()?;
            let domain = self.domain()?;
            let span = name.span.to(self.last_span());
            list.push(Initial { name, order, subscripts, value, domain, span });
            if !self.take_symbol(",") {
                return Ok(ItemKind::Init(list));
            }
        }
    }

    fn primes(&mut self) -> u32 {
        let mut order = 0;
        while self.take_symbol("'") {
            order += 1;
        }
        order
    }

    /// `time = "time" name`
    fn time(&mut self) -> Parsed<ItemKind> {
        self.advance();
        let name = self.name("the independent variable's name")?;
        self.unit()?;
        Ok(ItemKind::Time(name))
    }

    /// `index = "index" name { "," name } "=" range [ "periodic" ]`
    fn index(&mut self) -> Parsed<ItemKind> {
        self.advance();
        let mut names = vec![self.name("an index")?];
        while self.take_symbol(",") {
            names.push(self.name("an index")?);
        }
        self.expect_symbol("=", "after the index names")?;
        let range = self.range()?;
        let periodic = self.take_word("periodic");
        Ok(ItemKind::Index { names, range, periodic })
    }

    /// `function = "fn" name "(" name { "," name } ")" "=" expression`
    fn function(&mut self) -> Parsed<ItemKind> {
        self.advance();
        let name = self.name("the function's name")?;
        let opener = self.expect_symbol("(", "after the function's name")?;
        let mut params = vec![self.name("an argument")?];
        while self.take_symbol(",") {
            params.push(self.name("an argument")?);
        }
        self.expect_closing(")", opener)?;
        if !self.is_symbol("=") {
            return self.expected("`=` after the function's arguments");
        }
        let body = self.value()?;
        Ok(ItemKind::Function { name, params, body })
    }

    /// `solve = "solve" name "=" range [ "{" { option } "}" ]`, `option = name "=" expression`, separated by commas or
    /// line ends
    fn solve(&mut self) -> Parsed<ItemKind> {
        self.advance();
        let variable = self.name("the independent variable")?;
        self.expect_symbol("=", "after the independent variable")?;
        let range = self.range()?;
        let mut options = Vec::new();
        if self.is_symbol("{") {
            let opener = self.advance().span;
            loop {
                while self.is_symbol(",") || matches!(self.peek().kind, Kind::Newline | Kind::Doc) {
                    self.advance();
                }
                if self.take_symbol("}") {
                    break;
                }
                if self.peek().kind == Kind::End {
                    self.expect_closing("}", opener)?;
                }
                let name = self.name("an option")?;
                self.expect_symbol("=", "after the option's name")?;
                options.push((name, self.expression()?));
                if !self.is_symbol(",") && !self.is_symbol("}") && self.peek().kind != Kind::Newline {
                    self.expect_closing("}", opener)?;
                }
            }
        }
        Ok(ItemKind::Solve { variable, range, options })
    }

    /// `equation = expression "=" expression [ domain ]`
    fn equation(&mut self) -> Parsed<ItemKind> {
        let start = self.peek();
        if start.kind == Kind::Name && self.look(1).kind == Kind::Name {
            return self.misspelt_opener(start.span);
        }
        let lhs = self.left_side()?;
        if !self.is_symbol("=") {
            self.no_foreign_equals::<()>()?;
            if let ExprKind::Compare(super::ast::Comparison::Eq, _, right) = &lhs.kind {
                let message = "expected `=`, found `==`".to_string();
                let span = Span::new(right.span.start, right.span.start);
                return self.error(Code("E0104"), span, message, Some("equations are written with one `=`"));
            }
            return self.expected("`=`");
        }
        let rhs = self.value()?;
        let domain = self.domain()?;
        Ok(ItemKind::Equation { lhs, rhs, domain })
    }

    fn left_side(&mut self) -> Parsed<Expr> {
        if self.peek().kind == Kind::Name && KEYWORDS.contains(&self.slice(self.peek().span)) && !self.is_word("if") {
            return self.expected("a statement");
        }
        self.expression()
    }

    /// Two names in a row: the first was meant as a keyword.
    fn misspelt_opener(&mut self, span: Span) -> Parsed<ItemKind> {
        let word = self.slice(span);
        let message = format!("expected a statement, found `{word}`");
        let diagnostic = Diagnostic::new(Code("E0115"), span, message);
        let diagnostic = match closest(word, OPENERS.iter().copied()) {
            Some(guess) => diagnostic.help(format!("did you mean `{guess}`?")),
            None => diagnostic.help(format!("statements begin with {} or a name that an equation defines", OPENERS.join(", "))),
        };
        self.report(diagnostic)
    }
}
