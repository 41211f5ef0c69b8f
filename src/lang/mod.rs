//! Text to syntax tree: tokens, grammar, and back to text.
//!
//! Only this module knows nom. The accepted grammar is `grammar/rhapsode.ebnf`; each production is the function of the
//! same name.

pub mod ast;
mod expressions;
mod lexer;
mod parser;
mod print;
mod statements;

pub use parser::parse;
