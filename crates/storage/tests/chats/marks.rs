use chats::store::{
    Amendment, DeviceCursor, Marked, MemberSettings, Overview, Pin, PinChange, Range, Rewrite,
    SettingsChange, Span,
};
use protocol::MarkKind;

use crate::*;

on_both! {
    an_amendment_changes_an_entry_and_overtakes_its_edits,
    a_refused_batch_amends_nothing,
    reactions_and_edits_are_read_with_their_entry,
    entries_are_found_by_their_places,
    pins_are_listed_the_last_first,
    a_deleted_message_is_not_pinned,
    what_is_hidden_from_one_is_there_for_others,
    stars_are_one_users_and_have_pages,
    annotations_can_be_passed_over,
    marks_are_told_in_order_and_the_last_of_each_entry,
    marks_of_many_at_once_are_all_told,
    what_one_kept_for_oneself_is_forgotten_and_no_more,
}

fn all(conversation: ConversationId) -> Range {
    Range::between(conversation, 0, Seq::MAX, usize::MAX)
}

async fn bodies(store: &Store, id: ConversationId) -> Vec<String> {
    let entries = store.read(all(id)).await.unwrap();
    entries.iter().map(|entry| String::from_utf8(entry.body.to_vec()).unwrap()).collect()
}

fn annotation(id: ConversationId, by: UserId, seq: Seq, target: Option<Seq>) -> NewEntry {
    NewEntry { kind: MessageKind::Annotation, target, ..entry(id, by, DeviceId::from_bytes([7; 16]), seq) }
}

/// Entry `seq` says `body` from now on, because of entry `by`.
fn rewritten(id: ConversationId, seq: Seq, by: Seq, body: &'static str, deleted: bool) -> Amendment {
    let rewrite =
        Rewrite { body: body.as_bytes().to_vec().into(), by, overtaken: b"gone".to_vec().into(), deleted };
    let edited_at = (!deleted).then_some(START + 7);
    Amendment { conversation: id, seq, by, rewrite: Some(rewrite), edited_at, reactions: None }
}

async fn an_amendment_changes_an_entry_and_overtakes_its_edits(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let (id, other) = (group(&store, &[alice]).await, group(&store, &[alice]).await);
    append(&store, id, alice, phone, 1, 3).await;
    append(&store, other, alice, phone, 1, 3).await;
    let edit = |seq, target| annotation(id, alice, seq, Some(target));
    // Edits of two entries, one of them twice in one batch.
    let commit = Commit {
        entries: vec![edit(4, 2), edit(5, 2), edit(6, 3)],
        amendments: vec![rewritten(id, 2, 5, "second", false), rewritten(id, 3, 6, "third", false)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    assert_eq!(bodies(&store, id).await, ["body 1", "second", "third", "gone", "body 5", "body 6"]);
    let commit = Commit {
        entries: vec![annotation(id, alice, 7, None)],
        amendments: vec![rewritten(id, 2, 7, "deleted", true)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    assert_eq!(bodies(&store, id).await, ["body 1", "deleted", "third", "gone", "gone", "body 6", "body 7"]);
    let entries = store.read(all(id)).await.unwrap();
    let edited: Vec<_> = entries.iter().map(|entry| (entry.target, entry.edited_at)).collect();
    let none = (None, None);
    let edit_of = |target| (Some(target), None);
    assert_eq!(edited, [none, none, (None, Some(START + 7)), edit_of(2), edit_of(2), edit_of(3), none]);
    assert_eq!(bodies(&store, other).await, ["body 1", "body 2", "body 3"], "another conversation");
}

async fn a_refused_batch_amends_nothing(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    append(&store, id, alice, phone, 1, 2).await;
    let commit = Commit {
        entries: vec![annotation(id, alice, 2, Some(1))],
        amendments: vec![rewritten(id, 1, 2, "new", true)],
        pins: vec![PinChange { conversation: id, seq: 1, at: 2, pinned: true, by: alice, time: START }],
        ..Commit::default()
    };
    assert_eq!(store.commit(commit).await, Err(chats::store::StoreError::Conflict));
    assert_eq!(bodies(&store, id).await, ["body 1", "body 2"]);
    assert_eq!(store.pins(id).await, Ok(vec![]));
}

async fn reactions_and_edits_are_read_with_their_entry(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    append(&store, id, alice, phone, 1, 1).await;
    let reactions = Some(vec![0, 255, 1].into());
    let set = |seq, reactions| Commit {
        entries: vec![annotation(id, alice, seq, None)],
        amendments: vec![Amendment {
            conversation: id,
            seq: 1,
            by: seq,
            rewrite: None,
            edited_at: Some(START + 9),
            reactions,
        }],
        ..Commit::default()
    };
    store.commit(set(2, reactions.clone())).await.unwrap();
    let mut expected = entry(id, alice, phone, 1);
    (expected.edited_at, expected.reactions) = (Some(START + 9), reactions);
    assert_eq!(store.read(all(id)).await.unwrap()[0], expected);
    assert_eq!(store.entries_at(vec![(id, 1)]).await.unwrap(), [Some(expected.clone())]);
    store.commit(set(3, None)).await.unwrap();
    expected.reactions = None;
    assert_eq!(store.read(all(id)).await.unwrap()[0], expected);
}

async fn entries_are_found_by_their_places(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let (one, two) = (group(&store, &[alice]).await, group(&store, &[alice]).await);
    append(&store, one, alice, phone, 1, 2).await;
    append(&store, two, alice, phone, 1, 1).await;
    let places =
        vec![(two, 1), (one, 3), (one, 2), (two, 1), (new_id(ConversationShape::Group), 1), (one, 0)];
    let found = store.entries_at(places).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|entry| entry.map(|it| (it.conversation, it.seq))).collect();
    assert_eq!(found, [Some((two, 1)), None, Some((one, 2)), Some((two, 1)), None, None]);
    assert_eq!(store.entries_at(vec![]).await, Ok(vec![]));
}

async fn pins_are_listed_the_last_first(store: Store) {
    let (alice, bob, phone) = (new_user(), new_user(), new_device());
    let (id, other) = (group(&store, &[alice, bob]).await, group(&store, &[alice]).await);
    append(&store, id, alice, phone, 1, 5).await;
    append(&store, other, alice, phone, 1, 1).await;
    let change =
        |conversation, seq, pinned, by, time| PinChange { conversation, seq, at: 6, pinned, by, time };
    let pins = vec![
        change(id, 5, true, alice, START + 1),
        change(id, 2, true, bob, START + 2),
        change(id, 3, true, bob, START + 2),
        change(other, 1, true, alice, START + 3),
        change(id, 5, false, bob, START + 4),
        change(id, 4, true, alice, START + 5),
        change(id, 1, false, alice, START + 6),
    ];
    let commit = Commit { entries: vec![annotation(id, alice, 6, None)], pins, ..Commit::default() };
    store.commit(commit).await.unwrap();
    let pin = |seq, by, time| Pin { seq, at: 6, by, time };
    let expected = [pin(4, alice, START + 5), pin(3, bob, START + 2), pin(2, bob, START + 2)];
    assert_eq!(store.pins(id).await.unwrap(), expected);
    assert_eq!(store.pins(other).await.unwrap(), [pin(1, alice, START + 3)]);
    assert_eq!(store.pins(new_id(ConversationShape::Group)).await, Ok(vec![]));
}

async fn a_deleted_message_is_not_pinned(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    append(&store, id, alice, phone, 1, 2).await;
    let pin = |seq| PinChange { conversation: id, seq, at: 3, pinned: true, by: alice, time: START };
    // Pinned and deleted in one batch, in this order.
    let commit = Commit {
        entries: vec![annotation(id, alice, 3, None)],
        pins: vec![pin(1), pin(2)],
        amendments: vec![rewritten(id, 1, 3, "deleted", true), rewritten(id, 2, 3, "edited", false)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    assert_eq!(store.pins(id).await.unwrap(), [Pin { seq: 2, at: 3, by: alice, time: START }]);
}

async fn what_is_hidden_from_one_is_there_for_others(store: Store) {
    let (alice, bob, phone) = (new_user(), new_user(), new_device());
    let (id, other) = (group(&store, &[alice, bob]).await, group(&store, &[alice, bob]).await);
    append(&store, id, alice, phone, 1, 4).await;
    append(&store, other, alice, phone, 1, 4).await;
    for seq in [2, 4, 2] {
        store.hide(bob, (id, seq)).await.unwrap();
    }
    let read = async |conversation, reader, newest_first, limit| {
        let range = Range { reader: Some(reader), newest_first, limit, ..all(conversation) };
        store.read(range).await.unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(id, bob, false, 9).await, [1, 3]);
    assert_eq!(read(id, bob, true, 1).await, [3], "what is hidden takes no room");
    assert_eq!(read(id, alice, true, 9).await, [4, 3, 2, 1]);
    assert_eq!(read(other, bob, false, 9).await, [1, 2, 3, 4]);
    assert_eq!(store.read(all(id)).await.unwrap().len(), 4);
    let places = vec![(id, 1), (id, 2), (other, 2), (id, 4)];
    assert_eq!(store.hidden(bob, places.clone()).await.unwrap(), [false, true, false, true]);
    assert_eq!(store.hidden(alice, places).await.unwrap(), [false; 4]);
    let span = |conversation| Span { conversation, after: 1, to: 4 };
    assert_eq!(store.count_unread(bob, vec![span(id), span(other)], 9).await.unwrap(), [1, 3]);
}

async fn stars_are_one_users_and_have_pages(store: Store) {
    let (alice, bob, phone) = (new_user(), new_user(), new_device());
    let id = group(&store, &[alice, bob]).await;
    append(&store, id, alice, phone, 1, 9).await;
    for seq in [3, 1, 5, 2, 3] {
        assert!(store.star(alice, (id, seq), 4).await.unwrap());
    }
    // No more than so many of each, but what is starred stays it.
    assert!(!store.star(alice, (id, 9), 4).await.unwrap());
    assert!(store.star(alice, (id, 5), 4).await.unwrap());
    assert!(store.star(bob, (id, 7), 4).await.unwrap());
    store.unstar(bob, (id, 5)).await.unwrap();
    store.unstar(alice, (id, 1)).await.unwrap();
    let all = store.stars(alice, u64::MAX, 9).await.unwrap();
    assert_eq!(
        all.iter().map(|star| star.seq).collect::<Vec<_>>(),
        [2, 5, 3],
        "starred again keeps its place"
    );
    assert!(all.iter().all(|star| star.conversation == id));
    let first = store.stars(alice, u64::MAX, 2).await.unwrap();
    assert_eq!(first, all[..2]);
    assert_eq!(store.stars(alice, first[1].number, 2).await.unwrap(), all[2..]);
    assert_eq!(store.stars(bob, u64::MAX, 9).await.unwrap().len(), 1);
}

async fn annotations_can_be_passed_over(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    append(&store, id, alice, phone, 1, 2).await;
    let new = vec![annotation(id, alice, 3, None), annotation(id, alice, 4, None)];
    store.commit(entries(new)).await.unwrap();
    let last = Range { newest_first: true, no_annotations: true, limit: 1, ..all(id) };
    assert_eq!(store.read(last).await.unwrap()[0].seq, 2);
    let span = Span { conversation: id, after: 0, to: 4 };
    assert_eq!(store.count_unread(new_user(), vec![span], 9).await.unwrap(), [2], "nor are they unread");
}

async fn overview(store: &Store, user: UserId, after_mark: Option<u64>, limit: usize) -> Overview {
    store.overview(Return { user, device: new_device(), after_mark, limit }).await.unwrap()
}

async fn marks_are_told_in_order_and_the_last_of_each_entry(store: Store) {
    let (alice, bob, phone) = (new_user(), new_user(), new_device());
    let (one, two) = (group(&store, &[alice, bob]).await, group(&store, &[alice]).await);
    append(&store, one, alice, phone, 1, 3).await;
    append(&store, two, alice, phone, 1, 3).await;
    let told = async |user, after, limit| {
        let Overview { marks, last_mark, .. } = overview(&store, user, after, limit).await;
        (marks.into_iter().map(|it| (it.number, it.place, it.kind)).collect::<Vec<_>>(), last_mark)
    };
    assert_eq!(told(alice, Some(0), 9).await, (vec![], 0));
    store.hide(alice, (one, 1)).await.unwrap();
    assert!(store.star(alice, (two, 2), 100).await.unwrap());
    assert!(store.star(alice, (one, 3), 100).await.unwrap());
    // No news.
    store.hide(alice, (one, 1)).await.unwrap();
    assert!(store.star(alice, (two, 2), 100).await.unwrap());
    store.unstar(alice, (two, 3)).await.unwrap();
    let (hidden, starred, unstarred) = (MarkKind::Hidden, MarkKind::Starred, MarkKind::Unstarred);
    let all = vec![(1, (one, 1), hidden), (2, (two, 2), starred), (3, (one, 3), starred)];
    assert_eq!(told(alice, Some(0), 9).await, (all.clone(), 3));
    assert_eq!(told(alice, Some(0), 2).await, (all[..2].to_vec(), 3));
    assert_eq!(told(alice, Some(2), 2).await, (all[2..].to_vec(), 3));
    assert_eq!(told(alice, Some(3), 9).await, (vec![], 3));
    assert_eq!(told(alice, None, 9).await, (vec![], 3), "whoever does not ask");
    assert_eq!(told(bob, Some(0), 9).await, (vec![], 0), "another's");
    // The last of an entry takes the place of those before; a star and a deletion are two.
    store.unstar(alice, (two, 2)).await.unwrap();
    assert!(store.star(alice, (two, 2), 100).await.unwrap());
    store.unstar(alice, (one, 3)).await.unwrap();
    store.hide(alice, (one, 3)).await.unwrap();
    let all =
        vec![(1, (one, 1), hidden), (5, (two, 2), starred), (6, (one, 3), unstarred), (7, (one, 3), hidden)];
    assert_eq!(told(alice, Some(0), 9).await, (all.clone(), 7));
    assert_eq!(told(alice, Some(3), 9).await, (all[1..].to_vec(), 7));
    store.hide(bob, (one, 2)).await.unwrap();
    assert_eq!(told(bob, Some(0), 9).await, (vec![(1, (one, 2), hidden)], 1));
    // Whoever leaves and comes back has marks still.
    let gone = change(one, bob, MemberChange::Removed, alice, 4);
    let back = change(one, bob, MemberChange::Added, alice, 5);
    append(&store, one, alice, phone, 4, 5).await;
    store.commit(Commit { memberships: vec![gone, back], ..Commit::default() }).await.unwrap();
    assert_eq!(told(bob, Some(0), 9).await, (vec![(1, (one, 2), hidden)], 1));
}

async fn marks_of_many_at_once_are_all_told(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let ids = [group(&store, &[alice]).await, group(&store, &[alice]).await];
    for id in ids {
        append(&store, id, alice, phone, 1, 20).await;
    }
    let writers = ids.into_iter().flat_map(|id| (1..=20).map(move |seq| (id, seq))).map(|place| {
        let store = store.clone();
        tokio::spawn(async move {
            store.hide(alice, place).await.unwrap();
            assert!(store.star(alice, place, 100).await.unwrap());
        })
    });
    let writers: Vec<_> = writers.collect();
    // Whoever asks meanwhile, and goes on from the last that was told, is told of each at least once.
    let (mut known, mut told) = (0, std::collections::HashSet::new());
    while told.len() < 80 {
        let Overview { marks, last_mark, .. } = overview(&store, alice, Some(known), 7).await;
        assert!(marks.iter().all(|mark| mark.number > known));
        assert!(marks.windows(2).all(|pair| pair[0].number < pair[1].number));
        known = marks.last().map_or(last_mark, |mark| mark.number);
        told.extend(marks.into_iter().map(|Marked { place, kind, .. }| (place, format!("{kind:?}"))));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(overview(&store, alice, Some(0), 99).await.marks.len(), 80);
}

async fn what_one_kept_for_oneself_is_forgotten_and_no_more(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let (phone, tablet) = (new_device(), new_device());
    let id = group(&store, &[alice, bob]).await;
    append(&store, id, alice, phone, 1, 3).await;
    for (user, device) in [(alice, phone), (bob, tablet)] {
        store.hide(user, (id, 1)).await.unwrap();
        assert!(store.star(user, (id, 2), 100).await.unwrap());
        store.set(user, id, SettingsChange::Archived(true)).await.unwrap();
        store.set(user, id, SettingsChange::MutedUntil(START)).await.unwrap();
        store
            .save_receipts(vec![], vec![DeviceCursor { user, device, conversation: id, seq: 3 }])
            .await
            .unwrap();
        let message = NewDeviceMessage {
            user,
            device,
            conversation: id,
            sender: alice,
            sender_device: phone,
            time: START,
            body: protocol::ByteString(vec![1]),
        };
        store.commit(Commit { device_messages: vec![message], ..Commit::default() }).await.unwrap();
    }
    for _ in 0..2 {
        store.forget(alice).await.unwrap();
    }
    let kept = async |user, device| {
        let overview = store.overview(Return { user, device, after_mark: Some(0), limit: 9 }).await.unwrap();
        (
            overview.marks.len(),
            overview.last_mark,
            overview.device_messages.len(),
            overview.stays[0].settings,
            store.hidden(user, vec![(id, 1)]).await.unwrap(),
            store.stars(user, u64::MAX, 9).await.unwrap().len(),
            store.device_cursors(user, device).await.unwrap().len(),
        )
    };
    assert_eq!(kept(alice, phone).await, (0, 0, 0, MemberSettings::default(), vec![false], 0, 0));
    let settings = MemberSettings { archived: true, muted_until: START };
    assert_eq!(kept(bob, tablet).await, (2, 2, 1, settings, vec![true], 1, 1));
    assert_eq!(bodies(&store, id).await.len(), 3, "what was said stays");
    assert_eq!(head(&store, id).await.members.len(), 2);
}
