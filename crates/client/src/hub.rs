//! Every command of the hub, typed.

use std::time::Duration;

use protocol::{
    AccountInfo, AccountPage, AccountsRequest, BlockedUser, ContactsPage, ContactsRequest,
    ConversationFilter, ConversationId, ConversationKind, ConversationSettings, ConversationSummary,
    DeviceId, GroupChanges, GroupInfo, GroupLink, GroupPreview, HistoryRequest, Invite, InviteDirection,
    InviteId, InviteOutcome, JoinedGroup, LinkCode, MembershipRecord, Message, MessageEdit, MessageId,
    MessageInfo, MessagePage, MessageSearch, NewGroup, NewGroupLink, NewReport, NotificationId,
    NotificationPage, NotificationsRequest, OneTimePassword, OutgoingMessage, PinnedMessage, Presence,
    Privacy, PrivacyChanges, Profile, ProfileChanges, Report, ReportId, ReportsPage, ReportsRequest,
    Retention, SearchPage, Sent, Seq, ServerRole, SessionInfo, StarredPage, StarredRequest, Statistics,
    SyncPage, SyncRequest, Timestamp, UserId, UserInfo, UserPage, UserPageRequest, WhoAmI,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use signalr::client::{Connection, InvokeError, ItemStream};

use crate::runtime::{self, BoxFuture};
use crate::{Error, Link};

/// A call without an answer after this long means that the connection is broken.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to the hub. Cheap to clone; closed when the last clone is dropped.
///
/// Calls go out in the order in which these functions are called, before what they return is awaited.
#[derive(Clone)]
pub struct Hub(Connection);

/// What a call comes to.
type Answer<T> = BoxFuture<'static, Result<T, Error>>;

impl Hub {
    /// The hub behind a connection.
    pub fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Calls any command. The arguments are a tuple.
    pub fn call<T, A>(&self, target: &str, arguments: A) -> Answer<T>
    where
        T: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let call = self.0.invoke_raw(target, arguments);
        Box::pin(async move {
            let answer = runtime::timeout(CALL_TIMEOUT, call).await;
            let payload = answer.ok_or(Error::Timeout(CALL_TIMEOUT.as_secs()))?.map_err(invoke_error)?;
            payload.decode().map_err(|error| Error::Protocol(error.to_string()))
        })
    }

    /// The direct conversation with a user; made if there is none.
    pub fn initiate_direct(&self, user: UserId, kind: Option<ConversationKind>) -> Answer<ConversationId> {
        self.call("InitiateDirectChatSession", (user, kind))
    }

    /// Creates a group with oneself as its admin.
    pub fn initiate_group(&self, group: NewGroup) -> Answer<ConversationId> {
        self.call("InitiateGroupChatSession", (group,))
    }

    /// Sends; the answer means that the message is on the server's disk.
    pub fn send_message(&self, conversation: ConversationId, message: OutgoingMessage) -> Answer<Sent> {
        self.call("SendMessage", (conversation, message))
    }

    /// What no device of this user has acknowledged.
    pub fn read_new_messages(&self, limit: Option<u32>) -> Answer<MessagePage> {
        self.call("ReadNewMessages", (limit,))
    }

    /// One page of what this device has missed.
    pub fn sync_page(&self, request: SyncRequest) -> Answer<SyncPage> {
        self.call("Sync", (request,))
    }

    /// This device holds everything up to `seq`.
    pub fn acknowledge_up_to(&self, conversation: ConversationId, seq: Seq) -> Answer<()> {
        self.call("Acknowledge", (conversation, seq))
    }

    /// The user has seen everything up to `seq`.
    pub fn mark_seen(&self, conversation: ConversationId, seq: Seq) -> Answer<()> {
        self.call("MarkSeen", (conversation, seq))
    }

    /// Shows others that one types, or no longer. Nobody waits for an answer.
    pub fn set_typing(&self, conversation: ConversationId, typing: bool) -> Result<(), Error> {
        self.0.send("SetTyping", (conversation, typing)).map_err(invoke_error)
    }

    /// A page of the past, newest first.
    pub fn history(&self, conversation: ConversationId, request: HistoryRequest) -> Answer<MessagePage> {
        self.call("History", (conversation, request))
    }

    /// The past as a stream, newest first.
    pub fn stream_history(
        &self,
        conversation: ConversationId,
        request: HistoryRequest,
    ) -> Result<ItemStream<Message>, Error> {
        self.0.stream("StreamHistory", (conversation, request)).map_err(invoke_error)
    }

    /// One's conversations.
    pub fn load_conversations(&self) -> Answer<Vec<ConversationSummary>> {
        self.call("LoadConversations", ())
    }

    /// Those of one's conversations that a filter lets through.
    pub fn load_conversations_that(&self, filter: ConversationFilter) -> Answer<Vec<ConversationSummary>> {
        self.call("LoadConversations", (filter,))
    }

    /// Puts a conversation away, or takes it back.
    pub fn set_archived(&self, conversation: ConversationId, archived: bool) -> Answer<ConversationSettings> {
        self.call("SetArchived", (conversation, archived))
    }

    /// Wants no notices of a conversation until then.
    pub fn set_muted(
        &self,
        conversation: ConversationId,
        until: Option<Timestamp>,
    ) -> Answer<ConversationSettings> {
        self.call("SetMuted", (conversation, until))
    }

    /// Sets how long a conversation's bodies are kept.
    pub fn set_retention(&self, conversation: ConversationId, retention: Retention) -> Answer<Seq> {
        self.call("SetRetention", (conversation, retention))
    }

    /// Makes a link by which whoever has it joins a group.
    pub fn create_group_link(&self, group: ConversationId, link: NewGroupLink) -> Answer<GroupLink> {
        self.call("CreateGroupLink", (group, link))
    }

    /// A group's links.
    pub fn list_group_links(&self, group: ConversationId) -> Answer<Vec<GroupLink>> {
        self.call("ListGroupLinks", (group,))
    }

    /// Revokes a link.
    pub fn revoke_group_link(&self, group: ConversationId, code: LinkCode) -> Answer<()> {
        self.call("RevokeGroupLink", (group, code))
    }

    /// What a link leads to.
    pub fn preview_group_link(&self, code: LinkCode) -> Answer<GroupPreview> {
        self.call("PreviewGroupLink", (code,))
    }

    /// Joins a group by a link.
    pub fn join_group(&self, code: LinkCode) -> Answer<JoinedGroup> {
        self.call("JoinGroup", (code,))
    }

    /// One conversation with all its members.
    pub fn get_conversation(&self, conversation: ConversationId) -> Answer<ConversationSummary> {
        self.call("GetConversation", (conversation,))
    }

    /// Who got a message and who saw it.
    pub fn message_info(&self, conversation: ConversationId, seq: Seq) -> Answer<MessageInfo> {
        self.call("MessageInfo", (conversation, seq))
    }

    /// Changes what a message of one's own says.
    pub fn edit_message(&self, conversation: ConversationId, seq: Seq, edit: MessageEdit) -> Answer<Sent> {
        self.call("EditMessage", (conversation, seq, edit))
    }

    /// Deletes a message for everyone.
    pub fn delete_message(
        &self,
        conversation: ConversationId,
        seq: Seq,
        id: Option<MessageId>,
    ) -> Answer<Sent> {
        self.call("DeleteMessage", (conversation, seq, id))
    }

    /// Deletes an entry for oneself.
    pub fn hide_message(&self, conversation: ConversationId, seq: Seq) -> Answer<()> {
        self.call("HideMessage", (conversation, seq))
    }

    /// Reacts to a message; without an emoji the reaction is taken back.
    pub fn react(&self, conversation: ConversationId, seq: Seq, emoji: Option<String>) -> Answer<Sent> {
        self.call("React", (conversation, seq, emoji))
    }

    /// Pins a message, or takes the pin out.
    pub fn pin_message(&self, conversation: ConversationId, seq: Seq, pinned: bool) -> Answer<Sent> {
        self.call("PinMessage", (conversation, seq, pinned))
    }

    /// What is pinned, the last pinned first.
    pub fn list_pinned(&self, conversation: ConversationId) -> Answer<Vec<PinnedMessage>> {
        self.call("ListPinned", (conversation,))
    }

    /// Stars a message for oneself, or takes the star away.
    pub fn star_message(&self, conversation: ConversationId, seq: Seq, starred: bool) -> Answer<()> {
        self.call("StarMessage", (conversation, seq, starred))
    }

    /// One's starred messages, the last starred first.
    pub fn list_starred(&self, request: StarredRequest) -> Answer<StarredPage> {
        self.call("ListStarred", (request,))
    }

    /// Says elsewhere what a message says.
    pub fn forward_message(
        &self,
        conversation: ConversationId,
        seq: Seq,
        to: ConversationId,
        id: Option<MessageId>,
    ) -> Answer<Sent> {
        self.call("ForwardMessage", (conversation, seq, to, id))
    }

    /// Messages with all these words, the newest first.
    pub fn search_messages(&self, text: &str, request: MessageSearch) -> Answer<SearchPage> {
        self.call("SearchMessages", (text.to_owned(), request))
    }

    /// A group with all its members.
    pub fn get_group(&self, group: ConversationId) -> Answer<GroupInfo> {
        self.call("GetGroup", (group,))
    }

    /// Adds users to a group.
    pub fn add_to_group(&self, group: ConversationId, users: Vec<UserId>) -> Answer<Seq> {
        self.call("AddUsersToGroup", (group, users))
    }

    /// Removes a user from a group.
    pub fn remove_from_group(&self, group: ConversationId, user: UserId) -> Answer<Seq> {
        self.call("RemoveFromGroup", (group, user))
    }

    /// Makes a member an admin.
    pub fn promote_to_admin(&self, group: ConversationId, user: UserId) -> Answer<Seq> {
        self.call("PromoteToAdmin", (group, user))
    }

    /// Makes an admin an ordinary member.
    pub fn demote_admin(&self, group: ConversationId, user: UserId) -> Answer<Seq> {
        self.call("DemoteAdmin", (group, user))
    }

    /// Leaves a group, after making another its admin if one is named.
    pub fn leave_group(&self, group: ConversationId, successor: Option<UserId>) -> Answer<Seq> {
        self.call("LeaveGroup", (group, successor))
    }

    /// Changes a group's name, description or picture.
    pub fn update_group(&self, group: ConversationId, changes: GroupChanges) -> Answer<Seq> {
        self.call("UpdateGroup", (group, changes))
    }

    /// Deletes a group for everyone.
    pub fn delete_group(&self, group: ConversationId) -> Answer<Seq> {
        self.call("DeleteGroup", (group,))
    }

    /// Who was in a group when.
    pub fn membership_history(&self, group: ConversationId) -> Answer<Vec<MembershipRecord>> {
        self.call("MembershipHistory", (group,))
    }

    /// Shows oneself as online.
    pub fn check_in(&self) -> Answer<()> {
        self.call("CheckIn", ())
    }

    /// Shows oneself as offline, although connected.
    pub fn check_out(&self) -> Answer<()> {
        self.call("CheckOut", ())
    }

    /// Whether a user is there, and when they last were.
    pub fn last_status(&self, user: UserId) -> Answer<Presence> {
        self.call("LastStatus", (user,))
    }

    /// The user with exactly this username, email address or phone number.
    pub fn find_user(&self, text: &str) -> Answer<UserInfo> {
        self.call("FindUser", (text.to_owned(),))
    }

    /// Users whose username or name begins so, or who have that address.
    pub fn search_users(&self, text: &str, page: UserPageRequest) -> Answer<UserPage> {
        self.call("SearchUsers", (text.to_owned(), page))
    }

    /// What a user tells of themselves.
    pub fn get_profile(&self, user: UserId) -> Answer<Profile> {
        self.call("GetProfile", (user,))
    }

    /// Changes one's profile, or as an admin another's.
    pub fn update_profile(&self, changes: ProfileChanges, user: Option<UserId>) -> Answer<Profile> {
        self.call("UpdateProfile", (changes, user))
    }

    /// Users by their ids; those that do not exist are left out.
    pub fn get_users(&self, users: Vec<UserId>) -> Answer<Vec<UserInfo>> {
        self.call("GetUsers", (users,))
    }

    /// Who is asking.
    pub fn who_am_i(&self) -> Answer<WhoAmI> {
        self.call("WhoAmI", ())
    }

    /// What one lets others know and do.
    pub fn get_privacy(&self) -> Answer<Privacy> {
        self.call("GetPrivacy", ())
    }

    /// Changes what one lets others know and do, and answers all of it.
    pub fn set_privacy(&self, changes: PrivacyChanges) -> Answer<Privacy> {
        self.call("SetPrivacy", (changes,))
    }

    /// What happened, the newest first.
    pub fn list_notifications(&self, request: NotificationsRequest) -> Answer<NotificationPage> {
        self.call("ListNotifications", (request,))
    }

    /// One has looked at it.
    pub fn mark_notification_read(&self, notification: NotificationId) -> Answer<()> {
        self.call("MarkNotificationRead", (notification,))
    }

    /// One has looked at all of them.
    pub fn mark_all_notifications_read(&self) -> Answer<()> {
        self.call("MarkAllNotificationsRead", ())
    }

    /// Accounts, for those who look after the server.
    pub fn list_accounts(&self, request: AccountsRequest) -> Answer<AccountPage> {
        self.call("ListAccounts", (request,))
    }

    /// Suspends an account.
    pub fn suspend_user(&self, user: UserId) -> Answer<AccountInfo> {
        self.call("SuspendUser", (user,))
    }

    /// Ends a suspension.
    pub fn reinstate_user(&self, user: UserId) -> Answer<AccountInfo> {
        self.call("ReinstateUser", (user,))
    }

    /// Deletes another's account.
    pub fn delete_user(&self, user: UserId) -> Answer<()> {
        self.call("DeleteUser", (user,))
    }

    /// Gives an account a password that is good for one sign-in.
    pub fn reset_password(&self, user: UserId) -> Answer<OneTimePassword> {
        self.call("ResetPassword", (user,))
    }

    /// Gives an account a role.
    pub fn set_role(&self, user: UserId, role: ServerRole) -> Answer<AccountInfo> {
        self.call("SetRole", (user, role))
    }

    /// Another's signed-in devices.
    pub fn list_user_sessions(&self, user: UserId) -> Answer<Vec<SessionInfo>> {
        self.call("ListUserSessions", (user,))
    }

    /// Signs a device of another out.
    pub fn end_user_session(&self, user: UserId, device: DeviceId) -> Answer<()> {
        self.call("EndUserSession", (user, device))
    }

    /// Signs all devices of another out.
    pub fn end_user_sessions(&self, user: UserId) -> Answer<()> {
        self.call("EndUserSessions", (user,))
    }

    /// How much the server holds.
    pub fn get_statistics(&self) -> Answer<Statistics> {
        self.call("GetStatistics", ())
    }

    /// The account's signed-in devices.
    pub fn list_sessions(&self) -> Answer<Vec<SessionInfo>> {
        self.call("ListSessions", ())
    }

    /// Signs a device out.
    pub fn revoke_session(&self, device: DeviceId) -> Answer<()> {
        self.call("RevokeSession", (device,))
    }

    /// This device holds the messages sent to it alone up to `number`.
    pub fn acknowledge_device_messages(&self, number: u64) -> Answer<()> {
        self.call("AcknowledgeDeviceMessages", (number,))
    }

    /// Watches these users come and go, and nobody else: how they stand now.
    pub fn watch_presence(&self, users: Vec<UserId>) -> Answer<Vec<Presence>> {
        self.call("WatchPresence", (users,))
    }

    /// Lists a user among one's contacts.
    pub fn add_contact(&self, user: UserId) -> Answer<()> {
        self.call("AddContact", (user,))
    }

    /// Takes a user off one's contacts.
    pub fn remove_contact(&self, user: UserId) -> Answer<()> {
        self.call("RemoveContact", (user,))
    }

    /// A page of one's contacts.
    pub fn list_contacts(&self, request: ContactsRequest) -> Answer<ContactsPage> {
        self.call("ListContacts", (request,))
    }

    /// Blocks a user.
    pub fn block(&self, user: UserId) -> Answer<()> {
        self.call("Block", (user,))
    }

    /// Ends a block.
    pub fn unblock(&self, user: UserId) -> Answer<()> {
        self.call("Unblock", (user,))
    }

    /// Whom one has blocked.
    pub fn list_blocked(&self) -> Answer<Vec<BlockedUser>> {
        self.call("ListBlocked", ())
    }

    /// Asks a user to talk.
    pub fn send_invite(&self, user: UserId, message: Option<String>) -> Answer<InviteOutcome> {
        self.call("SendInvite", (user, message))
    }

    /// Answers an invite.
    pub fn answer_invite(&self, invite: InviteId, accept: bool) -> Answer<Invite> {
        self.call("AnswerInvite", (invite, accept))
    }

    /// Takes an invite back.
    pub fn withdraw_invite(&self, invite: InviteId) -> Answer<()> {
        self.call("WithdrawInvite", (invite,))
    }

    /// The invites received or sent.
    pub fn list_invites(&self, direction: InviteDirection) -> Answer<Vec<Invite>> {
        self.call("ListInvites", (direction,))
    }

    /// Reports a user or a message to the moderators.
    pub fn report(&self, report: NewReport) -> Answer<ReportId> {
        self.call("Report", (report,))
    }

    /// A page of reports, for moderators.
    pub fn list_reports(&self, request: ReportsRequest) -> Answer<ReportsPage> {
        self.call("ListReports", (request,))
    }

    /// Closes a report, for moderators.
    pub fn close_report(&self, report: ReportId, note: Option<String>) -> Answer<Report> {
        self.call("CloseReport", (report, note))
    }

    /// Ends the connection after what was called was sent.
    pub fn disconnect(&self) {
        self.0.close();
    }
}

impl Link for Hub {
    fn sync(&self, request: SyncRequest) -> BoxFuture<'static, Result<SyncPage, Error>> {
        self.sync_page(request)
    }

    fn send(
        &self,
        conversation: ConversationId,
        message: OutgoingMessage,
    ) -> BoxFuture<'static, Result<Sent, Error>> {
        self.send_message(conversation, message)
    }

    fn acknowledge(&self, conversation: ConversationId, seq: Seq) -> BoxFuture<'static, Result<(), Error>> {
        self.acknowledge_up_to(conversation, seq)
    }

    fn check_in(&self) -> BoxFuture<'static, Result<(), Error>> {
        Hub::check_in(self)
    }

    fn close(&self) {
        self.disconnect();
    }
}

/// What a failed call means.
pub(crate) fn invoke_error(error: InvokeError) -> Error {
    match error {
        InvokeError::Server(text) => Error::from_hub(&text),
        error @ (InvokeError::Encode(_) | InvokeError::Decode(_)) => Error::Protocol(error.to_string()),
        error @ (InvokeError::Closed | InvokeError::Full) => Error::Network(error.to_string()),
    }
}
