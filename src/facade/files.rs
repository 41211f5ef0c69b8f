//! Files as models name them: the one place where the library reads any.

use crate::source::{DataFile, Loader, Source};
use std::sync::Arc;

/// Reads files of UTF-8 text from disk, up to [`Source::MAX_BYTES`] each, of data up to [`DataFile::MAX_BYTES`].
#[derive(Clone, Copy, Debug, Default)]
pub struct FileLoader;

impl Loader for FileLoader {
    fn load(&self, name: &str) -> Result<String, String> {
        read(name, Source::MAX_BYTES)
    }

    fn load_data(&self, name: &str) -> Result<Arc<DataFile>, String> {
        read(name, DataFile::MAX_BYTES).map(|text| Arc::new(DataFile::new(name, text)))
    }
}

fn read(name: &str, most: usize) -> Result<String, String> {
    let size = std::fs::metadata(name).map(|file| file.len()).unwrap_or(0);
    if size > most as u64 {
        return Err(format!("it has {size} bytes, more than the {most} allowed"));
    }
    let bytes = std::fs::read(name).map_err(|error| error.to_string())?;
    let utf16 = matches!(bytes.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff]));
    String::from_utf8(bytes).map_err(|error| match utf16 {
        true => "it is UTF-16, not UTF-8 text: save it as UTF-8".to_string(),
        false => format!("it is not UTF-8 text: {}", error.utf8_error()),
    })
}

/// No files, for models that are given as text alone.
pub(super) struct NoFiles;

impl Loader for NoFiles {
    fn load(&self, _name: &str) -> Result<String, String> {
        Err("this model is read from a text alone, without files beside it".to_string())
    }
}
