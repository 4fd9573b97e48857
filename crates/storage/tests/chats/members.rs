use chats::store::{MemberSettings, Overview, Return, Stay};
use protocol::MembershipRecord;

use crate::*;

on_both! {
    stays_follow_joining_and_leaving,
    the_history_keeps_every_stay,
    roles_change_for_those_who_are_there,
    many_come_and_go_at_once,
}

/// Commits one change at `seq`.
async fn commit(
    store: &Store,
    id: ConversationId,
    user: UserId,
    what: MemberChange,
    actor: UserId,
    seq: Seq,
) {
    let commit = Commit {
        entries: vec![NewEntry { kind: MessageKind::System, ..entry(id, actor, new_device(), seq) }],
        memberships: vec![change(id, user, what, actor, seq)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
}

async fn stays_follow_joining_and_leaving(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let (id, other) = (group(&store, &[alice, bob]).await, group(&store, &[bob]).await);
    let settings = MemberSettings::default();
    let stay = |from_seq, to_seq| Stay {
        conversation: id,
        from_seq,
        to_seq,
        to_time: to_seq.map(|seq: Seq| START + i64::try_from(seq).unwrap() * 1_000),
        settings,
    };
    assert_eq!(store.stays(bob, Some(id)).await.unwrap(), [stay(1, None)]);
    commit(&store, id, bob, MemberChange::Removed, alice, 1).await;
    commit(&store, id, bob, MemberChange::Added, alice, 2).await;
    commit(&store, id, bob, MemberChange::Left, bob, 3).await;
    commit(&store, id, bob, MemberChange::Added, alice, 4).await;
    let expected = [stay(1, Some(1)), stay(2, Some(3)), stay(4, None)];
    assert_eq!(store.stays(bob, Some(id)).await.unwrap(), expected);
    let mut all = store.stays(bob, None).await.unwrap();
    all.sort_by_key(|stay| (stay.conversation != id, stay.from_seq));
    assert_eq!(all[..3], expected);
    assert_eq!(all[3], Stay { conversation: other, from_seq: 1, to_seq: None, to_time: None, settings });
    let back = Return { user: bob, device: new_device(), after_mark: Some(0), limit: 9 };
    let stays = store.stays(bob, None).await.unwrap();
    assert_eq!(store.overview(back).await.unwrap(), Overview { stays, ..Overview::default() });
    assert_eq!(store.stays(new_user(), None).await, Ok(vec![]));
    assert_eq!(store.stays(alice, Some(other)).await, Ok(vec![]));
    let members: Vec<_> =
        head(&store, id).await.members.iter().map(|member| (member.user, member.from_seq)).collect();
    assert_eq!(members, [(alice, 1), (bob, 4)]);
}

async fn the_history_keeps_every_stay(store: Store) {
    let (alice, bob, carol) = (new_user(), new_user(), new_user());
    let id = group(&store, &[alice, bob]).await;
    commit(&store, id, bob, MemberChange::Removed, alice, 1).await;
    commit(&store, id, carol, MemberChange::Added, alice, 2).await;
    commit(&store, id, bob, MemberChange::Added, carol, 3).await;
    commit(&store, id, carol, MemberChange::Left, carol, 4).await;
    let joined = |user, added_by, from_seq: Seq, version| MembershipRecord {
        user,
        role: if user == alice { Role::Admin } else { Role::Member },
        added_by,
        added_at: if from_seq == 1 { START } else { START + i64::try_from(from_seq).unwrap() * 1_000 },
        from_seq,
        removed_by: None,
        removed_at: None,
        to_seq: None,
        version,
    };
    let left = |record, by, to_seq: Seq| MembershipRecord {
        removed_by: Some(by),
        removed_at: Some(START + i64::try_from(to_seq).unwrap() * 1_000),
        to_seq: Some(to_seq),
        version: to_seq,
        ..record
    };
    let expected = [
        joined(alice, alice, 1, 1),
        left(joined(bob, alice, 1, 1), alice, 1),
        left(joined(carol, alice, 2, 2), carol, 4),
        joined(bob, carol, 3, 3),
    ];
    assert_eq!(store.membership_history(id).await.unwrap(), expected);
    assert_eq!(store.membership_history(new_id(ConversationShape::Group)).await, Ok(vec![]));
}

async fn roles_change_for_those_who_are_there(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let id = group(&store, &[alice, bob]).await;
    let roles = async || -> Vec<_> {
        store.membership_history(id).await.unwrap().iter().map(|stay| (stay.from_seq, stay.role)).collect()
    };
    commit(&store, id, bob, MemberChange::Promoted, alice, 1).await;
    assert_eq!(head(&store, id).await.members[1].role, Role::Admin);
    commit(&store, id, bob, MemberChange::Removed, alice, 2).await;
    commit(&store, id, bob, MemberChange::Added, alice, 3).await;
    assert_eq!(
        roles().await,
        [(1, Role::Admin), (1, Role::Admin), (3, Role::Member)],
        "the last role they had"
    );
    commit(&store, id, bob, MemberChange::Promoted, alice, 4).await;
    commit(&store, id, bob, MemberChange::Demoted, alice, 5).await;
    assert_eq!(roles().await, [(1, Role::Admin), (1, Role::Admin), (3, Role::Member)]);
    assert_eq!(head(&store, id).await.members[1].role, Role::Member);
}

async fn many_come_and_go_at_once(store: Store) {
    let (alice, device) = (new_user(), new_device());
    let many: Vec<_> = (0..1_000).map(|_| new_user()).collect();
    let id = group(&store, &[alice]).await;
    let other = group(&store, &[alice]).await;
    let all = |what, seq| many.iter().map(move |user| change(id, *user, what, alice, seq));
    let mut memberships: Vec<_> = all(MemberChange::Added, 1).collect();
    memberships.push(change(other, many[0], MemberChange::Added, alice, 1));
    memberships.push(change(id, many[0], MemberChange::Promoted, alice, 2));
    memberships.extend(all(MemberChange::Removed, 3));
    memberships.extend(all(MemberChange::Added, 4).take(500));
    let mut new: Vec<_> = (1..=4).map(|seq| entry(id, alice, device, seq)).collect();
    new.push(entry(other, alice, device, 1));
    store.commit(Commit { memberships, ..entries(new) }).await.unwrap();
    assert_eq!(head(&store, id).await.members.len(), 501);
    assert_eq!(head(&store, other).await.members.len(), 2);
    let history = store.membership_history(id).await.unwrap();
    assert_eq!(history.len(), 1_501);
    let first = history.iter().find(|stay| stay.user == many[0]).unwrap();
    assert_eq!((first.role, first.from_seq, first.to_seq), (Role::Admin, 1, Some(3)));
    let stays = store.stays(many[0], Some(id)).await.unwrap();
    assert_eq!(
        stays.iter().map(|stay| (stay.from_seq, stay.to_seq)).collect::<Vec<_>>(),
        [(1, Some(3)), (4, None)]
    );
    assert_eq!(store.stays(many[999], Some(id)).await.unwrap().len(), 1);
}
