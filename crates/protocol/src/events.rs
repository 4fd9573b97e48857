//! What the server tells a connected client without being asked: SignalR invocations with a short target and
//! positional arguments.

use serde::{Deserialize, Serialize};

/// A new entry of a conversation's log: `(conversation, seq, sender, body, sentAt, id, device, kind, epoch)`.
pub const MESSAGE: &str = "msg";
/// Others' receipts for messages of one's own: `(conversation, [[user, delivered, deliveredAt, seen, seenAt], …])`.
/// Coalesced: the latest state, at most a few times a second.
pub const RECEIPTS: &str = "rcpt";
/// Somebody types or stops: `(conversation, user, typing)`.
pub const TYPING: &str = "typ";
/// A conversation was created with one in it, or one was added: `(summary)`.
pub const CONVERSATION: &str = "conv";
/// What one has set for a conversation, on another device: `(conversation, settings)`.
pub const SETTINGS: &str = "set";
/// This user deleted a message for themselves, on another device perhaps: `(conversation, seq)`.
pub const HIDE: &str = "hide";
/// This user starred a message, or took the star away, on another device perhaps: `(conversation, seq, starred)`.
pub const STAR: &str = "star";
/// This user has seen a conversation up to there, on another device: `(conversation, seq)`.
pub const SEEN: &str = "seen";
/// This user changed something of their own on another device: `(list)`, an [`Own`].
pub const OWN: &str = "own";
/// A message to this device alone: `(deviceMessage)`.
pub const DEVICE_MESSAGE: &str = "dev";
/// An invite came, or one was answered or withdrawn: `(invite)`.
pub const INVITE: &str = "inv";
/// Somebody watched came or went: `(user, online, lastSeen)`.
pub const PRESENCE: &str = "pres";
/// Something happened to the user: `(notification)`. New messages come as `msg` alone.
pub const NOTIFICATION: &str = "ntf";
/// The connection fell behind and events were dropped: `()`. Call `Sync`.
pub const RESYNC: &str = "resync";

/// What of one's own an event `own` says has changed: ask for it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Own {
    /// `ListContacts`.
    Contacts,
    /// `ListBlocked`.
    Blocks,
    /// `GetPrivacy`.
    Privacy,
    /// `GetProfile` of oneself.
    Profile,
    /// `ListNotifications`: some were read.
    Notifications,
    /// Something of a later version.
    #[serde(other)]
    Unsupported,
}

/// Every event: target, arguments, meaning. The source of the table in `docs/protocol.md`.
pub const ALL: &[(&str, &str, &str)] = &[
    (
        MESSAGE,
        "conversation, seq, sender, body, sentAt, id, device, kind, epoch",
        "A new entry of a conversation's log. Entries of one conversation arrive in order; after a gap in `seq`, call `Sync`. One of kind `annotation` changes an earlier one, as its body tells.",
    ),
    (
        RECEIPTS,
        "conversation, [[user, delivered, deliveredAt, seen, seenAt], …]",
        "How far others have come with messages of one's own. Coalesced: the latest state, at most a few times a second.",
    ),
    (
        TYPING,
        "conversation, user, typing",
        "A member types, or stopped. Forget it after 6 s without a repeat.",
    ),
    (
        CONVERSATION,
        "summary",
        "A conversation one is now a member of. Later changes of its name or members come as entries of its log: `msg` with a body `info` or `members`.",
    ),
    (
        HIDE,
        "conversation, seq",
        "One deleted a message for oneself on another device. After an absence, `Sync` tells of it as a mark.",
    ),
    (
        STAR,
        "conversation, seq, starred",
        "One starred a message on another device, or took the star away. After an absence, `Sync` tells of it as a mark.",
    ),
    (
        SEEN,
        "conversation, seq",
        "One has seen a conversation up to there, on another device: what is before counts as unread no more. After an absence, the summaries of `Sync` tell.",
    ),
    (
        OWN,
        "what",
        "One changed something of one's own on another device: `contacts`, `blocks`, `privacy`, `profile`, or `notifications` (some were read). Ask for it again if you show it: `ListContacts`, `ListBlocked`, `GetPrivacy`, `GetProfile`, `ListNotifications`. Pass over words that you do not know.",
    ),
    (
        SETTINGS,
        "conversation, settings",
        "What one has set for a conversation (`ConversationSettings`), when another connection of one's own has set it. After an absence, the summaries of `Sync` tell.",
    ),
    (
        DEVICE_MESSAGE,
        "deviceMessage",
        "A message to this device alone, such as an MLS Welcome. Acknowledge it with `AcknowledgeDeviceMessages`.",
    ),
    (
        INVITE,
        "invite",
        "Somebody asks to talk, or an invite from or to oneself was answered or withdrawn. After an absence, call `ListInvites`.",
    ),
    (
        PRESENCE,
        "user, online, lastSeen",
        "Somebody that this connection watches came or went: see `WatchPresence`. Being offline is told after 2 s, so that a reconnect does not flicker. After `resync`, call `WatchPresence` again.",
    ),
    (
        NOTIFICATION,
        "notification",
        "Something happened to the user: an object as `ListNotifications` gives it. New messages come as `msg` alone.",
    ),
    (RESYNC, "", "The connection was too slow and events were dropped: call `Sync`."),
];
