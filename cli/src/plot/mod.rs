//! Figures of a result: [`figure`] decides what is drawn (which curves share a panel, which axes are logarithmic, what
//! becomes a heat map), [`svg`] draws it, [`png`] and [`html`] wrap the drawing.

mod axis;
pub mod bars;
mod heat;
mod html;
pub mod maps;
#[cfg(feature = "plot")]
mod png;
mod style;
mod svg;

use std::path::Path;

use rhapsode::name::plain;

use crate::table::{Series, Table};

/// Curves shown at most.
const MOST_CURVES: usize = 12;
/// Panels shown at most.
const MOST_PANELS: usize = 4;
/// Arrays with more elements become heat maps.
const MOST_ELEMENTS: usize = 12;
/// Curves whose largest values differ by more than this do not share a linear axis.
const MAGNITUDES: f64 = 30.0;

/// Figure formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable Vector Graphics.
    Svg,
    /// A raster image, at twice the nominal size.
    Png,
    /// A self-contained page with the SVG in it.
    Html,
}

impl Format {
    /// The format that a path's ending names.
    ///
    /// # Errors
    /// A sentence with the known endings, or that this build lacks the format.
    pub fn of(path: &Path) -> Result<Format, String> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("svg") => Ok(Format::Svg),
            Some("png") if cfg!(feature = "plot") => Ok(Format::Png),
            Some("png") => Err("this build of rhapsode was made without PNG figures (feature `plot`); use .svg".into()),
            Some("html" | "htm") => Ok(Format::Html),
            _ => Err(format!("`{}` should end in .svg, .png or .html", path.display())),
        }
    }
}

/// The bytes of a figure of the table.
///
/// # Errors
/// A sentence, when the image cannot be made.
pub fn render(table: &Table, format: Format) -> Result<Vec<u8>, String> {
    wrap(&table.model, svg::draw(&figure(table, &[])), format)
}

/// Values between which a curve lies, over the independent variable.
pub struct Band {
    /// The lower ones.
    pub low: Vec<f64>,
    /// The upper ones.
    pub high: Vec<f64>,
}

/// The bytes of a figure of a table of numbers, with bands around its curves (by column), and a note.
///
/// # Errors
/// A sentence, when the image cannot be made.
pub fn render_bands(table: &Table, bands: &[Vec<Band>], note: &str, format: Format) -> Result<Vec<u8>, String> {
    let mut figure = figure(table, bands);
    figure.note = if figure.note.is_empty() { note.to_string() } else { format!("{note}; {}", figure.note) };
    wrap(&table.model, svg::draw(&figure), format)
}

/// A drawing in a format.
fn wrap(title: &str, drawing: String, format: Format) -> Result<Vec<u8>, String> {
    match format {
        Format::Svg => Ok(drawing.into_bytes()),
        Format::Html => Ok(html::page(title, &drawing).into_bytes()),
        #[cfg(feature = "plot")]
        Format::Png => png::rasterise(&drawing),
        #[cfg(not(feature = "plot"))]
        Format::Png => Err("this build was made without PNG figures".into()),
    }
}

/// What is drawn.
struct Figure<'a> {
    title: String,
    /// Name of the independent variable.
    independent: String,
    x_label: String,
    x: &'a [f64],
    x_log: bool,
    panels: Vec<Panel<'a>>,
    note: String,
}

/// One panel; all panels stand above each other.
enum Panel<'a> {
    /// Curves over the independent variable.
    Lines { curves: Vec<Curve<'a>>, log: bool },
    /// A one-dimensional array over the independent variable.
    History(&'a Series<'a>),
    /// A two-dimensional array at the end.
    Snapshot { series: &'a Series<'a>, at: f64 },
}

/// A named curve; `style` picks colour and dashes.
struct Curve<'a> {
    name: String,
    unit: Option<&'a str>,
    values: &'a [f64],
    style: usize,
    bands: &'a [Band],
}

/// A name with its unit: `c (mg/L)`.
fn label(name: &str, unit: Option<&str>) -> String {
    unit.map_or(name.to_string(), |unit| format!("{name} ({unit})"))
}

impl Series<'_> {
    /// What an array is called in a figure: `c.V` for the `V` of all `c`.
    fn title(&self) -> String {
        label(&plain(&self.name), self.unit.as_deref())
    }
}

/// Decides what is drawn.
fn figure<'a>(table: &'a Table<'a>, bands: &'a [Vec<Band>]) -> Figure<'a> {
    let mut curves = Vec::new();
    let mut maps = Vec::new();
    let mut total = 0;
    let mut hidden = Vec::new();
    for series in &table.series {
        let elements = series.columns.len();
        match series.dims.len() {
            2 if elements > MOST_ELEMENTS => match table.axis.last() {
                Some(at) => maps.push(Panel::Snapshot { series, at: *at }),
                None => hidden.push(series.name.as_str()),
            },
            0 | 1 if elements > MOST_ELEMENTS => maps.push(Panel::History(series)),
            _ if elements > MOST_ELEMENTS => hidden.push(series.name.as_str()),
            _ => {
                total += elements;
                let unit = series.unit.as_deref();
                let named = series.columns.iter().enumerate().map(|(k, values)| (series.column_name(k), unit, *values));
                curves.extend(named.take(MOST_CURVES - curves.len()));
            }
        }
    }
    let shown = curves.len();
    let curves: Vec<Curve> = curves
        .into_iter()
        .enumerate()
        .map(|(style, (name, unit, values))| Curve {
            name,
            unit,
            values,
            style,
            bands: bands.get(style).map_or(&[][..], Vec::as_slice),
        })
        .collect();
    let mut panels = group(curves);
    let room = MOST_PANELS.saturating_sub(panels.len()).max(2);
    if maps.len() > room {
        hidden.extend(maps[room..].iter().map(|map| match map {
            Panel::History(series) | Panel::Snapshot { series, .. } => series.name.as_str(),
            Panel::Lines { .. } => "",
        }));
        maps.truncate(room);
    }
    panels.extend(maps);
    let mut note = Vec::new();
    if shown < total {
        note.push(format!("the first {shown} of {total} curves; choose others with --columns"));
    }
    if !hidden.is_empty() {
        note.push(format!("not shown: {}", hidden.join(", ")));
    }
    Figure {
        title: table.model.clone(),
        independent: table.independent.clone(),
        x_label: label(&table.independent, table.unit.as_deref()),
        x: table.axis,
        x_log: is_logarithmic(table.axis),
        panels,
        note: note.join("; "),
    }
}

/// Whether points lie like those of a logarithmic grid: three decades or more, most of them near the start.
fn is_logarithmic(axis: &[f64]) -> bool {
    let positive: Vec<f64> = axis.iter().copied().skip_while(|t| *t == 0.0).collect();
    let (Some(first), Some(last)) = (positive.first(), positive.last()) else { return false };
    let middle = positive[positive.len() / 2];
    positive.len() >= 5 && *first > 0.0 && last / first >= 900.0 && middle < 0.04 * last
}

/// The largest magnitude of a curve.
fn magnitude(values: &[f64]) -> f64 {
    values.iter().filter(|x| x.is_finite()).fold(0.0, |m, x| m.max(x.abs()))
}

/// Whether a curve wants a logarithmic axis: never negative, over four decades, and small most of the time (a curve that
/// falls from 1 to 1e-8 at the very end is readable on a linear axis, one with rare spikes is not).
fn wants_log(values: &[f64]) -> bool {
    let mut positive: Vec<f64> = values.iter().copied().filter(|x| x.is_finite() && *x > 0.0).collect();
    if positive.len() < 3 || values.iter().any(|x| *x < 0.0) || positive.len() + 1 < values.len() {
        return false;
    }
    positive.sort_by(f64::total_cmp);
    let largest = positive[positive.len() - 1];
    largest / positive[0] > 1e4 && positive[positive.len() / 2] < 1e-2 * largest
}

/// Curves in panels, so that each can be read: by unit and magnitude, in the order of their first curves.
fn group(curves: Vec<Curve>) -> Vec<Panel> {
    struct Group<'a> {
        unit: Option<&'a str>,
        curves: Vec<Curve<'a>>,
        log: bool,
        low: f64,
        high: f64,
    }
    let mut sorted: Vec<(f64, Curve)> = curves.into_iter().map(|curve| (magnitude(curve.values), curve)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut groups: Vec<Group> = Vec::new();
    for (size, curve) in sorted {
        let log = wants_log(curve.values);
        let near = |g: &Group| size == 0.0 || g.high / size <= if log { 1e4 } else { MAGNITUDES };
        let fits = |g: &Group| g.log == log && g.unit == curve.unit && near(g);
        match groups.iter_mut().rev().find(|g| fits(g)) {
            Some(g) => {
                if size > 0.0 {
                    g.low = g.low.min(size);
                }
                g.curves.push(curve);
            }
            None => groups.push(Group { unit: curve.unit, curves: vec![curve], log, low: size, high: size }),
        }
    }
    // Too many panels: join the two neighbours that are closest in magnitude.
    while groups.len() > MOST_PANELS {
        groups.sort_by(|a, b| b.high.total_cmp(&a.high));
        let gap = |k: &usize| (groups[*k].low / groups[*k + 1].high.max(f64::MIN_POSITIVE)).max(0.0);
        let Some(k) = (0..groups.len() - 1).min_by(|a, b| gap(a).total_cmp(&gap(b))) else { break };
        let next = groups.remove(k + 1);
        let joined = &mut groups[k];
        joined.low = joined.low.min(next.low);
        joined.high = joined.high.max(next.high);
        joined.curves.extend(next.curves);
        joined.log |= next.log;
    }
    for g in &mut groups {
        let non_negative = g.curves.iter().all(|c| c.values.iter().all(|x| *x >= 0.0 || x.is_nan()));
        g.log = non_negative && (g.log || g.high / g.low > MAGNITUDES);
        g.curves.sort_by_key(|c| c.style);
    }
    groups.sort_by_key(|g| g.curves.first().map_or(0, |c| c.style));
    groups.into_iter().map(|g| Panel::Lines { curves: g.curves, log: g.log }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve; `speed in m/s` has the unit after ` in `.
    fn curve<'a>(style: usize, name: &'a str, values: &'a [f64]) -> Curve<'a> {
        let (name, unit) = name.split_once(" in ").map_or((name, None), |(name, unit)| (name, Some(unit)));
        Curve { name: name.to_string(), unit, values, style, bands: &[] }
    }

    fn panels(columns: &[(&'static str, Vec<f64>)]) -> Vec<(Vec<String>, bool)> {
        let curves = columns.iter().enumerate();
        let curves = curves.map(|(style, (name, values))| curve(style, name, values)).collect::<Vec<_>>();
        let names = |panel: &Panel| match panel {
            Panel::Lines { curves, log } => (curves.iter().map(|c| c.name.clone()).collect(), *log),
            _ => (Vec::new(), false),
        };
        group(curves).iter().map(names).collect()
    }

    #[test]
    fn magnitudes_apart_get_panels_of_their_own() {
        let ramp = |scale: f64| (0..50).map(|k| scale * f64::from(k) / 49.0).collect::<Vec<_>>();
        let found = panels(&[("A", ramp(1.0)), ("B", ramp(-4e-5)), ("C", ramp(0.5))]);
        assert_eq!(found, [(vec!["A".into(), "C".into()], false), (vec!["B".into()], false)]);
        let many: Vec<_> = (0..9).map(|k| ("q", ramp(10f64.powi(-3 * k)))).collect();
        assert_eq!(panels(&many).len(), MOST_PANELS);
    }

    #[test]
    fn units_do_not_share_a_panel_unless_there_are_many() {
        let ones = || vec![1.0, 2.0];
        let found = panels(&[("a in m", ones()), ("b in s", ones()), ("c in m", ones())]);
        assert_eq!(found, [(vec!["a".into(), "c".into()], false), (vec!["b".into()], false)]);
        let many = ["a in m", "b in s", "c in g", "d in K", "e in A", "f in V"].map(|name| (name, ones()));
        assert_eq!(panels(&many).len(), MOST_PANELS);
        assert_eq!((label("c", Some("mg/L")), label("c", None)), ("c (mg/L)".to_string(), "c".to_string()));
    }

    #[test]
    fn spikes_over_decades_get_a_log_axis() {
        let spikes = (0..100).map(|k| if k % 20 == 0 { 1e5 } else { 1.0 + f64::from(k) }).collect::<Vec<_>>();
        let late_fall = (0..100).map(|k| if k > 80 { 1e-6 } else { 1.0 }).collect::<Vec<_>>();
        assert_eq!(panels(&[("spikes", spikes)]), [(vec!["spikes".into()], true)]);
        assert_eq!(panels(&[("late", late_fall)]), [(vec!["late".into()], false)]);
    }

    #[test]
    fn grids() {
        let log: Vec<f64> = (0..50).map(|k| 10f64.powf(-6.0 + 17.0 * f64::from(k) / 49.0)).collect();
        let linear: Vec<f64> = (0..50).map(f64::from).collect();
        assert!(is_logarithmic(&log) && !is_logarithmic(&linear) && !is_logarithmic(&[]));
    }
}
