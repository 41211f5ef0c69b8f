//! The drawing as pixels, through resvg, with a font that is part of the command: text needs none on the machine.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};

/// A subset of DejaVu Sans; licence in `assets/figure-sans.LICENSE`.
const FONT: &[u8] = include_bytes!("../../assets/figure-sans.ttf");
const FAMILY: &str = "Rhapsode Figure Sans";
/// Pixels per unit of the drawing.
const SCALE: f32 = 2.0;

/// The PNG file.
///
/// # Errors
/// A sentence, when the drawing cannot be read or is too large.
pub fn rasterise(drawing: &str) -> Result<Vec<u8>, String> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    let options = usvg::Options { fontdb: Arc::new(fonts), font_family: FAMILY.into(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(drawing, &options).map_err(|error| format!("cannot draw the figure: {error}"))?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or("the figure is too large")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).ok_or("the figure is too large")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| format!("cannot write the image: {error}"))
}
