//! `rhapsode lsp`: the language server that editors start. It speaks the Language Server Protocol over standard input
//! and output.
//!
//! [`transport`] turns bytes into messages and back, [`server`] decides the order of work, [`documents`] holds the open
//! texts, [`files`] finds those they use, [`text`] counts positions, and each file of [`features`] answers one kind of question from the library's
//! [`Analysis`](rhapsode::model::Analysis) and its checked models.
//!
//! Invariants: one thread owns the documents; models are checked on a second one, so that typing never waits; every
//! request is answered exactly once.

mod checker;
mod documents;
mod features;
mod files;
mod server;
mod text;
mod transport;

use crate::exit::Stop;

/// Start the language server for editors, over standard input and output
#[derive(clap::Args)]
pub struct Args {
    /// Accepted because many editors add it; standard input and output are used in any case
    #[arg(long)]
    stdio: bool,
}

/// The command: serves until the client says `exit` or closes the connection.
///
/// # Errors
/// A client that goes without `shutdown`, as the protocol asks.
pub fn lsp(args: &Args) -> Result<(), Stop> {
    let _ = args.stdio;
    if server::serve() { Ok(()) } else { Err(Stop::Left) }
}
