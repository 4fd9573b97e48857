//! Single values to and from their encoded form.

use rmp_serde::Serializer;
use serde::{Serialize, de::DeserializeOwned};

use crate::Protocol;

/// How deeply values may nest; hostile input must not use up the stack. JSON has serde_json's own limit of 128.
const MAX_DEPTH: usize = crate::codec::MAX_DEPTH;

/// The value has no form in this protocol, such as a JSON object with keys that are no strings.
#[derive(Debug, thiserror::Error)]
#[error("cannot encode: {0}")]
pub struct EncodeError(pub(crate) String);

/// The bytes are not what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub(crate) String);

/// Appends the value. MessagePack structs become maps by field name, as Microsoft's clients expect; whoever wants them
/// positional serializes a tuple. On an error what was appended is undefined.
pub(crate) fn encode<T: Serialize + ?Sized>(
    protocol: Protocol,
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    match protocol {
        Protocol::Json => serde_json::to_writer(out, value).map_err(|error| EncodeError(error.to_string())),
        Protocol::MessagePack => value
            .serialize(&mut Serializer::new(out).with_struct_map())
            .map_err(|error| EncodeError(error.to_string())),
    }
}

/// Appends a tuple or an array as the list of positional arguments; `()` is the empty list.
pub(crate) fn encode_arguments<A: Serialize + ?Sized>(
    protocol: Protocol,
    arguments: &A,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    encode(protocol, arguments, out)?;
    match (protocol, out[start]) {
        (Protocol::Json, b'[') | (Protocol::MessagePack, 0x90..=0x9f | 0xdc | 0xdd) => Ok(()),
        (Protocol::Json, b'n') => {
            out.truncate(start);
            out.extend_from_slice(b"[]");
            Ok(())
        }
        (Protocol::MessagePack, 0xc0) => {
            out[start] = 0x90;
            Ok(())
        }
        _ => Err(EncodeError("arguments must be a tuple or an array".to_owned())),
    }
}

pub(crate) fn decode<T: DeserializeOwned>(protocol: Protocol, bytes: &[u8]) -> Result<T, DecodeError> {
    match protocol {
        Protocol::Json => serde_json::from_slice(bytes).map_err(|error| DecodeError(error.to_string())),
        Protocol::MessagePack => {
            let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
            deserializer.set_max_depth(MAX_DEPTH);
            T::deserialize(&mut deserializer).map_err(|error| DecodeError(error.to_string()))
        }
    }
}
