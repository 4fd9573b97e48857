//! S6: a server that is asked to end lets its clients go with leave to come back, and has written what it answered.

use std::collections::HashMap;

use serde_json::json;
use signalr::client::CloseReason;
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, within};

on_both_stores!(a_stopping_server_loses_nothing);

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
