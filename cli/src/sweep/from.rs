//! `--from`: columns of a file, by name. Of an earlier result of a sweep those of what varied there.

use std::path::Path;

use rhapsode::Model;
use rhapsode::source::Loader;

use crate::engine::ensemble;
use crate::exit::Stop;
use crate::read::{Columns, npz, parquet};

/// The names of what varies, and their values.
///
/// # Errors
/// A sentence that names the file, and what is wrong with it.
pub fn read(model: &Model, path: &Path) -> Result<(Vec<String>, Vec<Vec<f64>>), Stop> {
    let name = path.display().to_string();
    let refused = |reason: String| Stop::input(format!("error: --from: `{name}`: {reason}"));
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let columns = match ending.as_deref() {
        Some("npz") => npz(path),
        Some("parquet" | "pq") => parquet(path),
        _ => csv(&name),
    };
    let columns = columns.map_err(refused)?;
    // An earlier result may have several rows of a trajectory.
    let numbers =
        columns.first().filter(|(name, _)| name == "trajectory").and_then(|(_, numbers)| numbers.as_ref().ok());
    let rows: Option<Vec<usize>> =
        numbers.map(|list| (0..list.len()).filter(|k| *k == 0 || list[*k] != list[k - 1]).collect());
    let earlier = rows.is_some();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (heading, numbers) in columns {
        if earlier && heading == "trajectory" {
            continue;
        }
        // Behind it are results.
        if earlier && (heading == model.independent() || heading == "event") {
            break;
        }
        ensemble::varied(model, "--from", &heading)?;
        names.push(heading);
        let numbers = numbers.map_err(refused)?;
        values.push(match &rows {
            Some(rows) => rows.iter().filter_map(|row| numbers.get(*row).copied()).collect(),
            None => numbers,
        });
    }
    if names.is_empty() {
        return Err(refused("it has no columns of parameters or initial values".to_string()));
    }
    let counts: Vec<usize> = values.iter().map(Vec::len).collect();
    if let Some(k) = counts.iter().position(|n| *n != counts[0]) {
        return Err(refused(format!("`{}` has {} values, `{}` has {}", names[k], counts[k], names[0], counts[0])));
    }
    if counts[0] == 0 {
        return Err(refused("it has no rows".to_string()));
    }
    Ok((names, values))
}

fn csv(path: &str) -> Result<Columns, String> {
    let file = rhapsode::FileLoader.load_data(path)?;
    let told = |message: String, help: Option<String>| match help {
        Some(help) => format!("{message}\nhelp: {help}"),
        None => message,
    };
    let layout = file.layout().map_err(|fault| told(fault.message, fault.help))?;
    let headings = layout.headings.clone().ok_or("its first line should name the columns")?;
    let column = |(k, heading): (usize, String)| {
        (heading, file.column(k).map(|c| c.to_vec()).map_err(|fault| told(fault.message, fault.help)))
    };
    Ok(headings.into_iter().enumerate().map(column).collect())
}
