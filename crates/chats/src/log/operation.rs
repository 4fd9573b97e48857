//! What batchers are asked to do.

use bytes::Bytes;
use protocol::{
    Body, ConversationId, DeviceId, LinkCode, MessageId, MessageKind, OutgoingDeviceMessage, Retention, Seq,
    Timestamp, UserId,
};

use crate::service::Visible;
use crate::store::Place;

/// A message to append; its body is within bounds.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) sender: UserId,
    pub(crate) device: DeviceId,
    pub(crate) id: MessageId,
    pub(crate) kind: MessageKind,
    pub(crate) epoch: Option<u64>,
    pub(crate) body: Body,
    pub(crate) stored: Bytes,
    pub(crate) devices: Vec<OutgoingDeviceMessage>,
    pub(crate) origin: Option<u64>,
}

/// A change of a group to record.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) actor: UserId,
    pub(crate) device: DeviceId,
    pub(crate) id: MessageId,
    pub(crate) what: GroupChange,
}

#[derive(Debug, Clone)]
pub(crate) enum GroupChange {
    Add(Vec<UserId>),
    Remove(UserId),
    Leave(Heir),
    Promote(UserId),
    Demote(UserId),
    Info {
        name: Option<String>,
        description: Option<String>,
        picture: Option<String>,
    },
    Delete,
    /// By this link.
    Join(LinkCode),
    Retention(Retention),
}

/// Who becomes an admin when one leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heir {
    /// Nobody: the last admin does not leave while others remain.
    Nobody,
    /// This member.
    Named(UserId),
    /// Where the last admin leaves, whoever has been there longest.
    Eldest,
}

/// What a member says about an earlier entry.
#[derive(Debug, Clone)]
pub(crate) struct Annotation {
    pub(crate) actor: UserId,
    pub(crate) device: DeviceId,
    pub(crate) id: MessageId,
    pub(crate) target: Seq,
    /// What the actor may see of the log.
    pub(crate) visible: Vec<Visible>,
    pub(crate) what: Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    Edit {
        text: String,
        mentions: Vec<UserId>,
    },
    Delete,
    /// With an emoji; without one the reaction is taken back.
    React(Option<String>),
    Pin(bool),
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Append(NewMessage),
    Annotate(Annotation),
    Change(Change),
}

/// Where an operation's entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) seq: Seq,
    pub(crate) time: Timestamp,
}

impl Annotation {
    /// Which entry it is about, if that is in `conversation`.
    pub(crate) fn place(&self, conversation: ConversationId) -> Place {
        (conversation, self.target)
    }
}

pub(crate) type SentKey = (ConversationId, DeviceId, MessageId);

impl Operation {
    /// What it takes of a batch's bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Append(message) => {
                let devices = message.devices.iter().map(|addressed| addressed.body.0.len());
                message.stored.len() + devices.sum::<usize>()
            }
            Self::Annotate(Annotation { what: Note::Edit { text, .. }, .. }) => text.len(),
            Self::Annotate(_) | Self::Change(_) => 0,
        }
    }
}
