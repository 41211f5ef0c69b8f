//! The symbolic engine: expressions as a shared graph, the builtin functions, evaluation and text.
//!
//! It knows symbols by number only; what they are called and where they live is the model's business.

mod affine;
pub mod builtin;
mod eval;
mod graph;
pub mod mathml;
mod print;
mod simplify;

pub use affine::{Affine, IndexRange, Subscript, for_each_turn, turns};
pub use eval::{Environment, Evaluator, reduction_operation, reduction_start};
pub use graph::{
    ArgumentsId, CurveId, ExprId, Facts, ForeignId, Graph, Node, Reads, Reduction, SubsId, SymbolId, VarId,
};
pub use print::{Format, Names, Printer, shortest};
