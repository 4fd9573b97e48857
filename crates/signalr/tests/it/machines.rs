//! Both machines wired to each other: virtual time, bytes cut anywhere, loss of the connection.

use std::time::Duration;

use proptest::prelude::*;
use signalr::{
    Broadcast, Payload, Protocol,
    client::{ClientEvent, ClientLimits, ClientMachine},
    server::{ServerEvent, ServerLimits, ServerMachine},
};

const SECOND: Duration = Duration::from_secs(1);

struct Pair {
    now: Duration,
    server: ServerMachine,
    client: ClientMachine,
    server_limits: ServerLimits,
    client_limits: ClientLimits,
    /// On the way.
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    server_events: Vec<ServerEvent>,
    client_events: Vec<ClientEvent>,
}

impl Pair {
    fn new(protocol: Protocol) -> Pair {
        let now = Duration::from_secs(1000);
        let mut to_server = Vec::new();
        Pair {
            now,
            server: ServerMachine::new(now),
            client: ClientMachine::new(protocol, now, &mut to_server),
            server_limits: ServerLimits {
                keep_alive: 20 * SECOND,
                client_timeout: 60 * SECOND,
                handshake_timeout: 15 * SECOND,
                max_message_bytes: 1000,
            },
            client_limits: ClientLimits {
                keep_alive: 20 * SECOND,
                server_timeout: 60 * SECOND,
                handshake_timeout: 15 * SECOND,
                max_message_bytes: 1000,
            },
            to_server,
            to_client: Vec::new(),
            server_events: Vec::new(),
            client_events: Vec::new(),
        }
    }

    fn deliver_to_server(&mut self, count: usize) {
        let bytes: Vec<u8> = self.to_server.drain(..count.min(self.to_server.len())).collect();
        let mut input = &bytes[..];
        while let Some(event) =
            self.server.receive(self.now, &self.server_limits, &mut input, &mut self.to_client).unwrap()
        {
            self.server_events.push(event);
        }
    }

    fn deliver_to_client(&mut self, count: usize) {
        let bytes: Vec<u8> = self.to_client.drain(..count.min(self.to_client.len())).collect();
        let mut input = &bytes[..];
        while let Some(event) =
            self.client.receive(self.now, &self.client_limits, &mut input, &mut self.to_server).unwrap()
        {
            self.client_events.push(event);
        }
    }

    fn deliver(&mut self) {
        while !self.to_server.is_empty() || !self.to_client.is_empty() {
            self.deliver_to_server(usize::MAX);
            self.deliver_to_client(usize::MAX);
        }
    }

    /// Both look after their timers.
    fn poll_timers(&mut self) -> (bool, bool) {
        let (to_server, to_client) = (self.to_server.len(), self.to_client.len());
        let server = self.server.poll_timer(self.now, &self.server_limits, &mut self.to_client).is_ok();
        let client = self.client.poll_timer(self.now, &self.client_limits, &mut self.to_server).is_ok();
        if self.to_server.len() > to_server {
            self.client.sent(self.now);
        }
        if self.to_client.len() > to_client {
            self.server.sent(self.now);
        }
        (server, client)
    }
}

fn open(protocol: Protocol) -> Pair {
    let mut pair = Pair::new(protocol);
    pair.deliver();
    assert_eq!(pair.server_events, [ServerEvent::Opened(protocol)]);
    assert_eq!(pair.client_events, [ClientEvent::Opened]);
    (pair.server_events, pair.client_events) = Default::default();
    pair
}

#[test]
fn pings_keep_an_idle_connection_and_silence_ends_it() {
    let mut pair = open(Protocol::Json);
    for _ in 0..100 {
        pair.now += 5 * SECOND;
        assert_eq!(pair.poll_timers(), (true, true));
        pair.deliver();
    }
    assert!(pair.server_events.is_empty() && pair.client_events.is_empty());
    // Now nothing arrives any more.
    let lost = pair.now;
    while pair.poll_timers() == (true, true) {
        pair.now += SECOND;
    }
    let silent = pair.now - lost;
    assert!((55 * SECOND..=61 * SECOND).contains(&silent), "{silent:?}");
}

#[test]
fn pings_are_no_more_than_needed() {
    let mut pair = open(Protocol::MessagePack);
    let start = pair.now;
    let mut pings = 0;
    while pair.now < start + 200 * SECOND {
        let due = pair.server.poll_timer(pair.now, &pair.server_limits, &mut pair.to_client).unwrap();
        assert!(due > pair.now);
        pings += pair.to_client.len() / 3;
        pair.to_client.clear();
        pair.server.excuse_silence(pair.now);
        pair.now = due;
    }
    assert!((9..=10).contains(&pings), "{pings}");
}

#[test]
fn the_handshake_has_its_time() {
    let mut pair = Pair::new(Protocol::Json);
    pair.to_server.truncate(10);
    pair.now += 14 * SECOND;
    pair.deliver_to_server(5);
    assert_eq!(pair.poll_timers(), (true, true));
    pair.now += SECOND;
    pair.deliver_to_server(1);
    assert_eq!(pair.poll_timers(), (false, false));
}

#[test]
fn a_handshake_that_fails_is_answered() {
    let mut pair = Pair::new(Protocol::Json);
    let mut input = &b"{\"protocol\":\"xml\",\"version\":1}\x1e"[..];
    let mut out = Vec::new();
    let error = pair.server.receive(pair.now, &pair.server_limits, &mut input, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "The protocol 'xml' is not supported.");
    let error =
        pair.client.receive(pair.now, &pair.client_limits, &mut &out[..], &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "The protocol 'xml' is not supported.");
}

#[test]
fn closing_ends_what_is_said() {
    for protocol in [Protocol::Json, Protocol::MessagePack] {
        let mut pair = open(protocol);
        pair.server.close(Some("enough"), true, &mut pair.to_client);
        pair.server.complete("0", Ok(&Payload::void(protocol)), &mut pair.to_client);
        pair.client.invoke("Echo", &("too late",), &mut pair.to_server).unwrap();
        pair.deliver();
        let closed = ClientEvent::Closed { error: Some("enough".into()), allow_reconnect: true };
        assert_eq!(pair.client_events, [closed]);
        assert!(pair.server_events.is_empty());

        let mut pair = open(protocol);
        pair.client.close(&mut pair.to_server);
        pair.deliver();
        assert_eq!(pair.server_events, [ServerEvent::Closed { error: None }]);
    }
}

#[test]
fn a_message_that_breaks_the_rules_ends_the_connection_with_a_reason() {
    for protocol in [Protocol::Json, Protocol::MessagePack] {
        let mut pair = open(protocol);
        pair.client.invoke("Echo", &("x".repeat(2000),), &mut pair.to_server).unwrap();
        let bytes = std::mem::take(&mut pair.to_server);
        let error = pair
            .server
            .receive(pair.now, &pair.server_limits, &mut &bytes[..], &mut pair.to_client)
            .unwrap_err();
        assert_eq!(error.to_string(), "The maximum message size of 1000B was exceeded.");
        pair.deliver_to_client(usize::MAX);
        let text = "Connection closed with an error. The maximum message size of 1000B was exceeded.";
        let closed = ClientEvent::Closed { error: Some(text.into()), allow_reconnect: false };
        assert_eq!(pair.client_events, [closed]);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Invoke(String),
    Stream(String),
    Cancel(usize),
    Event(u32),
    /// The server answers the call it got that long ago.
    Complete(usize, Result<String, String>),
    Item(usize, String),
    ToServer(usize),
    ToClient(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let text = || "[a-z\u{1e}\"é]{0,20}";
    prop_oneof![
        text().prop_map(Step::Invoke),
        text().prop_map(Step::Stream),
        any::<usize>().prop_map(Step::Cancel),
        any::<u32>().prop_map(Step::Event),
        (any::<usize>(), prop::result::maybe_err(text(), text()))
            .prop_map(|(at, outcome)| Step::Complete(at, outcome)),
        (any::<usize>(), text()).prop_map(|(at, item)| Step::Item(at, item)),
        (1_usize..100).prop_map(Step::ToServer),
        (1_usize..100).prop_map(Step::ToClient),
        (1_u64..8).prop_map(Step::Wait),
    ]
}

/// What the server did and the client has to see, or the reverse, as texts.
#[derive(Default)]
struct Expected {
    at_server: Vec<String>,
    at_client: Vec<String>,
}

fn server_saw(event: &ServerEvent) -> String {
    match event {
        ServerEvent::Invocation(call) => {
            let argument: String = call.arguments.get(0).unwrap();
            format!("{} {} {argument}", call.id.as_deref().unwrap(), call.streaming)
        }
        ServerEvent::Cancel { id } => format!("{id} cancel"),
        other => format!("{other:?}"),
    }
}

fn client_saw(event: &ClientEvent) -> String {
    match event {
        ClientEvent::Invocation { target, arguments } => {
            format!("{target} {}", arguments.get::<u32>(0).unwrap())
        }
        ClientEvent::Item { id, item } => format!("{id} item {}", item.decode::<String>().unwrap()),
        ClientEvent::Completed { id, outcome } => {
            let outcome = outcome.as_ref().map(|payload| payload.decode::<String>().unwrap());
            format!("{id} {outcome:?}")
        }
        other => format!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn everything_arrives_once_and_in_order_or_is_cut_off_by_a_loss(
        protocol in prop::sample::select(&[Protocol::Json, Protocol::MessagePack][..]),
        steps in prop::collection::vec(step(), 0..120),
        lose_at in prop::option::of(0_usize..120),
    ) {
        let mut pair = open(protocol);
        let mut expected = Expected::default();
        let mut lost = false;
        for (index, step) in steps.into_iter().enumerate() {
            if lose_at == Some(index) {
                lost = true;
                break;
            }
            let calls: Vec<String> = pair.server_events.iter().filter_map(|event| match event {
                ServerEvent::Invocation(call) => call.id.clone(),
                _ => None,
            }).collect();
            let pick = |at: usize| calls.get(at % calls.len().max(1));
            match step {
                Step::Invoke(text) => {
                    let id = pair.client.invoke("Method", &(&text,), &mut pair.to_server).unwrap();
                    expected.at_server.push(format!("{id} false {text}"));
                }
                Step::Stream(text) => {
                    let id = pair.client.stream("Method", &(&text,), &mut pair.to_server).unwrap();
                    expected.at_server.push(format!("{id} true {text}"));
                }
                Step::Cancel(at) => {
                    pair.client.cancel(at as u64, &mut pair.to_server);
                    expected.at_server.push(format!("{at} cancel"));
                }
                Step::Event(number) => {
                    pair.to_client.extend_from_slice(&Broadcast::new("Event", (number,)).frame(protocol));
                    expected.at_client.push(format!("Event {number}"));
                }
                Step::Complete(at, outcome) => if let Some(id) = pick(at) {
                    let payload = outcome.as_ref().map(|text| Payload::encode(protocol, text).unwrap());
                    pair.server.complete(id, payload.as_ref().map_err(|error| error.as_str()), &mut pair.to_client);
                    expected.at_client.push(format!("{id} {:?}", outcome.as_ref()));
                },
                Step::Item(at, text) => if let Some(id) = pick(at) {
                    let item = Payload::encode(protocol, &text).unwrap();
                    pair.server.stream_item(id, &item, &mut pair.to_client);
                    expected.at_client.push(format!("{id} item {text}"));
                },
                Step::ToServer(count) => pair.deliver_to_server(count),
                Step::ToClient(count) => pair.deliver_to_client(count),
                Step::Wait(seconds) => {
                    pair.now += Duration::from_secs(seconds);
                    pair.poll_timers();
                }
            }
        }
        if !lost {
            pair.deliver();
        }
        let at_server: Vec<String> = pair.server_events.iter().map(server_saw).collect();
        let at_client: Vec<String> = pair.client_events.iter().map(client_saw).collect();
        if lost {
            prop_assert!(expected.at_server.starts_with(&at_server));
            prop_assert!(expected.at_client.starts_with(&at_client));
        } else {
            prop_assert_eq!(expected.at_server, at_server);
            prop_assert_eq!(expected.at_client, at_client);
        }
    }
}
