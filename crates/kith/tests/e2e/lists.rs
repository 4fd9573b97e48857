//! What users have of conversations: pages of them, what of them is unread, and what is kept while one is away.

use serde_json::{Value, json};
use testkit::server::{Store, TestServer};

use crate::support::{Client, on_both_stores, start, start_with};

on_both_stores!(
    a_muted_conversation_gives_no_notice,
    the_last_unread_message_is_named_and_not_ones_own,
    what_is_seen_on_one_device_is_seen_on_all,
    who_comes_back_finds_what_was_set_and_seen,
);

async fn notifications(client: &Client, kind: &str) -> (u64, Vec<Value>) {
    let page = client.call("ListNotifications", ()).await;
    let all = page["notifications"].as_array().expect("a list").iter();
    let of_kind = all.filter(|notification| notification["kind"] == kind).cloned().collect();
    (page["unread"].as_u64().expect("a number"), of_kind)
}

fn mention(client: &Client, id: &str) -> Value {
    json!({ "id": id, "body": { "type": "text", "text": "you", "mentions": [client.user()] } })
}

async fn a_muted_conversation_gives_no_notice(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let group = ann.group("loud", &[&bob]).await;
    let direct = ann.direct(&bob).await;
    bob.call("MarkAllNotificationsRead", ()).await;
    ann.send(&group, "m1", "one").await;
    ann.send(&direct, "m2", "two").await;
    assert_eq!(notifications(&bob, "messages").await.0, 2);
    bob.call("SetMuted", (&group, 1_i64 << 50)).await;
    let (unread, messages) = notifications(&bob, "messages").await;
    assert_eq!((unread, messages.len(), &messages[0]["id"]), (1, 1, &json!(direct)));
    // Whoever names one still reaches one.
    ann.call("SendMessage", (&group, mention(&bob, "m3"))).await;
    let (unread, mentions) = notifications(&bob, "mention").await;
    assert_eq!((unread, mentions.len(), &mentions[0]["read"]), (2, 1, &json!(false)));
    // What is muted is not looked at by looking at everything else.
    bob.call("MarkAllNotificationsRead", ()).await;
    assert_eq!(notifications(&bob, "messages").await.0, 0);
    assert_eq!(bob.call("GetConversation", (&group,)).await["unread"], 2);
    bob.call("SetMuted", (&group, 0)).await;
    let (unread, messages) = notifications(&bob, "messages").await;
    assert_eq!((unread, &messages[0]["id"], &messages[0]["count"]), (1, &json!(group), &json!(2)));
}

async fn the_last_unread_message_is_named_and_not_ones_own(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let group = ann.group("talk", &[&bob]).await;
    ann.send(&group, "m1", "first").await;
    let asked = ann.send(&group, "m2", "and you?").await;
    for number in 0..60 {
        bob.send(&group, &format!("a{number}"), "my answer").await;
    }
    ann.call("UpdateGroup", (&group, json!({ "name": "talks" }))).await;
    ann.call("React", (&group, asked + 1, "👍")).await;
    let (_, messages) = notifications(&bob, "messages").await;
    let [unread] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(
        (&unread["seq"], &unread["by"], &unread["count"]),
        (&json!(asked), &json!(ann.user()), &json!(2))
    );
    assert_eq!(unread["name"], "talks");
    // With the last one gone, it is the one before.
    bob.call("HideMessage", (&group, asked)).await;
    let (_, messages) = notifications(&bob, "messages").await;
    assert_eq!((&messages[0]["seq"], &messages[0]["count"]), (&json!(asked - 1), &json!(1)));
}

async fn what_is_seen_on_one_device_is_seen_on_all(store: Store) {
    let server = start(store);
    let ann = Client::register(&server, "ann").await;
    let mut phone = Client::register(&server, "bob").await;
    let mut laptop = Client::connect(&server, &server.log_in("bob")).await;
    let group = ann.group("talk", &[&phone]).await;
    let named = ann.call("SendMessage", (&group, mention(&phone, "m1"))).await["seq"].clone();
    let deleted = ann.call("SendMessage", (&group, mention(&phone, "m2"))).await["seq"].clone();
    let kept = ann.call("SendMessage", (&group, mention(&phone, "m3"))).await["seq"].clone();
    phone.call("MarkSeen", (&group, &named)).await;
    let seen = laptop.event("seen").await;
    assert_eq!((&seen[0], &seen[1]), (&json!(group), &named));
    // Seen again it is no news, nor is it to the device that has seen it; and what is deleted names nobody.
    phone.call("MarkSeen", (&group, &named)).await;
    ann.call("DeleteMessage", (&group, &deleted)).await;
    let (_, mentions) = notifications(&laptop, "mention").await;
    let mut read: Vec<_> = mentions.iter().map(|it| (it["seq"].clone(), it["read"] == true)).collect();
    read.sort_by_key(|(seq, _)| seq.as_u64());
    assert_eq!(read, [(named, true), (deleted, true), (kept.clone(), false)]);
    laptop.call("MarkSeen", (&group, &kept)).await;
    let seen = phone.event("seen").await;
    assert_eq!(seen[1], kept, "its own is not told to it");
    assert!(notifications(&phone, "mention").await.1.iter().all(|it| it["read"] == true));
}

async fn who_comes_back_finds_what_was_set_and_seen(store: Store) {
    let server = start(store);
    let ann = Client::register(&server, "ann").await;
    let mut bob = Client::register(&server, "bob").await;
    let mut cid = Client::register(&server, "cid").await;
    let group = ann.group("club", &[&bob]).await;
    bob.event("conv").await;
    let last = ann.send(&group, "m1", "hello").await;
    bob.call("MarkSeen", (&group, last)).await;
    bob.call("SetArchived", (&group, true)).await;
    bob.call("SetMuted", (&group, 1_i64 << 50)).await;
    ann.call("RemoveFromGroup", (&group, bob.user())).await;
    ann.send(&group, "m2", "without him").await;
    ann.call("AddUsersToGroup", (&group, [bob.user(), cid.user()])).await;
    let told = bob.event("conv").await[0].clone();
    let asked = bob.call("GetConversation", (&group,)).await;
    for field in ["delivered", "seen", "unread", "archived", "mutedUntil", "firstSeq", "lastSeq"] {
        assert_eq!(told[field], asked[field], "{field}: {told} {asked}");
    }
    assert_eq!((&told["seen"], &told["unread"]), (&json!(last), &json!(0)));
    assert_eq!((&told["archived"], &told["mutedUntil"]), (&json!(true), &json!(1_i64 << 50)));
    // Nothing of it is told to whoever came with him.
    let new = cid.event("conv").await[0].clone();
    assert_eq!((&new["seen"], &new["delivered"]), (&json!(0), &json!(0)));
    assert!(new.get("archived").is_none_or(|archived| archived == false), "{new}");
}

fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|summary| summary["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_come_in_pages() {
    const GROUPS: usize = 103;
    let settings = [
        ("KITH_LIMITS_MAX_PAGE_CONVERSATIONS", "100"),
        ("KITH_LIMITS_GROUPS_PER_ACCOUNT", "0"),
        ("KITH_LIMITS_REQUESTS_PER_ACCOUNT", "0"),
    ];
    let server: TestServer = start_with(Store::Sqlite, &settings);
    let alice = Client::register(&server, "alice").await;
    let mut made = Vec::new();
    for number in 0..GROUPS {
        made.push(alice.group(&format!("Group {number}"), &[]).await);
        alice.send(&made[number], "m", "hello").await;
    }
    let first = ids(&alice.call("LoadConversations", ()).await);
    assert_eq!(first.len(), 100, "the bound holds without a limit");
    let path = format!("/api/conversations?after={}", first[99]);
    let token = Some(alice.account.access_token.as_str());
    let second = ids(&server.request("GET", &path, token, None).expect("an answer").body);
    assert_eq!(second.len(), 3);
    let mut all: Vec<_> = first.iter().chain(&second).cloned().collect();
    all.sort();
    made.sort();
    assert_eq!(all, made);
    let two = ids(&alice.call("LoadConversations", (json!({ "limit": 2, "after": first[0] }),)).await);
    assert_eq!(two, first[1..3]);
    let foreign = json!({ "after": "c_00000000000000000000000000" });
    assert!(alice.refused("LoadConversations", (foreign,)).await.contains("not_found"));
    assert!(alice.refused("LoadConversations", (json!({ "limit": 0 }),)).await.contains("invalid"));
    // A sync brings as many, and its later pages none if they need not.
    let page = alice.call("Sync", (json!({ "limit": 1 }),)).await;
    assert_eq!((ids(&page["conversations"]), &page["more"]), (first, &json!(true)));
    let page = alice.call("Sync", (json!({ "limit": 1, "withoutConversations": true }),)).await;
    assert_eq!((&page["conversations"], &page["more"]), (&json!([]), &json!(true)));
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(1));
}
