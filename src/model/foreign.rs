//! Functions of the host (`extern fn`): known to the graph by name; what they compute is for the host to say.

use std::sync::Arc;

use super::check::Checker;
use crate::diag::{Diagnostic, codes};
use crate::expr::{ExprId, ForeignId};
use crate::foreign::{Foreign, Part};

impl Checker<'_> {
    /// Announces them in the order of their names, called or not.
    pub(super) fn declare_foreigns(&mut self) {
        for (name, function) in &self.found.functions {
            if function.body.is_some() {
                continue;
            }
            if function.params.len() > Foreign::MOST {
                let message = format!("`{name}` has {} arguments, more than {}", function.params.len(), Foreign::MOST);
                let error = Diagnostic::new(codes::lang::LIMIT, function.span, message);
                self.diagnostics.push(error.help("give the host fewer, or parameters of its own"));
                self.failed_functions.insert(name.to_string());
            }
            let arguments = function.params.iter().map(|param| param.name.clone()).collect();
            self.graph.add_foreign(Arc::new(Foreign { name: name.to_string(), arguments, host: None }));
        }
    }

    /// A call of one of them.
    pub(super) fn call_host(&mut self, name: &str, arguments: Vec<ExprId>) -> Option<ExprId> {
        let place = self.graph.foreigns().iter().position(|foreign| foreign.name == name)?;
        Some(self.graph.call_foreign(ForeignId(place as u32), Part::Value, arguments))
    }
}
