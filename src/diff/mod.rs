//! Derivatives of a model's equations, built in the same expression graph as the equations.
//!
//! Families stay families: the derivative of a template by one array reference is a template over the same index
//! ranges, a diagonal of the Jacobian. [`derive()`] gives the sparse Jacobian ∂f/∂y and ∂f/∂t, which every stiff method
//! needs; [`matrix`] and [`jacobian_product`] are made when asked for.

mod delays;
mod forward;
mod pull;
mod reverse;
pub mod saltation;
mod sensitivity;
mod series_nodes;
mod split;
mod taylor;

pub use forward::jacobian_product;
pub(crate) use forward::{Direction, tangent};
pub use pull::{Added, Pull, pull};
pub use reverse::{By, Matrix, Of, matrix, parameter_jacobian};
pub use sensitivity::{Wanted, along, with_sensitivities};
pub use split::Split;
pub use taylor::{Computed, NoSeries, Series, taylor};

use crate::expr::{Affine, ExprId, Graph, IndexRange, Subscript, SymbolId};
use crate::model::{Family, Model, Symbol};

/// Derivatives of f, over a graph that extends the model's.
#[derive(Clone, Debug)]
pub struct Derivatives {
    /// The model's graph and the derivatives' nodes.
    pub graph: Graph,
    /// The model's symbols, then those the derivatives brought in.
    pub symbols: Vec<Symbol>,
    /// ∂f/∂y.
    pub jacobian: Vec<Entry>,
    /// Arrays to compute before `time`, in order, besides the model's own.
    pub time_definitions: Vec<Family>,
    /// ∂G/∂y of the constraints, their k-th as row k of a symbol brought in for them.
    pub constraints: Vec<Entry>,
    /// ∂f/∂t by state; empty if f does not depend on t explicitly.
    pub time: Vec<Family>,
    /// Values before the start, and their rates, of what is read at other times.
    pub past: Vec<Family>,
    /// The parts of f where terms are marked stiff.
    pub split: Option<Split>,
}

/// A diagonal of a Jacobian: for all values of the indices, the derivative of one element of f by one element of a
/// symbol. Entries that meet at the same place add up.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The indices and their values, outermost first.
    pub ranges: Vec<IndexRange>,
    /// The state whose derivative is differentiated.
    pub row: (SymbolId, Vec<Affine>),
    /// The state or parameter it is differentiated by.
    pub column: (SymbolId, Vec<Subscript>),
    /// The derivative.
    pub value: ExprId,
}

/// A reference that the templates cannot be differentiated through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The array referred to.
    pub symbol: String,
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "cannot differentiate through `{}`: a subscript of it wraps around with several indices at once",
            self.symbol
        )
    }
}

impl std::error::Error for Unsupported {}

/// The derivatives every stiff method needs.
///
/// # Errors
/// [`Unsupported`] where a computed array is read through a periodic subscript of several indices.
pub fn derive(model: &Model) -> Result<Derivatives, Unsupported> {
    let mut graph = model.graph.clone();
    let mut symbols = model.symbols.clone();
    let jacobian = reverse::state_jacobian(model, &mut graph)?;
    let constraints = reverse::constraint_jacobian(model, &mut graph, &mut symbols)?;
    let (time_definitions, time) = forward::time_derivative(model, &mut graph, &mut symbols);
    let past = delays::past(model, &mut graph);
    let marked = model.marked.as_ref();
    let split = marked.map(|marked| split::split(model, marked, &mut graph, &mut symbols)).transpose()?;
    Ok(Derivatives { graph, symbols, jacobian, constraints, time_definitions, time, past, split })
}
