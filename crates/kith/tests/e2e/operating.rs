//! What an operator sees of a server: whether it is well, and what it says about itself.

mod acme;
mod backup;
mod database_tls;
mod doctor;
pub(crate) mod https;
mod mail;
mod reload;
mod traces;
mod unit;

use std::net::SocketAddr;

use serde_json::json;
use testkit::http::Answer;
use testkit::server::{PASSWORD, Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, on_both_stores, start, start_with, until};

on_both_stores!(a_busy_server_tells_no_secrets);

fn get(server: &TestServer, path: &str) -> Answer {
    server.request("GET", path, None, None).expect("an answer")
}

#[tokio::test]
async fn a_stopping_server_is_alive_and_not_ready() {
    let mut server = start_with(Store::Sqlite, &[("KITH_SERVER_DRAIN_TIMEOUT_S", "30")]);
    assert_eq!((get(&server, "/health").status, get(&server, "/health").body), (200, json!("ok\n")));
    assert_eq!((get(&server, "/ready").status, get(&server, "/ready").body), (200, json!({ "ready": true })));
    // A peer that never answers the Close: the drain waits for it.
    let token = server.register("ann").access_token;
    let mut silent = TcpStream::connect(server.address()).await.expect("connected");
    let request = format!(
        "GET /hub?access_token={token} HTTP/1.1\r\nHost: kith\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    silent.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    silent.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 101");
    server.ask_to_end().expect("asked");
    let answer =
        until("not ready", async || Some(get(&server, "/ready")).filter(|it| it.status != 200)).await;
    let stopping = json!({ "ready": false, "reason": "the server is stopping" });
    assert_eq!((answer.status, answer.body), (503, stopping));
    assert_eq!(get(&server, "/health").status, 200);
    drop(silent);
    assert!(server.wait().expect("ended").success(), "{}", server.log());
}

#[tokio::test]
async fn without_its_database_a_server_is_alive_and_not_ready() {
    let mut server = start(Store::CrashablePostgres);
    assert_eq!(get(&server, "/ready").status, 200);
    server.crash_database().expect("crashed");
    let answer =
        until("not ready", async || Some(get(&server, "/ready")).filter(|it| it.status != 200)).await;
    assert_eq!((answer.status, &answer.body["ready"]), (503, &json!(false)));
    assert_eq!(get(&server, "/health").status, 200);
    server.restart_database().expect("started");
    until("ready", async || Some(get(&server, "/ready")).filter(|it| it.status == 200)).await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_a_line() {
    let server = start_with(Store::Sqlite, &[("KITH_LOG_LEVEL", "debug"), ("KITH_LOG_FORMAT", "json")]);
    let mut ids = Vec::new();
    for path in ["/", "/health", "/ready", "/nothing?q=secret", "/api/nothing", "/api/auth/sessions", "/hub"]
    {
        let answer = get(&server, path);
        let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{path}: {answer:?}")).to_owned();
        assert!(!ids.contains(&id), "{id} again");
        let line = until("a line", async || {
            let log = server.log();
            log.lines().find(|line| line.contains("answered") && line.contains(&id)).map(str::to_owned)
        });
        let line: serde_json::Value = serde_json::from_str(&line.await).expect("JSON");
        let path = format!("{:?}", path.split('?').next().expect("a path"));
        assert_eq!((&line["fields"]["method"], &line["fields"]["path"]), (&json!("GET"), &json!(path)));
        assert_eq!(line["fields"]["status"], answer.status);
        ids.push(id);
    }
    let raw = |id: &'static str| {
        let address = server.address();
        async move {
            let mut stream = TcpStream::connect(address).await.expect("connected");
            let request = format!(
                "GET /health HTTP/1.1\r\nHost: kith\r\nX-Request-Id: {id}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            answer.contains(&format!("x-request-id: {id}\r\n"))
        }
    };
    assert!(raw("from-the-proxy.1").await, "taken over");
    assert!(!raw("two words").await, "not taken over");
}

async fn a_busy_server_tells_no_secrets(store: Store) {
    const BODY: &str = "what-ann-tells-bob";
    const WRONG: &str = "another-password-than-hers";
    let server = start_with(store, &[("KITH_LOG_LEVEL", "trace")]);
    let ann = Client::register(&server, "ann").await;
    let mut bob = Client::register(&server, "bob").await;
    let conversation = ann.direct(&bob).await;
    for number in 0..20 {
        ann.send(&conversation, &format!("m{number}"), &format!("{BODY} {number}")).await;
    }
    bob.event_that("msg", |values| values[1] == 20).await;
    assert_eq!(bob.history(&conversation).await.len(), 20);
    let body = json!({ "username": "ann", "password": WRONG });
    assert_eq!(server.post("/api/auth/login", &body).expect("an answer").status, 401);
    let renewed = json!({ "refreshToken": ann.account.refresh_token });
    let renewed = server.post("/api/auth/refresh", &renewed).expect("an answer");
    assert_eq!(renewed.status, 200);
    let token = &ann.account.access_token;
    get(&server, &format!("/hub?access_token={token}"));
    get(&server, &format!("/api/nothing?password={PASSWORD}"));
    let (user, account) = (bob.user().to_owned(), bob.account.clone());
    bob.leave().await;
    let log = until("connections are logged", async || {
        let log = server.log();
        (log.contains(&user) && log.contains("disconnected")).then_some(log)
    })
    .await;
    let new = |name: &str| renewed.body[name].as_str().expect("a token").to_owned();
    // As a list of bytes, too, which is how tokio-postgres would tell a statement's parameters.
    let bytes = format!("{:?}", BODY.as_bytes());
    let secrets = [
        BODY.to_owned(),
        bytes.trim_matches(['[', ']']).to_owned(),
        "$argon2".to_owned(),
        PASSWORD.to_owned(),
        WRONG.to_owned(),
        token.clone(),
        ann.account.refresh_token.clone(),
        account.access_token,
        account.refresh_token,
        new("accessToken"),
        new("refreshToken"),
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}

/// The address that the log names.
pub(crate) async fn metrics_address(server: &TestServer) -> SocketAddr {
    until("the metrics' address", async || {
        let log = server.log();
        let (_, rest) = log.split_once("metrics are served on http://")?;
        rest.split_once("/metrics")?.0.parse().ok()
    })
    .await
}

pub(crate) fn scrape(address: SocketAddr) -> String {
    let answer = testkit::http::request(address, "GET", "/metrics", None, None).expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(
        answer.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text"))
    );
    answer.body.as_str().expect("text").to_owned()
}

/// The value of a sample, labels included.
pub(crate) fn sample(text: &str, name: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} in {text}")).parse().expect("a number")
}

#[tokio::test]
async fn metrics_count_what_happens_and_the_dashboard_knows_them() {
    let server = start_with(Store::Sqlite, &[("KITH_METRICS_LISTEN", "127.0.0.1:0")]);
    let address = metrics_address(&server).await;
    let ann = Client::register(&server, "ann").await;
    let mut bob = Client::register(&server, "bob").await;
    let conversation = ann.direct(&bob).await;
    let before = scrape(address);
    for number in 0..20 {
        ann.send(&conversation, &format!("m{number}"), "hello").await;
    }
    bob.event_that("msg", |values| values[1] == 20).await;
    let wrong = json!({ "username": "ann", "password": "another-password" });
    assert_eq!(server.post("/api/auth/login", &wrong).expect("an answer").status, 401);

    let text = scrape(address);
    assert_eq!(sample(&text, "kith_connections"), 2.0);
    assert_eq!(sample(&text, "kith_users_online"), 2.0);
    let more = |name: &str| sample(&text, name) - sample(&before, name);
    assert_eq!(more("kith_messages_appended_total"), 20.0);
    assert_eq!(more("kith_batch_entries_sum"), 20.0);
    assert_eq!(more("kith_batch_entries_count"), more("kith_commit_seconds_count"));
    assert!(more("kith_deliveries_total") >= 20.0);
    assert_eq!(sample(&text, "kith_sign_in_failures_total"), 1.0);
    let logins = r#"kith_http_requests_total{route="/api/auth/login",method="POST",status="401"}"#;
    assert_eq!(sample(&text, logins), 1.0);
    assert_eq!(sample(&text, "kith_writes_available"), 1.0);
    assert!(sample(&text, "kith_disk_free_bytes") > 0.0);
    // The server's own door does not serve them, nor does this one serve anything else.
    assert_eq!(get(&server, "/metrics").status, 404);
    let other = testkit::http::request(address, "GET", "/api/auth/sessions", None, None).expect("an answer");
    assert_eq!(other.status, 404);

    let path = testkit::generated::workspace_root().join("deploy/grafana/kith.json");
    let dashboard = std::fs::read_to_string(path).expect("the dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    let mut named = 0;
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            for name in words.filter(|word| word.starts_with("kith_") || word.starts_with("process_")) {
                let shown =
                    |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
                assert!(text.lines().any(shown), "{name} of {expression} in {text}");
                named += 1;
            }
        }
    }
    assert!(named > 10, "{named}");
}
