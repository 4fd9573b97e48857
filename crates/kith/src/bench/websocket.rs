//! The client's side of a WebSocket (RFC 6455), no more than a load generator needs: it trusts the server to answer the
//! opening rightly, reads many frames at once and writes many at once.

use std::io;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, bail};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Of the answer to the opening.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// What one read may bring.
const READ_BYTES: usize = 32 * 1024;
/// Each frame is masked with this. It need not be unforeseeable where no proxy stands between.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x0f];

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Pong = 10,
}

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) host: String,
    pub(super) path: &'static str,
}

#[derive(Debug)]
pub(super) struct WebSocket {
    stream: TcpStream,
    input: BytesMut,
    /// Of the data frame being read.
    remaining: usize,
    output: Vec<u8>,
}

impl WebSocket {
    pub(super) async fn connect(
        target: &Target,
        token: Option<&str>,
        source: Option<IpAddr>,
    ) -> anyhow::Result<Self> {
        let socket = if target.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = source.filter(|source| source.is_ipv4() == target.address.is_ipv4()) {
            // So that the same port may serve connections from several source addresses.
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let mut stream = socket.connect(target.address).await?;
        stream.set_nodelay(true)?;
        let Target { host, path, .. } = target;
        let authorization =
            token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2l0aC1iZW5jaC1rZXkxIQ==\r\n{authorization}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut input = BytesMut::new();
        let end = loop {
            if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if input.len() > MAX_HEAD_BYTES || stream.read_buf(&mut input).await? == 0 {
                bail!("the server does not answer the WebSocket's opening");
            }
        };
        let head = String::from_utf8_lossy(&input[..end]);
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) != Some("101") {
            bail!("the server refuses the WebSocket: {status}");
        }
        input.advance(end);
        Ok(Self { stream, input, remaining: 0, output: Vec::new() })
    }

    /// Adds a frame to what [`WebSocket::flush`] writes.
    pub(super) fn frame(&mut self, opcode: Opcode, payload: &[u8]) {
        let output = &mut self.output;
        output.push(0x80 | opcode as u8);
        match payload.len() {
            length @ 0..126 => output.push(0x80 | length as u8),
            length @ 126..0x1_0000 => {
                output.push(0x80 | 126);
                output.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                output.push(0x80 | 127);
                output.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        output.extend_from_slice(&MASK);
        let start = output.len();
        output.extend_from_slice(payload);
        mask(&mut output[start..]);
    }

    /// Whether there is something to write.
    pub(super) fn is_dirty(&self) -> bool {
        !self.output.is_empty()
    }

    /// Writes what was added.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// Waits for bytes. Dropping the future loses nothing.
    pub(super) async fn read(&mut self) -> anyhow::Result<()> {
        self.input.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.input).await.context("the connection broke")? {
            0 => bail!("the server closed the connection"),
            _ => Ok(()),
        }
    }

    /// The next piece of data that was read, as it comes: frames need not be whole. Answers pings by the way.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<BytesMut>> {
        loop {
            if self.remaining > 0 {
                let length = self.remaining.min(self.input.len());
                self.remaining -= length;
                return Ok((length > 0).then(|| self.input.split_to(length)));
            }
            let Some((opcode, header, length)) = self.header() else {
                if self.input.is_empty() {
                    // An idle connection holds no buffer.
                    self.input = BytesMut::new();
                }
                return Ok(None);
            };
            match opcode {
                0..=2 => {
                    self.input.advance(header);
                    self.remaining = length;
                }
                8 => bail!("the server closed the WebSocket"),
                _ if self.input.len() < header + length => return Ok(None),
                9 => {
                    self.input.advance(header);
                    let payload = self.input.split_to(length);
                    self.frame(Opcode::Pong, &payload);
                }
                _ => self.input.advance(header + length),
            }
        }
    }

    /// Opcode, length of the header, length of the payload; nothing while the header is not whole.
    fn header(&self) -> Option<(u8, usize, usize)> {
        let input = &self.input[..];
        let (first, second) = (*input.first()?, *input.get(1)?);
        let (header, length) = match second & 0x7f {
            126 => (4, u64::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?))),
            127 => (10, u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)),
            length => (2, u64::from(length)),
        };
        Some((first & 0x0f, header, usize::try_from(length).ok()?))
    }
}

/// Masks bytes, or unmasks them.
fn mask(bytes: &mut [u8]) {
    let wide = u64::from_ne_bytes([MASK, MASK].concat().try_into().unwrap_or_default());
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let masked = u64::from_ne_bytes((&*chunk).try_into().unwrap_or_default()) ^ wide;
        chunk.copy_from_slice(&masked.to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(MASK.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_masked_whatever_the_length() {
        for length in 0..40 {
            let plain: Vec<u8> = (0..length).collect();
            let mut masked = plain.clone();
            mask(&mut masked);
            let expected: Vec<u8> =
                plain.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            assert_eq!(masked, expected);
        }
    }
}
