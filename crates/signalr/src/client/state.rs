//! What a connection's task and its users share.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use tokio::sync::{mpsc, oneshot};

use super::{Event, Options};
use crate::{DecodeError, EncodeError, Payload, Protocol};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The server says so.
    #[error("{0}")]
    Server(String),
    /// The connection ended first; whether the server ran the call is not known.
    #[error("the connection is closed")]
    Closed,
    /// Too much waits to be sent, or too many items of a stream were not taken.
    #[error("too much is waiting")]
    Full,
    /// The arguments could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The result is not of the type asked for.
    #[error("unexpected result: {0}")]
    Decode(#[from] DecodeError),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// This side closed it.
    Local,
    /// The server closed it.
    Server {
        /// Why, if it is an error.
        error: Option<String>,
        /// Whether it allows to reconnect.
        allow_reconnect: bool,
    },
    /// It broke: the network, silence, or a peer that does not keep to the protocol.
    Lost(String),
}

pub(super) struct Shared {
    pub(super) protocol: Protocol,
    pub(super) options: Options,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Whole hub messages to be sent.
    pub(super) out: Vec<u8>,
    /// Where each of them ends, for those who count them.
    pub(super) ends: Vec<usize>,
    pub(super) next_id: u64,
    pub(super) pending: HashMap<u64, Pending>,
    /// There while the task sleeps.
    pub(super) task: Option<Waker>,
    pub(super) events: VecDeque<Event>,
    pub(super) events_dropped: bool,
    /// There while somebody waits for an event.
    pub(super) reader: Option<Waker>,
    pub(super) close: bool,
    pub(super) ended: Option<CloseReason>,
}

pub(super) enum Pending {
    Call(oneshot::Sender<Result<Payload, InvokeError>>),
    Stream(mpsc::Sender<Result<Payload, InvokeError>>),
}

impl Shared {
    pub(super) fn new(protocol: Protocol, options: Options) -> Arc<Shared> {
        Arc::new(Shared { protocol, options, state: Mutex::default() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends hub messages and wakes the task.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&mut State) -> Result<T, InvokeError>,
    ) -> Result<T, InvokeError> {
        let mut state = self.lock();
        if state.ended.is_some() || state.close {
            return Err(InvokeError::Closed);
        }
        if state.out.len() >= self.options.max_unsent_bytes {
            return Err(InvokeError::Full);
        }
        let written = write(&mut state)?;
        self.count(&mut state);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        Ok(written)
    }

    /// One message was appended, or none.
    pub(super) fn count(&self, state: &mut State) {
        let (end, last) = (state.out.len(), state.ends.last().copied().unwrap_or_default());
        if self.options.stateful && end > last {
            state.ends.push(end);
        }
    }

    pub(super) fn request_close(&self) {
        let mut state = self.lock();
        state.close = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// The connection is over: everyone who waits learns it.
    pub(super) fn end(&self, reason: CloseReason) {
        let mut state = self.lock();
        state.ended.get_or_insert(reason);
        let pending = mem::take(&mut state.pending);
        let reader = state.reader.take();
        state.out = Vec::new();
        state.ends = Vec::new();
        drop(state);
        for (_, pending) in pending {
            match pending {
                Pending::Call(call) => drop(call.send(Err(InvokeError::Closed))),
                Pending::Stream(items) => drop(items.try_send(Err(InvokeError::Closed))),
            }
        }
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
