//! A client that drives the real server over its standard input and output.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Longer than any answer takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub const URI: &str = "file:///m.ode";

pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    incoming: Receiver<Value>,
    waiting: VecDeque<Value>,
    next: i64,
    version: i64,
}

impl Client {
    /// A server that has not been spoken to.
    pub fn start() -> Client {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rhapsode"));
        let mut child = command.arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (send, incoming) = channel();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(output);
            while let Some(message) = read(&mut stream) {
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Client { child, input, incoming, waiting: VecDeque::new(), next: 1, version: 1 }
    }

    /// A session with these capabilities.
    pub fn with(capabilities: Value) -> Client {
        let mut client = Client::start();
        let answer =
            client.request("initialize", json!({"processId": null, "rootUri": null, "capabilities": capabilities}));
        assert!(answer["result"]["capabilities"].is_object(), "{answer}");
        client.notify("initialized", json!({}));
        client
    }

    /// A session with one open document.
    pub fn open(text: &str) -> Client {
        let mut client = Client::with(json!({}));
        client.did_open(URI, text);
        client
    }

    pub fn did_open(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "rhapsode", "version": 1, "text": text});
        self.version = 1;
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Changes the document, by ranges or as a whole.
    pub fn change(&mut self, changes: Value) -> i64 {
        self.version += 1;
        let document = json!({"uri": URI, "version": self.version});
        self.notify("textDocument/didChange", json!({"textDocument": document, "contentChanges": changes}));
        self.version
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request without waiting for its answer.
    pub fn ask(&mut self, method: &str, params: Value) -> i64 {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next message for which `wanted` holds; others wait.
    pub fn await_message(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(place).unwrap();
        }
        loop {
            let message = self.incoming.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer"));
            if wanted(&message) {
                return message;
            }
            self.waiting.push_back(message);
        }
    }

    pub fn answer(&mut self, id: i64) -> Value {
        self.await_message(|message| message.get("method").is_none() && message["id"] == id)
    }

    /// Sends a request; the whole answer.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        self.answer(id)
    }

    /// The result of a request about a document, which must not fail.
    pub fn result(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.request(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The same about a place in the document.
    pub fn at(&mut self, method: &str, position: Value) -> Value {
        self.result(method, json!({"textDocument": {"uri": URI}, "position": position}))
    }

    /// The diagnostics of the newest text.
    pub fn diagnostics(&mut self) -> Vec<Value> {
        let version = self.version;
        let message = self.await_message(|message| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["version"] == version
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// Closes the input; the exit code.
    pub fn close(mut self) -> i32 {
        self.input = None;
        self.child.wait().unwrap().code().unwrap()
    }

    /// Ends the session as the protocol asks; the exit code.
    pub fn finish(mut self) -> i32 {
        assert!(self.request("shutdown", Value::Null)["result"].is_null());
        self.notify("exit", Value::Null);
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

fn read(stream: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim() {
            "" => break,
            line => length = line.strip_prefix("Content-Length: ")?.parse().ok()?,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// The position of the `n`-th occurrence of `needle` (from 0), columns in 16-bit units.
pub fn place(text: &str, needle: &str, n: usize) -> Value {
    let (at, _) = text.match_indices(needle).nth(n).unwrap_or_else(|| panic!("no `{needle}` number {n}"));
    position(text, at)
}

/// The position behind it.
pub fn behind(text: &str, needle: &str, n: usize) -> Value {
    let (at, _) = text.match_indices(needle).nth(n).unwrap_or_else(|| panic!("no `{needle}` number {n}"));
    position(text, at + needle.len())
}

/// The range of the `n`-th occurrence.
pub fn range(text: &str, needle: &str, n: usize) -> Value {
    json!({"start": place(text, needle, n), "end": behind(text, needle, n)})
}

pub fn position(text: &str, at: usize) -> Value {
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    json!({"line": line, "character": text[start..at].encode_utf16().count()})
}

/// The text after the edits of a list of `TextEdit`s.
pub fn edited(text: &str, edits: &Value) -> String {
    let offset = |position: &Value| {
        let line = position["line"].as_u64().unwrap() as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let mut left = position["character"].as_u64().unwrap() as usize;
        let mut at = start;
        for c in text[start..].chars() {
            if left == 0 {
                break;
            }
            left -= c.len_utf16();
            at += c.len_utf8();
        }
        at
    };
    let mut list: Vec<(usize, usize, &str)> = edits
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (offset(&e["range"]["start"]), offset(&e["range"]["end"]), e["newText"].as_str().unwrap()))
        .collect();
    list.sort();
    let mut result = text.to_string();
    for (start, end, new) in list.into_iter().rev() {
        result.replace_range(start..end, new);
    }
    result
}
