//! Unmodified clients of others against our server. They are installed by `scripts/test-deps`.

use std::{path::PathBuf, time::Duration};

use crate::support::TestServer;
use signalr::server::Options;
use tokio::{process::Command, time::timeout};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs a client's script to its end; it must say that it passed.
async fn check(mut command: Command) {
    let options = Options { keep_alive: Duration::from_millis(400), ..Options::default() };
    let server = TestServer::start(options).await;
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    // The scripts name the URL "URL".
    let arguments: Vec<_> = command
        .as_std()
        .get_args()
        .map(|argument| match argument.to_str().unwrap() {
            "URL" => server.url(),
            argument => argument.to_owned(),
        })
        .collect();
    let mut run = Command::new(command.as_std().get_program());
    run.args(arguments).current_dir(scripts).kill_on_drop(true);
    command = run;
    let output = timeout(Duration::from_secs(60), command.output())
        .await
        .expect("the client ends within a minute")
        .expect("the client can be run: see scripts/test-deps");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("passed"), "{stdout}\n{stderr}");
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
