//! C11 in plain conversations: edit, delete, reply, forward, react, pin, star, mention, search; live, and for who comes
//! back later.

mod search;

use serde_json::{Value, json};
use signalr::Protocol;
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, start_with};

on_both_stores!(
    who_is_there_and_who_comes_back_see_the_same,
    only_who_may_changes_what_was_said,
    what_is_deleted_for_oneself_is_gone_on_all_devices,
    pins_and_stars_are_listed,
    a_message_is_forwarded_without_its_author,
    replies_and_mentions_name_what_is_there,
    repeated_they_happen_once,
    annotations_do_not_count,
);

/// An event `msg`: kind and body.
async fn annotation(client: &mut Client, kind: &str) -> Value {
    let values = client.event_that("msg", |values| values[3]["type"] == kind).await;
    assert_eq!(values[7], "annotation");
    values[3].clone()
}

/// Entry `seq` of a conversation's history.
fn at(messages: &[Value], seq: u64) -> &Value {
    messages
        .iter()
        .find(|message| message["seq"] == seq)
        .unwrap_or_else(|| panic!("no {seq} in {messages:?}"))
}

async fn who_is_there_and_who_comes_back_see_the_same(store: Store) {
    let server = start(store);
    let mut alice = Client::register(&server, "alice").await;
    let mut bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let group = alice.group("Trio", &[&bob, &carol]).await;
    let first = alice.send(&group, "a1", "Hello").await;
    let secret = alice.send(&group, "a2", "my password is hunter2").await;
    let liked = bob.send(&group, "b1", "Nice").await;
    carol.call("Acknowledge", (&group, first)).await;
    let account = carol.account.clone();
    carol.leave().await;

    // Two edits, a deletion, reactions that change.
    let sent = alice.call("EditMessage", (&group, first, json!({ "text": "Helo", "id": "e1" }))).await;
    assert_eq!((&sent["id"], &sent["seq"]), (&json!("e1"), &json!(liked + 1)));
    alice.call("EditMessage", (&group, first, json!({ "text": "Hello!", "id": "e2" }))).await;
    alice.call("EditMessage", (&group, secret, json!({ "text": "my password is hunter3" }))).await;
    alice.call("DeleteMessage", (&group, secret)).await;
    alice.call("React", (&group, liked, "👍")).await;
    alice.call("React", (&group, liked, "❤️")).await;
    bob.call("React", (&group, liked, "🎉")).await;
    bob.call("React", (&group, first, "👀")).await;
    bob.call("React", (&group, first)).await;

    // Live, to the others and to whoever asked.
    for client in [&mut alice, &mut bob] {
        assert_eq!(
            annotation(client, "edit").await,
            json!({ "type": "edit", "target": first, "text": "Helo" })
        );
        assert_eq!(annotation(client, "edit").await["text"], "Hello!");
        assert_eq!(annotation(client, "delete").await, json!({ "type": "delete", "target": secret }));
        let reaction = json!({ "type": "reaction", "target": liked, "emoji": "👍" });
        assert_eq!(annotation(client, "reaction").await, reaction);
        client.event_that("msg", |values| values[3] == json!({ "type": "reaction", "target": first })).await;
    }

    // Whoever comes back gets the log without a gap, and what it has come to.
    let carol = Client::connect(&server, &account).await;
    let page = carol.call("Sync", (json!({ "after": [[group, first]] }),)).await;
    let missed = page["messages"].as_array().expect("messages").clone();
    let seqs: Vec<_> = missed.iter().map(|message| message["seq"].as_u64().expect("a seq")).collect();
    assert_eq!(seqs, (first + 1..=first + 11).collect::<Vec<_>>());
    assert_eq!(at(&missed, secret)["body"], json!({ "type": "removed" }));
    assert_eq!(at(&missed, liked + 1)["body"], json!({ "type": "removed" }), "overtaken by the next edit");
    assert_eq!(at(&missed, liked + 2)["body"], json!({ "type": "edit", "target": first, "text": "Hello!" }));
    assert!(!page.to_string().contains("hunter"), "{page}");
    let mine = [(alice.user(), "❤️"), (bob.user(), "🎉")];
    let reactions: Vec<_> =
        mine.iter().map(|(user, emoji)| json!({ "user": user, "emoji": emoji })).collect();
    assert_eq!(at(&missed, liked)["reactions"], json!(reactions));

    let expected = carol.history(&group).await;
    assert_eq!(at(&expected, first)["body"], json!({ "type": "text", "text": "Hello!" }));
    assert!(at(&expected, first)["editedAt"].is_i64() && at(&expected, liked)["editedAt"].is_null());
    assert!(at(&expected, first)["reactions"].is_null(), "taken back");
    for client in [&alice, &bob] {
        assert_eq!(client.history(&group).await, expected);
    }
    let path = format!("/api/messages/{group}/history");
    let answer = server.request("GET", &path, Some(&account.access_token), None).expect("an answer");
    let mut over_rest = answer.body["messages"].as_array().expect("messages").clone();
    over_rest.reverse();
    assert_eq!(over_rest, expected);
}

async fn only_who_may_changes_what_was_said(store: Store) {
    let server = start_with(store, &[("KITH_CHATS_EDIT_WINDOW_S", "3600")]);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let group = alice.group("Ours", &[&bob]).await;
    let other = bob.group("Others", &[&carol]).await;
    let before = alice.send(&group, "a1", "before carol").await;
    let of_bob = bob.send(&group, "b1", "bob's").await;
    alice.call("AddUserToGroup", (&group, carol.user())).await;
    let of_carol = carol.send(&group, "c1", "carol's").await;
    let all = alice.history(&group).await;

    let refused = async |client: &Client, target: &str, arguments: Value, code: &str| {
        let error = client.refused(target, arguments.as_array().expect("arguments")).await;
        assert!(error.starts_with(&format!("{code}: ")), "{target} {arguments}: {error}");
    };
    let text = json!({ "text": "mine" });
    // Another's message: not even an admin edits it.
    refused(&bob, "EditMessage", json!([group, of_carol, text]), "forbidden").await;
    refused(&alice, "EditMessage", json!([group, of_bob, text]), "forbidden").await;
    refused(&bob, "DeleteMessage", json!([group, of_carol]), "forbidden").await;
    // From before she joined, from after the end, of another conversation.
    let marks = [("React", json!("❗")), ("PinMessage", json!(true)), ("StarMessage", json!(true))];
    for seq in [before, 0, 999] {
        refused(&carol, "EditMessage", json!([group, seq, text]), "not_found").await;
        for (target, last) in &marks {
            refused(&carol, target, json!([group, seq, last]), "not_found").await;
        }
        refused(&carol, "DeleteMessage", json!([group, seq]), "not_found").await;
        refused(&carol, "HideMessage", json!([group, seq]), "not_found").await;
        refused(&carol, "ForwardMessage", json!([group, seq, other]), "not_found").await;
    }
    refused(&alice, "EditMessage", json!([other, 1, text]), "not_found").await;
    refused(&alice, "ListPinned", json!([other]), "not_found").await;
    refused(&alice, "ForwardMessage", json!([group, of_bob, other]), "not_found").await;
    // What the server recorded.
    for (target, last) in [("EditMessage", text.clone()), ("React", json!("❗")), ("PinMessage", json!(true))]
    {
        refused(&alice, target, json!([group, 1, last]), "invalid").await;
    }
    refused(&alice, "DeleteMessage", json!([group, 1]), "invalid").await;
    // What is no edit, no emoji.
    refused(&bob, "EditMessage", json!([group, of_bob, { "text": "" }]), "invalid").await;
    refused(&bob, "EditMessage", json!([group, of_bob, { "text": "x".repeat(70_000) }]), "too_large").await;
    for emoji in ["", "a b", "\n", "lol", "1", "👍👍", "👍!", &"x".repeat(65)] {
        refused(&bob, "React", json!([group, of_bob, emoji]), "invalid").await;
    }
    for body in [
        json!({ "type": "edit", "target": of_bob, "text": "mine" }),
        json!({ "type": "delete", "target": of_bob }),
        json!({ "type": "removed" }),
        json!({ "type": "hologram" }),
        json!({ "type": "text", "text": "never said so", "forwarded": true }),
    ] {
        refused(&alice, "SendMessage", json!([group, { "body": body }]), "invalid").await;
    }
    refused(&alice, "SendMessage", json!([group, { "text": "x", "kind": "annotation" }]), "invalid").await;
    // Whoever was removed reads what was theirs, and says nothing about it.
    alice.call("RemoveFromGroup", (&group, carol.user())).await;
    for (target, last) in [("EditMessage", text.clone()), ("React", json!("❗")), ("PinMessage", json!(true))]
    {
        refused(&carol, target, json!([group, of_carol, last]), "not_found").await;
    }
    refused(&carol, "DeleteMessage", json!([group, of_carol]), "not_found").await;
    let after = alice.history(&group).await;
    assert_eq!(after[..all.len()], all, "nothing of all that was done");
    assert_eq!(after.len(), all.len() + 1);

    // An admin deletes another's message, whose author edits it no more; hers stays hers to hide.
    alice.call("DeleteMessage", (&group, of_bob)).await;
    refused(&bob, "EditMessage", json!([group, of_bob, text]), "not_found").await;
    assert_eq!(bob.call("DeleteMessage", (&group, of_bob)).await["seq"], of_bob, "nothing changes");
    carol.call("HideMessage", (&group, of_carol)).await;
}

async fn what_is_deleted_for_oneself_is_gone_on_all_devices(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let mut laptop = Client::connect_with(&server, &server.log_in("bob"), Protocol::Json).await;
    let direct = alice.direct(&bob).await;
    for number in 1..=4 {
        alice.send(&direct, &format!("m{number}"), &format!("message {number}")).await;
    }
    bob.call("HideMessage", (&direct, 2)).await;
    bob.call("HideMessage", (&direct, 4)).await;
    assert_eq!(laptop.event("hide").await, json!([direct, 2]));
    let seqs =
        |messages: &[Value]| messages.iter().map(|it| it["seq"].as_u64().expect("a seq")).collect::<Vec<_>>();
    for client in [&bob, &laptop] {
        assert_eq!(seqs(&client.history(&direct).await), [1, 3]);
        let page = client.call("Sync", (json!({ "after": [[direct, 0]] }),)).await;
        assert_eq!(seqs(page["messages"].as_array().expect("messages")), [1, 3]);
        let page = client.call("ReadNewMessages", ()).await;
        assert_eq!(seqs(page["messages"].as_array().expect("messages")), [1, 3]);
        let list = client.call("LoadConversations", ()).await;
        assert_eq!((&list[0]["lastMessage"]["seq"], &list[0]["unread"]), (&json!(3), &json!(2)));
        let one = client.call("GetConversation", (&direct,)).await;
        assert_eq!(one["lastMessage"]["seq"], 3);
    }
    assert_eq!(seqs(&alice.history(&direct).await), [1, 2, 3, 4]);
    assert_eq!(alice.call("LoadConversations", ()).await[0]["lastMessage"]["seq"], 4);
    let path = format!("/api/messages/{direct}/3/hide");
    let answer = server.request("POST", &path, Some(&bob.account.access_token), None).expect("an answer");
    assert_eq!(answer.status, 204);
    assert_eq!(laptop.event_that("hide", |values| values[1] == 3).await, json!([direct, 3]));
    assert_eq!(seqs(&bob.history(&direct).await), [1]);
}

async fn pins_and_stars_are_listed(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let mut bob = Client::register(&server, "bob").await;
    let phone = Client::connect(&server, &server.log_in("bob")).await;
    let direct = alice.direct(&bob).await;
    for number in 1..=5 {
        alice.send(&direct, &format!("m{number}"), &format!("message {number}")).await;
    }
    for (seq, pinned) in [(1, true), (3, true), (4, true), (1, false)] {
        bob.call("PinMessage", (&direct, seq, pinned)).await;
    }
    let pinned = alice.call("ListPinned", (&direct,)).await;
    let seqs: Vec<_> =
        pinned.as_array().expect("a list").iter().map(|pinned| pinned["message"]["seq"].clone()).collect();
    assert_eq!(seqs, [4, 3]);
    assert_eq!(pinned[0]["pinnedBy"], bob.user());
    alice.call("DeleteMessage", (&direct, 3)).await;
    bob.call("HideMessage", (&direct, 4)).await;
    let path = format!("/api/messages/{direct}/pinned");
    let over_rest = |client: &Client, path: &str| {
        server.request("GET", path, Some(&client.account.access_token), None).expect("an answer").body
    };
    assert_eq!(over_rest(&alice, &path).as_array().map(Vec::len), Some(1));
    assert_eq!(over_rest(&bob, &path), json!([]), "what one has hidden is not shown");

    for seq in [5, 1, 2] {
        phone.call("StarMessage", (&direct, seq, true)).await;
        assert_eq!(bob.event("star").await, json!([direct, seq, true]));
    }
    phone.call("StarMessage", (&direct, 1, false)).await;
    assert_eq!(bob.event("star").await, json!([direct, 1, false]));
    let first = bob.call("ListStarred", (json!({ "limit": 1 }),)).await;
    assert_eq!(first["messages"][0]["seq"], 2);
    let second = bob.call("ListStarred", (json!({ "limit": 1, "before": first["next"] }),)).await;
    assert_eq!((&second["messages"][0]["seq"], &second["next"]), (&json!(5), &Value::Null));
    assert_eq!(alice.call("ListStarred", ()).await["messages"], json!([]));
    alice.call("DeleteMessage", (&direct, 5)).await;
    let starred = over_rest(&bob, "/api/messages/starred?limit=9");
    assert_eq!(starred["messages"].as_array().map(Vec::len), Some(1), "{starred}");
}

async fn a_message_is_forwarded_without_its_author(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let mut bob = Client::register(&server, "bob").await;
    let mut carol = Client::register(&server, "carol").await;
    let with_alice = alice.direct(&bob).await;
    let with_carol = bob.direct(&carol).await;
    alice.send(&with_alice, "m1", "Pass it on").await;
    let sent = bob.call("ForwardMessage", (&with_alice, 1, &with_carol, "f1")).await;
    assert_eq!((&sent["id"], &sent["seq"]), (&json!("f1"), &json!(1)));
    let body = json!({ "type": "text", "text": "Pass it on", "forwarded": true });
    let sender = json!(bob.user());
    for client in [&mut bob, &mut carol] {
        let values = client.event_that("msg", |values| values[0] == json!(with_carol)).await;
        assert_eq!((&values[2], &values[3], &values[7]), (&sender, &body, &json!("content")));
    }
    assert_eq!(bob.call("ForwardMessage", (&with_alice, 1, &with_carol, "f1")).await, sent, "repeated");
    // Over REST to a user, with whom there is no conversation yet.
    let path = format!("/api/messages/{with_carol}/1/forward");
    let token = carol.account.access_token.clone();
    let to = json!({ "to": alice.user() });
    let answer = server.request("POST", &path, Some(&token), Some(&to)).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let of_alice = alice.direct(&carol).await;
    assert_eq!(alice.history(&of_alice).await[0]["body"], body);
    alice.call("DeleteMessage", (&with_alice, 1)).await;
    let error = bob.refused("ForwardMessage", (&with_alice, 1, &with_carol)).await;
    assert!(error.starts_with("not_found: "), "{error}");
}

async fn replies_and_mentions_name_what_is_there(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let group = alice.group("Ours", &[&bob]).await;
    let first = alice.send(&group, "m1", "Who?").await;
    let body = json!({ "type": "text", "text": "@alice me", "replyTo": first, "mentions": [alice.user()] });
    let sent = bob.call("SendMessage", (&group, json!({ "body": body }))).await;
    let seq = sent["seq"].as_u64().expect("a seq");
    assert_eq!(at(&alice.history(&group).await, seq)["body"], body);
    for wrong in [
        json!({ "type": "text", "text": "x", "mentions": [carol.user()] }),
        json!({ "type": "text", "text": "x", "replyTo": 99 }),
        json!({ "type": "text", "text": "x", "replyTo": 0 }),
    ] {
        let error = bob.refused("SendMessage", (&group, json!({ "body": wrong }))).await;
        assert!(error.starts_with("invalid: "), "{error}");
    }
    let edit = json!({ "text": "@bob me", "mentions": [bob.user()] });
    bob.call("EditMessage", (&group, seq, edit)).await;
    let now = json!({ "type": "text", "text": "@bob me", "replyTo": first, "mentions": [bob.user()] });
    assert_eq!(at(&alice.history(&group).await, seq)["body"], now);
    // A reply that its sender cannot see is none.
    alice.call("AddUserToGroup", (&group, carol.user())).await;
    let reply = json!({ "body": { "type": "text", "text": "x", "replyTo": first } });
    let error = carol.refused("SendMessage", (&group, reply)).await;
    assert!(error.starts_with("invalid: "), "{error}");
}

async fn repeated_they_happen_once(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let direct = alice.direct(&bob).await;
    alice.send(&direct, "m1", "one").await;
    alice.send(&direct, "m2", "two").await;
    let edit = |text: &str| (direct.clone(), 1, json!({ "text": text, "id": "e" }));
    let first = alice.call("EditMessage", edit("uno")).await;
    let deleted = alice.call("DeleteMessage", (&direct, 2, "d")).await;
    assert_eq!(
        alice.call("EditMessage", edit("dos")).await,
        first,
        "with other content it is still the first"
    );
    assert_eq!(alice.call("DeleteMessage", (&direct, 2, "d")).await, deleted);
    let path = format!("/api/messages/{direct}/2?id=d");
    let answer = server.request("DELETE", &path, Some(&alice.account.access_token), None).expect("an answer");
    assert_eq!(answer.body, deleted, "by the other door, too");
    let sent = bob.call("React", (&direct, 1, "❗")).await;
    assert_eq!(sent["seq"], 5);
    // Where nothing changes, the message itself is answered.
    let stands = json!(["m1", 1]);
    let answer = |sent: Value| json!([sent["id"], sent["seq"]]);
    assert_eq!(answer(bob.call("React", (&direct, 1, "❗")).await), stands);
    let same = (&direct, 1, json!({ "text": "uno", "id": "e2" }));
    assert_eq!(answer(alice.call("EditMessage", same).await), stands);
    assert_eq!(answer(alice.call("DeleteMessage", (&direct, 2, "d2")).await), json!(["m2", 2]));
    let messages = alice.history(&direct).await;
    assert_eq!(messages.len(), 5);
    assert_eq!(messages[0]["body"]["text"], "uno");
}

async fn annotations_do_not_count(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let direct = alice.direct(&bob).await;
    alice.send(&direct, "m1", "one").await;
    alice.send(&direct, "m2", "two").await;
    let look = async |client: &Client| client.call("LoadConversations", ()).await[0].clone();
    // In memory from here on.
    assert_eq!(look(&bob).await["unread"], 2);
    alice.call("EditMessage", (&direct, 2, json!({ "text": "zwei" }))).await;
    alice.call("React", (&direct, 1, "❗")).await;
    let seen = look(&bob).await;
    assert_eq!((&seen["unread"], &seen["lastSeq"]), (&json!(2), &json!(4)));
    let last = &seen["lastMessage"];
    assert_eq!(
        (&last["seq"], &last["body"]["text"]),
        (&json!(2), &json!("zwei")),
        "the last that says something"
    );
    bob.call("MarkSeen", (&direct, 4)).await;
    assert_eq!(look(&alice).await["status"], "seen");
    alice.call("DeleteMessage", (&direct, 2)).await;
    let seen = look(&bob).await;
    assert_eq!((&seen["unread"], &seen["lastMessage"]["body"]), (&json!(0), &json!({ "type": "removed" })));
}
