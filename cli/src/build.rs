//! `rhapsode build`: a model and its integration as an object file, or as C, for hosts without rhapsode.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rhapsode::AheadOptions;
use rhapsode::solve::Method;

use crate::engine;
use crate::exit::Stop;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  rhapsode build hires.ode -o hires.o --header hires.h
  cc -O2 host.c hires.o -lm -o host                              hires_solve(…) is the whole integration
  rhapsode build hires.ode -o hires.o --cpu native               with all instructions of this machine
  rhapsode build orbit.ode -o orbit.o --method DOP853
  rhapsode build hires.ode -o hires.o --target aarch64-unknown-linux-gnu
  rhapsode build hires.ode --emit c -o hires.c --header hires.h  the same as text in C99

The header says what is called how. The code allocates nothing, keeps nothing, and needs the C library's elementary
functions at most. Models with delays or delayed events need a host with rhapsode in it.";

/// Compile a model and its integration for C hosts
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The model file; `-` reads standard input
    model: String,

    /// The object file (or with `--emit c` the text) to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// The C header to write
    #[arg(long, value_name = "FILE")]
    header: Option<PathBuf>,

    /// What to write
    #[arg(long, value_enum, default_value_t)]
    emit: Emit,

    /// The machine the code is for; this one's kind by default
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,

    /// Which processors may run it
    #[arg(long, value_enum, default_value_t)]
    cpu: Cpu,

    /// The integration method; the model's own, else Rodas5P
    #[arg(long, value_parser = methods(), ignore_case = true)]
    method: Option<Method>,

    /// What functions are called after; the model's name by default
    #[arg(long)]
    name: Option<String>,

    /// No summary
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// An object file
    #[default]
    Object,
    /// C99
    C,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Cpu {
    /// Every processor of the kind
    #[default]
    Baseline,
    /// Those that have all this one has
    Native,
}

fn methods() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(AheadOptions::METHODS.iter().map(|method| method.name()))
        .try_map(|name| Method::find(&name).ok_or("unknown"))
}

/// The command.
///
/// # Errors
/// A bad model or target, what such code cannot do, files that cannot be written.
pub fn build(args: &Args) -> Result<(), Stop> {
    let model = engine::load(&args.model)?;
    let options = AheadOptions {
        method: args.method,
        target: args.target.clone(),
        native: args.cpu == Cpu::Native,
        name: args.name.clone(),
    };
    let refused = |reason: &dyn std::fmt::Display| Stop::input(format!("error: {}: {reason}", args.model));
    let made = model.ahead_of_time(&options).map_err(|error| refused(&error))?;
    let bytes = match args.emit {
        Emit::Object => made.object().map_err(|reason| refused(&reason))?,
        Emit::C => made.c().into_bytes(),
    };
    // Both files can be written before either is.
    let output = Output::open("-o", &args.output)?;
    let header = args.header.as_ref().map(|path| Output::open("--header", path)).transpose()?;
    output.write_bytes(&bytes)?;
    if let Some(header) = header {
        header.write_bytes(made.header().as_bytes())?;
    }
    if !args.quiet {
        let (file, size) = (args.output.display(), bytes.len());
        eprintln!("{file}: {}_solve and its kernels, {size} bytes", made.name());
    }
    Ok(())
}
