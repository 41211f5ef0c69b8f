//! Files of data that a model names: columns of numbers under headings, as comma-separated values.
//!
//! A file is taken apart when a column is first asked for, and each column is kept as numbers, so that an editor that
//! checks a model at every keystroke reads a file once. Separators are commas, semicolons or tabs, whichever the first
//! line has most of; lines that begin with `#` are comments; a first line of numbers alone is no heading.
//!
//! What this is not: reading of files from disk, and meaning. Whether a gap matters is for the reader of the column to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// A named text of data.
#[derive(Debug)]
pub struct DataFile {
    name: String,
    text: String,
    layout: OnceLock<Result<Layout, Fault>>,
    columns: Mutex<HashMap<usize, Numbers>>,
}

/// A column as it was read.
type Numbers = Result<Arc<[f64]>, Fault>;

/// What the first lines say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The headings; none where the first line is one of numbers.
    pub headings: Option<Vec<String>>,
    /// The number of columns.
    pub width: usize,
    separator: u8,
}

/// A row of a file: its cells without blanks around them, and its line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins.
    pub line: u64,
    /// The cells.
    pub cells: Vec<String>,
}

/// Why a file, or a column of it, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A clause that names the lines at fault: `lines 3 and 7: there is no value`.
    pub message: String,
    /// What could be done.
    pub help: Option<String>,
    /// Whether it is in the file as a whole, and not in one column.
    pub of_file: bool,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Fault { message: message.into(), help: None, of_file: true }
    }
}

impl PartialEq for DataFile {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl DataFile {
    /// The largest file that is accepted, in bytes (a bound on memory, stated in the error).
    pub const MAX_BYTES: usize = 512 << 20;

    /// A file called `name` with the given text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let (layout, columns) = Default::default();
        DataFile { name: name.into(), text: text.into(), layout, columns }
    }

    /// The name given at construction.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The headings and the number of columns.
    ///
    /// # Errors
    /// If there is nothing to read.
    pub fn layout(&self) -> Result<&Layout, Fault> {
        self.layout.get_or_init(|| self.find_layout()).as_ref().map_err(Clone::clone)
    }

    fn find_layout(&self) -> Result<Layout, Fault> {
        let first = self.body().lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let Some(first) = first else { return Err(Fault::new("the file is empty")) };
        if first.contains('\0') {
            return Err(Fault::new("the file is no text"));
        }
        let count = |separator: char| first.matches(separator).count();
        let separator = [',', ';', '\t'].into_iter().rev().max_by_key(|s| count(*s)).map_or(b',', |s| s as u8);
        let mut reader = self.reader(separator);
        let mut record = csv::StringRecord::new();
        reader.read_record(&mut record).map_err(|error| fault(&error))?;
        let numbers = record.iter().all(|cell| cell.parse::<f64>().is_ok());
        let headings = (!numbers).then(|| record.iter().map(str::to_string).collect());
        Ok(Layout { headings, width: record.len(), separator })
    }

    /// All rows below the headings, in order.
    ///
    /// # Errors
    /// If a row is malformed, or has more or fewer cells than the first.
    pub fn rows(&self) -> Result<Vec<Row>, Fault> {
        let layout = self.layout()?;
        let mut rows = Vec::new();
        for record in self.reader(layout.separator).records().skip(usize::from(layout.headings.is_some())) {
            let record = record.map_err(|error| fault(&error))?;
            let line = self.line(&record);
            rows.push(Row { line, cells: record.iter().map(str::to_string).collect() });
        }
        Ok(rows)
    }

    /// The numbers of a column, counted from 0.
    ///
    /// # Errors
    /// If a row is malformed, or a cell is empty or no finite number; the first lines at fault are named.
    pub fn column(&self, place: usize) -> Result<Arc<[f64]>, Fault> {
        let mut columns = self.columns.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        columns.entry(place).or_insert_with(|| self.read_column(place)).clone()
    }

    fn read_column(&self, place: usize) -> Result<Arc<[f64]>, Fault> {
        let layout = self.layout()?;
        let mut reader = self.reader(layout.separator);
        let mut record = csv::StringRecord::new();
        let (mut values, mut bad) = (Vec::new(), Bad::default());
        if layout.headings.is_some() {
            reader.read_record(&mut record).map_err(|error| fault(&error))?;
        }
        while reader.read_record(&mut record).map_err(|error| fault(&error))? {
            let cell = record.get(place).unwrap_or("");
            match cell.parse::<f64>() {
                Ok(value) if value.is_finite() => values.push(value),
                _ => bad.add(self.line(&record), cell),
            }
        }
        match bad.fault() {
            Some(fault) => Err(fault),
            None if values.is_empty() => Err(Fault::new("there is no row of data")),
            None => Ok(values.into()),
        }
    }

    /// The line on which a record's text begins; the reader counts from the blank lines and comments before it.
    fn line(&self, record: &csv::StringRecord) -> u64 {
        let Some(position) = record.position() else { return 0 };
        let (mut line, mut rest) = (position.line(), self.body().get(position.byte() as usize..).unwrap_or(""));
        while let Some((first, below)) = rest.split_once('\n')
            && (first.trim().is_empty() || first.starts_with('#'))
        {
            (line, rest) = (line + 1, below);
        }
        line
    }

    /// The text without a byte order mark.
    fn body(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    fn reader(&self, separator: u8) -> csv::Reader<&[u8]> {
        csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(self.body().as_bytes())
    }
}

/// Cells at fault.
#[derive(Default)]
struct Bad {
    missing: Vec<u64>,
    wrong: Vec<(u64, String)>,
    missing_count: usize,
    wrong_count: usize,
}

/// So many lines are named.
const NAMED: usize = 3;

impl Bad {
    fn add(&mut self, line: u64, cell: &str) {
        if is_missing(cell) {
            self.missing_count += 1;
            if self.missing.len() < NAMED {
                self.missing.push(line);
            }
        } else {
            self.wrong_count += 1;
            if self.wrong.len() < NAMED {
                self.wrong.push((line, cell.chars().take(30).collect()));
            }
        }
    }

    fn fault(self) -> Option<Fault> {
        if self.missing_count > 0 {
            let message = format!("{}: there is no value", lines(&self.missing, self.missing_count));
            let help = "fill the gaps, or leave those rows out".to_string();
            return Some(Fault { message, help: Some(help), of_file: false });
        }
        let (_, cell) = self.wrong.first()?;
        let list: Vec<u64> = self.wrong.iter().map(|(line, _)| *line).collect();
        let message = format!("{}: expected a number, found `{cell}`", lines(&list, self.wrong_count));
        let comma = cell.contains(',') && cell.replace(',', ".").parse::<f64>().is_ok();
        let help = comma.then(|| format!("numbers have a decimal point: `{}`", cell.replace(',', ".")));
        Some(Fault { message, help, of_file: false })
    }
}

/// `line 3`, `lines 3 and 7`, `lines 3, 7, 9 and 2 more`
pub fn lines(list: &[u64], count: usize) -> String {
    let named: Vec<String> = list.iter().take(NAMED).map(u64::to_string).collect();
    match (named.as_slice(), count.saturating_sub(named.len())) {
        ([one], 0) => format!("line {one}"),
        ([first @ .., last], 0) => format!("lines {} and {last}", first.join(", ")),
        (_, more) => format!("lines {} and {more} more", named.join(", ")),
    }
}

/// Whether a cell says that there is no value.
pub fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | ".") || ["na", "n/a", "nan", "null", "none", "-"].contains(&cell.to_ascii_lowercase().as_str())
}

fn fault(error: &csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            Fault::new(format!("line {line}: expected {expected_len} cells as in the first line, found {len}"))
        }
        _ => Fault::new(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn columns_are_read_once_and_blanks_and_comments_do_not_matter() {
        let file = DataFile::new("a.csv", "\u{feff}# made up\ntime [h], T (degC)\n0, 1.5\n\n 1 ,\"-2e1\"\n");
        let layout = file.layout().unwrap();
        assert_eq!(layout.headings.as_deref().unwrap(), ["time [h]", "T (degC)"]);
        assert_eq!(*file.column(1).unwrap(), [1.5, -20.0]);
        assert!(Arc::ptr_eq(&file.column(1).unwrap(), &file.column(1).unwrap()));
        assert_eq!(file.rows().unwrap()[1], Row { line: 5, cells: vec!["1".into(), "-2e1".into()] });
    }

    #[test]
    fn separators_and_headings_are_found() {
        let file = DataFile::new("a", "1;2\n3;4\n");
        assert_eq!((file.layout().unwrap().headings.clone(), file.layout().unwrap().width), (None, 2));
        assert_eq!(*file.column(0).unwrap(), [1.0, 3.0]);
        assert_eq!(*DataFile::new("a", "t\tx\n0\t5\n").column(1).unwrap(), [5.0]);
        assert_eq!(*DataFile::new("a", "x\n7\n").column(0).unwrap(), [7.0]);
    }

    #[test]
    fn faults_name_their_lines() {
        let gaps = "t,x\n0,1\n1,\n2,NA\n3,.\n4,nan\n";
        assert_eq!(message(DataFile::new("a", gaps).column(1)), "lines 3, 4, 5 and 1 more: there is no value");
        let file = DataFile::new("a", "t;x\n0;1,5\n");
        let fault = file.column(1).unwrap_err();
        assert_eq!(fault.message, "line 2: expected a number, found `1,5`");
        assert_eq!(fault.help.unwrap(), "numbers have a decimal point: `1.5`");
        assert_eq!(message(DataFile::new("a", "t,x\n0,inf\n").column(1)), "line 2: expected a number, found `inf`");
        let uneven = message(DataFile::new("a", "t,x\n0,1\n2\n").column(1));
        assert_eq!(uneven, "line 3: expected 2 cells as in the first line, found 1");
        assert_eq!(message(DataFile::new("a", "\n# nothing\n").layout().cloned()), "the file is empty");
        assert_eq!(message(DataFile::new("a", "t,x\n").column(0)), "there is no row of data");
        assert_eq!(message(DataFile::new("a", "t\0x").layout().cloned()), "the file is no text");
    }
}
