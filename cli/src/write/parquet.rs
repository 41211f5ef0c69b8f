//! Apache Parquet: one required double column per column of the table, compressed with zstd, a row group per million
//! rows.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::DoubleType;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::table::Table;

/// Rows per row group.
const GROUP: usize = 1_000_000;

/// Writes the table.
///
/// # Errors
/// What `out` reports.
pub fn write(table: &Table, out: &mut (impl Write + Send)) -> io::Result<()> {
    assemble(table, out).map_err(|error| match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    })
}

fn assemble(table: &Table, out: &mut (impl Write + Send)) -> Result<(), ParquetError> {
    let names = std::iter::once(table.independent.clone()).chain(table.columns().map(|(name, _)| name));
    let fields = names
        .map(|name| {
            let field = Type::primitive_type_builder(&name, Physical::DOUBLE).with_repetition(Repetition::REQUIRED);
            field.build().map(Arc::new)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::BYTE_STREAM_SPLIT)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .build();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
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

    use super::super::samples;

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
