//! One JSON object:
//!
//! ```json
//! {"model": "robertson", "independent": "t", "names": ["t", "A", "B"],
//!  "columns": {"t": [0, 1], "A": [1, 0.9], "B": [0, 0.1]}}
//! ```
//!
//! `names` keeps the order of the columns. What is not finite becomes `null`, for JSON has no word for it.

use std::io::{self, Write};

use super::number::push_number;
use crate::table::Table;

/// Writes the table.
///
/// # Errors
/// What `out` reports.
pub fn write(table: &Table, out: &mut impl Write) -> io::Result<()> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let names: Vec<String> =
        std::iter::once(table.independent.clone()).chain(table.columns().map(|(n, _)| n)).collect();
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    write!(
        out,
        "{{\"model\": {}, \"independent\": {}, \"names\": [{}],\n \"columns\": {{",
        quoted(&table.model),
        quoted(&table.independent),
        names.join(", ")
    )?;
    let values = std::iter::once(table.axis).chain(table.series.iter().flat_map(|s| s.columns.iter().copied()));
    let mut buffer = Vec::new();
    for (k, (name, column)) in names.iter().zip(values).enumerate() {
        buffer.clear();
        buffer.extend_from_slice(if k == 0 { b"\n  " } else { b",\n  " });
        buffer.extend_from_slice(name.as_bytes());
        buffer.extend_from_slice(b": [");
        for (row, value) in column.iter().enumerate() {
            if row > 0 {
                buffer.extend_from_slice(b", ");
            }
            if value.is_finite() {
                push_number(&mut buffer, *value);
            } else {
                buffer.extend_from_slice(b"null");
            }
        }
        buffer.push(b']');
        out.write_all(&buffer)?;
    }
    out.write_all(b"}}\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::super::samples;

    #[test]
    fn reads_back() -> Result<(), Box<dyn std::error::Error>> {
        let store = samples::store();
        let mut out = Vec::new();
        super::write(&samples::table(&store), &mut out)?;
        let value: serde_json::Value = serde_json::from_slice(&out)?;
        assert_eq!(value["independent"], "t");
        assert_eq!(value["names"][3], "u[1,2]");
        assert_eq!(value["columns"]["A"][2].as_f64(), Some(1.0 / 3.0));
        assert!(value["columns"]["A"][1].is_null());
        assert_eq!(value["columns"]["t"][2].as_f64(), Some(1e11));
        Ok(())
    }
}
