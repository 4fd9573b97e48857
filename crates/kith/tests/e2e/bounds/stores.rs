//! How long the stores are waited for, and how they are used.

use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::server::{PASSWORD, Store};

use crate::support::{Client, start_with, until};

/// Far longer than the server waits here, and far shorter than it would by default.
const HELD: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_another_holds() {
    let settings = [
        ("KITH_DATABASE_BUSY_TIMEOUT_S", "1"),
        ("KITH_DATABASE_READERS", "1"),
        ("KITH_DATABASE_CACHE_KIB", "1024"),
        ("KITH_DATABASE_QUEUED_WRITES", "16"),
        ("KITH_DATABASE_QUEUED_READS", "16"),
        ("KITH_CHATS_RECEIPTS_WRITE_MS", "10"),
        ("KITH_CHATS_RECEIPTS_TELL_MS", "10"),
        ("KITH_CHATS_SWEEP_EVERY_S", "1"),
        ("KITH_CHATS_SWEEP_ENTRIES", "1"),
    ];
    let server = start_with(Store::Sqlite, &settings);
    let mut ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    let direct = ann.direct(&bob).await;
    // More at once than may wait: they wait for a place, and all come through.
    let sends = (0..100).map(|number| ann.call("SetArchived", (&direct, number % 2 == 0)));
    futures_util::future::join_all(sends).await;
    let loads = (0..100).map(|_| bob.call("GetConversation", (&direct,)));
    futures_util::future::join_all(loads).await;
    for number in 0..5 {
        ann.send(&direct, &format!("m{number}"), "secret").await;
    }
    bob.call("MarkSeen", (&direct, 5)).await;
    ann.event("rcpt").await;
    // One entry a write is enough to empty them all.
    ann.call("SetRetention", (&direct, "seconds:1")).await;
    until("bodies gone", async || {
        let history = bob.history(&direct).await;
        (!history.iter().any(|message| message.to_string().contains("secret"))).then_some(())
    })
    .await;

    let file = server.data().join("kith.db");
    let other = rusqlite::Connection::open(file).expect("the database");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let holding = thread::spawn(move || {
        thread::sleep(HELD);
        other.execute_batch("ROLLBACK").expect("let go");
    });
    let error = ann.refused("AddContact", (bob.user(),)).await;
    assert!(error.starts_with("unavailable: "), "{error}");
    assert!(!holding.is_finished(), "it was waited for");
    holding.join().expect("let go");
    until("an answer", async || ann.try_call("AddContact", (bob.user(),)).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_another_holds() {
    let database = testkit::postgres::database().expect("a database");
    let settings = [
        ("KITH_DATABASE_URL", database.url()),
        ("KITH_DATABASE_STATEMENT_TIMEOUT_S", "1".to_owned()),
        ("KITH_DATABASE_CONNECT_TIMEOUT_S", "1".to_owned()),
        ("KITH_DATABASE_POOL_SIZE", "2".to_owned()),
        ("KITH_DATABASE_ANSWER_TIMEOUT_S", "20".to_owned()),
    ];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // Of the store that the settings name.
    let server = start_with(Store::Sqlite, &settings);
    let ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    let locked = "BEGIN; LOCK TABLE contacts; SELECT pg_sleep(6); COMMIT";
    thread::scope(|scope| {
        let holding = scope.spawn(|| database.run(locked).expect("held"));
        let token = Some(ann.account.access_token.as_str());
        let path = format!("/api/contacts/{}", bob.user());
        let list = || server.request("PUT", &path, token, None).expect("an answer");
        let refused = testkit::poll("a refusal", HELD * 10, || {
            let answer = list();
            Ok(Some(answer).filter(|answer| answer.status == 503))
        });
        assert_eq!(refused.expect("a refusal").code(), "unavailable");
        assert!(!holding.is_finished(), "it was waited for");
        holding.join().expect("let go");
        assert_eq!(list().status, 204);
    });
    let login = json!({ "username": "ann", "password": PASSWORD });
    assert_eq!(server.post("/api/auth/login", &login).expect("an answer").status, 200);
}
