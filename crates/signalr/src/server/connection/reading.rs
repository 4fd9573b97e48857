//! From the socket to events.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::ReadBuf;

use super::{Connection, End, GOING_AWAY, Link, MAX_ROUNDS, NORMAL, Phase};
use crate::{
    server::{Hub, HubError},
    transport::{Frame, Scratch, Writer},
};

impl<H: Hub, Io: Link> Connection<H, Io> {
    /// Whether nothing is to be read: the client has to wait until something of its own is done.
    pub(super) fn is_reading_paused(&self) -> bool {
        let options = &self.settings().options;
        matches!(self.phase, Phase::Connecting(_))
            || self.is_ending()
            || self.calls.large() >= options.max_large
            || self.calls.len() >= options.max_in_flight
            || self.uploads.are_full(options)
            || self.writer.unsent_bytes() >= options.max_queued_bytes
    }

    /// Reads and dispatches until there is nothing more to read, or reading pauses.
    pub(super) fn poll_input(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        scratch: &mut Scratch,
    ) -> Result<(), End> {
        for _ in 0..MAX_ROUNDS {
            if self.is_reading_paused() {
                return Ok(());
            }
            let kept = self.unread.len();
            let mut count = 0;
            if !self.paused {
                match self.poll_read(context, &mut scratch.input[kept..])? {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(read) => count = read,
                }
            }
            scratch.input[..kept].copy_from_slice(&self.unread);
            self.unread = Vec::new();
            self.paused = false;
            let Scratch { input, out } = &mut *scratch;
            let input = &mut input[..kept + count];
            let used = self.process(context, now, input, out)?;
            self.unread.extend_from_slice(&input[used..]);
            self.charge_idle();
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    /// Whoever sends what calls nothing pays for that, too.
    fn charge_idle(&mut self) {
        let count = self.machine.take_idle();
        if count > 0
            && let Err(HubError(text)) = self.hub.idle_messages(&self.client, count)
        {
            tracing::debug!(connection = self.handle.id(), count, "too many messages that call nothing");
            self.handle.close(Some(text), true);
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>, room: &mut [u8]) -> Result<Poll<usize>, End> {
        let mut room = ReadBuf::new(room);
        let Some(io) = &mut self.io else { return Ok(Poll::Pending) };
        match Pin::new(io).poll_read(context, &mut room)? {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(()) if room.filled().is_empty() => {
                Err(End::Lost(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(()) => Ok(Poll::Ready(room.filled().len())),
        }
    }

    /// Takes frames from `bytes`, and tells how many bytes were used.
    fn process(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, End> {
        // What was put aside when reading paused.
        self.feed(context, now, &mut &[][..], out)?;
        let mut used = 0;
        while !self.paused {
            let rest = &mut bytes[used..];
            let frame = self.frames.read(rest).map_err(|error| {
                tracing::debug!(connection = self.handle.id(), %error, "the client breaks the protocol");
                End::Gone
            })?;
            let Some((taken, frame)) = frame else { break };
            match frame {
                Frame::Data(payload) => {
                    let mut payload = &rest[payload];
                    if payload.is_empty() {
                        self.machine.count_idle();
                    }
                    self.feed(context, now, &mut payload, out)?;
                }
                Frame::Ping(payload) => {
                    self.machine.count_idle();
                    self.writer.pong(&rest[payload]);
                }
                Frame::Pong => {
                    self.machine.count_idle();
                    self.machine.excuse_silence(now);
                }
                // Whoever leaves for good says so (RFC 6455, section 7.4.1); clients that mean to come back give no reason.
                Frame::Close(reason) if self.machine.is_resumable() && !is_goodbye(&rest[reason.clone()]) => {
                    self.writer.close(NORMAL);
                    return Err(End::Lost(io::ErrorKind::ConnectionAborted.into()));
                }
                Frame::Close(_) => {
                    if !matches!(self.phase, Phase::Closing(_)) {
                        self.begin_closing(now);
                    }
                    return Err(End::Gone);
                }
            }
            used += taken;
            if self.is_reading_paused() {
                self.paused = true;
            }
        }
        Ok(used)
    }

    /// Gives the machine bytes and handles what comes of them; what is left when reading pauses is put aside.
    fn feed(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        if matches!(self.phase, Phase::Closing(_)) {
            return Ok(());
        }
        loop {
            if self.is_reading_paused() {
                self.paused = true;
                self.machine.put_aside(input);
                return Ok(());
            }
            let settings = self.handle.settings();
            match self.machine.receive(now, &settings.limits, input, out) {
                Ok(None) => return Ok(()),
                Ok(Some(event)) => self.handle_event(context, now, event, out)?,
                Err(error) => {
                    tracing::debug!(connection = self.handle.id(), %error, "the client breaks the protocol");
                    self.begin_closing(now);
                    return Ok(());
                }
            }
            if Writer::message_bytes(out) >= super::WRITE_BYTES {
                self.write(context, now, out)?;
            }
        }
    }
}

/// Whether the client is done, or its page is left.
fn is_goodbye(reason: &[u8]) -> bool {
    let code = reason.first_chunk().map(|&code| u16::from_be_bytes(code));
    matches!(code, Some(NORMAL | GOING_AWAY))
}
