//! The end of a sweep: its result, its figure, and a line about it.

use std::path::Path;

use super::bands::{Bands, probabilities};
use super::plan::{Kept, Plan};
use super::source::{Source, Totals};
use super::{indices, plot, write};
use crate::exit::Stop;
use crate::output::Output;
use crate::write::rows::Rows;

/// Where the result goes.
pub struct Finish<'a> {
    pub output: Option<&'a Path>,
    pub plot: Option<&'a Path>,
}

impl Finish<'_> {
    /// Refuses what could not be written in the end.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub fn check(&self, plan: &Plan) -> Result<(), Stop> {
        self.format()?;
        if let Some(path) = self.plot {
            plot::Format::of(path).map_err(|sentence| Stop::input(format!("error: --plot: {sentence}")))?;
            super::figure::check(plan).map_err(|sentence| Stop::input(format!("error: --plot: {sentence}")))?;
            drop(Output::open("--plot", path)?);
        }
        Ok(())
    }

    fn format(&self) -> Result<Option<write::Format>, Stop> {
        let Some(path) = self.output else { return Ok(None) };
        match write::Format::of(path) {
            Ok(write::Format::Json) => {
                Err(Stop::input(format!("error: --output: `{}` should end in .csv, .parquet or .npz", path.display())))
            }
            Ok(format) => Ok(Some(format)),
            Err(sentence) => Err(Stop::input(format!("error: --output: {}", sentence.replace(".json, ", "")))),
        }
    }

    /// Makes the result of all trajectories, and draws it.
    ///
    /// # Errors
    /// A sentence, where reading or writing fails.
    pub fn write(&self, source: &Source) -> Result<Totals, Stop> {
        let reading = |error: std::io::Error| Stop::input(format!("error: cannot read the journal: {error}"));
        let mut totals = source.totals().map_err(reading)?;
        let small;
        let rows: &dyn Rows = match (&source.plan.kept, source.plan.indices) {
            (_, Some(kind)) => {
                small = indices::table(source, kind).map_err(reading)?;
                &small
            }
            (Kept::Quantiles(..), None) => {
                let bands = Bands::new(source, probabilities(&source.plan.kept)).map_err(reading)?;
                totals.rank_error = bands.rank_error;
                small = bands.table(&source.plan.independent);
                &small
            }
            _ => source,
        };
        match (self.output, self.format()?) {
            (Some(path), Some(format)) => {
                Output::open("--output", path)?.write(|out| write::rows::write(rows, format, out))?;
            }
            _ => {
                let mut out = std::io::stdout().lock();
                match write::rows::write_csv(rows, &mut out).map_err(|error| Stop::writing("standard output", &error)) {
                    Err(Stop::Pipe) | Ok(()) => {}
                    Err(stop) => return Err(stop),
                }
            }
        }
        if let Some(path) = self.plot {
            let bad = |sentence: String| Stop::input(format!("error: --plot: {sentence}"));
            let format = plot::Format::of(path).map_err(bad)?;
            let figure = super::figure::figure(source, format).map_err(bad)?;
            Output::open("--plot", path)?.write_bytes(&figure)?;
        }
        Ok(totals)
    }
}

/// What to say of a sweep.
pub fn lines(plan: &Plan, totals: &Totals, seconds: Option<(f64, f64)>) -> Vec<String> {
    let failed = if totals.failed == 0 { String::new() } else { format!(" ({} failed)", totals.failed) };
    let times = match seconds {
        Some((compile, solve)) => {
            format!(", compiled in {}, solved in {}", crate::stats::seconds(compile), crate::stats::seconds(solve))
        }
        None => String::new(),
    };
    let mut lines = vec![format!(
        "{}: {}{failed}, {}{times}",
        plan.model,
        trajectories(totals.trajectories),
        crate::stats::counted(totals.steps, "step"),
    )];
    if totals.rank_error > 0.0 {
        let percent = format!("{:.2}", 100.0 * totals.rank_error);
        lines.push(format!(
            "{}: quantiles are those of ranks that are wrong by {percent} % of the trajectories at most",
            plan.model
        ));
    }
    if let Some((k, reason)) = &totals.first {
        lines.push(format!("{}: the first that failed is trajectory {k}: {reason}", plan.model));
    }
    lines
}

/// The object that `--stats` writes.
pub fn json(
    plan: &Plan,
    totals: &Totals,
    (threads, side_by_side): (usize, usize),
    (compile_seconds, solve_seconds): (f64, f64),
) -> serde_json::Value {
    serde_json::json!({
        "model": plan.model,
        "success": totals.failed == 0,
        "message": totals.first.as_ref().map(|(k, reason)| format!("trajectory {k}: {reason}")),
        "trajectories": totals.trajectories,
        "failed": totals.failed,
        "steps": totals.steps,
        "rejected": totals.rejected,
        "rhs": totals.rhs,
        "rank_error": totals.rank_error,
        "threads": threads,
        "side_by_side": side_by_side,
        "compile_seconds": compile_seconds,
        "solve_seconds": solve_seconds,
    })
}

fn trajectories(n: u64) -> String {
    if n == 1 { "1 trajectory".to_string() } else { format!("{n} trajectories") }
}

/// A sweep all of whose runs failed has failed.
///
/// # Errors
/// That.
pub fn verdict(totals: &Totals) -> Result<(), Stop> {
    match &totals.first {
        Some((_, reason)) if totals.failed == totals.trajectories => {
            Err(Stop::Early(format!("error: all trajectories failed, the first as {reason}")))
        }
        _ => Ok(()),
    }
}
