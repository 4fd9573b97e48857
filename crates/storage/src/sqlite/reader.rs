//! The threads that read. Readers never wait for the writer, nor it for them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::Failure;

/// Reads that may wait for a reader; whoever comes later waits for a place.
const QUEUE_JOBS: usize = 4_096;

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Reader {
    jobs: SyncSender<Job>,
    places: Semaphore,
}

impl Reader {
    pub(super) fn start(connections: Vec<Connection>) -> Self {
        let (jobs, queue) = sync_channel(QUEUE_JOBS);
        let queue = Arc::new(Mutex::new(queue));
        for connection in connections {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name("sqlite-reader".into())
                .spawn(move || serve(&connection, &queue))
                .expect("a thread can be started");
        }
        Self { jobs, places: Semaphore::new(QUEUE_JOBS) }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let _place = self.places.acquire().await.map_err(|_| Failure::Closed)?;
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Whoever asked may be gone.
            let _ = sender.send(work(connection));
        });
        self.jobs.try_send(job).map_err(|_| Failure::Closed)?;
        Ok(answer.await.map_err(|_| Failure::Closed)??)
    }
}

fn serve(connection: &Connection, queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}
