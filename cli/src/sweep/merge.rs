//! `rhapsode merge`: the shards of a sweep become its result.

use std::path::PathBuf;

use super::finish::{self, Finish};
use super::journal;
use super::source::Source;
use crate::exit::Stop;
use crate::output::Output;
use crate::tell;

const EXAMPLES: &str = "\
Examples:
  rhapsode merge all.parquet all.parquet.*of8.shard
  rhapsode merge bands.csv bands.csv.1of2.shard bands.csv.2of2.shard --plot bands.svg";

/// Put the shards of a sweep together
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The result: .csv, .parquet or .npz
    output: PathBuf,

    /// All shards, in any order
    #[arg(required = true)]
    shards: Vec<PathBuf>,

    /// Draw the result: .svg, .png or .html
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,

    /// No summary
    #[arg(short, long)]
    quiet: bool,
}

/// The command.
///
/// # Errors
/// Shards that are missing, not finished, or of different sweeps; a failed write.
pub fn merge(args: &Args) -> Result<(), Stop> {
    let source = source(&args.shards)?;
    let finish = Finish { output: Some(&args.output), plot: args.plot.as_deref() };
    finish.check(&source.plan)?;
    drop(Output::open("--output", &args.output)?);
    let totals = finish.write(&source)?;
    if !args.quiet {
        finish::lines(&source.plan, &totals, None).iter().for_each(|line| tell(line));
    }
    finish::verdict(&totals)
}

/// The shards in order.
fn source(paths: &[PathBuf]) -> Result<Source, Stop> {
    let mut parts = Vec::new();
    for path in paths {
        let name = path.display();
        let refused = |reason: String| Stop::input(format!("error: `{name}` is no shard of a sweep: {reason}"));
        let (plan, records) = journal::read(path).map_err(|error| refused(error.to_string()))?;
        let mut count = 0;
        for record in records {
            record.map_err(|error| refused(error.to_string()))?;
            count += 1;
        }
        if count != plan.share() {
            return Err(Stop::input(format!(
                "error: `{name}` has {count} of {} trajectories\nhelp: run shard {} to its end",
                plan.share(),
                plan.shard
            )));
        }
        parts.push((path, plan));
    }
    let (first, plan) = &parts[0];
    for (path, other) in &parts {
        let difference =
            plan.difference(other).or((plan.shard.of != other.shard.of).then_some("the number of shards is another"));
        if let Some(difference) = difference {
            let (a, b) = (first.display(), path.display());
            return Err(Stop::input(format!("error: `{a}` and `{b}` are shards of different sweeps: {difference}")));
        }
    }
    let of = plan.shard.of;
    let mut journals = Vec::new();
    let mut lacking = Vec::new();
    for number in 1..=of {
        let mut found = parts.iter().filter(|(_, plan)| plan.shard.number == number);
        match (found.next(), found.next()) {
            (Some((a, _)), Some((b, _))) => {
                let (a, b) = (a.display(), b.display());
                return Err(Stop::input(format!("error: `{a}` and `{b}` are both shard {number}/{of}")));
            }
            (Some((path, _)), None) => journals.push((*path).clone()),
            (None, _) => lacking.push(format!("{number}/{of}")),
        }
    }
    if lacking.is_empty() {
        return Ok(Source { plan: plan.clone(), journals });
    }
    let more = if lacking.len() > 20 { ", …" } else { "" };
    lacking.truncate(20);
    Err(Stop::input(format!("error: shards are missing: {}{more}", lacking.join(", "))))
}
