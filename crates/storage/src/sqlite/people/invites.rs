//! Invites in SQLite.

use accounts::people::store::{Answered, InviteState, Invited, NewInvite, StoredInvite};
use platform::Timestamp;
use protocol::{ConversationId, InviteId, UserId};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Result, Row, ToSql, Transaction, params};

use super::{add_contact, has_blocked, user_id};
use crate::people::{Next, invite_state, kept, next, pair, read_invite_state};

/// A statement that reads whole invites.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, inviter, invitee, message, state, created_at, expires_at, answered_at, conversation \
             FROM invites ",
            $rest
        )
    };
}

pub(super) fn invite(transaction: &Transaction<'_>, invite: NewInvite) -> Result<Invited> {
    let (inviter, invitee) = (invite.inviter, invite.invitee);
    if has_blocked(transaction, inviter, invitee)? || has_blocked(transaction, invitee, inviter)? {
        return Ok(Invited::Blocked);
    }
    match next(&invite, of_pair(transaction, inviter, invitee)?) {
        Next::Answer(answer) => return Ok(answer),
        Next::Agree(id) => {
            // It was to the inviter of this one, and open: it is accepted.
            return match answer(transaction, id, inviter, true, invite.now, invite.max_contacts)? {
                Answered::Now(agreed) | Answered::Before(agreed) => Ok(Invited::Agreed(agreed)),
                Answered::Unknown => Err(Error::QueryReturnedNoRows),
            };
        }
        Next::Keep => {}
    }
    let open = |sql: &str, user: UserId| {
        transaction
            .prepare_cached(sql)?
            .query_row(params![user.as_bytes(), invite.now], |row| row.get::<_, u32>(0))
    };
    let sent = "SELECT count(*) FROM invites WHERE inviter = ?1 AND state = 0 AND expires_at > ?2";
    let received = "SELECT count(*) FROM invites WHERE invitee = ?1 AND state = 0 AND expires_at > ?2";
    if open(sent, inviter)? >= invite.max_sent {
        return Ok(Invited::TooManySent);
    }
    if open(received, invitee)? >= invite.max_received {
        return Ok(Invited::TooManyReceived);
    }
    let (low, high) = pair(inviter, invitee);
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO invites (low, high, id, inviter, invitee, message, state, created_at, \
             expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)",
        )?
        .execute(params![
            low.as_bytes(),
            high.as_bytes(),
            invite.id.as_bytes(),
            inviter.as_bytes(),
            invitee.as_bytes(),
            invite.message,
            invite.now,
            invite.expires_at
        ])?;
    Ok(Invited::Kept(kept(invite)))
}

pub(super) fn answer(
    transaction: &Transaction<'_>,
    id: InviteId,
    invitee: UserId,
    accept: bool,
    now: Timestamp,
    max_contacts: u32,
) -> Result<Answered> {
    let Some(invite) = of_id(transaction, id)?.filter(|invite| invite.invitee == invitee) else {
        return Ok(Answered::Unknown);
    };
    if !invite.is_open(now) {
        return Ok(Answered::Before(invite));
    }
    if accept {
        add_contact(transaction, invite.inviter, invitee, now, max_contacts)?;
        add_contact(transaction, invitee, invite.inviter, now, max_contacts)?;
    }
    let state = if accept { InviteState::Accepted } else { InviteState::Rejected };
    settle(transaction, invite, state, now).map(Answered::Now)
}

pub(super) fn withdraw(
    transaction: &Transaction<'_>,
    id: InviteId,
    inviter: UserId,
    now: Timestamp,
) -> Result<Answered> {
    match of_id(transaction, id)?.filter(|invite| invite.inviter == inviter) {
        None => Ok(Answered::Unknown),
        Some(invite) if !invite.is_open(now) => Ok(Answered::Before(invite)),
        Some(invite) => settle(transaction, invite, InviteState::Withdrawn, now).map(Answered::Now),
    }
}

/// Ends the open invite between two of whom one has just blocked the other.
pub(super) fn end_blocked(
    transaction: &Transaction<'_>,
    owner: UserId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<StoredInvite>> {
    let open = of_pair(transaction, owner, user)?.filter(|invite| invite.is_open(now));
    let Some(invite) = open else { return Ok(None) };
    let state = if invite.inviter == owner { InviteState::Withdrawn } else { InviteState::Rejected };
    settle(transaction, invite, state, now).map(Some)
}

fn settle(
    transaction: &Transaction<'_>,
    invite: StoredInvite,
    state: InviteState,
    now: Timestamp,
) -> Result<StoredInvite> {
    transaction
        .prepare_cached("UPDATE invites SET state = ?2, answered_at = ?3 WHERE id = ?1")?
        .execute(params![invite.id.as_bytes(), invite_state(state), now])?;
    Ok(StoredInvite { state, answered_at: Some(now), ..invite })
}

pub(super) fn list(
    connection: &Connection,
    user: UserId,
    received: bool,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StoredInvite>> {
    let sql = if received {
        select!("WHERE invitee = ?1 ORDER BY state = 0 AND expires_at > ?2 DESC, id DESC LIMIT ?3")
    } else {
        select!("WHERE inviter = ?1 ORDER BY state = 0 AND expires_at > ?2 DESC, id DESC LIMIT ?3")
    };
    several(connection, sql, params![user.as_bytes(), now, limit])
}

pub(super) fn unconcluded(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<StoredInvite>> {
    let sql = select!("WHERE state = 1 AND conversation IS NULL AND answered_at < ?1 LIMIT ?2");
    several(connection, sql, params![before, limit])
}

pub(super) fn drop_old(transaction: &Transaction<'_>, before: Timestamp, limit: u32) -> Result<u64> {
    let dropped = transaction
        .prepare_cached(
            "DELETE FROM invites WHERE id IN (SELECT id FROM invites WHERE expires_at < ?1 \
             AND NOT (state = 1 AND conversation IS NULL) LIMIT ?2)",
        )?
        .execute(params![before, limit])?;
    Ok(dropped as u64)
}

fn of_id(connection: &Connection, id: InviteId) -> Result<Option<StoredInvite>> {
    connection.prepare_cached(select!("WHERE id = ?1"))?.query_row([id.as_bytes()], stored).optional()
}

fn of_pair(connection: &Connection, one: UserId, other: UserId) -> Result<Option<StoredInvite>> {
    let (low, high) = pair(one, other);
    connection
        .prepare_cached(select!("WHERE low = ?1 AND high = ?2"))?
        .query_row([low.as_bytes(), high.as_bytes()], stored)
        .optional()
}

fn several(connection: &Connection, sql: &str, parameters: &[&dyn ToSql]) -> Result<Vec<StoredInvite>> {
    connection.prepare_cached(sql)?.query_map(parameters, stored)?.collect()
}

fn stored(row: &Row<'_>) -> Result<StoredInvite> {
    let state = read_invite_state(row.get(4)?);
    let state = state
        .ok_or_else(|| Error::FromSqlConversionFailure(4, Type::Integer, "no state of an invite".into()))?;
    Ok(StoredInvite {
        id: InviteId::from_bytes(row.get(0)?),
        inviter: user_id(row, 1)?,
        invitee: user_id(row, 2)?,
        message: row.get(3)?,
        state,
        created_at: row.get(5)?,
        expires_at: row.get(6)?,
        answered_at: row.get(7)?,
        conversation: row.get::<_, Option<[u8; 16]>>(8)?.map(ConversationId::from_bytes),
    })
}
