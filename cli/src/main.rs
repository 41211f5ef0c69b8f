//! The command `rhapsode`: a thin hand between files, flags and the library. Each subcommand is a module; only
//! [`engine`] touches the library's facade. Results go to standard output or files, everything else to standard error.

#[cfg(feature = "ahead")]
mod build;
mod check;
mod completions;
mod engine;
mod exit;
mod explain;
mod fmt;
mod gradient;
mod interrupt;
#[cfg(feature = "lsp")]
mod lsp;
mod new;
mod output;
mod plot;
mod progress;
mod read;
mod run;
mod settings;
mod show;
mod stats;
mod steady;
mod sweep;
mod table;
mod values;
mod write;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Stop;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  rhapsode new predator                          write predator.ode, a small commented model
  rhapsode run predator.ode --plot predator.svg  integrate it and draw it
  rhapsode run predator.ode --set a=2 -o out.csv change a parameter, keep the numbers
  rhapsode steady predator.ode                   where it rests, and whether it stays there
  rhapsode sweep predator.ode --param 'a=lin(1,3,21)' -o ends.csv
                                                 run it for many values
  rhapsode gradient predator.ode data.csv --wrt a,b
                                                 the likelihood of measured values, and its derivatives
  rhapsode check predator.ode                    only look for mistakes
  rhapsode fmt predator.ode                      tidy up spacing and columns
  rhapsode show predator.ode --jacobian          see what the compiler derived
  rhapsode explain E0209                         what an error means and how to mend it

Exit codes: 0 success, 1 `fmt --check` found work, 2 bad model or flag, 3 the run ended early (what was computed is written).";

/// A page of equations becomes native code and a trajectory.
#[derive(Parser)]
#[command(name = "rhapsode", version, after_help = EXAMPLES, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Integrate a model; write its trajectory, figure and statistics
    Run(Box<run::Args>),
    /// Find where a model comes to rest, and whether it stays there
    Steady(Box<steady::Args>),
    /// Run a model many times: over a grid, samples or the rows of a file
    Sweep(Box<sweep::Args>),
    /// Put the shards of a sweep together
    Merge(sweep::MergeArgs),
    /// Compute the value of an objective, or of a likelihood, and its gradient
    Gradient(Box<gradient::Args>),
    /// Look for mistakes in models, nothing else
    Check(check::Args),
    /// Show the inside of a model: equations, Jacobian, sparsity, code
    Show(show::Args),
    /// Explain a diagnostic code, with a model that shows it and the model mended
    Explain(explain::Args),
    /// Give models one form: spacing, aligned columns, lines of readable length
    Fmt(fmt::Args),
    /// Write a runnable, commented model to start from
    New(new::Args),
    /// Compile a model and its integration for C hosts: an object file, or C
    #[cfg(feature = "ahead")]
    Build(build::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    #[cfg(feature = "lsp")]
    Lsp(lsp::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Steady(args) => steady::steady(&args),
        Command::Sweep(args) => sweep::sweep(&args),
        Command::Merge(args) => sweep::merge(&args),
        Command::Gradient(args) => gradient::gradient(&args),
        Command::Check(args) => check::check(&args),
        Command::Show(args) => show::show(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Fmt(args) => fmt::fmt(&args),
        Command::New(args) => new::new(&args),
        #[cfg(feature = "ahead")]
        Command::Build(args) => build::build(&args),
        Command::Completions(args) => completions::completions(&args),
        #[cfg(feature = "lsp")]
        Command::Lsp(args) => lsp::lsp(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            if let Stop::Input(sentence) | Stop::Early(sentence) = &stop {
                // Nothing can be said where standard error is closed.
                let _ = writeln!(std::io::stderr(), "{sentence}");
            }
            ExitCode::from(stop.code())
        }
    }
}

/// One line on standard error, if anyone listens.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes text to standard output.
fn print(text: &str) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Stop::writing("standard output", &e))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn flags_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
