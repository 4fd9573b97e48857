//! G2, G4: who joined or left a group sees exactly their part of the log, live and afterwards.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start};

on_both_stores!(
    members_see_their_part_and_no_more,
    only_admins_change_a_group,
    a_deleted_group_keeps_what_was_said,
);

fn seqs(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(|message| message["seq"].as_u64().expect("a seq")).collect()
}

/// What a client was sent of a group, live, before `marker` came through another conversation.
async fn live(client: &mut Client, group: &str, marker: &str) -> Vec<u64> {
    let messages = client.messages_up_to(marker).await;
    messages.into_iter().filter(|(conversation, _)| conversation == group).map(|(_, seq)| seq).collect()
}

async fn members_see_their_part_and_no_more(store: Store) {
    let server = start(store);
    let mut alice = Client::register(&server, "alice").await;
    let mut bob = Client::register(&server, "bob").await;
    let mut carol = Client::register(&server, "carol").await;
    let (to_bob, to_carol) = (alice.direct(&bob).await, alice.direct(&carol).await);
    // 1 is the creation.
    let group = alice.group("Ours", &[&bob]).await;
    assert_eq!(alice.send(&group, "a", "before carol").await, 2);
    assert_eq!(alice.call("AddUserToGroup", (&group, carol.user())).await, json!(3));
    assert_eq!(alice.send(&group, "b", "all three").await, 4);
    assert_eq!(alice.call("RemoveFromGroup", (&group, bob.user())).await, json!(5));
    assert_eq!(alice.send(&group, "c", "without bob").await, 6);
    alice.event_that("msg", |values| values[0] == json!(group) && values[1] == 5).await;
    let error = bob.refused("SendMessage", (&group, "may I?")).await;
    assert!(error.starts_with("not_found: "), "{error}");
    carol.event_that("msg", |values| values[3]["text"] == "without bob").await;
    alice.send(&to_bob, "marker", "marker").await;
    assert_eq!(live(&mut bob, &group, "marker").await, [1, 2, 3, 4, 5]);
    alice.send(&to_carol, "marker", "marker").await;
    assert_eq!(live(&mut carol, &group, "marker").await, [3, 4, 5]);

    // Back again: what was said meanwhile stays unseen.
    assert_eq!(alice.call("AddUserToGroup", (&group, bob.user())).await, json!(7));
    assert_eq!(alice.send(&group, "d", "bob is back").await, 8);
    alice.send(&to_bob, "marker-2", "marker 2").await;
    assert_eq!(live(&mut bob, &group, "marker 2").await, [7, 8]);

    for (client, expected) in [
        (&alice, vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (&bob, vec![1, 2, 3, 4, 5, 7, 8]),
        (&carol, vec![3, 4, 5, 6, 7, 8]),
    ] {
        let who = &client.account.username;
        assert_eq!(seqs(&client.history(&group).await), expected, "history of {who}");
        let page = client.call("Sync", (json!({ "after": [[group, 0]] }),)).await;
        let messages: Vec<_> = page["messages"].as_array().expect("messages").to_vec();
        let ours: Vec<_> =
            messages.into_iter().filter(|message| message["conversation"] == json!(group)).collect();
        assert_eq!(seqs(&ours), expected, "sync of {who}");
        let mut streamed = client.stream("StreamHistory", (&group,)).await.expect("a stream");
        streamed.reverse();
        assert_eq!(seqs(&streamed), expected, "stream of {who}");
    }
    // Nothing is told of a message that one may not see.
    for (client, seq) in [(&bob, 6), (&carol, 2)] {
        let error = client.refused("MessageInfo", (&group, seq)).await;
        assert!(error.starts_with("not_found: "), "{error}");
    }
    let info = alice.call("MessageInfo", (&group, 6)).await;
    let addressees: Vec<_> =
        info["receipts"].as_array().expect("receipts").iter().map(|it| &it["user"]).collect();
    assert_eq!(addressees, [&json!(carol.user())], "whom it was for");

    let history = alice.call("MembershipHistory", (&group,)).await;
    let stays: Vec<_> = history
        .as_array()
        .expect("stays")
        .iter()
        .map(|it| (&it["user"], &it["fromSeq"], &it["toSeq"]))
        .collect();
    let (alice, bob, carol) = (json!(alice.user()), json!(bob.user()), json!(carol.user()));
    let (none, from) = (json!(null), [json!(1), json!(3), json!(7)]);
    for expected in [
        (&alice, &from[0], &none),
        (&bob, &from[0], &json!(5)),
        (&carol, &from[1], &none),
        (&bob, &from[2], &none),
    ] {
        assert!(stays.contains(&expected), "{expected:?} in {stays:?}");
    }
    assert_eq!(stays.len(), 4);
}

async fn only_admins_change_a_group(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let group = alice.group("Ours", &[&bob]).await;
    let changes = json!({ "name": "Bob's" });
    for (target, arguments) in [
        ("AddUserToGroup", json!([group, carol.user()])),
        ("AddUsersToGroup", json!([group, [carol.user()]])),
        ("RemoveFromGroup", json!([group, alice.user()])),
        ("PromoteToAdmin", json!([group, bob.user()])),
        ("DemoteAdmin", json!([group, alice.user()])),
        ("UpdateGroup", json!([group, changes])),
        ("DeleteGroup", json!([group])),
    ] {
        let error = bob.refused(target, arguments).await;
        assert!(error.starts_with("forbidden: "), "{target}: {error}");
    }
    let error = alice.refused("LeaveGroup", (&group,)).await;
    assert!(error.starts_with("last_admin: "), "{error}");

    alice.call("PromoteToAdmin", (&group, bob.user())).await;
    alice.call("LeaveGroup", (&group,)).await;
    bob.call("UpdateGroup", (&group, changes)).await;
    let now = bob.call("GetGroup", (&group,)).await;
    assert_eq!(
        (&now["name"], &now["memberCount"], &now["role"]),
        (&json!("Bob's"), &json!(1), &json!("admin"))
    );
    assert_eq!(now["members"].as_array().map(Vec::len), Some(1));
}

async fn a_deleted_group_keeps_what_was_said(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let group = alice.group("Ours", &[&bob]).await;
    alice.send(&group, "a", "remember this").await;
    let last = alice.call("DeleteGroup", (&group,)).await;
    for client in [&alice, &bob] {
        let error = client.refused("SendMessage", (&group, "still there?")).await;
        assert!(error.starts_with("not_found: "), "{error}");
        let history = client.history(&group).await;
        assert_eq!(history.last().map(|message| &message["seq"]), Some(&last));
        assert!(history.iter().any(|message| message["body"]["text"] == "remember this"));
    }
}
