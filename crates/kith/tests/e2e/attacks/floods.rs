//! Floods of connections.

use testkit::server::{Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Bystanders, rest};
use crate::support::{start_with, until};

const MOST: usize = 100;

/// A socket from an address of this machine that nobody else of the test has.
async fn connect(server: &TestServer) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.66.6.6:0".parse().expect("an address"))?;
    socket.connect(server.address()).await
}

/// Whether the server serves it.
async fn is_served(stream: &mut TcpStream) -> bool {
    let request = b"GET /health HTTP/1.1\r\nHost: kith\r\n\r\n";
    let mut answer = [0; 12];
    stream.write_all(request).await.is_ok()
        && stream.read_exact(&mut answer).await.is_ok()
        && &answer == b"HTTP/1.1 200"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_connections_from_one_address() {
    let most = MOST.to_string();
    let settings =
        [("KITH_LIMITS_MAX_CONNECTIONS_PER_ADDRESS", most.as_str()), ("KITH_SERVER_TRUSTED_PROXIES", "")];
    let server = start_with(Store::Sqlite, &settings);
    let mut bystanders = Bystanders::meet(&server).await;
    let attack = async {
        let mut held = Vec::new();
        for _ in 0..3_000 {
            let Ok(mut stream) = connect(&server).await else { continue };
            if is_served(&mut stream).await {
                held.push(stream);
            }
        }
        held
    };
    let held = bystanders.talk_during(attack).await;
    assert_eq!(held.len(), MOST);
    let log = server.log();
    assert_eq!(log.matches("max_connections_per_address").count(), 1, "{log}");
    // Others get in, also as new ones.
    assert_eq!(server.request("GET", "/health", None, None).expect("an answer").status, 200);
    // When they go, there is room again.
    drop(held);
    until("room", async || is_served(&mut connect(&server).await.ok()?).await.then_some(())).await;
    bystanders.talk().await;
}

/// Behind a proxy, all sockets are the proxy's. Its clients' connections to the hub are counted all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_through_a_proxy() {
    let settings =
        [("KITH_LIMITS_MAX_CONNECTIONS_PER_ADDRESS", "5"), ("KITH_LIMITS_HUB_HANDSHAKE_TIMEOUT_S", "600")];
    let server = start_with(Store::Sqlite, &settings);
    let mut bystanders = Bystanders::meet(&server).await;
    let token = server.register("mallory").access_token;
    let open = async |from: &str| {
        let request = format!(
            "GET /hub HTTP/1.1\r\nHost: kith\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: {from}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        let mut stream = super::send(&server, request.as_bytes()).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        (String::from_utf8_lossy(&answer[9..]).parse::<u16>().expect("a status"), stream)
    };
    let mut held = Vec::new();
    for number in 0..20 {
        let (status, stream) = open("203.0.113.66").await;
        assert_eq!(status, if number < 5 { 101 } else { 429 }, "{number}");
        held.push(stream);
    }
    assert_eq!(open("203.0.113.67").await.0, 101, "another has a place");
    bystanders.talk().await;
    drop(held);
    until("a place", async || (open("203.0.113.66").await.0 == 101).then_some(())).await;
}

/// Sockets that say nothing hold nothing that others need.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections() {
    let server = start_with(Store::Sqlite, &[("KITH_LIMITS_HEADER_TIMEOUT_S", "5")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(connect(&server).await.expect("connected"));
    }
    bystanders.talk().await;
    let gone = async {
        for stream in &mut silent {
            rest(stream).await;
        }
    };
    bystanders.talk_during(gone).await;
}
