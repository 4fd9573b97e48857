//! Search in plain conversations.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, start_with, until};

on_both_stores!(one_finds_what_one_may_read, what_was_written_before_is_found_later);

/// `(conversation, seq)` of what is found, page by page.
async fn find(client: &Client, text: &str, request: Value) -> Vec<(String, u64)> {
    let (mut found, mut request) = (Vec::new(), request);
    loop {
        let page = client.call("SearchMessages", (text, &request)).await;
        for message in page["messages"].as_array().expect("messages") {
            let seq = message["seq"].as_u64().expect("a seq");
            found.push((message["conversation"].as_str().expect("an id").to_owned(), seq));
        }
        if page["next"].is_null() {
            return found;
        }
        request["before"] = page["next"].clone();
    }
}

/// Waits until exactly that is found.
async fn found(client: &Client, text: &str, request: Value, expected: &[(&String, u64)]) {
    let expected: Vec<_> = expected.iter().map(|(id, seq)| ((*id).clone(), *seq)).collect();
    let what = format!("{text:?} {request} to find {expected:?}");
    until(&what, async || (find(client, text, request.clone()).await == expected).then_some(())).await;
}

async fn one_finds_what_one_may_read(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let direct = alice.direct(&bob).await;
    let group = alice.group("Ours", &[&bob]).await;
    let letter = alice.send(&direct, "m1", "The red balloon, Grüße!").await;
    let early = alice.send(&group, "m1", "balloon before carol").await;
    alice.call("AddUserToGroup", (&group, carol.user())).await;
    let seen = bob.send(&group, "m1", "BALLOON for everyone").await;
    let all = json!({});

    found(&bob, "balloon", all.clone(), &[(&group, seen), (&group, early), (&direct, letter)]).await;
    found(&carol, "balloon", all.clone(), &[(&group, seen)]).await;
    found(&bob, "balloon", json!({ "limit": 1 }), &[(&group, seen), (&group, early), (&direct, letter)])
        .await;
    found(&bob, "balloon", json!({ "conversation": direct }), &[(&direct, letter)]).await;
    found(&bob, "GRÜSSE", all.clone(), &[]).await;
    found(&bob, "grüße red", all.clone(), &[(&direct, letter)]).await;
    found(&bob, "ball", all.clone(), &[(&group, seen), (&group, early), (&direct, letter)]).await;
    found(&bob, "ball ", all.clone(), &[]).await;

    // What people type is never a fault of theirs.
    for text in
        ["\"", "balloon*)", "a AND (", "NEAR/2", "' OR 1=1 --", "-balloon", "conversation:x", "%", "\\"]
    {
        if let Err(error) = bob.try_call("SearchMessages", (text,)).await {
            assert_eq!(error, "invalid: there is no word to search for", "{text}");
        }
    }
    for text in [String::new(), "x".repeat(257), "a b c d e f g h i j k l m n o p q".into()] {
        let error = bob.refused("SearchMessages", (text,)).await;
        assert!(error.starts_with("invalid: "), "{error}");
    }
    let error = bob.refused("SearchMessages", ("x", json!({ "before": "nonsense" }))).await;
    assert!(error.starts_with("invalid: "), "{error}");

    // Edited, deleted for everyone, deleted for oneself.
    alice.call("EditMessage", (&direct, letter, json!({ "text": "The blue kite" }))).await;
    found(&bob, "kite", all.clone(), &[(&direct, letter)]).await;
    found(&bob, "red", all.clone(), &[]).await;
    alice.call("DeleteMessage", (&direct, letter)).await;
    found(&bob, "kite", all.clone(), &[]).await;
    bob.call("HideMessage", (&group, early)).await;
    found(&bob, "balloon", all.clone(), &[(&group, seen)]).await;
    found(&alice, "balloon", all.clone(), &[(&group, seen), (&group, early)]).await;

    // Whoever was removed finds what was theirs, and nothing after it.
    alice.call("RemoveFromGroup", (&group, carol.user())).await;
    let late = alice.send(&group, "m2", "balloon without carol").await;
    found(&alice, "without", all.clone(), &[(&group, late)]).await;
    found(&carol, "balloon", all.clone(), &[(&group, seen)]).await;
    let path = format!("/api/messages/search?text=balloon&conversation={group}&limit=1");
    let answer = server.request("GET", &path, Some(&alice.account.access_token), None).expect("an answer");
    assert_eq!(answer.body["messages"][0]["seq"], late);
    assert!(answer.body["next"].is_string(), "{}", answer.body);
    let kind = json!({ "name": "Sealed", "kind": "mls" });
    let sealed = alice.call("InitiateGroupChatSession", (kind,)).await;
    let error = alice.refused("SearchMessages", ("x", json!({ "conversation": sealed }))).await;
    assert!(error.starts_with("invalid: "), "{error}");
}

async fn what_was_written_before_is_found_later(store: Store) {
    let mut server = start_with(store, &[("KITH_CHATS_SEARCH", "false")]);
    let alice = Client::register(&server, "alice").await;
    let notes = alice.direct(&alice).await;
    for number in 1..=300 {
        alice.send(&notes, &format!("m{number}"), &format!("note {number}")).await;
    }
    let error = alice.refused("SearchMessages", ("note",)).await;
    assert!(error.starts_with("forbidden: "), "{error}");
    let account = alice.account.clone();
    alice.leave().await;
    server.restart_with(&[("KITH_CHATS_SEARCH", "true")]).expect("a server");
    let alice = Client::connect(&server, &account).await;
    found(&alice, "300", json!({}), &[(&notes, 300)]).await;
    let all: Vec<_> = (1..=300).rev().map(|seq| (&notes, seq)).collect();
    found(&alice, "note", json!({}), &all).await;
}
