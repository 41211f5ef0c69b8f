//! NumPy's `.npz`: a zip archive, stored without compression, of one `.npy` file per scalar or array. An array of the
//! model is one array of shape (points, subscripts…). Format: NumPy enhancement proposal 1, version 1.0 of the header.

use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::table::Table;

/// Writes the table.
///
/// # Errors
/// What `out` reports.
pub fn write(table: &Table, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let mut archive = ZipWriter::new(out);
    array(&mut archive, &table.independent, &[], &[table.axis])?;
    for series in &table.series {
        let dims: Vec<usize> = series.dims.iter().map(|(_, n)| *n).collect();
        array(&mut archive, &series.name, &dims, &series.columns)?;
    }
    archive.finish()?.flush()
}

/// One member: the columns interleaved, so that the first axis is that of the points (C order).
fn array(archive: &mut ZipWriter<impl Write + Seek>, name: &str, dims: &[usize], columns: &[&[f64]]) -> io::Result<()> {
    let points = columns.first().map_or(0, |column| column.len());
    let large = (points as u64) * (columns.len() as u64) * 8 > u64::from(u32::MAX) / 2;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(large);
    archive.start_file(format!("{name}.npy"), options)?;
    archive.write_all(&header(points, dims))?;
    let mut buffer = Vec::with_capacity(1 << 16);
    for row in 0..points {
        for column in columns {
            buffer.extend_from_slice(&column[row].to_le_bytes());
            if buffer.len() >= 1 << 16 {
                archive.write_all(&buffer)?;
                buffer.clear();
            }
        }
    }
    archive.write_all(&buffer)
}

/// Magic, version, length, and a Python dictionary padded to a multiple of 64 bytes.
fn header(points: usize, dims: &[usize]) -> Vec<u8> {
    let mut shape = format!("({points},");
    for n in dims {
        shape.push_str(&format!(" {n},"));
    }
    if !dims.is_empty() {
        shape.pop();
    }
    shape.push(')');
    let mut text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    let unpadded = 10 + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::super::samples;

    #[test]
    fn members_headers_and_order() -> Result<(), Box<dyn std::error::Error>> {
        let store = samples::store();
        let mut out = Cursor::new(Vec::new());
        super::write(&samples::table(&store), &mut out)?;
        let mut archive = zip::ZipArchive::new(out)?;
        let names: Vec<String> = archive.file_names().filter_map(|n| Some(n.ok()?.into_owned())).collect();
        assert_eq!(names, ["t.npy", "A.npy", "u.npy"]);
        let mut bytes = Vec::new();
        archive.by_name("u.npy")?.read_to_end(&mut bytes)?;
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length])?;
        assert!(header.contains("'shape': (3, 2, 2)"), "{header}");
        let values: Vec<f64> =
            bytes[10 + length..].chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap_or_default())).collect();
        assert_eq!(values[..5], [11.0, 21.0, 31.0, 41.0, 12.0]);
        assert_eq!(values.len(), 12);
        Ok(())
    }
}
