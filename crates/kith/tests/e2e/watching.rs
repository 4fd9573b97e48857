//! P2: seeing others come and go, as far as they let one.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, until};

on_both_stores!(privacy_counts_at_once);

/// The next news of a user: online, and when last seen.
async fn next(client: &mut Client, user: &str) -> (Value, Value) {
    let values = client.event_that("pres", |values| values[0] == json!(user)).await;
    (values[1].clone(), values[2].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_and_going_is_told_and_reconnects_are_not() {
    let server = start(Store::Sqlite);
    let mut ann = Client::register(&server, "ann").await;
    let bob = server.register("bob");
    let eve = Client::register(&server, "eve").await;
    let states =
        ann.call("WatchPresence", ([&bob.user, &ann.account.user, &bob.user, &eve.account.user],)).await;
    let online = |at: usize| (states[at]["user"].clone(), states[at]["online"].clone());
    assert_eq!(online(0), (json!(bob.user), json!(false)));
    assert_eq!(online(1), (json!(ann.user()), json!(true)), "oneself is visible to oneself");
    assert_eq!(online(2), (json!(eve.user()), json!(true)));
    assert_eq!(states.as_array().map(Vec::len), Some(3), "each once");

    let phone = Client::connect(&server, &bob).await;
    assert_eq!(next(&mut ann, &bob.user).await.0, json!(true));
    // A second device, and the first one's going, change nothing; a reconnect does not flicker.
    let (laptop, wire) = Client::over_wire(&server, &server.log_in("bob")).await;
    phone.leave().await;
    wire.cut();
    let until_offline = async || {
        until("gone", async || (eve.call("LastStatus", (&bob.user,)).await["online"] == false).then_some(()))
            .await;
    };
    until_offline().await;
    let again = Client::connect(&server, &bob).await;
    drop(laptop);
    // Whoever begins to watch while he seems to be gone for a moment starts from what the others know.
    again.call("CheckOut", ()).await;
    let seen = eve.call("WatchPresence", ([&bob.user],)).await;
    assert_eq!(seen[0]["online"], true, "{seen}");
    let (online, last_seen) = next(&mut ann, &bob.user).await;
    assert_eq!(online, json!(false), "that is the first news since he came");
    assert!(last_seen.as_i64() > Some(0));
    again.call("CheckIn", ()).await;
    assert_eq!(next(&mut ann, &bob.user).await.0, json!(true));

    // A list replaces the one before, and ends with its connection.
    ann.call("WatchPresence", ([eve.user()],)).await;
    again.leave().await;
    until_offline().await;
    let last = Client::connect(&server, &bob).await;
    last.call("CheckIn", ()).await;
    let eve_id = eve.account.user.clone();
    eve.leave().await;
    let values = ann.event("pres").await;
    assert_eq!((&values[0], &values[1]), (&json!(eve_id), &json!(false)), "nothing of bob came before");
    let many: Vec<_> = (0..1_001).map(|_| &bob.user).collect();
    let refused = ann.refused("WatchPresence", (many,)).await;
    assert!(refused.starts_with("invalid: "), "{refused}");
    assert_eq!(ann.call("WatchPresence", (Vec::<String>::new(),)).await, json!([]));
}

async fn privacy_counts_at_once(store: Store) {
    let server = start(store);
    let mut ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    let hidden = json!({ "user": bob.user(), "online": false });
    assert_eq!(ann.call("WatchPresence", ([bob.user()],)).await[0]["online"], true);
    let last_seen = |to: &str| (json!({ "lastSeen": to }),);
    let path = format!("/api/users/{}/status", bob.user());
    let rest = |who: &Client| {
        server.request("GET", &path, Some(&who.account.access_token), None).expect("an answer").body
    };
    for (change, visible) in [
        (("SetPrivacy", json!([last_seen("nobody").0])), false),
        (("SetPrivacy", json!([last_seen("everyone").0])), true),
        (("SetPrivacy", json!([last_seen("contacts").0])), false),
        (("AddContact", json!([ann.user()])), true),
        (("RemoveContact", json!([ann.user()])), false),
        (("AddContact", json!([ann.user()])), true),
        (("Block", json!([ann.user()])), false),
        (("Unblock", json!([ann.user()])), true),
    ] {
        let (command, arguments) = change;
        bob.call(command, &arguments).await;
        let (online, last_seen) = next(&mut ann, bob.user()).await;
        assert_eq!((online, last_seen.is_null()), (json!(visible), !visible), "{command} {arguments}");
        let status = ann.call("LastStatus", (bob.user(),)).await;
        assert_eq!(status["online"], json!(visible), "{command} {arguments}");
        assert_eq!(rest(&ann)["online"], json!(visible), "{command} {arguments}");
        if !visible {
            assert_eq!((&status, rest(&ann)), (&hidden, hidden.clone()));
            let watched = ann.call("WatchPresence", ([bob.user()],)).await;
            assert_eq!(watched, json!([hidden]), "{command} {arguments}");
        }
        assert_eq!(bob.call("LastStatus", (bob.user(),)).await["online"], true, "to himself he is there");
    }
    // Nobody hears of whoever shuts them out coming or going.
    bob.call("Block", (ann.user(),)).await;
    assert_eq!(next(&mut ann, bob.user()).await.0, json!(false));
    let account = bob.account.clone();
    bob.leave().await;
    let eve = Client::register(&server, "eve").await;
    eve.call("AddContact", (&account.user,)).await;
    let bob = Client::connect(&server, &account).await;
    bob.call("Unblock", (ann.user(),)).await;
    let (online, last_seen) = next(&mut ann, &account.user).await;
    assert_eq!((online, last_seen.is_null()), (json!(true), false), "the first news since the block");
}

/// Whoever is told the same again knows that somebody touched their privacy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_what_they_know() {
    let server = start(Store::Sqlite);
    let mut ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    assert_eq!(ann.call("WatchPresence", ([bob.user()],)).await[0]["online"], true);
    let last_seen = async |to: &str| bob.call("SetPrivacy", (json!({ "lastSeen": to }),)).await;
    let by_then = async |visible: bool| {
        let shown = async || (ann.call("LastStatus", (bob.user(),)).await["online"] == visible).then_some(());
        until("it holds", shown).await;
    };
    last_seen("everyone").await;
    last_seen("nobody").await;
    by_then(false).await;
    bob.call("Block", (ann.user(),)).await;
    last_seen("contacts").await;
    bob.call("Unblock", (ann.user(),)).await;
    last_seen("nobody").await;
    last_seen("everyone").await;
    assert_eq!(next(&mut ann, bob.user()).await.0, json!(false), "hidden, once");
    assert_eq!(next(&mut ann, bob.user()).await.0, json!(true), "and nothing until he shows himself");
}
