//! How long the hub waits, what it keeps for whoever polls, and how many proxies are looked through.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::http::{Answer, exchange};
use testkit::server::{Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::attacks::ask_hub;
use crate::support::{Client, PATIENCE, start_with};

const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";

fn negotiate(server: &TestServer, token: &str) -> String {
    let answer = server.request("POST", "/hub/negotiate?negotiateVersion=1", Some(token), None);
    answer.expect("an answer").body["connectionToken"].as_str().expect("a token").to_owned()
}

fn hub(server: &TestServer, method: &str, connection: &str, token: &str, body: &str) -> Answer {
    let request = format!(
        "{method} /hub?id={connection} HTTP/1.1\r\nHost: kith\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(server.address(), request.as_bytes()).expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_the_hub() {
    let settings = [
        ("KITH_LIMITS_NEGOTIATE_TIMEOUT_S", "1"),
        ("KITH_LIMITS_POLL_TIMEOUT_S", "1"),
        ("KITH_LIMITS_POLLED_BUFFER_BYTES", "1024"),
        ("KITH_LIMITS_HUB_PING_S", "25"),
        ("KITH_LIMITS_HUB_CLOSE_TIMEOUT_S", "1"),
    ];
    let server = start_with(Store::Sqlite, &settings);
    let ann = Client::register(&server, "ann").await;
    let bob = server.register("bob");
    let token = bob.access_token.as_str();

    // Negotiated for too long ago.
    let late = negotiate(&server, token);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(hub(&server, "GET", &late, token, "").status, 404);

    // A poll that has nothing to tell ends long before the ping that it would else bring.
    let connection = until_open(&server, token);
    assert_eq!(hub(&server, "POST", &connection, token, HANDSHAKE).status, 200);
    let answered = hub(&server, "GET", &connection, token, "");
    assert_eq!((answered.status, answered.body.as_str()), (200, Some("{}\u{1e}")));
    let begun = Instant::now();
    let nothing = hub(&server, "GET", &connection, token, "");
    assert_eq!((nothing.status, nothing.body.as_str().unwrap_or_default()), (200, ""), "{nothing:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());

    // Much more than is kept for whoever polls comes all the same, in order, as it is taken.
    let other = Client::connect(&server, &bob).await;
    let direct = ann.direct(&other).await;
    for number in 1..=30 {
        ann.send(&direct, &format!("m{number}"), &format!("<{number}>{}", "x".repeat(1_000))).await;
    }
    let (mut said, mut polls) = (String::new(), 0);
    while !said.contains("<30>") {
        said += hub(&server, "GET", &connection, token, "").body.as_str().unwrap_or_default();
        polls += 1;
        assert!(polls < 200, "{said}");
    }
    let places: Vec<_> = (1..=30).map(|number| said.find(&format!("<{number}>"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert!(polls > 1, "one poll for thirty times what is kept");
}

/// Negotiates and opens, again if that took too long.
fn until_open(server: &TestServer, token: &str) -> String {
    testkit::poll("a connection", PATIENCE, || {
        let connection = negotiate(server, token);
        let opened = hub(server, "GET", &connection, token, "").status == 200;
        Ok(opened.then_some(connection))
    })
    .expect("a connection")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_and_proxies() {
    let settings = [
        ("KITH_LIMITS_HUB_PING_S", "1"),
        ("KITH_LIMITS_REQUESTS_PER_ADDRESS", "1/h 5"),
        ("KITH_SERVER_MAX_PROXIES", "1"),
    ];
    let server = start_with(Store::Sqlite, &settings);
    let ann = server.register("ann");
    let (status, mut socket) = ask_hub(&server, "127.0.0.1", &ann.access_token).await;
    assert_eq!(status, 101);
    // A masked frame of text; the mask is all zeroes.
    let mut frame = vec![0x81, 0x80 | HANDSHAKE.len() as u8, 0, 0, 0, 0];
    frame.extend(HANDSHAKE.as_bytes());
    socket.write_all(&frame).await.expect("sent");
    let begun = Instant::now();
    let mut said = Vec::new();
    while String::from_utf8_lossy(&said).matches("{\"type\":6}").count() < 3 {
        let reading = socket.read_buf(&mut said);
        assert!(tokio::time::timeout(PATIENCE, reading).await.expect("in time").expect("read") > 0);
    }
    assert!(begun.elapsed() < Duration::from_secs(50), "three take a minute by default");

    // Behind two proxies, of which one is looked through, all are the second one.
    let ask = |number: u8| {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: kith\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.{number}, 127.0.0.9\r\n\r\n"
        );
        exchange(server.address(), request.as_bytes()).expect("an answer").status
    };
    assert_eq!((1..=6).map(ask).collect::<Vec<_>>(), [200, 200, 200, 200, 200, 429]);
    assert_eq!(server.post("/api/auth/refresh", &json!({})).expect("an answer").status, 422);
}
