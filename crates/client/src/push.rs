//! The hub's events, decoded.

use protocol::events::Own;
use protocol::{
    Body, ConversationId, ConversationSettings, ConversationSummary, DeviceId, DeviceMessage, Invite,
    Message, MessageId, MessageKind, Presence, Receipt, Seq, Timestamp, UserId, events,
};
use signalr::{ArgumentError, Arguments};

/// How far somebody has come with one's own messages.
pub type ReceiptUpdate = (UserId, Receipt);

/// Something the server tells without being asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Push {
    /// A new entry of a log.
    Message(Message),
    /// Others' receipts.
    Receipts(ConversationId, Vec<ReceiptUpdate>),
    /// Somebody types, or stops.
    Typing(ConversationId, UserId, bool),
    /// A conversation is new, or changed.
    Conversation(Box<ConversationSummary>),
    /// An invite came, was answered, or was withdrawn.
    Invite(Box<Invite>),
    /// Somebody watched came or went.
    Presence(Presence),
    /// Another device of this user deleted an entry for the user alone.
    Hidden(ConversationId, Seq),
    /// Another device of this user starred a message, or took the star away.
    Starred(ConversationId, Seq, bool),
    /// What one has set for a conversation, on another device.
    Settings(ConversationId, ConversationSettings),
    /// One has seen a conversation up to there, on another device.
    Seen(ConversationId, Seq),
    /// One changed something of one's own, on another device.
    Own(Own),
    /// A message to this device alone.
    Device(DeviceMessage),
    /// Events were dropped.
    Resync,
}

impl Push {
    /// Decodes an event; `None` is one this version does not know.
    ///
    /// # Errors
    /// The arguments are not those of that event.
    pub fn decode(target: &str, arguments: &Arguments) -> Result<Option<Self>, ArgumentError> {
        Ok(Some(match target {
            events::MESSAGE => Self::Message(message(arguments)?),
            events::RECEIPTS => {
                let list: Vec<(UserId, Seq, Timestamp, Seq, Timestamp)> = arguments.get(1)?;
                let receipt = |(user, delivered, delivered_at, seen, seen_at)| {
                    (user, Receipt { delivered, delivered_at, seen, seen_at })
                };
                Self::Receipts(arguments.get(0)?, list.into_iter().map(receipt).collect())
            }
            events::TYPING => Self::Typing(arguments.get(0)?, arguments.get(1)?, arguments.get(2)?),
            events::CONVERSATION => Self::Conversation(arguments.get(0)?),
            events::HIDE => Self::Hidden(arguments.get(0)?, arguments.get(1)?),
            events::STAR => Self::Starred(arguments.get(0)?, arguments.get(1)?, arguments.get(2)?),
            events::SETTINGS => Self::Settings(arguments.get(0)?, arguments.get(1)?),
            events::SEEN => Self::Seen(arguments.get(0)?, arguments.get(1)?),
            events::OWN => Self::Own(arguments.get(0)?),
            events::DEVICE_MESSAGE => Self::Device(arguments.get(0)?),
            events::INVITE => Self::Invite(arguments.get(0)?),
            events::PRESENCE => Self::Presence(Presence {
                user: arguments.get(0)?,
                online: arguments.get(1)?,
                last_seen: arguments.get_optional(2)?,
            }),
            events::RESYNC => Self::Resync,
            _ => return Ok(None),
        }))
    }
}

fn message(arguments: &Arguments) -> Result<Message, ArgumentError> {
    Ok(Message {
        conversation: arguments.get::<ConversationId>(0)?,
        seq: arguments.get(1)?,
        sender: arguments.get(2)?,
        body: arguments.get::<Body>(3)?,
        sent_at: arguments.get(4)?,
        id: arguments.get::<MessageId>(5)?,
        device: arguments.get::<DeviceId>(6)?,
        kind: arguments.get_optional::<MessageKind>(7)?.unwrap_or_default(),
        epoch: arguments.get_optional::<u64>(8)?,
        // It has just been said.
        edited_at: None,
        reactions: Vec::new(),
    })
}
