//! Users, what they are to each other, and what happened to them.

use crate::objects::objects;
use crate::{
    AccountInfo, AccountState, Contact, ConversationId, DeviceId, GroupsFrom, InviteDirection, InviteId,
    InviteStatus, LastSeenTo, MessagesFrom, NoticeId, Notification, NotificationId, NotificationKind, Report,
    ReportId, Seq, ServerRole, Timestamp, UserId, UserInfo,
};

objects! { pub(super) PEOPLE:
    /// Users, what they are to each other, and what happened to them.

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
        /// When it was last changed. One's own alone, and for admins.
        updatedAt: Option<Timestamp>,
        /// By whom. One's own alone, and for admins.
        updatedBy: Option<UserId>,
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
}
