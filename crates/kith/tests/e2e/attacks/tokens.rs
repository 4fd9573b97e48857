//! Tokens that are not what they should be, where they should be, when they should be.

use serde_json::{Value, json};
use signalr::Protocol;
use signalr::client::ConnectError;
use testkit::server::{Account, Store, TestServer};

use super::Bystanders;
use crate::support::{Client, start, start_with, until};

/// That a token opens neither door.
async fn assert_useless(server: &TestServer, token: &str, what: &str) {
    for (method, path) in [
        ("GET", "/api/users/me"),
        ("GET", "/api/conversations"),
        ("POST", "/api/auth/logout"),
        ("POST", "/hub/negotiate?negotiateVersion=1"),
    ] {
        let answer = server.request(method, path, Some(token), None).expect("an answer");
        assert_eq!(answer.status, 401, "{what}: {method} {path}: {answer:?}");
    }
    match Client::try_connect(server, Some(token), Protocol::Json).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), 401, "{what}"),
        Err(error) => panic!("{what}: {error}"),
        Ok(_) => panic!("{what} lets in"),
    }
}

fn refresh(server: &TestServer, token: &str) -> (u16, String) {
    let answer = server.post("/api/auth/refresh", &json!({ "refreshToken": token })).expect("an answer");
    (answer.status, answer.code().to_owned())
}

fn unauthenticated() -> (u16, String) {
    (401, "unauthenticated".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misplaced_and_foreign_tokens() {
    let (server, other) = (start(Store::Sqlite), start(Store::Sqlite));
    let mut bystanders = Bystanders::meet(&server).await;
    let (own, foreign) = (server.register("mallory"), other.register("mallory"));
    // One for the other.
    assert_useless(&server, &own.refresh_token, "a refresh token").await;
    assert_eq!(refresh(&server, &own.access_token), unauthenticated());
    // Of another server: its key is another.
    assert_useless(&server, &foreign.access_token, "another server's token").await;
    assert_eq!(refresh(&server, &foreign.refresh_token), unauthenticated());
    assert_eq!(refresh(&other, &foreign.refresh_token).0, 200);
    // In the query, REST does not look; nor in a cookie, nor under another scheme.
    let in_query = format!("/api/users/me?access_token={}", own.access_token);
    assert_eq!(server.request("GET", &in_query, None, None).expect("an answer").status, 401);
    for header in [
        format!("Cookie: access_token={}", own.access_token),
        format!("Authorization: Basic {}", own.access_token),
        format!("Authorization: {}", own.access_token),
        format!("X-Access-Token: {}", own.access_token),
        format!("Authorization: Bearer {},{}", own.access_token, own.access_token),
    ] {
        let request =
            format!("GET /api/users/me HTTP/1.1\r\nHost: kith\r\nConnection: close\r\n{header}\r\n\r\n");
        let answer = testkit::http::exchange(server.address(), request.as_bytes()).expect("an answer");
        assert_eq!(answer.status, 401, "{header}");
    }
    // A connection's token is no access token, and another's id is nobody's.
    let negotiated = server
        .request("POST", "/hub/negotiate?negotiateVersion=1", Some(&own.access_token), None)
        .expect("an answer");
    let token = negotiated.body["connectionToken"].as_str().expect("a token");
    assert_useless(&server, token, "a connection's token").await;
    let id = negotiated.body["connectionId"].as_str().expect("an id");
    for wrong in [id.to_owned(), token.to_lowercase(), token[1..].to_owned(), format!("{token}A")] {
        let path = format!("/hub?id={wrong}");
        let answer = server.request("GET", &path, Some(&own.access_token), None).expect("an answer");
        assert_eq!(answer.status, 404, "{wrong}");
    }
    bystanders.talk().await;
    assert_eq!(
        server.request("GET", "/api/users/me", Some(&own.access_token), None).expect("an answer").status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tampered_tokens() {
    let settings = [("KITH_LIMITS_REQUESTS_PER_ADDRESS", "0"), ("KITH_LIMITS_SIGN_INS_PER_ADDRESS", "0")];
    let server = start_with(Store::Sqlite, &settings);
    let mut bystanders = Bystanders::meet(&server).await;
    let account = server.register("mallory");
    let me =
        |token: &str| server.request("GET", "/api/users/me", Some(token), None).expect("an answer").status;
    let start = account.access_token.find('_').expect("a prefix") + 1;
    for at in start..account.access_token.len() {
        for other in ['A', 'z', '-', '='] {
            let mut token = account.access_token.clone();
            token.replace_range(at..=at, &other.to_string());
            if token != account.access_token {
                assert_eq!(me(&token), 401, "{at} {other}");
            }
            let mut token = account.refresh_token.clone();
            token.replace_range(at..=at, &other.to_string());
            if token != account.refresh_token {
                assert_eq!(refresh(&server, &token), unauthenticated(), "{at} {other}");
            }
        }
    }
    for token in ["", " ", "ka_", "kr_", "null", "undefined", &"A".repeat(10_000)] {
        assert_eq!(me(token), 401, "{token}");
    }
    // The access token's body under the refresh token's name, and the other way round.
    let prefix = |token: &str| token[..=token.find('_').expect("a prefix")].to_owned();
    let [access, renewal] = [&account.access_token, &account.refresh_token];
    assert_eq!(me(&renewal.replacen(&prefix(renewal), &prefix(access), 1)), 401);
    assert_eq!(refresh(&server, &access.replacen(&prefix(access), &prefix(renewal), 1)), unauthenticated());
    bystanders.talk().await;
    // No wrong guess ended the session.
    assert_eq!((me(access), refresh(&server, renewal).0), (200, 200));
}

async fn closes_for_good(client: &mut Client) {
    let reason = client.closed().await;
    assert!(format!("{reason:?}").contains("unauthenticated"), "{reason:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_tokens() {
    let server = start(Store::Sqlite);
    let mut bystanders = Bystanders::meet(&server).await;
    let revoke = |account: &Account, by: &Account| {
        let path = format!("/api/auth/sessions/{}", account.device);
        server.request("DELETE", &path, Some(&by.access_token), None).expect("an answer").status
    };
    let (stolen, owner) = (server.register("mallory"), server.log_in("mallory"));
    let mut thief = Client::connect(&server, &stolen).await;
    // Nobody else can end it.
    assert_eq!(revoke(&owner, &bystanders.ann.account), 404);
    assert_eq!(revoke(&stolen, &owner), 204);
    closes_for_good(&mut thief).await;
    assert_useless(&server, &stolen.access_token, "a revoked token").await;
    assert_eq!(refresh(&server, &stolen.refresh_token), unauthenticated());
    // A refresh token that was copied: the second use ends both.
    let answer = server.post("/api/auth/refresh", &json!({ "refreshToken": owner.refresh_token }));
    let renewed = answer.expect("an answer").body;
    assert_eq!(refresh(&server, &owner.refresh_token), unauthenticated());
    let token = |name: &str| renewed[name].as_str().expect("a token").to_owned();
    assert_useless(&server, &token("accessToken"), "a token of a session that was copied").await;
    assert_eq!(refresh(&server, &token("refreshToken")), unauthenticated());
    bystanders.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_tokens() {
    let server = start_with(Store::Sqlite, &[("KITH_ACCOUNTS_ACCESS_TOKEN_TTL_S", "10")]);
    let account = server.register("mallory");
    let me = || server.request("GET", "/api/users/me", Some(&account.access_token), None).expect("an answer");
    until("the token's end", async || (me().status == 401).then_some(())).await;
    assert_eq!(me().code(), "unauthenticated");
    assert_useless(&server, &account.access_token, "an expired token").await;
    let answer = server.post("/api/auth/refresh", &json!({ "refreshToken": account.refresh_token }));
    let renewed: Value = answer.expect("an answer").body;
    let token = renewed["accessToken"].as_str().expect("a token");
    assert_eq!(server.request("GET", "/api/users/me", Some(token), None).expect("an answer").status, 200);
}
