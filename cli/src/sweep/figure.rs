//! The figure of a sweep: bands over time, values over one parameter of a grid, maps over two, and bars of sensitivities.

use std::io;

use super::bands::{Bands, percent, probabilities};
use super::design::Indices;
use super::indices::{Estimate, Sensitivity, sensitivities};
use super::plan::{Kept, Plan};
use super::regression::{Fit, coefficients};
use super::source::Source;
use crate::plot::bars::{Group, Value};
use crate::plot::maps::{Map, Side};
use crate::plot::{Band, Format, bars, maps, render, render_bands};
use crate::table::{Series, Table};

/// Maps of a figure at most.
const MOST_MAPS: usize = 4;

/// What can be drawn of a sweep.
enum Drawing {
    Bands,
    /// Over the one parameter that varies.
    Curves(usize),
    /// Over two.
    Maps(usize, usize),
    Regression,
    Indices(Indices),
}

fn drawing(plan: &Plan) -> Result<Drawing, String> {
    if let Some(kind) = plan.indices {
        return Ok(Drawing::Indices(kind));
    }
    let vary: Vec<usize> = (0..plan.axes.len()).filter(|k| plan.axes[*k].values.len() > 1).collect();
    match (&plan.kept, vary.as_slice()) {
        (Kept::Times(_) | Kept::Quantiles(..), _) => Ok(Drawing::Bands),
        (Kept::Events, _) => Err("events are not drawn; keep values".to_string()),
        (Kept::Final, _) if plan.axes.is_empty() => Ok(Drawing::Regression),
        (Kept::Final, []) => Err("there is one trajectory only; `rhapsode run` draws it".to_string()),
        (Kept::Final, [one]) => Ok(Drawing::Curves(*one)),
        (Kept::Final, [one, two]) => Ok(Drawing::Maps(*one, *two)),
        (Kept::Final, more) => {
            Err(format!("a grid over {} parameters is not drawn; let one or two vary, or draw --sample", more.len()))
        }
    }
}

/// Refuses what cannot be drawn.
///
/// # Errors
/// A sentence.
pub fn check(plan: &Plan) -> Result<(), String> {
    drawing(plan).map(|_| ())
}

/// The bytes of the figure.
///
/// # Errors
/// A sentence, when the journal cannot be read or the image cannot be made.
pub fn figure(source: &Source, format: Format) -> Result<Vec<u8>, String> {
    let plan = &source.plan;
    let read = |error: io::Error| error.to_string();
    match drawing(plan)? {
        Drawing::Bands => bands(source, format),
        Drawing::Curves(axis) => {
            let ends = ends(source).map_err(read)?;
            let series = plan.columns.iter().zip(&ends).map(|(name, values)| Series::scalar(name, values)).collect();
            render(&table(plan, &plan.varied[axis], &plan.axes[axis].values, series), format)
        }
        Drawing::Maps(slow, fast) => {
            let ends = ends(source).map_err(read)?;
            let side = |k: usize| Side {
                name: plan.varied[k].clone(),
                values: plan.axes[k].values.clone(),
                log: plan.axes[k].log,
            };
            // The last parameter of a grid is the fastest.
            let (x, y) = (side(fast), side(slow));
            let shown = plan.columns.iter().zip(ends).take(MOST_MAPS);
            let list: Vec<Map> =
                shown.map(|(name, values)| Map { title: name.clone(), x: &x, y: &y, values }).collect();
            let note = if plan.columns.len() > MOST_MAPS {
                format!("the first {MOST_MAPS} of {} maps; choose others with --columns", plan.columns.len())
            } else {
                String::new()
            };
            maps::render(&format!("{} at the end", plan.model), &list, &note, format)
        }
        Drawing::Regression => {
            let fits = coefficients(source).map_err(read)?;
            let group = |(name, fit): (&String, Fit)| {
                let bars = fit.coefficients.iter().map(|b| vec![Value { value: *b, reach: 0.0 }]);
                let bars = plan.varied.iter().cloned().zip(bars).collect();
                Group { title: format!("{name} (R² = {:.2})", fit.explained), bars }
            };
            let groups = plan.columns.iter().zip(fits).map(group).collect();
            let note = "R² is the share of the variance that the sum of straight lines explains";
            let title = format!("{} at the end", plan.model);
            bars::render(&title, groups, &[""], "standardised regression coefficient", note, format)
        }
        Drawing::Indices(kind) if plan.times().len() > 1 => over_time(source, kind, format),
        Drawing::Indices(kind) => {
            let mut list = sensitivities(source, kind).map_err(read)?;
            let last = plan.times().last().copied();
            list.retain(|s| s.time == last);
            let at = last.map_or("at the end".to_string(), |t| format!("at {} = {t}", plan.independent));
            let (kinds, quantity): (&[&str], &str) = match kind {
                Indices::Sobol => (&["by itself", "with interactions"], "share of the variance"),
                Indices::Morris => (&["μ*"], "mean magnitude of the elementary effect, μ*"),
            };
            let groups = plan.columns.iter().map(|column| Group {
                title: column.clone(),
                bars: list.iter().filter(|s| s.column == *column).map(bar).collect(),
            });
            let title = format!("{} {at}", plan.model);
            bars::render(&title, groups.collect(), kinds, quantity, "lines: 95 % confidence intervals", format)
        }
    }
}

/// Sensitivities with all interactions as curves over time, and their confidence intervals as bands.
fn over_time(source: &Source, kind: Indices, format: Format) -> Result<Vec<u8>, String> {
    let plan = &source.plan;
    let times = plan.times();
    // By column, time and parameter.
    let list = sensitivities(source, kind).map_err(|error| error.to_string())?;
    let width = plan.varied.len();
    let curves = list
        .chunks(times.len() * width)
        .flat_map(|column| (0..width).map(move |k| column.iter().skip(k).step_by(width).collect::<Vec<_>>()));
    let (mut names, mut middle, mut bands) = (Vec::new(), Vec::new(), Vec::new());
    for curve in curves {
        let estimates: Vec<Estimate> = curve.iter().filter_map(|s| s.estimates.last().copied()).collect();
        let shifted = |sign: f64| estimates.iter().map(|e| e.value + sign * e.reach).collect();
        names.extend(curve.first().map(|s| match plan.columns.len() {
            1 => s.parameter.clone(),
            _ => format!("{} by {}", s.column, s.parameter),
        }));
        bands.push(vec![Band { low: shifted(-1.0), high: shifted(1.0) }]);
        middle.push(estimates.iter().map(|e| e.value).collect::<Vec<f64>>());
    }
    let series = names.into_iter().zip(&middle).map(|(name, values)| Series::scalar(name, values)).collect();
    let what = match kind {
        Indices::Sobol => "shares of the variance, with interactions",
        Indices::Morris => "mean magnitudes of the elementary effects, μ*",
    };
    let table = table(plan, &plan.independent, times, series);
    render_bands(&table, &bands, &format!("{what}; bands: 95 % confidence intervals"), format)
}

fn bar(sensitivity: &Sensitivity) -> (String, Vec<Value>) {
    let value = |e: &Estimate| Value { value: e.value, reach: e.reach };
    (sensitivity.parameter.clone(), sensitivity.estimates.iter().map(value).collect())
}

/// Medians, and bands between the quantiles that lie opposite.
fn bands(source: &Source, format: Format) -> Result<Vec<u8>, String> {
    let plan = &source.plan;
    let found = Bands::new(source, probabilities(&plan.kept)).map_err(|error| error.to_string())?;
    let q = &found.probabilities;
    let distance = |k: &usize| (q[*k] - 0.5).abs();
    let middle = (0..q.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0);
    let curves: Vec<Vec<f64>> = (0..found.columns.len()).map(|column| found.curve(column, middle)).collect();
    let pairs: Vec<(usize, usize)> = (0..q.len() / 2).map(|k| (k, q.len() - 1 - k)).collect();
    let around = |column: usize| {
        let band =
            |(low, high): &(usize, usize)| Band { low: found.curve(column, *low), high: found.curve(column, *high) };
        pairs.iter().map(band).collect::<Vec<_>>()
    };
    let bands: Vec<Vec<Band>> = (0..found.columns.len()).map(around).collect();
    let series = found.columns.iter().zip(&curves).map(|(name, values)| Series::scalar(name, values)).collect();
    let table = table(plan, &plan.independent, &found.times, series);
    let list: Vec<String> = pairs.iter().map(|(a, b)| format!("{} to {} %", percent(q[*a]), percent(q[*b]))).collect();
    let around = if list.is_empty() { String::new() } else { format!(", bands: {}", list.join(", ")) };
    let note = format!("lines: {} %{around} of {} trajectories", percent(q[middle]), plan.count);
    render_bands(&table, &bands, &note, format)
}

/// Columns over an axis.
fn table<'a>(plan: &Plan, independent: &str, axis: &'a [f64], series: Vec<Series<'a>>) -> Table<'a> {
    Table { model: plan.model.clone(), independent: independent.to_string(), unit: None, axis, series }
}

/// The values at the end, by column.
fn ends(source: &Source) -> io::Result<Vec<Vec<f64>>> {
    let mut ends = vec![Vec::with_capacity(source.plan.count as usize); source.plan.columns.len()];
    for trajectory in source.trajectories()? {
        let (_, (_, record)) = trajectory?;
        let good = record.failure.is_none();
        ends.iter_mut().zip(&record.values).for_each(|(list, y)| list.push(if good { *y } else { f64::NAN }));
    }
    Ok(ends)
}
