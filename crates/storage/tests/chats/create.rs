use crate::*;

on_both! {
    a_direct_conversation_is_created_once,
    a_group_is_found_by_its_creators_id,
    a_new_conversation_is_there_with_all_of_it,
    plain_and_mls_are_two_conversations,
    loading_skips_what_is_not_there,
}

fn direct(from: UserId, one: UserId, other: UserId, kind: ConversationKind) -> NewConversation {
    let (low, high) = (one.min(other), one.max(other));
    let users = if low == high { vec![low] } else { vec![low, high] };
    let mut new = new_group(&users);
    new.id = new_id(ConversationShape::Direct);
    new.key = CreationKey::Pair(low, high);
    new.kind = kind;
    new.info = info("", from);
    new
}

async fn a_direct_conversation_is_created_once(store: Store) {
    let (alice, bob, carol) = (new_user(), new_user(), new_user());
    let kind = ConversationKind::Plain;
    // Many at once, from both sides.
    let tasks: Vec<_> = (0..16)
        .map(|turn| {
            let store = Arc::clone(&store);
            let new =
                if turn % 2 == 0 { direct(alice, alice, bob, kind) } else { direct(bob, bob, alice, kind) };
            tokio::spawn(async move { store.create(new).await.unwrap() })
        })
        .collect();
    let mut found = Vec::new();
    for task in tasks {
        found.push(task.await.unwrap());
    }
    let id = found[0].0;
    assert!(found.iter().all(|(other, _)| *other == id), "{found:?}");
    assert_eq!(found.iter().filter(|(_, created)| *created).count(), 1);
    assert_eq!(store.create(direct(bob, bob, alice, kind)).await, Ok((id, false)));
    assert_eq!(head(&store, id).await.members.len(), 2);
    assert_eq!(store.stays(alice, None).await.unwrap().len(), 1);
    let (other, created) = store.create(direct(alice, alice, carol, kind)).await.unwrap();
    assert!(created && other != id);
    let (notes, created) = store.create(direct(alice, alice, alice, kind)).await.unwrap();
    assert!(created);
    assert_eq!(store.create(direct(alice, alice, alice, kind)).await, Ok((notes, false)));
    assert_eq!(head(&store, notes).await.members.len(), 1);
}

async fn plain_and_mls_are_two_conversations(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let (plain, _) = store.create(direct(alice, alice, bob, ConversationKind::Plain)).await.unwrap();
    let (mls, created) = store.create(direct(alice, alice, bob, ConversationKind::Mls)).await.unwrap();
    assert!(created && plain != mls);
    assert_eq!(head(&store, mls).await.kind, ConversationKind::Mls);
    assert_eq!(head(&store, plain).await.kind, ConversationKind::Plain);
}

async fn a_group_is_found_by_its_creators_id(store: Store) {
    let (alice, bob, carol) = (new_user(), new_user(), new_user());
    let named = |creator, id: &str| {
        let mut new = new_group(&[creator, carol]);
        new.key = CreationKey::Group(creator, message_id(id));
        new
    };
    let first = named(alice, "one");
    assert_eq!(store.create(first.clone()).await, Ok((first.id, true)));
    assert_eq!(store.create(first.clone()).await, Ok((first.id, false)));
    assert_eq!(store.create(named(alice, "one")).await, Ok((first.id, false)), "also with another id to be");
    let second = named(alice, "two");
    assert_eq!(store.create(second.clone()).await, Ok((second.id, true)));
    let other = named(bob, "one");
    assert_eq!(store.create(other.clone()).await, Ok((other.id, true)));
    assert_eq!(store.stays(carol, None).await.unwrap().len(), 3);
}

async fn a_new_conversation_is_there_with_all_of_it(store: Store) {
    let (alice, bob, device) = (new_user(), new_user(), new_device());
    let mut new = new_group(&[alice, bob]);
    new.info.description = "über \"alles\"; DROP TABLE\nmessage".to_owned();
    new.info.picture = Some("p".to_owned());
    new.kind = ConversationKind::Mls;
    new.entry = Some(NewEntry { kind: MessageKind::System, ..entry(new.id, alice, device, 1) });
    store.create(new.clone()).await.unwrap();
    let mut members = new.members.clone();
    members.sort_by_key(|member| member.user);
    let expected = Head {
        id: new.id,
        kind: new.kind,
        info: new.info.clone(),
        last_seq: 1,
        last_time: START + 1_000,
        epoch: 0,
        membership_version: 1,
        members,
    };
    assert_eq!(head(&store, new.id).await, expected);
    let all = chats::store::Range::between(new.id, 0, 9, 9);
    assert_eq!(store.read(all).await.unwrap(), [new.entry.unwrap()]);
}

async fn loading_skips_what_is_not_there(store: Store) {
    let alice = new_user();
    let (one, two) = (group(&store, &[alice]).await, group(&store, &[alice]).await);
    let nowhere = new_id(ConversationShape::Group);
    assert_eq!(store.load(vec![]).await, Ok(vec![]));
    assert_eq!(store.load(vec![nowhere]).await, Ok(vec![]));
    let mut found: Vec<_> =
        store.load(vec![one, nowhere, two]).await.unwrap().iter().map(|head| head.id).collect();
    found.sort();
    assert_eq!(found, [one.min(two), one.max(two)]);
    let empty = head(&store, one).await;
    assert_eq!((empty.last_seq, empty.last_time, empty.epoch, empty.membership_version), (0, 0, 0, 1));
}
