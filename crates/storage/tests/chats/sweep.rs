use chats::store::{DeviceCursor, Outline, Unswept};
use protocol::Retention;

use crate::*;

on_both! {
    what_may_be_due_is_found_page_by_page,
    bodies_go_and_entries_stay,
    outlines_and_cursors_are_of_one_conversation,
}

async fn set_retention(store: &Store, id: ConversationId, alice: UserId, seq: Seq, retention: Retention) {
    let mut update = head_update(id, "a group", alice, 1);
    update.info.retention = Some(retention);
    let entries = vec![NewEntry { kind: MessageKind::System, ..entry(id, alice, new_device(), seq) }];
    store.commit(Commit { entries, heads: vec![update], ..Commit::default() }).await.unwrap();
}

async fn what_may_be_due_is_found_page_by_page(store: Store) {
    let (alice, device) = (new_user(), new_device());
    let mut ids = Vec::new();
    for number in 0..7 {
        let id = group(&store, &[alice]).await;
        if number % 2 == 0 {
            append(&store, id, alice, device, 1, 3).await;
        }
        ids.push(id);
    }
    ids.sort_unstable();
    set_retention(&store, ids[4], alice, head(&store, ids[4]).await.last_seq + 1, Retention::Days(3)).await;
    let pages = async |all| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let some = store.sweepable(after, all, 2).await.unwrap();
            let Some(last) = some.last() else { return found };
            after = Some(last.conversation);
            found.extend(some);
        }
    };
    let all = pages(true).await;
    assert_eq!(all.iter().map(|it| it.conversation).collect::<Vec<_>>(), ids);
    let own = pages(false).await;
    assert_eq!(
        own.iter().map(|it| (it.conversation, it.retention)).collect::<Vec<_>>(),
        [(ids[4], Some(Retention::Days(3)))]
    );
    for it in all {
        let last = head(&store, it.conversation).await.last_seq;
        assert_eq!((it.swept, it.next_time.is_some()), (0, last > 0));
        store.expire(it.conversation, 0, last.min(2)).await.unwrap();
        let now = store.unswept(vec![it.conversation, new_id(ConversationShape::Group)]).await.unwrap();
        let next_time = (last > 2).then_some(START + 3_000);
        let retention = it.retention;
        assert_eq!(
            now,
            [Unswept { conversation: it.conversation, retention, swept: last.min(2), next_time }]
        );
    }
}

async fn bodies_go_and_entries_stay(store: Store) {
    let (alice, device) = (new_user(), new_device());
    let (id, other) = (group(&store, &[alice]).await, group(&store, &[alice]).await);
    append(&store, other, alice, device, 1, 3).await;
    let kinds = [
        MessageKind::System,
        MessageKind::Content,
        MessageKind::Proposal,
        MessageKind::Commit,
        MessageKind::Content,
        MessageKind::Content,
    ];
    let new: Vec<_> = kinds
        .iter()
        .zip(1..)
        .map(|(kind, seq)| NewEntry { kind: *kind, ..entry(id, alice, device, seq) })
        .collect();
    store.commit(entries(new.clone())).await.unwrap();
    assert_eq!(store.expire(id, 0, 5).await, Ok(2));
    assert_eq!(store.expire(id, 0, 5).await, Ok(0), "once is enough");
    let range = chats::store::Range::between(id, 0, 9, 9);
    let expected: Vec<_> = new
        .into_iter()
        .map(|entry| match entry.seq {
            2 | 5 => NewEntry { body: Vec::new().into(), ..entry },
            _ => entry,
        })
        .collect();
    assert_eq!(store.read(range).await.unwrap(), expected);
    let theirs = store.read(chats::store::Range { conversation: other, ..range }).await.unwrap();
    assert!(theirs.iter().all(|entry| !entry.body.is_empty()));
    // A late repeat is still one.
    let sent = store.find_sent(vec![(id, device, message_id("m2"))]).await.unwrap();
    assert_eq!(sent, [Some((2, START + 2_000))]);
    // What was swept stays so, whoever comes late.
    store.expire(id, 0, 3).await.unwrap();
    assert_eq!(store.unswept(vec![id]).await.unwrap()[0].swept, 5);
    assert_eq!(head(&store, id).await.last_seq, 6);
}

async fn outlines_and_cursors_are_of_one_conversation(store: Store) {
    let (alice, bob, phone, laptop) = (new_user(), new_user(), new_device(), new_device());
    let (id, other) = (group(&store, &[alice, bob]).await, group(&store, &[alice]).await);
    append(&store, id, alice, phone, 1, 2).await;
    store
        .commit(entries(vec![NewEntry { kind: MessageKind::System, ..entry(id, bob, laptop, 3) }]))
        .await
        .unwrap();
    append(&store, other, alice, phone, 1, 1).await;
    let outline = store.outline(id, 1, 9).await.unwrap();
    let line = |seq, kind, device| Outline { seq, kind, device };
    assert_eq!(outline, [line(2, MessageKind::Content, phone), line(3, MessageKind::System, laptop)]);
    assert_eq!(store.outline(id, 0, 1).await.unwrap().len(), 1);
    let cursor = |user, device, conversation, seq| DeviceCursor { user, device, conversation, seq };
    let cursors =
        vec![cursor(alice, phone, id, 2), cursor(alice, phone, other, 1), cursor(bob, laptop, id, 3)];
    store.save_receipts(vec![], cursors).await.unwrap();
    let asked = vec![(alice, phone), (alice, laptop), (bob, laptop), (bob, phone)];
    let mut found = store.cursors_at(id, asked).await.unwrap();
    found.sort_by_key(|it| it.seq);
    assert_eq!(found, [cursor(alice, phone, id, 2), cursor(bob, laptop, id, 3)]);
    assert_eq!(store.cursors_at(other, vec![]).await, Ok(vec![]));
}
