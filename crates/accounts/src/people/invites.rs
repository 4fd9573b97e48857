//! Asking to talk: the handshake before a first conversation, with those who want one.
//!
//! An acceptance is on disk before the conversation exists: whatever stops the server in between, the two have agreed,
//! and the conversation is begun when somebody asks again or by [`People::upkeep`].

use platform::Timestamp;
use protocol::{
    ConversationId, Invite, InviteDirection, InviteId, InviteOutcome, InviteStatus, UserId, UserInfo,
};

use super::store::{Answered, InviteState, Invited, NewInvite, StoredInvite};
use super::{Bound, Consent, People, PeopleError, bounded};
use crate::error::until;

/// What a blocked user is told.
pub(super) const BLOCKED_BY_THEM: &str = "this user does not take messages from you";
/// What who blocked is told.
pub(super) const BLOCKED_BY_CALLER: &str = "you have blocked this user: unblock them first";
/// An acceptance without a conversation for so long was left behind by a crash, in milliseconds.
const LEFT_BEHIND_MS: i64 = 10_000;
/// Invites dealt with in one transaction.
const BATCH: u32 = 500;

impl People {
    /// Asks to talk. Who takes everybody, or lists the caller, or has talked with them, is talked with at once. Asked
    /// again while one waits, it is that one; asked by both, both have accepted.
    ///
    /// # Errors
    /// There is no such user, or it is oneself; one has blocked the other; the message is too long; too many wait; the
    /// user rejected one lately; somebody did not answer.
    pub async fn invite(
        &self,
        caller: UserId,
        user: UserId,
        message: Option<String>,
    ) -> Result<InviteOutcome, PeopleError> {
        let message = bounded("message", message, self.0.policy.invite_characters)?;
        self.check_other(caller, user, "invite").await?;
        let neighbours = self.neighbours()?;
        let talks = match self.may_begin(caller, user).await? {
            Consent::Given => true,
            Consent::ByInvite => {
                neighbours.have_talked(caller, user).await.map_err(PeopleError::Unavailable)?
            }
            Consent::BlockedByThem => return Err(PeopleError::Forbidden(BLOCKED_BY_THEM)),
            Consent::BlockedByCaller => return Err(PeopleError::Forbidden(BLOCKED_BY_CALLER)),
        };
        let online = neighbours.is_online(user) && self.visible_to(caller, &[user]).await?.contains(&user);
        let accepted = |invite, conversation| InviteOutcome {
            status: InviteStatus::Accepted,
            online,
            invite,
            conversation: Some(conversation),
        };
        if talks {
            let conversation = neighbours.converse(caller, user).await.map_err(PeopleError::Unavailable)?;
            return Ok(accepted(None, conversation));
        }
        let (now, policy) = (self.now(), &self.0.policy);
        let new = NewInvite {
            id: InviteId::compose(now, self.random()),
            inviter: caller,
            invitee: user,
            message,
            now,
            expires_at: now + policy.invite_ms(),
            rejected_since: now - policy.invite_again_ms(),
            max_sent: policy.invites_sent,
            max_received: policy.invites_received,
            max_contacts: policy.contacts,
        };
        let too_soon = |bound, why, retry_after| {
            self.0.refusals.count(bound);
            Err(PeopleError::TooSoon { why, retry_after })
        };
        match self.0.store.invite(new).await? {
            Invited::Kept(invite) => {
                self.tell_both(&invite).await;
                Ok(InviteOutcome {
                    status: InviteStatus::Pending,
                    online,
                    invite: Some(invite.id),
                    conversation: None,
                })
            }
            Invited::Open(invite) => Ok(InviteOutcome {
                status: InviteStatus::Pending,
                online,
                invite: Some(invite.id),
                conversation: None,
            }),
            Invited::Agreed(invite) => {
                let id = invite.id;
                Ok(accepted(Some(id), self.conclude(invite).await?))
            }
            Invited::Blocked => Err(PeopleError::Forbidden(BLOCKED_BY_THEM)),
            Invited::Rejected(at) => too_soon(
                Bound::InvitesAgain,
                "this user has declined: wait before you ask again",
                until(now, at + policy.invite_again_ms()),
            ),
            Invited::TooManySent => {
                too_soon(Bound::InvitesSent, "too many invites of yours wait for an answer", None)
            }
            Invited::TooManyReceived => {
                too_soon(Bound::InvitesReceived, "too many invites wait for this user's answer", None)
            }
        }
    }

    /// Answers an invite. Repeated, it answers the same; the other way round it is too late.
    ///
    /// # Errors
    /// There is no such invite to the caller, or it is settled otherwise; somebody did not answer: then repeat it.
    pub async fn answer_invite(
        &self,
        caller: UserId,
        invite: InviteId,
        accept: bool,
    ) -> Result<Invite, PeopleError> {
        let now = self.now();
        let invite =
            match self.0.store.answer_invite(invite, caller, accept, now, self.0.policy.contacts).await? {
                Answered::Unknown => return Err(PeopleError::NotFound("invite")),
                Answered::Now(invite) => {
                    if !accept {
                        self.tell_both(&invite).await;
                    }
                    invite
                }
                Answered::Before(invite) => match (invite.state, accept) {
                    (InviteState::Accepted, true) | (InviteState::Rejected, false) => invite,
                    (InviteState::Accepted, false) => return Err(settled("you have accepted this invite")),
                    (InviteState::Rejected, true) => return Err(settled("you have rejected this invite")),
                    (InviteState::Withdrawn, _) => return Err(settled("this invite was withdrawn")),
                    (InviteState::Open, _) => return Err(settled("this invite has expired")),
                },
            };
        let mut invite = invite;
        if invite.state == InviteState::Accepted && invite.conversation.is_none() {
            invite.conversation = Some(self.conclude(invite.clone()).await?);
        }
        self.seen_by(caller, vec![invite]).await?.pop().ok_or(PeopleError::NotFound("user"))
    }

    /// Takes an invite back. Repeated, it answers the same.
    ///
    /// # Errors
    /// There is no such invite from the caller, or it was answered; the store did not answer.
    pub async fn withdraw_invite(&self, caller: UserId, invite: InviteId) -> Result<(), PeopleError> {
        match self.0.store.withdraw_invite(invite, caller, self.now()).await? {
            Answered::Unknown => Err(PeopleError::NotFound("invite")),
            Answered::Now(invite) => {
                self.tell_both(&invite).await;
                Ok(())
            }
            Answered::Before(invite) => match invite.state {
                // Nobody waits for an expired one.
                InviteState::Withdrawn | InviteState::Open => Ok(()),
                InviteState::Accepted | InviteState::Rejected => {
                    Err(settled("this invite has been answered"))
                }
            },
        }
    }

    /// The invites to or from the caller, those that wait first, then the newest; at most 500.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn invites(
        &self,
        caller: UserId,
        direction: InviteDirection,
    ) -> Result<Vec<Invite>, PeopleError> {
        let received = direction == InviteDirection::Received;
        let mut invites =
            self.0.store.invites(caller, received, self.now(), self.0.policy.invites_listed).await?;
        for invite in &mut invites {
            if invite.state == InviteState::Accepted && invite.conversation.is_none() {
                invite.conversation = Some(self.conclude(invite.clone()).await?);
            }
        }
        self.seen_by(caller, invites).await
    }

    /// Begins the conversations that a crash kept from those who had agreed, and forgets invites whose 30 days ended 7
    /// days ago. To be called about once a minute.
    ///
    /// # Errors
    /// Somebody did not answer: what is left is for the next call.
    pub async fn upkeep(&self) -> Result<(), PeopleError> {
        let now = self.now();
        for invite in self.0.store.unconcluded_invites(now - LEFT_BEHIND_MS, BATCH).await? {
            self.conclude(invite).await?;
        }
        while self.0.store.drop_invites(now - self.0.policy.invite_again_ms(), BATCH).await?
            == u64::from(BATCH)
        {}
        Ok(())
    }

    /// Begins the conversation of two who agreed, notes it and tells both. May be repeated. Goes on to its end, also if
    /// nobody waits for it any more.
    async fn conclude(&self, invite: StoredInvite) -> Result<ConversationId, PeopleError> {
        let people = self.clone();
        let concluding = tokio::spawn(async move {
            let StoredInvite { inviter, invitee, .. } = invite;
            let begun = people.neighbours()?.converse(inviter, invitee).await;
            let conversation = begun.map_err(PeopleError::Unavailable)?;
            people.0.store.conclude_invite(invite.id, conversation).await?;
            people.visibility_changed(inviter, Some(invitee));
            people.visibility_changed(invitee, Some(inviter));
            people.tell_both(&StoredInvite { conversation: Some(conversation), ..invite }).await;
            Ok(conversation)
        });
        concluding.await.map_err(|error| PeopleError::Unavailable(error.to_string()))?
    }

    /// Tells the devices of both how an invite stands. Best effort: it is stored.
    pub(super) async fn tell_both(&self, invite: &StoredInvite) {
        let Ok(neighbours) = self.neighbours() else { return };
        for user in [invite.inviter, invite.invitee] {
            match self.seen_by(user, vec![invite.clone()]).await {
                Ok(seen) => seen.into_iter().for_each(|seen| neighbours.invite_changed(user, seen)),
                Err(error) => tracing::warn!(%error, "nobody is told of an invite"),
            }
        }
    }

    /// Invites as one of their two sees them; those with somebody who is gone are left out.
    async fn seen_by(&self, viewer: UserId, invites: Vec<StoredInvite>) -> Result<Vec<Invite>, PeopleError> {
        let other = |invite: &StoredInvite| {
            if invite.inviter == viewer { invite.invitee } else { invite.inviter }
        };
        let others: Vec<_> = invites.iter().map(other).collect();
        let users = self.0.accounts.users(&others).await?;
        let now = self.now();
        let seen = invites.into_iter().filter_map(|invite| {
            let user = users.iter().find(|user| user.id == other(&invite))?.clone();
            Some(seen(viewer, user, invite, now))
        });
        Ok(seen.collect())
    }
}

fn seen(viewer: UserId, user: UserInfo, invite: StoredInvite, now: Timestamp) -> Invite {
    let direction = if invite.inviter == viewer { InviteDirection::Sent } else { InviteDirection::Received };
    let status = match invite.state {
        InviteState::Open if invite.is_open(now) => InviteStatus::Pending,
        InviteState::Open => InviteStatus::Expired,
        InviteState::Accepted => InviteStatus::Accepted,
        InviteState::Rejected => InviteStatus::Rejected,
        InviteState::Withdrawn => InviteStatus::Withdrawn,
    };
    Invite {
        id: invite.id,
        direction,
        user,
        message: invite.message,
        status,
        created_at: invite.created_at,
        expires_at: invite.expires_at,
        answered_at: invite.answered_at,
        conversation: invite.conversation,
    }
}

fn settled(why: &'static str) -> PeopleError {
    PeopleError::Settled(why)
}
