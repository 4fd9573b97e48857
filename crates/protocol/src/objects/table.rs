//! The objects.

use super::objects;
use crate::{
    AccountInfo, AccountState, Body, ByteString, Contact, ConversationId, ConversationKind,
    ConversationSummary, DeviceId, DeviceMessage, GroupsFrom, InviteDirection, InviteId, InviteStatus,
    LastSeenTo, LinkCode, MemberInfo, MemberReceipt, Message, MessageId, MessageKind, MessageStatus,
    MessagesFrom, NoticeId, Notification, NotificationId, NotificationKind, OutgoingDeviceMessage, Reaction,
    Report, ReportId, Retention, Role, Seq, ServerRole, Timestamp, UserId, UserInfo,
};

objects! { OBJECTS:
    /// Every object but the bodies, in the order of the document.

    /// A user as others see them.
    UserInfo {
        /// The user.
        id: UserId,
        /// Their username, if they have one.
        username: Option<String>,
        /// The name to show.
        name: String,
    }
    /// Whether a user is there.
    Presence {
        /// The user.
        user: UserId,
        /// Whether a device of theirs is connected and checked in.
        online: bool,
        /// When they were last online; absent if never.
        lastSeen: Option<Timestamp>,
    }
    /// Who is asking.
    WhoAmI {
        /// The user.
        user: UserInfo,
        /// The device.
        device: DeviceId,
    }
    /// What a user tells of themselves.
    Profile: UserInfo {
        /// A few words about them; absent if there are none.
        about: Option<String>,
        /// The picture's reference.
        picture: Option<String>,
        /// The day they were born, `YYYY-MM-DD`. One's own alone.
        dateOfBirth: Option<String>,
        /// Their email address. One's own alone.
        email: Option<String>,
        /// Their phone number. One's own alone.
        phone: Option<String>,
        /// What they may do on this server. One's own alone.
        role: Option<ServerRole>,
        /// When the account was made.
        createdAt: Timestamp,
        /// By whom.
        createdBy: UserId,
        /// When it was last changed.
        updatedAt: Timestamp,
        /// By whom.
        updatedBy: UserId,
    }
    /// What to change about a profile; what is absent stays.
    ProfileChanges {
        /// The name to show, 1 to 100 characters.
        name: Option<String>,
        /// A few words about oneself, at most 500 characters; empty for none.
        about: Option<String>,
        /// A reference to a picture, at most 300 bytes; empty for none.
        picture: Option<String>,
        /// The day one was born, `YYYY-MM-DD`, not in the future; empty for none. Only oneself is shown it.
        dateOfBirth: Option<String>,
    }
    /// Which page of users.
    UserPageRequest {
        /// `next` of the page before; the first page if absent.
        after: Option<String>,
        /// At most so many; the server's page bound if absent or larger.
        limit: Option<u32>,
    }
    /// A page of users.
    UserPage {
        /// The users.
        users: Vec<UserInfo>,
        /// What to ask for the page that follows with; absent on the last one.
        next: Option<String>,
    }
    /// An account as those see it who look after the server.
    AccountInfo: UserInfo {
        /// Their email address, for those who may see it.
        email: Option<String>,
        /// Their phone number, for those who may see it.
        phone: Option<String>,
        /// What they may do on this server.
        role: ServerRole,
        /// Where the account stands.
        state: AccountState,
        /// When it was made.
        createdAt: Timestamp,
        /// By whom.
        createdBy: UserId,
        /// When it was last changed.
        updatedAt: Timestamp,
        /// By whom.
        updatedBy: UserId,
    }
    /// Which accounts.
    AccountsRequest {
        /// Those found by this text, as in a search of users, whether others may find them or not; all if absent.
        text: Option<String>,
        /// Those with this role.
        role: Option<ServerRole>,
        /// Those that stand so.
        state: Option<AccountState>,
        /// `next` of the page before; the first page if absent.
        after: Option<String>,
        /// At most so many; the server's page bound if absent or larger.
        limit: Option<u32>,
    }
    /// A page of accounts.
    AccountPage {
        /// The accounts.
        accounts: Vec<AccountInfo>,
        /// What to ask for the page that follows with; absent on the last one.
        next: Option<String>,
    }
    /// A password that is good for one sign-in. Whoever signs in with it has none then, and sets a new one.
    OneTimePassword {
        /// The user.
        user: UserId,
        /// What they sign in with it as.
        username: String,
        /// The password. Shown this once.
        password: String,
        /// When it stops being accepted, if not used before.
        expiresAt: Timestamp,
    }
    /// How much a server holds.
    Statistics {
        /// Accounts that are not deleted.
        users: u64,
        /// Those of them that are suspended.
        suspended: u64,
        /// Signed-in devices.
        sessions: u64,
        /// Users who are connected to the node that answers.
        online: u64,
        /// Conversations, also those that were deleted: estimated.
        conversations: u64,
        /// Messages, also those that expired: estimated.
        messages: u64,
        /// When this was counted: at most a minute ago.
        countedAt: Timestamp,
    }
    /// Makes a server's first admin: registers an account, or signs in to one.
    FirstAdmin {
        /// What the link that the server printed at its start ends with.
        token: String,
        /// A username to register, or one's own.
        username: String,
        /// Its password.
        password: String,
        /// What to call this device.
        device: Option<String>,
    }
    /// Confirms that one's own account is to be deleted. Exactly one of the two.
    DeletionConfirmation {
        /// The account's password.
        password: Option<String>,
        /// A one-time code, asked for a moment ago for the account's email address, or phone number if it has no other.
        code: Option<String>,
    }
    /// What a user lets others know and do.
    Privacy {
        /// Who is told when they were last online, and whether they are.
        lastSeen: LastSeenTo,
        /// Who may begin a direct conversation with them.
        messages: MessagesFrom,
        /// Who may add them to a group without asking.
        groups: GroupsFrom,
        /// Whether a search finds them by their name or the beginning of their username. Who knows the whole username
        /// always finds them.
        findableByName: bool,
        /// Whether who knows their email address or phone number finds them by it.
        findableByAddress: bool,
    }
    /// What to change about one's privacy; what is absent stays.
    PrivacyChanges {
        /// Who is told when one was last online, and whether one is.
        lastSeen: Option<LastSeenTo>,
        /// Who may begin a direct conversation.
        messages: Option<MessagesFrom>,
        /// Who may add one to a group without asking.
        groups: Option<GroupsFrom>,
        /// Whether a search finds one by name or the beginning of the username.
        findableByName: Option<bool>,
        /// Whether one is found by an email address or a phone number.
        findableByAddress: Option<bool>,
    }
    /// Somebody a user lists.
    Contact {
        /// Who.
        user: UserInfo,
        /// Since when.
        addedAt: Timestamp,
    }
    /// Where to go on reading one's contacts.
    ContactsRequest {
        /// Only those after this user: the page before's `next`.
        after: Option<UserId>,
        /// At most so many; 500 if absent or larger.
        limit: Option<u32>,
    }
    /// A page of contacts, by their ids.
    ContactsPage {
        /// The contacts.
        contacts: Vec<Contact>,
        /// What to ask for the next page with; absent on the last one.
        next: Option<UserId>,
    }
    /// Somebody a user has blocked.
    BlockedUser {
        /// Who.
        user: UserInfo,
        /// Since when.
        blockedAt: Timestamp,
    }
    /// An invite, seen from one of the two.
    Invite {
        /// The invite.
        id: InviteId,
        /// Who invited.
        direction: InviteDirection,
        /// The other user.
        user: UserInfo,
        /// What the inviter says.
        message: Option<String>,
        /// How it stands.
        status: InviteStatus,
        /// When it was sent.
        createdAt: Timestamp,
        /// When it stops waiting.
        expiresAt: Timestamp,
        /// When it was answered or withdrawn.
        answeredAt: Option<Timestamp>,
        /// The two's conversation, once it was accepted.
        conversation: Option<ConversationId>,
    }
    /// What became of asking to talk.
    InviteOutcome {
        /// `pending`, or `accepted` at once.
        status: InviteStatus,
        /// Whether the invitee is there to see it now. If not, or if they do not tell, it waits until they return.
        online: bool,
        /// The invite, if one was needed.
        invite: Option<InviteId>,
        /// The conversation, if it was accepted.
        conversation: Option<ConversationId>,
    }
    /// Something that moderators should look at: a user, or a message of theirs.
    NewReport {
        /// The user. May be left out with a message, whose sender it is.
        user: Option<UserId>,
        /// The message's conversation.
        conversation: Option<ConversationId>,
        /// The message's place in it.
        seq: Option<Seq>,
        /// What is wrong: 1 to 1,000 characters.
        reason: String,
    }
    /// A report, as moderators see it.
    Report {
        /// The report.
        id: ReportId,
        /// Who reported.
        reporter: UserId,
        /// Whom.
        user: UserId,
        /// What is wrong, in the reporter's words.
        reason: String,
        /// The message's conversation, if it is about a message.
        conversation: Option<ConversationId>,
        /// The message's place in it.
        seq: Option<Seq>,
        /// What the message said then, if the server can read it.
        text: Option<String>,
        /// When.
        createdAt: Timestamp,
        /// When a moderator closed it.
        closedAt: Option<Timestamp>,
        /// Which moderator.
        closedBy: Option<UserId>,
        /// What they noted.
        note: Option<String>,
    }
    /// Which reports to list.
    ReportsRequest {
        /// Closed ones instead of open ones.
        closed: Option<bool>,
        /// Only those before this one: the last of the page before.
        before: Option<ReportId>,
        /// At most so many; 100 if absent or larger.
        limit: Option<u32>,
    }
    /// A page of reports, the newest first.
    ReportsPage {
        /// The reports.
        reports: Vec<Report>,
        /// Whether there are more.
        more: bool,
    }
    /// Something that happened to a user. Says nothing of what a message says.
    Notification {
        /// Its id; of unread messages, that of their conversation.
        id: NotificationId,
        /// What it is about.
        kind: NotificationKind,
        /// When it happened.
        createdAt: Timestamp,
        /// Whether it has been read.
        read: bool,
        /// The conversation it is about.
        conversation: Option<ConversationId>,
        /// The entry it is about; of unread messages the last.
        seq: Option<Seq>,
        /// Who caused it.
        by: Option<UserId>,
        /// The name to show of who caused it, or of the conversation whose messages are unread.
        name: Option<String>,
        /// How many messages are unread; counting stops at 1,000.
        count: Option<u32>,
        /// More, in a word or two: the device that signed in, what changed, the answer to an invite.
        detail: Option<String>,
    }
    /// Which notifications to list.
    NotificationsRequest {
        /// Only those made before this one; from the newest if absent.
        before: Option<NoticeId>,
        /// At most so many, up to 100; 50 if absent. Unread messages come beside them, on the first page.
        limit: Option<u32>,
    }
    /// A page of notifications.
    NotificationPage {
        /// The newest first.
        notifications: Vec<Notification>,
        /// How many in all have not been read, conversations with unread messages counted as one each.
        unread: u32,
        /// Whether there are older ones: ask with `before` the last `n_…`.
        more: bool,
    }
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
        /// At most so many messages; the server's page bound if absent or larger.
        limit: Option<u32>,
    }
    /// One page of what a client has missed. Ask again, with `after` moved on, until `more` is false.
    SyncPage {
        /// Every conversation of the user, without members; on later pages too.
        conversations: Vec<ConversationSummary>,
        /// Messages, in order within each conversation.
        messages: Vec<Message>,
        /// Messages to this device alone.
        deviceMessages: Vec<DeviceMessage>,
        /// Whether there is more than this page.
        more: bool,
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
    /// What became of one message.
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
    /// A username and its password, to register or to log in.
    Credentials {
        /// 3 to 32 characters: a-z, 0-9, `_`, `.`, `-`; case does not matter. Begins with a letter or a digit.
        username: String,
        /// 8 to 256 characters.
        password: String,
        /// The name to show, at most 100 characters; the username if absent. Only for registering.
        name: Option<String>,
        /// What to call this device in the list of devices, at most 100 characters.
        device: Option<String>,
    }
    /// Sets or changes the username, the password, or both.
    CredentialsChange {
        /// The username to have; it stays if absent.
        username: Option<String>,
        /// The password to have; it stays if absent. Needs a username, which may come with it.
        password: Option<String>,
        /// Required to replace a password.
        currentPassword: Option<String>,
    }
    /// Asks for a one-time code. Exactly one of the two.
    CodeRequest {
        /// An email address.
        email: Option<String>,
        /// A phone number in E.164 form: `+` and up to 15 digits.
        phone: Option<String>,
    }
    /// A one-time code is on its way.
    CodeSent {
        /// When it stops being accepted.
        expiresAt: Timestamp,
        /// When another may be asked for.
        resendAt: Timestamp,
    }
    /// Proves that one got the code. Exactly one of `email` and `phone`.
    CodeVerification {
        /// The email address the code went to.
        email: Option<String>,
        /// The phone number the code went to.
        phone: Option<String>,
        /// The six digits.
        code: String,
        /// The name to show, if this registers an account.
        name: Option<String>,
        /// What to call this device.
        device: Option<String>,
    }
    /// An access token and what renews it.
    Tokens {
        /// Goes with every request: `Authorization: Bearer …`.
        accessToken: String,
        /// When it stops being accepted.
        accessExpiresAt: Timestamp,
        /// Good for one refresh. Used twice, it ends the session.
        refreshToken: String,
        /// When it stops being accepted, if not used before.
        refreshExpiresAt: Timestamp,
    }
    /// The answer to registering and to logging in.
    SignedIn: Tokens {
        /// Who.
        user: UserInfo,
        /// This device's session.
        device: DeviceId,
        /// Whether this call registered the account.
        registered: bool,
    }
    /// Exchanges a refresh token for a new pair.
    RefreshRequest {
        /// The refresh token last given.
        refreshToken: String,
    }
    /// A signed-in device.
    SessionInfo {
        /// Its id.
        id: DeviceId,
        /// What it was called.
        name: String,
        /// When it signed in.
        createdAt: Timestamp,
        /// When it was last active, to the minute.
        lastActiveAt: Timestamp,
        /// Whether it is the one asking.
        current: bool,
    }
}
