//! The gallery: every example model with the figure that the command draws of it.

use std::path::Path;

use crate::common::{example, folder, outcome, rhapsode};
use crate::pages;

/// Flags of examples whose own points to keep are too few, or whose columns too many, for a picture.
const FLAGS: [(&str, &[&str]); 1] = [("brusselator_2d", &["--save", "231"])];

/// Runs that are sensitive to the last bit: their curves are not compared.
const CHAOTIC: [&str; 2] = ["lorenz", "rate_network"];

/// Names and titles, as `rhapsode new --list` prints them.
fn examples() -> Vec<(String, String)> {
    let (_, list, _) = outcome(rhapsode().args(["new", "--list"]));
    let split = |line: &str| line.split_once(' ').map(|(name, title)| (name.to_owned(), title.trim().to_owned()));
    list.lines().filter_map(split).collect()
}

/// Puts the example models into a folder, so that transcripts can name them.
pub fn copy_examples(folder: &Path) {
    for (name, _) in examples() {
        let to = folder.join(&name).with_extension("ode");
        std::fs::copy(example(&name), &to).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    // And the files of data that they read.
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/models");
    for entry in std::fs::read_dir(models).unwrap_or_else(|e| panic!("{e}")) {
        let path = entry.unwrap_or_else(|e| panic!("{e}")).path();
        if path.extension().is_some_and(|e| e == "csv") {
            let name = path.file_name().unwrap_or_default();
            std::fs::copy(&path, folder.join(name)).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

fn flags(name: &str) -> &'static [&'static str] {
    FLAGS.iter().find(|(known, _)| *known == name).map_or(&[], |(_, flags)| *flags)
}

/// The page, from the list of examples.
fn page() -> String {
    let mut text = String::from(
        "# Gallery\n\n<!-- Made by cli/tests/book/gallery.rs. -->\n\n\
         Every example model, as `rhapsode run MODEL.ode --plot FIGURE.svg` draws it. `rhapsode new NAME --like EXAMPLE`\n\
         writes it into a file of your own, with its comments.\n",
    );
    for (name, title) in examples() {
        let file = format!("../../examples/models/{name}.ode");
        let more = flags(&name).iter().map(|flag| format!(" {flag}")).collect::<String>();
        text += &format!("\n## {name}\n\n{title}\n\n![{name}](gallery/{name}.svg)\n\n");
        text += &format!("```text\nrhapsode run {name}.ode{more} --plot {name}.svg\n```\n\n");
        text += &format!(
            "<details><summary>The model</summary>\n\n```rhapsode\n{{{{#include {file}}}}}\n```\n\n</details>\n"
        );
    }
    text
}

#[test]
fn the_gallery_shows_every_example_as_it_is_drawn_today() {
    let pages = pages::folder();
    if pages::bless() {
        std::fs::create_dir_all(pages.join("gallery")).unwrap_or_else(|e| panic!("{e}"));
        std::fs::write(pages.join("gallery.md"), page()).unwrap_or_else(|e| panic!("{e}"));
    }
    let found = std::fs::read_to_string(pages.join("gallery.md")).unwrap_or_default();
    assert!(found == page(), "gallery.md is not up to date (BLESS=1)");

    let (folder, mut faults) = (folder(), String::new());
    for (name, _) in examples() {
        let drawn = folder.path().join(&name).with_extension("svg");
        let path = drawn.display().to_string();
        let mut command = rhapsode();
        command.args(["run", &example(&name), "--quiet", "--plot", &path]).args(flags(&name));
        let (code, _, err) = outcome(&mut command);
        assert_eq!(code, 0, "{name}: {err}");
        let drawn = std::fs::read_to_string(drawn).unwrap_or_default();
        let kept = pages.join("gallery").join(&name).with_extension("svg");
        if !is_as_kept(&kept, &drawn, CHAOTIC.contains(&name.as_str())) {
            faults += &format!("{name} ");
        }
    }
    assert!(faults.is_empty(), "figures that look different today (BLESS=1): {faults}");
    let files = pages::files(&pages.join("gallery"));
    assert_eq!(files.len(), examples().len(), "a figure of no example: {files:?}");
}

/// Whether a drawing looks like the one in the book; `BLESS=1` puts it there.
pub fn is_as_kept(kept: &Path, drawn: &str, texts_only: bool) -> bool {
    if pages::bless() {
        std::fs::write(kept, drawn).unwrap_or_else(|e| panic!("{}: {e}", kept.display()));
        return true;
    }
    alike(&std::fs::read_to_string(kept).unwrap_or_default(), drawn, texts_only)
}

/// Whether two drawings are the same to the eye: the same texts, and lines that differ by a pixel at most.
fn alike(a: &str, b: &str, texts_only: bool) -> bool {
    let texts = |svg: &str| svg.lines().filter(|line| line.starts_with("<text")).map(str::to_owned).collect::<Vec<_>>();
    if a.is_empty() || texts(a) != texts(b) {
        return false;
    }
    if texts_only {
        return true;
    }
    // Cells of a heat map may take the neighbouring shade where a value lies between two: only curves are compared.
    let curves =
        |svg: &str| svg.lines().filter(|line| line.starts_with("<path d=")).map(str::to_owned).collect::<Vec<_>>();
    let numbers = |line: &str| -> Vec<f64> {
        let parts = line.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    let (a, b) = (curves(a), curves(b));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            let (a, b) = (numbers(a), numbers(b));
            a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| (x - y).abs() <= 1.0)
        })
}

#[test]
fn a_moved_curve_or_another_text_is_seen() {
    let svg = |y: f64, title: &str| format!("<text>{title}</text>\n<path d=\"M0 0L10 {y}\"/>\n");
    assert!(alike(&svg(5.0, "a"), &svg(5.4, "a"), false));
    assert!(!alike(&svg(5.0, "a"), &svg(7.0, "a"), false) && !alike(&svg(5.0, "a"), &svg(5.0, "b"), false));
    assert!(alike(&svg(5.0, "a"), &svg(7.0, "a"), true) && !alike("", &svg(5.0, "a"), true));
}
