//! `rhapsode run`: load, validate, open the outputs, compile, solve, write. Nothing is computed before it is certain
//! that it can be written, and what was computed is written even when the run ends early.

use std::path::PathBuf;

use clap::ValueEnum;
use rhapsode::Backend;

use crate::engine::{self, Request};
use crate::exit::Stop;
use crate::output::Output;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::{interrupt, plot, stats, tell, values, write};

const EXAMPLES: &str = "\
Examples:
  rhapsode run robertson.ode > robertson.csv
  rhapsode run robertson.ode --set k1=0.05 --span 0..1e6 --rtol 1e-10
  rhapsode run robertson.ode --save-at 0.4,40,4000 -o robertson.json
  rhapsode run robertson.ode --sensitivities k1,k2 -o sensitivities.csv
  rhapsode run lorenz.ode --save 2000 --columns x,z --plot lorenz.png
  rhapsode run brusselator_2d.ode -o fields.npz --stats stats.json --quiet
  cat model.ode | rhapsode run - --method Rodas5P

What is not given comes from the model's solve block.";

/// Integrate a model
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The model file; `-` reads standard input
    model: String,

    #[command(flatten)]
    settings: Settings,

    /// Native code, or the reference interpreter
    #[arg(long, value_enum, default_value_t)]
    backend: BackendName,

    /// Write and draw only these states and outputs, as in `A,u[3,4]`; the name of an array means all of it
    #[arg(long, value_name = "NAME,…", value_parser = values::columns)]
    columns: Vec<values::Columns>,

    /// Add exact sensitivities d[x]/d[name] of all states and outputs by these parameters or initial values, as in
    /// `k1,W[1,2],A`
    #[arg(long, value_name = "NAME,…", value_parser = values::columns)]
    sensitivities: Vec<values::Columns>,

    /// Let the error test include the sensitivities, so that they are as accurate as the states
    #[arg(long, requires = "sensitivities")]
    control_sensitivities: bool,

    /// Write the trajectory to a file instead of standard output: .csv, .json, .npz or .parquet
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Draw the trajectory: .svg, .png or .html
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,

    /// Write counts and times of the run as JSON
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,

    /// Say on standard error which methods and which factorisation were chosen, and why
    #[arg(long)]
    explain: bool,

    /// Say on standard error to how many digits each state and output is good, estimated from the errors of all steps
    #[arg(long)]
    error_estimate: bool,

    /// No summary and no progress bar
    #[arg(short, long)]
    quiet: bool,
}

/// `--backend`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum BackendName {
    #[default]
    Jit,
    Interpret,
}

/// The command.
///
/// # Errors
/// Bad input before the run, a failed write, or a run that ended early.
pub fn run(args: &Args) -> Result<(), Stop> {
    let by: Vec<String> = args.sensitivities.iter().flat_map(|c| c.0.iter().cloned()).collect();
    let model = engine::load(&args.model)?;
    engine::validate_sensitivities(&model, &by)?;
    let request = Request {
        explain: args.explain,
        error_estimate: args.error_estimate,
        control_sensitivities: args.control_sensitivities,
        ..args.settings.request()
    };
    engine::validate(&model, &request)?;
    let columns: Vec<String> = args.columns.iter().flat_map(|c| c.0.iter().cloned()).collect();
    engine::validate_columns(&model, &by, &columns)?;
    let outputs = Outputs::open(args)?;

    let cancel = interrupt::flag();
    let backend = match args.backend {
        BackendName::Jit => Backend::Jit,
        BackendName::Interpret => Backend::Interpret,
    };
    let compiled = engine::compile(&model, backend)?;
    let span = engine::span(&model, &request)?;
    let progress = Progress::new(span, engine::decades_from(&model, &request), model.independent(), args.quiet);
    let outcome = engine::solve(&compiled, &request, cancel, &|t| progress.reach(t), &by)?;
    progress.finish();

    let mut table = engine::table(&model, &outcome.solution);
    if !columns.is_empty() {
        table = table.select(&columns).map_err(|name| Stop::input(format!("error: --columns: no column `{name}`")))?;
    }
    let statistics = &outcome.solution.statistics;
    let compile_seconds = compiled.compile_seconds();
    // Files first: standard output may be closed by its reader at any time.
    if let Some((format, file)) = outputs.table {
        file.write(|out| write::write(&table, format, out))?;
    } else {
        let mut out = std::io::stdout().lock();
        match write::write_csv(&table, &mut out).map_err(|error| Stop::writing("standard output", &error)) {
            Err(Stop::Pipe) | Ok(()) => {}
            Err(stop) => return Err(stop),
        }
    }
    if let Some((format, file)) = outputs.figure {
        let figure = plot::render(&table, format).map_err(|error| Stop::input(format!("error: --plot: {error}")))?;
        file.write_bytes(&figure)?;
    }
    if let Some(file) = outputs.stats {
        let object = stats::json(&table, statistics, compile_seconds, outcome.failure.as_ref());
        file.write_bytes(format!("{object:#}\n").as_bytes())?;
    }
    if args.explain {
        statistics.reasons.iter().for_each(|reason| tell(reason));
        let fallbacks = statistics.fallbacks;
        if fallbacks > 0 {
            tell(&format!("planned pivots were bad in {fallbacks} of {} factorisations", statistics.factorizations));
        }
    }
    if !args.quiet && !statistics.adjusted.is_empty() {
        tell(&stats::adjusted(statistics));
    }
    if !args.quiet {
        tell(&stats::line(&table, statistics, compile_seconds));
        stats::events(&outcome.solution, model.independent()).iter().for_each(|line| tell(line));
    }
    outcome.errors.iter().for_each(|estimate| tell(&stats::good_to(estimate)));
    match outcome.failure {
        None => Ok(()),
        Some(failure) => {
            let hint = engine::beyond_data(&model, &failure).map_or(String::new(), |hint| format!("\nhelp: {hint}"));
            Err(Stop::Early(format!("error: {failure}; what was computed is written{hint}")))
        }
    }
}

/// The files a run will write, opened.
struct Outputs {
    table: Option<(write::Format, Output)>,
    figure: Option<(plot::Format, Output)>,
    stats: Option<Output>,
}

impl Outputs {
    fn open(args: &Args) -> Result<Outputs, Stop> {
        let named = [("--output", &args.output), ("--plot", &args.plot), ("--stats", &args.stats)];
        let given: Vec<_> = named.iter().filter_map(|(flag, path)| path.as_ref().map(|path| (*flag, path))).collect();
        for (k, (flag, path)) in given.iter().enumerate() {
            let same = |other: &PathBuf| match (path.canonicalize(), other.canonicalize()) {
                (Ok(a), Ok(b)) => a == b && a.is_file(),
                _ => *path == other,
            };
            if same(&PathBuf::from(&args.model)) {
                return Err(Stop::input(format!("error: {flag}: `{}` is the model itself", path.display())));
            }
            if let Some((other, _)) = given[..k].iter().find(|(_, earlier)| same(earlier)) {
                let path = path.display();
                return Err(Stop::input(format!("error: {other} and {flag} both name `{path}`")));
            }
        }
        let bad = |flag: &'static str| move |sentence: String| Stop::input(format!("error: {flag}: {sentence}"));
        let table = match &args.output {
            Some(path) => Some((write::Format::of(path).map_err(bad("--output"))?, Output::open("--output", path)?)),
            None => None,
        };
        let figure = match &args.plot {
            Some(path) => Some((plot::Format::of(path).map_err(bad("--plot"))?, Output::open("--plot", path)?)),
            None => None,
        };
        let stats = args.stats.as_ref().map(|path| Output::open("--stats", path)).transpose()?;
        Ok(Outputs { table, figure, stats })
    }
}
