use super::*;

#[test]
fn numbers_follow_each_other_without_a_gap() {
    let plan = World::group().plan(&[says(ALICE, "a"), says(DAVE, "x"), says(BOB, "a"), says(CAROL, "b")]);
    assert_eq!(answers(&plan), [Ok(11), Err(NOT_THERE), Ok(12), Ok(13)]);
    assert_eq!(seqs(&plan), [11, 12, 13]);
    assert!(plan.commit.heads.is_empty(), "the log alone has moved");
    let told: Vec<_> = plan.appended.iter().map(|entry| (entry.message.seq, entry.origin)).collect();
    assert_eq!(told, [(11, Some(1)), (12, Some(2)), (13, Some(3))]);
    assert!(plan.appended.iter().all(|entry| entry.members.len() == 3));
}

#[test]
fn times_never_decrease() {
    let mut world = World::group();
    world.now = 100;
    let plan = world.plan(&[says(ALICE, "a")]);
    assert_eq!(plan.commit.entries[0].time, 500, "the clock went back");
    assert_eq!(plan.outcomes[0].as_ref().unwrap().time, 500);
    world.now = 600;
    assert_eq!(world.plan(&[says(ALICE, "a")]).commit.entries[0].time, 600);
}

#[test]
fn a_repeat_within_the_batch_is_the_same_message() {
    let mut elsewhere = message(ALICE, "a");
    elsewhere.device = device(77);
    let plan = World::group().plan(&[says(ALICE, "a"), says(ALICE, "a"), Operation::Append(elsewhere)]);
    assert_eq!(answers(&plan), [Ok(11), Ok(11), Ok(12)], "another device has ids of its own");
    assert_eq!(seqs(&plan), [11, 12]);
}

#[test]
fn a_repeat_is_found_in_memory_and_in_the_store() {
    let mut world = World::group();
    let plan = world.plan(&[says(ALICE, "a")]);
    world.conversation.state().remember(&plan.appended[0].message);
    world.conversation.state().now = plan.snapshots[&world.conversation.id].clone();
    world.now += 5;
    assert_eq!(world.one(says(ALICE, "a")), Ok(11));
    assert!(world.plan(&[says(ALICE, "a")]).commit.entries.is_empty());
    let key = (world.conversation.id, device(BOB), "old".parse().unwrap());
    world.sent.insert(key, Outcome { seq: 4, time: 44 });
    let plan = world.plan(&[says(BOB, "old"), says(BOB, "new")]);
    assert_eq!(answers(&plan), [Ok(4), Ok(12)]);
}

#[test]
fn a_repeat_is_answered_to_who_is_no_member_any_more() {
    let mut world = World::group();
    let key = (world.conversation.id, device(DAVE), "old".parse().unwrap());
    world.sent.insert(key, Outcome { seq: 4, time: 44 });
    assert_eq!(world.one(says(DAVE, "old")), Ok(4));
    assert_eq!(world.one(says(DAVE, "new")), Err(NOT_THERE));
}

#[test]
fn an_unknown_conversation_is_not_found() {
    let world = World::group();
    let World { sent, barred, admissions, addressees, targets, pins, policy, .. } = &world;
    let conversations = &HashMap::new();
    let known = Known { conversations, sent, barred, admissions, addressees, targets, pins, now: 1, policy };
    let operation = says(ALICE, "a");
    let plan = plan([(world.conversation.id, &operation)].into_iter(), &known);
    assert_eq!(answers(&plan), [Err(NOT_THERE)]);
}

#[test]
fn a_deleted_group_takes_nothing() {
    let world = World::group();
    let mut info = (*world.conversation.snapshot().info).clone();
    info.deleted = true;
    world.conversation.state().now.info = Arc::new(info);
    assert_eq!(world.one(says(ALICE, "a")), Err(NOT_THERE));
    assert_eq!(world.one(changes(ALICE, GroupChange::Leave(Heir::Nobody))), Err(NOT_THERE));
}

#[test]
fn plain_takes_readable_content_only() {
    let world = World::group();
    let refused = |message: NewMessage| {
        let answer = world.one(Operation::Append(message));
        assert!(matches!(answer, Err(ChatError::Invalid(_))), "{answer:?}");
    };
    for kind in [MessageKind::Proposal, MessageKind::Commit, MessageKind::System] {
        refused(NewMessage { kind, ..message(ALICE, "a") });
    }
    refused(NewMessage { epoch: Some(0), ..message(ALICE, "a") });
    refused(NewMessage { body: Body::Sealed(ByteString(vec![1])), ..message(ALICE, "a") });
    refused(NewMessage { devices: vec![welcome(BOB)], ..message(ALICE, "a") });
}

#[test]
fn mls_takes_sealed_bodies_with_an_epoch() {
    let world = World::mls();
    let refused = |message: NewMessage| {
        let answer = world.one(Operation::Append(message));
        assert!(matches!(answer, Err(ChatError::Invalid(_))), "{answer:?}");
    };
    refused(message(ALICE, "a"));
    refused(NewMessage { epoch: None, ..sealed(ALICE, "a", MessageKind::Content, 3) });
    // Else a member could forge what the server records.
    refused(sealed(ALICE, "a", MessageKind::System, 3));
    for kind in [MessageKind::Content, MessageKind::Proposal] {
        refused(NewMessage { devices: vec![welcome(BOB)], ..sealed(ALICE, "a", kind, 3) });
    }
}

#[test]
fn handshakes_name_the_current_epoch_and_content_a_current_or_older_one() {
    let world = World::mls();
    let answer = |kind, epoch| world.one(Operation::Append(sealed(ALICE, "a", kind, epoch)));
    let wrong = Err(ChatError::WrongEpoch { current: 3 });
    for (kind, epoch, expected) in [
        (MessageKind::Content, 0, Ok(11)),
        (MessageKind::Content, 3, Ok(11)),
        (MessageKind::Content, 4, wrong.clone()),
        (MessageKind::Proposal, 2, wrong.clone()),
        (MessageKind::Proposal, 3, Ok(11)),
        (MessageKind::Proposal, 4, wrong.clone()),
        (MessageKind::Commit, 2, wrong.clone()),
        (MessageKind::Commit, 3, Ok(11)),
        (MessageKind::Commit, 4, wrong.clone()),
        (MessageKind::Commit, u64::MAX, wrong),
    ] {
        assert_eq!(answer(kind, epoch), expected, "{kind:?} of epoch {epoch}");
    }
}

#[test]
fn one_commit_per_epoch() {
    let commit = |sender, id: &str, epoch| {
        let mut new = sealed(sender, id, MessageKind::Commit, epoch);
        new.devices = vec![welcome(ALICE), welcome(BOB)];
        Operation::Append(new)
    };
    let content = Operation::Append(sealed(BOB, "c", MessageKind::Content, 3));
    let batch =
        [commit(ALICE, "a", 3), commit(BOB, "b", 3), content, commit(ALICE, "a", 3), commit(BOB, "d", 4)];
    let plan = World::mls().plan(&batch);
    let wrong = Err(ChatError::WrongEpoch { current: 4 });
    assert_eq!(answers(&plan), [Ok(11), wrong, Ok(12), Ok(11), Ok(13)]);
    assert_eq!(plan.commit.heads.len(), 1);
    assert_eq!((plan.commit.heads[0].epoch, plan.commit.heads[0].membership_version), (5, 7));
    let epochs: Vec<_> = plan.commit.entries.iter().map(|entry| entry.epoch).collect();
    assert_eq!(epochs, [Some(3), Some(3), Some(4)]);
    // Messages to devices go with the commits that were taken, in order.
    let to: Vec<_> = plan.commit.device_messages.iter().map(|it| (it.user, it.sender, it.time)).collect();
    let (alice, bob) = (user(ALICE), user(BOB));
    assert_eq!(to, [(alice, alice, NOW), (bob, alice, NOW), (alice, bob, NOW), (bob, bob, NOW)]);
    let told: Vec<_> = plan.appended.iter().map(|entry| entry.device_messages.len()).collect();
    assert_eq!(told, [2, 0, 2]);
}

#[test]
fn where_one_has_blocked_the_other_nothing_is_taken() {
    let members = [(ALICE, Role::Member), (BOB, Role::Member)];
    let mut world = World::new(ConversationShape::Direct, ConversationKind::Plain, &members);
    world.barred.insert(world.conversation.id, [Some(user(ALICE)), None]);
    let by_them = ChatError::Forbidden("this user does not take messages from you");
    assert_eq!(world.one(says(BOB, "m1")), Err(by_them.clone()));
    let by_caller = ChatError::Forbidden("you have blocked this user: unblock them first");
    assert_eq!(world.one(says(ALICE, "m1")), Err(by_caller));
    assert_eq!(world.one(says(CAROL, "m1")), Err(NOT_THERE), "an outsider learns nothing");
    assert_eq!(world.one(changes(BOB, GroupChange::Delete)), Err(by_them), "nor is anything changed");
    // What was sent before the block is what it was.
    let key = (world.conversation.id, device(BOB), "m1".parse().unwrap());
    world.sent.insert(key, Outcome { seq: 7, time: 1 });
    assert_eq!(world.one(says(BOB, "m1")), Ok(7));
    world.barred.clear();
    assert_eq!(world.one(says(BOB, "m2")), Ok(11));
}

#[test]
fn welcomes_go_to_signed_in_devices_of_members() {
    let mut world = World::mls();
    let commit = |id: &str, devices| {
        Operation::Append(NewMessage { devices, ..sealed(ALICE, id, MessageKind::Commit, 3) })
    };
    let refused = |world: &World, devices, why: &str| match world.one(commit("a", devices)) {
        Err(ChatError::Invalid(said)) => assert!(said.contains(why), "{said}"),
        other => panic!("{other:?}"),
    };
    refused(&world, vec![welcome(BOB), welcome(CAROL)], "is no member of this conversation");
    let anothers = OutgoingDeviceMessage { device: device(CAROL), ..welcome(BOB) };
    refused(&world, vec![anothers.clone()], "is not signed in on such a device");
    refused(&world, vec![anothers], &device(CAROL).to_string());
    // Added a moment before, in the same batch, is a member.
    let added = [changes(ALICE, GroupChange::Add(vec![user(CAROL)])), commit("a", vec![welcome(CAROL)])];
    assert_eq!(answers(&world.plan(&added)), [Ok(11), Ok(12)]);
    let removed = [changes(ALICE, GroupChange::Remove(user(BOB))), commit("a", vec![welcome(BOB)])];
    assert!(matches!(answers(&world.plan(&removed))[..], [Ok(11), Err(ChatError::Invalid(_))]));
    world.addressees.remove(&(user(BOB), device(BOB)));
    refused(&world, vec![welcome(BOB)], &device(BOB).to_string());
}

#[test]
fn what_waits_for_a_device_is_bounded() {
    let mut world = World::mls();
    (world.policy.device_queue_messages, world.policy.device_queue_bytes) = (3, 100);
    let commit = |id: &str, epoch, devices| {
        Operation::Append(NewMessage { devices, ..sealed(ALICE, id, MessageKind::Commit, epoch) })
    };
    let many = |count| vec![welcome(BOB); count];
    assert_eq!(world.one(commit("a", 3, many(3))), Ok(11));
    assert!(matches!(world.one(commit("a", 3, many(4))), Err(ChatError::Invalid(_))));
    // What the batch brings before counts, and what is refused does not.
    let batch = [commit("a", 3, many(2)), commit("b", 4, many(2)), commit("c", 4, many(1))];
    let plan = world.plan(&batch);
    assert!(matches!(answers(&plan)[..], [Ok(11), Err(ChatError::Invalid(_)), Ok(12)]));
    assert_eq!(plan.commit.device_messages.len(), 3);
    let full = DeviceQueue { messages: 1, bytes: 100 };
    world.addressees.insert((user(BOB), device(BOB)), full);
    assert!(matches!(world.one(commit("a", 3, many(1))), Err(ChatError::Invalid(_))));
    assert_eq!(world.one(commit("a", 3, vec![welcome(ALICE)])), Ok(11), "another device has room");
}
