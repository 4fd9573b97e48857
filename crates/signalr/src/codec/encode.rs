//! Hub messages, written. Each function appends one whole message, with its length or separator.

use rmp::encode as pack;
use serde::Serialize;

use super::reader::SEPARATOR;
use crate::{EncodeError, Payload, Protocol, value};

const INVOCATION: u8 = 1;
const STREAM_ITEM: u8 = 2;
const COMPLETION: u8 = 3;
const STREAM_INVOCATION: u8 = 4;
const CANCEL: u8 = 5;
const CLOSE: u8 = 7;
const ACK: u8 = 8;
const SEQUENCE: u8 = 9;

/// Types 1 and 4. `arguments` is a tuple or an array. On an error `out` is as it was.
///
/// # Errors
/// An argument has no encoding.
pub fn invocation<A: Serialize + ?Sized>(
    protocol: Protocol,
    id: Option<&str>,
    target: &str,
    arguments: &A,
    streaming: bool,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let kind = if streaming { STREAM_INVOCATION } else { INVOCATION };
    let start = out.len();
    let written = match protocol {
        Protocol::Json => {
            json_start(kind, id, out);
            json_field("target", target, out);
            out.extend_from_slice(b",\"arguments\":");
            let written = value::encode_arguments(protocol, arguments, out);
            json_end(out);
            written
        }
        Protocol::MessagePack => {
            pack_start(6, kind, out);
            match id {
                Some(id) => pack_string(id, out),
                None => out.push(0xc0),
            }
            pack_string(target, out);
            let written = value::encode_arguments(protocol, arguments, out);
            out.push(0x90);
            prefix_length(start, out);
            written
        }
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Type 2. The payload must be of the same protocol.
pub fn stream_item(protocol: Protocol, id: &str, item: &Payload, out: &mut Vec<u8>) {
    debug_assert_eq!(protocol, item.protocol());
    let start = out.len();
    match protocol {
        Protocol::Json => {
            json_start(STREAM_ITEM, Some(id), out);
            out.extend_from_slice(b",\"item\":");
            out.extend_from_slice(item.as_bytes());
            json_end(out);
        }
        Protocol::MessagePack => {
            pack_start(4, STREAM_ITEM, out);
            pack_string(id, out);
            out.extend_from_slice(item.as_bytes());
            prefix_length(start, out);
        }
    }
}

/// Type 3. The payload must be of the same protocol.
pub fn completion(protocol: Protocol, id: &str, outcome: Result<&Payload, &str>, out: &mut Vec<u8>) {
    debug_assert!(outcome.is_err() || outcome.is_ok_and(|payload| payload.protocol() == protocol));
    let start = out.len();
    match protocol {
        Protocol::Json => {
            json_start(COMPLETION, Some(id), out);
            match outcome {
                Ok(payload) if payload.is_void() => (),
                Ok(payload) => {
                    out.extend_from_slice(b",\"result\":");
                    out.extend_from_slice(payload.as_bytes());
                }
                Err(error) => json_field("error", error, out),
            }
            json_end(out);
        }
        Protocol::MessagePack => {
            let void = outcome.is_ok_and(Payload::is_void);
            pack_start(if void { 4 } else { 5 }, COMPLETION, out);
            pack_string(id, out);
            match outcome {
                Ok(_) if void => out.push(2),
                Ok(payload) => {
                    out.push(3);
                    out.extend_from_slice(payload.as_bytes());
                }
                Err(error) => {
                    out.push(1);
                    pack_string(error, out);
                }
            }
            prefix_length(start, out);
        }
    }
}

/// Type 5.
pub fn cancel(protocol: Protocol, id: &str, out: &mut Vec<u8>) {
    let start = out.len();
    match protocol {
        Protocol::Json => {
            json_start(CANCEL, Some(id), out);
            json_end(out);
        }
        Protocol::MessagePack => {
            pack_start(3, CANCEL, out);
            pack_string(id, out);
            prefix_length(start, out);
        }
    }
}

/// Type 6.
pub fn ping(protocol: Protocol, out: &mut Vec<u8>) {
    out.extend_from_slice(match protocol {
        Protocol::Json => b"{\"type\":6}\x1e",
        Protocol::MessagePack => &[2, 0x91, 6],
    });
}

/// Type 7.
pub fn close(protocol: Protocol, error: Option<&str>, allow_reconnect: bool, out: &mut Vec<u8>) {
    let start = out.len();
    match protocol {
        Protocol::Json => {
            json_start(CLOSE, None, out);
            if let Some(error) = error {
                json_field("error", error, out);
            }
            if allow_reconnect {
                out.extend_from_slice(b",\"allowReconnect\":true");
            }
            json_end(out);
        }
        Protocol::MessagePack => {
            out.extend_from_slice(&[0x93, CLOSE]);
            match error {
                Some(error) => pack_string(error, out),
                None => out.push(0xc0),
            }
            out.push(if allow_reconnect { 0xc3 } else { 0xc2 });
            prefix_length(start, out);
        }
    }
}

/// Type 8.
pub fn ack(protocol: Protocol, sequence_id: u64, out: &mut Vec<u8>) {
    numbered(protocol, ACK, sequence_id, out);
}

/// Type 9.
pub fn sequence(protocol: Protocol, sequence_id: u64, out: &mut Vec<u8>) {
    numbered(protocol, SEQUENCE, sequence_id, out);
}

fn numbered(protocol: Protocol, kind: u8, sequence_id: u64, out: &mut Vec<u8>) {
    let start = out.len();
    match protocol {
        Protocol::Json => {
            json_start(kind, None, out);
            out.extend_from_slice(b",\"sequenceId\":");
            out.extend_from_slice(sequence_id.to_string().as_bytes());
            json_end(out);
        }
        Protocol::MessagePack => {
            out.extend_from_slice(&[0x92, kind]);
            pack::write_uint(out, sequence_id).expect("writing to memory does not fail");
            prefix_length(start, out);
        }
    }
}

fn json_start(kind: u8, id: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":");
    out.push(b'0' + kind);
    if let Some(id) = id {
        json_field("invocationId", id, out);
    }
}

fn json_field(name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    serde_json::to_writer(out, text).expect("a string in memory has a JSON form");
}

fn json_end(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'}', SEPARATOR]);
}

/// The array, the type and no headers.
fn pack_start(fields: u8, kind: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x90 | fields, kind, 0x80]);
}

fn pack_string(text: &str, out: &mut Vec<u8>) {
    pack::write_str(out, text).expect("writing to memory does not fail");
}

/// Puts the length before the message that was written from `start` on.
fn prefix_length(start: usize, out: &mut Vec<u8>) {
    let length = out.len() - start;
    let mut prefix = [0; 5];
    let mut rest = length;
    let mut count = 0;
    loop {
        let more = rest > 0x7f;
        prefix[count] = (rest & 0x7f) as u8 | if more { 0x80 } else { 0 };
        rest >>= 7;
        count += 1;
        if !more {
            break;
        }
    }
    out.extend_from_slice(&prefix[..count]);
    out.copy_within(start..start + length, start + count);
    out[start..start + count].copy_from_slice(&prefix[..count]);
}
