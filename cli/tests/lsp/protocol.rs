//! Beginning, end, and what is no proper message.

use serde_json::{Value, json};

use crate::client::{Client, URI};

#[test]
fn a_session_begins_and_ends() {
    let mut client = Client::start();
    let early = client.request("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    let answer = client.request("initialize", json!({"processId": null, "rootUri": null, "capabilities": {}}));
    assert_eq!(answer["result"]["serverInfo"]["name"], "rhapsode");
    assert_eq!(answer["result"]["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(client.request("initialize", json!({"capabilities": {}}))["error"]["code"], -32600);
    assert!(client.request("shutdown", Value::Null)["error"].is_null());
    assert_eq!(client.request("textDocument/hover", json!({}))["error"]["code"], -32600);
    client.notify("exit", Value::Null);
    assert_eq!(client.close(), 0);
}

#[test]
fn leaving_without_shutdown_is_told_by_the_exit_code() {
    let mut client = Client::with(json!({}));
    client.notify("exit", Value::Null);
    assert_eq!(client.close(), 1);
    assert_eq!(Client::with(json!({})).close(), 1);
    assert_eq!(Client::with(json!({})).finish(), 0);
}

#[test]
fn malformed_messages_are_answered_by_errors_and_the_session_goes_on() {
    let mut client = Client::open("x' = 1\ninit x = 0\n");
    client.raw(b"Content-Length: 5\r\n\r\n{\"id\"");
    assert_eq!(client.await_message(|m| m["error"]["code"] == -32700)["id"], Value::Null);
    client.send(&json!({"jsonrpc": "2.0", "id": 77}));
    assert_eq!(client.await_message(|m| m["id"] == 77)["error"]["code"], -32600);
    client.send(&json!([1, 2]));
    assert_eq!(client.await_message(|m| m["error"]["code"] == -32600)["id"], Value::Null);
    assert_eq!(client.request("no/such", json!({}))["error"]["code"], -32601);
    for params in [json!(null), json!([]), json!({"textDocument": 3}), json!({"textDocument": {"uri": URI}})] {
        assert_eq!(client.request("textDocument/hover", params)["error"]["code"], -32602);
    }
    let elsewhere = json!({"textDocument": {"uri": "file:///other.ode"}, "position": {"line": 0, "character": 0}});
    assert_eq!(client.request("textDocument/hover", elsewhere)["error"]["code"], -32602);
    client.notify("textDocument/didChange", json!({"textDocument": 1}));
    client.await_message(|m| m["method"] == "window/logMessage");
    client.notify("no/such", json!({}));
    assert_eq!(client.diagnostics(), Vec::<Value>::new());
    assert_eq!(client.finish(), 0);
}

#[test]
fn cancelled_and_stale_requests_are_dropped() {
    let mut client = Client::open("x' = 1\ninit x = 0\n");
    client.diagnostics();
    // Written at once, so that they wait in the server together.
    let frame = |message: Value| {
        let text = message.to_string();
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    };
    let params = json!({"textDocument": {"uri": URI}});
    let ask = |id: i64, method: &str| frame(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    let many: String = (0..200).map(|k| ask(1000 + k, "textDocument/semanticTokens/full")).collect();
    let cancel = frame(json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1199}}));
    let change = frame(json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
        "textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "x' = 2\ninit x = 0\n"}]}}));
    client.raw(format!("{many}{cancel}{change}{}", ask(2000, "textDocument/foldingRange")).as_bytes());
    // Each is answered once, with a result or as dropped; what was asked last has a result.
    for id in 1000..1200 {
        let answer = client.answer(id);
        let code = answer["error"]["code"].as_i64().unwrap_or(0);
        assert!([0, -32800, -32801].contains(&code), "{answer}");
    }
    assert!(client.answer(2000)["result"].is_array());
    assert_eq!(client.finish(), 0);
}

#[test]
fn several_documents_are_apart() {
    let mut client = Client::open("x' = y\ninit x = 0\n");
    assert_eq!(client.diagnostics().len(), 1);
    client.did_open("file:///other.ode", "y' = 1\ninit y = 0\n");
    let of_other = client.await_message(|m| m["params"]["uri"] == "file:///other.ode");
    assert_eq!(of_other["params"]["diagnostics"], json!([]));
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": URI}}));
    let closed = client.await_message(|m| m["method"] == "textDocument/publishDiagnostics");
    assert_eq!((&closed["params"]["uri"], &closed["params"]["diagnostics"]), (&json!(URI), &json!([])));
    let params = json!({"textDocument": {"uri": URI}});
    assert_eq!(client.request("textDocument/foldingRange", params)["error"]["code"], -32602);
    assert_eq!(client.finish(), 0);
}
