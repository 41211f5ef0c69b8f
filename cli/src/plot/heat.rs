//! Heat maps as vector drawings: cells of one colour and height share a path, of strokes as thick as a cell is high; equal
//! neighbours share a stroke.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::style;

/// Shades told apart.
const SHADES: usize = 120;
/// Cells per direction at most.
pub const MOST_CELLS: usize = 240;

/// A grid of values; row 0 is drawn at the bottom.
pub struct Cells {
    /// Number of columns.
    pub columns: usize,
    /// Number of rows.
    pub rows: usize,
    /// Row after row.
    pub values: Vec<f64>,
}

impl Cells {
    /// Smallest and largest finite value.
    pub fn range(&self) -> Option<(f64, f64)> {
        let finite = self.values.iter().copied().filter(|x| x.is_finite());
        let (lo, hi) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(x), hi.max(x)));
        (lo <= hi).then_some((lo, hi))
    }

    /// The paths that fill `(left, top, width, height)`.
    pub fn paths(&self, (lo, hi): (f64, f64), (left, top, width, height): (f64, f64, f64, f64)) -> String {
        let shade = |x: f64| {
            let part = if hi > lo { (x - lo) / (hi - lo) } else { 0.5 };
            x.is_finite().then_some((part * (SHADES - 1) as f64).round().clamp(0.0, (SHADES - 1) as f64) as usize)
        };
        // By shade and by twice the height.
        let mut paths: BTreeMap<(usize, u64), String> = BTreeMap::new();
        // Edges on half units fall on whole pixels of the doubled image: no seams between cells.
        let snap = |x: f64| (2.0 * x).round() / 2.0;
        let across = |column: usize| snap(left + width * column as f64 / self.columns as f64);
        let up = |row: usize| snap(top + height * (1.0 - row as f64 / self.rows as f64));
        for row in 0..self.rows {
            let line = &self.values[row * self.columns..(row + 1) * self.columns];
            let (y, dy) = (up(row + 1), up(row) - up(row + 1));
            let mut start = 0;
            while start < line.len() {
                let colour = shade(line[start]);
                let mut end = start + 1;
                while end < line.len() && shade(line[end]) == colour {
                    end += 1;
                }
                if let Some(k) = colour {
                    let (x, w) = (across(start), across(end) - across(start));
                    let path = paths.entry((k, (2.0 * dy).round() as u64)).or_default();
                    let _ = write!(path, "M{x} {}h{w}", y + dy / 2.0);
                }
                start = end;
            }
        }
        let mut out = String::from("<g shape-rendering=\"crispEdges\" fill=\"none\">\n");
        for ((k, twice), path) in &paths {
            let [r, g, b] = style::heat(*k as f64 / (SHADES - 1) as f64);
            let thick = *twice as f64 / 2.0;
            let _ = writeln!(out, "<path stroke=\"#{r:02x}{g:02x}{b:02x}\" stroke-width=\"{thick}\" d=\"{path}\"/>");
        }
        out.push_str("</g>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_share_a_rectangle_and_gaps_stay_white() {
        let cells = Cells { columns: 3, rows: 2, values: vec![0.0, 0.0, 1.0, f64::NAN, 1.0, 1.0] };
        assert_eq!(cells.range(), Some((0.0, 1.0)));
        let paths = cells.paths((0.0, 1.0), (0.0, 0.0, 30.0, 20.0));
        assert!(paths.contains("stroke-width=\"10\" d=\"M0 15h20\""), "{paths}");
        assert!(paths.contains("M20 15h10") && paths.contains("M10 5h20"), "{paths}");
        assert_eq!(paths.matches('M').count(), 3);
    }
}
