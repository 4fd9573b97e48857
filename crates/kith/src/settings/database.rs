//! `[database]`

use std::{fmt, path::PathBuf};

use super::{table::section, value::Value};

section! {
    /// Where accounts and conversations are stored.
    Database {
        /// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/NAME`. Without it the embedded database, SQLite, in the file
        /// kith.db of the data folder.
        url: Option<DatabaseUrl> = "";
        /// PostgreSQL: connections for everything but the log's appends.
        pool_size: u32 = 16 in 1..=1000;
        /// PostgreSQL: connections that append to the log, each one batch after another. A conversation always goes
        /// through the same one. SQLite has one writer.
        log_batchers: u32 = 4 in 1..=16;
    }
}

/// Which engine, and where. `Debug` hides passwords.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The embedded engine's file.
    Sqlite(PathBuf),
    /// A URL as libpq and `tokio_postgres` understand it.
    Postgres(String),
}

impl Value for DatabaseUrl {
    const SECRET: bool = true;

    fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return (!path.is_empty()).then(|| Self::Sqlite(path.into()));
        }
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))?;
        (!rest.is_empty()).then(|| Self::Postgres(text.to_owned()))
    }

    fn expected() -> String {
        "sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME".into()
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            // A password may stand before the last @ or in the query.
            Self::Postgres(url) => {
                let place = url.rsplit_once('@').map_or("", |(_, place)| place);
                write!(f, "postgres://***@{}", place.split('?').next().unwrap_or_default())
            }
        }
    }
}
