//! What a user does on one device, on the others: told while they are there, and found by those that were away.

use serde_json::{Value, json};
use testkit::server::{Account, Store, TestServer};

use crate::support::{Client, on_both_stores, start, text};

on_both_stores!(
    what_was_hidden_and_starred_while_away,
    marks_come_by_pages,
    what_was_set_and_seen_while_away,
    lists_that_changed_while_away,
    marks_survive_a_restart,
);

/// Alice with a phone that is there and a laptop that may come, and bob.
struct World {
    server: TestServer,
    phone: Client,
    bob: Client,
    laptop: Account,
}

async fn world(store: Store) -> World {
    let server = start(store);
    let phone = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let laptop = server.log_in("alice");
    World { server, phone, bob, laptop }
}

/// What a device asks that holds all messages up to there, and knows of marks up to there.
fn holding(conversation: &str, seq: u64, mark: impl Into<Option<u64>>) -> (Value,) {
    (json!({ "after": [[conversation, seq]], "afterMark": mark.into() }),)
}

fn mark(conversation: &str, seq: u64, kind: &str) -> Value {
    json!({ "conversation": conversation, "seq": seq, "kind": kind })
}

async fn what_was_hidden_and_starred_while_away(store: Store) {
    let World { server, phone, bob, laptop } = world(store).await;
    let direct = bob.direct(&phone).await;
    for number in 1..=4 {
        bob.send(&direct, &format!("m{number}"), "Hello").await;
    }
    // The laptop holds all of it, and goes.
    let away = Client::connect(&server, &laptop).await;
    let page = away.call("Sync", (json!({ "after": [[direct, 0]] }),)).await;
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(4));
    assert_eq!((&page["mark"], &page["marks"]), (&json!(0), &Value::Null), "nothing is marked yet");
    away.leave().await;

    phone.call("HideMessage", (&direct, 2)).await;
    phone.call("HideMessage", (&direct, 2)).await;
    phone.call("StarMessage", (&direct, 1, true)).await;
    phone.call("StarMessage", (&direct, 3, true)).await;
    phone.call("StarMessage", (&direct, 3, true)).await;
    phone.call("StarMessage", (&direct, 1, false)).await;

    let mut back = Client::connect(&server, &laptop).await;
    let page = back.call("Sync", holding(&direct, 4, 0)).await;
    let expected =
        json!([mark(&direct, 2, "hidden"), mark(&direct, 3, "starred"), mark(&direct, 1, "unstarred")]);
    assert_eq!(page["marks"], expected);
    assert_eq!(page["messages"], json!([]));
    let known = page["mark"].as_u64().expect("a number");
    let page = back.call("Sync", holding(&direct, 4, known)).await;
    assert_eq!((&page["mark"], &page["marks"]), (&json!(known), &Value::Null), "told once");

    // Live, and once more by the next Sync.
    phone.call("HideMessage", (&direct, 4)).await;
    assert_eq!(back.event("hide").await, json!([direct, 4]));
    let page = back.call("Sync", holding(&direct, 4, known)).await;
    assert_eq!(page["marks"], json!([mark(&direct, 4, "hidden")]));
    // Whoever holds nothing is told of nothing, but from where on.
    let page = back.call("Sync", (json!({ "after": [[direct, 0]] }),)).await;
    assert_eq!((&page["marks"], page["mark"].as_u64() > Some(known)), (&Value::Null, true));
    let seqs: Vec<_> = page["messages"].as_array().expect("messages").iter().map(|it| &it["seq"]).collect();
    assert_eq!(seqs, [1, 3], "what is hidden is not read again");
    let page = bob.call("Sync", holding(&direct, 4, 0)).await;
    assert_eq!((&page["mark"], &page["marks"]), (&json!(0), &Value::Null), "alice's marks are hers");
    // Over REST the same.
    let body = holding(&direct, 4, known).0;
    let answer = server.request("POST", "/api/messages/sync", Some(&laptop.access_token), Some(&body));
    assert_eq!(answer.expect("an answer").body["marks"], json!([mark(&direct, 4, "hidden")]));
}

async fn marks_come_by_pages(store: Store) {
    let World { server: _server, phone, bob, .. } = world(store).await;
    let direct = bob.direct(&phone).await;
    // Each takes the place of the one before, so that few entries make few marks.
    let seqs: Vec<u64> = (1..=260).collect();
    for seq in &seqs {
        bob.send(&direct, &format!("m{seq}"), "Hello").await;
    }
    for seq in &seqs {
        phone.call("HideMessage", (&direct, seq)).await;
        phone.call("StarMessage", (&direct, seq, true)).await;
    }
    let first = phone.call("Sync", holding(&direct, 260, 0)).await;
    assert_eq!((first["marks"].as_array().map(Vec::len), &first["more"]), (Some(500), &json!(true)));
    let next = first["mark"].as_u64().expect("a number");
    let second = phone.call("Sync", holding(&direct, 260, next)).await;
    assert_eq!((second["marks"].as_array().map(Vec::len), &second["more"]), (Some(20), &json!(false)));
    let told = [&first, &second].map(|page| page["marks"].as_array().expect("marks").clone()).concat();
    let expected =
        seqs.iter().flat_map(|seq| [mark(&direct, *seq, "hidden"), mark(&direct, *seq, "starred")]);
    assert_eq!(told, expected.collect::<Vec<_>>());
}

async fn what_was_set_and_seen_while_away(store: Store) {
    let World { server, phone, bob, laptop } = world(store).await;
    let mut there = Client::connect(&server, &server.log_in("alice")).await;
    let (direct, group) = (bob.direct(&phone).await, bob.group("Us", &[&phone]).await);
    bob.send(&direct, "m1", "Hello").await;
    let last = bob.send(&direct, "m2", "Hello again").await;
    let until = 4_000_000_000_000_u64;
    phone.call("SetArchived", (&direct, true)).await;
    phone.call("SetMuted", (&group, until)).await;
    phone.call("MarkSeen", (&direct, last - 1)).await;
    phone.call("MarkSeen", (&direct, last - 1)).await;
    phone.call("MarkSeen", (&direct, last)).await;
    assert_eq!(there.event("set").await, json!([direct, { "archived": true }]));
    assert_eq!(there.event("set").await, json!([group, { "archived": false, "mutedUntil": until }]));
    assert_eq!(there.event("seen").await, json!([direct, last - 1]));
    assert_eq!(there.event("seen").await, json!([direct, last]), "a repetition is no news");

    let back = Client::connect(&server, &laptop).await;
    let page = back.call("Sync", ()).await;
    let of = |id: &str| page["conversations"].as_array().and_then(|all| all.iter().find(|it| it["id"] == id));
    let (direct, group) = (of(&direct).expect("there"), of(&group).expect("there"));
    assert_eq!(
        (&direct["archived"], &direct["seen"], &direct["unread"]),
        (&json!(true), &json!(last), &json!(0))
    );
    assert_eq!((&group["archived"], &group["mutedUntil"]), (&Value::Null, &json!(until)));
}

async fn lists_that_changed_while_away(store: Store) {
    let World { server, phone, bob, laptop } = world(store).await;
    let carol = Client::register(&server, "carol").await;
    let mut there = Client::connect(&server, &server.log_in("alice")).await;
    phone.call("AddContact", (bob.user(),)).await;
    assert_eq!(there.event("own").await, json!(["contacts"]));
    phone.call("RemoveContact", (bob.user(),)).await;
    phone.call("AddContact", (carol.user(),)).await;
    for _ in 0..2 {
        assert_eq!(there.event("own").await, json!(["contacts"]));
    }
    phone.call("Block", (bob.user(),)).await;
    assert_eq!(there.event("own").await, json!(["blocks"]));
    phone.call("SetPrivacy", (json!({ "lastSeen": "nobody" }),)).await;
    assert_eq!(there.event("own").await, json!(["privacy"]));
    phone.call("UpdateProfile", (json!({ "about": "Away" }),)).await;
    assert_eq!(there.event("own").await, json!(["profile"]));
    // Signing in elsewhere was a notification.
    let unread = phone.call("ListNotifications", ()).await;
    let first = text(&unread["notifications"][0]["id"]);
    assert!(unread["unread"].as_u64() > Some(0), "{unread}");
    phone.call("MarkNotificationRead", (&first,)).await;
    assert_eq!(there.event("own").await, json!(["notifications"]));
    phone.call("MarkAllNotificationsRead", ()).await;
    assert_eq!(there.event("own").await, json!(["notifications"]));

    let back = Client::connect(&server, &laptop).await;
    let users = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().map(|it| text(&it["user"]["id"])).collect()
    };
    assert_eq!(users(&back.call("ListContacts", ()).await["contacts"]), [carol.user()]);
    assert_eq!(users(&back.call("ListBlocked", ()).await), [bob.user()]);
    assert_eq!(back.call("GetPrivacy", ()).await["lastSeen"], "nobody");
    assert_eq!(back.call("GetProfile", (phone.user(),)).await["about"], "Away");
    assert_eq!(back.call("ListNotifications", ()).await["unread"], 0);
    phone.call("Unblock", (bob.user(),)).await;
    assert_eq!(back.call("ListBlocked", ()).await, json!([]));
}

async fn marks_survive_a_restart(store: Store) {
    let World { mut server, phone, bob, laptop } = world(store).await;
    let direct = bob.direct(&phone).await;
    bob.send(&direct, "m1", "Hello").await;
    phone.call("HideMessage", (&direct, 1)).await;
    drop((phone, bob));
    server.restart().expect("started again");
    let back = Client::connect(&server, &laptop).await;
    let page = back.call("Sync", holding(&direct, 1, 0)).await;
    assert_eq!(page["marks"], json!([mark(&direct, 1, "hidden")]));
}
