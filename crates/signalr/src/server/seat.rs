//! Where a client that lost its WebSocket finds its connection again.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use super::token::ConnectionId;

/// One connection's place for its next socket.
pub(super) struct Seat<Io>(Mutex<State<Io>>);

struct State<Io> {
    stage: Stage,
    next: Option<Io>,
    /// There while the connection's task sleeps.
    task: Option<Waker>,
}

/// Whether another socket can be had for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its handshake is under way.
    Opening,
    Open,
    /// It is closed, or its client does not know how.
    Over,
}

impl<Io> Seat<Io> {
    pub(super) fn new() -> Arc<Seat<Io>> {
        Arc::new(Seat(Mutex::new(State { stage: Stage::Opening, next: None, task: None })))
    }

    fn lock(&self) -> MutexGuard<'_, State<Io>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stage(&self) -> Stage {
        self.lock().stage
    }

    pub(super) fn open(&self) {
        self.lock().stage = Stage::Open;
    }

    /// Hangs up on whoever comes.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        *state = State { stage: Stage::Over, next: None, task: None };
    }

    /// Hands the connection another socket in place of the one it has or had.
    pub(super) fn offer(&self, io: Io) {
        let mut state = self.lock();
        if state.stage != Stage::Open {
            return;
        }
        state.next = Some(io);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// The socket that was offered last; if there is none, the task is woken by the next.
    pub(super) fn poll(&self, context: &Context<'_>) -> Option<Io> {
        let mut state = self.lock();
        if state.next.is_none() && state.task.is_none() {
            state.task = Some(context.waker().clone());
        }
        state.next.take()
    }
}

/// The seats of all live connections that have one, each with who has it.
pub(super) struct Seats<Io>(Mutex<HashMap<ConnectionId, Owned<Io>>>);

type Owned<Io> = (Arc<Seat<Io>>, Arc<dyn Any + Send + Sync>);

impl<Io> Default for Seats<Io> {
    fn default() -> Seats<Io> {
        Seats(Mutex::default())
    }
}

impl<Io> Seats<Io> {
    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Owned<Io>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add<C: Any + Send + Sync>(&self, id: ConnectionId, client: Arc<C>) -> Arc<Seat<Io>> {
        let seat = Seat::new();
        self.lock().insert(id, (seat.clone(), client));
        seat
    }

    pub(super) fn find<C: Any + Send + Sync>(&self, id: ConnectionId) -> Option<(Arc<Seat<Io>>, Arc<C>)> {
        let (seat, client) = self.lock().get(&id).cloned()?;
        Some((seat, client.downcast().ok()?))
    }

    pub(super) fn remove(&self, id: ConnectionId) {
        self.lock().remove(&id);
    }
}
