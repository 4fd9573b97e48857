//! The task of one connection.

mod dispatch;
mod ending;
mod reading;
mod resuming;

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Sleep, sleep_until},
};

use super::{
    ConnectionHandle, Hub, MAX_UNSENT, ServerMachine,
    accept::Settings,
    calls::{Calls, guard},
    outbox::CloseRequest,
    seat::Seat,
    streams::Streams,
    uploads::Uploads,
};
use crate::{
    Protocol,
    transport::{FrameReader, Role, Scratch, Writer, Written},
};

/// What goes into one WebSocket message at most, give or take one hub message.
const WRITE_BYTES: usize = 32 * 1024;

/// Reads and writes in one poll, after which other tasks get their turn.
const MAX_ROUNDS: usize = 8;

/// How often a connection that is to be closed looks whether it can say so.
const ENDING_STEP: Duration = Duration::from_millis(500);

/// Codes of Close frames (RFC 6455, section 7.4.1): it is done; its page is left.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;

struct Connection<H: Hub, Io> {
    /// None: it is lost, and the client may come back with another until the timer fires.
    io: Option<Io>,
    /// Where another socket is offered, if the client may change it.
    seat: Option<Arc<Seat<Io>>>,
    hub: Arc<H>,
    client: Arc<H::Client>,
    handle: ConnectionHandle,
    machine: ServerMachine,
    phase: Phase,
    timer: Pin<Box<Sleep>>,

    frames: FrameReader,
    /// What was read and could not be used yet: part of a frame's header, or anything while reading pauses.
    unread: Vec<u8>,
    /// There is more in `unread` or in the machine than only the beginning of something.
    paused: bool,

    writer: Writer,
    /// Tell the outbox when everything unsent is sent.
    notice_unsent: bool,

    calls: Calls,
    streams: Streams,
    uploads: Uploads,
}

enum Phase {
    Handshake,
    /// The hub's `connected` runs; nothing is read meanwhile.
    Connecting(BoxFuture<'static, ()>),
    Open,
    /// It is to be closed: what waits to be sent has until then to go, and nothing more is read or begun.
    Ending(Duration),
    /// Everything was said; the client has until then to hang up.
    Closing(Duration),
}

/// The connection is over.
enum End {
    /// The client ended it or was given up.
    Gone,
    /// The socket broke: only that is over if the client may come back with another.
    Lost(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Lost(error)
    }
}

/// What hub messages travel on.
pub(super) trait Link: AsyncRead + AsyncWrite + Unpin {
    /// How messages are framed on it.
    const ROLE: Role = Role::Server;

    /// Whether only JSON can be carried.
    fn is_text_only(&self) -> bool {
        false
    }

    /// When the client was last known to be there, if the link knows without being told by messages. It is then not
    /// pinged.
    fn last_seen(&self, _now: Duration) -> Option<Duration> {
        None
    }

    /// Everything was said and taken; the client may hang up.
    fn all_said(&mut self) {}
}

/// Runs a connection from the transport's opening to the end of `disconnected`. With a seat, stateful reconnect was
/// negotiated.
pub(super) async fn run<H: Hub, Io: Link>(
    io: Io,
    hub: Arc<H>,
    client: Arc<H::Client>,
    handle: ConnectionHandle,
    seed: u32,
    seat: Option<Arc<Seat<Io>>>,
) {
    let settings = handle.settings();
    let now = settings.now();
    let timer = Box::pin(sleep_until(settings.instant(now + settings.limits.handshake_timeout)));
    let machine = match seat {
        None => ServerMachine::new(now),
        Some(_) => ServerMachine::new_stateful(now, settings.options.stateful_buffer_bytes),
    };
    let mut connection = Connection {
        io: Some(io),
        seat,
        hub,
        client,
        handle,
        machine,
        phase: Phase::Handshake,
        timer,
        frames: FrameReader::new(Io::ROLE),
        unread: Vec::new(),
        paused: false,
        writer: Writer::new(Io::ROLE, seed),
        notice_unsent: false,
        calls: Calls::default(),
        streams: Streams::default(),
        uploads: Uploads::default(),
    };
    if let End::Lost(error) = poll_fn(|context| connection.poll(context)).await {
        tracing::debug!(connection = connection.handle.id(), %error, "a connection broke");
    }
    Box::pin(connection.finish()).await;
}

impl<H: Hub, Io: Link> Connection<H, Io> {
    fn settings(&self) -> &Arc<Settings> {
        self.handle.settings()
    }

    fn protocol(&self) -> Protocol {
        self.handle.protocol()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let mut scratch = Scratch::borrow();
        Writer::begin(&mut scratch.out);
        let mut result = self.drive(context, &mut scratch);
        if let Err(End::Lost(error)) = &result
            && self.machine.is_resumable()
            && self.seat.is_some()
            && !matches!(self.phase, Phase::Closing(_))
        {
            tracing::debug!(connection = self.handle.id(), %error, "a connection lost its socket");
            self.detach();
            result = self.drive(context, &mut scratch);
        }
        scratch.give_back();
        match result {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    /// Does all that can be done without waiting.
    fn drive(&mut self, context: &mut Context<'_>, scratch: &mut Scratch) -> Result<(), End> {
        let now = self.settings().now();
        self.poll_seat(context, now, &mut scratch.out)?;
        let Some(io) = &mut self.io else { return self.drive_detached(context, now, &mut scratch.out) };
        if self.writer.is_blocked() && self.writer.poll_unsent(io, context, now)?.is_ready() {
            self.machine.sent(now);
            self.all_sent();
        }
        self.poll_connecting(context);
        self.begin_ending(now);
        self.poll_calls(context, &mut scratch.out);
        self.poll_streams(context, &mut scratch.out);
        if Writer::message_bytes(&scratch.out) >= WRITE_BYTES {
            // Whether more is to be read depends on how much of it the socket takes.
            self.write(context, now, &mut scratch.out)?;
        }
        let gone = self.poll_input(context, now, scratch);
        let flushed = self.flush(context, now, &mut scratch.out);
        gone.and(flushed)?;
        if matches!(self.phase, Phase::Closing(_))
            && !self.writer.is_blocked()
            && let Some(io) = &mut self.io
        {
            io.all_said();
        }
        self.advance_timer();
        self.poll_timer(context, now, &mut scratch.out)
    }

    fn poll_connecting(&mut self, context: &mut Context<'_>) {
        let Phase::Connecting(connecting) = &mut self.phase else { return };
        match guard("connected", || connecting.as_mut().poll(context)) {
            Ok(Poll::Pending) => (),
            Ok(Poll::Ready(())) => self.phase = Phase::Open,
            Err(text) => {
                self.phase = Phase::Open;
                self.handle.close(Some(text), false);
            }
        }
    }

    /// Sends what is in `out` and what waits in the outbox.
    fn flush(&mut self, context: &mut Context<'_>, now: Duration, out: &mut Vec<u8>) -> Result<(), End> {
        for _ in 0..MAX_ROUNDS {
            let room = WRITE_BYTES.saturating_sub(Writer::message_bytes(out));
            // After Close nothing more may be said. (Before the handshake there is nothing yet.)
            let blocked = self.writer.is_blocked()
                || matches!(self.phase, Phase::Closing(_))
                || self.machine.holds_back(now);
            let machine = &mut self.machine;
            let taken = self
                .handle
                .outbox()
                .take(context.waker(), room, blocked, |frame| machine.invoke_encoded(frame, out));
            if taken.notice {
                self.notice_unsent = true;
                let protocol = self.protocol();
                if let Some(lagging) = &self.handle.settings().lagging {
                    self.machine.invoke_encoded(lagging.frame(protocol), out);
                }
            }
            // `connected` is let to its end first; the request stays until then.
            let close = taken.close.filter(|_| !matches!(self.phase, Phase::Connecting(_)));
            if let Some(CloseRequest { error, allow_reconnect }) = close {
                self.machine.close(error.as_deref(), allow_reconnect, out);
                self.begin_closing(now);
            }
            self.write(context, now, out)?;
            if !taken.more || self.writer.is_blocked() {
                return Ok(());
            }
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    fn write(&mut self, context: &mut Context<'_>, now: Duration, out: &mut Vec<u8>) -> Result<(), End> {
        let most = self.settings().options.max_queued_bytes.saturating_mul(MAX_UNSENT);
        if Writer::message_bytes(out) > 0 && self.writer.unsent_bytes() >= most {
            tracing::warn!(
                connection = self.handle.id(),
                most,
                "too much waits for a client that does not read"
            );
            self.handle.close(Some("Too much waited to be sent.".to_owned()), true);
            Writer::begin(out);
            return Ok(());
        }
        if Writer::message_bytes(out) > 0 {
            self.machine.sent(now);
        }
        let protocol = self.protocol();
        let Some(io) = &mut self.io else {
            Writer::begin(out);
            return Ok(());
        };
        match self.writer.write(io, context, now, protocol, out)? {
            Written::All => self.all_sent(),
            Written::Blocked => (),
        }
        Ok(())
    }

    fn all_sent(&mut self) {
        if self.notice_unsent {
            self.notice_unsent = false;
            self.handle.outbox().notice_written();
        }
    }

    /// One timer, set anew only when it fires: nothing is done about it per message.
    fn poll_timer(&mut self, context: &mut Context<'_>, now: Duration, out: &mut Vec<u8>) -> Result<(), End> {
        while self.timer.as_mut().poll(context).is_ready() {
            self.calls.shrink();
            self.streams.shrink();
            let due = self.on_timer(now, out)?;
            self.write(context, now, out)?;
            // The wheel turns in milliseconds: it may fire a little early.
            let due = self.settings().instant(due.max(now + Duration::from_millis(1)));
            self.timer.as_mut().reset(due);
        }
        Ok(())
    }

    fn on_timer(&mut self, now: Duration, out: &mut Vec<u8>) -> Result<Duration, End> {
        if let Phase::Closing(until) = self.phase {
            return if now >= until { Err(End::Gone) } else { Ok(until) };
        }
        if let Phase::Ending(until) = self.phase {
            return if now >= until { Err(End::Gone) } else { Ok(until.min(now + ENDING_STEP)) };
        }
        let Some(io) = &self.io else { return Err(End::Gone) };
        let settings = self.handle.settings();
        if let Some(since) = self.writer.blocked_since() {
            let given_up = since + settings.limits.client_timeout;
            if now >= given_up {
                return Err(End::Gone);
            }
            // A ping behind all that would be of no use.
            return Ok(given_up.min(now + settings.limits.keep_alive));
        }
        if let Some(seen) = io.last_seen(now) {
            self.machine.excuse_silence(seen);
            self.machine.sent(now);
        }
        if self.is_reading_paused() {
            self.machine.excuse_silence(now);
        }
        let settings = self.handle.settings();
        self.machine.poll_timer(now, &settings.limits, out).map_err(|_| End::Gone)
    }
}

#[cfg(all(test, feature = "client"))]
mod tests;
