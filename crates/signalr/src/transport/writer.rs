//! WebSocket messages, written with as few system calls as possible.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use super::frames::{Role, apply_mask};
use crate::Protocol;

/// Room for the longest header before the payload.
const HEADER_BYTES: usize = 14;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The socket took all of it.
    All,
    /// The rest is kept; the task is woken when the socket takes more.
    Blocked,
}

/// The outgoing half of one connection. Holds only what the socket did not take.
#[derive(Debug)]
pub(crate) struct Writer {
    role: Role,
    unsent: Vec<u8>,
    position: usize,
    /// Since when the socket has taken nothing.
    blocked_since: Option<Duration>,
    /// Control frames to follow the next message.
    control: Vec<u8>,
    /// For masks, which need to be unpredictable only to scripts in browsers, of which there are none here.
    random: u32,
}

impl Writer {
    /// `seed` makes the masks differ from those of other connections.
    pub(crate) fn new(role: Role, seed: u32) -> Writer {
        Writer {
            role,
            unsent: Vec::new(),
            position: 0,
            blocked_since: None,
            control: Vec::new(),
            random: seed | 1,
        }
    }

    /// Begins a WebSocket message: whole hub messages are to be appended to `out`.
    pub(crate) fn begin(out: &mut Vec<u8>) {
        out.clear();
        out.resize(HEADER_BYTES, 0);
    }

    /// How much is in a message that was begun.
    pub(crate) fn message_bytes(out: &[u8]) -> usize {
        out.len() - HEADER_BYTES
    }

    /// Whether the socket still owes taking something.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }

    pub(crate) fn unsent_bytes(&self) -> usize {
        self.unsent.len() - self.position
    }

    pub(crate) fn blocked_since(&self) -> Option<Duration> {
        self.blocked_since
    }

    /// Answers a ping. Only the last one counts when the socket is blocked (RFC 6455, section 5.5.3).
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        self.control.clear();
        self.append_control(Control::Pong, payload);
    }

    /// Says goodbye on the WebSocket's level.
    pub(crate) fn close(&mut self, code: u16) {
        self.append_control(Control::Close, &code.to_be_bytes());
    }

    fn append_control(&mut self, kind: Control, payload: &[u8]) {
        let mask = self.next_mask();
        let header = FrameHeader { opcode: OpCode::Control(kind), mask, ..FrameHeader::default() };
        header.format(payload.len() as u64, &mut self.control).expect("writing to memory does not fail");
        let start = self.control.len();
        self.control.extend_from_slice(payload);
        apply_mask(&mut self.control[start..], mask.unwrap_or_default());
    }

    fn next_mask(&mut self) -> Option<[u8; 4]> {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        (self.role == Role::Client).then(|| self.random.to_ne_bytes())
    }

    /// Sends the message in `out` and begins the next one there. What the socket does not take is kept.
    pub(crate) fn write<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        context: &mut Context<'_>,
        now: Duration,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> io::Result<Written> {
        let start = self.frame(protocol, out);
        if self.is_blocked() {
            self.forget_sent();
            self.unsent.extend_from_slice(&out[start..]);
            Writer::begin(out);
            return Ok(Written::Blocked);
        }
        let mut position = start;
        let written = loop {
            if position == out.len() {
                break Written::All;
            }
            match Pin::new(&mut *io).poll_write(context, &out[position..]) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => position += count,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.unsent.extend_from_slice(&out[position..]);
                    self.position = 0;
                    self.blocked_since = Some(now);
                    break Written::Blocked;
                }
            }
        };
        Writer::begin(out);
        Ok(written)
    }

    /// Gives room back when half of what is kept was sent: whoever reads slowly and never all of it would else make it grow
    /// for ever.
    fn forget_sent(&mut self) {
        if self.position > 0 && self.position >= self.unsent.len() / 2 {
            self.unsent.drain(..self.position);
            self.unsent.shrink_to(self.unsent.len() * 2);
            self.position = 0;
        }
    }

    /// Puts the header right before the payload and control frames behind it; tells where the header begins.
    fn frame(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> usize {
        let length = Writer::message_bytes(out);
        let mut start = HEADER_BYTES;
        if self.role == Role::Bare {
            self.control = Vec::new();
            return start;
        }
        if length > 0 {
            let opcode = OpCode::Data(match protocol {
                Protocol::Json => Data::Text,
                Protocol::MessagePack => Data::Binary,
            });
            let mask = self.next_mask();
            let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
            start = HEADER_BYTES - header.len(length as u64);
            header
                .format(length as u64, &mut &mut out[start..HEADER_BYTES])
                .expect("the room is as long as the header");
            if let Some(mask) = mask {
                apply_mask(&mut out[HEADER_BYTES..], mask);
            }
        }
        if !self.control.is_empty() {
            out.append(&mut self.control);
            self.control = Vec::new();
        }
        start
    }

    /// Sends what was kept. `Ready` when nothing is left.
    pub(crate) fn poll_unsent<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        context: &mut Context<'_>,
        now: Duration,
    ) -> Poll<io::Result<()>> {
        while self.position < self.unsent.len() {
            match ready!(Pin::new(&mut *io).poll_write(context, &self.unsent[self.position..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    self.position += count;
                    self.blocked_since = Some(now);
                }
            }
        }
        if self.is_blocked() {
            self.unsent = Vec::new();
            self.position = 0;
            self.blocked_since = None;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes and no more.
    struct Narrow(usize);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_was_sent_takes_no_memory_though_never_all_of_it_was() {
        const PIECE: usize = 1_000;
        let mut context = Context::from_waker(std::task::Waker::noop());
        let (mut writer, mut io) = (Writer::new(Role::Bare, 1), Narrow(0));
        let now = Duration::ZERO;
        for round in 0..1_000 {
            let mut out = vec![7; HEADER_BYTES + PIECE];
            let written = writer.write(&mut io, &mut context, now, Protocol::Json, &mut out).unwrap();
            assert_eq!(written, Written::Blocked);
            if round > 0 {
                // The client is always a piece behind.
                io.0 = PIECE;
                assert!(writer.poll_unsent(&mut io, &mut context, now).is_pending());
            }
            assert_eq!(writer.unsent_bytes(), PIECE);
            assert!(writer.unsent.capacity() <= 8 * PIECE, "{} in round {round}", writer.unsent.capacity());
        }
    }
}
