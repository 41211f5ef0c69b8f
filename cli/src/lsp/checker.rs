//! The thread that checks models, so that typing does not wait for it. One check at a time; what has become stale in
//! the meantime is thrown away by the server.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;

use rhapsode::lang::ast::ItemKind;
use rhapsode::lang::parse;
use rhapsode::source::{Loader, Sources, Span};
use rhapsode::{Errors, Model};

use super::documents::{Checked, UsedFile};
use super::files::{Texts, name_of};
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
    /// The other open texts, by path.
    pub open: BTreeMap<String, String>,
}

/// Starts the thread; it ends when no more jobs can come.
///
/// # Errors
/// If the system gives no thread.
pub fn start(jobs: Receiver<Job>, events: Sender<Event>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("check".to_string()).stack_size(STACK).spawn(move || {
        for job in jobs {
            let uri = job.uri.clone();
            if events.send(Event::Checked(uri, check(job, Model::parse_with))).is_err() {
                return;
            }
        }
    })
}

type Parse = fn(&dyn Loader, &str, &str) -> Result<Model, Errors>;

fn check(job: Job, parse: Parse) -> Checked {
    let (name, texts) = (name_of(&job.uri), Texts::new(job.open));
    // A fault in the library must not end the editing session; but nor is it a text without errors.
    let result = catch_unwind(AssertUnwindSafe(|| parse(&texts, &name, &job.text)));
    let mut checked = Checked { version: job.version, ..Checked::default() };
    match result {
        Ok(Ok(model)) => {
            checked.sources = Some(model.checked().sources.clone());
            checked.model = Some(model);
        }
        Ok(Err(errors)) => {
            checked.used = used_files(errors.sources(), &texts);
            checked.sources = Some(errors.sources().clone());
            checked.diagnostics = errors.diagnostics().to_vec();
        }
        Err(_) => checked.fault = true,
    }
    checked.asked = texts.asked();
    checked
}

/// The files of a model, each with the statement of the main text that brings it.
fn used_files(sources: &Sources, loader: &dyn Loader) -> Vec<UsedFile> {
    let uses: Vec<(String, Vec<(String, Span)>)> = sources
        .all()
        .map(|source| {
            let items = if sources.all().count() == 1 { Vec::new() } else { parse(source).0.items };
            let located = items.iter().filter_map(|item| match &item.kind {
                ItemKind::Use(path) => Some((loader.locate(source.name(), &path.name).ok()?, path.span)),
                _ => None,
            });
            (source.name().to_string(), located.collect())
        })
        .collect();
    let Some((_, direct)) = uses.first() else { return Vec::new() };
    let mut found: Vec<UsedFile> = Vec::new();
    for (path, statement) in direct {
        let mut waiting = vec![path.clone()];
        while let Some(path) = waiting.pop() {
            if found.iter().all(|file| file.path != path) {
                waiting.extend(
                    uses.iter()
                        .filter(|(name, _)| *name == path)
                        .flat_map(|(_, uses)| uses)
                        .map(|(used, _)| used.clone()),
                );
                found.push(UsedFile { path, statement: *statement });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> Job {
        let open = [("/d/a.ode", "use \"b.ode\"\n"), ("/d/b.ode", "x' = \n"), ("/d/c.ode", "const k = 1\n")];
        let open = open.map(|(path, text)| (path.to_string(), text.to_string())).into();
        Job { uri: "file:///d/m.ode".to_string(), version: 3, text: text.to_string(), open }
    }

    #[test]
    fn a_fault_of_the_library_is_no_sound_text() {
        let checked = check(job("x' = 1\n"), |_, _, _| panic!("a fault that this test makes"));
        assert!(checked.fault && checked.model.is_none() && checked.version == 3);
    }

    #[test]
    fn files_know_the_statement_that_brings_them() {
        let text = "use \"c.ode\"\nuse \"a.ode\"\nuse \"lost.ode\"\ninit y = 1\ny' = -y\n";
        let checked = check(job(text), Model::parse_with);
        let at = |path: &str| checked.used.iter().find(|file| file.path == path).map(|file| file.statement.start);
        let place = |text_of: &str| text.find(text_of).map(|at| at as u32);
        assert_eq!((at("/d/b.ode"), at("/d/c.ode")), (place("\"a.ode"), place("\"c.ode")));
        assert!(checked.asked.iter().any(|path| path == "/d/lost.ode"), "{:?}", checked.asked);
        assert!(!checked.fault && checked.diagnostics.len() >= 2);
    }
}
