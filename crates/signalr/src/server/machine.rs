//! One connection's protocol, without I/O.

use std::time::Duration;

use crate::{
    Invocation, Message, MessageReader, Payload, Protocol, ProtocolError,
    codec::{encode, handshake::*},
};

/// What a [`ServerMachine`] keeps to.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// A ping is sent after this long without sending anything.
    pub keep_alive: Duration,
    /// The client is given up after this long without a byte of it.
    pub client_timeout: Duration,
    /// The handshake must be complete this long after the start.
    pub handshake_timeout: Duration,
    /// Of one incoming hub message.
    pub max_message_bytes: usize,
}

/// The server's side of one connection: handshake, messages, keep-alive. The caller moves bytes and keeps the time.
#[derive(Debug)]
pub struct ServerMachine {
    reader: MessageReader,
    protocol: Option<Protocol>,
    closed: bool,
    started: Duration,
    received: Duration,
    sent: Duration,
}

/// What the client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// The handshake is done and its answer written: send that off by itself, then go on.
    Opened(Protocol),
    /// A call.
    Invocation(Invocation),
    /// A stream is no longer wanted.
    Cancel {
        /// Its invocation.
        id: String,
    },
    /// The next item of a stream that it sends.
    Item {
        /// The stream.
        id: String,
        /// The item.
        item: Payload,
    },
    /// The end of a stream that it sends, or its answer to an invocation.
    Completed {
        /// The stream or the invocation.
        id: String,
        /// The result, void at a stream's end, or the error's text.
        outcome: Result<Payload, String>,
    },
    /// The client ends the connection.
    Closed {
        /// Why, if it is an error.
        error: Option<String>,
    },
}

/// The client kept silent for too long, or did not finish the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client kept silent for too long")]
pub struct Silence;

impl ServerMachine {
    /// A connection that begins at `now`.
    pub fn new(now: Duration) -> ServerMachine {
        ServerMachine {
            reader: MessageReader::new(Protocol::Json, MAX_HANDSHAKE_BYTES),
            protocol: None,
            closed: false,
            started: now,
            received: now,
            sent: now,
        }
    }

    /// What the handshake settled on.
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// Takes bytes that came in, up to the first event; call it again until it says None. Answers go to `out`. After an
    /// error, `out` holds the last words and the connection is to be ended.
    pub fn receive(
        &mut self,
        now: Duration,
        limits: &ServerLimits,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerEvent>, ProtocolError> {
        if !input.is_empty() {
            self.received = now;
        }
        if self.closed {
            *input = &[];
            return Ok(None);
        }
        let event = match self.protocol {
            None => self.receive_handshake(limits, input, out),
            Some(protocol) => self.receive_message(protocol, input),
        };
        match event {
            Ok(Some(ServerEvent::Closed { .. })) => self.closed = true,
            Err(ref error) => self.fail(error, out),
            _ => (),
        }
        event
    }

    fn receive_handshake(
        &mut self,
        limits: &ServerLimits,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerEvent>, ProtocolError> {
        let Some(message) = self.reader.next(input)? else { return Ok(None) };
        let request = HandshakeRequest::parse(&message)?;
        HandshakeResponse::default().write(out);
        self.protocol = Some(request.protocol);
        self.reader.switch(request.protocol, limits.max_message_bytes);
        Ok(Some(ServerEvent::Opened(request.protocol)))
    }

    fn receive_message(
        &mut self,
        protocol: Protocol,
        input: &mut &[u8],
    ) -> Result<Option<ServerEvent>, ProtocolError> {
        while let Some(message) = self.reader.next(input)? {
            match Message::parse(protocol, message)? {
                Message::Invocation(invocation) => return Ok(Some(ServerEvent::Invocation(invocation))),
                Message::CancelInvocation { id } => return Ok(Some(ServerEvent::Cancel { id })),
                Message::Close { error, .. } => return Ok(Some(ServerEvent::Closed { error })),
                Message::StreamItem { id, item } => return Ok(Some(ServerEvent::Item { id, item })),
                Message::Completion { id, outcome } => {
                    return Ok(Some(ServerEvent::Completed { id, outcome }));
                }
                Message::Ping | Message::Unknown { .. } => (),
            }
        }
        Ok(None)
    }

    fn fail(&mut self, error: &ProtocolError, out: &mut Vec<u8>) {
        self.closed = true;
        match self.protocol {
            None => HandshakeResponse { error: Some(error.to_string()) }.write(out),
            Some(protocol) => {
                let text = format!("Connection closed with an error. {error}");
                encode::close(protocol, Some(&text), false, out);
            }
        }
    }

    /// Keeps input for later calls of `receive`, while the caller cannot take more events. It bounds how much.
    pub fn put_aside(&mut self, input: &mut &[u8]) {
        self.reader.put_aside(input);
    }

    /// Ends an invocation or a stream.
    pub fn complete(&self, id: &str, outcome: Result<&Payload, &str>, out: &mut Vec<u8>) {
        if let Some(protocol) = self.open_protocol() {
            encode::completion(protocol, id, outcome, out);
        }
    }

    /// The next item of a stream.
    pub fn stream_item(&self, id: &str, item: &Payload, out: &mut Vec<u8>) {
        if let Some(protocol) = self.open_protocol() {
            encode::stream_item(protocol, id, item, out);
        }
    }

    /// Ends the connection; nothing is received or written any more. Before the handshake nothing is said.
    pub fn close(&mut self, error: Option<&str>, allow_reconnect: bool, out: &mut Vec<u8>) {
        if let Some(protocol) = self.open_protocol() {
            encode::close(protocol, error, allow_reconnect, out);
        }
        self.closed = true;
    }

    fn open_protocol(&self) -> Option<Protocol> {
        self.protocol.filter(|_| !self.closed)
    }

    /// Something was handed to the transport.
    pub fn sent(&mut self, now: Duration) {
        self.sent = now;
    }

    /// The client cannot be blamed for its silence until then: nothing was read, or it is known to have been there.
    pub fn excuse_silence(&mut self, until: Duration) {
        self.received = self.received.max(until);
    }

    /// Does what is due: a ping goes to `out`. Returns when to call again; earlier is harmless, and there is no need to
    /// call it whenever something is sent or received.
    pub fn poll_timer(
        &mut self,
        now: Duration,
        limits: &ServerLimits,
        out: &mut Vec<u8>,
    ) -> Result<Duration, Silence> {
        let Some(protocol) = self.protocol else {
            let due = self.started + limits.handshake_timeout;
            return if now >= due { Err(Silence) } else { Ok(due) };
        };
        let silent_at = self.received + limits.client_timeout;
        if now >= silent_at {
            return Err(Silence);
        }
        if now >= self.sent + limits.keep_alive && !self.closed {
            encode::ping(protocol, out);
            self.sent = now;
        }
        Ok(silent_at.min(self.sent + limits.keep_alive))
    }
}
