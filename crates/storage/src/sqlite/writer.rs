//! The one thread that writes. While a transaction is on its way to the disk, whoever wants to write queues up,
//! and the next transaction takes them all: one fsync for the lot.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, oneshot};

use crate::Failure;

/// Jobs that may wait for the writer; whoever comes later waits for a place.
const QUEUE_JOBS: usize = 1_024;
/// Jobs that one transaction takes.
const BATCH_JOBS: usize = 256;

/// What a job leaves behind: to be called once its transaction's fate is known.
type Answer = Box<dyn FnOnce(Result<(), rusqlite::Error>) + Send>;
type Job = Box<dyn FnOnce(&Transaction<'_>) -> Answer + Send>;

pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    places: Semaphore,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Self {
        let (jobs, queue) = sync_channel(QUEUE_JOBS);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || serve(connection, &queue))
            .expect("a thread can be started");
        Self { jobs: Some(jobs), places: Semaphore::new(QUEUE_JOBS), thread: Some(thread) }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        // Held until the answer is there, so that the channel itself never fills up.
        let _place = self.places.acquire().await.map_err(|_| Failure::Closed)?;
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = in_savepoint(transaction, work);
            Box::new(move |committed| {
                // Whoever asked may be gone; what was committed stays committed.
                let _ = sender.send(result.and_then(|value| committed.map(|()| value)));
            })
        });
        match self.jobs.as_ref().ok_or(Failure::Closed)?.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(Failure::Closed),
        }
        Ok(answer.await.map_err(|_| Failure::Closed)??)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn in_savepoint<T>(
    transaction: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
    match work(transaction) {
        Ok(value) => {
            transaction.prepare_cached("RELEASE job")?.execute([])?;
            Ok(value)
        }
        Err(error) => {
            // If the whole transaction is already gone (disk full), so is the savepoint: the commit will tell.
            let _ = transaction.execute_batch("ROLLBACK TO job; RELEASE job");
            Err(error)
        }
    }
}

fn serve(mut connection: Connection, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut answers = Vec::new();
        let committed = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            answers.push(first(&transaction));
            while answers.len() < BATCH_JOBS {
                match queue.try_recv() {
                    Ok(job) => answers.push(job(&transaction)),
                    Err(_) => break,
                }
            }
            if transaction.is_autocommit() {
                // SQLite rolled the transaction back by itself (full disk, I/O error).
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
                    Some("the transaction was rolled back".into()),
                ));
            }
            transaction.commit()
        })();
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = answers.len(), "a transaction was not committed");
        }
        for answer in answers {
            answer(committed.as_ref().copied().map_err(copy));
        }
    }
    // A clean end leaves one file behind and no log to replay.
    if let Err(error) = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE") {
        tracing::debug!(%error, "the log was not folded in at the end");
    }
}

/// An error as several may have it: rusqlite's own is not `Clone`.
fn copy(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => rusqlite::Error::SqliteFailure(*code, text.clone()),
        other => rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR),
            Some(other.to_string()),
        ),
    }
}
