//! The REST doors of the real server: what every route has in common, and the username and password of an account.

use gateway::ROUTES;
use serde_json::{Value, json};
use testkit::http::Answer;
use testkit::server::{Account, PASSWORD, Store, TestServer};

fn server() -> TestServer {
    TestServer::start(env!("CARGO_BIN_EXE_kith"), Store::Sqlite).expect("a server")
}

#[test]
fn every_route_of_the_table_is_served_and_guarded() {
    let server = server();
    for route in ROUTES {
        // Who is not signed in does not learn whether an id is one.
        let path = route.path.replace(['{', '}'], "");
        let method = route.method.to_uppercase();
        let body = route.body.map(|_| json!({ "nonsense": 1 }));
        let answer = server.request(&method, &path, None, body.as_ref()).expect("an answer");
        let expected = if route.signed_in { (401, "unauthenticated") } else { (422, "invalid") };
        assert_eq!((answer.status, answer.code()), expected, "{method} {path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
        assert_eq!(answer.header("www-authenticate").is_some(), route.signed_in, "{method} {path}");

        let answer = server.request("PATCH", &path, None, None).expect("an answer");
        assert_eq!((answer.status, answer.code()), (405, "not_found"), "{path}");
        let allowed = answer.header("allow").unwrap_or_default();
        assert!(allowed.contains(&method), "{path} allows {allowed:?}, not {method}");
    }
}

#[test]
fn what_is_not_there_answers_in_json() {
    let server = server();
    for path in ["/api", "/api/", "/api/nothing", "/nothing", "/api/auth/sessions/x/y"] {
        let answer = server.request("GET", path, None, None).expect("an answer");
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    let large = json!({ "username": "a".repeat(1_000_000), "password": "x" });
    let answer = server.post("/api/auth/login", &large).expect("an answer");
    assert_eq!((answer.status, answer.code()), (413, "too_large"));
}

#[test]
fn a_password_replaced_signs_out_the_other_devices() {
    let server = server();
    let (ann, other) = (server.register("ann"), server.log_in("ann"));
    let _ = server.register("bob");
    let change = |account: &Account, body: Value| {
        let token = Some(account.access_token.as_str());
        server.request("PUT", "/api/auth/credentials", token, Some(&body)).expect("an answer")
    };
    let refused = |answer: Answer| (answer.status, answer.code().to_owned());
    for (body, status, code) in [
        (json!({}), 422, "invalid"),
        (json!({ "username": "x" }), 422, "invalid"),
        (json!({ "username": "bob" }), 409, "username_taken"),
        (json!({ "password": "battery staple" }), 422, "invalid"),
        (json!({ "password": "battery staple", "currentPassword": "wrong" }), 401, "wrong_password"),
        (json!({ "password": "short", "currentPassword": PASSWORD }), 422, "invalid"),
    ] {
        assert_eq!(refused(change(&ann, body.clone())), (status, code.to_owned()), "{body}");
    }
    let answer = change(&ann, json!({ "username": "Anna" }));
    assert_eq!(
        (answer.status, &answer.body["username"]),
        (200, &json!("anna")),
        "a new name takes no password"
    );
    let answer = change(&ann, json!({ "password": "battery staple", "currentPassword": PASSWORD }));
    assert_eq!((answer.status, &answer.body["id"]), (200, &json!(ann.user)));

    let sessions = |account: &Account| {
        server.request("GET", "/api/auth/sessions", Some(&account.access_token), None).expect("an answer")
    };
    assert_eq!(sessions(&other).status, 401);
    assert_eq!(sessions(&ann).body.as_array().map(Vec::len), Some(1));
    let log_in = |username: &str, password: &str| {
        let body = json!({ "username": username, "password": password });
        server.post("/api/auth/login", &body).expect("an answer").status
    };
    assert_eq!(log_in("anna", PASSWORD), 401);
    assert_eq!(log_in("ann", "battery staple"), 400, "the old name is nobody's");
    assert_eq!(log_in("anna", "battery staple"), 200);
}
