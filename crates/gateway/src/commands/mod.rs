//! Every command: one function, listed once.
//!
//! The table below is what the hub dispatches by, and the source of `docs/protocol.md`. `rest` has a twin of each, which
//! calls the same function.

pub(crate) mod account;
pub(crate) mod actions;
pub(crate) mod admin;
mod classes;
pub(crate) mod contacts;
pub(crate) mod conversations;
pub(crate) mod groups;
pub(crate) mod invites;
pub(crate) mod links;
pub(crate) mod messages;
pub(crate) mod notifications;
mod own;
pub(crate) mod people;
pub(crate) mod reports;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod watching;

use std::sync::Arc;

use protocol::{
    AccountInfo, AccountPage, AccountsRequest, BlockedUser, ContactsPage, ContactsRequest,
    ConversationFilter, ConversationId, ConversationKind, ConversationSettings, ConversationSummary,
    DeletionConfirmation, DeviceId, GroupChanges, GroupInfo, GroupLink, GroupPreview, HistoryRequest, Invite,
    InviteDirection, InviteId, InviteOutcome, JoinedGroup, LinkCode, MembershipRecord, Message, MessageEdit,
    MessageId, MessageInfo, MessagePage, MessageSearch, NewGroup, NewGroupLink, NewReport, NotificationId,
    NotificationPage, NotificationsRequest, OneTimePassword, OutgoingMessage, PinnedMessage, Presence,
    Privacy, PrivacyChanges, Profile, ProfileChanges, Report, ReportId, ReportsPage, ReportsRequest,
    Retention, SearchPage, Sent, Seq, ServerRole, SessionInfo, StarredPage, StarredRequest, Statistics,
    SyncPage, SyncRequest, Timestamp, UserId, UserInfo, UserPage, UserPageRequest, WhoAmI,
};

use crate::CommandError;
pub(crate) use classes::class;

/// A page of none is no page.
fn some(limit: Option<u32>) -> Result<(), CommandError> {
    match limit {
        Some(0) => Err(CommandError::invalid("limit is 1 or more")),
        _ => Ok(()),
    }
}
pub use table::{Argument, CommandDoc};

/// The commands that have no twin over REST, and why.
pub const WITHOUT_TWIN: &[(&str, &str)] = &[
    ("StreamHistory", "REST has pages: `History`."),
    ("CheckIn", "It is about a connection, which REST has none of."),
    ("CheckOut", "It is about a connection, which REST has none of."),
    ("WatchPresence", "It is about a connection, which REST has none of; `LastStatus` tells of one user."),
];

table::commands! {
    "Conversations" {
        /// The direct conversation with a user, created if need be. From either side, or both at once, it is the same one.
        /// `kind` is `plain` unless said otherwise. `invite_required` if they want to be asked first (see `SendInvite`),
        /// `forbidden` if one of the two has blocked the other; `not_found` if the account is deleted, unless the two have
        /// that conversation: it stays, and takes messages, which nobody will read.
        boxed InitiateDirectChatSession(user: UserId; kind: ConversationKind) -> ConversationId = conversations::start_direct;
        /// Creates a group; the caller is its admin. Created again with the same `id`, it is the same group.
        boxed InitiateGroupChatSession(group: NewGroup) -> ConversationId = conversations::start_group;
        /// Every conversation, or those of a filter, the one with the latest entry first, with members, last message and
        /// unread count.
        paged LoadConversations(; filter: ConversationFilter) -> Vec<ConversationSummary> = conversations::list;
        /// One conversation with all its members.
        paged GetConversation(conversation: ConversationId) -> ConversationSummary = conversations::get;
        /// Puts a conversation away, or takes it back, on all one's devices. New messages leave it where it is.
        boxed SetArchived(conversation: ConversationId, archived: bool) -> ConversationSettings
            = conversations::set_archived;
        /// Wants no notices of a conversation until then; wants them again if that is past or left out. Its unread messages are
        /// left out of `ListNotifications` and its count; whoever names one in a message still reaches one.
        boxed SetMuted(conversation: ConversationId; until: Timestamp) -> ConversationSettings = conversations::set_muted;
        /// Sets how long the bodies of a conversation's messages are kept, those that are there included. For admins in a
        /// group, for either of the two in a direct conversation. Answers the entry that records it. What is due is read, found
        /// and changed no more from that moment on; from the server's disk it goes with the next pass (`chats.sweep_every_s`).
        boxed SetRetention(conversation: ConversationId, retention: Retention) -> Seq = conversations::set_retention;
    }
    "Messages" {
        /// Appends a message; the answer says that it is on disk. A message is a text, or an object with `id` and `text` or
        /// `body`. Sent again with the same `id` from the same device, it answers what it answered first. What a commit brings
        /// to single devices goes to signed-in devices of members, and counts as one message more for every 16 of these and
        /// for every 16 KiB.
        inline SendMessage(conversation: ConversationId, message: OutgoingMessage) -> Sent = messages::send;
        /// This device holds everything up to `seq`.
        inline Acknowledge(conversation: ConversationId, seq: Seq) -> () = messages::acknowledge;
        /// The user has seen everything up to `seq`. One's other devices that are connected are told by `seen`.
        inline MarkSeen(conversation: ConversationId, seq: Seq) -> () = messages::mark_seen;
        /// The user types, or stopped. Repeat it every few seconds while it lasts.
        inline SetTyping(conversation: ConversationId, typing: bool) -> () = messages::set_typing;
        /// The messages that this device has not acknowledged, those that one sent from other devices among them, oldest first within each conversation. Acknowledge
        /// them and ask again until `more` is false.
        paged ReadNewMessages(; limit: u32) -> MessagePage = messages::read_new;
        /// Brings a client up to date after it connected, after a gap and after `resync`.
        paged Sync(; request: SyncRequest) -> SyncPage = messages::sync;
        /// A page of a conversation's past, the newest first.
        paged History(conversation: ConversationId; request: HistoryRequest) -> MessagePage = messages::history;
        /// A conversation's past as a stream, the newest first, back to its beginning or `limit`.
        stream StreamHistory(conversation: ConversationId; request: HistoryRequest) -> Message = messages::stream_history;
        /// Who got a message and who has seen it, and when.
        paged MessageInfo(conversation: ConversationId, seq: Seq) -> MessageInfo = messages::info;
        /// Drops the messages to this device up to a number, once they are dealt with.
        boxed AcknowledgeDeviceMessages(number: u64) -> () = messages::acknowledge_device_messages;
    }
    "Actions on messages" {
        /// Changes what a text of one's own says, in a `plain` conversation: an entry `edit` of its log, which the connection
        /// that asks is told of, too. Unless the operator sets `chats.edit_window_s`, at any time. Like the next four it
        /// answers the entry, or the message itself if nothing changed; repeated with the same `id`, what it answered first.
        boxed EditMessage(conversation: ConversationId, seq: Seq, edit: MessageEdit) -> Sent = actions::edit;
        /// Deletes a message for everyone: one's own, or as an admin of the group. An entry `delete`. Its place stays, with a
        /// body `removed`; the server keeps nothing of what it said.
        boxed DeleteMessage(conversation: ConversationId, seq: Seq; id: MessageId) -> Sent = actions::delete;
        /// Deletes an entry of whatever kind for oneself alone: none of one's devices is shown it again, and those connected
        /// are told by `hide`, others by `Sync` as a mark.
        boxed HideMessage(conversation: ConversationId, seq: Seq) -> () = actions::hide;
        /// Reacts to a message with one emoji, in place of one's reaction before; without one that is taken back. An entry
        /// `reaction`. At most 1,000 members react to one message.
        boxed React(conversation: ConversationId, seq: Seq; emoji: String) -> Sent = actions::react;
        /// Pins a message for everyone, or takes the pin out. An entry `pin`. At most 50 are pinned in a conversation.
        boxed PinMessage(conversation: ConversationId, seq: Seq, pinned: bool) -> Sent = actions::pin;
        /// What is pinned in a conversation, the last pinned first.
        paged ListPinned(conversation: ConversationId) -> Vec<PinnedMessage> = actions::list_pinned;
        /// Stars a message for oneself, or takes the star away. One's other devices that are connected are told by `star`,
        /// others by `Sync` as a mark.
        boxed StarMessage(conversation: ConversationId, seq: Seq, starred: bool) -> () = actions::star;
        /// One's starred messages, the last starred first.
        paged ListStarred(; request: StarredRequest) -> StarredPage = actions::list_starred;
        /// Says in another `plain` conversation what a text in a `plain` one says, as a message of one's own that is marked
        /// `forwarded`. Who said it first is not told. The connection that asks is told of the new entry, too.
        boxed ForwardMessage(conversation: ConversationId, seq: Seq, to: ConversationId; id: MessageId) -> Sent
            = actions::forward;
        /// Messages with all these words, the newest first: in one `plain` conversation, or in the 1,000 of one's own with the
        /// latest entries. A word is a run of letters and digits, case and accents do not matter, and the last one may be the beginning
        /// of a word. At most 256 characters and 16 words. A message can be found about a second after it was sent.
        paged SearchMessages(text: String; request: MessageSearch) -> SearchPage = actions::search;
    }
    "Groups" {
        /// A group with all its members.
        paged GetGroup(group: ConversationId) -> GroupInfo = groups::get;
        /// Adds a user. Like all changes of a group it is for admins, and answers the entry that records it.
        boxed AddUserToGroup(group: ConversationId, user: UserId) -> Seq = groups::add;
        /// Adds several users at once.
        boxed AddUsersToGroup(group: ConversationId, users: Vec<UserId>) -> Seq = groups::add_several;
        /// Removes a member.
        boxed RemoveFromGroup(group: ConversationId, user: UserId) -> Seq = groups::remove;
        /// Makes a member an admin.
        boxed PromoteToAdmin(group: ConversationId, user: UserId) -> Seq = groups::promote;
        /// Makes an admin an ordinary member.
        boxed DemoteAdmin(group: ConversationId, user: UserId) -> Seq = groups::demote;
        /// Leaves a group. An admin may name a successor, who becomes an admin just before; the last admin has to while
        /// others remain. A group that everybody has left is closed.
        boxed LeaveGroup(group: ConversationId; successor: UserId) -> Seq = groups::leave;
        /// Changes name, description or picture; an empty picture takes it away.
        boxed UpdateGroup(group: ConversationId, changes: GroupChanges) -> Seq = groups::update;
        /// Deletes a group for everyone. Who was in it keeps what they may see.
        boxed DeleteGroup(group: ConversationId) -> Seq = groups::delete;
        /// Everyone who is or was in a group: who added and removed them, and when.
        paged MembershipHistory(group: ConversationId) -> Vec<MembershipRecord> = groups::history;
        /// Makes a link by which whoever has it joins. For admins; a group has at most 20. Whom an admin removed it does
        /// not admit again, unless it was made after that.
        boxed CreateGroupLink(group: ConversationId; link: NewGroupLink) -> GroupLink = links::create;
        /// A group's links, the oldest first. For admins.
        paged ListGroupLinks(group: ConversationId) -> Vec<GroupLink> = links::list;
        /// Revokes a link: from now on it admits nobody. For admins.
        boxed RevokeGroupLink(group: ConversationId, code: LinkCode) -> () = links::revoke;
        /// What a link leads to. `not_found` if it admits nobody.
        boxed PreviewGroupLink(code: LinkCode) -> GroupPreview = links::preview;
        /// Joins a group by a link. Joined already, it answers the group's last entry and takes no use of the link. In an
        /// `mls` group one is a member on the server then, and reads from when an admin's device commits one's devices.
        boxed JoinGroup(code: LinkCode) -> JoinedGroup = links::join;
    }
    "Notifications" {
        /// What happened, the newest first: unread messages by conversation, mentions, groups one was added to, invites, what
        /// was done to the account. Kept for some months.
        paged ListNotifications(; request: NotificationsRequest) -> NotificationPage = notifications::list;
        /// One has looked at it. Of a conversation's unread messages: they count as seen.
        boxed MarkNotificationRead(notification: NotificationId) -> () = notifications::mark_read;
        /// One has looked at all of them.
        boxed MarkAllNotificationsRead() -> () = notifications::mark_all_read;
    }
    "People and devices" {
        /// This connection counts as online. So does every new one.
        inline CheckIn() -> () = people::check_in;
        /// This connection does not count as online any more, though it goes on.
        inline CheckOut() -> () = people::check_out;
        /// Whether a user is online, and when they last were: the moment their last connection closed or checked out, kept
        /// across restarts. Whoever does not let one see it looks offline and never seen. `not_found` if there is no such
        /// user.
        boxed LastStatus(user: UserId) -> Presence = people::last_status;
        /// This connection watches these users from now on, at most 1,000, and nobody else: answers how they stand, in the
        /// order asked for, and tells of each change as an event `pres`. An event that comes before the answer is newer than
        /// it. Whoever does not let one see them looks offline and never seen.
        paged WatchPresence(users: Vec<UserId>) -> Vec<Presence> = watching::watch;
        /// The user with exactly this username (a leading `@` does not matter), email address, or phone number in E.164
        /// form (`+…`). `not_found` if nobody has it, `invalid` if it can be none of these.
        boxed FindUser(text: String) -> UserInfo = people::find;
        /// Users whose username or words of whose name begin so, or the one with exactly that email address or phone number, at
        /// most 50 on a page. All words have to fit, at most four; a leading `@` looks for usernames alone. Case and accents do not matter. Who does not want
        /// to be found so is not (see [Privacy](#privacy)).
        paged SearchUsers(text: String; page: UserPageRequest) -> UserPage = account::search;
        /// What a user tells of themselves; of oneself also what only oneself is shown.
        boxed GetProfile(user: UserId) -> Profile = account::get_profile;
        /// Changes one's profile; what is absent stays. `user` is for admins: somebody else's.
        boxed UpdateProfile(changes: ProfileChanges; user: UserId) -> Profile = account::update_profile;
        /// Users by id, at most 500, in the order asked for; those that do not exist are left out.
        paged GetUsers(users: Vec<UserId>) -> Vec<UserInfo> = people::get_several;
        /// Who is asking.
        boxed WhoAmI() -> WhoAmI = people::who_am_i;
        /// What one lets others know and do.
        boxed GetPrivacy() -> Privacy = account::get_privacy;
        /// Changes what one lets others know and do; what is absent stays. Answers all of it.
        boxed SetPrivacy(changes: PrivacyChanges) -> Privacy = account::set_privacy;
        /// Deletes one's account, for good: signs out all devices, frees username and addresses, erases the profile, leaves
        /// all groups. What one wrote to others stays with them.
        boxed DeleteAccount(confirmation: DeletionConfirmation) -> () = account::delete;
        /// One's signed-in devices.
        boxed ListSessions() -> Vec<SessionInfo> = people::sessions;
        /// Signs a device out and closes its connections.
        boxed RevokeSession(device: DeviceId) -> () = people::revoke_session;
    }
    "Contacts and invites" {
        /// Lists a user among one's contacts: at most 10,000, whether or not they list one, too. Whoever begins a conversation
        /// lists the other by that; an accepted invite lists both.
        boxed AddContact(user: UserId) -> () = contacts::add;
        /// Takes a user off one's contacts.
        boxed RemoveContact(user: UserId) -> () = contacts::remove;
        /// A page of one's contacts. Ask again with `after` as the page's `next`, while it has one.
        paged ListContacts(; request: ContactsRequest) -> ContactsPage = contacts::list;
        /// Blocks a user: once this is answered, neither can say anything to the other directly or begin to, and they cannot
        /// invite one, add one to a group, or see one come and go. Neither is told any more what the other got or saw of the
        /// direct messages between them, until the block ends; in groups both are. At most 1,000.
        boxed Block(user: UserId) -> () = contacts::block;
        /// Ends a block.
        boxed Unblock(user: UserId) -> () = contacts::unblock;
        /// Whom one has blocked, the latest first.
        paged ListBlocked() -> Vec<BlockedUser> = contacts::blocked;
        /// Asks a user to talk, in at most 300 characters. `accepted` at once, with the conversation, if they take everybody or
        /// know one; else `pending`: they see it at once if they are `online`, and otherwise when they return; the answer
        /// comes as an event `inv`. Sent again, it is the same one; sent by both, both have accepted. `not_found` if there is
        /// no such user, `rate_limited` for 7 days after they rejected one.
        boxed SendInvite(user: UserId; message: String) -> InviteOutcome = invites::send;
        /// Answers an invite: accepting it begins the conversation and lists both with each other. May be repeated; `conflict`
        /// if it was settled otherwise, or has expired (after 30 days).
        boxed AnswerInvite(invite: InviteId, accept: bool) -> Invite = invites::answer;
        /// Takes an invite back.
        boxed WithdrawInvite(invite: InviteId) -> () = invites::withdraw;
        /// The invites one has received, or with `sent` those one has sent: the waiting ones first, then the newest; at most
        /// 500.
        paged ListInvites(; direction: InviteDirection) -> Vec<Invite> = invites::list;
        /// Reports a user, or a message that one may read, to the moderators. What a readable message says is kept with it.
        boxed Report(report: NewReport) -> ReportId = reports::report;
        /// A page of the reports that wait, or with `closed` of the others, the newest first. For moderators and admins. Ask
        /// again with `before` as the last one's id, while `more` is true.
        paged ListReports(; request: ReportsRequest) -> ReportsPage = reports::list;
        /// Closes a report, with a note of at most 1,000 characters; closed already, it stays as it is. For moderators and
        /// admins.
        boxed CloseReport(report: ReportId; note: String) -> Report = reports::close;
    }
    "Administration" {
        /// Accounts in the order of their making, or those found by a text, at most 100 on a page. What each of these commands
        /// takes stands in the table of [permissions](#permissions); `forbidden` without.
        paged ListAccounts(; request: AccountsRequest) -> AccountPage = admin::list;
        /// Suspends an account: its sessions end, its connections are closed, and nobody signs in to it.
        boxed SuspendUser(user: UserId) -> AccountInfo = admin::suspend;
        /// Ends a suspension.
        boxed ReinstateUser(user: UserId) -> AccountInfo = admin::reinstate;
        /// Deletes an account, as its owner could.
        boxed DeleteUser(user: UserId) -> () = admin::delete;
        /// Gives an account a password that is good for one sign-in within a day, and signs out all its devices.
        boxed ResetPassword(user: UserId) -> OneTimePassword = admin::reset_password;
        /// Makes somebody a user, a moderator or an admin. One admin remains.
        boxed SetRole(user: UserId, role: ServerRole) -> AccountInfo = admin::set_role;
        /// The signed-in devices of another.
        boxed ListUserSessions(user: UserId) -> Vec<SessionInfo> = admin::sessions;
        /// Signs a device of another out.
        boxed EndUserSession(user: UserId, device: DeviceId) -> () = admin::end_session;
        /// Signs all devices of another out.
        boxed EndUserSessions(user: UserId) -> () = admin::end_sessions;
        /// How much the server holds.
        boxed GetStatistics() -> Statistics = admin::statistics;
    }
}
