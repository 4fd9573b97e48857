//! G1–G4 beyond coming and going: who follows the last admin.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start};

on_both_stores!(the_last_admin_names_a_successor);

/// The last entries that a client was pushed: `[change, users]` each.
fn changes(messages: &[Value]) -> Vec<(Value, Value)> {
    messages.iter().map(|it| (it["body"]["change"].clone(), it["body"]["users"].clone())).collect()
}

async fn the_last_admin_names_a_successor(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let group = alice.group("Ours", &[&bob, &carol]).await;
    for (client, successor, code) in [
        (&alice, Value::Null, "last_admin"),
        (&alice, json!(alice.user()), "invalid"),
        (&alice, json!("u_00000000000000000000000000"), "not_found"),
        // Who is no admin makes no admins.
        (&bob, json!(carol.user()), "forbidden"),
    ] {
        let error = client.refused("LeaveGroup", (&group, successor)).await;
        assert!(error.starts_with(code), "{error}");
    }
    assert_eq!(alice.call("LeaveGroup", (&group, bob.user())).await, json!(3));
    let error = alice.refused("LeaveGroup", (&group, bob.user())).await;
    assert!(error.starts_with("not_found"), "{error}");
    let log = carol.history(&group).await;
    let expected = [(json!("promoted"), json!([bob.user()])), (json!("left"), json!([alice.user()]))];
    assert_eq!(changes(&log[1..]), expected);
    let now = bob.call("GetGroup", (&group,)).await;
    assert_eq!((&now["role"], &now["memberCount"]), (&json!("admin"), &json!(2)));
    // By the other door.
    let path = format!("/api/groups/{group}/leave?successor={}", carol.user());
    let answer = server.request("POST", &path, Some(&bob.account.access_token), None).expect("an answer");
    assert_eq!((answer.status, &answer.body["seq"]), (200, &json!(5)));
    assert_eq!(carol.call("GetGroup", (&group,)).await["role"], "admin");
    assert_eq!(carol.call("LeaveGroup", (&group,)).await, json!(6));
}
