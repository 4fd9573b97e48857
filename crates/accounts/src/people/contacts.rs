//! Contacts: whom a user lists. Being listed is nothing one asks for or hears of.

use std::collections::HashMap;

use platform::Timestamp;
use protocol::{Contact, ContactsPage, ContactsRequest, UserId, UserInfo};

use super::store::Listed;
use super::{Bound, People, PeopleError};

impl People {
    /// Lists a user. Listed already, they stay.
    ///
    /// # Errors
    /// There is no such user, or it is oneself; the list is full; the store did not answer.
    pub async fn add_contact(&self, owner: UserId, user: UserId) -> Result<(), PeopleError> {
        self.check_other(owner, user, "list").await?;
        let limit = self.0.policy.contacts;
        match self.0.store.add_contact(owner, user, self.now(), limit).await? {
            Listed::Added => self.visibility_changed(owner, Some(user)),
            Listed::Already => {}
            Listed::Full => {
                self.0.refusals.count(Bound::Contacts);
                return Err(PeopleError::Full { what: "contacts", limit });
            }
        }
        Ok(())
    }

    /// Takes a user off the list, on which they may not have been.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn remove_contact(&self, owner: UserId, user: UserId) -> Result<(), PeopleError> {
        if self.0.store.remove_contact(owner, user).await? {
            self.visibility_changed(owner, Some(user));
        }
        Ok(())
    }

    /// A page of the list.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn contacts(
        &self,
        owner: UserId,
        request: ContactsRequest,
    ) -> Result<ContactsPage, PeopleError> {
        let most = self.0.policy.contacts_page;
        let limit = request.limit.unwrap_or(most).clamp(1, most);
        let mut listed = self.0.store.contacts(owner, request.after, limit + 1).await?;
        let more = listed.len() > limit as usize;
        listed.truncate(limit as usize);
        let next = listed.last().map(|(user, _)| *user).filter(|_| more);
        let mut named = self.named(listed).await?;
        let contacts = named.drain(..).map(|(user, added_at)| Contact { user, added_at }).collect();
        Ok(ContactsPage { contacts, next })
    }

    /// These users as others see them, in order; whoever is gone is left out.
    pub(super) async fn named(
        &self,
        users: Vec<(UserId, Timestamp)>,
    ) -> Result<Vec<(UserInfo, Timestamp)>, PeopleError> {
        let ids: Vec<_> = users.iter().map(|(user, _)| *user).collect();
        let found = self.0.accounts.users(&ids).await?;
        let mut times: HashMap<_, _> = users.into_iter().collect();
        let named = found.into_iter().filter_map(|user| times.remove(&user.id).map(|time| (user, time)));
        Ok(named.collect())
    }

    /// Two began to talk: whoever began lists the other from now on, if there is room. Best effort.
    pub async fn met(&self, caller: UserId, user: UserId) {
        if caller == user {
            return;
        }
        match self.0.store.add_contact(caller, user, self.now(), self.0.policy.contacts).await {
            Ok(Listed::Added) => self.visibility_changed(caller, Some(user)),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "somebody new to talk to was not listed"),
        }
    }
}
