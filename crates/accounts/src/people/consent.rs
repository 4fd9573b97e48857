//! Who may begin to talk to whom, and who may be added to groups by whom.

use protocol::{GroupsFrom, MessagesFrom, UserId};

use super::blocks::has_blocked;
use super::{People, PeopleError};

/// Whether a user lets another come near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// They do.
    Given,
    /// Only once they have accepted an invite.
    ByInvite,
    /// They have blocked the other.
    BlockedByThem,
    /// The other has blocked them.
    BlockedByCaller,
}

impl People {
    /// Whether `user` lets `caller` begin a direct conversation. That they have one already is not asked here.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn may_begin(&self, caller: UserId, user: UserId) -> Result<Consent, PeopleError> {
        if caller == user {
            return Ok(Consent::Given);
        }
        let blocks = self.blocks(&[(caller, user)]).await?.pop().unwrap_or_default();
        if blocks.by_first {
            return Ok(Consent::BlockedByCaller);
        }
        if blocks.by_second {
            return Ok(Consent::BlockedByThem);
        }
        let privacy = self.0.accounts.privacies(&[user]).await?.pop();
        let (_, privacy) = privacy.ok_or(PeopleError::NotFound("user"))?;
        let open = privacy.messages == MessagesFrom::Everyone;
        if open || !self.0.store.listing(&[user], caller).await?.is_empty() {
            return Ok(Consent::Given);
        }
        Ok(Consent::ByInvite)
    }

    /// Those of `users` whom `caller` may not add to a group, and why. Whether they exist is not asked here.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn not_to_be_added(
        &self,
        caller: UserId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Consent)>, PeopleError> {
        let blocked = self.blocked_by(users).await?;
        let mut refused = Vec::new();
        let mut choosy = Vec::new();
        for (user, privacy) in self.0.accounts.privacies(users).await? {
            if blocked.get(&user).is_some_and(|blocked| has_blocked(blocked, caller)) {
                refused.push((user, Consent::BlockedByThem));
            } else if privacy.groups == GroupsFrom::Contacts && user != caller {
                choosy.push(user);
            }
        }
        if !choosy.is_empty() {
            let listing = self.0.store.listing(&choosy, caller).await?;
            let others = choosy.into_iter().filter(|user| !listing.contains(user));
            refused.extend(others.map(|user| (user, Consent::ByInvite)));
        }
        Ok(refused)
    }
}
