//! The steps that transactions share, and how rows read.

use accounts::Channel;
use accounts::store::{CodeAttempt, CodeDigest, Lookup, NewSession, NewUser, StoredLogin, StoredSession};
use protocol::{DeviceId, UserId, UserInfo};
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params};

use super::terms::write_terms;
use crate::accounts::columns;

/// Whether the username and the address were free.
pub(super) fn insert_user(transaction: &Transaction<'_>, user: &NewUser) -> Result<bool> {
    let (email, phone) = columns(user.address.as_ref());
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO users (id, username, email, phone, name, password_hash, created_at, created_by, \
             updated_at, updated_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?1, ?7, ?1) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            user.id.as_bytes(),
            user.username,
            email,
            phone,
            user.name,
            user.password_hash,
            user.created_at
        ])?;
    if inserted == 1 {
        write_terms(transaction, user.id)?;
    }
    Ok(inserted == 1)
}

pub(super) fn insert_session(
    transaction: &Transaction<'_>,
    user: UserId,
    session: &NewSession,
) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sessions (device, user_id, name, generation, created_at, last_active_at, expires_at) \
             VALUES (?1, ?2, ?3, 0, ?4, ?4, ?5)",
        )?
        .execute(params![
            session.device.as_bytes(),
            user.as_bytes(),
            session.name,
            session.created_at,
            session.expires_at
        ])?;
    Ok(())
}

/// Inserts, and ends those above the bound.
pub(super) fn add_session(
    transaction: &Transaction<'_>,
    user: UserId,
    session: &NewSession,
    max_devices: u32,
) -> Result<Vec<DeviceId>> {
    insert_session(transaction, user, session)?;
    transaction
        .prepare_cached(
            "DELETE FROM sessions WHERE device IN (SELECT device FROM sessions \
             WHERE user_id = ?1 AND device <> ?2 ORDER BY last_active_at DESC, device DESC \
             LIMIT -1 OFFSET ?3) RETURNING device",
        )?
        .query_map(
            params![user.as_bytes(), session.device.as_bytes(), max_devices.saturating_sub(1)],
            device_id,
        )?
        .collect()
}

/// Ends the user's sessions but that one.
pub(super) fn end_others(
    transaction: &Transaction<'_>,
    user: UserId,
    except: Option<DeviceId>,
) -> Result<Vec<DeviceId>> {
    transaction
        .prepare_cached("DELETE FROM sessions WHERE user_id = ?1 AND device IS NOT ?2 RETURNING device")?
        .query_map(params![user.as_bytes(), except.map(|one| *one.as_bytes())], device_id)?
        .collect()
}

/// Counts the try, and uses up the code if it is right.
pub(super) fn redeem(transaction: &Transaction<'_>, attempt: &CodeAttempt) -> Result<bool> {
    let key = (attempt.address.channel().as_str(), attempt.address.as_str());
    let expected = transaction
        .prepare_cached(
            "UPDATE one_time_codes SET tries = tries + (asker IS ?5), \
             others_tries = others_tries + (asker IS NOT ?5) \
             WHERE channel = ?1 AND address = ?2 AND digest IS NOT NULL AND expires_at > ?3 \
             AND CASE WHEN asker IS ?5 THEN tries < ?4 ELSE others_tries < ?6 END RETURNING digest",
        )?
        .query_row(
            params![key.0, key.1, attempt.now, attempt.max_tries, attempt.asker.0, attempt.max_others],
            |row| row.get(0),
        )
        .optional()?;
    let right = expected.is_some_and(|expected| CodeDigest(expected) == attempt.digest);
    if right {
        transaction
            .prepare_cached(
                "UPDATE one_time_codes SET digest = NULL, readable = NULL \
                 WHERE channel = ?1 AND address = ?2",
            )?
            .execute(key)?;
    }
    Ok(right)
}

/// Whoever has it, whether they may be found by it or not.
pub(super) fn find(connection: &Connection, lookup: &Lookup) -> Result<Option<UserInfo>> {
    let (condition, text) = found_by(lookup);
    let sql = format!("SELECT id, username, name FROM users WHERE {condition}");
    connection.prepare_cached(&sql)?.query_row([text], user_info).optional()
}

/// Whoever has it, and may be found by it.
pub(super) fn find_public(connection: &Connection, lookup: &Lookup) -> Result<Option<UserInfo>> {
    let (condition, text) = found_by(lookup);
    let findable = match lookup {
        Lookup::Username(_) => "TRUE",
        Lookup::Address(_) => "findable_by_address = 1",
    };
    let sql =
        format!("SELECT id, username, name FROM users WHERE {condition} AND state = 'active' AND {findable}");
    connection.prepare_cached(&sql)?.query_row([text], user_info).optional()
}

fn found_by(lookup: &Lookup) -> (&'static str, &str) {
    match lookup {
        Lookup::Username(username) => ("username = ?1", username),
        Lookup::Address(address) => match address.channel() {
            Channel::Email => ("email = ?1", address.as_str()),
            Channel::Phone => ("phone = ?1", address.as_str()),
        },
    }
}

pub(super) fn login_of(connection: &Connection, user: UserId) -> Result<Option<StoredLogin>> {
    connection
        .prepare_cached(
            "SELECT id, username, name, password_hash, one_time_until, state FROM users WHERE id = ?1",
        )?
        .query_row([user.as_bytes()], stored_login)
        .optional()
}

/// A password that is good for one sign-in is no more.
pub(super) fn use_one_time_password(transaction: &Transaction<'_>, user: UserId) -> Result<()> {
    transaction
        .prepare_cached(
            "UPDATE users SET password_hash = NULL, one_time_until = NULL \
             WHERE id = ?1 AND one_time_until IS NOT NULL",
        )?
        .execute([user.as_bytes()])?;
    Ok(())
}

pub(super) fn stored_login(row: &Row<'_>) -> Result<StoredLogin> {
    Ok(StoredLogin {
        user: user_info(row)?,
        password_hash: row.get(3)?,
        one_time_until: row.get(4)?,
        suspended: row.get::<_, String>(5)? != "active",
    })
}

pub(super) fn user_info(row: &Row<'_>) -> Result<UserInfo> {
    Ok(UserInfo { id: UserId::from_bytes(row.get(0)?), username: row.get(1)?, name: row.get(2)? })
}

pub(super) fn stored_session(row: &Row<'_>) -> Result<StoredSession> {
    Ok(StoredSession {
        device: device_id(row)?,
        user: UserId::from_bytes(row.get(1)?),
        name: row.get(2)?,
        created_at: row.get(3)?,
        last_active_at: row.get(4)?,
        expires_at: row.get(5)?,
    })
}

/// The first column.
pub(super) fn device_id(row: &Row<'_>) -> Result<DeviceId> {
    Ok(DeviceId::from_bytes(row.get(0)?))
}
