//! Server-Sent Events and long polling, as requests.

use std::{sync::atomic::Ordering, time::Duration};

use signalr::server::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    http::{UPGRADE, negotiate, request, request_with},
    support::{TestServer, eventually},
};

const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\x1e";
const WELCOME: &str = "{\"type\":1,\"target\":\"Welcome\",\"arguments\":[\"hello\"]}\x1e";

async fn token(server: &TestServer) -> String {
    let answer = negotiate(server, "?negotiateVersion=1").await;
    answer["connectionToken"].as_str().unwrap().to_owned()
}

/// One connection by long polling.
struct Polling<'a> {
    server: &'a TestServer,
    token: String,
}

impl<'a> Polling<'a> {
    async fn new(server: &'a TestServer) -> Polling<'a> {
        let polling = Polling { server, token: token(server).await };
        assert_eq!(polling.poll().await, (200, String::new()));
        polling
    }

    async fn open(server: &'a TestServer) -> Polling<'a> {
        let polling = Polling::new(server).await;
        assert_eq!(polling.post(HANDSHAKE).await, 200);
        let mut said = String::new();
        while !said.ends_with(WELCOME) {
            said += &polling.poll().await.1;
        }
        assert_eq!(said, format!("{{}}\x1e{WELCOME}"));
        polling
    }

    fn line(&self, method: &str) -> String {
        format!("{method} /hub?id={} HTTP/1.1", self.token)
    }

    async fn poll(&self) -> (u16, String) {
        let (status, _, body, _) = request(self.server, &self.line("GET")).await;
        (status, body)
    }

    async fn post(&self, body: &str) -> u16 {
        request_with(self.server, &self.line("POST"), body).await.0
    }

    async fn delete(&self) -> u16 {
        request(self.server, &self.line("DELETE")).await.0
    }
}

fn call(id: u32, target: &str, arguments: &str) -> String {
    format!(
        "{{\"type\":1,\"invocationId\":\"{id}\",\"target\":\"{target}\",\"arguments\":[{arguments}]}}\x1e"
    )
}

#[tokio::test]
async fn a_conversation_in_polls() {
    let server = TestServer::start(Options::default()).await;
    let polling = Polling::open(&server).await;
    let calls: String = (0..100).map(|id| call(id, "Add", &format!("{id},1"))).collect();
    // A message may come in pieces.
    let (first, second) = calls.split_at(1234);
    assert_eq!(polling.post(first).await, 200);
    assert_eq!(polling.post(second).await, 200);
    let mut said = String::new();
    while said.matches('\x1e').count() < 100 {
        let (status, body) = polling.poll().await;
        assert_eq!(status, 200);
        assert!(body.ends_with('\x1e'), "whole messages only");
        said += &body;
    }
    assert!(said.starts_with("{\"type\":3,\"invocationId\":\"0\",\"result\":1}\x1e"), "{said}");
    assert_eq!(polling.delete().await, 202);
    eventually("it ends", || server.server.connection_count() == 0).await;
    assert_eq!(server.hub.disconnected.load(Ordering::SeqCst), 1);
    // The token would still be good; the connection is not.
    assert_eq!(polling.poll().await.0, 404);
    assert_eq!(polling.post("").await, 404);
    assert_eq!(polling.delete().await, 404);
}

#[tokio::test]
async fn a_poll_times_out_and_another_takes_its_place() {
    let options = Options { poll_timeout: Duration::from_millis(500), ..Options::default() };
    let server = TestServer::start(options).await;
    let polling = Polling::open(&server).await;
    let start = Instant::now();
    assert_eq!(polling.poll().await, (200, String::new()));
    assert!(start.elapsed() >= Duration::from_millis(500));
    let second = async {
        sleep(Duration::from_millis(100)).await;
        let (second, _) = tokio::join!(polling.poll(), async {
            sleep(Duration::from_millis(100)).await;
            polling.post(&call(1, "Void", "")).await
        });
        second
    };
    let (first, second) = tokio::join!(polling.poll(), second);
    assert_eq!(first, (204, String::new()));
    assert_eq!(second, (200, "{\"type\":3,\"invocationId\":\"1\"}\x1e".to_owned()));
}

#[tokio::test]
async fn the_servers_close_is_told_before_the_end() {
    let server = TestServer::start(Options::default()).await;
    let polling = Polling::open(&server).await;
    server.server.close_all(Some("enough"), true);
    let (status, body) = polling.poll().await;
    assert_eq!(status, 200);
    assert_eq!(body, "{\"type\":7,\"error\":\"enough\",\"allowReconnect\":true}\x1e");
    assert!(matches!(polling.poll().await.0, 204 | 404));
    eventually("it ends", || server.server.connection_count() == 0).await;
}

#[tokio::test]
async fn who_stops_polling_is_given_up_and_who_polls_is_not() {
    let options = Options {
        client_timeout: Duration::from_millis(800),
        keep_alive: Duration::from_millis(100),
        poll_timeout: Duration::from_millis(300),
        ..Options::default()
    };
    let server = TestServer::start(options).await;
    let polling = Polling::open(&server).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        // Polls keep it, without pings.
        assert_eq!(polling.poll().await, (200, String::new()));
    }
    eventually("it ends", || server.hub.disconnected.load(Ordering::SeqCst) == 1).await;
    assert_eq!(polling.poll().await.0, 404);
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_it_and_a_body_may_be_longer_than_a_message() {
    let server = TestServer::start(Options { max_message_bytes: 10_000, ..Options::default() }).await;
    let polling = Polling::open(&server).await;
    let calls: String = (0..1000).map(|id| call(id, "Void", "")).collect();
    let post = polling.post(&calls);
    let poll = async {
        let mut said = 0;
        while said < 1000 {
            said += polling.poll().await.1.matches('\x1e').count();
        }
    };
    assert_eq!(tokio::join!(post, poll).0, 200);
    assert_eq!(polling.post(&call(0, "Echo", &format!("\"{}\"", "x".repeat(10_000)))).await, 200);
    assert!(polling.poll().await.1.contains("The maximum message size of 10000B was exceeded."));
    eventually("it ends", || server.server.connection_count() == 0).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_the_connection() {
    let server = TestServer::start(Options::default()).await;
    let polling = Polling::open(&server).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("{}\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{\"type\":", polling.line("POST"));
    stream.write_all(head.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert_eq!(server.server.connection_count(), 1);
    drop(stream);
    eventually("it ends", || server.server.connection_count() == 0).await;
}

#[tokio::test]
async fn a_connection_keeps_its_transport() {
    let server = TestServer::start(Options::default()).await;
    let polling = Polling::new(&server).await;
    let upgrade = format!("{}\n{UPGRADE}", polling.line("GET"));
    assert_eq!(request(&server, &upgrade).await.0, 409);
    let events = format!("{}\nAccept: text/event-stream", polling.line("GET"));
    assert_eq!(request(&server, &events).await.0, 409);
    let socket = Polling { server: &server, token: token(&server).await };
    let (status, _, _, _stream) = request(&server, &format!("{}\n{UPGRADE}", socket.line("GET"))).await;
    assert_eq!(status, 101);
    assert_eq!((socket.poll().await.0, socket.post("").await, socket.delete().await), (409, 400, 400));
    let unopened = Polling { server: &server, token: token(&server).await };
    assert_eq!((unopened.post("").await, unopened.delete().await), (404, 404));
    let forged = Polling { server: &server, token: "A".repeat(54) };
    assert_eq!((forged.poll().await.0, forged.post("").await), (404, 404));
    for line in ["GET /hub HTTP/1.1", "POST /hub HTTP/1.1", "DELETE /hub HTTP/1.1"] {
        assert_eq!(request(&server, line).await.0, 400);
    }
    let wrong = format!("GET /hub?id={}&access_token=wrong HTTP/1.1", unopened.token);
    assert_eq!(request(&server, &wrong).await.0, 401);
}

#[tokio::test]
async fn only_whoever_opened_a_connection_uses_it() {
    let server = TestServer::start(Options::default()).await;
    for events in [false, true] {
        let id = token(&server).await;
        let line = |method: &str, who: &str| format!("{method} /hub?id={id}{who} HTTP/1.1");
        let (ours, theirs) = ("&access_token=ours", "&access_token=theirs");
        let accept = if events { "\nAccept: text/event-stream" } else { "" };
        let (status, _, _, _stream) = request(&server, &(line("GET", ours) + accept)).await;
        assert_eq!(status, 200);
        for (who, expected) in [(theirs, 403), ("&access_token=wrong", 401), ("", 403)] {
            assert_eq!(request_with(&server, &line("POST", who), HANDSHAKE).await.0, expected, "{who}");
            for method in ["GET", "DELETE"] {
                assert_eq!(request(&server, &line(method, who)).await.0, expected, "{method} {who}");
            }
        }
        assert_eq!(server.hub.connected.load(Ordering::SeqCst), usize::from(events));
        assert_eq!(request_with(&server, &line("POST", ours), HANDSHAKE).await.0, 200);
        eventually("it is let in", || server.hub.connected.load(Ordering::SeqCst) == usize::from(events) + 1)
            .await;
    }
}

#[tokio::test]
async fn head_is_not_get() {
    let server = TestServer::start(Options::default()).await;
    let polling = Polling::new(&server).await;
    let socket = token(&server).await;
    for line in [polling.line("HEAD"), format!("HEAD /hub?id={socket} HTTP/1.1\n{UPGRADE}")] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!("{}\r\nHost: x\r\n\r\n", line.replace('\n', "\r\n"));
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\n").await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 405"), "{answer}");
        assert!(answer.contains("allow: get, post, delete"), "{answer}");
    }
    assert_eq!(server.server.connection_count(), 1);
}

#[tokio::test]
async fn web_sockets_only() {
    let server = TestServer::start(Options { web_sockets_only: true, ..Options::default() }).await;
    let answer = negotiate(&server, "?negotiateVersion=1").await;
    assert_eq!(answer["availableTransports"].as_array().unwrap().len(), 1);
    let polling = Polling { server: &server, token: token(&server).await };
    assert_eq!(polling.poll().await.0, 400);
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let byte = timeout(Duration::from_secs(5), stream.read_u8()).await;
        text.push(byte.expect("it comes").unwrap() as char);
    }
    text
}

#[tokio::test]
async fn events_as_they_come() {
    let server = TestServer::start(Options::default()).await;
    let polling = Polling { server: &server, token: token(&server).await };
    let head = format!("{}\nAccept: text/event-stream", polling.line("GET"));
    let (status, headers, _, mut stream) = request(&server, &head).await;
    assert_eq!(status, 200);
    assert!(headers.contains("content-type: text/event-stream"));
    read_until(&mut stream, ":\r\n\r\n").await;
    assert_eq!(polling.poll().await.0, 409);
    assert_eq!(polling.delete().await, 400);
    assert_eq!(polling.post(HANDSHAKE).await, 200);
    assert!(read_until(&mut stream, "\x1e\r\n\r\n").await.contains("data: {}\x1e"));
    assert_eq!(polling.post(&call(7, "Void", "")).await, 200);
    assert!(read_until(&mut stream, "\"7\"}\x1e\r\n\r\n").await.contains("data: {\"type\":3"));
    drop(stream);
    eventually("it ends", || server.hub.disconnected.load(Ordering::SeqCst) == 1).await;
    // What cannot be carried is refused.
    let polling = Polling { server: &server, token: token(&server).await };
    let head = format!("{}\nAccept: text/event-stream", polling.line("GET"));
    let (.., mut stream) = request(&server, &head).await;
    assert_eq!(polling.post(&HANDSHAKE.replace("json", "messagepack")).await, 200);
    // The stream ends, not the TCP connection.
    let said = read_until(&mut stream, "\r\n0\r\n\r\n").await;
    assert!(said.contains("This transport carries text only."), "{said}");
}

#[tokio::test]
async fn the_server_asks_and_the_client_answers() {
    let options =
        Options { answer_timeout: Duration::from_millis(300), max_unanswered: 3, ..Options::default() };
    let server = TestServer::start(options).await;
    let polling = Polling::open(&server).await;
    polling.post(&call(1, "GetClientResult", "5")).await;
    let asked = "{\"type\":1,\"invocationId\":\"s0\",\"target\":\"GetResult\",\"arguments\":[5]}\x1e";
    assert_eq!(polling.poll().await.1, asked);
    // Ids that mean nothing are ignored.
    polling.post("{\"type\":3,\"invocationId\":\"0\",\"result\":1}\x1e").await;
    polling.post("{\"type\":3,\"invocationId\":\"s7\",\"result\":1}\x1e").await;
    polling.post("{\"type\":3,\"invocationId\":\"s0\",\"result\":[6]}\x1e").await;
    assert_eq!(polling.poll().await.1, "{\"type\":3,\"invocationId\":\"1\",\"result\":[6]}\x1e");
    polling.post(&call(2, "GetClientResult", "5")).await;
    polling.poll().await;
    polling.post("{\"type\":3,\"invocationId\":\"s1\",\"error\":\"not now\"}\x1e").await;
    assert_eq!(polling.poll().await.1, "{\"type\":3,\"invocationId\":\"2\",\"error\":\"not now\"}\x1e");
    polling.post(&call(3, "AskTooMuch", "")).await;
    assert_eq!(polling.poll().await.1.matches("GetResult").count(), 3);
    polling.post("{\"type\":3,\"invocationId\":\"s3\",\"result\":true}\x1e").await;
    let answers = polling.poll().await.1;
    assert_eq!(answers.matches("too many calls wait for this client's answer").count(), 17);
    assert_eq!(answers.matches("the client did not answer in time").count(), 2);
    assert_eq!(answers.matches("\"true\"").count(), 1);
    // An end is an answer too.
    polling.post(&call(4, "GetClientResult", "5")).await;
    polling.poll().await;
    polling.delete().await;
    eventually("it ends", || server.server.connection_count() == 0).await;
}

fn item(id: &str, text: &str) -> String {
    format!("{{\"type\":2,\"invocationId\":\"{id}\",\"item\":\"{text}\"}}\x1e")
}

fn upload(id: u32, target: &str, streams: &str) -> String {
    call(id, target, "").replace('}', &format!(",\"streamIds\":[{streams}]}}"))
}

#[tokio::test]
async fn clients_send_streams() {
    let server = TestServer::start(Options { max_streams: 2, ..Options::default() }).await;
    let polling = Polling::open(&server).await;
    let end = |id: &str, error: &str| format!("{{\"type\":3,\"invocationId\":\"{id}\"{error}}}\x1e");
    let many: String = (0..1000).map(|_| item("a", "x")).collect();
    let all = upload(1, "StreamingConcat", "\"a\"") + &item("nobody", "?") + &many + &end("a", "");
    assert_eq!(polling.post(&all).await, 200);
    assert!(polling.poll().await.1.contains(&"x".repeat(1000)));
    let failing = upload(2, "StreamingConcat", "\"a\"") + &end("a", ",\"error\":\"no more\"");
    polling.post(&failing).await;
    assert_eq!(polling.poll().await.1, end("2", ",\"error\":\"no more\""));
    for (streams, expected) in [
        ("\"a\",\"a\"", "Stream ID 'a' is already in use."),
        ("\"a\",\"b\",\"c\"", "Too many streams are open."),
        ("", "Invocation provides 0 argument(s) but target expects 1."),
    ] {
        polling.post(&upload(3, "StreamingConcat", streams)).await;
        assert_eq!(polling.poll().await.1, end("3", &format!(",\"error\":\"{expected}\"")));
    }
    // Streams that the hub does not want take no place.
    for id in 0..10 {
        polling.post(&upload(4, "DropUpload", &format!("\"d{id}\""))).await;
        assert_eq!(polling.poll().await.1, end("4", ""));
        polling.post(&item(&format!("d{id}"), "x")).await;
    }
}
