//! What is asked of a solution: objectives, and which measured values are compared with what.

use super::{Parse, Parser};
use crate::lang::ast::{ItemKind, Objective, Observation};
use crate::lang::token::Kind;

impl Parser<'_> {
    /// `objective = "objective" name [ annotation ] "=" expression`
    pub(super) fn objective(&mut self) -> Parse<ItemKind> {
        self.bump();
        let name = self.name("an objective")?;
        let unit = self.annotation()?;
        self.expect(Kind::Assign, "`=` after the objective")?;
        let value = self.expression()?;
        Ok(ItemKind::Objective(Box::new(Objective { name, unit, value })))
    }

    /// `observation = "observe" column "~" name "(" [ expression { "," expression } ] ")"`
    pub(super) fn observation(&mut self) -> Parse<ItemKind> {
        self.bump();
        let start = self.at;
        let column = self.column()?;
        if self.peek() != Kind::Tilde {
            let error = *self.unexpected("`~` and a distribution after the column");
            return Err(Box::new(error.help("write for example `observe y ~ Normal(x, sigma)`")));
        }
        self.bump();
        let distribution = self.name("a distribution")?;
        if self.peek() != Kind::RoundOpen {
            return Err(self.unexpected("`(` after the distribution"));
        }
        let arguments = self.arguments()?;
        let span = self.since(start);
        Ok(ItemKind::Observe(Box::new(Observation { column, distribution, arguments, span })))
    }
}
