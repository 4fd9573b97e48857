//! Search in plain conversations.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, raw, start, start_with, until};

on_both_stores!(
    one_finds_what_one_may_read,
    what_was_written_before_is_found_later,
    accents_and_case_do_not_matter,
    words_of_an_earlier_version_are_made_anew,
);

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
    found(&bob, "GRÜSSE", all.clone(), &[(&direct, letter)]).await;
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

async fn users(client: &Client, text: &str) -> Vec<String> {
    let page = client.call("SearchUsers", (text,)).await;
    let users = page["users"].as_array().expect("users").iter();
    users.map(|user| user["username"].as_str().expect("a username").to_owned()).collect()
}

async fn accents_and_case_do_not_matter(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    ann.call("UpdateProfile", (json!({ "name": "José Großmann Łukasz 한국" }),)).await;
    for text in ["Jose", "JOSÉ", "jose\u{301} gross", "großmann", "GROSSM", "한국"] {
        assert_eq!(users(&bob, text).await, ["ann"], "{text}");
    }
    assert_eq!(users(&bob, "josa").await, Vec::<String>::new());
    let direct = ann.direct(&bob).await;
    let seq = ann.send(&direct, "m1", "Das Café in der Bärenstraße, Ελλάς, ёлка, हिन्दी").await;
    for text in ["cafe", "CAFÉ", "cafe\u{301}", "barenstrasse", "BÄRENSTRASSE ", "ΕΛΛΑΣ", "елка", "हिन्दी"]
    {
        found(&bob, text, json!({}), &[(&direct, seq)]).await;
    }
    found(&bob, "cofe", json!({}), &[]).await;
}

/// A store as the version before made it: words with their accents, no marks.
async fn words_of_an_earlier_version_are_made_anew(store: Store) {
    let mut server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    ann.call("UpdateProfile", (json!({ "name": "José" }),)).await;
    let direct = ann.direct(&bob).await;
    let first = ann.send(&direct, "m1", "Café").await;
    let second = ann.send(&direct, "m2", "Straße").await;
    bob.call("StarMessage", (&direct, second, true)).await;
    bob.call("HideMessage", (&direct, second)).await;
    found(&bob, "cafe", json!({}), &[(&direct, first)]).await;
    let (ann, bob) = (ann.account.clone(), bob.account.clone());
    server.terminate().expect("stopped");
    let before = "DROP INDEX users_without_terms; CREATE INDEX users_without_terms ON users (id) WHERE terms_made = 0; \
                  UPDATE user_terms SET term = 'josé' WHERE term = 'jose'; UPDATE users SET terms_made = 1; \
                  ALTER TABLE one_time_codes DROP COLUMN asker; ALTER TABLE one_time_codes DROP COLUMN others_tries; \
                  DROP INDEX device_message_user; DROP TABLE mark; ALTER TABLE stay DROP COLUMN marked; \
                  DROP TABLE former; DROP TABLE past_head; DROP INDEX member_gone; DROP INDEX star_conversation; \
                  ALTER TABLE stay DROP COLUMN to_time; ALTER TABLE pin DROP COLUMN at_seq; \
                  DELETE FROM refinery_schema_history WHERE version >= 9;";
    let sqlite = "DROP TRIGGER session_ends; DELETE FROM message_words; INSERT INTO message_words (rowid, words) \
                  SELECT row, '_' || lower(hex(conversation)) || ' café' FROM message WHERE seq = 1;";
    let postgres = "DROP TRIGGER session_ends ON sessions; DROP FUNCTION session_ends(); UPDATE message_words SET words = array_to_tsvector(ARRAY['_' || encode(conversation, 'hex'), 'café']);";
    raw::run(&server, &format!("{before} {sqlite}"), &format!("{before} {postgres}"));

    server.restart().expect("a server that takes it over");
    let (ann, bob) = (Client::connect(&server, &ann).await, Client::connect(&server, &bob).await);
    for text in ["cafe", "café", "CAFÉ"] {
        found(&ann, text, json!({}), &[(&direct, first)]).await;
    }
    found(&ann, "strasse", json!({}), &[(&direct, second)]).await;
    until("the name without its accent", async || (users(&bob, "jose").await == ["ann"]).then_some(())).await;
    assert_eq!(users(&bob, "JOSÉ").await, ["ann"]);
    // What was marked before there were marks is told to devices that hold messages.
    let page = bob.call("Sync", (json!({ "after": [[direct, second]], "afterMark": 0 }),)).await;
    let mark = |kind: &str| json!({ "conversation": direct, "seq": second, "kind": kind });
    assert_eq!((&page["marks"], &page["mark"]), (&json!([mark("hidden"), mark("starred")]), &json!(2)));
    bob.call("StarMessage", (&direct, second, false)).await;
    let page = bob.call("Sync", (json!({ "after": [[direct, second]], "afterMark": 2 }),)).await;
    assert_eq!((&page["marks"], &page["mark"]), (&json!([mark("unstarred")]), &json!(3)));
}
