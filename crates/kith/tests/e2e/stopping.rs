//! S6: a server that is asked to end lets its clients go with leave to come back, and has written what it answered.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;
use signalr::client::CloseReason;
use testkit::server::Store;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Client, on_both_stores, start, start_with, within};

on_both_stores!(a_stopping_server_loses_nothing);

/// A request that never comes to its end and a client of the hub that does not read do not add up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stops_in_the_time_that_it_has() {
    const LIMIT: Duration = Duration::from_secs(10);
    let mut server = start_with(Store::Sqlite, &[("KITH_SERVER_DRAIN_TIMEOUT_S", "10")]);
    let reader = Client::register(&server, "reader").await;
    let writer = Client::register(&server, "writer").await;
    let direct = writer.direct(&reader).await;
    let (stalled, wire) = Client::over_wire(&server, &reader.account).await;
    wire.stall();
    // More than the kernel takes, and less than the queue.
    for number in 0..14 {
        writer.send(&direct, &format!("m{number}"), &"x".repeat(60_000)).await;
    }
    let mut request = TcpStream::connect(server.address()).await.expect("connected");
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: kith\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    request.write_all(head.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    server.ask_to_end().expect("asked");
    assert!(server.wait().expect("ended").success(), "{}", server.log());
    let took = start.elapsed();
    // Twice the time would be 20 s.
    assert!(took < LIMIT + Duration::from_secs(6), "{took:?}");
    assert!(server.log().contains("some requests did not end in time"), "the test shows nothing");
    drop((stalled, request));
}

const CLIENTS: usize = 4;
const SENDS: usize = 300;

async fn a_stopping_server_loses_nothing(store: Store) {
    let mut server = start(store);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Client::register(&server, &format!("client-{number}")).await);
    }
    let others: Vec<_> = clients[1..].iter().collect();
    let group = clients[0].group("Ours", &others).await;
    // All on their way before the server is asked to end; the first answers say that it is at work.
    let mut answers = Vec::new();
    for client in &clients {
        for number in 0..SENDS {
            let id = format!("{}-{number}", client.account.username);
            let message = json!({ "id": id, "text": id });
            answers.push((id, client.connection().invoke_raw("SendMessage", (&group, message))));
        }
    }
    let mut answers = answers.into_iter();
    let mut places = HashMap::new();
    let (id, answer) = answers.next().expect("a send");
    let sent: serde_json::Value =
        within("an answer", answer).await.expect("an answer").decode().expect("an answer");
    places.insert(id, sent["seq"].as_u64().expect("a seq"));
    server.ask_to_end().expect("asked");
    for (id, answer) in answers {
        if let Ok(payload) = within("an answer, or the end", answer).await {
            let sent: serde_json::Value = payload.decode().expect("an answer");
            places.insert(id, sent["seq"].as_u64().expect("a seq"));
        }
    }
    for client in &mut clients {
        match client.closed().await {
            CloseReason::Server { error: None, allow_reconnect: true } => {}
            reason => panic!("closed otherwise: {reason:?}"),
        }
    }
    assert!(server.wait().expect("ended").success(), "{}", server.log());
    if let Store::Sqlite = store {
        let data = server.data();
        assert!(data.join("kith.db").exists() && !data.join("kith.db-wal").exists(), "all is in one file");
    }

    server.restart().expect("started again");
    let reader = Client::connect(&server, &clients[0].account).await;
    let log = reader.history(&group).await;
    let seqs: Vec<_> = log.iter().map(|message| message["seq"].as_u64().expect("a seq")).collect();
    assert_eq!(seqs, (1..=log.len() as u64).collect::<Vec<_>>());
    for (id, seq) in &places {
        let index = usize::try_from(*seq).expect("small") - 1;
        assert_eq!(log[index]["id"], json!(id), "answered {seq}");
    }
    println!("{} of {} answered", places.len(), CLIENTS * SENDS);
}
