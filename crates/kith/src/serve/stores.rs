//! The services' stores on the database that is set.

use std::sync::Arc;

use accounts::{AccountStore, PeopleStore};
use anyhow::Context;
use chats::store::ChatStore;
use notifications::in_app::NoticeStore;
use presence::PresenceStore;
use storage::{Failure, postgres, sqlite};

use super::policies;
use crate::settings::{DatabaseUrl, Settings};

/// The stores of all services.
pub struct Stores {
    /// Users, sessions, codes.
    pub accounts: Arc<dyn AccountStore>,
    /// Contacts, blocks, invites, reports.
    pub people: Arc<dyn PeopleStore>,
    /// Conversations and their logs.
    pub chats: Arc<dyn ChatStore>,
    /// What users find when they look.
    pub notices: Arc<dyn NoticeStore>,
    /// Who was last seen when.
    pub presence: Arc<dyn PresenceStore>,
    /// What they are all on.
    pub(super) engine: Engine,
}

/// An open database.
#[derive(Clone)]
pub(super) enum Engine {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Stores {
    /// Opens the database, and brings its tables up to date.
    ///
    /// # Errors
    /// It cannot be opened or reached, or is newer than this program.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        match settings.database_url() {
            DatabaseUrl::Sqlite(path) => {
                let database = sqlite::Database::open_with(&path, policies::sqlite(settings))
                    .with_context(|| format!("cannot open the database {}", path.display()))?;
                Ok(Self::on(database.clone(), Engine::Sqlite(database)))
            }
            DatabaseUrl::Postgres(url) => {
                let target = settings.database.postgres(&url).context("the database cannot be opened")?;
                let database = postgres::Database::at(target, policies::postgres(settings))
                    .await
                    .context("cannot open the database of database.url")?;
                Ok(Self::on(database.clone(), Engine::Postgres(database)))
            }
        }
    }

    fn on<D: AccountStore + PeopleStore + ChatStore + NoticeStore + PresenceStore + Clone>(
        database: D,
        engine: Engine,
    ) -> Self {
        Self {
            accounts: Arc::new(database.clone()),
            people: Arc::new(database.clone()),
            chats: Arc::new(database.clone()),
            notices: Arc::new(database.clone()),
            presence: Arc::new(database),
            engine,
        }
    }
}

impl Engine {
    /// Leaves the database as a stopped server should: all in one file.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            // Its connections end with the process; the database itself goes on.
            Self::Postgres(_) => {}
        }
    }

    /// Whether the database takes writes: one that has become a standby, or was set to be read only, does not.
    pub(super) async fn takes_writes(&self) -> Result<bool, Failure> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(database) => {
                let sql =
                    "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";
                Ok(database.client().await?.query_one(sql, &[]).await?.try_get(0)?)
            }
        }
    }

    /// Asks the least that only a database that works can answer.
    pub(super) async fn ping(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(database) => {
                let tables = database.read(|connection| {
                    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
                });
                tables.await.map(drop)
            }
            Self::Postgres(database) => {
                database.client().await?.simple_query("SELECT 1").await?;
                Ok(())
            }
        }
    }
}
