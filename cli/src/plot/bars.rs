//! Bars to the right and left of a line, the longest above: a panel for each group of them.

use std::fmt::Write;

use super::axis::{Axis, cover};
use super::style::{self, FAINT, GRID, INK, LABEL, SMALL, TITLE, WIDTH, text_width};
use super::svg::{Frame, page, text, x_axis};
use super::{Format, wrap};

/// A group of bars with a title.
pub struct Group {
    /// What they are of.
    pub title: String,
    /// Each with its name, and as many values as the figure has kinds.
    pub bars: Vec<(String, Vec<Value>)>,
}

/// The end of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Where it ends.
    pub value: f64,
    /// How far the truth may lie to either side.
    pub reach: f64,
}

/// Bars of a group shown at most.
const MOST: usize = 20;
/// Groups shown at most.
const MOST_GROUPS: usize = 6;
/// Height of a bar.
const BAR: f64 = 11.0;

/// The bytes of a figure of bars; `kinds` names the values of each bar, and `quantity` what they are.
///
/// # Errors
/// A sentence, when the image cannot be made.
pub fn render(
    title: &str,
    mut groups: Vec<Group>,
    kinds: &[&str],
    quantity: &str,
    note: &str,
    format: Format,
) -> Result<Vec<u8>, String> {
    let mut note = note.to_string();
    if groups.len() > MOST_GROUPS {
        note += &format!("; the first {MOST_GROUPS} of {}", groups.len());
        groups.truncate(MOST_GROUPS);
    }
    for group in &mut groups {
        let size = |bar: &(String, Vec<Value>)| {
            bar.1.iter().map(|v| v.value.abs()).filter(|x| x.is_finite()).fold(0.0, f64::max)
        };
        group.bars.sort_by(|a, b| size(b).total_cmp(&size(a)));
        group.bars.truncate(MOST);
    }
    let names = groups.iter().flat_map(|group| &group.bars).map(|(name, _)| text_width(name, SMALL));
    let left = names.fold(40.0, f64::max) + 26.0;
    let mut out = String::new();
    text(&mut out, (left, 26.0), TITLE, INK, "start", title);
    let mut top = 26.0 + TITLE;
    if kinds.len() > 1 {
        let mut x = left;
        for (k, kind) in kinds.iter().enumerate() {
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"16\" height=\"{BAR}\" fill=\"{}\"/>",
                top - 2.0,
                style::colour(k)
            );
            text(&mut out, (x + 22.0, top + 7.5), SMALL, INK, "start", kind);
            x += text_width(kind, SMALL) + 44.0;
        }
        top += 18.0;
    }
    for group in &groups {
        top += 24.0;
        let row = BAR * kinds.len() as f64 + 9.0;
        let frame = Frame { left, top, width: WIDTH - left - 40.0, height: row * group.bars.len() as f64 + 4.0 };
        draw(&mut out, group, frame, row, quantity);
        top = frame.bottom() + 48.0;
    }
    if !note.is_empty() {
        text(&mut out, (left, top + 10.0), SMALL - 1.0, FAINT, "start", &note);
        top += 26.0;
    }
    wrap(title, page(&out, top), format)
}

fn draw(out: &mut String, group: &Group, frame: Frame, row: f64, quantity: &str) {
    text(out, (frame.left, frame.top - 7.0), LABEL, INK, "start", &group.title);
    let ends: Vec<f64> = group
        .bars
        .iter()
        .flat_map(|(_, v)| v)
        .flat_map(|v| [v.value - v.reach, v.value + v.reach])
        .chain([0.0])
        .collect();
    let range = cover([ends.as_slice()].into_iter(), false).unwrap_or((0.0, 1.0));
    let x = Axis { range, pixels: (frame.left, frame.right()), log: false };
    let mut lines = String::new();
    for px in x.ticks(80.0).major.iter().filter_map(|(value, _)| x.place(*value)) {
        let _ = write!(lines, "M{px:.1} {:.1}V{:.1}", frame.top, frame.bottom());
    }
    let _ = writeln!(out, "<path d=\"{lines}\" stroke=\"{GRID}\" stroke-width=\"1\" fill=\"none\"/>");
    let zero = x.place(0.0).unwrap_or(frame.left);
    for (k, (name, values)) in group.bars.iter().enumerate() {
        let above = frame.top + 4.0 + k as f64 * row;
        text(out, (frame.left - 9.0, above + row / 2.0), SMALL, INK, "end", name);
        for (j, value) in values.iter().enumerate() {
            let (y, middle) = (above + j as f64 * BAR, above + (j as f64 + 0.45) * BAR);
            let Some(end) = x.place(value.value) else { continue };
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                zero.min(end),
                (end - zero).abs(),
                BAR - 1.0,
                style::colour(j)
            );
            if value.reach > 0.0
                && let (Some(a), Some(b)) = (x.place(value.value - value.reach), x.place(value.value + value.reach))
            {
                let _ = writeln!(out, "<path d=\"M{a:.1} {middle:.1}H{b:.1}\" stroke=\"{INK}\" stroke-width=\"1.2\"/>");
            }
        }
    }
    let _ = writeln!(
        out,
        "<path d=\"M{zero:.1} {:.1}V{:.1}\" stroke=\"{INK}\" stroke-width=\"1\"/>",
        frame.top,
        frame.bottom()
    );
    x_axis(out, x, frame, 80.0, Some(quantity));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_above() {
        let bar = |name: &str, value| (name.to_string(), vec![Value { value, reach: 0.1 }]);
        let group =
            Group { title: "x".into(), bars: vec![bar("short", 0.2), bar("long", -0.9), bar("none", f64::NAN)] };
        let drawing = render("m", vec![group], &["S"], "share", "", Format::Svg).unwrap_or_default();
        let drawing = String::from_utf8_lossy(&drawing).into_owned();
        assert!(drawing.find(">long<") < drawing.find(">short<"));
        // The background, and two bars.
        assert_eq!(drawing.matches("<rect").count(), 3);
    }
}
