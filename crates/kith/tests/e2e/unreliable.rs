//! Networks that fail, by a proxy that cuts, stalls and delays: whatever happens in between, all messages of a
//! conversation come once and in order.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use client::{Backoff, BoxFuture, Connector, Halves, Hub, Pushes, Session, Update, connect_hub};
use platform::{SeededRandomness, SystemRandomness};
use protocol::{DeviceId, MessageId, OutgoingMessage, UserId};
use serde_json::{Value, json};
use signalr::Protocol;
use testkit::generated::workspace_root;
use testkit::process::Process;
use testkit::proxy::Proxy;
use testkit::server::{Account, Store, TestServer};

use crate::support::{Client, PATIENCE, start, start_with, within};

/// Runs a script of Microsoft's client to its end, and answers what it said, step by step.
fn node(server: &TestServer, script: &str, arguments: &[&str]) -> Vec<Value> {
    let package = workspace_root().join("tests/clients/node_modules/@microsoft/signalr");
    assert!(Path::exists(&package), "no npm clients: run scripts/test-deps");
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("node");
    command.arg(workspace_root().join("tests/clients/kith").join(script)).arg(server.url()).args(arguments);
    let mut process = Process::spawn(&mut command, folder.path().join("log"))
        .unwrap_or_else(|error| panic!("{error}: run scripts/test-deps"));
    let status = process.wait(PATIENCE * 2).expect("the client's end");
    let said = process.log();
    assert!(status.success(), "{status}\n{said}\n--- server ---\n{}", server.log());
    said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn converse(protocol: &str, mode: &str) {
    // npm's client acknowledges once a second, and not while it comes back: here that is all there is.
    let server = start_with(Store::Sqlite, &[("KITH_LIMITS_STATEFUL_BUFFER_BYTES", "1000000")]);
    let proxy = Proxy::start(server.address()).expect("a proxy");
    proxy.delay(Duration::from_millis(1));
    let way = format!("http://{}", proxy.address());
    let said = node(&server, "unreliable.mjs", &[&way, &proxy.control_url(), protocol, mode]);
    let done = &said[0];
    let sent = done["sent"].as_u64().expect("a number");
    assert!(sent >= 100 && proxy.accepted() >= 20, "{} sockets, {done}", proxy.accepted());
    let expected: Vec<_> = (1..=sent).map(|number| json!([number, format!("m{number}")])).collect();
    assert_eq!(done["held"], json!(expected), "in the order in which they were sent");
    let mut answers = done["answers"].as_array().expect("answers").clone();
    answers.sort_by_key(|answer| answer[0].as_u64());
    assert_eq!(answers, expected, "each was answered with its place");
    if mode == "stateful" {
        // Not the log but the connection itself brought them, and nobody noticed a thing.
        assert_eq!(done["pushed"], json!((1..=sent).collect::<Vec<_>>()));
        assert_eq!((&done["resyncs"], &done["breaks"]), (&json!(0), &json!(0)));
    } else {
        assert!(done["breaks"].as_u64() >= Some(10), "{done}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsoft_stateful_json() {
    converse("json", "stateful");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsoft_stateful_message_pack() {
    converse("messagepack", "stateful");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsoft_reconnecting_json() {
    converse("json", "automatic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsoft_reconnecting_message_pack() {
    converse("messagepack", "automatic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_lost_is_online_until_the_grace_is_over_or_the_device_signed_out() {
    const GRACE_MS: u64 = 3_000;
    let mut server = start_with(Store::Sqlite, &[("KITH_SERVER_STATEFUL_GRACE_S", "3")]);
    let said = node(&server, "lost.mjs", &["3"]);
    let at = |step: &str| said.iter().find(|line| line["step"] == step).expect("the step").clone();
    let lost = at("lost");
    assert_eq!((&lost["before"], &lost["meanwhile"]), (&json!(true), &json!(true)));
    assert!(lost["offlineAfterMs"].as_u64() > Some(GRACE_MS - 500), "{lost}");
    assert_eq!(at("replaced"), json!({ "step": "replaced", "online": true, "status": 404 }));
    assert_eq!(at("stolen")["status"], 403);
    let signed_out = at("signed out");
    assert_eq!((&signed_out["meanwhile"], &signed_out["status"]), (&json!(true), &json!(204)));
    // The one who asked has left without a word, too, and is not waited for.
    assert!(server.terminate().expect("ended").success(), "{}", server.log());
    assert!(!server.log().contains("some connections did not end in time"), "{}", server.log());
}

/// Our own engine's way to the server, through a proxy.
struct Way {
    url: String,
    account: Account,
    identity: (UserId, DeviceId),
}

impl Connector for Way {
    type Link = Hub;

    fn connect(&self) -> BoxFuture<'_, Result<Halves<Hub>, client::Error>> {
        Box::pin(async {
            let connected = connect_hub(&self.url, &self.account.access_token, Protocol::MessagePack).await;
            let (connection, events) = connected?;
            Ok((Hub::new(connection), Box::new(events) as Box<dyn Pushes>))
        })
    }

    fn identity(&self) -> (UserId, DeviceId) {
        self.identity
    }
}

async fn way(server: &TestServer, proxy: &Proxy, account: &Account) -> Way {
    let me = Client::connect(server, account).await.call("WhoAmI", ()).await;
    let id = |pointer: &str| me.pointer(pointer).and_then(Value::as_str).expect("an id").to_owned();
    let identity = (id("/user/id").parse().expect("a user"), id("/device").parse().expect("a device"));
    Way { url: format!("ws://{}/hub", proxy.address()), account: account.clone(), identity }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_engine() {
    const MESSAGES: u64 = 300;
    let server = start(Store::Sqlite);
    let proxy = Proxy::start(server.address()).expect("a proxy");
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    let conversation = {
        let starting = Client::connect(&server, &alice).await;
        crate::support::text(&starting.call("InitiateDirectChatSession", (&bob.user,)).await)
    };
    let conversation = conversation.parse().expect("a conversation");
    let options = || {
        let quick = Duration::from_millis(10);
        let backoff = Backoff { min: quick, max: 5 * quick };
        client::Options { backoff, ..client::Options::default() }
    };
    let connector = way(&server, &proxy, &alice).await;
    let (sending, _updates) = Session::start(connector, options(), SystemRandomness);
    let connector = way(&server, &proxy, &bob).await;
    let (receiving, mut updates) = Session::start(connector, options(), SeededRandomness::new(1));

    let sent = tokio::spawn(async move {
        let mut answers = Vec::new();
        for number in 1..=MESSAGES {
            let id: MessageId = format!("m{number}").parse().expect("an id");
            let message = OutgoingMessage::text(id, format!("text {number}"));
            answers.push(sending.send(conversation, message).await.expect("queued"));
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        for (number, answer) in (1..).zip(answers) {
            assert_eq!(answer.await.expect("an answer").seq, number);
        }
        sending.close().await;
    });
    let (mut next, mut breaks, mut ticks) = (1, 0, 0);
    let mut fail = tokio::time::interval(Duration::from_millis(40));
    let receiving_all = async {
        while next <= MESSAGES {
            tokio::select! {
                update = updates.next() => match update.expect("the session goes on") {
                    Update::Message(message) => {
                        assert_eq!((message.seq, message.id.as_str()), (next, format!("m{next}").as_str()));
                        next += 1;
                    }
                    Update::Disconnected { .. } => breaks += 1,
                    Update::Ended(error) => panic!("{error}"),
                    _ => (),
                },
                // Only while there is something to lose.
                _ = fail.tick(), if next < MESSAGES - 10 => {
                    ticks += 1;
                    match ticks % 4 {
                        0 => proxy.stall(true),
                        1 => proxy.stall(false),
                        _ => proxy.cut(),
                    }
                }
            }
            if next == MESSAGES - 10 {
                proxy.stall(false);
            }
        }
    };
    within("all messages", receiving_all).await;
    within("all answers", sent).await.expect("sent");
    assert!(breaks > 3, "{breaks}");
    receiving.close().await;
}
