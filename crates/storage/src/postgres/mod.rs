//! PostgreSQL 13 or newer: a pool of connections for everybody, and the log's batches pipelined on it.

pub mod accounts;
pub mod chats;
pub mod notifications;
pub mod people;
pub mod presence;

mod inspect;
mod target;
mod tls;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};

use crate::Failure;
use crate::inspection::{newer_is_refused, newest};
pub use inspect::inspect;
pub use target::{Target, TlsFiles};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// What the operator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Connections that are held at most.
    pub connections: usize,
    /// How long to wait for a connection before saying that the database is away.
    pub connect_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// How long the database may leave a small question unanswered before all connections are given up.
    pub answer_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connections: 16,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(10),
        }
    }
}

/// The key of the advisory lock under which nodes that start together migrate one after another.
const MIGRATION_LOCK: i64 = 0x4b69_7468;

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    /// While there is one, the database is watched.
    _used: Arc<()>,
}

impl Database {
    /// As [`at`](Self::at), by a URL alone, with so many connections and else by the defaults: `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// The URL is malformed, and as of [`at`](Self::at).
    pub async fn open(url: &str, connections: usize) -> Result<Self, Failure> {
        Self::at(Target::new(url, &TlsFiles::default())?, Policy { connections, ..Policy::default() }).await
    }

    /// Connects, and brings the database's tables up to date.
    ///
    /// # Errors
    /// The database does not answer, is not the one it should be, or holds tables newer than this program's.
    pub async fn at(mut target: Target, policy: Policy) -> Result<Self, Failure> {
        let config = &mut target.config;
        config.connect_timeout(policy.connect_timeout);
        // on: a commit is answered only when it has reached the disk, whatever the server's default says.
        let statement_ms = policy.statement_timeout.as_millis();
        let durable = format!("-c synchronous_commit=on -c statement_timeout={statement_ms}");
        config.options(match config.get_options() {
            Some(options) => format!("{options} {durable}"),
            None => durable,
        });
        let config = config.clone();
        migrate(&target).await?;
        let (watched, used) = (watch::Watched::new(target), Arc::new(()));
        watched.watch(policy.answer_timeout, Arc::downgrade(&used));
        let manager =
            Manager::from_connect(config, watched, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let timeouts = Timeouts {
            wait: Some(policy.connect_timeout),
            create: Some(policy.connect_timeout),
            recycle: Some(policy.connect_timeout),
        };
        let pool = Pool::builder(manager)
            .max_size(policy.connections)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Failure::Settings(error.to_string()))?;
        Ok(Self { pool, _used: used })
    }

    /// A connection from the pool.
    ///
    /// # Errors
    /// The database cannot be reached, or every connection stayed busy for too long.
    pub async fn client(&self) -> Result<Object, Failure> {
        Ok(self.pool.get().await?)
    }
}

impl Database {
    /// About how many conversations and messages there are, as PostgreSQL last estimated; counted where it has not yet.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn census(&self) -> Result<(u64, u64), Failure> {
        let client = self.client().await?;
        let about = async |table: &str| {
            let sql = "SELECT reltuples::BIGINT FROM pg_class WHERE oid = $1::TEXT::regclass";
            let estimate: i64 = client.query_one(sql, &[&table]).await?.try_get(0)?;
            let count = match u64::try_from(estimate) {
                Ok(estimate) => estimate,
                Err(_) => {
                    let count: i64 =
                        client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?.try_get(0)?;
                    u64::try_from(count).unwrap_or(0)
                }
            };
            Ok::<_, Failure>(count)
        };
        Ok((about("conversation").await?, about("message").await?))
    }
}

/// All that is missing, in one transaction: whatever ends it half way leaves the tables as they were.
async fn migrate(target: &Target) -> Result<(), Failure> {
    let (mut client, connection) = target.connect().await?;
    let driver = tokio::spawn(connection);
    // A large table takes its time, and so does the wait for another node that is at it.
    client.batch_execute("SET statement_timeout = 0").await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    let runner = embedded::migrations::runner();
    newer_is_refused(inspect::schema(&client).await?, newest(runner.get_migrations()))?;
    runner.set_abort_divergent(true).set_grouped(true).run_async(&mut client).await?;
    drop(client); // which also releases the lock
    if let Ok(Err(error)) = driver.await {
        tracing::debug!(%error, "the migrating connection ended");
    }
    Ok(())
}

/// PostgreSQL's errors say "db error" unless asked for their source.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => format!("{} ({})", database.message(), database.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
