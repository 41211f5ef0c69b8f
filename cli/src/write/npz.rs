//! NumPy's `.npz`: a zip archive, stored without compression, of one `.npy` file per scalar or array. An array of the
//! model is one array of shape (points, subscripts…). Format: NumPy enhancement proposal 1, version 1.0 of the header.

use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::rows::{Kind, Rows, Values};
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
    start(archive, name, (points as u64) * (columns.len() as u64) * 8)?;
    archive.write_all(&header("<f8", points, dims))?;
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

/// Begins a member of so many bytes.
fn start(archive: &mut ZipWriter<impl Write + Seek>, name: &str, bytes: u64) -> io::Result<()> {
    let large = bytes > u64::from(u32::MAX) / 2;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(large);
    Ok(archive.start_file(format!("{name}.npy"), options)?)
}

/// Writes rows that come in batches: an array per column, texts as bytes of UTF-8 (`S`). The rows are gone through once to
/// count them, and once for each column.
///
/// # Errors
/// What the rows and `out` report.
pub fn write_rows(rows: &dyn Rows, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let columns = rows.columns();
    let (mut count, mut widths) = (0, vec![1; columns.len()]);
    rows.batches(&mut |values| {
        count += values.first().map_or(0, Values::len);
        for (width, values) in widths.iter_mut().zip(values) {
            if let Values::Texts(list) = values {
                *width = list.iter().map(String::len).fold(*width, usize::max);
            }
        }
        Ok(())
    })?;
    let mut archive = ZipWriter::new(out);
    for (place, ((name, kind), width)) in columns.iter().zip(widths).enumerate() {
        let (kind, width) = match kind {
            Kind::Number => ("<f8".to_string(), 8),
            Kind::Whole => ("<i8".to_string(), 8),
            Kind::Text => (format!("|S{width}"), width),
        };
        start(&mut archive, name, (count * width) as u64)?;
        archive.write_all(&header(&kind, count, &[]))?;
        let mut buffer = Vec::new();
        rows.batches(&mut |values| {
            buffer.clear();
            match &values[place] {
                Values::Numbers(list) => list.iter().for_each(|x| buffer.extend(x.to_le_bytes())),
                Values::Wholes(list) => list.iter().for_each(|x| buffer.extend(x.to_le_bytes())),
                Values::Texts(list) => {
                    for text in list {
                        buffer.extend(text.as_bytes());
                        buffer.resize(buffer.len() + width - text.len(), 0);
                    }
                }
            }
            archive.write_all(&buffer)
        })?;
    }
    archive.finish()?.flush()
}

/// Magic, version, length, and a Python dictionary padded to a multiple of 64 bytes.
fn header(kind: &str, points: usize, dims: &[usize]) -> Vec<u8> {
    let mut shape = format!("({points},");
    for n in dims {
        shape.push_str(&format!(" {n},"));
    }
    if !dims.is_empty() {
        shape.pop();
    }
    shape.push(')');
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
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

    use super::super::{rows, samples};

    #[test]
    fn batches_become_one_array_per_column() -> Result<(), Box<dyn std::error::Error>> {
        let mut out = Cursor::new(Vec::new());
        super::write_rows(&rows::samples::Five, &mut out)?;
        let mut archive = zip::ZipArchive::new(out)?;
        let mut member = |name: &str| -> Result<(String, Vec<u8>), Box<dyn std::error::Error>> {
            let mut bytes = Vec::new();
            archive.by_name(name)?.read_to_end(&mut bytes)?;
            let data = bytes.split_off(10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]])));
            Ok((String::from_utf8(bytes.split_off(10))?, data))
        };
        let (header, data) = member("k.npy")?;
        assert!(header.contains("'descr': '<i8'") && header.contains("'shape': (5,)"), "{header}");
        assert_eq!(data[32..40], 4_i64.to_le_bytes());
        let (header, data) = member("status.npy")?;
        assert!(header.contains("'|S11'") && data.starts_with(b"ok\0\0\0\0\0\0\0\0\0no, \"never\""), "{header}");
        assert_eq!(member("u[1,2].npy")?.1[16..24], 1e300_f64.to_le_bytes());
        Ok(())
    }

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
