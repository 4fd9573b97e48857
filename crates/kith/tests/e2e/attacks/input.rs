//! Input that is too large, too deep, or a lie, on both doors.

use serde_json::json;
use testkit::server::{Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{ATTACKER, BINARY, Bystanders, TEXT, frame, memory, rest, send, status, web_socket};
use crate::support::{Client, start};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

async fn post(server: &TestServer, path: &str, token: Option<&str>, body: &[u8]) -> (u16, String) {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: kith\r\nConnection: close\r\nContent-Type: application/json\r\n\
         X-Forwarded-For: {ATTACKER}\r\nContent-Length: {}\r\n{authorization}\r\n",
        body.len()
    );
    let mut stream = send(server, head.as_bytes()).await;
    // The server may have answered before it has it all.
    let _ = stream.write_all(body).await;
    let answer = rest(&mut stream).await;
    (status(&answer), String::from_utf8_lossy(&answer).into_owned())
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str, times: usize| {
        [open.repeat(times), close.repeat(times)].concat().into_bytes()
    };
    vec![
        ("lists in lists", deep("[", "]", 60_000)),
        ("lists without an end", b"[".repeat(100_000)),
        ("objects in objects", deep("{\"a\":", "}", 20_000)),
        ("deep in a field", [b"{\"to\":".to_vec(), deep("[", "]", 50_000), b"}".to_vec()].concat()),
        ("a number without end", [b"{\"seq\":".to_vec(), b"9".repeat(100_000), b"}".to_vec()].concat()),
        ("an exponent without end", b"{\"seq\":1e999999999}".to_vec()),
        ("a tiny exponent", b"{\"seq\":1e-999999999}".to_vec()),
        (
            "one key again and again",
            [b"{".to_vec(), b"\"seq\":1,".repeat(10_000), b"\"seq\":1}".to_vec()].concat(),
        ),
        ("no UTF-8", b"{\"username\":\"\xff\xfe\xc0\x80\",\"password\":\"x\"}".to_vec()),
        ("half a surrogate", b"{\"username\":\"\\ud800\",\"password\":\"x\"}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("nothing", b" ".to_vec()),
        ("zeroes", vec![0; 1_000]),
        ("no number", b"{\"seq\":NaN}".to_vec()),
        ("compressed", b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_over_rest() {
    let server = start(Store::Sqlite);
    let mut bystanders = Bystanders::meet(&server).await;
    let token = server.register("mallory").access_token;
    for (name, bomb) in bombs() {
        for (path, token) in [
            ("/api/auth/login", None),
            ("/api/messages/send", Some(token.as_str())),
            ("/api/groups/create", Some(token.as_str())),
            ("/api/messages/sync", Some(token.as_str())),
        ] {
            let (status, answer) = post(&server, path, token, &bomb).await;
            // What nobody knows may stand in a question of sync.
            let sync = path.ends_with("/sync") && status == 200;
            assert!(status == 422 || sync, "{name} at {path}: {answer}");
            assert!(sync || answer.contains("\"code\":\"invalid\""), "{name} at {path}: {answer}");
        }
    }
    bystanders.talk().await;
    // Too large, and lies about how large.
    let (status, answer) = post(&server, "/api/auth/login", None, &b" ".repeat(1_000_000)).await;
    assert!(status == 413 && answer.contains("too_large"), "{answer}");
    for head in [
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ] {
        let request =
            format!("POST /api/auth/login HTTP/1.1\r\nHost: kith\r\n{head}Connection: close\r\n\r\n");
        let mut stream = send(&server, request.as_bytes()).await;
        let answer = rest(&mut stream).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || [400, 413, 422].contains(&super::status(&answer)), "{head}: {text}");
    }
    let huge = [b"fffffffffffffff0\r\n".as_slice(), b"zz\r\n"];
    for chunk in huge {
        let mut request =
            b"POST /api/auth/login HTTP/1.1\r\nHost: kith\r\nContent-Type: application/json\r\n\
            Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                .to_vec();
        request.extend(chunk);
        let mut stream = send(&server, &request).await;
        stream.shutdown().await.expect("said all");
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || [400, 413, 422].contains(&super::status(&answer)), "{answer:?}");
    }
    bystanders.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_headers() {
    let server = start(Store::Sqlite);
    let mut bystanders = Bystanders::meet(&server).await;
    let many: String = (0..200).map(|number| format!("X-{number}: x\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(20_000));
    for flood in [&many, &large] {
        let mut stream =
            send(&server, format!("GET / HTTP/1.1\r\nHost: kith\r\n{flood}\r\n").as_bytes()).await;
        let answer = rest(&mut stream).await;
        assert_eq!(status(&answer), 431, "{}", String::from_utf8_lossy(&answer));
    }
    for path in ["x".repeat(20_000), "x".repeat(100_000)] {
        let mut stream =
            send(&server, format!("GET /{path} HTTP/1.1\r\nHost: kith\r\n\r\n").as_bytes()).await;
        let answer = rest(&mut stream).await;
        assert!([414, 431].contains(&status(&answer)), "{}", String::from_utf8_lossy(&answer));
    }
    // One that never ends is cut.
    let mut stream = send(&server, b"GET / HTTP/1.1\r\nHost: kith\r\n").await;
    for _ in 0..10_000 {
        if stream.write_all(b"X-More: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n").await.is_err() {
            break;
        }
    }
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || status(&answer) == 431, "{}", String::from_utf8_lossy(&answer));
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"SSH-2.0-x\r\n\r\n",
        &[0; 100],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = send(&server, nonsense).await;
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || (400..600).contains(&status(&answer)), "{answer:?}");
    }
    bystanders.talk().await;
}

const JSON: &[u8] = b"{\"protocol\":\"json\",\"version\":1}\x1e";
const MESSAGE_PACK: &[u8] = b"{\"protocol\":\"messagepack\",\"version\":1}\x1e";

/// What is said on the hub, until an error, or the end.
async fn say(server: &TestServer, token: &str, handshake: &[u8], opcode: u8, payload: &[u8]) -> String {
    let mut stream = web_socket(server, token).await;
    stream.write_all(&frame(opcode, handshake)).await.expect("sent");
    let _ = stream.write_all(&frame(opcode, payload)).await;
    let mut said = Vec::new();
    let listening = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut piece).await {
            said.extend_from_slice(&piece[..count]);
            if said.windows(5).any(|part| part == b"error") {
                break;
            }
        }
    };
    let listened = tokio::time::timeout(PATIENCE, listening).await;
    let beginning = String::from_utf8_lossy(&payload[..payload.len().min(100)]).into_owned();
    listened.unwrap_or_else(|_| panic!("nothing said of {beginning:?}"));
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_on_the_hub() {
    let server = start(Store::Sqlite);
    let mut bystanders = Bystanders::meet(&server).await;
    let account = server.register("mallory");
    let token = account.access_token.as_str();
    let before = memory(&server);
    for (name, mut bomb) in bombs() {
        bomb.push(0x1e);
        let said = say(&server, token, JSON, TEXT, &bomb).await;
        assert!(said.contains("error"), "{name}: {said:?}");
    }
    let invocation = |argument: &str| {
        format!("{{\"type\":1,\"invocationId\":\"1\",\"target\":\"Sync\",\"arguments\":[{argument}]}}\x1e")
    };
    let deep = invocation(&["[".repeat(60_000), "]".repeat(60_000)].concat());
    assert!(say(&server, token, JSON, TEXT, deep.as_bytes()).await.contains("error"));
    // Lengths that are lies: of arrays, maps, strings, bytes, extensions, and of the message itself.
    let lies: &[&[u8]] = &[
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x96\x01\x80\xdb\xff\xff\xff\xff",
        b"\x96\x01\x80\xa11\xa4Sync\xdd\xff\xff\xff\xff",
        b"\x96\x01\x80\xa11\xa4Sync\x91\xdf\xff\xff\xff\xff",
        b"\x96\x01\x80\xa11\xa4Sync\x91\xc6\xff\xff\xff\xff",
        b"\x96\x01\x80\xa11\xa4Sync\x91\xc9\xff\xff\xff\xff\x01",
        b"\x96\x01\xdf\xff\xff\xff\xff\xa11\xa4Sync\x90",
        b"\x96\x01\x80\xa11\xa4Sync\x90\xdd\xff\xff\xff\xff",
    ];
    for lie in lies {
        let mut message = vec![u8::try_from(lie.len()).expect("short")];
        message.extend(*lie);
        let said = say(&server, token, MESSAGE_PACK, BINARY, &message).await;
        assert!(said.contains("error"), "{lie:x?}: {said:?}");
    }
    let mut nested = b"\x96\x01\x80\xa11\xa4Sync\x91".to_vec();
    nested.extend([0x91; 60_000]);
    let mut message = Vec::new();
    let mut length = nested.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(nested);
    assert!(say(&server, token, MESSAGE_PACK, BINARY, &message).await.contains("error"));
    for length in [&b"\xff\xff\xff\xff\x7f"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\xff\xff\xff\x7f"] {
        let said = say(&server, token, MESSAGE_PACK, BINARY, length).await;
        assert!(said.contains("error"), "{length:x?}: {said:?}");
    }
    // Frames: larger than may be, of unknown kinds, without a mask, in pieces that do not belong together.
    let huge = [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4], &[b' '; 400_000]].concat();
    for broken in [
        huge,
        vec![0x81, 2, b'{', b'}'],
        vec![0x83, 0x80, 0, 0, 0, 0],
        vec![0x80, 0x80, 0, 0, 0, 0],
        vec![0xf1, 0x80, 0, 0, 0, 0],
        vec![0x89, 0xfe, 0xff, 0xff, 0, 0, 0, 0],
    ] {
        let mut stream = web_socket(&server, token).await;
        stream.write_all(&frame(TEXT, JSON)).await.expect("sent");
        // It may have hung up in the middle.
        let _ = stream.write_all(&broken).await;
        let ended = tokio::time::timeout(PATIENCE, rest(&mut stream)).await;
        assert!(ended.is_ok(), "goes on after {:x?}", &broken[..broken.len().min(20)]);
    }
    let large = [invocation("\""), "x".repeat(300_000)].concat();
    assert!(say(&server, token, JSON, TEXT, large.as_bytes()).await.contains("error"));
    bystanders.talk().await;
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more than before");
}

/// More calls at once than a connection may have, and more streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_without_end_wait_for_each_other() {
    let server = start(Store::Sqlite);
    let mut bystanders = Bystanders::meet(&server).await;
    let mallory = Client::register(&server, "mallory").await;
    let calls = futures_util::future::join_all((0..1_500).map(|_| mallory.try_call("ListSessions", ())));
    let answers = bystanders.talk_during(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|answer| answer.is_err()));
    let notes = mallory.direct(&mallory).await;
    mallory.send(&notes, "one", "one").await;
    let streams = futures_util::future::join_all(
        (0..200).map(|_| mallory.stream("StreamHistory", (&notes, json!({})))),
    );
    let streams = bystanders.talk_during(streams).await;
    assert!(streams.iter().any(Result::is_ok));
    for error in streams.iter().filter_map(|stream| stream.as_ref().err()) {
        assert!(error.contains("Too many streams"), "{error}");
    }
}
