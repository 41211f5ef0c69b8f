//! The rows of a table of doses, read and held against the convention; what they mean is [`super::dose_tables`]' business.
//!
//! Columns are found by name, in capitals or not; those that are not known (`DV`, `WT`, …) are nobody's business here. A dot
//! or an empty cell is no value. Errors name the line and the column.

use crate::source::DataFile;
use crate::source::data::is_missing;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `EVID` 1
    Dose,
    /// `EVID` 3
    Reset,
    /// `EVID` 4
    ResetAndDose,
    /// `EVID` 0 and 2: nothing is given.
    Other,
}

/// A record that makes sense in itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub line: u64,
    pub id: f64,
    pub time: f64,
    pub kind: Kind,
    pub amount: f64,
    /// As written: positive, 0, −1 or −2.
    pub rate: f64,
    /// A number or a name.
    pub compartment: String,
    /// How many doses follow.
    pub further: u32,
    /// The distance between them.
    pub interval: f64,
    /// Whether such doses have been given for ever before it.
    pub steady: bool,
}

/// All records, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub records: Vec<Record>,
}

/// At most so many doses follow one record.
const MOST_FURTHER: f64 = 1e6;

/// Where the columns stand.
struct Columns {
    places: Vec<(&'static str, Option<usize>)>,
}

const NAMES: [&str; 9] = ["ID", "TIME", "AMT", "RATE", "EVID", "CMT", "II", "ADDL", "SS"];

/// Reads a table.
///
/// # Errors
/// All that is wrong with it; each begins with `, line 3, column AMT: ` or with `: ` behind the file's name.
pub fn read(file: &DataFile) -> Result<Table, Vec<String>> {
    let layout = file.layout().map_err(|fault| vec![format!(": {}", fault.message)])?;
    let Some(headings) = &layout.headings else {
        return Err(vec![": a table of doses begins with a line of headings: TIME, AMT, …".to_string()]);
    };
    let place = |name: &str| headings.iter().position(|heading| heading.eq_ignore_ascii_case(name));
    let columns = Columns { places: NAMES.into_iter().map(|name| (name, place(name))).collect() };
    for name in ["TIME", "AMT"] {
        if columns.place(name).is_none() {
            return Err(vec![format!(": there is no column {name}; found {}", headings.join(", "))]);
        }
    }
    let rows = file.rows().map_err(|fault| vec![format!(", {}", fault.message)])?;
    let (mut table, mut errors) = (Table::default(), Vec::new());
    for row in &rows {
        match record(row.line, &row.cells, &columns) {
            Ok(record) => {
                let before = table.records.last().filter(|before: &&Record| before.id == record.id);
                if let Some(before) = before.filter(|before| before.time > record.time) {
                    errors.push(format!(
                        ", line {}, column TIME: {} comes after {}; times of a subject must not go back",
                        row.line, record.time, before.time
                    ));
                }
                table.records.push(record);
            }
            Err((column, what)) => errors.push(format!(", line {}, column {column}: {what}", row.line)),
        }
    }
    if rows.is_empty() {
        errors.push(": there is no row of data".to_string());
    }
    if errors.is_empty() { Ok(table) } else { Err(errors) }
}

impl Columns {
    fn place(&self, name: &str) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == name).and_then(|(_, place)| *place)
    }

    /// The cell of a column; none where the column or the value is missing.
    fn cell<'r>(&self, name: &str, cells: &'r [String]) -> Option<&'r str> {
        cells.get(self.place(name)?).map(String::as_str).filter(|cell| !is_missing(cell))
    }

    fn number(&self, name: &'static str, cells: &[String]) -> Result<Option<f64>, (&'static str, String)> {
        let Some(cell) = self.cell(name, cells) else { return Ok(None) };
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => {
                let clock = name == "TIME" && cell.contains(':');
                let hint = if clock { "; clock times are not read: write hours as numbers" } else { "" };
                Err((name, format!("expected a number, found `{cell}`{hint}")))
            }
        }
    }
}

/// One row; the error is a column and what is wrong there.
fn record(line: u64, cells: &[String], columns: &Columns) -> Result<Record, (&'static str, String)> {
    let or_zero = |name| columns.number(name, cells).map(|value| value.unwrap_or(0.0));
    let fail = |column, what: String| Err((column, what));
    let (id, amount, rate) = (or_zero("ID")?, or_zero("AMT")?, or_zero("RATE")?);
    let (interval, further, steady) = (or_zero("II")?, or_zero("ADDL")?, or_zero("SS")?);
    let Some(time) = columns.number("TIME", cells)? else { return fail("TIME", "there is no time".to_string()) };
    // Without the column, an amount makes a record a dose.
    let kind = match columns.number("EVID", cells)? {
        None if amount != 0.0 => Kind::Dose,
        None => Kind::Other,
        Some(0.0) if amount != 0.0 => return fail("EVID", format!("0 is an observation, but AMT is {amount}")),
        Some(0.0 | 2.0) => Kind::Other,
        Some(1.0) => Kind::Dose,
        Some(3.0) => Kind::Reset,
        Some(4.0) => Kind::ResetAndDose,
        Some(other) => return fail("EVID", format!("expected 0, 1, 2, 3 or 4, found {other}")),
    };
    if amount < 0.0 {
        return fail("AMT", format!("{amount} is negative"));
    }
    if matches!(kind, Kind::Dose | Kind::ResetAndDose) {
        if amount == 0.0 {
            return fail("AMT", "a dose needs an amount".to_string());
        }
        if rate < 0.0 && rate != -1.0 && rate != -2.0 {
            return fail(
                "RATE",
                format!("{rate} is neither a rate nor -1 (rate by the model) or -2 (duration by the model)"),
            );
        }
        if !(0.0..=MOST_FURTHER).contains(&further) || further.fract() != 0.0 {
            return fail("ADDL", format!("expected a whole number from 0 to {MOST_FURTHER}, found {further}"));
        }
        if interval < 0.0 || (further > 0.0 && interval == 0.0) {
            return fail(
                "II",
                format!("with ADDL {further} the distance between doses must be positive, found {interval}"),
            );
        }
        if ![0.0, 1.0, 2.0].contains(&steady) {
            return fail("SS", format!("expected 0, 1 or 2, found {steady}"));
        }
        if steady != 0.0 && interval == 0.0 {
            return fail("II", "a steady state needs the distance between its doses".to_string());
        }
    }
    let compartment = columns.cell("CMT", cells).unwrap_or("1").to_string();
    let whole = compartment.parse::<f64>().ok();
    let compartment = match whole {
        Some(number) if number < 0.0 => return fail("CMT", format!("{number}: compartments cannot be turned off")),
        Some(number) if number.fract() != 0.0 => {
            return fail("CMT", format!("expected a whole number, found {number}"));
        }
        // 0 is the default compartment, the first.
        Some(number) => format!("{}", number.max(1.0)),
        None => compartment,
    };
    Ok(Record {
        line,
        id,
        time,
        kind,
        amount,
        rate,
        compartment,
        further: further as u32,
        interval,
        steady: steady != 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        read(&DataFile::new("d.csv", text)).unwrap_err()
    }

    #[test]
    fn records_follow_the_convention() {
        let text =
            "ID,time,AMT,RATE,EVID,CMT,II,ADDL,DV\n1,0,100,.,1,2,12,3,.\n1,5,.,.,0,.,.,.,3.2\n1,6,50,-2,4,depot,,,\n";
        let records = read(&DataFile::new("d.csv", text)).unwrap().records;
        assert_eq!((records[0].further, records[0].interval, records[0].compartment.as_str()), (3, 12.0, "2"));
        assert_eq!((records[1].kind, records[2].kind, records[2].rate), (Kind::Other, Kind::ResetAndDose, -2.0));
        assert_eq!((records[2].compartment.as_str(), records[2].line), ("depot", 4));
        let bare = read(&DataFile::new("d.csv", "TIME;AMT\n0;100\n1;0\n")).unwrap().records;
        assert_eq!((bare[0].kind, bare[1].kind, bare[0].compartment.as_str()), (Kind::Dose, Kind::Other, "1"));
    }

    #[test]
    fn what_cannot_be_followed_is_named_by_line_and_column() {
        let cases = [
            ("0,-5,1,.,.,.", ", line 2, column AMT: -5 is negative"),
            ("0,0,1,.,.,.", ", line 2, column AMT: a dose needs an amount"),
            ("x,5,1,.,.,.", ", line 2, column TIME: expected a number, found `x`"),
            (".,5,1,.,.,.", ", line 2, column TIME: there is no time"),
            ("0,5,7,.,.,.", ", line 2, column EVID: expected 0, 1, 2, 3 or 4, found 7"),
            ("0,5,0,.,.,.", ", line 2, column EVID: 0 is an observation, but AMT is 5"),
            ("0,5,1,.,3,.", ", line 2, column II: with ADDL 3 the distance between doses must be positive, found 0"),
            ("0,5,1,12,0.5,.", ", line 2, column ADDL: expected a whole number from 0 to 1000000, found 0.5"),
        ];
        for (row, expected) in cases {
            assert_eq!(errors(&format!("TIME,AMT,EVID,II,ADDL,SS\n{row}\n")), [expected], "{row}");
        }
        assert!(errors("TIME,AMT,EVID,SS\n0,5,1,3\n")[0].starts_with(", line 2, column SS: expected 0, 1 or 2"));
        assert!(errors("TIME,AMT,EVID,SS\n0,5,1,1\n")[0].starts_with(", line 2, column II: a steady state needs"));
        assert!(errors("TIME,AMT,RATE\n0,5,-3\n")[0].starts_with(", line 2, column RATE: -3 is neither"));
        assert!(errors("TIME,AMT,CMT\n0,5,-1\n")[0].starts_with(", line 2, column CMT: -1"));
        assert!(errors("TIME,AMT\n08:30,5\n")[0].ends_with("write hours as numbers"));
        assert_eq!(errors("ID,TIME,AMT\n1,5,1\n1,4,1\n2,0,1\n").len(), 1);
        assert_eq!(errors("TIME,DOSE\n0,1\n"), [": there is no column AMT; found TIME, DOSE"]);
        assert_eq!(errors("0,1\n"), [": a table of doses begins with a line of headings: TIME, AMT, …"]);
        assert_eq!(errors("TIME,AMT\n"), [": there is no row of data"]);
    }
}
