//! One test per feature, with the places it must name.

use serde_json::{Value, json};

use crate::client::{Client, URI, behind, edited, place, range};

const MODEL: &str = "\
## Decay in two stages.
model decay
const N = 4, M = N^2 - 1
## how fast it goes
param k₁ = 0.5, q = sqrt(M + 1)
init α = 1, y = 0, y' = 0
fn hill(x, k) = x/(k + x)
index i, j = 1..N
flux = k₁*α*hill(α, q)
α' = -flux
y'' = flux - y
u[i]' = sum[j](u[j]) - u[i]
init u[i] = 1
output total = α + y
solve t = 0..10 {
  rtol = 1e-6
  method = Tsit5
  save = log(0.1, 10, 50)
}
";

fn ranges(list: &Value) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|entry| entry["range"].clone()).collect()
}

fn labels(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_string()).collect()
}

#[test]
fn the_model_of_these_tests_is_sound() {
    assert_eq!(Client::open(MODEL).diagnostics(), Vec::<Value>::new());
}

#[test]
fn diagnostics_tell_all_errors_with_code_place_and_related_places() {
    let text = "param a = 1\nparam a = 2\nα₁' = bbb + $\ninit α₁ = 0\nx' = 1 +\ny' = foo\ninit y = 1\n";
    let mut client = Client::open(text);
    let list = client.diagnostics();
    let codes: Vec<_> = list.iter().map(|d| d["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["E0207", "E0101", "E0127"]);
    assert_eq!(list[0]["relatedInformation"][0]["location"]["range"], range(text, "a", 2));
    assert_eq!((&list[1]["range"], &list[2]["range"]["start"]), (&range(text, "$", 0), &behind(text, "1 +", 0)));
    assert_eq!(list[0]["source"], "rhapsode");
    assert_eq!(list[0]["severity"], 1);
    client.change(json!([{"text": "model m\nmodel n\nx' = alpa\ninit x = 1\nparam alpha = 2\n"}]));
    let list = client.diagnostics();
    assert_eq!(list.len(), 2);
    let related = &list[0]["relatedInformation"][0];
    assert_eq!(related["location"]["uri"], URI);
    assert_eq!(related["location"]["range"]["start"], json!({"line": 0, "character": 6}));
    assert!(list[1]["message"].as_str().unwrap().contains("did you mean `alpha`?"));
    // The code leads to the page of `rhapsode explain`.
    let address = list[1]["codeDescription"]["href"].as_str().unwrap();
    let page = std::fs::read_to_string(address.strip_prefix("file://").unwrap()).unwrap();
    assert!(page.starts_with(list[1]["code"].as_str().unwrap()) && page.contains("This fails:"));
    let command = json!({"command": "rhapsode.explain", "arguments": [list[1]["code"]]});
    assert_eq!(client.result("workspace/executeCommand", command), page);
    client.change(json!([{"text": "x' = 1\ninit x = 1\n"}]));
    assert_eq!(client.diagnostics(), Vec::<Value>::new());
}

/// The text after the quick fix with that title, and how many are offered.
fn fixed(text: &str, title: &str) -> (String, usize) {
    let mut client = Client::open(text);
    let list = client.diagnostics();
    let context = json!({"diagnostics": list});
    let params = json!({"textDocument": {"uri": URI}, "range": list[0]["range"], "context": context});
    let actions = client.result("textDocument/codeAction", params);
    let all = actions.as_array().unwrap();
    let action = all.iter().find(|a| a["title"] == title).unwrap_or_else(|| panic!("{actions:#}"));
    assert_eq!((&action["kind"], &action["diagnostics"][0]["code"]), (&json!("quickfix"), &list[0]["code"]));
    (edited(text, &action["edit"]["changes"][URI]), all.len())
}

#[test]
fn quick_fixes_do_what_the_hints_say() {
    let text = "param βeta = 2\nx' = βeta*x + βetta\ninit x = 1\n";
    assert_eq!(fixed(text, "change to `βeta`"), (text.replace("βetta", "βeta"), 2));
    assert_eq!(fixed(text, "add `param βetta = 1`").0, text.replace("x' =", "param βetta = 1\nx' ="));
    let text = "x' = sqr(x)\ninit x = 1\n";
    assert_eq!(fixed(text, "change to `sqrt`").0, text.replace("sqr(", "sqrt("));
    let text = "x' = x**2\ninit x = 1\n";
    assert_eq!(fixed(text, "change to `^`").0, text.replace("**", "^"));
    let text = "x' = 2x\ninit x = 1\n";
    assert_eq!(fixed(text, "change to `2*x`").0, text.replace("2x", "2*x"));
    let text = "x' = (1 − x)\ninit x = 1\n";
    assert_eq!(fixed(text, "change to `-`").0, text.replace('−', "-"));
    let text = "x' = 1\n";
    assert_eq!(fixed(text, "add `init x = 0`").0, "init x = 0\nx' = 1\n");
    let text = "parm k = 1\nx' = k\ninit x = 1\n";
    assert_eq!(fixed(text, "change to `param`").0, text.replace("parm", "param"));
    let text = "x' = 1;\ninit x = 1\n";
    assert_eq!(fixed(text, "remove it").0, text.replace(';', ""));
    let text = "x' = 1\ninit x = 1\nsolve t = 0..1 { rtl = 1e-3 }\n";
    assert_eq!(fixed(text, "change to `rtol`").0, text.replace("rtl", "rtol"));
}

fn hover(client: &mut Client, position: Value) -> String {
    client.at("textDocument/hover", position)["contents"]["value"].as_str().unwrap_or_default().to_string()
}

#[test]
fn hover_shows_definition_value_doc_and_order() {
    let mut client = Client::open(MODEL);
    client.diagnostics();
    let k = hover(&mut client, place(MODEL, "k₁*α", 0));
    assert!(k.contains("parameter = 0.5") && k.contains("k₁ = 0.5") && k.contains("how fast it goes"), "{k}");
    let q = hover(&mut client, place(MODEL, "q)", 0));
    assert!(q.contains("parameter = 4") && q.contains("q = sqrt(M + 1)"), "{q}");
    let y = hover(&mut client, place(MODEL, "y''", 0));
    assert!(y.contains("state of order 2") && y.contains("y'' = flux - y") && y.contains("y' = 0"), "{y}");
    let u = hover(&mut client, place(MODEL, "u[j]", 0));
    assert!(u.contains("an array over 1..4"), "{u}");
    let sqrt = hover(&mut client, place(MODEL, "sqrt", 0));
    assert!(sqrt.contains("square root") && sqrt.contains("x >= 0") && sqrt.contains("d sqrt(x)/d x ="), "{sqrt}");
    assert!(hover(&mut client, place(MODEL, "sum", 0)).contains("reduction"));
    assert!(hover(&mut client, place(MODEL, "rtol", 0)).contains("between 0 and 1"));
    assert!(hover(&mut client, place(MODEL, "Tsit5", 0)).contains("method"));
    assert!(hover(&mut client, place(MODEL, "log(", 0)).contains("logarithm"));
    assert!(hover(&mut client, place(MODEL, "t = 0..", 0)).contains("independent variable"));
    let answer = client.at("textDocument/hover", behind(MODEL, "k₁", 1));
    assert_eq!(answer["range"], range(MODEL, "k₁", 1));
    assert_eq!(client.at("textDocument/hover", behind(MODEL, "Decay in", 0)), Value::Null);
    // On an error it explains the code.
    client.change(json!([{"text": "x' = foo\ninit x = 1\n"}]));
    let code = client.diagnostics()[0]["code"].as_str().unwrap().to_string();
    assert!(hover(&mut client, json!({"line": 0, "character": 6})).contains(&code));
}

#[test]
fn names_lead_to_their_definitions_and_mentions() {
    let mut client = Client::open(MODEL);
    let definition = client.at("textDocument/definition", place(MODEL, "flux", 1));
    assert_eq!(definition, json!([{"uri": URI, "range": range(MODEL, "flux", 0)}]));
    let definition = client.at("textDocument/definition", place(MODEL, "α", 1));
    assert_eq!(definition[0]["range"], json!({"start": place(MODEL, "α'", 0), "end": place(MODEL, "' = -flux", 0)}));
    assert_eq!(client.at("textDocument/definition", place(MODEL, "sqrt", 0)), json!([]));
    // The function's argument is not the parameter.
    let argument = client.at("textDocument/definition", place(MODEL, "k + x", 0));
    assert_eq!(argument[0]["range"], json!({"start": place(MODEL, "k) =", 0), "end": place(MODEL, ") = x", 0)}));
    let params = |declarations: bool| {
        json!({"textDocument": {"uri": URI}, "position": place(MODEL, "flux", 0),
               "context": {"includeDeclaration": declarations}})
    };
    let all = client.result("textDocument/references", params(true));
    let expected: Vec<Value> = (0..3).map(|n| range(MODEL, "flux", n)).collect();
    assert_eq!(ranges(&all), expected);
    assert_eq!(ranges(&client.result("textDocument/references", params(false))), expected[1..]);
    let highlights = client.at("textDocument/documentHighlight", place(MODEL, "α", 0));
    assert_eq!(highlights.as_array().unwrap().len(), 5);
    assert_eq!((&highlights[0]["kind"], &highlights[1]["kind"]), (&json!(3), &json!(2)));
    let index = client.at("textDocument/documentHighlight", place(MODEL, "j](u", 0));
    assert_eq!(index.as_array().unwrap().len(), 3);
}

#[test]
fn renaming_changes_every_mention_and_nothing_else() {
    let mut client = Client::open(MODEL);
    let prepared = client.at("textDocument/prepareRename", place(MODEL, "k₁", 1));
    assert_eq!((&prepared["range"], &prepared["placeholder"]), (&range(MODEL, "k₁", 1), &json!("k₁")));
    let rename = |client: &mut Client, position: Value, name: &str| {
        client.request(
            "textDocument/rename",
            json!({"textDocument": {"uri": URI}, "position": position, "newName": name}),
        )
    };
    let answer = rename(&mut client, place(MODEL, "α*", 0), "βeta");
    assert_eq!(edited(MODEL, &answer["result"]["changes"][URI]), MODEL.replace('α', "βeta"));
    let answer = rename(&mut client, place(MODEL, "k + x", 0), "half");
    let expected = MODEL.replace("hill(x, k) = x/(k + x)", "hill(x, half) = x/(half + x)");
    assert_eq!(edited(MODEL, &answer["result"]["changes"][URI]), expected);
    for (name, reason) in
        [("if", "keyword"), ("2x", "not a name"), ("flux", "already"), ("pi", "builtin"), ("", "not a name")]
    {
        let answer = rename(&mut client, place(MODEL, "k₁", 0), name);
        assert!(answer["error"]["message"].as_str().unwrap().contains(reason), "{name}: {answer}");
    }
    for builtin in ["sqrt", "sum", "rtol", "Tsit5", "t = 0"] {
        let position = json!({"textDocument": {"uri": URI}, "position": place(MODEL, builtin, 0)});
        assert_eq!(client.request("textDocument/prepareRename", position)["error"]["code"], -32803, "{builtin}");
    }
    let keyword = client.at("textDocument/prepareRename", place(MODEL, "model", 0));
    assert_eq!(keyword, Value::Null);
}

/// What is proposed at the `|` of a text.
fn proposed(text: &str) -> Vec<String> {
    let at = place(text, "|", 0);
    let mut client = Client::open(&text.replacen('|', "", 1));
    labels(&client.at("textDocument/completion", at))
}

#[test]
fn completion_knows_what_may_stand_where() {
    let head = "param k₁ = 1, kappa = 2\nfn hill(xx, n) = xx^n\nindex i = 1..3\ninit x = 1\nx' = 1\n";
    let has = |list: &[String], names: &[&str]| names.iter().all(|name| list.iter().any(|label| label == name));
    let none = |list: &[String], names: &[&str]| names.iter().all(|name| list.iter().all(|label| label != name));
    let list = proposed(&format!("{head}y = k|"));
    assert!(
        has(&list, &["k₁", "kappa", "hill", "sin", "sum", "pi", "if", "t", "x", "i"])
            && none(&list, &["xx", "param", "rtol"]),
        "{list:?}"
    );
    assert!(has(&proposed(&format!("{head}|")), &["param", "solve", "x"]));
    assert!(has(&proposed("fn hill(xx, n) = x|"), &["xx", "n"]));
    assert!(has(&proposed("x' = sum[jj in 1..3](j|)"), &["jj"]));
    let list = proposed(&format!("{head}solve t = 0..1 {{ rt|"));
    assert!(has(&list, &["rtol", "atol", "method", "save"]) && none(&list, &["x", "sin"]), "{list:?}");
    let list = proposed(&format!("{head}solve t = 0..1 {{ method = | }}"));
    assert!(has(&list, &["Tsit5", "Rodas5P", "auto"]) && none(&list, &["x"]), "{list:?}");
    assert!(has(&proposed(&format!("{head}solve t = 0..1 {{ save = | }}")), &["log", "linear", "every", "steps"]));
    assert!(has(&proposed(&format!("{head}solve t = 0..1 {{ rtol = | }}")), &["kappa", "exp"]));
    assert_eq!(proposed(&format!("{head}param a|")), Vec::<String>::new());
    assert_eq!(proposed(&format!("{head}# a|")), Vec::<String>::new());
    assert_eq!(proposed(&format!("{head}y = 1|")), Vec::<String>::new());
    assert!(has(&proposed(&format!("{head}init |")), &["x"]));
    assert!(has(&proposed(&format!("{head}v[i]' = 1 for |")), &["i"]));
}

#[test]
fn completion_replaces_the_word_and_fills_in_places() {
    let text = "param αlpha = 1\nx' = αl";
    let capabilities = json!({"textDocument": {"completion": {"completionItem": {"snippetSupport": true}}}});
    let mut client = Client::with(capabilities);
    client.did_open(URI, text);
    let list = client.at("textDocument/completion", behind(text, "αl", 1));
    let find = |label: &str| list.as_array().unwrap().iter().find(|item| item["label"] == label).unwrap();
    assert_eq!(find("αlpha")["textEdit"], json!({"range": range(text, "αl", 1), "newText": "αlpha"}));
    assert_eq!(find("sin")["textEdit"]["newText"], "sin($0)");
    assert_eq!(find("sin")["insertTextFormat"], 2);
    assert!(find("sin")["documentation"]["value"].as_str().unwrap().contains("sine"));
}

#[test]
fn signatures_follow_the_argument() {
    let help = |text: &str| {
        let at = place(text, "|", 0);
        let mut client = Client::open(&text.replacen('|', "", 1));
        let answer = client.at("textDocument/signatureHelp", at);
        (answer["signatures"][0]["label"].as_str().unwrap_or_default().to_string(), answer["activeParameter"].clone())
    };
    assert_eq!(help("y = hypot(1, |)"), ("hypot(x, y)".to_string(), json!(1)));
    assert_eq!(help("fn hill(x, k, n) = x\ny = hill(f(1, 2), 3, |"), ("hill(x, k, n)".to_string(), json!(2)));
    assert_eq!(help("y = sum[i in 1..3](|"), ("sum[i](expression)".to_string(), json!(0)));
    assert_eq!(help("y = dot[i](a, |)"), ("dot[i](a, b)".to_string(), json!(1)));
    assert_eq!(help("solve t = 0..1 { save = log(1, |) }"), ("log(from, to, count)".to_string(), json!(1)));
    assert_eq!(help("y = (1 + |)"), (String::new(), Value::Null));
}

#[test]
fn the_outline_holds_every_declaration() {
    let mut client = Client::open(MODEL);
    let list = client.result("textDocument/documentSymbol", json!({"textDocument": {"uri": URI}}));
    let names: Vec<_> = list.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["decay", "N", "M", "k₁", "q", "hill", "i", "j", "flux", "α", "y", "u", "total"]);
    let flux = &list[8];
    assert_eq!((&flux["selectionRange"], &flux["detail"]), (&range(MODEL, "flux", 0), &json!("definition")));
    assert_eq!(flux["range"], range(MODEL, "flux = k₁*α*hill(α, q)", 0));
    let found = client.result("workspace/symbol", json!({"query": "FX"}));
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["location"], json!({"uri": URI, "range": range(MODEL, "flux", 0)}));
}

#[test]
fn blocks_and_comments_fold() {
    let text = format!("# one\n# two\n\n# three\n{MODEL}");
    let mut client = Client::open(&text);
    let list = client.result("textDocument/foldingRange", json!({"textDocument": {"uri": URI}}));
    let folds: Vec<_> =
        list.as_array().unwrap().iter().map(|f| (f["startLine"].as_u64(), f["endLine"].as_u64())).collect();
    assert_eq!(folds, [(Some(0), Some(1)), (Some(3), Some(4)), (Some(18), Some(22))]);
    assert_eq!(list[0]["kind"], "comment");
}

#[test]
fn words_are_coloured_by_what_they_mean() {
    let text = "# α\nparam α = 1\nx' = sin(α)*𝛃";
    let mut client = Client::with(json!({}));
    client.did_open(URI, text);
    let params = json!({"textDocument": {"uri": URI}});
    let data = client.result("textDocument/semanticTokens/full", params)["data"].clone();
    let numbers: Vec<i64> = data.as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect();
    let tokens: Vec<&[i64]> = numbers.chunks(5).collect();
    // Line and column from the token before, length, type, modifiers: of the legend sent at the beginning.
    let expected: [[i64; 5]; 11] = [
        [0, 0, 3, 1, 0], // # α
        [1, 0, 5, 0, 0], // param
        [0, 6, 1, 7, 1], // α, defined
        [0, 2, 1, 4, 0], // =
        [0, 2, 1, 2, 0], // 1
        [1, 0, 1, 6, 1], // x, defined
        [0, 1, 1, 4, 0], // '
        [0, 2, 1, 4, 0], // =
        [0, 2, 3, 5, 4], // sin
        [0, 4, 1, 7, 0], // α
        [0, 2, 1, 4, 0], // *
    ];
    assert_eq!(tokens, expected);
}

#[test]
fn hints_show_the_numbers_behind_formulas() {
    let mut client = Client::open(MODEL);
    let everything = json!({"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}});
    let params = json!({"textDocument": {"uri": URI}, "range": everything});
    let list = client.result("textDocument/inlayHint", params);
    let hints: Vec<_> = list.as_array().unwrap().iter().map(|h| (h["label"].clone(), h["position"].clone())).collect();
    assert_eq!(hints, [(json!("= 15"), behind(MODEL, "N^2 - 1", 0)), (json!("= 4"), behind(MODEL, "sqrt(M + 1)", 0))]);
}

#[test]
fn units_are_shown_where_they_are_not_written() {
    let text = "time t: hour\nparam CL: L/hour = 5, V = 30 [L], n = 2\ninit A: mg = 100, d = 0\nindex i = 1..2\n\
                c = A/V\nA' = -CL*c\nd' = CL*c\noutput e[i] = n*c*i, f = exp(n)\n";
    let mut client = Client::open(text);
    assert_eq!(client.diagnostics(), Vec::<Value>::new());
    for (name, n, unit) in [
        ("CL", 1, "in L/hour"),
        ("V", 1, "in L as"),
        ("c", 0, "in mg/L as"),
        ("d'", 0, "in mg as"),
        ("n*c", 0, "a pure number"),
    ] {
        let page = hover(&mut client, place(text, name, n));
        assert!(page.contains(unit), "{name}: {page}");
    }
    let everything = json!({"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}});
    let params = json!({"textDocument": {"uri": URI}, "range": everything});
    let list = client.result("textDocument/inlayHint", params);
    let units = list.as_array().unwrap().iter().filter(|hint| hint["kind"] == 1);
    let hints: Vec<_> = units.map(|h| (h["label"].as_str().unwrap().to_string(), h["position"].clone())).collect();
    let expected = [
        (": L", behind(text, "V", 0)),
        (": mg", behind(text, "d", 0)),
        (": mg/L", behind(text, "\nc", 0)),
        (": mg/L", behind(text, "e[i]", 0)),
    ];
    assert_eq!(hints, expected.map(|(label, at)| (label.to_string(), at)));
    // Accepted, a hint is a unit that is written.
    let edits: Vec<Value> =
        list.as_array().unwrap().iter().filter(|h| h["kind"] == 1).map(|h| h["textEdits"][0].clone()).collect();
    client.change(json!([{"text": edited(text, &json!(edits))}]));
    assert_eq!(client.diagnostics(), Vec::<Value>::new());
}

#[test]
fn columns_may_be_counted_in_bytes() {
    let text = "param 𝛃 = 1\nx' = 𝛃 + αα\ninit x = 1\n";
    for (encodings, name, columns) in [
        (json!(["utf-16"]), "utf-16", (10, 12)),
        (json!(["utf-32", "utf-8"]), "utf-8", (12, 16)),
        (json!(["utf-32"]), "utf-32", (9, 11)),
    ] {
        let mut client = Client::start();
        let capabilities = json!({"general": {"positionEncodings": encodings}});
        let answer = client.request("initialize", json!({"capabilities": capabilities}));
        assert_eq!(answer["result"]["capabilities"]["positionEncoding"], name);
        client.did_open(URI, text);
        let list = client.diagnostics();
        let (start, end) = (&list[0]["range"]["start"], &list[0]["range"]["end"]);
        assert_eq!(
            (start["character"].as_i64(), end["character"].as_i64()),
            (Some(columns.0), Some(columns.1)),
            "{name}"
        );
    }
}

const PARTS: &str = "\
time t: ms
const warm = 3
param k = 2
component Gate(rate: 1/ms = 1, V) {
  ## open fraction
  init m = 0
  m' = rate*warm*(V - m)
}
component Cell(I = 1 [mV/ms]) {
  gate[n] = Gate(V = V/1 [mV]) for n in 1..2
  init V: mV = 0, k = 1
  V' = I*gate[1].m
  k' = -k/1 [ms]
  decay: k -> 0 @ 1 [1/ms]
}
a = Cell(I = 2 [mV/ms])
b = Cell()
init a.V = 1 [mV], b.gate[2].m = 1
output y = a.V + 2*b.gate[1].m*1 [mV], z = k
0 => a.k @ b.k/1 [ms]
";

#[test]
fn members_of_components_are_known() {
    let text = PARTS.replace("  k' = -k/1 [ms]\n", "");
    let mut client = Client::open(&text);
    assert_eq!(client.diagnostics(), Vec::<Value>::new());
    let m = hover(&mut client, place(&text, "m*1 [mV]", 0));
    assert!(m.contains("state of component `Gate`") && m.contains("open fraction") && m.contains("m' = rate"), "{m}");
    let v = hover(&mut client, place(&text, "V + 2", 0));
    assert!(v.contains("state of component `Cell`") && v.contains("in mV"), "{v}");
    let b = hover(&mut client, place(&text, "b.gate", 0));
    assert!(b.contains("instance of component `Cell`") && b.contains("b = Cell()"), "{b}");
    assert!(hover(&mut client, place(&text, "I = 2", 0)).contains("parameter of component `Cell`"));
    assert!(hover(&mut client, place(&text, "warm*", 0)).contains("constant = 3"));
    // The member `V` of a cell is neither the gate's parameter nor anything of the model.
    let start = |n: usize| place(&text, "V: mV", n);
    let definition = client.at("textDocument/definition", place(&text, "V + 2", 0));
    assert_eq!(definition[0]["range"]["start"], place(&text, "V' = I", 0));
    let all = |client: &mut Client, at: Value| {
        let params = json!({"textDocument": {"uri": URI}, "position": at, "context": {"includeDeclaration": true}});
        ranges(&client.result("textDocument/references", params))
            .iter()
            .map(|range| range["start"].clone())
            .collect::<Vec<_>>()
    };
    let expected = ["V/1", "V: mV", "V' = I", "V = 1 [mV]", "V + 2"].map(|word| place(&text, word, 0));
    assert_eq!(all(&mut client, start(0)), expected);
    let own = ["V) {", "V - m", "V = V/1"].map(|word| place(&text, word, 0));
    assert_eq!(all(&mut client, place(&text, "V - m", 0)), own);
    let cell = ["k = 1", "k -> 0", "k @ b.k", "k/1 [ms]"].map(|word| place(&text, word, 0));
    assert_eq!(all(&mut client, place(&text, "k -> 0", 0)), cell);
    assert_eq!(all(&mut client, place(&text, "k = 2", 0)), [place(&text, "k = 2", 0), place(&text, "k\n0 =>", 0)]);
    let gates = ["Gate(rate", "Gate(V"].map(|word| place(&text, word, 0));
    assert_eq!(all(&mut client, gates[1].clone()), gates);
    let params = json!({"textDocument": {"uri": URI}, "position": start(0), "newName": "potential"});
    let answer = client.result("textDocument/rename", params);
    let renamed = edited(&text, &answer["changes"][URI]);
    assert!(renamed.contains("Gate(V = potential/1 [mV])") && renamed.contains("init a.potential = 1"), "{renamed}");
    client.change(json!([{"text": renamed}]));
    assert_eq!(client.diagnostics(), Vec::<Value>::new());
    let params = json!({"textDocument": {"uri": URI}});
    let list = client.result("textDocument/documentSymbol", params);
    let cell = list.as_array().unwrap().iter().find(|symbol| symbol["name"] == "Cell").unwrap();
    let parts: Vec<&str> = cell["children"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(parts, ["I", "gate", "potential", "decay", "k"]);
}

#[test]
fn completion_knows_members_and_what_components_see() {
    let head = PARTS.to_string();
    assert_eq!(proposed(&format!("{head}w = a.|")), ["I", "gate", "V", "k", "decay"]);
    assert_eq!(proposed(&format!("{head}w = 2*b.gate[warm - 1].|")), ["rate", "V", "m"]);
    assert_eq!(proposed(&format!("{head}w = b.gate[1].m|")), ["rate", "V", "m"]);
    assert_eq!(proposed(&format!("{head}w = k.|")), Vec::<String>::new());
    let inside = proposed(&head.replace("V' = I*gate", "V' = |I*gate"));
    let has = |name: &str| inside.iter().any(|label| label == name);
    assert!(has("V") && has("I") && has("gate") && has("warm") && has("t") && !has("a") && !has("y"), "{inside:?}");
    let statement = proposed(&head.replace("  decay: k", "  |\n  decay: k"));
    assert!(statement.iter().any(|label| label == "init") && statement.iter().all(|label| label != "rtol"));
}

#[test]
fn formatting_gives_the_one_form() {
    let text = "model m\nparam k=1\nα'=-k*α   # decay\ninit α=1\n";
    let mut client = Client::open(text);
    let params = json!({"textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": true}});
    let edits = client.result("textDocument/formatting", params.clone());
    let formatted = edited(text, &edits);
    assert!(formatted.contains("α' = -k*α") && formatted.contains("# decay"), "{formatted}");
    // The first line was as it should be.
    assert_eq!(edits[0]["range"]["start"]["line"], 1);
    client.change(json!([{"text": formatted}]));
    assert_eq!(client.result("textDocument/formatting", params.clone()), json!([]));
    client.change(json!([{"text": "x' = (\n"}]));
    assert_eq!(client.result("textDocument/formatting", params), Value::Null);
}
