//! Hub messages to and from bytes.

pub(crate) mod encode;
pub(crate) mod handshake;
mod json;
mod message_pack;
mod reader;

use bytes::Bytes;

pub use reader::MessageReader;

use crate::{Arguments, Payload, Protocol};

/// How deeply arrays and maps of a MessagePack message may nest.
pub(crate) const MAX_DEPTH: usize = 64;

/// The peer broke the protocol. The connection cannot go on: where the next message begins may be unknown.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// A message exceeds the limit.
    #[error("The maximum message size of {max_bytes}B was exceeded.")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// A message is not what its protocol allows.
    #[error("Invalid message: {0}")]
    Invalid(String),
    /// The handshake failed.
    #[error("{0}")]
    Handshake(String),
}

pub(crate) fn invalid(reason: impl Into<String>) -> ProtocolError {
    ProtocolError::Invalid(reason.into())
}

/// A call as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// None: no answer is wanted.
    pub id: Option<String>,
    /// The method's name.
    pub target: String,
    /// What it is called with.
    pub arguments: Arguments,
    /// Whether a stream is asked for.
    pub streaming: bool,
    /// The ids of the streams that the caller sends along, as further arguments.
    pub upload_ids: Vec<String>,
}

/// A hub message as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Types 1 and 4.
    Invocation(Invocation),
    /// Type 2: the next item of a stream.
    StreamItem {
        /// The stream's invocation.
        id: String,
        /// The item.
        item: Payload,
    },
    /// Type 3: the end of an invocation or stream.
    Completion {
        /// The invocation.
        id: String,
        /// Its result, possibly void, or the error's text.
        outcome: Result<Payload, String>,
    },
    /// Type 5: the stream is no longer wanted.
    CancelInvocation {
        /// The stream's invocation.
        id: String,
    },
    /// Type 6.
    Ping,
    /// Type 7: the sender is about to end the connection.
    Close {
        /// Why, if it is an error.
        error: Option<String>,
        /// Whether a client that reconnects by itself should.
        allow_reconnect: bool,
    },
    /// Type 8: what was counted of the other side's messages has arrived up to here.
    Ack {
        /// The number of the last one.
        sequence_id: u64,
    },
    /// Type 9: on a new socket of an old connection, the number of the message that follows.
    Sequence {
        /// The number.
        sequence_id: u64,
    },
    /// A type of a later version, to be ignored.
    Unknown {
        /// The type.
        kind: u64,
    },
}

impl Message {
    /// Parses one whole message as [`MessageReader`] yields it: without separator or length.
    ///
    /// # Errors
    /// It is no message of that protocol.
    pub fn parse(protocol: Protocol, message: Bytes) -> Result<Message, ProtocolError> {
        match protocol {
            Protocol::Json => json::parse(message),
            Protocol::MessagePack => message_pack::parse(message),
        }
    }
}

#[cfg(test)]
mod tests;
