//! S2: several connections of one user, and what each of them is told.

use serde_json::json;
use signalr::Protocol;
use signalr::client::CloseReason;
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, start_with, text};

on_both_stores!(every_connection_of_a_user_is_told, both_sides_at_once_start_one_conversation);

async fn every_connection_of_a_user_is_told(store: Store) {
    let server = start(store);
    let mut alice = Client::register(&server, "alice").await;
    let mut same_device = Client::connect_with(&server, &alice.account, Protocol::Json).await;
    let mut other_device = Client::connect(&server, &server.log_in("alice")).await;
    let bob = Client::register(&server, "bob").await;
    let direct = bob.direct(&alice).await;
    bob.send(&direct, "1", "to all of alice").await;
    for client in [&mut alice, &mut same_device, &mut other_device] {
        let values = client.event("msg").await;
        assert_eq!((&values[1], &values[3]["text"]), (&json!(1), &json!("to all of alice")));
    }
    // Her own messages come to her other connections, and not to the one that sent them.
    alice.send(&direct, "2", "from alice").await;
    bob.send(&direct, "3", "last").await;
    for (client, expected) in
        [(&mut alice, vec![]), (&mut same_device, vec![2]), (&mut other_device, vec![2])]
    {
        let seqs: Vec<_> = client.messages_up_to("last").await.into_iter().map(|(_, seq)| seq).collect();
        assert_eq!(seqs, expected, "{:?}", client.account);
    }
    // Each device has what it has not acknowledged; what it sent itself it has.
    same_device.call("Acknowledge", (&direct, 3)).await;
    assert_eq!(alice.call("ReadNewMessages", ()).await["messages"], json!([]), "one device, one cursor");
    let page = other_device.call("ReadNewMessages", ()).await;
    let seqs: Vec<_> =
        page["messages"].as_array().expect("messages").iter().map(|it| it["seq"].clone()).collect();
    assert_eq!(seqs, [1, 2, 3]);

    // The same id from another device is another message.
    assert_eq!(other_device.send(&direct, "2", "from alice's other device").await, 4);
    assert_eq!(same_device.send(&direct, "2", "whatever").await, 2);
}

async fn both_sides_at_once_start_one_conversation(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let calls = [(&alice, &bob), (&bob, &alice)].into_iter().cycle().take(16);
    let calls = calls.map(|(from, to)| from.call("InitiateDirectChatSession", (to.user(),)));
    let ids: Vec<_> = futures_util::future::join_all(calls).await.iter().map(text).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let create = json!({ "name": "Once", "members": [bob.user()], "id": "once" });
    let calls = (0..4).map(|_| alice.call("InitiateGroupChatSession", (&create,)));
    let ids: Vec<_> = futures_util::future::join_all(calls).await.iter().map(text).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(bob.call("LoadConversations", ()).await.as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_user_has_so_many_connections_and_no_more() {
    let server = start_with(Store::Sqlite, &[("KITH_LIMITS_MAX_CONNECTIONS_PER_USER", "2")]);
    let alice = Client::register(&server, "alice").await;
    let second = Client::connect(&server, &alice.account).await;
    let mut third = Client::open(&server, &alice.account, Protocol::MessagePack).await;
    match third.closed().await {
        CloseReason::Server { error: Some(error), allow_reconnect: false } => {
            assert!(error.contains("rate_limited"), "{error}");
        }
        reason => panic!("closed otherwise: {reason:?}"),
    }
    second.leave().await;
    // The place is free again, as soon as the server has noticed.
    crate::support::until("a place", async || {
        let client = Client::open(&server, &alice.account, Protocol::MessagePack).await;
        client.try_call("WhoAmI", ()).await.ok()
    })
    .await;
}
