//! Unmodified clients of others against our server. They are installed by `scripts/test-deps`.

use std::{path::PathBuf, sync::atomic::Ordering, time::Duration};

use crate::support::{TestServer, eventually};
use signalr::server::Options;
use testkit::proxy::Proxy;
use tokio::{process::Command, time::timeout};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs a client's script against a server, whose URL it names "URL".
async fn check(command: Command) {
    let options = Options { keep_alive: Duration::from_millis(400), ..Options::default() };
    let server = TestServer::start(options).await;
    let mut there = Command::new(command.as_std().get_program());
    for argument in command.as_std().get_args() {
        match argument.to_str().unwrap() {
            "URL" => there.arg(server.url()),
            argument => there.arg(argument),
        };
    }
    run(there).await;
}

/// Runs a client's script to its end, and answers what it said: it must say that it passed.
async fn run(mut command: Command) -> String {
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    command.current_dir(scripts).kill_on_drop(true);
    let output = timeout(Duration::from_secs(60), command.output())
        .await
        .expect("the client ends within a minute")
        .expect("the client can be run: see scripts/test-deps");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("passed"), "{stdout}\n{stderr}");
    stdout.into_owned()
}

async fn microsoft(protocol: &str, negotiation: &str) {
    let folder = repository().join("tests/clients");
    assert!(folder.join("node_modules/@microsoft/signalr").exists(), "run scripts/test-deps");
    let mut node = Command::new("node");
    node.arg("microsoft.mjs").arg(folder).args(["URL", protocol, negotiation]);
    check(node).await;
}

async fn python(script: &str, protocol: &str) {
    let interpreter = repository().join(".cache/venv/bin/python");
    assert!(interpreter.exists(), "run scripts/test-deps");
    let mut python = Command::new(interpreter);
    python.args([script, "URL", protocol]);
    check(python).await;
}

#[tokio::test]
async fn microsoft_json() {
    microsoft("json", "negotiate").await;
}

#[tokio::test]
async fn microsoft_json_without_negotiation() {
    microsoft("json", "skip").await;
}

#[tokio::test]
async fn microsoft_message_pack() {
    microsoft("messagepack", "negotiate").await;
}

#[tokio::test]
async fn microsoft_message_pack_without_negotiation() {
    microsoft("messagepack", "skip").await;
}

#[tokio::test]
async fn microsoft_json_over_server_sent_events() {
    microsoft("json", "ServerSentEvents").await;
}

#[tokio::test]
async fn microsoft_json_over_long_polling() {
    microsoft("json", "LongPolling").await;
}

#[tokio::test]
async fn microsoft_message_pack_over_long_polling() {
    microsoft("messagepack", "LongPolling").await;
}

/// Microsoft's client with stateful reconnect, over a network that is cut again and again.
async fn microsoft_stateful(protocol: &str) {
    let folder = repository().join("tests/clients");
    assert!(folder.join("node_modules/@microsoft/signalr").exists(), "run scripts/test-deps");
    let options = Options { stateful_buffer_bytes: 1 << 20, ..Options::default() };
    let server = TestServer::start(options).await;
    let proxy = Proxy::start(server.address).unwrap();
    let mut node = Command::new("node");
    node.arg("stateful.mjs").arg(folder);
    node.arg(format!("http://{}/hub", proxy.address())).arg(protocol).arg(proxy.control_url());
    let said = run(node).await;
    // The control of the control: it was cut, and the connection was the same all along.
    assert!(proxy.accepted() >= 15, "{} sockets\n{said}", proxy.accepted());
    assert_eq!(server.hub.connected.load(Ordering::SeqCst), 1);
    eventually("the end", || server.hub.disconnected.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn microsoft_stateful_json() {
    microsoft_stateful("json").await;
}

#[tokio::test]
async fn microsoft_stateful_message_pack() {
    microsoft_stateful("messagepack").await;
}

#[tokio::test]
async fn pysignalr_json() {
    python("pysignalr_client.py", "json").await;
}

#[tokio::test]
async fn pysignalr_message_pack() {
    python("pysignalr_client.py", "messagepack").await;
}

#[tokio::test]
async fn signalrcore_json() {
    python("signalrcore_client.py", "json").await;
}

#[tokio::test]
async fn signalrcore_message_pack() {
    python("signalrcore_client.py", "messagepack").await;
}
