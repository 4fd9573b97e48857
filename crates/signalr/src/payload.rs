//! Results and stream items.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{DecodeError, EncodeError, Protocol, value};

/// An already encoded value (a result or a stream item) for one protocol, or the absence of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    protocol: Protocol,
    /// Empty: void.
    bytes: Bytes,
}

impl Payload {
    /// Encodes a value. MessagePack structs become maps by field name.
    ///
    /// # Errors
    /// It has no form in that protocol, or nests too deeply.
    pub fn encode<T: Serialize + ?Sized>(protocol: Protocol, value: &T) -> Result<Payload, EncodeError> {
        let mut bytes = Vec::new();
        value::encode(protocol, value, &mut bytes)?;
        Ok(Payload { protocol, bytes: bytes.into() })
    }

    /// The null value.
    pub fn null(protocol: Protocol) -> Payload {
        let bytes: &[u8] = match protocol {
            Protocol::Json => b"null",
            Protocol::MessagePack => &[0xc0],
        };
        Payload { protocol, bytes: Bytes::from_static(bytes) }
    }

    /// No result at all: what a method that returns nothing answers. As a stream item it is null.
    pub fn void(protocol: Protocol) -> Payload {
        Payload { protocol, bytes: Bytes::new() }
    }

    pub(crate) fn from_encoded(protocol: Protocol, bytes: Bytes) -> Payload {
        Payload { protocol, bytes }
    }

    /// The protocol it is encoded for.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether there is no result, not even null.
    pub fn is_void(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The encoded value; of a void payload null.
    pub fn as_bytes(&self) -> &[u8] {
        match (self.bytes.as_ref(), self.protocol) {
            ([], Protocol::Json) => b"null",
            ([], Protocol::MessagePack) => &[0xc0],
            (bytes, _) => bytes,
        }
    }

    /// Decodes the value; void decodes as null does.
    ///
    /// # Errors
    /// It is none of that type, or nests too deeply.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        value::decode(self.protocol, self.as_bytes())
    }
}
