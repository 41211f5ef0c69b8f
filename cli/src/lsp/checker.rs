//! The thread that checks models, so that typing does not wait for it. One check at a time; what has become stale in
//! the meantime is thrown away by the server.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;

use rhapsode::Model;

use super::documents::Checked;
use super::server::Event;

/// Deep expressions are walked recursively; this is address space, not memory.
const STACK: usize = 64 << 20;

/// A text to check.
pub struct Job {
    /// The document's address.
    pub uri: String,
    /// The client's number of the text.
    pub version: i32,
    /// The text.
    pub text: String,
}

/// Starts the thread; it ends when no more jobs can come.
///
/// # Errors
/// If the system gives no thread.
pub fn start(jobs: Receiver<Job>, events: Sender<Event>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("check".to_string()).stack_size(STACK).spawn(move || {
        for job in jobs {
            let checked = check(&job);
            if events.send(Event::Checked(job.uri, checked)).is_err() {
                return;
            }
        }
    })
}

fn check(job: &Job) -> Checked {
    // A fault in the library must not end the editing session.
    let result = catch_unwind(AssertUnwindSafe(|| Model::parse_named(&job.uri, &job.text)));
    let (diagnostics, model) = match result {
        Ok(Ok(model)) => (Vec::new(), Some(model)),
        Ok(Err(errors)) => (errors.diagnostics().to_vec(), None),
        Err(_) => (Vec::new(), None),
    };
    Checked { version: job.version, diagnostics, model }
}
