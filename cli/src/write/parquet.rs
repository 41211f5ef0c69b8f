//! Apache Parquet: one required double column per column of the table, compressed with zstd, a row group per million
//! rows.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::LogicalType;
use parquet::basic::{Compression, Encoding, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

use super::rows::{Kind, Rows, Values};
use crate::table::Table;

/// Rows per row group.
const GROUP: usize = 1_000_000;

/// Writes the table.
///
/// # Errors
/// What `out` reports.
pub fn write(table: &Table, out: &mut (impl Write + Send)) -> io::Result<()> {
    assemble(table, out).map_err(plain)
}

/// What failed underneath.
fn plain(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

/// A writer for columns with these names and kinds.
fn begin<W: Write + Send>(
    columns: impl Iterator<Item = (String, Kind)>,
    out: W,
) -> Result<SerializedFileWriter<W>, ParquetError> {
    let field = |(name, kind): (String, Kind)| {
        let (physical, logical) = match kind {
            Kind::Number => (Physical::DOUBLE, None),
            Kind::Whole => (Physical::INT64, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let field = Type::primitive_type_builder(&name, physical).with_repetition(Repetition::REQUIRED);
        field.with_logical_type(logical).build().map(Arc::new)
    };
    let columns: Vec<(String, Kind)> = columns.collect();
    let mut properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
    for (name, kind) in &columns {
        let path = ColumnPath::new(vec![name.clone()]);
        properties = match kind {
            Kind::Number => properties.set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT),
            Kind::Whole => properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            // Most say `ok`.
            Kind::Text => properties.set_column_dictionary_enabled(path, true),
        };
    }
    let fields = columns.into_iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    SerializedFileWriter::new(out, schema, Arc::new(properties.build()))
}

/// Writes rows that come in batches, a row group each.
///
/// # Errors
/// What the rows and `out` report.
pub fn write_rows(rows: &dyn Rows, out: &mut (impl Write + Send)) -> io::Result<()> {
    let mut writer = begin(rows.columns().into_iter(), out).map_err(plain)?;
    rows.batches(&mut |columns| group(&mut writer, columns).map_err(plain))?;
    writer.close().map_err(plain)?;
    Ok(())
}

fn group<W: Write + Send>(writer: &mut SerializedFileWriter<W>, columns: &[Values]) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for column in columns {
        if let Some(mut target) = group.next_column()? {
            match column {
                Values::Numbers(list) => target.typed::<DoubleType>().write_batch(list, None, None)?,
                Values::Wholes(list) => target.typed::<Int64Type>().write_batch(list, None, None)?,
                Values::Texts(list) => {
                    let texts: Vec<ByteArray> = list.iter().map(|text| ByteArray::from(text.as_str())).collect();
                    target.typed::<ByteArrayType>().write_batch(&texts, None, None)?
                }
            };
            target.close()?;
        }
    }
    group.close()?;
    Ok(())
}

fn assemble(table: &Table, out: &mut (impl Write + Send)) -> Result<(), ParquetError> {
    let names = std::iter::once(table.independent.clone()).chain(table.columns().map(|(name, _)| name));
    let mut writer = begin(names.map(|name| (name, Kind::Number)), out)?;
    let columns: Vec<&[f64]> =
        std::iter::once(table.axis).chain(table.series.iter().flat_map(|s| s.columns.iter().copied())).collect();
    for start in (0..table.axis.len()).step_by(GROUP) {
        let end = (start + GROUP).min(table.axis.len());
        let mut group = writer.next_row_group()?;
        for column in &columns {
            if let Some(mut target) = group.next_column()? {
                target.typed::<DoubleType>().write_batch(&column[start..end], None, None)?;
                target.close()?;
            }
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::super::{rows, samples};

    #[test]
    fn batches_become_row_groups() -> Result<(), Box<dyn std::error::Error>> {
        let mut file = tempfile::tempfile()?;
        super::write_rows(&rows::samples::Five, &mut file)?;
        let reader = SerializedFileReader::new(file)?;
        assert_eq!(reader.num_row_groups(), 2);
        let rows = reader.get_row_iter(None)?.collect::<Result<Vec<_>, _>>()?;
        let texts = rows.iter().map(|row| row.get_string(2).cloned()).collect::<Result<Vec<_>, _>>()?;
        assert_eq!(texts, ["ok", "no, \"never\"", "ok", "ok", "größer"]);
        assert_eq!((rows[4].get_long(0)?, rows[2].get_double(1)?, rows.len()), (4, 1e300, 5));
        Ok(())
    }

    #[test]
    fn reads_back() -> Result<(), Box<dyn std::error::Error>> {
        let store = samples::store();
        let mut file = tempfile::tempfile()?;
        super::write(&samples::table(&store), &mut file)?;
        let reader = SerializedFileReader::new(file)?;
        let fields = reader.metadata().file_metadata().schema_descr().columns();
        assert_eq!(fields.iter().map(|c| c.name()).collect::<Vec<_>>()[..3], ["t", "A", "u[1,1]"]);
        let mut rows = 0;
        for (r, row) in reader.get_row_iter(None)?.enumerate() {
            let row = row?;
            for (c, column) in store.iter().enumerate() {
                assert!(row.get_double(c)?.to_bits() == column[r].to_bits());
            }
            rows += 1;
        }
        assert_eq!(rows, 3);
        Ok(())
    }
}
