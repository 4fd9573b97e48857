//! Two machines over a line that is cut anywhere.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::{
    Broadcast, Payload,
    client::{ClientEvent, ClientLimits, ClientMachine},
    server::{ServerEvent, ServerLimits, ServerMachine},
};

const SECOND: Duration = Duration::from_secs(1);

fn message(size: usize) -> Bytes {
    vec![0; size].into()
}

fn sequence_of(state: &mut Stateful) -> (u64, usize) {
    let mut out = Vec::new();
    state.resume(Protocol::Json, &mut out);
    let end = out.iter().position(|&byte| byte == 0x1e).expect("a Sequence");
    let first = Message::parse(Protocol::Json, out[..end].to_vec().into()).expect("a message");
    let Message::Sequence { sequence_id } = first else { panic!("{first:?}") };
    (sequence_id, out.len() - end - 1)
}

#[test]
fn a_sequence_names_the_first_that_is_not_acknowledged_or_the_next() {
    let mut state = Stateful::new(1000);
    assert_eq!(sequence_of(&mut state), (1, 0));
    let mut state = Stateful::new(1000);
    for _ in 0..5 {
        state.sent(message(10));
    }
    state.acknowledged(3);
    assert_eq!(sequence_of(&mut state), (4, 20));
    // What is acknowledged now may have been so before: the client's count may stand lower.
    state.acknowledged(5);
    assert_eq!(sequence_of(&mut state), (4, 20));
    state.sent(message(10));
    state.acknowledged(6);
    assert_eq!(sequence_of(&mut state), (7, 0));
    assert_eq!(state.buffer.capacity(), 0);
}

#[test]
fn beyond_its_bound_it_forgets_until_all_that_is_acknowledged() {
    let mut state = Stateful::new(10 * (100 + OVERHEAD_BYTES));
    for _ in 0..10 {
        state.sent(message(100));
    }
    assert!(state.is_resumable());
    state.sent(message(100));
    assert!(!state.is_resumable());
    assert_eq!((state.buffer.len(), state.forgotten()), (10, 1));
    state.acknowledged(1);
    assert!(state.is_resumable());
    // One that is larger than the bound.
    state.sent(message(5000));
    assert!(!state.is_resumable() && state.buffer.is_empty());
    state.acknowledged(u64::MAX);
    assert!(state.is_resumable());
    assert_eq!(sequence_of(&mut state), (13, 0));
}

#[test]
fn acknowledgements_are_due_by_time_and_by_size() {
    let mut state = Stateful::new(1000);
    let mut out = Vec::new();
    let cancel = Message::CancelInvocation { id: "1".to_owned() };
    assert_eq!(state.ack_due(), None);
    assert!(state.admit(SECOND, &Message::Ping, 1 << 20).unwrap());
    assert!(!state.acknowledge(9 * SECOND, Protocol::Json, &mut out));
    for _ in 0..3 {
        assert!(state.admit(SECOND, &cancel, 10).unwrap());
        assert!(!state.acknowledge(SECOND, Protocol::Json, &mut out));
    }
    assert_eq!(state.ack_due(), Some(SECOND + ACK_AFTER));
    assert!(state.acknowledge(SECOND + ACK_AFTER, Protocol::Json, &mut out));
    assert_eq!(out, b"{\"type\":8,\"sequenceId\":3}\x1e");
    assert_eq!(state.ack_due(), None);
    out.clear();
    assert!(state.admit(3 * SECOND, &cancel, ACK_AFTER_BYTES).unwrap());
    assert!(state.acknowledge(3 * SECOND, Protocol::Json, &mut out));
    assert_eq!(out, b"{\"type\":8,\"sequenceId\":4}\x1e");
}

#[test]
fn repetitions_are_dropped_and_gaps_refused() {
    let mut state = Stateful::new(1000);
    let cancel = Message::CancelInvocation { id: "1".to_owned() };
    let mut admit = |message: &Message| state.admit(SECOND, message, 10);
    for _ in 0..3 {
        assert_eq!(admit(&cancel), Ok(true));
    }
    assert_eq!(admit(&Message::Sequence { sequence_id: 2 }), Ok(false));
    assert_eq!([admit(&cancel), admit(&cancel), admit(&cancel)], [Ok(false), Ok(false), Ok(true)]);
    assert!(admit(&Message::Sequence { sequence_id: 6 }).is_err());
    assert!(admit(&Message::Sequence { sequence_id: 0 }).is_err());
    // On a new socket nothing counts before the Sequence.
    state.resume(Protocol::Json, &mut Vec::new());
    let mut admit = |message: &Message| state.admit(SECOND, message, 10);
    assert_eq!([admit(&cancel), admit(&Message::Ping)], [Ok(false), Ok(false)]);
    assert_eq!(admit(&Message::Sequence { sequence_id: 5 }), Ok(false));
    assert_eq!(admit(&cancel), Ok(true));
}

/// Bytes on their way.
type Line = VecDeque<u8>;

/// Takes up to `count` bytes off a line.
fn take(line: &mut Line, count: usize) -> Vec<u8> {
    line.drain(..count.min(line.len())).collect()
}

struct Pair {
    now: Duration,
    server: ServerMachine,
    client: ClientMachine,
    to_server: Line,
    to_client: Line,
    server_limits: ServerLimits,
    client_limits: ClientLimits,
    /// Numbers that arrived.
    calls: Vec<u32>,
    answers: Vec<u64>,
    pushes: Vec<u32>,
    called: u32,
    pushed: u32,
}

impl Pair {
    fn new(protocol: Protocol) -> Pair {
        let long = 10_000 * SECOND;
        let max_message_bytes = 1 << 20;
        let mut handshake = Vec::new();
        let client = ClientMachine::new_stateful(protocol, Duration::ZERO, 1 << 24, &mut handshake);
        let mut pair = Pair {
            now: Duration::ZERO,
            server: ServerMachine::new_stateful(Duration::ZERO, 1 << 24),
            client,
            to_server: handshake.into(),
            to_client: Line::new(),
            server_limits: ServerLimits {
                keep_alive: 10 * SECOND,
                client_timeout: long,
                handshake_timeout: long,
                max_message_bytes,
            },
            client_limits: ClientLimits {
                keep_alive: 10 * SECOND,
                server_timeout: long,
                handshake_timeout: long,
                max_message_bytes,
            },
            calls: Vec::new(),
            answers: Vec::new(),
            pushes: Vec::new(),
            called: 0,
            pushed: 0,
        };
        pair.deliver(usize::MAX, usize::MAX);
        assert!(pair.server.is_resumable() && pair.client.is_resumable());
        pair
    }

    /// Lets so many bytes arrive, and both sides act on them.
    fn deliver(&mut self, at_server: usize, at_client: usize) {
        let mut out = Vec::new();
        let bytes = take(&mut self.to_server, at_server);
        let mut input = &bytes[..];
        while let Some(event) =
            self.server.receive(self.now, &self.server_limits, &mut input, &mut out).expect("no error")
        {
            if let ServerEvent::Invocation(call) = event {
                let number: u32 = call.arguments.get(0).expect("a number");
                self.calls.push(number);
                if let Some(id) = call.id {
                    let answer = Payload::encode(call.arguments.protocol(), &number).expect("encoded");
                    self.server.complete(&id, Ok(&answer), &mut out);
                }
            }
        }
        self.server.poll_timer(self.now, &self.server_limits, &mut out).expect("not silent");
        self.to_client.extend(out.drain(..));
        let bytes = take(&mut self.to_client, at_client);
        let mut input = &bytes[..];
        while let Some(event) =
            self.client.receive(self.now, &self.client_limits, &mut input, &mut out).expect("no error")
        {
            match event {
                ClientEvent::Invocation { arguments, .. } => {
                    self.pushes.push(arguments.get(0).expect("a number"));
                }
                ClientEvent::Completed { id, outcome } => {
                    outcome.expect("an answer");
                    self.answers.push(id);
                }
                _ => (),
            }
        }
        self.client.poll_timer(self.now, &self.client_limits, &mut out).expect("not silent");
        self.to_server.extend(out);
    }

    fn call(&mut self, size: usize) {
        let mut out = Vec::new();
        self.client.invoke("Call", &(self.called, "x".repeat(size)), &mut out).expect("encoded");
        self.called += 1;
        self.to_server.extend(out);
    }

    fn push(&mut self, size: usize) {
        let mut out = Vec::new();
        let broadcast = Broadcast::new("Push", (self.pushed, "x".repeat(size)));
        let protocol = self.server.protocol().expect("open");
        self.server.invoke_encoded(broadcast.frame(protocol), &mut out);
        self.pushed += 1;
        self.to_client.extend(out);
    }

    /// What is on its way is lost; then there is a new line.
    fn cut(&mut self) {
        let mut out = Vec::new();
        self.server.resume(self.now, &self.server_limits, &mut out);
        self.to_client = out.drain(..).collect();
        self.client.resume(self.now, &self.client_limits, &mut out);
        self.to_server = out.into();
    }
}

#[derive(Clone, Debug)]
enum Step {
    Call(usize),
    Push(usize),
    Deliver(usize, usize),
    Wait(u64),
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![5 => 0..50_usize, 1 => 0..30_000_usize];
    let count = prop_oneof![0..100_usize, 0..50_000_usize];
    prop_oneof![
        4 => size.clone().prop_map(Step::Call),
        4 => size.prop_map(Step::Push),
        4 => (count.clone(), count).prop_map(|(server, client)| Step::Deliver(server, client)),
        1 => (0..1500_u64).prop_map(Step::Wait),
        2 => Just(Step::Cut),
    ]
}

proptest! {
    #[test]
    fn wherever_the_line_is_cut_all_comes_once_and_in_order(
        steps in prop::collection::vec(step(), 1..80),
        json: bool,
    ) {
        let mut pair = Pair::new(if json { Protocol::Json } else { Protocol::MessagePack });
        for step in steps {
            match step {
                Step::Call(size) => pair.call(size),
                Step::Push(size) => pair.push(size),
                Step::Deliver(server, client) => pair.deliver(server, client),
                Step::Wait(milliseconds) => pair.now += Duration::from_millis(milliseconds),
                Step::Cut => pair.cut(),
            }
        }
        // Then all is quiet, and one message more settles what came before.
        for _ in 0..3 {
            pair.call(1);
            pair.push(1);
            for _ in 0..3 {
                pair.now += 2 * SECOND;
                pair.deliver(usize::MAX, usize::MAX);
            }
        }
        prop_assert_eq!(&pair.calls, &(0..pair.called).collect::<Vec<_>>());
        prop_assert_eq!(&pair.answers, &(0..u64::from(pair.called)).collect::<Vec<_>>());
        prop_assert_eq!(&pair.pushes, &(0..pair.pushed).collect::<Vec<_>>());
        pair.cut();
        prop_assert!(pair.to_client.len() < 40 && pair.to_server.len() < 40, "nothing is left to be sent again");
    }
}
