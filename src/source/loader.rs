//! Where the texts that a model uses come from: the seam between the compiler and the world's files.

use super::DataFile;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Gives the texts that `use` names, and the files of data. The library's own loader reads files; a host may serve them from memory.
pub trait Loader {
    /// The name under which the text `from` calls `path` is known: two paths to one text have one name. Unless a loader
    /// says otherwise, that is the path from the folder of `from`, with `.` and `..` resolved.
    ///
    /// # Errors
    /// A reason, where the path names nothing.
    fn locate(&self, from: &str, path: &str) -> Result<String, String> {
        beside(from, path)
    }

    /// The text of that name, as [`Self::locate`] gives it.
    ///
    /// # Errors
    /// A reason, where there is no such text.
    fn load(&self, name: &str) -> Result<String, String>;

    /// The file of data of that name. A loader that keeps what it has read saves reading a large file again.
    ///
    /// # Errors
    /// A reason, where there is no such file.
    fn load_data(&self, name: &str) -> Result<Arc<DataFile>, String> {
        self.load(name).map(|text| Arc::new(DataFile::new(name, text)))
    }
}

/// Texts by name, in memory.
impl Loader for BTreeMap<String, String> {
    fn load(&self, name: &str) -> Result<String, String> {
        self.get(name).cloned().ok_or_else(|| format!("there is no `{name}`"))
    }
}

/// The path of a text that `from` names by `path`, relative to its own folder; folders are set apart by `/`.
///
/// # Errors
/// If the path is empty or not relative.
pub fn beside(from: &str, path: &str) -> Result<String, String> {
    if path.is_empty() {
        return Err("the path is empty".to_string());
    }
    if path.starts_with(['/', '\\']) || path.contains(':') {
        return Err("the path is not relative".to_string());
    }
    let folder = from.rfind(['/', '\\']).map_or("", |end| &from[..=end]);
    Ok(normal(&format!("{folder}{path}")))
}

/// A path without `.`, and without `..` where a folder stands before it.
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => _ = parts.pop(),
            "" if !parts.is_empty() => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_in_the_folder_of_the_using_text() {
        let found = |from, path| beside(from, path).unwrap();
        assert_eq!(found("m.ode", "cells.ode"), "cells.ode");
        assert_eq!(found("models/m.ode", "./lib/cells.ode"), "models/lib/cells.ode");
        assert_eq!(found("models/nerve/m.ode", "../lib/cells.ode"), "models/lib/cells.ode");
        assert_eq!(found("m.ode", "../cells.ode"), "../cells.ode");
        assert_eq!(found("/models/m.ode", "cells.ode"), "/models/cells.ode");
        assert_eq!(normal("./a//b/../c.ode"), "a/c.ode");
        for path in ["", "/cells.ode", "C:\\cells.ode", "https://cells.ode"] {
            assert!(beside("m.ode", path).is_err(), "{path}");
        }
    }
}
