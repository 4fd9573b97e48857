//! Splits the byte stream into messages.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use super::{ProtocolError, invalid};
use crate::Protocol;

/// Ends a JSON message and the handshake.
pub(crate) const SEPARATOR: u8 = 0x1e;

/// Splits a byte stream into hub messages, however it was cut into pieces. Holds memory only for a message that began
/// and has not ended, never more than the limit and the piece put aside last.
#[derive(Debug)]
pub struct MessageReader {
    protocol: Protocol,
    max_bytes: usize,
    /// The beginning of a message, or whole ones that were put aside.
    held: BytesMut,
    /// How much of `held` is known to have no separator.
    searched: usize,
}

/// Where the first message in some bytes stands.
enum Found {
    /// Behind a prefix of `start` bytes, up to `end`; the next one begins at `next`.
    Whole { start: usize, end: usize, next: usize },
    /// At least this many bytes more are needed.
    Incomplete { missing: usize },
}

impl MessageReader {
    /// Messages of more than `max_bytes` (without separator or length) are an error.
    pub fn new(protocol: Protocol, max_bytes: usize) -> MessageReader {
        MessageReader { protocol, max_bytes, held: BytesMut::new(), searched: 0 }
    }

    /// Goes on in another protocol and with another limit from the next message on.
    pub fn switch(&mut self, protocol: Protocol, max_bytes: usize) {
        self.protocol = protocol;
        self.max_bytes = max_bytes;
        self.searched = 0;
    }

    /// The next whole message, without separator or length; consumes what it used of `input`. None: all of `input` was
    /// used and more is needed.
    ///
    /// # Errors
    /// A message is longer than the limit, or its length is malformed.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, ProtocolError> {
        if self.held.is_empty() {
            return match find(self.protocol, self.max_bytes, input, 0)? {
                Found::Whole { start, end, next } => {
                    let message = Bytes::copy_from_slice(&input[start..end]);
                    input.advance(next);
                    Ok(Some(message))
                }
                Found::Incomplete { .. } => {
                    self.hold(input.len(), input);
                    Ok(None)
                }
            };
        }
        loop {
            match find(self.protocol, self.max_bytes, &self.held, self.searched)? {
                Found::Whole { start, end, next } => {
                    let message = self.held.split_to(next).freeze().slice(start..end);
                    if self.held.is_empty() {
                        self.held = BytesMut::new();
                    }
                    self.searched = 0;
                    return Ok(Some(message));
                }
                Found::Incomplete { .. } if input.is_empty() => return Ok(None),
                Found::Incomplete { missing } => {
                    let take = match self.protocol {
                        Protocol::Json => memchr(SEPARATOR, input).map_or(input.len(), |at| at + 1),
                        Protocol::MessagePack => missing.min(input.len()),
                    };
                    self.hold(take, input);
                }
            }
        }
    }

    /// Puts input aside, to be read by later calls of `next`. The caller bounds how much.
    pub fn put_aside(&mut self, input: &mut &[u8]) {
        let searched = self.searched;
        self.hold(input.len(), input);
        self.searched = searched;
    }

    /// Whether nothing is held: the stream may end here.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    fn hold(&mut self, count: usize, input: &mut &[u8]) {
        // What was held had no separator, and of what is taken only the last byte may be one.
        self.searched = if self.protocol == Protocol::Json { self.held.len() } else { 0 };
        self.held.extend_from_slice(&input[..count]);
        input.advance(count);
    }
}

fn find(protocol: Protocol, max_bytes: usize, bytes: &[u8], searched: usize) -> Result<Found, ProtocolError> {
    match protocol {
        Protocol::Json => {
            let searched = searched.min(bytes.len());
            match memchr(SEPARATOR, &bytes[searched..]) {
                Some(at) if searched + at <= max_bytes => {
                    Ok(Found::Whole { start: 0, end: searched + at, next: searched + at + 1 })
                }
                None if bytes.len() <= max_bytes => Ok(Found::Incomplete { missing: 1 }),
                _ => Err(ProtocolError::TooLarge { max_bytes }),
            }
        }
        Protocol::MessagePack => {
            let Some((length, start)) = length_prefix(bytes)? else {
                return Ok(Found::Incomplete { missing: 1 });
            };
            if length > max_bytes {
                return Err(ProtocolError::TooLarge { max_bytes });
            }
            let end = start + length;
            if bytes.len() < end {
                return Ok(Found::Incomplete { missing: end - bytes.len() });
            }
            Ok(Found::Whole { start, end, next: end })
        }
    }
}

/// The length before a MessagePack message and how many bytes it takes, 1 to 5.
fn length_prefix(bytes: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
    let mut length = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return match usize::try_from(length) {
                Ok(length) if length <= i32::MAX as usize => Ok(Some((length, index + 1))),
                _ => Err(invalid("the length exceeds 2 GB")),
            };
        }
    }
    if bytes.len() >= 5 { Err(invalid("the length takes more than 5 bytes")) } else { Ok(None) }
}
