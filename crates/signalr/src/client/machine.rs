//! One connection's protocol, without I/O.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    Arguments, EncodeError, Invocation, Message, MessageReader, Payload, Protocol, ProtocolError,
    codec::{encode, handshake::*},
    stateful::Stateful,
};

/// What a [`ClientMachine`] keeps to.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// A ping is sent after this long without sending anything.
    pub keep_alive: Duration,
    /// The server is given up after this long without a byte of it.
    pub server_timeout: Duration,
    /// The handshake must be complete this long after the start.
    pub handshake_timeout: Duration,
    /// Of one incoming hub message.
    pub max_message_bytes: usize,
}

/// The client's side of one connection. The caller moves bytes, keeps the time, and remembers what it invoked.
#[derive(Debug)]
pub struct ClientMachine {
    reader: MessageReader,
    protocol: Protocol,
    /// For connections that may change their socket.
    stateful: Option<Box<Stateful>>,
    phase: Phase,
    next_id: u64,
    started: Duration,
    received: Duration,
    sent: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    Closed,
}

/// What the server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The handshake is done: calls can be made.
    Opened,
    /// It invokes a method of the client.
    Invocation {
        /// The method's name.
        target: String,
        /// What it is called with.
        arguments: Arguments,
    },
    /// The next item of a stream.
    Item {
        /// The invocation.
        id: u64,
        /// The item.
        item: Payload,
    },
    /// The end of an invocation or a stream.
    Completed {
        /// The invocation.
        id: u64,
        /// Its result, possibly void, or the error's text.
        outcome: Result<Payload, String>,
    },
    /// It ends the connection.
    Closed {
        /// Why, if it is an error.
        error: Option<String>,
        /// Whether to reconnect.
        allow_reconnect: bool,
    },
}

/// The server kept silent for too long, or did not finish the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server kept silent for too long")]
pub struct ServerSilence;

impl ClientMachine {
    /// A connection that begins at `now`; the handshake goes to `out`.
    pub fn new(protocol: Protocol, now: Duration, out: &mut Vec<u8>) -> ClientMachine {
        ClientMachine::begin(protocol, now, None, out)
    }

    /// A connection for which the server granted stateful reconnect. What may have to be sent again is kept up to
    /// `buffer_bytes`; while more than that is unacknowledged, it is not [`ClientMachine::is_resumable`].
    pub fn new_stateful(
        protocol: Protocol,
        now: Duration,
        buffer_bytes: usize,
        out: &mut Vec<u8>,
    ) -> ClientMachine {
        ClientMachine::begin(protocol, now, Some(Box::new(Stateful::new(buffer_bytes))), out)
    }

    fn begin(
        protocol: Protocol,
        now: Duration,
        stateful: Option<Box<Stateful>>,
        out: &mut Vec<u8>,
    ) -> ClientMachine {
        let version = if stateful.is_some() { STATEFUL_VERSION } else { 1 };
        HandshakeRequest { protocol, version }.write(out);
        ClientMachine {
            reader: MessageReader::new(Protocol::Json, MAX_HANDSHAKE_BYTES),
            protocol,
            stateful,
            phase: Phase::Handshake,
            next_id: 0,
            started: now,
            received: now,
            sent: now,
        }
    }

    /// Whether the handshake is done and nobody closed.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether the connection can go on over another socket when this one breaks.
    pub fn is_resumable(&self) -> bool {
        self.is_open() && self.stateful.as_ref().is_some_and(|stateful| stateful.is_resumable())
    }

    /// Goes on over another socket, without a handshake: writes what the server may lack. Only when it
    /// [`ClientMachine::is_resumable`].
    pub fn resume(&mut self, now: Duration, limits: &ClientLimits, out: &mut Vec<u8>) {
        if let Some(stateful) = &mut self.stateful {
            self.reader = MessageReader::new(self.protocol, limits.max_message_bytes);
            stateful.resume(self.protocol, out);
            (self.received, self.sent) = (now, now);
        }
    }

    /// When [`ClientMachine::poll_timer`] has to be called at the latest to acknowledge what was received.
    pub fn ack_due(&self) -> Option<Duration> {
        self.stateful.as_ref().and_then(|stateful| stateful.ack_due())
    }

    /// A message that is encoded already, with its length or separator.
    pub fn send_encoded(&mut self, message: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(message);
        self.count(message);
    }

    fn count(&mut self, message: &[u8]) {
        if let Some(stateful) = &mut self.stateful {
            stateful.sent(Bytes::copy_from_slice(message));
        }
    }

    /// Takes bytes that came in, up to the first event; call it again until it says None. An error ends the connection.
    ///
    /// # Errors
    /// What came in breaks the protocol or a bound, or the server refused the handshake.
    pub fn receive(
        &mut self,
        now: Duration,
        limits: &ClientLimits,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ClientEvent>, ProtocolError> {
        if !input.is_empty() {
            self.received = now;
        }
        let event = match self.phase {
            Phase::Handshake => self.receive_handshake(limits, input),
            Phase::Open => self.receive_message(now, input, out),
            Phase::Closed => {
                *input = &[];
                Ok(None)
            }
        };
        if matches!(event, Err(_) | Ok(Some(ClientEvent::Closed { .. }))) {
            self.phase = Phase::Closed;
        }
        event
    }

    fn receive_handshake(
        &mut self,
        limits: &ClientLimits,
        input: &mut &[u8],
    ) -> Result<Option<ClientEvent>, ProtocolError> {
        let Some(message) = self.reader.next(input)? else { return Ok(None) };
        if let Some(error) = HandshakeResponse::parse(&message)?.error {
            return Err(ProtocolError::Handshake(error));
        }
        self.phase = Phase::Open;
        self.reader.switch(self.protocol, limits.max_message_bytes);
        Ok(Some(ClientEvent::Opened))
    }

    fn receive_message(
        &mut self,
        now: Duration,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ClientEvent>, ProtocolError> {
        while let Some(message) = self.reader.next(input)? {
            let size = message.len();
            let message = Message::parse(self.protocol, message)?;
            if let Some(stateful) = &mut self.stateful {
                let admitted = stateful.admit(now, &message, size)?;
                stateful.acknowledge(now, self.protocol, out);
                if !admitted {
                    continue;
                }
            }
            match message {
                Message::Invocation(Invocation { id, target, arguments, .. }) => {
                    if let Some(id) = id {
                        // It waits for a result.
                        let error = format!("The client has no result for '{target}'.");
                        let start = out.len();
                        encode::completion(self.protocol, &id, Err(&error), out);
                        self.count(&out[start..]);
                    }
                    return Ok(Some(ClientEvent::Invocation { target, arguments }));
                }
                Message::StreamItem { id, item } => {
                    if let Ok(id) = id.parse() {
                        return Ok(Some(ClientEvent::Item { id, item }));
                    }
                }
                Message::Completion { id, outcome } => {
                    if let Ok(id) = id.parse() {
                        return Ok(Some(ClientEvent::Completed { id, outcome }));
                    }
                }
                Message::Close { error, allow_reconnect } => {
                    return Ok(Some(ClientEvent::Closed { error, allow_reconnect }));
                }
                Message::CancelInvocation { .. }
                | Message::Ping
                | Message::Ack { .. }
                | Message::Sequence { .. }
                | Message::Unknown { .. } => (),
            }
        }
        Ok(None)
    }

    /// Keeps input for later calls of `receive`, while the caller cannot take more events. It bounds how much.
    pub fn put_aside(&mut self, input: &mut &[u8]) {
        self.reader.put_aside(input);
    }

    /// Calls a method that answers once. The arguments are a tuple or an array.
    ///
    /// # Errors
    /// An argument has no encoding; nothing was written.
    pub fn invoke<A: Serialize + ?Sized>(
        &mut self,
        target: &str,
        arguments: &A,
        out: &mut Vec<u8>,
    ) -> Result<u64, EncodeError> {
        self.call(target, arguments, false, out)
    }

    /// Calls a method that streams items.
    ///
    /// # Errors
    /// As [`ClientMachine::invoke`].
    pub fn stream<A: Serialize + ?Sized>(
        &mut self,
        target: &str,
        arguments: &A,
        out: &mut Vec<u8>,
    ) -> Result<u64, EncodeError> {
        self.call(target, arguments, true, out)
    }

    fn call<A: Serialize + ?Sized>(
        &mut self,
        target: &str,
        arguments: &A,
        streaming: bool,
        out: &mut Vec<u8>,
    ) -> Result<u64, EncodeError> {
        let (id, start) = (self.next_id, out.len());
        encode::invocation(self.protocol, Some(&id.to_string()), target, arguments, streaming, out)?;
        self.count(&out[start..]);
        self.next_id += 1;
        Ok(id)
    }

    /// Calls a method without wanting an answer.
    ///
    /// # Errors
    /// As [`ClientMachine::invoke`].
    pub fn send<A: Serialize + ?Sized>(
        &mut self,
        target: &str,
        arguments: &A,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        encode::invocation(self.protocol, None, target, arguments, false, out)?;
        self.count(&out[start..]);
        Ok(())
    }

    /// A stream is no longer wanted; its completion still comes.
    pub fn cancel(&mut self, id: u64, out: &mut Vec<u8>) {
        let start = out.len();
        encode::cancel(self.protocol, &id.to_string(), out);
        self.count(&out[start..]);
    }

    /// Ends the connection.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.phase == Phase::Open {
            encode::close(self.protocol, None, false, out);
        }
        self.phase = Phase::Closed;
    }

    /// Something was handed to the transport.
    pub fn sent(&mut self, now: Duration) {
        self.sent = now;
    }

    /// Does what is due: a ping goes to `out`. Returns when to call again; earlier is harmless, and there is no need to
    /// call it whenever something is sent or received.
    ///
    /// # Errors
    /// The server has been silent for too long: the connection is to be ended.
    pub fn poll_timer(
        &mut self,
        now: Duration,
        limits: &ClientLimits,
        out: &mut Vec<u8>,
    ) -> Result<Duration, ServerSilence> {
        if self.phase == Phase::Handshake {
            let due = self.started + limits.handshake_timeout;
            return if now >= due { Err(ServerSilence) } else { Ok(due) };
        }
        let silent_at = self.received + limits.server_timeout;
        if now >= silent_at {
            return Err(ServerSilence);
        }
        if now >= self.sent + limits.keep_alive && self.phase == Phase::Open {
            encode::ping(self.protocol, out);
            self.sent = now;
        }
        if let Some(stateful) = self.stateful.as_mut().filter(|_| self.phase == Phase::Open)
            && stateful.acknowledge(now, self.protocol, out)
        {
            self.sent = now;
        }
        let due = silent_at.min(self.sent + limits.keep_alive);
        Ok(self.ack_due().map_or(due, |ack_due| ack_due.min(due)))
    }
}
