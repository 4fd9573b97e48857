//! What this service needs kept. Each method is one whole transaction: it happens entirely and durably, or not at all.

use async_trait::async_trait;
use platform::Timestamp;
use protocol::{ConversationId, InviteId, Report, ReportId, UserId};

use crate::StoreError;

/// What became of putting somebody on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// They are on it now.
    Added,
    /// They were before.
    Already,
    /// It is full.
    Full,
}

/// How an invite stands in the store. That it has expired shows by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteState {
    /// It waits.
    Open,
    /// Its two listed each other, and are to have a conversation.
    Accepted,
    /// The invitee said no.
    Rejected,
    /// The inviter took it back.
    Withdrawn,
}

/// An invite as stored: of two users there is at most one, whoever invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInvite {
    /// Its id.
    pub id: InviteId,
    /// Who asks.
    pub inviter: UserId,
    /// Who is asked.
    pub invitee: UserId,
    /// What the inviter says.
    pub message: Option<String>,
    /// How it stands.
    pub state: InviteState,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it stops waiting.
    pub expires_at: Timestamp,
    /// When it stopped being open.
    pub answered_at: Option<Timestamp>,
    /// The two's conversation, once it is known.
    pub conversation: Option<ConversationId>,
}

impl StoredInvite {
    /// Whether it waits for an answer.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == InviteState::Open && self.expires_at > now
    }
}

/// An invite to be.
#[derive(Debug, Clone)]
pub struct NewInvite {
    /// Its id.
    pub id: InviteId,
    /// Who asks.
    pub inviter: UserId,
    /// Who is asked.
    pub invitee: UserId,
    /// What the inviter says.
    pub message: Option<String>,
    /// Now.
    pub now: Timestamp,
    /// When it stops waiting.
    pub expires_at: Timestamp,
    /// A rejection after this time still counts.
    pub rejected_since: Timestamp,
    /// Open invites that the inviter may have, this one included.
    pub max_sent: u32,
    /// Open invites that the invitee may have, this one included.
    pub max_received: u32,
    /// Contacts that each may list, should this one make them contacts.
    pub max_contacts: u32,
}

/// What became of a [`NewInvite`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invited {
    /// It waits now, in place of whatever was between the two.
    Kept(StoredInvite),
    /// One waits already.
    Open(StoredInvite),
    /// The invitee had invited the inviter, who has accepted by this; or one of the two had accepted before, and there is
    /// no conversation yet. They list each other.
    Agreed(StoredInvite),
    /// The invitee rejected one at that time.
    Rejected(Timestamp),
    /// One of the two has blocked the other.
    Blocked,
    /// The inviter has too many open ones.
    TooManySent,
    /// The invitee has too many open ones.
    TooManyReceived,
}

/// What became of an answer to an invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// There is no such invite to that user (or, for withdrawing, from them).
    Unknown,
    /// It is settled now. If it was accepted, the two list each other.
    Now(StoredInvite),
    /// It was not open any more, and stays as it is.
    Before(StoredInvite),
}

/// Keeps contacts, blocks, invites and reports.
#[async_trait]
pub trait PeopleStore: Send + Sync + 'static {
    /// Adds a contact, unless `owner` has `max` of them.
    async fn add_contact(
        &self,
        owner: UserId,
        user: UserId,
        now: Timestamp,
        max: u32,
    ) -> Result<Listed, StoreError>;

    /// Removes a contact. Returns whether there was one.
    async fn remove_contact(&self, owner: UserId, user: UserId) -> Result<bool, StoreError>;

    /// The contacts of `owner` with an id after `after`, by their ids.
    async fn contacts(
        &self,
        owner: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, Timestamp)>, StoreError>;

    /// Those of `users` whom `owner` lists, in any order.
    async fn listed_of(&self, owner: UserId, users: &[UserId]) -> Result<Vec<UserId>, StoreError>;

    /// Those of `owners` who list `user`, in any order.
    async fn listing(&self, owners: &[UserId], user: UserId) -> Result<Vec<UserId>, StoreError>;

    /// Blocks a user, unless `owner` has blocked `max`; an open invite between the two ends: withdrawn if it is the
    /// owner's, or else rejected. Returns what that left.
    async fn block(
        &self,
        owner: UserId,
        user: UserId,
        now: Timestamp,
        max: u32,
    ) -> Result<(Listed, Option<StoredInvite>), StoreError>;

    /// Ends a block. Returns whether there was one.
    async fn unblock(&self, owner: UserId, user: UserId) -> Result<bool, StoreError>;

    /// Whom each of `owners` has blocked, and when: `(owner, user, when)`, in any order.
    async fn blocked(&self, owners: &[UserId]) -> Result<Vec<(UserId, UserId, Timestamp)>, StoreError>;

    /// Keeps an invite; see [`Invited`]. Of two at once between the same two users, one finds the other.
    async fn invite(&self, invite: NewInvite) -> Result<Invited, StoreError>;

    /// Answers an open invite. Accepting makes the two each other's contacts, as far as each has less than
    /// `max_contacts`.
    async fn answer_invite(
        &self,
        id: InviteId,
        invitee: UserId,
        accept: bool,
        now: Timestamp,
        max_contacts: u32,
    ) -> Result<Answered, StoreError>;

    /// Takes an open invite back.
    async fn withdraw_invite(
        &self,
        id: InviteId,
        inviter: UserId,
        now: Timestamp,
    ) -> Result<Answered, StoreError>;

    /// Notes which conversation an accepted invite led to.
    async fn conclude_invite(&self, id: InviteId, conversation: ConversationId) -> Result<(), StoreError>;

    /// Accepted invites without a conversation, answered before `before`.
    async fn unconcluded_invites(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvite>, StoreError>;

    /// The invites to (`received`) or from a user: those that wait first, then the newest.
    async fn invites(
        &self,
        user: UserId,
        received: bool,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvite>, StoreError>;

    /// Drops invites whose time ended before `before`, however they stand, but for accepted ones without a conversation.
    /// At most `limit`; returns how many.
    async fn drop_invites(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Keeps a report, unless its reporter has `max_open` open ones: then returns false.
    async fn report(&self, report: Report, max_open: u32) -> Result<bool, StoreError>;

    /// Open or closed reports with an id before `before`, the newest first.
    async fn reports(
        &self,
        closed: bool,
        before: Option<ReportId>,
        limit: u32,
    ) -> Result<Vec<Report>, StoreError>;

    /// Closes an open report. Returns it, closed by whoever was first; None if there is none.
    async fn close_report(
        &self,
        id: ReportId,
        moderator: UserId,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<Option<Report>, StoreError>;

    /// Erases a user's contacts, blocks and invites, and them from those of others. Returns who had blocked them.
    async fn forget(&self, user: UserId) -> Result<Vec<UserId>, StoreError>;
}
