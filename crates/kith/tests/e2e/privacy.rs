//! What users let others know and do: set on the hub, over REST and from the command line, and kept.

use serde_json::json;
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start};

on_both_stores!(privacy_is_ones_own_and_kept);

async fn privacy_is_ones_own_and_kept(store: Store) {
    let mut server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let open = json!({
        "lastSeen": "everyone", "messages": "everyone", "groups": "everyone",
        "findableByName": true, "findableByAddress": true,
    });
    assert_eq!(ann.call("GetPrivacy", ()).await, open);
    let changes = json!({ "lastSeen": "nobody", "messages": "invite", "findableByName": false });
    let closed = json!({
        "lastSeen": "nobody", "messages": "invite", "groups": "everyone",
        "findableByName": false, "findableByAddress": true,
    });
    assert_eq!(ann.call("SetPrivacy", (changes,)).await, closed);
    assert_eq!(ann.call("GetPrivacy", ()).await, closed);
    assert_eq!(bob.call("GetPrivacy", ()).await, open, "nobody else's");

    for nonsense in [
        json!({}),
        json!({ "lastSeen": "some" }),
        json!({ "messages": "contacts" }),
        json!({ "findableByName": 1 }),
        json!({ "user": bob.user() }),
    ] {
        let refused = ann.refused("SetPrivacy", (nonsense,)).await;
        assert!(refused.contains("invalid"), "{refused}");
    }
    // Kept across a restart, and the same by REST.
    server.restart().expect("restarted");
    let token = Some(ann.account.access_token.as_str());
    let path = "/api/users/me/privacy";
    assert_eq!(server.request("GET", path, token, None).expect("an answer").body, closed);
    let changes = json!({ "groups": "contacts" });
    let changed = server.request("PUT", path, token, Some(&changes)).expect("an answer");
    assert_eq!((changed.status, &changed.body["groups"]), (200, &json!("contacts")));
    let open = server.request("GET", path, None, None).expect("an answer");
    assert_eq!((open.status, open.code()), (401, "unauthenticated"));
}
