//! Users by id, and by exact name or address (A7).

use std::collections::HashMap;

use protocol::{UserId, UserInfo};

use crate::store::Lookup;
use crate::{AccountError, Accounts, Address, names};

/// Users asked for in one transaction.
const LOAD_USERS: usize = 500;

impl Accounts {
    /// These users, in the order asked for; those unknown are left out. No call to the store for those cached.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<UserInfo>, AccountError> {
        let names = &self.0.names;
        let mut found: Vec<_> = ids.iter().map(|id| names.get(id)).collect();
        let unknown = ids.iter().zip(&found).filter(|(_, user)| user.is_none());
        let missing: Vec<_> = unknown.map(|(id, _)| *id).collect();
        let mut loaded = HashMap::with_capacity(missing.len());
        for chunk in missing.chunks(LOAD_USERS) {
            let mark = names.mark();
            for user in self.0.store.users(chunk).await? {
                names.insert(mark, user.id, user.clone());
                loaded.insert(user.id, user);
            }
        }
        for (id, user) in ids.iter().zip(&mut found).filter(|(_, user)| user.is_none()) {
            *user = loaded.get(id).cloned();
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The user with exactly that username (with or without a leading `@`), email address or phone number. Not one who is
    /// suspended, nor one by an address who does not want to be found so.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] if it can be none of these, [`AccountError::Unavailable`].
    pub async fn find(&self, text: &str) -> Result<Option<UserInfo>, AccountError> {
        let text = text.trim();
        let lookup = if text.starts_with('+') {
            Lookup::Address(Address::phone(text)?)
        } else if let Some(username) = text.strip_prefix('@') {
            Lookup::Username(names::username(username)?)
        } else if text.contains('@') {
            Lookup::Address(Address::email(text)?)
        } else {
            Lookup::Username(names::username(text)?)
        };
        Ok(self.0.store.find(&lookup).await?)
    }
}
