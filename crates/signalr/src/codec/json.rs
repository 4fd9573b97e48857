//! JSON hub messages, read.

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Invocation, Message, ProtocolError, invalid};
use crate::{Arguments, Payload, Protocol};

/// Any message: the fields of all of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    r#type: u64,
    invocation_id: Option<String>,
    target: Option<String>,
    #[serde(borrow)]
    arguments: Option<Vec<&'a RawValue>>,
    stream_ids: Option<Vec<String>>,
    #[serde(borrow, default, deserialize_with = "present")]
    item: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    error: Option<String>,
    allow_reconnect: Option<bool>,
    sequence_id: Option<u64>,
}

/// A field that is there is Some, even when it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

pub(super) fn parse(message: Bytes) -> Result<Message, ProtocolError> {
    let fields: Fields<'_> = serde_json::from_slice(&message).map_err(|error| invalid(error.to_string()))?;
    Ok(match fields.r#type {
        kind @ (1 | 4) => {
            let target = fields.target.ok_or_else(|| missing("target"))?;
            let arguments = fields.arguments.ok_or_else(|| missing("arguments"))?;
            let ranges = arguments.iter().map(|argument| range(&message, argument)).collect();
            Message::Invocation(Invocation {
                id: fields.invocation_id.filter(|id| !id.is_empty()),
                target,
                streaming: kind == 4,
                upload_ids: fields.stream_ids.unwrap_or_default(),
                arguments: Arguments::new(Protocol::Json, message.clone(), ranges),
            })
        }
        2 => Message::StreamItem {
            item: payload(&message, fields.item.ok_or_else(|| missing("item"))?),
            id: fields.invocation_id.ok_or_else(|| missing("invocationId"))?,
        },
        3 => Message::Completion {
            outcome: match (fields.result, fields.error) {
                (Some(_), Some(_)) => return Err(invalid("both 'error' and 'result'")),
                (Some(result), None) => Ok(payload(&message, result)),
                (None, Some(error)) => Err(error),
                (None, None) => Ok(Payload::void(Protocol::Json)),
            },
            id: fields.invocation_id.ok_or_else(|| missing("invocationId"))?,
        },
        5 => Message::CancelInvocation { id: fields.invocation_id.ok_or_else(|| missing("invocationId"))? },
        6 => Message::Ping,
        7 => Message::Close {
            error: fields.error,
            allow_reconnect: fields.allow_reconnect.unwrap_or_default(),
        },
        kind @ (8 | 9) => {
            let sequence_id = fields.sequence_id.ok_or_else(|| missing("sequenceId"))?;
            if kind == 8 { Message::Ack { sequence_id } } else { Message::Sequence { sequence_id } }
        }
        kind => Message::Unknown { kind },
    })
}

fn missing(field: &str) -> ProtocolError {
    invalid(format!("Missing required property '{field}'."))
}

fn payload(message: &Bytes, value: &RawValue) -> Payload {
    Payload::from_encoded(Protocol::Json, message.slice_ref(value.get().as_bytes()))
}

/// Where a value borrowed from the message stands in it.
fn range(message: &Bytes, value: &RawValue) -> (u32, u32) {
    let start = value.get().as_ptr() as usize - message.as_ptr() as usize;
    (start as u32, (start + value.get().len()) as u32)
}
