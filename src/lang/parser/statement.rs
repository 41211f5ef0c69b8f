//! Statements: declarations, equations and the `solve` block.

use super::{Parse, Parser};
use crate::lang::ast::{Declaration, Expr, ExprKind, ForClause, Ident, Initial, ItemKind, Range};
use crate::lang::token::Kind;
use crate::source::Span;

impl Parser<'_> {
    /// `statement = model | parameters | constants | initials | outputs | time | index | function | foreign | solve |
    /// component | use_file | discretes | event | input | objective | observation | dose | doses | convention | reaction |
    /// instance | equation`.
    /// Nothing if the statement is of a kind that is not yet supported (which has been reported).
    pub(super) fn statement(&mut self) -> Parse<Option<ItemKind>> {
        let kind = self.peek();
        if kind.begins_statement() {
            self.not_keyword_as_name()?;
        }
        let item = match kind {
            Kind::Model => self.model()?,
            Kind::Param => self.parameters()?,
            Kind::Const => self.constants()?,
            Kind::Init => self.initials()?,
            Kind::Output => self.outputs()?,
            Kind::Time => self.time()?,
            Kind::Index => self.index()?,
            Kind::Function => self.function()?,
            Kind::Extern => self.foreign()?,
            Kind::Solve => self.solve()?,
            Kind::Component => self.component()?,
            Kind::Use => self.use_file()?,
            Kind::Discrete => self.discretes()?,
            Kind::Input => self.input()?,
            Kind::Objective => self.objective()?,
            Kind::Observe => self.observation()?,
            Kind::When | Kind::AtTime | Kind::Every => self.event()?,
            _ if self.reserved() => return Ok(None),
            _ if self.is_dose() => self.dose()?,
            _ if self.is_doses() => self.doses()?,
            _ if self.is_convention() => self.convention()?,
            _ if self.is_reaction() => self.reaction()?,
            _ => self.equation()?,
        };
        self.line_end()?;
        Ok(Some(item))
    }

    /// `line_end`: the end of the line, of the file or of the component around it.
    fn line_end(&mut self) -> Parse<()> {
        match self.peek() {
            Kind::Newline | Kind::End => Ok(()),
            Kind::BraceClose if self.in_component => Ok(()),
            _ => Err(self.trailing()),
        }
    }

    /// `model = "model" name`
    fn model(&mut self) -> Parse<ItemKind> {
        self.bump();
        Ok(ItemKind::Model(self.name("the model's name")?))
    }

    /// `parameters = "param" declaration { "," declaration }`
    fn parameters(&mut self) -> Parse<ItemKind> {
        self.bump();
        Ok(ItemKind::Param(self.list(|parser| parser.declaration("a parameter"))?))
    }

    /// `constants = "const" declaration { "," declaration }`
    fn constants(&mut self) -> Parse<ItemKind> {
        self.bump();
        Ok(ItemKind::Const(self.list(|parser| parser.declaration("a constant"))?))
    }

    /// `outputs = "output" declaration { "," declaration }`
    fn outputs(&mut self) -> Parse<ItemKind> {
        self.bump();
        Ok(ItemKind::Output(self.list(|parser| parser.declaration("an output"))?))
    }

    /// `initials = "init" initial { "," initial }`
    fn initials(&mut self) -> Parse<ItemKind> {
        self.bump();
        Ok(ItemKind::Init(self.list(Self::initial)?))
    }

    /// `discretes = "discrete" declaration { "," declaration }`
    fn discretes(&mut self) -> Parse<ItemKind> {
        self.bump();
        Ok(ItemKind::Discrete(self.list(|parser| parser.declaration("a discrete quantity"))?))
    }

    /// `time = "time" name [ annotation ]`
    fn time(&mut self) -> Parse<ItemKind> {
        self.bump();
        let name = self.name("the independent variable")?;
        Ok(ItemKind::Time(name, self.annotation()?))
    }

    /// `index = "index" name { "," name } "=" range [ "periodic" ]`
    fn index(&mut self) -> Parse<ItemKind> {
        self.bump();
        let names = self.list(|parser| parser.name("an index"))?;
        self.expect(Kind::Assign, "`=` after the index")?;
        let range = self.range()?;
        let periodic = self.peek() == Kind::Name && self.slice(self.here()) == "periodic";
        if periodic {
            self.bump();
        } else if self.peek() == Kind::Name {
            return Err(self.unexpected("`periodic` or the end of the line"));
        }
        Ok(ItemKind::Index { names, range, periodic })
    }

    /// `function = "fn" name "(" [ name { "," name } ] ")" "=" expression`
    fn function(&mut self) -> Parse<ItemKind> {
        self.bump();
        let (name, params) = self.signature()?;
        self.expect(Kind::Assign, "`=` after the arguments")?;
        let body = Some(self.expression()?);
        Ok(ItemKind::Function { name, params, body })
    }

    /// `foreign = "extern" "fn" name "(" [ name { "," name } ] ")"`
    fn foreign(&mut self) -> Parse<ItemKind> {
        self.bump();
        self.expect(Kind::Function, "`fn` after `extern`")?;
        let (name, params) = self.signature()?;
        Ok(ItemKind::Function { name, params, body: None })
    }

    /// `name "(" [ name { "," name } ] ")"`
    fn signature(&mut self) -> Parse<(Ident, Vec<Ident>)> {
        let name = self.name("a function")?;
        if self.peek() != Kind::RoundOpen {
            return Err(self.unexpected("`(` after the function's name"));
        }
        let opener = self.open();
        let params = match self.peek() {
            Kind::RoundClose => Vec::new(),
            _ => self.list(|parser| parser.name("an argument"))?,
        };
        self.close(opener, Kind::RoundClose, "`,` or `)`")?;
        Ok((name, params))
    }

    /// `solve = "solve" name "=" range [ "{" { newline } [ option { separator option } [ separator ] ] "}" ]`
    fn solve(&mut self) -> Parse<ItemKind> {
        self.bump();
        let variable = self.name("the independent variable")?;
        self.expect(Kind::Assign, "`=` after the independent variable")?;
        let range = self.range()?;
        let options = if self.peek() == Kind::BraceOpen { self.options()? } else { Vec::new() };
        Ok(ItemKind::Solve { variable, range, options })
    }

    /// The block of a `solve` statement: options with commas or line ends between.
    fn options(&mut self) -> Parse<Vec<(Ident, Expr)>> {
        let opener = self.bump();
        self.in_block = true;
        let mut options = Vec::new();
        loop {
            self.line = self.at;
            match self.peek() {
                Kind::BraceClose => break,
                kind if kind == Kind::End || (kind.begins_statement() && self.tokens[self.at].first_on_line) => {
                    return Err(self.unclosed(opener, "an option or `}`"));
                }
                _ => options.push(self.option()?),
            }
            self.separator(opener)?;
        }
        self.in_block = false;
        self.bump();
        Ok(options)
    }

    /// `separator = "," { newline } | newline { newline }`, or nothing before the `}`.
    pub(super) fn separator(&mut self, opener: Span) -> Parse<()> {
        match self.peek() {
            Kind::Newline | Kind::BraceClose => Ok(()),
            Kind::Comma => {
                self.bump();
                Ok(())
            }
            _ => Err(self.unclosed(opener, "`,`, a new line or `}`")),
        }
    }

    /// `option = name "=" ( spacing | expression )`
    fn option(&mut self) -> Parse<(Ident, Expr)> {
        let name = self.name("an option")?;
        self.expect(Kind::Assign, "`=` after the option")?;
        let value = if self.peek() == Kind::Every { self.spacing()? } else { self.expression()? };
        Ok((name, value))
    }

    /// `spacing = "every" "(" expression ")"`
    fn spacing(&mut self) -> Parse<Expr> {
        let start = self.at;
        let span = self.bump();
        if self.peek() != Kind::RoundOpen {
            return Err(self.unexpected("`(` and a distance after `every`"));
        }
        let opener = self.open();
        let distance = self.expression()?;
        self.close(opener, Kind::RoundClose, "`)`")?;
        let name = Ident { name: "every".to_string(), span };
        Ok(Expr { span: self.since(start), kind: ExprKind::Call(name, vec![distance]) })
    }

    /// `equation = ( name [ subscripts ] annotation "=" | sum ( "=" | "+=" ) ) expression [ for_clauses ]`
    fn equation(&mut self) -> Parse<ItemKind> {
        self.not_unknown_statement()?;
        let lhs = self.sum()?;
        let annotated = matches!(lhs.kind, ExprKind::Name(_) | ExprKind::Subscript(..));
        let unit = if annotated { self.annotation()? } else { None };
        let added = unit.is_none() && self.accept(Kind::PlusAssign);
        if !added && !self.accept(Kind::Assign) {
            return Err(self.no_equals(&lhs));
        }
        if !added && self.instance_follows() {
            return self.instance(lhs);
        }
        let rhs = self.expression()?;
        let domain = self.for_clauses()?;
        Ok(if added { ItemKind::Addition { lhs, rhs, domain } } else { ItemKind::Equation { lhs, unit, rhs, domain } })
    }

    /// `declaration = name [ subscripts ] [ annotation ] [ "=" expression ] [ bounds ] [ for_clauses ]`
    pub(super) fn declaration(&mut self, what: &str) -> Parse<Declaration> {
        let start = self.at;
        let name = self.name(what)?;
        let subscripts = self.optional_subscripts()?;
        let unit = self.annotation()?;
        let value = match self.peek() {
            Kind::Assign => {
                self.bump();
                Some(self.expression()?)
            }
            Kind::In | Kind::For | Kind::Comma | Kind::Newline | Kind::End => None,
            Kind::RoundClose if self.inside > 0 => None,
            _ => return Err(self.unexpected("`=` after the name")),
        };
        let bounds = if self.peek() == Kind::In { Some(self.bounds()?) } else { None };
        let domain = self.for_clauses()?;
        Ok(Declaration { name, subscripts, unit, value, bounds, domain, span: self.since(start) })
    }

    /// `initial = { segment } name ( primes [ subscripts ] | [ subscripts ] [ primes ] ) [ "(" name ")" ] [ annotation ] "="
    /// expression [ for_clauses ]`
    fn initial(&mut self) -> Parse<Initial> {
        let start = self.at;
        let (path, name, early, subscripts) = self.place("a state")?;
        let order = if early == 0 { self.primes()? } else { early };
        let past = if self.peek() == Kind::RoundOpen {
            let opener = self.open();
            let time = self.name("the independent variable")?;
            self.close(opener, Kind::RoundClose, "`)`")?;
            Some(time)
        } else {
            None
        };
        let unit = self.annotation()?;
        self.expect(Kind::Assign, "`=` after the name")?;
        let value = self.expression()?;
        let domain = self.for_clauses()?;
        Ok(Initial { path, outside: 0, name, order, subscripts, past, unit, value, domain, span: self.since(start) })
    }

    /// `bounds = "in" "(" expression "," expression ")"`
    fn bounds(&mut self) -> Parse<(Expr, Expr)> {
        self.bump();
        if self.peek() != Kind::RoundOpen {
            return Err(self.unexpected("`(` after `in`"));
        }
        let opener = self.open();
        let lo = self.expression()?;
        self.expect(Kind::Comma, "`,` between the bounds")?;
        let hi = self.expression()?;
        self.close(opener, Kind::RoundClose, "an operator or `)`")?;
        Ok((lo, hi))
    }

    /// `for_clauses = "for" for_clause { "," for_clause }`; none if there is no `for`.
    pub(super) fn for_clauses(&mut self) -> Parse<Vec<ForClause>> {
        let mut clauses = Vec::new();
        if self.accept(Kind::For) {
            clauses.push(self.for_clause()?);
            while self.peek() == Kind::Comma && self.for_clause_follows() {
                self.bump();
                clauses.push(self.for_clause()?);
            }
        }
        Ok(clauses)
    }

    /// `for_clause = name "in" range`
    fn for_clause(&mut self) -> Parse<ForClause> {
        let index = self.name("an index")?;
        self.expect(Kind::In, "`in` after the index")?;
        Ok(ForClause { index, range: self.range()? })
    }

    /// `range = sum ".." sum`, both ends included.
    pub(super) fn range(&mut self) -> Parse<Range> {
        let lo = self.sum()?;
        self.expect(Kind::Dots, "`..` after the first value")?;
        Ok(Range { lo, hi: self.sum()? })
    }

    pub(super) fn optional_subscripts(&mut self) -> Parse<Vec<Expr>> {
        if self.peek() == Kind::SquareOpen { self.subscripts() } else { Ok(Vec::new()) }
    }

    /// One or more of something, with commas between.
    pub(super) fn list<T>(&mut self, mut part: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut parts = vec![part(self)?];
        while self.accept(Kind::Comma) {
            parts.push(part(self)?);
        }
        Ok(parts)
    }

    /// Whether the comma here is followed by another `for` clause (`j in 1..3`) rather than by a declaration with bounds
    /// (`b in (0, 1)`, where a comma stands in the parentheses).
    fn for_clause_follows(&self) -> bool {
        if self.kind_at(self.at + 1) != Kind::Name || self.kind_at(self.at + 2) != Kind::In {
            return false;
        }
        if self.kind_at(self.at + 3) != Kind::RoundOpen {
            return true;
        }
        let mut open = 0;
        for index in self.at + 3.. {
            match self.kind_at(index) {
                Kind::RoundOpen | Kind::SquareOpen => open += 1,
                Kind::RoundClose | Kind::SquareClose => open -= 1,
                Kind::Comma if open == 1 => return false,
                Kind::End => return true,
                _ => {}
            }
            if open == 0 {
                return true;
            }
        }
        true
    }
}
