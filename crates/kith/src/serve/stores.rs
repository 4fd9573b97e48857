//! The services' stores on the database that is set.

use std::sync::Arc;

use accounts::AccountStore;
use anyhow::Context;
use chats::store::ChatStore;
use presence::PresenceStore;

use crate::settings::{DatabaseUrl, Settings};

/// The stores of all services.
pub struct Stores {
    /// Users, sessions, codes.
    pub accounts: Arc<dyn AccountStore>,
    /// Conversations and their logs.
    pub chats: Arc<dyn ChatStore>,
    /// Who was last seen when.
    pub presence: Arc<dyn PresenceStore>,
}

impl Stores {
    /// Opens the database, and brings its tables up to date.
    ///
    /// # Errors
    /// It cannot be opened or reached, or is newer than this program.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        match settings.database_url() {
            DatabaseUrl::Sqlite(path) => {
                let database = storage::sqlite::Database::open(&path)
                    .with_context(|| format!("cannot open the database {}", path.display()))?;
                Ok(Self::on(database))
            }
            DatabaseUrl::Postgres(url) => {
                let connections = settings.database.pool_size as usize;
                let database = storage::postgres::Database::open(&url, connections)
                    .await
                    .context("cannot open the database of database.url")?;
                Ok(Self::on(database))
            }
        }
    }

    fn on<D: AccountStore + ChatStore + PresenceStore + Clone>(database: D) -> Self {
        Self {
            accounts: Arc::new(database.clone()),
            chats: Arc::new(database.clone()),
            presence: Arc::new(database),
        }
    }
}
