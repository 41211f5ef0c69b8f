//! Models of several files: what is wrong in a used file is told where it is used and in the file itself, and what is
//! typed there counts before it is saved.

use serde_json::{Value, json};

use crate::client::{Client, place, range};

/// The address of a file in a folder.
fn address(folder: &tempfile::TempDir, name: &str) -> String {
    format!("file://{}/{name}", folder.path().display())
}

/// The next diagnostics of a document.
fn told(client: &mut Client, uri: &str) -> Vec<Value> {
    let message =
        client.await_message(|m| m["method"] == "textDocument/publishDiagnostics" && m["params"]["uri"] == uri);
    message["params"]["diagnostics"].as_array().unwrap().clone()
}

/// Its diagnostics once they are what is expected: a check of an older state may be told first.
fn settled(client: &mut Client, uri: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let list = told(client, uri);
        if wanted(&list) {
            return list;
        }
    }
}

fn change(client: &mut Client, uri: &str, version: i64, text: &str) {
    let document = json!({"uri": uri, "version": version});
    client.notify("textDocument/didChange", json!({"textDocument": document, "contentChanges": [{"text": text}]}));
}

const MAIN: &str = "use \"lib/cells.ode\"\na = Cell(k = 2)\noutput y = a.x\n";
const SOUND: &str = "component Cell(k) {\n  init x = 1\n  x' = -k*x\n}\n";
const UNSOUND: &str = "component Cell(k) {\n  init x = 1\n  x' = -kk*x\n}\n";

#[test]
fn errors_of_a_used_file_are_told_at_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    let path = folder.path().join("lib/cells.ode");
    std::fs::write(&path, UNSOUND).unwrap();
    let (main, cells) = (address(&folder, "main.ode"), address(&folder, "lib/cells.ode"));
    let mut client = Client::with(json!({}));
    client.did_open(&main, MAIN);
    let list = told(&mut client, &main);
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!((&list[0]["range"], &list[0]["code"]), (&range(MAIN, "\"lib/cells.ode\"", 0), &json!("E0201")));
    assert!(list[0]["message"].as_str().unwrap().starts_with("an error in `cells.ode`: unknown name `kk`"));
    let place = &list[0]["relatedInformation"][0]["location"];
    assert_eq!((&place["uri"], &place["range"]), (&json!(cells), &range(UNSOUND, "kk", 0)));
    let list = told(&mut client, &cells);
    assert_eq!((list.len(), &list[0]["range"]), (1, &range(UNSOUND, "kk", 0)));
    // Saved by another program.
    std::fs::write(&path, SOUND).unwrap();
    client.notify("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": cells, "type": 2}]}));
    assert_eq!(told(&mut client, &main), Vec::<Value>::new());
    assert_eq!(told(&mut client, &cells), Vec::<Value>::new());
    assert_eq!(client.finish(), 0);
}

#[test]
fn unsaved_text_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(folder.path().join("lib/cells.ode"), SOUND).unwrap();
    let (main, cells) = (address(&folder, "main.ode"), address(&folder, "lib/cells.ode"));
    let mut client = Client::with(json!({}));
    client.did_open(&main, MAIN);
    assert_eq!(told(&mut client, &main), Vec::<Value>::new());
    client.did_open(&cells, SOUND);
    // A file of components alone is no model; it is told so, and its own errors besides.
    let alone = told(&mut client, &cells);
    change(&mut client, &cells, 2, UNSOUND);
    let list = settled(&mut client, &main, |list| !list.is_empty());
    assert!(list[0]["message"].as_str().unwrap().contains("unknown name `kk`"), "{list:?}");
    let list = settled(&mut client, &cells, |list| list.len() != alone.len() || *list != alone[..]);
    let unknown = list.iter().filter(|d| d["code"] == "E0201").count();
    assert_eq!(unknown, 1, "told once, though two checks found it: {list:?}");
    change(&mut client, &cells, 3, &SOUND.replace("(k)", "(kappa)").replace("-k", "-kappa"));
    let list = settled(&mut client, &main, |list| !list.is_empty() && list[0]["code"] != "E0201");
    let argument = list.iter().find(|d| d["code"] == "E0250").unwrap_or_else(|| panic!("{list:?}"));
    assert_eq!(argument["range"], range(MAIN, "k", 0));
    let related = &argument["relatedInformation"][0]["location"];
    assert_eq!((&related["uri"], &related["range"]["start"]), (&json!(cells), &place(SOUND, "Cell", 0)));
    // Closed without being saved: the file counts again.
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": cells}}));
    assert_eq!(settled(&mut client, &main, |list| list.is_empty()), Vec::<Value>::new());
    assert_eq!(client.finish(), 0);
}

#[test]
fn what_cannot_be_found_is_told_until_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (main, cells) = (address(&folder, "my%20main.ode"), address(&folder, "lib/cells.ode"));
    let mut client = Client::with(json!({}));
    client.did_open(&main, MAIN);
    let list = told(&mut client, &main);
    assert_eq!((&list[0]["code"], &list[0]["range"]), (&json!("E0258"), &range(MAIN, "\"lib/cells.ode\"", 0)));
    client.did_open(&cells, SOUND);
    assert_eq!(settled(&mut client, &main, |list| list.is_empty()), Vec::<Value>::new());
    let untitled = "untitled:Untitled-1";
    client.did_open(untitled, MAIN);
    let list = told(&mut client, untitled);
    assert!(list[0]["message"].as_str().unwrap().contains("save it first"), "{list:?}");
    assert_eq!(client.finish(), 0);
}

const DATA: &str = "input T(t) = csv(\"temp.csv\", hour, temp) cubic extrapolate hold\ninit x = 1\nx' = T(t) - x\n";

#[test]
fn data_are_read_once_shown_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("temp.csv");
    std::fs::write(&path, "hour,temp\n0,4\n6,2\n12,11\n").unwrap();
    let main = address(&folder, "main.ode");
    let mut client = Client::with(json!({}));
    client.did_open(&main, DATA);
    assert_eq!(told(&mut client, &main), Vec::<Value>::new());
    let ask = |client: &mut Client, method: &str, position: Value| {
        client.result(method, json!({"textDocument": {"uri": main}, "position": position}))
    };
    let hover = ask(&mut client, "textDocument/hover", place(DATA, "T(t) - x", 0)).to_string();
    assert!(hover.contains("of `temp.csv`: 3 points from 0 to 12, values 2 to 11"), "{hover}");
    let labels = |answer: Value| answer.as_array().unwrap().iter().map(|i| i["label"].to_string()).collect::<String>();
    let rules = labels(ask(&mut client, "textDocument/completion", place(DATA, "cubic", 0)));
    assert!(rules.contains("monotone") && rules.contains("extrapolate") && !rules.contains("sqrt"), "{rules}");
    let beyond = labels(ask(&mut client, "textDocument/completion", place(DATA, "hold", 0)));
    assert!(beyond.contains("periodic") && !beyond.contains("monotone"), "{beyond}");
    // Another program writes a gap.
    std::fs::write(&path, "hour,temp\n0,4\n6,\n12,11\n13,1\n").unwrap();
    client.notify(
        "workspace/didChangeWatchedFiles",
        json!({"changes": [{"uri": address(&folder, "temp.csv"), "type": 2}]}),
    );
    let list = settled(&mut client, &main, |list| !list.is_empty());
    assert!(list[0]["message"].as_str().unwrap().contains("line 3: there is no value"), "{list:?}");
    assert_eq!(client.finish(), 0);
}
