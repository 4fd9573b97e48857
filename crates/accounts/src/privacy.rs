//! What a user lets others know and do.

use std::collections::HashMap;

use protocol::{Privacy, PrivacyChanges, UserId};

use crate::{AccountError, Accounts};

/// Users asked for in one transaction.
const LOAD_USERS: usize = 500;

impl Accounts {
    /// What a user lets others know and do. No call to the store while it is cached.
    ///
    /// # Errors
    /// [`AccountError::UnknownUser`], also for one who is deleted; [`AccountError::Unavailable`].
    pub async fn privacy(&self, user: UserId) -> Result<Privacy, AccountError> {
        let known = self.privacies(&[user]).await?.pop();
        known.map(|(_, privacy)| privacy).ok_or(AccountError::UnknownUser)
    }

    /// The same for several, in the order asked for; those unknown and deleted are left out. No call to the store for
    /// those cached.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn privacies(&self, users: &[UserId]) -> Result<Vec<(UserId, Privacy)>, AccountError> {
        let cache = &self.0.privacy;
        let mut found: HashMap<UserId, Privacy> = HashMap::with_capacity(users.len());
        let mut missing = Vec::new();
        for user in users {
            match cache.get(user) {
                Some(privacy) => drop(found.insert(*user, privacy)),
                None => missing.push(*user),
            }
        }
        for chunk in missing.chunks(LOAD_USERS) {
            let mark = cache.mark();
            for (user, privacy) in self.0.store.privacies(chunk).await? {
                cache.insert(mark, user, privacy);
                found.insert(user, privacy);
            }
        }
        Ok(users.iter().filter_map(|user| found.get(user).map(|privacy| (*user, *privacy))).collect())
    }

    /// Changes what one lets others know and do, and returns all of it.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] if nothing is to be changed, [`AccountError::UnknownUser`],
    /// [`AccountError::Unavailable`].
    pub async fn set_privacy(&self, user: UserId, changes: PrivacyChanges) -> Result<Privacy, AccountError> {
        if changes == PrivacyChanges::default() {
            return Err(AccountError::invalid("expected something to change"));
        }
        let changed = self.0.store.set_privacy(user, changes, self.0.now()).await;
        // Whether it did or failed: then it may have been done all the same.
        self.0.privacy.remove(&user);
        changed?.ok_or(AccountError::UnknownUser)
    }
}
