//! Tables that are longer than memory: columns of numbers, whole numbers and texts, whose rows come in batches, as often as a
//! format asks for them.

use std::io::{self, Seek, Write};

use super::{Format, csv, npz};

/// Rows per batch, about: a row group of Parquet.
pub const BATCH: usize = 1 << 16;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    Whole,
    Text,
}

/// Values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Numbers(Vec<f64>),
    Wholes(Vec<i64>),
    Texts(Vec<String>),
}

impl Values {
    /// None yet.
    pub fn new(kind: Kind) -> Values {
        match kind {
            Kind::Number => Values::Numbers(Vec::new()),
            Kind::Whole => Values::Wholes(Vec::new()),
            Kind::Text => Values::Texts(Vec::new()),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Values::Numbers(list) => list.len(),
            Values::Wholes(list) => list.len(),
            Values::Texts(list) => list.len(),
        }
    }
}

/// Receives batches: the values of each column.
pub type Take<'t> = dyn FnMut(&[Values]) -> io::Result<()> + 't;

/// Such a table.
pub trait Rows {
    /// The names of the columns, and what they hold.
    fn columns(&self) -> Vec<(String, Kind)>;

    /// All rows, batch by batch; the same whenever they are asked for.
    ///
    /// # Errors
    /// What reading them reports, and what `take` does.
    fn batches(&self, take: &mut Take) -> io::Result<()>;
}

/// Writes all rows.
///
/// # Errors
/// What the rows and the writer underneath report.
pub fn write(rows: &dyn Rows, format: Format, out: &mut (impl Write + Seek + Send)) -> io::Result<()> {
    match format {
        Format::Csv => csv::write_rows(rows, out),
        Format::Npz => npz::write_rows(rows, out),
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet::write_rows(rows, out),
        _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
}

/// Writes all rows as CSV to something that cannot seek.
///
/// # Errors
/// What the rows and the writer underneath report.
pub fn write_csv(rows: &dyn Rows, out: &mut impl Write) -> io::Result<()> {
    csv::write_rows(rows, out)
}

#[cfg(test)]
pub mod samples {
    use super::*;

    /// Two batches of three and two rows, with a text that needs quotes.
    pub struct Five;

    impl Rows for Five {
        fn columns(&self) -> Vec<(String, Kind)> {
            vec![("k".into(), Kind::Whole), ("u[1,2]".into(), Kind::Number), ("status".into(), Kind::Text)]
        }

        fn batches(&self, take: &mut Take) -> io::Result<()> {
            let texts = |list: &[&str]| Values::Texts(list.iter().map(|text| text.to_string()).collect());
            take(&[
                Values::Wholes(vec![0, 1, 2]),
                Values::Numbers(vec![0.5, f64::NAN, 1e300]),
                texts(&["ok", "no, \"never\"", "ok"]),
            ])?;
            take(&[Values::Wholes(vec![3, 4]), Values::Numbers(vec![-1.0, 0.1]), texts(&["ok", "größer"])])
        }
    }
}
