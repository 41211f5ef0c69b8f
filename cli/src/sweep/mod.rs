//! `rhapsode sweep` and `rhapsode merge`: many runs of a model. The trajectories go into a journal as they end; the result is made of the
//! journal, or of those of all shards, and appears whole.

mod bands;
mod design;
mod figure;
mod finish;
mod from;
mod indices;
mod journal;
mod merge;
mod plan;
mod prepare;
mod regression;
mod rows;
mod source;
mod values;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use rhapsode::Backend;

use crate::engine;
use crate::engine::ensemble::{Runs, run as run_all, side_by_side, threads};
use crate::exit::Stop;
use crate::output::Output;
use crate::settings::Settings;
use crate::{interrupt, plot, tell, values as flags, write};
use design::{Indices, Sampling};
use finish::Finish;
use journal::Journal;
use plan::Shard;
use prepare::{Prepared, prepare};
use source::Source;
use values::Varied;

pub use merge::{Args as MergeArgs, merge};

const EXAMPLES: &str = "\
Examples:
  rhapsode sweep sir.ode --param 'R0=lin(1,4,61)' -o epidemics.csv
  rhapsode sweep robertson.ode --param 'k1=log(1e-3,1e3,50)' --param k2=1e7,3e7 -o ends.parquet
  rhapsode sweep pendulum.ode --param 'theta=lin(-3,3)' --sample 10000 --keep quantiles --save 100 --plot bands.svg
  rhapsode sweep model.ode --sample 1024 --indices sobol -o shares.csv --plot shares.svg
  rhapsode sweep model.ode --from ends.csv --keep times --save-at 1,10 -o again.npz
  rhapsode sweep model.ode --sample 1e6 --shard 3/8 -o all.parquet
  rhapsode merge all.parquet all.parquet.*of8.shard

A sweep that was stopped goes on where it was when it is started again. What is not given comes from the model's solve block.";

/// Run a model many times: over a grid, samples or the rows of a file
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The model file; `-` reads standard input
    model: String,

    /// Let a parameter or an initial value vary: `k1=log(1e-3,1e3,50)`, `k1=lin(0,1,11)`, `k1=1,2,5`; with --sample
    /// `k1=log(1e-3,1e3)`, `k1=lin(0,1)`, or `k1` for the interval that the model states (repeatable)
    #[arg(long, value_name = "NAME=VALUES", value_parser = values::varied, allow_hyphen_values = true)]
    param: Vec<Varied>,

    /// Draw N samples of what varies, by default of all parameters with an interval `in (LO, HI)`
    #[arg(long, value_name = "N", value_parser = flags::steps)]
    sample: Option<u64>,

    /// How samples are drawn
    #[arg(long, value_enum, default_value_t, requires = "sample")]
    design: Sampling,

    /// Another seed gives other samples
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Take what varies from the columns of a file, .csv, .parquet or .npz: also an earlier result
    #[arg(long, value_name = "FILE", conflicts_with_all = ["param", "sample"])]
    from: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,

    /// What to keep of each run, or of all
    #[arg(long, value_enum, default_value_t)]
    keep: Keep,

    /// Which quantiles to keep
    #[arg(long, value_name = "Q,…", value_delimiter = ',', value_parser = flags::number,
          default_values_t = bands::PROBABILITIES)]
    quantiles: Vec<f64>,

    /// Keep only these states and outputs, as in `A,u[3,4]`; the name of an array means all of it
    #[arg(long, value_name = "NAME,…", value_parser = flags::columns)]
    columns: Vec<flags::Columns>,

    /// Global sensitivities of what is kept by what varies, with 95 % confidence intervals, instead of the values:
    /// --sample says how many base points, or paths
    #[arg(long, value_enum, requires = "sample")]
    indices: Option<Indices>,

    /// Write the result to a file instead of standard output: .csv, .parquet or .npz
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Draw the result: .svg, .png or .html
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,

    /// Write counts and times of all runs as JSON
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    stats: Option<PathBuf>,

    /// Say on standard error how many runs go side by side, or why they go one by one
    #[arg(long)]
    explain: bool,

    /// Do one of several equal parts, as in `2/8`, to be put together by `rhapsode merge`
    #[arg(long, value_name = "I/N", requires = "output", conflicts_with = "plot")]
    shard: Option<Shard>,

    /// Forget what a sweep that was stopped has done
    #[arg(long)]
    restart: bool,

    /// Run on so many threads; by default RHAPSODE_NUM_THREADS says how many, or the number of processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// No summary and no progress bar
    #[arg(short, long)]
    quiet: bool,
}

/// `--keep`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// The values at the end
    #[default]
    Final,
    /// The values at the times asked for
    Times,
    /// Quantiles over all runs at the times asked for
    Quantiles,
    /// When which events happened
    Events,
}

/// The command.
///
/// # Errors
/// Bad input before the runs, a failed write, or an interruption.
pub fn sweep(args: &Args) -> Result<(), Stop> {
    let prepared = prepare(args)?;
    let Prepared { plan, model, .. } = &prepared;
    let threads = threads(args.threads.map(usize::from))?;
    let output = args.output.as_deref().map(|path| match args.shard {
        Some(shard) => shard_path(path, shard),
        None => path.to_path_buf(),
    });
    // Whether what is written in the end can be written is certain before anything is computed.
    let finish = Finish { output: args.output.as_deref(), plot: args.plot.as_deref() };
    finish.check(plan)?;
    if let Some(path) = &output {
        drop(Output::open("--output", path)?);
    }
    let stats = args.stats.as_deref().map(|path| Output::open("--stats", path)).transpose()?;
    // Without a file there is nothing to go on with.
    let scratch = tempfile::TempDir::new().map_err(|error| Stop::writing("a temporary folder", &error))?;
    let path = output.as_deref().map_or_else(|| scratch.path().join("journal"), journal_path);
    let cancel = interrupt::flag();
    let compiled = engine::compile(model, Backend::Jit)?;
    // What is refused leaves no journal.
    let row = |k: usize, row: &mut [f64]| prepared.design.row(plan.shard.trajectory(k as u64), row);
    let all = runs(&prepared, plan.share() as usize, threads, &row);
    let together = side_by_side(&compiled, &prepared.request, cancel, &all)?;
    let mut journal = Journal::open(&path, plan, args.restart)?;
    let start = Instant::now();
    execute(args, &prepared, &compiled, &mut journal, (threads, &together), cancel)?;
    let solve_seconds = start.elapsed().as_secs_f64();
    // Others may read it now.
    drop(journal);

    let source = Source { plan: plan.clone(), journals: vec![path.clone()] };
    if let (Some(shard), Some(path)) = (args.shard, output) {
        let name = path.display().to_string();
        std::fs::rename(&source.journals[0], &path).map_err(|error| Stop::writing(&format!("`{name}`"), &error))?;
        if !args.quiet {
            tell(&format!(
                "{}: shard {shard} of the sweep is in `{name}`; `rhapsode merge` puts them together",
                plan.model
            ));
        }
        return Ok(());
    }
    let totals = finish.write(&source)?;
    if args.output.is_some() {
        std::fs::remove_file(&path).map_err(|error| Stop::writing("the journal", &error))?;
    }
    let seconds = (compiled.compile_seconds(), solve_seconds);
    if let Some(file) = stats {
        let object = finish::json(plan, &totals, (threads, together.unwrap_or(1)), seconds);
        file.write_bytes(format!("{object:#}\n").as_bytes())?;
    }
    if !args.quiet {
        finish::lines(plan, &totals, Some(seconds)).iter().for_each(|line| tell(line));
    }
    finish::verdict(&totals)
}

/// So many of the sweep's trajectories, each with its row.
fn runs<'a>(
    prepared: &'a Prepared,
    count: usize,
    threads: usize,
    row: &'a (dyn Fn(usize, &mut [f64]) + Sync),
) -> Runs<'a> {
    let Prepared { plan, names, keep, .. } = prepared;
    let names = names.iter().map(String::as_str).collect();
    let columns = plan.columns.iter().map(String::as_str).collect();
    Runs { names, count, row, columns, keep, threads }
}

/// Runs what the journal does not have yet; how many go side by side is known.
fn execute(
    args: &Args,
    prepared: &Prepared,
    compiled: &rhapsode::Compiled,
    journal: &mut Journal,
    (threads, together): (usize, &Result<usize, String>),
    cancel: &std::sync::atomic::AtomicBool,
) -> Result<(), Stop> {
    let Prepared { plan, design, names, request, .. } = prepared;
    let (share, before) = (plan.share(), journal.finished);
    let row = |k: usize, row: &mut [f64]| design.row(plan.shard.trajectory(before + k as u64), row);
    let runs = runs(prepared, share.saturating_sub(before) as usize, threads, &row);
    if args.explain {
        let threads = crate::stats::counted(threads as u64, "thread");
        tell(&match together {
            Ok(lanes) => format!("{lanes} trajectories at a time on each of {threads}, side by side in SIMD lanes"),
            Err(reason) => format!("one trajectory at a time on each of {threads}: {reason}"),
        });
    }
    let bar = progress(args.quiet, share, before);
    let (mut values, mut failed) = (vec![0.0; names.len()], None);
    let done = run_all(compiled, request, cancel, &runs, &mut |k, mut record| {
        // Those of the plan need not be told again.
        if !plan.times().is_empty() {
            record.times.clear();
        }
        row(k, &mut values);
        bar.inc(1);
        match journal.add(&values, &record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    bar.finish_and_clear();
    let flushed = journal.flush();
    let place = journal.path().display();
    if let Some(error) = failed.or(flushed.err()) {
        return Err(Stop::input(format!(
            "error: cannot write the journal `{place}`: {error}\nhelp: what is whole in it is kept; the same command goes on \
             behind it"
        )));
    }
    if done < runs.count {
        let done = before + done as u64;
        let kept = match args.output {
            Some(_) => format!("they are in `{place}`, and the same command goes on behind them"),
            None => "without `--output` they are not kept".to_string(),
        };
        return Err(Stop::Early(format!("error: interrupted after {done} of {share} trajectories; {kept}")));
    }
    Ok(())
}

/// A bar on a terminal, with the rate and the time that is left.
fn progress(quiet: bool, share: u64, before: u64) -> ProgressBar {
    if quiet {
        return ProgressBar::with_draw_target(Some(share), ProgressDrawTarget::hidden());
    }
    // Hidden where standard error is no terminal.
    let bar = ProgressBar::new(share).with_position(before);
    bar.reset_eta();
    // As wide as the terminal leaves.
    let template = "{wide_bar} {percent:>3} %  {human_pos} of {human_len}  {rate}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Whoever draws has nobody to tell that it failed.
            let _ = out.write_str(&rate(state.per_sec()));
        };
        bar.set_style(style.with_key("rate", rate));
    }
    bar
}

/// `1,240/s`, `8.3/s`.
fn rate(per_second: f64) -> String {
    if per_second < 100.0 { format!("{per_second:.1}/s") } else { format!("{}/s", HumanCount(per_second as u64)) }
}

/// `OUT.2of8.shard`.
fn shard_path(output: &Path, shard: Shard) -> PathBuf {
    let mut name = output.as_os_str().to_os_string();
    name.push(format!(".{}of{}.shard", shard.number, shard.of));
    PathBuf::from(name)
}

/// The journal beside an output.
fn journal_path(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_os_string();
    name.push(".journal");
    PathBuf::from(name)
}
