//! What waits to be sent to one connection. Filled from anywhere, emptied by the connection's task.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use bytes::Bytes;

/// The least that the queue costs in memory for each frame, however small.
const FRAME_OVERHEAD_BYTES: usize = mem::size_of::<Bytes>();

#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// It was asked to close, or has ended. Looked at per message: without the lock.
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    /// There while the task sleeps.
    waker: Option<Waker>,
    lagging: Lagging,
    close: Option<CloseRequest>,
    ended: bool,
    /// The client's socket is lost, and it may come back with another.
    detached: bool,
}

/// Whether broadcasts are being dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lagging {
    #[default]
    No,
    /// The notice is still to be written.
    Due,
    /// The notice is with the socket.
    Writing,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CloseRequest {
    pub(super) error: Option<String>,
    pub(super) allow_reconnect: bool,
}

pub(super) struct OutboxLimits {
    pub(super) max_frames: usize,
    pub(super) max_bytes: usize,
    /// Whether there is a notice for clients that missed something.
    pub(super) has_notice: bool,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Queued,
    /// The client lags.
    Dropped,
    /// Too much waited: the client begins to lag with this one.
    Overflowed,
    /// The connection is closed.
    Closed,
}

/// What the task took.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// There is more.
    pub(super) more: bool,
    /// The notice is to be written; tell when it was.
    pub(super) notice: bool,
    /// Nothing more will come: close.
    pub(super) close: Option<CloseRequest>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame, or drops it if the client lags.
    pub(super) fn push(&self, frame: Bytes, limits: &OutboxLimits) -> Pushed {
        let mut state = self.lock();
        if state.ended || state.close.is_some() {
            return Pushed::Closed;
        }
        if state.lagging != Lagging::No {
            return Pushed::Dropped;
        }
        let mut pushed = Pushed::Queued;
        let size = frame.len() + FRAME_OVERHEAD_BYTES;
        if state.queue.len() >= limits.max_frames || state.queued_bytes + size > limits.max_bytes {
            pushed = Pushed::Overflowed;
            state.queue = VecDeque::new();
            state.queued_bytes = 0;
            if limits.has_notice {
                state.lagging = Lagging::Due;
            } else {
                let error = Some("Too many messages waited to be sent.".to_owned());
                state.close = Some(CloseRequest { error, allow_reconnect: true });
                self.closed.store(true, Ordering::SeqCst);
            }
        } else {
            state.queued_bytes += size;
            state.queue.push_back(frame);
        }
        wake(state);
        pushed
    }

    pub(super) fn request_close(&self, request: CloseRequest) {
        let mut state = self.lock();
        if state.close.is_none() {
            state.close = Some(request);
            self.closed.store(true, Ordering::SeqCst);
        }
        wake(state);
    }

    /// Lets the task take frames, up to a little more than `max_bytes` (none: the socket is blocked), and arranges for
    /// it to be woken by whatever comes next.
    pub(super) fn take(
        &self,
        waker: &Waker,
        max_bytes: usize,
        blocked: bool,
        mut write: impl FnMut(Bytes),
    ) -> Taken {
        let mut state = self.lock();
        if state.waker.is_none() {
            state.waker = Some(waker.clone());
        }
        let mut taken = Taken::default();
        if blocked {
            return taken;
        }
        if state.lagging == Lagging::Due {
            state.lagging = Lagging::Writing;
            taken.notice = true;
        }
        let mut bytes = 0;
        while bytes < max_bytes {
            let Some(frame) = state.queue.pop_front() else { break };
            state.queued_bytes -= frame.len() + FRAME_OVERHEAD_BYTES;
            bytes += frame.len();
            write(frame);
        }
        taken.more = !state.queue.is_empty();
        if !taken.more {
            state.queue = VecDeque::new();
            taken.close = state.close.clone();
        }
        taken
    }

    /// The notice was written: broadcasts are queued again.
    pub(super) fn notice_written(&self) {
        let mut state = self.lock();
        if state.lagging == Lagging::Writing {
            state.lagging = Lagging::No;
        }
    }

    pub(super) fn set_detached(&self, detached: bool) {
        self.lock().detached = detached;
    }

    pub(super) fn is_detached(&self) -> bool {
        self.lock().detached
    }

    /// The connection is over.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        *state = State { ended: true, ..State::default() };
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

/// Wakes the task, with the lock released.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
