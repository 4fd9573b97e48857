//! `/health` and `/ready`: what a supervisor and a load balancer ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::stores::Engine;

/// How long the database may take to answer.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long its last answer is good for: however often it is asked for here, the database is asked no more often.
const DATABASE_EVERY: Duration = Duration::from_millis(500);

/// Whether this server should be sent anybody.
pub(super) struct Readiness {
    engine: Engine,
    draining: AtomicBool,
    /// When the database was last asked, and what is wrong with it.
    database: Mutex<Option<(Instant, Option<&'static str>)>>,
}

impl Readiness {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, draining: AtomicBool::new(false), database: Mutex::default() }
    }

    /// From now on, not ready.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
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
}

pub(super) fn routes(readiness: &Arc<Readiness>) -> Router {
    Router::new().route("/health", get(health)).route("/ready", get(ready)).with_state(Arc::clone(readiness))
}

/// Answers while the server runs.
async fn health() -> &'static str {
    "ok\n"
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, Json<Value>) {
    match readiness.obstacle().await {
        None => (StatusCode::OK, Json(json!({ "ready": true }))),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "reason": reason }))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_stops_is_alive_and_not_ready() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = storage::sqlite::Database::open(&folder.path().join("kith.db")).expect("a database");
        let readiness = Readiness::new(Engine::Sqlite(database));
        assert_eq!(readiness.obstacle().await, None);
        readiness.drain();
        assert_eq!(readiness.obstacle().await, Some("the server is stopping"));
    }
}
