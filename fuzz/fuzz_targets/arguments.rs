//! The arguments of an invocation, decoded as several types.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signalr::{Arguments, Message, Protocol};

fn decode(arguments: &Arguments) {
    for index in 0..=arguments.len() {
        let _ = arguments.get::<String>(index);
        let _ = arguments.get::<u64>(index);
        let _ = arguments.get::<Vec<(i32, Option<String>)>>(index);
        let _ = arguments.get::<serde_json::Value>(index);
        let _ = arguments.get_optional::<bool>(index);
    }
}

fuzz_target!(|data: &[u8]| {
    let json = [br#"{"type":1,"target":"T","arguments":["#, data, b"]}"].concat();
    let count = data.first().map_or(0, |byte| byte & 0x0f);
    let pack = [b"\x95\x01\x80\xc0\xa1T", &[0x90 | count][..], data].concat();
    for (protocol, message) in [(Protocol::Json, json), (Protocol::MessagePack, pack)] {
        if let Ok(Message::Invocation(invocation)) = Message::parse(protocol, message.into()) {
            decode(&invocation.arguments);
        }
    }
});
