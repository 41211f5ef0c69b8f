//! `rhapsode new`: a runnable, commented model to start from, out of those in `examples/models`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use rhapsode::diag::closest;

use crate::exit::Stop;
use crate::print;

macro_rules! examples {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../examples/models/", $name, ".ode")))),+]
    };
}

/// The example models by name, in the order of `--list`.
const EXAMPLES: &[(&str, &str)] = examples![
    "lotka_volterra",
    "robertson",
    "pendulum",
    "cartesian_pendulum",
    "bouncing_ball",
    "thermostat",
    "dosing",
    "dosing_table",
    "building",
    "mackey_glass",
    "circadian_clock",
    "transistor_amplifier",
    "van_der_pol",
    "lorenz",
    "sir",
    "fitzhugh_nagumo",
    "hodgkin_huxley",
    "hires",
    "oregonator",
    "pollution",
    "heat",
    "brusselator_1d",
    "brusselator_2d",
    "reaction_front",
    "medical_akzo",
    "kuramoto",
    "rate_network",
    "neural_ode",
    "lambda_cdm",
    "enzyme",
    "diffusing_dimer",
    "nerve",
    "coupled_masses",
    "theophylline",
    "hare_lynx",
    "skydiver",
];

/// The files of data that examples read.
const DATA: &[(&str, &str, &str)] = &[
    ("building", "outdoor.csv", include_str!("../../examples/models/outdoor.csv")),
    ("dosing_table", "dosing_table.csv", include_str!("../../examples/models/dosing_table.csv")),
    ("hare_lynx", "hare_lynx.csv", include_str!("../../examples/models/hare_lynx.csv")),
    ("lambda_cdm", "supernovae.csv", include_str!("../../examples/models/supernovae.csv")),
];

/// Write a model to start from
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  rhapsode new predator\n  rhapsode new reactor --like robertson\n  rhapsode new --list"
)]
pub struct Args {
    /// The new model's name: NAME.ode is written
    #[arg(required_unless_present = "list")]
    name: Option<PathBuf>,

    /// The example to begin with
    #[arg(long, value_name = "EXAMPLE", default_value = "lotka_volterra")]
    like: String,

    /// Print the examples and what they show
    #[arg(long)]
    list: bool,
}

/// The command.
///
/// # Errors
/// An unknown example, a name that cannot be one, or a file that exists already or cannot be written.
pub fn new(args: &Args) -> Result<(), Stop> {
    if args.list {
        let width = EXAMPLES.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines = EXAMPLES.iter().map(|(name, text)| format!("{name:width$}  {}\n", title(text)));
        return print(&lines.collect::<String>());
    }
    let Some((_, text)) = EXAMPLES.iter().find(|(name, _)| *name == args.like) else {
        let hint = match closest(&args.like, EXAMPLES.iter().map(|(name, _)| *name)) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => "`rhapsode new --list` prints them all".into(),
        };
        return Err(Stop::input(format!("error: --like: there is no example `{}`\nhelp: {hint}", args.like)));
    };
    let path = args.name.clone().unwrap_or_default();
    let path = if path.extension().is_some_and(|e| e == "ode") { path } else { with_ending(&path) };
    let name = model_name(&path)?;
    let shown = path.display();
    let text = renamed(text, &args.like, &name, &shown.to_string());
    write(&path, &text)?;
    let mut wrote = shown.to_string();
    for (_, file, data) in DATA.iter().filter(|(example, ..)| *example == args.like) {
        let beside = path.with_file_name(file);
        // A second model of the kind reads the same file.
        if std::fs::read(&beside).is_ok_and(|known| known == data.as_bytes()) {
            continue;
        }
        write(&beside, data)?;
        wrote += &format!(" and {}", beside.display());
    }
    let next =
        format!("wrote {wrote}; now try\n  rhapsode run {shown} --plot {}", path.with_extension("svg").display());
    let _ = writeln!(std::io::stderr(), "{next}");
    Ok(())
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Result<(), Stop> {
    let shown = path.display();
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Stop::input(format!("error: `{shown}` exists already; it is left as it is")),
        _ => Stop::input(format!("error: cannot write `{shown}`: {error}")),
    })
}

fn with_ending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".ode");
    PathBuf::from(name)
}

/// The model's name: the file's, with what a name cannot hold replaced.
fn model_name(path: &Path) -> Result<String, Stop> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = stem.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    match name.chars().next() {
        Some(first) if first.is_numeric() => Ok(format!("m_{name}")),
        Some(_) => Ok(name),
        None => Err(Stop::input(format!("error: `{}` is no name for a model", path.display()))),
    }
}

/// The example with another name in its `model` line, and another file in the commands its comments suggest.
fn renamed(text: &str, from: &str, to: &str, file: &str) -> String {
    let line = |line: &str| {
        if line == format!("model {from}") { format!("model {to}") } else { line.replace(&format!("{from}.ode"), file) }
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

/// The first doc line of a model.
fn title(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_a_title_and_its_name() {
        for (name, text) in EXAMPLES {
            assert!(!title(text).is_empty(), "{name}");
            assert!(text.lines().any(|line| line == format!("model {name}")), "{name}");
            let mine = renamed(text, name, "mine", "my/own.ode");
            assert!(mine.contains("\nmodel mine\n") && !mine.contains(&format!("{name}.ode")), "{name}");
        }
    }

    #[test]
    fn every_example_of_the_folder_is_offered() -> std::io::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/models");
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|e| e != "ode") {
                let file = path.file_name().map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
                assert!(DATA.iter().any(|(_, known, _)| *known == file), "{file} is missing in DATA");
                continue;
            }
            let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            assert!(EXAMPLES.iter().any(|(name, _)| *name == stem), "{stem} is missing in EXAMPLES");
        }
        Ok(())
    }

    #[test]
    fn file_names_become_model_names() {
        let name = |text: &str| model_name(Path::new(text)).unwrap_or_default();
        assert_eq!(name("dir/my-model.ode"), "my_model");
        assert_eq!(name("2nd"), "m_2nd");
    }
}
