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

/// Blocks of 8 lines that make a model of 1,000 lines, by what is in them; `{k}` is the block's number. The line with
/// `E` is the one that is typed in.
const BLOCKS: [(&str, &str, &str); 4] = [
    (
        "scalars and reactions",
        "",
        "## Block {k}.
param a{k} = 0.5, b{k} = 1e-3 in (0, 1)
init x{k} = 1, y{k} = 0, E{k} = 1, C{k} = 0
flux{k} = a{k}*x{k}*y{k}/(b{k} + x{k})
x{k}' = -flux{k} + b{k}*y{k}^2
y{k}' = flux{k} - (if t > 10 and x{k} > 0 then exp(-y{k}) else sin(a{k}*t))
bind{k}: E{k} <-> C{k} @ a{k}, b{k}*(1 + x{k}^2)
output total{k} = E{k} + C{k}
",
    ),
    (
        "units",
        "time t: min\n",
        "## Block {k}.
param V{k}: L = 30, CL{k}: mL/s = 5, ka{k} = 1.5 in (0, 9)
init gut{k}: mg = 0.3 [g], blood{k} = 0, E{k}: mM = 1
c{k} = blood{k}/V{k}
gut{k}' = -ka{k}*gut{k}
blood{k}' = ka{k}*gut{k} - CL{k}*c{k}
E{k}' = -E{k}*(1 [1/hour])*exp(-t/(1 [hour]))
output c_mg{k}: ug/mL = c{k} + 1 [mg/L]
",
    ),
    (
        "arrays",
        "const N = 40\nindex i, j = 1..N periodic\n",
        "## Block {k}.
param D{k} = 0.5, W{k}[i,j] = sin(i + j)/N
init u{k}[i] = sin(2*pi*i/N), v{k}[i] = 0, E{k}[i] = i
flow{k}[i] = D{k}*N^2*(u{k}[i-1] - 2*u{k}[i] + u{k}[i+1])
u{k}[i]' = flow{k}[i] + u{k}[i]^2*v{k}[i] - 4.4*u{k}[i]
v{k}[i]' = sum[j](W{k}[i,j]*tanh(v{k}[j])) - v{k}[i]
E{k}[i] -> E{k}[i+1] @ D{k}
output total{k} = sum[i](u{k}[i] + E{k}[i])
",
    ),
    (
        "components",
        "",
        "component Cell{k}(g = 0.5, I) {
  init v = -1, w = -0.5, E = 1
  v' = v - v^3/3 - w + I*E
  w' = (v + 0.7 - 0.8*w)/12.5
  E -> 0 @ g
}
l{k} = Cell{k}(I = 0.5)
r{k} = Cell{k}(I = 0.2*(l{k}.v - 1), g = 0.1)
",
    ),
];

/// Prints how long diagnostics take after a keystroke in models of 1,000 lines, from the change to their arrival:
/// `cargo test --release -p rhapsode-cli --no-default-features --features lsp --test lsp latency -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn latency() {
    for (name, head, block) in BLOCKS {
        let blocks = (1000 - head.lines().count()) / block.lines().count();
        let text: String = (0..blocks).fold(head.to_string(), |text, k| text + &block.replace("{k}", &k.to_string()));
        let mut client = Client::open(&text);
        assert_eq!(client.diagnostics(), Vec::<Value>::new());
        // A sign more, a sign less, in the middle of the file.
        let (at, _) = text.match_indices(if name == "components" { "E -> 0" } else { "E60" }).next().unwrap();
        let (at, behind) = (position(&text, at + 1), position(&text, at + 2));
        let mut times = Vec::new();
        for k in 0..100 {
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
            "diagnostics after a keystroke, {} lines of {name}: median {:.1} ms, 95 of 100 within {:.1} ms, worst {:.1} ms",
            text.lines().count(),
            times[50],
            times[94],
            times[99]
        );
    }
}
