//! S1: clients that others wrote, unmodified, each through a whole conversation. The scripts in `tests/clients/kith` say
//! what they saw; what it has to be is written here, once for all of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use testkit::generated::workspace_root;
use testkit::process::Process;
use testkit::server::Store;

use crate::support::{PATIENCE, on_both_stores, start};

on_both_stores!(
    microsoft_json,
    microsoft_message_pack,
    pysignalr_json,
    pysignalr_message_pack,
    signalrcore_json,
    signalrcore_message_pack,
);

async fn microsoft_json(store: Store) {
    check(node("json"), store);
}

async fn microsoft_message_pack(store: Store) {
    check(node("messagepack"), store);
}

async fn pysignalr_json(store: Store) {
    check(python("pysignalr_client.py", "json"), store);
}

async fn pysignalr_message_pack(store: Store) {
    check(python("pysignalr_client.py", "messagepack"), store);
}

async fn signalrcore_json(store: Store) {
    check(python("signalrcore_client.py", "json"), store);
}

async fn signalrcore_message_pack(store: Store) {
    check(python("signalrcore_client.py", "messagepack"), store);
}

/// Where each request has to show whose it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsoft_without_web_sockets() {
    let over = |protocol, transport| Script { transport: Some(transport), ..node(protocol) };
    check(over("json", "ServerSentEvents"), Store::Sqlite);
    check(over("json", "LongPolling"), Store::Sqlite);
    check(over("messagepack", "LongPolling"), Store::Sqlite);
}

struct Script {
    interpreter: PathBuf,
    file: &'static str,
    protocol: &'static str,
    /// WebSockets, if none is named.
    transport: Option<&'static str>,
}

fn node(protocol: &'static str) -> Script {
    let package = workspace_root().join("tests/clients/node_modules/@microsoft/signalr");
    assert!(package.exists(), "no npm clients: run scripts/test-deps");
    Script { interpreter: "node".into(), file: "conversation.mjs", protocol, transport: None }
}

fn python(file: &'static str, protocol: &'static str) -> Script {
    let interpreter = workspace_root().join(".cache/venv/bin/python");
    assert!(interpreter.exists(), "no PyPI clients: run scripts/test-deps");
    Script { interpreter, file, protocol, transport: None }
}

/// Runs a script against a fresh server, and judges what it says.
fn check(script: Script, store: Store) {
    let server = start(store);
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(script.interpreter);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(workspace_root().join("tests/clients/kith").join(script.file));
    command.args([&server.url(), script.protocol]).args(script.transport);
    let mut process = Process::spawn(&mut command, folder.path().join("log"))
        .unwrap_or_else(|error| panic!("{error}: run scripts/test-deps"));
    let status = process.wait(PATIENCE * 2).expect("the client's end");
    let said = process.log();
    assert!(status.success(), "{status}\n{said}\n--- server ---\n{}", server.log());
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let steps = lines.map(|line| (line["step"].as_str().expect("a step").to_owned(), line)).collect();
    judge(&Story(steps));
}

/// What the script said, by step.
struct Story(HashMap<String, Value>);

impl Story {
    #[track_caller]
    fn at(&self, step: &str, pointer: &str) -> &Value {
        let line = self.0.get(step).unwrap_or_else(|| panic!("no step '{step}' in {:?}", self.0.keys()));
        line.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {line}"))
    }

    #[track_caller]
    fn user(&self, name: &str) -> &Value {
        self.at("registered", &format!("/users/{name}"))
    }
}

fn judge(story: &Story) {
    let (alice, bob, carol) = (story.user("alice"), story.user("bob"), story.user("carol"));
    let direct = story.at("direct", "/id");

    // C1: from the other side it is the same one, and whoever did not start it is told, under the starter's name.
    assert_eq!(story.at("direct", "/again"), direct);
    assert_eq!(story.at("direct", "/announced/id"), direct);
    assert_eq!(story.at("direct", "/announced/name"), "alice");

    // C2, C3: the answer and the event are of the same entry; repeated, the same answer.
    let sent = story.at("sent", "/sent");
    assert_eq!((&sent["id"], &sent["seq"]), (&json!("first"), &json!(1)));
    let received = story.at("sent", "/received");
    let text = json!({ "type": "text", "text": "Hello" });
    let expected = json!([direct, 1, alice, text, sent["sentAt"], "first", received[6], "content", null]);
    assert_eq!(received, &expected);
    assert!(received[6].as_str().is_some_and(|device| device.starts_with("d_")), "{received}");
    assert_eq!(story.at("repeated", "/sent"), sent);
    // A bare string is a message too, and the repeat before took no place in the log.
    assert_eq!(story.at("sent plain", "/sent/seq"), 2);
    assert_eq!(story.at("sent plain", "/received/3/text"), "Grüße 😀");
    assert_eq!(story.at("sent plain", "/received/5"), story.at("sent plain", "/sent/id"));

    // C4: the sender hears how far the other has come.
    assert_eq!(story.at("delivered", "/receipt/0"), direct);
    let row = story.at("delivered", "/receipt/1/0");
    assert_eq!((&row[0], &row[1], &row[3], &row[4]), (bob, &json!(2), &json!(0), &json!(0)));
    let row = story.at("seen", "/receipt/1/0");
    assert_eq!((&row[0], &row[1], &row[3]), (bob, &json!(7), &json!(7)));
    assert!(row[2].as_i64() > Some(0) && row[4].as_i64() >= row[2].as_i64(), "{row}");
    assert_eq!(story.at("seen", "/info/status"), "seen");
    assert_eq!(story.at("seen", "/info/sender"), alice);
    let receipts = story.at("seen", "/info/receipts").as_array().expect("receipts");
    assert_eq!(receipts.len(), 1);
    assert_eq!((&receipts[0]["user"], &receipts[0]["name"]), (bob, &json!("bob")));
    assert!(receipts[0]["deliveredAt"].is_i64() && receipts[0]["seenAt"].is_i64(), "{}", receipts[0]);

    // C5: what came while away, once and in order; acknowledged, it does not come again.
    let missed = story.at("returned", "/missed").as_array().expect("messages");
    let found: Vec<_> = missed.iter().map(|it| (it["seq"].as_u64(), it["body"]["text"].as_str())).collect();
    let texts = ["away 1", "away 2", "away 3", "away 4", "away 5"];
    let expected: Vec<_> = (3..).zip(texts).map(|(seq, text)| (Some(seq), Some(text))).collect();
    assert_eq!(found, expected);
    assert!(missed.iter().all(|it| &it["conversation"] == direct && &it["sender"] == alice));
    assert_eq!(story.at("returned", "/then"), &json!({ "messages": [], "more": false }));

    // C10
    assert_eq!(story.at("typing", "/typing"), &json!([direct, bob, true]));

    // G1, G2, G4: both are told of the group; who was added sees the log from then on.
    let group = story.at("group", "/id");
    for number in 0..2 {
        let announced = story.at("group", &format!("/announced/{number}"));
        assert_eq!((&announced["id"], &announced["name"]), (group, &json!("Trio")));
        let received = story.at("group", &format!("/received/{number}"));
        let text = json!({ "type": "text", "text": "Hello, both" });
        assert_eq!(
            (&received[0], &received[1], &received[2], &received[3]),
            (group, &json!(3), alice, &text)
        );
    }
    assert_eq!(story.at("group", "/added"), 2);
    let past = story.at("group", "/past/messages").as_array().expect("messages");
    assert_eq!(past.iter().map(|it| it["seq"].as_u64()).collect::<Vec<_>>(), [Some(3), Some(2)]);
    assert_eq!(past[1]["body"], json!({ "type": "members", "change": "added", "users": [carol] }));

    // C7: the newest first, by page and as a stream.
    let seqs = |pointer| -> Vec<_> {
        let messages = story.at("history", pointer).as_array().expect("messages");
        messages.iter().map(|message| message["seq"].as_u64().unwrap_or_default()).collect()
    };
    assert_eq!(seqs("/page/messages"), [7, 6, 5]);
    assert_eq!(story.at("history", "/page/more"), true);
    assert_eq!(seqs("/streamed/items"), [7, 6, 5, 4, 3, 2, 1]);

    // E4
    for error in story.at("refused", "/errors").as_array().expect("errors") {
        assert!(error.as_str().is_some_and(|error| error.contains("not_found: ")), "{error}");
    }

    // A5
    assert_eq!(story.at("logged out", "/status"), 204);
    assert_ne!(story.at("logged out", "/closed"), "");
    assert_ne!(story.at("logged out", "/refused"), "");
}
