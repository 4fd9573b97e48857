//! The embedded engine: one file, one writer thread that commits for everybody at once, a few readers.

mod copy;
mod reader;
mod writer;

pub mod accounts;
pub mod chats;
pub mod notifications;
pub mod people;
pub mod presence;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction};

use crate::Failure;
use crate::inspection::{newer_is_refused, newest};
pub use copy::{copy, inspect};

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// What the operator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Connections that read; each has its own thread.
    pub readers: usize,
    /// Pages that each connection caches, in KiB.
    pub cache_kib: u32,
    /// Changes that may wait for the writer; whoever comes later waits for a place.
    pub waiting_writes: usize,
    /// Reads that may wait for a reader, alike.
    pub waiting_reads: usize,
    /// How long a connection waits for another process that holds the file (a backup, a shell).
    pub busy_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            readers: 2,
            cache_kib: 16 * 1024,
            waiting_writes: 1_024,
            waiting_reads: 4_096,
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// Pages of 4 KiB after which the log is folded into the file.
const CHECKPOINT_PAGES: i64 = 4_000;

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    writer: Arc<writer::Writer>,
    reader: Arc<reader::Reader>,
}

impl Database {
    /// As [`open_with`](Self::open_with), by the defaults.
    ///
    /// # Errors
    /// The same.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_with(path, Policy::default())
    }

    /// Opens or creates the file, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened or written, or holds tables newer than this program's.
    pub fn open_with(path: &Path, policy: Policy) -> Result<Self, Failure> {
        make_private(path);
        let mut connection = connect(path, policy)?;
        // SQLite opens for reading what it may not write, and would say so at the first message.
        if connection.is_readonly(rusqlite::MAIN_DB)? {
            return Err(Failure::ReadOnly);
        }
        migrate(&mut connection)?;
        let readers = (0..policy.readers).map(|_| connect(path, policy)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            writer: Arc::new(writer::Writer::start(connection, policy.waiting_writes)),
            reader: Arc::new(reader::Reader::start(readers, policy.waiting_reads)),
        })
    }

    /// Does what waits, folds the log of changes into the file and closes it, whoever still holds the database. What comes
    /// later fails.
    pub async fn close(&self) {
        let Self { writer, reader } = self.clone();
        let closing = tokio::task::spawn_blocking(move || {
            reader.close();
            writer.close();
        });
        if closing.await.is_err() {
            tracing::error!("the database was not closed as it should be");
        }
    }

    /// Runs `work` in the writer's next transaction and answers once that is on disk. If `work` fails, only what it
    /// did is undone.
    ///
    /// # Errors
    /// What `work` returned, or what kept the transaction from being committed: then nothing of it was.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.writer.run(work).await
    }

    /// Runs `work` on what has been committed.
    ///
    /// # Errors
    /// What `work` returned.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.reader.run(work).await
    }
}

/// All that is missing, in one transaction: whatever ends it half way leaves the tables as they were.
fn migrate(connection: &mut Connection) -> Result<(), Failure> {
    let runner = embedded::migrations::runner();
    newer_is_refused(copy::schema(connection)?, newest(runner.get_migrations()))?;
    runner.set_abort_divergent(true).set_grouped(true).run(connection)?;
    Ok(())
}

impl Database {
    /// About how many conversations and messages there are, also those that were deleted, without counting the messages.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn census(&self) -> Result<(u64, u64), Failure> {
        let count = |connection: &Connection, sql| {
            let count: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok::<_, rusqlite::Error>(u64::try_from(count).unwrap_or(0))
        };
        self.read(move |connection| {
            let conversations = count(connection, "SELECT count(*) FROM conversation")?;
            // Rows are numbered in the order of their arrival.
            let messages = count(connection, "SELECT COALESCE(max(row), 0) FROM message")?;
            Ok((conversations, messages))
        })
        .await
    }
}

/// Makes the file for its owner alone, if it is not there: SQLite gives those beside it the same rights. What keeps it from being
/// made, SQLite says.
fn make_private(path: &Path) {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

fn connect(path: &Path, policy: Policy) -> Result<Connection, Failure> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(policy.busy_timeout)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is answered only when the log's pages have reached the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -i64::from(policy.cache_kib))?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // FAST: what goes from a page is overwritten where the page is written anyway. A body that has gone is not in the file.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise a statement is planned again whenever other values are bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// What `work` answers, or an error if it panicked: the thread it runs on serves others, too.
fn unpanicked<T>(work: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    // Nothing of ours is shared with it but the connection, and what it did there is rolled back.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("a statement's caller panicked");
        Err(failure(rusqlite::ffi::SQLITE_INTERNAL, "what was to be done with the database panicked"))
    })
}

pub(crate) fn failure(code: std::ffi::c_int, text: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(text.to_owned()))
}

#[cfg(test)]
mod tests;
