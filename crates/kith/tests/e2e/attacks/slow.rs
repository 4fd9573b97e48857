//! Whoever takes forever is shown out: in the head, the body, the handshakes, and in taking answers.

use std::time::Duration;

use serde_json::json;
use testkit::server::{Store, TestServer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Bystanders, rest, send, status, web_socket};
use crate::operating::https;
use crate::support::{start_with, until, within};

fn impatient() -> TestServer {
    let settings = [
        ("KITH_LIMITS_HEADER_TIMEOUT_S", "2"),
        ("KITH_LIMITS_BODY_TIMEOUT_S", "2"),
        ("KITH_LIMITS_HUB_HANDSHAKE_TIMEOUT_S", "2"),
        ("KITH_LIMITS_WRITE_TIMEOUT_S", "2"),
        ("KITH_LOG_LEVEL", "debug"),
    ];
    start_with(Store::Sqlite, &settings)
}

/// Sends a byte now and then until the server hangs up, or answers; then all that it said.
async fn drip(mut stream: TcpStream, byte: u8) -> Vec<u8> {
    let (mut reading, mut writing) = stream.split();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if writing.write_all(&[byte]).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut said = Vec::new();
    let listening = async {
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut said).await;
    };
    within("the end of patience", async {
        tokio::select! {
            () = dripping => {}
            () = listening => {}
        }
    })
    .await;
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_and_none() {
    let server = impatient();
    let mut bystanders = Bystanders::meet(&server).await;
    let attack = async {
        let silent = send(&server, b"").await;
        let begun = send(&server, b"GET / HTTP/1.1\r\nHost: kith\r\nX-Slow: ").await;
        let idle = send(&server, b"GET /health HTTP/1.1\r\nHost: kith\r\n\r\n").await;
        let (mut silent, mut idle) = (silent, idle);
        let (nothing, dripped, once) = tokio::join!(rest(&mut silent), drip(begun, b'x'), rest(&mut idle));
        assert!(nothing.is_empty() && dripped.is_empty(), "{dripped:?}");
        assert_eq!(status(&once), 200, "answered, and then closed as it asked nothing more");
    };
    bystanders.talk_during(attack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies() {
    let server = impatient();
    let mut bystanders = Bystanders::meet(&server).await;
    let token = bystanders.ann.account.access_token.clone();
    let attack = async {
        for (path, token) in [("/api/auth/login", None), ("/api/messages/send", Some(&token))] {
            let authorization =
                token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: kith\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\
                 {authorization}\r\n{{"
            );
            let said = drip(send(&server, head.as_bytes()).await, b' ').await;
            assert_eq!(status(&said), 422, "{path}");
            assert!(String::from_utf8_lossy(&said).contains("the body did not come within 2 s"), "{path}");
        }
        // One whose body nobody waits for is answered at once.
        let head = "POST /api/auth/logout HTTP/1.1\r\nHost: kith\r\nContent-Length: 1000\r\n\r\n";
        assert_eq!(status(&drip(send(&server, head.as_bytes()).await, b' ').await), 401);
    };
    bystanders.talk_during(attack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_web_sockets() {
    let server = impatient();
    let mut bystanders = Bystanders::meet(&server).await;
    let token = server.register("mallory").access_token;
    let attack = async {
        // No handshake; half of one; half of a frame's header.
        for beginning in [&b""[..], &super::frame(super::TEXT, b"{\"protocol\":\"json\""), &[0x81]] {
            let mut stream = web_socket(&server, &token).await;
            stream.write_all(beginning).await.expect("sent");
            rest(&mut stream).await;
        }
        // Nor does a byte now and then help.
        let mut stream = web_socket(&server, &token).await;
        stream.write_all(&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]).await.expect("sent");
        drip(stream, b' ').await;
    };
    bystanders.talk_during(attack).await;
}

/// Answers that nobody takes are not kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes() {
    const REQUESTS: usize = 400;
    let server = impatient();
    let mut bystanders = Bystanders::meet(&server).await;
    let one =
        testkit::http::request(server.address(), "GET", "/api/openapi.json", None, None).expect("an answer");
    let length: usize = one.header("content-length").expect("a length").parse().expect("a number");
    let request = b"GET /api/openapi.json HTTP/1.1\r\nHost: kith\r\n\r\n";
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    let (mut reading, mut writing) = stream.split();
    let attack = async {
        // The server stops reading when it cannot write.
        let _ =
            tokio::time::timeout(Duration::from_millis(500), writing.write_all(&request.repeat(REQUESTS)))
                .await;
        until("the server's patience", async || server.log().contains("HTTP connection").then_some(())).await;
    };
    bystanders.talk_during(attack).await;
    let mut taken = Vec::new();
    let _ = within("the end", tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut taken)).await;
    assert!(taken.len() < REQUESTS * length, "all {} bytes came", taken.len());
}

/// Long polls and posts of a connection are bounded too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_post_to_the_hub_harms_only_its_own_connection() {
    let server = impatient();
    let mut bystanders = Bystanders::meet(&server).await;
    let token = server.register("mallory").access_token;
    let negotiated =
        server.request("POST", "/hub/negotiate?negotiateVersion=1", Some(&token), None).expect("an answer");
    let id = negotiated.body["connectionToken"].as_str().expect("a token").to_owned();
    let path = format!("/hub?id={id}");
    assert_eq!(server.request("GET", &path, Some(&token), None).expect("an answer").status, 200);
    let signed_in = format!("Authorization: Bearer {token}\r\n");
    let head = format!("POST {path} HTTP/1.1\r\nHost: kith\r\n{signed_in}Content-Length: 1000\r\n\r\n{{");
    let said = bystanders.talk_during(drip(send(&server, head.as_bytes()).await, b' ')).await;
    // The handshake was not in time: the connection is over, and with it the post.
    assert_eq!(status(&said), 404, "{}", String::from_utf8_lossy(&said));
    assert_eq!(server.post("/api/auth/refresh", &json!({})).expect("an answer").status, 422);
}

/// Behind TLS the same holds; and a handshake that does not come is not waited for, nor does it keep others out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_tls() {
    let other = start_with(Store::Sqlite, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [
        ("KITH_LIMITS_TLS_HANDSHAKE_TIMEOUT_S", "5"),
        ("KITH_LIMITS_MAX_CONNECTIONS_PER_ADDRESS", "50"),
        ("KITH_SERVER_TRUSTED_PROXIES", ""),
        ("KITH_LIMITS_REQUESTS_PER_ADDRESS", "1/h 5"),
    ];
    let (_server, address) = https::serve(&other, folder.path(), &settings);
    let attacker = async |beginning: &[u8]| {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind("127.66.6.7:0".parse().expect("an address")).expect("bound");
        let mut stream = socket.connect(address).await.expect("connected");
        let _ = stream.write_all(beginning).await;
        stream
    };
    let mut silent = Vec::new();
    for number in 0..200 {
        // Nothing, or the beginning of a ClientHello.
        let beginning: &[u8] = if number % 2 == 0 { b"" } else { b"\x16\x03\x01\x02\x00\x01\x00" };
        silent.push(attacker(beginning).await);
    }
    let ask = async |path: &str| https::request(address, https::ONE[0], "GET", path, "").await;
    assert_eq!(ask("/health").await.expect("an answer").0, 200);
    for stream in &mut silent {
        rest(stream).await;
    }
    // The peer's address is known behind TLS as well.
    for _ in 0..5 {
        assert_eq!(ask("/").await.expect("an answer").0, 200);
    }
    assert_eq!(ask("/").await.expect("an answer").0, 429);
}
