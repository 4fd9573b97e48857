//! What the chats service asks about users, answered by the accounts service.

use accounts::Accounts;
use async_trait::async_trait;
use chats::Users;
use protocol::UserId;

pub(super) struct People(pub(super) Accounts);

#[async_trait]
impl Users for People {
    async fn names(&self, users: &[UserId]) -> Result<Vec<(UserId, String)>, String> {
        let found = self.0.users(users).await.map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|user| (user.id, user.name)).collect())
    }
}
