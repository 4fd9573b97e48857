//! The task of one connection.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::{mpsc::error::TrySendError, oneshot},
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{
    ClientEvent, ClientLimits, ClientMachine, CloseReason, Event, InvokeError,
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

struct Task<Io> {
    io: Io,
    shared: Arc<Shared>,
    limits: ClientLimits,
    machine: ClientMachine,
    opened: Option<oneshot::Sender<()>>,
    origin: Instant,
    timer: Pin<Box<Sleep>>,
    frames: FrameReader,
    /// The beginning of a frame's header.
    unread: Vec<u8>,
    writer: Writer,
    handshake: Vec<u8>,
    /// Close was asked for, and the last words are with the writer.
    closing: bool,
}

/// Runs a connection to its end. Tells `opened` when the handshake is done.
pub(super) async fn run<Io: AsyncRead + AsyncWrite + Unpin>(
    io: Io,
    shared: Arc<Shared>,
    seed: u32,
    opened: oneshot::Sender<()>,
) {
    let mut handshake = Vec::new();
    let limits = shared.options.limits();
    let origin = Instant::now();
    let mut task = Task {
        io,
        machine: ClientMachine::new(shared.protocol, Duration::ZERO, &mut handshake),
        shared,
        opened: Some(opened),
        origin,
        timer: Box::pin(sleep_until(origin + limits.handshake_timeout)),
        limits,
        frames: FrameReader::new(Role::Client),
        unread: Vec::new(),
        writer: Writer::new(Role::Client, seed),
        handshake,
        closing: false,
    };
    let reason = poll_fn(|context| task.poll(context)).await;
    task.shared.end(reason);
    let _ = timeout(SHUTDOWN_TIMEOUT, task.io.shutdown()).await;
}

type End = CloseReason;

fn lost(error: impl ToString) -> End {
    CloseReason::Lost(error.to_string())
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Task<Io> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let mut scratch = Scratch::borrow();
        Writer::begin(&mut scratch.out);
        let result = self.drive(context, &mut scratch);
        scratch.give_back();
        match result {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    fn drive(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Result<(), End> {
        let now = self.origin.elapsed();
        scratch.out.append(&mut self.handshake);
        if self.writer.is_blocked() {
            let _ = self.writer.poll_unsent(&mut self.io, context, now).map_err(lost)?;
        }
        let input = self.poll_input(context, now, scratch);
        self.poll_timer(context, now, &mut scratch.out)?;
        self.flush(context, now, &mut scratch.out)?;
        input?;
        if self.closing && !self.writer.is_blocked() { Err(CloseReason::Local) } else { Ok(()) }
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
            match Pin::new(&mut self.io).poll_read(context, &mut room) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => result.map_err(lost)?,
            }
            let count = room.filled().len();
            if count == 0 {
                return Err(lost(io::ErrorKind::UnexpectedEof));
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
                        self.handle_event(event)?;
                    }
                }
                Frame::Ping(payload) => self.writer.pong(&bytes[payload]),
                Frame::Pong => (),
                Frame::Close(_) => return Err(lost("the server closed the WebSocket")),
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
                return Err(CloseReason::Server { error, allow_reconnect });
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
                out.extend_from_slice(&state.out);
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
        self.writer.write(&mut self.io, context, now, protocol, out).map_err(lost)?;
        Ok(())
    }

    fn poll_timer(&mut self, context: &mut Context<'_>, now: Duration, out: &mut Vec<u8>) -> Result<(), End> {
        while self.timer.as_mut().poll(context).is_ready() {
            let due = self.machine.poll_timer(now, &self.limits, out).map_err(lost)?;
            if self.writer.blocked_since().is_some_and(|since| now >= since + self.limits.server_timeout) {
                return Err(lost("the server takes nothing"));
            }
            self.timer.as_mut().reset(self.origin + due.max(now + Duration::from_millis(1)));
        }
        Ok(())
    }
}
