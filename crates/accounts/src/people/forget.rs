//! What goes with an account that is deleted.

use protocol::UserId;

use super::{People, PeopleError};

impl People {
    /// Erases a user's contacts, blocks and invites, and them from those of others. May be repeated.
    ///
    /// # Errors
    /// The store did not answer: nothing was erased.
    pub async fn forget(&self, user: UserId) -> Result<(), PeopleError> {
        let people = self.clone();
        let forgetting = tokio::spawn(async move {
            let outcome = people.0.store.forget(user).await;
            people.0.blocked.remove(&user);
            for owner in outcome.iter().flatten() {
                people.0.blocked.remove(owner);
            }
            outcome
        });
        forgetting.await.map_err(|error| PeopleError::Unavailable(error.to_string()))??;
        Ok(())
    }
}
