//! Files that appear whole or not at all: opened (as a temporary file beside the target) before a run begins, renamed
//! when complete.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::NamedTempFile;

use crate::exit::Stop;

/// Temporary files to remove if the process ends abruptly.
static PENDING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file to be.
pub struct Output {
    /// The path as given, for messages.
    name: String,
    place: Place,
}

enum Place {
    /// Renamed to the path when complete.
    Beside(NamedTempFile, PathBuf),
    /// A device or pipe, written directly.
    Direct(File),
}

impl Output {
    /// Makes sure that `path` can be written, without touching what is there.
    ///
    /// # Errors
    /// A sentence that names the flag, the path and the reason.
    pub fn open(flag: &str, path: &Path) -> Result<Output, Stop> {
        let name = path.display().to_string();
        let refused = |reason: &str| Stop::input(format!("error: {flag}: cannot write `{name}`: {reason}"));
        let target = match path.metadata() {
            Ok(found) if found.is_dir() => return Err(refused("it is a directory")),
            Ok(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(path).map_err(|error| refused(&error.to_string()))?;
                return Ok(Output { name, place: Place::Direct(file) });
            }
            Ok(found) if found.permissions().readonly() => return Err(refused("it is read-only")),
            // What a link points to is replaced, not the link.
            Ok(_) => path.canonicalize().map_err(|error| refused(&error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_path_buf(),
            Err(error) => return Err(refused(&error.to_string())),
        };
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            return Err(refused(&format!("there is no directory `{}`", folder.display())));
        }
        let file = temporary(folder).map_err(|error| refused(&error.to_string()))?;
        if let Ok(mut pending) = PENDING.lock() {
            pending.push(file.path().to_path_buf());
        }
        Ok(Output { name, place: Place::Beside(file, target) })
    }

    /// Fills the file and gives it its name.
    ///
    /// # Errors
    /// A sentence with the path and the reason; the target is then as it was.
    pub fn write(self, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> Result<(), Stop> {
        let name = format!("`{}`", self.name);
        let failed = |error: &io::Error| match Stop::writing(&name, error) {
            Stop::Pipe => Stop::input(format!("error: cannot write {name}: nobody reads it")),
            other => other,
        };
        let run = |file: &mut File| -> io::Result<()> {
            let mut writer = BufWriter::with_capacity(1 << 16, file);
            fill(&mut writer)?;
            writer.flush()
        };
        match self.place {
            Place::Direct(mut file) => run(&mut file).map_err(|error| failed(&error)),
            Place::Beside(mut file, target) => {
                run(file.as_file_mut()).map_err(|error| failed(&error))?;
                file.persist(&target).map_err(|error| failed(&error.error))?;
                Ok(())
            }
        }
    }

    /// The same for bytes at hand.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_bytes(self, bytes: &[u8]) -> Result<(), Stop> {
        self.write(|out| out.write_all(bytes))
    }
}

/// Removes the temporary files of this process.
pub fn abandon() {
    if let Ok(pending) = PENDING.lock() {
        for path in pending.iter() {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rhapsode-").suffix(".tmp");
    // The file gets the permissions any new file gets, not those of a secret.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
