//! Connections that are given up when the database has stopped answering.
//!
//! A database that is gone says so, and one that hangs (a stopped process, a machine that sleeps, a network that swallows
//! packets) says nothing: whoever had asked it something would wait for as long as that lasts. So one small question is put to
//! it all the time, and if that has no answer in time, every connection is cut, which tells all who wait on them.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::{Client, Config, Error};

use super::Target;

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Opens connections, and remembers them.
#[derive(Clone)]
pub(super) struct Watched {
    target: Arc<Target>,
    open: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Watched {
    pub(super) fn new(target: Target) -> Self {
        Self { target: Arc::new(target), open: Arc::default() }
    }

    fn remember(&self, connection: AbortHandle) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|one| !one.is_finished());
        open.push(connection);
    }

    /// Ends all connections, and answers how many there were.
    fn cut(&self) -> usize {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|one| !one.is_finished());
        open.iter().for_each(AbortHandle::abort);
        std::mem::take(&mut *open).len()
    }

    /// Asks the database now and then for as long as anybody uses it.
    /// An answer may take `patience`, opening a connection included: far longer than any that is merely busy takes.
    pub(super) fn watch(&self, patience: Duration, used: Weak<()>) {
        let watched = self.clone();
        tokio::spawn(async move {
            let mut own: Option<Client> = None;
            while used.strong_count() > 0 {
                match tokio::time::timeout(patience, ask(own.take(), &watched.target)).await {
                    Ok(Ok(client)) => own = Some(client),
                    // It says itself what is wrong, and so it does to the others.
                    Ok(Err(error)) => tracing::debug!(%error, "the database was asked how it is"),
                    Err(_) => {
                        let cut = watched.cut();
                        if cut > 0 {
                            tracing::warn!(connections = cut, timeout = ?patience, "the database does not answer: its connections are given up");
                        }
                    }
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        });
    }
}

async fn ask(own: Option<Client>, target: &Target) -> Result<Client, Error> {
    let client = match own {
        Some(client) if !client.is_closed() => client,
        _ => {
            let (client, connection) = target.connect().await?;
            tokio::spawn(connection);
            client
        }
    };
    client.simple_query("SELECT 1").await?;
    Ok(client)
}

impl Connect for Watched {
    fn connect(
        &self,
        _config: &Config,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(async move {
            let (client, connection) = self.target.connect().await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(error = super::describe(&error), "a connection to the database ended");
                }
            });
            self.remember(task.abort_handle());
            Ok((client, task))
        })
    }
}
