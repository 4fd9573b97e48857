//! Our client against our server, over real sockets.

use std::{sync::atomic::Ordering, time::Duration};

use crate::support::{CustomObject, TestServer, eventually};
use signalr::{
    Protocol,
    client::{self, CloseReason, ConnectError, Connection, Events, InvokeError},
    server::Options,
};
use testkit::proxy::Proxy;

const PROTOCOLS: [Protocol; 2] = [Protocol::Json, Protocol::MessagePack];

async fn connect(server: &TestServer, protocol: Protocol) -> (Connection, Events) {
    let (connection, mut events) =
        client::connect(&server.url(), None, protocol, client::Options::default()).await.unwrap();
    assert_eq!(events.next().await.unwrap().target, "Welcome");
    (connection, events)
}

#[tokio::test]
async fn calls_and_events() {
    let server = TestServer::start(Options::default()).await;
    for protocol in PROTOCOLS {
        let (connection, mut events) = connect(&server, protocol).await;
        assert_eq!(connection.invoke::<_, String>("Echo", ("Grüße \u{1e}",)).await.unwrap(), "Grüße \u{1e}");
        assert_eq!(connection.invoke::<_, i64>("Add", (1, -3)).await.unwrap(), -2);
        connection.invoke::<_, ()>("Void", ()).await.unwrap();
        connection.invoke::<_, ()>("InvokeWithString", ("to me",)).await.unwrap();
        let event = events.next().await.unwrap();
        assert_eq!(
            (event.target.as_str(), event.arguments.get::<String>(0).unwrap().as_str()),
            ("Message", "to me")
        );
        let inner = CustomObject { name: "in".into(), numbers: vec![], inner: None };
        let object =
            CustomObject { name: "out".into(), numbers: vec![1, -2, 1 << 40], inner: Some(inner.into()) };
        assert_eq!(
            connection.invoke::<_, CustomObject>("EchoComplexObject", (&object,)).await.unwrap(),
            object
        );
        connection.invoke::<_, ()>("SendCustomObject", (&object,)).await.unwrap();
        let event = events.next().await.unwrap();
        assert_eq!(event.arguments.get::<CustomObject>(0).unwrap(), object);
        assert_eq!(event.arguments.get::<i32>(1).unwrap(), 42);
        let long = "x".repeat(200_000);
        assert_eq!(connection.invoke::<_, String>("Echo", (&long,)).await.unwrap(), long);
    }
}

#[tokio::test]
async fn errors() {
    let server = TestServer::start(Options::default()).await;
    for protocol in PROTOCOLS {
        let (connection, _events) = connect(&server, protocol).await;
        let cases: [(&str, &str); 5] = [
            ("ThrowException", "An error occurred: oops"),
            (
                "Missing",
                "Failed to invoke 'Missing' due to an error on the server. HubException: Method does not exist.",
            ),
            (
                "Stream",
                "The client attempted to invoke the streaming 'Stream' method with a non-streaming invocation.",
            ),
            ("Panic", "An unexpected error occurred invoking 'Panic' on the server."),
            ("Add", "Error binding arguments: argument 0 is invalid: "),
        ];
        for (target, expected) in cases {
            match connection.invoke::<_, ()>(target, ("oops",)).await {
                Err(InvokeError::Server(text)) if text.starts_with(expected) => (),
                other => panic!("{target}: {other:?}"),
            }
        }
        match connection.invoke::<_, i64>("Add", (1,)).await {
            Err(InvokeError::Server(text)) => {
                assert_eq!(text, "Invocation provides 1 argument(s) but target expects 2.");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(connection.invoke::<_, i64>("Echo", ("x",)).await, Err(InvokeError::Decode(_))));
    }
}

#[tokio::test]
async fn streams() {
    let server = TestServer::start(Options::default()).await;
    for protocol in PROTOCOLS {
        let (connection, _events) = connect(&server, protocol).await;
        let mut stream = connection.stream::<_, String>("Stream", ()).unwrap();
        for expected in ["a", "b", "c"] {
            assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        }
        assert!(stream.next().await.is_none());
        assert!(connection.stream::<_, String>("EmptyStream", ()).unwrap().next().await.is_none());
        for (target, expected) in [
            ("StreamThrowException", "oops"),
            ("RefusedStream", "No stream today."),
            ("PanickingStream", "An unexpected error occurred invoking 'PanickingStream' on the server."),
            (
                "Echo",
                "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation.",
            ),
        ] {
            let mut stream = connection.stream::<_, String>(target, ("oops",)).unwrap();
            match stream.next().await {
                Some(Err(InvokeError::Server(text))) => assert_eq!(text, expected),
                other => panic!("{target}: {other:?}"),
            }
            assert!(stream.next().await.is_none());
        }
        let mut infinite = connection.stream::<_, String>("InfiniteStream", ()).unwrap();
        assert_eq!(infinite.next().await.unwrap().unwrap(), "0");
        assert_eq!(server.hub.streaming.load(Ordering::SeqCst), 1);
        drop(infinite);
        eventually("the stream is cancelled", || server.hub.streaming.load(Ordering::SeqCst) == 0).await;
    }
}

#[tokio::test]
async fn many_calls_at_once_stay_within_the_limit_and_all_end() {
    let server = TestServer::start(Options { max_in_flight: 10, ..Options::default() }).await;
    for protocol in PROTOCOLS {
        let (connection, _events) = connect(&server, protocol).await;
        let calls: Vec<_> = (0..1000).map(|number| connection.invoke_raw("Wait", (number,))).collect();
        let mut ended = 0;
        let before = server.hub.waiting.load(Ordering::SeqCst);
        let all = async {
            for (number, call) in calls.into_iter().enumerate() {
                assert_eq!(call.await.unwrap().decode::<usize>().unwrap(), number);
                ended += 1;
            }
        };
        let release = async {
            let mut released = 0;
            while released < 1000 {
                eventually("calls come", || server.hub.waiting.load(Ordering::SeqCst) - before > released)
                    .await;
                let begun = server.hub.waiting.load(Ordering::SeqCst) - before;
                assert!(begun - released <= 10, "{begun} begun, {released} released");
                server.hub.release.notify_waiters();
                released = begun;
            }
        };
        tokio::join!(all, release);
        assert_eq!(ended, 1000);
    }
}

#[tokio::test]
async fn closing() {
    let server = TestServer::start(Options::default()).await;
    for (index, allow_reconnect) in [false, true].into_iter().enumerate() {
        let (connection, mut events) = connect(&server, Protocol::MessagePack).await;
        connection.send("CloseMe", ("go", allow_reconnect)).unwrap();
        assert!(events.next().await.is_none());
        let error = Some("go".to_owned());
        assert_eq!(events.close_reason(), Some(CloseReason::Server { error, allow_reconnect }));
        assert!(matches!(connection.invoke::<_, ()>("Void", ()).await, Err(InvokeError::Closed)));
        eventually("disconnected runs", || server.hub.disconnected.load(Ordering::SeqCst) == index + 1).await;
    }
    let (connection, mut events) = connect(&server, Protocol::Json).await;
    let call = connection.invoke_raw("Wait", ());
    eventually("the call runs", || server.hub.waiting.load(Ordering::SeqCst) == 1).await;
    connection.close();
    assert!(matches!(call.await, Err(InvokeError::Closed)));
    assert!(events.next().await.is_none());
    assert_eq!(events.close_reason(), Some(CloseReason::Local));
    server.hub.release.notify_waiters();
    eventually("disconnected runs", || server.hub.disconnected.load(Ordering::SeqCst) == 3).await;
}

#[tokio::test]
async fn draining() {
    let server = TestServer::start(Options::default()).await;
    let (_connection, mut events) = connect(&server, Protocol::Json).await;
    assert_eq!(server.server.connection_count(), 1);
    tokio::time::timeout(Duration::from_secs(3), server.server.drain()).await.unwrap();
    assert!(events.next().await.is_none());
    assert_eq!(events.close_reason(), Some(CloseReason::Server { error: None, allow_reconnect: true }));
    assert_eq!(server.hub.disconnected.load(Ordering::SeqCst), 1);
    match client::connect(&server.url(), None, Protocol::Json, client::Options::default()).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status, 503),
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn draining_bit_by_bit() {
    let drain_spread = Duration::from_millis(600);
    let server = TestServer::start(Options { drain_spread, ..Options::default() }).await;
    let mut connections = Vec::new();
    for _ in 0..6 {
        connections.push(connect(&server, Protocol::Json).await);
    }
    let mut most = 0;
    let watch = async {
        let mut before = 6;
        while before > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let now = server.server.connection_count();
            most = most.max(before - now);
            before = now;
        }
    };
    let start = std::time::Instant::now();
    tokio::join!(server.server.drain(), watch);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(most < 6, "all at once");
}

#[tokio::test]
async fn negotiation_and_refusal() {
    let server = TestServer::start(Options::default()).await;
    let options = client::Options {
        negotiate: true,
        local_address: Some([127, 0, 0, 9].into()),
        ..client::Options::default()
    };
    let (connection, _events) =
        client::connect(&server.url(), Some("secret"), Protocol::Json, options.clone()).await.unwrap();
    let token: Option<String> = connection.invoke("GetToken", ()).await.unwrap();
    assert_eq!(token.as_deref(), Some("secret"));
    for negotiate in [false, true] {
        let options = client::Options { negotiate, ..options.clone() };
        match client::connect(&server.url(), Some("wrong"), Protocol::Json, options).await {
            Err(ConnectError::Refused { status, text }) => {
                assert_eq!((status.as_u16(), text.as_str()), (401, "Who are you?"));
            }
            other => panic!("{:?}", other.err()),
        }
    }
}

#[tokio::test]
async fn redirects_are_followed() {
    let server = TestServer::start(Options::default()).await;
    let options = client::Options { negotiate: true, ..client::Options::default() };
    for (target, expected) in [("plain", "secret"), ("token", "another")] {
        let url = format!("{}?redirect={target}", server.url());
        let (connection, _events) =
            client::connect(&url, Some("secret"), Protocol::Json, options.clone()).await.unwrap();
        let token: Option<String> = connection.invoke("GetToken", ()).await.unwrap();
        assert_eq!(token.as_deref(), Some(expected));
    }
    let url = format!("{}?redirect=forever", server.url());
    match client::connect(&url, None, Protocol::Json, options).await {
        Err(ConnectError::Protocol(text)) => assert_eq!(text, "too many redirects"),
        other => panic!("{:?}", other.err()),
    }
}

fn stateful(patience: Duration) -> client::Options {
    client::Options { stateful: true, stateful_patience: patience, ..client::Options::default() }
}

#[tokio::test]
async fn over_a_network_that_fails_a_stateful_connection_loses_nothing() {
    for protocol in PROTOCOLS {
        let options = Options { stateful_buffer_bytes: 1 << 20, ..Options::default() };
        let server = TestServer::start(options).await;
        let proxy = Proxy::start(server.address).unwrap();
        let url = format!("http://{}/hub", proxy.address());
        let options = stateful(Duration::from_secs(20));
        let (connection, mut events) = client::connect(&url, None, protocol, options).await.unwrap();
        assert_eq!(events.next().await.unwrap().target, "Welcome");
        let mut stream = connection.stream::<_, String>("InfiniteStream", ()).unwrap();
        for round in 0..20 {
            let calls: Vec<_> = (0..30).map(|number| connection.invoke_raw("Add", (number, round))).collect();
            connection.send("Push", (3, 700)).unwrap();
            tokio::time::sleep(Duration::from_millis(round % 7)).await;
            proxy.cut();
            for (number, call) in (0..).zip(calls) {
                assert_eq!(call.await.unwrap().decode::<u64>().unwrap(), number + round);
            }
            for number in 0..3_u32 {
                let event = events.next().await.unwrap();
                assert_eq!((event.target.as_str(), event.arguments.get(0).unwrap()), ("Item", number));
            }
        }
        for number in 0..20 {
            assert_eq!(stream.next().await.unwrap().unwrap(), number.to_string());
        }
        // Some cuts come while there is nothing to cut.
        assert!(proxy.accepted() >= 8, "{}", proxy.accepted());
        assert_eq!(server.hub.connected.load(Ordering::SeqCst), 1);
        assert_eq!(server.hub.disconnected.load(Ordering::SeqCst), 0);
        // Back after the last cut: the server is told of the end.
        assert_eq!(connection.invoke::<_, u64>("Add", (1, 1)).await.unwrap(), 2);
        connection.close();
        assert!(events.next().await.is_none());
        assert_eq!(events.close_reason(), Some(CloseReason::Local));
        eventually("the end", || server.hub.disconnected.load(Ordering::SeqCst) == 1).await;
    }
}

#[tokio::test]
async fn a_stateful_connection_that_cannot_come_back_is_lost() {
    let server = TestServer::start(Options::default()).await;
    let proxy = Proxy::start(server.address).unwrap();
    let url = format!("http://{}/hub", proxy.address());
    let open = async |patience| {
        let options = stateful(patience);
        client::connect(&url, None, Protocol::MessagePack, options).await.unwrap()
    };
    // The server ends it while it is away: there is nothing to come back to.
    let (connection, mut events) = open(Duration::from_secs(20)).await;
    assert_eq!(events.next().await.unwrap().target, "Welcome");
    proxy.stall(true);
    let pending = connection.invoke_raw("Add", (1, 1));
    server.server.close_all(None, true);
    eventually("the server's end", || {
        server.server.connection_count() == 0 || {
            proxy.cut();
            false
        }
    })
    .await;
    proxy.stall(false);
    assert!(events.next().await.is_none());
    let reason = events.close_reason().unwrap();
    assert!(matches!(&reason, CloseReason::Lost(text) if text.contains("404")), "{reason:?}");
    assert!(matches!(pending.await, Err(InvokeError::Closed)));
    // Nobody answers at all.
    let (_connection, mut events) = open(Duration::from_millis(300)).await;
    assert_eq!(events.next().await.unwrap().target, "Welcome");
    drop(proxy);
    assert!(events.next().await.is_none());
    assert!(matches!(events.close_reason(), Some(CloseReason::Lost(_))));
}
