//! The one thread that writes. While a transaction is on its way to the disk, whoever wants to write queues up,
//! and the next transaction takes them all: one fsync for the lot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, oneshot};

use super::{failure, unpanicked};
use crate::Failure;

/// Jobs that one transaction takes.
const BATCH_JOBS: usize = 256;

/// What a job leaves behind: to be called once its transaction's fate is known.
type Answer = Box<dyn FnOnce(Result<(), rusqlite::Error>) + Send>;
/// Runs in a transaction, or learns why there is none.
type Job = Box<dyn FnOnce(Result<&Transaction<'_>, rusqlite::Error>) -> Answer + Send>;

pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    places: Arc<Semaphore>,
    /// Set when no more jobs come: the thread does what waits, and ends.
    closing: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, waiting: usize) -> Self {
        // One more for the job that wakes the thread up to end.
        let (jobs, queue) = sync_channel(waiting + 1);
        let closing = Arc::<AtomicBool>::default();
        let heeded = Arc::clone(&closing);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || serve(connection, &queue, &heeded))
            .expect("a thread can be started");
        let places = Arc::new(Semaphore::new(waiting));
        Self { jobs: Some(jobs), places, closing, thread: Mutex::new(Some(thread)) }
    }

    /// Does what waits, folds the log into the file and closes it. Blocks. Whoever comes later is told
    /// [`Failure::Closed`].
    pub(super) fn close(&self) {
        self.places.close();
        self.closing.store(true, Ordering::Release);
        if let Some(jobs) = &self.jobs {
            let nothing: Job = Box::new(|_| Box::new(|_| ()));
            let _ = jobs.try_send(nothing);
        }
        self.join();
    }

    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        // Held until the answer is there, also if nobody waits for it any more: so the channel itself never fills up.
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Failure::Closed)?;
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = transaction.and_then(|transaction| in_savepoint(transaction, work));
            Box::new(move |committed| {
                // Whoever asked may be gone; what was committed stays committed.
                let _ = sender.send(result.and_then(|value| committed.map(|()| value)));
                drop(place);
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
        self.join();
    }
}

fn in_savepoint<T>(
    transaction: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
    match unpanicked(|| work(transaction)) {
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

fn serve(mut connection: Connection, queue: &Receiver<Job>, closing: &AtomicBool) {
    loop {
        let next = if closing.load(Ordering::Acquire) { queue.try_recv().ok() } else { queue.recv().ok() };
        let Some(first) = next else { break };
        let mut answers = Vec::new();
        let committed = run_batch(&mut connection, queue, first, &mut answers);
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

/// One transaction of as many jobs as wait.
fn run_batch(
    connection: &mut Connection,
    queue: &Receiver<Job>,
    first: Job,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            answers.push(first(Err(copy(&error))));
            return Err(error);
        }
    };
    let mut next = Some(first);
    while let Some(job) = next {
        answers.push(job(Ok(&transaction)));
        if transaction.is_autocommit() {
            // SQLite rolled everything back by itself (full disk, I/O error). Another job would be a transaction of
            // its own now, and stay although it is answered with this error.
            return Err(failure(rusqlite::ffi::SQLITE_ABORT_ROLLBACK, "the transaction was rolled back"));
        }
        next = if answers.len() < BATCH_JOBS { queue.try_recv().ok() } else { None };
    }
    transaction.commit()
}

/// An error as several may have it: rusqlite's own is not `Clone`.
fn copy(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => rusqlite::Error::SqliteFailure(*code, text.clone()),
        other => failure(rusqlite::ffi::SQLITE_ERROR, &other.to_string()),
    }
}
