//! WebSocket frames, read from a byte stream (RFC 6455, section 5).
//!
//! Hub messages make their own boundaries, so payloads are passed on as they come: no WebSocket message is ever
//! assembled, and there is no limit on its size.

use std::{io::Cursor, ops::Range};

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// Section 5.5.
const MAX_CONTROL_BYTES: u64 = 125;

/// Which end of the connection this is. Only clients mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
    /// No WebSocket at all: hub messages as they are, over some other transport.
    Bare,
}

/// The peer broke the WebSocket protocol.
#[derive(Debug, thiserror::Error)]
#[error("WebSocket: {0}")]
pub(crate) struct FrameError(&'static str);

/// Part of the stream; ranges are within the bytes that were given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A piece of a message's payload, unmasked.
    Data(Range<usize>),
    Ping(Range<usize>),
    Pong,
    Close(Range<usize>),
}

#[derive(Debug)]
pub(crate) struct FrameReader {
    role: Role,
    /// Of the data frame that is being read.
    remaining: u64,
    mask: [u8; 4],
    /// Whether a message began that has not ended.
    fragmented: bool,
}

impl FrameReader {
    pub(crate) fn new(role: Role) -> FrameReader {
        FrameReader { role, remaining: 0, mask: [0; 4], fragmented: false }
    }

    /// The next frame or piece of one, and how many bytes it took. None: more bytes are needed, none were taken.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<Option<(usize, Frame)>, FrameError> {
        if self.role == Role::Bare {
            let all = 0..bytes.len();
            return Ok((!bytes.is_empty()).then_some((all.end, Frame::Data(all))));
        }
        if self.remaining > 0 {
            return Ok((!bytes.is_empty()).then(|| self.read_data(0, bytes)));
        }
        let mut cursor = Cursor::new(&*bytes);
        let Some((header, length)) =
            FrameHeader::parse(&mut cursor).map_err(|_| FrameError("invalid header"))?
        else {
            return Ok(None);
        };
        let start = cursor.position() as usize;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(FrameError("reserved bits are set"));
        }
        if header.mask.is_some() != (self.role == Role::Server) {
            return Err(FrameError("masked the wrong way"));
        }
        let mask = header.mask.unwrap_or_default();
        match header.opcode {
            OpCode::Data(kind) => {
                if (kind == Data::Continue) != self.fragmented {
                    return Err(FrameError("fragments out of order"));
                }
                self.fragmented = !header.is_final;
                self.remaining = length;
                self.mask = mask;
                Ok(Some(self.read_data(start, bytes)))
            }
            OpCode::Control(kind) => {
                if length > MAX_CONTROL_BYTES || !header.is_final {
                    return Err(FrameError("control frame too long or fragmented"));
                }
                let end = start + length as usize;
                if bytes.len() < end {
                    return Ok(None);
                }
                apply_mask(&mut bytes[start..end], mask);
                Ok(Some((
                    end,
                    match kind {
                        Control::Ping => Frame::Ping(start..end),
                        Control::Pong => Frame::Pong,
                        _ => Frame::Close(start..end),
                    },
                )))
            }
        }
    }

    /// Takes what there is of the data frame's payload, from `start` on.
    fn read_data(&mut self, start: usize, bytes: &mut [u8]) -> (usize, Frame) {
        let available = bytes.len() - start;
        let count = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(available);
        let payload = start..start + count;
        if self.role == Role::Server {
            apply_mask(&mut bytes[payload.clone()], self.mask);
            self.mask.rotate_left(count % 4);
        }
        self.remaining -= count as u64;
        (payload.end, Frame::Data(payload))
    }
}

/// Section 5.3. Eight bytes at a time; the compiler makes vectors of it.
pub(super) fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests;
