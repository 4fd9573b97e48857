//! `kith doctor`: a fault, and what it is called.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use testkit::server::{Store, TestServer};

use crate::support::start;

/// The exit code, and each check's state and detail.
fn examine(mut command: Command) -> (i32, BTreeMap<String, (String, String)>) {
    let output = command.output().expect("kith runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let text = |check: &Value, name: &str| check[name].as_str().expect("text").to_owned();
    let checks = report["checks"].as_array().expect("checks").iter();
    let checks =
        checks.map(|check| (text(check, "name"), (text(check, "state"), text(check, "detail")))).collect();
    (output.status.code().expect("a code"), checks)
}

fn doctor(server: &TestServer) -> Command {
    let mut command = server.command(&["doctor", "--json"]);
    command.env("KITH_SERVER_LISTEN", server.address().to_string());
    command
}

fn well(server: &TestServer) {
    let (code, checks) = examine(doctor(server));
    assert_eq!(code, 0, "{checks:?}");
    assert!(checks.values().all(|(state, _)| state != "failed"), "{checks:?}");
    assert!(checks["database"].1.contains("in order"), "{checks:?}");
    assert!(checks["address"].1.contains("is ready"), "{checks:?}");
    assert!(checks["mail"].1.contains("no mail server"), "{checks:?}");
}

#[track_caller]
fn finds(command: Command, name: &str, state: &str, detail: &str) {
    let (code, checks) = examine(command);
    let found = &checks[name];
    assert!(found.0 == state && found.1.contains(detail), "{name}: {found:?}, not {state}: {detail}");
    let failed = checks.values().any(|(state, _)| state == "failed");
    assert_eq!(code, i32::from(failed), "{checks:?}");
}

#[test]
fn a_running_server_is_well_on_sqlite() {
    well(&start(Store::Sqlite));
}

#[test]
fn a_running_server_is_well_on_postgres() {
    well(&start(Store::Postgres));
}

#[test]
fn faults_are_named() {
    let mut server = start(Store::Sqlite);
    let _ = server.register("ann");
    let with = |server: &TestServer, name: &str, value: &str| {
        let mut command = doctor(server);
        command.env(name, value);
        command
    };
    finds(with(&server, "KITH_SERVER_LISEN", "x"), "settings", "failed", "KITH_SERVER_LISTEN");
    finds(with(&server, "KITH_SERVER_LISTEN", "127.0.0.1:0"), "address", "warning", "listens elsewhere");
    finds(with(&server, "KITH_SERVER_DOMAIN", "kith.invalid"), "tls", "warning", "no address in the DNS");
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    finds(with(&server, "KITH_DATABASE_URL", nowhere), "database", "failed", "refused");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let below = file.join("data").display().to_string();
    finds(with(&server, "KITH_SERVER_DATA", &below), "folder", "failed", "Not a directory");
    let fresh = folder.path().join("data").display().to_string();
    // This one does not run, so whoever listens there is somebody else.
    finds(with(&server, "KITH_SERVER_DATA", &fresh), "address", "failed", "another program");
    finds(with(&server, "KITH_SERVER_DATA", &fresh), "database", "ok", "will be made");

    assert!(server.terminate().expect("ended").success());
    finds(doctor(&server), "address", "ok", "is free, no server runs");
    fs::set_permissions(server.data(), fs::Permissions::from_mode(0o755)).expect("opened to others");
    finds(doctor(&server), "folder", "warning", "others on this machine");
    server.restart().expect("started again");
    assert!(server.log().contains("others on this machine may read"), "{}", server.log());
    assert!(server.terminate().expect("ended").success());
    fs::set_permissions(server.data(), fs::Permissions::from_mode(0o700)).expect("closed");
    finds(with(&server, "KITH_SERVER_SECRET_KEY", "short"), "key", "failed", "64 hexadecimal digits");
    let mut command = with(&server, "KITH_MAIL_HOST", "mail.example.org");
    command.env("KITH_MAIL_FROM", "not an address");
    finds(command, "codes", "failed", "[mail]");
    // The page that holds the first table.
    let database = server.data().join("kith.db");
    let mut bytes = fs::read(&database).expect("the database");
    bytes[4096..2 * 4096].fill(0x5a);
    fs::write(&database, bytes).expect("damaged");
    finds(doctor(&server), "database", "failed", "");

    let output = server.command(&["doctor"]).output().expect("kith runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.lines().any(|line| line.starts_with("FAILED   database")), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// Whoever closes the pipe has read enough.
#[test]
fn a_closed_pipe_is_no_fault() {
    let server = start(Store::Sqlite);
    for json in [true, false] {
        let mut command = server.command(if json { &["doctor", "--json"] } else { &["doctor"] });
        command.env("KITH_SERVER_LISTEN", server.address().to_string());
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("kith");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked") && !said.contains("Broken pipe"), "{said}");
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
}
