//! What clients send inside commands and requests: ids, messages, groups, sign-ins, from JSON and from MessagePack.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{
    CodeRequest, CodeVerification, ConversationId, Credentials, DeviceId, GroupChanges, HistoryRequest,
    MessageId, NewGroup, OutgoingMessage, RefreshRequest, SyncRequest, UserId,
};
use serde::{Serialize, de::DeserializeOwned};

/// Whatever is understood can be written, and what was written is understood as the same.
fn check<T: DeserializeOwned + Serialize>(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(data) {
        let once = serde_json::to_value(&value).expect("it can be written");
        let again: T = serde_json::from_value(once.clone()).expect("it can be read back");
        assert_eq!(serde_json::to_value(&again).expect("it can be written"), once);
    }
    if let Ok(value) = rmp_serde::from_slice::<T>(data) {
        let once = rmp_serde::to_vec_named(&value).expect("it can be written");
        let again: T = rmp_serde::from_slice(&once).expect("it can be read back");
        assert_eq!(rmp_serde::to_vec_named(&again).expect("it can be written"), once);
    }
}

fuzz_target!(|data: &[u8]| {
    check::<OutgoingMessage>(data);
    check::<SyncRequest>(data);
    check::<HistoryRequest>(data);
    check::<NewGroup>(data);
    check::<GroupChanges>(data);
    check::<Credentials>(data);
    check::<CodeRequest>(data);
    check::<CodeVerification>(data);
    check::<RefreshRequest>(data);
    check::<ConversationId>(data);
    check::<UserId>(data);
    check::<DeviceId>(data);
    check::<MessageId>(data);
});
