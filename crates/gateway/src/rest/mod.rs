//! The REST doors: every route in one table.

mod account;
mod actions;
mod admin;
mod auth;
mod body;
mod contacts;
mod conversations;
mod etag;
mod groups;
mod invites;
mod links;
mod messages;
mod notifications;
mod objects;
mod openapi;
mod parameters;
mod people;
mod reference;
mod reports;
mod table;
#[cfg(test)]
mod tests;
mod whole;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, OptionalFromRequestParts, State};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use chats::Caller;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use protocol::{
    AccountInfo, AccountPage, AccountsRequest, BlockedUser, CodeRequest, CodeSent, CodeVerification,
    ContactsPage, ContactsRequest, ConversationFilter, ConversationSettings, ConversationSummary,
    Credentials, CredentialsChange, DeletionConfirmation, ErrorCode, FirstAdmin, GroupChanges, GroupInfo,
    GroupLink, GroupPreview, HistoryRequest, Invite, InviteOutcome, JoinedGroup, MembershipRecord, Message,
    MessageEdit, MessageInfo, MessagePage, NewGroup, NewGroupLink, NewReport, NotificationPage,
    NotificationsRequest, OneTimePassword, PinnedMessage, Presence, Privacy, PrivacyChanges, Profile,
    ProfileChanges, RefreshRequest, Report, ReportsPage, ReportsRequest, SearchPage, Sent, SessionInfo,
    SignedIn, StarredPage, StarredRequest, Statistics, SyncPage, SyncRequest, Tokens, UserInfo, UserPage,
    WhoAmI,
};

use crate::CommandError;
use crate::limits::{Asked, Seat, Slot, hold};
use crate::state::Shared;
pub(crate) use body::Json;
pub use objects::REST_OBJECTS;
use objects::{
    ArchivedState, ConversationRef, DeviceMessagesUpTo, DirectRequest, FindRequest, ForwardRequest,
    InviteAnswer, InviteRequest, InvitesRequest, JoinRequest, LeaveRequest, MutedState, OneUser, PageRequest,
    PinState, Question, ReactionChoice, Recorded, RepeatId, ReportNote, ReportRef, RetentionChange,
    RoleRequest, SearchRequest, SendRequest, SeveralUsers, StarState, TypingState, UpTo, UsersRequest,
};
pub use openapi::openapi;
pub use parameters::{PARAMETERS, Parameter};
pub use table::RouteDoc;
pub(crate) use whole::Changes;

type Answer<T> = Result<axum::Json<T>, CommandError>;
/// A 204.
type Done = Result<StatusCode, CommandError>;
type Door = State<Arc<Shared>>;

table::routes! { "/api"
    /// Registers with a username and a password, and signs in.
    open post "/auth/register" (Credentials) -> SignedIn, or [UsernameTaken, RegistrationClosed, RateLimited]
        = auth::register;
    /// Signs in with a username and a password.
    open post "/auth/login" (Credentials) -> SignedIn, or [UnknownUser, WrongPassword, Suspended, RateLimited] = auth::login;
    /// Sends a one-time code by email or SMS. Where strangers may not register, none is sent to an address that no account
    /// has, unless a token says who asks, to add it to an account; the answer is the same.
    open post "/auth/code" (CodeRequest) -> CodeSent, or [RateLimited] = auth::request_code;
    /// Signs in with a one-time code; registers if nobody has the address.
    open post "/auth/verify" (CodeVerification) -> SignedIn, or [WrongCode, RegistrationClosed, Suspended] = auth::verify_code;
    /// Adds the address that a one-time code proves to one's account, in place of another of its kind.
    signed_in post "/auth/address" (CodeVerification) -> UserInfo, or [WrongCode, Conflict] = auth::add_address;
    /// Sets or changes one's username, password, or both. Replacing a password takes the current one, and signs out all
    /// other devices.
    signed_in put "/auth/credentials" (CredentialsChange) -> UserInfo, or [WrongPassword, UsernameTaken, RateLimited]
        = auth::change_credentials;
    /// Exchanges the refresh token for a new pair.
    open post "/auth/refresh" (RefreshRequest) -> Tokens, or [Unauthenticated] = auth::refresh;
    /// Signs this device out and closes its connections.
    signed_in post "/auth/logout" () = auth::logout;
    /// One's signed-in devices, the most recently active first.
    signed_in get "/auth/sessions" () -> Vec<SessionInfo> = people::sessions as ListSessions;
    /// Signs a device out and closes its connections.
    signed_in delete "/auth/sessions/{device}" (), or [NotFound] = people::revoke_session as RevokeSession;

    /// Sends a message; the answer says that it is on disk. Sent again with the same message id from the same device, it
    /// answers what it answered first.
    signed_in post "/messages/send" (SendRequest) -> Sent, or [NotFound, Forbidden, WrongEpoch]
        = messages::send as SendMessage;
    /// A page of a conversation's past, the newest first. Ask again with `before` as the least `seq` held, while `more` is
    /// true.
    signed_in get "/messages/{peer}/history" (; HistoryRequest) -> MessagePage, or [NotFound] = messages::history as History;
    /// Who got a message and who has seen it, and when.
    signed_in get "/messages/{peer}/{seq}/info" () -> MessageInfo, or [NotFound] = messages::info as MessageInfo;
    /// This device holds everything up to `seq`.
    signed_in post "/messages/{peer}/acknowledge" (UpTo), or [NotFound] = messages::acknowledge as Acknowledge;
    /// The user has seen everything up to `seq`.
    signed_in post "/messages/{peer}/seen" (UpTo), or [NotFound] = messages::mark_seen as MarkSeen;
    /// The user types, or stopped.
    signed_in post "/messages/{peer}/typing" (TypingState), or [NotFound] = messages::set_typing as SetTyping;
    /// The messages that this device has not acknowledged, those from one's other devices among them, oldest first within each conversation.
    signed_in get "/messages/new" (; PageRequest) -> MessagePage = messages::read_new as ReadNewMessages;
    /// One page of what a client has missed, and its conversations.
    signed_in post "/messages/sync" (SyncRequest) -> SyncPage = messages::sync as Sync;
    /// Drops the messages to this device up to a number, once they are dealt with.
    signed_in post "/messages/device/acknowledge" (DeviceMessagesUpTo)
        = messages::acknowledge_device_messages as AcknowledgeDeviceMessages;

    /// Changes what a text of one's own says.
    signed_in put "/messages/{peer}/{seq}" (MessageEdit) -> Sent, or [NotFound, Forbidden] = actions::edit as EditMessage;
    /// Deletes a message for everyone: one's own, or as an admin of the group.
    signed_in delete "/messages/{peer}/{seq}" (; RepeatId) -> Sent, or [NotFound, Forbidden]
        = actions::delete as DeleteMessage;
    /// Deletes an entry for oneself alone.
    signed_in post "/messages/{peer}/{seq}/hide" (), or [NotFound] = actions::hide as HideMessage;
    /// Reacts to a message, or takes one's reaction back.
    signed_in put "/messages/{peer}/{seq}/reaction" (ReactionChoice) -> Sent, or [NotFound, Forbidden]
        = actions::react as React;
    /// Pins a message for everyone, or takes the pin out.
    signed_in put "/messages/{peer}/{seq}/pin" (PinState) -> Sent, or [NotFound] = actions::pin as PinMessage;
    /// What is pinned in a conversation, the last pinned first.
    signed_in get "/messages/{peer}/pinned" () -> Vec<PinnedMessage>, or [NotFound] = actions::list_pinned as ListPinned;
    /// Stars a message for oneself, or takes the star away.
    signed_in put "/messages/{peer}/{seq}/star" (StarState), or [NotFound] = actions::star as StarMessage;
    /// One's starred messages, the last starred first.
    signed_in get "/messages/starred" (; StarredRequest) -> StarredPage = actions::list_starred as ListStarred;
    /// Says in another conversation what a text says, as a message of one's own.
    signed_in post "/messages/{peer}/{seq}/forward" (ForwardRequest) -> Sent, or [NotFound]
        = actions::forward as ForwardMessage;
    /// Messages with all these words, the newest first.
    signed_in get "/messages/search" (; Question) -> SearchPage, or [NotFound, Forbidden]
        = actions::search as SearchMessages;

    /// Every conversation, or those of a filter, the one with the latest entry first, with members, last message and unread
    /// count.
    signed_in get "/conversations" (; ConversationFilter) -> Vec<ConversationSummary>, or [NotFound] = conversations::list as LoadConversations;
    /// The direct conversation with a user, created if need be.
    signed_in post "/conversations/direct" (DirectRequest) -> ConversationRef, or [NotFound, Forbidden, InviteRequired]
        = conversations::start_direct as InitiateDirectChatSession;
    /// One conversation with all its members.
    tagged get "/conversations/{conversation}" () -> ConversationSummary, or [NotFound] = conversations::get as GetConversation;
    /// Puts a conversation away, or takes it back, on all one's devices. New messages leave it where it is.
    signed_in put "/conversations/{conversation}/archived" (ArchivedState) -> ConversationSettings, or [NotFound]
        = conversations::set_archived as SetArchived;
    /// Wants no notices of a conversation until then; wants them again if that is past or left out. Its unread messages are
    /// left out of notifications and their count; whoever names one in a message still reaches one.
    signed_in put "/conversations/{conversation}/muted" (MutedState) -> ConversationSettings, or [NotFound]
        = conversations::set_muted as SetMuted;
    /// A conversation as a file of JSON objects, one a line: the conversation with all its members (`ConversationSummary`), then
    /// each entry up to its `lastSeq` that one may see (`Message`), the oldest first. Entries of `mls` conversations are
    /// ciphertext, as they came. An answer that breaks off was not whole.
    lines get "/conversations/{conversation}/export" () -> Message, or [NotFound] = conversations::export;
    /// Sets how long the bodies of a conversation's messages are kept, those that are there included. For admins in a group,
    /// for either of the two in a direct conversation.
    signed_in put "/conversations/{conversation}/retention" (RetentionChange) -> Recorded, or [NotFound, Forbidden]
        = conversations::set_retention as SetRetention;

    /// Creates a group; the caller is its admin. Created again with the same `id`, it is the same group.
    signed_in post "/groups/create" (NewGroup) -> ConversationRef, or [NotFound, GroupFull, Forbidden, InviteRequired]
        = groups::create as InitiateGroupChatSession;
    /// A group with all its members.
    tagged get "/groups/{group}" () -> GroupInfo, or [NotFound] = groups::get as GetGroup;
    /// Changes name, description or picture; an empty picture takes it away. For admins, like all changes of a group.
    signed_in put "/groups/{group}" (GroupChanges) -> Recorded, or [NotFound, Forbidden] = groups::update as UpdateGroup;
    /// Deletes a group for everyone. Who was in it keeps what they may see.
    signed_in delete "/groups/{group}" () -> Recorded, or [NotFound, Forbidden] = groups::delete as DeleteGroup;
    /// Adds a user.
    signed_in post "/groups/{group}/addMember" (OneUser) -> Recorded, or [NotFound, Forbidden, InviteRequired, GroupFull]
        = groups::add as AddUserToGroup;
    /// Adds several users at once.
    signed_in post "/groups/{group}/addMembers" (SeveralUsers) -> Recorded, or [NotFound, Forbidden, InviteRequired, GroupFull]
        = groups::add_several as AddUsersToGroup;
    /// Removes a member.
    signed_in post "/groups/{group}/removeMember" (OneUser) -> Recorded, or [NotFound, Forbidden, LastAdmin]
        = groups::remove as RemoveFromGroup;
    /// Makes a member an admin.
    signed_in post "/groups/{group}/promote" (OneUser) -> Recorded, or [NotFound, Forbidden]
        = groups::promote as PromoteToAdmin;
    /// Makes an admin an ordinary member.
    signed_in post "/groups/{group}/demote" (OneUser) -> Recorded, or [NotFound, Forbidden, LastAdmin]
        = groups::demote as DemoteAdmin;
    /// Leaves a group. An admin may name a successor, who becomes an admin just before; the last admin has to while others
    /// remain. A group that everybody has left is closed.
    signed_in post "/groups/{group}/leave" (; LeaveRequest) -> Recorded, or [NotFound, Forbidden, LastAdmin]
        = groups::leave as LeaveGroup;
    /// Everyone who is or was in a group: who added and removed them, and when.
    signed_in get "/groups/{group}/membership" () -> Vec<MembershipRecord>, or [NotFound]
        = groups::membership as MembershipHistory;
    /// Makes a link by which whoever has it joins. For admins; a group has at most 20. Whom an admin removed it does not admit
    /// again, unless it was made after that.
    signed_in post "/groups/{group}/links" (NewGroupLink) -> GroupLink, or [NotFound, Forbidden]
        = links::create as CreateGroupLink;
    /// A group's links, the oldest first. For admins.
    signed_in get "/groups/{group}/links" () -> Vec<GroupLink>, or [NotFound, Forbidden] = links::list as ListGroupLinks;
    /// Revokes a link: from now on it admits nobody. For admins.
    signed_in delete "/groups/{group}/links/{code}" (), or [NotFound, Forbidden] = links::revoke as RevokeGroupLink;
    /// What a link leads to.
    signed_in get "/groups/join/{code}" () -> GroupPreview, or [NotFound] = links::preview as PreviewGroupLink;
    /// Joins a group by a link. Joined already, it answers the group's last entry and takes no use of the link.
    signed_in post "/groups/join" (JoinRequest) -> JoinedGroup, or [NotFound, Forbidden, GroupFull]
        = links::join as JoinGroup;

    /// What happened, the newest first: unread messages by conversation, mentions, groups one was added to, invites, what was
    /// done to the account.
    signed_in get "/notifications" (; NotificationsRequest) -> NotificationPage = notifications::list as ListNotifications;
    /// One has looked at it. Of a conversation's unread messages: they count as seen.
    signed_in post "/notifications/{notification}/markAsRead" (), or [NotFound]
        = notifications::mark_read as MarkNotificationRead;
    /// One has looked at all of them.
    signed_in post "/notifications/markAllAsRead" () = notifications::mark_all_read as MarkAllNotificationsRead;

    /// Who is asking.
    tagged get "/users/me" () -> WhoAmI = people::who_am_i as WhoAmI;
    /// What one lets others know and do.
    tagged get "/users/me/privacy" () -> Privacy = account::get_privacy as GetPrivacy;
    /// Changes what one lets others know and do; what is absent stays.
    signed_in put "/users/me/privacy" (PrivacyChanges) -> Privacy = account::set_privacy as SetPrivacy;
    /// The user with exactly this username, email address or phone number.
    signed_in get "/users/find" (; FindRequest) -> UserInfo, or [NotFound] = people::find as FindUser;
    /// Users by id, in the order asked for; those that do not exist are left out.
    signed_in get "/users" (; UsersRequest) -> Vec<UserInfo> = people::get_several as GetUsers;
    /// Users whose username or words of whose name begin so, or the one with exactly that email address or phone number.
    signed_in get "/users/search" (; SearchRequest) -> UserPage = account::search as SearchUsers;
    /// What a user tells of themselves; of oneself also what only oneself is shown.
    tagged get "/users/{user}" () -> Profile, or [NotFound] = account::get_profile as GetProfile;
    /// Changes one's profile, or as an admin another's; what is absent stays. With `If-Match`, only if it still is what it
    /// was when it was read.
    signed_in put "/users/{user}" (ProfileChanges) -> Profile, or [NotFound, Forbidden, Changed]
        = account::update_profile as UpdateProfile;
    /// Deletes one's account, which takes a confirmation, or as an admin another's, with an empty object.
    signed_in delete "/users/{user}" (DeletionConfirmation), or [NotFound, Forbidden, WrongPassword, WrongCode, LastAdmin,
        UnknownUser, RateLimited] = account::delete as DeleteAccount;
    /// Whether a user is online, and when they last were.
    signed_in get "/users/{user}/status" () -> Presence, or [NotFound] = people::last_status as LastStatus;

    /// A page of one's contacts, by their ids. Ask again with `after` as the page's `next`, while it has one.
    signed_in get "/contacts" (; ContactsRequest) -> ContactsPage = contacts::list as ListContacts;
    /// Lists a user among one's contacts.
    signed_in put "/contacts/{user}" (), or [NotFound] = contacts::add as AddContact;
    /// Takes a user off one's contacts.
    signed_in delete "/contacts/{user}" (), or [NotFound] = contacts::remove as RemoveContact;
    /// Whom one has blocked, the latest first.
    signed_in get "/blocks" () -> Vec<BlockedUser> = contacts::blocked as ListBlocked;
    /// Blocks a user: once this is answered, neither can say anything to the other directly.
    signed_in put "/blocks/{user}" (), or [NotFound] = contacts::block as Block;
    /// Ends a block.
    signed_in delete "/blocks/{user}" (), or [NotFound] = contacts::unblock as Unblock;
    /// Asks a user to talk; accepted at once if they take everybody or know one.
    signed_in post "/invites" (InviteRequest) -> InviteOutcome, or [NotFound, Forbidden, RateLimited]
        = invites::send as SendInvite;
    /// The invites one has received or sent: the waiting ones first, then the newest; at most 500.
    signed_in get "/invites" (; InvitesRequest) -> Vec<Invite> = invites::list as ListInvites;
    /// Answers an invite: accepting it begins the conversation.
    signed_in post "/invites/{invite}/answer" (InviteAnswer) -> Invite, or [NotFound, Conflict]
        = invites::answer as AnswerInvite;
    /// Takes an invite back.
    signed_in delete "/invites/{invite}" (), or [NotFound, Conflict] = invites::withdraw as WithdrawInvite;
    /// Reports a user or a message to the moderators.
    signed_in post "/reports" (NewReport) -> ReportRef, or [NotFound, RateLimited] = reports::report as Report;
    /// A page of the reports that wait, or of those closed, the newest first. For moderators and admins.
    signed_in get "/reports" (; ReportsRequest) -> ReportsPage, or [Forbidden] = reports::list as ListReports;
    /// Closes a report. For moderators and admins.
    signed_in post "/reports/{report}/close" (ReportNote) -> Report, or [NotFound, Forbidden]
        = reports::close as CloseReport;

    /// Makes the first admin, with what the link ends with that the server printed at its start.
    open post "/auth/first-admin" (FirstAdmin) -> SignedIn, or [WrongCode, WrongPassword, UsernameTaken, Suspended, RateLimited]
        = admin::first;
    /// Accounts in the order of their making, or those found by a text.
    signed_in get "/admin/users" (; AccountsRequest) -> AccountPage, or [Forbidden] = admin::list as ListAccounts;
    /// Suspends an account: its sessions end, its connections are closed, and nobody signs in to it.
    signed_in post "/admin/users/{user}/suspend" () -> AccountInfo, or [NotFound, Forbidden, LastAdmin]
        = admin::suspend as SuspendUser;
    /// Ends a suspension.
    signed_in post "/admin/users/{user}/reinstate" () -> AccountInfo, or [NotFound, Forbidden]
        = admin::reinstate as ReinstateUser;
    /// Deletes an account, as its owner could.
    signed_in delete "/admin/users/{user}" (), or [NotFound, Forbidden, LastAdmin] = admin::delete as DeleteUser;
    /// Gives an account a password that is good for one sign-in within a day, and signs out all its devices.
    signed_in post "/admin/users/{user}/password" () -> OneTimePassword, or [NotFound, Forbidden, RateLimited]
        = admin::reset_password as ResetPassword;
    /// Makes somebody a user, a moderator or an admin. One admin remains.
    signed_in put "/admin/users/{user}/role" (RoleRequest) -> AccountInfo, or [NotFound, Forbidden, LastAdmin]
        = admin::set_role as SetRole;
    /// The signed-in devices of another.
    signed_in get "/admin/users/{user}/sessions" () -> Vec<SessionInfo>, or [NotFound, Forbidden]
        = admin::sessions as ListUserSessions;
    /// Signs a device of another out.
    signed_in delete "/admin/users/{user}/sessions/{device}" (), or [NotFound, Forbidden]
        = admin::end_session as EndUserSession;
    /// Signs all devices of another out.
    signed_in delete "/admin/users/{user}/sessions" (), or [NotFound, Forbidden] = admin::end_sessions as EndUserSessions;
    /// How much the server holds.
    signed_in get "/admin/statistics" () -> Statistics, or [Forbidden] = admin::statistics as GetStatistics;
}

/// Every route under `/api`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    table()
        .merge(reference::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(not_that_way)
        .layer(DefaultBodyLimit::max(shared.options.body_bytes))
        .layer(map_response(keep_nothing))
        .layer(from_fn_with_state(Arc::clone(shared), whole::whole))
        .layer(from_fn_with_state(Arc::clone(shared), hold))
        .with_state(Arc::clone(shared))
}

/// For any path that nobody serves.
pub(crate) async fn nothing() -> CommandError {
    CommandError::new(ErrorCode::NotFound, "there is no such path")
}

/// The path is there, the method is not.
async fn not_that_way() -> Response {
    let error = CommandError::new(ErrorCode::NotFound, "that path does not take this method");
    error.problem(StatusCode::METHOD_NOT_ALLOWED)
}

/// Answers hold tokens and what others may not see: nobody on the way keeps them.
async fn keep_nothing(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The session whose access token came in `Authorization: Bearer`.
pub(crate) struct SignedInAs(pub(crate) accounts::Session);

impl FromRequestParts<Arc<Shared>> for SignedInAs {
    type Rejection = CommandError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        let token = bearer(parts).ok_or_else(CommandError::no_token)?;
        let session = shared.services.accounts.authenticate(token).await?;
        let kind = parts.extensions.get::<Asked>().and_then(|asked| asked.kind);
        shared.limits.account(session.user, kind)?;
        if let Some(slot) = parts.extensions.get::<Slot>().cloned() {
            slot.put(Seat::take(shared, session.user).await?);
        }
        Ok(Self(session))
    }
}

/// Somebody signed in where nobody has to be; a token that is no good is refused.
impl OptionalFromRequestParts<Arc<Shared>> for SignedInAs {
    type Rejection = CommandError;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Option<Self>, CommandError> {
        if bearer(parts).is_none() {
            return Ok(None);
        }
        <Self as FromRequestParts<Arc<Shared>>>::from_request_parts(parts, shared).await.map(Some)
    }
}

/// Who asks, as commands want to know it: over no connection.
pub(crate) struct As(pub(crate) Caller);

impl FromRequestParts<Arc<Shared>> for As {
    type Rejection = CommandError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        let SignedInAs(session) =
            <SignedInAs as FromRequestParts<Arc<Shared>>>::from_request_parts(parts, shared).await?;
        let accounts::Session { user, device, created_at: since, .. } = session;
        Ok(Self(Caller { user, device, since, connection: None }))
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
