//! The task of one connection.

use std::{
    future::poll_fn,
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::{mpsc::error::TrySendError, oneshot},
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{
    ClientEvent, ClientLimits, ClientMachine, CloseReason, Event, InvokeError,
    resuming::Reopen,
    state::{Pending, Shared},
};
use crate::{
    codec::encode,
    transport::{Frame, FrameReader, Role, Scratch, Writer},
};

/// Reads in one poll, after which other tasks get their turn.
const MAX_ROUNDS: usize = 8;

/// An outgoing buffer that grew beyond this is not kept.
const MAX_KEPT_BYTES: usize = 4096;

/// For saying goodbye.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Task<Io> {
    /// None: it is lost, and another one is being opened.
    pub(super) io: Option<Io>,
    /// How to get another, if the connection may change it.
    pub(super) reopen: Option<Reopen<Io>>,
    pub(super) shared: Arc<Shared>,
    pub(super) limits: ClientLimits,
    pub(super) machine: ClientMachine,
    opened: Option<oneshot::Sender<()>>,
    pub(super) origin: Instant,
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) frames: FrameReader,
    /// The beginning of a frame's header.
    pub(super) unread: Vec<u8>,
    pub(super) writer: Writer,
    pub(super) seed: u32,
    handshake: Vec<u8>,
    /// Close was asked for, and the last words are with the writer.
    pub(super) closing: bool,
}

/// Runs a connection to its end. Tells `opened` when the handshake is done.
pub(super) async fn run<Io: AsyncRead + AsyncWrite + Unpin + 'static>(
    io: Io,
    reopen: Option<Reopen<Io>>,
    shared: Arc<Shared>,
    seed: u32,
    opened: oneshot::Sender<()>,
) {
    let mut handshake = Vec::new();
    let limits = shared.options.limits();
    let origin = Instant::now();
    let (protocol, buffer_bytes) = (shared.protocol, shared.options.stateful_buffer_bytes);
    let machine = match reopen {
        None => ClientMachine::new(protocol, Duration::ZERO, &mut handshake),
        Some(_) => ClientMachine::new_stateful(protocol, Duration::ZERO, buffer_bytes, &mut handshake),
    };
    let mut task = Task {
        io: Some(io),
        reopen,
        machine,
        shared,
        opened: Some(opened),
        origin,
        timer: Box::pin(sleep_until(origin + limits.handshake_timeout)),
        limits,
        frames: FrameReader::new(Role::Client),
        unread: Vec::new(),
        writer: Writer::new(Role::Client, seed),
        seed,
        handshake,
        closing: false,
    };
    let reason = poll_fn(|context| task.poll(context)).await;
    task.shared.end(reason);
    if let Some(io) = task.io {
        let _ = timeout(SHUTDOWN_TIMEOUT, Box::pin(hang_up(io))).await;
    }
}

/// What still comes is read and dropped: a socket closed before that is reset, and the last words may be lost with it.
async fn hang_up<Io: AsyncRead + AsyncWrite + Unpin>(mut io: Io) -> io::Result<()> {
    io.shutdown().await?;
    let mut rest = [0; 1024];
    while io.read(&mut rest).await? > 0 {}
    Ok(())
}

pub(super) enum End {
    Over(CloseReason),
    /// The socket broke: only that is over if another can be had.
    Broken(String),
}

fn lost(error: impl ToString) -> End {
    End::Over(CloseReason::Lost(error.to_string()))
}

fn broken(error: impl ToString) -> End {
    End::Broken(error.to_string())
}

impl<Io: AsyncRead + AsyncWrite + Unpin + 'static> Task<Io> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<CloseReason> {
        let mut scratch = Scratch::borrow();
        Writer::begin(&mut scratch.out);
        let result = self.drive(context, &mut scratch);
        scratch.give_back();
        match result {
            Ok(()) => Poll::Pending,
            Err(End::Over(reason)) => Poll::Ready(reason),
            Err(End::Broken(error)) => match self.begin_reopening() {
                true => {
                    tracing::debug!(error, "a connection lost its socket");
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                false if self.closing => Poll::Ready(CloseReason::Local),
                false => Poll::Ready(CloseReason::Lost(error)),
            },
        }
    }

    fn drive(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Result<(), End> {
        let now = self.origin.elapsed();
        if self.poll_reopening(context, now, &mut scratch.out)?.is_pending() {
            return Ok(());
        }
        scratch.out.append(&mut self.handshake);
        if self.writer.is_blocked()
            && let Some(io) = &mut self.io
        {
            let _ = self.writer.poll_unsent(io, context, now).map_err(broken)?;
        }
        let input = self.poll_input(context, now, scratch);
        self.poll_timer(context, now, &mut scratch.out)?;
        self.flush(context, now, &mut scratch.out)?;
        input?;
        if self.closing && !self.writer.is_blocked() { Err(End::Over(CloseReason::Local)) } else { Ok(()) }
    }

    fn poll_input(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        scratch: &mut Scratch,
    ) -> Result<(), End> {
        for _ in 0..MAX_ROUNDS {
            let kept = self.unread.len();
            let mut room = ReadBuf::new(&mut scratch.input[kept..]);
            let Some(io) = &mut self.io else { return Ok(()) };
            match Pin::new(io).poll_read(context, &mut room) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => result.map_err(broken)?,
            }
            let count = room.filled().len();
            if count == 0 {
                return Err(broken(io::ErrorKind::UnexpectedEof));
            }
            scratch.input[..kept].copy_from_slice(&self.unread);
            self.unread = Vec::new();
            let Scratch { input, out } = &mut *scratch;
            self.process(now, &mut input[..kept + count], out)?;
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    fn process(&mut self, now: Duration, mut bytes: &mut [u8], out: &mut Vec<u8>) -> Result<(), End> {
        while let Some((taken, frame)) = self.frames.read(bytes).map_err(lost)? {
            match frame {
                Frame::Data(payload) => {
                    let mut payload = &bytes[payload];
                    while let Some(event) =
                        self.machine.receive(now, &self.limits, &mut payload, out).map_err(lost)?
                    {
                        if event == ClientEvent::Opened && self.reopen.is_some() {
                            // The server waits for a first word before it pushes anything.
                            encode::ping(self.shared.protocol, out);
                        }
                        self.handle_event(event)?;
                    }
                }
                Frame::Ping(payload) => self.writer.pong(&bytes[payload]),
                Frame::Pong => (),
                Frame::Close(_) => return Err(broken("the server closed the WebSocket")),
            }
            bytes = &mut bytes[taken..];
        }
        self.unread.extend_from_slice(bytes);
        Ok(())
    }

    fn handle_event(&mut self, event: ClientEvent) -> Result<(), End> {
        match event {
            ClientEvent::Opened => {
                if let Some(opened) = self.opened.take() {
                    let _ = opened.send(());
                }
                // The timer waits for the handshake; from now on it is for pings.
                self.timer.as_mut().reset(Instant::now() + self.limits.keep_alive);
            }
            ClientEvent::Invocation { target, arguments } => {
                let mut state = self.shared.lock();
                if state.events_dropped {
                    return Ok(());
                }
                if state.events.len() >= self.shared.options.max_waiting_events {
                    return Err(lost("too many events were not taken"));
                }
                state.events.push_back(Event { target, arguments });
                let reader = state.reader.take();
                drop(state);
                if let Some(reader) = reader {
                    reader.wake();
                }
            }
            ClientEvent::Item { id, item } => {
                let mut state = self.shared.lock();
                let Some(Pending::Stream(items)) = state.pending.get(&id) else { return Ok(()) };
                if let Err(TrySendError::Full(_)) = items.try_send(Ok(item)) {
                    // Its end shows it: there is no room for an error either.
                    state.pending.remove(&id);
                    encode::cancel(self.shared.protocol, &id.to_string(), &mut state.out);
                    self.shared.count(&mut state);
                }
            }
            ClientEvent::Completed { id, outcome } => {
                let pending = self.shared.lock().pending.remove(&id);
                let outcome = outcome.map_err(InvokeError::Server);
                match pending {
                    Some(Pending::Call(call)) => drop(call.send(outcome)),
                    Some(Pending::Stream(items)) if outcome.is_err() => drop(items.try_send(outcome)),
                    _ => (),
                }
            }
            ClientEvent::Closed { error, allow_reconnect } => {
                return Err(End::Over(CloseReason::Server { error, allow_reconnect }));
            }
        }
        Ok(())
    }

    /// Sends what waits, all of it at once.
    fn flush(&mut self, context: &mut Context<'_>, now: Duration, out: &mut Vec<u8>) -> Result<(), End> {
        let blocked = self.writer.is_blocked();
        let mut close = false;
        {
            let mut state = self.shared.lock();
            if !blocked && self.machine.is_open() {
                let mut start = 0;
                for end in mem::take(&mut state.ends) {
                    self.machine.send_encoded(&state.out[start..end], out);
                    start = end;
                }
                out.extend_from_slice(&state.out[start..]);
                if state.out.capacity() > MAX_KEPT_BYTES {
                    state.out = Vec::new();
                } else {
                    state.out.clear();
                }
                close = state.close;
            }
            // Until the handshake is done there is nothing to wait for.
            close |= state.close && self.opened.is_some();
            if state.task.is_none() {
                state.task = Some(context.waker().clone());
            }
        }
        if close && !self.closing {
            const NORMAL: u16 = 1000;
            self.closing = true;
            self.machine.close(out);
            self.writer.close(NORMAL);
        }
        if Writer::message_bytes(out) > 0 {
            self.machine.sent(now);
        }
        let protocol = self.shared.protocol;
        if let Some(io) = &mut self.io {
            self.writer.write(io, context, now, protocol, out).map_err(broken)?;
        }
        Ok(())
    }

    fn poll_timer(&mut self, context: &mut Context<'_>, now: Duration, out: &mut Vec<u8>) -> Result<(), End> {
        self.advance_timer();
        while self.timer.as_mut().poll(context).is_ready() {
            let due = self.machine.poll_timer(now, &self.limits, out).map_err(broken)?;
            if self.writer.blocked_since().is_some_and(|since| now >= since + self.limits.server_timeout) {
                return Err(broken("the server takes nothing"));
            }
            self.timer.as_mut().reset(self.origin + due.max(now + Duration::from_millis(1)));
        }
        Ok(())
    }
}
