//! Result files: a [`Format`] chosen by the file's ending, and one writer per format.

mod csv;
mod json;
mod npz;
mod number;
#[cfg(feature = "parquet")]
mod parquet;
pub mod rows;

use std::io::{self, Seek, Write};
use std::path::Path;

pub use number::push_number;

use crate::table::Table;

/// The formats of result files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// One JSON object.
    Json,
    /// NumPy arrays in a zip archive.
    Npz,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format that a path's ending names.
    ///
    /// # Errors
    /// A sentence with the known endings, or that this build lacks the format.
    pub fn of(path: &Path) -> Result<Format, String> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("csv") => Ok(Format::Csv),
            Some("json") => Ok(Format::Json),
            Some("npz") => Ok(Format::Npz),
            Some("parquet" | "pq") if cfg!(feature = "parquet") => Ok(Format::Parquet),
            Some("parquet" | "pq") => Err("this build of rhapsode was made without Parquet (feature `parquet`)".into()),
            _ => Err(format!("`{}` should end in .csv, .json, .npz or .parquet", path.display())),
        }
    }
}

/// Writes the table in the given format.
///
/// # Errors
/// What the writer underneath reports.
pub fn write(table: &Table, format: Format, out: &mut (impl Write + Seek + Send)) -> io::Result<()> {
    match format {
        Format::Csv => csv::write(table, out),
        Format::Json => json::write(table, out),
        Format::Npz => npz::write(table, out),
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::write(table, out),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
}

/// Writes the table as CSV to something that cannot seek, such as standard output.
///
/// # Errors
/// What the writer underneath reports.
pub fn write_csv(table: &Table, out: &mut impl Write) -> io::Result<()> {
    csv::write(table, out)
}

#[cfg(test)]
pub mod samples {
    use crate::table::{Series, Table};

    /// A scalar with a name that needs quoting and a 2 × 2 array, at three times.
    pub fn table(store: &[Vec<f64>]) -> Table<'_> {
        Table {
            model: "sample".into(),
            independent: "t".into(),
            unit: None,
            axis: &store[0],
            series: vec![
                Series::scalar("A", &store[1]),
                Series {
                    name: "u".into(),
                    dims: vec![(1, 2), (1, 2)],
                    unit: None,
                    columns: store[2..6].iter().map(Vec::as_slice).collect(),
                },
            ],
        }
    }

    /// The numbers of [`table`].
    pub fn store() -> Vec<Vec<f64>> {
        vec![
            vec![0.0, 0.1, 1e11],
            vec![1.0, f64::NAN, 1.0 / 3.0],
            vec![11.0, 12.0, 13.0],
            vec![21.0, 22.0, 23.0],
            vec![31.0, 32.0, 33.0],
            vec![41.0, -1e-300, f64::INFINITY],
        ]
    }
}
