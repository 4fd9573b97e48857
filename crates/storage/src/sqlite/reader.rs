//! The threads that read. Readers never wait for the writer, nor it for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::unpanicked;
use crate::Failure;

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Reader {
    jobs: SyncSender<Job>,
    places: Arc<Semaphore>,
    /// Set when no more jobs come: the threads do what waits, and end.
    closing: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Reader {
    pub(super) fn start(connections: Vec<Connection>, waiting: usize) -> Self {
        // One more for each thread, to wake it up to end.
        let (jobs, queue) = sync_channel(waiting + connections.len());
        let queue = Arc::new(Mutex::new(queue));
        let closing = Arc::<AtomicBool>::default();
        let start = |connection| {
            let (queue, closing) = (Arc::clone(&queue), Arc::clone(&closing));
            std::thread::Builder::new()
                .name("sqlite-reader".into())
                .spawn(move || serve(&connection, &queue, &closing))
                .expect("a thread can be started")
        };
        let threads = Mutex::new(connections.into_iter().map(start).collect());
        Self { jobs, places: Arc::new(Semaphore::new(waiting)), closing, threads }
    }

    /// Does what waits, and closes the connections. Blocks. Whoever comes later is told [`Failure::Closed`].
    pub(super) fn close(&self) {
        self.places.close();
        self.closing.store(true, Ordering::Release);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &threads {
            let _ = self.jobs.try_send(Box::new(|_| ()));
        }
        for thread in threads {
            let _ = thread.join();
        }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        // Held until the read is done, also if nobody waits for it any more: so the channel itself never fills up.
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Failure::Closed)?;
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if sender.is_closed() {
                return;
            }
            // Whoever asked may be gone.
            let _ = sender.send(unpanicked(|| work(connection)));
            drop(place);
        });
        self.jobs.try_send(job).map_err(|_| Failure::Closed)?;
        Ok(answer.await.map_err(|_| Failure::Closed)??)
    }
}

fn serve(connection: &Connection, queue: &Mutex<Receiver<Job>>, closing: &AtomicBool) {
    let next = || {
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        if closing.load(Ordering::Acquire) { queue.try_recv().ok() } else { queue.recv().ok() }
    };
    while let Some(job) = next() {
        in_one_reading(connection, job);
    }
}

/// All statements of a job see the same state, under one lock of the file instead of one each. A job that cannot begin is
/// dropped, which tells whoever waits for it.
fn in_one_reading(connection: &Connection, job: Job) {
    let run = |sql| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    if let Err(error) = run("BEGIN") {
        tracing::warn!(%error, "a reading cannot begin");
        return;
    }
    job(connection);
    if !connection.is_autocommit()
        && let Err(error) = run("COMMIT")
    {
        tracing::debug!(%error, "a reading did not end as it should");
        let _ = connection.execute_batch("ROLLBACK");
    }
}
