//! Comma-separated values: a line of names, then a line per point. Names with commas (`u[1,2]`) are quoted.

use std::io::{self, Write};

use super::number::push_number;
use super::rows::{Rows, Values};
use crate::table::Table;

/// Flushed when it holds this many bytes.
const CHUNK: usize = 1 << 18;

/// Writes the table; numbers in their shortest exact form.
///
/// # Errors
/// What `out` reports.
pub fn write(table: &Table, out: &mut impl Write) -> io::Result<()> {
    let mut header = csv::Writer::from_writer(&mut *out);
    header.write_field(&table.independent)?;
    for (name, _) in table.columns() {
        header.write_field(name)?;
    }
    header.write_record(None::<&[u8]>)?;
    header.flush()?;
    drop(header);

    let columns: Vec<&[f64]> = table.series.iter().flat_map(|s| s.columns.iter().copied()).collect();
    let mut buffer = Vec::with_capacity(CHUNK + 64);
    for (row, t) in table.axis.iter().enumerate() {
        push_number(&mut buffer, *t);
        for column in &columns {
            buffer.push(b',');
            push_number(&mut buffer, column[row]);
            if buffer.len() >= CHUNK {
                out.write_all(&buffer)?;
                buffer.clear();
            }
        }
        buffer.push(b'\n');
    }
    out.write_all(&buffer)?;
    out.flush()
}

/// Writes rows that come in batches.
///
/// # Errors
/// What the rows and `out` report.
pub fn write_rows(rows: &dyn Rows, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().buffer_capacity(CHUNK).from_writer(out);
    writer.write_record(rows.columns().iter().map(|(name, _)| name))?;
    let mut cell = Vec::new();
    rows.batches(&mut |columns| {
        for row in 0..columns.first().map_or(0, Values::len) {
            for column in columns {
                cell.clear();
                match column {
                    Values::Numbers(list) => push_number(&mut cell, list[row]),
                    Values::Wholes(list) => write!(cell, "{}", list[row])?,
                    Values::Texts(list) => cell.extend_from_slice(list[row].as_bytes()),
                }
                writer.write_field(&cell)?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    })?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::super::{rows, samples};

    #[test]
    fn batches_follow_each_other() -> Result<(), Box<dyn std::error::Error>> {
        let mut out = Vec::new();
        super::write_rows(&rows::samples::Five, &mut out)?;
        let expected =
            "k,\"u[1,2]\",status\n0,0.5,ok\n1,NaN,\"no, \"\"never\"\"\"\n2,1e300,ok\n3,-1,ok\n4,0.1,größer\n";
        assert_eq!(String::from_utf8(out)?, expected);
        Ok(())
    }

    #[test]
    fn reads_back_with_quoted_names() -> Result<(), Box<dyn std::error::Error>> {
        let store = samples::store();
        let mut out = Vec::new();
        super::write(&samples::table(&store), &mut out)?;
        assert!(out.starts_with(b"t,A,\"u[1,1]\",\"u[1,2]\","));
        let mut reader = csv::Reader::from_reader(out.as_slice());
        assert_eq!(reader.headers()?.iter().collect::<Vec<_>>(), ["t", "A", "u[1,1]", "u[1,2]", "u[2,1]", "u[2,2]"]);
        let rows: Vec<Vec<f64>> = reader
            .records()
            .map(|r| r.map(|r| r.iter().map(|x| x.parse().unwrap_or(f64::MIN)).collect()))
            .collect::<Result<_, _>>()?;
        assert_eq!(rows.len(), 3);
        for (r, row) in rows.iter().enumerate() {
            for (c, value) in row.iter().enumerate() {
                assert!(value.to_bits() == store[c][r].to_bits() || value.is_nan() && store[c][r].is_nan());
            }
        }
        Ok(())
    }
}
