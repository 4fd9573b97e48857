//! Negotiation and the WebSocket's opening, as requests.

use signalr::server::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{TestServer, eventually};

/// Sends a request by hand. Returns the status, the head and the body; an upgraded stream stays open with the caller.
pub(crate) async fn request(server: &TestServer, head: &str) -> (u16, String, String, TcpStream) {
    request_with(server, head, "").await
}

pub(crate) async fn request_with(
    server: &TestServer,
    head: &str,
    body: &str,
) -> (u16, String, String, TcpStream) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = head.trim().replace('\n', "\r\n");
    let length = body.len();
    let text = format!("{head}\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).await.unwrap();
        text.push(byte[0] as char);
    }
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let length = text
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (status, text.to_lowercase(), String::from_utf8(body).unwrap(), stream)
}

pub(crate) const UPGRADE: &str = "Connection: keep-alive, Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

pub(crate) async fn negotiate(server: &TestServer, query: &str) -> serde_json::Value {
    let (status, _, body, _) = request(server, &format!("POST /hub/negotiate{query} HTTP/1.1")).await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn negotiation() {
    let server = TestServer::start(Options::default()).await;
    for (query, version) in [
        ("", 0),
        ("?negotiateVersion=0", 0),
        ("?negotiateVersion=1&useStatefulReconnect=true", 1),
        ("?negotiateVersion=9", 1),
        ("?negotiateVersion=1&useStatefulReconnect=false", 1),
    ] {
        let mut answer = negotiate(&server, query).await;
        let take = |name: &str| answer[name].as_str().map(str::len);
        let lengths = (take("connectionId"), take("connectionToken"));
        match version {
            0 => assert_eq!(lengths, (Some(54), None)),
            _ => assert_eq!(lengths, (Some(22), Some(54))),
        }
        let fields = answer.as_object_mut().unwrap();
        fields.remove("connectionId");
        fields.remove("connectionToken");
        let transports = serde_json::json!([
            { "transport": "WebSockets", "transferFormats": ["Text", "Binary"] },
            { "transport": "ServerSentEvents", "transferFormats": ["Text"] },
            { "transport": "LongPolling", "transferFormats": ["Text", "Binary"] },
        ]);
        let mut expected =
            serde_json::json!({ "negotiateVersion": version, "availableTransports": transports });
        if query.contains("useStatefulReconnect=true") {
            expected["useStatefulReconnect"] = true.into();
        }
        assert_eq!(answer, expected);
    }
    let without = TestServer::start(Options { stateful_reconnect: false, ..Options::default() }).await;
    let answer = negotiate(&without, "?negotiateVersion=1&useStatefulReconnect=true").await;
    assert_eq!(answer["useStatefulReconnect"], serde_json::Value::Null);
    let answer = negotiate(&server, "?negotiateVersion=x").await;
    assert_eq!(answer, serde_json::json!({ "error": "The negotiateVersion is not a number." }));
}

#[tokio::test]
async fn a_token_opens_one_connection_at_a_time() {
    let server = TestServer::start(Options::default()).await;
    let answer = negotiate(&server, "?negotiateVersion=1").await;
    let token = answer["connectionToken"].as_str().unwrap();
    let open = format!("GET /hub?id={token} HTTP/1.1\n{UPGRADE}");
    let (status, head, _, stream) = request(&server, &open).await;
    assert_eq!(status, 101);
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert_eq!(request(&server, &open).await.0, 409);
    drop(stream);
    eventually("the connection ends", || server.server.connection_count() == 0).await;
    assert_eq!(request(&server, &open).await.0, 101);
}

#[tokio::test]
async fn what_is_refused() {
    let server = TestServer::start(Options::default()).await;
    let id = negotiate(&server, "?negotiateVersion=1").await["connectionId"].as_str().unwrap().to_owned();
    for (head, expected) in [
        ("GET /hub HTTP/1.1".to_owned(), 400),
        (format!("GET /hub?id={id} HTTP/1.1\n{UPGRADE}"), 404),
        (format!("GET /hub?id= HTTP/1.1\n{UPGRADE}"), 404),
        (format!("GET /hub HTTP/1.1\n{}", UPGRADE.replace("13", "12")), 400),
        (format!("GET /hub HTTP/1.1\n{}", UPGRADE.replace("Sec-WebSocket-Key", "X")), 400),
        (format!("GET /hub?access_token=wrong HTTP/1.1\n{UPGRADE}"), 401),
        (format!("GET /hub?access_token=slow%20down HTTP/1.1\n{UPGRADE}"), 429),
        ("POST /hub/negotiate HTTP/1.1\nAuthorization: bearer wrong".to_owned(), 401),
        ("GET /hub/negotiate HTTP/1.1".to_owned(), 405),
        (format!("GET /hub HTTP/1.1\n{UPGRADE}"), 101),
        (format!("GET /hub?access_token=right HTTP/1.1\n{UPGRADE}"), 101),
    ] {
        let (status, answer, ..) = request(&server, &head).await;
        assert_eq!(status, expected, "{head}");
        assert_eq!(status == 429, answer.contains("retry-after: 7"));
    }
    eventually("nothing is left over", || server.server.connection_count() == 0).await;
}

#[tokio::test]
async fn a_token_expires() {
    let options = Options {
        clock: || {
            std::time::Duration::from_secs(if EXPIRED.load(std::sync::atomic::Ordering::SeqCst) {
                1061
            } else {
                1000
            })
        },
        ..Options::default()
    };
    static EXPIRED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let server = TestServer::start(options).await;
    let answer = negotiate(&server, "").await;
    let open = format!("GET /hub?id={} HTTP/1.1\n{UPGRADE}", answer["connectionId"].as_str().unwrap());
    assert_eq!(request(&server, &open).await.0, 101);
    eventually("it ends", || server.server.connection_count() == 0).await;
    EXPIRED.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(request(&server, &open).await.0, 404);
}

#[tokio::test]
async fn pages_of_allowed_origins_are_let_in() {
    let allowed_origins = vec!["https://chat.example".to_owned()];
    let server = TestServer::start(Options { allowed_origins, ..Options::default() }).await;
    let ask = |origin: &str| {
        format!(
            "OPTIONS /hub/negotiate HTTP/1.1\nOrigin: {origin}\nAccess-Control-Request-Method: POST\n\
             Access-Control-Request-Headers: x-requested-with"
        )
    };
    let (status, head, ..) = request(&server, &ask("https://chat.example")).await;
    assert_eq!(status, 204);
    for expected in [
        "access-control-allow-origin: https://chat.example\r\n",
        "access-control-allow-credentials: true\r\n",
        "access-control-allow-methods: get, post, put, delete\r\n",
        "access-control-expose-headers: etag, location, retry-after, x-request-id\r\n",
        "access-control-allow-headers: authorization, content-type, if-match, if-none-match, x-requested-with, x-signalr-user-agent\r\n",
        "access-control-max-age: 7200\r\n",
        "vary: origin\r\n",
    ] {
        assert!(head.contains(expected), "{head}");
    }
    for line in ["POST /hub/negotiate HTTP/1.1", "GET /hub HTTP/1.1"] {
        let (_, head, ..) = request(&server, &format!("{line}\nOrigin: https://chat.example")).await;
        assert!(head.contains("access-control-allow-origin: https://chat.example\r\n"), "{head}");
    }
    for origin in ["https://chat.example.org", "https://other", "null"] {
        let (status, head, ..) = request(&server, &ask(origin)).await;
        assert_eq!((status, head.contains("access-control")), (405, false));
    }
    let server = TestServer::start(Options::default()).await;
    let (status, head, ..) = request(&server, &ask("https://chat.example")).await;
    assert_eq!((status, head.contains("access-control")), (405, false));
}

/// A WebSocket frame of a client, with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

const HANDSHAKE: &[u8] = b"{\"protocol\":\"json\",\"version\":2}\x1e";
const SEQUENCE: &[u8] = b"{\"type\":9,\"sequenceId\":1}\x1e";

/// Reads until the server hangs up.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn open_stateful(server: &TestServer) -> String {
    let answer = negotiate(server, "?negotiateVersion=1&useStatefulReconnect=true").await;
    format!("GET /hub?id={} HTTP/1.1\n{UPGRADE}", answer["connectionToken"].as_str().unwrap())
}

#[tokio::test]
async fn a_stateful_connection_takes_another_socket_of_the_same_client() {
    let server = TestServer::start(Options::default()).await;
    let open = open_stateful(&server).await;
    let (status, .., mut first) = request(&server, &open).await;
    assert_eq!(status, 101);
    assert_eq!(request(&server, &open).await.0, 409, "its handshake is under way");
    first.write_all(&frame(0x81, HANDSHAKE)).await.unwrap();
    first.write_all(&frame(0x81, b"{\"type\":6}\x1e")).await.unwrap();
    let mut answer = [0; 5];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer[2..], b"{}\x1e");

    let stranger = format!("{open}\nAuthorization: Bearer somebody else");
    assert_eq!(request(&server, &stranger).await.0, 403);
    let unknown = format!("{open}\nAuthorization: Bearer wrong");
    assert_eq!(request(&server, &unknown).await.0, 401);

    let (status, .., mut second) = request(&server, &open).await;
    assert_eq!(status, 101);
    second.write_all(&frame(0x81, SEQUENCE)).await.unwrap();
    assert!(rest(first).await.contains("Welcome"), "the first one had that, and no goodbye");
    let call = b"{\"type\":1,\"invocationId\":\"1\",\"target\":\"Echo\",\"arguments\":[\"x\"]}\x1e";
    second.write_all(&frame(0x81, call)).await.unwrap();
    let close = b"{\"type\":7}\x1e";
    second.write_all(&frame(0x81, close)).await.unwrap();
    second.shutdown().await.unwrap();
    let said = rest(second).await;
    assert!(said.contains("{\"type\":9,\"sequenceId\":1}\u{1e}{\"type\":1,"), "{said}");
    assert!(said.contains("{\"type\":3,\"invocationId\":\"1\",\"result\":\"x\"}\u{1e}"), "{said}");
    eventually("it ends", || server.server.connection_count() == 0).await;
    assert_eq!(request(&server, &open).await.0, 404);
    let hub = &server.hub;
    let counts =
        [&hub.connected, &hub.disconnected].map(|count| count.load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn whoever_comes_back_to_a_server_that_knows_nothing_of_it_is_told_to_begin_anew() {
    // Two nodes, or one that was started again.
    let options = || Options { token_key: Some([7; 32]), ..Options::default() };
    let (before, after) = (TestServer::start(options()).await, TestServer::start(options()).await);
    let open = open_stateful(&before).await;
    assert_eq!(request(&before, &open).await.0, 101);
    // It cannot know at once, for negotiation and the first WebSocket may come to different nodes.
    let (status, .., mut stream) = request(&after, &open).await;
    assert_eq!(status, 101);
    stream.write_all(&frame(0x81, SEQUENCE)).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(stream).await.contains("error"));
    eventually("it ends", || after.server.connection_count() == 0).await;
    // Else clients would try again and again until the token is too old.
    assert_eq!(request(&after, &open).await.0, 404);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_those_who_are_away() {
    let server = TestServer::start(Options::default()).await;
    let open = open_stateful(&server).await;
    let (.., mut stream) = request(&server, &open).await;
    stream.write_all(&frame(0x81, HANDSHAKE)).await.unwrap();
    let hub = server.hub.clone();
    eventually("connected", || hub.connected.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    drop(stream);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(server.server.connection_count(), 1, "it is waited for");
    let drained = tokio::time::timeout(std::time::Duration::from_secs(10), server.server.drain());
    drained.await.expect("sooner than the grace of 30 s");
    assert_eq!(request(&server, &open).await.0, 503);
}
