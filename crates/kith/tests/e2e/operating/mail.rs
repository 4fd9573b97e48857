//! One-time codes by email, through a mail server that others wrote (aiosmtpd), with a certificate.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::generated::workspace_root;
use testkit::process::Process;
use testkit::server::{Store, TestServer};

use crate::support::authority::Authority;
use crate::support::{PATIENCE, start_with, until};

const LOGIN: [&str; 2] = ["kith", "mail secret"];

struct MailServer {
    process: Process,
    port: String,
}

impl MailServer {
    fn start(mode: &str, (certificate, key): (String, String), folder: &Path) -> Self {
        let python = workspace_root().join(".cache/venv/bin/python");
        assert!(python.exists(), "no PyPI clients: run scripts/test-deps");
        let files = [(folder.join("mail.crt"), certificate), (folder.join("mail.key"), key)];
        let mut command = Command::new(python);
        command.arg(workspace_root().join("tests/clients/kith/mail_server.py")).arg(mode);
        for (path, content) in files {
            fs::write(&path, content).expect("written");
            command.arg(path);
        }
        command.args(LOGIN);
        let mut process = Process::spawn(&mut command, folder.join("mail.log")).expect("started");
        let line = process.wait_for_line("\"port\"", PATIENCE).expect("its port");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        Self { process, port: said["port"].to_string() }
    }

    /// A server that sends its codes here.
    fn kith(&self, mode: &str, ca: &Path) -> TestServer {
        let ca = ca.display().to_string();
        start_with(
            Store::Sqlite,
            &[
                ("KITH_MAIL_HOST", "127.0.0.1"),
                ("KITH_MAIL_PORT", &self.port),
                ("KITH_MAIL_ENCRYPTION", mode),
                ("KITH_MAIL_CA_FILE", &ca),
                ("KITH_MAIL_USERNAME", LOGIN[0]),
                ("KITH_MAIL_PASSWORD", LOGIN[1]),
                ("KITH_MAIL_FROM", "Kith <kith@example.org>"),
            ],
        )
    }
}

async fn a_code_arrives(mode: &str) {
    let (folder, authority) = (tempfile::tempdir().expect("a folder"), Authority::new());
    let mail = MailServer::start(mode, authority.certify("127.0.0.1"), folder.path());
    let server = mail.kith(mode, &authority.write(folder.path(), "ca.pem"));
    let address = json!({ "email": "ann@example.org" });
    assert_eq!(server.post("/api/auth/code", &address).expect("an answer").status, 200);
    let message: Value = until("a message", async || {
        let log = mail.process.log();
        let line = log.lines().find(|line| line.contains("\"to\""))?;
        Some(serde_json::from_str(line).expect("JSON"))
    })
    .await;
    assert_eq!((&message["to"], &message["encrypted"]), (&json!(["ann@example.org"]), &json!(true)));
    let text = message["text"].as_str().expect("text");
    let code: String = text.split("Subject: ").nth(1).expect("a subject").chars().take(6).collect();
    let verified = server.post("/api/auth/verify", &json!({ "email": "ann@example.org", "code": code }));
    let verified = verified.expect("an answer");
    assert_eq!((verified.status, &verified.body["registered"]), (200, &json!(true)), "{verified:?}");
    assert!(!server.log().contains(&code), "a code that was sent is in no log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_arrives_by_starttls() {
    a_code_arrives("starttls").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_arrives_by_tls() {
    a_code_arrives("tls").await;
}

/// Of a stranger's authority, or for another name: nothing is sent, and the log says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_with_a_wrong_certificate_gets_nothing() {
    for mode in ["starttls", "tls"] {
        let (folder, authority) = (tempfile::tempdir().expect("a folder"), Authority::new());
        let ca = authority.write(folder.path(), "ca.pem");
        let named = authority.certify("mail.example.org");
        let strange = Authority::new().certify("127.0.0.1");
        for (certificate, why) in [(strange, "UnknownIssuer"), (named, "not valid for name")] {
            let mail = MailServer::start(mode, certificate, folder.path());
            let server = mail.kith(mode, &ca);
            let refused = server.post("/api/auth/code", &json!({ "email": "ann@example.org" }));
            let refused = refused.expect("an answer");
            assert_eq!((refused.status, refused.code()), (503, "unavailable"), "{refused:?}");
            until("the log", async || server.log().contains("invalid peer certificate").then_some(())).await;
            assert!(server.log().contains(why), "{why:?} in {}", server.log());
            assert!(!mail.process.log().contains("\"to\""), "{}", mail.process.log());
        }
    }
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = start_with(Store::Sqlite, &[]);
    for file in ["missing.pem", "empty.pem"] {
        fs::write(folder.path().join("empty.pem"), "").expect("written");
        let mut command = other.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("KITH_SERVER_DATA", folder.path().join("data"));
        command.env("KITH_MAIL_HOST", "127.0.0.1").env("KITH_MAIL_FROM", "kith@example.org");
        let output = command.env("KITH_MAIL_CA_FILE", folder.path().join(file)).output().expect("kith");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{file}: {said}");
        assert!(said.contains("mail.ca_file") && said.contains(file), "{said}");
    }
}
