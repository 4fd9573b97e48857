//! The steps that transactions share, and how rows read.

use accounts::Channel;
use accounts::store::{CodeAttempt, CodeDigest, Lookup, NewSession, NewUser, StoredLogin, StoredSession};
use deadpool_postgres::GenericClient;
use protocol::{DeviceId, UserId, UserInfo};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::terms::write_terms;
use crate::Failure;
use crate::accounts::columns;

pub(in crate::postgres) type Result<T, E = Failure> = std::result::Result<T, E>;
pub(in crate::postgres) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Whether the username and the address were free.
pub(super) async fn insert_user(client: &impl GenericClient, user: &NewUser) -> Result<bool> {
    let (email, phone) = columns(user.address.as_ref());
    let sql = "INSERT INTO users (id, username, email, phone, name, password_hash, created_at, created_by, \
               updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $1, $7, $1) ON CONFLICT DO NOTHING";
    let parameters: Parameters<'_> = &[
        &bytes(user.id.as_bytes()),
        &user.username,
        &email,
        &phone,
        &user.name,
        &user.password_hash,
        &user.created_at,
    ];
    let inserted = execute(client, sql, parameters).await? == 1;
    if inserted {
        write_terms(client, user.id).await?;
    }
    Ok(inserted)
}

pub(super) async fn insert_session(
    client: &impl GenericClient,
    user: UserId,
    session: &NewSession,
) -> Result<()> {
    let sql = "INSERT INTO sessions (device, user_id, name, generation, created_at, last_active_at, expires_at) \
               VALUES ($1, $2, $3, 0, $4, $4, $5)";
    let parameters: Parameters<'_> = &[
        &bytes(session.device.as_bytes()),
        &bytes(user.as_bytes()),
        &session.name,
        &session.created_at,
        &session.expires_at,
    ];
    execute(client, sql, parameters).await?;
    Ok(())
}

/// Inserts, and ends those above the bound. `None` if there is no such user, or they are suspended.
pub(super) async fn add_session(
    client: &impl GenericClient,
    user: UserId,
    session: &NewSession,
    max_devices: u32,
) -> Result<Option<Vec<DeviceId>>> {
    let sql = "SELECT 1 FROM users WHERE id = $1 AND state = 'active' FOR UPDATE";
    if query(client, sql, &[&bytes(user.as_bytes())]).await?.is_empty() {
        return Ok(None);
    }
    insert_session(client, user, session).await?;
    let sql = "DELETE FROM sessions WHERE device IN (SELECT device FROM sessions \
               WHERE user_id = $1 AND device <> $2 ORDER BY last_active_at DESC, device DESC \
               OFFSET $3) RETURNING device";
    let kept = i64::from(max_devices.saturating_sub(1));
    let parameters: Parameters<'_> = &[&bytes(user.as_bytes()), &bytes(session.device.as_bytes()), &kept];
    let rows = query(client, sql, parameters).await?;
    rows.iter().map(device_id).collect::<Result<_>>().map(Some)
}

/// Ends the user's sessions but that one.
pub(super) async fn end_others(
    client: &impl GenericClient,
    user: UserId,
    except: Option<DeviceId>,
) -> Result<Vec<DeviceId>> {
    let sql = "DELETE FROM sessions WHERE device IN (SELECT device FROM sessions \
               WHERE user_id = $1 AND device IS DISTINCT FROM $2 ORDER BY device FOR UPDATE) \
               RETURNING device";
    let except = except.as_ref().map(|one| bytes(one.as_bytes()));
    let rows = query(client, sql, &[&bytes(user.as_bytes()), &except]).await?;
    rows.iter().map(device_id).collect()
}

/// Counts the try, and uses up the code if it is right.
pub(super) async fn redeem(client: &impl GenericClient, attempt: &CodeAttempt) -> Result<bool> {
    let (channel, text) = (attempt.address.channel().as_str(), attempt.address.as_str());
    let sql = "UPDATE one_time_codes \
               SET tries = tries + (asker IS NOT DISTINCT FROM $5)::int, \
               others_tries = others_tries + (asker IS DISTINCT FROM $5)::int \
               WHERE channel = $1 AND address = $2 AND digest IS NOT NULL AND expires_at > $3 \
               AND CASE WHEN asker IS NOT DISTINCT FROM $5 THEN tries < $4 ELSE others_tries < $6 END \
               RETURNING digest";
    let [max_tries, max_others] = [attempt.max_tries, attempt.max_others].map(i64::from);
    let asker = attempt.asker.0.as_slice();
    let parameters: Parameters<'_> = &[&channel, &text, &attempt.now, &max_tries, &asker, &max_others];
    let row = query(client, sql, parameters).await?.pop();
    let expected = row.map(|row| row.try_get::<_, &[u8]>(0).map(<[u8; 32]>::try_from)).transpose()?;
    let right = expected.and_then(Result::ok).is_some_and(|expected| CodeDigest(expected) == attempt.digest);
    if right {
        let sql = "UPDATE one_time_codes SET digest = NULL, readable = NULL \
                   WHERE channel = $1 AND address = $2";
        execute(client, sql, &[&channel, &text]).await?;
    }
    Ok(right)
}

/// Whoever has it, whether they may be found by it or not.
pub(super) async fn find(client: &impl GenericClient, lookup: &Lookup) -> Result<Option<UserInfo>> {
    let (condition, text) = found_by(lookup);
    let sql = format!("SELECT id, username, name FROM users WHERE {condition}");
    query(client, &sql, &[&text]).await?.first().map(user_info).transpose()
}

/// Whoever has it, and may be found by it.
pub(super) async fn find_public(client: &impl GenericClient, lookup: &Lookup) -> Result<Option<UserInfo>> {
    let (condition, text) = found_by(lookup);
    let findable = match lookup {
        Lookup::Username(_) => "TRUE",
        Lookup::Address(_) => "findable_by_address",
    };
    let sql =
        format!("SELECT id, username, name FROM users WHERE {condition} AND state = 'active' AND {findable}");
    query(client, &sql, &[&text]).await?.first().map(user_info).transpose()
}

fn found_by(lookup: &Lookup) -> (&'static str, &str) {
    match lookup {
        Lookup::Username(username) => ("username = $1", username),
        Lookup::Address(address) => match address.channel() {
            Channel::Email => ("email = $1", address.as_str()),
            Channel::Phone => ("phone = $1", address.as_str()),
        },
    }
}

/// With `locked`, nobody else changes the user until the transaction ends.
pub(super) async fn login_of(
    client: &impl GenericClient,
    user: UserId,
    locked: bool,
) -> Result<Option<StoredLogin>> {
    let sql = if locked {
        "SELECT id, username, name, password_hash, one_time_until, state FROM users WHERE id = $1 FOR UPDATE"
    } else {
        "SELECT id, username, name, password_hash, one_time_until, state FROM users WHERE id = $1"
    };
    query(client, sql, &[&bytes(user.as_bytes())]).await?.first().map(stored_login).transpose()
}

/// A password that is good for one sign-in is no more.
pub(super) async fn use_one_time_password(client: &impl GenericClient, user: UserId) -> Result<()> {
    let sql = "UPDATE users SET password_hash = NULL, one_time_until = NULL \
               WHERE id = $1 AND one_time_until IS NOT NULL";
    execute(client, sql, &[&bytes(user.as_bytes())]).await?;
    Ok(())
}

pub(super) fn stored_login(row: &Row) -> Result<StoredLogin> {
    Ok(StoredLogin {
        user: user_info(row)?,
        password_hash: row.try_get(3)?,
        one_time_until: row.try_get(4)?,
        suspended: row.try_get::<_, &str>(5)? != "active",
    })
}

pub(super) fn user_info(row: &Row) -> Result<UserInfo> {
    Ok(UserInfo {
        id: UserId::from_bytes(id(row, 0)?),
        username: row.try_get::<_, Option<&str>>(1)?.map(Into::into),
        name: row.try_get::<_, &str>(2)?.into(),
    })
}

pub(super) fn stored_session(row: &Row) -> Result<StoredSession> {
    Ok(StoredSession {
        device: device_id(row)?,
        user: UserId::from_bytes(id(row, 1)?),
        name: row.try_get(2)?,
        created_at: row.try_get(3)?,
        last_active_at: row.try_get(4)?,
        expires_at: row.try_get(5)?,
    })
}

/// The first column.
pub(super) fn device_id(row: &Row) -> Result<DeviceId> {
    Ok(DeviceId::from_bytes(id(row, 0)?))
}

pub(in crate::postgres) fn id(row: &Row, column: usize) -> Result<[u8; 16]> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| Failure::Settings(format!("an id of {} bytes", bytes.len())))
}

/// As a BYTEA parameter.
pub(in crate::postgres) fn bytes(id: &[u8; 16]) -> &[u8] {
    id
}

pub(in crate::postgres) async fn query(
    client: &impl GenericClient,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, parameters).await?)
}

pub(in crate::postgres) async fn execute(
    client: &impl GenericClient,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<u64> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, parameters).await?)
}
