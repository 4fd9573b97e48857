//! P1: who is online, kept true across several devices, lost sockets and a killed server.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, until};

on_both_stores!(online_as_long_as_one_connection_is, nobody_is_online_after_a_crash);

async fn status_of(asking: &Client, user: &str) -> Value {
    asking.call("LastStatus", (user,)).await
}

async fn is_offline(asking: &Client, user: &str) -> Value {
    until("offline", async || {
        let status = status_of(asking, user).await;
        (status["online"] == false).then_some(status)
    })
    .await
}

async fn online_as_long_as_one_connection_is(store: Store) {
    let server = start(store);
    let bob = Client::register(&server, "bob").await;
    let account = server.register("alice");
    let never = status_of(&bob, &account.user).await;
    assert_eq!(never, json!({ "user": account.user, "online": false }));

    let first = Client::connect(&server, &account).await;
    let (second, wire) = Client::over_wire(&server, &server.log_in("alice")).await;
    assert_eq!(status_of(&bob, &account.user).await["online"], true);
    first.leave().await;
    // Checked out, one is connected and does not count; both of the others have to be gone for that.
    second.call("CheckOut", ()).await;
    let status = is_offline(&bob, &account.user).await;
    assert!(status["lastSeen"].as_i64() > Some(0), "{status}");
    second.call("CheckIn", ()).await;
    assert_eq!(status_of(&bob, &account.user).await["online"], true);
    // A lost socket says no goodbye.
    wire.cut();
    let later = is_offline(&bob, &account.user).await;
    assert!(later["lastSeen"].as_i64() >= status["lastSeen"].as_i64(), "{later}");

    let nobody = format!("u_{}", "0".repeat(26));
    let error = bob.refused("LastStatus", (nobody,)).await;
    assert!(error.starts_with("not_found: "), "{error}");
}

async fn nobody_is_online_after_a_crash(store: Store) {
    let mut server = start(store);
    let alice = Client::register(&server, "alice").await;
    let (account, bob) = (alice.account.clone(), server.register("bob"));
    // What a stopping server knows it writes.
    assert!(server.terminate().expect("ended").success());
    server.restart().expect("started again");
    let asking = Client::connect(&server, &bob).await;
    let stopped = status_of(&asking, &account.user).await;
    assert!(stopped["online"] == false && stopped["lastSeen"].as_i64() > Some(0), "{stopped}");

    let again = Client::connect(&server, &account).await;
    assert_eq!(status_of(&asking, &account.user).await["online"], true);
    server.kill().expect("killed");
    drop(again);
    server.restart().expect("started again");
    let asking = Client::connect(&server, &bob).await;
    let crashed = status_of(&asking, &account.user).await;
    assert_eq!(crashed["online"], false);
    assert!(crashed["lastSeen"].as_i64() >= stopped["lastSeen"].as_i64(), "{crashed} after {stopped}");
}
