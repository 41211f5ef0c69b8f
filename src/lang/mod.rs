//! Text to syntax tree and back. It knows the grammar (`grammar/rhapsode.ebnf`, one parser function per production)
//! and nothing of meaning: names are not looked up, units are not compared, sizes are not evaluated.
//!
//! Invariant: `parse(print(ast)) == ast`, spans apart.

pub mod ast;
mod lexer;
mod parser;
mod print;
mod token;

pub use parser::parse;
