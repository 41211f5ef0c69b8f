//! `rhapsode completions`: a script that teaches a shell the command's flags.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::exit::Stop;
use crate::print;

/// Print a completion script
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rhapsode completions bash > ~/.local/share/bash-completion/completions/rhapsode")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// The command.
///
/// # Errors
/// If standard output cannot be written.
pub fn completions(args: &Args) -> Result<(), Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "rhapsode", &mut script);
    print(&String::from_utf8_lossy(&script))
}
