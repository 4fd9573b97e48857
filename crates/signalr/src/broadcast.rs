//! One invocation for many recipients.

use std::{fmt, sync::Arc, sync::OnceLock};

use bytes::Bytes;
use serde::Serialize;

use crate::{EncodeError, Protocol, codec::encode};

/// An invocation of a client method, encoded at most once per protocol, and only for the protocols in use, and shared
/// by all its recipients. Cheap to clone.
#[derive(Clone)]
pub struct Broadcast(Arc<Shared<dyn Encode>>);

struct Shared<A: ?Sized> {
    target: &'static str,
    json: OnceLock<Bytes>,
    message_pack: OnceLock<Bytes>,
    arguments: A,
}

trait Encode: Send + Sync {
    fn encode(&self, protocol: Protocol, target: &str, out: &mut Vec<u8>) -> Result<(), EncodeError>;
}

impl<A: Serialize + Send + Sync> Encode for A {
    fn encode(&self, protocol: Protocol, target: &str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode::invocation(protocol, None, target, self, false, out)
    }
}

impl Broadcast {
    /// `arguments` is a tuple or an array: the positional arguments. Encoding must not fail; if it does, that is logged
    /// and nobody gets anything.
    pub fn new<A: Serialize + Send + Sync + 'static>(target: &'static str, arguments: A) -> Broadcast {
        Broadcast(Arc::new(Shared {
            target,
            json: OnceLock::new(),
            message_pack: OnceLock::new(),
            arguments,
        }))
    }

    /// The client method it invokes.
    pub fn target(&self) -> &'static str {
        self.0.target
    }

    /// The whole hub message, with its length or separator. Empty when the arguments could not be encoded.
    pub fn frame(&self, protocol: Protocol) -> Bytes {
        let cell = match protocol {
            Protocol::Json => &self.0.json,
            Protocol::MessagePack => &self.0.message_pack,
        };
        cell.get_or_init(|| {
            let mut out = Vec::new();
            match self.0.arguments.encode(protocol, self.0.target, &mut out) {
                Ok(()) => out.into(),
                Err(error) => {
                    log_failure(self.0.target, &error);
                    Bytes::new()
                }
            }
        })
        .clone()
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Broadcast").field("target", &self.0.target).finish_non_exhaustive()
    }
}

#[cfg(feature = "transport")]
fn log_failure(target: &str, error: &EncodeError) {
    tracing::error!(target, %error, "a broadcast could not be encoded");
}

#[cfg(not(feature = "transport"))]
fn log_failure(_: &str, _: &EncodeError) {}
