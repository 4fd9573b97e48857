//! Round trips, and bytes of any kind.

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Value {
    Nothing,
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Named { first: Box<Value>, second: Option<u32> },
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nothing),
        any::<bool>().prop_map(Value::Flag),
        any::<i64>().prop_map(Value::Number),
        any::<String>().prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            (inner, any::<Option<u32>>())
                .prop_map(|(first, second)| Value::Named { first: first.into(), second }),
        ]
    })
}

#[derive(Clone, Debug)]
enum Sent {
    Invocation { id: Option<String>, target: String, arguments: Vec<Value>, streaming: bool },
    Item { id: String, item: Value },
    Completion { id: String, outcome: Result<Option<Value>, String> },
    Cancel { id: String },
    Ping,
    Close { error: Option<String>, allow_reconnect: bool },
    Ack(u64),
    Sequence(u64),
}

fn sent() -> impl Strategy<Value = Sent> {
    let id = || "[a-z0-9\u{1e}\"é]{1,40}";
    prop_oneof![
        (prop::option::of(id()), any::<String>(), prop::collection::vec(value(), 0..5), any::<bool>())
            .prop_map(|(id, target, arguments, streaming)| Sent::Invocation {
                id,
                target,
                arguments,
                streaming
            }),
        (id(), value()).prop_map(|(id, item)| Sent::Item { id, item }),
        (id(), prop::result::maybe_err(prop::option::of(value()), any::<String>()))
            .prop_map(|(id, outcome)| Sent::Completion { id, outcome }),
        id().prop_map(|id| Sent::Cancel { id }),
        Just(Sent::Ping),
        (any::<Option<String>>(), any::<bool>())
            .prop_map(|(error, allow_reconnect)| Sent::Close { error, allow_reconnect }),
        any::<u64>().prop_map(Sent::Ack),
        any::<u64>().prop_map(Sent::Sequence),
    ]
}

fn write(protocol: Protocol, sent: &Sent, out: &mut Vec<u8>) {
    match sent {
        Sent::Invocation { id, target, arguments, streaming } => {
            encode::invocation(protocol, id.as_deref(), target, arguments, *streaming, out).unwrap();
        }
        Sent::Item { id, item } => {
            encode::stream_item(protocol, id, &Payload::encode(protocol, item).unwrap(), out);
        }
        Sent::Completion { id, outcome } => {
            let payload = outcome.clone().map(|value| match value {
                Some(value) => Payload::encode(protocol, &value).unwrap(),
                None => Payload::void(protocol),
            });
            encode::completion(protocol, id, payload.as_ref().map_err(String::as_str), out);
        }
        Sent::Cancel { id } => encode::cancel(protocol, id, out),
        Sent::Ping => encode::ping(protocol, out),
        Sent::Close { error, allow_reconnect } => {
            encode::close(protocol, error.as_deref(), *allow_reconnect, out);
        }
        Sent::Ack(sequence_id) => encode::ack(protocol, *sequence_id, out),
        Sent::Sequence(sequence_id) => encode::sequence(protocol, *sequence_id, out),
    }
}

fn same(sent: &Sent, received: Message) -> bool {
    match (sent, received) {
        (Sent::Invocation { id, target, arguments, streaming }, Message::Invocation(received)) => {
            let values: Vec<Value> =
                (0..received.arguments.len()).map(|at| received.arguments.get(at).unwrap()).collect();
            (id, target, arguments, *streaming)
                == (&received.id, &received.target, &values, received.streaming)
        }
        (Sent::Item { id, item }, Message::StreamItem { id: other, item: payload }) => {
            *id == other && payload.decode::<Value>().unwrap() == *item
        }
        (Sent::Completion { id, outcome }, Message::Completion { id: other, outcome: received }) => {
            let received =
                received.map(|payload| (!payload.is_void()).then(|| payload.decode::<Value>().unwrap()));
            *id == other && *outcome == received
        }
        (Sent::Cancel { id }, Message::CancelInvocation { id: other }) => *id == other,
        (Sent::Ping, Message::Ping) => true,
        (Sent::Ack(number), Message::Ack { sequence_id })
        | (Sent::Sequence(number), Message::Sequence { sequence_id }) => *number == sequence_id,
        (
            Sent::Close { error, allow_reconnect },
            Message::Close { error: other, allow_reconnect: allowed },
        ) => *error == other && *allow_reconnect == allowed,
        _ => false,
    }
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(&PROTOCOLS[..])
}

proptest! {
    #[test]
    fn messages_come_through_however_they_are_cut(
        protocol in protocol(),
        sent in prop::collection::vec(sent(), 1..8),
        sizes in prop::collection::vec(1_usize..400, 0..60),
    ) {
        let mut bytes = Vec::new();
        for message in &sent {
            write(protocol, message, &mut bytes);
        }
        let mut reader = MessageReader::new(protocol, 1 << 20);
        let mut expected = sent.iter();
        let mut rest = &bytes[..];
        let mut sizes = sizes.into_iter();
        while !rest.is_empty() {
            let size = sizes.next().unwrap_or(rest.len()).min(rest.len());
            let mut input = &rest[..size];
            while let Some(message) = reader.next(&mut input).unwrap() {
                prop_assert!(same(expected.next().unwrap(), Message::parse(protocol, message).unwrap()));
            }
            prop_assert!(input.is_empty());
            rest = &rest[size..];
        }
        prop_assert!(reader.is_empty() && expected.next().is_none());
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read_and_never_held_beyond_the_limit(
        protocol in protocol(),
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        sizes in prop::collection::vec(1_usize..300, 0..30),
        max_bytes in 1_usize..500,
    ) {
        let mut reader = MessageReader::new(protocol, max_bytes);
        let mut rest = &bytes[..];
        let mut sizes = sizes.into_iter();
        'all: while !rest.is_empty() {
            let size = sizes.next().unwrap_or(rest.len()).min(rest.len());
            let mut input = &rest[..size];
            loop {
                match reader.next(&mut input) {
                    Ok(Some(message)) => {
                        prop_assert!(message.len() <= max_bytes);
                        let _ = Message::parse(protocol, message);
                    }
                    Ok(None) => break,
                    Err(_) => break 'all,
                }
            }
            prop_assert!(reader.held_bytes() <= max_bytes + size);
            rest = &rest[size..];
        }
    }

    #[test]
    fn arbitrary_bytes_as_a_message_do_no_harm(protocol in protocol(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = HandshakeRequest::parse(&bytes);
        let _ = HandshakeResponse::parse(&bytes);
        let _ = Message::parse(protocol, bytes.into());
    }

    /// Bytes that begin as an invocation get further.
    #[test]
    fn arbitrary_arguments_do_no_harm(
        protocol in protocol(),
        count in 0_u8..15,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let message = match protocol {
            Protocol::Json => [br#"{"type":1,"target":"T","arguments":["#, &bytes[..], b"]}"].concat(),
            Protocol::MessagePack => [b"\x95\x01\x80\xc0\xa1T", &[0x90 | count][..], &bytes].concat(),
        };
        if let Ok(Message::Invocation(invocation)) = Message::parse(protocol, message.into()) {
            for at in 0..=invocation.arguments.len() {
                let _ = invocation.arguments.get::<Value>(at);
                let _ = invocation.arguments.get::<serde_json::Value>(at);
                let _ = invocation.arguments.get::<String>(at);
                let _ = invocation.arguments.get_optional::<Vec<u64>>(at);
            }
        }
    }
}
