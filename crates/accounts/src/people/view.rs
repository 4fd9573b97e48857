//! Who may see whether somebody is there.

use std::collections::HashSet;

use protocol::{LastSeenTo, UserId};

use super::blocks::has_blocked;
use super::{People, PeopleError};

impl People {
    /// A user's privacy has changed: who may see them, too.
    pub fn privacy_changed(&self, user: UserId) {
        self.visibility_changed(user, None);
    }

    /// Those of `users` whom `viewer` may see come and go. Oneself is always among them.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn visible_to(&self, viewer: UserId, users: &[UserId]) -> Result<HashSet<UserId>, PeopleError> {
        let blocked = self.blocked_by(users).await?;
        let (mut visible, mut choosy) = (HashSet::with_capacity(users.len()), Vec::new());
        for (user, privacy) in self.0.accounts.privacies(users).await? {
            if user == viewer {
                visible.insert(user);
            } else if !blocked.get(&user).is_some_and(|blocked| has_blocked(blocked, viewer)) {
                match privacy.last_seen {
                    LastSeenTo::Everyone => drop(visible.insert(user)),
                    LastSeenTo::Contacts => choosy.push(user),
                    LastSeenTo::Nobody => {}
                }
            }
        }
        if !choosy.is_empty() {
            visible.extend(self.0.store.listing(&choosy, viewer).await?);
        }
        Ok(visible)
    }

    /// Those of `viewers` who may see `user` come and go.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn viewers_of(&self, user: UserId, viewers: &[UserId]) -> Result<HashSet<UserId>, PeopleError> {
        let blocked = self.blocked_by(&[user]).await?.remove(&user).unwrap_or_default();
        let privacy = self.0.accounts.privacies(&[user]).await?.pop();
        let last_seen = privacy.map_or(LastSeenTo::Nobody, |(_, privacy)| privacy.last_seen);
        let mut allowed: HashSet<UserId> = match last_seen {
            LastSeenTo::Everyone => viewers.iter().copied().collect(),
            LastSeenTo::Contacts => self.0.store.listed_of(user, viewers).await?.into_iter().collect(),
            LastSeenTo::Nobody => HashSet::new(),
        };
        allowed.retain(|viewer| !has_blocked(&blocked, *viewer));
        if viewers.contains(&user) {
            allowed.insert(user);
        }
        Ok(allowed)
    }
}
