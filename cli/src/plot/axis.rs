//! An axis: data to pixels, linear or logarithmic, and where its ticks stand.

/// A range of values laid over a range of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// First and last value shown.
    pub range: (f64, f64),
    /// Where they stand.
    pub pixels: (f64, f64),
    /// Whether decades are evenly spaced.
    pub log: bool,
}

/// The ticks of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticks {
    /// Values with a label.
    pub major: Vec<(f64, String)>,
    /// Values with a short mark only.
    pub minor: Vec<f64>,
    /// A power of ten taken out of all labels (0: none).
    pub factor: i32,
}

impl Axis {
    /// The pixel of a value, if it can be shown.
    pub fn place(&self, value: f64) -> Option<f64> {
        let map = |x: f64| if self.log { x.log10() } else { x };
        if !value.is_finite() || (self.log && value <= 0.0) {
            return None;
        }
        let (a, b) = (map(self.range.0), map(self.range.1));
        let part = (map(value) - a) / (b - a);
        Some(self.pixels.0 + part * (self.pixels.1 - self.pixels.0))
    }

    /// The value at `part` (0 to 1) of the way.
    pub fn value(&self, part: f64) -> f64 {
        let (a, b) = self.range;
        if self.log { (a.ln() + part * (b.ln() - a.ln())).exp() } else { a + part * (b - a) }
    }

    /// Ticks, about one major tick per `spacing` pixels.
    pub fn ticks(&self, spacing: f64) -> Ticks {
        let wanted = ((self.pixels.1 - self.pixels.0).abs() / spacing).max(2.0);
        if self.log { log_ticks(self.range, wanted) } else { linear_ticks(self.range, wanted) }
    }
}

/// A range that covers the values with a little room, or decades when `log`; `None` when nothing can be shown.
pub fn cover<'a>(curves: impl Iterator<Item = &'a [f64]>, log: bool) -> Option<(f64, f64)> {
    let shown = |x: &&f64| x.is_finite() && (!log || **x > 0.0);
    let (lo, hi) =
        curves.flatten().filter(shown).fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(*x), hi.max(*x)));
    if lo > hi {
        return None;
    }
    if log {
        // Whole decades when there are several, so that the corners carry labels.
        let (a, b) = (lo.log10(), hi.log10());
        let (a, b) = if b - a > 2.0 {
            ((a + 1e-9).floor(), (b - 1e-9).ceil())
        } else {
            let room = ((b - a) * 0.06).max(0.05);
            (a - room, b + room)
        };
        return Some((10f64.powf(a).max(f64::MIN_POSITIVE), 10f64.powf(b).min(f64::MAX)));
    }
    let size = lo.abs().max(hi.abs());
    if hi - lo <= 1e-9 * size || hi == lo {
        // A constant: shown in the middle.
        let room = if size == 0.0 { 1.0 } else { 0.1 * size };
        return Some((lo - room, hi + room));
    }
    let room = 0.05 * (hi - lo);
    // A quantity that starts at or near zero and stays above sits on the axis.
    let floor = if lo >= 0.0 && lo < 0.15 * hi { 0.0 } else { lo - room };
    let ceiling = if hi <= 0.0 && -hi < -0.15 * lo { 0.0 } else { hi + room };
    Some((floor, ceiling))
}

fn linear_ticks((lo, hi): (f64, f64), wanted: f64) -> Ticks {
    let rough = (hi - lo) / wanted;
    let power = rough.log10().floor();
    let unit = 10f64.powf(power);
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].iter().map(|m| m * unit).find(|s| *s >= rough * 0.999).unwrap_or(unit);
    if !(step.is_finite() && step > 0.0) {
        return Ticks::default();
    }
    let first = (lo / step - 1e-9).ceil();
    let count = ((hi / step + 1e-9).floor() - first).clamp(0.0, 50.0) as usize;
    let size = lo.abs().max(hi.abs());
    let factor = if (1e-3..1e5).contains(&size) { 0 } else { (size * 1.0001).log10().floor() as i32 };
    let scale = 10f64.powi(factor);
    let decimals = (0..=9).find(|d| {
        let shifted = step / scale * 10f64.powi(*d);
        (shifted - shifted.round()).abs() < 1e-6 * shifted
    });
    let label = |value: f64| {
        let text = format!("{:.*}", decimals.unwrap_or(9) as usize, value / scale);
        if text.trim_matches(['-', '0', '.']).is_empty() { "0".to_string() } else { text.replace('-', "−") }
    };
    let major = (0..=count).map(|k| (first + k as f64) * step).map(|v| (v, label(v))).collect();
    Ticks { major, minor: Vec::new(), factor }
}

fn log_ticks((lo, hi): (f64, f64), wanted: f64) -> Ticks {
    let (a, b) = (lo.log10(), hi.log10());
    let inside = |value: &f64| *value >= lo * (1.0 - 1e-9) && *value <= hi * (1.0 + 1e-9);
    let decades = || (a.floor() as i32)..=(b.ceil() as i32);
    let mut ticks = Ticks::default();
    if b - a < 2.0 {
        let multiples: &[f64] = if b - a < 1.0 { &[1.0, 2.0, 3.0, 5.0, 7.0] } else { &[1.0, 2.0, 5.0] };
        for d in decades() {
            for m in 1..=9 {
                let value = f64::from(m) * 10f64.powi(d);
                if multiples.contains(&f64::from(m)) && inside(&value) {
                    let label = if (-3..5).contains(&d) {
                        format!("{:.*}", (-d).max(0) as usize, value)
                    } else if m == 1 {
                        power_of_ten(d)
                    } else {
                        format!("{m}·{}", power_of_ten(d))
                    };
                    ticks.major.push((value, label));
                } else if inside(&value) {
                    ticks.minor.push(value);
                }
            }
        }
        return ticks;
    }
    let every = [1, 2, 3, 4, 5, 10, 20, 50, 100].into_iter().find(|e| (b - a) / f64::from(*e) <= wanted).unwrap_or(200);
    for d in decades() {
        let value = 10f64.powi(d);
        if d.rem_euclid(every) == 0 && inside(&value) {
            ticks.major.push((value, power_of_ten(d)));
        } else if inside(&value) {
            ticks.minor.push(value);
        }
        if b - a <= 7.0 {
            ticks.minor.extend((2..=9).map(|m| f64::from(m) * value).filter(inside));
        }
    }
    ticks
}

/// `10⁻⁵`; 1 and 10 as such.
pub fn power_of_ten(exponent: i32) -> String {
    match exponent {
        0 => "1".into(),
        1 => "10".into(),
        _ => format!("10{}", superscript(exponent)),
    }
}

/// A whole number in raised digits.
pub fn superscript(number: i32) -> String {
    let raised = |c| match c {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    };
    number.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: (f64, f64), log: bool) -> Vec<String> {
        let axis = Axis { range, pixels: (0.0, 400.0), log };
        axis.ticks(80.0).major.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_labels_are_round_and_exact() {
        assert_eq!(labels((0.0, 1.0), false), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels((-1.1, 1.1), false), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(labels((0.0, 4e-5), false), ["0", "1", "2", "3", "4"]);
        assert_eq!(labels((0.0, 360.0), false), ["0", "100", "200", "300"]);
    }

    #[test]
    fn log_labels_are_powers() {
        assert_eq!(labels((1e-6, 1e11), true), ["10⁻⁴", "1", "10⁴", "10⁸"]);
        assert_eq!(labels((1.0, 50.0), true), ["1", "2", "5", "10", "20", "50"]);
        let axis = Axis { range: (1e-6, 1e11), pixels: (0.0, 400.0), log: true };
        assert_eq!(axis.place(0.0), None);
        assert_eq!(axis.place(1e11), Some(400.0));
    }

    #[test]
    fn covers_constants_and_nothing() {
        assert_eq!(cover([[2.0, 2.0].as_slice()].into_iter(), false), Some((1.8, 2.2)));
        assert_eq!(cover([[0.0].as_slice()].into_iter(), false), Some((-1.0, 1.0)));
        assert_eq!(cover([[f64::NAN].as_slice()].into_iter(), false), None);
        assert_eq!(cover([[0.0, -1.0].as_slice()].into_iter(), true), None);
    }
}
