//! What the server asks of a client and waits for (client results).

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::{EncodeError, Payload};

/// Why there is no result of a client's method.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The client says so.
    #[error("{0}")]
    Client(String),
    /// The connection ended first, or was closed already.
    #[error("the connection is closed")]
    Closed,
    /// Too much waits to be sent to the client; it was not asked.
    #[error("the client lags behind")]
    Lagging,
    /// It has [`super::Options::max_unanswered`] to answer already; it was not asked.
    #[error("too many calls wait for this client's answer")]
    TooMany,
    /// It took longer than [`super::Options::answer_timeout`].
    #[error("the client did not answer in time")]
    TimedOut,
    /// The arguments could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Makes ids differ from those that clients give to their streams: a Completion may be of either.
pub(super) const ID_PREFIX: &str = "s";

pub(super) type Answer = Result<Payload, InvokeError>;

/// The calls of one connection that the client has not answered. Takes no memory until the first.
#[derive(Default)]
pub(super) struct Questions(Mutex<Option<Box<Waiting>>>);

#[derive(Default)]
struct Waiting {
    next: u64,
    /// Few: searched from the front.
    calls: Vec<(u64, oneshot::Sender<Answer>)>,
}

impl Questions {
    fn lock(&self) -> MutexGuard<'_, Option<Box<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None: as many as `max` wait.
    pub(super) fn begin(&self, max: usize) -> Option<(u64, oneshot::Receiver<Answer>)> {
        let mut waiting = self.lock();
        let waiting = waiting.get_or_insert_default();
        if waiting.calls.len() >= max {
            return None;
        }
        let id = waiting.next;
        waiting.next += 1;
        let (sender, receiver) = oneshot::channel();
        waiting.calls.push((id, sender));
        Some((id, receiver))
    }

    /// Ids that were never given out, or are no longer waited for, are ignored.
    /// False: it was one of those.
    pub(super) fn answer(&self, id: &str, outcome: Result<Payload, String>) -> bool {
        let Some(id) = id.strip_prefix(ID_PREFIX).and_then(|id| id.parse::<u64>().ok()) else { return false };
        let Some(sender) = self.forget(id) else { return false };
        let _ = sender.send(outcome.map_err(InvokeError::Client));
        true
    }

    pub(super) fn forget(&self, id: u64) -> Option<oneshot::Sender<Answer>> {
        let mut waiting = self.lock();
        let calls = &mut waiting.as_mut()?.calls;
        let at = calls.iter().position(|call| call.0 == id)?;
        Some(calls.swap_remove(at).1)
    }

    /// The connection is over.
    pub(super) fn end(&self) {
        if let Some(waiting) = self.lock().as_mut() {
            waiting.calls = Vec::new();
        }
    }
}
