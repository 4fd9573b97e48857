//! Conversations, groups and messages.

use crate::objects::objects;
use crate::{
    Body, ByteString, ConversationId, ConversationKind, ConversationSummary, DeviceId, DeviceMessage,
    LinkCode, Mark, MarkKind, MemberInfo, MemberReceipt, Message, MessageId, MessageKind, MessageStatus,
    OutgoingDeviceMessage, Reaction, Retention, Role, Seq, Timestamp, UserId,
};

objects! { pub(super) CHATS:
    /// Conversations, groups and messages.

    /// A conversation as one of its members sees it.
    ConversationSummary {
        /// The conversation.
        id: ConversationId,
        /// Whether the server can read it; for good.
        kind: ConversationKind,
        /// The name to show: the group's, or the other user's.
        name: String,
        /// The group's description; absent if empty.
        description: Option<String>,
        /// The picture's reference.
        picture: Option<String>,
        /// Who created it.
        createdBy: UserId,
        /// When.
        createdAt: Timestamp,
        /// Who last changed its name, description, picture or membership.
        updatedBy: UserId,
        /// When.
        updatedAt: Timestamp,
        /// How many members it has.
        memberCount: u32,
        /// Its members: all of them from `GetConversation` and `GetGroup`, the first few in lists, none in `Sync`.
        members: Vec<MemberInfo>,
        /// One's own role; null once one is no member any more.
        role: Option<Role>,
        /// The current MLS epoch, in `mls` conversations.
        epoch: Option<u64>,
        /// The first entry one may see.
        firstSeq: Seq,
        /// The last entry one may see.
        lastSeq: Seq,
        /// Up to where one's devices have acknowledged.
        delivered: Seq,
        /// Up to where one has seen it.
        seen: Seq,
        /// Messages of others after that; counting stops at 1,000.
        unread: u32,
        /// The last entry that is no annotation.
        lastMessage: Option<Message>,
        /// How far the last message has come, if it is one's own.
        status: Option<MessageStatus>,
        /// Whether one has put it away; absent if not. New messages leave it there.
        archived: Option<bool>,
        /// Until when one wants no notices of it; absent if that is past.
        mutedUntil: Option<Timestamp>,
        /// How long bodies are kept: what is set for it, else the server's; absent if that is forever.
        retention: Option<Retention>,
    }
    /// What a member has set for a conversation, on all their devices.
    ConversationSettings {
        /// Whether it is put away.
        archived: bool,
        /// Until when it gives no notice; absent if that is past.
        mutedUntil: Option<Timestamp>,
    }
    /// Which conversations to list.
    ConversationFilter {
        /// Only those put away, or only the others; all if absent.
        archived: Option<bool>,
        /// Only those that follow this one in the list: the last of the page before. From the first if absent.
        after: Option<ConversationId>,
        /// At most so many, 1 or more; the server's page bound if absent or larger. It is 100 at the least: a page with
        /// fewer, asked for without a limit, is the last.
        limit: Option<u32>,
    }
    /// A member as others see them.
    MemberInfo {
        /// Who.
        user: UserId,
        /// The name to show.
        name: String,
        /// What they may do.
        role: Role,
        /// When they joined.
        joinedAt: Timestamp,
    }
    /// A group with everyone in it.
    GroupInfo: ConversationSummary {
        /// Counts the changes of its membership.
        membershipVersion: u64,
    }
    /// One stay of one user in a conversation.
    MembershipRecord {
        /// Who.
        user: UserId,
        /// Their role, or the last they had.
        role: Role,
        /// Who added them.
        addedBy: UserId,
        /// When.
        addedAt: Timestamp,
        /// The first entry they see.
        fromSeq: Seq,
        /// Who removed them (themselves if they left); null while they are a member, like the next two.
        removedBy: Option<UserId>,
        /// When.
        removedAt: Option<Timestamp>,
        /// The last entry they see.
        toSeq: Option<Seq>,
        /// The membership version their joining or, if later, their leaving made.
        version: u64,
    }
    /// A group to be.
    NewGroup {
        /// 1 to 100 characters, on one line.
        name: String,
        /// At most 1,000 characters.
        description: Option<String>,
        /// A reference to a picture, at most 300 bytes.
        picture: Option<String>,
        /// The first members besides its creator.
        members: Option<Vec<UserId>>,
        /// `plain` unless said otherwise; for good.
        kind: Option<ConversationKind>,
        /// The creation's id: created again with the same one, by the same user, it is the same group.
        id: Option<MessageId>,
    }
    /// What to change about a group; what is absent stays.
    GroupChanges {
        /// A new name.
        name: Option<String>,
        /// A new description.
        description: Option<String>,
        /// A new picture; empty for none.
        picture: Option<String>,
    }
    /// What a link to a group is to allow.
    NewGroupLink {
        /// From when on it admits nobody; never if absent.
        expiresAt: Option<Timestamp>,
        /// How many it admits, 1 to 100,000; any number if absent.
        maxUses: Option<u32>,
    }
    /// A link to a group, as its admins see it.
    GroupLink {
        /// What admits: whoever has it may join.
        code: LinkCode,
        /// Where to.
        group: ConversationId,
        /// Who made it.
        createdBy: UserId,
        /// When.
        createdAt: Timestamp,
        /// From when on it admits nobody.
        expiresAt: Option<Timestamp>,
        /// How many it admits.
        maxUses: Option<u32>,
        /// How many it has admitted.
        uses: u32,
    }
    /// What whoever has a link is told of its group.
    GroupPreview {
        /// The group's name.
        name: String,
        /// Its description; absent if empty.
        description: Option<String>,
        /// Its picture's reference.
        picture: Option<String>,
        /// Whether the server can read it.
        kind: ConversationKind,
        /// How many members it has.
        memberCount: u32,
        /// The group, if one is a member already.
        group: Option<ConversationId>,
    }
    /// One is a member.
    JoinedGroup {
        /// The group.
        group: ConversationId,
        /// The entry that records it, or the log's last one if one was a member before.
        seq: Seq,
    }
    /// A message to be sent. A bare string is short for `{"text": …}`.
    OutgoingMessage {
        /// The message's id. Without one the server makes one, and a repeat is a new message.
        id: Option<MessageId>,
        /// Short for a body `{"type": "text", "text": …}`. Either this or `body`.
        text: Option<String>,
        /// The body.
        body: Option<Body>,
        /// `content` unless said otherwise.
        kind: Option<MessageKind>,
        /// The MLS epoch the body belongs to: required in `mls` conversations, and only there.
        epoch: Option<u64>,
        /// Messages to single devices that become visible together with this one: a commit's Welcomes.
        devices: Option<Vec<OutgoingDeviceMessage>>,
    }
    /// A message to one device, to be sent.
    OutgoingDeviceMessage {
        /// Whose device.
        user: UserId,
        /// Which device.
        device: DeviceId,
        /// What it gets. The server does not look inside.
        body: ByteString,
    }
    /// A message is on disk.
    Sent {
        /// The id it was sent with, or the one the server made.
        id: MessageId,
        /// Its place in the conversation.
        seq: Seq,
        /// When it was appended.
        sentAt: Timestamp,
    }
    /// An entry of a conversation's log.
    Message {
        /// The conversation.
        conversation: ConversationId,
        /// Its place in it.
        seq: Seq,
        /// Who sent it, or caused it.
        sender: UserId,
        /// From which device.
        device: DeviceId,
        /// The sender's id for it.
        id: MessageId,
        /// When it was appended; never decreases within a conversation.
        sentAt: Timestamp,
        /// What kind of entry.
        kind: MessageKind,
        /// The MLS epoch, in `mls` conversations.
        epoch: Option<u64>,
        /// What it says; of a message that was edited, what it says now.
        body: Body,
        /// When it was last edited. Only in `plain` conversations, like the next.
        editedAt: Option<Timestamp>,
        /// Who reacted to it, one each; absent if nobody did.
        reactions: Option<Vec<Reaction>>,
    }
    /// A member's reaction to a message.
    Reaction {
        /// Who.
        user: UserId,
        /// With which emoji.
        emoji: String,
    }
    /// What a message says from now on.
    MessageEdit {
        /// The text.
        text: String,
        /// Members it speaks to, at most 64.
        mentions: Option<Vec<UserId>>,
        /// The edit's own id, as a message has one: repeated with it, it happens once.
        id: Option<MessageId>,
    }
    /// A pinned message.
    PinnedMessage {
        /// The message.
        message: Message,
        /// Who pinned it.
        pinnedBy: UserId,
        /// When.
        pinnedAt: Timestamp,
    }
    /// Which of one's starred messages.
    StarredRequest {
        /// Where the last page ended: its `next`.
        before: Option<u64>,
        /// At most so many; the server's page bound if absent or larger.
        limit: Option<u32>,
    }
    /// Starred messages, the last starred first.
    StarredPage {
        /// The messages.
        messages: Vec<Message>,
        /// Where to go on; absent at the end.
        next: Option<u64>,
    }
    /// Where to search.
    MessageSearch {
        /// Only in this conversation; in all of one's own if absent.
        conversation: Option<ConversationId>,
        /// Where the last page ended: its `next`.
        before: Option<String>,
        /// At most so many; 50 if absent, at most 200.
        limit: Option<u32>,
    }
    /// Messages that were found, the newest first.
    SearchPage {
        /// The messages.
        messages: Vec<Message>,
        /// Where to go on; absent at the end. A page may be short and yet have a next one.
        next: Option<String>,
    }
    /// A message that waits for one device until that device acknowledges it.
    DeviceMessage {
        /// Its place in the device's queue; grows, with gaps.
        number: u64,
        /// The conversation it came through.
        conversation: ConversationId,
        /// Who sent it.
        sender: UserId,
        /// From which device.
        senderDevice: DeviceId,
        /// When.
        sentAt: Timestamp,
        /// The body.
        body: ByteString,
    }
    /// What a client holds when it asks to be brought up to date.
    SyncRequest {
        /// The last place the client holds of each conversation it knows, without a gap below. A conversation not named
        /// starts where the server last heard this device acknowledge.
        after: Option<Vec<(ConversationId, Seq)>>,
        /// The last device message the client holds; those up to it are dropped by the server.
        afterDeviceMessage: Option<u64>,
        /// The `mark` of the last page the client has dealt with: marks after it are told. Keep it with the messages. 0 if
        /// the client holds messages and no such number yet; absent if it holds no messages, or does not care.
        afterMark: Option<u64>,
        /// At most so many messages, 1 or more; the server's page bound if absent or larger.
        limit: Option<u32>,
        /// Whether to leave out the list of conversations: for the later pages of a run, whose first has brought it.
        withoutConversations: Option<bool>,
    }
    /// One page of what a client has missed. Ask again, with `after` and `afterMark` moved on, until `more` is false.
    SyncPage {
        /// Every conversation of the user, the direct ones with both members, groups with none; nothing if asked so. Of more
        /// than `limits.max_page_conversations` those with the latest entries: `LoadConversations` has the others.
        conversations: Vec<ConversationSummary>,
        /// Messages, in order within each conversation.
        messages: Vec<Message>,
        /// Messages to this device alone.
        deviceMessages: Vec<DeviceMessage>,
        /// What one did with messages for oneself alone after `afterMark`, in order: at most 500 on a page. It may name
        /// messages that the client does not hold, and come twice, by itself and here. Absent if there is nothing.
        marks: Option<Vec<Mark>>,
        /// What to ask for as `afterMark` from now on.
        mark: u64,
        /// Whether there is more than this page.
        more: bool,
    }
    /// What one did with a message for oneself alone, on whichever device.
    Mark {
        /// The conversation.
        conversation: ConversationId,
        /// The message's place in it.
        seq: Seq,
        /// What one did.
        kind: MarkKind,
    }
    /// Where to read a conversation's past.
    HistoryRequest {
        /// Only entries before this place; from the newest if absent.
        before: Option<Seq>,
        /// Only entries appended before this time.
        beforeTime: Option<Timestamp>,
        /// At most so many; the server's page bound if absent or larger.
        limit: Option<u32>,
    }
    /// A page of messages.
    MessagePage {
        /// The messages.
        messages: Vec<Message>,
        /// Whether there is more in that direction.
        more: bool,
    }
    /// What became of one message. While one of a direct conversation's two blocks the other, neither is told what became of
    /// theirs with the other: it looks `sent`, in summaries too, and no event `rcpt` comes. In groups both are told as ever.
    MessageInfo {
        /// The conversation.
        conversation: ConversationId,
        /// The message's place in it.
        seq: Seq,
        /// Who sent it.
        sender: UserId,
        /// When.
        sentAt: Timestamp,
        /// The least over everyone it was for.
        status: MessageStatus,
        /// Everyone it was for: who was a member then, without the sender.
        receipts: Vec<MemberReceipt>,
    }
    /// What became of one message with one member.
    MemberReceipt {
        /// Who.
        user: UserId,
        /// The name to show.
        name: String,
        /// When a device of theirs acknowledged it, to the second; null if none has.
        deliveredAt: Option<Timestamp>,
        /// When they saw it, to the second; null if they have not.
        seenAt: Option<Timestamp>,
    }
}
