//! People in SQLite.

mod invites;
mod reports;

use accounts::people::store::{Answered, Invited, Listed, NewInvite, StoredInvite};
use accounts::{PeopleStore, StoreError};
use async_trait::async_trait;
use platform::Timestamp;
use protocol::{ConversationId, InviteId, Report, ReportId, UserId};
use rusqlite::{Connection, Result, Row, Transaction, params};

use super::Database;

#[async_trait]
impl PeopleStore for Database {
    async fn add_contact(
        &self,
        owner: UserId,
        user: UserId,
        now: Timestamp,
        max: u32,
    ) -> Result<Listed, StoreError> {
        Ok(self.write(move |transaction| add_contact(transaction, owner, user, now, max)).await?)
    }

    async fn remove_contact(&self, owner: UserId, user: UserId) -> Result<bool, StoreError> {
        let removed = self.write(move |transaction| {
            transaction
                .prepare_cached("DELETE FROM contacts WHERE owner = ?1 AND user_id = ?2")?
                .execute([owner.as_bytes(), user.as_bytes()])
        });
        Ok(removed.await? == 1)
    }

    async fn contacts(
        &self,
        owner: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, Timestamp)>, StoreError> {
        let after = after.unwrap_or(UserId::from_bytes([0; 16]));
        let contacts = self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT user_id, added_at FROM contacts WHERE owner = ?1 AND user_id > ?2 \
                     ORDER BY user_id LIMIT ?3",
                )?
                .query_map(params![owner.as_bytes(), after.as_bytes(), limit], |row| {
                    Ok((user_id(row, 0)?, row.get(1)?))
                })?
                .collect()
        });
        Ok(contacts.await?)
    }

    async fn listed_of(&self, owner: UserId, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        let users = users.to_vec();
        let listed = self.read(move |connection| {
            let mut listed = Vec::new();
            for user in users {
                if lists(connection, owner, user)? {
                    listed.push(user);
                }
            }
            Ok(listed)
        });
        Ok(listed.await?)
    }

    async fn listing(&self, owners: &[UserId], user: UserId) -> Result<Vec<UserId>, StoreError> {
        let owners = owners.to_vec();
        let listing = self.read(move |connection| {
            let mut listing = Vec::new();
            for owner in owners {
                if lists(connection, owner, user)? {
                    listing.push(owner);
                }
            }
            Ok(listing)
        });
        Ok(listing.await?)
    }

    async fn block(
        &self,
        owner: UserId,
        user: UserId,
        now: Timestamp,
        max: u32,
    ) -> Result<(Listed, Option<StoredInvite>), StoreError> {
        let blocked = self.write(move |transaction| {
            let added = transaction
                .prepare_cached(
                    "INSERT INTO blocks (owner, user_id, blocked_at) SELECT ?1, ?2, ?3 \
                     WHERE (SELECT count(*) FROM blocks WHERE owner = ?1) < ?4 ON CONFLICT DO NOTHING",
                )?
                .execute(params![owner.as_bytes(), user.as_bytes(), now, max])?;
            if added == 1 {
                return Ok((Listed::Added, invites::end_blocked(transaction, owner, user, now)?));
            }
            let already = has_blocked(transaction, owner, user)?;
            Ok((if already { Listed::Already } else { Listed::Full }, None))
        });
        Ok(blocked.await?)
    }

    async fn unblock(&self, owner: UserId, user: UserId) -> Result<bool, StoreError> {
        let unblocked = self.write(move |transaction| {
            transaction
                .prepare_cached("DELETE FROM blocks WHERE owner = ?1 AND user_id = ?2")?
                .execute([owner.as_bytes(), user.as_bytes()])
        });
        Ok(unblocked.await? == 1)
    }

    async fn blocked(&self, owners: &[UserId]) -> Result<Vec<(UserId, UserId, Timestamp)>, StoreError> {
        let owners = owners.to_vec();
        let blocked = self.read(move |connection| {
            let mut rows =
                connection.prepare_cached("SELECT user_id, blocked_at FROM blocks WHERE owner = ?1")?;
            let mut blocked = Vec::new();
            for owner in owners {
                for row in rows.query_map([owner.as_bytes()], |row| Ok((user_id(row, 0)?, row.get(1)?)))? {
                    let (user, when) = row?;
                    blocked.push((owner, user, when));
                }
            }
            Ok(blocked)
        });
        Ok(blocked.await?)
    }

    async fn invite(&self, invite: NewInvite) -> Result<Invited, StoreError> {
        Ok(self.write(move |transaction| invites::invite(transaction, invite)).await?)
    }

    async fn answer_invite(
        &self,
        id: InviteId,
        invitee: UserId,
        accept: bool,
        now: Timestamp,
        max_contacts: u32,
    ) -> Result<Answered, StoreError> {
        let answered = self
            .write(move |transaction| invites::answer(transaction, id, invitee, accept, now, max_contacts));
        Ok(answered.await?)
    }

    async fn withdraw_invite(
        &self,
        id: InviteId,
        inviter: UserId,
        now: Timestamp,
    ) -> Result<Answered, StoreError> {
        Ok(self.write(move |transaction| invites::withdraw(transaction, id, inviter, now)).await?)
    }

    async fn conclude_invite(&self, id: InviteId, conversation: ConversationId) -> Result<(), StoreError> {
        let concluded = self.write(move |transaction| {
            transaction
                .prepare_cached("UPDATE invites SET conversation = ?2 WHERE id = ?1 AND state = 1")?
                .execute([id.as_bytes(), conversation.as_bytes()])
        });
        concluded.await?;
        Ok(())
    }

    async fn unconcluded_invites(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvite>, StoreError> {
        Ok(self.read(move |connection| invites::unconcluded(connection, before, limit)).await?)
    }

    async fn invites(
        &self,
        user: UserId,
        received: bool,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredInvite>, StoreError> {
        Ok(self.read(move |connection| invites::list(connection, user, received, now, limit)).await?)
    }

    async fn drop_invites(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.write(move |transaction| invites::drop_old(transaction, before, limit)).await?)
    }

    async fn report(&self, report: Report, max_open: u32) -> Result<bool, StoreError> {
        Ok(self.write(move |transaction| reports::insert(transaction, &report, max_open)).await?)
    }

    async fn reports(
        &self,
        closed: bool,
        before: Option<ReportId>,
        limit: u32,
    ) -> Result<Vec<Report>, StoreError> {
        Ok(self.read(move |connection| reports::list(connection, closed, before, limit)).await?)
    }

    async fn close_report(
        &self,
        id: ReportId,
        moderator: UserId,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<Option<Report>, StoreError> {
        Ok(self.write(move |transaction| reports::close(transaction, id, moderator, note, now)).await?)
    }

    async fn forget(&self, user: UserId) -> Result<Vec<UserId>, StoreError> {
        let had_blocked = self.write(move |transaction| {
            let run = |sql| transaction.prepare_cached(sql)?.execute([user.as_bytes()]);
            run("DELETE FROM contacts WHERE owner = ?1")?;
            run("DELETE FROM contacts WHERE user_id = ?1")?;
            run("DELETE FROM invites WHERE low = ?1")?;
            run("DELETE FROM invites WHERE high = ?1")?;
            run("DELETE FROM blocks WHERE owner = ?1")?;
            transaction
                .prepare_cached("DELETE FROM blocks WHERE user_id = ?1 RETURNING owner")?
                .query_map([user.as_bytes()], |row| user_id(row, 0))?
                .collect()
        });
        Ok(had_blocked.await?)
    }
}

fn add_contact(
    transaction: &Transaction<'_>,
    owner: UserId,
    user: UserId,
    now: Timestamp,
    max: u32,
) -> Result<Listed> {
    let added = transaction
        .prepare_cached(
            "INSERT INTO contacts (owner, user_id, added_at) SELECT ?1, ?2, ?3 \
             WHERE (SELECT count(*) FROM contacts WHERE owner = ?1) < ?4 ON CONFLICT DO NOTHING",
        )?
        .execute(params![owner.as_bytes(), user.as_bytes(), now, max])?;
    Ok(match added {
        1 => Listed::Added,
        _ if lists(transaction, owner, user)? => Listed::Already,
        _ => Listed::Full,
    })
}

fn lists(connection: &Connection, owner: UserId, user: UserId) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM contacts WHERE owner = ?1 AND user_id = ?2")?
        .exists([owner.as_bytes(), user.as_bytes()])
}

fn has_blocked(connection: &Connection, owner: UserId, user: UserId) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM blocks WHERE owner = ?1 AND user_id = ?2")?
        .exists([owner.as_bytes(), user.as_bytes()])
}

fn user_id(row: &Row<'_>, column: usize) -> Result<UserId> {
    Ok(UserId::from_bytes(row.get(column)?))
}
