//! The pages of `rhapsode explain`, for editors: as a file that a diagnostic's code leads to, as the result of the command
//! `rhapsode.explain`, and as text for hovers.

use std::cell::OnceCell;
use std::str::FromStr;

use lsp_server::ErrorCode;
use lsp_types::{ExecuteCommandParams, Uri};
use rhapsode::diag::{CODES, Code};
use serde_json::Value;
use tempfile::TempDir;

use super::{Refusal, Session};
use crate::explain;

/// The command that answers with a page: its one argument is the code.
pub const COMMAND: &str = "rhapsode.explain";

/// Pages as files, in a folder that is made when the first is asked for and goes with the server.
#[derive(Default)]
pub struct Explanations {
    folder: OnceCell<Option<TempDir>>,
}

impl Explanations {
    /// The address of a code's page; nothing where it cannot be written, which is no reason to keep a diagnostic back.
    pub fn address(&self, code: Code) -> Option<Uri> {
        let entry = code.entry()?;
        let folder = self.folder.get_or_init(|| tempfile::Builder::new().prefix("rhapsode-explain-").tempdir().ok());
        let path = folder.as_ref()?.path().join(format!("{code}.txt"));
        if !path.exists() {
            std::fs::write(&path, explain::page(entry)).ok()?;
        }
        file_address(&path.to_string_lossy())
    }
}

/// A path as an address: what addresses do not allow is written as `%` and two digits.
fn file_address(path: &str) -> Option<Uri> {
    let mut address = String::from(if path.starts_with('/') { "file://" } else { "file:///" });
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => address.push(byte as char),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    Uri::from_str(&address).ok()
}

/// `workspace/executeCommand`
pub fn execute(_: &Session, params: ExecuteCommandParams) -> Result<String, Refusal> {
    let refused = |reason: String| Err((ErrorCode::InvalidParams, reason));
    if params.command != COMMAND {
        return refused(format!("no command `{}`", params.command));
    }
    let Some(code) = params.arguments.first().and_then(Value::as_str) else {
        return refused("expected a code such as \"E0209\"".to_string());
    };
    match CODES.iter().copied().flatten().find(|entry| entry.code.0.eq_ignore_ascii_case(code)) {
        Some(entry) => Ok(explain::page(entry)),
        None => refused(format!("there is no code `{code}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_any_path() {
        let address = |path| file_address(path).map(|uri| uri.as_str().to_string());
        assert_eq!(address("/tmp/a b/β.txt").as_deref(), Some("file:///tmp/a%20b/%CE%B2.txt"));
        assert_eq!(address("C:\\a.txt").as_deref(), Some("file:///C%3A/a.txt"));
    }
}
