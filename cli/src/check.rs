//! `rhapsode check`: diagnostics of models, all of each file in one pass.

use std::io::Write;

use crate::engine;
use crate::exit::Stop;

/// Look for mistakes
#[derive(clap::Args)]
pub struct Args {
    /// The model files; `-` reads standard input
    #[arg(required = true)]
    models: Vec<String>,

    /// Say nothing about sound models
    #[arg(short, long)]
    quiet: bool,
}

/// The command.
///
/// # Errors
/// The diagnostics of all files that have some.
pub fn check(args: &Args) -> Result<(), Stop> {
    let mut complaints = Vec::new();
    for path in &args.models {
        match engine::load(path) {
            Ok(model) if !args.quiet => {
                let counted = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
                let line = format!(
                    "{path}: model {} is sound: {}, {}, {}",
                    model.name(),
                    counted(model.states().len(), "state"),
                    counted(model.parameters().len(), "parameter"),
                    counted(model.outputs().len(), "output"),
                );
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            Ok(_) => {}
            Err(Stop::Input(text)) => complaints.push(text),
            Err(other) => return Err(other),
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(Stop::Input(complaints.join("\n\n"))) }
}
