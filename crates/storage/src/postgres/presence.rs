//! Presence in PostgreSQL.

use async_trait::async_trait;
use platform::Timestamp;
use presence::{Change, PresenceError, PresenceStore};
use protocol::UserId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Database;
use crate::Failure;

#[async_trait]
impl PresenceStore for Database {
    async fn save(&self, node: &str, changes: Vec<Change>) -> Result<(), PresenceError> {
        let users: Vec<&[u8]> = changes.iter().map(|change| change.user.as_bytes().as_slice()).collect();
        let online: Vec<bool> = changes.iter().map(|change| change.online).collect();
        let last_seen: Vec<Timestamp> = changes.iter().map(|change| change.last_seen).collect();
        execute(
            self,
            "INSERT INTO presence (user_id, node, online, last_seen) \
             SELECT user_id, $2, online, last_seen \
             FROM unnest($1::BYTEA[], $3::BOOLEAN[], $4::BIGINT[]) AS t (user_id, online, last_seen) \
             ON CONFLICT (user_id, node) DO UPDATE \
             SET online = excluded.online, last_seen = greatest(presence.last_seen, excluded.last_seen)",
            &[&users, &node, &online, &last_seen],
        )
        .await
        .map(drop)
    }

    async fn last_seen(&self, users: Vec<UserId>) -> Result<Vec<(UserId, Timestamp)>, PresenceError> {
        let rows = async {
            let client = self.client().await?;
            let latest = client
                .prepare_cached(
                    "SELECT user_id, max(last_seen) FROM presence WHERE user_id = ANY($1) GROUP BY user_id",
                )
                .await?;
            let users: Vec<&[u8]> = users.iter().map(|user| user.as_bytes().as_slice()).collect();
            Ok(client.query(&latest, &[&users]).await?)
        };
        let rows = rows.await.map_err(unavailable)?;
        rows.iter().map(found).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn beat(&self, node: &str, time: Timestamp) -> Result<(), PresenceError> {
        execute(
            self,
            "INSERT INTO presence_nodes (node, alive_at) VALUES ($1, $2) \
             ON CONFLICT (node) DO UPDATE SET alive_at = greatest(presence_nodes.alive_at, excluded.alive_at)",
            &[&node, &time],
        )
        .await
        .map(drop)
    }

    async fn recover(&self, node: &str) -> Result<u64, PresenceError> {
        execute(
            self,
            "UPDATE presence SET online = false, last_seen = greatest(last_seen, \
             coalesce((SELECT alive_at FROM presence_nodes WHERE node = $1), 0)) \
             WHERE node = $1 AND online",
            &[&node],
        )
        .await
    }

    async fn forget(&self, user: UserId) -> Result<(), PresenceError> {
        let user = user.as_bytes().as_slice();
        execute(self, "DELETE FROM presence WHERE user_id = $1", &[&user]).await.map(drop)
    }
}

/// Runs one statement, which is a transaction by itself: how many rows it wrote.
async fn execute(
    database: &Database,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<u64, PresenceError> {
    let written = async {
        let client = database.client().await?;
        let statement = client.prepare_cached(statement).await?;
        Ok(client.execute(&statement, parameters).await?)
    };
    written.await.map_err(unavailable)
}

fn found(row: &Row) -> Result<(UserId, Timestamp), Failure> {
    let user: &[u8] = row.try_get(0)?;
    let user = user.try_into().map_err(|_| Failure::Settings("presence.user_id is not 16 bytes".into()))?;
    Ok((UserId::from_bytes(user), row.try_get(1)?))
}

fn unavailable(failure: Failure) -> PresenceError {
    PresenceError::Unavailable(failure.to_string())
}
