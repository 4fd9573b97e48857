//! Traces, as a collector gets them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use testkit::server::{PASSWORD, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, start, start_with, until};

type Bodies = Arc<Mutex<Vec<Vec<u8>>>>;

/// Takes POSTs to `/v1/traces`, one a connection.
fn collector() -> (SocketAddr, Bodies) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let bodies = Bodies::default();
    let taken = Arc::clone(&bodies);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = Vec::new();
            let mut block = [0; 4096];
            let body = loop {
                let Ok(length @ 1..) = stream.read(&mut block) else { break None };
                request.extend(&block[..length]);
                let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
                assert!(text.starts_with("post /v1/traces http/1.1"), "{text}");
                assert!(text.contains("content-type: application/x-protobuf"), "{text}");
                let (_, length) = text.split_once("content-length: ").expect("a length");
                let length: usize = length.lines().next().expect("a line").parse().expect("a number");
                if request.len() >= head + 4 + length {
                    break Some(request.split_off(head + 4));
                }
            };
            taken.lock().expect("not poisoned").extend(body);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (address, bodies)
}

fn spans(bodies: &Bodies) -> Vec<Span> {
    let bodies = bodies.lock().expect("not poisoned");
    let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(&body[..]).expect("OTLP"));
    let scopes =
        requests.flat_map(|request| request.resource_spans).flat_map(|of_resource| of_resource.scope_spans);
    scopes.flat_map(|of_scope| of_scope.spans).collect()
}

fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{key}: {other:?} in {span:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_spans_and_no_secrets() {
    const BODY: &str = "what ann tells herself";
    let (address, bodies) = collector();
    let endpoint = format!("http://{address}");
    let mut server = start_with(Store::Sqlite, &[("KITH_TELEMETRY_ENDPOINT", &endpoint)]);
    let ann = Client::register(&server, "ann").await;
    let group = ann.group("Notes", &[]).await;
    ann.send(&group, "m1", BODY).await;
    ann.refused("GetGroup", ("g_nothing",)).await;
    // A request that belongs to another's trace, and has an id.
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    let request = "GET /api/nothing?password=secret HTTP/1.1\r\nHost: kith\r\nX-Request-Id: from-the-proxy\r\n\
                   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    // What waits is sent before the end.
    assert!(server.terminate().expect("ended").success(), "{}", server.log());

    let spans = spans(&bodies);
    let find = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| {
            panic!("{name} among {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>())
        })
    };
    let registered = find("POST /api/auth/register");
    assert_eq!(attribute(registered, "http.route"), "/api/auth/register");
    assert_eq!(attribute(registered, "http.response.status_code"), "200");
    assert!(!attribute(registered, "request.id").is_empty());
    assert!(registered.end_time_unix_nano > registered.start_time_unix_nano);
    assert_eq!(attribute(find("SendMessage"), "outcome"), "ok");
    assert_eq!(attribute(find("GetGroup"), "outcome"), "invalid");
    let strange = spans.iter().find(|span| {
        span.attributes.iter().any(|one| one.key == "request.id")
            && attribute(span, "request.id") == "from-the-proxy"
    });
    let strange = strange.expect("the request with an id");
    assert_eq!(strange.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(strange.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());

    let sent: Vec<u8> = bodies.lock().expect("not poisoned").concat();
    let account = &ann.account;
    for secret in [
        BODY,
        PASSWORD,
        "password",
        "secret",
        &account.access_token,
        &account.refresh_token,
        &account.user,
        "127.",
    ] {
        assert!(!sent.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} was sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_and_lost_collectors_are_in_nobodys_way() {
    // None of a thousand, but those that belong to a trace that is kept.
    let (address, bodies) = collector();
    let endpoint = format!("http://{address}");
    let settings = [("KITH_TELEMETRY_ENDPOINT", &*endpoint), ("KITH_TELEMETRY_SAMPLE_PER_MILLE", "0")];
    let mut server = start_with(Store::Sqlite, &settings);
    let _ = server.register("ann");
    assert!(server.terminate().expect("ended").success());
    assert_eq!(spans(&bodies).len(), 0);
    // Nobody listens there.
    let mut server = start_with(Store::Sqlite, &[("KITH_TELEMETRY_ENDPOINT", "http://127.0.0.1:1")]);
    let ann = Client::register(&server, "ann").await;
    let group = ann.group("Notes", &[]).await;
    for number in 0..50 {
        ann.send(&group, &format!("m{number}"), "hello").await;
    }
    assert!(server.terminate().expect("ended").success(), "{}", server.log());
    // Off, it is not there.
    let server = start(Store::Sqlite);
    let _ = server.post("/api/auth/login", &json!({ "username": "ann", "password": PASSWORD }));
    until("its threads", async || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).ok()?;
        let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        (!names.into_iter().any(|name| name.contains("OpenTelemetry"))).then_some(())
    })
    .await;
}
