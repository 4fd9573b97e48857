//! People in PostgreSQL.
//!
//! Whatever changes what is between two users holds the lock on the pair; whatever adds to a list holds that on its
//! owner. Several are taken in one order: first the pair, then owners by their ids.

mod invites;
mod reports;

use accounts::people::store::{Answered, Invited, Listed, NewInvite, StoredInvite};
use accounts::{PeopleStore, StoreError};
use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use platform::Timestamp;
use protocol::{ConversationId, InviteId, Report, ReportId, UserId};
use tokio_postgres::Row;

use super::Database;
use super::accounts::steps::{Parameters, Result, bytes, execute, id, query};
use crate::Failure;

#[async_trait]
impl PeopleStore for Database {
    async fn add_contact(
        &self,
        owner: UserId,
        user: UserId,
        now: Timestamp,
        max: u32,
    ) -> Result<Listed, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let listed = add_contact(&transaction, owner, user, now, max).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(listed)
    }

    async fn remove_contact(&self, owner: UserId, user: UserId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM contacts WHERE owner = $1 AND user_id = $2";
        let parameters: Parameters<'_> = &[&bytes(owner.as_bytes()), &bytes(user.as_bytes())];
        Ok(execute(&self.client().await?, sql, parameters).await? == 1)
    }

    async fn contacts(
        &self,
        owner: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, Timestamp)>, StoreError> {
        let after = after.unwrap_or(UserId::from_bytes([0; 16]));
        let sql = "SELECT user_id, added_at FROM contacts WHERE owner = $1 AND user_id > $2 \
                   ORDER BY user_id LIMIT $3";
        let parameters: Parameters<'_> =
            &[&bytes(owner.as_bytes()), &bytes(after.as_bytes()), &i64::from(limit)];
        let rows = query(&self.client().await?, sql, parameters).await?;
        let contact = |row: &Row| Ok((user_id(row, 0)?, row.try_get(1)?));
        Ok(rows.iter().map(contact).collect::<Result<_>>()?)
    }

    async fn listed_of(&self, owner: UserId, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        let users: Vec<&[u8]> = users.iter().map(|user| bytes(user.as_bytes())).collect();
        let sql = "SELECT user_id FROM contacts WHERE owner = $1 AND user_id = ANY($2)";
        let rows = query(&self.client().await?, sql, &[&bytes(owner.as_bytes()), &users]).await?;
        Ok(rows.iter().map(|row| user_id(row, 0)).collect::<Result<_>>()?)
    }

    async fn listing(&self, owners: &[UserId], user: UserId) -> Result<Vec<UserId>, StoreError> {
        let owners: Vec<&[u8]> = owners.iter().map(|owner| bytes(owner.as_bytes())).collect();
        let sql = "SELECT owner FROM contacts WHERE owner = ANY($1) AND user_id = $2";
        let rows = query(&self.client().await?, sql, &[&owners, &bytes(user.as_bytes())]).await?;
        Ok(rows.iter().map(|row| user_id(row, 0)).collect::<Result<_>>()?)
    }

    async fn block(
        &self,
        owner: UserId,
        user: UserId,
        now: Timestamp,
        max: u32,
    ) -> Result<(Listed, Option<StoredInvite>), StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        lock_pair(&transaction, owner, user).await?;
        lock_owner(&transaction, owner).await?;
        let sql = "INSERT INTO blocks (owner, user_id, blocked_at) SELECT $1, $2, $3 \
                   WHERE (SELECT count(*) FROM blocks WHERE owner = $1) < $4 ON CONFLICT DO NOTHING";
        let parameters: Parameters<'_> =
            &[&bytes(owner.as_bytes()), &bytes(user.as_bytes()), &now, &i64::from(max)];
        let blocked = if execute(&transaction, sql, parameters).await? == 1 {
            (Listed::Added, invites::end_blocked(&transaction, owner, user, now).await?)
        } else if has_blocked(&transaction, owner, user).await? {
            (Listed::Already, None)
        } else {
            (Listed::Full, None)
        };
        transaction.commit().await.map_err(Failure::from)?;
        Ok(blocked)
    }

    async fn unblock(&self, owner: UserId, user: UserId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM blocks WHERE owner = $1 AND user_id = $2";
        let parameters: Parameters<'_> = &[&bytes(owner.as_bytes()), &bytes(user.as_bytes())];
        Ok(execute(&self.client().await?, sql, parameters).await? == 1)
    }

    async fn blocked(&self, owners: &[UserId]) -> Result<Vec<(UserId, UserId, Timestamp)>, StoreError> {
        let owners: Vec<&[u8]> = owners.iter().map(|owner| bytes(owner.as_bytes())).collect();
        let sql = "SELECT owner, user_id, blocked_at FROM blocks WHERE owner = ANY($1)";
        let rows = query(&self.client().await?, sql, &[&owners]).await?;
        let blocked = |row: &Row| Ok((user_id(row, 0)?, user_id(row, 1)?, row.try_get(2)?));
        Ok(rows.iter().map(blocked).collect::<Result<_>>()?)
    }

    async fn invite(&self, invite: NewInvite) -> Result<Invited, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let invited = invites::invite(&transaction, invite).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(invited)
    }

    async fn answer_invite(
        &self,
        id: InviteId,
        invitee: UserId,
        accept: bool,
        now: Timestamp,
        max_contacts: u32,
    ) -> Result<Answered, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let answered = invites::answer(&transaction, id, invitee, accept, now, max_contacts).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(answered)
    }

    async fn withdraw_invite(
        &self,
        id: InviteId,
        inviter: UserId,
        now: Timestamp,
    ) -> Result<Answered, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let withdrawn = invites::withdraw(&transaction, id, inviter, now).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(withdrawn)
    }

    async fn conclude_invite(&self, id: InviteId, conversation: ConversationId) -> Result<(), StoreError> {
        let sql = "UPDATE invites SET conversation = $2 WHERE id = $1 AND state = 1";
        let parameters: Parameters<'_> = &[&bytes(id.as_bytes()), &bytes(conversation.as_bytes())];
        execute(&self.client().await?, sql, parameters).await?;
        Ok(())
    }

    async fn unconcluded_invites(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvite>, StoreError> {
        Ok(invites::unconcluded(&self.client().await?, before, limit).await?)
    }

    async fn invites(
        &self,
        user: UserId,
        received: bool,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvite>, StoreError> {
        Ok(invites::list(&self.client().await?, user, received, now, limit).await?)
    }

    async fn drop_invites(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(invites::drop_old(&self.client().await?, before, limit).await?)
    }

    async fn report(&self, report: Report, max_open: u32) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        lock_owner(&transaction, report.reporter).await?;
        let kept = reports::insert(&transaction, &report, max_open).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(kept)
    }

    async fn reports(
        &self,
        closed: bool,
        before: Option<ReportId>,
        limit: u32,
    ) -> Result<Vec<Report>, StoreError> {
        Ok(reports::list(&self.client().await?, closed, before, limit).await?)
    }

    async fn close_report(
        &self,
        id: ReportId,
        moderator: UserId,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<Option<Report>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let closed = reports::close(&transaction, id, moderator, note, now).await?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(closed)
    }

    async fn forget(&self, user: UserId) -> Result<Vec<UserId>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Failure::from)?;
        let user = bytes(user.as_bytes());
        for sql in [
            "DELETE FROM contacts WHERE owner = $1",
            "DELETE FROM contacts WHERE user_id = $1",
            "DELETE FROM invites WHERE low = $1",
            "DELETE FROM invites WHERE high = $1",
            "DELETE FROM blocks WHERE owner = $1",
        ] {
            execute(&transaction, sql, &[&user]).await?;
        }
        let sql = "DELETE FROM blocks WHERE user_id = $1 RETURNING owner";
        let rows = query(&transaction, sql, &[&user]).await?;
        let had_blocked = rows.iter().map(|row| user_id(row, 0)).collect::<Result<_>>()?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(had_blocked)
    }
}

async fn add_contact(
    client: &impl GenericClient,
    owner: UserId,
    user: UserId,
    now: Timestamp,
    max: u32,
) -> Result<Listed> {
    lock_owner(client, owner).await?;
    let sql = "INSERT INTO contacts (owner, user_id, added_at) SELECT $1, $2, $3 \
               WHERE (SELECT count(*) FROM contacts WHERE owner = $1) < $4 ON CONFLICT DO NOTHING";
    let parameters: Parameters<'_> =
        &[&bytes(owner.as_bytes()), &bytes(user.as_bytes()), &now, &i64::from(max)];
    if execute(client, sql, parameters).await? == 1 {
        return Ok(Listed::Added);
    }
    let sql = "SELECT 1 FROM contacts WHERE owner = $1 AND user_id = $2";
    let parameters: Parameters<'_> = &[&bytes(owner.as_bytes()), &bytes(user.as_bytes())];
    let already = !query(client, sql, parameters).await?.is_empty();
    Ok(if already { Listed::Already } else { Listed::Full })
}

async fn has_blocked(client: &impl GenericClient, owner: UserId, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM blocks WHERE owner = $1 AND user_id = $2";
    let parameters: Parameters<'_> = &[&bytes(owner.as_bytes()), &bytes(user.as_bytes())];
    Ok(!query(client, sql, parameters).await?.is_empty())
}

/// Until the transaction ends, nobody else changes what is between these two.
async fn lock_pair(client: &impl GenericClient, one: UserId, other: UserId) -> Result<()> {
    lock(client, number(one) ^ number(other)).await
}

/// Until the transaction ends, nobody else adds to this user's lists.
async fn lock_owner(client: &impl GenericClient, owner: UserId) -> Result<()> {
    lock(client, number(owner)).await
}

async fn lock(client: &impl GenericClient, key: i64) -> Result<()> {
    query(client, "SELECT pg_advisory_xact_lock($1)", &[&key]).await?;
    Ok(())
}

/// The random half of an id. Two that have the same wait for each other, and nothing worse.
fn number(user: UserId) -> i64 {
    let mut half = [0; 8];
    half.copy_from_slice(&user.as_bytes()[8..]);
    i64::from_be_bytes(half)
}

fn user_id(row: &Row, column: usize) -> Result<UserId> {
    Ok(UserId::from_bytes(id(row, column)?))
}
