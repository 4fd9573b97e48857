//! MessagePack hub messages, read. Arguments, items and results are cut out, not decoded.

use std::ops::Range;

use bytes::Bytes;
use rmp::Marker;

use super::{Invocation, MAX_DEPTH, Message, ProtocolError, invalid};
use crate::{Arguments, Payload, Protocol};

pub(super) fn parse(message: Bytes) -> Result<Message, ProtocolError> {
    let mut cursor = Cursor { bytes: &message, at: 0 };
    let fields = cursor.array()?;
    let kind = cursor.unsigned()?;
    let need = match kind {
        1 | 4 => 5,
        2 | 3 => 4,
        5 => 3,
        7..=9 => 2,
        _ => 1,
    };
    if fields < need {
        return Err(invalid(format!("type {kind} has only {fields} elements")));
    }
    Ok(match kind {
        1 | 4 => {
            cursor.skip()?;
            let id = cursor.optional_string()?.filter(|id| !id.is_empty()).map(str::to_owned);
            let target = cursor.string()?.to_owned();
            let count = cursor.array()?;
            let mut ranges = Vec::with_capacity(count.min(16));
            for _ in 0..count {
                let range = cursor.value()?;
                ranges.push((range.start as u32, range.end as u32));
            }
            let mut upload_ids = Vec::new();
            if fields > 5 && !cursor.is_nil() {
                for _ in 0..cursor.array()? {
                    upload_ids.push(cursor.string()?.to_owned());
                }
            }
            Message::Invocation(Invocation {
                id,
                target,
                streaming: kind == 4,
                upload_ids,
                arguments: Arguments::new(Protocol::MessagePack, message.clone(), ranges),
            })
        }
        2 => {
            cursor.skip()?;
            let id = cursor.string()?.to_owned();
            Message::StreamItem { id, item: payload(&message, cursor.value()?) }
        }
        3 => {
            cursor.skip()?;
            let id = cursor.string()?.to_owned();
            let outcome = match cursor.unsigned()? {
                2 => Ok(Payload::void(Protocol::MessagePack)),
                kind @ (1 | 3) if fields < 5 => {
                    return Err(invalid(format!("completion of kind {kind} has only {fields} elements")));
                }
                1 => Err(cursor.string()?.to_owned()),
                3 => Ok(payload(&message, cursor.value()?)),
                kind => return Err(invalid(format!("completion of kind {kind}"))),
            };
            Message::Completion { id, outcome }
        }
        5 => {
            cursor.skip()?;
            Message::CancelInvocation { id: cursor.string()?.to_owned() }
        }
        6 => Message::Ping,
        7 => {
            let error = cursor.optional_string()?.map(str::to_owned);
            Message::Close { error, allow_reconnect: fields > 2 && cursor.boolean()? }
        }
        8 => Message::Ack { sequence_id: cursor.unsigned()? },
        9 => Message::Sequence { sequence_id: cursor.unsigned()? },
        kind => Message::Unknown { kind },
    })
}

fn payload(message: &Bytes, range: Range<usize>) -> Payload {
    Payload::from_encoded(Protocol::MessagePack, message.slice(range))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What follows a marker.
enum Body {
    /// So many bytes.
    Bytes(usize),
    /// So many values.
    Values(usize),
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ProtocolError> {
        let rest = &self.bytes[self.at..];
        if rest.len() < count {
            return Err(invalid("a value exceeds the message"));
        }
        self.at += count;
        Ok(&rest[..count])
    }

    fn marker(&mut self) -> Result<Marker, ProtocolError> {
        Ok(Marker::from_u8(self.take(1)?[0]))
    }

    /// A big-endian number of `count` bytes.
    fn number(&mut self, count: usize) -> Result<u64, ProtocolError> {
        Ok(self.take(count)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, count: usize) -> Result<usize, ProtocolError> {
        usize::try_from(self.number(count)?).map_err(|_| invalid("a length exceeds the message"))
    }

    fn is_nil(&self) -> bool {
        self.bytes.get(self.at) == Some(&0xc0)
    }

    /// The length of an array, never more than there are bytes left.
    fn array(&mut self) -> Result<usize, ProtocolError> {
        let length = match self.marker()? {
            Marker::FixArray(length) => usize::from(length),
            Marker::Array16 => self.length(2)?,
            Marker::Array32 => self.length(4)?,
            marker => return Err(invalid(format!("expected an array, got {marker:?}"))),
        };
        self.check_values(length)?;
        Ok(length)
    }

    /// Each value takes a byte at least.
    fn check_values(&self, count: usize) -> Result<(), ProtocolError> {
        if count > self.bytes.len() - self.at {
            return Err(invalid("an array or map exceeds the message"));
        }
        Ok(())
    }

    fn unsigned(&mut self) -> Result<u64, ProtocolError> {
        match self.marker()? {
            Marker::FixPos(number) => Ok(u64::from(number)),
            Marker::U8 | Marker::I8 => self.number(1),
            Marker::U16 | Marker::I16 => self.number(2),
            Marker::U32 | Marker::I32 => self.number(4),
            Marker::U64 | Marker::I64 => self.number(8),
            marker => Err(invalid(format!("expected a number, got {marker:?}"))),
        }
    }

    fn boolean(&mut self) -> Result<bool, ProtocolError> {
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False | Marker::Null => Ok(false),
            marker => Err(invalid(format!("expected a boolean, got {marker:?}"))),
        }
    }

    fn optional_string(&mut self) -> Result<Option<&'a str>, ProtocolError> {
        if self.is_nil() {
            self.at += 1;
            return Ok(None);
        }
        self.string().map(Some)
    }

    fn string(&mut self) -> Result<&'a str, ProtocolError> {
        let length = match self.marker()? {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 => self.length(1)?,
            Marker::Str16 => self.length(2)?,
            Marker::Str32 => self.length(4)?,
            marker => return Err(invalid(format!("expected a string, got {marker:?}"))),
        };
        str::from_utf8(self.take(length)?).map_err(|_| invalid("a string is not UTF-8"))
    }

    /// Skips a value and tells where it stood.
    fn value(&mut self) -> Result<Range<usize>, ProtocolError> {
        let start = self.at;
        self.skip()?;
        Ok(start..self.at)
    }

    /// Skips a value with all that is in it, without recursion.
    fn skip(&mut self) -> Result<(), ProtocolError> {
        // How many values are still to come in each array or map that is open.
        let mut open = [0_usize; MAX_DEPTH];
        let mut depth = 0;
        loop {
            match self.body()? {
                Body::Bytes(count) => {
                    self.take(count)?;
                }
                Body::Values(0) => (),
                Body::Values(count) => {
                    self.check_values(count)?;
                    *open.get_mut(depth).ok_or_else(|| invalid("values nest too deeply"))? = count;
                    depth += 1;
                    continue;
                }
            }
            while depth > 0 {
                open[depth - 1] -= 1;
                if open[depth - 1] > 0 {
                    break;
                }
                depth -= 1;
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn body(&mut self) -> Result<Body, ProtocolError> {
        Ok(match self.marker()? {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
                Body::Bytes(0)
            }
            Marker::U8 | Marker::I8 => Body::Bytes(1),
            Marker::U16 | Marker::I16 => Body::Bytes(2),
            Marker::U32 | Marker::I32 | Marker::F32 => Body::Bytes(4),
            Marker::U64 | Marker::I64 | Marker::F64 => Body::Bytes(8),
            Marker::FixStr(length) => Body::Bytes(usize::from(length)),
            Marker::Str8 | Marker::Bin8 => Body::Bytes(self.length(1)?),
            Marker::Str16 | Marker::Bin16 => Body::Bytes(self.length(2)?),
            Marker::Str32 | Marker::Bin32 => Body::Bytes(self.length(4)?),
            Marker::FixExt1 => Body::Bytes(2),
            Marker::FixExt2 => Body::Bytes(3),
            Marker::FixExt4 => Body::Bytes(5),
            Marker::FixExt8 => Body::Bytes(9),
            Marker::FixExt16 => Body::Bytes(17),
            Marker::Ext8 => Body::Bytes(self.length(1)?.saturating_add(1)),
            Marker::Ext16 => Body::Bytes(self.length(2)?.saturating_add(1)),
            Marker::Ext32 => Body::Bytes(self.length(4)?.saturating_add(1)),
            Marker::FixArray(length) => Body::Values(usize::from(length)),
            Marker::Array16 => Body::Values(self.length(2)?),
            Marker::Array32 => Body::Values(self.length(4)?),
            Marker::FixMap(length) => Body::Values(usize::from(length) * 2),
            Marker::Map16 => Body::Values(self.length(2)?.saturating_mul(2)),
            Marker::Map32 => Body::Values(self.length(4)?.saturating_mul(2)),
            Marker::Reserved => return Err(invalid("the reserved marker 0xc1")),
        })
    }
}
