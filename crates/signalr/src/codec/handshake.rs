//! The first message each way, in JSON whatever the protocol.

use serde::{Deserialize, Serialize};

use super::{ProtocolError, reader::SEPARATOR};
use crate::Protocol;

/// What a handshake may take, in bytes.
pub(crate) const MAX_HANDSHAKE_BYTES: usize = 4096;

/// The hub protocol version that has stateful reconnect.
pub(crate) const STATEFUL_VERSION: u32 = 2;

/// The highest hub protocol version; 2 adds stateful reconnect, where negotiation granted it.
const MAX_VERSION: u32 = STATEFUL_VERSION;

/// What the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeRequest {
    /// The encoding of everything that follows.
    pub protocol: Protocol,
    /// The hub protocol version: 0, 1 or 2.
    pub version: u32,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HandshakeResponse {
    /// None: go ahead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RequestFields<'a> {
    #[serde(borrow)]
    protocol: std::borrow::Cow<'a, str>,
    version: u32,
}

impl HandshakeRequest {
    /// Parses the first message, without its separator. The error is what to answer.
    ///
    /// # Errors
    /// It is no handshake, or asks for what is not there.
    pub fn parse(message: &[u8]) -> Result<HandshakeRequest, ProtocolError> {
        let fields: RequestFields<'_> = serde_json::from_slice(message)
            .map_err(|error| ProtocolError::Handshake(format!("Invalid handshake: {error}")))?;
        let protocol = Protocol::from_name(&fields.protocol).ok_or_else(|| {
            ProtocolError::Handshake(format!("The protocol '{}' is not supported.", fields.protocol))
        })?;
        if fields.version > MAX_VERSION {
            return Err(ProtocolError::Handshake(format!(
                "The server does not support version {} of the '{}' protocol.",
                fields.version, fields.protocol
            )));
        }
        Ok(HandshakeRequest { protocol, version: fields.version })
    }

    /// Appends the message.
    pub fn write(&self, out: &mut Vec<u8>) {
        let fields = RequestFields { protocol: self.protocol.name().into(), version: self.version };
        serde_json::to_writer(&mut *out, &fields).expect("strings and numbers have a JSON form");
        out.push(SEPARATOR);
    }
}

impl HandshakeResponse {
    /// Parses the first message, without its separator.
    ///
    /// # Errors
    /// It is no answer to a handshake.
    pub fn parse(message: &[u8]) -> Result<HandshakeResponse, ProtocolError> {
        serde_json::from_slice(message)
            .map_err(|error| ProtocolError::Handshake(format!("Invalid handshake response: {error}")))
    }

    /// Appends the message.
    pub fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("a string has a JSON form");
        out.push(SEPARATOR);
    }
}
