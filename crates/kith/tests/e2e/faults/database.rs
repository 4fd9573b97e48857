//! PostgreSQL stopped, hanging, and with its connections cut.

use std::time::Duration;

use serde_json::json;
use testkit::server::{Store, TestServer};
use tokio::task::block_in_place;

use crate::load::Load;
use crate::support::{Client, UNLIMITED, start_with, until};

/// What has to be answered between two faults.
const ANSWERS: u64 = 60;

fn status(server: &TestServer) -> u16 {
    server.request("GET", "/ready", None, None).expect("an answer").status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_stopped_and_started() {
    let mut server = start_with(Store::CrashablePostgres, UNLIMITED);
    let load = Load::start(&server, false).await;
    for _ in 0..3 {
        load.answers(ANSWERS).await;
        block_in_place(|| server.own_database().stop()).expect("stopped");
        load.refusals(5).await;
        until("not ready", async || (block_in_place(|| status(&server)) == 503).then_some(())).await;
        block_in_place(|| server.restart_database()).expect("started");
    }
    load.answers(ANSWERS).await;
    until("ready", async || (block_in_place(|| status(&server)) == 200).then_some(())).await;
    load.finish();
    load.judge(&server).await;
}

/// Nothing says that it is gone: those who wait are told all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs() {
    let mut server = start_with(Store::CrashablePostgres, UNLIMITED);
    let load = Load::start(&server, false).await;
    load.answers(ANSWERS).await;
    server.own_database().pause().expect("paused");
    load.refusals(5).await;
    assert_eq!(block_in_place(|| status(&server)), 503);
    assert!(server.log().contains("the database does not answer"), "{}", server.log());
    server.own_database().resume().expect("resumed");
    load.answers(ANSWERS).await;
    until("ready", async || (block_in_place(|| status(&server)) == 200).then_some(())).await;
    // For a moment, which is no outage: nobody notices but by waiting.
    let refused = load.refused();
    server.own_database().pause().expect("paused");
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.own_database().resume().expect("resumed");
    load.answers(ANSWERS).await;
    assert_eq!(load.refused(), refused, "{}", server.log());
    load.finish();
    load.judge(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cuts_its_connections() {
    let mut server = start_with(Store::CrashablePostgres, UNLIMITED);
    let load = Load::start(&server, true).await;
    let mut cut = 0;
    for _ in 0..10 {
        load.answers(ANSWERS).await;
        cut += block_in_place(|| server.own_database().cut_connections()).expect("cut");
    }
    assert!(cut > 10, "{cut}");
    load.answers(ANSWERS).await;
    load.finish();
    load.judge(&server).await;
}

/// A standby that took over nothing, or an operator who set it so: what is there can be read, and `/ready` says what does not
/// work. A balancer that took the node out would take all of them out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes() {
    let mut server = start_with(Store::CrashablePostgres, UNLIMITED);
    let operator = server.own_database().database().expect("a database");
    let set = |read_only: &str| {
        let sql = format!(
            "SET default_transaction_read_only = off;\nALTER SYSTEM SET default_transaction_read_only = {read_only};\n\
             SELECT pg_reload_conf();"
        );
        block_in_place(|| operator.run(&sql)).expect("set");
    };
    let ann = Client::register(&server, "ann").await;
    let notes = ann.group("Notes", &[]).await;
    ann.send(&notes, "before", "before").await;
    set("on");
    block_in_place(|| server.own_database().cut_connections()).expect("cut");
    let ready = || block_in_place(|| server.request("GET", "/ready", None, None)).expect("an answer");
    let answer =
        until("no writes", async || Some(ready()).filter(|it| it.body["writes"] == "unavailable")).await;
    assert_eq!((answer.status, &answer.body["reason"]), (200, &json!("the database takes no writes")));
    assert_eq!(ann.history(&notes).await.len(), 2, "what is there can be read");
    let message = json!({ "id": "refused", "text": "refused" });
    let refused = ann.try_call("SendMessage", (&notes, message)).await.expect_err("it cannot be kept");
    assert!(refused.starts_with("unavailable: "), "{refused}");
    set("off");
    until("writes", async || (ready().body == json!({ "ready": true })).then_some(())).await;
    ann.send(&notes, "after", "after").await;
}
