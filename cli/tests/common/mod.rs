//! What the tests of the command share: the binary, the examples, a folder that vanishes.
// Each test uses a part of it.
#![allow(dead_code)]

use std::path::PathBuf;

use assert_cmd::Command;
use tempfile::TempDir;

/// The command.
pub fn rhapsode() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rhapsode"));
    command.env_remove("RUST_BACKTRACE");
    command
}

/// The path of an example model.
pub fn example(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/models").join(name).with_extension("ode");
    path.display().to_string()
}

/// An empty folder.
pub fn folder() -> TempDir {
    match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => panic!("no temporary folder: {error}"),
    }
}

/// Exit code, standard output, standard error.
pub fn outcome(command: &mut Command) -> (i32, String, String) {
    match command.output() {
        Ok(output) => (
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ),
        Err(error) => panic!("the command does not start: {error}"),
    }
}

/// A model that decays: `x(t) = exp(-rate t)`, three points to keep.
pub const DECAY: &str = "model decay\nparam rate = 1\ninit x = 1\nx' = -rate*x\noutput twice = 2*x\n\
                         solve t = 0..2 { rtol = 1e-10, atol = 1e-12, save = 3 }\n";
