//! Functions of the host: bound to a model, and asked for before a run.

use std::fmt;
use std::sync::Arc;

use super::{Compiled, Model};
use crate::expr::{Graph, Node};
use crate::foreign::{Foreign, HostFunction, Part};
use crate::solve::Method;

/// A run would call the host for what it has not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError {
    /// The function with this name.
    Unbound(String),
    /// What was given has a name that no `extern fn` has; those that are there.
    Unknown(String, Vec<String>),
    /// So many derivatives of a function, which the method, or the gradient of its runs, needs.
    Derivative {
        /// The function.
        name: String,
        /// How often it would be differentiated: 1, 2 or more.
        order: usize,
        /// The name of the method.
        method: &'static str,
        /// Whether it is the gradient of a run that needs them.
        gradient: bool,
    },
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, order, method, gradient) = match self {
            HostError::Unbound(name) => {
                return write!(
                    f,
                    "`{name}` is a function of the host (`extern fn`), and there is none: give it with \
                     `model.with_function(\"{name}\", …)` in Rust, `functions={{\"{name}\": …}}` in Python, or \
                     `rhapsode_model_with_function` in C"
                );
            }
            HostError::Unknown(name, known) if known.is_empty() => {
                return write!(f, "the model has no `extern fn`, so `{name}` cannot be given to it");
            }
            HostError::Unknown(name, known) => {
                return write!(f, "the model has no `extern fn {name}`; it has {}", known.join(", "));
            }
            HostError::Derivative { name, order, method, gradient } => (name, order, method, gradient),
        };
        let what = if *gradient { "the gradient of a run with " } else { "" };
        let (which, help) = match order {
            1 => ("the derivatives", "give its gradient too"),
            2 => ("second derivatives", "give its hessian too"),
            _ => ("third derivatives", "there is no way to give those"),
        };
        write!(f, "{what}{method} needs {which} of `{name}`, which the host does not give: {help}")?;
        if *gradient || *order == 1 { write!(f, ", or use Tsit5 or another explicit method") } else { Ok(()) }
    }
}

impl std::error::Error for HostError {}

impl Model {
    /// The same model with a function of the host bound to the `extern fn` of that name.
    ///
    /// # Errors
    /// [`HostError::Unknown`]
    pub fn with_function(&self, name: &str, function: HostFunction) -> Result<Model, HostError> {
        let known = self.checked.graph.foreigns();
        let Some(place) = known.iter().position(|foreign| foreign.name == name) else {
            let known = known.iter().map(|foreign| foreign.name.clone()).collect();
            return Err(HostError::Unknown(name.to_string(), known));
        };
        let mut list = known.to_vec();
        list[place] = Arc::new(Foreign { host: Some(function), ..(*list[place]).clone() });
        let bind = |graph: &mut Graph| graph.set_foreigns(list.clone());
        let mut model = self.clone();
        bind(&mut Arc::make_mut(&mut model.checked).graph);
        bind(&mut Arc::make_mut(&mut model.derivatives).graph);
        if let Some(located) = &mut model.located {
            let (checked, derivatives) = Arc::make_mut(located);
            bind(&mut checked.graph);
            bind(&mut derivatives.graph);
        }
        Ok(model)
    }

    /// Its functions of the host, bound or not.
    pub fn functions(&self) -> &[Arc<Foreign>] {
        self.checked.graph.foreigns()
    }
}

/// How often f of the model is differentiated by a run, or by the gradient of one.
fn needed(method: Method, gradient: bool) -> usize {
    let stages_know_j = matches!(method, Method::Rosenbrock23 | Method::Rodas4 | Method::Rodas5P | Method::Auto);
    match (method.suits_stiff() || method == Method::Auto, gradient) {
        (false, false) => 0,
        (true, true) if stages_know_j => 2,
        _ => 1,
    }
}

/// Whether the host gives all that a run calls.
pub fn callable(compiled: &Compiled, method: Method, gradient: bool) -> Result<(), HostError> {
    let graph = &compiled.model().compiled().0.graph;
    for foreign in graph.foreigns() {
        let Some(host) = &foreign.host else { return Err(HostError::Unbound(foreign.name.clone())) };
        // Of a model of derivatives f itself calls derivatives.
        let calls = graph.ids().filter_map(|id| match graph.node(id) {
            Node::Foreign(of, part, _) if Arc::ptr_eq(graph.foreign(of), foreign) => Some(part),
            _ => None,
        });
        let order = |part| match part {
            Part::Value => 0,
            Part::First(_) => 1,
            Part::Second(..) => 2,
            Part::Higher => 3,
        };
        let Some(own) = calls.map(order).max() else { continue };
        let order = own + needed(method, gradient);
        if order > host.derivatives() {
            let order = (host.derivatives() + 1).max(own);
            let (name, method) = (foreign.name.clone(), method.name());
            return Err(HostError::Derivative { name, order, method, gradient });
        }
    }
    Ok(())
}
