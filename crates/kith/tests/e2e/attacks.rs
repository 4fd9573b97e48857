//! E4, as an attacker tries it: on both doors, through real sockets. Each attempt ends in the error that the documents
//! name, and meanwhile two others go on talking.

mod counted;
mod floods;
mod guesses;
mod input;
mod lines;
mod paths;
mod rates;
mod slow;
pub(crate) mod strangers;
mod tokens;
mod unread;
mod unread_answers;

use serde_json::Value;
use testkit::http::{Answer, exchange};
use testkit::server::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, PATIENCE, within};

/// Where attackers come from, as a trusted proxy would say it.
const ATTACKER: &str = "203.0.113.66";

/// Two users who have nothing to do with it.
struct Bystanders {
    ann: Client,
    bob: Client,
    direct: String,
    said: u64,
}

impl Bystanders {
    async fn meet(server: &TestServer) -> Self {
        let (ann, bob) = (Client::register(server, "ann").await, Client::register(server, "bob").await);
        let direct = ann.direct(&bob).await;
        Self { ann, bob, direct, said: 0 }
    }

    /// One says something and the other hears it.
    async fn talk(&mut self) {
        self.said += 1;
        let text = format!("undisturbed-{}", self.said);
        self.ann.send(&self.direct, &text, &text).await;
        self.bob.event_that("msg", |values| values[3]["text"] == text.as_str()).await;
    }

    /// They talk until something else is over.
    async fn talk_during<T>(&mut self, attack: impl Future<Output = T>) -> T {
        let mut attack = std::pin::pin!(attack);
        loop {
            let talked = tokio::select! {
                over = attack.as_mut() => Some(over),
                () = self.pause() => None,
            };
            match talked {
                Some(over) => {
                    self.talk().await;
                    return over;
                }
                // In its own time: an attack must not be able to stop it.
                None => self.talk().await,
            }
        }
    }

    async fn pause(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// One REST request from an address, by way of a proxy on this machine.
fn ask(
    server: &TestServer,
    from: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Answer {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: kith\r\nConnection: close\r\nX-Forwarded-For: {from}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    if let Some(token) = token {
        head += &format!("Authorization: Bearer {token}\r\n");
    }
    exchange(server.address(), (head + "\r\n" + &body).as_bytes()).expect("an answer")
}

/// That it was refused as too much, with a time to wait.
#[track_caller]
fn assert_rate_limited(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (429, "rate_limited"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let wait: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
    assert!(wait > 0 && answer.body["retryAfter"] == wait, "{answer:?}");
}

/// A socket with bytes already sent on it.
async fn send(server: &TestServer, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    stream.write_all(bytes).await.expect("sent");
    stream
}

/// All that comes until the server hangs up. A reset is a way to hang up.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let reading = stream.read_to_end(&mut all);
    let _ = within("the end of a connection", reading).await;
    all
}

/// The status of an answer.
fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|text| text.get(..3)?.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {text:?}"))
}

/// The server's resident memory, in bytes.
fn memory(server: &TestServer) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// An open WebSocket.
async fn web_socket(server: &TestServer, token: &str) -> TcpStream {
    let stream = TcpStream::connect(server.address()).await.expect("connected");
    upgraded(stream, token).await
}

/// The same, on a connection that is there.
async fn upgraded(stream: TcpStream, token: &str) -> TcpStream {
    let (status, stream) = ask_upgrade(stream, "127.0.0.1", token).await;
    assert_eq!(status, 101);
    stream
}

/// Asks for a WebSocket from an address, by way of a proxy on this machine: the answer's status, and the socket.
pub(crate) async fn ask_hub(server: &TestServer, from: &str, token: &str) -> (u16, TcpStream) {
    let stream = TcpStream::connect(server.address()).await.expect("connected");
    ask_upgrade(stream, from, token).await
}

async fn ask_upgrade(mut stream: TcpStream, from: &str, token: &str) -> (u16, TcpStream) {
    let request = format!(
        "GET /hub HTTP/1.1\r\nHost: kith\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\nX-Forwarded-For: {from}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("in time");
        head.push(byte.expect("an answer"));
    }
    (status(&head), stream)
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// A client's frame; its mask is all zeroes.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(small) if small < 126 => frame.push(0x80 | small as u8),
        Ok(medium) => {
            frame.push(0x80 | 126);
            frame.extend(medium.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
