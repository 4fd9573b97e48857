//! What REST alone says: a command's arguments by name, and answers that on the hub are a bare value.

use protocol::objects::{Field, Object};
use protocol::{
    ConversationId, ConversationKind, InviteDirection, LinkCode, MessageId, OutgoingMessage, ReportId,
    Retention, Seq, ServerRole, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use super::parameters::Peer;

macro_rules! objects {
    ($(#[doc = $all:literal])* $constant:ident: $($(#[doc = $about:literal])* $derive:ident $name:ident {
        $($(#[doc = $field_about:literal])* $field:ident: $type:ty,)*
    })*) => {
        $(
            $(#[doc = $about])*
            #[derive($derive)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            pub(crate) struct $name {
                $($(#[doc = $field_about])* pub(crate) $field: $type,)*
            }
        )*

        $(#[doc = $all])*
        pub const $constant: &[Object] = &[$(Object {
            name: stringify!($name),
            about: concat!($($about),*).trim_ascii(),
            base: None,
            fields: &[$(Field {
                name: stringify!($field),
                of: stringify!($type),
                about: concat!($($field_about),*).trim_ascii(),
            },)*],
        },)*];
    };
}

objects! {
    /// The objects of REST alone, in the order of the documents.
    REST_OBJECTS:

    /// A message, and where it goes.
    Deserialize SendRequest {
        /// The conversation. With a user's id it is the direct conversation with that user, created if need be.
        to: Peer,
        /// The message: a text, or an object. Repeat it with the same `id` until it is answered.
        message: OutgoingMessage,
    }
    /// With whom to talk.
    Deserialize DirectRequest {
        /// The other user.
        user: UserId,
        /// `plain` unless said otherwise.
        kind: Option<ConversationKind>,
    }
    /// Whether a conversation is put away.
    Deserialize ArchivedState {
        /// Whether it is.
        archived: bool,
    }
    /// For how long a conversation gives no notice.
    Deserialize MutedState {
        /// Until when; past or absent to hear of it again.
        until: Option<Timestamp>,
    }
    /// How long bodies are to be kept.
    Deserialize RetentionChange {
        /// For so long.
        retention: Retention,
    }
    /// By which link to join.
    Deserialize JoinRequest {
        /// The link's code.
        code: LinkCode,
    }
    /// A conversation's id.
    Serialize ConversationRef {
        /// The conversation.
        id: ConversationId,
    }
    /// A place in a conversation.
    Deserialize UpTo {
        /// The place, and everything before it.
        seq: Seq,
    }
    /// Whether somebody types.
    Deserialize TypingState {
        /// Whether they do.
        typing: bool,
    }
    /// How much to read.
    Deserialize PageRequest {
        /// At most so many messages; the server's page bound if absent or larger.
        limit: Option<u32>,
    }
    /// Messages to one's device that are dealt with.
    Deserialize DeviceMessagesUpTo {
        /// The number of the last one.
        number: u64,
    }
    /// What makes a repeat the same request.
    Deserialize RepeatId {
        /// The request's own id, as a message has one.
        id: Option<MessageId>,
    }
    /// How one reacts.
    Deserialize ReactionChoice {
        /// An emoji of at most 64 bytes; absent to take the reaction back.
        emoji: Option<String>,
    }
    /// Whether a message is pinned.
    Deserialize PinState {
        /// Whether it is.
        pinned: bool,
    }
    /// Whether a message is starred.
    Deserialize StarState {
        /// Whether it is.
        starred: bool,
    }
    /// Where a message is forwarded to.
    Deserialize ForwardRequest {
        /// The conversation. With a user's id it is the direct conversation with that user, created if need be.
        to: Peer,
        /// The new message's id: repeated with it, it is the same message.
        id: Option<MessageId>,
    }
    /// What to search for, and where.
    Deserialize Question {
        /// The words.
        text: String,
        /// Only in this conversation; in all of one's own if absent.
        conversation: Option<ConversationId>,
        /// Where the last page ended: its `next`.
        before: Option<String>,
        /// At most so many; 50 if absent, at most 200.
        limit: Option<u32>,
    }
    /// A user.
    Deserialize OneUser {
        /// Who.
        user: UserId,
    }
    /// How to leave a group.
    Deserialize LeaveRequest {
        /// Who becomes an admin just before.
        successor: Option<UserId>,
    }
    /// Users.
    Deserialize SeveralUsers {
        /// Who.
        users: Vec<UserId>,
    }
    /// Which users.
    Deserialize UsersRequest {
        /// Their ids, separated by commas; at most 500.
        ids: String,
    }
    /// Whom to find.
    Deserialize FindRequest {
        /// A username, with or without a leading `@`, an email address, or a phone number in E.164 form (in a URL, `+` is
        /// written `%2B`).
        text: String,
    }
    /// What somebody is to be.
    Deserialize RoleRequest {
        /// The role.
        role: ServerRole,
    }
    /// Whom to search.
    Deserialize SearchRequest {
        /// The beginnings of a username or of words of a name; a whole email address, or a phone number in E.164 form (in a
        /// URL, `+` is written `%2B`).
        q: String,
        /// `next` of the page before; the first page if absent.
        after: Option<String>,
        /// At most so many; the server's page bound if absent or larger.
        limit: Option<u32>,
    }
    /// Whom to ask to talk.
    Deserialize InviteRequest {
        /// The user.
        user: UserId,
        /// What to tell them; at most 300 characters.
        message: Option<String>,
    }
    /// An answer to an invite.
    Deserialize InviteAnswer {
        /// Whether to talk.
        accept: bool,
    }
    /// Which invites.
    Deserialize InvitesRequest {
        /// `received` unless said otherwise.
        direction: Option<InviteDirection>,
    }
    /// What a moderator says of a report.
    Deserialize ReportNote {
        /// A note for other moderators; at most 1,000 characters.
        note: Option<String>,
    }
    /// A report's id.
    Serialize ReportRef {
        /// The report.
        id: ReportId,
    }
    /// The entry of a group's log that records a change, or its last one if nothing changed.
    Serialize Recorded {
        /// Its place.
        seq: Seq,
    }
}

/// What every refusal says, as problem details (RFC 9457). [`CommandError`](crate::CommandError) writes it.
pub(super) const PROBLEM: Object = Object {
    name: "Problem",
    about: "A refusal, as problem details (RFC 9457). Decide by `code`.",
    base: None,
    fields: &[
        Field { name: "type", of: "String", about: "Where the code is explained." },
        Field { name: "title", of: "String", about: "What the code means." },
        Field { name: "status", of: "u32", about: "The HTTP status." },
        Field { name: "detail", of: "String", about: "A sentence for people." },
        Field { name: "code", of: "ErrorCode", about: "The stable code." },
        Field { name: "message", of: "String", about: "The same sentence as `detail`." },
        Field {
            name: "retryAfter",
            of: "Option<u32>",
            about: "How long to wait, in seconds, where it is known.",
        },
    ],
};
