//! Losing a socket, and going on with another.

use std::{
    future::Future,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep},
};

use super::{
    CloseReason, ConnectError,
    task::{End, Task},
};
use crate::transport::{FrameReader, Role, Writer};

/// The wait after the first try that fails; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(2);

type Opening<Io> = BoxFuture<'static, Result<Io, ConnectError>>;

/// Gets a connection another socket.
pub(super) struct Reopen<Io> {
    patience: Duration,
    open: Box<dyn Fn() -> Opening<Io> + Send>,
    /// There while one is being opened.
    opening: Option<Opening<Io>>,
    /// What comes after a try that failed.
    wait: Duration,
    until: Instant,
}

impl<Io: 'static> Reopen<Io> {
    /// `open` tries once; it is tried for as long as `patience`.
    pub(super) fn new<F: Future<Output = Result<Io, ConnectError>> + Send + 'static>(
        patience: Duration,
        open: impl Fn() -> F + Send + 'static,
    ) -> Reopen<Io> {
        let open = Box::new(move || open().boxed());
        Reopen { patience, open, opening: None, wait: FIRST_WAIT, until: Instant::now() }
    }

    fn begin(&mut self) {
        self.opening = Some((self.open)());
        self.wait = FIRST_WAIT;
        self.until = Instant::now() + self.patience;
    }

    /// Ready at once, with None, when nothing is being opened.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Io>, ConnectError>> {
        loop {
            let Some(opening) = &mut self.opening else { return Poll::Ready(Ok(None)) };
            match ready!(opening.as_mut().poll(context)) {
                Ok(io) => {
                    self.opening = None;
                    return Poll::Ready(Ok(Some(io)));
                }
                // The server knows the connection no more, or is going down.
                Err(error @ ConnectError::Refused { .. }) => return Poll::Ready(Err(error)),
                Err(error) if Instant::now() + self.wait > self.until => return Poll::Ready(Err(error)),
                Err(_) => {
                    let (wait, again) = (self.wait, (self.open)());
                    self.wait = (wait * 2).min(MAX_WAIT);
                    self.opening = Some(sleep(wait).then(|()| again).boxed());
                }
            }
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin + 'static> Task<Io> {
    /// Goes on without a socket until there is another one. False: there will be none.
    pub(super) fn begin_reopening(&mut self) -> bool {
        if self.closing || !self.machine.is_resumable() {
            return false;
        }
        let Some(reopen) = &mut self.reopen else { return false };
        reopen.begin();
        self.io = None;
        self.frames = FrameReader::new(Role::Client);
        self.unread = Vec::new();
        self.seed = self.seed.wrapping_add(0x9e37_79b9);
        self.writer = Writer::new(Role::Client, self.seed);
        true
    }

    /// Ready when there is a socket.
    pub(super) fn poll_reopening(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        out: &mut Vec<u8>,
    ) -> Result<Poll<()>, End> {
        let Some(reopen) = self.reopen.as_mut().filter(|_| self.io.is_none()) else {
            return Ok(Poll::Ready(()));
        };
        match reopen.poll(context) {
            Poll::Pending => {
                let mut state = self.shared.lock();
                if state.close {
                    return Err(End::Over(CloseReason::Local));
                }
                if state.task.is_none() {
                    state.task = Some(context.waker().clone());
                }
                Ok(Poll::Pending)
            }
            Poll::Ready(Err(error)) => Err(End::Over(CloseReason::Lost(error.to_string()))),
            Poll::Ready(Ok(io)) => {
                self.io = io;
                self.machine.resume(now, &self.limits, out);
                self.timer.as_mut().reset(self.origin + now + self.limits.keep_alive);
                Ok(Poll::Ready(()))
            }
        }
    }

    /// Acknowledgements are due earlier than pings.
    pub(super) fn advance_timer(&mut self) {
        if let Some(due) = self.machine.ack_due()
            && self.origin + due < self.timer.deadline()
        {
            self.timer.as_mut().reset(self.origin + due);
        }
    }
}
