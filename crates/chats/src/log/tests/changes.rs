use protocol::MemberChange;

use super::*;

pub(super) fn users(numbers: &[u8]) -> Vec<UserId> {
    numbers.iter().map(|number| user(*number)).collect()
}

fn content(plan: &Plan, index: usize) -> Content {
    match &plan.appended[index].message.body {
        Body::Open(content) => content.clone(),
        Body::Sealed(_) => panic!("the server seals nothing"),
    }
}

#[test]
fn only_admins_change_a_group_and_members_may_leave() {
    let all = || {
        [
            GroupChange::Add(users(&[DAVE])),
            GroupChange::Remove(user(CAROL)),
            GroupChange::Promote(user(CAROL)),
            GroupChange::Demote(user(ALICE)),
            GroupChange::Info { name: Some("b".into()), description: None, picture: None },
            GroupChange::Delete,
        ]
    };
    let world = World::group();
    for what in all() {
        let answer = world.one(changes(BOB, what.clone()));
        assert!(matches!(answer, Err(ChatError::Forbidden(_))), "{what:?}: {answer:?}");
        assert_eq!(world.one(changes(DAVE, what)), Err(NOT_THERE));
    }
    assert_eq!(world.one(changes(BOB, GroupChange::Leave(Heir::Nobody))), Ok(11));
    assert_eq!(world.one(changes(DAVE, GroupChange::Leave(Heir::Nobody))), Err(NOT_THERE));
    for what in all() {
        let members = [(ALICE, Role::Admin), (BOB, Role::Member)];
        let direct = World::new(ConversationShape::Direct, ConversationKind::Plain, &members);
        assert!(matches!(direct.one(changes(ALICE, what)), Err(ChatError::Forbidden(_))));
    }
}

#[test]
fn adding_skips_members_and_repeats() {
    let world = World::group();
    let plan = world.plan(&[changes(ALICE, GroupChange::Add(users(&[DAVE, BOB, DAVE]))), says(DAVE, "a")]);
    assert_eq!(answers(&plan), [Ok(11), Ok(12)], "who is added may speak in the same batch");
    assert_eq!(content(&plan, 0), Content::Members { change: MemberChange::Added, users: users(&[DAVE]) });
    assert_eq!(plan.appended[0].joined, users(&[DAVE]));
    assert_eq!(plan.appended[0].members.len(), 4, "who joins hears of it");
    let change = &plan.commit.memberships[0];
    assert_eq!(
        (plan.commit.memberships.len(), change.user, change.seq, change.version),
        (1, user(DAVE), 11, 8)
    );
    let snapshot = &plan.snapshots[&world.conversation.id];
    assert_eq!(snapshot.members.get(user(DAVE)).unwrap().from_seq, 11);
    assert_eq!(plan.commit.heads[0].membership_version, 8);

    let plan = world.plan(&[changes(ALICE, GroupChange::Add(users(&[BOB])))]);
    assert_eq!(answers(&plan), [Ok(10)], "nothing changed: the last entry");
    assert_eq!(plan.commit, crate::store::Commit::default());
}

#[test]
fn a_group_is_full_at_its_bound() {
    let world = World::group();
    let full = Err(ChatError::GroupFull { limit: 4 });
    assert_eq!(world.one(changes(ALICE, GroupChange::Add(users(&[DAVE, 5])))), full);
    let add = |number| changes(ALICE, GroupChange::Add(users(&[number])));
    let plan = world.plan(&[add(DAVE), add(5), changes(ALICE, GroupChange::Remove(user(DAVE))), add(5)]);
    assert_eq!(answers(&plan), [Ok(11), full.clone(), Ok(12), Ok(13)]);
    let mut smaller = World::group();
    smaller.policy.group_members = 2;
    assert_eq!(smaller.one(add(BOB)), Ok(10), "who is in it already takes no place");
    assert_eq!(smaller.one(add(DAVE)), Err(ChatError::GroupFull { limit: 2 }));
}

#[test]
fn who_is_removed_sees_that_and_says_nothing_more() {
    let world = World::group();
    let plan =
        world.plan(&[changes(ALICE, GroupChange::Remove(user(BOB))), says(BOB, "a"), says(CAROL, "a")]);
    assert_eq!(answers(&plan), [Ok(11), Err(NOT_THERE), Ok(12)]);
    assert_eq!(plan.appended[0].departed, users(&[BOB]));
    assert!(plan.appended.iter().all(|entry| entry.members.get(user(BOB)).is_none()));
    assert!(plan.appended[1].departed.is_empty());
    let removed = MemberChange::Removed;
    assert_eq!((plan.commit.memberships[0].change, plan.commit.memberships[0].role), (removed, Role::Member));
    let nobody = Err(ChatError::NotFound("member of this group"));
    assert_eq!(world.one(changes(ALICE, GroupChange::Remove(user(DAVE)))), nobody);
    assert_eq!(world.one(changes(ALICE, GroupChange::Promote(user(DAVE)))), nobody);
    assert_eq!(world.one(changes(ALICE, GroupChange::Demote(user(DAVE)))), nobody);
    let oneself = world.one(changes(ALICE, GroupChange::Remove(user(ALICE))));
    assert!(matches!(oneself, Err(ChatError::Invalid(_))));
}

#[test]
fn removed_and_added_again_within_a_batch() {
    let world = World::group();
    let (out, back) = (GroupChange::Remove(user(BOB)), GroupChange::Add(users(&[BOB])));
    let plan = world.plan(&[changes(ALICE, out), says(ALICE, "a"), changes(ALICE, back), says(BOB, "b")]);
    assert_eq!(answers(&plan), [Ok(11), Ok(12), Ok(13), Ok(14)]);
    assert!(plan.appended[1].members.get(user(BOB)).is_none());
    assert_eq!(plan.snapshots[&world.conversation.id].members.get(user(BOB)).unwrap().from_seq, 13);
    let versions: Vec<_> = plan.commit.memberships.iter().map(|change| change.version).collect();
    assert_eq!(versions, [8, 9]);
}

#[test]
fn the_last_admin_stays_while_others_do() {
    let world = World::group();
    let (leave, demote) =
        (|who| changes(who, GroupChange::Leave(Heir::Nobody)), |who| GroupChange::Demote(user(who)));
    assert_eq!(world.one(leave(ALICE)), Err(ChatError::LastAdmin));
    assert_eq!(world.one(changes(ALICE, demote(ALICE))), Err(ChatError::LastAdmin));
    let promote = changes(ALICE, GroupChange::Promote(user(BOB)));
    let plan =
        world.plan(&[promote.clone(), leave(ALICE), leave(BOB), leave(CAROL), leave(BOB), says(BOB, "a")]);
    let last = Err(ChatError::LastAdmin);
    assert_eq!(answers(&plan), [Ok(11), Ok(12), last, Ok(13), Ok(14), Err(NOT_THERE)]);
    assert!(plan.snapshots[&world.conversation.id].members.is_empty());
    let roles: Vec<_> = plan.commit.memberships.iter().map(|it| (it.change, it.role)).collect();
    let (promoted, left) = (MemberChange::Promoted, MemberChange::Left);
    let (admin, ordinary) = (Role::Admin, Role::Member);
    assert_eq!(roles, [(promoted, admin), (left, admin), (left, ordinary), (left, admin)]);
    let plan =
        world.plan(&[promote.clone(), changes(BOB, demote(ALICE)), changes(ALICE, GroupChange::Delete)]);
    assert_eq!(answers(&plan)[..2], [Ok(11), Ok(12)]);
    assert!(matches!(answers(&plan)[2], Err(ChatError::Forbidden(_))), "not an admin any more");
    // Twice is once.
    let plan = world.plan(&[promote.clone(), promote, changes(ALICE, demote(CAROL))]);
    assert_eq!(answers(&plan), [Ok(11), Ok(11), Ok(11)]);
}

#[test]
fn name_and_description_change_alone() {
    let world = World::group();
    let info = |name: Option<&str>, description: Option<&str>, picture: Option<&str>| GroupChange::Info {
        name: name.map(str::to_owned),
        description: description.map(str::to_owned),
        picture: picture.map(str::to_owned),
    };
    let changed = [
        changes(ALICE, info(Some("b"), None, None)),
        changes(ALICE, info(None, Some("about"), None)),
        changes(ALICE, info(None, None, Some("p"))),
        changes(ALICE, info(None, None, None)),
    ];
    let away = world.plan(&[changed[2].clone(), changes(ALICE, info(None, None, Some("")))]);
    assert_eq!(away.commit.heads[0].info.picture, None, "an empty one takes it away");
    let plan = world.plan(&changed);
    assert_eq!(answers(&plan), [Ok(11), Ok(12), Ok(13), Ok(13)]);
    let head = &plan.commit.heads[0];
    assert_eq!((plan.commit.heads.len(), head.membership_version, head.epoch), (1, 7, 3));
    let info = &head.info;
    assert_eq!((&*info.name, &*info.description, info.picture.as_deref()), ("b", "about", Some("p")));
    assert_eq!((info.updated_by, info.updated_at, info.deleted), (Some(user(ALICE)), NOW, false));
    let expected =
        Content::Info { name: None, description: Some("about".into()), picture: None, retention: None };
    assert_eq!(content(&plan, 1), expected);
}

#[test]
fn a_deleted_group_loses_everyone_who_may_then_not_speak() {
    let world = World::group();
    let plan = world.plan(&[
        changes(ALICE, GroupChange::Delete),
        says(ALICE, "a"),
        changes(ALICE, GroupChange::Delete),
    ]);
    assert_eq!(answers(&plan), [Ok(11), Err(NOT_THERE), Err(NOT_THERE)]);
    assert_eq!(content(&plan, 0), Content::Deleted);
    assert_eq!(plan.appended[0].departed, users(&[ALICE, BOB, CAROL]));
    assert!(plan.appended[0].members.is_empty());
    assert!(plan.commit.heads[0].info.deleted);
    assert_eq!(plan.commit.memberships.len(), 3);
}

#[test]
fn a_successor_is_promoted_before_the_admin_leaves() {
    let world = World::group();
    let leave = |who, heir| changes(who, GroupChange::Leave(heir));
    let plan = world.plan(&[leave(ALICE, Heir::Named(user(CAROL))), leave(CAROL, Heir::Nobody)]);
    assert_eq!(answers(&plan), [Ok(12), Err(ChatError::LastAdmin)]);
    assert_eq!(
        content(&plan, 0),
        Content::Members { change: MemberChange::Promoted, users: users(&[CAROL]) }
    );
    assert_eq!(content(&plan, 1), Content::Members { change: MemberChange::Left, users: users(&[ALICE]) });
    assert_ne!(plan.commit.entries[0].id, plan.commit.entries[1].id);
    assert_eq!(plan.appended[1].departed, users(&[ALICE]));
    let now = &plan.snapshots[&world.conversation.id];
    assert_eq!(now.members.get(user(CAROL)).map(|it| it.role), Some(Role::Admin));
    assert_eq!((now.members.len(), now.membership_version, now.info.deleted), (2, 9, false));

    // Nobody is made an admin by one who is none, nor twice, nor from outside.
    let refused = world.one(leave(BOB, Heir::Named(user(CAROL))));
    assert!(matches!(refused, Err(ChatError::Forbidden(_))));
    assert!(matches!(world.one(leave(ALICE, Heir::Named(user(ALICE)))), Err(ChatError::Invalid(_))));
    let stranger = world.one(leave(ALICE, Heir::Named(user(DAVE))));
    assert_eq!(stranger, Err(ChatError::NotFound("member of this group")));
    let promote = changes(ALICE, GroupChange::Promote(user(BOB)));
    let plan = world.plan(&[promote, leave(ALICE, Heir::Named(user(BOB)))]);
    assert_eq!(answers(&plan), [Ok(11), Ok(12)], "an admin already");
}

#[test]
fn the_eldest_inherits_only_where_no_admin_is_left() {
    let leave = |who| changes(who, GroupChange::Leave(Heir::Eldest));
    let mut world = World::group();
    let plan = world.plan(&[leave(ALICE), leave(CAROL), leave(BOB)]);
    assert_eq!(answers(&plan), [Ok(12), Ok(13), Ok(14)]);
    assert_eq!(content(&plan, 0), Content::Members { change: MemberChange::Promoted, users: users(&[BOB]) });
    let now = &plan.snapshots[&world.conversation.id];
    assert!(now.members.is_empty() && now.info.deleted, "a group without members is closed");
    assert!(plan.commit.heads[0].info.deleted);

    let members = [(ALICE, Role::Admin), (BOB, Role::Member), (CAROL, Role::Admin)];
    world = World::new(ConversationShape::Group, ConversationKind::Plain, &members);
    assert_eq!(answers(&world.plan(&[leave(ALICE)])), [Ok(11)], "carol still is one");
}

#[test]
fn joins_are_counted_within_a_batch() {
    use crate::store::{Admission, Link, LinkUse};
    use protocol::LinkCode;
    let mut world = World::group();
    world.policy.group_members = 10;
    let code = LinkCode::from_bytes([1; 16]);
    let link = Link {
        code,
        conversation: world.conversation.id,
        created_by: user(ALICE),
        created_at: 1,
        created_seq: 10,
        expires_at: None,
        max_uses: Some(3),
        uses: 1,
    };
    for number in [BOB, DAVE, 5, 6] {
        world.admissions.insert((code, user(number)), Admission { link, removed_seq: None });
    }
    let join = |number| changes(number, GroupChange::Join(code));
    let plan = world.plan(&[join(DAVE), join(BOB), join(DAVE), join(5), join(6), says(DAVE, "a")]);
    let none = Err(crate::links::NO_LINK);
    assert_eq!(answers(&plan), [Ok(11), Ok(11), Ok(11), Ok(12), none, Ok(13)]);
    assert_eq!(plan.commit.link_uses, [LinkUse { code, before: 1, after: 3 }]);
    assert_eq!(plan.appended[0].joined, users(&[DAVE]));
    assert_eq!(plan.commit.memberships[0].actor, user(DAVE));
    // Removed in the same batch: what the store says of it is old.
    let plan = world.plan(&[changes(ALICE, GroupChange::Remove(user(BOB))), join(BOB)]);
    assert!(matches!(answers(&plan)[1], Err(ChatError::Forbidden(_))));
    let forbidden = Admission { link, removed_seq: Some(11) };
    world.admissions.insert((code, user(DAVE)), forbidden);
    assert!(matches!(world.one(join(DAVE)), Err(ChatError::Forbidden(_))));
    assert_eq!(world.one(join(7)), Err(crate::links::NO_LINK), "no such link");
    world.policy.group_members = 3;
    assert_eq!(world.one(join(5)), Err(ChatError::GroupFull { limit: 3 }));
}
