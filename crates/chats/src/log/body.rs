//! Bodies as stored: content in MessagePack with field names, sealed ones as they came.

use bytes::Bytes;
use protocol::{Body, ByteString, Content, ConversationKind, Message, MessageKind};

use crate::ChatError;
use crate::store::NewEntry;

/// The stored form of content.
pub(crate) fn encode(content: &Content) -> Result<Bytes, ChatError> {
    match rmp_serde::to_vec_named(content) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(ChatError::Invalid(error.to_string())),
    }
}

/// What a stored body says. One that cannot be read (written by a newer version) says that.
pub(crate) fn decode(conversation: ConversationKind, kind: MessageKind, stored: &[u8]) -> Body {
    // What members write is not empty: the sweeper has been here.
    if stored.is_empty() {
        return Body::Open(Content::Expired);
    }
    if conversation == ConversationKind::Mls && kind != MessageKind::System {
        return Body::Sealed(ByteString(stored.to_vec()));
    }
    match rmp_serde::from_slice(stored) {
        Ok(content) => Body::Open(content),
        Err(error) => {
            tracing::error!(%error, "a stored body cannot be read");
            Body::Open(Content::Unsupported)
        }
    }
}

/// An entry as clients see it.
pub(crate) fn message_of(conversation: ConversationKind, entry: NewEntry) -> Message {
    Message {
        conversation: entry.conversation,
        seq: entry.seq,
        sender: entry.sender,
        device: entry.device,
        sent_at: entry.time,
        kind: entry.kind,
        epoch: entry.epoch,
        body: decode(conversation, entry.kind, &entry.body),
        id: entry.id,
    }
}
