//! What figures look like: colours, sizes, dashes, and how wide text is.
//!
//! Curve colours are the Okabe–Ito palette (Okabe & Ito 2008, "Color universal design"), without its yellow, which is
//! unreadable on white; heat maps use viridis (van der Walt & Smith 2015), sampled at 17 points.

/// Figure width in pixels.
pub const WIDTH: f64 = 760.0;
/// Size of tick labels, legends and notes.
pub const SMALL: f64 = 12.0;
/// Size of axis labels.
pub const LABEL: f64 = 13.5;
/// Size of the title.
pub const TITLE: f64 = 15.0;
/// Text and axes.
pub const INK: &str = "#222222";
/// Notes.
pub const FAINT: &str = "#666666";
/// Grid lines.
pub const GRID: &str = "#e6e6e6";
/// Fonts, the embedded one first.
pub const FONTS: &str = "'Rhapsode Figure Sans','DejaVu Sans',Verdana,Helvetica,Arial,sans-serif";

const CURVES: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00"];
const DASHES: [&str; 3] = ["", "7 3", "2 2.5"];

/// The colour of curve `k`.
pub fn colour(k: usize) -> &'static str {
    CURVES[k % CURVES.len()]
}

/// The dash pattern of curve `k`: solid for the first round of colours.
pub fn dash(k: usize) -> &'static str {
    DASHES[(k / CURVES.len()) % DASHES.len()]
}

const VIRIDIS: [[u8; 3]; 17] = [
    [68, 1, 84],
    [72, 21, 103],
    [72, 40, 120],
    [69, 55, 129],
    [63, 71, 136],
    [57, 86, 140],
    [49, 104, 142],
    [42, 120, 142],
    [35, 138, 141],
    [31, 154, 138],
    [41, 175, 127],
    [66, 190, 113],
    [94, 201, 98],
    [137, 213, 72],
    [181, 222, 43],
    [220, 227, 25],
    [253, 231, 37],
];

/// The heat map colour of `x` in 0..1.
pub fn heat(x: f64) -> [u8; 3] {
    let place = x.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let k = (place as usize).min(VIRIDIS.len() - 2);
    let part = place - k as f64;
    std::array::from_fn(|c| {
        let (a, b) = (f64::from(VIRIDIS[k][c]), f64::from(VIRIDIS[k + 1][c]));
        (a + (b - a) * part).round() as u8
    })
}

/// The width of a text in pixels at the given size: advances of the embedded font for ASCII, an average beyond.
pub fn text_width(text: &str, size: f64) -> f64 {
    const ADVANCES: [u16; 95] = [
        318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636,
        636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656,
        557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613,
        635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818,
        592, 592, 525, 636, 337, 636, 838,
    ];
    let advance = |c: char| match c {
        ' '..='~' => f64::from(ADVANCES[c as usize - 32]),
        '⁰'..='⁻' | '¹' | '²' | '³' => 401.0,
        '…' => 1000.0,
        _ => 640.0,
    };
    text.chars().map(advance).sum::<f64>() * size / 1000.0
}
