use chats::store::{NewDeviceMessage, Range, Span, StoreError};
use protocol::ByteString;

use crate::*;

on_both! {
    what_was_committed_is_read_back,
    a_taken_place_is_a_conflict_and_nothing_is_written,
    a_taken_id_is_a_conflict_and_nothing_is_written,
    a_batch_is_written_whole_or_not_at_all,
    of_two_for_one_place_one_wins,
    sends_are_found_in_the_order_asked_for,
    ranges_are_read_in_both_directions,
    a_range_ends_where_its_bytes_are_used_up,
    the_last_entry_before_a_time,
    unread_messages_are_counted_up_to_a_bound,
    big_batches_are_kept,
}

fn all(conversation: ConversationId) -> Range {
    Range::between(conversation, 0, Seq::MAX, usize::MAX)
}

async fn seqs(store: &Store, id: ConversationId) -> Vec<Seq> {
    store.read(all(id)).await.unwrap().iter().map(|entry| entry.seq).collect()
}

async fn what_was_committed_is_read_back(store: Store) {
    let (alice, bob, phone) = (new_user(), new_user(), new_device());
    let id = group(&store, &[alice, bob]).await;
    let other = group(&store, &[alice, bob]).await;
    let mut written: Vec<_> = (1..=4).map(|seq| entry(id, alice, phone, seq)).collect();
    for (entry, kind) in written.iter_mut().zip([
        MessageKind::Content,
        MessageKind::Proposal,
        MessageKind::Commit,
        MessageKind::System,
    ]) {
        entry.kind = kind;
    }
    written[1].epoch = Some(0);
    written[2].epoch = Some(u64::from(u32::MAX) + 1);
    written[2].body = vec![0, 255, 0, 128].into();
    written[3].body = Vec::new().into();
    written[3].sender = bob;
    let mut batch = written.clone();
    // Several conversations in one batch; the same device and id are another message there.
    batch.insert(2, entry(other, alice, phone, 1));
    assert_eq!(store.commit(entries(batch)).await, Ok(vec![]));
    assert_eq!(store.read(all(id)).await.unwrap(), written);
    assert_eq!(seqs(&store, other).await, [1]);
    let head = head(&store, id).await;
    assert_eq!((head.last_seq, head.last_time), (4, START + 4_000));
    assert_eq!(store.commit(Commit::default()).await, Ok(vec![]));
}

async fn a_taken_place_is_a_conflict_and_nothing_is_written(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    let other = group(&store, &[alice]).await;
    append(&store, id, alice, phone, 1, 3).await;
    let mut late = entry(id, alice, phone, 3);
    late.id = message_id("late");
    let batch = vec![entry(other, alice, phone, 1), late, entry(id, alice, phone, 4)];
    assert_eq!(store.commit(entries(batch)).await, Err(StoreError::Conflict));
    assert_eq!(seqs(&store, id).await, [1, 2, 3]);
    assert!(seqs(&store, other).await.is_empty());
    assert_eq!(store.read(all(id)).await.unwrap()[2].id, message_id("m3"));
}

async fn a_taken_id_is_a_conflict_and_nothing_is_written(store: Store) {
    let (alice, bob, phone) = (new_user(), new_user(), new_device());
    let id = group(&store, &[alice, bob]).await;
    append(&store, id, alice, phone, 1, 3).await;
    let mut repeated = entry(id, alice, phone, 4);
    repeated.id = message_id("m2");
    let batch = vec![repeated.clone(), entry(id, alice, phone, 5)];
    assert_eq!(store.commit(entries(batch)).await, Err(StoreError::Conflict));
    assert_eq!(seqs(&store, id).await, [1, 2, 3]);
    repeated.device = new_device();
    store.commit(entries(vec![repeated])).await.unwrap();
    assert_eq!(seqs(&store, id).await, [1, 2, 3, 4]);
}

async fn a_batch_is_written_whole_or_not_at_all(store: Store) {
    let (alice, bob, carol, phone) = (new_user(), new_user(), new_user(), new_device());
    let id = group(&store, &[alice, bob]).await;
    append(&store, id, alice, phone, 1, 1).await;
    let to_bob = NewDeviceMessage {
        user: bob,
        device: phone,
        conversation: id,
        sender: alice,
        sender_device: phone,
        time: START,
        body: ByteString(vec![1]),
    };
    let commit = |from: Seq| Commit {
        entries: vec![entry(id, alice, phone, from), entry(id, alice, phone, from + 1)],
        memberships: vec![
            change(id, carol, MemberChange::Added, alice, from),
            change(id, bob, MemberChange::Removed, alice, from + 1),
        ],
        heads: vec![HeadUpdate { epoch: 5, ..head_update(id, "renamed", alice, 9) }],
        device_messages: vec![to_bob.clone()],
        ..Commit::default()
    };
    let before = head(&store, id).await;
    assert_eq!(store.commit(commit(1)).await, Err(StoreError::Conflict));
    assert_eq!(head(&store, id).await, before);
    assert_eq!(store.stays(carol, None).await, Ok(vec![]));
    assert_eq!(store.stays(bob, None).await.unwrap()[0].to_seq, None);
    assert_eq!(store.membership_history(id).await.unwrap().len(), 2);
    assert_eq!(waiting(&store, phone, 9).await, []);

    let numbers = store.commit(commit(2)).await.unwrap();
    assert_eq!(waiting(&store, phone, 9).await, [(numbers[0], to_bob)]);
    let after = head(&store, id).await;
    assert_eq!(
        (&*after.info.name, after.epoch, after.membership_version, after.last_seq),
        ("renamed", 5, 9, 3)
    );
    let members: Vec<_> = after.members.iter().map(|member| (member.user, member.from_seq)).collect();
    assert_eq!(members, [(alice, 1), (carol, 2)]);
    assert_eq!(store.stays(bob, None).await.unwrap()[0].to_seq, Some(3));
}

async fn of_two_for_one_place_one_wins(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    for seq in 1..=20 {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (store, new) = (Arc::clone(&store), entry(id, alice, new_device(), seq));
                tokio::spawn(async move { store.commit(entries(vec![new])).await })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) => assert_eq!(error, StoreError::Conflict),
            }
        }
        assert_eq!(won, 1);
    }
    assert_eq!(seqs(&store, id).await, (1..=20).collect::<Vec<_>>());
}

async fn sends_are_found_in_the_order_asked_for(store: Store) {
    let (alice, phone, laptop) = (new_user(), new_device(), new_device());
    let (id, other) = (group(&store, &[alice]).await, group(&store, &[alice]).await);
    append(&store, id, alice, phone, 1, 3).await;
    append(&store, id, alice, laptop, 4, 4).await;
    append(&store, other, alice, phone, 1, 1).await;
    let key = |id, device, text: &str| (id, device, message_id(text));
    let keys = vec![
        key(id, phone, "m3"),
        key(id, laptop, "m3"),
        key(other, phone, "m1"),
        key(id, phone, "m1"),
        key(id, laptop, "m4"),
        key(id, phone, "m3"),
        key(new_id(ConversationShape::Group), phone, "m1"),
    ];
    let at = |seq| Some((seq, START + i64::try_from(seq).unwrap() * 1_000));
    let expected = vec![at(3), None, at(1), at(1), at(4), at(3), None];
    assert_eq!(store.find_sent(keys).await, Ok(expected));
    assert_eq!(store.find_sent(vec![]).await, Ok(vec![]));
}

async fn ranges_are_read_in_both_directions(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    append(&store, id, alice, phone, 1, 10).await;
    let read = async |after, before, limit, newest_first| {
        let range = Range { newest_first, ..Range::between(id, after, before, limit) };
        store.read(range).await.unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(0, Seq::MAX, 3, false).await, [1, 2, 3]);
    assert_eq!(read(0, Seq::MAX, 3, true).await, [10, 9, 8]);
    assert_eq!(read(3, 6, 9, false).await, [4, 5]);
    assert_eq!(read(3, 6, 9, true).await, [5, 4]);
    assert_eq!(read(3, 6, 1, true).await, [5]);
    assert!(read(3, 6, 0, true).await.is_empty());
    assert!(read(3, 4, 9, false).await.is_empty());
    assert!(read(6, 3, 9, false).await.is_empty());
    assert!(read(10, Seq::MAX, 9, false).await.is_empty());
    assert!(read(Seq::MAX, Seq::MAX, usize::MAX, false).await.is_empty());
}

async fn a_range_ends_where_its_bytes_are_used_up(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    let sized = |seq, bytes: usize| NewEntry { body: vec![7; bytes].into(), ..entry(id, alice, phone, seq) };
    let new = [(1, 100), (2, 100), (3, 0), (4, 5_000), (5, 1), (6, 1)].map(|(seq, bytes)| sized(seq, bytes));
    store.commit(entries(new.to_vec())).await.unwrap();
    let read = async |after, bytes, newest_first| {
        let range = Range { bytes, newest_first, ..Range::between(id, after, Seq::MAX, 9) };
        store.read(range).await.unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(0, usize::MAX, false).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(read(0, 200, false).await, [1, 2, 3, 4], "one more than fits, which tells that there is more");
    assert_eq!(read(0, 199, false).await, [1, 2]);
    assert_eq!(read(0, 0, false).await, [1], "one is always read");
    assert_eq!(read(2, 0, false).await, [3, 4]);
    assert_eq!(read(0, 2, true).await, [6, 5, 4]);
    assert_eq!(read(0, 1, true).await, [6, 5]);
    assert_eq!(read(0, 0, true).await, [6]);
    let limited = Range { bytes: 5_200, ..Range::between(id, 0, Seq::MAX, 2) };
    assert_eq!(store.read(limited).await.unwrap().len(), 2, "both bounds hold");
}

async fn the_last_entry_before_a_time(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    assert_eq!(store.seq_before(id, START).await, Ok(0));
    // Two entries in each of some milliseconds, three in others.
    let times = [10, 10, 20, 20, 20, 30, 40, 40, 50, 50, 50];
    let new =
        times.iter().zip(1..).map(|(time, seq)| NewEntry { time: *time, ..entry(id, alice, phone, seq) });
    store.commit(entries(new.collect())).await.unwrap();
    for time in 0..=60 {
        let expected = times.iter().filter(|then| **then < time).count() as Seq;
        assert_eq!(store.seq_before(id, time).await, Ok(expected), "before {time}");
    }
    assert_eq!(store.seq_before(id, i64::MAX).await, Ok(11));
    assert_eq!(store.seq_before(id, i64::MIN).await, Ok(0));
    // A log whose beginning is gone.
    let cut = group(&store, &[alice]).await;
    let new = (8..=10).map(|seq| NewEntry { time: seq, ..entry(cut, alice, phone, seq as Seq) });
    store.commit(entries(new.collect())).await.unwrap();
    for (time, expected) in [(8, 0), (9, 8), (10, 9), (11, 10)] {
        assert_eq!(store.seq_before(cut, time).await, Ok(expected), "before {time}");
    }
}

async fn unread_messages_are_counted_up_to_a_bound(store: Store) {
    let (alice, bob, phone) = (new_user(), new_user(), new_device());
    let id = group(&store, &[alice, bob]).await;
    let new = (1..=12u64).map(|seq| {
        let sender = if seq % 3 == 0 { alice } else { bob };
        let kind = if seq == 4 { MessageKind::System } else { MessageKind::Content };
        NewEntry { kind, ..entry(id, sender, phone, seq) }
    });
    store.commit(entries(new.collect())).await.unwrap();
    let count = async |user, after, to, limit| {
        let span = Span { conversation: id, after, to };
        store.count_unread(user, vec![span], limit).await.unwrap()[0]
    };
    assert_eq!(count(alice, 0, 12, 100).await, 7); // 1 2 5 7 8 10 11
    assert_eq!(count(bob, 0, 12, 100).await, 4);
    assert_eq!(count(alice, 1, 10, 100).await, 5);
    assert_eq!(count(alice, 4, 5, 100).await, 1);
    assert_eq!(count(alice, 5, 5, 100).await, 0);
    assert_eq!(count(alice, 0, 12, 3).await, 3);
    assert_eq!(count(new_user(), 0, Seq::MAX, 100).await, 11);
    // Several spans, each answered in its place, each with the bound of its own.
    let other = group(&store, &[alice, bob]).await;
    store.commit(entries((1..=2).map(|seq| entry(other, bob, phone, seq)).collect())).await.unwrap();
    let spans = [(other, 1, 2), (id, 0, 12), (id, 12, 12), (other, 0, 2)];
    let spans = spans.map(|(conversation, after, to)| Span { conversation, after, to });
    assert_eq!(store.count_unread(alice, spans.to_vec(), 5).await, Ok(vec![1, 5, 0, 2]));
    assert_eq!(store.count_unread(alice, Vec::new(), 5).await, Ok(vec![]));
}

async fn big_batches_are_kept(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    let new = (1..=3_000).map(|seq| NewEntry { body: vec![7; 2_000].into(), ..entry(id, alice, phone, seq) });
    store.commit(entries(new.collect())).await.unwrap();
    assert_eq!(seqs(&store, id).await.len(), 3_000);
}
