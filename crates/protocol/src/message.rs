//! Messages on their way in and out.

use std::fmt;

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    ByteString, Content, ConversationId, ConversationSummary, DeviceId, Mark, MessageId, Seq, Timestamp,
    UserId,
};

/// What kind of entry of the log a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// Something a member says: a body in a `plain` conversation, an MLS application message in an `mls` one.
    #[default]
    Content,
    /// An MLS proposal (RFC 9420, section 12.1). Only in `mls` conversations.
    Proposal,
    /// An MLS commit (RFC 9420, section 12.4): accepted only if it names the current epoch, which it ends. Only in
    /// `mls` conversations.
    Commit,
    /// Recorded by the server: creation, membership, name.
    System,
    /// About an earlier entry: an edit, a deletion, a reaction, a pin. Does not count as unread, and wakes no phone.
    Annotation,
    /// A kind of a later version. Never sent: the server does not take it.
    #[serde(other)]
    Unsupported,
}

/// A body: an object if the server may read it, bytes if it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Readable.
    Open(Content),
    /// MLS ciphertext or handshake: base64 in JSON, `bin` in MessagePack.
    Sealed(ByteString),
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Open(content) => content.serialize(serializer),
            Self::Sealed(bytes) => bytes.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;
        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a body: an object with a type, or bytes (base64 in JSON)")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Body, A::Error> {
                Content::deserialize(MapAccessDeserializer::new(map)).map(Body::Open)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Body, E> {
                data_encoding::BASE64
                    .decode(text.as_bytes())
                    .map(|bytes| Body::Sealed(ByteString(bytes)))
                    .map_err(|_| E::custom("a sealed body in JSON is base64"))
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Body, E> {
                Ok(Body::Sealed(ByteString(bytes.to_vec())))
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Body, E> {
                Ok(Body::Sealed(ByteString(bytes)))
            }
        }
        deserializer.deserialize_any(BodyVisitor)
    }
}

/// What a client sends: a bare string (a text), or an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingMessage {
    /// The message's id. Without one the server makes one, and a repeat is a new message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// Short for a body `{"type": "text", "text": …}`. Either this or `body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// `content` unless said otherwise.
    #[serde(default)]
    pub kind: MessageKind,
    /// The MLS epoch the body belongs to; required in `mls` conversations and only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Messages to single devices that become visible together with this one: a commit's Welcomes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<OutgoingDeviceMessage>,
}

impl OutgoingMessage {
    /// A text with a chosen id.
    pub fn text(id: MessageId, text: impl Into<String>) -> Self {
        Self {
            id: Some(id),
            text: Some(text.into()),
            body: None,
            kind: MessageKind::Content,
            epoch: None,
            devices: Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for OutgoingMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Object {
            id: Option<MessageId>,
            text: Option<String>,
            body: Option<Body>,
            #[serde(default, deserialize_with = "crate::null::as_default")]
            kind: MessageKind,
            epoch: Option<u64>,
            #[serde(default, deserialize_with = "crate::null::as_default")]
            devices: Vec<OutgoingDeviceMessage>,
        }
        struct MessageVisitor;
        impl<'de> Visitor<'de> for MessageVisitor {
            type Value = OutgoingMessage;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a message: a text, or an object with id and text or body")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OutgoingMessage, E> {
                let text = Some(text.to_owned());
                let (kind, devices) = (MessageKind::Content, Vec::new());
                Ok(OutgoingMessage { id: None, text, body: None, kind, epoch: None, devices })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OutgoingMessage, A::Error> {
                let object = Object::deserialize(MapAccessDeserializer::new(map))?;
                let Object { id, text, body, kind, epoch, devices } = object;
                Ok(OutgoingMessage { id, text, body, kind, epoch, devices })
            }
        }
        deserializer.deserialize_any(MessageVisitor)
    }
}

/// A message to one device, such as an MLS Welcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingDeviceMessage {
    /// Whose device.
    pub user: UserId,
    /// Which device.
    pub device: DeviceId,
    /// What it gets. The server does not look inside.
    pub body: ByteString,
}

/// A message that waits for one device until that device acknowledges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceMessage {
    /// Its place in the device's queue; grows, with gaps.
    pub number: u64,
    /// The conversation it came through.
    pub conversation: ConversationId,
    /// Who sent it.
    pub sender: UserId,
    /// From which device.
    pub sender_device: DeviceId,
    /// When, by the server's clock.
    pub sent_at: Timestamp,
    /// The body.
    pub body: ByteString,
}

/// The answer to a send: the message is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The id it was sent with, or the one the server made.
    pub id: MessageId,
    /// Its place in the conversation.
    pub seq: Seq,
    /// When it was appended, by the server's clock.
    pub sent_at: Timestamp,
}

/// An entry of a conversation's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its place in it.
    pub seq: Seq,
    /// Who sent it, or caused it.
    pub sender: UserId,
    /// From which device.
    pub device: DeviceId,
    /// The sender's id for it.
    pub id: MessageId,
    /// When it was appended, by the server's clock; never decreases within a conversation.
    pub sent_at: Timestamp,
    /// What kind of entry.
    pub kind: MessageKind,
    /// The MLS epoch, in `mls` conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The body; of a message that was edited, as it is now.
    pub body: Body,
    /// When it was last edited. Only in `plain` conversations, like the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Who reacted to it, one each.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::null::as_default")]
    pub reactions: Vec<Reaction>,
}

/// A member's reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Who.
    pub user: UserId,
    /// With which emoji.
    pub emoji: String,
}

/// What a client tells when it asks to be brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncRequest {
    /// The last place the client holds of each conversation it knows, without a gap below. A conversation not named
    /// starts where the server last heard this device acknowledge.
    #[serde(deserialize_with = "crate::null::as_default")]
    pub after: Vec<(ConversationId, Seq)>,
    /// The last device message the client holds; those up to it are dropped by the server.
    pub after_device_message: Option<u64>,
    /// The `mark` of the last page the client has dealt with: later marks are told. 0 if it holds messages and no such
    /// number yet; absent if it holds no messages, or does not care.
    pub after_mark: Option<u64>,
    /// At most so many messages, 1 or more; the server's page bound if absent or larger.
    pub limit: Option<u32>,
    /// Whether to leave out the list of conversations: for the later pages of a run, whose first has brought it.
    #[serde(deserialize_with = "crate::null::as_default")]
    pub without_conversations: bool,
}

/// One page of what a client has missed. Ask again until `more` is false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncPage {
    /// Every conversation of the user, the direct ones with both members, groups with none; nothing if asked so. Of very many
    /// those with the latest entries: `LoadConversations` has the others.
    pub conversations: Vec<ConversationSummary>,
    /// Messages, in order within each conversation.
    pub messages: Vec<Message>,
    /// Messages to this device alone.
    pub device_messages: Vec<DeviceMessage>,
    /// What one did with messages for oneself alone, in order, since the mark that was asked for. It may name messages
    /// that the client does not hold, and be told twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::null::as_default")]
    pub marks: Vec<Mark>,
    /// What to ask for as `after_mark` from now on.
    pub mark: u64,
    /// Whether there is more than this page.
    pub more: bool,
}

/// Where to read a conversation's past.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HistoryRequest {
    /// Only entries before this place; from the newest if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Only entries appended before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_time: Option<Timestamp>,
    /// At most so many, 1 or more; the server's page bound if absent or larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there is more in that direction.
    pub more: bool,
}
