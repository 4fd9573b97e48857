//! Those who ask and do not read the answers, and those who say nothing of use.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::server::{PASSWORD, Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::{Bystanders, TEXT, frame, memory, rest, send, status, upgraded, web_socket};
use crate::support::{Client, UNLIMITED, start, start_with, within};

const HANDSHAKE: &[u8] = b"{\"protocol\":\"json\",\"version\":1}\x1e";
const MIB: u64 = 1024 * 1024;

fn call(kind: u8, id: usize, target: &str, arguments: &Value) -> String {
    let call =
        json!({ "type": kind, "invocationId": id.to_string(), "target": target, "arguments": arguments });
    format!("{call}\x1e")
}

async fn say(stream: &mut TcpStream, messages: &str) -> std::io::Result<()> {
    stream.write_all(&frame(TEXT, messages.as_bytes())).await
}

/// An open connection to the hub that takes as little as can be of what nobody reads.
async fn unread(server: &TestServer, token: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let stream = socket.connect(server.address()).await.expect("connected");
    let mut stream = upgraded(stream, token).await;
    stream.write_all(&frame(TEXT, HANDSHAKE)).await.expect("sent");
    stream
}

/// A group full of text that is six times as long in JSON.
async fn full_group(owner: &Client, others: &[&Client], texts: usize) -> String {
    let group = owner.group("Full", others).await;
    for number in 0..texts {
        owner.send(&group, &format!("m{number}"), &"\u{1}".repeat(24_000)).await;
    }
    group
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_take_little_memory() {
    const SOCKETS: usize = 4;
    const CALLS: usize = 128;
    let server = start_with(Store::Sqlite, UNLIMITED);
    let mallory = Client::register(&server, "mallory").await;
    let group = full_group(&mallory, &[], 42).await;
    let mut bystanders = Bystanders::meet(&server).await;
    let before = memory(&server);
    let ask = json!([group, { "limit": 500 }]);
    let calls: String = (0..CALLS).map(|id| call(1, id, "History", &ask)).collect();
    let streams: String = (0..32).map(|id| call(4, CALLS + id, "StreamHistory", &ask)).collect();
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let mut socket = unread(&server, &mallory.account.access_token).await;
        say(&mut socket, &(streams.clone() + &calls)).await.expect("sent");
        sockets.push(socket);
    }
    let (start, mut most) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(8) {
        bystanders.talk().await;
        most = memory(&server).max(most);
    }
    // A queue and four answers, of a megabyte each, and a page of each stream; and what is used meanwhile.
    assert!(most < before + 150 * MIB, "{} MiB at first, then {} MiB", before / MIB, most / MIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_reads_keep_no_database_connection() {
    let pool = ("KITH_DATABASE_POOL_SIZE", "3");
    let server = start_with(Store::Postgres, &[UNLIMITED[0], UNLIMITED[1], pool]);
    let mallory = Client::register(&server, "mallory").await;
    let group = full_group(&mallory, &[], 42).await;
    let mut bystanders = Bystanders::meet(&server).await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = unread(&server, &mallory.account.access_token).await;
        let ask = json!([group]);
        let streams: String = (0..32).map(|id| call(4, id, "StreamHistory", &ask)).collect();
        say(&mut socket, &streams).await.expect("sent");
        sockets.push(socket);
    }
    sleep(Duration::from_secs(2)).await;
    for _ in 0..5 {
        bystanders.talk().await;
        assert_eq!(bystanders.ann.history(&bystanders.direct.clone()).await.len() as u64, bystanders.said);
    }
}

/// Ends the sessions of an account or of one device in some way.
type End = fn(&TestServer, &Client, &Client);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_signed_out_does_nothing_more_though_it_does_not_read() {
    let ends: [(&str, End); 3] = [
        ("revoked", |server, mallory, _| {
            // By another device of hers.
            let other = server.log_in(&mallory.account.username);
            let path = format!("/api/auth/sessions/{}", mallory.account.device);
            let answer = server.request("DELETE", &path, Some(&other.access_token), None).expect("an answer");
            assert_eq!(answer.status, 204, "{answer:?}");
        }),
        ("suspended", |server, mallory, admin| {
            let path = format!("/api/admin/users/{}/suspend", mallory.user());
            let token = Some(admin.account.access_token.as_str());
            let answer = server.request("POST", &path, token, None).expect("an answer");
            assert_eq!(answer.status, 200, "{answer:?}");
        }),
        ("deleted", |server, mallory, _| {
            let path = format!("/api/users/{}", mallory.user());
            let token = Some(mallory.account.access_token.as_str());
            let body = json!({ "password": PASSWORD });
            let answer = server.request("DELETE", &path, token, Some(&body)).expect("an answer");
            assert_eq!(answer.status, 204, "{answer:?}");
        }),
    ];
    // Reading does not pause for what waits.
    let queue = ("KITH_LIMITS_CONNECTION_QUEUE_BYTES", "1073741824");
    let server = start_with(Store::Sqlite, &[UNLIMITED[0], UNLIMITED[1], queue]);
    let admin = Client::register(&server, "boss").await;
    let output = server.command(&["admin", "promote", "boss", "--role", "admin"]).output().expect("kith");
    assert!(output.status.success(), "{output:?}");
    for (name, end) in ends {
        let mallory = Client::register(&server, name).await;
        let group = full_group(&mallory, &[&admin], 10).await;
        let mut socket = unread(&server, &mallory.account.access_token).await;
        let calls: String = (0..8).map(|id| call(1, id, "History", &json!([group]))).collect();
        let before = call(1, 8, "SendMessage", &json!([group, "before the end"]));
        say(&mut socket, &(calls + &before)).await.expect("sent");
        let said = async |text: &str| {
            let log = admin.history(&group).await;
            log.iter().filter(|message| message["body"]["text"] == text).count()
        };
        crate::support::until("the last word", async || (said("before the end").await == 1).then_some(()))
            .await;
        end(&server, &mallory, &admin);
        let closing = Instant::now();
        for id in 9..13 {
            if say(&mut socket, &call(1, id, "SendMessage", &json!([group, "after the end"]))).await.is_err()
            {
                break;
            }
            sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(said("after the end").await, 0, "{name}");
        // Nobody reads, and yet the server hangs up: what had not gone out by then never comes.
        let gone = async {
            while say(&mut socket, "\x1e").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        within("the end of the connection", gone).await;
        assert!(closing.elapsed() < Duration::from_secs(40), "{name}: {:?}", closing.elapsed());
        assert_eq!(said("after the end").await, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_messages_that_call_nothing() {
    let server = start_with(Store::Sqlite, &[("KITH_LIMITS_REQUESTS_PER_ACCOUNT", "1/s 50")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let ping = "{\"type\":6}\x1e".to_owned();
    let cancel = "{\"type\":5,\"invocationId\":\"x\"}\x1e".to_owned();
    let item = "{\"type\":2,\"invocationId\":\"x\",\"item\":1}\x1e".to_owned();
    let unknown = call(1, 1, "Nothing", &json!([]));
    let refused = call(1, 1, "WhoAmI", &json!([]));
    for (number, message) in [ping, cancel, item, unknown, refused].iter().enumerate() {
        let account = server.register(&format!("mallory-{number}"));
        let mut socket = web_socket(&server, &account.access_token).await;
        socket.write_all(&frame(TEXT, HANDSHAKE)).await.expect("sent");
        // The server hangs up in the middle of it.
        for _ in 0..200 {
            if say(&mut socket, &message.repeat(100)).await.is_err() {
                break;
            }
        }
        let said = String::from_utf8_lossy(&rest(&mut socket).await).into_owned();
        let close = "{\"type\":7,\"error\":\"rate_limited: ";
        assert!(said.contains(close) || said.is_empty(), "{message}: {said}");
    }
    bystanders.talk().await;
    // Whoever has asked for all that they may is not thrown out for being there.
    let account = server.register("talker");
    let talker = Client::connect(&server, &account).await;
    while talker.try_call("WhoAmI", ()).await.is_ok() {}
    let mut socket = web_socket(&server, &account.access_token).await;
    socket.write_all(&frame(TEXT, HANDSHAKE)).await.expect("sent");
    for _ in 0..20 {
        say(&mut socket, "{\"type\":6}\x1e").await.expect("sent");
    }
    within("a request again", async {
        while talker.try_call("WhoAmI", ()).await.is_err() {
            sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
    say(&mut socket, "{\"type\":7}\x1e").await.expect("still connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_opens_no_connection() {
    let server = start(Store::Sqlite);
    let token = server.register("mallory").access_token;
    let request = format!(
        "HEAD /hub HTTP/1.1\r\nHost: kith\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let mut stream = send(&server, request.as_bytes()).await;
    let mut head = vec![0; "HTTP/1.1 405".len()];
    within("an answer", stream.read_exact(&mut head)).await.expect("an answer");
    assert_eq!(status(&head), 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_without_a_socket_are_for_who_opened_them() {
    let server = start(Store::Sqlite);
    let (ann, bob, phone) = (server.register("ann"), server.register("bob"), server.log_in("ann"));
    let negotiate = "/hub/negotiate?negotiateVersion=1";
    let answer = server.request("POST", negotiate, Some(&ann.access_token), None).expect("an answer");
    let path = format!("/hub?id={}", answer.body["connectionToken"].as_str().expect("a token"));
    let ask =
        |method: &str, token: Option<&str>| server.request(method, &path, token, None).expect("an answer");
    assert_eq!(ask("GET", Some(&ann.access_token)).status, 200);
    for method in ["GET", "POST", "DELETE"] {
        assert_eq!(ask(method, Some(&bob.access_token)).status, 403, "{method}: another's");
        assert_eq!(ask(method, Some(&phone.access_token)).status, 403, "{method}: another device's");
        assert_eq!(ask(method, None).status, 401, "{method}: nobody's");
        assert_eq!(ask(method, Some("x")).status, 401, "{method}: no token");
    }
    assert_eq!(ask("POST", Some(&ann.access_token)).status, 200);
    assert_eq!(ask("DELETE", Some(&ann.access_token)).status, 202);
}
