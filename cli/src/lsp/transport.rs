//! Messages over byte streams: a header with the length, a blank line, JSON.
//!
//! What is no message is told to the server with the answer it deserves, and reading goes on with the next one; only a
//! broken header, after which nothing can be found, ends the connection.

use std::io::{self, BufRead, Read, Write};

use lsp_server::{ErrorCode, Message, RequestId};
use serde_json::{Value, json};

/// The longest message, in bytes: a text of the largest size, each byte of it escaped.
const MAX_BYTES: usize = 256 << 20;

/// What arrives.
#[derive(Debug)]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// Something else, with the answer.
    Malformed(Value),
}

/// The next message; nothing at the end of the stream.
///
/// # Errors
/// A header that cannot be read.
pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let broken = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_string());
    let mut length = None;
    let mut lines = 0;
    loop {
        let mut line = String::new();
        // No header line is longer than this; a stream without line ends must not fill the memory.
        let read = stream.by_ref().take(4096).read_line(&mut line)?;
        if read == 0 && lines == 0 {
            return Ok(None);
        }
        let Some(line) = line.strip_suffix('\n') else { return Err(broken("a header line without end")) };
        lines += 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { return Err(broken("a header line without `:`")) };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<usize>().ok();
        }
        if lines > 64 {
            return Err(broken("a header of more than 64 lines"));
        }
    }
    let length = length.ok_or_else(|| broken("a header without `Content-Length`"))?;
    if length > MAX_BYTES {
        return Err(broken("a message of more than 256 MiB"));
    }
    let mut body = Vec::new();
    if stream.by_ref().take(length as u64).read_to_end(&mut body)? < length {
        return Err(broken("the stream ends inside a message"));
    }
    Ok(Some(message(&body)))
}

/// A message, or the answer to what is none.
fn message(body: &[u8]) -> Incoming {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => return Incoming::Malformed(failure(Value::Null, ErrorCode::ParseError, &error.to_string())),
    };
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    let answer = |reason: &str| Incoming::Malformed(failure(id.clone(), ErrorCode::InvalidRequest, reason));
    if !value.is_object() {
        return answer("expected one request, notification or response as an object");
    }
    if value.get("method").is_some_and(|method| !method.is_string()) {
        return answer("expected a string as `method`");
    }
    match serde_json::from_value(value) {
        Ok(message) => Incoming::Message(message),
        Err(_) => answer("expected a `method`, or an answer with a `result`"),
    }
}

/// An answer that tells of an error; `id` is null where the request's is unknown.
pub fn failure(id: Value, code: ErrorCode, reason: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code as i32, "message": reason}})
}

/// The answer to a request that cannot be served.
pub fn refusal(id: &RequestId, code: ErrorCode, reason: &str) -> Value {
    failure(json!(id), code, reason)
}

/// Writes one message.
///
/// # Errors
/// As the stream's.
pub fn write(stream: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    write!(stream, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Incoming> {
        let mut stream = io::BufReader::new(bytes);
        std::iter::from_fn(|| read(&mut stream).ok().flatten()).collect()
    }

    #[test]
    fn malformed_messages_are_answered_and_passed_over() {
        let frame = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let bodies = ["{", "[]", "{\"id\":7,\"method\":3}", "{\"id\":8}", "{\"jsonrpc\":\"2.0\",\"method\":\"exit\"}"];
        let text: String = bodies.iter().map(|body| frame(body)).collect();
        let codes: Vec<_> = all(text.as_bytes())
            .into_iter()
            .map(|incoming| match incoming {
                Incoming::Message(_) => (Value::Null, 0),
                Incoming::Malformed(answer) => (answer["id"].clone(), answer["error"]["code"].as_i64().unwrap_or(0)),
            })
            .collect();
        let expected =
            [(Value::Null, -32700), (Value::Null, -32600), (json!(7), -32600), (json!(8), -32600), (Value::Null, 0)];
        assert_eq!(codes, expected);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write(&mut bytes, &json!({"jsonrpc": "2.0", "method": "β"})).unwrap();
        assert!(matches!(all(&bytes).as_slice(), [Incoming::Message(Message::Notification(n))] if n.method == "β"));
    }

    #[test]
    fn broken_headers_end_the_connection() {
        for bytes in [
            "Content-Length: x\r\n\r\n{}",
            "nonsense\r\n\r\n",
            "Content-Length: 9\r\n\r\n{}",
            "Content-Length: 9999999999\r\n\r\n",
        ] {
            assert!(read(&mut io::BufReader::new(bytes.as_bytes())).is_err(), "{bytes}");
        }
    }
}
