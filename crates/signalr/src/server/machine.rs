//! One connection's protocol, without I/O.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    Invocation, Message, MessageReader, Payload, Protocol, ProtocolError,
    codec::{encode, handshake::*},
    stateful::Stateful,
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
    /// For connections that may change their socket; before the handshake, for those that may become such.
    stateful: Option<Box<Stateful>>,
    closed: bool,
    /// Messages that called no method, since somebody last asked.
    idle: u32,
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
            stateful: None,
            closed: false,
            idle: 0,
            started: now,
            received: now,
            sent: now,
        }
    }

    /// A connection for which stateful reconnect was negotiated. What may have to be sent again is kept up to
    /// `buffer_bytes`; while more than that is unacknowledged, it is not [`ServerMachine::is_resumable`].
    pub fn new_stateful(now: Duration, buffer_bytes: usize) -> ServerMachine {
        ServerMachine { stateful: Some(Box::new(Stateful::new(buffer_bytes))), ..ServerMachine::new(now) }
    }

    /// Whether messages are counted: it was negotiated, and the client speaks a version that has it.
    pub fn is_stateful(&self) -> bool {
        self.protocol.is_some() && self.stateful.is_some()
    }

    /// Whether the connection can go on over another socket when this one breaks.
    pub fn is_resumable(&self) -> bool {
        !self.closed && self.protocol.is_some() && self.stateful.as_ref().is_some_and(|it| it.is_resumable())
    }

    /// Goes on over another socket, without a handshake: writes what the client may lack. Only when it
    /// [`ServerMachine::is_resumable`].
    pub fn resume(&mut self, now: Duration, limits: &ServerLimits, out: &mut Vec<u8>) {
        if let (Some(protocol), Some(stateful)) = (self.protocol, &mut self.stateful) {
            // The rest of a message that began on the old socket will not come; it comes again from its start.
            self.reader = MessageReader::new(protocol, limits.max_message_bytes);
            stateful.resume(protocol, out);
            (self.received, self.sent) = (now, now);
        }
    }

    /// When [`ServerMachine::poll_timer`] has to be called at the latest to acknowledge what was received.
    pub fn ack_due(&self) -> Option<Duration> {
        self.stateful.as_ref().and_then(|stateful| stateful.ack_due())
    }

    /// Whether the client is not to be invoked yet: it may not have begun to count.
    pub fn holds_back(&self, now: Duration) -> bool {
        self.stateful.as_ref().and_then(|stateful| stateful.silent_until()).is_some_and(|until| now < until)
    }

    /// What the handshake settled on.
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// Takes bytes that came in, up to the first event; call it again until it says None. Answers go to `out`. After an
    /// error, `out` holds the last words and the connection is to be ended.
    ///
    /// # Errors
    /// What came in breaks the protocol or a bound.
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
            None => self.receive_handshake(now, limits, input, out),
            Some(protocol) => self.receive_message(now, protocol, input, out),
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
        now: Duration,
        limits: &ServerLimits,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerEvent>, ProtocolError> {
        let Some(message) = self.reader.next(input)? else { return Ok(None) };
        let request = HandshakeRequest::parse(&message)?;
        HandshakeResponse::default().write(out);
        self.protocol = Some(request.protocol);
        if request.version < STATEFUL_VERSION {
            self.stateful = None;
        }
        if let Some(stateful) = &mut self.stateful {
            stateful.opened(now);
        }
        self.reader.switch(request.protocol, limits.max_message_bytes);
        Ok(Some(ServerEvent::Opened(request.protocol)))
    }

    fn receive_message(
        &mut self,
        now: Duration,
        protocol: Protocol,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerEvent>, ProtocolError> {
        while let Some(message) = self.reader.next(input)? {
            let size = message.len();
            let message = Message::parse(protocol, message)?;
            if let Some(stateful) = &mut self.stateful {
                let admitted = stateful.admit(now, &message, size)?;
                stateful.acknowledge(now, protocol, out);
                if !admitted {
                    self.idle += u32::from(stateful.was_idle());
                    continue;
                }
            }
            match message {
                Message::Invocation(invocation) => return Ok(Some(ServerEvent::Invocation(invocation))),
                Message::CancelInvocation { id } => return Ok(Some(ServerEvent::Cancel { id })),
                Message::Close { error, .. } => return Ok(Some(ServerEvent::Closed { error })),
                Message::StreamItem { id, item } => return Ok(Some(ServerEvent::Item { id, item })),
                Message::Completion { id, outcome } => {
                    return Ok(Some(ServerEvent::Completed { id, outcome }));
                }
                Message::Ping | Message::Ack { .. } | Message::Sequence { .. } | Message::Unknown { .. } => {
                    self.idle += 1;
                }
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

    /// How many messages came since the last time this was asked that are no events, but pings, repetitions, and such as
    /// mean nothing.
    pub fn take_idle(&mut self) -> u32 {
        std::mem::take(&mut self.idle)
    }

    /// Counts an event that called nothing after all among those.
    pub fn count_idle(&mut self) {
        self.idle += 1;
    }

    /// Keeps input for later calls of `receive`, while the caller cannot take more events. It bounds how much.
    pub fn put_aside(&mut self, input: &mut &[u8]) {
        self.reader.put_aside(input);
    }

    /// Ends an invocation or a stream.
    pub fn complete(&mut self, id: &str, outcome: Result<&Payload, &str>, out: &mut Vec<u8>) {
        if let Some(protocol) = self.open_protocol() {
            let start = out.len();
            encode::completion(protocol, id, outcome, out);
            self.count(&out[start..]);
        }
    }

    /// The next item of a stream.
    pub fn stream_item(&mut self, id: &str, item: &Payload, out: &mut Vec<u8>) {
        if let Some(protocol) = self.open_protocol() {
            let start = out.len();
            encode::stream_item(protocol, id, item, out);
            self.count(&out[start..]);
        }
    }

    /// An invocation of the client that is encoded already, with its length or separator. It is kept, where it is kept,
    /// without a copy.
    pub fn invoke_encoded(&mut self, message: Bytes, out: &mut Vec<u8>) {
        if self.open_protocol().is_some() && !message.is_empty() {
            out.extend_from_slice(&message);
            if let Some(stateful) = &mut self.stateful {
                stateful.sent(message);
            }
        }
    }

    fn count(&mut self, message: &[u8]) {
        if let Some(stateful) = &mut self.stateful {
            stateful.sent(Bytes::copy_from_slice(message));
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
    ///
    /// # Errors
    /// The client has been silent for too long: the connection is to be ended.
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
        if let Some(stateful) = self.stateful.as_mut().filter(|_| !self.closed)
            && stateful.acknowledge(now, protocol, out)
        {
            self.sent = now;
        }
        let mut due = silent_at.min(self.sent + limits.keep_alive);
        if let Some(stateful) = &self.stateful {
            let others = [stateful.ack_due(), stateful.silent_until().filter(|&until| now < until)];
            due = others.into_iter().flatten().fold(due, Duration::min);
        }
        Ok(due)
    }
}
