//! `[database]`

use std::{fmt, path::PathBuf};

use storage::{Failure, postgres};

use super::{table::section, value::Value};

section! {
    /// Where accounts and conversations are stored.
    Database {
        /// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/NAME`. Without it the embedded database, SQLite, in the file
        /// kith.db of the data folder. `sslmode` and its kin count as they do for libpq:
        /// `postgres://USER:PASSWORD@HOST/NAME?sslmode=verify-full`.
        url: Option<DatabaseUrl> = "";
        /// PostgreSQL: a PEM file of the authorities that may vouch for its certificate, or that certificate itself. With it
        /// the certificate is checked, its name too (sslmode=verify-full, unless the URL says otherwise); without, it is
        /// not (sslmode=prefer). As `sslrootcert` in the URL, which comes first.
        ca_file: Option<PathBuf> = "";
        /// PostgreSQL: a PEM file with a certificate to show to it, where it asks for one. As `sslcert` in the URL.
        client_certificate: Option<PathBuf> = "";
        /// PostgreSQL: a PEM file with the key that goes with it. As `sslkey` in the URL.
        client_key: Option<PathBuf> = "";
        /// PostgreSQL: connections for everything but the log's appends.
        pool_size: u32 = 16 in 1..=1000;
        /// PostgreSQL: connections that append to the log, each one batch after another. A conversation always goes
        /// through the same one. SQLite has one writer.
        log_batchers: u32 = 4 in 1..=16;
        /// PostgreSQL: how long a statement may run, in seconds.
        statement_timeout_s: u64 = 30 in 1..=3600;
        /// PostgreSQL: how long to wait for a connection, in seconds.
        connect_timeout_s: u64 = 5 in 1..=600;
        /// PostgreSQL: how long it may leave a small question unanswered, in seconds, before all connections to it are given up.
        answer_timeout_s: u64 = 10 in 2..=600;
        /// SQLite: connections that read, each with a thread of its own.
        readers: usize = 2 in 1..=64;
        /// SQLite: pages that each connection caches, in KiB.
        cache_kib: u32 = 16_384 in 1_024..=4_194_304;
        /// SQLite: changes that may wait for the writer; whoever comes later waits for a place.
        queued_writes: usize = 1_024 in 16..=1_000_000;
        /// SQLite: readings that may wait for a connection, alike.
        queued_reads: usize = 4_096 in 16..=1_000_000;
        /// SQLite: how long to wait for another process that holds the file, in seconds.
        busy_timeout_s: u64 = 10 in 1..=600;
    }
}

impl Database {
    /// The PostgreSQL at that URL, and how the connection to it is protected.
    ///
    /// # Errors
    /// The URL is malformed, or a file cannot be read.
    pub(crate) fn postgres(&self, url: &str) -> Result<postgres::Target, Failure> {
        let files = postgres::TlsFiles {
            ca: self.ca_file.clone(),
            certificate: self.client_certificate.clone(),
            key: self.client_key.clone(),
        };
        postgres::Target::new(url, &files)
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
