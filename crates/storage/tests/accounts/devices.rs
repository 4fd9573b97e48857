//! What other services keep for a device goes with its session.

use chats::store::{ChatStore, Commit, DeviceCursor, NewDeviceMessage, Return};
use protocol::{ByteString, ConversationId};

use crate::*;

#[tokio::test]
async fn what_is_kept_for_a_device_goes_with_its_session_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = storage::sqlite::Database::open(&folder.path().join("kith.db")).unwrap();
    goes_with_the_session(Arc::new(store)).await;
}

#[tokio::test]
async fn what_is_kept_for_a_device_goes_with_its_session_postgres() {
    let database = testkit::postgres::database().unwrap();
    let store = storage::postgres::Database::open(&database.url(), 8).await.unwrap();
    goes_with_the_session(Arc::new(store)).await;
}

async fn goes_with_the_session<S: AccountStore + ChatStore>(store: Arc<S>) {
    let accounts: Store = store.clone();
    let (user, phone) = registered(&accounts, "alice").await;
    let mut devices = vec![phone];
    for _ in 0..2 {
        let session = new_session(START);
        devices.push(session.device);
        accounts.open_session(user, session, MAX_DEVICES, Some("hash of alice")).await.unwrap().unwrap();
    }
    let conversation = ConversationId::from_bytes([2; 16]);
    for device in &devices {
        let message = NewDeviceMessage {
            user,
            device: *device,
            conversation,
            sender: user,
            sender_device: phone,
            time: START,
            body: ByteString(vec![1]),
        };
        store.commit(Commit { device_messages: vec![message], ..Commit::default() }).await.unwrap();
        let cursor = DeviceCursor { user, device: *device, conversation, seq: 1 };
        store.save_receipts(vec![], vec![cursor]).await.unwrap();
    }
    let kept = async |device| {
        let back = Return { user, device, after_mark: None, limit: 9 };
        let messages = store.overview(back).await.unwrap().device_messages.len();
        (messages, store.device_cursors(user, device).await.unwrap().len())
    };
    assert_eq!(kept(devices[0]).await, (1, 1));
    assert!(accounts.end_session(user, devices[0]).await.unwrap());
    assert_eq!(
        (kept(devices[0]).await, kept(devices[1]).await, kept(devices[2]).await),
        ((0, 0), (1, 1), (1, 1))
    );
    // However it ends.
    assert_eq!(accounts.end_sessions(user, Some(devices[2])).await.unwrap(), [devices[1]]);
    assert_eq!((kept(devices[1]).await, kept(devices[2]).await), ((0, 0), (1, 1)));
    assert_eq!(accounts.expire(START + 400 * DAY, 0, 9).await.unwrap(), [(user, devices[2])]);
    assert_eq!(kept(devices[2]).await, (0, 0));
}
