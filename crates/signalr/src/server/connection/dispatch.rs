//! From events to the hub, and its answers.

use std::{task::Context, time::Duration};

use super::{Connection, End, Link, Phase, WRITE_BYTES};
use crate::{
    Invocation, Payload, Protocol,
    codec::handshake::HandshakeResponse,
    server::{
        Call, Hub, HubError, MethodKind, ServerEvent, ServerMachine, calls::Outcome, calls::guard,
        streams::Progress,
    },
    transport::Writer,
};
use futures_util::FutureExt;

impl<H: Hub, Io: Link> Connection<H, Io> {
    pub(super) fn handle_event(
        &mut self,
        context: &mut Context<'_>,
        now: Duration,
        event: ServerEvent,
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        match event {
            ServerEvent::Opened(protocol) => {
                if protocol != Protocol::Json && self.io.as_ref().is_some_and(Io::is_text_only) {
                    Writer::begin(out);
                    let error = Some("This transport carries text only.".to_owned());
                    HandshakeResponse { error }.write(out);
                    self.begin_closing(now);
                    return Ok(());
                }
                self.handle.open(protocol);
                match &self.seat {
                    Some(seat) if self.machine.is_stateful() => seat.open(),
                    Some(seat) => {
                        seat.end();
                        self.seat = None;
                    }
                    None => (),
                }
                // Some clients expect nothing else in the WebSocket message that answers the handshake.
                self.write(context, now, out)?;
                let (hub, client, handle) = (self.hub.clone(), self.client.clone(), self.handle.clone());
                let connecting = async move { hub.connected(&client, &handle).await };
                self.phase = Phase::Connecting(connecting.boxed());
                self.poll_connecting(context);
                let due = match self.machine.is_stateful() {
                    // The machine says when.
                    true => now,
                    false => now + self.settings().limits.keep_alive,
                };
                let due = self.settings().instant(due);
                self.timer.as_mut().reset(due);
            }
            ServerEvent::Invocation(invocation) => self.dispatch(context, invocation, out),
            ServerEvent::Cancel { id } => {
                if self.streams.cancel(&id) {
                    let void = Payload::void(self.protocol());
                    self.machine.complete(&id, Ok(&void), out);
                }
                self.machine.count_idle();
            }
            ServerEvent::Item { id, item } => {
                if !self.uploads.item(&id, item) {
                    self.machine.count_idle();
                }
            }
            ServerEvent::Completed { id, outcome } => {
                if !self.uploads.complete(&id, &outcome) && !self.handle.questions().answer(&id, outcome) {
                    self.machine.count_idle();
                }
            }
            ServerEvent::Closed { .. } => self.begin_closing(now),
        }
        Ok(())
    }

    fn dispatch(&mut self, context: &mut Context<'_>, invocation: Invocation, out: &mut Vec<u8>) {
        let Invocation { mut id, target, arguments, streaming, upload_ids } = invocation;
        let kind = guard(&target, || self.hub.method(&target));
        let is_large = matches!(kind, Ok(Some(MethodKind::InvokeLarge)));
        let refused = match kind {
            Err(text) => Some(text),
            Ok(None) => Some(format!(
                "Failed to invoke '{target}' due to an error on the server. HubException: Method does not exist."
            )),
            Ok(Some(MethodKind::Stream)) if !streaming => Some(format!(
                "The client attempted to invoke the streaming '{target}' method with a non-streaming invocation."
            )),
            Ok(Some(MethodKind::Invoke | MethodKind::InvokeLarge)) if streaming => Some(format!(
                "The client attempted to invoke the non-streaming '{target}' method with a streaming invocation."
            )),
            Ok(Some(_)) => None,
        };
        let settings = self.handle.settings();
        let uploads = match refused {
            Some(text) => Err(text),
            None => self.uploads.start(context, upload_ids, &settings.options),
        };
        let uploads = match uploads {
            Ok(uploads) => uploads,
            Err(text) => {
                self.machine.count_idle();
                complete(&mut self.machine, id.as_deref(), Err(HubError(text)), out);
                return;
            }
        };
        let call = Call {
            client: self.client.clone(),
            connection: self.handle.clone(),
            target: target.clone(),
            arguments,
            uploads,
        };
        let hub = self.hub.clone();
        if streaming {
            // Without an id there is nobody to send items to.
            let Some(id) = id else { return self.machine.count_idle() };
            let refused = if self.streams.contains(&id) {
                Some(format!("Invocation ID '{id}' is already in use."))
            } else if self.streams.len() >= self.settings().options.max_streams {
                Some("Too many streams are open.".to_owned())
            } else {
                None
            };
            if let Some(text) = refused {
                self.machine.count_idle();
                complete(&mut self.machine, Some(&id), Err(HubError(text)), out);
                return;
            }
            self.streams.start(id, target, async move { hub.stream(call).await }.boxed());
            self.poll_streams(context, out);
        } else {
            let future = async move { hub.invoke(call).await };
            if let Some(outcome) = self.calls.start(context, &mut id, target, is_large, future) {
                complete(&mut self.machine, id.as_deref(), outcome, out);
            }
        }
    }

    pub(super) fn poll_calls(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) {
        let machine = &mut self.machine;
        self.calls.poll(context, |id, outcome| complete(machine, id.as_deref(), outcome, out));
    }

    /// Streams wait while the socket takes nothing.
    pub(super) fn poll_streams(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) {
        if self.streams.len() == 0 || self.writer.is_blocked() {
            return;
        }
        let machine = &mut self.machine;
        let full = self.streams.poll(context, |progress| {
            match progress {
                Progress::Item(id, item) => match check(machine, item) {
                    Ok(item) => machine.stream_item(id, &item, out),
                    Err(error) => tracing::error!(%error, "a stream's item was dropped"),
                },
                Progress::Ended(id, ended) => {
                    let outcome = ended.map(|()| void(machine));
                    complete(machine, Some(id), outcome, out);
                }
            }
            Writer::message_bytes(out) < WRITE_BYTES
        });
        if full {
            context.waker().wake_by_ref();
        }
    }
}

/// Answers, if an answer is wanted.
fn complete(machine: &mut ServerMachine, id: Option<&str>, outcome: Outcome, out: &mut Vec<u8>) {
    let Some(id) = id else { return };
    match outcome.and_then(|payload| check(machine, payload)) {
        Ok(payload) => machine.complete(id, Ok(&payload), out),
        Err(HubError(text)) => machine.complete(id, Err(&text), out),
    }
}

/// A payload in another encoding than the connection's would break it.
fn check(machine: &ServerMachine, payload: Payload) -> Outcome {
    match machine.protocol() {
        Some(protocol) if payload.protocol() != protocol => {
            Err("The result was encoded for another protocol.".into())
        }
        _ => Ok(payload),
    }
}

fn void(machine: &ServerMachine) -> Payload {
    Payload::void(machine.protocol().unwrap_or(crate::Protocol::Json))
}
