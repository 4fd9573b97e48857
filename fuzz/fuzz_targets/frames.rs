//! WebSocket frames, as both sides read them, in pieces of any size.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((size, bytes)) = data.split_first() {
        signalr::fuzzing::frames(bytes, usize::from(*size));
    }
});
