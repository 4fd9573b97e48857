//! What an operator can set of the hub, and of who may use the doors from a page of another origin.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::server::{Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, start, start_with};

/// The head of the answer to a request without a body, in small letters.
async fn head(server: &TestServer, first: &str, headers: &[&str]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request =
        format!("{first} HTTP/1.1\r\nHost: kith\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    answer.split("\r\n\r\n").next().expect("a head").to_owned()
}

#[tokio::test]
async fn pages_of_allowed_origins_use_the_api_and_the_hub() {
    let server = start_with(
        Store::Sqlite,
        &[("KITH_SERVER_ALLOWED_ORIGINS", "https://chat.example, http://b.example:81")],
    );
    let token = server.register("ann").access_token;
    let authorization = format!("Authorization: Bearer {token}");
    let paths = ["GET /api/users/me", "POST /hub/negotiate?negotiateVersion=1", "PUT /api/auth/credentials"];
    for origin in ["https://chat.example", "http://b.example:81"] {
        let line = format!("Origin: {origin}");
        for first in paths {
            let answer = head(&server, first, &[&line, &authorization]).await;
            assert!(answer.contains(&format!("access-control-allow-origin: {origin}")), "{first}: {answer}");
            assert!(answer.contains("access-control-allow-credentials: true"), "{first}: {answer}");
            let (method, path) = first.split_once(' ').expect("a method");
            let asks = format!("Access-Control-Request-Method: {method}");
            let answer = head(&server, &format!("OPTIONS {path}"), &[&line, &asks]).await;
            assert!(answer.starts_with("http/1.1 204"), "{first}: {answer}");
            let methods = answer.lines().find(|line| line.starts_with("access-control-allow-methods"));
            assert!(methods.is_some_and(|it| it.contains(&method.to_ascii_lowercase())), "{answer}");
        }
    }
    // A refusal can be read, too.
    let answer = head(&server, "GET /api/users/me", &["Origin: https://chat.example"]).await;
    assert!(answer.starts_with("http/1.1 401") && answer.contains("access-control-allow-origin"), "{answer}");
    let other = "Origin: https://other.example";
    for first in paths {
        let answer = head(&server, first, &[other, &authorization]).await;
        assert!(!answer.contains("access-control"), "{first}: {answer}");
    }
    let closed = start(Store::Sqlite);
    let answer = head(&closed, "GET /api/users/me", &["Origin: https://chat.example"]).await;
    assert!(!answer.contains("access-control"), "{answer}");
}

fn negotiated(server: &TestServer, query: &str) -> serde_json::Value {
    let token = server.log_in("ann").access_token;
    let path = format!("/hub/negotiate?negotiateVersion=1{query}");
    let answer = server.request("POST", &path, Some(&token), None).expect("an answer");
    assert_eq!(answer.status, 200);
    answer.body
}

fn transports(answer: &serde_json::Value) -> Vec<&str> {
    let offered = answer["availableTransports"].as_array().expect("transports").iter();
    offered.map(|it| it["transport"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn what_the_hub_offers() {
    let server = start(Store::Sqlite);
    let _ = server.register("ann");
    let answer = negotiated(&server, "&useStatefulReconnect=true");
    assert_eq!(transports(&answer), ["WebSockets", "ServerSentEvents", "LongPolling"]);
    assert_eq!(answer["useStatefulReconnect"], true);
    assert_eq!(negotiated(&server, "").get("useStatefulReconnect"), None);

    let settings = [("KITH_SERVER_WEB_SOCKETS_ONLY", "true"), ("KITH_SERVER_STATEFUL_RECONNECT", "false")];
    let server = start_with(Store::Sqlite, &settings);
    let token = server.register("ann").access_token;
    let answer = negotiated(&server, "&useStatefulReconnect=true");
    assert_eq!((transports(&answer), answer.get("useStatefulReconnect")), (vec!["WebSockets"], None));
    let path = format!("/hub?id={}", answer["connectionToken"].as_str().expect("a token"));
    assert_eq!(server.request("GET", &path, Some(&token), None).expect("an answer").status, 400);
    let client = Client::connect(&server, &server.log_in("ann")).await;
    assert_eq!(client.call("WhoAmI", ()).await["user"]["username"], json!("ann"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_lets_its_clients_go_one_after_another() {
    const CLIENTS: u32 = 4;
    let spread = Duration::from_secs(2);
    let settings = [("KITH_SERVER_DRAIN_SPREAD_S", "2"), ("KITH_SERVER_DRAIN_TIMEOUT_S", "60")];
    let mut server = start_with(Store::Sqlite, &settings);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Client::register(&server, &format!("client-{number}")).await);
    }
    let start = Instant::now();
    server.ask_to_end().expect("asked");
    let ends = clients.iter_mut().map(async |client| {
        client.closed().await;
        start.elapsed()
    });
    let mut ends = futures_util::future::join_all(ends).await;
    ends.sort();
    // The last one goes when three quarters of it are over.
    let last = ends[CLIENTS as usize - 1];
    assert!(last >= spread * (CLIENTS - 1) / CLIENTS, "{ends:?}");
    assert!(ends[0] < last, "{ends:?}");
    assert!(server.wait().expect("ended").success(), "{}", server.log());
}
