//! S2: nobody waits for a slow reader. It is told to resync when it reads again, and then lacks nothing.

use serde_json::json;
use testkit::server::Store;

use crate::operating::{metrics_address, sample, scrape};
use crate::support::{Client, on_both_stores, start_with};

on_both_stores!(a_stalled_reader_delays_nobody_and_lacks_nothing);

/// Few frames may wait, and the rest of what is sent is more than the kernel takes.
const SMALL_QUEUE: [(&str, &str); 2] =
    [("KITH_LIMITS_CONNECTION_QUEUE_FRAMES", "16"), ("KITH_LIMITS_CONNECTION_QUEUE_BYTES", "65536")];
const MESSAGES: u64 = 300;
const MESSAGE_BYTES: usize = 60_000;

async fn a_stalled_reader_delays_nobody_and_lacks_nothing(store: Store) {
    let [frames, bytes] = SMALL_QUEUE;
    let server = start_with(store, &[frames, bytes, ("KITH_METRICS_LISTEN", "127.0.0.1:0")]);
    let metrics = metrics_address(&server).await;
    assert_eq!(sample(&scrape(metrics), "kith_resyncs_total"), 0.0);
    let alice = Client::register(&server, "alice").await;
    let mut bob = Client::register(&server, "bob").await;
    let (mut slow, wire) = Client::over_wire(&server, &server.register("slow")).await;
    // Another device of the same user, and one who never reads again.
    let (second, second_wire) = Client::over_wire(&server, &server.log_in("slow")).await;
    let (lost, lost_wire) = Client::over_wire(&server, &server.register("lost")).await;
    let group = alice.group("Ours", &[&bob, &slow, &lost]).await;
    slow.event_that("msg", |values| values[1] == 1).await;
    wire.stall();
    second_wire.stall();
    lost_wire.stall();

    let body = "x".repeat(MESSAGE_BYTES);
    for number in 0..MESSAGES {
        let seq = alice.send(&group, &format!("m{number}"), &format!("{number} {body}")).await;
        assert_eq!(seq, number + 2);
        // The other member has each of them before the next is sent.
        bob.event_that("msg", |values| values[1] == seq).await;
        if number == MESSAGES / 2 {
            // With its queue full, it goes without a word.
            second_wire.cut();
        }
    }
    drop((second, lost));

    wire.resume();
    let mut live = Vec::new();
    loop {
        match slow.take().await.expect("still connected").0.as_str() {
            "resync" => break,
            "msg" => live.push(()),
            _ => {}
        }
    }
    assert!(sample(&scrape(metrics), "kith_resyncs_total") >= 1.0);
    assert!((live.len() as u64) < MESSAGES, "all {MESSAGES} came though nobody read: the test shows nothing");

    let mut next = 2;
    loop {
        let page = slow.call("Sync", (json!({ "after": [[group, next - 1]] }),)).await;
        for message in page["messages"].as_array().expect("messages") {
            assert_eq!(message["seq"], json!(next), "everything, once and in order");
            next += 1;
        }
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(next, MESSAGES + 2);
    // And from here on it is live again.
    alice.send(&group, "last", "after it all").await;
    let values = slow.event_that("msg", |values| values[3]["text"] == "after it all").await;
    assert_eq!(values[1], json!(MESSAGES + 2));
}
