//! The first bytes of a connection, in two pieces.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use signalr::{
    server::{ServerLimits, ServerMachine},
    wire::{HandshakeRequest, HandshakeResponse},
};

fuzz_target!(|data: &[u8]| {
    let Some((&at, data)) = data.split_first() else { return };
    let _ = HandshakeRequest::parse(data);
    let _ = HandshakeResponse::parse(data);
    let second = Duration::from_secs(1);
    let limits = ServerLimits {
        keep_alive: second,
        client_timeout: second,
        handshake_timeout: second,
        max_message_bytes: 1000,
    };
    let mut machine = ServerMachine::new(Duration::ZERO);
    let (first, rest) = data.split_at(data.len().min(at.into()));
    let mut out = Vec::new();
    for mut piece in [first, rest] {
        while let Ok(Some(_)) = machine.receive(Duration::ZERO, &limits, &mut piece, &mut out) {}
    }
});
