//! Losing a socket, and going on with another.

use std::{task::Context, time::Duration};

use super::{Connection, End, Link, Phase};
use crate::{
    server::Hub,
    transport::{FrameReader, Writer},
};

impl<H: Hub, Io: Link> Connection<H, Io> {
    /// Goes on without a socket, for as long as the client may take to come back. What is broadcast meanwhile waits in the
    /// outbox, and what calls answer in the machine.
    pub(super) fn detach(&mut self) {
        self.io = None;
        self.forget_socket();
        self.handle.outbox().set_detached(true);
        let settings = self.handle.settings();
        let until = settings.now() + settings.options.stateful_grace;
        let until = settings.instant(until);
        self.timer.as_mut().reset(until);
    }

    /// What was read of it and not used comes again, and what was written and not sent is kept elsewhere.
    fn forget_socket(&mut self) {
        self.frames = FrameReader::new(Io::ROLE);
        self.unread = Vec::new();
        self.paused = false;
        // The seed is for masks, which servers have none of.
        self.writer = Writer::new(Io::ROLE, 1);
    }

    /// Takes the next socket, if one is offered. The one before may not have shown yet that it is broken.
    pub(super) fn poll_seat(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        let Some(io) = self.seat.as_ref().and_then(|seat| seat.poll(context)) else { return Ok(()) };
        if !self.machine.is_resumable() {
            return Err(End::Gone);
        }
        tracing::debug!(connection = self.handle.id(), "a connection has another socket");
        self.forget_socket();
        self.io = Some(io);
        self.handle.outbox().set_detached(false);
        let settings = self.handle.settings();
        let ping = settings.instant(now + settings.limits.keep_alive);
        Writer::begin(out);
        self.machine.resume(now, &settings.limits, out);
        self.timer.as_mut().reset(ping);
        self.write(context, now, out)
    }

    /// Does what can be done without a socket.
    pub(super) fn drive_detached(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        self.poll_connecting(context);
        self.poll_calls(context, out);
        // The machine keeps what is to be said.
        Writer::begin(out);
        self.handle.outbox().take(context.waker(), 0, true, |_| ());
        if self.handle.is_closed() || !self.machine.is_resumable() {
            return Err(End::Gone);
        }
        self.poll_timer(context, now, out)
    }

    /// Acknowledgements are due earlier than pings.
    pub(super) fn advance_timer(&mut self) {
        let Some(due) = self.machine.ack_due() else { return };
        if matches!(self.phase, Phase::Open) && !self.writer.is_blocked() {
            let due = self.settings().instant(due);
            if due < self.timer.deadline() {
                self.timer.as_mut().reset(due);
            }
        }
    }
}
