//! The services' store traits, on SQLite and on PostgreSQL.
//!
//! Each service owns its trait and its tables; the two files that implement a trait mirror each other name for
//! name, and one conformance suite runs on both. Nothing here decides: rules live in the services.

mod accounts;
mod chats;
mod inspection;
mod people;
pub mod postgres;
pub mod sqlite;

pub use inspection::{Inspection, Wire};

/// Why the database did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// SQLite said no.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL said no, or could not be reached.
    #[error("PostgreSQL: {}", postgres::describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// No connection to PostgreSQL was free in time.
    #[error("PostgreSQL: {0}")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// The file may not be written.
    #[error("it can be read, but not written")]
    ReadOnly,
    /// Tables that a newer program made.
    #[error(
        "its tables are of version {found}, made by a newer kith, and this one knows no more than {newest}: \
         run the newer one, or restore the backup from before the upgrade"
    )]
    Newer {
        /// The version of the tables.
        found: u64,
        /// The version that this program knows.
        newest: u64,
    },
    /// A migration could not be applied.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// What was planned does not fit any more: somebody else was first.
    #[error("somebody else was first")]
    MovedOn,
    /// The settings name no usable database.
    #[error("{0}")]
    Settings(String),
    /// The database is shutting down or its thread is gone.
    #[error("the database is closed")]
    Closed,
}
