//! The drawing: panels of curves and histories above each other over one axis of the independent variable, snapshots of
//! two-dimensional arrays in rows below, legends and colour bars to the right of what they explain.

use std::fmt::Write;

use rhapsode::expr::mathml::escaped;

use super::axis::{Axis, Ticks, cover, power_of_ten};
use super::heat::{Cells, MOST_CELLS};
use super::style::{self, FAINT, FONTS, GRID, INK, LABEL, SMALL, TITLE, WIDTH, text_width};
use super::{Band, Curve, Figure, Panel, label};
use crate::table::Series;

/// Between panels above each other.
const GAP: f64 = 26.0;
/// Line height of legends.
const LINE: f64 = 19.0;
/// Length of a legend's line sample.
const SAMPLE: f64 = 24.0;
/// Below the last panel: tick labels and the axis label.
const FOOT: f64 = 48.0;

/// A rectangle in pixels.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    pub fn right(self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(self) -> f64 {
        self.top + self.height
    }
}

/// A panel over the independent variable with its vertical axis.
struct Strip<'a> {
    panel: &'a Panel<'a>,
    y: Axis,
    ticks: Ticks,
    height: f64,
}

/// The whole drawing.
pub fn draw(figure: &Figure) -> String {
    let strips = strips(figure);
    let snapshots: Vec<(&Series, f64)> = figure
        .panels
        .iter()
        .filter_map(|panel| match panel {
            Panel::Snapshot { series, at } => Some((*series, *at)),
            _ => None,
        })
        .collect();
    let labels = strips.iter().flat_map(|s| s.ticks.major.iter().map(|(_, label)| text_width(label, SMALL)));
    let named = strips.iter().any(|s| matches!(s.panel, Panel::History(_)));
    let left = labels.fold(26.0, f64::max) + 20.0 + if named { 20.0 } else { 0.0 };
    let right = strips.iter().map(|s| margin(s.panel)).fold(30.0, f64::max);
    let (left, right) = if strips.is_empty() { (56.0, 30.0) } else { (left, right) };

    let mut out = String::new();
    let mut top = 26.0 + TITLE;
    text(&mut out, (left, 26.0), TITLE, INK, "start", &figure.title);
    let x_range = cover([figure.x].into_iter(), figure.x_log);
    let x_range = x_range.map(|covered| tight(figure.x, figure.x_log).unwrap_or(covered));
    let count = strips.len();
    for (k, strip) in strips.iter().enumerate() {
        top += if strip.ticks.factor != 0 || heading(strip.panel).is_some() { 14.0 } else { 4.0 };
        let frame = Frame { left, top, width: WIDTH - left - right, height: strip.height };
        if let Some(range) = x_range {
            let x = Axis { range, pixels: (frame.left, frame.right()), log: figure.x_log };
            draw_strip(&mut out, strip, frame, x, figure, k);
            x_axis(&mut out, x, frame, 80.0, (k + 1 == count).then_some(figure.x_label.as_str()));
        }
        top += strip.height + if k + 1 == count { FOOT } else { GAP };
    }
    for row in snapshots.chunks(2) {
        top += 24.0;
        let side = 250.0;
        for (k, (series, at)) in row.iter().enumerate() {
            let frame = Frame { left: 64.0 + k as f64 * (WIDTH / 2.0 - 4.0), top, width: side, height: side };
            snapshot(&mut out, series, frame, &figure.independent, *at);
        }
        top += side + FOOT;
    }
    if !figure.note.is_empty() {
        text(&mut out, (left, top + 12.0), SMALL - 1.0, FAINT, "start", &figure.note);
        top += 26.0;
    }
    if figure.panels.is_empty() || (x_range.is_none() && snapshots.is_empty()) {
        text(&mut out, (left, top + 20.0), LABEL, FAINT, "start", "nothing to show");
        top += 40.0;
    }
    page(&out, top)
}

/// The drawing, so many pixels high.
pub(super) fn page(content: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"{FONTS}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{content}</svg>\n"
    )
}

/// The panels over the independent variable, with their axes.
fn strips<'a>(figure: &'a Figure) -> Vec<Strip<'a>> {
    let over: Vec<&Panel> = figure.panels.iter().filter(|panel| !matches!(panel, Panel::Snapshot { .. })).collect();
    let height = match over.len() {
        1 => 360.0,
        2 => 220.0,
        3 => 180.0,
        _ => 150.0,
    };
    let strip = |panel: &'a Panel<'a>| {
        let (range, log, entries) = match panel {
            Panel::Lines { curves, log } => {
                let around = curves.iter().flat_map(|c| c.bands).flat_map(|b| [b.low.as_slice(), b.high.as_slice()]);
                let shown = curves.iter().map(|c| c.values).chain(around);
                (cover(shown, *log).unwrap_or((0.0, 1.0)), *log, curves.len())
            }
            Panel::History(series) => {
                let (lo, n) = series.dims.first().copied().unwrap_or((1, series.columns.len()));
                ((lo as f64 - 0.5, lo as f64 + n as f64 - 0.5), false, 0)
            }
            Panel::Snapshot { .. } => ((0.0, 1.0), false, 0),
        };
        let height = f64::max(height, entries as f64 * LINE + 8.0);
        let y = Axis { range, pixels: (height, 0.0), log };
        Strip { panel, y, ticks: y.ticks(if log { 30.0 } else { 44.0 }), height }
    };
    over.into_iter().map(strip).collect()
}

/// What stands to the right of a panel.
fn margin(panel: &Panel) -> f64 {
    match panel {
        Panel::Lines { curves, .. } => {
            let widest = curves.iter().map(|c| text_width(&entry(c), SMALL)).fold(0.0, f64::max);
            widest + SAMPLE + 34.0
        }
        _ => 96.0,
    }
}

/// What stands above a panel.
fn heading(panel: &Panel) -> Option<String> {
    match panel {
        Panel::History(series) => Some(series.title()),
        _ => None,
    }
}

/// The range of the independent variable, without room at its ends.
fn tight(x: &[f64], log: bool) -> Option<(f64, f64)> {
    let shown = x.iter().copied().filter(|t| t.is_finite() && (!log || *t > 0.0));
    let (lo, hi) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), t| (lo.min(t), hi.max(t)));
    (lo < hi).then_some((lo, hi))
}

fn draw_strip(out: &mut String, strip: &Strip, frame: Frame, x: Axis, figure: &Figure, k: usize) {
    let y = Axis { pixels: (frame.bottom(), frame.top), ..strip.y };
    match strip.panel {
        Panel::Lines { curves, .. } => {
            grid(out, x, y, &strip.ticks, frame);
            let _ = writeln!(
                out,
                "<clipPath id=\"p{k}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/></clipPath>\n\
                 <g clip-path=\"url(#p{k})\" fill=\"none\" stroke-width=\"1.8\" stroke-linejoin=\"round\">",
                frame.left,
                frame.top - 1.0,
                frame.width + 1.0,
                frame.height + 2.0
            );
            for curve in curves {
                curve.bands.iter().for_each(|band| area(out, band, curve.style, figure.x, x, y));
            }
            for curve in curves {
                line(out, curve, figure.x, x, y);
            }
            out.push_str("</g>\n");
            legend(out, curves, frame);
        }
        Panel::History(series) => {
            let cells = history_cells(series, figure.x, x);
            map(out, &cells, frame);
            text(out, (frame.left, frame.top - 7.0), LABEL, INK, "start", &series.title());
            upright(out, (18.0, frame.top + frame.height / 2.0), "index");
        }
        Panel::Snapshot { .. } => {}
    }
    y_axis(out, y, &strip.ticks, frame);
}

/// Faint lines at the major ticks.
pub(super) fn grid(out: &mut String, x: Axis, y: Axis, ticks: &Ticks, frame: Frame) {
    let mut path = String::new();
    for (value, _) in &x.ticks(80.0).major {
        if let Some(px) = x.place(*value) {
            let _ = write!(path, "M{px:.1} {:.1}V{:.1}", frame.top, frame.bottom());
        }
    }
    for (value, _) in &ticks.major {
        if let Some(py) = y.place(*value) {
            let _ = write!(path, "M{:.1} {py:.1}H{:.1}", frame.left, frame.right());
        }
    }
    let _ = writeln!(out, "<path d=\"{path}\" stroke=\"{GRID}\" stroke-width=\"1\" fill=\"none\"/>");
}

/// One curve: at most a few points per pixel column (first, lowest, highest, last), broken where it is not finite, and where an
/// event has set it: two points of one time.
fn line(out: &mut String, curve: &Curve, times: &[f64], x: Axis, y: Axis) {
    let mut path = String::new();
    let mut pen_down = false;
    let dense = times.len() as f64 > 4.0 * (x.pixels.1 - x.pixels.0);
    let mut column: Vec<(f64, f64)> = Vec::new();
    let flush = |column: &mut Vec<(f64, f64)>, path: &mut String, pen_down: &mut bool| {
        let extreme = |better: fn(f64, f64) -> bool| {
            (0..column.len()).reduce(|a, b| if better(column[b].1, column[a].1) { b } else { a }).unwrap_or(0)
        };
        let mut keep = vec![0, extreme(|a, b| a < b), extreme(|a, b| a > b), column.len().saturating_sub(1)];
        keep.sort_unstable();
        keep.dedup();
        for (px, py) in keep.into_iter().filter_map(|k| column.get(k)) {
            let _ = write!(path, "{}{px:.2} {py:.2}", if *pen_down { "L" } else { "M" });
            *pen_down = true;
        }
        column.clear();
    };
    let mut before = f64::NAN;
    for (t, value) in times.iter().zip(curve.values) {
        if *t == before && !dense {
            flush(&mut column, &mut path, &mut pen_down);
            pen_down = false;
        }
        before = *t;
        match (x.place(*t), y.place(*value)) {
            (Some(px), Some(py)) => {
                let same = column.last().is_some_and(|(last, _)| dense && last.floor() == px.floor());
                if !same {
                    flush(&mut column, &mut path, &mut pen_down);
                }
                // Far outside the frame is clipped anyway; keep the numbers short.
                column.push((px, py.clamp(-1e5, 1e5)));
            }
            _ => {
                flush(&mut column, &mut path, &mut pen_down);
                pen_down = false;
            }
        }
    }
    flush(&mut column, &mut path, &mut pen_down);
    let colour = style::colour(curve.style);
    let dash = match style::dash(curve.style) {
        "" => String::new(),
        pattern => format!(" stroke-dasharray=\"{pattern}\""),
    };
    let _ = writeln!(out, "<path d=\"{path}\" stroke=\"{colour}\"{dash}/>");
    // A single point leaves no line.
    if let ([t], [value]) = (times, curve.values)
        && let (Some(px), Some(py)) = (x.place(*t), y.place(*value))
    {
        let _ = writeln!(out, "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\" fill=\"{colour}\" stroke=\"none\"/>");
    }
}

/// What lies between the values of a band, where both can be shown.
fn area(out: &mut String, band: &Band, style: usize, times: &[f64], x: Axis, y: Axis) {
    let mut path = String::new();
    let edges = times.iter().zip(band.low.iter().zip(&band.high));
    let edges = edges.map(|(t, (low, high))| Some((x.place(*t)?, y.place(*low)?, y.place(*high)?)));
    for part in edges.collect::<Vec<_>>().split(Option::is_none) {
        let up = part.iter().flatten().map(|(px, _, high)| (px, high));
        let down = part.iter().rev().flatten().map(|(px, low, _)| (px, low));
        for (k, (px, py)) in up.chain(down).enumerate() {
            let _ = write!(path, "{}{px:.2} {:.2}", if k == 0 { "M" } else { "L" }, py.clamp(-1e5, 1e5));
        }
        if !part.is_empty() {
            path.push('Z');
        }
    }
    let colour = style::colour(style);
    let _ = writeln!(out, "<path d=\"{path}\" fill=\"{colour}\" fill-opacity=\"0.18\" stroke=\"none\"/>");
}

/// Names to the right of the panel, from the top.
fn legend(out: &mut String, curves: &[Curve], frame: Frame) {
    for (k, curve) in curves.iter().enumerate() {
        let y = frame.top + 10.0 + k as f64 * LINE;
        let x = frame.right() + 16.0;
        let dash = match style::dash(curve.style) {
            "" => String::new(),
            pattern => format!(" stroke-dasharray=\"{pattern}\""),
        };
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {y:.1}h{SAMPLE}\" stroke=\"{}\" stroke-width=\"2.2\"{dash}/>",
            style::colour(curve.style)
        );
        text(out, (x + SAMPLE + 7.0, y + 4.2), SMALL, INK, "start", &entry(curve));
    }
}

/// What the legend says of a curve.
fn entry(curve: &Curve) -> String {
    label(&shorten(&curve.name), curve.unit)
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= 24 { name.to_string() } else { name.chars().take(23).chain(['…']).collect() }
}

/// Spine, marks and labels to the left.
pub(super) fn y_axis(out: &mut String, y: Axis, ticks: &Ticks, frame: Frame) {
    let mut path = format!("M{:.1} {:.1}V{:.1}", frame.left, frame.top, frame.bottom());
    for (value, label) in &ticks.major {
        if let Some(py) = y.place(*value) {
            let _ = write!(path, "M{:.1} {py:.1}h-5", frame.left);
            text(out, (frame.left - 9.0, py + 4.2), SMALL, INK, "end", label);
        }
    }
    for py in ticks.minor.iter().filter_map(|value| y.place(*value)) {
        let _ = write!(path, "M{:.1} {py:.1}h-2.5", frame.left);
    }
    let _ = writeln!(out, "<path d=\"{path}\" stroke=\"{INK}\" stroke-width=\"1\" fill=\"none\"/>");
    if ticks.factor != 0 {
        let label = format!("×{}", power_of_ten(ticks.factor));
        text(out, (frame.left - 4.0, frame.top - 6.0), SMALL, INK, "start", &label);
    }
}

/// Spine and marks below; labels and the axis's name only where `name` is given.
pub(super) fn x_axis(out: &mut String, x: Axis, frame: Frame, spacing: f64, name: Option<&str>) {
    let ticks = x.ticks(spacing);
    let bottom = frame.bottom();
    let mut path = format!("M{:.1} {bottom:.1}H{:.1}", frame.left, frame.right());
    for (value, label) in &ticks.major {
        if let Some(px) = x.place(*value) {
            let _ = write!(path, "M{px:.1} {bottom:.1}v5");
            if name.is_some() {
                text(out, (px, bottom + 19.0), SMALL, INK, "middle", label);
            }
        }
    }
    for px in ticks.minor.iter().filter_map(|value| x.place(*value)) {
        let _ = write!(path, "M{px:.1} {bottom:.1}v2.5");
    }
    let _ = writeln!(out, "<path d=\"{path}\" stroke=\"{INK}\" stroke-width=\"1\" fill=\"none\"/>");
    if let Some(name) = name {
        let factor = if ticks.factor == 0 { String::new() } else { format!(" (×{})", power_of_ten(ticks.factor)) };
        let place = (frame.left + frame.width / 2.0, bottom + 39.0);
        text(out, place, LABEL, INK, "middle", &format!("{name}{factor}"));
    }
}

/// An array over the independent variable: columns of equal width on the axis, values interpolated in between.
fn history_cells(series: &Series, times: &[f64], x: Axis) -> Cells {
    let elements = series.columns.len();
    let rows = elements.min(MOST_CELLS);
    let columns = MOST_CELLS;
    let mut values = vec![f64::NAN; rows * columns];
    for column in 0..columns {
        let t = x.value((column as f64 + 0.5) / columns as f64);
        let after = times.partition_point(|s| *s < t).clamp(1, times.len().max(2) - 1);
        let (Some(t0), Some(t1)) = (times.get(after - 1), times.get(after)) else { continue };
        let part = if t1 > t0 { ((t - t0) / (t1 - t0)).clamp(0.0, 1.0) } else { 0.0 };
        for row in 0..rows {
            let line = series.columns[row * elements / rows];
            values[row * columns + column] = line[after - 1] + part * (line[after] - line[after - 1]);
        }
    }
    Cells { columns, rows, values }
}

/// A two-dimensional array at the last point: first subscript to the right, second upwards.
fn snapshot(out: &mut String, series: &Series, frame: Frame, independent: &str, at: f64) {
    let [(i0, ni), (j0, nj)] = series.dims[..] else { return };
    let (columns, rows) = (ni.min(MOST_CELLS), nj.min(MOST_CELLS));
    let value = |row: usize, column: usize| {
        let element = (column * ni / columns) * nj + row * nj / rows;
        series.columns[element].last().copied().unwrap_or(f64::NAN)
    };
    let values = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| value(r, c));
    let cells = Cells { columns, rows, values: values.collect() };
    map(out, &cells, frame);
    let heading = format!("{} at {independent} = {}", series.title(), short_number(at));
    text(out, (frame.left, frame.top - 7.0), LABEL, INK, "start", &heading);
    let ends = |lo: i64, n: usize| (lo as f64 - 0.5, lo as f64 + n as f64 - 0.5);
    let x = Axis { range: ends(i0, ni), pixels: (frame.left, frame.right()), log: false };
    let y = Axis { range: ends(j0, nj), pixels: (frame.bottom(), frame.top), log: false };
    y_axis(out, y, &y.ticks(50.0), frame);
    x_axis(out, x, frame, 50.0, Some("first index"));
    upright(out, (frame.left - 42.0, frame.top + frame.height / 2.0), "second index");
}

/// The name of a vertical axis.
pub(super) fn upright(out: &mut String, (px, py): (f64, f64), name: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{px:.1}\" y=\"{py:.1}\" font-size=\"{LABEL}\" fill=\"{INK}\" text-anchor=\"middle\" \
         transform=\"rotate(-90 {px:.1} {py:.1})\">{}</text>",
        escaped(name)
    );
}

/// Cells and their colour bar.
pub(super) fn map(out: &mut String, cells: &Cells, frame: Frame) {
    let Some(range) = cells.range() else { return };
    out.push_str(&cells.paths(range, (frame.left, frame.top, frame.width, frame.height)));
    let bar = Frame { left: frame.right() + 14.0, width: 12.0, ..frame };
    let steps = 100;
    let shades = Cells { columns: 1, rows: steps, values: (0..steps).map(|k| k as f64).collect() };
    out.push_str(&shades.paths((0.0, (steps - 1) as f64), (bar.left, bar.top, bar.width, bar.height)));
    let range =
        if range.0 < range.1 { range } else { cover([[range.0].as_slice()].into_iter(), false).unwrap_or(range) };
    let axis = Axis { range, pixels: (bar.bottom(), bar.top), log: false };
    let ticks = axis.ticks(44.0);
    let mut path = String::new();
    for (value, label) in &ticks.major {
        if let Some(py) = axis.place(*value) {
            let _ = write!(path, "M{:.1} {py:.1}h4", bar.right());
            text(out, (bar.right() + 8.0, py + 4.2), SMALL, INK, "start", label);
        }
    }
    let _ = writeln!(out, "<path d=\"{path}\" stroke=\"{INK}\" stroke-width=\"1\" fill=\"none\"/>");
    if ticks.factor != 0 {
        let label = format!("×{}", power_of_ten(ticks.factor));
        text(out, (bar.left, bar.top - 6.0), SMALL, INK, "start", &label);
    }
}

/// A number in a heading: four digits.
pub(super) fn short_number(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    if (1e-3..1e6).contains(&rounded.abs()) || rounded == 0.0 { rounded.to_string() } else { format!("{rounded:e}") }
}

/// One text.
pub(super) fn text(out: &mut String, (x, y): (f64, f64), size: f64, fill: &str, anchor: &str, content: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{fill}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(content)
    );
}
