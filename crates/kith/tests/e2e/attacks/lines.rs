//! What an attacker writes is part of a line of the log, or of nothing; never a line of its own. Nor a header.

use serde_json::{Value, json};
use testkit::server::{PASSWORD, Store, TestServer};
use tokio::io::AsyncWriteExt;

use super::{Bystanders, TEXT, ask, frame, rest, send, web_socket};
use crate::support::{Client, start_with, until};

/// What no line may begin with, no header be, and no terminal be told.
const FORGED: &str = "FORGED";
const WIPE: char = '\u{1b}';

/// Every way to get a text into the log that we could think of.
async fn write_all_over(server: &TestServer) {
    let evil =
        format!("x\r\n{FORGED} WARN all is well{WIPE}[2J{WIPE}]0;{FORGED}\u{7}\u{9b}31m\nX-{FORGED}: yes");
    let account = server.register("mallory");
    let token = Some(account.access_token.as_str());
    // In names, over both doors.
    for body in [
        json!({ "username": evil, "password": PASSWORD }),
        json!({ "username": "mallory2", "password": PASSWORD, "name": evil }),
        json!({ "username": "mallory3", "password": PASSWORD, "device": evil }),
        json!({ "username": "mallory", "password": evil }),
        json!({ evil.as_str(): evil }),
    ] {
        for path in [
            "/api/auth/register",
            "/api/auth/login",
            "/api/auth/code",
            "/api/auth/verify",
            "/api/auth/refresh",
        ] {
            let answer = ask(server, "203.0.113.66", "POST", path, None, Some(&body));
            assert!([400, 401, 409, 422].contains(&answer.status), "{path} {body}: {answer:?}");
        }
    }
    let code = json!({ "email": format!("a@example.org\r\nBcc: {FORGED}@example.org") });
    assert_eq!(ask(server, "203.0.113.66", "POST", "/api/auth/code", None, Some(&code)).status, 422);
    let mallory = Client::connect(server, &account).await;
    for (target, values) in [
        ("FindUser", json!([evil])),
        ("InitiateGroupChatSession", json!([{ "name": evil }])),
        ("InitiateGroupChatSession", json!([{ "name": "x", evil.as_str(): evil }])),
        ("SendMessage", json!([evil, evil])),
        ("GetUsers", json!([[evil]])),
        (evil.as_str(), json!([evil])),
    ] {
        mallory.refused(target, values.as_array().expect("arguments")).await;
    }
    // In bodies, which may hold anything.
    let notes = mallory.direct(&mallory).await;
    let sent = mallory.call("SendMessage", (&notes, json!({ "id": "evil", "text": evil }))).await;
    assert_eq!(sent["seq"], 1);
    // In addresses, paths, queries, ids of requests, and whatever else a head has.
    for head in [
        format!("GET /%0d%0a{FORGED}%1b[31m HTTP/1.1\r\nHost: kith\r\n"),
        format!("GET /x{WIPE}[31m{FORGED} HTTP/1.1\r\nHost: kith\r\n"),
        format!("GET /api/users/%0A{FORGED}?x=%0A{FORGED} HTTP/1.1\r\nHost: kith\r\n"),
        format!("{FORGED}{WIPE} / HTTP/1.1\r\nHost: kith\r\n"),
        format!("{FORGED} / HTTP/1.1\r\nHost: kith\r\n"),
        format!("GET / HTTP/1.1\r\nHost: kith\r\nX-Request-Id: a%0a{FORGED}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: kith\r\nX-Request-Id: a\u{9b}{FORGED}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: kith\r\nX-Request-Id: a{WIPE}{FORGED}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: kith\r\nX-Request-Id: a\r\n\n {FORGED}: 1\r\n"),
        format!("GET / HTTP/1.1\r\nHost: kith\r\nUser-Agent: a{WIPE}[2J\n{FORGED}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: kith{WIPE}\r\nX-Forwarded-For: 1.2.3.4\u{b}{FORGED}, x{FORGED}\r\n"),
        format!("GET /hub?id=%0a{FORGED}&access_token=%0d%0a{FORGED} HTTP/1.1\r\nHost: kith\r\n"),
    ] {
        let mut stream = send(server, format!("{head}Connection: close\r\n\r\n").as_bytes()).await;
        let answer = rest(&mut stream).await;
        let text = String::from_utf8_lossy(&answer);
        let headers = text.split("\r\n\r\n").next().unwrap_or_default();
        assert!(!headers.contains(FORGED), "{head}: {headers}");
    }
    // On the hub, in what breaks its protocol: that is told to the log.
    let handshakes = [
        json!({ "protocol": evil, "version": 1 }),
        json!({ "protocol": "json", "version": evil }),
        json!({ evil.as_str(): evil }),
    ];
    let messages = [
        json!({ "type": evil }),
        json!({ "type": 1, "target": [evil] }),
        json!({ "type": 1, "invocationId": evil, "target": evil, "arguments": [evil] }),
        json!({ "type": 3, "invocationId": evil, "error": evil, "result": evil }),
        json!({ "type": 7, "error": evil }),
        json!({ evil.as_str(): evil }),
    ];
    let good = "{\"protocol\":\"json\",\"version\":1}";
    let handshakes = handshakes.iter().map(|handshake| format!("{handshake}\u{1e}"));
    let messages = messages.iter().map(|message| format!("{good}\u{1e}{message}\u{1e}{{\"type\":7}}\u{1e}"));
    let said = handshakes.chain(messages).map(async |text| {
        let mut stream = web_socket(server, &account.access_token).await;
        stream.write_all(&frame(TEXT, text.as_bytes())).await.expect("sent");
        rest(&mut stream).await;
    });
    futures_util::future::join_all(said).await;
    assert_eq!(server.request("GET", "/api/users/me", token, None).expect("an answer").status, 200);
}

async fn written(format: &str) -> (TestServer, String) {
    let server = start_with(Store::Sqlite, &[("KITH_LOG_LEVEL", "trace"), ("KITH_LOG_FORMAT", format)]);
    let mut bystanders = Bystanders::meet(&server).await;
    bystanders.talk_during(write_all_over(&server)).await;
    let log = until("the log of it", async || {
        let log = server.log();
        (log.contains("the client breaks the protocol") && log.contains(FORGED)).then_some(log)
    });
    let log = log.await;
    (server, log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_text_are_not_forged() {
    let (_server, log) = written("text").await;
    for line in log.lines() {
        // A time, as all of them have, or what is said before there is a log.
        let begins =
            line.starts_with("20") && line.get(4..5) == Some("-") || line.starts_with("Kith listens on");
        assert!(begins, "no line of ours: {line:?}");
    }
    let wicked = log.lines().find(|line| line.contains([WIPE, '\r', '\u{7}', '\u{9b}']));
    assert_eq!(wicked, None, "a terminal would obey");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_json_are_not_forged() {
    let (_server, log) = written("json").await;
    for line in log.lines().filter(|line| !line.starts_with("Kith listens on")) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    assert!(!log.contains([WIPE, '\r', '\u{7}']), "a terminal would obey");
}
