//! SIGHUP: settings are read again.

use std::fs;

use serde_json::json;
use testkit::process::signal;
use testkit::server::{PASSWORD, Store, TestServer};

use crate::support::{Client, start_with, until};

/// Asks it to, and answers the line it says about it.
async fn reload(server: &TestServer, what: &str) -> String {
    let before = server.log().len();
    signal(server.id(), "HUP").expect("asked");
    until("a word about it", async || {
        let log = server.log();
        log[before..].lines().find(|line| line.contains(what)).map(str::to_owned)
    })
    .await
}

fn register(server: &TestServer, name: &str) -> u16 {
    let body = json!({ "username": name, "password": PASSWORD });
    server.post("/api/auth/register", &body).expect("an answer").status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_takes_over_what_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kith.toml");
    let write = |text: &str| fs::write(&file, text).expect("written");
    write("[log]\nlevel = 'info'\n");
    let server = start_with(Store::Sqlite, &[("KITH_CONFIG", &file.display().to_string())]);
    let ann = Client::register(&server, "ann").await;
    let lines = |part: &str| server.log().lines().filter(|line| line.contains(part)).count();
    assert_eq!(lines("answered"), 0, "no line for each request");

    write("[log]\nlevel = 'debug'\n[accounts]\nregistration_open = false\n[limits]\nmax_group_members = 9\n");
    let said = reload(&server, "the settings were read again").await;
    assert!(said.contains("accounts.registration_open, log.level"), "{said}");
    assert!(said.contains(r#"need_a_restart="limits.max_group_members""#), "{said}");
    assert_eq!(register(&server, "bob"), 403);
    until("a line for a request", async || (lines("answered") > 0).then_some(())).await;

    // What is wrong changes nothing, and is named.
    write("[log]\nlevel = 'loud'\n[accounts]\nregistration_open = true\n");
    let said = reload(&server, "the settings stay as they were").await;
    assert!(said.contains("wrong settings"), "{said}");
    assert!(server.log().contains("kith.toml:2: log.level"), "{}", server.log());
    assert_eq!(register(&server, "bob"), 403);

    write("[log]\nlevel = 'info'\n");
    reload(&server, "the settings were read again").await;
    let answered = lines("answered");
    assert_eq!(register(&server, "bob"), 200);
    assert_eq!(lines("answered"), answered, "no more lines for each request");
    // Who was connected all the time still is.
    assert_eq!(ann.call("WhoAmI", ()).await["user"]["id"], ann.user());
}

/// Rates count at once; and of a file with something wrong in it, not even those that are right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_takes_over_rates() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kith.toml");
    let write = |text: &str| fs::write(&file, text).expect("written");
    write("[limits]\nmessages_per_account = '1/h 3'\n");
    let server = start_with(Store::Sqlite, &[("KITH_CONFIG", &file.display().to_string())]);
    let ann = Client::register(&server, "ann").await;
    let notes = ann.direct(&ann).await;
    let send = async || ann.try_call("SendMessage", (&notes, "x")).await;
    let sent = async || {
        let mut sent = 0;
        while sent < 50 && send().await.is_ok() {
            sent += 1;
        }
        sent
    };
    assert_eq!(sent().await, 3);

    write("[limits]\nmessages_per_account = '0'\nsearches_per_account = '7/day 1'\n");
    let said = reload(&server, "the settings stay as they were").await;
    assert!(said.contains("wrong settings"), "{said}");
    assert!(server.log().contains("kith.toml:3: limits.searches_per_account"), "{}", server.log());
    assert!(send().await.is_err_and(|error| error.starts_with("rate_limited: ")));

    // Whoever would have waited for an hour waits no longer than the new rate says.
    write(
        "[limits]\nmessages_per_account = '1000/s 40'\nmax_connections_per_address = 1\nmax_headers = 99\n",
    );
    let said = reload(&server, "the settings were read again").await;
    assert!(
        said.contains(r#"in_use="limits.max_connections_per_address, limits.messages_per_account""#),
        "{said}"
    );
    assert!(said.contains(r#"need_a_restart="limits.max_headers""#), "{said}");
    until("a message more", async || send().await.ok()).await;
    let token = ann.account.access_token.as_str();
    let address = "203.0.113.9";
    let first = crate::attacks::ask_hub(&server, address, token).await;
    assert_eq!(first.0, 101);
    assert_eq!(crate::attacks::ask_hub(&server, address, token).await.0, 429);

    write("[limits]\nmax_connections_per_address = 2\n");
    reload(&server, "the settings were read again").await;
    assert_eq!(crate::attacks::ask_hub(&server, address, token).await.0, 101);
    assert_eq!(sent().await, 50);
    drop(first);
}
