//! Users, what they are to each other, and what happened to them.

use protocol::{
    BlockedUser, ContactsPage, ContactsRequest, DeviceId, Invite, InviteDirection, InviteId, InviteOutcome,
    NotificationId, NotificationPage, NotificationsRequest, Presence, Privacy, PrivacyChanges, Profile,
    ProfileChanges, SessionInfo, UserId, UserInfo, UserPage, UserPageRequest, WhoAmI,
};

use super::{Answer, Hub};

impl Hub {
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

    /// The account's signed-in devices.
    pub fn list_sessions(&self) -> Answer<Vec<SessionInfo>> {
        self.call("ListSessions", ())
    }

    /// Signs a device out.
    pub fn revoke_session(&self, device: DeviceId) -> Answer<()> {
        self.call("RevokeSession", (device,))
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
}
