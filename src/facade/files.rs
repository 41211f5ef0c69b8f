//! Files as models name them: the one place where the library reads any.

use crate::source::{Loader, Source};

/// Reads files of UTF-8 text from disk, up to [`Source::MAX_BYTES`] each.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileLoader;

impl Loader for FileLoader {
    fn load(&self, name: &str) -> Result<String, String> {
        let size = std::fs::metadata(name).map(|file| file.len()).unwrap_or(0);
        if size > Source::MAX_BYTES as u64 {
            return Err(format!("it has {size} bytes, more than the {} allowed", Source::MAX_BYTES));
        }
        let bytes = std::fs::read(name).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 text: {error}"))
    }
}

/// No files, for models that are given as text alone.
pub(super) struct NoFiles;

impl Loader for NoFiles {
    fn load(&self, _name: &str) -> Result<String, String> {
        Err("this model is read from a text alone, without files beside it".to_string())
    }
}
