//! The machine's clock jumps under a running server, and between two runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use testkit::server::{Store, TestServer};

use crate::support::{Client, start_with, until};

/// The library that tells programs another time. From Debian's package `libfaketime`.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("/usr/lib").flatten();
    let files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found =
        files.chain([PathBuf::from("/usr/lib/faketime/libfaketimeMT.so.1")]).find(|file| file.exists());
    found.expect("libfaketime: run scripts/test-deps")
}

/// From now on the server's machine is that far off the truth.
fn set(file: &Path, offset: &str) {
    let new = file.with_extension("new");
    fs::write(&new, offset).expect("written");
    fs::rename(new, file).expect("in place");
}

/// A server that is told the time by that file.
fn start_at(offset: &Path, settings: &[(&str, &str)]) -> TestServer {
    let (library, offset) = (library().display().to_string(), offset.display().to_string());
    let mut all = vec![
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", offset.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    all.extend_from_slice(settings);
    start_with(Store::Sqlite, &all)
}

fn log_says(server: &TestServer, what: &str) -> Option<()> {
    server.log().contains(what).then_some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps() {
    let folder = tempfile::tempdir().expect("a folder");
    let offset = folder.path().join("offset");
    set(&offset, "+0s");
    let mut server = start_at(&offset, &[]);
    let ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    let conversation = ann.direct(&bob).await;
    let mut times = Vec::new();
    let send = async |ann: &Client, id: &str| {
        let sent = ann.call("SendMessage", (&conversation, json!({ "id": id, "text": id }))).await;
        sent["sentAt"].as_i64().unwrap_or_else(|| panic!("a time in {sent}"))
    };
    times.push(send(&ann, "first").await);
    for (number, jump) in ["-3600s", "+365d", "-7d"].into_iter().enumerate() {
        set(&offset, jump);
        until("that it is noticed", async || {
            (server.log().matches("clock has jumped; it is followed if").count() > number).then_some(())
        })
        .await;
        times.push(send(&ann, &format!("while-{number}")).await);
        // Nobody is signed out: neither who is there, nor who comes back with the tokens of before.
        let again = Client::connect(&server, &bob.account).await;
        assert_eq!(again.call("WhoAmI", ()).await["user"]["id"], bob.user());
        let renew = json!({ "refreshToken": server.log_in("ann").refresh_token });
        assert_eq!(server.post("/api/auth/refresh", &renew).expect("an answer").status, 200);
        set(&offset, "+0s");
        until("that it is noticed", async || {
            (server.log().matches("is back where it was").count() > number).then_some(())
        })
        .await;
        times.push(send(&ann, &format!("after-{number}")).await);
    }
    let apart = times.last().expect("times") - times[0];
    assert!((0..600_000).contains(&apart), "no jump got into the log: {times:?}");

    // A machine that starts with its clock an hour behind: time stands still in a conversation until it has caught up.
    assert!(server.terminate().expect("ended").success());
    set(&offset, "-3600s");
    server.restart().expect("started");
    assert_eq!(log_says(&server, "has jumped"), None, "it knows no other");
    let ann = Client::connect(&server, &ann.account).await;
    times.push(send(&ann, "behind").await);
    assert!(times.is_sorted(), "{times:?}");
    let log = bob_sees(&server, &bob.account, &conversation).await;
    assert!(log.is_sorted(), "{log:?}");
}

async fn bob_sees(server: &TestServer, bob: &testkit::server::Account, conversation: &str) -> Vec<i64> {
    let bob = Client::connect(server, bob).await;
    let log = bob.history(conversation).await;
    log.iter().map(|message| message["sentAt"].as_i64().expect("a time")).collect()
}

/// A5: a session ends when it was idle for too long, and when it is too old however busy it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_by_the_calendar() {
    let folder = tempfile::tempdir().expect("a folder");
    let offset = folder.path().join("offset");
    set(&offset, "+0s");
    let days = [
        ("KITH_ACCOUNTS_REFRESH_IDLE_TIMEOUT_DAYS", "2"),
        ("KITH_ACCOUNTS_REFRESH_ABSOLUTE_TIMEOUT_DAYS", "4"),
    ];
    let mut server = start_at(&offset, &days);
    let busy = server.register("ann");
    let idle = server.log_in("ann");
    let mut token = busy.refresh_token;
    let renew = |server: &TestServer, token: &str| {
        server.post("/api/auth/refresh", &json!({ "refreshToken": token })).expect("an answer")
    };
    // A server that was stopped meanwhile, so that it believes the clock it starts with.
    for (hours, alive) in [(40, true), (80, true), (95, true), (97, false)] {
        assert!(server.terminate().expect("ended").success());
        set(&offset, &format!("+{hours}h"));
        server.restart().expect("started");
        let answer = renew(&server, &token);
        assert_eq!(answer.status, if alive { 200 } else { 401 }, "after {hours} h: {}", answer.body);
        if alive {
            token = answer.body["refreshToken"].as_str().expect("a token").to_owned();
        }
        if hours == 80 {
            let answer = renew(&server, &idle.refresh_token);
            assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "idle for 80 h");
        }
    }
}
