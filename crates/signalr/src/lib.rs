//! The SignalR hub protocol: framing and remote calls over one connection, both sides of it.
//!
//! The protocol itself (the codec, [`server::ServerMachine`], [`client::ClientMachine`]) does no I/O and reads no
//! clock: bytes and the time go in, events and bytes come out. Time is a [`std::time::Duration`] since an origin of the
//! caller's choice. Around it stand thin transports: with the feature `server` an axum router and one task per
//! connection, with the feature `client` a tokio connection.
//!
//! This crate knows nothing of what the calls mean, keeps nothing beyond a connection's life and is no reliability
//! layer: what was queued when a connection ends is lost. With stateful reconnect, a connection outlives the loss of its
//! WebSocket for a while.

mod arguments;
mod broadcast;
mod codec;
mod payload;
mod protocol;
mod stateful;
#[cfg(feature = "transport")]
#[cfg_attr(
    not(feature = "server"),
    expect(dead_code, unused_imports, reason = "some of it is for the server only")
)]
mod transport;
mod value;

pub mod client;
pub mod server;

pub use arguments::{ArgumentError, Arguments};
pub use broadcast::Broadcast;
pub use codec::{Invocation, Message, MessageReader, ProtocolError};
pub use payload::Payload;
pub use protocol::Protocol;
pub use value::{DecodeError, EncodeError};

/// The codec by itself: handshake, messages read and written.
pub mod wire {
    pub use crate::codec::encode::{ack, cancel, close, completion, invocation, ping, sequence, stream_item};
    pub use crate::codec::handshake::{HandshakeRequest, HandshakeResponse};
}

/// For the fuzz targets, which cargo-fuzz builds with `--cfg fuzzing`.
#[cfg(all(fuzzing, feature = "transport"))]
pub mod fuzzing {
    use crate::transport::{Frame, FrameReader, Role};

    /// Reads bytes that come in pieces of `size` as WebSocket frames, as a server and as a client. Nothing may panic, take
    /// more than there is, or yield a range outside.
    pub fn frames(bytes: &[u8], size: usize) {
        for role in [Role::Server, Role::Client] {
            let (mut reader, mut held) = (FrameReader::new(role), Vec::new());
            for piece in bytes.chunks(size.max(1)) {
                held.extend_from_slice(piece);
                loop {
                    match reader.read(&mut held) {
                        Ok(Some((taken, frame))) => {
                            if let Frame::Data(range) | Frame::Ping(range) | Frame::Close(range) = frame {
                                assert!(range.start <= range.end && range.end <= taken);
                            }
                            assert!(taken > 0);
                            held.drain(..taken);
                        }
                        Ok(None) => break,
                        Err(_) => return,
                    }
                }
            }
        }
    }
}
