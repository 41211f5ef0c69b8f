//! Text to syntax tree and back. It knows the grammar (`grammar/rhapsode.ebnf`, one parser function per production)
//! and nothing of meaning: names are not looked up, units are not compared, sizes are not evaluated.
//!
//! Invariant: `parse(print(ast)) == ast`, spans apart.

pub mod ast;
mod files;
pub mod format;
mod lexemes;
mod lexer;
mod parser;
mod print;
mod token;

pub use files::{File, Files, read};
pub use lexemes::{Lexeme, LexemeKind, is_name, keywords, lexemes};
pub use parser::{parse, parse_unit};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use std::time::Instant;

    const PAGE: &str = "## Robertson's autocatalytic reaction (1966), the classic stiff test.\n\
        param k1_7 = 0.04, k2_7 = 3e7, k3_7 = 1e4 in (0, 1e9)   # rates\n\
        init A_7 = 1, B_7 = 0, C_7 = 0\n\
        A_7' = -k1_7*A_7 + k3_7*B_7*C_7\n\
        B_7' =  k1_7*A_7 - k3_7*B_7*C_7 - k2_7*B_7^2\n\
        u_7[i,j]' = 1 + u_7[i,j]^2*v_7[i,j] - 4.4*u_7[i,j] + alpha*(u_7[i-1,j] - 2*u_7[i,j] + u_7[i+1,j])\n\
        theta_7'' = if theta_7 > 0 and t < 10 then -g/L*sin(theta_7) else exp(-theta_7)\n\n";

    /// Prints the throughput of lexer and parser: `cargo test --release --no-default-features --lib -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn throughput() {
        let source = Source::new("m", PAGE.repeat(16_000));
        let megabytes = source.text().len() as f64 / 1e6;
        for _ in 0..3 {
            let start = Instant::now();
            let tokens = lexer::tokens(source.text(), 0).list.len();
            let lexed = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let (ast, diagnostics) = parse(&source);
            let parsed = start.elapsed().as_secs_f64();
            assert!(diagnostics.is_empty() && ast.items.len() == 7 * 16_000 - 16_000);
            println!(
                "{megabytes:.1} MB, {tokens} tokens: lexer {:.0} MB/s, text to tree {:.0} MB/s",
                megabytes / lexed,
                megabytes / parsed
            );
        }
        let page = Source::new("m", PAGE);
        let start = Instant::now();
        let read: usize = (0..10_000).map(|_| parse(&page).0.items.len()).sum();
        println!("{} bytes, {} statements: {:.1} µs", PAGE.len(), read / 10_000, start.elapsed().as_secs_f64() * 100.0);
    }
}
