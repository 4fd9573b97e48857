//! From the request to close to the end.

use std::{future::poll_fn, task::Poll, time::Duration};

use futures_util::FutureExt;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{Connection, ENDING_STEP, Link, NORMAL, Phase};
use crate::server::Hub;

impl<H: Hub, Io: Link> Connection<H, Io> {
    /// Whether it is to be closed and has not said so yet.
    pub(super) fn is_ending(&self) -> bool {
        self.handle.is_closed() && !matches!(self.phase, Phase::Closing(_))
    }

    /// Heeds a request to close at once, however much waits for a client that does not read: it may be one that has no
    /// right to be here any more. `connected` is let to its end first.
    pub(super) fn begin_ending(&mut self, now: Duration) {
        if !self.handle.is_closed() || !matches!(self.phase, Phase::Handshake | Phase::Open) {
            return;
        }
        self.streams.clear();
        self.uploads.end();
        let until = now + self.settings().options.close_timeout;
        self.phase = Phase::Ending(until);
        let look = self.settings().instant(until.min(now + ENDING_STEP));
        self.timer.as_mut().reset(look);
    }

    /// Everything was said: nothing more is dispatched, and the client is to hang up.
    pub(super) fn begin_closing(&mut self, now: Duration) {
        let until = match self.phase {
            Phase::Closing(_) => return,
            Phase::Ending(until) => until,
            _ => now + self.settings().options.close_timeout,
        };
        self.writer.close(NORMAL);
        if let Some(seat) = &self.seat {
            seat.end();
        }
        self.streams.clear();
        self.uploads.end();
        self.phase = Phase::Closing(until);
        let until = self.settings().instant(until);
        self.timer.as_mut().reset(until);
    }

    /// After the end: hangs up, lets running invocations end, and tells the hub.
    pub(super) async fn finish(mut self) {
        let grace = self.settings().options.close_timeout;
        self.handle.outbox().end();
        self.handle.questions().end();
        self.streams.clear();
        self.uploads.end();
        if let Some(seat) = &self.seat {
            seat.end();
        }
        if let Some(mut io) = self.io.take() {
            let _ = timeout(grace, io.shutdown()).await;
        }
        if matches!(self.phase, Phase::Handshake) || self.machine.protocol().is_none() {
            return;
        }
        if let Phase::Connecting(connecting) = self.phase {
            let _ = std::panic::AssertUnwindSafe(connecting).catch_unwind().await;
        }
        let calls = &mut self.calls;
        let ended = poll_fn(|context| {
            calls.poll(context, |_, _| ());
            if calls.len() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        let _ = timeout(grace, ended).await;
        let disconnected = self.hub.disconnected(&self.client, &self.handle);
        if std::panic::AssertUnwindSafe(disconnected).catch_unwind().await.is_err() {
            tracing::error!(connection = self.handle.id(), "the hub panicked in disconnected");
        }
    }
}
