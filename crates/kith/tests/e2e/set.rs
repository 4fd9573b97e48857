//! C9, N3: what a member sets for a conversation, on all their devices and nobody else's.

use serde_json::json;
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start};

on_both_stores!(what_is_put_away_stays_away, history_by_user_is_of_their_conversation);

async fn what_is_put_away_stays_away(store: Store) {
    let mut server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let mut second = Client::connect(&server, &server.log_in("bob")).await;
    let id = bob.direct(&alice).await;
    let other = bob.group("Others", &[]).await;
    let set = bob.call("SetArchived", (&id, true)).await;
    assert_eq!(set, json!({ "archived": true }));
    assert_eq!(second.event("set").await, json!([id, { "archived": true }]), "one's own other device");
    let until = 8_000_000_000_000_u64;
    bob.call("SetMuted", (&id, until)).await;
    assert_eq!(second.event("set").await, json!([id, { "archived": true, "mutedUntil": until }]));
    alice.send(&id, "a", "are you there?").await;
    second.event_that("msg", |values| values[3]["text"] == "are you there?").await;
    server.kill().expect("killed");
    server.restart().expect("started again");

    let (alice, bob) =
        (Client::connect(&server, &alice.account).await, Client::connect(&server, &bob.account).await);
    let listed = async |who: &Client, filter| -> Vec<String> {
        let list = who.call("LoadConversations", (filter,)).await;
        list.as_array()
            .expect("a list")
            .iter()
            .map(|it| it["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(
        listed(&bob, json!({ "archived": true })).await,
        std::slice::from_ref(&id),
        "a message does not bring it back"
    );
    assert_eq!(listed(&bob, json!({ "archived": false })).await, std::slice::from_ref(&other));
    assert_eq!(listed(&bob, json!({})).await.len(), 2);
    assert_eq!(listed(&alice, json!({ "archived": true })).await, Vec::<String>::new(), "hers is hers");
    let page = bob.call("Sync", ()).await;
    let ours =
        page["conversations"].as_array().expect("conversations").iter().find(|it| it["id"] == json!(id));
    let ours = ours.expect("it is there");
    assert_eq!(
        (&ours["archived"], &ours["mutedUntil"], &ours["unread"]),
        (&json!(true), &json!(until), &json!(1))
    );
    let theirs = alice.call("GetConversation", (&id,)).await;
    assert!(theirs["archived"].is_null() && theirs["mutedUntil"].is_null());

    // By the other door, and back.
    let put = |what: &str, body| {
        let path = format!("/api/conversations/{id}/{what}");
        server.request("PUT", &path, Some(&bob.account.access_token), Some(&body)).expect("an answer")
    };
    assert_eq!(
        put("archived", json!({ "archived": false })).body,
        json!({ "archived": false, "mutedUntil": until })
    );
    assert_eq!(put("muted", json!({})).body, json!({ "archived": false }));
    assert_eq!(put("muted", json!({ "until": -1 })).status, 422);
    let path = "/api/conversations?archived=false";
    let list = server.request("GET", path, Some(&bob.account.access_token), None).expect("an answer");
    assert_eq!(list.body.as_array().map(Vec::len), Some(2));
    let error = bob.refused("SetArchived", ("g_00000000000000000000000004", true)).await;
    assert!(error.starts_with("not_found"), "{error}");
    let error = alice.refused("SetMuted", (&other, 1)).await;
    assert!(error.starts_with("not_found"), "{error}");
}

/// Seed 003's `GET /api/messages/{userID}/history`.
async fn history_by_user_is_of_their_conversation(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let history = |who: &Client, of: &Client| {
        let path = format!("/api/messages/{}/history", of.user());
        server.request("GET", &path, Some(&who.account.access_token), None).expect("an answer")
    };
    assert_eq!(history(&alice, &bob).status, 404, "none yet, and none is made");
    // A sealed one alone is found; with a plain one beside it, that is meant.
    let sealed = alice.call("InitiateDirectChatSession", (bob.user(), "mls")).await;
    assert_eq!(history(&alice, &bob).body, json!({ "messages": [], "more": false }));
    let id = alice.direct(&bob).await;
    assert_ne!(json!(id), sealed);
    alice.send(&id, "a", "hello").await;
    let of_others = carol.direct(&bob).await;
    carol.send(&of_others, "b", "not for alice").await;
    for (who, of) in [(&alice, &bob), (&bob, &alice)] {
        let messages = history(who, of).body["messages"].clone();
        assert_eq!(messages.as_array().map(Vec::len), Some(1), "{messages}");
        assert_eq!(messages[0]["body"]["text"], "hello");
    }
    assert_eq!(history(&alice, &carol).status, 404);
    assert_eq!(history(&alice, &alice).status, 404, "no notes yet");
}
