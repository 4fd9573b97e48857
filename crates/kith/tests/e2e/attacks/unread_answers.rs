//! Whoever asks for much over REST and never reads it holds little of the server, and that for others it is there.

use serde_json::{Value, json};
use testkit::server::{Account, Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Bystanders, memory, status};
use crate::support::{Client, start_with, within};

/// Pages that are longer than what the kernel takes of an answer that nobody reads.
const LARGE: (&str, &str) = ("KITH_LIMITS_MAX_PAGE_BYTES", "16777216");
const PATIENT: (&str, &str) = ("KITH_LIMITS_WRITE_TIMEOUT_S", "600");

/// A conversation whose page is as large as pages get: what it says is longest in JSON.
async fn much(server: &TestServer, name: &str) -> (Client, String) {
    let client = Client::register(server, name).await;
    let group = client.group("much", &[]).await;
    for number in 0..40 {
        client.send(&group, &format!("m{number}"), &"\u{1}".repeat(24_000)).await;
    }
    (client, group)
}

/// Asks and does not read.
async fn ask(server: &TestServer, account: &Account, group: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a small buffer");
    let mut stream = socket.connect(server.address()).await.expect("connected");
    let token = &account.access_token;
    let request = format!(
        "GET /api/messages/{group}/history HTTP/1.1\r\nHost: kith\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("asked");
    stream
}

/// The status that a socket is answered with, and nothing more of the answer.
async fn answered(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    within("an answer", stream.read_exact(&mut head)).await.expect("an answer");
    status(&head)
}

fn page(server: &TestServer, account: &Account, group: &str) -> (u16, Value) {
    let path = format!("/api/messages/{group}/history");
    let answer = server.request("GET", &path, Some(&account.access_token), None).expect("an answer");
    (answer.status, answer.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_so_many_answers_under_way() {
    let settings = [("KITH_LIMITS_ANSWERS_PER_ACCOUNT", "4"), LARGE, PATIENT];
    let server = start_with(Store::Sqlite, &settings);
    let mut bystanders = Bystanders::meet(&server).await;
    let (mallory, group) = much(&server, "mallory").await;
    let before = memory(&server);
    let mut asked = Vec::new();
    for _ in 0..200 {
        asked.push(ask(&server, &mallory.account, &group).await);
    }
    let answers = async {
        let mut statuses = Vec::new();
        for stream in &mut asked {
            statuses.push(answered(stream).await);
        }
        statuses
    };
    let statuses = bystanders.talk_during(answers).await;
    let taken = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((taken, refused), (4, 196), "{statuses:?}");
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 100 * 1024 * 1024, "{grown} bytes for answers that nobody reads");
    assert_eq!(page(&server, &mallory.account, &group).0, 429, "every seat is taken");
    let ann = &bystanders.ann.account.access_token;
    let mine = server.request("GET", "/api/conversations", Some(ann), None).expect("an answer");
    assert_eq!(mine.status, 200, "others have seats of their own");
    // Whoever hangs up has them back.
    drop(asked);
    let again = async || (page(&server, &mallory.account, &group).0 == 200).then_some(());
    crate::support::until("a seat", again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_answers_together_are_bounded_in_bytes() {
    let settings = [("KITH_LIMITS_ANSWERS_BYTES", "13000000"), LARGE, PATIENT];
    let server = start_with(Store::Sqlite, &settings);
    let (mallory, group) = much(&server, "mallory").await;
    let (ann, hers) = much(&server, "ann").await;
    assert_eq!(page(&server, &ann.account, &hers).0, 200);
    let mut asked = Vec::new();
    for _ in 0..2 {
        let mut stream = ask(&server, &mallory.account, &group).await;
        assert_eq!(answered(&mut stream).await, 200);
        asked.push(stream);
    }
    let path = format!("/api/messages/{hers}/history");
    let token = Some(ann.account.access_token.as_str());
    let refused = server.request("GET", &path, token, None).expect("an answer");
    assert_eq!((refused.status, refused.code()), (503, "unavailable"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    // What is small goes on, and so does the hub.
    let small = format!("{path}?limit=1&before=2");
    assert_eq!(server.request("GET", &small, token, None).expect("an answer").status, 200);
    let said = json!({ "to": hers, "message": { "text": "still there" } });
    assert_eq!(
        server.request("POST", "/api/messages/send", token, Some(&said)).expect("an answer").status,
        200
    );
    // An export is counted, too.
    let export = format!("/api/conversations/{hers}/export");
    assert_eq!(server.request("GET", &export, token, None).expect("an answer").status, 503);
    drop(asked);
    let again = async || (page(&server, &ann.account, &hers).0 == 200).then_some(());
    crate::support::until("room", again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_bounded_as_it_is_written() {
    let server = start_with(Store::Sqlite, &[]);
    let (mallory, group) = much(&server, "mallory").await;
    let path = format!("/api/messages/{group}/history");
    let token = Some(mallory.account.access_token.as_str());
    let answer = server.request("GET", &path, token, None).expect("an answer");
    let length: usize = answer.header("content-length").expect("a length").parse().expect("a number");
    assert!((900_000..1_100_000).contains(&length), "{length} bytes");
    assert_eq!((answer.status, &answer.body["more"]), (200, &json!(true)));
    assert_eq!(mallory.history(&group).await.len(), 41, "by as many pages as it takes");
}
