//! Who has gone from a group keeps what was theirs, as it was: nothing of what is said, changed or done after that.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, text, until};

on_both_stores!(who_was_removed_sees_what_was_as_it_was, who_comes_back_sees_what_is_from_then_on);

/// All that Carol can find out, but for what changes with time alone.
async fn everything(client: &Client, group: &str, seqs: &[u64]) -> Value {
    let mut infos = Vec::new();
    for seq in seqs {
        infos.push(client.call("MessageInfo", (group, seq)).await);
    }
    let mut found = Vec::new();
    for word in ["nine", "secretly", "later"] {
        found.push(client.call("SearchMessages", (word,)).await["messages"].clone());
    }
    let mut sync = client.call("Sync", (json!({ "after": [[group, 0]] }),)).await;
    let mut history = client.history(group).await;
    let messages = sync["messages"].as_array_mut().expect("messages");
    for message in messages.iter_mut().chain(&mut history).filter(|it| it["kind"] == "annotation") {
        // An edit that is overtaken says so; what it made of its target stands there.
        message["body"] = Value::Null;
    }
    json!({
        "history": history,
        "sync": sync,
        "list": client.call("LoadConversations", ()).await,
        "conversation": client.call("GetConversation", (group,)).await,
        "group": client.call("GetGroup", (group,)).await,
        "pins": client.call("ListPinned", (group,)).await,
        "stars": client.call("ListStarred", ()).await,
        "infos": infos,
        "found": found,
    })
}

async fn who_was_removed_sees_what_was_as_it_was(store: Store) {
    let mut server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let group = alice.group("The club", &[&bob, &carol]).await;
    let first = alice.send(&group, "m1", "we meet at nine").await;
    let second = bob.send(&group, "m2", "fine").await;
    let third = alice.send(&group, "m3", "to be deleted").await;
    alice.call("EditMessage", (&group, first, json!({ "text": "we meet at nine sharp" }))).await;
    bob.call("React", (&group, first, "👍")).await;
    alice.call("PinMessage", (&group, first, true)).await;
    carol.call("StarMessage", (&group, first, true)).await;
    carol.call("StarMessage", (&group, second, true)).await;
    until("it can be found", async || {
        let page = carol.call("SearchMessages", ("nine",)).await;
        (page["messages"][0]["seq"] == json!(first)).then_some(())
    })
    .await;
    alice.call("RemoveFromGroup", (&group, carol.user())).await;
    let seqs = [first, second, third];
    let before = everything(&carol, &group, &seqs).await;
    assert_eq!(before["history"][1]["body"]["text"], "we meet at nine sharp");

    // All that can change does.
    alice.call("EditMessage", (&group, first, json!({ "text": "we meet secretly at ten" }))).await;
    bob.call("EditMessage", (&group, second, json!({ "text": "later then" }))).await;
    bob.call("React", (&group, second, "🎉")).await;
    alice.call("React", (&group, first, "❤️")).await;
    bob.call("React", (&group, first)).await;
    alice.call("PinMessage", (&group, second, true)).await;
    let changes = json!({ "name": "The others", "description": "without carol", "picture": "m_1" });
    alice.call("UpdateGroup", (&group, changes)).await;
    alice.call("AddUserToGroup", (&group, Client::register(&server, "dan").await.user())).await;
    let late = alice.send(&group, "m4", "secretly, and later").await;
    bob.call("MarkSeen", (&group, late)).await;
    alice.call("SetRetention", (&group, "days:9")).await;
    until("the new text can be found", async || {
        let page = alice.call("SearchMessages", ("secretly",)).await;
        (page["messages"].as_array().map(Vec::len) == Some(2)).then_some(())
    })
    .await;
    // Her search is of what it says now: what says it no more is not found, and nothing else is.
    let mut expected = before.clone();
    expected["found"] = json!([[], [], []]);
    let now = everything(&carol, &group, &seqs).await;
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&now[key], value, "{key}");
    }
    assert_eq!(bob.call("GetGroup", (&group,)).await["name"], "The others", "members see it");
    assert_eq!(bob.history(&group).await[1]["body"]["text"], "we meet secretly at ten");
    let report = json!({ "user": alice.user(), "reason": "x", "conversation": group, "seq": first });
    carol.call("Report", (report,)).await;

    // So it stays, whatever the server remembers.
    server.restart().expect("restarted");
    let (alice, carol) =
        (Client::connect(&server, &alice.account).await, Client::connect(&server, &carol.account).await);
    let again = everything(&carol, &group, &seqs).await;
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&again[key], value, "{key} after a restart");
    }
    let notes = carol.direct(&carol).await;
    carol.call("ForwardMessage", (&group, first, &notes)).await;
    assert_eq!(carol.history(&notes).await[0]["body"]["text"], "we meet at nine sharp");
    // What is deleted for all is deleted for her, too.
    alice.call("DeleteMessage", (&group, third)).await;
    alice.call("DeleteMessage", (&group, first)).await;
    let history = carol.history(&group).await;
    for seq in [first, third] {
        let message = history.iter().find(|message| message["seq"] == json!(seq)).expect("an entry");
        assert_eq!(message["body"], json!({ "type": "removed" }));
    }
    assert_eq!(carol.call("ListPinned", (&group,)).await, json!([]));
}

async fn who_comes_back_sees_what_is_from_then_on(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let group = alice.group("The club", &[&bob]).await;
    let (first, second) = (alice.send(&group, "m1", "one").await, alice.send(&group, "m2", "two").await);
    alice.call("RemoveFromGroup", (&group, bob.user())).await;
    alice.call("EditMessage", (&group, first, json!({ "text": "changed while he was away" }))).await;
    alice.call("PinMessage", (&group, first, true)).await;
    alice.call("UpdateGroup", (&group, json!({ "name": "New" }))).await;
    assert_eq!(bob.call("GetGroup", (&group,)).await["name"], "The club");
    alice.call("AddUserToGroup", (&group, bob.user())).await;
    let ours = bob.call("GetGroup", (&group,)).await;
    assert_eq!((text(&ours["name"]).as_str(), &ours["memberCount"]), ("New", &json!(2)));
    alice.call("EditMessage", (&group, second, json!({ "text": "changed before his eyes" }))).await;
    alice.call("PinMessage", (&group, second, true)).await;
    let said = |messages: Vec<Value>| -> Vec<String> {
        let texts = messages.iter().filter(|it| it["kind"] == "content");
        texts.map(|message| text(&message["body"]["text"])).collect()
    };
    assert_eq!(said(bob.history(&group).await), ["one", "changed before his eyes"]);
    let pins = bob.call("ListPinned", (&group,)).await;
    assert_eq!((pins.as_array().map(Vec::len), &pins[0]["message"]["seq"]), (Some(1), &json!(second)));
    let all = said(alice.history(&group).await);
    assert_eq!(all, ["changed while he was away", "changed before his eyes"]);
}
