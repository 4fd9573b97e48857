//! A8: contacts, blocks and reports, on the hub and over REST.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, UNLIMITED, on_both_stores, start, start_with, text};

on_both_stores!(
    who_is_blocked_is_shut_out,
    receipts_stop_between_two_of_whom_one_blocks_the_other,
    nothing_passes_once_a_block_is_answered,
    a_block_waits_for_what_is_on_its_way,
    contacts_are_kept_by_both_doors,
    what_is_reported_is_kept,
);

fn status(server: &testkit::server::TestServer, who: &Client, method: &str, path: &str) -> u16 {
    server.request(method, path, Some(&who.account.access_token), None).expect("an answer").status
}

async fn who_is_blocked_is_shut_out(store: Store) {
    let mut server = start(store);
    let (mut ann, mut bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let carl = Client::register(&server, "carl").await;
    let direct = ann.direct(&bob).await;
    ann.send(&direct, "a1", "hello").await;
    bob.send(&direct, "b1", "hi").await;
    bob.event_that("msg", |values| values[3]["text"] == "hello").await;
    let shared = ann.group("Ours", &[&bob]).await;

    ann.call("Block", (bob.user(),)).await;
    ann.call("Block", (bob.user(),)).await;
    let blocked = ann.call("ListBlocked", ()).await;
    assert_eq!(
        (blocked[0]["user"]["username"].as_str(), blocked.as_array().map(Vec::len)),
        (Some("bob"), Some(1))
    );
    assert_eq!(bob.call("ListBlocked", ()).await, json!([]));

    // Neither writes to the other, until the one who blocked thinks better of it.
    let refused = bob.refused("SendMessage", (&direct, json!({ "id": "b2", "text": "why?" }))).await;
    assert_eq!(refused, "forbidden: this user does not take messages from you");
    let refused = ann.refused("SendMessage", (&direct, json!({ "id": "a2", "text": "because" }))).await;
    assert_eq!(refused, "forbidden: you have blocked this user: unblock them first");
    // A repeat of what was sent before is what it was.
    assert_eq!(bob.send(&direct, "b1", "hi").await, 2);
    for who in [&ann, &bob] {
        let other = if std::ptr::eq(who, &ann) { bob.user() } else { ann.user() };
        for (command, arguments) in
            [("InitiateDirectChatSession", json!([other])), ("SendInvite", json!([other]))]
        {
            let refused = who.refused(command, arguments).await;
            assert!(refused.starts_with("forbidden: "), "{command}: {refused}");
        }
    }
    for (command, arguments) in [
        ("InitiateGroupChatSession", json!([{ "name": "Trap", "members": [ann.user()] }])),
        ("AddUserToGroup", json!([bob.group("His", &[&carl]).await, ann.user()])),
    ] {
        let refused = bob.refused(command, arguments).await;
        assert!(refused.starts_with("forbidden: "), "{command}: {refused}");
    }
    // A group that both are in goes on, and so does whatever the two do with others.
    let seq = bob.send(&shared, "g1", "to all").await;
    ann.event_that("msg", |values| values[0] == json!(shared) && values[1] == json!(seq)).await;
    let other = bob.direct(&carl).await;
    bob.send(&other, "c1", "hello").await;
    // She looks offline and never seen to him, he to her as he is.
    let hidden = json!({ "user": ann.user(), "online": false });
    assert_eq!(bob.call("LastStatus", (ann.user(),)).await, hidden);
    assert_eq!(ann.call("LastStatus", (bob.user(),)).await["online"], true);
    assert_eq!(carl.call("LastStatus", (ann.user(),)).await["online"], true);

    // Nothing of typing and reading is passed on either: what comes after is all that comes.
    bob.call("SetTyping", (&direct, true)).await;
    bob.call("MarkSeen", (&direct, 1)).await;
    ann.call("SetTyping", (&direct, true)).await;
    ann.call("MarkSeen", (&direct, 2)).await;
    // It lasts: memory is empty after a restart.
    server.restart().expect("restarted");
    let (ann_again, bob_again) =
        (Client::connect(&server, &ann.account).await, Client::connect(&server, &bob.account).await);
    let refused = bob_again.refused("SendMessage", (&direct, "still there?")).await;
    assert!(refused.starts_with("forbidden: "), "{refused}");
    for former in [&mut ann, &mut bob] {
        while let Some((name, values)) = former.take().await {
            let of_direct = values[0] == json!(direct) && (name == "typ" || name == "rcpt");
            let of_before = name == "rcpt" && values[1][0][3] == json!(0);
            assert!(!of_direct || of_before, "{name} {values}");
        }
    }
    assert_eq!(status(&server, &ann_again, "DELETE", &format!("/api/blocks/{}", bob_again.user())), 204);
    assert_eq!(bob_again.send(&direct, "b3", "thanks").await, 3);
    assert_eq!(ann_again.direct(&bob_again).await, direct);
    let refused = ann_again.refused("Block", (ann_again.user(),)).await;
    assert!(refused.starts_with("invalid: "), "{refused}");
}

async fn receipts_stop_between_two_of_whom_one_blocks_the_other(store: Store) {
    let mut server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let direct = ann.direct(&bob).await;
    let group = ann.group("Ours", &[&bob]).await;
    let of_bob = bob.send(&direct, "b1", "hello").await;
    ann.call("MarkSeen", (&direct, of_bob)).await;
    let first = ann.send(&direct, "a1", "hello").await;
    bob.call("MarkSeen", (&direct, first)).await;
    let second = ann.send(&direct, "a2", "are you there?").await;
    let to_all = ann.send(&group, "a3", "to all").await;
    let ticks = async |who: &Client, id: &str, seq: u64| {
        let info = who.call("MessageInfo", (id, seq)).await;
        let receipt = &info["receipts"][0];
        (text(&info["status"]), receipt["deliveredAt"].is_number(), receipt["seenAt"].is_number())
    };
    let (sent, seen) = (("sent".to_owned(), false, false), ("seen".to_owned(), true, true));
    let last = async |who: &Client| who.call("GetConversation", (&direct,)).await["status"].clone();
    assert_eq!(
        (ticks(&ann, &direct, first).await, ticks(&bob, &direct, of_bob).await),
        (seen.clone(), seen.clone())
    );

    // He blocks her, and reads on: neither is told, nor what they were told before.
    bob.call("Block", (ann.user(),)).await;
    bob.call("MarkSeen", (&direct, second)).await;
    bob.call("MarkSeen", (&group, to_all)).await;
    assert_eq!(ticks(&ann, &direct, second).await, sent);
    assert_eq!(ticks(&ann, &direct, first).await, sent);
    assert_eq!(ticks(&bob, &direct, of_bob).await, sent, "nor is who blocks");
    assert_eq!(last(&ann).await, "sent");
    let listed = ann.call("LoadConversations", ()).await;
    let listed = listed.as_array().and_then(|all| all.iter().find(|it| it["id"] == json!(direct)));
    assert_eq!(listed.expect("listed")["status"], "sent");
    let path = format!("/api/messages/{direct}/{second}/info");
    let answer = server.request("GET", &path, Some(&ann.account.access_token), None).expect("an answer");
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("sent")), "{answer:?}");
    assert_eq!(ticks(&ann, &group, to_all).await, seen, "in a group both are told as ever");

    // Receipts are on disk a second later; then nothing of it is in memory.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    server.restart().expect("restarted");
    let (ann, bob) =
        (Client::connect(&server, &ann.account).await, Client::connect(&server, &bob.account).await);
    assert_eq!((ticks(&ann, &direct, first).await, ticks(&ann, &direct, second).await), (sent.clone(), sent));
    assert_eq!(ticks(&ann, &group, to_all).await, seen);
    bob.call("Unblock", (ann.user(),)).await;
    assert_eq!((ticks(&ann, &direct, first).await, ticks(&ann, &direct, second).await), (seen.clone(), seen));
    assert_eq!(ann.call("GetConversation", (&direct,)).await["status"], "seen");
}

async fn nothing_passes_once_a_block_is_answered(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let direct = ann.direct(&bob).await;
    for round in 0..8 {
        // Bob never stops; whatever he begins after the answer is refused.
        let sending = async {
            let mut taken = 0;
            for number in 0..1_000 {
                let message = json!({ "id": format!("{round}-{number}"), "text": "x" });
                match bob.try_call("SendMessage", (&direct, message)).await {
                    Ok(_) => taken += 1,
                    Err(refused) => {
                        assert!(refused.starts_with("forbidden: "), "{refused}");
                        return taken;
                    }
                }
            }
            panic!("he was never refused");
        };
        let blocking = async {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            ann.call("Block", (bob.user(),)).await;
            last_seq(&ann, &direct).await
        };
        let (_, stood) = tokio::join!(sending, blocking);
        for number in 0..3 {
            let message = json!({ "id": format!("{round}-late-{number}"), "text": "x" });
            bob.refused("SendMessage", (&direct, message)).await;
        }
        assert_eq!(last_seq(&ann, &direct).await, stood);
        ann.call("Unblock", (bob.user(),)).await;
    }
}

async fn last_seq(client: &Client, conversation: &str) -> Value {
    client.call("GetConversation", (conversation,)).await["lastSeq"].clone()
}

async fn a_block_waits_for_what_is_on_its_way(store: Store) {
    let server = start_with(store, UNLIMITED);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let direct = ann.direct(&bob).await;
    for round in 0..6 {
        // Hundreds at once: a batch is always being planned, another written.
        let sends = futures_util::future::join_all((0..400).map(|number| {
            let message = json!({ "id": format!("{round}-{number}"), "text": "x" });
            bob.try_call("SendMessage", (direct.clone(), message))
        }));
        let blocking = async {
            tokio::time::sleep(std::time::Duration::from_millis(round)).await;
            ann.call("Block", (bob.user(),)).await;
            last_seq(&ann, &direct).await
        };
        let (sent, stood) = tokio::join!(sends, blocking);
        let taken = sent.iter().flatten().filter_map(|sent| sent["seq"].as_u64()).max();
        assert!(taken <= stood.as_u64(), "{taken:?}, {stood}");
        assert_eq!(last_seq(&ann, &direct).await, stood, "nothing came after the answer");
        ann.call("Unblock", (bob.user(),)).await;
    }
}

async fn contacts_are_kept_by_both_doors(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let carl = Client::register(&server, "carl").await;
    let names = |page: &Value| -> Vec<String> {
        let contacts = page["contacts"].as_array().expect("contacts").iter();
        contacts.map(|contact| text(&contact["user"]["username"])).collect()
    };
    assert_eq!(ann.call("ListContacts", ()).await, json!({ "contacts": [] }));
    ann.call("AddContact", (bob.user(),)).await;
    ann.call("AddContact", (bob.user(),)).await;
    assert_eq!(names(&ann.call("ListContacts", ()).await), ["bob"]);
    assert_eq!(names(&bob.call("ListContacts", ()).await), Vec::<String>::new(), "he is not asked");
    // Whoever begins to talk lists the other; once taken off, they stay off.
    ann.direct(&carl).await;
    assert_eq!(names(&ann.call("ListContacts", ()).await), ["bob", "carl"]);
    assert_eq!(names(&carl.call("ListContacts", ()).await), Vec::<String>::new());
    ann.call("RemoveContact", (carl.user(),)).await;
    ann.direct(&carl).await;
    assert_eq!(names(&ann.call("ListContacts", ()).await), ["bob"]);
    // The same by REST, page by page.
    let token = Some(ann.account.access_token.as_str());
    let path = format!("/api/contacts/{}", carl.user());
    assert_eq!(server.request("PUT", &path, token, None).expect("an answer").status, 204);
    let page = server.request("GET", "/api/contacts?limit=1", token, None).expect("an answer").body;
    assert_eq!((names(&page), text(&page["next"])), (vec!["bob".to_owned()], bob.user().to_owned()));
    let path = format!("/api/contacts?limit=1&after={}", bob.user());
    let page = server.request("GET", &path, token, None).expect("an answer").body;
    assert_eq!((names(&page), &page["next"]), (vec!["carl".to_owned()], &Value::Null));
    let path = format!("/api/contacts/{}", bob.user());
    assert_eq!(server.request("DELETE", &path, token, None).expect("an answer").status, 204);
    assert_eq!(names(&ann.call("ListContacts", ()).await), ["carl"]);
    let nobody = format!("u_{}", "0".repeat(26));
    let refused = ann.refused("AddContact", (&nobody,)).await;
    assert!(refused.starts_with("not_found: "), "{refused}");

    // Who is choosy about groups is added by those they list.
    bob.call("SetPrivacy", (json!({ "groups": "contacts" }),)).await;
    let refused =
        ann.refused("InitiateGroupChatSession", (json!({ "name": "A", "members": [bob.user()] }),)).await;
    assert!(refused.starts_with("invite_required: ") && refused.contains(bob.user()), "{refused}");
    let group = ann.group("A", &[&carl]).await;
    let refused = ann.refused("AddUsersToGroup", (&group, [bob.user(), carl.user()])).await;
    assert!(refused.starts_with("invite_required: "), "{refused}");
    bob.call("AddContact", (ann.user(),)).await;
    ann.call("AddUsersToGroup", (&group, [bob.user(), carl.user()])).await;
    bob.call("RemoveContact", (ann.user(),)).await;
    ann.call("AddUserToGroup", (&group, bob.user())).await;
}

async fn what_is_reported_is_kept(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let mallory = Client::register(&server, "mallory").await;
    let direct = ann.direct(&bob).await;
    bob.send(&direct, "b1", "buy now").await;
    let report = text(&ann.call("Report", (json!({ "user": bob.user(), "reason": "spam" }),)).await);
    assert!(report.starts_with("r_"), "{report}");
    let message = json!({ "conversation": direct, "seq": 1, "reason": "spam" });
    ann.call("Report", (&message,)).await;
    let token = Some(ann.account.access_token.as_str());
    let answer = server.request("POST", "/api/reports", token, Some(&message)).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    // Reports are for moderators.
    for (command, arguments) in [("ListReports", json!([])), ("CloseReport", json!([report]))] {
        let refused = ann.refused(command, arguments).await;
        assert!(refused.starts_with("forbidden: "), "{command}: {refused}");
    }
    for (method, path, body) in [
        ("GET", "/api/reports".to_owned(), None),
        ("POST", format!("/api/reports/{report}/close"), Some(json!({}))),
    ] {
        let refused = server.request(method, &path, token, body.as_ref()).expect("an answer");
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{method} {path}");
    }
    // Nobody reports what they cannot read, and learns nothing by trying.
    for seq in [1, 2] {
        let message = json!({ "conversation": direct, "seq": seq, "reason": "curious" });
        let refused = mallory.refused("Report", (message,)).await;
        assert_eq!(refused, "not_found: there is no such message");
    }
    for nonsense in [
        json!({ "user": bob.user() }),
        json!({ "reason": "spam" }),
        json!({ "user": bob.user(), "reason": "x".repeat(1_001) }),
        json!({ "user": ann.user(), "reason": "me" }),
        json!({ "conversation": direct, "reason": "all of it" }),
    ] {
        let refused = ann.refused("Report", (&nonsense,)).await;
        assert!(refused.starts_with("invalid: "), "{nonsense}: {refused}");
    }
}
