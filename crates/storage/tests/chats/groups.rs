use chats::store::{Admission, Link, LinkUse, MemberSettings, SettingsChange};
use protocol::{LinkCode, Retention};

use crate::*;

on_both! {
    links_are_kept_by_group_and_have_a_bound,
    a_link_tells_who_was_removed,
    uses_are_counted_once_or_the_batch_is_not,
    direct_conversations_are_found_by_their_two,
    what_members_set_is_theirs,
    retention_is_kept_with_the_head,
}

fn link(conversation: ConversationId, creator: UserId, number: u8) -> Link {
    Link {
        code: LinkCode::from_bytes([number; 16]),
        conversation,
        created_by: creator,
        created_at: START + i64::from(number),
        created_seq: u64::from(number),
        expires_at: None,
        max_uses: None,
        uses: 0,
    }
}

async fn links_are_kept_by_group_and_have_a_bound(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let (id, other) = (group(&store, &[alice, bob]).await, group(&store, &[alice]).await);
    let full = Link { expires_at: Some(START + 4), max_uses: Some(7), uses: 3, ..link(id, alice, 1) };
    let used = Link { max_uses: Some(1), uses: 1, ..link(id, bob, 3) };
    for new in [full, link(id, alice, 2), link(other, alice, 9)] {
        assert_eq!(store.add_link(new, 3).await, Ok(true));
    }
    assert_eq!(store.links(id).await.unwrap(), [full, link(id, alice, 2)], "whole, the oldest first");
    assert_eq!(store.add_link(used, 3).await, Ok(true));
    // At the bound, what is over goes first.
    assert_eq!(store.add_link(link(id, bob, 5), 3).await, Ok(true));
    assert_eq!(store.add_link(link(id, bob, 6), 3).await, Ok(true));
    assert_eq!(store.add_link(link(id, bob, 7), 3).await, Ok(false));
    let left: Vec<_> = store.links(id).await.unwrap().iter().map(|it| it.created_seq).collect();
    assert_eq!(left, [2, 5, 6]);
    assert_eq!(store.remove_link(other, link(id, bob, 5).code).await, Ok(false), "of that group alone");
    assert_eq!(store.remove_link(id, link(id, bob, 5).code).await, Ok(true));
    assert_eq!(store.remove_link(id, link(id, bob, 5).code).await, Ok(false));
    assert_eq!(store.links(id).await.unwrap().len(), 2);
    // Many at once keep the bound, too.
    let tasks: Vec<_> = (20..36)
        .map(|number| {
            let (store, new) = (Arc::clone(&store), link(other, alice, number));
            tokio::spawn(async move { store.add_link(new, 4).await.unwrap() })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        added += usize::from(task.await.unwrap());
    }
    assert_eq!((added, store.links(other).await.unwrap().len()), (3, 4));
}

async fn moves(store: &Store, id: ConversationId, user: UserId, what: MemberChange, actor: UserId, seq: Seq) {
    let commit = Commit {
        entries: vec![NewEntry { kind: MessageKind::System, ..entry(id, actor, new_device(), seq) }],
        memberships: vec![change(id, user, what, actor, seq)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
}

async fn a_link_tells_who_was_removed(store: Store) {
    let (alice, bob, carol) = (new_user(), new_user(), new_user());
    let id = group(&store, &[alice, bob, carol]).await;
    moves(&store, id, bob, MemberChange::Removed, alice, 1).await;
    moves(&store, id, bob, MemberChange::Added, alice, 2).await;
    moves(&store, id, bob, MemberChange::Removed, alice, 3).await;
    moves(&store, id, carol, MemberChange::Left, carol, 4).await;
    moves(&store, id, carol, MemberChange::Joined, carol, 5).await;
    let link = link(id, alice, 1);
    store.add_link(link, 3).await.unwrap();
    let nothing = LinkCode::from_bytes([99; 16]);
    let asked = vec![
        (link.code, alice),
        (nothing, bob),
        (link.code, bob),
        (link.code, carol),
        (link.code, new_user()),
    ];
    let not_removed = Some(Admission { link, removed_seq: None });
    let removed = Some(Admission { link, removed_seq: Some(3) });
    assert_eq!(
        store.admissions(asked).await.unwrap(),
        [not_removed, None, removed, not_removed, not_removed]
    );
    assert_eq!(store.admissions(vec![]).await, Ok(vec![]));
    // Who joined is a member as others are.
    let members: Vec<_> =
        head(&store, id).await.members.iter().map(|it| (it.user, it.from_seq, it.added_by)).collect();
    assert_eq!(members, [(alice, 1, alice), (carol, 5, carol)]);
    let stays: Vec<_> =
        store.stays(carol, Some(id)).await.unwrap().iter().map(|it| (it.from_seq, it.to_seq)).collect();
    assert_eq!(stays, [(1, Some(4)), (5, None)]);
}

async fn uses_are_counted_once_or_the_batch_is_not(store: Store) {
    let (alice, device) = (new_user(), new_device());
    let id = group(&store, &[alice]).await;
    let (one, two) = (link(id, alice, 1), link(id, alice, 2));
    store.add_link(one, 3).await.unwrap();
    store.add_link(two, 3).await.unwrap();
    let uses = |link: Link, before, after| LinkUse { code: link.code, before, after };
    let commit = |seq, link_uses| Commit {
        entries: vec![entry(id, alice, device, seq)],
        link_uses,
        ..Commit::default()
    };
    store.commit(commit(1, vec![uses(one, 0, 2), uses(two, 0, 1)])).await.unwrap();
    let counts = async || -> Vec<_> { store.links(id).await.unwrap().iter().map(|it| it.uses).collect() };
    assert_eq!(counts().await, [2, 1]);
    for stale in [vec![uses(two, 1, 2), uses(one, 1, 3)], vec![uses(link(id, alice, 7), 0, 1)]] {
        assert_eq!(store.commit(commit(2, stale)).await, Err(chats::store::StoreError::Conflict));
    }
    assert_eq!(counts().await, [2, 1], "all of it or nothing");
    assert_eq!(head(&store, id).await.last_seq, 1);
}

async fn direct_conversations_are_found_by_their_two(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let (low, high) = (alice.min(bob), alice.max(bob));
    let mut new = new_group(&[alice, bob]);
    (new.id, new.key) = (new_id(ConversationShape::Direct), CreationKey::Pair(low, high));
    store.create(new.clone()).await.unwrap();
    assert_eq!(store.pair(low, high, ConversationKind::Plain).await, Ok(Some(new.id)));
    assert_eq!(store.pair(low, high, ConversationKind::Mls).await, Ok(None));
    assert_eq!(store.pair(low, low, ConversationKind::Plain).await, Ok(None));
}

async fn what_members_set_is_theirs(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let (id, other) = (group(&store, &[alice, bob]).await, group(&store, &[alice, bob]).await);
    let settings = |archived, muted_until| Some(MemberSettings { archived, muted_until });
    assert_eq!(store.set(bob, id, SettingsChange::Archived(true)).await.unwrap(), settings(true, 0));
    assert_eq!(store.set(bob, id, SettingsChange::MutedUntil(77)).await.unwrap(), settings(true, 77));
    assert_eq!(store.set(new_user(), id, SettingsChange::Archived(true)).await, Ok(None));
    let of = async |user, id| store.stays(user, Some(id)).await.unwrap().pop().map(|it| it.settings);
    assert_eq!(of(bob, id).await, settings(true, 77));
    assert_eq!((of(alice, id).await, of(bob, other).await), (settings(false, 0), settings(false, 0)));
    let all = store.stays(bob, None).await.unwrap();
    assert_eq!(all.iter().filter(|it| it.settings.archived).count(), 1);
    assert_eq!(store.set(bob, id, SettingsChange::Archived(false)).await.unwrap(), settings(false, 77));
    // Who comes back finds what they had set.
    moves(&store, id, bob, MemberChange::Left, bob, 1).await;
    assert_eq!(of(bob, id).await, settings(false, 77));
    moves(&store, id, bob, MemberChange::Joined, bob, 2).await;
    assert_eq!(of(bob, id).await, settings(false, 77));
    assert_eq!(store.set(bob, id, SettingsChange::Archived(true)).await.unwrap(), settings(true, 77));
    moves(&store, id, bob, MemberChange::Left, bob, 3).await;
    moves(&store, id, bob, MemberChange::Joined, bob, 4).await;
    assert_eq!(of(bob, id).await, settings(true, 77));
}

async fn retention_is_kept_with_the_head(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    assert_eq!(head(&store, id).await.info.retention, None);
    for (seq, retention) in [(1, Some(Retention::Days(30))), (2, Some(Retention::UntilDelivered)), (3, None)]
    {
        let mut update = head_update(id, "a group", alice, 1);
        update.info.retention = retention;
        let entries = vec![entry(id, alice, new_device(), seq)];
        store.commit(Commit { entries, heads: vec![update], ..Commit::default() }).await.unwrap();
        assert_eq!(head(&store, id).await.info.retention, retention);
    }
}
