//! `/health` and `/ready`: what a supervisor and a load balancer ask.
//!
//! A server that can read but not write, because a disk is full or PostgreSQL has become a standby, stays ready: what is there
//! can be read, and whichever other node shares its database could write no better. Its answer says so.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chats::Chats;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::stores::Engine;

/// How long the database may take to answer.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long its last answer is good for: however often it is asked for here, the database is asked no more often.
const DATABASE_EVERY: Duration = Duration::from_millis(500);
/// How long it is known whether something can be written, alike.
const WRITES_EVERY: Duration = Duration::from_secs(5);
/// A commit that failed longer ago says nothing of now, in milliseconds.
const FAILURE_MS: i64 = 30_000;
/// What is written to see whether there is room: about what the largest message takes.
const TRIED_BYTES: usize = 64 * 1024;
/// The file for that.
const TRIED: &str = ".kith-room";

/// Whether this server should be sent anybody.
pub(super) struct Readiness {
    engine: Engine,
    /// Where the database's file is, if it is one.
    folder: Option<PathBuf>,
    chats: Arc<Chats>,
    draining: AtomicBool,
    /// When the database was last asked, and what is wrong with it.
    database: Mutex<Option<(Instant, Option<&'static str>)>>,
    /// When something was last written to see whether that works, and what is wrong with it.
    writes: Mutex<Option<(Instant, Option<&'static str>)>>,
    /// As last answered.
    writes_fail: AtomicBool,
}

impl Readiness {
    pub(super) fn new(engine: Engine, folder: Option<PathBuf>, chats: Arc<Chats>) -> Self {
        let (database, writes) = (Mutex::default(), Mutex::default());
        let (draining, writes_fail) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { engine, folder, chats, draining, database, writes, writes_fail }
    }

    /// From now on, not ready.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether messages can be written, as far as is known without trying.
    pub(super) fn can_write(&self) -> bool {
        !self.writes_fail.load(Ordering::Relaxed) && self.failing().is_none()
    }

    /// Why not, if not. The details are for the log: anybody may ask.
    async fn obstacle(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Relaxed) {
            return Some("the server is stopping");
        }
        let mut database = self.database.lock().await;
        match *database {
            Some((asked, obstacle)) if asked.elapsed() < DATABASE_EVERY => obstacle,
            _ => {
                let obstacle = match timeout(DATABASE_TIMEOUT, self.engine.ping()).await {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "not ready");
                        Some("the database does not answer as it should")
                    }
                    Err(_) => {
                        tracing::warn!(timeout = ?DATABASE_TIMEOUT, "not ready: the database does not answer");
                        Some("the database does not answer in time")
                    }
                };
                *database = Some((Instant::now(), obstacle));
                obstacle
            }
        }
    }

    fn failing(&self) -> Option<&'static str> {
        let lately = self.chats.failed_for().is_some_and(|milliseconds| milliseconds < FAILURE_MS);
        lately.then_some("the last message could not be written")
    }

    /// Why messages are refused although what is there can be read, if they are.
    async fn unwritable(&self) -> Option<&'static str> {
        let mut writes = self.writes.lock().await;
        let tried = match *writes {
            Some((tried, why)) if tried.elapsed() < WRITES_EVERY => why,
            _ => {
                let why = self.try_to_write().await;
                *writes = Some((Instant::now(), why));
                why
            }
        };
        let why = tried.or_else(|| self.failing());
        if self.writes_fail.swap(why.is_some(), Ordering::Relaxed) != why.is_some() {
            match why {
                Some(why) => tracing::warn!("ready to read, not to write: {why}"),
                None => tracing::info!("ready to write again"),
            }
        }
        why
    }

    async fn try_to_write(&self) -> Option<&'static str> {
        if let Some(folder) = self.folder.clone() {
            let tried = tokio::task::spawn_blocking(move || room(&folder)).await;
            return match tried {
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the database's folder was tried");
                    Some("the disk is full, or cannot be written")
                }
                _ => None,
            };
        }
        match timeout(DATABASE_TIMEOUT, self.engine.takes_writes()).await {
            Ok(Ok(false)) => Some("the database takes no writes"),
            // Whether it answers at all is another question.
            _ => None,
        }
    }
}

/// Tries whether there is room for a message, without making sure that it gets to the disk.
fn room(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(TRIED);
    let written = File::create(&path).and_then(|mut file| file.write_all(&[0; TRIED_BYTES]));
    let removed = fs::remove_file(&path);
    written.and(removed)
}

pub(super) fn routes(readiness: &Arc<Readiness>) -> Router {
    Router::new().route("/health", get(health)).route("/ready", get(ready)).with_state(Arc::clone(readiness))
}

/// Answers while the server runs.
async fn health() -> &'static str {
    "ok\n"
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, Json<Value>) {
    if let Some(reason) = readiness.obstacle().await {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "reason": reason })));
    }
    let answer = match readiness.unwritable().await {
        None => json!({ "ready": true }),
        Some(reason) => json!({ "ready": true, "writes": "unavailable", "reason": reason }),
    };
    (StatusCode::OK, Json(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_written_has_room() {
        let folder = tempfile::tempdir().expect("a folder");
        room(folder.path()).expect("room");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left");
        assert!(room(&folder.path().join("missing")).is_err());
    }
}
