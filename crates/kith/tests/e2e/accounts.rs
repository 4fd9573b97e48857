//! A2: registering and signing in over REST, and what each refusal looks like.

use serde_json::{Value, json};
use testkit::http;
use testkit::server::{PASSWORD, Store};

use crate::support::{on_both_stores, start, start_with};

on_both_stores!(registering_and_signing_in);

async fn registering_and_signing_in(store: Store) {
    let server = start(store);
    let post = |path: &str, body: Value| server.post(path, &body).expect("an answer");
    let alice = json!({ "username": "Alice", "password": PASSWORD, "name": "Alice A.", "device": "laptop" });
    let registered = post("/api/auth/register", alice);
    assert_eq!(registered.status, 200, "{registered:?}");
    assert_eq!(registered.body["registered"], true);
    assert_eq!(registered.body["user"]["username"], "alice");
    assert_eq!(registered.body["user"]["name"], "Alice A.");
    let access_expires_at = registered.body["accessExpiresAt"].as_i64().expect("a time");
    assert!(registered.body["refreshExpiresAt"].as_i64().expect("a time") > access_expires_at);

    let taken = post("/api/auth/register", json!({ "username": "aLICE", "password": PASSWORD }));
    assert_eq!((taken.status, taken.code()), (409, "username_taken"));

    let signed_in = post("/api/auth/login", json!({ "username": "ALICE", "password": PASSWORD }));
    assert_eq!((signed_in.status, &signed_in.body["registered"]), (200, &json!(false)));
    assert_eq!(signed_in.body["user"], registered.body["user"]);
    assert_ne!(signed_in.body["device"], registered.body["device"]);

    let unknown = post("/api/auth/login", json!({ "username": "nobody", "password": PASSWORD }));
    assert_eq!((unknown.status, unknown.code()), (400, "unknown_user"));
    let wrong = post("/api/auth/login", json!({ "username": "alice", "password": "not my password" }));
    assert_eq!((wrong.status, wrong.code()), (401, "wrong_password"));
    assert!(wrong.body["message"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{wrong:?}");
}

#[tokio::test]
async fn malformed_input_is_422() {
    let server = start(Store::Sqlite);
    let long = "x".repeat(101);
    for body in [
        json!({ "username": "alice" }),
        json!({ "password": PASSWORD }),
        json!({ "username": "al", "password": PASSWORD }),
        json!({ "username": "al ice", "password": PASSWORD }),
        json!({ "username": "-alice", "password": PASSWORD }),
        json!({ "username": "alice", "password": "short" }),
        json!({ "username": "alice", "password": 12_345_678 }),
        json!({ "username": "alice", "password": PASSWORD, "name": long }),
        json!(["alice", PASSWORD, null, null, null]),
        json!("alice"),
    ] {
        let answer = server.post("/api/auth/register", &body).expect("an answer");
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{body}: {answer:?}");
    }
    for body in ["", "{", "username=alice&password=correct+horse", "\u{0}"] {
        for path in ["register", "login", "refresh", "code", "verify"] {
            let path = format!("/api/auth/{path}");
            let answer = http::request(server.address(), "POST", &path, None, Some(body)).expect("an answer");
            assert_eq!((answer.status, answer.code()), (422, "invalid"), "{path} {body:?}: {answer:?}");
        }
    }
    let huge = json!({ "username": "alice", "password": "x".repeat(1_000_000) });
    let answer = server.post("/api/auth/register", &huge).expect("an answer");
    assert_eq!((answer.status, answer.code()), (413, "too_large"), "{answer:?}");
    // None of them took the name.
    let _ = server.register("alice");
}

#[tokio::test]
async fn paths_that_are_not_there() {
    let server = start(Store::Sqlite);
    for (method, path, status) in
        [("GET", "/api/nothing", 404), ("GET", "/api/auth/register", 405), ("DELETE", "/api/auth/login", 405)]
    {
        let answer = server.request(method, path, None, None).expect("an answer");
        assert_eq!((answer.status, answer.code()), (status, "not_found"), "{method} {path}");
    }
    let health = server.request("GET", "/health", None, None).expect("an answer");
    assert_eq!((health.status, &health.body), (200, &json!("ok\n")));
}

#[tokio::test]
async fn a_closed_server_registers_nobody() {
    let server = start_with(Store::Sqlite, &[("KITH_ACCOUNTS_REGISTRATION_OPEN", "false")]);
    let body = json!({ "username": "bob", "password": PASSWORD });
    let refused = server.post("/api/auth/register", &body).expect("an answer");
    assert_eq!((refused.status, refused.code()), (403, "registration_closed"));
    // An account would be signed in: that there is none is said as ever.
    let unknown = server.post("/api/auth/login", &body).expect("an answer");
    assert_eq!((unknown.status, unknown.code()), (400, "unknown_user"));
}
