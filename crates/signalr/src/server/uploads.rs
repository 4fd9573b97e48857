//! Streams that clients send as arguments.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures_util::Stream;

use super::{HubError, Options};
use crate::Payload;

/// The items of a stream that the client sends. It ends after an error; if the connection ends before the stream does,
/// that is an error. While too many items wait here, nothing is read from the connection: take them steadily, or drop
/// this.
pub struct Upload(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    stall: Arc<Stall>,
}

#[derive(Default)]
struct State {
    items: VecDeque<Payload>,
    bytes: usize,
    end: Option<Result<(), HubError>>,
    reader: Option<Waker>,
    dropped: bool,
}

/// Wakes the connection's task when it waits for items to be taken.
struct Stall {
    stalled: AtomicBool,
    task: Waker,
}

impl Stall {
    fn items_taken(&self) {
        if self.stalled.swap(false, Ordering::SeqCst) {
            self.task.wake_by_ref();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn end(&self, end: Result<(), HubError>) {
        self.change(|state| state.end = state.end.take().or(Some(end)));
    }
}

impl Stream for Upload {
    type Item = Result<Payload, HubError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock();
        if let Some(item) = state.items.pop_front() {
            state.bytes -= item.as_bytes().len();
            drop(state);
            self.0.stall.items_taken();
            return Poll::Ready(Some(Ok(item)));
        }
        match &mut state.end {
            None => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        *state = State { dropped: true, ..State::default() };
        drop(state);
        self.0.stall.items_taken();
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Upload").finish_non_exhaustive()
    }
}

/// The streams that the client of one connection sends. Takes no memory while there are none.
#[derive(Default)]
pub(super) struct Uploads {
    running: Vec<(String, Arc<Shared>)>,
}

impl Uploads {
    /// Begins those that an invocation announces. The error is for the caller.
    pub(super) fn start(
        &mut self,
        context: &mut Context<'_>,
        ids: Vec<String>,
        options: &Options,
    ) -> Result<Vec<Option<Upload>>, String> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.running.retain(|(_, shared)| !shared.lock().dropped);
        if self.running.len() + ids.len() > options.max_streams {
            return Err("Too many streams are open.".to_owned());
        }
        for (index, id) in ids.iter().enumerate() {
            if self.find(id).is_some() || ids[..index].contains(id) {
                return Err(format!("Stream ID '{id}' is already in use."));
            }
        }
        let stall = match self.running.first() {
            Some((_, shared)) => shared.stall.clone(),
            None => Arc::new(Stall { stalled: AtomicBool::new(false), task: context.waker().clone() }),
        };
        let uploads = ids.into_iter().map(|id| {
            let shared = Arc::new(Shared { state: Mutex::default(), stall: stall.clone() });
            self.running.push((id, shared.clone()));
            Some(Upload(shared))
        });
        Ok(uploads.collect())
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.running.iter().position(|upload| upload.0 == id)
    }

    /// Items of streams that are unknown, or of no interest any more, are ignored: false.
    pub(super) fn item(&mut self, id: &str, item: Payload) -> bool {
        let Some(at) = self.find(id) else { return false };
        if self.running[at].1.lock().dropped {
            self.running.swap_remove(at);
            return false;
        }
        self.running[at].1.change(|state| {
            state.bytes += item.as_bytes().len();
            state.items.push_back(item);
        });
        true
    }

    /// The client has sent all of a stream, or failed to. False: there is no such stream.
    pub(super) fn complete(&mut self, id: &str, outcome: &Result<Payload, String>) -> bool {
        let Some(at) = self.find(id) else { return false };
        let (_, shared) = self.running.swap_remove(at);
        shared.end(outcome.as_ref().map(|_| ()).map_err(|error| HubError(error.clone())));
        true
    }

    /// Whether so much waits to be taken that nothing more is to be read. The task is woken when that changes.
    pub(super) fn are_full(&self, options: &Options) -> bool {
        let Some((_, first)) = self.running.first() else { return false };
        // First, so that whatever is taken from here on wakes the task.
        first.stall.stalled.store(true, Ordering::SeqCst);
        let (mut items, mut bytes) = (0, 0);
        for (_, shared) in &self.running {
            let state = shared.lock();
            items += state.items.len();
            bytes += state.bytes;
        }
        let full = items >= options.max_upload_items || bytes >= options.max_queued_bytes;
        first.stall.stalled.store(full, Ordering::SeqCst);
        full
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        for (_, shared) in self.running.drain(..) {
            shared.end(Err("The connection ended before the stream did.".into()));
        }
        self.running = Vec::new();
    }
}

#[cfg(test)]
mod tests;
