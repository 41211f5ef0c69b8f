//! From flags to a plan: what varies, what is kept, and with which settings. Nothing is refused later that can be refused here.

use rhapsode::Model;
use rhapsode::model::Grid;

use super::design::{Design, Indices};
use super::plan::{Axis, Kept, Plan, Shard};
use super::values::{Values, Varied};
use super::{Args, Keep, from, journal};
use crate::engine::ensemble::{self, Keep as Each};
use crate::engine::{self, Points, Request};
use crate::exit::Stop;
use crate::values::Columns;

/// A sweep that can be run.
pub struct Prepared {
    pub plan: Plan,
    pub model: Model,
    pub request: Request,
    pub design: Design,
    /// What varies, as the library calls it.
    pub names: Vec<String>,
    pub keep: Each,
}

/// Values of a grid's axes kept for figures at most.
const MOST_VALUES: u64 = 4096;

/// Reads the model and the flags.
///
/// # Errors
/// A sentence for what cannot be done.
pub fn prepare(args: &Args) -> Result<Prepared, Stop> {
    let (model, bytes) = ensemble::load(&args.model)?;
    let request = args.settings.request();
    engine::validate(&model, &request)?;
    let columns: Vec<String> = args.columns.iter().flat_map(|Columns(names)| names.iter().cloned()).collect();
    let columns = ensemble::column_names(&model, &columns)?;
    let kept = kept(args, &model, &request)?;
    let design = design(args, &model)?;
    let flag = if args.from.is_some() { "--from" } else { "--param" };
    let (mut names, mut varied) = (Vec::new(), Vec::new());
    for name in &design.names {
        let (name, label) = ensemble::varied(&model, flag, name)?;
        if names.contains(&name) {
            return Err(Stop::input(format!("error: {flag}: `{name}` is given twice")));
        }
        if request.set.iter().any(|(set, _)| *set == name) {
            return Err(Stop::input(format!("error: `{name}` is given by both --set and {flag}")));
        }
        names.push(name);
        varied.push(label);
    }
    let keep = match &kept {
        Kept::Final => Each::Final,
        Kept::Times(times) | Kept::Quantiles(times, _) => Each::At(times.clone()),
        Kept::Events => Each::Events,
    };
    let plan = Plan {
        model: model.name().to_string(),
        text: format!("{:016x}", journal::checksum(bytes)),
        settings: settings(&request),
        design: design.description(),
        independent: model.independent().to_string(),
        varied,
        columns,
        kept,
        indices: args.indices,
        count: design.count,
        shard: args.shard.unwrap_or(Shard::ALL),
        axes: axes(&design),
    };
    Ok(Prepared { plan, model, request, design, names, keep })
}

/// What numbers depend on besides the model and what varies.
fn settings(r: &Request) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let method = r.method.map(|method| method.name());
    format!(
        "{version} {:?} {:?} {method:?} {:?} {:?} {:?} {} {:?} {:?}",
        r.set, r.span, r.rtol, r.atol, r.precision, r.over_switches, r.max_steps, r.max_time
    )
}

fn kept(args: &Args, model: &Model, request: &Request) -> Result<Kept, Stop> {
    if args.indices.is_some() && !matches!(args.keep, Keep::Final | Keep::Times) {
        return Err(Stop::input("error: --indices are of values: `--keep final` or `--keep times`"));
    }
    if let Some(q) = args.quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
        return Err(Stop::input(format!("error: --quantiles: {q} is no probability between 0 and 1")));
    }
    match args.keep {
        Keep::Final | Keep::Events if request.points.is_some() => {
            Err(Stop::input("error: --save, --save-at and --save-every go with `--keep times` or `--keep quantiles`"))
        }
        Keep::Final => Ok(Kept::Final),
        Keep::Events => Ok(Kept::Events),
        Keep::Times => Ok(Kept::Times(times(model, request)?)),
        Keep::Quantiles => {
            let mut probabilities = args.quantiles.clone();
            probabilities.sort_by(f64::total_cmp);
            probabilities.dedup();
            Ok(Kept::Quantiles(times(model, request)?, probabilities))
        }
    }
}

/// The times to keep.
fn times(model: &Model, request: &Request) -> Result<Vec<f64>, Stop> {
    let (t0, t1) = engine::span(model, request)?;
    if t1.is_infinite() {
        return Err(Stop::input("error: times are kept of runs with a known end; use `--keep final`, or `--span`"));
    }
    let grid = match &request.points {
        Some(Points::At(times)) => return Ok(times.clone()),
        Some(Points::Count(n)) => Some(Grid::Count(*n as u64)),
        Some(Points::Every(dt)) => Some(Grid::Every(*dt)),
        None => model.run().save,
    };
    let points = grid.map_or(Ok(None), |grid| grid.points(t0, t1));
    points.map_err(|sentence| Stop::input(format!("error: {sentence}")))?.ok_or_else(|| {
        Stop::input("error: which times to keep is not said\nhelp: use `--save 100` or `--save-at 1,10`")
    })
}

/// What varies, and how.
fn design(args: &Args, model: &Model) -> Result<Design, Stop> {
    let input = |sentence: String| Stop::input(format!("error: {sentence}"));
    if let Some(path) = &args.from {
        let (names, columns) = from::read(model, path)?;
        return Ok(Design::table(names, columns));
    }
    let Some(count) = args.sample else {
        if args.param.is_empty() {
            let hint = "say what varies: `--param k1=log(1e-3,1e3,50)`, `--sample 1000` or `--from params.csv`";
            return Err(input(format!("nothing varies\nhelp: {hint}")));
        }
        if let Some(Varied { name, values }) = args.param.iter().find(|v| v.values.count().is_none()) {
            let hint = match values {
                Values::Between(a, b, true) => format!("`--param '{name}=log({a},{b},50)'`, or `--sample 1000`"),
                Values::Between(a, b, _) => format!("`--param '{name}=lin({a},{b},50)'`, or `--sample 1000`"),
                _ => format!("`--param '{name}=lin(0,1,11)'`, or `--sample 1000`"),
            };
            return Err(input(format!("--param: how many values of `{name}` is not said\nhelp: use {hint}")));
        }
        return Design::grid(&args.param).map_err(|error| input(format!("--param: {error}")));
    };
    let varied = if args.param.is_empty() {
        let all = ensemble::bounded(model);
        if all.is_empty() {
            let hint = "write `param k1 = 1 in (0.1, 10)` in the model, or use `--param 'k1=lin(0.1,10)'`";
            return Err(input(format!("--sample: no parameter of the model has an interval\nhelp: {hint}")));
        }
        all.into_iter().map(|name| Varied { name, values: Values::Allowed }).collect()
    } else {
        args.param.clone()
    };
    let mut ranges = Vec::new();
    for Varied { name, values } in &varied {
        ranges.push(match values {
            Values::Between(a, b, log) => (*a, *b, *log),
            Values::Allowed => {
                // An unknown name is the better answer.
                ensemble::varied(model, "--param", name)?;
                let (a, b) =
                    ensemble::bounds(model, name).filter(|(a, b)| a.is_finite() && b.is_finite()).ok_or_else(|| {
                        let hint =
                            format!("use `--param '{name}=lin(0,1)'`, or write `in (0, 1)` behind it in the model");
                        input(format!("--param: the model states no interval for `{name}`\nhelp: {hint}"))
                    })?;
                (a, b, false)
            }
            _ => {
                let hint = format!("`--param '{name}=lin(0,1)'` is a range to draw from");
                return Err(input(format!("--param: `{name}` has values of a grid, and --sample draws\nhelp: {hint}")));
            }
        });
    }
    let names = varied.into_iter().map(|v| v.name).collect();
    Design::sample(names, ranges, count, args.seed, args.design, args.indices).map_err(|error| {
        let flag = if args.indices == Some(Indices::Sobol) { "--indices" } else { "--sample" };
        input(format!("{flag}: {error}"))
    })
}

/// The axes of a grid, where they are few values.
fn axes(design: &Design) -> Vec<Axis> {
    let Some(axes) = design.axes() else { return Vec::new() };
    let counts: Vec<u64> = axes.iter().filter_map(Values::count).collect();
    if counts.iter().sum::<u64>() > MOST_VALUES {
        return Vec::new();
    }
    let axis = |(values, n): (&Values, u64)| Axis {
        values: (0..n).map(|k| values.get(k)).collect(),
        log: values.is_logarithmic(),
    };
    axes.iter().zip(counts).map(axis).collect()
}
