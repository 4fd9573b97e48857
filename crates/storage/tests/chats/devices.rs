use chats::store::{DeviceQueue, NewDeviceMessage};
use protocol::ByteString;

use crate::*;

on_both! {
    device_messages_wait_until_they_are_dropped,
    numbers_are_never_used_again,
    none_is_dropped_unseen,
    what_waits_is_counted,
}

fn message(device: DeviceId, body: u8) -> NewDeviceMessage {
    NewDeviceMessage {
        user: UserId::from_bytes([1; 16]),
        device,
        conversation: ConversationId::from_bytes([2; 16]),
        sender: UserId::from_bytes([3; 16]),
        sender_device: DeviceId::from_bytes([4; 16]),
        time: START + i64::from(body),
        body: ByteString(vec![body, 0, 255]),
    }
}

async fn put(store: &Store, messages: Vec<NewDeviceMessage>) -> Vec<u64> {
    let count = messages.len();
    let numbers = store.commit(Commit { device_messages: messages, ..Commit::default() }).await.unwrap();
    assert_eq!(numbers.len(), count);
    assert!(numbers.is_sorted_by(|one, next| one < next));
    numbers
}

async fn device_messages_wait_until_they_are_dropped(store: Store) {
    let (phone, laptop) = (new_device(), new_device());
    let numbers = put(&store, vec![message(phone, 1), message(laptop, 2), message(phone, 3)]).await;
    let more = put(&store, vec![message(phone, 4)]).await;
    assert!(more[0] > numbers[2]);
    let (first, third, fourth) =
        ((numbers[0], message(phone, 1)), (numbers[2], message(phone, 3)), (more[0], message(phone, 4)));
    let get = async |device, limit| waiting(&store, device, limit).await;
    assert_eq!(get(phone, 9).await, [first.clone(), third.clone(), fourth.clone()]);
    assert_eq!(get(phone, 2).await, [first.clone(), third.clone()]);
    assert_eq!(get(laptop, 9).await, [(numbers[1], message(laptop, 2))]);
    store.drop_device_messages(phone, numbers[2]).await.unwrap();
    assert_eq!(get(phone, 9).await, [fourth]);
    assert_eq!(get(laptop, 9).await.len(), 1, "another device's stay");
    store.drop_device_messages(phone, 0).await.unwrap();
    store.drop_device_messages(new_device(), u64::MAX).await.unwrap();
    assert_eq!(get(phone, 9).await.len(), 1);
}

async fn numbers_are_never_used_again(store: Store) {
    let phone = new_device();
    let mut highest = 0;
    for round in 0..5 {
        let numbers = put(&store, vec![message(phone, round), message(phone, round)]).await;
        assert!(numbers[0] > highest, "{numbers:?} after {highest}");
        highest = numbers[1];
        store.drop_device_messages(phone, highest).await.unwrap();
    }
    assert_eq!(waiting(&store, phone, 9).await, []);
}

/// A device asks for what comes after the last it holds, and what it holds is dropped: however many write to it at once.
async fn none_is_dropped_unseen(store: Store) {
    let phone = new_device();
    let writers: Vec<_> = (0..4u8)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..25 {
                    // Some take longer than others.
                    let many = if (round + writer) % 3 == 0 { 60 } else { 1 };
                    let mut messages = vec![message(phone, writer)];
                    messages.extend((1..many).map(|_| message(new_device(), writer)));
                    put(&store, messages).await;
                }
            })
        })
        .collect();
    let mut seen = 0;
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let waiting = waiting(&store, phone, 1_000).await;
        seen += waiting.len();
        if let Some((number, _)) = waiting.last() {
            store.drop_device_messages(phone, *number).await.unwrap();
        }
        if done && waiting.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 4 * 25);
}

async fn what_waits_is_counted(store: Store) {
    let (phone, laptop, idle) = (new_device(), new_device(), new_device());
    let numbers = put(&store, vec![message(phone, 1), message(laptop, 2), message(phone, 3)]).await;
    let queue = |messages| DeviceQueue { messages, bytes: messages * 3 };
    let asked = vec![laptop, idle, phone];
    assert_eq!(store.device_queues(asked.clone()).await.unwrap(), [queue(1), queue(0), queue(2)]);
    store.drop_device_messages(phone, numbers[0]).await.unwrap();
    assert_eq!(store.device_queues(asked).await.unwrap(), [queue(1), queue(0), queue(1)]);
    assert_eq!(store.device_queues(vec![]).await.unwrap(), []);
}
