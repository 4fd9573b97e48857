//! C6: what has been delivered, or is older than it may be, is gone from the server; the log stays whole.

use serde_json::{Value, json};
use testkit::server::{Store, TestServer};

use crate::support::{Client, on_both_stores, start_with, until};

on_both_stores!(
    what_all_devices_have_is_gone_from_the_server,
    seconds_go_by_and_bodies_go_though_the_server_is_killed,
    retention_is_for_those_who_may_set_it,
    what_is_due_is_read_no_more_though_nobody_has_swept,
);

/// What stands in place of a body that is gone.
const EXPIRED: &str = "expired";

fn types(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["body"]["type"].as_str().unwrap_or("sealed")).collect()
}

async fn until_types(client: &Client, conversation: &str, expected: &[&str]) {
    until("bodies go", async || (types(&client.history(conversation).await) == expected).then_some(())).await;
}

fn quick(store: Store) -> TestServer {
    start_with(store, &[("KITH_CHATS_SWEEP_EVERY_S", "1")])
}

async fn what_all_devices_have_is_gone_from_the_server(store: Store) {
    let server =
        start_with(store, &[("KITH_CHATS_RETENTION", "until_delivered"), ("KITH_CHATS_SWEEP_EVERY_S", "1")]);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let tablet = Client::connect(&server, &server.log_in("bob")).await;
    let id = alice.direct(&bob).await;
    assert_eq!(alice.call("GetConversation", (&id,)).await["retention"], "until_delivered");
    let secret = "the cake is in the cellar";
    assert_eq!(alice.send(&id, "m1", secret).await, 1);
    bob.call("Acknowledge", (&id, 1)).await;
    // Some passes later it still waits for the tablet.
    alice.send(&id, "m2", "and the tea").await;
    bob.call("Acknowledge", (&id, 2)).await;
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(types(&bob.history(&id).await), ["text", "text"]);
    tablet.call("Acknowledge", (&id, 1)).await;
    until_types(&bob, &id, &[EXPIRED, "text"]).await;
    // A device that is signed out is waited for no more.
    bob.call("RevokeSession", (&tablet.account.device,)).await;
    until_types(&bob, &id, &[EXPIRED, EXPIRED]).await;
    // Late repeats, ticks and numbers are as they were.
    let again = alice.call("SendMessage", (&id, json!({ "id": "m1", "text": secret }))).await;
    assert_eq!(again["seq"], 1);
    let info = alice.call("MessageInfo", (&id, 1)).await;
    assert_eq!(info["status"], "delivered");
    assert_eq!(alice.send(&id, "m3", "third").await, 3);
    let page = bob.call("Sync", (json!({ "after": [[id, 0]] }),)).await;
    assert_eq!(types(page["messages"].as_array().expect("messages")), [EXPIRED, EXPIRED, "text"]);
    let list = bob.call("LoadConversations", ()).await;
    assert_eq!((&list[0]["lastSeq"], &list[0]["unread"]), (&json!(3), &json!(3)));
    // For good means for good.
    bob.call("SetRetention", (&id, "forever")).await;
    assert_eq!(bob.call("GetConversation", (&id,)).await["retention"], Value::Null);
}

async fn seconds_go_by_and_bodies_go_though_the_server_is_killed(store: Store) {
    let mut server = quick(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let group = alice.group("Ours", &[&bob]).await;
    let kept = alice.group("Kept", &[&bob]).await;
    alice.send(&kept, "k", "for good").await;
    assert_eq!(alice.call("SetRetention", (&group, "seconds:2")).await, json!(2));
    for number in 0..20 {
        alice.send(&group, &format!("m{number}"), "soon gone").await;
    }
    server.kill().expect("killed");
    server.restart().expect("started again");
    let bob = Client::connect(&server, &bob.account).await;
    let mut expected = vec!["created", "info"];
    expected.extend([EXPIRED; 20]);
    until_types(&bob, &group, &expected).await;
    let log = bob.history(&group).await;
    let seqs: Vec<_> = log.iter().map(|it| it["seq"].as_u64().expect("a seq")).collect();
    assert_eq!(seqs, (1..=22).collect::<Vec<_>>());
    assert_eq!(log[1]["body"], json!({ "type": "info", "retention": "seconds:2" }));
    assert_eq!(types(&bob.history(&kept).await), ["created", "text"]);
}

async fn retention_is_for_those_who_may_set_it(store: Store) {
    let server = quick(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let mallory = Client::register(&server, "mallory").await;
    let group = alice.group("Ours", &[&bob]).await;
    let direct = alice.direct(&bob).await;
    alice.send(&direct, "a", "keep this").await;
    for (who, id, code) in
        [(&bob, &group, "forbidden"), (&mallory, &group, "not_found"), (&mallory, &direct, "not_found")]
    {
        let error = who.refused("SetRetention", (id, "seconds:1")).await;
        assert!(error.starts_with(code), "{error}");
    }
    for wrong in ["days:0", "days:99999", "seconds:-1", "never", ""] {
        let error = alice.refused("SetRetention", (&direct, wrong)).await;
        assert!(error.starts_with("invalid"), "{wrong}: {error}");
    }
    // Nobody writes a tombstone of their own.
    for forged in [json!({ "type": "expired" }), json!({ "type": "info", "retention": "forever" })] {
        let error = bob.refused("SendMessage", (&direct, json!({ "body": forged }))).await;
        assert!(error.starts_with("invalid"), "{error}");
    }
    let path = format!("/api/conversations/{direct}/retention");
    let token = Some(bob.account.access_token.as_str());
    let set =
        server.request("PUT", &path, token, Some(&json!({ "retention": "days:1" }))).expect("an answer");
    assert_eq!((set.status, &set.body["seq"]), (200, &json!(2)), "either of the two");
    assert_eq!(alice.call("GetConversation", (&direct,)).await["retention"], "days:1");
    assert_eq!(types(&alice.history(&direct).await), ["text", "info"]);
}

async fn what_is_due_is_read_no_more_though_nobody_has_swept(store: Store) {
    let server = start_with(store, &[("KITH_CHATS_SWEEP_EVERY_S", "3600")]);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let group = alice.group("Ours", &[&bob]).await;
    let notes = bob.direct(&bob).await;
    let seq = alice.send(&group, "m1", "balloon").await;
    bob.call("React", (&group, seq, "🎉")).await;
    alice.call("PinMessage", (&group, seq, true)).await;
    bob.call("StarMessage", (&group, seq, true)).await;
    until("it can be found", async || {
        let page = bob.call("SearchMessages", ("balloon",)).await;
        (page["messages"][0]["seq"] == json!(seq)).then_some(())
    })
    .await;
    alice.call("SetRetention", (&group, "seconds:1")).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;

    let expired = ["created", EXPIRED, EXPIRED, EXPIRED, "info"];
    let history = bob.history(&group).await;
    assert_eq!(types(&history), expired);
    assert!(!json!(history).to_string().contains("🎉"), "{history:?}");
    let page = bob.call("Sync", (json!({ "after": [[group, 0]] }),)).await;
    assert_eq!(types(page["messages"].as_array().expect("messages")), expired);
    assert_eq!(bob.call("SearchMessages", ("balloon",)).await["messages"], json!([]));
    assert_eq!(bob.call("ListPinned", (&group,)).await, json!([]));
    assert_eq!(bob.call("ListStarred", ()).await["messages"], json!([]));
    for (command, arguments) in [
        ("EditMessage", json!([group, seq, { "text": "kite" }])),
        ("React", json!([group, seq, "🎉"])),
        ("PinMessage", json!([group, seq, true])),
        ("ForwardMessage", json!([group, seq, notes])),
    ] {
        let who = if command == "ForwardMessage" { &bob } else { &alice };
        let error = who.refused(command, arguments).await;
        assert!(error.starts_with("not_found: "), "{command}: {error}");
    }
    // The last message, from memory too.
    let last = alice.send(&group, "m2", "kite").await;
    let shown = async || bob.call("GetConversation", (&group,)).await["lastMessage"]["body"]["type"].clone();
    assert_eq!(shown().await, "text");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(shown().await, EXPIRED);
    // Whoever keeps what comes for longer gets nothing of it back.
    alice.call("SetRetention", (&group, "forever")).await;
    let history = bob.history(&group).await;
    assert_eq!(types(&history), ["created", EXPIRED, EXPIRED, EXPIRED, "info", EXPIRED, "info"]);
    assert_eq!(history[usize::try_from(last).expect("small") - 1]["seq"], json!(last));
}
