//! Bodies as stored: content in MessagePack with field names, sealed ones as they came.

use bytes::Bytes;
use protocol::{Body, ByteString, Content, ConversationKind, Message, MessageKind, Reaction, UserId};

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

/// The stored form of reactions; none if there are none.
pub(crate) fn encode_reactions(reactions: &[Reaction]) -> Result<Option<Bytes>, ChatError> {
    if reactions.is_empty() {
        return Ok(None);
    }
    let pairs: Vec<_> = reactions.iter().map(|it| (it.user.as_bytes(), it.emoji.as_str())).collect();
    match rmp_serde::to_vec(&pairs) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) => Err(ChatError::Invalid(error.to_string())),
    }
}

/// The reactions that were stored.
pub(crate) fn decode_reactions(stored: Option<&Bytes>) -> Vec<Reaction> {
    let Some(stored) = stored else { return Vec::new() };
    match rmp_serde::from_slice::<Vec<([u8; 16], String)>>(stored) {
        Ok(pairs) => pairs
            .into_iter()
            .map(|(user, emoji)| Reaction { user: UserId::from_bytes(user), emoji })
            .collect(),
        Err(error) => {
            tracing::error!(%error, "stored reactions cannot be read");
            Vec::new()
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
        edited_at: entry.edited_at,
        reactions: decode_reactions(entry.reactions.as_ref()),
        id: entry.id,
    }
}
