//! Presence in SQLite.

use async_trait::async_trait;
use platform::Timestamp;
use presence::{Change, PresenceError, PresenceStore};
use protocol::UserId;
use rusqlite::{OptionalExtension, params};

use super::Database;
use crate::Failure;

#[async_trait]
impl PresenceStore for Database {
    async fn save(&self, node: &str, changes: Vec<Change>) -> Result<(), PresenceError> {
        let node = node.to_owned();
        let saved = self.write(move |transaction| {
            let mut upsert = transaction.prepare_cached(
                "INSERT INTO presence (user_id, node, online, last_seen) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (user_id, node) DO UPDATE \
                 SET online = excluded.online, last_seen = max(last_seen, excluded.last_seen)",
            )?;
            for Change { user, online, last_seen } in changes {
                upsert.execute(params![user.as_bytes(), node, online, last_seen])?;
            }
            Ok(())
        });
        saved.await.map_err(unavailable)
    }

    async fn last_seen(&self, users: Vec<UserId>) -> Result<Vec<(UserId, Timestamp)>, PresenceError> {
        let found = self.read(move |connection| {
            let mut latest = connection.prepare_cached(
                "SELECT last_seen FROM presence WHERE user_id = ?1 ORDER BY last_seen DESC LIMIT 1",
            )?;
            let mut found = Vec::with_capacity(users.len());
            for user in users {
                let last_seen = latest.query_row([user.as_bytes()], |row| row.get(0)).optional()?;
                found.extend(last_seen.map(|last_seen| (user, last_seen)));
            }
            Ok(found)
        });
        found.await.map_err(unavailable)
    }

    async fn beat(&self, node: &str, time: Timestamp) -> Result<(), PresenceError> {
        let node = node.to_owned();
        let beaten = self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO presence_nodes (node, alive_at) VALUES (?1, ?2) \
                     ON CONFLICT (node) DO UPDATE SET alive_at = max(alive_at, excluded.alive_at)",
                )?
                .execute(params![node, time])
        });
        beaten.await.map(drop).map_err(unavailable)
    }

    async fn recover(&self, node: &str) -> Result<u64, PresenceError> {
        let node = node.to_owned();
        let recovered = self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE presence SET online = 0, last_seen = max(last_seen, \
                     coalesce((SELECT alive_at FROM presence_nodes WHERE node = ?1), 0)) \
                     WHERE node = ?1 AND online = 1",
                )?
                .execute([node])
        });
        recovered.await.map(|users| users as u64).map_err(unavailable)
    }

    async fn forget(&self, user: UserId) -> Result<(), PresenceError> {
        let forgotten = self.write(move |transaction| {
            transaction.prepare_cached("DELETE FROM presence WHERE user_id = ?1")?.execute([user.as_bytes()])
        });
        forgotten.await.map(drop).map_err(unavailable)
    }
}

fn unavailable(failure: Failure) -> PresenceError {
    PresenceError::Unavailable(failure.to_string())
}
