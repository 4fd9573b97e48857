//! The two encodings of hub messages.

/// How hub messages are encoded on a connection. Fixed by the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// JSON objects, each ended by 0x1E. WebSocket text frames.
    Json,
    /// MessagePack arrays, each with a length before it. WebSocket binary frames.
    MessagePack,
}

impl Protocol {
    /// The name in the handshake.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Json => "json",
            Protocol::MessagePack => "messagepack",
        }
    }

    /// The protocol of that name in the handshake.
    pub fn from_name(name: &str) -> Option<Protocol> {
        match name {
            "json" => Some(Protocol::Json),
            "messagepack" => Some(Protocol::MessagePack),
            _ => None,
        }
    }
}
