use chats::store::{Amendment, Former, PastHead, PinChange, Rewrite};
use protocol::Retention;

use crate::*;

on_both! {
    what_the_gone_may_see_is_kept_once,
    where_nobody_has_gone_nothing_is_kept,
    what_is_deleted_or_expires_is_kept_nowhere,
    heads_of_the_past_are_found_by_their_entries,
    what_expires_loses_its_marks,
}

/// Entry `by` makes entry `seq` say `body`.
fn rewritten(id: ConversationId, seq: Seq, by: Seq, body: &'static str, deleted: bool) -> Commit {
    let rewrite = Rewrite { body: body.as_bytes().into(), by, overtaken: b"gone".as_slice().into(), deleted };
    let amendment = Amendment {
        conversation: id,
        seq,
        by,
        rewrite: Some(rewrite),
        edited_at: Some(START + 9),
        reactions: Some(vec![1].into()),
    };
    let annotation = NewEntry { kind: MessageKind::Annotation, ..entry(id, new_user(), new_device(), by) };
    Commit { entries: vec![annotation], amendments: vec![amendment], ..Commit::default() }
}

fn removal(id: ConversationId, user: UserId, by: UserId, seq: Seq) -> Commit {
    let entries = vec![NewEntry { kind: MessageKind::System, ..entry(id, by, new_device(), seq) }];
    let memberships = vec![change(id, user, MemberChange::Removed, by, seq)];
    Commit { entries, memberships, ..Commit::default() }
}

fn then(at: Seq, body: &'static str, edited: bool) -> Former {
    let (edited_at, reactions) = if edited { (Some(START + 9), Some(vec![1].into())) } else { (None, None) };
    Former { at, body: body.as_bytes().into(), edited_at, reactions }
}

async fn what_the_gone_may_see_is_kept_once(store: Store) {
    let (alice, bob, carol) = (new_user(), new_user(), new_user());
    let id = group(&store, &[alice, bob, carol]).await;
    append(&store, id, alice, new_device(), 1, 3).await;
    // Changed while all are there, and again by the batch that removes one, before and after.
    store.commit(rewritten(id, 2, 4, "second", false)).await.unwrap();
    let mut batch = removal(id, bob, alice, 5);
    let again = rewritten(id, 2, 6, "third", false);
    batch.entries.extend(again.entries);
    batch.amendments = again.amendments;
    store.commit(batch).await.unwrap();
    store.commit(rewritten(id, 2, 7, "fourth", false)).await.unwrap();
    let asked = vec![((id, 2), 5), ((id, 3), 5), ((id, 2), 6), ((id, 9), 0), ((id, 2), 0)];
    let second = vec![then(6, "second", true)];
    let expected = [second.clone(), vec![], vec![], vec![], second.clone()];
    assert_eq!(store.former(asked).await.unwrap(), expected);
    // For the next one who goes, what it is by then; not what was said after.
    store.commit(removal(id, carol, alice, 8)).await.unwrap();
    append(&store, id, alice, new_device(), 9, 9).await;
    for (seq, by) in [(2, 10), (2, 11), (3, 12), (9, 13)] {
        store.commit(rewritten(id, seq, by, "late", false)).await.unwrap();
    }
    let found = store.former(vec![((id, 2), 5), ((id, 2), 8), ((id, 3), 5), ((id, 9), 0)]).await.unwrap();
    let fourth = then(10, "fourth", true);
    let expected =
        [vec![second[0].clone(), fourth.clone()], vec![fourth], vec![then(12, "body 3", false)], vec![]];
    assert_eq!(found, expected);
    assert_eq!(store.former(vec![]).await.unwrap(), Vec::<Vec<Former>>::new());
}

async fn where_nobody_has_gone_nothing_is_kept(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let (id, other) = (group(&store, &[alice, bob]).await, group(&store, &[alice, bob]).await);
    append(&store, id, alice, new_device(), 1, 2).await;
    append(&store, other, alice, new_device(), 1, 2).await;
    store.commit(removal(other, bob, alice, 3)).await.unwrap();
    store.commit(rewritten(id, 1, 3, "new", false)).await.unwrap();
    // Nor for who went before it was said.
    append(&store, other, alice, new_device(), 4, 4).await;
    store.commit(rewritten(other, 4, 5, "new", false)).await.unwrap();
    assert_eq!(store.former(vec![((id, 1), 0), ((other, 4), 0)]).await.unwrap(), [vec![], vec![]]);
}

async fn what_is_deleted_or_expires_is_kept_nowhere(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let id = group(&store, &[alice, bob]).await;
    append(&store, id, alice, new_device(), 1, 2).await;
    store.commit(removal(id, bob, alice, 3)).await.unwrap();
    for (seq, by) in [(1, 4), (2, 5)] {
        store.commit(rewritten(id, seq, by, "new", false)).await.unwrap();
    }
    let kept = async || {
        let found = store.former(vec![((id, 1), 3), ((id, 2), 3)]).await.unwrap();
        found.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, [1, 1]);
    store.commit(rewritten(id, 1, 6, "removed", true)).await.unwrap();
    assert_eq!(kept().await, [0, 1]);
    store.expire(id, 0, 2).await.unwrap();
    assert_eq!(kept().await, [0, 0]);
}

async fn heads_of_the_past_are_found_by_their_entries(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let id = group(&store, &[alice, bob]).await;
    let head = |seq, full: bool| PastHead {
        conversation: id,
        seq,
        name: format!("as of {seq}").into(),
        description: "it was".into(),
        picture: full.then(|| "m_1".into()),
        updated_by: full.then_some(alice),
        updated_at: START + 4,
        retention: full.then_some(Retention::Days(3)),
        epoch: 7,
        membership_version: 8,
        members: 1,
    };
    let mut commit = removal(id, bob, alice, 1);
    commit.past_heads = vec![head(1, true)];
    store.commit(commit).await.unwrap();
    let mut commit = removal(id, alice, alice, 2);
    commit.past_heads = vec![head(2, false)];
    store.commit(commit).await.unwrap();
    let places = vec![(id, 2), (id, 3), (new_id(ConversationShape::Group), 1), (id, 1), (id, 2)];
    let expected = [Some(head(2, false)), None, None, Some(head(1, true)), Some(head(2, false))];
    assert_eq!(store.past_heads(places).await.unwrap(), expected);
}

async fn what_expires_loses_its_marks(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    append(&store, id, alice, new_device(), 1, 2).await;
    let pin = |seq| PinChange { conversation: id, seq, at: 3, pinned: true, by: alice, time: START };
    let mut commit = rewritten(id, 1, 3, "new", false);
    commit.pins = vec![pin(1), pin(2)];
    store.commit(commit).await.unwrap();
    for seq in [1, 2] {
        assert!(store.star(alice, (id, seq), 100).await.unwrap());
    }
    store.expire(id, 0, 1).await.unwrap();
    let entry = store.entries_at(vec![(id, 1)]).await.unwrap().remove(0).unwrap();
    assert_eq!((entry.body.len(), entry.reactions), (0, None));
    let pins: Vec<_> = store.pins(id).await.unwrap().iter().map(|pin| pin.seq).collect();
    let stars: Vec<_> =
        store.stars(alice, u64::MAX >> 1, 9).await.unwrap().iter().map(|star| star.seq).collect();
    assert_eq!((pins, stars), (vec![2], vec![2]));
}
