//! A5: tokens that rotate, sessions that end at once on both doors.

use serde_json::json;
use signalr::Protocol;
use signalr::client::{CloseReason, ConnectError};
use testkit::http::Answer;
use testkit::server::{Account, Store, TestServer};

use crate::support::{Client, on_both_stores, start};

on_both_stores!(
    a_revoked_device_is_out_at_once,
    logging_out_ends_only_this_device,
    refresh_tokens_rotate_and_reuse_ends_the_session,
);

fn refresh(server: &TestServer, token: &str) -> Answer {
    server.post("/api/auth/refresh", &json!({ "refreshToken": token })).expect("an answer")
}

/// The connection was closed for good, and the token opens neither door.
async fn is_out(server: &TestServer, client: &mut Client) {
    match client.closed().await {
        CloseReason::Server { error: Some(error), allow_reconnect: false } => {
            assert!(error.contains("unauthenticated"), "{error}");
        }
        reason => panic!("closed otherwise: {reason:?}"),
    }
    let token = client.account.access_token.as_str();
    match Client::try_connect(server, Some(token), Protocol::MessagePack).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), 401),
        other => panic!("the hub's door: {:?}", other.map(drop)),
    }
    let answer = server.request("GET", "/api/auth/sessions", Some(token), None).expect("an answer");
    assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{answer:?}");
    assert_eq!(refresh(server, &client.account.refresh_token).status, 401);
}

async fn is_in(server: &TestServer, client: &Client) {
    assert_eq!(client.call("WhoAmI", ()).await["device"], json!(client.account.device));
    let token = Some(client.account.access_token.as_str());
    assert_eq!(server.request("GET", "/api/auth/sessions", token, None).expect("an answer").status, 200);
}

async fn a_revoked_device_is_out_at_once(store: Store) {
    let mut server = start(store);
    let alice = Client::register(&server, "alice").await;
    let mut by_hub = Client::connect(&server, &server.log_in("alice")).await;
    let mut by_rest = Client::connect(&server, &server.log_in("alice")).await;
    // Two connections of one device both go.
    let mut second = Client::connect_with(&server, &by_hub.account, Protocol::Json).await;
    let devices = alice.call("ListSessions", ()).await;
    let devices = devices.as_array().expect("devices");
    assert_eq!(devices.len(), 3);
    let current: Vec<_> = devices.iter().filter(|device| device["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], json!(alice.account.device));

    alice.call("RevokeSession", (&by_hub.account.device,)).await;
    is_out(&server, &mut by_hub).await;
    second.closed().await;
    let path = format!("/api/auth/sessions/{}", by_rest.account.device);
    let token = Some(alice.account.access_token.as_str());
    assert_eq!(server.request("DELETE", &path, token, None).expect("an answer").status, 204);
    is_out(&server, &mut by_rest).await;
    is_in(&server, &alice).await;
    assert_eq!(server.request("DELETE", &path, token, None).expect("an answer").status, 404);
    assert_eq!(server.request("DELETE", "/api/auth/sessions/x", token, None).expect("an answer").status, 404);

    // It stays so after a crash.
    server.kill().expect("killed");
    server.restart().expect("started again");
    let answer = server.request("GET", "/api/auth/sessions", Some(&by_rest.account.access_token), None);
    assert_eq!(answer.expect("an answer").status, 401);
    let answer = server.request("GET", "/api/auth/sessions", token, None).expect("an answer");
    assert_eq!(answer.body.as_array().map(Vec::len), Some(1));
}

async fn logging_out_ends_only_this_device(store: Store) {
    let server = start(store);
    let stays = Client::register(&server, "alice").await;
    let mut leaves = Client::connect(&server, &server.log_in("alice")).await;
    let token = Some(leaves.account.access_token.as_str());
    assert_eq!(server.request("POST", "/api/auth/logout", token, None).expect("an answer").status, 204);
    is_out(&server, &mut leaves).await;
    is_in(&server, &stays).await;
}

async fn refresh_tokens_rotate_and_reuse_ends_the_session(store: Store) {
    let server = start(store);
    let first = server.register("alice");
    let other = Client::connect(&server, &server.log_in("alice")).await;
    let answer = refresh(&server, &first.refresh_token);
    assert_eq!(answer.status, 200, "{answer:?}");
    let second = Account {
        access_token: answer.body["accessToken"].as_str().expect("a token").to_owned(),
        refresh_token: answer.body["refreshToken"].as_str().expect("a token").to_owned(),
        ..first.clone()
    };
    assert_ne!(second.refresh_token, first.refresh_token);
    let mut client = Client::connect(&server, &second).await;
    is_in(&server, &client).await;

    // Whoever brings the old one has stolen it, or was stolen from.
    let reused = refresh(&server, &first.refresh_token);
    assert_eq!((reused.status, reused.code()), (401, "unauthenticated"), "{reused:?}");
    is_out(&server, &mut client).await;
    is_in(&server, &other).await;
    assert_eq!(refresh(&server, "nonsense").status, 401);
}
