use chats::store::ReceiptKind::{Delivered, Seen};
use chats::store::{DeviceCursor, ReceiptKind, ReceiptStep};

use crate::*;

on_both! {
    the_latest_step_of_each_kind,
    the_first_step_that_covers_an_entry,
    a_step_is_kept_as_it_was_first,
    device_cursors_never_go_back,
    many_receipts_at_once,
}

fn step(user: UserId, conversation: ConversationId, kind: ReceiptKind, seq: Seq, time: i64) -> ReceiptStep {
    ReceiptStep { user, conversation, kind, seq, time }
}

fn sorted(mut steps: Vec<ReceiptStep>) -> Vec<ReceiptStep> {
    steps.sort_by_key(|step| (step.user, step.conversation, step.kind));
    steps
}

async fn the_latest_step_of_each_kind(store: Store) {
    let (alice, bob, carol) = (new_user(), new_user(), new_user());
    let (one, two) = (group(&store, &[alice, bob]).await, group(&store, &[alice]).await);
    let steps = vec![
        step(alice, one, Delivered, 3, 30),
        step(alice, one, Delivered, 7, 70),
        step(alice, one, Seen, 2, 71),
        step(bob, one, Delivered, 1, 5),
        step(alice, two, Seen, 9, 90),
    ];
    store.save_receipts(steps, vec![]).await.unwrap();
    // Later ones may come with less.
    store.save_receipts(vec![step(alice, one, Delivered, 5, 99)], vec![]).await.unwrap();
    let in_one = [step(alice, one, Delivered, 7, 70), step(alice, one, Seen, 2, 71)];
    let both = sorted([in_one.to_vec(), vec![step(bob, one, Delivered, 1, 5)]].concat());
    assert_eq!(sorted(store.receipts(one, vec![alice, bob, carol]).await.unwrap()), both);
    assert_eq!(sorted(store.receipts(one, vec![alice]).await.unwrap()), in_one);
    assert_eq!(store.receipts(two, vec![bob]).await, Ok(vec![]));
    assert_eq!(store.receipts(one, vec![]).await, Ok(vec![]));
    let of_alice = sorted([in_one.to_vec(), vec![step(alice, two, Seen, 9, 90)]].concat());
    assert_eq!(sorted(store.receipts_of(alice).await.unwrap()), of_alice);
    assert_eq!(store.receipts_of(carol).await, Ok(vec![]));
}

async fn the_first_step_that_covers_an_entry(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let id = group(&store, &[alice, bob]).await;
    let steps = vec![
        step(alice, id, Delivered, 3, 30),
        step(alice, id, Delivered, 7, 70),
        step(alice, id, Delivered, 9, 90),
        step(alice, id, Seen, 7, 75),
        step(bob, id, Delivered, 4, 44),
    ];
    store.save_receipts(steps, vec![]).await.unwrap();
    let first = async |seq| sorted(store.first_receipts(id, seq, vec![alice, bob]).await.unwrap());
    let (seven, seen) = (step(alice, id, Delivered, 7, 70), step(alice, id, Seen, 7, 75));
    let (three, bobs) = (step(alice, id, Delivered, 3, 30), step(bob, id, Delivered, 4, 44));
    assert_eq!(first(1).await, sorted(vec![three, seen, bobs]));
    assert_eq!(first(3).await, sorted(vec![three, seen, bobs]));
    assert_eq!(first(4).await, sorted(vec![seven, seen, bobs]));
    assert_eq!(first(7).await, [seven, seen]);
    assert_eq!(first(8).await, [step(alice, id, Delivered, 9, 90)]);
    assert_eq!(first(10).await, []);
    assert_eq!(store.first_receipts(id, 1, vec![]).await, Ok(vec![]));
}

async fn a_step_is_kept_as_it_was_first(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    store.save_receipts(vec![step(alice, id, Seen, 3, 30)], vec![]).await.unwrap();
    let again = vec![step(alice, id, Seen, 3, 99), step(alice, id, Seen, 4, 100)];
    store.save_receipts(again, vec![]).await.unwrap();
    assert_eq!(store.first_receipts(id, 3, vec![alice]).await.unwrap(), [step(alice, id, Seen, 3, 30)]);
    assert_eq!(store.receipts(id, vec![alice]).await.unwrap(), [step(alice, id, Seen, 4, 100)]);
}

async fn device_cursors_never_go_back(store: Store) {
    let (alice, phone, laptop) = (new_user(), new_device(), new_device());
    let (one, two) = (group(&store, &[alice]).await, group(&store, &[alice]).await);
    let cursor = |device, conversation, seq| DeviceCursor { user: alice, device, conversation, seq };
    let save = async |cursors| store.save_receipts(vec![], cursors).await.unwrap();
    save(vec![cursor(phone, one, 5), cursor(phone, two, 1), cursor(laptop, one, 2)]).await;
    save(vec![cursor(phone, one, 3), cursor(phone, two, 4)]).await;
    let mut found = store.device_cursors(alice, phone).await.unwrap();
    found.sort_by_key(|cursor| cursor.seq);
    assert_eq!(found, [cursor(phone, two, 4), cursor(phone, one, 5)]);
    assert_eq!(store.device_cursors(alice, laptop).await.unwrap(), [cursor(laptop, one, 2)]);
    assert_eq!(store.device_cursors(new_user(), phone).await, Ok(vec![]));
    store.save_receipts(vec![], vec![]).await.unwrap();
}

async fn many_receipts_at_once(store: Store) {
    let users: Vec<_> = (0..1_000).map(|_| new_user()).collect();
    let id = group(&store, &users[..1]).await;
    for round in 1..=2 {
        let steps = users.iter().flat_map(|user| {
            [step(*user, id, Delivered, round, round as i64), step(*user, id, Seen, round, round as i64)]
        });
        let cursors = users.iter().map(|user| DeviceCursor {
            user: *user,
            device: DeviceId::from_bytes(*user.as_bytes()),
            conversation: id,
            seq: round,
        });
        store.save_receipts(steps.collect(), cursors.collect()).await.unwrap();
    }
    let found = store.receipts(id, users).await.unwrap();
    assert_eq!(found.len(), 2_000);
    assert!(found.iter().all(|step| step.seq == 2));
}
