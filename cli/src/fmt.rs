//! `rhapsode fmt`: models in one form. Files are replaced whole, and only if something changes.

use std::io::Write;
use std::path::Path;

use similar::TextDiff;

use crate::engine;
use crate::exit::Stop;
use crate::output::Output;
use crate::print;

/// Give models one form: spacing, aligned columns, lines of readable length
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  rhapsode fmt model.ode           rewrite a file\n  rhapsode fmt --check *.ode       \
                        only say which files would change\n  rhapsode fmt - < model.ode       standard input to \
                        standard output"
)]
pub struct Args {
    /// The model files; `-` formats standard input to standard output
    #[arg(required = true)]
    models: Vec<String>,

    /// Write nothing; show what would change and exit with 1 if anything would
    #[arg(long)]
    check: bool,
}

/// The command.
///
/// # Errors
/// The diagnostics of files with syntax errors, which stay as they are; files that cannot be read or written; with
/// `--check`, files that would change.
pub fn fmt(args: &Args) -> Result<(), Stop> {
    let mut complaints = Vec::new();
    let mut changes = false;
    for path in &args.models {
        match one(path, args.check) {
            Ok(changed) => changes |= changed,
            Err(Stop::Input(text)) => complaints.push(text),
            Err(other) => return Err(other),
        }
    }
    match complaints.is_empty() {
        false => Err(Stop::Input(complaints.join("\n\n"))),
        true if changes && args.check => Err(Stop::Unformatted),
        true => Ok(()),
    }
}

/// Formats one file; says whether it changed, or would.
fn one(path: &str, check: bool) -> Result<bool, Stop> {
    let text = engine::read(path)?;
    let formatted = engine::format(path, &text)?;
    let changed = formatted != text;
    if check {
        print(&if changed { difference(path, &text, &formatted) } else { String::new() })?;
    } else if path == "-" {
        print(&formatted)?;
    } else if changed {
        let permissions = std::fs::metadata(path).map(|found| found.permissions());
        Output::open("fmt", Path::new(path))?.write_bytes(formatted.as_bytes())?;
        // The new file is as private, or as executable, as the old one.
        if let Ok(permissions) = permissions {
            let _ = std::fs::set_permissions(path, permissions);
        }
        let _ = writeln!(std::io::stderr(), "{path}: formatted");
    }
    Ok(changed)
}

/// The lines that go and come, with a few around them.
fn difference(path: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().header(path, "formatted").to_string()
}
