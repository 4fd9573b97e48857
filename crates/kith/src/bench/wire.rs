//! One connection to the hub, as lean as it gets: no task of its own, no buffer while idle, calls encoded straight into
//! the frame.

use std::net::IpAddr;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use signalr::{Message, MessageReader, Payload, Protocol, wire};

use super::websocket::{Opcode, Target, WebSocket};

/// Of one hub message: a page of `Sync` at its largest.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Wire {
    socket: WebSocket,
    protocol: Protocol,
    reader: MessageReader,
    /// Data read and not yet split into messages.
    rest: bytes::BytesMut,
    next_call: u64,
    /// A message being encoded.
    scratch: Vec<u8>,
}

impl Wire {
    /// Connects, authenticates and shakes hands.
    pub(super) async fn connect(
        target: &Target,
        token: &str,
        protocol: Protocol,
        source: Option<IpAddr>,
    ) -> anyhow::Result<Self> {
        let socket = WebSocket::connect(target, Some(token), source).await?;
        let mut wire = Self {
            socket,
            protocol,
            reader: MessageReader::new(Protocol::Json, MAX_MESSAGE_BYTES),
            rest: bytes::BytesMut::new(),
            next_call: 1,
            scratch: Vec::new(),
        };
        let handshake = format!("{{\"protocol\":\"{}\",\"version\":1}}\u{1e}", protocol.name());
        wire.socket.frame(Opcode::Text, handshake.as_bytes());
        wire.flush().await?;
        loop {
            if let Some(answer) = wire.next_bytes()? {
                if &answer[..] != b"{}" {
                    bail!("the handshake failed: {}", String::from_utf8_lossy(&answer));
                }
                wire.reader.switch(protocol, MAX_MESSAGE_BYTES);
                return Ok(wire);
            }
            wire.socket.read().await?;
        }
    }

    /// How it speaks.
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Adds a call whose answer is wanted to what [`Wire::flush`] writes.
    pub(super) fn call<A: Serialize>(&mut self, target: &str, arguments: &A) -> anyhow::Result<u64> {
        let id = self.next_call;
        self.next_call += 1;
        self.invoke(Some(id), target, arguments)?;
        Ok(id)
    }

    /// Adds a call whose answer is not wanted.
    pub(super) fn notify<A: Serialize>(&mut self, target: &str, arguments: &A) -> anyhow::Result<()> {
        self.invoke(None, target, arguments)
    }

    fn invoke<A: Serialize>(&mut self, id: Option<u64>, target: &str, arguments: &A) -> anyhow::Result<()> {
        self.scratch.clear();
        let id = id.map(|id| id.to_string());
        wire::invocation(self.protocol, id.as_deref(), target, arguments, false, &mut self.scratch)?;
        self.frame_scratch();
        Ok(())
    }

    /// Adds a ping.
    pub(super) fn ping(&mut self) {
        self.scratch.clear();
        wire::ping(self.protocol, &mut self.scratch);
        self.frame_scratch();
    }

    fn frame_scratch(&mut self) {
        let opcode = if self.protocol == Protocol::Json { Opcode::Text } else { Opcode::Binary };
        self.socket.frame(opcode, &self.scratch);
    }

    /// Writes what was added.
    pub(super) async fn flush(&mut self) -> anyhow::Result<()> {
        if self.socket.is_dirty() {
            self.socket.flush().await.context("the connection broke")
        } else {
            Ok(())
        }
    }

    /// Waits for bytes. Dropping the future loses nothing.
    pub(super) async fn read(&mut self) -> anyhow::Result<()> {
        self.socket.read().await
    }

    /// The next message among the bytes that were read.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Message>> {
        while let Some(bytes) = self.next_bytes()? {
            match Message::parse(self.protocol, bytes)? {
                Message::Ping => (),
                Message::Close { error, .. } => bail!("the server closed the connection: {error:?}"),
                message => return Ok(Some(message)),
            }
        }
        Ok(None)
    }

    fn next_bytes(&mut self) -> anyhow::Result<Option<bytes::Bytes>> {
        loop {
            let mut slice = &self.rest[..];
            let before = slice.len();
            let message = self.reader.next(&mut slice)?;
            let used = before - slice.len();
            bytes::Buf::advance(&mut self.rest, used);
            if message.is_some() {
                return Ok(message);
            }
            match self.socket.next()? {
                Some(more) => self.rest = more,
                None => {
                    self.rest = bytes::BytesMut::new();
                    return Ok(None);
                }
            }
        }
    }

    /// Calls and waits for the answer, passing over whatever else comes. For the time before and after measuring.
    pub(super) async fn ask<T: DeserializeOwned, A: Serialize>(
        &mut self,
        target: &str,
        arguments: &A,
    ) -> anyhow::Result<T> {
        let call = self.call(target, arguments)?.to_string();
        self.flush().await?;
        loop {
            while let Some(message) = self.next()? {
                match message {
                    Message::Completion { id, outcome } if id == call => return answer(target, outcome),
                    _ => (),
                }
            }
            self.flush().await?;
            self.read().await?;
        }
    }

    /// Ends the connection in good order.
    pub(super) async fn close(mut self) {
        self.scratch.clear();
        wire::close(self.protocol, None, false, &mut self.scratch);
        self.frame_scratch();
        self.socket.frame(Opcode::Close, &1000_u16.to_be_bytes());
        // It is gone either way.
        let _ = self.flush().await;
    }
}

fn answer<T: DeserializeOwned>(target: &str, outcome: Result<Payload, String>) -> anyhow::Result<T> {
    let payload = outcome.map_err(|error| anyhow!("{target}: {error}"))?;
    payload.decode().map_err(|error| anyhow!("{target}: {error}"))
}
