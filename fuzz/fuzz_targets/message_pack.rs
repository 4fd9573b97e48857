//! A stream of messages, in pieces, into both machines.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use signalr::{
    Protocol,
    client::{ClientLimits, ClientMachine},
    server::{ServerLimits, ServerMachine},
    wire::{HandshakeRequest, HandshakeResponse},
};

const LIMIT_BYTES: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Some((&size, data)) = data.split_first() else { return };
    let second = Duration::from_secs(1);
    let server_limits = ServerLimits {
        keep_alive: second,
        client_timeout: second,
        handshake_timeout: second,
        max_message_bytes: LIMIT_BYTES,
    };
    let client_limits = ClientLimits {
        keep_alive: second,
        server_timeout: second,
        handshake_timeout: second,
        max_message_bytes: LIMIT_BYTES,
    };
    // The lowest bit chooses stateful reconnect, with a buffer that is soon full.
    let stateful = size & 1 == 1;
    let mut out = Vec::new();
    let (mut server, mut client) = match stateful {
        false => (
            ServerMachine::new(Duration::ZERO),
            ClientMachine::new(Protocol::MessagePack, Duration::ZERO, &mut out),
        ),
        true => (
            ServerMachine::new_stateful(Duration::ZERO, LIMIT_BYTES),
            ClientMachine::new_stateful(Protocol::MessagePack, Duration::ZERO, LIMIT_BYTES, &mut out),
        ),
    };
    let (mut request, mut response) = (Vec::new(), Vec::new());
    HandshakeRequest { protocol: Protocol::MessagePack, version: if stateful { 2 } else { 1 } }.write(&mut request);
    HandshakeResponse::default().write(&mut response);
    server.receive(Duration::ZERO, &server_limits, &mut &request[..], &mut out).unwrap().unwrap();
    client.receive(Duration::ZERO, &client_limits, &mut &response[..], &mut out).unwrap().unwrap();
    for piece in data.chunks(usize::from(size) + 1) {
        let mut input = piece;
        while let Ok(Some(_)) = server.receive(Duration::ZERO, &server_limits, &mut input, &mut out) {}
        let _ = client.send("T", &(), &mut out);
        // A piece of that length is the last on its socket.
        if piece.len() == 7 && server.is_resumable() && client.is_resumable() {
            server.resume(Duration::ZERO, &server_limits, &mut out);
            client.resume(Duration::ZERO, &client_limits, &mut out);
        }
        let mut input = piece;
        while let Ok(Some(_)) = client.receive(Duration::ZERO, &client_limits, &mut input, &mut out) {}
    }
});
