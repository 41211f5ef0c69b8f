//! The pages of `rhapsode explain`, for editors: as a file that a diagnostic's code leads to, as the result of the command
//! `rhapsode.explain`, and as text for hovers.

use std::cell::OnceCell;

use lsp_server::ErrorCode;
use lsp_types::{ExecuteCommandParams, Uri};
use rhapsode::diag::{CODES, Code};
use serde_json::Value;
use tempfile::TempDir;

use super::{Refusal, Session};
use crate::explain;
use crate::lsp::files::address_of;

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
        address_of(&path.to_string_lossy())
    }
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
