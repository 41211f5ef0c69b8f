//! Columns of numbers from files that [`crate::write`] could have written: `.npz` and `.parquet`.

use std::io::Read;
use std::path::Path;

/// Columns by name; those that are no numbers say so.
pub type Columns = Vec<(String, Result<Vec<f64>, String>)>;

/// One-dimensional arrays of NumPy's archive, each a column.
///
/// # Errors
/// A sentence, when the file cannot be read as such an archive.
pub fn npz(path: &Path) -> Result<Columns, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|error| error.to_string())?;
    let mut columns = Vec::new();
    for k in 0..archive.len() {
        let mut member = archive.by_index(k).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_string) else { continue };
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        columns.push((name.clone(), array(&bytes).map_err(|reason| format!("`{name}` {reason}"))));
    }
    Ok(columns)
}

/// The numbers of an array (NumPy enhancement proposal 1).
fn array(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let broken = || "is no array of NumPy".to_string();
    let at = |k: usize| bytes.get(k).copied().map(usize::from).ok_or_else(broken);
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(broken());
    }
    // Later versions have longer lengths.
    let (start, length) = match at(6)? {
        1 => (10, at(8)? | at(9)? << 8),
        _ => (12, at(8)? | at(9)? << 8 | at(10)? << 16 | at(11)? << 24),
    };
    let header = bytes.get(start..start + length).and_then(|text| std::str::from_utf8(text).ok()).ok_or_else(broken)?;
    let data = &bytes[start + length..];
    let value = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches([':', ' ', '\'']));
    let shape = value("'shape'").and_then(|rest| rest.trim_start_matches('(').split_once(')')).ok_or_else(broken)?.0;
    let lengths: Vec<&str> = shape.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    if lengths.len() != 1 {
        return Err(format!("has the shape ({shape}), a column has one dimension"));
    }
    let kind = value("'descr'").and_then(|rest| rest.split('\'').next()).ok_or_else(broken)?;
    fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.chunks_exact(N).filter_map(|chunk| chunk.try_into().ok()).map(number).collect()
    }
    Ok(match kind {
        "<f8" => each(data, f64::from_le_bytes),
        "<f4" => each(data, |b| f64::from(f32::from_le_bytes(b))),
        "<i8" => each(data, |b| i64::from_le_bytes(b) as f64),
        "<i4" => each(data, |b| f64::from(i32::from_le_bytes(b))),
        _ => return Err(format!("has elements of kind {kind}, expected numbers")),
    })
}

/// The columns of a Parquet file.
///
/// # Errors
/// A sentence, when the file cannot be read as one, or this build cannot.
#[cfg(feature = "parquet")]
pub fn parquet(path: &Path) -> Result<Columns, String> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let fields = reader.metadata().file_metadata().schema().get_fields();
    let mut columns: Columns = fields.iter().map(|field| (field.name().to_string(), Ok(Vec::new()))).collect();
    for row in reader.get_row_iter(None).map_err(|error| error.to_string())? {
        let row = row.map_err(|error| error.to_string())?;
        for ((_, field), (name, numbers)) in row.get_column_iter().zip(&mut columns) {
            let number = match field {
                Field::Double(x) => Some(*x),
                Field::Float(x) => Some(f64::from(*x)),
                Field::Long(x) => Some(*x as f64),
                Field::Int(x) => Some(f64::from(*x)),
                _ => None,
            };
            match (number, &mut *numbers) {
                (Some(number), Ok(list)) => list.push(number),
                (None, Ok(_)) => *numbers = Err(format!("`{name}` has elements that are no numbers")),
                (_, Err(_)) => {}
            }
        }
    }
    Ok(columns)
}

/// The same of a build without Parquet.
///
/// # Errors
/// Always.
#[cfg(not(feature = "parquet"))]
pub fn parquet(_: &Path) -> Result<Columns, String> {
    Err("this build of rhapsode was made without Parquet (feature `parquet`)".into())
}
