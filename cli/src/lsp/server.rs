//! The order of work: what arrives is admitted at once (so that a cancellation finds its request still waiting), then
//! handled one message after the other; when nothing waits, texts that have rested a moment are checked.

use std::collections::VecDeque;
use std::io::{BufReader, BufWriter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use lsp_server::{ErrorCode, Message, Notification, Request};
use lsp_types::{
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    InitializeParams,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::checker::{self, Job};
use super::documents::{Checked, Document};
use super::features::{self, Session};
use super::transport::{self, Incoming, refusal};

/// How long a text rests before it is checked.
const REST: Duration = Duration::from_millis(10);

/// How long documents rest that use a file which is being typed.
const USERS_REST: Duration = Duration::from_millis(50);

/// Requests that editors ask again after each change: what still waits when a change arrives is not worth answering.
const REFRESHED: [&str; 5] = [
    "textDocument/semanticTokens/full",
    "textDocument/inlayHint",
    "textDocument/documentSymbol",
    "textDocument/foldingRange",
    "textDocument/documentHighlight",
];

/// What wakes the server.
pub enum Event {
    /// Something arrived.
    Incoming(Incoming),
    /// Nothing more will.
    Closed,
    /// A check is done.
    Checked(String, Checked),
}

/// Where the session stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    ShutDown,
}

struct Server {
    events: Receiver<Event>,
    jobs: Sender<Job>,
    output: Sender<Value>,
    queue: VecDeque<Message>,
    phase: Phase,
    /// Whether a check is under way.
    busy: bool,
    session: Session,
}

/// Serves one client over standard input and output; whether it ended the session properly.
pub fn serve() -> bool {
    let (events, incoming) = mpsc::channel();
    let (output, outgoing) = mpsc::channel::<Value>();
    let (jobs, to_check) = mpsc::channel();
    let reader = events.clone();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(std::io::stdin());
        while let Ok(Some(incoming)) = transport::read(&mut stream) {
            if reader.send(Event::Incoming(incoming)).is_err() {
                return;
            }
        }
        let _ = reader.send(Event::Closed);
    });
    let writer = std::thread::spawn(move || {
        let mut stream = BufWriter::new(std::io::stdout());
        for message in outgoing {
            // A client that reads no more will close the other direction too.
            if transport::write(&mut stream, &message).is_err() {
                return;
            }
        }
    });
    if checker::start(to_check, events).is_err() {
        return false;
    }
    let server = Server {
        events: incoming,
        jobs,
        output,
        queue: VecDeque::new(),
        phase: Phase::Waiting,
        busy: false,
        session: Session::default(),
    };
    let properly = server.run();
    // What was answered last is still to be written.
    let _ = writer.join();
    properly
}

impl Server {
    fn run(mut self) -> bool {
        loop {
            while let Ok(event) = self.events.try_recv() {
                if self.admit(event) {
                    return self.phase == Phase::ShutDown;
                }
            }
            if let Some(message) = self.queue.pop_front() {
                if self.handle(message) {
                    return self.phase == Phase::ShutDown;
                }
                continue;
            }
            let now = Instant::now();
            let event = match self.due() {
                Some((uri, when)) if when <= now => {
                    self.start_check(&uri);
                    continue;
                }
                Some((_, when)) => match self.events.recv_timeout(when - now) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => Event::Closed,
                },
                None => self.events.recv().unwrap_or(Event::Closed),
            };
            if self.admit(event) {
                return self.phase == Phase::ShutDown;
            }
        }
    }

    /// Takes note of what happened; says whether the connection is closed.
    fn admit(&mut self, event: Event) -> bool {
        match event {
            Event::Closed => {
                // What came before is still handled: a client may write everything and close.
                while let Some(message) = self.queue.pop_front() {
                    if self.handle(message) {
                        break;
                    }
                }
                return true;
            }
            Event::Incoming(Incoming::Malformed(answer)) => self.send(answer),
            Event::Incoming(Incoming::Message(Message::Notification(n))) if n.method == "$/cancelRequest" => {
                self.cancel(&n.params["id"]);
            }
            Event::Incoming(Incoming::Message(message)) => {
                if let Message::Notification(n) = &message
                    && n.method == "textDocument/didChange"
                {
                    self.drop_stale(&n.params["textDocument"]["uri"]);
                }
                self.queue.push_back(message);
            }
            Event::Checked(uri, checked) => self.checked(&uri, checked),
        }
        false
    }

    fn cancel(&mut self, id: &Value) {
        let place = self.queue.iter().position(|m| matches!(m, Message::Request(r) if json!(r.id) == *id));
        if let Some(Message::Request(request)) = place.and_then(|place| self.queue.remove(place)) {
            self.send(refusal(&request.id, ErrorCode::RequestCanceled, "cancelled"));
        }
    }

    fn drop_stale(&mut self, uri: &Value) {
        let (stale, kept) = std::mem::take(&mut self.queue).into_iter().partition(|message| {
            matches!(message, Message::Request(r)
                if REFRESHED.contains(&r.method.as_str()) && r.params["textDocument"]["uri"] == *uri)
        });
        self.queue = kept;
        let stale: VecDeque<Message> = stale;
        for message in stale {
            if let Message::Request(request) = message {
                self.send(refusal(&request.id, ErrorCode::ContentModified, "the text has changed"));
            }
        }
    }

    /// The document that is to be checked first, if a check can begin.
    fn due(&self) -> Option<(String, Instant)> {
        let waiting = self.session.documents.iter().filter_map(|(uri, document)| Some((uri, document.due?)));
        waiting.min_by_key(|(_, when)| *when).filter(|_| !self.busy).map(|(uri, when)| (uri.clone(), when))
    }

    fn start_check(&mut self, uri: &str) {
        let Some(document) = self.session.documents.get_mut(uri) else { return };
        document.due = None;
        let (version, text) = (document.version, document.text.as_str().to_string());
        let open = match text.contains("use") {
            true => self.session.open_texts(),
            false => Default::default(),
        };
        self.busy = self.jobs.send(Job { uri: uri.to_string(), version, text, open }).is_ok();
    }

    fn checked(&mut self, uri: &str, checked: Checked) {
        self.busy = false;
        let Some(document) = self.session.documents.get_mut(uri) else { return };
        // Typing went on: the newer text is due already.
        if checked.version != document.version {
            return;
        }
        if checked.fault {
            let params = json!({"type": 1, "message": format!("a fault while checking {uri}")});
            self.send(json!({"jsonrpc": "2.0", "method": "window/logMessage", "params": params}));
        }
        self.session.store(uri, checked).into_iter().for_each(|notification| self.send(notification));
    }

    /// Handles a message; says whether the session is over.
    fn handle(&mut self, message: Message) -> bool {
        match message {
            Message::Request(request) => {
                let id = request.id.clone();
                let answer = catch_unwind(AssertUnwindSafe(|| self.request(request)));
                self.send(match answer {
                    Ok(Ok(result)) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                    Ok(Err((code, reason))) => refusal(&id, code, &reason),
                    Err(_) => refusal(&id, ErrorCode::InternalError, "a fault in the language server"),
                });
                false
            }
            Message::Notification(notification) if notification.method == "exit" => true,
            Message::Notification(notification) => {
                if self.phase == Phase::Running {
                    let method = notification.method.clone();
                    // A notification has no answer: what is wrong with it can only be logged.
                    if let Err(error) = self.notification(notification) {
                        let text = format!("{method}: {error}");
                        let params = json!({"type": 1, "message": text});
                        self.send(json!({"jsonrpc": "2.0", "method": "window/logMessage", "params": params}));
                    }
                }
                false
            }
            // The server asks nothing.
            Message::Response(_) => false,
        }
    }

    fn request(&mut self, request: Request) -> features::Answer {
        match (self.phase, request.method.as_str()) {
            (Phase::Waiting, "initialize") => {
                let params: InitializeParams = parsed(request.params)?;
                self.phase = Phase::Running;
                Ok(self.session.initialize(&params))
            }
            (Phase::Waiting, _) => {
                Err((ErrorCode::ServerNotInitialized, "expected `initialize` before anything else".to_string()))
            }
            (Phase::Running, "initialize") => {
                Err((ErrorCode::InvalidRequest, "the session has begun already".to_string()))
            }
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::ShutDown, _) => Err((ErrorCode::InvalidRequest, "expected `exit` after `shutdown`".to_string())),
            (Phase::Running, method) => self.session.answer(method, request.params),
        }
    }

    fn notification(&mut self, notification: Notification) -> Result<(), serde_json::Error> {
        match notification.method.as_str() {
            "textDocument/didOpen" => {
                let params: DidOpenTextDocumentParams = serde_json::from_value(notification.params)?;
                let uri = params.text_document.uri.as_str().to_string();
                let document = Document::new(params.text_document, self.session.encoding);
                self.session.documents.insert(uri.clone(), document);
                self.session.changed(&uri, Instant::now() + USERS_REST);
            }
            "textDocument/didChange" => {
                let params: DidChangeTextDocumentParams = serde_json::from_value(notification.params)?;
                let document = self.session.documents.get_mut(params.text_document.uri.as_str());
                if let Some(document) = document {
                    document.change(params.text_document.version, params.content_changes, Instant::now() + REST);
                    self.session.changed(params.text_document.uri.as_str(), Instant::now() + USERS_REST);
                }
            }
            "textDocument/didClose" => {
                let params: DidCloseTextDocumentParams = serde_json::from_value(notification.params)?;
                let uri = params.text_document.uri.as_str();
                self.session.close(uri).into_iter().for_each(|notification| self.send(notification));
                self.session.changed(uri, Instant::now());
            }
            "workspace/didChangeWatchedFiles" => {
                let params: DidChangeWatchedFilesParams = serde_json::from_value(notification.params)?;
                for change in params.changes {
                    self.session.changed(change.uri.as_str(), Instant::now());
                }
            }
            // What is not known and not asked for may be passed over.
            _ => {}
        }
        Ok(())
    }

    fn send(&self, message: Value) {
        // The writer ends only when the client is gone.
        let _ = self.output.send(message);
    }
}

/// The parameters of a request.
pub fn parsed<P: DeserializeOwned>(params: Value) -> Result<P, (ErrorCode, String)> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}
