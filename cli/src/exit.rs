//! How a command ends: with a sentence and an exit code. 0 is success, 1 the answer "no" of a check that is only a check,
//! 2 a bad model or flag, 3 a run that could not reach its end (what was computed is written all the same).

use std::io;

/// Why a command stopped before it was done.
#[derive(Debug)]
pub enum Stop {
    /// A bad model, flag or path: exit code 2.
    Input(String),
    /// The run ended early; the sentence says where and why: exit code 3.
    Early(String),
    /// Files are not formatted, which was the question: exit code 1.
    Unformatted,
    /// An editor left its language server without `shutdown`: exit code 1, as the protocol asks.
    Left,
    /// Whoever read standard output has left: nothing to say, exit code 0.
    Pipe,
}

impl Stop {
    /// A bad model, flag or path, as a sentence.
    pub fn input(sentence: impl Into<String>) -> Self {
        Stop::Input(sentence.into())
    }

    /// A failure to write `what`; a broken pipe is no failure.
    pub fn writing(what: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::Pipe,
            _ => Stop::Input(format!("error: cannot write {what}: {error}")),
        }
    }

    /// The exit code of the process.
    pub fn code(&self) -> u8 {
        match self {
            Stop::Input(_) => 2,
            Stop::Early(_) => 3,
            Stop::Unformatted => 1,
            Stop::Left => 1,
            Stop::Pipe => 0,
        }
    }
}
