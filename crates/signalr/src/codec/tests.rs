use std::fmt::Write;

use proptest::prelude::*;

use super::{encode, handshake::*, *};
use crate::{Broadcast, DecodeError, EncodeError};

mod properties;

const PROTOCOLS: [Protocol; 2] = [Protocol::Json, Protocol::MessagePack];

/// JSON as it is; MessagePack in hexadecimal.
fn show(protocol: Protocol, bytes: &[u8]) -> String {
    match protocol {
        Protocol::Json => String::from_utf8(bytes.to_vec()).unwrap().replace('\u{1e}', "<1E>"),
        Protocol::MessagePack => bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        }),
    }
}

/// Reads the only message in some bytes.
fn read_one(protocol: Protocol, mut bytes: &[u8]) -> Result<Message, ProtocolError> {
    let mut reader = MessageReader::new(protocol, 1 << 20);
    let message = reader.next(&mut bytes)?.expect("a whole message");
    assert!(bytes.is_empty() && reader.is_empty());
    Message::parse(protocol, message)
}

#[derive(serde::Serialize)]
struct Example {
    name: &'static str,
    value: Option<f64>,
}

type Write_ = Box<dyn Fn(Protocol, &mut Vec<u8>)>;

fn messages() -> Vec<(&'static str, Write_)> {
    fn boxed(write: impl Fn(Protocol, &mut Vec<u8>) + 'static) -> Write_ {
        Box::new(write)
    }
    let payload = |protocol| Payload::encode(protocol, &("x", 7)).unwrap();
    let example = || Example { name: "a \"b\" \u{1e}", value: Some(0.5) };
    vec![
        ("ping", boxed(encode::ping)),
        ("close", boxed(|protocol, out| encode::close(protocol, None, false, out))),
        ("close, error", boxed(|protocol, out| encode::close(protocol, Some("why"), false, out))),
        ("close, reconnect", boxed(|protocol, out| encode::close(protocol, None, true, out))),
        ("ack", boxed(|protocol, out| encode::ack(protocol, 300, out))),
        ("sequence", boxed(|protocol, out| encode::sequence(protocol, 1, out))),
        ("cancel", boxed(|protocol, out| encode::cancel(protocol, "7", out))),
        ("item", boxed(move |protocol, out| encode::stream_item(protocol, "7", &payload(protocol), out))),
        ("void", boxed(|protocol, out| encode::completion(protocol, "7", Ok(&Payload::void(protocol)), out))),
        ("null", boxed(|protocol, out| encode::completion(protocol, "7", Ok(&Payload::null(protocol)), out))),
        (
            "result",
            boxed(move |protocol, out| encode::completion(protocol, "7", Ok(&payload(protocol)), out)),
        ),
        ("error", boxed(|protocol, out| encode::completion(protocol, "7", Err("no \"x\""), out))),
        (
            "event",
            boxed(|protocol, out| {
                out.extend_from_slice(&Broadcast::new("Message", ("hi", 1_u8)).frame(protocol))
            }),
        ),
        (
            "invocation",
            boxed(move |protocol, out| {
                encode::invocation(protocol, Some("0"), "Send", &(example(), [1, -1]), false, out).unwrap();
            }),
        ),
        (
            "no arguments",
            boxed(|protocol, out| encode::invocation(protocol, Some("0"), "List", &(), false, out).unwrap()),
        ),
        (
            "stream invocation",
            boxed(|protocol, out| {
                encode::invocation(protocol, Some("0"), "Count", &(3,), true, out).unwrap()
            }),
        ),
    ]
}

#[test]
fn every_message_on_the_wire() {
    let mut shown = String::new();
    for (name, write) in messages() {
        writeln!(shown, "{name}").unwrap();
        for protocol in PROTOCOLS {
            let mut out = Vec::new();
            write(protocol, &mut out);
            let read = read_one(protocol, &out).unwrap();
            let read = match read {
                // Its bytes are those of the whole message.
                Message::Invocation(Invocation { id, target, arguments, streaming, upload_ids }) => {
                    let arguments: Vec<_> =
                        (0..arguments.len()).map(|at| show(protocol, arguments.raw(at).unwrap())).collect();
                    format!(
                        "Invocation {id:?} {target} {arguments:?} streaming {streaming} uploads {upload_ids:?}"
                    )
                }
                Message::Completion { id, outcome } => {
                    let outcome = outcome.map(|payload| {
                        if payload.is_void() { "void".to_owned() } else { show(protocol, payload.as_bytes()) }
                    });
                    format!("Completion {id} {outcome:?}")
                }
                Message::StreamItem { id, item } => {
                    format!("StreamItem {id} {}", show(protocol, item.as_bytes()))
                }
                other => format!("{other:?}"),
            };
            writeln!(shown, "  {}\n    {read}", show(protocol, &out)).unwrap();
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn handshakes_on_the_wire() {
    let mut out = Vec::new();
    HandshakeRequest { protocol: Protocol::MessagePack, version: 1 }.write(&mut out);
    HandshakeResponse::default().write(&mut out);
    HandshakeResponse { error: Some("no".into()) }.write(&mut out);
    insta::assert_snapshot!(show(Protocol::Json, &out), @r#"{"protocol":"messagepack","version":1}<1E>{}<1E>{"error":"no"}<1E>"#);
    let parse = |text: &str| HandshakeRequest::parse(text.as_bytes()).map_err(|error| error.to_string());
    for version in 0..=2 {
        let text = format!(r#"{{"version":{version},"protocol":"json","extra":[{{}}]}}"#);
        assert_eq!(parse(&text), Ok(HandshakeRequest { protocol: Protocol::Json, version }));
    }
    insta::assert_snapshot!(parse(r#"{"protocol":"blazorpack","version":1}"#).unwrap_err(), @"The protocol 'blazorpack' is not supported.");
    insta::assert_snapshot!(parse(r#"{"protocol":"json","version":3}"#).unwrap_err(), @"The server does not support version 3 of the 'json' protocol.");
    assert!(parse("").is_err() && parse("[]").is_err() && parse(r#"{"type":6}"#).is_err());
}

#[test]
fn what_other_clients_write_is_understood() {
    // Fields in any order, with headers and unknown ones.
    let json = br#"{"arguments":[ 1 , {"a":[]} ],"x":{},"headers":{"a":"b"},"target":"T","invocationId":"9","streamIds":["1"],"type":1}"#;
    let Ok(Message::Invocation(invocation)) = Message::parse(Protocol::Json, Bytes::from_static(json)) else {
        panic!()
    };
    assert_eq!((invocation.id.as_deref(), invocation.target.as_str()), (Some("9"), "T"));
    assert_eq!((invocation.upload_ids, invocation.streaming), (vec!["1".to_owned()], false));
    let arguments = &invocation.arguments;
    assert_eq!(arguments.get::<u8>(0).unwrap(), 1);
    assert_eq!(arguments.raw(1), Some(&br#"{"a":[]}"#[..]));
    let pack = b"\x96\x04\x80\xa19\xa1T\x90\x92\xa1a\xa1b";
    let Ok(Message::Invocation(invocation)) = Message::parse(Protocol::MessagePack, Bytes::from_static(pack))
    else {
        panic!()
    };
    assert_eq!((invocation.upload_ids, invocation.streaming), (vec!["a".to_owned(), "b".to_owned()], true));
    // Five elements, with headers, no id.
    let pack = b"\x95\x01\x81\xa1a\xa1b\xc0\xa1T\x92\x01\xc0";
    let Ok(Message::Invocation(invocation)) = Message::parse(Protocol::MessagePack, Bytes::from_static(pack))
    else {
        panic!()
    };
    assert_eq!((invocation.id, invocation.upload_ids.len(), invocation.arguments.len()), (None, 0, 2));
    assert_eq!(invocation.arguments.get::<u64>(0).unwrap(), 1);
    assert_eq!(invocation.arguments.get_optional::<u64>(1).unwrap(), None);
    assert_eq!(invocation.arguments.get_optional::<u64>(2).unwrap(), None);
    assert!(invocation.arguments.get::<u64>(2).is_err());
    // Types of later versions are passed over.
    assert_eq!(
        Message::parse(Protocol::MessagePack, Bytes::from_static(b"\x92\x0a\x05")),
        Ok(Message::Unknown { kind: 10 })
    );
}

#[test]
fn what_is_wrong_is_refused() {
    let json = [
        "",
        "[]",
        "{}",
        r#"{"type":"1"}"#,
        r#"{"type":1,"target":"x"}"#,
        r#"{"type":1,"arguments":[]}"#,
        r#"{"type":1,"target":"x","arguments":{}}"#,
        r#"{"type":3,"invocationId":"1","result":null,"error":"x"}"#,
        r#"{"type":3}"#,
        r#"{"type":2,"invocationId":"1"}"#,
        r#"{"type":5}"#,
        r#"{"type":6}{}"#,
    ];
    for text in json {
        assert!(Message::parse(Protocol::Json, text.into()).is_err(), "{text}");
    }
    let deep = [b"\x95\x01\x80\xc0\xa1T\x91".to_vec(), vec![0x91; 100], vec![0xc0]].concat();
    let pack: [&[u8]; 14] = [
        b"",
        b"\x06",
        b"\x90",
        b"\x95\x01\x80\xc0\xa1T",
        b"\x94\x01\x80\xc0\xa1T",
        b"\x95\x01\x80\xc0\xa1T\xdd\xff\xff\xff\xff",
        b"\x95\x01\x80\xc0\xa1T\x91\xdf\x7f\xff\xff\xff",
        b"\x95\x01\x80\xc0\xa1T\x91\xc6\xff\xff\xff\xff",
        b"\x95\x01\x80\xc0\xa1\xff\x90",
        b"\x95\x01\x80\xc0\xa1T\x91\xc1",
        b"\x94\x03\x80\xa1x\x03",
        b"\x91\x08",
        b"\x92\x09\xa1x",
        &deep,
    ];
    for bytes in pack {
        assert!(Message::parse(Protocol::MessagePack, Bytes::copy_from_slice(bytes)).is_err(), "{bytes:x?}");
    }
}

#[test]
fn sizes_are_bounded_per_message() {
    let text = |count: usize| "x".repeat(count);
    for protocol in PROTOCOLS {
        let mut fits = Vec::new();
        encode::invocation(protocol, None, "T", &(text(50),), false, &mut fits).unwrap();
        let bare = match protocol {
            Protocol::Json => fits.len() - 1,
            Protocol::MessagePack => fits.len() - 1,
        };
        let mut reader = MessageReader::new(protocol, bare);
        let many = fits.repeat(100);
        let mut input = &many[..];
        for _ in 0..100 {
            assert!(reader.next(&mut input).unwrap().is_some());
        }
        assert_eq!(reader.next(&mut input), Ok(None));
        let mut reader = MessageReader::new(protocol, bare - 1);
        assert_eq!(reader.next(&mut &fits[..]), Err(ProtocolError::TooLarge { max_bytes: bare - 1 }));
    }
    // Without any end, or with an absurd length.
    let mut reader = MessageReader::new(Protocol::Json, 100);
    assert_eq!(reader.next(&mut &[b'x'; 60][..]), Ok(None));
    assert_eq!(reader.next(&mut &[b'x'; 60][..]), Err(ProtocolError::TooLarge { max_bytes: 100 }));
    let mut reader = MessageReader::new(Protocol::MessagePack, 100);
    assert!(reader.next(&mut &[0xff, 0xff, 0xff, 0xff, 0x07][..]).is_err());
    assert!(MessageReader::new(Protocol::MessagePack, 100).next(&mut &[0xff; 5][..]).is_err());
}

#[test]
fn what_was_put_aside_comes_first() {
    for protocol in PROTOCOLS {
        let mut bytes = Vec::new();
        for number in 0..10 {
            encode::cancel(protocol, &number.to_string(), &mut bytes);
        }
        let (aside, rest) = bytes.split_at(bytes.len() / 2 + 1);
        let mut reader = MessageReader::new(protocol, 100);
        reader.put_aside(&mut &aside[..10]);
        reader.put_aside(&mut &aside[10..]);
        let mut input = rest;
        for number in 0..10 {
            let message = reader.next(&mut input).unwrap().unwrap();
            let id = number.to_string();
            assert_eq!(Message::parse(protocol, message), Ok(Message::CancelInvocation { id }));
        }
        assert!(reader.is_empty() && input.is_empty());
    }
}

#[test]
fn arguments_that_cannot_be_encoded_leave_nothing_behind() {
    use std::collections::HashMap;
    for protocol in PROTOCOLS {
        let mut out = b"before".to_vec();
        let error: EncodeError =
            encode::invocation(protocol, None, "T", &"no list", false, &mut out).unwrap_err();
        assert_eq!(error.to_string(), "cannot encode: arguments must be a tuple or an array");
        assert_eq!(out, b"before");
    }
    let keys = HashMap::from([((1, 2), 3)]);
    assert!(Payload::encode(Protocol::Json, &keys).is_err());
    assert!(Broadcast::new("T", (keys,)).frame(Protocol::Json).is_empty());
}

#[test]
fn a_broadcast_is_encoded_once_per_protocol() {
    let broadcast = Broadcast::new("T", ("x",));
    for protocol in PROTOCOLS {
        let (first, second) = (broadcast.frame(protocol), broadcast.clone().frame(protocol));
        assert_eq!(first.as_ptr(), second.as_ptr());
    }
}

#[test]
fn void_and_null_decode_alike() {
    for protocol in PROTOCOLS {
        for payload in [Payload::void(protocol), Payload::null(protocol)] {
            assert!(payload.decode::<Option<u8>>().unwrap().is_none());
            payload.decode::<()>().unwrap();
            let _: DecodeError = payload.decode::<u8>().unwrap_err();
        }
    }
}
