//! Edits in pieces lead to the same text as the whole, whatever is edited; nothing that is typed brings the server down.

use serde_json::{Value, json};

use crate::client::{Client, URI};

/// Numbers that look random and are the same in every run (xorshift; Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

const PIECES: [&str; 32] = [
    "\n",
    "\r\n",
    "\r",
    " ",
    "x",
    "α",
    "𝛃",
    "'",
    "x' = -k*x\n",
    "param k = 1\n",
    "init x = 1",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "solve t = 0..1 { rtol = 1e-3 }\n",
    "sum[i in 1..3](",
    "fn f(a) = a\n",
    "f(",
    "1e",
    "# c\n",
    "## d\n",
    "\"",
    "²",
    "if x then",
    "A + B -> C @ k\n",
    "index i = 1..3\n",
    ",",
    "=",
    "\u{feff}",
];

/// Starts of the lines, which end with `\n`, `\r\n` or `\r`.
fn lines(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for k in 0..bytes.len() {
        if bytes[k] == b'\n' || (bytes[k] == b'\r' && bytes.get(k + 1) != Some(&b'\n')) {
            starts.push(k + 1);
        }
    }
    starts
}

fn position(text: &str, at: usize) -> Value {
    let starts = lines(text);
    let line = starts.iter().rposition(|start| *start <= at).unwrap();
    json!({"line": line, "character": text[starts[line]..at].encode_utf16().count()})
}

/// A place an editor can name: not between `\r` and `\n`.
fn place(text: &str, numbers: &mut Numbers) -> usize {
    let mut at = text.floor_char_boundary(numbers.below(text.len() + 1));
    if at > 0 && text.as_bytes()[at - 1] == b'\r' && text.as_bytes().get(at) == Some(&b'\n') {
        at -= 1;
    }
    at
}

#[test]
fn random_edits_lead_to_the_same_text_and_bring_nothing_down() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut text = String::from("param k = 1\nx' = -k*x\ninit x = 1\n");
    let mut client = Client::open(&text);
    let other = "file:///whole.ode";
    client.did_open(other, &text);
    let methods = ["foldingRange", "documentSymbol", "semanticTokens/full"];
    let places = ["hover", "definition", "completion", "signatureHelp", "documentHighlight", "prepareRename"];
    let mut version = 1;
    for round in 0..400 {
        let (a, b) = (place(&text, &mut numbers), place(&text, &mut numbers));
        let (start, end) = (a.min(b), if round % 3 == 0 { a.max(b).min(a.min(b) + 12) } else { a.min(b) });
        let end = text.ceil_char_boundary(end);
        let end = if text[..end].ends_with('\r') && text[end..].starts_with('\n') { end + 1 } else { end };
        let piece = PIECES[numbers.below(PIECES.len())];
        // An insertion between the two halves it would make of a line end is no edit of a place an editor can name.
        let range = json!({"start": position(&text, start), "end": position(&text, end)});
        text.replace_range(start..end, piece);
        version += 1;
        let changes = |uri: &str, changes: Value| json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": changes});
        client.notify("textDocument/didChange", changes(URI, json!([{"range": range, "text": piece}])));
        if round % 20 == 19 {
            client.notify("textDocument/didChange", changes(other, json!([{"text": text}])));
            for method in methods {
                let ask = |uri: &str| json!({"textDocument": {"uri": uri}});
                let method = format!("textDocument/{method}");
                let pieces = client.result(&method, ask(URI));
                assert_eq!(pieces, client.result(&method, ask(other)), "{method} of {text:?}");
            }
        }
        let method = format!("textDocument/{}", places[numbers.below(places.len())]);
        let position = json!({"line": numbers.below(30), "character": numbers.below(30)});
        let answer = client.request(&method, json!({"textDocument": {"uri": URI}, "position": position}));
        // A rename may be refused; a fault has another code.
        assert!(answer.get("error").is_none() || answer["error"]["code"] == -32803, "{answer} for {text:?}");
        if text.len() > 1500 {
            text.truncate(text.floor_char_boundary(300));
            version += 1;
            let whole = json!({"textDocument": {"uri": URI, "version": version}, "contentChanges": [{"text": text}]});
            client.notify("textDocument/didChange", whole);
        }
    }
    // The same complaints about the same text, however it came to be.
    version += 1;
    for uri in [URI, other] {
        let params = json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]});
        client.notify("textDocument/didChange", params);
    }
    let mut complaints = [URI, other].map(|uri| {
        let message = client.await_message(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && message["params"]["version"] == version
        });
        message["params"]["diagnostics"].to_string().replace(other, URI)
    });
    let [pieces, whole] = &mut complaints;
    assert_eq!(pieces, whole);
    assert_eq!(client.finish(), 0);
}

/// Prints how long diagnostics take after a keystroke in a model of 1,000 lines, from the change to their arrival:
/// `cargo test --release -p rhapsode-cli --test lsp -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn latency() {
    let mut text = String::new();
    for k in 0..125 {
        text += &format!(
            "## Block {k}.\nparam a{k} = 0.5, b{k} = 1e-3 in (0, 1)\ninit x{k} = 1, y{k} = 0, E{k} = 1, C{k} = 0\n\
             flux{k} = a{k}*x{k}*y{k}/(b{k} + x{k})\nx{k}' = -flux{k} + b{k}*y{k}^2\n\
             y{k}' = flux{k} - (if t > 10 and x{k} > 0 then exp(-y{k}) else sin(a{k}*t))\n\
             bind{k}: E{k} <-> C{k} @ a{k}, b{k}*(1 + x{k}^2)\noutput total{k} = E{k} + C{k}\n"
        );
    }
    assert_eq!(text.lines().count(), 1000);
    let mut client = Client::open(&text);
    client.diagnostics();
    let mut times = Vec::new();
    for k in 0..100 {
        // A digit more, a digit less, in the middle of the file.
        let at = json!({"line": 501, "character": 10});
        let behind = json!({"line": 501, "character": 11});
        let start = std::time::Instant::now();
        client.change(if k % 2 == 0 {
            json!([{"range": {"start": at, "end": at}, "text": "!"}])
        } else {
            json!([{"range": {"start": at, "end": behind}, "text": ""}])
        });
        assert_eq!(client.diagnostics().is_empty(), k % 2 == 1);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "diagnostics after a keystroke, 1,000 lines: median {:.1} ms, worst of 100 {:.1} ms",
        times[50], times[99]
    );
}
