//! Heat maps over two quantities: a square for each map, two in a row.

use super::axis::{Axis, Ticks};
use super::heat::{Cells, MOST_CELLS};
use super::style::{INK, LABEL, TITLE, WIDTH, text_width};
use super::svg::{Frame, map, page, short_number, text, upright, x_axis, y_axis};
use super::{Format, wrap};

/// One of the two quantities.
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its values, in the order of the cells.
    pub values: Vec<f64>,
    /// Whether they are drawn on a logarithmic scale.
    pub log: bool,
}

/// A map.
pub struct Map<'a> {
    /// What it shows.
    pub title: String,
    /// To the right.
    pub x: &'a Side,
    /// Upwards.
    pub y: &'a Side,
    /// Row after row, from below.
    pub values: Vec<f64>,
}

/// Width and height of a map that has a row for itself, and of others: beside the second there is room for the labels of its
/// colours, six characters wide.
const ALONE: (f64, f64) = (520.0, 400.0);
const BESIDE: (f64, f64) = (222.0, 222.0);

/// The bytes of a figure of maps.
///
/// # Errors
/// A sentence, when the image cannot be made.
pub fn render(title: &str, maps: &[Map], note: &str, format: Format) -> Result<Vec<u8>, String> {
    let mut out = String::new();
    text(&mut out, (74.0, 26.0), TITLE, INK, "start", title);
    let mut top = 26.0 + TITLE;
    let (width, height) = if maps.len() == 1 { ALONE } else { BESIDE };
    for row in maps.chunks(2) {
        top += 24.0;
        for (k, map) in row.iter().enumerate() {
            let frame = Frame { left: 74.0 + k as f64 * (WIDTH / 2.0 + 2.0), top, width, height };
            draw(&mut out, map, frame);
        }
        top += height + 48.0;
    }
    if !note.is_empty() {
        text(&mut out, (74.0, top + 12.0), super::style::SMALL - 1.0, super::style::FAINT, "start", note);
        top += 26.0;
    }
    wrap(title, page(&out, top), format)
}

fn draw(out: &mut String, shown: &Map, frame: Frame) {
    let (nx, ny) = (shown.x.values.len(), shown.y.values.len());
    let (columns, rows) = (nx.min(MOST_CELLS), ny.min(MOST_CELLS));
    let value = |row: usize, column: usize| shown.values[row * ny / rows * nx + column * nx / columns];
    let values = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| value(r, c));
    map(out, &Cells { columns, rows, values: values.collect() }, frame);
    text(out, (frame.left, frame.top - 7.0), LABEL, INK, "start", &shown.title);
    let (x, _) = axis(shown.x, (frame.left, frame.right()));
    let (y, ticks) = axis(shown.y, (frame.bottom(), frame.top));
    let ticks = ticks.unwrap_or_else(|| y.ticks(if y.log { 30.0 } else { 50.0 }));
    let widest = ticks.major.iter().map(|(_, label)| text_width(label, super::style::SMALL)).fold(0.0, f64::max);
    y_axis(out, y, &ticks, frame);
    match axis(shown.x, (frame.left, frame.right())).1 {
        None => x_axis(out, x, frame, 56.0, Some(&shown.x.name)),
        Some(ticks) => {
            for (value, label) in &ticks.major {
                if let Some(px) = x.place(*value) {
                    text(out, (px, frame.bottom() + 19.0), super::style::SMALL, INK, "middle", label);
                }
            }
            text(out, (frame.left + frame.width / 2.0, frame.bottom() + 39.0), LABEL, INK, "middle", &shown.x.name);
        }
    }
    upright(out, (frame.left - widest - 22.0, frame.top + frame.height / 2.0), &shown.y.name);
}

/// The axis of a side: its own scale where its values are evenly spaced on it, and else the places of the values with labels.
fn axis(side: &Side, pixels: (f64, f64)) -> (Axis, Option<Ticks>) {
    let n = side.values.len();
    let scale = |x: f64| if side.log { x.ln() } else { x };
    let back = |x: f64| if side.log { x.exp() } else { x };
    let (first, last) = (scale(side.values[0]), scale(side.values[n - 1]));
    let step = (last - first) / (n.max(2) - 1) as f64;
    let even = |(k, x): (usize, &f64)| (scale(*x) - first - k as f64 * step).abs() <= 1e-6 * step.abs();
    if step > 0.0 && side.values.iter().enumerate().all(even) {
        let range = (back(first - step / 2.0), back(last + step / 2.0));
        return (Axis { range, pixels, log: side.log }, None);
    }
    let every = n.div_ceil(6);
    let major = (0..n).step_by(every).map(|k| (k as f64, short_number(side.values[k]))).collect();
    let ticks = Ticks { major, ..Ticks::default() };
    (Axis { range: (-0.5, n as f64 - 0.5), pixels, log: false }, Some(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_values_have_their_own_scale_and_others_labels() {
        let side = |values: &[f64], log| Side { name: "k".into(), values: values.to_vec(), log };
        let (x, ticks) = axis(&side(&[0.1, 1.0, 10.0], true), (0.0, 300.0));
        assert!(ticks.is_none() && x.log && (x.place(1.0).unwrap_or(0.0) - 150.0).abs() < 1e-9);
        let (x, ticks) = axis(&side(&[1.0, 2.0, 5.0], false), (0.0, 300.0));
        let labels: Vec<String> = ticks.unwrap_or_default().major.into_iter().map(|(_, label)| label).collect();
        assert_eq!((labels.join(" "), x.place(2.0)), ("1 2 5".to_string(), Some(250.0)));
        let map = Map {
            title: "x".into(),
            x: &side(&[1.0, 2.0], false),
            y: &side(&[1.0, 2.0, 3.0], false),
            values: vec![0.0, 1.0, 2.0, 3.0, f64::NAN, 5.0],
        };
        let drawing = render("m", &[map], "", Format::Svg).unwrap_or_default();
        assert!(String::from_utf8_lossy(&drawing).contains("<path stroke=\"#"));
    }

    #[test]
    fn labels_of_colours_are_inside_the_figure() {
        let side = Side { name: "k".into(), values: vec![1.0, 2.0], log: false };
        let values = vec![-12.25, -12.0, -11.75, -11.5];
        let map = || Map { title: "x".into(), x: &side, y: &side, values: values.clone() };
        let drawing = render("m", &[map(), map()], "", Format::Svg).unwrap_or_default();
        let drawing = String::from_utf8_lossy(&drawing);
        let ends = drawing.lines().filter(|line| line.contains("text-anchor=\"start\"")).filter_map(|line| {
            let x: f64 = line.strip_prefix("<text x=\"")?.split('"').next()?.parse().ok()?;
            let label = line.strip_suffix("</text>")?.rsplit('>').next()?;
            Some(x + text_width(label, super::super::style::SMALL))
        });
        let furthest = ends.fold(0.0, f64::max);
        assert!(furthest > 700.0 && furthest < WIDTH, "{furthest}");
    }
}
