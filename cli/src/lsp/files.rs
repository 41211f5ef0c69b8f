//! Addresses of documents and paths of files, and the texts that `use` names: what is open in the editor comes before
//! what is saved.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use lsp_types::Uri;
use rhapsode::FileLoader;
use rhapsode::source::{DataFile, Loader, beside, normal};

/// The path behind the address of a file; none for documents that are no files.
pub fn path_of(address: &str) -> Option<String> {
    let rest = address.strip_prefix("file://")?;
    // `file://host/share` is no path of this machine.
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.as_bytes();
    while let [first, tail @ ..] = left {
        let code = match tail {
            [high, low, ..] if *first == b'%' => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        left = if code.is_some() { &tail[2..] } else { tail };
    }
    let path = String::from_utf8(bytes).ok()?;
    match path.as_bytes() {
        // `/C:/models`
        [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => Some(normal(&path[1..])),
        [b'/', ..] => Some(normal(&path)),
        _ => None,
    }
}

/// What a document is called in the library: its path, or its address where it has none.
pub fn name_of(address: &str) -> String {
    path_of(address).unwrap_or_else(|| address.to_string())
}

/// A path as an address: what addresses do not allow is written as `%` and two digits.
pub fn address_of(path: &str) -> Option<Uri> {
    let mut address = String::from(if path.starts_with('/') { "file://" } else { "file:///" });
    for byte in path.bytes() {
        match byte {
            b'\\' => address.push('/'),
            b'/' | b'-' | b'.' | b'_' | b'~' => address.push(byte as char),
            byte if byte.is_ascii_alphanumeric() => address.push(byte as char),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    Uri::from_str(&address).ok()
}

/// The texts one check may use.
#[derive(Default)]
pub struct Texts {
    /// Those open in the editor, by path.
    open: BTreeMap<String, String>,
    /// The paths that were asked for, found or not.
    asked: RefCell<Vec<String>>,
}

impl Texts {
    /// With what is open, by path.
    pub fn new(open: BTreeMap<String, String>) -> Texts {
        Texts { open, asked: RefCell::default() }
    }

    /// The paths that were asked for.
    pub fn asked(self) -> Vec<String> {
        self.asked.into_inner()
    }
}

impl Loader for Texts {
    fn locate(&self, from: &str, path: &str) -> Result<String, String> {
        if !from.starts_with('/') && from.as_bytes().get(1) != Some(&b':') {
            return Err("a document that is not saved has no folder; save it first".to_string());
        }
        let name = beside(from, path)?;
        self.asked.borrow_mut().push(name.clone());
        Ok(name)
    }

    fn load(&self, name: &str) -> Result<String, String> {
        match self.open.get(name) {
            Some(text) => Ok(text.clone()),
            None => FileLoader.load(name),
        }
    }

    fn load_data(&self, name: &str) -> Result<Arc<DataFile>, String> {
        match self.open.get(name) {
            Some(text) => Ok(Arc::new(DataFile::new(name, text.as_str()))),
            None => saved_data(name),
        }
    }
}

/// A file of data as it was last read, and when it had been written and how long it was.
type Kept = (SystemTime, u64, Arc<DataFile>);

/// Files of data are kept between checks, their numbers with them: no keystroke reads a large file again.
fn saved_data(name: &str) -> Result<Arc<DataFile>, String> {
    static KEPT: Mutex<BTreeMap<String, Kept>> = Mutex::new(BTreeMap::new());
    let about = std::fs::metadata(name).map_err(|error| error.to_string())?;
    let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((when, length, file)) = kept.get(name)
        && (*when, *length) == (written, about.len())
    {
        return Ok(file.clone());
    }
    let file = FileLoader.load_data(name)?;
    kept.insert(name.to_string(), (written, about.len(), file.clone()));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_inverse() {
        for path in ["/m.ode", "/my models/ä 100%/x.ode", "C:/models/x.ode"] {
            let address = address_of(path).unwrap();
            assert_eq!(path_of(address.as_str()).as_deref(), Some(path), "{}", address.as_str());
        }
        assert_eq!(address_of("/tmp/ä b").unwrap().as_str(), "file:///tmp/%C3%A4%20b");
        assert_eq!(address_of("C:\\Temp").unwrap().as_str(), "file:///C%3A/Temp");
        assert_eq!(path_of("file:///c%3A/m.ode").as_deref(), Some("c:/m.ode"));
        assert_eq!(path_of("file:///a/../m%2.ode%").as_deref(), Some("/m%2.ode%"));
        for other in ["untitled:Untitled-1", "file://host/m.ode", "/m.ode", "file:///%FF"] {
            assert_eq!(path_of(other), None, "{other}");
        }
    }

    #[test]
    fn unsaved_texts_come_first() {
        let texts = Texts::new(BTreeMap::from([("/d/a.ode".to_string(), "unsaved".to_string())]));
        let place = texts.locate("/d/m.ode", "./a.ode").unwrap();
        assert_eq!(texts.load(&place).as_deref(), Ok("unsaved"));
        assert!(texts.locate("untitled:1", "a.ode").is_err_and(|reason| reason.contains("save it first")));
        let lost = texts.locate("/d/m.ode", "../no/such.ode").unwrap();
        assert!(texts.load(&lost).is_err());
        assert_eq!(texts.asked(), ["/d/a.ode", "/no/such.ode"]);
    }
}
