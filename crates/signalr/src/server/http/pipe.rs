//! A connection's bytes between its task and the requests that carry them.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    io, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    server::{accept::Settings, connection::Link, token::ConnectionId},
    transport::Role,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Kind {
    ServerSentEvents,
    LongPolling,
}

/// Shared by a connection's task and the requests. Output is kept in whole hub messages: what one write brings, one
/// request takes.
pub(in crate::server) struct Pipe {
    pub(super) kind: Kind,
    settings: Arc<Settings>,
    /// Held while a body is read in, so that bodies do not mix.
    pub(super) posting: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    input: VecDeque<Bytes>,
    input_bytes: usize,
    /// The client has gone.
    hung_up: bool,
    /// The task, waiting for input.
    reader: Option<Waker>,
    /// A request, waiting for room for its body.
    poster: Option<Waker>,

    output: Vec<u8>,
    /// Nothing will be added to the output.
    all_said: bool,
    /// The task, waiting for room.
    writer: Option<Waker>,
    /// A request, waiting for output.
    taker: Option<Waker>,

    /// The task has ended.
    ended: bool,
    /// Counts polls: the latest is the one that is answered.
    polls: u64,
    polling: bool,
    last_poll: Duration,
}

/// What a request is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Whole hub messages.
    Bytes(Vec<u8>),
    /// The connection is over, or another request took this one's place.
    Nothing,
}

impl Pipe {
    pub(super) fn new(kind: Kind, settings: Arc<Settings>) -> Arc<Pipe> {
        let state = State { last_poll: settings.now(), ..State::default() };
        Arc::new(Pipe { kind, settings, posting: tokio::sync::Mutex::default(), state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a piece of a body, when there is room. False: the connection is over.
    pub(super) fn poll_post(&self, context: &mut Context<'_>, piece: &mut Option<Bytes>) -> Poll<bool> {
        let mut state = self.lock();
        if state.hung_up || state.ended {
            return Poll::Ready(false);
        }
        if state.input_bytes >= self.settings.options.pipe_bytes {
            state.poster = Some(context.waker().clone());
            return Poll::Pending;
        }
        if let Some(piece) = piece.take().filter(|piece| !piece.is_empty()) {
            state.input_bytes += piece.len();
            state.input.push_back(piece);
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Poll::Ready(true)
    }

    /// The client has gone: the task learns it as the end of its input.
    pub(super) fn hang_up(&self) {
        let mut state = self.lock();
        state.hung_up = true;
        let wakers = [state.reader.take(), state.writer.take(), state.taker.take(), state.poster.take()];
        drop(state);
        wakers.into_iter().for_each(wake);
    }

    /// Begins a long poll; whichever runs is answered with nothing.
    pub(super) fn begin_poll(self: &Arc<Pipe>) -> LongPoll {
        let mut state = self.lock();
        state.polls += 1;
        state.polling = true;
        let number = state.polls;
        let displaced = state.taker.take();
        drop(state);
        wake(displaced);
        LongPoll { pipe: self.clone(), number }
    }

    /// All the output there is; `poll` is the number of the poll that asks.
    pub(super) fn poll_take(&self, context: &mut Context<'_>, poll: Option<u64>) -> Poll<Output> {
        let mut state = self.lock();
        if poll.is_some_and(|number| number != state.polls) {
            return Poll::Ready(Output::Nothing);
        }
        if !state.output.is_empty() && !state.hung_up {
            let output = mem::take(&mut state.output);
            let writer = state.writer.take();
            drop(state);
            wake(writer);
            return Poll::Ready(Output::Bytes(output));
        }
        if state.hung_up || state.ended || state.all_said {
            drop(state);
            self.hang_up();
            return Poll::Ready(Output::Nothing);
        }
        state.taker = Some(context.waker().clone());
        Poll::Pending
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A long poll that runs.
pub(super) struct LongPoll {
    pipe: Arc<Pipe>,
    number: u64,
}

impl LongPoll {
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Output> {
        self.pipe.poll_take(context, Some(self.number))
    }
}

impl Drop for LongPoll {
    fn drop(&mut self) {
        let mut state = self.pipe.lock();
        if state.polls == self.number {
            state.polling = false;
            state.last_poll = self.pipe.settings.now();
            state.taker = None;
        }
    }
}

/// The task's end of a pipe.
pub(super) struct PipeLink(pub(super) Arc<Pipe>);

impl Link for PipeLink {
    const ROLE: Role = Role::Bare;

    fn is_text_only(&self) -> bool {
        self.0.kind == Kind::ServerSentEvents
    }

    fn last_seen(&self, now: Duration) -> Option<Duration> {
        let state = self.0.lock();
        (self.0.kind == Kind::LongPolling).then_some(if state.polling { now } else { state.last_poll })
    }

    fn all_said(&mut self) {
        let mut state = self.0.lock();
        state.all_said = true;
        let taker = state.taker.take();
        drop(state);
        wake(taker);
    }
}

impl AsyncRead for PipeLink {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        while room.remaining() > 0
            && let Some(piece) = state.input.front_mut()
        {
            let count = piece.len().min(room.remaining());
            room.put_slice(&piece[..count]);
            piece.advance(count);
            if piece.is_empty() {
                state.input.pop_front();
            }
            state.input_bytes -= count;
        }
        if room.filled().is_empty() && !state.hung_up {
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        if state.input.is_empty() {
            state.input = VecDeque::new();
        }
        let poster = state.poster.take();
        drop(state);
        wake(poster);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PipeLink {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        if state.hung_up {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.output.len() >= self.0.settings.options.pipe_bytes {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.output.extend_from_slice(bytes);
        let taker = state.taker.take();
        drop(state);
        wake(taker);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeLink {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        let wakers = [state.taker.take(), state.poster.take()];
        state.input = VecDeque::new();
        drop(state);
        wakers.into_iter().for_each(wake);
    }
}

/// The pipes of all live connections, each with who opened it.
#[derive(Default)]
pub(in crate::server) struct Pipes(Mutex<HashMap<ConnectionId, Owned>>);

type Owned = (Arc<Pipe>, Arc<dyn Any + Send + Sync>);

impl Pipes {
    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Owned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get<C: Any + Send + Sync>(&self, id: ConnectionId) -> Option<(Arc<Pipe>, Arc<C>)> {
        let (pipe, client) = self.lock().get(&id).cloned()?;
        Some((pipe, client.downcast().ok()?))
    }

    pub(super) fn insert<C: Any + Send + Sync>(&self, id: ConnectionId, pipe: Arc<Pipe>, client: Arc<C>) {
        self.lock().insert(id, (pipe, client));
    }

    pub(super) fn remove(&self, id: ConnectionId) {
        self.lock().remove(&id);
    }
}
